"""What chance alone would do to a comparison: intervals, a permutation p and the noise floor.

Everything is drawn as frequency tables (multinomial and hypergeometric rows over a shared support), which is the same as drawing
single donations and fast enough for thousands of resamples.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.distance import Floats, as_cents, shares, tabulate
from analysis.samples import Cents

Distance = Callable[[Cents, npt.ArrayLike, npt.ArrayLike], Floats]
"""A distance of frequency tables, such as `analysis.distance.ks_of`."""

Clusters = Sequence[str] | Cents
"""Persona of each donation, or its number (`numbered`)."""

TIE = 1e-9
"""Distances that differ by less are equal: shares are fractions of whole numbers, and rounding must not break their ties."""

_PART = 256
"""Tables whose distances are taken at a time: few enough to stay in the processor's cache."""

N_SINGLE = 25
"""How often one conversation of each persona is drawn for a p where personas have several."""

MANY = 5_000_000
"""Draws of clusters or donations above which faster ones are made, the same in law but of other random numbers: what is smaller stays as
it was."""


class Interval(NamedTuple):
    """Ends of an interval."""

    low: float
    high: float


class Floor(NamedTuple):
    """What humans against humans score: the mean and the value that 95 % of such comparisons stay below."""

    mean: float
    q95: float


def percentile_interval(values: npt.ArrayLike, level: float = 0.95, n: int | None = None) -> Interval | None:
    """The interval that leaves out as many resampled values below as above; None if all are the same.

    Resampling few people varies too little; where their number is given, the interval is widened as Student's t widens that of a mean.

    Resamples that never differ (no donation of $0 among six, say) do not show certainty: they cannot show uncertainty.

    Args:
        values: resampled values; NaN where one cannot be computed, such as the mean of no donation. Up to one in 100 is left out.
        level: share of the resampled values inside.
        n: number of independent people (personas) that were resampled, at least 2; None: not widened.

    Source:
        The expanded percentile interval of Hesterberg (2015), "What teachers should know about the bootstrap".
    """
    array = np.asarray(values, dtype=np.float64)
    known = array[~np.isnan(array)]
    if len(known) < 0.99 * len(array) or known.max() - known.min() < TIE:
        return None
    tail = 0.5 - level / 2
    if n is not None:
        tail = float(stats.norm.sf(stats.t.isf(tail, n - 1) * np.sqrt(n / (n - 1))))
    low, high = np.quantile(known, (tail, 1 - tail))
    return Interval(float(low), float(high))


def distance_interval(
    resampled: npt.ArrayLike, observed: float, p: float | None, level: float = 0.95, n: int | None = None
) -> Interval | None:
    """Interval of a distance, which cannot fall below 0 and which resampling therefore inflates.

    The percentile interval is moved down by the bootstrap's own estimate of that inflation, mean of the resampled values minus the
    observed one. Where equality is not rejected (p above 1 - level) it reaches down to 0, as it must.
    `tests.benchmarks.calibration` measures its coverage.

    Args:
        resampled: distances of bootstrap samples.
        observed: the distance of the data.
        p: permutation p of the distance; None if there is none, and the interval then stays above 0 only by its own quantiles.
        level: confidence.
        n: number of independent people, as in `percentile_interval`.
    """
    values = np.asarray(resampled, dtype=np.float64)
    interval = percentile_interval(values, level, n)
    if interval is None:
        return None
    inflation = max(0.0, float(values.mean()) - observed)
    low = 0.0 if p is not None and p > 1 - level else max(0.0, interval.low - inflation)
    return Interval(low, max(observed, interval.high - inflation))


def share_interval(n_yes: float, n: float, level: float = 0.95) -> Interval:
    """Exact interval of a share (Clopper and Pearson 1934), for shares near 0 or 1, which resampling hardly varies.

    Args:
        n_yes: how many, 0 to n; not whole where `n` is an effective number.
        n: of how many independent observations, above 0.
        level: confidence.
    """
    tail = 0.5 - level / 2
    low = float(stats.beta.ppf(tail, n_yes, n - n_yes + 1)) if n_yes > 0 else 0.0
    high = float(stats.beta.isf(tail, n_yes + 1, n - n_yes)) if n_yes < n else 1.0
    return Interval(low, high)


def numbered(clusters: Sequence[str]) -> Cents:
    """Names of clusters as numbers in the order of the names, which are faster to sort and to count."""
    number = {name: i for i, name in enumerate(sorted(set(clusters)))}
    return np.fromiter(map(number.__getitem__, clusters), dtype=np.int64, count=len(clusters))


def effective_number(clusters: Clusters) -> int:
    """Number of independent observations that clustered ones are worth at least, if those of a cluster are all alike.

    Kish's (sum of sizes)^2 / sum of squared sizes, rounded down: the number of clusters if all have the same size, less if not.
    """
    _, sizes = np.unique(np.asarray(clusters), return_counts=True)
    return int(sizes.sum() ** 2 / (sizes**2).sum())


def difference_of_intervals(a: float, of_a: Interval, b: float | None, of_b: Interval | None) -> Interval | None:
    """Interval of a - b from the intervals of both, which are independent; None without one of b.

    Source:
        Method of variance estimates recovery: Newcombe (1998), Zou and Donner (2008).
    """
    if b is None or of_b is None:
        return None
    below = float(np.hypot(a - of_a.low, of_b.high - b))
    above = float(np.hypot(of_a.high - a, b - of_b.low))
    return Interval(a - b - below, a - b + above)


def _draws(times: Floats, rng: np.random.Generator, n_resamples: int) -> Iterator[Floats]:
    """How often each kind of cluster is drawn, in steps that fit into memory; all of them (n_resamples, kinds).

    Args:
        times: clusters of each kind; as many as there are together are drawn with replacement.
        rng: generator of the draws.
        n_resamples: number of samples.
    """
    n = int(times.sum())
    step = max(1, MANY // len(times))
    for start in range(0, n_resamples, step):
        # As floats, whose products of whole numbers are as exact as those of integers and far faster.
        yield rng.multinomial(n, times / n, size=min(step, n_resamples - start)).astype(np.float64)


def bootstrap_clusters(
    cents: npt.ArrayLike, clusters: Clusters, support: Cents, *, rng: np.random.Generator, n_resamples: int
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
    names, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return None
    column = np.searchsorted(support, array)
    times = np.ones(len(names))
    if len(names) * n_resamples > MANY:
        cluster_of, column, times = _alike(cluster_of, column)
    table = np.zeros((len(times), len(support)))
    np.add.at(table, (cluster_of, column), 1)
    return np.concatenate([(drawn @ table).astype(np.int64) for drawn in _draws(times, rng, n_resamples)])


def _alike(cluster_of: Cents, column: Cents) -> tuple[Cents, Cents, Floats]:
    """Clusters with the same donations as one kind: kind and column of the donations of one cluster each, and clusters of each kind."""
    order = np.lexsort((column, cluster_of))
    ends = np.cumsum(np.bincount(cluster_of)) * column.itemsize
    donations = column[order].tobytes()
    kinds = Counter(donations[start:end] for start, end in pairwise([0, *ends.tolist()]))
    each = [np.frombuffer(kind, dtype=column.dtype) for kind in kinds]
    return np.repeat(np.arange(len(each)), list(map(len, each))), np.concatenate(each), np.array(list(kinds.values()), dtype=np.float64)


def bootstrap_table(counts: Cents, n: int, *, rng: np.random.Generator, n_resamples: int) -> Cents:
    """Frequency tables of `n` independent donations drawn with replacement from a frequency table; (n_resamples, S)."""
    return rng.multinomial(n, shares(counts), size=n_resamples)


def bootstrap_ratio(values: npt.ArrayLike, clusters: Clusters, *, rng: np.random.Generator, n_resamples: int) -> Interval | None:
    """Interval of the mean of `values` when whole clusters are drawn with replacement; None below two clusters, or if all are the same.

    Args:
        values: one number per observation, such as the absolute difference to the matched human.
        clusters: persona of each observation.
        rng: generator of the draws.
        n_resamples: number of samples.
    """
    names, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    n = len(names)
    if n < 2:
        return None
    totals = np.bincount(cluster_of, weights=np.asarray(values, dtype=np.float64))
    sizes, times = np.bincount(cluster_of).astype(np.float64), np.ones(n)
    if n * n_resamples > MANY:
        kinds = Counter(zip(totals.tolist(), sizes.tolist(), strict=True))
        totals, sizes = np.array(list(kinds)).T.copy()
        times = np.array(list(kinds.values()), dtype=np.float64)
    means = np.concatenate([(drawn @ totals) / (drawn @ sizes) for drawn in _draws(times, rng, n_resamples)])
    return percentile_interval(means, n=n)


def permutation_ps(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    distances: Mapping[str, Distance],
    *,
    rng: np.random.Generator,
    n_resamples: int = 2000,
    clusters: Clusters | None = None,
    n_effective: int | None = None,
) -> dict[str, float]:
    """p of each distance if all donations of both samples were exchangeable.

    The labels of the pooled donations are dealt out anew, the same deals for all distances. Unlike the textbook p of KS, which assumes
    a continuous amount, this is right when almost half of the donations are the same number.

    Conversations of one persona are not exchangeable with single humans. Where clusters repeat, one conversation of each is drawn,
    `N_SINGLE` times over, and twice the median of the p is returned: valid whatever the dependence, and cautious.

    Args:
        a: donations in whole cents, at least one.
        b: the same.
        distances: name -> distance of frequency tables.
        rng: generator of the draws.
        n_resamples: number of permutations m, at least 1.
        clusters: persona of each donation of `a`; None if they are independent of each other.
        n_effective: number of independent donations that `b` is worth, at most its size: each deal keeps so many of those that fall to
            `b`; None: all of them.

    Returns:
        Name -> (b + 1) / (m + 1), where b permutations are at least as far apart as the data; never 0.

    Source:
        Phipson and Smyth (2010), "Permutation p-values should never be zero"; Hoffman, Sen and Weinberg (2001) for one member of
        each cluster; Ruschendorf (1982) and DiCiccio, DiCiccio and Romano (2020) for twice the median.
    """
    first, second = as_cents(a, "the first sample"), as_cents(b, "the second sample")
    if clusters is None:
        return _deal(first, second, distances, rng, n_resamples, n_effective)
    order = np.argsort(np.asarray(clusters), kind="stable")
    _, starts, sizes = np.unique(np.asarray(clusters)[order], return_index=True, return_counts=True)
    if sizes.max() == 1:
        return _deal(first, second, distances, rng, n_resamples, n_effective)
    each: dict[str, list[float]] = {name: [] for name in distances}
    for _ in range(N_SINGLE):
        single = first[order[starts + rng.integers(sizes)]]
        for name, p in _deal(single, second, distances, rng, n_resamples, n_effective).items():
            each[name].append(p)
        if all(_settled(ps, 1 / (n_resamples + 1)) for ps in each.values()):
            break
    return {name: min(1.0, 2 * float(np.median(ps))) for name, ps in each.items()}


def _settled(ps: Sequence[float], least: float) -> bool:
    """Whether twice the median of `N_SINGLE` p is known from the first of them: more than half are the least possible, or from .5 on."""
    return max(sum(p <= least for p in ps), sum(p >= 0.5 for p in ps)) > N_SINGLE / 2


def _deal(
    first: Cents,
    second: Cents,
    distances: Mapping[str, Distance],
    rng: np.random.Generator,
    n_resamples: int,
    n_effective: int | None,
) -> dict[str, float]:
    support = np.union1d(first, second)
    counts = tabulate(first, support)
    pooled = counts + tabulate(second, support)
    dealt = rng.multivariate_hypergeometric(pooled, len(first), size=n_resamples, method="marginals")
    rest = pooled - dealt
    if n_effective is not None and n_effective < len(second):
        rest = _thinned(rest, n_effective, rng)
    parts = [slice(start, start + _PART) for start in range(0, n_resamples, _PART)]
    return {
        name: upper_p(
            np.concatenate([distance(support, dealt[part], rest[part]) for part in parts]),
            float(distance(support, counts, pooled - counts)),
        )
        for name, distance in distances.items()
    }


def _thinned(tables: Cents, n: int, rng: np.random.Generator) -> Cents:
    """`n` donations of each frequency table, shape (resamples, S), drawn without replacement."""
    columns = tables.T
    kept = np.zeros_like(columns)
    to_draw = np.full(len(tables), n)
    behind = tables.sum(axis=1)
    for column, own in zip(columns, kept, strict=True):
        if n * len(tables) > MANY:  # which of all are in the column, instead of which of the column are drawn: fast where these are few
            own[:] = rng.hypergeometric(to_draw, behind - to_draw, column)
            behind = behind - column
        else:
            behind = behind - column
            own[:] = rng.hypergeometric(column, behind, to_draw)
        to_draw = to_draw - own
    return kept.T


def upper_p(resampled: Floats, observed: float) -> float:
    """Share of the resampled values, the observed one among them, that are at least as large as the observed one."""
    return (int(np.count_nonzero(resampled >= observed - TIE)) + 1) / (len(resampled) + 1)


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
    return noise_floors(human, {"": distance}, n, n_reference, rng=rng, n_resamples=n_resamples)[""]


def noise_floors(
    human: npt.ArrayLike, distances: Mapping[str, Distance], n: int, n_reference: int, *, rng: np.random.Generator, n_resamples: int = 2000
) -> dict[str, Floor]:
    """`noise_floor` of several distances by their names, of the same pairs of samples; arguments as there."""
    array = as_cents(human, "the human sample")
    for size in (n, n_reference):
        if size < 1:
            raise ValueError(f"a sample of {size!r} donations has no noise floor, expected at least 1")
    support, counts = np.unique(array, return_counts=True)
    probability = shares(counts)
    first = rng.multinomial(n, probability, size=n_resamples)
    second = rng.multinomial(n_reference, probability, size=n_resamples)
    return {name: _floor(distance(support, first, second)) for name, distance in distances.items()}


def matched_floor(human: npt.ArrayLike, *, rng: np.random.Generator, n_resamples: int = 2000) -> Floor:
    """What randomly paired humans score on `analysis.distance.l1_per_dialogue`, in dollars, at as many pairs as humans.

    Not a lower bound: guessing a constant near the median scores better than real, but unmatched, people.

    Raises:
        ValueError: if the human sample is empty.
    """
    array = as_cents(human, "the human sample")
    n = len(array)
    if n * n_resamples > MANY:
        support, counts = np.unique(array, return_counts=True)
        apart, pair = np.unique(np.abs(support[:, None] - support), return_inverse=True)
        probability = np.bincount(pair.ravel(), weights=np.outer(shares(counts), shares(counts)).ravel())
        return _floor(rng.multinomial(n, probability, size=n_resamples) @ apart / n / 100)
    values = [np.abs(array[rng.integers(n, size=n)] - array[rng.integers(n, size=n)]).mean() / 100 for _ in range(n_resamples)]
    return _floor(np.array(values))


def _floor(values: Floats) -> Floor:
    return Floor(float(values.mean()), float(np.quantile(values, 0.95)))
