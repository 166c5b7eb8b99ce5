"""Questions to a model about what was said: asked again until an answer can be used, so many at a time, stopped if nobody answers.

Shared by those who read it (`vs_sim.second_reader`, `vs_sim.strategies`, `vs_sim.judge`): what is asked and what an answer is held to is
theirs. Every answer is durable in its part of the run folder before the next is asked for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, TypeVar

from pydantic import ValidationError

from vs_sim import prompts
from vs_sim.durable import put, unwritable
from vs_sim.errors import ContextFull, EndpointError, ReplyError, RunFolderError, RunStopped, VsSimError
from vs_sim.explain import problem_of
from vs_sim.records import Call, Failure, Record
from vs_sim.store import RunFolder
from vs_sim.writer import appending

if TYPE_CHECKING:
    from vs_sim.budget import Budget
    from vs_sim.models import Model
    from vs_sim.run_options import RunOptions

N_REASKS = 2
"""How often an answer that cannot be used is asked for again."""
_ENDPOINT_FAILURES_THAT_STOP = 3

Read = TypeVar("Read")
Item = TypeVar("Item")


class Answer(Record):
    """What a model made of one thing that it was asked about.

    Attributes:
        model: the model that was asked, ``"provider:model"``.
        prompt: sha256 (64 hexadecimal digits) of all that the model was told besides the dialogue.
        calls: what was asked, in order, with raw answers and usage.
        failure: why nothing was read; None if something was.
    """

    model: str
    prompt: str
    calls: tuple[Call, ...] = ()
    failure: Failure | None = None


Kept = TypeVar("Kept", bound=Answer)
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Part(Generic[Kept, Key]):
    """Where a run folder keeps the answers of one kind.

    Attributes:
        name: of the part of the folder.
        kind: what a line holds.
        one, things: what an answer, and what several things asked about are called in sentences.
        key: which thing an answer is about.
    """

    name: str
    kind: type[Kept]
    one: str
    things: str
    key: Callable[[Kept], Key]

    def rows(self, folder: RunFolder) -> list[Kept]:
        """Every answer, oldest first.

        Raises:
            RunFolderError: if a line is no such answer.
        """
        rows = []
        for path, number, line in folder.lines(self.name):
            try:
                rows.append(self.kind.model_validate_json(line))
            except ValidationError as error:
                raise RunFolderError(f"{path}, line {number}: is no {self.one}: {problem_of(error)}") from None
        return rows


def answers(folder: RunFolder, part: Part[Kept, Key]) -> dict[str, dict[Key, Kept]]:
    """The answers of a part of a run folder: model -> thing -> answer, of each model under the prompt that it was last used with.

    Answers under another prompt are another instrument's and are not mixed in.

    Raises:
        RunFolderError: if a line is no such answer.
    """
    rows = part.rows(folder)
    found = by_instrument(rows, part)
    return {model: found[model, prompt] for model, prompt in {row.model: row.prompt for row in rows}.items()}


def by_instrument(rows: Sequence[Kept], part: Part[Kept, Key]) -> dict[tuple[str, str], dict[Key, Kept]]:
    """Answers of a part by model and prompt, whose answers are not to be mixed, then by thing; a failure never replaces what was read."""
    found: dict[tuple[str, str], dict[Key, Kept]] = {}
    for row in rows:
        one, key = found.setdefault((row.model, row.prompt), {}), part.key(row)
        if row.failure is None or key not in one or one[key].failure is not None:
            one[key] = row
    return found


@dataclass(frozen=True)
class ReadResult:
    """Where the reading of a run stands.

    Attributes:
        n_wanted: dialogues (or turns) that this reader was to read.
        n_read: those of them that are read by now.
        failures: kind of failure -> number of those that failed at this start.
        stopped: why it stopped before all were asked; None if it did not.
        capped: whether a spend cap is the reason.
        drained: whether somebody told it to stop.
    """

    n_wanted: int
    n_read: int
    failures: dict[str, int]
    stopped: str | None
    capped: bool = False
    drained: bool = False


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


@asynccontextmanager
async def open_reader(
    model: str,
    study: dict[str, Any],
    *,
    run: RunOptions,
    say: Callable[[str], None],
    budget: Budget | None = None,
    temperature: float = 0.0,
) -> AsyncIterator[Model]:
    """A model that is ready to read, at its provider's default temperature where the run's study says ``"default"``.

    Args:
        model: ``"provider:model"``.
        study: study of the run as its manifest holds it.
        run, say, budget: as in `vs_sim.providers.open_models`, whose errors it raises.
        temperature: of every request, otherwise.
    """
    from vs_sim.providers import open_models  # heavy, and not needed to look at what was read

    sampling: float | Literal["default"] = "default" if study.get("temperature") == "default" else temperature
    schemas = study.get("json_schema", True)
    async with open_models([model], run=run, temperature=sampling, top_p="default", json_schema=schemas, budget=budget, say=say) as models:
        yield models[model]


async def read_all(
    folder: RunFolder,
    part: Part[Kept, Key],
    wanted: Sequence[Key],
    read: Callable[[Key, Model, int], Awaitable[Kept]],
    *,
    model: str,
    digest: str,
    prompt: str,
    run: RunOptions,
    say: Callable[[str], None],
    begun: Callable[[Sequence[Key]], str],
    budget: Budget | None = None,
    drain: asyncio.Event | None = None,
    temperature: float = 0.0,
) -> ReadResult:
    """Ask a model about everything that it was not asked about yet, or failed at, under the same prompt.

    Args:
        folder, part: where the answers are kept.
        wanted: what to ask about, each once.
        read: (which, who is asked, earlier starts at which it failed) -> the answer.
        model: ``"provider:model"``.
        digest: of the prompt, as the answers name it.
        prompt: kept beside the answers.
        run: endpoints and limits.
        say: told in a line what takes long.
        begun: what is asked about now -> that line.
        budget: what the calls are counted in; None for no cap.
        drain: set it to have no further request made; what is under way is waited for and kept.
        temperature: as in `open_reader`.

    Raises:
        RunFolderError: the folder cannot be read or written, or another process asks for it.
        ModelUnavailable, WeightsError, EndpointError: the model cannot be used.
    """
    from vs_sim.providers import default_concurrency

    study = folder.any_manifest()["study"]
    async with appending(folder, part.name) as append:
        rows = [row for row in part.rows(folder) if (row.model, row.prompt) == (model, digest)]
        done = {part.key(row) for row in rows if row.failure is None}
        missing = [key for key in wanted if key not in done]
        n_failed = Counter(part.key(row) for row in rows if row.failure is not None)

        async def one(key: Key) -> Failure | None:
            found = await read(key, opened, n_failed[key])
            await append(found)
            return found.failure

        asking = _Asking(one, part.things)
        if missing:
            _keep_prompt(folder, part.name, digest, prompt)
            async with open_reader(model, study, run=run, say=say, budget=budget, temperature=temperature) as opened:
                say(begun(missing))
                closing = asyncio.create_task(_close(opened, drain or asyncio.Event()))
                try:
                    await asking.run(missing, run.concurrency or default_concurrency([model]))
                finally:
                    closing.cancel()
        n_read = len(wanted) - len(missing) + asking.n_read
        return ReadResult(len(wanted), n_read, dict(asking.failures), asking.stopped, asking.capped, asking.drained)


async def _close(opened: Model, drain: asyncio.Event) -> None:
    await drain.wait()
    opened.gate.close(RunStopped("told to stop; what was under way is kept", capped=False))


def _keep_prompt(folder: RunFolder, part: str, digest: str, prompt: str) -> None:
    """Put a prompt beside the answers of a part of a run folder, under the digest that they name."""
    path = folder.path / part / f"prompt-{digest[:16]}.md"
    try:
        put(path, path.with_suffix(".tmp"), f"{prompt}\n".encode())
    except OSError as error:
        raise unwritable(path, error) from None


@dataclass
class _Asking(Generic[Item]):
    """The questions of one start, so many at a time.

    Attributes:
        one: asks about one item, keeps what came of it, and returns why it failed, or None.
        things: what the items are called in sentences.
        n_read: items that did not fail.
        failures: kind of failure -> number of items.
        stopped, capped, drained: see `ReadResult`.
    """

    one: Callable[[Item], Awaitable[Failure | None]]
    things: str
    n_read: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    stopped: str | None = None
    capped: bool = False
    drained: bool = False
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
                try:
                    self._count(await self.one(item))
                except RunStopped as stop:  # the others' answers, which are under way, are waited for
                    if self.stopped is None:
                        self.stopped, self.capped, self.drained = str(stop), stop.capped, not stop.capped

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
