from collections.abc import Sequence

import pytest
from matplotlib.figure import Figure

from analysis.measure import Measured, Quantity, measure
from analysis.plots_language import draw_measured, figure

HUMAN = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def _of(name: str, label: str, values: Sequence[float | None], human: Sequence[float | None] = HUMAN) -> Measured:
    quantity = Quantity(name, name.capitalize(), "share")
    return measure(quantity, label, "m", values, [str(i) for i in range(len(values))], human, list("abcdef"), seed=1, n_resamples=100)


def test_point_interval_human_value_and_band_are_where_the_numbers_are() -> None:
    m = _of("variety", "direct", [0.7, 0.8, 0.9])
    ax = Figure().subplots()
    draw_measured(ax, [m, _of("variety", "vs", [None])])
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((m.human_low, m.human_high))  # type: ignore[attr-defined]
    lines = [[float(x) for x in line.get_xdata()] for line in ax.lines]  # type: ignore[union-attr]
    assert lines[:3] == [[m.human, m.human], [m.low, m.high], [m.value]]
    assert len(lines) == 4  # of the second condition only the humans
    assert ax.get_ylim() == (1.5, -0.5)


def test_a_panel_for_each_quantity_that_some_condition_has() -> None:
    drawn = figure([_of(name, label, [None] if name == "none" else [0.2, 0.4]) for label in "ab" for name in ("one", "two", "none")])
    assert [ax.get_title(loc="left") for ax in drawn.axes] == ["One", "Two"]
    assert [label.get_text() for label in drawn.axes[0].get_yticklabels()] == ["a", "b"]


def test_nothing_is_cut_off_or_overlaps() -> None:
    long = "vs_human_probability (provider:a-model-with-a-long-name-2026-01-01), run"
    measured = [_of(f"quantity {i}", label, [0.2, 0.4, 0.9]) for label in ("direct", long) for i in range(6)]
    drawn = figure(measured, note="Small model: no evidence. " * 8)
    drawn.canvas.draw()
    page = drawn.bbox
    boxes = [ax.get_tightbbox() for ax in drawn.axes]
    for box in [*boxes, drawn.legends[0].get_window_extent(), *(text.get_window_extent() for text in drawn.texts)]:
        assert box is not None and box.x0 >= page.x0 and box.y0 >= page.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
    for i, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[:i] if other is not None)  # type: ignore[union-attr]


def test_too_many_conditions_or_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="9 conditions to draw, expected 1 to 8"):
        figure([_of("one", str(i), [0.5]) for i in range(9)])
    with pytest.raises(ValueError, match="none of the numbers could be computed"):
        figure([_of("one", "a", [None])])
