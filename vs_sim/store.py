"""The run folder: manifest, call journal, transcripts. What was answered is durable before the conversation goes on.

    RUN/manifest.json           study, personas and prompts as run, versions, what is reproducible
    RUN/journal/00001.jsonl     every answer of a model, one line each; a new file for every start
    RUN/transcripts/00001.jsonl every finished conversation, one line each; a new file for every start
    RUN/readings/00001.jsonl    what a second reader read from finished dialogues, see `vs_sim.second_reader`
    RUN/lock                    held while a run writes, see `vs_sim.locks`

Files are only ever appended to, by the one process that made them, and never after a torn line (`vs_sim.durable`): whatever a kill
leaves behind, each line but the last of a file is whole, and a torn last line is owed again. Several workers write a folder at once,
each the conversations of its own part of the plan: nothing that is read in an order is written by two of them.
"""

from __future__ import annotations

import gc
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from vs_sim.durable import Segment, lines, put_json, unwritable
from vs_sim.errors import JournalMismatch, RunFolderError
from vs_sim.locks import Lock, RunLock, holders
from vs_sim.records import AnyRecord, Call, ConversationSpec, PromptSpec, Record, Responses, Transcript
from vs_sim.run_shape import JournalAnswer, JournalVoid, damage_of_manifest, ended, read_json, read_row
from vs_sim.shard import WHOLE, Shard

FORMAT = 2
"""Version of the run folder's format."""

_CHANGED = "the file was changed after it was written: put it back from a copy"
_PATIENCE_S = 120.0


_Spec = TypeVar("_Spec", ConversationSpec, PromptSpec)
_Recorded = TypeVar("_Recorded", Transcript, Responses)


class RunFolder:
    """A run folder that is read, and, between `open` and `close`, written by this process alone.

    Args:
        path: the folder; it need not exist yet.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @property
    def manifest_path(self) -> Path:
        """Path of the manifest."""
        return self.path / "manifest.json"

    @property
    def is_reference(self) -> bool:
        """Whether it holds human dialogues that were imported (`vs_sim.human.reference`), not a run."""
        return (self.path / "reference.json").is_file()

    def manifest(self) -> dict[str, Any]:
        """The manifest of a run of dialogues, as stored.

        Raises:
            RunFolderError: if there is none, it is from another format, or it is a run of prompts.
        """
        manifest = self.any_manifest()
        self._holds(manifest, prompts=False)
        return manifest

    def any_manifest(self) -> dict[str, Any]:
        """The manifest of a run of either kind, as stored.

        Raises:
            RunFolderError: if there is none, or it is from another format.
        """
        try:
            data = read_json(self.manifest_path.read_text("utf-8"))
        except FileNotFoundError:
            raise RunFolderError(f"{self.path} is no run folder: it has no manifest.json; a run makes one (vs-sim run STUDY)") from None
        except (OSError, ValueError) as error:
            raise RunFolderError(f"{self.manifest_path}: cannot be read: {error}") from None
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else None
            raise RunFolderError(
                f"{self.manifest_path}: format {found!r}, expected {FORMAT}; it was written by another version of vs_sim, use that one"
            )
        if damage := damage_of_manifest(data):
            raise RunFolderError(f"{self.manifest_path}: {damage}; {_CHANGED}")
        return data

    def planned(self) -> list[ConversationSpec]:
        """Every conversation of the plan, run or not, as the manifest names them.

        Raises:
            RunFolderError: it is damaged, or a run of prompts.
        """
        return self._specs(ConversationSpec)

    def planned_askings(self) -> list[PromptSpec]:
        """Every asking of the plan of a study of prompts, run or not.

        Raises:
            RunFolderError: it is damaged, or a run of dialogues.
        """
        return self._specs(PromptSpec)

    def transcripts(self) -> list[Transcript]:
        """The last transcript of every conversation that was ever finished, failed ones included, in order of first appearance.

        A complete transcript is never replaced by a later failed one.

        Raises:
            RunFolderError: it is damaged, or a run of prompts.
        """
        return self._ended(Transcript)

    def responses(self) -> list[Responses]:
        """The same of the askings of a study of prompts.

        Raises:
            RunFolderError: it is damaged, or a run of dialogues.
        """
        return self._ended(Responses)

    @property
    def of_prompts(self) -> bool:
        """Whether it is the run of a study of prompts, not of dialogues."""
        return bool(self.any_manifest()["study"].get("kind") == "prompt")

    @property
    def noun(self) -> str:
        """What one record of it is called in sentences."""
        return (PromptSpec if self.manifest_path.exists() and self.of_prompts else ConversationSpec).noun

    def _specs(self, kind: type[_Spec]) -> list[_Spec]:
        manifest = self.any_manifest()
        self._holds(manifest, prompts=kind is PromptSpec)
        try:
            return [kind.model_validate(spec) for spec in manifest["conversations"]]
        except ValidationError as error:
            raise RunFolderError(f"{self.manifest_path}: conversations are damaged: {error.errors()[0]['msg']}") from None

    def _holds(self, manifest: dict[str, Any], *, prompts: bool) -> None:
        if (manifest["study"].get("kind") == "prompt") != prompts:
            found, wanted = ("dialogues", "single prompts") if prompts else ("single prompts", "dialogues")
            both = "vs-sim status, show, compare, report, export and bundle read both"
            raise RunFolderError(f"{self.path} is a run of {found}, expected one of {wanted}; {both}")

    def _ended(self, kind: type[_Recorded]) -> list[_Recorded]:
        if self.manifest_path.exists():
            self._holds(self.any_manifest(), prompts=kind is Responses)
        found: dict[str, _Recorded] = {}
        first: dict[str, str] = {}
        with _many_records():
            for path, number, line in self.lines("transcripts"):
                try:
                    record = kind.model_validate_json(line)
                except ValidationError as error:
                    raise _no_transcript(path, number, error) from None
                first.setdefault(record.spec.id, f"{path}, line {number}")
                earlier = found.get(record.spec.id)
                if earlier is None or record.complete or not earlier.complete:
                    found[record.spec.id] = record
        self._check_planned(first)
        return list(found.values())

    def complete(self) -> set[str]:
        """Ids of the conversations that are complete: those of `transcripts`, without reading what was said in them."""
        found: set[str] = set()
        first: dict[str, str] = {}
        for path, number, line in self.lines("transcripts"):
            try:
                id_, is_complete = ended(line)
            except ValidationError as error:
                raise _no_transcript(path, number, error) from None
            first.setdefault(id_, f"{path}, line {number}")
            if is_complete:
                found.add(id_)
        self._check_planned(first)
        return found

    def _check_planned(self, places: dict[str, str]) -> None:
        """Called with id -> place after transcripts were read: a plan only grows, so that the manifest is never behind them."""
        if places and self.manifest_path.exists():
            for strange in places.keys() - {one["id"] for one in self.any_manifest()["conversations"]}:
                raise RunFolderError(f"{places[strange]}: {self.noun} {strange!r} is not in the plan of manifest.json; {_CHANGED}")

    def journal_rows(self) -> Iterator[dict[str, Any]]:
        """Every row of the journal, in the order in which it was written; of workers that write at once, one after the other."""
        for path, number, line in self.lines("journal"):
            _row(path, number, line)
            yield from_json(line)

    def in_use(self) -> bool | None:
        """Whether a run, or a worker on a part of it, holds the folder now; None if it cannot be told.

        Nothing is written and nobody is kept from holding it.
        """
        try:
            return bool(holders(self.path))
        except (OSError, RunFolderError):
            return None

    def lines(self, part: str) -> Iterator[tuple[Path, int, bytes]]:
        """Whole lines of a further part of the folder, such as ``"readings"``: (file, number of the line, line), oldest first."""
        return lines(self.path / part)


def turn_of(step: str) -> str:
    """The turn (or the decision) of a step, whose answers are given up together: ``"t001"`` of ``"t001.0"``."""
    return step.partition(".")[0]


_ID = re.compile(rb'\{"conversation":"([ !#-\[\]-~]+)"')
"""How a row of the journal begins, if its id can be read without reading the row."""


def _row(path: Path, number: int, line: bytes) -> JournalAnswer | JournalVoid:
    try:
        return read_row(line)
    except ValueError as error:
        raise RunFolderError(f"{path}, line {number}: {error}; {_CHANGED}") from None


def _no_transcript(path: Path, number: int, error: ValidationError) -> RunFolderError:
    return RunFolderError(f"{path}, line {number}: is no transcript: {error.errors()[0]['msg']}; {_CHANGED}")


@contextmanager
def _many_records() -> Iterator[None]:
    """Without the search for cycles, of which records have none: it would take more than half of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


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
            row = _row(path, number, line)
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
