"""Figures of rows, and those of coverage and diversity that are made of them."""

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis import plots_coverage, plots_diversity
from analysis.plots_rows import MOST_ROWS, PAGE_INCHES, broken, figure, tick
from tests.analysis.measured import LONG, LONG_MODEL, MODEL, apart, covered, diverse

CONDITIONS = ["direct", LONG, *(f"vs_standard temperature=0.{i} tau=0.1" for i in range(10))]


def _points(ax: Axes) -> list[list[float]]:
    return [[float(x) for x in line.get_xdata()] for line in ax.lines]  # type: ignore[union-attr]


def _legend(drawn: Figure) -> list[str]:
    return [text.get_text() for text in drawn.legends[0].get_texts()]


def test_every_number_of_coverage_is_where_it_belongs() -> None:
    (page,) = plots_coverage.pages([covered()], {"die"})
    drawn = plots_coverage.figure(page)
    kl, found, right = drawn.axes
    (floor,) = kl.patches
    assert floor.get_extents().width > 0 and floor.get_width() == 0.07  # type: ignore[attr-defined]
    assert _points(kl) == [[0.02, 0.02], [0.05, 0.3], [0.131]]
    assert _points(found) == [[0.95, 0.95], [0.6, 1.0], [1.0]]
    assert _points(right) == [[0.6, 0.95], [0.8]]
    assert "2 of 2" in [text.get_text() for text in drawn.texts]
    assert _legend(drawn) == ["as many independent draws, mean", "95 % of them", "95 % interval"]


def test_without_a_reference_there_is_no_panel_of_divergence() -> None:
    found = [covered(kl=None, kl_interval=None, kl_floor=None), covered("vs", kl=None, kl_interval=None, kl_floor=None)]
    (page,) = plots_coverage.pages(found, set())
    drawn = plots_coverage.figure(page)
    assert len(drawn.axes) == 2
    assert "95 % of them" not in _legend(drawn)
    assert "As many independent draws: from equal shares of the right answers." in drawn.texts[-1].get_text()


def test_a_prompt_without_a_reference_beside_one_that_has_it_has_no_axis_of_divergence_and_says_why() -> None:
    found = [covered(), covered(prompt="open", kl=None, kl_interval=None, kl_floor=None), covered(prompt="hard", kl=None, kl_interval=None)]
    (page,) = plots_coverage.pages(found, {"die", "hard"})
    drawn = plots_coverage.figure(page, "Of small models.")
    assert len(drawn.axes) == 3 + 2 + 3
    assert [text.get_text() for text in drawn.texts].count("no reference") == 1
    assert drawn.texts[-1].get_text().endswith("\nOf small models.")
    apart(drawn)


def test_models_of_a_prompt_share_the_axis_of_divergence_and_prompts_do_not() -> None:
    found = [covered(model="a:b"), covered(model="a:c", kl=2.0, kl_interval=None), covered(prompt="other")]
    (page,) = plots_coverage.pages(found, {"die", "other"})
    ends = [ax.get_xlim()[1] for ax in plots_coverage.figure(page).axes[::3]]
    assert ends[0] == ends[1] == pytest.approx(2.12)
    assert ends[2] == pytest.approx(0.3 * 1.06)


@pytest.mark.slow
@pytest.mark.parametrize(("n_conditions", "n_prompts"), [(1, 1), (12, 1), (3, 5)])
def test_coverage_stays_on_its_pages_and_apart(n_conditions: int, n_prompts: int) -> None:
    models = [MODEL, LONG_MODEL]
    found = [covered(c, f"prompt-{i}", m) for i in range(n_prompts) for m in models for c in CONDITIONS[:n_conditions]]
    pages = plots_coverage.pages(found, {one.prompt for one in found})
    assert [row.name for page in pages for block in page for row in block.rows] == [one.condition for one in found]
    for page in pages:
        drawn = plots_coverage.figure(page)
        assert drawn.get_figheight() <= PAGE_INCHES + 1
        apart(drawn)


def test_a_long_block_is_divided() -> None:
    pages = plots_coverage.pages([covered(f"condition {i}") for i in range(MOST_ROWS + 5)], {"die"})
    assert [[len(block.rows) for block in page] for page in pages] in ([[MOST_ROWS], [5]], [[MOST_ROWS, 5]])


def test_diversity_has_a_panel_for_each_measure_and_says_the_ratio() -> None:
    found = [diverse(c, m, measure, 0.4) for measure in ("meaning", "words") for m in (MODEL, "a:b") for c in ("direct", "vs")]
    (page,) = plots_diversity.pages(found)
    drawn = plots_diversity.figure(page, ["meaning", "words"])
    assert len(drawn.axes) == 4
    assert _points(drawn.axes[0]) == [pytest.approx([0.3, 0.5]), [0.4]] * 2
    assert [text.get_text() for text in drawn.texts].count("1.50 [1.20, 1.90]") == 4
    apart(drawn)


def test_diversity_that_cannot_be_told_has_no_point_and_one_without_interval_is_hollow() -> None:
    (page,) = plots_diversity.pages([diverse("direct", mean=None), diverse("vs", interval=None)])
    drawn = plots_diversity.figure(page, ["words"])
    (point,) = drawn.axes[0].lines
    assert point.get_markerfacecolor() == "white"
    assert _legend(drawn) == ["no interval"]


def test_diversity_stays_on_its_pages_and_apart() -> None:
    models = [MODEL, LONG_MODEL]
    found = [diverse(c, m, measure) for measure in ("meaning", "words") for m in models for c in CONDITIONS[:9]]
    for page in plots_diversity.pages(found):
        apart(plots_diversity.figure(page, ["meaning", "words"]))


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(ValueError, match="no conditions to draw, expected at least 1"):
        figure([], ["KL"], [])


def test_small_numbers_and_long_names_are_written_out() -> None:
    assert [tick(value) for value in (0, 0.025, 0.3, -0.25, 1, 1.15)] == ["0", ".025", ".3", "-.25", "1", "1.15"]
    assert "".join(broken(LONG)).replace(" ", "") == LONG.replace(" ", "")
    assert max(map(len, broken("x" * 64))) <= 26
