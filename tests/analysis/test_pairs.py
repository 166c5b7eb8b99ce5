from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from analysis.distance import ks, wasserstein
from analysis.pairs import compare_pairs
from analysis.samples import Arm, human_cents, human_sample

MakeArm = Callable[..., Arm]


def test_pairs_are_found_by_persona_and_seed_and_differences_are_second_minus_first(make_arm: MakeArm) -> None:
    first = make_arm([0, 50, 100, 200], label="direct", personas=list("abcd"), seeds=[1, 2, 3, 4], human_cents=[0, 0, 50, 50])
    second = make_arm([20, 0, 0], label="vs", personas=list("dab"), seeds=[4, 1, 9], human_cents=[50, 0, 0])
    found = compare_pairs(first, second, human_cents(), seed=0, n_resamples=200)
    assert (found.first, found.second, found.n_pairs, found.n_personas, found.n_unpaired) == ("direct", "vs", 2, 2, 3)
    human = human_cents().cents
    assert found.difference("mean").value == pytest.approx(10 - 100)
    assert found.difference("share_zero").value == 0.0
    assert found.difference("ks").value == pytest.approx(ks([0, 20], human) - ks([0, 200], human))
    assert found.difference("wasserstein").value == pytest.approx(wasserstein([0, 20], human) - wasserstein([0, 200], human))
    assert found.difference("l1_per_dialogue").value == pytest.approx((0.30 + 0) / 2 - (1.50 + 0) / 2)


def test_interval_and_p_of_the_mean_agree_with_the_paired_t_test(make_arm: MakeArm) -> None:
    rng = np.random.default_rng(3)
    a = rng.integers(0, 150, 80)
    b = np.clip(a + rng.integers(-20, 35, 80), 0, 200)
    mean = compare_pairs(make_arm(a.tolist()), make_arm(b.tolist(), label="vs"), human_cents(), seed=0).difference("mean")
    textbook = stats.ttest_rel(b, a)
    interval = textbook.confidence_interval()
    assert mean.p == pytest.approx(textbook.pvalue, abs=0.01)
    assert (mean.low, mean.high) == (pytest.approx(interval.low, abs=0.5), pytest.approx(interval.high, abs=0.5))


@pytest.mark.long
def test_true_nulls_are_rejected_at_their_level_with_replicates(make_arm: MakeArm) -> None:
    human = human_cents()
    rng = np.random.default_rng(4)
    personas = [f"p{i // 3}" for i in range(60)]
    ps: dict[str, list[float]] = {"mean": [], "share_zero": []}
    for _ in range(120):
        persona = rng.choice([0.2, 0.8], 20).repeat(3)  # of a persona alike, under both conditions
        a, b = (np.where(rng.random(60) < persona, 0, rng.choice([25, 50, 100], 60)) for _ in range(2))
        arms = [make_arm(x.tolist(), label=n, personas=personas) for x, n in ((a, "direct"), (b, "vs"))]
        found = compare_pairs(*arms, human, seed=int(rng.integers(1000)), n_resamples=99)
        for name, values in ps.items():
            p = found.difference(name).p
            assert p is not None
            values.append(p)
    for values in ps.values():
        assert 0.005 < np.mean(np.array(values) <= 0.05) < 0.11


def test_nearer_to_the_humans_is_seen(make_arm: MakeArm) -> None:
    human = human_cents()
    rng = np.random.default_rng(6)
    far, near = rng.choice([100, 150], 100), rng.choice(human.cents, 100)
    found = compare_pairs(make_arm(far.tolist()), make_arm(near.tolist(), label="vs"), human, seed=0, n_resamples=400).difference("ks")
    assert found.high is not None
    assert found.high < 0
    assert found.p is None, "conditions that are equally far from the humans need not be alike"


def test_one_amount_alone_has_no_interval_of_a_distance(make_arm: MakeArm) -> None:
    same, other = make_arm([100] * 20), make_arm([0, 50] * 10, label="vs")
    found = compare_pairs(same, other, human_cents(), seed=0, n_resamples=100)
    assert (found.difference("ks").low, found.difference("ks").high) == (None, None)
    assert found.difference("mean").low is not None


def test_stated_donations_are_not_held_against_actual_ones_of_matched_humans(make_arm: MakeArm) -> None:
    arms = [replace(make_arm([0, 50], label=name, human_cents=[0, 0]), which="stated") for name in ("direct", "vs")]
    with pytest.raises(KeyError):
        compare_pairs(*arms, human_cents(), seed=0, n_resamples=10).difference("l1_per_dialogue")


def test_without_pairs_there_is_no_difference(make_arm: MakeArm) -> None:
    found = compare_pairs(make_arm([0, 1]), make_arm([5], seeds=[99]), human_cents(), seed=0, n_resamples=10)
    assert (found.n_pairs, found.n_unpaired, found.differences) == (0, 3, ())
    with pytest.raises(KeyError, match=r"no metric 'ks'"):
        found.difference("ks")


def test_one_pair_has_a_value_but_neither_interval_nor_p(make_arm: MakeArm) -> None:
    found = compare_pairs(make_arm([0]), make_arm([50]), human_cents(), seed=0, n_resamples=10)
    assert [(d.low, d.high, d.p) for d in found.differences] == [(None, None, None)] * len(found.differences)
    assert found.difference("mean").value == 50
    assert found.difference("mean_positive").value is None


def test_cleaning_drops_whole_pairs(make_arm: MakeArm) -> None:
    human = human_sample([0, 10, 500], "drop", "some people")
    found = compare_pairs(make_arm([500, 0]), make_arm([0, 0]), human, seed=0, n_resamples=10)
    assert (found.n_pairs, found.n_unpaired) == (1, 1)


def test_what_cannot_be_paired_is_refused(make_arm: MakeArm) -> None:
    twice = make_arm([0, 0], personas=["a", "a"], seeds=[1, 1])
    with pytest.raises(ValueError, match=r"'direct' has two conversations of persona 'a' with seed 1, expected one a pair"):
        compare_pairs(twice, twice, human_cents(), seed=0)
