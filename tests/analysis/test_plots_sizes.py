import pytest

from analysis.plots_sizes import figure, pages
from analysis.size_gains import Gain
from analysis.uncertainty import Interval
from tests.analysis.measured import LONG, LONG_MODEL, apart


def _gains(conditions: list[str], sizes: dict[str, float], measures: tuple[str, ...] = ("diversity of words",)) -> list[Gain]:
    return [
        Gain(
            measure=measure,
            how="times" if measure.startswith("diversity") else "minus",
            condition=condition,
            base="direct",
            model=model,
            billions=billions,
            value=1.5,
            interval=Interval(1.2, 1.9),
        )
        for measure in measures
        for condition in conditions
        for model, billions in sizes.items()
    ]


def test_gains_stand_at_their_sizes_on_a_logarithmic_axis() -> None:
    (ax,) = figure(_gains(["vs"], {"a:large": 70.0, "a:small": 0.5})).axes
    assert ax.get_xscale() == "log"
    assert [list(line.get_xdata()) for line in ax.lines] == [[0, 1], [0.5, 70.0], [0.5], [0.5, 0.5], [70.0], [70.0, 70.0]]  # type: ignore[arg-type]
    assert list(ax.lines[0].get_ydata()) == [1.0, 1.0], "no difference is one times"  # type: ignore[arg-type]
    (other,) = figure(_gains(["vs"], {"a:b": 1.0, "a:c": 2.0}, ("KL",))).axes
    assert list(other.lines[0].get_ydata()) == [0.0, 0.0]  # type: ignore[arg-type]


def test_a_gain_without_an_interval_is_hollow_and_no_interval_is_claimed() -> None:
    found = [one.model_copy(update={"interval": None}) for one in _gains(["vs"], {"a:b": 1.0, "a:c": 2.0})]
    drawn = figure(found)
    marks = [line.get_markerfacecolor() for line in drawn.axes[0].lines if line.get_linestyle() == "None"]
    assert marks == ["white", "white"]
    assert "No intervals (hollow points)." in drawn.texts[0].get_text() and "95 %" not in drawn.texts[0].get_text()


@pytest.mark.slow
@pytest.mark.parametrize("n_conditions", [1, 12])
@pytest.mark.parametrize(
    "sizes",
    [
        {"a:small": 0.135, "a:large": 1760.0},
        {"a:b": 8.0, "a:c": 8.0, LONG_MODEL: 8.3, "a:d": 70.0, "a:e": 72.0, "a:f": 405.0},
    ],
)
def test_gains_stay_on_their_pages_and_apart(n_conditions: int, sizes: dict[str, float]) -> None:
    names = [LONG, *(f"vs_standard temperature=0.{i} k=5" for i in range(11))][:n_conditions]
    found = _gains(names, sizes, ("diversity of words", "KL from the reference, nats", f"quality, {LONG} {LONG}"))
    of_pages = pages(found)
    assert sorted(one.condition for page in of_pages for one in page) == sorted(one.condition for one in found)
    for page in of_pages:
        drawn = figure(page, "Of small models.")
        assert drawn.texts[-1].get_text().endswith("\nOf small models.")
        apart(drawn)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no gains to draw, expected at least 1"):
        figure([])
