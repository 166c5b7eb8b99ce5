"""The plane of quality and diversity: where the points stand, what they are called, and that pages can be held against each other."""

import itertools
from pathlib import Path

import pytest

from analysis.figure_files import save
from analysis.plots import STYLES
from analysis.plots_plane import MOST_POINTS, Page, Point, figure, measure_of, pages
from analysis.quality import Judged, Quality
from analysis.uncertainty import Interval
from tests.analysis.measured import LONG, LONG_MODEL, MODEL, apart, diverse

SWEPT = [f"vs_standard wording=explicit temperature=0.{i} tau=0.{j}" for i in range(5) for j in range(5)]
SPAN = {"across": (-0.03, 1.1), "up": (-0.03, 1.1)}


def rated(*qualities: tuple[str, str, float]) -> Judged:
    given = tuple(
        Quality.model_construct(condition=c, model=m, mean=mean, interval=Interval(mean - 0.1, mean + 0.1)) for c, m, mean in qualities
    )
    return Judged.model_construct(judge="openai:judge", rubric="fun", qualities=given)


def point(name: str, x: float, y: float, i: int) -> Point:
    return Point(i + 1, name, x, Interval(x - 0.02, x + 0.02), y, Interval(y - 0.01, y + 0.01), STYLES[i % len(STYLES)])


def test_a_point_for_each_condition_whose_diversity_and_quality_are_known() -> None:
    found = rated(("direct", MODEL, 0.6), ("vs", MODEL, 0.7))
    assert measure_of([]) is None and pages([], found) == []
    (page,) = pages([diverse("direct"), diverse("vs", mean=None)], found)
    assert [(one.number, one.name, one.diversity, one.quality) for one in page.points] == [(1, "direct", 0.4, 0.6)]
    both = [diverse("direct"), diverse("direct", measure="meaning", mean=0.2), diverse("vs", measure="meaning", mean=0.3)]
    assert measure_of(both) == "meaning"
    assert [one.diversity for one in pages(both, found)[0].points] == [0.2, 0.3]


@pytest.mark.slow
def test_the_conditions_of_a_model_stand_on_one_page_and_look_alike_on_all_pages_with_the_same_axes() -> None:
    models = [MODEL, LONG_MODEL]
    diversities = [diverse(c, m, mean=0.01 * i) for m in models for i, c in enumerate(SWEPT) if (c, m) != (SWEPT[0], LONG_MODEL)]
    first, second = pages(diversities, rated(*((c, m, 0.5) for m in models for c in SWEPT)))
    assert [(first.model, len(first.points)), (second.model, len(second.points))] == [(MODEL, 25), (LONG_MODEL, 24)]
    assert (first.across, first.up) == (second.across, second.up)
    look = {one.name: (one.number, one.style) for one in first.points}
    assert all(look[one.name] == (one.number, one.style) for one in second.points)
    drawn = figure(second, "words", rated())
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == [f"{i}  {name}" for i, name in enumerate(SWEPT[1:], 2)], "whole"
    assert [text.get_text() for text in drawn.axes[0].texts] == [str(i) for i in range(2, 26)]
    assert drawn.axes[0].get_xlim() == pytest.approx(first.across)
    many = [f"c{i}" for i in range(MOST_POINTS + 1)]
    assert [len(one.points) for one in pages([diverse(c) for c in many], rated(*((c, MODEL, 0.5) for c in many)))] == [MOST_POINTS, 1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "points",
    [
        [point("the same", 0.3, 0.5, i) for i in range(8)],
        [point(f"condition_{i} with a $long name", 0.3 + 0.003 * i, 0.5, i) for i in range(25)],
        [point("a corner", 0.0, 0.0, 0), point("another corner", 1.0, 1.0, 1)],
        [point(f"{LONG} {LONG} {LONG}", 0.3, 0.5, 0)._replace(quality_interval=None, diversity_interval=None)],
    ],
    ids=["all in one place", "side by side", "corners", "alone"],
)
def test_numbers_hide_neither_each_other_nor_a_point(points: list[Point], tmp_path: Path) -> None:
    shown = figure(Page(LONG_MODEL, points, **SPAN), "meaning", rated(), "Of small models.")
    apart(shown)
    (ax,) = shown.axes
    numbers = [text.get_window_extent() for text in ax.texts]
    assert len(numbers) == len(points)
    assert not any(a.overlaps(b) for a, b in itertools.combinations(numbers, 2))
    frame = ax.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1 for box in numbers)
    for one in points:
        assert not any(box.contains(*ax.transData.transform((one.diversity, one.quality))) for box in numbers)
    hollow = [line for line in ax.lines if line.get_marker() != "None" and line.get_markerfacecolor() == "white"]
    assert len(hollow) == (points[0].quality_interval is None)
    assert ("hollow" in shown.texts[-1].get_text()) == bool(hollow) and "Of small models." in shown.texts[-1].get_text()
    assert ax.get_xlabel() == "diversity of meaning" and ax.get_ylabel() == "quality"
    (path,) = save(shown, tmp_path / "plane", (".png",), dpi=60)
    assert path.stat().st_size > 2000


def test_nothing_is_no_plane() -> None:
    with pytest.raises(ValueError, match="no conditions to draw, expected at least 1 whose diversity and quality are known"):
        figure(Page(MODEL, [], **SPAN), "words", rated())
