"""One condition's donations against the humans': every number with its interval, its noise floor and its baselines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from analysis.comparison import Comparison
from analysis.distance import (
    Floats,
    bin_shares_of,
    cramer_von_mises_of,
    ks_of,
    l1_bins_of,
    mean_of,
    mean_positive_of,
    median_of,
    share_zero_of,
    shares,
    tabulate,
    wasserstein_of,
)
from analysis.matched import l1_to_matched
from analysis.metric import Equivalence, Metric
from analysis.numbers import FEW_ON_ONE_SIDE
from analysis.samples import NO_HUMANS, Arm, Cents, Cleaning, HumanSample
from analysis.uncertainty import (
    Distance,
    Floor,
    Interval,
    bootstrap_clusters,
    bootstrap_table,
    difference_of_intervals,
    distance_interval,
    effective_number,
    noise_floors,
    numbered,
    percentile_interval,
    permutation_ps,
    share_interval,
)
from vs_sim.scenario import Scale

Summary = Callable[[Cents, Any], Floats]

SUMMARIES: dict[str, Summary] = {"share_zero": share_zero_of, "mean": mean_of, "mean_positive": mean_positive_of, "median": median_of}
DISTANCES: dict[str, Distance] = {
    "ks": ks_of,
    "cramer_von_mises": cramer_von_mises_of,
    "l1_bins": l1_bins_of,
    "wasserstein": wasserstein_of,
}


def unit_of(metric: str, scale: Scale) -> str:
    """Unit of a metric: amounts, and how far they have to be moved, have that of the scale; everything else is a share."""
    return scale.unit if metric in ("mean", "mean_positive", "median", "wasserstein") else "share"


def summaries_on(scale: Scale) -> dict[str, Summary]:
    """`SUMMARIES`, where nothing is the lowest amount of the scale."""
    lowest = {"share_zero": partial(share_zero_of, low=scale.low), "mean_positive": partial(mean_positive_of, low=scale.low)}
    return {**SUMMARIES, **lowest}


def distances_on(scale: Scale) -> dict[str, Distance]:
    """`DISTANCES`, with the bins of the scale."""
    return {**DISTANCES, "l1_bins": partial(l1_bins_of, edges=scale.edges)}


def compare(arm: Arm, human: HumanSample, *, seed: int, margins: Mapping[str, float] | None = None, n_resamples: int = 2000) -> Comparison:
    """Compares the donations of one condition with those of humans.

    The distributions are compared with all of `human`; `l1_per_dialogue` with the matched humans only. The cleaning rule of
    `human` holds for all of them. The noise floor is that of this very comparison: as many humans as there are personas, against as
    many as `human` is worth.

    Stated donations that are held against actual ones have neither p nor equivalence: people say other than they give. Against humans
    who are worth fewer than two independent ones there is no p, no floor and no interval of a distance or difference, since how humans vary
    is not known.

    Intervals resample personas with all their conversations, and humans. Those of distances are corrected for what resampling adds
    and reach down to 0 where equality is not rejected.

    Args:
        arm: simulated donations; may be empty.
        human: human donations, at least one; or `analysis.samples.no_humans`.
        seed: of all resampling, 0 or more; the same seed gives the same comparison.
        margins: metric -> margin within which it counts as equivalent, above 0, in shares (``share_zero``, ``ks``,
            ``cramer_von_mises``, ``l1_bins``) or units of the scale (``mean``, ``mean_positive``, ``median``, ``wasserstein``).
        n_resamples: number of bootstrap samples, permutations and floor pairs, at least 1.

    Raises:
        ValueError: if `human` is empty, the seed negative, `n_resamples` below 1, or a margin not above 0 or of an unknown metric.
    """
    margins = margins or {}
    _check(human, seed, margins, n_resamples)
    simulated, kept = clean(arm.cents, human.cleaning, human.scale)
    people_of = numbered([who for who, keep in zip(arm.people, kept, strict=True) if keep])
    rng_arm, rng_human, rng_p, rng_floor, rng_matched = np.random.default_rng(seed).spawn(5)
    support = np.union1d(simulated, human.cents)
    human_counts = tabulate(human.cents, support)
    n = len(simulated)
    n_personas = int(people_of.max()) + 1 if n else 0
    n_effective = effective_number(people_of) if n else 0
    people = _People(
        support=support,
        counts=tabulate(simulated, support),
        human_counts=human_counts,
        draws=bootstrap_clusters(simulated, people_of, support, rng=rng_arm, n_resamples=n_resamples) if n else None,
        human_draws=bootstrap_table(human_counts, human.n_effective, rng=rng_human, n_resamples=n_resamples)
        if human.n_effective > 1
        else None,
        n_personas=n_personas,
        n_effective=n_effective,
        scale=human.scale,
    )
    distances = distances_on(human.scale)
    ps: Mapping[str, float] = {}
    alike = arm.which == human.which  # what people say is not what they give: the one is never tested against the other
    if n_personas > 1 and alike and human.n_effective > 1:
        ps = permutation_ps(
            simulated,
            human.cents,
            distances,
            rng=rng_p,
            n_resamples=n_resamples,
            clusters=people_of,
            n_effective=human.n_effective,
        )
    floors: Mapping[str, Floor] = {}
    if n and human.n_effective > 1:
        floor_rng = np.random.default_rng(int(rng_floor.integers(2**32)))
        floors = noise_floors(human.cents, distances, n_effective, human.n_effective, rng=floor_rng, n_resamples=n_resamples)
    median = int(np.median(human.cents)) if human.n else None

    metrics: list[Metric] = []
    equivalences: list[Equivalence] = []
    for name in SUMMARIES:
        metric, within = _summary(name, people)
        metrics.append(metric)
        if name in margins and alike and human.n:
            equivalences.append(_equivalence(metric, margins[name], within))
    for name, distance in distances.items():
        if median is None:
            metrics.append(Metric(name=name, unit=unit_of(name, human.scale)))
            continue
        metric, within = _distance(name, distance, people, ps.get(name))
        floor = floors.get(name)
        metrics.append(
            metric.model_copy(
                update={
                    "floor_mean": floor.mean if floor else None,
                    "floor_q95": floor.q95 if floor else None,
                    "baseline_zero": _constant(distance, human.scale.low, human.cents),
                    "baseline_median": _constant(distance, median, human.cents),
                }
            )
        )
        if name in margins and alike:
            equivalences.append(_equivalence(metric, margins[name], within))
    matched, n_matched = l1_to_matched(arm, human, rng_matched, n_resamples)
    metrics.append(matched)

    return Comparison(
        scale=human.scale,
        arm=arm.label,
        condition=arm.condition,
        model=arm.model,
        which=arm.which,
        cleaning=human.cleaning,
        n_planned=arm.n_planned,
        n_missing=arm.n_missing,
        missing=arm.missing,
        n=n,
        n_second=arm.n_second,
        n_human_second=human.n_second,
        n_human_missing=human.n_missing,
        n_cleaned=int(np.count_nonzero(arm.cents > human.scale.high)) if human.cleaning != "all" else 0,
        n_personas=n_personas,
        n_effective=n_effective,
        n_matched=n_matched,
        n_human=human.n,
        n_human_people=human.n_people,
        n_human_effective=human.n_effective,
        n_human_dropped=human.n_dropped,
        n_human_capped=human.n_capped,
        human_source=human.source,
        human_which=human.which,
        human_median=median,
        metrics=tuple(metrics),
        equivalences=tuple(equivalences),
        support=tuple(support.tolist()),
        ecdf=tuple(np.cumsum(shares(people.counts)).tolist()) if n else None,
        human_ecdf=tuple(np.cumsum(shares(human_counts)).tolist()) if human.n else (),
        bin_edges=human.scale.edges,
        bin_shares=tuple(bin_shares_of(support, people.counts, human.scale.edges).tolist()) if n else None,
        human_bin_shares=tuple(bin_shares_of(support, human_counts, human.scale.edges).tolist()) if human.n else (),
        seed=seed,
        n_resamples=n_resamples,
    )


def _check(human: HumanSample, seed: int, margins: Mapping[str, float], n_resamples: int) -> None:
    if human.n == 0 and human.source != NO_HUMANS:
        raise ValueError(f"the human sample ({human.source}) has no donations, expected at least one")
    if seed < 0:
        raise ValueError(f"seed is {seed!r}, expected 0 or more")
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples!r}, expected at least 1")
    for name, margin in margins.items():
        if name not in SUMMARIES and name not in DISTANCES:
            raise ValueError(f"margin of {name!r}: there is no such metric, expected one of {', '.join([*SUMMARIES, *DISTANCES])}")
        if not margin > 0:
            raise ValueError(f"margin of {name!r} is {margin!r}, expected a number above 0")


@dataclass(frozen=True, eq=False)
class _People:
    """Both sides of a comparison as frequency tables over one support, with their resamples (None where there is nobody)."""

    support: Cents
    counts: Cents
    human_counts: Cents
    draws: Cents | None
    human_draws: Cents | None
    n_personas: int
    n_effective: int
    scale: Scale


def _summary(name: str, people: _People) -> tuple[Metric, Interval | None]:
    """A summary of both sides and their difference, with the 90 % interval of the difference."""
    summary = summaries_on(people.scale)[name]
    value = _known(summary(people.support, people.counts)) if people.counts.any() else None
    human = _known(summary(people.support, people.human_counts)) if people.human_counts.any() else None
    human_resampled = None if people.human_draws is None else summary(people.support, people.human_draws)
    interval, wide, narrow = None, None, None
    if people.draws is not None and value is not None:
        resampled = summary(people.support, people.draws)
        n_zero = value * people.n_effective
        if name == "share_zero" and few_on_one_side(value, people.n_effective):
            interval = share_interval(n_zero, people.n_effective)
            if human is not None and human_resampled is not None:
                wide, narrow = (
                    difference_of_intervals(
                        value, share_interval(n_zero, people.n_effective, level), human, percentile_interval(human_resampled, level)
                    )
                    for level in (0.95, 0.90)
                )
        elif (interval := percentile_interval(resampled, n=people.n_personas)) and human_resampled is not None:
            # One amount alone has none: the spread of the humans does not stand for its own.
            wide, narrow = (percentile_interval(resampled - human_resampled, level, people.n_personas) for level in (0.95, 0.90))
    low, high = _ends(interval)
    human_low, human_high = _ends(None if human_resampled is None else percentile_interval(human_resampled))
    difference_low, difference_high = _ends(wide)
    metric = Metric(
        name=name,
        unit=unit_of(name, people.scale),
        value=value,
        low=low,
        high=high,
        human=human,
        human_low=human_low,
        human_high=human_high,
        difference=None if value is None or human is None else value - human,
        difference_low=difference_low,
        difference_high=difference_high,
    )
    return metric, narrow


def few_on_one_side(share_zero: float, n_effective: int) -> bool:
    """Whether the share of those who give nothing is so near 0 or 1 that it has the exact interval."""
    n_zero = share_zero * n_effective
    return min(n_zero, n_effective - n_zero) < FEW_ON_ONE_SIDE


def exact_shares(comparisons: Iterable[Comparison]) -> list[str]:
    """Conditions whose share of those who give nothing has the exact interval."""
    return [c.arm for c in comparisons if (value := c.metric("share_zero").value) is not None and few_on_one_side(value, c.n_effective)]


def _distance(name: str, distance: Distance, people: _People, p: float | None) -> tuple[Metric, Interval | None]:
    """A distance of both sides, with its one-sided 95 % bound as an interval from 0."""
    value = float(distance(people.support, people.counts, people.human_counts)) if people.counts.any() else None
    interval = bound = None
    # People who all give the same (mode collapse) do not show how they vary: the spread of the humans does not stand for it.
    if people.draws is not None and people.human_draws is not None and value is not None and np.count_nonzero(people.counts) > 1:
        resampled = distance(people.support, people.draws, people.human_draws)
        interval = distance_interval(resampled, value, p, n=people.n_personas)
        bound = distance_interval(resampled, value, None, 0.90, people.n_personas)
    low, high = _ends(interval)
    metric = Metric(name=name, unit=unit_of(name, people.scale), value=value, low=low, high=high, p=p)
    return metric, None if bound is None else Interval(0.0, bound.high)


def _equivalence(metric: Metric, margin: float, interval: Interval | None) -> Equivalence:
    low, high = _ends(interval)
    shown = None if low is None or high is None else -margin < low and high < margin
    return Equivalence(metric=metric.name, unit=metric.unit, margin=margin, low=low, high=high, shown=shown)


def _known(value: Floats) -> float | None:
    return None if np.isnan(value) else float(value)


def clean(cents: Cents, cleaning: Cleaning, scale: Scale) -> tuple[Cents, Sequence[bool]]:
    """Simulated donations after the rule, and which of the original ones are left."""
    if cleaning == "cap":
        return np.minimum(cents, scale.high), [True] * len(cents)
    kept = cents <= scale.high if cleaning == "drop" else np.ones(len(cents), dtype=bool)
    return cents[kept], kept.tolist()


def _constant(distance: Distance, cents: int, human: Cents) -> float:
    """The distance between "everybody gives `cents`" and the humans."""
    support = np.union1d(human, [cents])
    return float(distance(support, tabulate(np.array([cents]), support), tabulate(human, support)))


def _ends(interval: Interval | None) -> tuple[float | None, float | None]:
    return (None, None) if interval is None else (interval.low, interval.high)
