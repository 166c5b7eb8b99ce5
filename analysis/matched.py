"""Simulated donations against those of the humans whom the personas are matched to, one by one."""

from __future__ import annotations

import numpy as np

from analysis.distance import l1_per_dialogue, shares
from analysis.metric import Metric
from analysis.samples import Arm, Cents, HumanSample
from analysis.uncertainty import Floor, bootstrap_ratio, matched_floor, numbered
from vs_sim.human.reference import person


def l1_to_matched(arm: Arm, people: HumanSample, rng: np.random.Generator, n_resamples: int) -> tuple[Metric, int]:
    """`l1_per_dialogue` with everything beside it, and the number of matched pairs.

    Args:
        arm: simulated donations; pairs are those with a matched human, of actual donations only.
        people: whose cleaning rule and scale hold; a pair goes if the rule drops either side.
        rng: of all resampling.
        n_resamples: number of bootstrap samples and floor pairs, at least 1.
    """
    most = people.scale.high
    pairs = [
        (simulated, human, persona)
        for simulated, human, persona in zip(arm.cents.tolist(), arm.human_cents, arm.personas, strict=True)
        if arm.which == "actual" and human is not None and not (people.cleaning == "drop" and max(simulated, human) > most)
    ]
    if not pairs:
        return Metric(name="l1_per_dialogue", unit="dollars" if people.scale.money else people.scale.unit), 0
    simulated = np.array([s for s, _, _ in pairs], dtype=np.int64)
    human = np.array([h for _, h, _ in pairs], dtype=np.int64)
    if people.cleaning == "cap":
        simulated, human = np.minimum(simulated, most), np.minimum(human, most)
    people_of = numbered([person(p) for _, _, p in pairs])
    interval = bootstrap_ratio(np.abs(simulated - human) / 100, people_of, rng=rng, n_resamples=n_resamples)
    each = {persona: h for (_, _, persona), h in zip(pairs, human.tolist(), strict=True)}  # a persona's conversations share one human
    floor: Floor = matched_floor(np.array(list(each.values()), dtype=np.int64), rng=rng, n_resamples=n_resamples)
    median = int(np.median(human))
    return Metric(
        name="l1_per_dialogue",
        unit="dollars",
        value=l1_per_dialogue(simulated, human),
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        floor_mean=floor.mean,
        floor_q95=floor.q95,
        baseline_zero=l1_per_dialogue(np.full_like(human, people.scale.low), human),
        baseline_median=l1_per_dialogue(np.full_like(human, median), human),
        baseline_shuffled=shuffled_l1(human),
    ), len(pairs)


def shuffled_l1(human: Cents) -> float:
    """Mean of `l1_per_dialogue` over all orders in which the matched humans can be shuffled, in dollars: exact, without drawing.

    Each human is equally likely to land on each, so the mean is that over all pairs, counted from the distribution function.
    """
    support, counts = np.unique(human, return_counts=True)
    below = np.cumsum(shares(counts))[:-1]
    return float(2 * (below * (1 - below) * np.diff(support)).sum() / 100)
