"""Stated against re-asked, with models that are calibrated, and with models that are not."""

import numpy as np
import pytest

from analysis.calibration import Again, asked_again, calibrate
from analysis.draws import Draw
from tests.analysis.draws import distribution, group
from vs_sim.reask import Reasked, Token

ARM = group()


def again(stated, answers, persona="p", **fields):
    return Again(persona, stated, answers, **{"n_unreadable": 0, "tokens": None, **fields})


def asked(n, times, seed=1, spread=1.0):
    """Decisions whose answers come with the stated probability to the power of `spread`: 1 is calibrated."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        p = rng.dirichlet(np.ones(4))
        true = p**spread / (p**spread).sum()
        drawn = rng.multinomial(times, true)
        found.append(
            again(dict(zip((0, 25, 50, 100), p.tolist(), strict=True)), dict(zip((0, 25, 50, 100), drawn.tolist(), strict=True)), f"p{i}")
        )
    return found


def test_a_calibrated_model_stays_at_the_floor():
    found = [calibrate(ARM, asked(60, 20, seed=s), seed=1, n_resamples=300) for s in range(10)]
    assert sum(c.calibration_error.value <= c.calibration_error_floor[1] for c in found) >= 7
    assert sum(c.total_variation.value <= c.total_variation_floor[1] for c in found) >= 7
    assert np.mean([c.total_variation.value - c.total_variation_floor[0] for c in found]) == pytest.approx(0, abs=0.01)


def test_the_error_of_a_calibrated_model_lies_in_its_interval_which_reaches_0():
    # Few answers inflate the error of a resample: 25 decisions of 4 answers.
    found = [calibrate(ARM, asked(25, 4, seed=s), seed=1, n_resamples=200) for s in range(60)]
    errors = [(c.calibration_error, c.calibration_error_floor[1]) for c in found]
    assert all(e.low <= e.value <= e.high for e, _ in errors)
    assert all((e.low == 0) == (e.value <= q95) for e, q95 in errors)
    assert sum(e.low > 0 for e, _ in errors) <= 8, "3 of 60 expected"


@pytest.mark.parametrize("k", [2, 5, 10])
def test_the_calibration_error_does_not_depend_on_the_number_of_candidates(k):
    # .6 is stated for the first amount and the rest in equal parts for the others; the first comes .4 of the time.
    stated = {0: 0.6} | {10 * i: 0.4 / (k - 1) for i in range(1, k)}
    answers = {0: 24} | {10 * i: 36 // (k - 1) for i in range(1, k)}
    c = calibrate(ARM, [again(stated, answers, p) for p in "ab"], seed=1, n_resamples=50)
    assert c.calibration_error.value == pytest.approx(0.2)
    assert c.total_variation.value == pytest.approx(0.2)


def test_the_calibration_error_goes_from_0_to_1():
    wrong = [again({0: 0.5, 50: 0.5}, {100: 4}), again({0: 1.0}, {50: 4})]
    assert calibrate(ARM, wrong, seed=1, n_resamples=50).calibration_error.value == pytest.approx(1)
    right = [again({0: 0.5, 50: 0.5}, {0: 2, 50: 2}), again({0: 1.0}, {0: 4})]
    assert calibrate(ARM, right, seed=1, n_resamples=50).calibration_error.value == pytest.approx(0)


def test_the_calibration_error_is_at_most_the_total_variation():
    for seed in range(20):
        c = calibrate(ARM, asked(5, 3, seed=seed), seed=1, n_resamples=2)
        assert 0 <= c.calibration_error.value <= c.total_variation.value + 1e-12


def test_a_model_that_states_too_little_is_found():
    c = calibrate(ARM, asked(60, 20, spread=3.0), seed=1, n_resamples=300)
    assert c.calibration_error.low > c.calibration_error_floor[1]
    assert c.total_variation.low > c.total_variation_floor[1]
    low, high = c.bins[0], c.bins[-1]
    assert low.observed_high < low.stated
    assert high.observed_low > high.stated


def test_the_reliability_table_of_two_decisions():
    c = calibrate(ARM, [again({0: 0.5, 100: 0.5}, {0: 8, 50: 2}, "a"), again({0: 0.04, 100: 0.96}, {100: 10}, "b")], seed=1, n_resamples=50)
    bins = {b.low: b for b in c.bins}
    lowest, middle, highest = bins[0.0], bins[0.5], bins[0.7]
    assert (lowest.n_candidates, lowest.n_answers, lowest.n_hits, lowest.observed) == (1, 10, 0, 0.0)
    assert (middle.n_candidates, middle.n_answers, middle.n_hits, middle.observed) == (2, 20, 8, 0.4)
    assert (highest.stated, highest.observed) == (pytest.approx(0.96), 1.0)
    assert (middle.observed_low, middle.observed_high) == (
        pytest.approx(0.2188, abs=1e-4),
        pytest.approx(0.6134, abs=1e-4),
    )  # Wilson, by hand
    assert bins[0.05].observed is None
    # .4, 10 and 9.6 answers stated, 0, 8 and 10 come, and 2 that nobody stated
    assert c.calibration_error.value == pytest.approx((0.4 + 2 + 0.4 + 2) / 20 / 2)
    # |.5 - .8|, |.5 - 0| and .2 that nobody stated; |.04| twice
    assert c.total_variation.value == pytest.approx(((0.3 + 0.5 + 0.2) / 2 + 0.04) / 2)
    assert c.unlisted.value == pytest.approx(0.1)
    assert c.log_score.value == pytest.approx((8 * -1 + 10 * np.log2(0.96)) / 18)
    assert c.log_score_uniform == -1
    assert (c.n_decisions, c.n_answers) == (2, 20)


def test_a_probability_at_an_edge_lies_above_it_whatever_the_rounding():
    c = calibrate(ARM, [again({0: 0.7 - 0.4, 100: 0.7}, {0: 1}), again({0: 0.3, 100: 1 - 0.3}, {0: 1})], seed=1, n_resamples=50)
    assert {b.low: b.n_candidates for b in c.bins if b.n_candidates} == {0.3: 2, 0.7: 2}


def test_a_stated_probability_of_1_has_a_bin():
    assert calibrate(ARM, [again({50: 1.0}, {50: 3})], seed=1, n_resamples=50).bins[-1].n_hits == 3


def test_unreadable_answers_are_missing_and_not_zero_cents():
    decision = Draw("p", "c1", distribution([0.5, 0.5], ["0", "100"]), 0)
    other = Draw("p", "c2", distribution([0.5, 0.5], ["0", "100"]), 0)

    def answer(conversation, number, cents):
        failure = "ReplyError:not_an_amount" if cents is None else None
        return Reasked(conversation=conversation, number=number, request="r", amount=cents, failure=failure, calls=(), tokens=None)

    given = [answer("c1", 1, 100), answer("c1", 2, None), answer("c1", 3, 100), answer("c2", 1, None), answer("elsewhere", 1, 5)]
    (found,) = asked_again(group(decisions=[decision, other]), given)
    assert (found.answers, found.n, found.n_unreadable, found.tokens) == ({100: 2}, 2, 1, None)
    assert calibrate(ARM, [found], seed=1, n_resamples=50).n_unreadable == 1


def test_nothing_asked_is_nothing_known():
    assert calibrate(ARM, [], seed=1) is None


def test_tokens_are_held_against_stated_probabilities():
    decided = [
        again({0: 0.6, 50: 0.3, 100: 0.1}, {0: 1}, "a", tokens={0: 0.5, 50: 0.2, 25: 0.1}),
        again({0: 0.2, 50: 0.7, 100: 0.1}, {0: 1}, "b", tokens={0: 0.1, 50: 0.8}),
        again({0: 0.2, 50: 0.8}, {0: 1}, "c"),
    ]
    found = calibrate(ARM, decided, seed=1, n_resamples=100).tokens
    assert (found.n_decisions, found.n_pairs, found.n_unknown) == (2, 4, 2)
    assert found.coverage.value == pytest.approx((0.8 + 0.9) / 2)
    # stated .6 .3 .2 .7 against .5 .2 .1 .8: the same order
    assert found.spearman.value == pytest.approx(1)


def test_no_rank_correlation_without_variation():
    decided = [again({0: 0.5, 50: 0.5}, {0: 1}, tokens={0: 0.5, 50: 0.2})] * 3
    assert calibrate(ARM, decided, seed=1, n_resamples=50).tokens.spearman.value is None
    assert calibrate(ARM, [again({0: 1.0}, {0: 1})], seed=1, n_resamples=50).tokens is None


def test_the_tokens_of_the_answers_are_read():
    tokens = (Token(text='{"reply": ', logprob=0.0), Token(text="50", logprob=np.log(0.5)), Token(text="}", logprob=0.0))
    answer = Reasked(conversation="c", number=1, request="r", amount=50, failure=None, calls=(), tokens=tokens)
    decision = Draw("p", "c", distribution([0.5, 0.5], ["50", "100"]), 0)
    (found,) = asked_again(group(decisions=[decision]), [answer])
    assert found.tokens == pytest.approx({50: 0.5})
