"""Means over prompts: exact ends, resampled middles, pairs; intervals that keep what they promise."""

import numpy as np
import pytest

from analysis.over_prompts import over_prompts
from analysis.uncertainty import share_interval


def of(own, first=None, n_resamples=400):
    return over_prompts(own, first, seed=1, n_resamples=n_resamples)


def named(values):
    return {f"p{i}": float(value) for i, value in enumerate(values)}


def test_near_0_and_1_the_interval_is_exact():
    none = of(named([0] * 30))
    assert (none.mean, none.interval) == (0, share_interval(0, 30))
    assert of(named([1] * 30)).interval == share_interval(30, 30)
    assert of(named([1] * 5 + [0] * 25)).interval == share_interval(5, 30)


def test_in_the_middle_it_is_resampled():
    many = of(named([0.4, 0.6] * 20))
    assert many.mean == pytest.approx(0.5)
    assert 0.45 < many.interval.low < many.interval.high < 0.55, "shares of prompts are no single yes or no"


def test_one_prompt_shows_no_uncertainty_and_none_has_no_mean():
    assert of({"p": 0.5}).interval is None
    assert (of({}).mean, of({}).interval, of({}, {}).difference) == (None, None, None)


def test_differences_are_on_the_same_prompts():
    found = of({"a": 1.0, "b": 0.5, "c": 0.0}, {"b": 0.25, "c": 0.5, "d": 1.0})
    assert found.difference == pytest.approx((0.25 - 0.5) / 2)
    assert of({"a": 1.0}, {"d": 1.0}).difference is None
    assert of({"a": 1.0}).difference is None
    assert of(named([0.5] * 5), named([0.5] * 5)).difference_interval is None


@pytest.mark.slow
@pytest.mark.parametrize(("a", "b", "n"), [(0.5, 0.5, 30), (8, 2, 40), (0.05, 0.95, 60), (2, 2, 20)])
def test_intervals_cover_the_true_mean_and_the_true_difference(a, b, n):
    """Prompts of different difficulty (beta), each asked five times."""
    rng = np.random.default_rng(4)
    covers, covers_difference = [], []
    for _ in range(200):
        difficulty = rng.beta(a, b, n)
        own, first = named(rng.binomial(5, difficulty) / 5), named(rng.binomial(5, difficulty) / 5)
        found = of(own, first, n_resamples=200)
        covers.append(found.interval.low <= a / (a + b) <= found.interval.high)
        if found.difference_interval is not None:
            covers_difference.append(found.difference_interval.low <= 0 <= found.difference_interval.high)
    assert np.mean(covers) >= 0.915, "95 % but for three standard errors of 200 samples, and 200 resamples"
    assert np.mean(covers_difference) >= 0.9
