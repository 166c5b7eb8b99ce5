"""One conversation, from its start to its transcript: whose models answer, what they are asked again, what becomes of a failure."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from importlib import metadata
from typing import Any, Protocol

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Command

from vs_sim.condition import Condition
from vs_sim.errors import ContextFull, EndpointError, ReplyError
from vs_sim.graph import Conversation, build_graph, step_name
from vs_sim.models import Model, Request
from vs_sim.prompt_records import AnySpec
from vs_sim.propose import Message
from vs_sim.records import Call, Candidate, Decision, Failure, StopReason, Transcript, Turn, Usage, VerbalizedDistribution


class Answers(Protocol):
    """Where the answers of conversations are kept: `vs_sim.writer.Writer`, or a record that is gone through again."""

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
        arm: whose temperature and top-p are used, where it has its own.
    """

    def __init__(self, model: Model, answers: Answers | None, spec: AnySpec, arm: Condition | None = None) -> None:
        self._model, self._answers, self._spec = model, answers, spec
        self._temperature, self._top_p = (None, None) if arm is None else (arm.temperature, arm.top_p)
        self.grid = model.name.startswith("embedded:")

    async def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        """The answer to a request, durable before it is returned."""
        # A model that repeats itself under a seed would give the same unreadable reply for ever: each start that failed here changes it.
        n_voids = self._answers.n_voids(self._spec.id, step) if self._answers else 0
        name = f"{self._spec.id}:{step}" + (f":{n_voids}" if n_voids else "")
        seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1
        request = Request(messages, schema, max_tokens, seed, self._temperature, self._top_p)
        digest = self._model.digest(request)
        call = self._answers.answered(self._spec.id, step, digest) if self._answers else None
        if call is None:
            call = await self._model.answer(step, request, self._spec.id)
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
        RunStopped: the run drains: the conversation is owed, as far as it came.
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
        step = "decide" if state.get("stop_reason") else step_name(len(state.get("turns", [])))
        failure = failure_of(error, step)
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
        vs_sim=installed_version(),
    )


def failure_of(error: ReplyError | EndpointError | ContextFull, step: str) -> Failure:
    """An error of a model as the record keeps it."""
    kind, raw = type(error).__name__, None
    if isinstance(error, ReplyError):
        kind, raw = f"{kind}:{error.reason}", error.raw
    return Failure(kind=kind, message=str(error), step=step, raw=raw)


@lru_cache(maxsize=1)
def installed_version() -> str:
    """Version of this package."""
    return metadata.version("vs-sim")


def _memory() -> InMemorySaver:
    """What the graph holds while it waits for a person; what outlives the process is the journal."""
    records = [(kind.__module__, kind.__name__) for kind in (Call, Candidate, Decision, StopReason, Turn, Usage, VerbalizedDistribution)]
    return InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=records))
