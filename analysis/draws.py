"""The draws of a run: distributions and what was drawn from each, per condition; what every analysis of them starts from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.distance import Floats
from vs_sim.condition import ONE_REPLY, Condition
from vs_sim.human.reference import person
from vs_sim.records import Selection, Transcript, VerbalizedDistribution


@dataclass(frozen=True)
class Draw:
    """One distribution and what was drawn from it.

    Attributes:
        persona: the person behind the persuadee's persona, who may be matched under several ids (`vs_sim.human.reference.person`).
        conversation: id of the conversation.
        distribution: the candidates.
        drawn: index of the one that was drawn.
    """

    persona: str
    conversation: str
    distribution: VerbalizedDistribution
    drawn: int


@dataclass(frozen=True)
class Group:
    """The draws of one condition and persuadee model.

    Attributes:
        arm: name of the condition, with the model behind it where the run has several.
        condition: the condition.
        model: the persuadee's model.
        turns: draws of the persuadee's turns.
        decisions: draws of the private decision.
    """

    arm: str
    condition: Condition
    model: str
    turns: tuple[Draw, ...]
    decisions: tuple[Draw, ...]


def groups(transcripts: Iterable[Transcript], conditions: Sequence[Condition]) -> tuple[list[Group], list[str]]:
    """The draws per condition and persuadee model, of complete conversations, in the order of the conditions.

    Args:
        transcripts: of one run.
        conditions: of its study; methods that ask for a single reply have no distribution and are left out.

    Returns:
        The groups, and the names of the conditions that were left out.
    """
    found: dict[tuple[str, str], list[Transcript]] = {}
    for transcript in transcripts:
        if transcript.complete:
            found.setdefault((transcript.spec.condition, transcript.spec.persuadee_model), []).append(transcript)
    models = list(dict.fromkeys(model for _, model in found))
    kept = []
    for condition in conditions:
        for model in models:
            of_arm = found.get((condition.name, model))
            if condition.method not in ONE_REPLY and of_arm:
                arm = condition.name if len(models) == 1 else f"{condition.name} ({model})"
                turns = tuple(d for t in of_arm for d in turn_draws(t))
                kept.append(Group(arm, condition, model, turns, tuple(d for t in of_arm if (d := decision_draw(t)))))
    return kept, [c.name for c in conditions if c.method in ONE_REPLY]


def turn_draws(transcript: Transcript) -> list[Draw]:
    """The draws of a conversation's turns, in order; empty for a human."""
    return [
        Draw(person(transcript.spec.persuadee), transcript.spec.id, turn.distribution, turn.drawn)
        for turn in transcript.turns
        if turn.distribution is not None and turn.drawn is not None
    ]


def decision_draw(transcript: Transcript) -> Draw | None:
    """The draw of the private decision; None for a human, or where there is no decision."""
    decision = transcript.decision
    if decision is None or decision.distribution is None or decision.drawn is None:
        return None
    return Draw(person(transcript.spec.persuadee), transcript.spec.id, decision.distribution, decision.drawn)


def selection(distribution: VerbalizedDistribution, select: Selection) -> Floats:
    """The probabilities with which a rule draws each candidate, shape (number of candidates,); as `VerbalizedDistribution.draw` does."""
    n = len(distribution.candidates)
    probabilities = np.array(distribution.probabilities)
    if select == "uniform":
        return np.full(n, 1 / n)
    if select == "argmax":
        return np.asarray(np.arange(n) == int(probabilities.argmax()), dtype=np.float64)
    return probabilities


def entropy_bits(probabilities: npt.ArrayLike) -> float:
    """Entropy in bits of probabilities that sum to 1; 0 times log 0 is 0."""
    p = np.asarray(probabilities, dtype=np.float64)
    p = p[p > 0]
    return max(0.0, float(-(p * np.log2(p)).sum()))


def resampled_sums(values: npt.ArrayLike, clusters: Sequence[str], *, rng: np.random.Generator, n_resamples: int) -> Floats | None:
    """Column sums when whole clusters are drawn with replacement.

    Args:
        values: shape (observations, columns).
        clusters: cluster of each observation, such as its persona.
        rng: generator of the draws.
        n_resamples: number of samples.

    Returns:
        Shape (n_resamples, columns); None if there are fewer than two clusters.
    """
    names, cluster_of = np.unique(np.asarray(clusters), return_inverse=True)
    if len(names) < 2:
        return None
    array = np.asarray(values, dtype=np.float64)
    totals = np.zeros((len(names), array.shape[1]))
    np.add.at(totals, cluster_of, array)
    return np.asarray(rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples) @ totals)
