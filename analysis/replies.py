"""Replies of a study of prompts: the candidates of one prompt, model and condition, with their weights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vs_sim.prompt_records import PromptSpec, Responses

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Replies:
    """What a model replied to one prompt in one condition.

    Attributes:
        prompt, condition, model: of the study.
        texts: every candidate of every asking, in the order of the askings; one that a model gave twice stands there twice, since
            what is looked at is how much it repeats itself.
        weights: their normalised probabilities, one for each text; those of an asking sum to 1.
        asking: number of the asking that each text comes from, from 0 without gaps.
        drawn: for each asking, index into `texts` of the candidate that was drawn.
        n_planned: askings of the plan; what is missing of them failed or was not run.
    """

    prompt: str
    condition: str
    model: str
    texts: tuple[str, ...]
    weights: Floats
    asking: Ints
    drawn: Ints
    n_planned: int

    @property
    def n_askings(self) -> int:
        """Askings that gave candidates."""
        return len(self.drawn)


def replies(planned: Iterable[PromptSpec], records: Iterable[Responses]) -> list[Replies]:
    """The replies of a run, by prompt, condition and model in the order of the plan.

    Args:
        planned: the askings of the plan.
        records: those that ended; failed ones are missing.
    """
    n_planned: dict[tuple[str, str, str], int] = {}
    for spec in planned:
        key = (spec.prompt, *spec.arm)
        n_planned[key] = n_planned.get(key, 0) + 1
    ended: dict[tuple[str, str, str], list[Responses]] = {key: [] for key in n_planned}
    for record in records:
        if record.complete and (key := (record.spec.prompt, *record.spec.arm)) in ended:
            ended[key].append(record)
    return [_of(key, sorted(ended[key], key=lambda one: one.spec.replicate), n) for key, n in n_planned.items()]


def _of(key: tuple[str, str, str], records: list[Responses], n_planned: int) -> Replies:
    texts: list[str] = []
    weights: list[float] = []
    asking: list[int] = []
    drawn: list[int] = []
    for i, record in enumerate(records):
        if record.distribution is None or record.drawn is None:
            continue
        for j, candidate in enumerate(record.distribution.candidates):
            if j == record.drawn:
                drawn.append(len(texts))
            texts += [candidate.text] * candidate.n_given
            weights += [candidate.probability / candidate.n_given] * candidate.n_given
            asking += [i] * candidate.n_given
    prompt, condition, model = key
    arrays = np.array(weights, dtype=np.float64), np.array(asking, dtype=np.int64), np.array(drawn, dtype=np.int64)
    return Replies(prompt, condition, model, tuple(texts), *arrays, n_planned)
