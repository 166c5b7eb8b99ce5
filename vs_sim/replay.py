"""A recorded conversation, or asking, gone through again without a model: what each request said, held to the journal's digests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from vs_sim import prompts
from vs_sim.conversation import SpeakerVoice
from vs_sim.errors import RunFolderError, VsSimError
from vs_sim.graph import Conversation, build_graph
from vs_sim.limits import Gate
from vs_sim.models import Model
from vs_sim.prompt_records import Responses
from vs_sim.prompt_study import EitherStudy, PromptStudy
from vs_sim.propose import Message
from vs_sim.records import Call, Role, Transcript
from vs_sim.responses import run_prompt
from vs_sim.store import RunFolder, turn_of
from vs_sim.study import Study


@dataclass(frozen=True)
class Shown:
    """One request as a model saw it, and its answer.

    Attributes:
        step: place within the conversation, such as ``"t001.0"``.
        role: who was asked; None in a study of single prompts.
        model: the model, as named in the study.
        messages: in chat roles.
        schema: JSON schema that went with it; None if none was sent.
        answer: the reply, raw.
        checked: True if the journal holds the digest of this very request, False if it holds another's; None if it has none.
    """

    step: str
    role: Role | None
    model: str
    messages: tuple[Message, ...]
    schema: dict[str, Any] | None
    answer: str
    checked: bool | None


@dataclass
class Journal:
    """What a run's journal says of its requests; an `vs_sim.conversation.Answers` that keeps no more.

    Attributes:
        digests: (conversation, step) -> digests of the requests that were answered there.
        voids: (conversation, turn) -> how often the turn was given up and asked again at a later start.
    """

    digests: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    voids: dict[tuple[str, str], int] = field(default_factory=dict)
    _calls: dict[str, Call] = field(default_factory=dict)
    _checked: dict[str, bool | None] = field(default_factory=dict)

    def n_voids(self, conversation: str, step: str) -> int:
        """As `vs_sim.writer.Writer.n_voids`."""
        return self.voids.get((conversation, turn_of(step)), 0)

    def answered(self, conversation: str, step: str, request: str) -> Call:
        """The recorded answer; remembers whether the request is the journal's."""
        known = self.digests.get((conversation, step))
        self._checked[step] = None if known is None else request in known
        if step not in self._calls:
            raise RunFolderError(
                f"conversation {conversation} has no answer at step {step}, which is asked for now; the code changed since"
            )
        return self._calls[step]

    async def add_call(self, conversation: str, request: str, call: Call) -> None:
        """Never comes about: `answered` has every answer, or raises."""
        raise AssertionError(f"conversation {conversation}, step {call.step}: a model was asked while a record was gone through")

    def go_through(self, record: Transcript | Responses) -> None:
        """Answer from this conversation, or asking, from now on."""
        self._calls = {call.step: call for call in record.calls}
        self._checked = {}

    def checked(self, step: str) -> bool | None:
        """Whether the request at that step is the journal's."""
        return self._checked[step]


def read_journal(folder: RunFolder) -> Journal:
    """The digests of every request of a run."""
    journal = Journal()
    for row in folder.journal_rows():
        if "call" in row:
            journal.digests.setdefault((row["conversation"], row["call"]["step"]), set()).add(row["request"])
        else:
            key = (row["conversation"], turn_of(row["void"]))
            journal.voids[key] = journal.voids.get(key, 0) + 1
    return journal


def replay(study: Study, transcript: Transcript, prompts_sha256: str, journal: Journal) -> list[Shown]:
    """Every request of a complete conversation, in order, rebuilt by the functions that made it.

    Args:
        study: its study.
        transcript: the conversation, complete, between models.
        prompts_sha256: digest of the prompts that it was run with.
        journal: of its run.

    Raises:
        RunFolderError: the prompts or the code changed since, so that the requests cannot be rebuilt.
    """
    _same_prompts(prompts_sha256)
    spec = transcript.spec
    shown: list[Shown] = []

    def voice(role: Role, model: str) -> _Listening:
        return _Listening(SpeakerVoice(_silent(study, model), journal, spec), role, model, study, journal, shown)

    personas = {("persuader", p.id): p for p in study.persuaders} | {("persuadee", p.id): p for p in study.persuadees}
    conversation = Conversation(
        spec=spec,
        study=study,
        persuader=personas["persuader", spec.persuader],
        persuadee=personas["persuadee", spec.persuadee],
        voices={"persuader": voice("persuader", spec.persuader_model), "persuadee": voice("persuadee", spec.persuadee_model)},
    )
    journal.go_through(transcript)
    try:
        state = asyncio.run(build_graph(conversation).ainvoke({"turns": []}, {"recursion_limit": 10 + 3 * study.rounds}))
    except RunFolderError:
        raise
    except VsSimError as error:
        raise RunFolderError(f"conversation {spec.id} cannot be gone through again: {error}") from None
    if [(t.role, t.text) for t in state["turns"]] != list(transcript.utterances):
        raise RunFolderError(f"conversation {spec.id} went another way when it was gone through again; the code changed since")
    return shown


def replay_asking(study: PromptStudy, record: Responses, prompts_sha256: str, journal: Journal) -> list[Shown]:
    """Every request of a complete asking, in order, rebuilt by the functions that made it.

    Args:
        study: its study.
        record: the asking, complete.
        prompts_sha256: digest of the prompts that it was run with.
        journal: of its run.

    Raises:
        RunFolderError: the prompts or the code changed since, so that the requests cannot be rebuilt.
    """
    _same_prompts(prompts_sha256)
    spec = record.spec
    shown: list[Shown] = []
    prompt = next(one for one in study.prompts if one.id == spec.prompt)
    speaker = SpeakerVoice(_silent(study, spec.model), journal, spec, study.condition(spec.condition))
    voice = _Listening(speaker, None, spec.model, study, journal, shown)
    journal.go_through(record)
    again = asyncio.run(run_prompt(study, prompt, spec, voice))
    if (again.distribution, again.drawn) != (record.distribution, record.drawn):
        raise RunFolderError(f"asking {spec.id} went another way when it was gone through again; the code changed since")
    return shown


def _same_prompts(prompts_sha256: str) -> None:
    if prompts_sha256 != prompts.digest():
        raise RunFolderError("the prompts of this version of vs_sim are not those of the run; use the version that its manifest names")


class _Listening:
    """A voice of the run's own kind, and a note of all that is said to it."""

    def __init__(
        self, voice: SpeakerVoice, role: Role | None, model: str, study: EitherStudy, journal: Journal, shown: list[Shown]
    ) -> None:
        self.grid = voice.grid
        self._voice, self._role, self._model, self._study, self._journal, self._shown = voice, role, model, study, journal, shown

    async def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        call = await self._voice(step, messages, schema, max_tokens)
        sent = schema if _sends_schemas(self._study, self._model) else None
        self._shown.append(Shown(step, self._role, self._model, tuple(messages), sent, call.text, self._journal.checked(step)))
        return call


def _silent(study: EitherStudy, model: str) -> Model:
    """A model that makes digests and answers nothing: every answer is in the journal."""
    own = model.partition(":")[0] in ("embedded", "scripted")
    gate = Gate(concurrency=1, max_tries=1)
    return Model(model, cast(Any, None), "nowhere", study.temperature, study.top_p, own, _sends_schemas(study, model), gate, timeout_s=0.0)


def _sends_schemas(study: EitherStudy, model: str) -> bool:
    return study.json_schema and model.partition(":")[0] in ("embedded", "openai")
