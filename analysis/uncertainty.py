"""What chance alone would do to a comparison: intervals, a permutation p and the noise floor.

Everything is drawn as frequency tables (multinomial and hypergeometric rows over a shared support), which is the same as drawing
single donations and fast enough for thousands of resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from analysis.distance import Floats, as_cents, ks_of, shares, tabulate
from analysis.samples import Cents

Distance = Callable[[Cents, npt.ArrayLike, npt.ArrayLike], Floats]
"""A distance of frequency tables, such as `analysis.distance.ks_of`."""

TIE = 1e-9
"""Distances that differ by less are equal: shares are fractions of whole numbers, and rounding must not break their ties."""


class Interval(NamedTuple):
    """Ends of a 95 % interval."""

    low: float
    high: float


class Floor(NamedTuple):
    """What humans against humans score: the mean and the value that 95 % of such comparisons stay below."""

    mean: float
    q95: float


def percentile_interval(values: npt.ArrayLike) -> Interval | None:
    """The 2.5 % and 97.5 % quantiles of resampled values; None if all are the same.

    Resamples that never differ (no donation of $0 among six, say) do not show certainty: they cannot show uncertainty.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.max() - array.min() < TIE:
        return None
    low, high = np.quantile(array, (0.025, 0.975))
    return Interval(float(low), float(high))


def _resampled_clusters(clusters: Sequence[str], rng: np.random.Generator, n_resamples: int) -> tuple[Cents, Cents] | None:
    """How often each cluster is drawn, shape (resamples, clusters), and the cluster of each observation; None below two."""
    names, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    n_clusters = len(names)
    if n_clusters < 2:
        return None
    drawn = rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_resamples)
    return drawn, cluster_of


def bootstrap_clusters(
    cents: npt.ArrayLike, clusters: Sequence[str], support: Cents, *, rng: np.random.Generator, n_resamples: int
) -> Cents | None:
    """Frequency tables of samples in which whole clusters are drawn with replacement.

    Conversations of one persona resemble each other; resampling single conversations would make intervals too narrow.

    Args:
        cents: donations in whole cents, at least one.
        clusters: persona of each donation.
        support: sorted amounts, with all of `cents` among them; shape (S,).
        rng: generator of the draws.
        n_resamples: number of samples.

    Returns:
        Counts, shape (n_resamples, S); None if there are fewer than two clusters, since nothing is then known of how they vary.
    """
    array = as_cents(cents, "the sample")
    drawing = _resampled_clusters(clusters, rng, n_resamples)
    if drawing is None:
        return None
    drawn, cluster_of = drawing
    table = np.zeros((drawn.shape[1], len(support)), dtype=np.int64)
    np.add.at(table, (cluster_of, np.searchsorted(support, array)), 1)
    return np.asarray(drawn @ table)


def bootstrap_table(counts: Cents, *, rng: np.random.Generator, n_resamples: int) -> Cents:
    """Frequency tables of samples of independent donations drawn with replacement from a frequency table; (n_resamples, S)."""
    return rng.multinomial(int(counts.sum()), shares(counts), size=n_resamples)


def bootstrap_ratio(values: npt.ArrayLike, clusters: Sequence[str], *, rng: np.random.Generator, n_resamples: int) -> Interval | None:
    """Interval of the mean of `values` when whole clusters are drawn with replacement; None below two clusters, or if all are the same.

    Args:
        values: one number per observation, such as the absolute difference to the matched human.
        clusters: persona of each observation.
        rng: generator of the draws.
        n_resamples: number of samples.
    """
    drawing = _resampled_clusters(clusters, rng, n_resamples)
    if drawing is None:
        return None
    drawn, cluster_of = drawing
    totals = np.bincount(cluster_of, weights=np.asarray(values, dtype=np.float64))
    return percentile_interval((drawn @ totals) / (drawn @ np.bincount(cluster_of)))


def permutation_p(a: npt.ArrayLike, b: npt.ArrayLike, *, rng: np.random.Generator, n_resamples: int = 2000) -> float:
    """p of the Kolmogorov-Smirnov distance if all donations of both samples were exchangeable.

    The labels of the pooled donations are dealt out anew. Unlike the textbook p, which assumes a continuous amount, this is right
    when almost half of the donations are the same number.

    Args:
        a: donations in whole cents, at least one, independent of each other.
        b: the same.
        rng: generator of the draws.
        n_resamples: number of permutations m, at least 1.

    Returns:
        (b + 1) / (m + 1), where b permutations are at least as far apart as the data; never 0.

    Source:
        Phipson and Smyth (2010), "Permutation p-values should never be zero".
    """
    first, second = as_cents(a, "the first sample"), as_cents(b, "the second sample")
    support = np.union1d(first, second)
    counts = tabulate(first, support)
    pooled = counts + tabulate(second, support)
    observed = ks_of(support, counts, pooled - counts)
    dealt = rng.multivariate_hypergeometric(pooled, len(first), size=n_resamples, method="marginals")
    n_as_far = int(np.count_nonzero(ks_of(support, dealt, pooled - dealt) >= observed - TIE))
    return (n_as_far + 1) / (n_resamples + 1)


def noise_floor(
    human: npt.ArrayLike, distance: Distance, n: int, n_reference: int, *, rng: np.random.Generator, n_resamples: int = 2000
) -> Floor:
    """What humans score against humans: the best that a simulation which behaves exactly like people could hope for.

    Two samples, of `n` and of `n_reference` donations, are drawn independently and with replacement from the human donations.

    Args:
        human: donations in whole cents, at least one.
        distance: distance of frequency tables, such as `analysis.distance.ks_of`.
        n: size of the first sample, at least 1: the number of simulated donations.
        n_reference: size of the second sample, at least 1. The size of the human sample for a comparison with all of it; `n` for
            one with as many humans as simulations, which has the higher floor (at 200 against 200: KS mean .067, 95 % .12).
        rng: generator of the draws.
        n_resamples: number of pairs.

    Raises:
        ValueError: if the human sample is empty or a size is below 1.
    """
    array = as_cents(human, "the human sample")
    for size in (n, n_reference):
        if size < 1:
            raise ValueError(f"a sample of {size!r} donations has no noise floor, expected at least 1")
    support, counts = np.unique(array, return_counts=True)
    probability = shares(counts)
    first = rng.multinomial(n, probability, size=n_resamples)
    second = rng.multinomial(n_reference, probability, size=n_resamples)
    return _floor(distance(support, first, second))


def matched_floor(human: npt.ArrayLike, *, rng: np.random.Generator, n_resamples: int = 2000) -> Floor:
    """What randomly paired humans score on `analysis.distance.l1_per_dialogue`, in dollars, at as many pairs as humans.

    Not a lower bound: guessing a constant near the median scores better than real, but unmatched, people.

    Raises:
        ValueError: if the human sample is empty.
    """
    array = as_cents(human, "the human sample")
    n = len(array)
    values = [np.abs(array[rng.integers(n, size=n)] - array[rng.integers(n, size=n)]).mean() / 100 for _ in range(n_resamples)]
    return _floor(np.array(values))


def _floor(values: Floats) -> Floor:
    return Floor(float(values.mean()), float(np.quantile(values, 0.95)))
