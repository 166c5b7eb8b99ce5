"""A measure of the replies of one model in one condition as a single number with its interval, and sums of such numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

import numpy as np

from analysis.coverage import Coverage
from analysis.diversity import Diversity
from analysis.quality import Judged
from analysis.uncertainty import Interval
from vs_sim.records import Record


class Level(Record):
    """How much of a measure the replies of a model have in one condition, mean over the prompts.

    Attributes:
        measure: its name, as figures and tables call it.
        condition, model: of the study.
        prompts: over which the mean is.
        n_replies: behind it.
        n_askings: of these replies; None where it is not known.
        value: the mean.
        interval: 95 %, over the askings; None where there is none.
    """

    measure: str
    condition: str
    model: str
    prompts: tuple[str, ...]
    n_replies: int
    n_askings: int | None
    value: float
    interval: Interval | None


KL, FOUND, RIGHT = "KL from the reference, nats", "share of the right answers found", "replies that are right"
DIVERSITY = {"meaning": "diversity of meaning", "words": "diversity of words"}


def weighted_sum(terms: Sequence[tuple[float, float, Interval | None]]) -> tuple[float, Interval | None]:
    """A sum of independent numbers, each with its factor, and its interval; none if one of them has none.

    Conditions, models and prompts have askings of their own, so that their numbers are independent of each other.

    Args:
        terms: factor, number, its interval.

    Source:
        Method of variance estimates recovery: Zou and Donner (2008), "Construction of confidence limits about effect measures".
    """
    total = sum(factor * value for factor, value, _ in terms)
    below = above = 0.0
    for factor, value, interval in terms:
        if interval is None:
            return total, None
        down, up = factor * (value - interval.low), factor * (interval.high - value)
        below += down**2 if factor > 0 else up**2
        above += up**2 if factor > 0 else down**2
    return total, Interval(total - float(np.sqrt(below)), total + float(np.sqrt(above)))


def of_diversity(found: Sequence[Diversity]) -> list[Level]:
    """Diversity, as far as there is some to tell."""
    return [
        Level(
            measure=DIVERSITY[one.measure],
            condition=one.condition,
            model=one.model,
            prompts=tuple(one.by_prompt),
            n_replies=one.n_replies,
            n_askings=one.n_askings,
            value=one.mean,
            interval=one.interval,
        )
        for one in found
        if one.mean is not None
    ]


def of_quality(found: Sequence[Judged]) -> list[Level]:
    """Quality by each judge and rubric, as far as there is some to tell."""
    return [
        Level(
            measure="quality" if len(found) == 1 else f"quality, {by.judge}, {by.rubric}",
            condition=one.condition,
            model=one.model,
            prompts=tuple(one.by_prompt),
            n_replies=one.n_replies,
            n_askings=None,
            value=one.mean,
            interval=one.interval,
        )
        for by in found
        for one in by.qualities
        if one.mean is not None
    ]


def of_coverage(found: Sequence[Coverage]) -> list[Level]:
    """Divergence, right answers found and precision, each over the prompts that have it."""

    def arm(one: Coverage) -> tuple[str, str]:
        return one.model, one.condition

    order = list(dict.fromkeys(map(arm, found)))
    levels = []
    for (model, condition), of_arm in groupby(sorted(found, key=lambda one: order.index(arm(one))), key=arm):
        group = list(of_arm)
        numbers: dict[str, Mapping[str, tuple[float, Interval | None]]] = {
            KL: {one.prompt: (one.kl, one.kl_interval) for one in group if one.kl is not None},
            FOUND: {
                one.prompt: (share, _part(one.n_found_interval, one.n_answers)) for one in group if (share := one.found_share) is not None
            },
            RIGHT: {one.prompt: (one.precision, one.precision_interval) for one in group if one.precision is not None},
        }
        of = {one.prompt: one for one in group}
        for measure, by_prompt in numbers.items():
            if by_prompt:
                value, interval = weighted_sum([(1 / len(by_prompt), *number) for number in by_prompt.values()])
                levels.append(
                    Level(
                        measure=measure,
                        condition=condition,
                        model=model,
                        prompts=tuple(by_prompt),
                        n_replies=sum(of[prompt].n_replies for prompt in by_prompt),
                        n_askings=sum(of[prompt].n_askings for prompt in by_prompt),
                        value=value,
                        interval=interval,
                    )
                )
    return levels


def _part(interval: Interval | None, of: int) -> Interval | None:
    return None if interval is None else Interval(interval.low / of, interval.high / of)
