"""How precise a study will be, before anything is spent: interval widths at a number of personas, and personas for a width.

The simulated persuadees are taken to vary as the humans do; if they vary less, as they often do, intervals will be narrower. What
counts are personas: replicates of a persona add little, how little is not known before the run.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from scipy import stats

from analysis.distance import ks_of
from analysis.samples import Cents, HumanSample
from analysis.uncertainty import noise_floor
from vs_sim.records import Record

PlannedMetric = Literal["share_zero", "mean", "mean_positive", "ks"]
PLANNED: tuple[PlannedMetric, ...] = ("share_zero", "mean", "mean_positive", "ks")
_Z95, _Z90, _Z80 = (float(stats.norm.ppf(q)) for q in (0.975, 0.95, 0.90))
"""For a 95 % interval, for each of two one-sided tests at 5 %, and for 80 % power of both if there is no difference."""


class Precision(Record):
    """What to expect of a condition with a number of personas.

    Attributes:
        n_personas: the number.
        half_widths: metric -> half of the width of its 95 % interval; shares (``share_zero``, ``ks``) or cents (``mean``,
            ``mean_positive``). That of ``ks`` is the widest that there can be.
        ks_floor_mean, ks_floor_q95: KS of as many humans against the humans, mean and 95 % quantile: a condition that behaves
            exactly like people will score this.
    """

    n_personas: int
    half_widths: dict[str, float]
    ks_floor_mean: float
    ks_floor_q95: float


def expected_precision(human: HumanSample, n_personas: int, *, seed: int) -> Precision:
    """Interval widths and noise floor at a number of personas.

    Args:
        human: the humans that will be compared with.
        n_personas: personas a condition, at least 1.
        seed: of the floor's draws.

    Raises:
        ValueError: if there are no humans or no personas.
    """
    if n_personas < 1:
        raise ValueError(f"{n_personas!r} personas have no precision, expected at least 1")
    floor = noise_floor(human.cents, ks_of, n_personas, human.n_effective, rng=np.random.default_rng(seed), n_resamples=1000)
    half_widths = {metric: _Z95 * math.sqrt(_variance(human.cents, metric, n_personas, human.n_effective)) for metric in PLANNED}
    return Precision(n_personas=n_personas, half_widths=half_widths, ks_floor_mean=floor.mean, ks_floor_q95=floor.q95)


def personas_for_width(human: HumanSample, metric: PlannedMetric, half_width: float) -> int | None:
    """Personas a condition so that the 95 % interval of a metric reaches at most so far to either side.

    Args:
        human: the humans that will be compared with.
        metric: one of `PLANNED`.
        half_width: in shares or cents, above 0.

    Returns:
        The number; None if no number suffices, because the humans themselves are too few (``ks``).
    """
    return _personas(human, metric, (half_width / _Z95) ** 2)


def personas_for_margin(human: HumanSample, metric: PlannedMetric, margin: float) -> int | None:
    """Personas a condition so that equivalence within a margin is shown with 80 % power, if there is no difference at all.

    Args:
        human: the humans that will be compared with.
        metric: ``"share_zero"``, ``"mean"`` or ``"mean_positive"``.
        margin: in shares or cents, above 0.

    Returns:
        The number; None if no number suffices, because the humans themselves are too few.

    Source:
        Two one-sided tests by the normal distribution, Schuirmann (1987); the humans' own uncertainty counts too.
    """
    variance = (margin / (_Z90 + _Z80)) ** 2 - _variance(human.cents, metric, human.n_effective, None)
    return None if variance <= 0 else _personas(human, metric, variance)


def _personas(human: HumanSample, metric: PlannedMetric, variance: float) -> int | None:
    """The smallest number at which the variance of the estimate is at most `variance`."""
    if not variance > 1e-12:
        return None
    fixed = 0.25 / human.n_effective if metric == "ks" else 0.0
    if variance <= fixed:
        return None
    return max(2, math.ceil(_variance(human.cents, metric, 1, None) / (variance - fixed)))


def _variance(human: Cents, metric: PlannedMetric, n: int, n_human: int | None) -> float:
    """Variance of the estimate from n people; of KS at worst, with that of the human sample in it if its size is given."""
    if metric == "share_zero":
        share = float(np.mean(human == 0))
        return share * (1 - share) / n
    if metric == "mean":
        return float(human.var(ddof=1)) / n
    if metric == "mean_positive":
        positive = human[human > 0]
        return float(positive.var(ddof=1)) / (n * len(positive) / len(human))
    return 0.25 / n + (0.25 / n_human if n_human else 0.0)
