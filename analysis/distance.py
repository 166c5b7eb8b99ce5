"""Distances between two samples of donations in whole cents.

The plain functions take two samples. The ones that end in ``_of`` take frequency tables over a shared support, one row a
resample, and are what both the plain functions and the resampling in `analysis.uncertainty` use: a distance is defined once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analysis.samples import Cents

Floats = npt.NDArray[np.float64]

DEFAULT_EDGES = (0, 1, 25, 50, 100, 101, 200)
"""Lower ends of the bins in whole cents, half-open, the last without an upper end.

The bins are $0; 1-24, 25-49 and 50-99 cents; $1; $1.01-1.99; $2 (and more). Nothing, one dollar and the whole payment have bins of
their own because humans pile up there.
"""


def as_cents(values: npt.ArrayLike, name: str) -> Cents:
    """`values` as a one-dimensional array of whole cents.

    Raises:
        ValueError: if it is empty, not one-dimensional, not whole numbers, or has a negative amount.
    """
    array = np.asarray(values)
    if array.size == 0:
        raise ValueError(f"{name} has no donations, expected at least one")
    if array.ndim != 1:
        raise ValueError(f"{name} has {array.ndim} dimensions, expected one: a list of donations")
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name} has values of type {array.dtype}, expected whole cents (integers)")
    if array.min() < 0:
        raise ValueError(f"{name} has a donation of {int(array.min())!r} cents, expected 0 or more")
    return array.astype(np.int64)


def tabulate(cents: Cents, support: Cents) -> Cents:
    """How often each amount of `support` (sorted, unique) occurs in `cents`, which must lie in `support`."""
    return np.bincount(np.searchsorted(support, cents), minlength=len(support)).astype(np.int64)


def shares(counts: npt.ArrayLike) -> Floats:
    """Counts, shape (..., S), as shares that sum to 1 over the last axis."""
    array = np.asarray(counts, dtype=np.float64)
    return np.asarray(array / array.sum(axis=-1, keepdims=True))


def ks_of(support: Cents, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Kolmogorov-Smirnov distance of frequency tables, shape (..., S) over `support`, shape (S,); shape (...), 0 to 1."""
    return np.asarray(np.abs(_ecdf_gap(a, b)).max(axis=-1))


def wasserstein_of(support: Cents, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Wasserstein-1 distance in cents of frequency tables, shape (..., S) over `support`, shape (S,); shape (...)."""
    return np.asarray((np.abs(_ecdf_gap(a, b))[..., :-1] * np.diff(support)).sum(axis=-1))


def l1_bins_of(support: Cents, a: npt.ArrayLike, b: npt.ArrayLike, edges: Sequence[int] = DEFAULT_EDGES) -> Floats:
    """Sum of absolute differences of bin shares, 0 to 2, of frequency tables, shape (..., S) over `support`; shape (...)."""
    return np.asarray(np.abs(bin_shares_of(support, a, edges) - bin_shares_of(support, b, edges)).sum(axis=-1))


def bin_shares_of(support: Cents, counts: npt.ArrayLike, edges: Sequence[int] = DEFAULT_EDGES) -> Floats:
    """Share of the donations in each bin, shape (..., number of edges), of a frequency table over `support`."""
    array = np.asarray(edges)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer) or (np.diff(array) <= 0).any():
        raise ValueError(f"edges are {edges!r}, expected whole cents (integers) in rising order")
    if support[0] < array[0]:
        raise ValueError(f"an amount of {int(support[0])!r} lies below the first edge {int(array[0])!r}: lower the first edge")
    bin_of = np.searchsorted(array, support, side="right") - 1
    into = (bin_of[:, None] == np.arange(len(array))).astype(np.float64)
    return np.asarray(shares(counts) @ into)


def cramer_von_mises_of(support: Cents, a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Cramer-von Mises distance of frequency tables, shape (..., S) over `support`, shape (S,); shape (...), 0 to 1."""
    return np.asarray((_ecdf_gap(a, b) ** 2 * (shares(a) + shares(b)) / 2).sum(axis=-1))


def _ecdf_gap(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    return np.asarray(np.cumsum(shares(a), axis=-1) - np.cumsum(shares(b), axis=-1))


def share_zero_of(support: Cents, counts: npt.ArrayLike, low: int = 0) -> Floats:
    """Share of exactly the lowest amount that there is, shape (...), of frequency tables, shape (..., S)."""
    return np.asarray(shares(counts)[..., support == low].sum(axis=-1))


def mean_of(support: Cents, counts: npt.ArrayLike) -> Floats:
    """Mean donation in cents, shape (...), of frequency tables, shape (..., S)."""
    return np.asarray(shares(counts) @ support)


def mean_positive_of(support: Cents, counts: npt.ArrayLike, low: int = 0) -> Floats:
    """Mean of what is above the lowest amount, shape (...), of frequency tables, shape (..., S); NaN where nothing is."""
    positive = np.where(support > low, counts, 0).astype(np.float64)
    n_positive = positive.sum(axis=-1)
    with np.errstate(invalid="ignore"):
        return np.asarray((positive @ support) / n_positive)


def median_of(support: Cents, counts: npt.ArrayLike) -> Floats:
    """Median donation in cents (midpoint of the middle two if n is even), shape (...), of frequency tables, shape (..., S)."""
    cumulative = np.cumsum(counts, axis=-1)
    n = cumulative[..., -1:]
    lower = (cumulative < (n + 1) // 2).sum(axis=-1)
    upper = (cumulative < n // 2 + 1).sum(axis=-1)
    return np.asarray((support[lower] + support[upper]) / 2)


def _tables(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Cents, Cents, Cents]:
    first, second = as_cents(a, "the first sample"), as_cents(b, "the second sample")
    support = np.union1d(first, second)
    return support, tabulate(first, support), tabulate(second, support)


def ks(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Kolmogorov-Smirnov distance: the largest difference between the two empirical distribution functions.

    Args:
        a: donations in whole cents, at least one.
        b: the same.

    Returns:
        0 (same distribution) to 1 (no overlap); exact with ties, equal to the statistic of `scipy.stats.ks_2samp`.

    Raises:
        ValueError: if a sample is empty or not whole cents.
    """
    return float(ks_of(*_tables(a, b)))


def cramer_von_mises(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Cramer-von Mises distance: the squared difference of the distribution functions, averaged over both samples alike.

    It weighs a difference everywhere, where KS takes only the largest. Both samples weigh the same whatever their sizes, so that it
    estimates a property of the two populations.

    Args:
        a: donations in whole cents, at least one.
        b: the same.

    Returns:
        0 (same distribution) to below 1. Of two samples of n donations each without ties, n / 2 times this is the statistic T of Anderson
        (1962) as in `scipy.stats.cramervonmises_2samp`; with ties it differs, since scipy takes mid-ranks.

    Raises:
        ValueError: if a sample is empty or not whole cents.
    """
    return float(cramer_von_mises_of(*_tables(a, b)))


def wasserstein(a: npt.ArrayLike, b: npt.ArrayLike) -> float:
    """Wasserstein-1 distance: how many cents a donation has to be moved on average to turn one sample into the other.

    Args:
        a: donations in whole cents, at least one.
        b: the same.

    Returns:
        Cents, 0 or more; equal to `scipy.stats.wasserstein_distance`.

    Raises:
        ValueError: if a sample is empty or not whole cents.
    """
    return float(wasserstein_of(*_tables(a, b)))


def l1_bins(a: npt.ArrayLike, b: npt.ArrayLike, edges: Sequence[int] = DEFAULT_EDGES) -> float:
    """Sum over bins of the absolute difference between the two samples' shares.

    Args:
        a: donations in whole cents, at least one.
        b: the same.
        edges: lower ends of the bins, whole cents, rising. A bin ends just below the next edge; the last has no upper end.

    Returns:
        0 (same shares) to 2 (no bin in common).

    Raises:
        ValueError: if a sample is empty or not whole cents, the edges are not rising integers, or a donation lies below them.
    """
    return float(l1_bins_of(*_tables(a, b), edges))


def l1_per_dialogue(simulated: npt.ArrayLike, human: npt.ArrayLike) -> float:
    """Mean absolute difference between each simulated donation and that of the human it is matched to.

    Args:
        simulated: donations in whole cents, at least one.
        human: those of the matched humans, in the same order.

    Returns:
        Dollars, 0 or more.

    Raises:
        ValueError: if a sample is empty or not whole cents, or the two differ in length.

    Source:
        The "L1" of Verbalized Sampling (arXiv 2510.01171, Table 21): per dialogue, not between histograms. It rewards guessing
        near the median: see the baselines in `analysis.compare`.
    """
    first, second = as_cents(simulated, "the simulated sample"), as_cents(human, "the human sample")
    if len(first) != len(second):
        raise ValueError(f"{len(first)} simulated and {len(second)} human donations, expected one human per simulated donation")
    return float(np.abs(first - second).mean() / 100)


def share_zero(cents: npt.ArrayLike) -> float:
    """Share of donations of exactly 0 cents, 0 to 1.

    Raises:
        ValueError: if the sample is empty or not whole cents.
    """
    return float(np.mean(as_cents(cents, "the sample") == 0))
