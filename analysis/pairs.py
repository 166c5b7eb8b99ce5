"""Two conditions that share personas and seeds, compared pair by pair: what differs between them is the condition alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from analysis.compare import clean, distances_on, summaries_on, unit_of
from analysis.distance import Floats, tabulate
from analysis.samples import Arm, Cents, Cleaning, HumanSample, Which
from analysis.uncertainty import Interval, bootstrap_table, distance_interval, percentile_interval, permutation_ps, upper_p
from vs_sim.human.reference import person
from vs_sim.records import Record


class Difference(Record):
    """How much one metric differs between two conditions.

    Attributes:
        metric: name of the metric. For a distance, negative means that the second condition is nearer to the humans.
        unit: ``share``, that of the scale (``cents``) or ``dollars``.
        value: second condition minus first.
        low, high: 95 % interval; personas are resampled with all their conversations under both conditions, and humans.
        p: permutation p of ``share_zero``, ``mean`` and ``l1_per_dialogue``: conditions are swapped at random within personas. None for
            the others, since conditions that are equally far from the humans need not be alike, and for fewer than two personas.
    """

    metric: str
    unit: str
    value: float | None
    low: float | None
    high: float | None
    p: float | None


class PairedComparison(Record):
    """Two conditions of the same persuadee model on the pairs of conversations that both have.

    Attributes:
        first, second: labels of the conditions.
        which, cleaning: the donation compared, and what was done with amounts above 200 cents.
        n_pairs: pairs of conversations with the same personas, replicate and seed, and a donation in both.
        n_personas: personas behind them.
        n_unpaired: conversations with a donation that have no such partner.
        differences: metric by metric, second minus first.
        seed, n_resamples: of the resampling.
    """

    first: str
    second: str
    which: Which
    cleaning: Cleaning
    n_pairs: int
    n_personas: int
    n_unpaired: int
    differences: tuple[Difference, ...]
    seed: int
    n_resamples: int

    def difference(self, metric: str) -> Difference:
        """The difference in that metric.

        Raises:
            KeyError: if there is none.
        """
        for difference in self.differences:
            if difference.metric == metric:
                return difference
        raise KeyError(f"no metric {metric!r}, expected one of {', '.join(d.metric for d in self.differences)}")


def compare_pairs(first: Arm, second: Arm, human: HumanSample, *, seed: int, n_resamples: int = 2000) -> PairedComparison:
    """Compares two conditions on the conversations that share personas and seed.

    Args:
        first: a condition, such as direct prompting.
        second: another one of the same study.
        human: the humans whose distance is compared; their cleaning rule holds for all.
        seed: of all resampling, 0 or more.
        n_resamples: number of bootstrap samples and of permutations, at least 1.

    Raises:
        ValueError: if the two are different donations, or a condition has two conversations with the same persona and seed.
    """
    if first.which != second.which:
        raise ValueError(f"{first.label!r} has {first.which} donations and {second.label!r} {second.which} ones, expected the same")
    ours, theirs = _by_key(first, human), _by_key(second, human)
    keys = [key for key in ours if key in theirs]
    a = np.array([ours[key][0] for key in keys], dtype=np.int64)
    b = np.array([theirs[key][0] for key in keys], dtype=np.int64)
    names, persona_of = np.unique(np.array([person(key[0]) for key in keys], dtype=str), return_inverse=True)
    differences: list[Difference] = []
    if keys:
        differences = _differences(a, b, persona_of, len(names), human, seed, n_resamples)
        matched = [] if first.which == "stated" else [(i, m) for i, key in enumerate(keys) if (m := ours[key][1]) is not None]
        if matched:
            differences.append(_l1(a, b, persona_of, matched, seed, n_resamples))
    return PairedComparison(
        first=first.label,
        second=second.label,
        which=first.which,
        cleaning=human.cleaning,
        n_pairs=len(keys),
        n_personas=len(names),
        n_unpaired=len(ours) + len(theirs) - 2 * len(keys),
        differences=tuple(differences),
        seed=seed,
        n_resamples=n_resamples,
    )


def _by_key(arm: Arm, people: HumanSample) -> dict[tuple[str, int], tuple[int, int | None]]:
    """(persona, seed) -> donation after the cleaning rule, and the matched human's (None if there is none or the rule drops it)."""
    cents, kept = clean(arm.cents, people.cleaning, people.scale)
    rows = [row for row, keep in zip(zip(arm.personas, arm.seeds, arm.human_cents, strict=True), kept, strict=True) if keep]
    found: dict[tuple[str, int], tuple[int, int | None]] = {}
    for (persona, seed, human), donation in zip(rows, cents.tolist(), strict=True):
        if (persona, seed) in found:
            raise ValueError(f"{arm.label!r} has two conversations of persona {persona!r} with seed {seed!r}, expected one a pair")
        human_left, _ = clean(np.array([] if human is None else [human], dtype=np.int64), people.cleaning, people.scale)
        found[persona, seed] = donation, int(human_left[0]) if len(human_left) else None
    return found


def _differences(
    a: Cents, b: Cents, persona_of: Cents, n_personas: int, sample: HumanSample, seed: int, n_resamples: int
) -> list[Difference]:
    human = sample.cents
    support = np.unique(np.concatenate([a, b, human]))
    tables = np.zeros((2, n_personas, len(support)), dtype=np.int64)
    for table, cents in zip(tables, (a, b), strict=True):
        np.add.at(table, (persona_of, np.searchsorted(support, cents)), 1)
    human_counts = tabulate(human, support)
    rng_people, rng_human, rng_swap, rng_p = np.random.default_rng(seed).spawn(4)
    drawn = rng_people.multinomial(n_personas, np.full(n_personas, 1 / n_personas), size=n_resamples)
    both = tables.sum(axis=1)
    swapped = rng_swap.integers(2, size=(n_resamples, n_personas)) @ (tables[1] - tables[0])

    found = []
    for name, summary in summaries_on(sample.scale).items():
        of = partial(summary, support)
        value = float(of(both[1]) - of(both[0]))
        interval = (
            percentile_interval(of(drawn @ tables[1]) - of(drawn @ tables[0]), n=n_personas)
            if n_personas > 1 and not np.isnan(value)
            else None
        )
        low, high = interval or (None, None)
        p = None
        if n_personas > 1 and name in ("share_zero", "mean"):
            p = upper_p(np.abs(of(both[1] - swapped) - of(both[0] + swapped)), abs(value))
        unit = unit_of(name, sample.scale)
        found.append(Difference(metric=name, unit=unit, value=None if np.isnan(value) else value, low=low, high=high, p=p))
    if sample.n == 0:
        return found
    human_draws = bootstrap_table(human_counts, sample.n_effective, rng=rng_human, n_resamples=n_resamples)
    distances = distances_on(sample.scale)
    persona_names = [str(i) for i in persona_of]
    ps: list[Mapping[str, float]] = [{}, {}]
    varied = n_personas > 1 and sample.n_effective > 1  # one of either does not show how they vary
    if varied:
        ps = [
            permutation_ps(x, human, distances, rng=rng_p, n_resamples=n_resamples, clusters=persona_names, n_effective=sample.n_effective)
            for x in (a, b)
        ]
    for name, distance in distances.items():
        values = [float(distance(support, counts, human_counts)) for counts in both]
        interval = None
        if varied and (np.count_nonzero(both, axis=1) > 1).all():  # one amount alone does not show how it varies
            resampled = [distance(support, drawn @ table, human_draws) for table in tables]
            interval = _distance_difference(values, resampled, [p[name] for p in ps], n_personas)
        low, high = interval or (None, None)
        unit = unit_of(name, sample.scale)
        found.append(Difference(metric=name, unit=unit, value=values[1] - values[0], low=low, high=high, p=None))
    return found


def _distance_difference(values: Sequence[float], resampled: Sequence[Floats], ps: Sequence[float], n: int) -> Interval | None:
    """Interval of the second distance minus the first.

    Resampling adds to both distances, and more to the smaller; the interval is moved back by that. A condition that cannot be told from
    the humans may have no distance at all: the interval then reaches as far as the other's distance does.
    """
    moved = resampled[1] - resampled[0]
    interval = percentile_interval(moved - (moved.mean() - (values[1] - values[0])), n=n)
    own = [distance_interval(draws, value, p, n=n) for draws, value, p in zip(resampled, values, ps, strict=True)]
    if interval is None:
        return None
    low = min(interval.low, -own[0].high) if own[0] is not None and ps[1] > 0.05 else interval.low
    high = max(interval.high, own[1].high) if own[1] is not None and ps[0] > 0.05 else interval.high
    return Interval(low, high)


def _l1(a: Cents, b: Cents, persona_of: Cents, matched: list[tuple[int, int]], seed: int, n_resamples: int) -> Difference:
    """Difference of `l1_per_dialogue`, in dollars, on the pairs whose persona is matched to a human."""
    index = np.array([i for i, _ in matched])
    human = np.array([cents for _, cents in matched])
    each = (np.abs(b[index] - human) - np.abs(a[index] - human)) / 100
    names, person = np.unique(persona_of[index], return_inverse=True)
    totals, sizes = np.bincount(person, weights=each), np.bincount(person)
    rng_people, rng_swap = np.random.default_rng(seed).spawn(2)
    value = float(each.mean())
    if len(names) < 2:
        return Difference(metric="l1_per_dialogue", unit="dollars", value=value, low=None, high=None, p=None)
    drawn = rng_people.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    signs = 1 - 2 * rng_swap.integers(2, size=(n_resamples, len(names)))
    low, high = percentile_interval((drawn @ totals) / (drawn @ sizes), n=len(names)) or (None, None)
    p = upper_p(np.abs(signs @ totals) / sizes.sum(), abs(value))
    return Difference(metric="l1_per_dialogue", unit="dollars", value=value, low=low, high=high, p=p)
