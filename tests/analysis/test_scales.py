"""Scales that do not begin at 0, or are short: the lowest amount stands where a donation has nothing."""

import pytest

from analysis import paper_tables
from analysis.compare import compare
from analysis.comparison import Comparison
from analysis.grid import Grid, compare_all
from analysis.plots import figure
from analysis.plots_forest import forest
from analysis.samples import HumanSample, human_sample, no_humans
from analysis.tables import render
from tests.analysis.arms import arm
from vs_sim.scenario import Scale

POINTS = Scale(name="rating", one="number of points", many="numbers of points", unit="points", low=10, high=50, edges=(10, 11, 30, 50))
SEVEN = Scale(name="rating", one="rating", many="ratings", unit="points", low=1, high=7, edges=(1, 2, 4, 6))
CENTS = Scale(name="gift", one="amount in cents", many="amounts in cents", unit="cents", low=10, high=50, edges=(10, 30))


def grid_of(scale: Scale, human: HumanSample) -> Grid:
    low, high = scale.low, scale.high
    arms = [arm([low] * 2 + [high] * 2, "direct"), arm([low, low, low, low + 1], "vs")]
    return compare_all(arms, human, seed=1, n_resamples=50)


def people(scale: Scale) -> HumanSample:
    return human_sample([scale.low, scale.low + 1, scale.high, scale.high], "drop", "made-up people", scale=scale)


def titles(compared: tuple[Comparison, ...]) -> list[str]:
    return [ax.get_title(loc="left") for ax in forest(compared).axes]


@pytest.mark.parametrize("scale", [POINTS, SEVEN, CENTS], ids=["points", "seven", "cents"])
@pytest.mark.parametrize("with_people", [True, False])
def test_the_lowest_amount_is_named_and_counted(scale: Scale, with_people: bool) -> None:
    grid = grid_of(scale, people(scale) if with_people else no_humans(scale))
    direct, vs = grid.comparisons
    assert [c.metric("share_zero").value for c in (direct, vs)] == [0.5, 0.75]
    assert [c.metric("mean_positive").value for c in (direct, vs)] == [scale.high, scale.low + 1]
    assert grid.pairs[0].difference("share_zero").value == 0.25
    assert grid.pairs[0].difference("mean_positive").value == scale.low + 1 - scale.high
    lowest = {"points": str(scale.low), "cents": "$0.10"}[scale.unit]
    text = render(grid)
    assert f"share of {lowest}" in text and (with_people or f"mean above {lowest}" in text)
    assert "share of 0" not in text and "> 0" not in text
    assert max(map(len, text.splitlines())) <= 100
    assert f"share of {lowest}" in titles(grid.comparisons)
    assert (f"mean above {lowest}" in titles(grid.comparisons)) is not with_people
    assert paper_tables.summaries(scale)["mean_positive"] == f"mean above {lowest}"
    assert figure(grid.comparisons).axes


@pytest.mark.parametrize("scale", [POINTS, SEVEN, CENTS], ids=["points", "seven", "cents"])
def test_the_baseline_is_that_all_give_the_lowest_amount(scale: Scale) -> None:
    grid = grid_of(scale, people(scale))
    all_low = compare(arm([scale.low] * 4, "low"), people(scale), seed=1, n_resamples=5)
    for name in ("ks", "l1_bins", "wasserstein", "cramer_von_mises"):
        assert grid.comparisons[0].metric(name).baseline_zero is not None
    assert grid.comparisons[0].metric("wasserstein").baseline_zero == all_low.metric("wasserstein").value
    lowest = {"points": str(scale.low), "cents": "$0.10"}[scale.unit]
    assert f"all give {lowest}" in render(grid)
