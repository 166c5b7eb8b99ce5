"""Writing a run folder (`vs_sim.store`): by the one process that holds it, or holds one part of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from vs_sim.durable import Segment, put_json, unwritable
from vs_sim.errors import JournalMismatch, RunFolderError
from vs_sim.locks import Lock, RunLock
from vs_sim.prompt_records import AnyRecord
from vs_sim.records import Call, Record
from vs_sim.run_shape import JournalVoid
from vs_sim.shard import WHOLE, Shard
from vs_sim.store import FORMAT, RunFolder, journal_row, turn_of

_PATIENCE_S = 120.0
_ID = re.compile(rb'\{"conversation":"([ !#-\[\]-~]+)"')
"""How a row of the journal begins, if its id can be read without reading the row."""


class Writer:
    """The one process that writes a run folder, or one part of what its plan owes. Use as an async context manager.

    Args:
        folder: the run folder; made if it is not there.
        shard: the part; workers on the other parts of the same division of the same plan may write at the same time.
        plan: ids of all conversations of the plan, in its order, of which `shard` is a part; None if it is not known beforehand, as
            where people play.

    Attributes:
        complete: ids of the conversations that were complete when the folder was entered. Their answers are not held, nor are those
            of conversations that are another worker's.

    Raises:
        RunFolderError: on entering, if another process holds the folder or this part, or it cannot be written.
    """

    def __init__(self, folder: RunFolder, shard: Shard = WHOLE, plan: Sequence[str] | None = None) -> None:
        self.folder = folder
        self.complete: frozenset[str] = frozenset()
        self._shard = shard
        self._own = None if plan is None else frozenset(shard.part(plan))
        digest = "" if plan is None else hashlib.sha256("\n".join(plan).encode()).hexdigest()
        self._lock = RunLock(folder.path, shard, digest)
        self._answers: dict[str, dict[str, tuple[str, Call]]] = {}
        self._n_voids: dict[tuple[str, str], int] = {}

    async def __aenter__(self) -> Writer:
        path = self.folder.path
        with _writing(path, "give another folder with --out"):
            path.mkdir(parents=True, exist_ok=True)
            self._lock.take()
            try:
                self._journal = Segment(path / "journal")
                self._transcripts = Segment(path / "transcripts")
                self.complete = frozenset(self.folder.complete())
                self._read_answers()
            except BaseException:
                self._lock.release()
                raise
        return self

    def _read_answers(self) -> None:
        for path, number, line in self.folder.lines("journal"):
            if (head := _ID.match(line)) and not self._owes(head[1].decode()):
                continue  # neither held nor read: of a large run that goes on, nearly all rows are such
            row = journal_row(path, number, line)
            answers = self._answers.setdefault(row.conversation, {})
            if isinstance(row, JournalVoid):
                void = (row.conversation, turn_of(row.void))
                for step in [s for s in answers if turn_of(s) == void[1]]:
                    del answers[step]
                self._n_voids[void] = self._n_voids.get(void, 0) + 1
            else:
                answers[row.call.step] = (row.request, row.call)

    def _owes(self, conversation: str) -> bool:
        return conversation not in self.complete and (self._own is None or conversation in self._own)

    async def __aexit__(self, *exc: object) -> None:
        try:
            await self._journal.close()
            await self._transcripts.close()
        finally:
            self._lock.release()

    def write_manifest(self, data: dict[str, Any]) -> None:
        """Put the manifest in place in one step: a reader sees the old one or the new one."""
        self.update_manifest(lambda: data)

    def update_manifest(self, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Put in place what is made from the manifest that is there now, which no other process changes meanwhile.

        Args:
            make: reads the manifest and gives its successor, see `vs_sim.manifest.manifest_of`.

        Returns:
            The manifest as written.

        Raises:
            RunFolderError: it cannot be written, or another process keeps it for minutes; or what `make` raises.
        """
        path, lock = self.folder.manifest_path, Lock(self.folder.path / "lock.manifest")
        # A name for each part: where locks are not what they promise, two workers still never write one file.
        part = "" if self._shard == WHOLE else f".{self._shard.number}-of-{self._shard.of}"
        with _writing(path):
            if not lock.take(_PATIENCE_S):
                raise RunFolderError(f"{path}: {lock.who() or 'another worker'} keeps it for {_PATIENCE_S:.0f} s; see what holds it up")
            try:
                data = {"format": FORMAT, **make()}
                put_json(path, path.with_name(f"manifest{part}.tmp"), data)
            finally:
                lock.release()
        return data

    def answered(self, conversation: str, step: str, request: str) -> Call | None:
        """The journalled answer to a request; None if it was not asked yet.

        Raises:
            JournalMismatch: if another request was answered at this step: prompts, model or code are not those of the run.
        """
        found = self._answers.get(conversation, {}).get(step)
        if found is None:
            return None
        if found[0] != request:
            raise JournalMismatch(
                f"{self.folder.path}: {self.folder.noun} {conversation}, step {step}: the journal answers another request than the one "
                "made now; the code or a model's settings changed since; go on with the version in manifest.json, or start anew with --out"
            )
        return found[1]

    def n_voids(self, conversation: str, step: str) -> int:
        """How often the calls of this step's turn were given up before this start."""
        return self._n_voids.get((conversation, turn_of(step)), 0)

    async def add_call(self, conversation: str, request: str, call: Call) -> None:
        """Journal an answer; returns when it is durable."""
        await self._journal.append({"conversation": conversation, "request": request, "call": call.model_dump(mode="json")})

    async def void(self, conversation: str, step: str) -> None:
        """Have the calls of a turn that failed asked again at the next start; they stay in the journal, since they were paid for."""
        await self._journal.append({"conversation": conversation, "void": step})

    async def add_transcript(self, record: AnyRecord) -> None:
        """Store a conversation or an asking; returns when it is durable."""
        await self._transcripts.append(record.model_dump(mode="json"))


@asynccontextmanager
async def appending(folder: RunFolder, part: str) -> AsyncIterator[Callable[[Record], Awaitable[None]]]:
    """A further part of a run folder, held by this process; what it gives appends a record and returns when that is durable.

    Args:
        folder: the run folder; the run itself may go on meanwhile.
        part: name of the part, such as ``"readings"``.

    Raises:
        RunFolderError: if another process holds the part or it cannot be written.
    """
    path = folder.path / part
    lock = Lock(path / "lock")
    with _writing(path):
        path.mkdir(parents=True, exist_ok=True)
        if not lock.take():
            raise RunFolderError(f"{path} is in use by another command; wait for it, then give this one again")
    try:
        with _writing(path):
            segment = Segment(path)

        async def append(record: Record) -> None:
            await segment.append(record.model_dump(mode="json"))

        try:
            yield append
        finally:
            await segment.close()
    finally:
        lock.release()


@contextmanager
def _writing(path: Path, *otherwise: str) -> Iterator[None]:
    """Says in a sentence that a place cannot be written to."""
    try:
        yield
    except OSError as error:
        raise unwritable(path, error, *otherwise) from None
