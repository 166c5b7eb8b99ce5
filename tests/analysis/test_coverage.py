"""Divergence, coverage and chi-square of answers, against cases by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.coverage import coverage, kl_divergence, pearson
from analysis.replies import Replies, replies
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.records import Candidate, Failure, VerbalizedDistribution

FAIR = {"a": 0.5, "b": 0.25, "c": 0.25}


def of(askings: list[dict[str, float]], drawn: list[int] | None = None) -> Replies:
    """Replies of askings: text -> weight."""
    texts = [text for one in askings for text in one]
    starts = np.cumsum([0, *(len(one) for one in askings[:-1])])
    return Replies(
        "p",
        "arm",
        "m",
        tuple(texts),
        np.array([weight for one in askings for weight in one.values()]),
        np.array([i for i, one in enumerate(askings) for _ in one]),
        starts + np.array(drawn or [0] * len(askings)),
        len(askings),
    )


def found(given: Replies, reference=FAIR, n=100):
    return coverage(given, ["a", "b", "c"], reference, lambda text: text if text in FAIR else None, n=n, seed=1, n_resamples=500)


def test_divergence_by_hand():
    assert kl_divergence(np.array([0.5, 0.25, 0.25]), np.array([0.5, 0.25, 0.25])) == 0
    assert kl_divergence(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.25, 0.25])) == pytest.approx(math.log(2))
    observed, reference = np.array([0.2, 0.3, 0.5]), np.array([0.1, 0.6, 0.3])
    assert kl_divergence(observed, reference) == pytest.approx(stats.entropy(observed, reference))


def test_chi_square_is_that_of_scipy():
    counts, shares = np.array([12.0, 3.0, 9.0]), np.array([0.5, 0.25, 0.25])
    assert pearson(counts, shares) == pytest.approx(stats.chisquare(counts, shares * 24).statistic)


def test_weights_of_an_asking_count_not_its_candidates():
    exact = found(of([{"a": 0.5, "b": 0.25, "c": 0.25}] * 4))
    assert exact.kl == pytest.approx(0, abs=1e-12)
    assert exact.kl_interval is None, "askings that are all the same show no uncertainty"
    assert found(of([{"a": 1 / 3, "b": 1 / 3, "c": 1 / 3}] * 4)).kl == pytest.approx(stats.entropy([1 / 3] * 3, [0.5, 0.25, 0.25]))


def test_wrong_answers_lower_the_precision_and_not_the_divergence():
    one = found(of([{"a": 0.25, "b": 0.125, "c": 0.125, "wrong": 0.5}]))
    assert (one.precision, one.n_found, one.n_replies) == (0.75, 3, 4)
    assert one.kl == pytest.approx(0, abs=1e-12)
    assert one.precision_interval is None, "one asking"


def test_only_as_many_candidates_as_asked_for_are_looked_at():
    one = found(of([{"a": 0.5, "b": 0.5}, {"c": 1.0}]), n=2)
    assert (one.n_replies, one.n_found) == (2, 2)


def test_interval_of_what_is_found_by_hand():
    one = found(of([{"a": 1.0}, {"a": 0.5, "b": 0.5}, {"a": 1.0}]))  # leaving out an asking finds 2, 1, 2
    half = stats.t.ppf(0.975, 2) * math.sqrt(2 / 3 * (2 * (1 / 3) ** 2 + (2 / 3) ** 2))
    assert one.n_found_interval == (max(1, 2 - half), min(3, 2 + half)), "one asking finds one at least"
    assert found(of([{"a": 1.0}, {"a": 1.0}])).n_found_interval is None, "the same whichever is left out"
    assert found(of([{"a": 1.0}])).n_found_interval is None, "one asking"


def test_interval_of_what_is_found_holds_it_at_least_as_often_as_promised():
    rng = np.random.default_rng(7)
    names = [str(i) for i in range(50)]
    shares = 1 / np.arange(1, 51)
    shares /= shares.sum()
    batches = [[list(rng.choice(names, 5, replace=False, p=shares)) for _ in range(12)] for _ in range(400)]
    expected = np.mean([len({name for one in batch for name in one}) for batch in batches])
    held = []
    for batch in batches:
        given = of([dict.fromkeys(one, 0.2) for one in batch])
        one = coverage(given, names, None, lambda text: text, n=100, seed=1, n_resamples=2)
        assert one.n_found_interval is not None
        held.append(one.n_found_interval.low <= expected <= one.n_found_interval.high)
    assert 0.94 <= np.mean(held) <= 0.995


@pytest.mark.slow
@pytest.mark.parametrize(("n_askings", "k"), [(60, 1), (12, 5), (6, 10)])
def test_interval_of_the_divergence_holds_that_of_ever_more_askings(n_askings, k):
    rng = np.random.default_rng(8)
    names = [str(i) for i in range(50)]
    reference = 1 / np.arange(1, 51)
    reference /= reference.sum()
    base = reference**2 / np.sum(reference**2)  # answers pile up on the frequent ones
    lists = rng.random((2000, 50)) ** (1 / base)
    lists = np.argsort(-lists, axis=1)[:, :k]  # k different ones, one after another by their shares
    truth = kl_divergence(np.bincount(lists.ravel(), minlength=50) / lists.size, reference)
    held = []
    for _ in range(120):
        given = of([{names[i]: 1 / k for i in one} for one in lists[rng.integers(2000, size=n_askings)]])
        one = coverage(given, names, dict(zip(names, reference, strict=True)), lambda text: text, n=100, seed=1, n_resamples=100)
        assert one.kl is not None and one.kl_interval is not None
        assert one.kl_interval.low <= one.kl <= one.kl_interval.high
        held.append(one.kl_interval.low <= truth <= one.kl_interval.high)
    assert np.mean(held) >= 0.93


def test_a_single_asking_that_differs_shows_no_uncertainty_of_the_divergence():
    assert found(of([{"a": 1.0}] * 9 + [{"a": 0.5, "b": 0.5}, {"wrong": 1.0}])).kl_interval is None
    assert found(of([{"a": 1.0}] * 9 + [{"a": 0.5, "b": 0.5}, {"c": 1.0}])).kl_interval is not None


def test_interval_of_the_precision_is_exact_where_few_askings_are_wrong():
    all_right = found(of([{"a": 0.5, "b": 0.5}] * 12)).precision_interval
    assert all_right == pytest.approx((0.025 ** (1 / 12), 1.0))
    some_wrong = found(of([{"a": 1.0}] * 40 + [{"wrong": 1.0}] * 20)).precision_interval
    theirs = stats.bootstrap((np.repeat([1.0, 0.0], [40, 20]),), np.mean, method="percentile", rng=np.random.default_rng(1))
    assert some_wrong == pytest.approx(theirs.confidence_interval, abs=0.025)


def test_every_asking_that_is_looked_at_has_its_drawn_reply_tested():
    one = found(of([{"a": 0.5, "b": 0.5}, {"a": 0.5, "c": 0.5}, {"b": 1.0}], drawn=[1, 1, 0]), n=3)
    assert one.n_replies == 3
    assert one.chi_square_n == 2, "the one drawn of the second stands behind the third candidate"


def test_nothing_found_is_missing_not_zero():
    one = found(of([{"wrong": 1.0}, {"no": 1.0}]))
    assert (one.kl, one.kl_floor, one.chi_square, one.chi_square_p) == (None, None, None, None)
    assert (one.n_found, one.precision) == (0, 0.0)
    none = found(Replies("p", "arm", "m", (), np.zeros(0), np.zeros(0, dtype=int), np.zeros(0, dtype=int), 3))
    assert (none.n_found, none.n_found_by_chance, none.found_share) == (None, None, None)
    assert (none.precision, none.kl, none.n_askings, none.n_planned) == (None, None, 0, 3)


@pytest.mark.parametrize("n_askings", [1, 3])
def test_right_answers_that_are_never_drawn_are_no_distribution(n_askings):
    one = found(of([{"a": 0.0, "wrong": 1.0}] * n_askings, [1] * n_askings))
    assert (one.n_found, one.precision) == (1, 0.5)
    assert (one.kl, one.kl_interval, one.kl_floor, one.shares) == (None, None, None, {})


def test_without_a_reference_there_is_coverage_and_no_divergence():
    one = found(of([{"a": 1.0}, {"b": 1.0}]), reference=None)
    assert (one.kl, one.chi_square, one.n_found) == (None, None, 2)
    assert one.n_found_by_chance == pytest.approx(3 * (1 - (2 / 3) ** 2))


@pytest.mark.slow
def test_independent_draws_from_the_reference_are_rejected_as_often_as_promised_and_lie_on_the_floor():
    rng = np.random.default_rng(5)
    ps, divergences, floors = [], [], []
    for _ in range(300):
        one = found(of([{text: 1.0} for text in rng.choice(["a", "b", "c"], 60, p=[0.5, 0.25, 0.25])]))
        ps.append(one.chi_square_p)
        divergences.append(one.kl)
        floors.append(one.kl_floor.mean)
    assert 0.02 <= np.mean(np.array(ps) < 0.05) <= 0.09
    assert np.mean(divergences) == pytest.approx(np.mean(floors), rel=0.2)


def test_replies_are_those_of_the_askings_that_ended_in_the_order_of_the_plan():
    specs = [PromptSpec(id=f"i{r}", seed=1, condition="arm", model="m:x", prompt="p", replicate=r) for r in range(3)]
    both = VerbalizedDistribution(
        candidates=(Candidate(text="a", stated=0.7, probability=0.7), Candidate(text="b", stated=0.3, probability=0.3))
    )
    last = {"started": "2026-01-01T00:00:00+00:00", "seconds": 1.0, "vs_sim": "0"}
    failed = Responses(spec=specs[1], distribution=None, drawn=None, failure=Failure(kind="k", message="m", step="t000"), **last)
    ended = [Responses(spec=specs[i], distribution=both, drawn=drawn, failure=None, **last) for i, drawn in ((2, 1), (0, 0))]
    (one,) = replies(specs, [ended[0], failed, ended[1]])
    assert one.texts == ("a", "b", "a", "b")
    assert (one.n_planned, one.n_askings) == (3, 2)
    assert one.drawn.tolist() == [0, 3]
    assert one.asking.tolist() == [0, 0, 1, 1]


def test_what_a_model_gave_twice_counts_twice_with_its_weight_divided():
    spec = PromptSpec(id="0" * 16, seed=1, condition="arm", model="m", prompt="p", replicate=0)
    given = VerbalizedDistribution(
        candidates=(Candidate(text="a", stated=0.3, probability=0.6, n_given=2), Candidate(text="b", stated=0.4, probability=0.4))
    )
    record = Responses(spec=spec, distribution=given, drawn=1, failure=None, started="2026-01-01T00:00:00+00:00", seconds=1.0, vs_sim="0")
    (one,) = replies([spec], [record])
    assert one.texts == ("a", "a", "b")
    assert one.weights.tolist() == [0.3, 0.3, 0.4]
    assert (one.drawn.tolist(), one.asking.tolist()) == ([2], [0, 0, 0])
