import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.distance import (
    DEFAULT_EDGES,
    bin_shares_of,
    cramer_von_mises,
    ks,
    l1_bins,
    l1_per_dialogue,
    mean_of,
    mean_positive_of,
    median_of,
    share_zero,
    tabulate,
    wasserstein,
)
from analysis.samples import human_cents

TIED = st.lists(st.sampled_from([0, 0, 0, 10, 25, 50, 100, 200]), min_size=1, max_size=60)


@given(TIED, TIED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the p of scipy, which is not used
def test_ks_is_scipys_statistic_with_ties(a: list[int], b: list[int]) -> None:
    assert ks(a, b) == pytest.approx(stats.ks_2samp(a, b, method="asymp").statistic, abs=1e-12)


@given(TIED, TIED)
def test_wasserstein_is_scipys_distance(a: list[int], b: list[int]) -> None:
    assert wasserstein(a, b) == pytest.approx(stats.wasserstein_distance(a, b), abs=1e-9)


@given(TIED, TIED)
def test_distances_are_symmetric_and_zero_only_between_equal_distributions(a: list[int], b: list[int]) -> None:
    for distance in (ks, wasserstein, l1_bins):
        assert distance(a, b) == pytest.approx(distance(b, a))
        assert distance(a, a * 3) == pytest.approx(0, abs=1e-12)
    if ks(a, b) > 1e-9:
        assert wasserstein(a, b) > 0


@given(TIED)
def test_summaries_of_a_table_are_those_of_the_sample(a: list[int]) -> None:
    support, counts = np.unique(a, return_counts=True)
    assert float(mean_of(support, counts)) == pytest.approx(np.mean(a))
    assert float(median_of(support, counts)) == np.median(a)


def test_hand_computed() -> None:
    simulated, human = [0, 100, 100, 200], [0, 0, 0, 100]
    assert ks(simulated, human) == 0.5  # at 0: 1/4 against 3/4
    assert wasserstein(simulated, human) == 75  # 100 cents higher for .5, then for .25
    assert l1_bins(simulated, human, (0, 1, 150)) == 1.0  # shares .25 .5 .25 against .75 .25 0
    assert l1_per_dialogue(simulated, human) == 0.75
    assert share_zero(simulated) == 0.25


def test_bins_are_half_open_whole_cents_and_the_last_is_open() -> None:
    cents = np.array([0, 1, 24, 25, 49, 50, 99, 100, 101, 199, 200, 5000])
    support = np.unique(cents)
    counted = bin_shares_of(support, tabulate(cents, support), DEFAULT_EDGES) * len(cents)
    assert counted.round().astype(int).tolist() == [1, 2, 2, 2, 1, 2, 2]


def test_ten_cent_bins_hold_what_they_say() -> None:
    # Edges in floating-point dollars (0.1 * 3 > 0.3) would move the amounts on an edge one bin down.
    edges = tuple(range(0, 201, 10))
    human = human_cents().cents
    support = np.unique(human)
    counted = bin_shares_of(support, tabulate(human, support), edges) * len(human)
    expected = np.bincount(human // 10, minlength=len(edges))
    assert counted.round(6).tolist() == expected.tolist()


def test_l1_rewards_constants_as_published() -> None:
    human = human_cents("cap").cents
    assert l1_per_dialogue(np.zeros_like(human), human) == pytest.approx(0.409, abs=0.0005)
    assert l1_per_dialogue(np.full_like(human, 5), human) == pytest.approx(0.406, abs=0.0005)
    assert l1_per_dialogue(np.full_like(human, 50), human) == pytest.approx(0.523, abs=0.0005)
    assert l1_per_dialogue(np.full_like(human, 100), human) == pytest.approx(0.784, abs=0.0005)


@pytest.mark.parametrize("distance", [ks, wasserstein, l1_bins])
def test_empty_sample_has_no_distance(distance) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"the first sample has no donations, expected at least one"):
        distance([], [0])
    with pytest.raises(ValueError, match=r"the second sample has no donations, expected at least one"):
        distance([0], [])


def test_dollars_and_negative_amounts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the first sample has values of type float64, expected whole cents"):
        ks([0.5, 1.0], [0])
    with pytest.raises(ValueError, match=r"the second sample has a donation of -1 cents, expected 0 or more"):
        ks([0], [-1])
    with pytest.raises(ValueError, match=r"the first sample has 2 dimensions, expected one"):
        ks([[0, 1]], [0])


def test_unequal_lengths_cannot_be_matched() -> None:
    with pytest.raises(ValueError, match=r"3 simulated and 2 human donations, expected one human per simulated donation"):
        l1_per_dialogue([0, 1, 2], [0, 1])


@pytest.mark.parametrize("edges", [(0.0, 0.1), (0, 10, 10), (10, 0), ()])
def test_edges_must_be_rising_whole_cents(edges: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"expected whole cents \(integers\) in rising order"):
        l1_bins([0], [0], edges)


def test_donation_below_the_first_edge_is_refused() -> None:
    with pytest.raises(ValueError, match=r"an amount of 5 lies below the first edge 10: lower the first edge"):
        l1_bins([5], [20], (10, 20))


def test_cramer_von_mises_is_scipys_without_ties() -> None:
    rng = np.random.default_rng(2)
    pooled = rng.permutation(10_000)[:90]
    a, b = pooled[:45], pooled[45:]
    theirs = stats.cramervonmises_2samp(a, b).statistic
    assert 45 / 2 * cramer_von_mises(a, b) == pytest.approx(theirs)


def test_cramer_von_mises_does_not_depend_on_the_sizes_of_the_samples() -> None:
    a, b = [0, 50, 100], [0, 0, 200]
    assert cramer_von_mises(a * 7, b) == pytest.approx(cramer_von_mises(a, b * 5)) == pytest.approx(cramer_von_mises(a, b))


def test_cramer_von_mises_of_a_small_case_with_ties() -> None:
    # F: 1/2, 1; G: 0, 1; pooled 1 of 4 at 0 and 3 of 4 at 100: (1/2)^2 / 4.
    assert cramer_von_mises([0, 100], [100, 100]) == pytest.approx(1 / 16)
    assert cramer_von_mises([0, 5], [0, 5]) == 0


def test_mean_of_those_who_give() -> None:
    support = np.array([0, 50, 100])
    assert mean_positive_of(support, np.array([[5, 1, 1], [0, 2, 0]])).tolist() == [75.0, 50.0]
    assert np.isnan(mean_positive_of(support, np.array([3, 0, 0])))
