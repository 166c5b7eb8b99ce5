"""Run conversations: those of a plan that are missing, so many at a time."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib import metadata
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from vs_sim.asking import open_reader
from vs_sim.errors import ContextFull, EndpointError, ReplyError, StudyError, VsSimError
from vs_sim.graph import Conversation, build_graph, step_name
from vs_sim.manifest import manifest_of, study_content
from vs_sim.models import Model, Request, default_concurrency, open_models
from vs_sim.plan import plan
from vs_sim.propose import Message
from vs_sim.records import (
    Call,
    Candidate,
    ConversationSpec,
    Decision,
    Failure,
    StopReason,
    Transcript,
    Turn,
    Usage,
    VerbalizedDistribution,
    is_person,
)
from vs_sim.second_reader import read_stated
from vs_sim.store import RunFolder, Writer
from vs_sim.study import Study


class Watcher:
    """What a run tells while it goes on; every method may be overridden, none has to be."""

    def say(self, line: str) -> None:
        """Something that takes long begins."""

    def planned(self, specs: Sequence[ConversationSpec], complete: frozenset[str]) -> None:
        """The plan, and the ids of those that were complete before."""

    def started(self, spec: ConversationSpec) -> None:
        """A conversation starts."""

    def turn(self, spec: ConversationSpec, turn: Turn | Decision) -> None:
        """A turn was said, or the decision made."""

    def finished(self, transcript: Transcript) -> None:
        """A conversation ended, complete or failed, and is stored."""


@dataclass(frozen=True)
class RunResult:
    """Where a run stands when it ends.

    Attributes:
        n_planned, n_complete: conversations.
        failures: kind of failure -> number of conversations that failed at this start.
        stopped: why the run stopped before its plan was gone through; None if it did not.
        unread: kind of failure -> number of dialogues that the study's second reader could not read at this start.
    """

    n_planned: int
    n_complete: int
    failures: dict[str, int]
    stopped: str | None
    unread: dict[str, int] = field(default_factory=dict)


class Answers(Protocol):
    """Where the answers of conversations are kept: `vs_sim.store.Writer`, or a record that is gone through again."""

    def n_voids(self, conversation: str, step: str) -> int:
        """How often the answers of this step's turn were given up."""

    def answered(self, conversation: str, step: str, request: str) -> Call | None:
        """The answer to a request; None if it was not asked yet."""

    async def add_call(self, conversation: str, request: str, call: Call) -> None:
        """Keep an answer; returns when it is durable."""


class SpeakerVoice:
    """A model as one speaker of one conversation uses it; see `vs_sim.graph.Voice`.

    Args:
        model: the model that serves the role.
        answers: where they are kept, and taken from if they are there already; None to keep none (LangGraph Studio).
        spec: the conversation.
    """

    def __init__(self, model: Model, answers: Answers | None, spec: ConversationSpec) -> None:
        self._model, self._answers, self._spec = model, answers, spec
        self.grid = model.name.startswith("embedded:")

    async def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        """The answer to a request, durable before it is returned."""
        # A model that repeats itself under a seed would give the same unreadable reply for ever: each start that failed here changes it.
        n_voids = self._answers.n_voids(self._spec.id, step) if self._answers else 0
        name = f"{self._spec.id}:{step}" + (f":{n_voids}" if n_voids else "")
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1
        request = Request(messages, schema, max_tokens, seed)
        digest = self._model.digest(request)
        call = self._answers.answered(self._spec.id, step, digest) if self._answers else None
        if call is None:
            call = await self._model.answer(step, request)
            if self._answers:
                await self._answers.add_call(self._spec.id, digest, call)
        return call


async def run_conversation(conversation: Conversation, person: Callable[[Any], Any] | None = None) -> Transcript:
    """One conversation from its start to its transcript; a failure of a model is recorded, not raised.

    Args:
        conversation: models, personas, condition.
        person: answers what the voice of a person interrupts the graph with (`vs_sim.play`); None if models alone speak. What it
            raises is raised.

    Raises:
        ModelUnavailable, JournalMismatch, RunFolderError: what would fail for every conversation alike.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    graph = build_graph(conversation, _memory() if person else None)
    state: dict[str, Any] = {}
    failure: Failure | None = None
    stop_reason = StopReason.ERROR
    try:
        config: RunnableConfig = {
            "recursion_limit": 10 + 3 * conversation.study.rounds,
            "configurable": {"thread_id": conversation.spec.id},
        }
        given: Any = {"turns": []}
        while given is not None:
            asked = None
            async for values in graph.astream(given, config, stream_mode="values"):
                asked = values.get("__interrupt__")
                state = values  # kept from step to step: after a failure it holds what was said until then
            given = Command(resume=person(asked[0].value)) if asked and person else None
        stop_reason = state["stop_reason"]
    except (ReplyError, EndpointError, ContextFull) as error:
        turns = state.get("turns", [])
        kind = type(error).__name__ + (f":{error.reason}" if isinstance(error, ReplyError) else "")
        failure = Failure(
            kind=kind,
            message=str(error),
            step="decide" if state.get("stop_reason") else step_name(len(turns)),
            raw=error.raw if isinstance(error, ReplyError) else None,
        )
        if isinstance(error, ContextFull):
            stop_reason = StopReason.CONTEXT_FULL
    return Transcript(
        spec=conversation.spec,
        turns=tuple(state.get("turns", [])),
        decision=state.get("decision"),
        stop_reason=stop_reason,
        failure=failure,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        vs_sim=metadata.version("vs-sim"),
    )


def _memory() -> InMemorySaver:
    """What the graph holds while it waits for a person; what outlives the process is the journal."""
    records = [(kind.__module__, kind.__name__) for kind in (Call, Candidate, Decision, StopReason, Turn, Usage, VerbalizedDistribution)]
    return InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=records))


async def run_study(study: Study, folder: RunFolder, watcher: Watcher | None = None) -> RunResult:
    """Run what is missing of a study; the same call again goes on where this one ended.

    Args:
        study: see `vs_sim.study.load_study`.
        folder: of this study, or new.
        watcher: told what happens.

    Raises:
        RunFolderError: the folder belongs to another study, or is in use.
        ModelUnavailable, WeightsError, EndpointError: a model cannot be used; nothing was spent.
    """
    watcher = watcher or Watcher()
    people = [name for name in study.models if is_person(name)]
    if people:
        raise StudyError(f"model {people[0]!r} is a person; people take part with vs-sim play STUDY, a study names models")
    specs = plan(study)
    manifest_of(study_content(study), study.run, folder, specs)  # a folder of something else is refused before anything is written into it
    async with Writer(folder) as writer:
        manifest = manifest_of(study_content(study), study.run, folder, specs)
        complete = {t.spec.id for t in folder.transcripts() if t.complete}
        missing = [spec for spec in specs if spec.id not in complete]
        watcher.planned(specs, frozenset(s.id for s in specs if s.id in complete))
        runner = _Runner(study, writer, watcher)
        if not missing:
            writer.write_manifest(manifest)
        else:
            async with open_models(
                study.models,
                run=study.run,
                temperature=study.temperature,
                top_p=study.top_p,
                json_schema=study.json_schema,
                say=watcher.say,
            ) as models:
                if study.reader:  # that it can be asked is seen before anything is spent
                    async with open_reader(study.reader, manifest["study"], run=study.run, say=watcher.say):
                        pass
                writer.write_manifest(manifest)  # not before the models are there: a start that could not begin binds the folder to nothing
                await runner.run(missing, models)
        result = RunResult(
            n_planned=len(specs),
            n_complete=len(specs) - len(missing) + runner.n_complete,
            failures=runner.failures,
            stopped=runner.stopped,
        )
    if study.reader and result.stopped is None:
        read = await read_stated(folder, study.reader, run=study.run, say=watcher.say)
        result = replace(result, unread=read.failures, stopped=read.stopped)
    return result


class _Runner:
    """Conversations of one start, so many at a time."""

    def __init__(self, study: Study, writer: Writer, watcher: Watcher) -> None:
        self.n_complete = 0
        self.failures: dict[str, int] = {}
        self.stopped: str | None = None
        self._study, self._writer, self._watcher = study, writer, watcher
        self._personas = {("persuader", p.id): p for p in study.persuaders} | {("persuadee", p.id): p for p in study.persuadees}
        self._n_endpoint_failures_in_a_row = 0

    async def run(self, specs: Sequence[ConversationSpec], models: dict[str, Model]) -> None:
        waiting = iter(specs)
        concurrency = self._study.run.concurrency or default_concurrency(models)

        async def worker() -> None:
            for spec in waiting:
                if self.stopped is not None:
                    return
                await self._one(spec, models)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(concurrency, len(specs))):
                    tasks.create_task(worker())
        except* VsSimError as group:
            # What would fail for every conversation alike: one sentence, not one for each worker.
            raise next(e for e in _leaves(group)) from None

    async def _one(self, spec: ConversationSpec, models: dict[str, Model]) -> None:
        self._watcher.started(spec)
        conversation = Conversation(
            spec=spec,
            study=self._study,
            persuader=self._personas["persuader", spec.persuader],
            persuadee=self._personas["persuadee", spec.persuadee],
            voices={
                "persuader": SpeakerVoice(models[spec.persuader_model], self._writer, spec),
                "persuadee": SpeakerVoice(models[spec.persuadee_model], self._writer, spec),
            },
            on_turn=self._watcher.turn,
        )
        transcript = await run_conversation(conversation)
        failure = transcript.failure
        if failure is not None and failure.kind.startswith("ReplyError"):
            await self._writer.void(spec.id, failure.step)
        await self._writer.add_transcript(transcript)
        if failure is None:
            self.n_complete += 1
            self._n_endpoint_failures_in_a_row = 0
        else:
            self.failures[failure.kind] = self.failures.get(failure.kind, 0) + 1
            self._n_endpoint_failures_in_a_row = self._n_endpoint_failures_in_a_row + 1 if failure.kind == "EndpointError" else 0
            if self._n_endpoint_failures_in_a_row >= _ENDPOINT_FAILURES_THAT_STOP:
                # An endpoint that is gone would fail every remaining conversation in the same way.
                self.stopped = (
                    f"{self._n_endpoint_failures_in_a_row} conversations in a row failed at the endpoint; the last: {failure.message}"
                )
        self._watcher.finished(transcript)


_ENDPOINT_FAILURES_THAT_STOP = 3


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error
