"""The nouns of a run: frozen records that are written to the run folder as they stand.

A record never stands in for something that was not observed: an absent value is None, never 0, "" or 1.0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["persuader", "persuadee"]
Selection = Literal["weighted", "uniform", "argmax"]
MAX_CENTS = 200
"""What a participant was paid for the task in PersuasionForGood, in cents: the most that can be given."""


def printable(text: str) -> str:
    """Text of a model or an endpoint on one line, without the control characters that could steer a terminal."""
    return "".join(c if c.isprintable() else " " for c in " ".join(text.split()))


def is_person(model: str) -> bool:
    """Whether the name of a "model" says that a person spoke: ``"human:persuasionforgood"``, ``"human:terminal"``."""
    return model.startswith("human:")


def machinery_only(models: Iterable[str]) -> bool:
    """Whether all models are small or scripted ones, which show the machinery and are no evidence about the method."""
    return all(model.startswith(("embedded:", "scripted:")) for model in models)


class Record(BaseModel):
    """A frozen record; unknown fields are refused, so that a file from another version is not read by mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Usage(Record):
    """Tokens of one call as the provider counted them; None where the provider did not say."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None

    @property
    def counted(self) -> bool:
        """Whether the provider counted both prompt and reply."""
        return self.prompt_tokens is not None and self.completion_tokens is not None


class Call(Record):
    """One question to a model and its answer, as journalled.

    Attributes:
        step: place within the conversation, such as ``"t003.ask"``.
        model: the model asked, as named in the study.
        model_returned: the model's name as the provider returned it; None if it did not.
        text: the reply, raw.
        finish_reason: why the model stopped, in the provider's word; ``"refusal"`` if it refused in a field of its own.
        seconds: wall time of the answered request, in seconds.
        tries: number of requests made until this answer came, at least 1.
        service_tier: the tier that answered, in the provider's word; None if it does not say.
    """

    step: str
    model: str
    model_returned: str | None
    text: str
    finish_reason: str | None
    usage: Usage
    seconds: float
    tries: int
    service_tier: str | None = None


class Candidate(Record):
    """One possible reply of a turn.

    Attributes:
        text: the reply.
        stated: the probability (or perplexity, or negative log-likelihood) exactly as the model gave it; None if absent or not asked.
        probability: normalised probability, 0 to 1; the candidates of a distribution sum to 1.
        repairs: names of the repairs that were needed to read this candidate.
        above_tau: True if the probability as read, before normalisation, exceeds tau; None where no tau was asked for or no
            probability could be read.
        n_given: how often the model gave it; equal ones are merged and their probabilities added.
    """

    text: str
    stated: float | int | str | None
    probability: float = Field(ge=0.0, le=1.0)
    repairs: tuple[str, ...] = ()
    above_tau: bool | None = None
    n_given: int = Field(default=1, ge=1)


class VerbalizedDistribution(Record):
    """The candidates of one turn with their normalised probabilities.

    Attributes:
        candidates: at least one candidate, in the order in which the model gave them.
        stated_sum: sum of the readable probabilities as stated, before normalisation; None where none were asked or the wording is
            not a probability.
        repairs: names of the repairs made on the distribution as a whole.
        calls: the calls it was read from, in order: what was asked and what was repaired.
    """

    candidates: tuple[Candidate, ...] = Field(min_length=1)
    stated_sum: float | None = None
    repairs: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()

    @model_validator(mode="after")
    def _sums_to_one(self) -> VerbalizedDistribution:
        total = math.fsum(c.probability for c in self.candidates)
        if not math.isclose(total, 1.0, abs_tol=1e-9):
            raise ValueError(f"probabilities of the candidates sum to {total!r}, expected 1")
        return self

    @property
    def mended(self) -> frozenset[str]:
        """Repairs made on the distribution or a candidate, and ``"asked_again"``; empty if it was read as asked, at the first request.

        A sum other than 1 is no damage: it is what was verbalized.
        """
        repairs = {*self.repairs, *(name for c in self.candidates for name in c.repairs)} - {"normalised_sum"}
        return frozenset(repairs | ({"asked_again"} if any(".again" in call.step for call in self.calls) else set()))

    @property
    def probabilities(self) -> tuple[float, ...]:
        """Normalised probabilities, in the order of the candidates."""
        return tuple(c.probability for c in self.candidates)

    @property
    def above_tau(self) -> bool | None:
        """Whether a candidate is above tau; None where no tau was asked for or no probability could be read."""
        known = [c.above_tau for c in self.candidates if c.above_tau is not None]
        return any(known) if known else None

    def draw(self, rng: np.random.Generator, select: Selection = "weighted") -> int:
        """Index of one candidate.

        Args:
            rng: generator of the turn; exactly one number is taken from it, whatever `select` is.
            select: ``"weighted"`` by the normalised probabilities, ``"uniform"``, or ``"argmax"`` (the first of the most probable).

        Returns:
            Index into `candidates`, 0 to len - 1.
        """
        u = rng.random()
        if select == "uniform":
            return min(int(u * len(self.candidates)), len(self.candidates) - 1)
        if select == "argmax":
            return max(range(len(self.candidates)), key=lambda i: self.candidates[i].probability)
        cumulative = np.cumsum(self.probabilities)
        return int(np.searchsorted(cumulative, u * cumulative[-1], side="right"))

    def sample(self, seed: int, select: Selection = "weighted") -> Candidate:
        """The candidate drawn with a generator seeded by `seed`: the same seed gives the same candidate."""
        return self.candidates[self.draw(np.random.default_rng(seed), select)]

    def argmax(self) -> Candidate:
        """The most probable candidate; the first of them if several are."""
        return max(self.candidates, key=lambda c: c.probability)

    def filter(self, keep: Callable[[Candidate], bool]) -> VerbalizedDistribution:
        """The distribution over the candidates that `keep` accepts, normalised again.

        Raises:
            ValueError: if no candidate, or none with a probability above 0, is left.
        """
        kept = [c for c in self.candidates if keep(c)]
        return self._with(kept, [c.probability for c in kept])

    def reweight(self, weight: Callable[[Candidate], float]) -> VerbalizedDistribution:
        """The distribution with each candidate's probability proportional to `weight(candidate)`.

        Raises:
            ValueError: if a weight is negative or not finite, or all are 0.
        """
        return self._with(self.candidates, [weight(c) for c in self.candidates])

    def _with(self, candidates: Sequence[Candidate], weights: Sequence[float]) -> VerbalizedDistribution:
        if any(not math.isfinite(w) or w < 0 for w in weights):
            raise ValueError(f"weights must be finite and not negative, got {list(weights)!r}")
        largest = max(weights, default=0.0)
        if largest <= 0:
            raise ValueError(f"no candidate is left to draw from: weights are {list(weights)!r}")
        weights = [w / largest for w in weights]  # so that neither very large nor very small ones are lost in the sum
        total = math.fsum(weights)
        return self.model_copy(
            update={"candidates": tuple(c.model_copy(update={"probability": w / total}) for c, w in zip(candidates, weights, strict=True))}
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON: candidates with stated and normalised probability, repairs, and the calls."""
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        """A table, most probable candidate first."""
        rows = ["  prob  stated    reply"]
        for c in sorted(self.candidates, key=lambda c: -c.probability):
            marks = [*c.repairs, *(["above tau"] if c.above_tau else [])]
            stated = "-" if c.stated is None else str(c.stated)
            rows.append(f"  {c.probability:.3f} {stated:<8.8}  {printable(c.text)}" + (f"  [{', '.join(marks)}]" if marks else ""))
        if self.repairs:
            rows.append(f"  repairs: {', '.join(self.repairs)}")
        return "\n".join(rows)


class Turn(Record):
    """One speaker's contribution.

    Attributes:
        index: place in the dialogue, from 0; the persuader has the even ones.
        role: who speaks.
        text: what was said.
        distribution: the candidates that it was drawn from; None for the persuader, who is not sampled, and for people.
        drawn: index of the candidate that was said; None likewise.
        calls: the calls made for this turn; empty where `distribution` carries them.
    """

    index: int = Field(ge=0)
    role: Role
    text: str
    distribution: VerbalizedDistribution | None = None
    drawn: int | None = None
    calls: tuple[Call, ...] = ()

    @property
    def round(self) -> int:
        """Number of the round (persuader and persuadee once each), from 1; P4G counts its "turns" this way, from 0."""
        return self.index // 2 + 1


class Decision(Record):
    """What the persuadee really gives, decided in private after the chat (P4G's B6).

    Attributes:
        amount: whole units of the study's scale (`vs_sim.scenario`), which are cents for the donation; people could add money of
            their own there.
        distribution: the candidate amounts (texts are whole cents) that it was drawn from; None for a human.
        drawn: index of the candidate that was drawn; None for a human.
        calls: what a person typed; empty where `distribution` carries the calls.
    """

    amount: int = Field(ge=0)
    distribution: VerbalizedDistribution | None = None
    drawn: int | None = None
    calls: tuple[Call, ...] = ()


class StopReason(StrEnum):
    """Why a dialogue ended."""

    ROUNDS_DONE = "rounds_done"
    MUTUAL_GOODBYE = "mutual_goodbye"
    REFUSED_TO_CONTINUE = "refused_to_continue"
    CONTEXT_FULL = "context_full"
    ERROR = "error"


class Failure(Record):
    """Why a conversation is missing.

    Attributes:
        kind: name of the error class in `vs_sim.errors`, with the reason of a ReplyError behind a colon.
        message: the sentence for a person.
        step: where it happened, such as ``"t003"`` or ``"decide"``.
        raw: the reply that could not be read; None if there was none.
    """

    kind: str
    message: str
    step: str
    raw: str | None = None


class ConversationSpec(Record):
    """One planned conversation.

    Attributes:
        id: 16 hexadecimal digits of sha256 over everything that shapes the conversation (see `vs_sim.plan`).
        seed: seed of the draws; shared by the conditions and models of the same pair of personas and replicate, so that conditions
            can be compared pairwise.
        condition: name of the condition.
        persuader_model, persuadee_model: models as named in the study.
        persuader, persuadee: ids of the personas.
        replicate: number of the repetition, from 0.
        human_cents: what the human whom the persuadee is matched to gave, whole cents; None where there is no match.
    """

    noun: ClassVar[str] = "conversation"
    """What one is called in sentences."""
    id: str
    seed: int
    condition: str
    persuader_model: str
    persuadee_model: str
    persuader: str
    persuadee: str
    replicate: int = Field(ge=0)
    human_cents: int | None = None

    @property
    def arm(self) -> tuple[str, str]:
        """Condition, and the model whose replies are under study."""
        return self.condition, self.persuadee_model


class Transcript(Record):
    """The whole record of one conversation.

    Attributes:
        spec: what was planned.
        turns: what was said, in order, with every candidate.
        decision: what the persuadee gave; None if it never came to that.
        stop_reason: why the dialogue ended.
        failure: why the conversation is missing; None if it is complete.
        started: when this attempt started, ISO 8601, UTC.
        seconds: wall time of this attempt, in seconds.
        vs_sim: version of the package that wrote it.
    """

    spec: ConversationSpec
    turns: tuple[Turn, ...]
    decision: Decision | None
    stop_reason: StopReason
    failure: Failure | None
    started: str
    seconds: float
    vs_sim: str

    @property
    def complete(self) -> bool:
        """True if nothing of this conversation is owed."""
        return self.failure is None

    @property
    def utterances(self) -> tuple[tuple[Role, str], ...]:
        """(role, text) of every turn, in order: what `vs_sim.outcome` reads."""
        return tuple((t.role, t.text) for t in self.turns)

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call that it holds, in order: those of its turns, then those of the decision."""
        drawn = [(turn.calls, turn.distribution) for turn in self.turns]
        drawn += [] if self.decision is None else [(self.decision.calls, self.decision.distribution)]
        return tuple(call for own, d in drawn for call in (*own, *(() if d is None else d.calls)))


class StatedDonation(Record):
    """The donation that the persuadee says in the dialogue that it intends to give (P4G's B5).

    Attributes:
        status: ``"amount"``, ``"refused"`` or ``"undetermined"``.
        cents: whole cents if status is ``"amount"``, otherwise None.
        turn: index of the utterance that it was read from; None if undetermined without any evidence.
        span: start and end of the words in that utterance, in characters; None likewise.
    """

    status: Literal["amount", "refused", "undetermined"]
    cents: int | None = None
    turn: int | None = None
    span: tuple[int, int] | None = None


class Outcome(Record):
    """Both donations of one conversation.

    Attributes:
        stated: the intended donation, read from the dialogue (P4G's B5).
        actual_cents: the donation decided in private after the chat (P4G's B6), whole cents, 0 to 200; None if missing.
    """

    stated: StatedDonation
    actual_cents: int | None

    @property
    def stated_cents(self) -> int | None:
        """Whole cents said in the dialogue: the amount, 0 for an explicit refusal, None if undetermined."""
        return 0 if self.stated.status == "refused" else self.stated.cents
