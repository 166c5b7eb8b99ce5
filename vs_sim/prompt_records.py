"""The nouns of a run of a study of prompts, as `vs_sim.records` has those of dialogues; and what a run of either kind consists of."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator

from vs_sim.records import Call, ConversationSpec, Failure, Record, Transcript, VerbalizedDistribution


class PromptSpec(Record):
    """One planned asking of a study of prompts: a prompt, put once to a model by a condition's method.

    Attributes:
        id: 16 hexadecimal digits of sha256 over everything that shapes the responses (see `vs_sim.prompt_study`).
        seed: seed of the draw; shared by the conditions and models of the same prompt and replicate.
        condition: name of the condition.
        model: as named in the study.
        prompt: id of the prompt.
        replicate: number of the asking, from 0.
    """

    noun: ClassVar[str] = "asking"
    """What one is called in sentences."""
    id: str
    seed: int
    condition: str
    model: str
    prompt: str
    replicate: int = Field(ge=0)

    @property
    def arm(self) -> tuple[str, str]:
        """Condition, and the model whose replies are under study."""
        return self.condition, self.model


class Responses(Record):
    """The whole record of one asking.

    Attributes:
        spec: what was planned.
        distribution: the candidate responses; None if none could be read.
        drawn: index of the candidate that was drawn; None likewise.
        failure: why the responses are missing; None if they are there.
        started: when this attempt started, ISO 8601, UTC.
        seconds: wall time of this attempt, in seconds.
        vs_sim: version of the package that wrote it.
    """

    spec: PromptSpec
    distribution: VerbalizedDistribution | None
    drawn: int | None
    failure: Failure | None
    started: str
    seconds: float
    vs_sim: str

    @model_validator(mode="after")
    def _drawn_from_it(self) -> Responses:
        n = None if self.distribution is None else len(self.distribution.candidates)
        if (n is None) != (self.drawn is None) or (n is not None and self.drawn is not None and not 0 <= self.drawn < n):
            expected = "None without candidates" if n is None else f"0 to {n - 1}, the index of a candidate"
            raise ValueError(f"drawn {self.drawn!r}: expected {expected}")
        return self

    @property
    def complete(self) -> bool:
        """True if nothing of this asking is owed."""
        return self.failure is None

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call that it holds, in order."""
        return () if self.distribution is None else self.distribution.calls


AnySpec = ConversationSpec | PromptSpec
AnyRecord = Transcript | Responses
"""Of a study of either kind."""
