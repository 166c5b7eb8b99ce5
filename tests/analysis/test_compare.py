import json
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.compare import compare
from analysis.distance import l1_per_dialogue
from analysis.grid import compare_all
from analysis.matched import shuffled_l1
from analysis.samples import Arm, human_cents, human_sample
from analysis.tables import render

MakeArm = Callable[..., Arm]
DISTANCES = ("ks", "l1_bins", "wasserstein", "l1_per_dialogue")


def test_values_are_those_of_scipy_and_stand_inside_their_intervals(make_arm: MakeArm) -> None:
    human = human_cents()
    cents = np.random.default_rng(0).choice([0, 25, 50, 100, 200], size=200)
    result = compare(make_arm(cents.tolist()), human, seed=1)
    assert result.metric("ks").value == pytest.approx(stats.ks_2samp(cents, human.cents, method="asymp").statistic)
    assert result.metric("wasserstein").value == pytest.approx(stats.wasserstein_distance(cents, human.cents))
    assert result.metric("mean").value == pytest.approx(cents.mean())
    assert result.metric("median").value == np.median(cents)
    assert result.metric("share_zero").value == np.mean(cents == 0)
    assert result.metric("mean").human == pytest.approx(human.cents.mean())
    for name in ("share_zero", "mean", "ks", "wasserstein", "l1_bins"):
        metric = result.metric(name)
        assert metric.low is not None
        assert metric.high is not None
        assert metric.low < metric.value < metric.high
    for name in ("ks", "cramer_von_mises", "l1_bins", "wasserstein"):
        p = result.metric(name).p
        assert p is not None
        assert p < 0.01


def test_humans_compared_with_humans_are_not_significant_and_near_the_floor(make_arm: MakeArm) -> None:
    human = human_cents()
    result = compare(make_arm(np.random.default_rng(4).choice(human.cents, 200).tolist()), human, seed=0)
    ks = result.metric("ks")
    assert ks.floor_q95 is not None
    assert ks.value < ks.floor_q95
    assert ks.p is not None
    assert ks.p > 0.05
    assert ks.low == 0, "equality is not rejected"
    assert ks.floor_mean == pytest.approx(0.052, abs=0.004)


def test_same_seed_gives_the_same_comparison(make_arm: MakeArm) -> None:
    arm, human = make_arm([0, 50, 100, 0, 20], human_cents=[0, 0, 50, 10, 5]), human_cents()
    first = compare(arm, human, seed=3, n_resamples=200)
    assert compare(arm, human, seed=3, n_resamples=200) == first
    assert compare(arm, human, seed=4, n_resamples=200).metric("mean") != first.metric("mean")


def test_condition_without_donations_has_no_statistics_and_says_what_is_missing(make_arm: MakeArm) -> None:
    result = compare(make_arm([], missing={"EndpointError": 3, "not run": 1}), human_cents(), seed=0)
    assert (result.n, result.n_planned, result.n_missing) == (0, 4, 4)
    assert result.missing == {"EndpointError": 3, "not run": 1}
    assert result.ecdf is None
    assert result.bin_shares is None
    for metric in result.metrics:
        assert (metric.value, metric.low, metric.high, metric.p, metric.floor_mean, metric.floor_q95) == (None,) * 6
        assert (metric.difference, metric.difference_low, metric.difference_high) == (None,) * 3


def test_replicates_of_one_persona_have_values_but_neither_interval_nor_p(make_arm: MakeArm) -> None:
    result = compare(make_arm([0, 50, 100], personas=["a", "a", "a"], human_cents=[10, 10, 10]), human_cents(), seed=0)
    for name in DISTANCES:
        assert result.metric(name).value is not None
        assert result.metric(name).low is None
        assert result.metric(name).p is None
    assert result.n_personas == 1


def test_no_donation_of_zero_is_no_certainty(make_arm: MakeArm) -> None:
    share = compare(make_arm([50, 100, 200]), human_cents(), seed=0).metric("share_zero")
    assert (share.value, share.low) == (0.0, 0.0)
    assert share.high == pytest.approx(0.7075982)  # R: binom.test(0, 3)
    assert share.difference_low is not None
    assert share.difference_high is not None
    assert share.difference_low < -0.48 < share.difference_high
    assert share.difference_high > 0.2


def test_one_amount_alone_has_no_interval(make_arm: MakeArm) -> None:
    mean = compare(make_arm([50, 50, 50]), human_cents(), seed=0).metric("mean")
    assert (mean.low, mean.high, mean.difference_low, mean.difference_high) == (None,) * 4


def test_people_who_all_give_the_same_show_no_uncertainty_of_a_distance(make_arm: MakeArm) -> None:
    result = compare(make_arm([100] * 30), human_cents(), seed=0, margins={"ks": 0.9})
    for name in ("ks", "cramer_von_mises", "l1_bins", "wasserstein"):
        metric = result.metric(name)
        assert metric.value is not None
        assert (metric.low, metric.high) == (None, None), "the spread of the humans does not stand for theirs"
        assert metric.p is not None
    assert [e.shown for e in result.equivalences] == [None]


def test_a_rare_zero_has_the_exact_interval(make_arm: MakeArm) -> None:
    share = compare(make_arm([0] + [50, 100] * 50), human_cents(), seed=0).metric("share_zero")
    exact = stats.binomtest(1, 101).proportion_ci(method="exact")
    assert (share.low, share.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_unequal_numbers_of_conversations_are_worth_less(make_arm: MakeArm) -> None:
    cents = np.random.default_rng(2).choice([0, 50, 100], 120).tolist()
    even = compare(make_arm(cents, personas=[f"p{i % 30}" for i in range(120)]), human_cents(), seed=0)
    uneven = compare(make_arm(cents, personas=[f"p{max(0, i - 90)}" for i in range(120)]), human_cents(), seed=0)
    assert (even.n_personas, even.n_effective) == (30, 30)
    assert (uneven.n_personas, uneven.n_effective) == (30, 1)
    floors = [result.metric("ks").floor_mean for result in (even, uneven)]
    assert floors[0] is not None
    assert floors[1] is not None
    assert floors[0] < floors[1]


def test_dialogues_of_one_person_are_not_independent(make_arm: MakeArm) -> None:
    result = compare(make_arm([0, 50, 100], personas=["user_1-d1", "user_1-d2", "user_2-d1"]), human_cents(), seed=0)
    assert (result.n, result.n_personas) == (3, 2)


def test_stated_donations_have_no_l1_per_dialogue(make_arm: MakeArm) -> None:
    arm = replace(make_arm([0, 50], human_cents=[0, 0]), which="stated")
    result = compare(arm, human_cents(), seed=0)
    assert (result.n_matched, result.metric("l1_per_dialogue").value) == (0, None)


def test_difference_from_the_humans_has_the_textbook_interval(make_arm: MakeArm) -> None:
    human = human_sample(human_cents().cents, "drop", "982 different people")
    cents = np.random.default_rng(1).choice(human.cents, 300)
    mean = compare(make_arm(cents.tolist()), human, seed=0).metric("mean")
    welch = stats.ttest_ind(cents, human.cents, equal_var=False).confidence_interval()
    assert mean.difference == pytest.approx(cents.mean() - human.cents.mean())
    assert (mean.difference_low, mean.difference_high) == (pytest.approx(welch.low, abs=0.6), pytest.approx(welch.high, abs=0.6))


def test_two_parts_make_up_the_mean(make_arm: MakeArm) -> None:
    result = compare(make_arm([0, 0, 0, 50, 100]), human_cents(), seed=0)
    share, positive = result.metric("share_zero").value, result.metric("mean_positive").value
    assert (share, positive) == (0.6, 75.0)
    assert (1 - share) * positive == pytest.approx(result.metric("mean").value)
    assert compare(make_arm([0, 0]), human_cents(), seed=0).metric("mean_positive").value is None


def test_equivalence_needs_a_margin_and_enough_people(make_arm: MakeArm) -> None:
    human = human_cents()
    margins = {"mean": 15.0, "ks": 0.15, "share_zero": 0.15}

    def shown(n: int) -> dict[str, bool | None]:
        arm = make_arm(np.random.default_rng(5).choice(human.cents, n).tolist())
        return {e.metric: e.shown for e in compare(arm, human, seed=0, margins=margins).equivalences}

    assert shown(400) == dict.fromkeys(margins, True)
    assert shown(20) == dict.fromkeys(margins, False), "not significant, and yet not shown to be alike"
    assert compare(make_arm([0, 50]), human, seed=0).equivalences == ()
    far = compare(make_arm([200] * 300 + [150]), human, seed=0, margins={"ks": 0.15, "mean": 15.0})
    assert [e.shown for e in far.equivalences] == [False, False]
    assert [e.shown for e in compare(make_arm([]), human, seed=0, margins=margins).equivalences] == [None, None, None]


def test_without_matched_humans_there_is_no_l1_per_dialogue(make_arm: MakeArm) -> None:
    result = compare(make_arm([0, 50, 100]), human_cents(), seed=0)
    l1 = result.metric("l1_per_dialogue")
    assert result.n_matched == 0
    assert (l1.value, l1.floor_mean, l1.baseline_zero, l1.baseline_median, l1.baseline_shuffled) == (None,) * 5


def test_humans_in_random_order_are_no_baseline_of_whole_distributions(make_arm: MakeArm) -> None:
    result = compare(make_arm([0, 50, 100], human_cents=[0, 100, 0]), human_cents(), seed=0, n_resamples=50)
    assert [m.name for m in result.metrics if m.baseline_shuffled is not None] == ["l1_per_dialogue"]


@pytest.mark.parametrize(("cleaning", "n_matched", "l1"), [("drop", 2, 0.25), ("cap", 3, 0.5), ("all", 3, 1.5)])
def test_cleaning_rule_holds_for_matched_humans(make_arm: MakeArm, cleaning: str, n_matched: int, l1: float) -> None:
    arm = make_arm([0, 50, 100], human_cents=[0, 100, 500])
    result = compare(arm, human_cents(cleaning), seed=0)  # type: ignore[arg-type]
    assert result.n_matched == n_matched
    assert result.metric("l1_per_dialogue").value == pytest.approx(l1)


@pytest.mark.parametrize(("cleaning", "n", "mean"), [("drop", 2, 75), ("cap", 3, 350 / 3), ("all", 3, 650 / 3)])
def test_cleaning_rule_holds_for_simulated_amounts(make_arm: MakeArm, cleaning: str, n: int, mean: float) -> None:
    result = compare(make_arm([50, 500, 100]), human_cents(cleaning), seed=0)  # type: ignore[arg-type]
    assert (result.n, result.n_cleaned) == (n, 0 if cleaning == "all" else 1)
    assert result.metric("mean").value == pytest.approx(mean)


def test_baselines_of_l1_are_the_published_ones(make_arm: MakeArm) -> None:
    human = human_cents("all").cents
    matched = compare(make_arm([0] * len(human), human_cents=human.tolist()), human_cents("cap"), seed=0, n_resamples=50)
    l1 = matched.metric("l1_per_dialogue")
    assert l1.value == l1.baseline_zero == pytest.approx(0.409, abs=0.0005)
    assert l1.baseline_median == pytest.approx(0.406, abs=0.0005)
    assert l1.baseline_shuffled == pytest.approx(0.586, abs=0.002)


def test_shuffled_l1_is_the_mean_over_all_orders() -> None:
    human = np.array([0, 0, 50, 200])
    orders = [np.roll(human, i) for i in range(4)]  # every human meets every other one exactly once
    assert shuffled_l1(human) == pytest.approx(np.mean([l1_per_dialogue(order, human) for order in orders]))


def test_everybody_gives_nothing_scores_the_baseline_of_nothing(make_arm: MakeArm) -> None:
    result = compare(make_arm([0] * 40), human_cents(), seed=0)
    for name in ("ks", "l1_bins", "wasserstein"):
        assert result.metric(name).value == pytest.approx(result.metric(name).baseline_zero)


def test_comparison_is_plain_json(make_arm: MakeArm) -> None:
    for cents in ([], [0, 100], [10]):
        text = json.dumps(compare(make_arm(cents), human_cents(), seed=0, n_resamples=50).to_dict(), allow_nan=False)
        assert json.loads(text)["n"] == len(cents)


def test_two_arms_of_200_take_seconds(make_arm: MakeArm) -> None:
    cents = np.random.default_rng(0).choice([0, 25, 50, 100, 200], size=200).tolist()
    started = time.perf_counter()
    for label in ("direct", "vs_standard"):
        compare(make_arm(cents, label=label, human_cents=cents), human_cents(), seed=0)
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("people", [["p0"], ["p0", "p0"]])
def test_one_human_is_no_reference(make_arm: MakeArm, people: list[str]) -> None:
    human = human_sample([50 for _ in people], "drop", "one", people=people)
    grid = compare_all([make_arm([0, 25, 50, 200] * 10)] * 2, human, seed=1, margins={"mean": 10, "ks": 0.5}, n_resamples=100)
    for c in grid.comparisons:
        assert c.n_human_effective == 1
        assert c.metric("mean").human == 50
        assert all(m.p is m.floor_mean is m.floor_q95 is m.difference_low is None for m in c.metrics if m.name != "l1_per_dialogue")
        assert c.metric("ks").value is not None
        assert [(e.low, e.shown) for e in c.equivalences] == [(None, None)] * 2
    text = " ".join(render(grid).split())
    assert "WARNING: the humans are worth fewer than 2 people: there is no noise floor, no p and no interval" in text
    assert "farther from the humans than 95 %" not in text


def test_wrong_arguments_are_refused(make_arm: MakeArm) -> None:
    arm = make_arm([0])
    with pytest.raises(ValueError, match=r"the human sample \(own study\) has no donations, expected at least one"):
        compare(arm, human_sample([], "all", "own study"), seed=0)
    with pytest.raises(ValueError, match=r"seed is -1, expected 0 or more"):
        compare(arm, human_cents(), seed=-1)
    with pytest.raises(ValueError, match=r"n_resamples is 0, expected at least 1"):
        compare(arm, human_cents(), seed=0, n_resamples=0)
    with pytest.raises(ValueError, match=r"margin of 'kl': there is no such metric, expected one of share_zero, mean"):
        compare(arm, human_cents(), seed=0, margins={"kl": 1})
    with pytest.raises(ValueError, match=r"margin of 'ks' is 0, expected a number above 0"):
        compare(arm, human_cents(), seed=0, margins={"ks": 0})
    with pytest.raises(KeyError, match=r"no metric 'kl', expected one of share_zero, mean, mean_positive, median, ks"):
        compare(arm, human_cents(), seed=0, n_resamples=10).metric("kl")
