"""Draws made by hand, for the tests of what is computed from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.draws import Draw, Group
from vs_sim.condition import Condition
from vs_sim.records import Candidate, Selection, VerbalizedDistribution


def distribution(probabilities: Sequence[float], texts: Sequence[str] | None = None, **fields: Any) -> VerbalizedDistribution:
    texts = texts or [f"reply number {i} of them" for i in range(len(probabilities))]
    total = sum(probabilities)
    return VerbalizedDistribution(
        candidates=tuple(Candidate(text=t, stated=p, probability=p / total) for t, p in zip(texts, probabilities, strict=True)), **fields
    )


def draw(probabilities: Sequence[float], drawn: int = 0, persona: str = "p", conversation: str = "c", **fields: Any) -> Draw:
    return Draw(persona, conversation, distribution(probabilities, **fields), drawn)


def group(turns: Sequence[Draw] = (), decisions: Sequence[Draw] = (), select: Selection = "weighted", **keys: Any) -> Group:
    condition = Condition.model_validate({"name": "arm", "method": "vs_standard", "k": 5, "select": select, **keys})
    return Group("arm", condition, "scripted:model", tuple(turns), tuple(decisions))


def seeded(n: int, select: Selection, seed: int = 1, k: int = 4) -> list[Draw]:
    """Distributions that all differ, each drawn from by the rule; two to a persona."""
    rng = np.random.default_rng(seed)
    draws = []
    for i in range(n):
        one = distribution(rng.dirichlet(np.ones(k)).tolist())
        draws.append(Draw(f"p{i // 2}", f"c{i}", one, one.draw(rng, select)))
    return draws
