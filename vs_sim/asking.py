"""Questions to a model about finished dialogues: asked again until an answer can be used, so many at a time, stopped if nobody answers.

Shared by those who read what was said (`vs_sim.second_reader`, `vs_sim.strategies`): what is asked and what an answer is held to is theirs.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from vs_sim import prompts
from vs_sim.errors import ContextFull, EndpointError, ReplyError, RunFolderError, VsSimError
from vs_sim.records import Call, Failure

if TYPE_CHECKING:
    from vs_sim.models import Model
    from vs_sim.store import RunFolder

N_REASKS = 2
"""How often an answer that cannot be used is asked for again."""
_ENDPOINT_FAILURES_THAT_STOP = 3

Read = TypeVar("Read")
Item = TypeVar("Item")


@dataclass(frozen=True)
class ReadResult:
    """Where the reading of a run stands.

    Attributes:
        n_wanted: dialogues (or turns) that this reader was to read.
        n_read: those of them that are read by now.
        failures: kind of failure -> number of those that failed at this start.
        stopped: why it stopped before all were asked; None if it did not.
    """

    n_wanted: int
    n_read: int
    failures: dict[str, int]
    stopped: str | None


class Answered(NamedTuple, Generic[Read]):
    """What came of one question: what was read, or why nothing was; and the calls, in order."""

    read: Read | None
    calls: tuple[Call, ...]
    failure: Failure | None


async def ask(
    model: Model, name: str, question: str, schema: dict[str, Any], max_tokens: int, read: Callable[[str], Read], *, n_failed_before: int
) -> Answered[Read]:
    """The answer to one question, asked again with the problem where it cannot be used.

    Args:
        model: who is asked.
        name: of the question, from which its seeds are made.
        question: what is asked.
        schema: JSON schema of an answer.
        max_tokens: most tokens of a sound answer.
        read: raw answer -> what it says; raises ReplyError if it cannot be used.
        n_failed_before: earlier starts at which the same question failed: a model that repeats itself under a seed would otherwise fail
            in the same way for ever.

    Raises:
        ModelUnavailable: the model cannot be used for any question.
    """
    from vs_sim.models import Request  # heavy, and not needed to look at what was read

    first = [{"role": "user", "content": question}]
    messages = first
    calls: list[Call] = []
    try:
        for again in range(N_REASKS + 1):
            seed = int.from_bytes(hashlib.sha256(f"{name}:{again}:{n_failed_before}".encode()).digest()[:4], "big") >> 1
            step = f"read.{again}"
            call = await model.answer(step, Request(messages, schema, max_tokens, seed))
            calls.append(call)
            try:
                return Answered(read(call.text), tuple(calls), None)
            except ReplyError as error:
                if again == N_REASKS:
                    raise
                problem = prompts.render("ask_again", problem=str(error))
                messages = [*first, {"role": "assistant", "content": call.text or "(empty)"}, {"role": "user", "content": problem}]
    except (ReplyError, EndpointError, ContextFull) as error:
        kind, raw = type(error).__name__, None
        if isinstance(error, ReplyError):
            kind, raw = f"{kind}:{error.reason}", error.raw
        return Answered(None, tuple(calls), Failure(kind=kind, message=str(error), step=step, raw=raw))
    raise AssertionError("unreachable: the loop returns or raises")


def keep_prompt(folder: RunFolder, part: str, digest: str, prompt: str) -> None:
    """Put a prompt beside the answers of a part of a run folder, under the digest that they name.

    Raises:
        RunFolderError: if it cannot be written.
    """
    path = folder.path / part / f"prompt-{digest[:16]}.md"
    try:
        path.write_text(prompt + "\n", "utf-8")
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None


@dataclass
class Asking(Generic[Item]):
    """The questions of one start, so many at a time.

    Attributes:
        one: asks about one item, keeps what came of it, and returns why it failed, or None.
        things: what the items are called in sentences.
        n_read: items that did not fail.
        failures: kind of failure -> number of items.
        stopped: why it stopped before all were asked; None if it did not.
    """

    one: Callable[[Item], Awaitable[Failure | None]]
    things: str
    n_read: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    _n_endpoint_failures_in_a_row: int = 0

    async def run(self, items: Sequence[Item], concurrency: int) -> None:
        """Ask about every item, unless the endpoint is gone.

        Raises:
            VsSimError: what would fail for every item alike.
        """
        waiting = iter(items)

        async def worker() -> None:
            for item in waiting:
                if self.stopped is not None:
                    return
                self._count(await self.one(item))

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(concurrency, len(items))):
                    tasks.create_task(worker())
        except* VsSimError as group:
            # What would fail for every dialogue alike: one sentence, not one for each worker.
            raise group.exceptions[0] from None

    def _count(self, failure: Failure | None) -> None:
        if failure is None:
            self.n_read += 1
            self._n_endpoint_failures_in_a_row = 0
            return
        self.failures[failure.kind] += 1
        at_endpoint = failure.kind == "EndpointError"
        self._n_endpoint_failures_in_a_row = self._n_endpoint_failures_in_a_row + 1 if at_endpoint else 0
        if self._n_endpoint_failures_in_a_row >= _ENDPOINT_FAILURES_THAT_STOP:
            n = self._n_endpoint_failures_in_a_row
            self.stopped = f"{n} {self.things} in a row failed at the endpoint; the last: {failure.message}"
