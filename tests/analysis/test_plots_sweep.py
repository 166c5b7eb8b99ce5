import pytest

from analysis.plots_sweep import figure, pages
from analysis.sweep_effects import Panel, sweep
from tests.analysis.measured import LONG, LONG_MODEL, apart, level
from vs_sim.condition import Condition

METHODS = ["direct", "sequence", "vs_standard", "vs_cot", "vs_multi"]


def _panels(temperatures: list[float], models: list[str], taus: list[float], measure: str = "diversity of words") -> list[Panel]:
    conditions = []
    for method in METHODS:
        for t in temperatures:
            for tau in taus if method.startswith("vs") and taus else [None]:
                keys = {"k": None if method == "direct" else 5, "tau": tau}
                conditions.append(Condition.model_validate({"name": f"{method} {t} {tau}", "method": method, "temperature": t, **keys}))
    levels = [level(one.name, 0.3 + i / 100, model=model, measure=measure) for model in models for i, one in enumerate(conditions)]
    return sweep(levels, conditions, temperature=0.7, top_p=1.0)


def test_points_stand_at_their_settings_with_their_intervals() -> None:
    (panel,) = _panels([0.5, 1.0], ["a:b"], [])
    (ax,) = figure([panel], METHODS).axes
    lines = [(list(line.get_xdata()), list(line.get_ydata())) for line in ax.lines]  # type: ignore[arg-type]
    vs = panel.lines[2]
    middle = [point.level.value for point in vs.points]
    assert ([0.5, 1.0], middle) in lines, "the line in the middle is not moved aside"
    for x, point in zip((0.5, 1.0), vs.points, strict=True):
        assert ([x, x], list(point.level.interval or ())) in lines


def test_a_point_without_an_interval_is_hollow_and_the_note_says_so() -> None:
    (panel,) = _panels([0.5, 1.0], ["a:b"], [])
    line, *others = panel.lines
    bare = line.model_copy(
        update={"points": tuple(p.model_copy(update={"level": p.level.model_copy(update={"interval": None})}) for p in line.points)}
    )
    for lines, n, note in (
        ((bare, *others), 2, "95 % intervals over the askings (hollow points have none), n"),
        ((bare,), 2, "No intervals (hollow points), n"),
    ):
        drawn = figure([panel.model_copy(update={"lines": lines})], METHODS)
        marks = [one.get_markerfacecolor() for one in drawn.axes[0].lines if one.get_linestyle() == "None"]
        assert marks.count("white") == n
        assert any(text.get_text().startswith(note) for text in drawn.texts)


def test_a_method_without_the_axis_is_a_level_line_and_the_note_says_so() -> None:
    panels = [panel for panel in _panels([0.5], ["a:b"], [0.1, 0.5]) if panel.axis == "tau"]
    drawn = figure(panels, METHODS)
    assert any(list(line.get_ydata()) == [0.3, 0.3] for line in drawn.axes[0].lines)  # type: ignore[arg-type]
    assert any("Level lines: methods without such a setting." in text.get_text() for text in drawn.texts)


def test_a_page_holds_one_measure_along_one_axis() -> None:
    panels = _panels([0.5, 1.0], ["a:b", "a:c"], [0.1, 0.5]) + _panels([0.5, 1.0], ["a:b"], [], "KL")
    found = pages(panels)
    assert [{(one.axis, one.measure) for one in page} for page in found] == [
        {("temperature", "diversity of words")},
        {("tau", "diversity of words")},
        {("temperature", "KL")},
    ]
    assert [one.model for one in found[0]] == ["a:b", "a:b", "a:c", "a:c"]


@pytest.mark.parametrize(
    ("temperatures", "models", "taus"),
    [([0.4, 1.0], ["a:b"], []), ([0.1, 0.2, 0.4, 0.7, 1.0, 1.3], ["a:b"], []), ([0.4, 0.7, 1.0], ["a:b", LONG_MODEL], [0.05, 0.1])],
)
def test_sweeps_stay_on_their_pages_and_apart(temperatures: list[float], models: list[str], taus: list[float]) -> None:
    for page in pages(_panels(temperatures, models, taus, f"quality, {LONG}")):
        drawn = figure(page, METHODS, "Of small models.")
        assert drawn.texts[-1].get_text().endswith("\nOf small models.")
        assert drawn.get_figheight() < 9
        apart(drawn)


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no panels to draw, expected at least 1"):
        figure([], [])
