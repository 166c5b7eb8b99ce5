"""How far readers of the same dialogues agree: Cohen's kappa for two, Krippendorff's alpha for any number, with intervals.

A rating is None where a reader did not rate; that is missing, and no category. Intervals are bootstrap intervals over the rated units;
units of one cluster (the conversations of one persona, say) are drawn together, and few clusters widen an interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.uncertainty import Interval, bootstrap_ratio, percentile_interval
from vs_sim.human.reference import person
from vs_sim.records import Record, StatedDonation

Level = Literal["nominal", "ordinal", "interval", "ratio"]
Readings = Mapping[str, StatedDonation]
"""What one reader read: conversation id -> stated donation; a conversation that is not there was not rated."""

N_RESAMPLES = 1000
KINDS = ("amount", "refused", "undetermined")


class Kappa(Record):
    """Agreement of two readers on a category.

    Attributes:
        n: units that both rated.
        percent: share of them in which both chose the same category, 0 to 1; None if n is 0.
        percent_interval: its 95 % interval; None as in `analysis.uncertainty.bootstrap_ratio`.
        value: Cohen's kappa, at most 1; None if n is 0 or both used one and the same category only, when it does not exist.
        interval: its 95 % interval; None as in `analysis.uncertainty.percentile_interval`, or below two clusters.
        categories: in the order of the rows and columns of `confusion`.
        confusion: number of units by category; rows the first reader, columns the second.
    """

    n: int
    percent: float | None
    percent_interval: Interval | None
    value: float | None
    interval: Interval | None
    categories: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]


class Alpha(Record):
    """Agreement of any number of readers.

    Attributes:
        n_readers: readers that rated at least one unit.
        n_units: units that at least two of them rated; the others say nothing about agreement.
        level: level of measurement, which says how far apart two values are.
        value: Krippendorff's alpha, at most 1; None if there is no such unit or all values are the same, when it does not exist.
        interval: its 95 % interval; None as in `Kappa`.
    """

    n_readers: int
    n_units: int
    level: Level
    value: float | None
    interval: Interval | None


def cohen_kappa(
    first: Sequence[str | None],
    second: Sequence[str | None],
    categories: Sequence[str],
    *,
    clusters: Sequence[str] | None = None,
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> Kappa:
    """Agreement of two readers beyond what their own shares of the categories would give by chance.

    Args:
        first, second: category per unit, None where not rated; units that one of them did not rate are left out.
        categories: all that may occur.
        clusters: cluster of each unit; None where units are independent.
        rng: generator of the resampling.
        n_resamples: of the bootstrap.

    Raises:
        ValueError: if the lengths differ or a category is unknown.

    Source:
        Cohen (1960), "A coefficient of agreement for nominal scales".
    """
    _same_length(first, second, clusters)
    code = {category: i for i, category in enumerate(categories)}
    for category in (*first, *second):
        if category is not None and category not in code:
            raise ValueError(f"unknown category {category!r}, expected one of {', '.join(map(repr, categories))}")
    both = [i for i, (a, b) in enumerate(zip(first, second, strict=True)) if a is not None and b is not None]
    k = len(categories)
    cells = np.array([code[first[i] or ""] * k + code[second[i] or ""] for i in both], dtype=np.int64)
    names, numbers = _clusters(clusters, both)
    per_cluster = np.zeros((len(names), k * k))
    np.add.at(per_cluster, (numbers, cells), 1)
    drawn = _draws(len(names), rng, n_resamples)
    table = np.bincount(cells, minlength=k * k)
    percent, percent_interval = _share([first[i] == second[i] for i in both], [names[number] for number in numbers], rng, n_resamples)
    (value,) = _kappa_of(table[None, :].astype(np.float64), k)
    return Kappa(
        n=len(both),
        percent=percent,
        percent_interval=percent_interval,
        value=None if np.isnan(value) else float(value),
        interval=None if drawn is None else percentile_interval(_kappa_of(drawn @ per_cluster, k), n=len(names)),
        categories=tuple(categories),
        confusion=tuple(tuple(int(x) for x in row) for row in table.reshape(k, k)),
    )


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]],
    level: Level,
    *,
    clusters: Sequence[str] | None = None,
    rng: np.random.Generator,
    n_resamples: int = N_RESAMPLES,
) -> Alpha:
    """Agreement of any number of readers, of whom each need not rate every unit, beyond chance.

    Args:
        ratings: a row per reader with a number per unit (for categories any numbers that name them), None where not rated.
        level: ``"nominal"`` for categories; ``"interval"`` takes values apart by their difference, ``"ratio"`` by their difference
            relative to their sum, as fits amounts of money.
        clusters: cluster of each unit; None where units are independent.
        rng: generator of the resampling.
        n_resamples: of the bootstrap; readers are kept, units drawn.

    Raises:
        ValueError: if the rows differ in length.

    Source:
        Krippendorff (2011), "Computing Krippendorff's alpha-reliability"; computed by the package ``krippendorff``. Its own bootstrap
        draws deviations; ours draws units, in whole clusters.
    """
    _same_length(*ratings, clusters)
    n_readers = sum(any(value is not None for value in row) for row in ratings)
    table = np.array([[np.nan if value is None else float(value) for value in row] for row in ratings], dtype=np.float64)
    pairable = [] if table.size == 0 else np.flatnonzero((~np.isnan(table)).sum(axis=0) > 1).tolist()
    values = table[:, pairable] if pairable else np.empty((len(ratings), 0))
    domain = np.unique(values[~np.isnan(values)])
    counts = (values.T[..., None] == domain).sum(axis=1)
    names, numbers = _clusters(clusters, pairable)
    drawn = _draws(len(names), rng, n_resamples)
    interval = None
    if drawn is not None:
        found = (_alpha_of(np.repeat(counts, row, axis=0), domain, level) for row in drawn[:, numbers])
        interval = percentile_interval([np.nan if value is None else value for value in found], n=len(names))
    value = _alpha_of(counts, domain, level)
    return Alpha(n_readers=n_readers, n_units=len(pairable), level=level, value=value, interval=interval)


def _alpha_of(counts: npt.NDArray[Any], domain: npt.NDArray[np.float64], level: Level) -> float | None:
    used = counts.any(axis=0)
    if np.count_nonzero(used) < 2:
        return None
    import krippendorff

    return float(krippendorff.alpha(value_counts=counts[:, used], value_domain=domain[used], level_of_measurement=level))


def _same_length(*rows: Sequence[Any] | None) -> None:
    lengths = [len(row) for row in rows if row is not None]
    if len(set(lengths)) > 1:
        raise ValueError(f"ratings and clusters have {', '.join(map(str, lengths))} units, expected the same number of each")


def _clusters(clusters: Sequence[str] | None, units: Sequence[int]) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The clusters of some units, and the number of each unit's cluster among them."""
    of_unit = [str(i) if clusters is None else clusters[i] for i in units]
    names = sorted(set(of_unit))
    number = {name: i for i, name in enumerate(names)}
    return names, np.array([number[name] for name in of_unit], dtype=np.int64)


def _draws(n_clusters: int, rng: np.random.Generator, n_resamples: int) -> npt.NDArray[np.int64] | None:
    """How often each cluster is drawn, shape (n_resamples, n_clusters); None below two, since nothing is then known of how they vary."""
    return None if n_clusters < 2 else rng.multinomial(n_clusters, np.full(n_clusters, 1 / n_clusters), size=n_resamples)


def _share(
    equal: Sequence[bool], clusters: Sequence[str], rng: np.random.Generator, n_resamples: int
) -> tuple[float | None, Interval | None]:
    """Share of equal ratings with its interval."""
    if not equal:
        return None, None
    return sum(equal) / len(equal), bootstrap_ratio(equal, clusters, rng=rng, n_resamples=n_resamples)


def _kappa_of(tables: npt.NDArray[np.float64], k: int) -> npt.NDArray[np.float64]:
    """Cohen's kappa of flattened tables; not a number where it does not exist."""
    n = tables.sum(axis=-1)
    square = tables.reshape(-1, k, k)
    # In counts: n (n - both) / (n^2 - sum of products of the margins) is 1 - kappa.
    by_chance = (square.sum(axis=1) * square.sum(axis=2)).sum(axis=-1)
    off = n * (n - square.trace(axis1=1, axis2=2))
    room = n * n - by_chance
    kappa: npt.NDArray[np.float64] = 1 - np.divide(off, room, out=np.full(len(tables), np.nan), where=room > 0)
    return kappa


class Pair(Record):
    """Agreement of two readers of stated donations.

    Attributes:
        first, second: their names.
        kind: agreement on amount, refused or undetermined.
        n_amounts: dialogues in which both read an amount.
        same_cents: share of these in which it is the same to the cent, 0 to 1; None if there is none.
        same_cents_interval: its 95 % interval; None as in `Kappa`.
    """

    first: str
    second: str
    kind: Kappa
    n_amounts: int
    same_cents: float | None
    same_cents_interval: Interval | None


class Agreement(Record):
    """Agreement of all readers of a run's stated donations.

    Attributes:
        readers: name -> kind -> number of dialogues, with ``"missing"`` for those not rated.
        pairs: every two readers.
        kind: alpha of all readers over amount, refused and undetermined.
        cents: alpha of all readers over whole cents, a refusal being 0 and undetermined missing; ratio level.
        seed: of the resampling.
    """

    readers: dict[str, dict[str, int]]
    pairs: tuple[Pair, ...]
    kind: Alpha
    cents: Alpha
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")


def agreement(readers: Mapping[str, Readings], conversations: Mapping[str, str], *, seed: int) -> Agreement:
    """How far readers of the same dialogues agree.

    Args:
        readers: name -> what that reader read.
        conversations: id -> the persuadee's persona; dialogues of one person are drawn together. The dialogues that could be read.
        seed: of the resampling.
    """
    ids, people = list(conversations), [person(persona) for persona in conversations.values()]
    rng = np.random.default_rng(seed)
    kinds = {name: [read[i].status if i in read else None for i in ids] for name, read in readers.items()}
    cents = {name: [_cents(read.get(i)) for i in ids] for name, read in readers.items()}
    names = list(readers)
    pairs = [_pair(a, b, kinds, cents, people, rng) for i, a in enumerate(names) for b in names[i + 1 :]]
    codes = [[None if kind is None else float(KINDS.index(kind)) for kind in kinds[name]] for name in names]
    return Agreement(
        readers={name: _count(kinds[name]) for name in names},
        pairs=tuple(pairs),
        kind=krippendorff_alpha(codes, "nominal", clusters=people, rng=rng),
        cents=krippendorff_alpha([cents[name] for name in names], "ratio", clusters=people, rng=rng),
        seed=seed,
    )


def _cents(stated: StatedDonation | None) -> int | None:
    if stated is None:
        return None
    return 0 if stated.status == "refused" else stated.cents


def _count(kinds: Sequence[str | None]) -> dict[str, int]:
    return {**{kind: kinds.count(kind) for kind in KINDS}, "missing": kinds.count(None)}


def _pair(
    a: str,
    b: str,
    kinds: Mapping[str, Sequence[str | None]],
    cents: Mapping[str, Sequence[int | None]],
    people: Sequence[str],
    rng: np.random.Generator,
) -> Pair:
    amounts = [i for i in range(len(people)) if kinds[a][i] == kinds[b][i] == "amount"]
    equal = [cents[a][i] == cents[b][i] for i in amounts]
    same_cents, same_cents_interval = _share(equal, [people[i] for i in amounts], rng, N_RESAMPLES)
    return Pair(
        first=a,
        second=b,
        kind=cohen_kappa(kinds[a], kinds[b], KINDS, clusters=people, rng=rng),
        n_amounts=len(amounts),
        same_cents=same_cents,
        same_cents_interval=same_cents_interval,
    )
