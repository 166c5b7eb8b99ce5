"""Alpha is the slope that it should be, with errors that hold what they promise, and gamma follows from it."""

import math

import numpy as np
import pytest
from scipy import stats

from analysis.typicality import Leads, estimate, leads, recovery, sharpening, simulated_leads, slopes
from analysis.typicality_table import render
from analysis.uncertainty import Interval
from vs_sim.preferences import Preference, Preferences, Reply


def pair(prompt: str, preferred: tuple[float, int], other: tuple[float, int]) -> Preference:
    better, worse = (Reply(text=f"{log_pi} {n}", log_pi=log_pi, n_tokens=n) for log_pi, n in (preferred, other))
    return Preference(prompt=prompt, preferred=better, other=worse)


def held(pairs: list[Preference]) -> Preferences:
    return Preferences(pairs=tuple(pairs), n_rows=9, n_unequal=2, n_tied=1, n_same=0)


def test_slope_and_clustered_error_are_those_computed_by_hand() -> None:
    # One nat apart: the more typical one is preferred in 6 of 8 pairs, in clusters of two with 2, 2, 2 and 0 such pairs.
    difference = np.array([1.0, 1, 1, 1, 1, 1, -1, -1])
    (found,) = slopes(difference, [0, 0, 1, 1, 2, 2, 3, 3]) or ()
    assert found.value == pytest.approx(math.log(6 / 2))
    # p = 3/4: a cluster's score is 2 * (1 - p) = 1/2, or 2 * -p = -3/2; the information 8 * p * (1 - p) = 3/2.
    variance = (3 * 0.5**2 + 1.5**2) / 1.5**2 * (4 / 3) * (7 / 7)
    assert found.se == pytest.approx(math.sqrt(variance))
    assert found.interval is not None and found.se is not None
    t = stats.t.ppf(0.975, 3)
    assert found.interval == pytest.approx((found.value - t * found.se, found.value + t * found.se))
    assert found.p == pytest.approx(2 * stats.t.sf(found.value / found.se, 3))


def test_turning_every_preference_turns_the_slope() -> None:
    rng = np.random.default_rng(1)
    pairs = simulated_leads(0.7, n_prompts=20, n_replies=3, spread=1.0, rng=rng)
    (found,), (turned,) = (slopes(sign * pairs.token, pairs.cluster) or () for sign in (1, -1))
    assert turned.value == pytest.approx(-found.value)
    assert turned.se == pytest.approx(found.se)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.0, 0.6])
def test_a_known_alpha_is_recovered_and_intervals_hold_it_as_often_as_they_promise(alpha: float) -> None:
    found = recovery(alpha, 200, n_prompts=60, n_replies=4, spread=0.7, seed=3)
    assert found.n_runs == 200
    assert abs(found.mean - alpha) < 0.03 + 3.3 * found.mean_se, "maximum likelihood may be some percent off"
    low, high = stats.binom.ppf([0.001, 0.999], 200, 0.95) / 200
    assert low <= found.covered <= high
    assert found.covered_unclustered < found.covered, "pairs of a prompt share replies"


def test_unknown_merits_make_alpha_smaller_and_ratings_without_ties_larger() -> None:
    exact, noisy, rated = (
        recovery(1.0, 40, n_prompts=100, n_replies=4, spread=0.7, seed=4, sd_true=sd, n_levels=levels).mean
        for sd, levels in ((0.0, None), (1.5, None), (0.0, 3))
    )
    assert noisy < 0.8 * exact
    assert rated > 1.15 * exact


def test_leads_of_pairs_by_hand() -> None:
    found = leads([pair("a", (-6.0, 3), (-8.0, 2)), pair("b", (-9.0, 9), (-2.0, 1)), pair("a", (-1.0, 1), (-4.0, 4))])
    assert found.text.tolist() == [2.0, -7.0, 3.0]
    assert found.token.tolist() == [2.0, 1.0, 0.0]
    assert found.length == pytest.approx([math.log(3 / 2), math.log(9), math.log(1 / 4)])
    assert found.cluster.tolist() == [0, 1, 0]
    assert found.mean_tokens == pytest.approx(20 / 6)


def test_a_reply_without_probability_is_refused() -> None:
    unknown = Preference(prompt="a", preferred=Reply(text="x"), other=Reply(text="y", log_pi=-1.0, n_tokens=1))
    with pytest.raises(ValueError, match="has no log pi_ref or n_tokens"):
        leads([unknown])


def test_a_liking_of_length_is_not_taken_for_a_dislike_of_the_typical_at_equal_length() -> None:
    rng = np.random.default_rng(5)
    n = 1500
    length = rng.normal(0.0, 1.0, n)
    text = -3 * length + rng.normal(0.0, 1.0, n)  # longer texts are less probable
    won = np.where(length + rng.logistic(size=n) > 0, 1.0, -1.0)
    as_it_is, at_equal_length, *_ = estimate(Leads(text * won, text * won, length * won, np.arange(n), 10.0))
    assert as_it_is.interval is not None and as_it_is.interval.high < -0.1
    assert at_equal_length.interval is not None and at_equal_length.interval.low < 0 < at_equal_length.interval.high
    assert (as_it_is.unit, at_equal_length.at_equal_length) == ("text", True)


def test_where_the_typical_always_wins_there_is_no_estimate() -> None:
    pairs = [pair(f"p{i}", (-1.0 - i, 2), (-5.0 - 2 * i, 2)) for i in range(5)]
    found = estimate(leads(pairs))
    assert [one.alpha for one in found] == [None] * 4
    assert (found[0].n_pairs, found[0].n_typical_preferred) == (5, 5)
    assert "no finite estimate, since the more typical" in " ".join(render(found, held(pairs)).split())


def test_two_covariates_that_together_tell_every_preference_are_seen() -> None:
    x = np.array([[2.0, -1.0], [-1.0, 2.0], [3.0, -2.0], [-2.0, 3.0]])  # neither column decides, their sum does
    assert slopes(x, [0, 1, 2, 3]) is None
    assert slopes(x[:, :1], [0, 1, 2, 3]) is not None


def test_pairs_of_one_prompt_have_no_interval() -> None:
    pairs = [pair("same", (-1.0, 1), (-2.0, 1)), pair("same", (-1.0, 1), (-3.0, 1)), pair("same", (-4.0, 1), (-3.0, 1))]
    found = estimate(leads(pairs))
    assert found[0].alpha is not None
    assert found[0].interval is None and found[0].se is None and found[0].p is None
    assert found[0].alpha == found[1].alpha, "all are of equal length as they are"
    assert "All pairs are of one prompt" in render(found, held(pairs))


def test_equal_typicality_tells_nothing_and_is_counted() -> None:
    pairs = [pair("a", (-1.0, 1), (-2.0, 1)), pair("b", (-3.0, 1), (-2.0, 1)), pair("c", (-1.0, 1), (-2.0, 1))]
    even = [*pairs, pair("d", (-2.0, 1), (-2.0, 1))]
    without, with_even = estimate(leads(pairs))[0], estimate(leads(even))[0]
    assert with_even.alpha == pytest.approx(without.alpha)
    assert (with_even.n_even, with_even.n_typical_preferred) == (1, 2)


def test_gamma_and_its_interval_follow_from_alpha() -> None:
    found = sharpening(0.2, Interval(-0.1, 0.5), 0.1)
    assert found.gamma == pytest.approx(3.0)
    assert found.interval == pytest.approx((0.0, 6.0))
    assert sharpening(0.2, None, 0.4).interval is None
    with pytest.raises(ValueError, match="beta is 0, expected a number above 0"):
        sharpening(0.2, None, 0)


def test_the_table_says_what_was_estimated_and_is_not_too_wide() -> None:
    rng = np.random.default_rng(6)
    pairs = [pair(f"p{i % 40}", (-2.0 + rng.normal(), 3), (-2.3 + rng.normal(), 4)) for i in range(120)]
    found = estimate(leads(pairs))
    assert found[0].alpha is not None
    text = render(found, held(pairs), [sharpening(found[0].alpha, found[0].interval, 0.1)], ["A note."])
    assert text.startswith("Typicality bias: 120 pairs of equal correctness, 40 prompts\n")
    assert "Left out: 2 pairs of different correctness, 1 equally helpful ones." in text
    assert "gamma = 1 + alpha / beta" in text
    assert text.endswith("  A note.") or text.endswith("A note.")
    assert max(map(len, text.splitlines())) <= 100


def test_a_small_alpha_is_printed_with_the_digits_that_its_error_allows() -> None:
    rng = np.random.default_rng(7)
    pairs = [pair(f"p{i}", (-200.0 + 100 * rng.normal(), 100), (-210.0 + 100 * rng.normal(), 100)) for i in range(200)]
    found = estimate(leads(pairs))
    one = found[0]
    assert one.alpha is not None and one.se is not None and 0.001 < one.se < 0.01
    assert f"{one.alpha:.4f}" in render(found, held(pairs))
