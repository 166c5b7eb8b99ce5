"""Precision, recall and F1 of yes/no labels against people's, with intervals over people: shared by every check of an instrument."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analysis.measure import draw_people
from analysis.numbers import share
from analysis.uncertainty import Interval, percentile_interval, share_interval
from vs_sim.records import Record

Counts = npt.NDArray[np.int64]
"""Shape (n, 4), a row per dialogue: units that are right (by both), found (by the instrument), annotated (by people), and all."""


class Scores(Record):
    """How well an instrument finds one label; what cannot be computed is None.

    Attributes:
        n_units, n_dialogues: how many there are.
        n_annotated, n_found: how many units have the label by people, and by the instrument.
        precision, recall, f1: 0 to 1, each with the ends of its 95 % interval (people drawn with replacement; the exact
            one of a precision or recall of 0 or 1, as if it were one yes or no per person).
    """

    n_units: int
    n_dialogues: int
    n_annotated: int
    n_found: int
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    recall: float | None
    recall_low: float | None
    recall_high: float | None
    f1: float | None
    f1_low: float | None
    f1_high: float | None


def scores(counts: Counts, people: Sequence[str], *, seed: int, n_resamples: int = 2000) -> Scores:
    """Precision, recall and F1 of counted units.

    Args:
        counts: a row per dialogue.
        people: who resembles themselves, per dialogue; whole people are drawn.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples.
    """
    total = counts.sum(axis=0)
    drawing = draw_people(people, np.random.default_rng(seed), n_resamples)
    drawn = None if drawing is None else np.rint(drawing @ counts).astype(np.int64)
    people_of = np.array(people)
    numbers: dict[str, float | None] = {}
    for name, score, column in (("precision", _precision, 1), ("recall", _recall, 2), ("f1", f1, None)):
        value = float(score(total))
        numbers[name] = None if np.isnan(value) else value
        interval: Interval | None = None
        if column is not None and value in (0, 1):
            n = len(set(people_of[counts[:, column] > 0]))
            interval = share_interval(n * int(value), n)
        elif not np.isnan(value) and drawn is not None:
            resampled = score(drawn)
            interval = percentile_interval(resampled[~np.isnan(resampled)], n=len(set(people)))
        numbers[f"{name}_low"], numbers[f"{name}_high"] = interval or (None, None)
    return Scores(
        n_units=int(total[3]),
        n_dialogues=len(counts),
        n_annotated=int(total[2]),
        n_found=int(total[1]),
        **numbers,
    )


def _ratio(above: Counts, below: Counts) -> npt.NDArray[np.float64]:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=np.asarray(below) > 0), dtype=np.float64)


def _precision(counts: Counts) -> npt.NDArray[np.float64]:
    return _ratio(counts[..., 0], counts[..., 1])


def _recall(counts: Counts) -> npt.NDArray[np.float64]:
    return _ratio(counts[..., 0], counts[..., 2])


def f1(counts: Counts) -> npt.NDArray[np.float64]:
    """F1 of one row of counts, or of each; not a number where nothing is found nor annotated."""
    return _ratio(2 * counts[..., 0], counts[..., 1] + counts[..., 2])


def cell(value: float | None, low: float | None, high: float | None) -> str:
    """A share with its interval, for a table: two digits."""
    return share(value, 2) + (f" [{share(low, 2)}, {share(high, 2)}]" if low is not None else "")
