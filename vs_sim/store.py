"""The run folder: manifest, call journal, transcripts. What was answered is durable before the conversation goes on.

    RUN/manifest.json           study, personas and prompts as run, versions, what is reproducible
    RUN/journal/00001.jsonl     every answer of a model, one line each; a new file for every start
    RUN/transcripts/00001.jsonl every finished conversation, one line each; a new file for every start
    RUN/readings/00001.jsonl    what a second reader read from finished dialogues, see `vs_sim.second_reader`
    RUN/lock                    held while a run writes

Files are only ever appended to, by the one process that made them, and never after a torn line: whatever a kill leaves behind, each
line but the last of a file is whole, and a torn last line is owed again.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Any

from filelock import FileLock, Timeout
from pydantic import ValidationError

from vs_sim.errors import JournalMismatch, RunFolderError
from vs_sim.records import Call, ConversationSpec, Record, Transcript
from vs_sim.run_shape import damage_of_manifest, damage_of_row, read_json

FORMAT = 2
"""Version of the run folder's format."""

_CHANGED = "the file was changed after it was written: put it back from a copy"


class _Segment:
    """One append-only JSON Lines file of this process; lines that wait together are made durable together."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        last = max((int(p.stem) for p in folder.glob("*.jsonl") if p.stem.isdigit()), default=0)
        self._path = folder / f"{last + 1:05d}.jsonl"
        self._file: IO[bytes] | None = None
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._failure: RunFolderError | None = None

    async def append(self, data: dict[str, Any]) -> None:
        """Returns when the line is on the disk."""
        if self._failure is not None:  # the file may end in a torn line, behind which nothing may be written
            raise self._failure
        line = json.dumps(data, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((line, done))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await done

    async def _flush(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write, b"".join(line for line, _ in batch))
            except OSError as error:
                self._failure = RunFolderError(
                    f"{self._path}: cannot be written: {error.strerror}"
                    + ("; free some space and give the same command again" if error.errno == errno.ENOSPC else "")
                )
                for _, done in batch + self._waiting:
                    if not done.done():
                        done.set_exception(self._failure)
                self._waiting = []
            else:
                for _, done in batch:
                    if not done.done():
                        done.set_result(None)
        self._flushing = None

    def _write(self, data: bytes) -> None:
        if self._file is None:
            self._file = self._path.open("xb", buffering=0)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        os.fsync(self._file.fileno())

    async def close(self) -> None:
        if self._flushing is not None:
            await self._flushing
        if self._file is not None:
            self._file.close()


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
        """The manifest as stored.

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
        """Every conversation of the plan, run or not, as the manifest names them."""
        try:
            return [ConversationSpec.model_validate(spec) for spec in self.manifest()["conversations"]]
        except ValidationError as error:
            raise RunFolderError(f"{self.manifest_path}: conversations are damaged: {error.errors()[0]['msg']}") from None

    def transcripts(self) -> list[Transcript]:
        """The last transcript of every conversation that was ever finished, failed ones included, in order of first appearance.

        A complete transcript is never replaced by a later failed one.
        """
        found: dict[str, Transcript] = {}
        first: dict[str, str] = {}
        for path, number, line in _lines(self.path / "transcripts"):
            try:
                transcript = Transcript.model_validate_json(line)
            except ValidationError as error:
                raise RunFolderError(f"{path}, line {number}: is no transcript: {error.errors()[0]['msg']}; {_CHANGED}") from None
            first.setdefault(transcript.spec.id, f"{path}, line {number}")
            earlier = found.get(transcript.spec.id)
            if earlier is None or transcript.complete or not earlier.complete:
                found[transcript.spec.id] = transcript
        if found and self.manifest_path.exists():  # read after them: a plan only grows
            for strange in first.keys() - {one["id"] for one in self.manifest()["conversations"]}:
                raise RunFolderError(f"{first[strange]}: conversation {strange!r} is not in the plan of manifest.json; {_CHANGED}")
        return list(found.values())

    def journal_rows(self) -> Iterator[dict[str, Any]]:
        """Every row of the journal, in the order in which it was written."""
        for path, number, line in _lines(self.path / "journal"):
            try:
                row = read_json(line)
            except ValueError as error:
                raise RunFolderError(f"{path}, line {number}: is no JSON ({error}); {_CHANGED}") from None
            if damage := damage_of_row(row):
                raise RunFolderError(f"{path}, line {number}: is no row of a journal: {damage}; {_CHANGED}")
            yield row

    def in_use(self) -> bool | None:
        """Whether a run holds the folder now; None if it cannot be told. Nothing is written and nobody is kept from holding it."""
        if sys.platform == "win32":
            return None
        import fcntl

        try:
            with (self.path / "lock").open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # held for no longer than it takes to close the file
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        except OSError:
            return None
        return False

    def lines(self, part: str) -> Iterator[tuple[Path, int, bytes]]:
        """Whole lines of a further part of the folder, such as ``"readings"``: (file, number of the line, line), oldest first."""
        return _lines(self.path / part)


def turn_of(step: str) -> str:
    """The turn (or the decision) of a step, whose answers are given up together: ``"t001"`` of ``"t001.0"``."""
    return step.partition(".")[0]


def _lines(folder: Path) -> Iterator[tuple[Path, int, bytes]]:
    """Whole lines of all segments, oldest segment first; a torn last line is left out."""
    try:
        # Not by glob, to which a folder that cannot be read is an empty one.
        for path in sorted(path for path in folder.iterdir() if path.suffix == ".jsonl"):
            with path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        break  # reading on could give the rest of a line that is being written right now as a line of its own
                    yield path, number, line
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFolderError(f"{error.filename or folder}: cannot be read: {error.strerror}") from None


class Writer:
    """The one process that writes a run folder. Use as an async context manager.

    Args:
        folder: the run folder; made if it is not there.

    Raises:
        RunFolderError: on entering, if another process holds the folder or it cannot be written.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self._answers: dict[str, dict[str, tuple[str, Call]]] = {}
        self._n_voids: dict[tuple[str, str], int] = {}

    async def __aenter__(self) -> Writer:
        path = self.folder.path
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(path / "lock", timeout=0.3)  # longer than it takes another process to see whether it is held
            self._lock.acquire()
        except Timeout:
            raise RunFolderError(
                f"{path} is in use by another run; wait for it (vs-sim status {path}), or give another folder with --out"
            ) from None
        except OSError as error:
            raise RunFolderError(f"{path}: cannot be written: {error.strerror}; give another folder with --out") from None
        try:
            self._journal = _Segment(path / "journal")
            self._transcripts = _Segment(path / "transcripts")
            self._read_answers()
        except BaseException as error:
            self._lock.release()
            if isinstance(error, OSError):
                raise RunFolderError(f"{path}: cannot be written: {error.strerror}; give another folder with --out") from None
            raise
        return self

    def _read_answers(self) -> None:
        for row in self.folder.journal_rows():
            answers = self._answers.setdefault(row["conversation"], {})
            if "void" in row:
                void = (row["conversation"], turn_of(row["void"]))
                for step in [s for s in answers if turn_of(s) == void[1]]:
                    del answers[step]
                self._n_voids[void] = self._n_voids.get(void, 0) + 1
            else:
                answers[row["call"]["step"]] = (row["request"], Call.model_validate(row["call"]))

    async def __aexit__(self, *exc: object) -> None:
        await self._journal.close()
        await self._transcripts.close()
        self._lock.release()

    def write_manifest(self, data: dict[str, Any]) -> None:
        """Put the manifest in place in one step: a reader sees the old one or the new one."""
        new = self.folder.manifest_path.with_suffix(".tmp")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump({"format": FORMAT, **data}, file, indent=2, ensure_ascii=False)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.folder.manifest_path)
        except OSError as error:
            raise RunFolderError(f"{self.folder.manifest_path}: cannot be written: {error.strerror}") from None

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
                f"{self.folder.path}: conversation {conversation}, step {step}: the journal answers another request than the one made now; "
                "the code or a model's settings changed since; go on with the version in manifest.json, or start anew with --out"
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

    async def add_transcript(self, transcript: Transcript) -> None:
        """Store a conversation; returns when it is durable."""
        await self._transcripts.append(transcript.model_dump(mode="json"))


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
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path / "lock", timeout=0)
        lock.acquire()
    except Timeout:
        raise RunFolderError(f"{path} is in use by another command; wait for it, then give this one again") from None
    except OSError as error:
        raise RunFolderError(f"{path}: cannot be written: {error.strerror}") from None
    try:
        segment = _Segment(path)

        async def append(record: Record) -> None:
            await segment.append(record.model_dump(mode="json"))

        try:
            yield append
        finally:
            await segment.close()
    finally:
        lock.release()
