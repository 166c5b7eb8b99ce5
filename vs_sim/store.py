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
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import from_json

from vs_sim.durable import lines
from vs_sim.errors import RunFolderError
from vs_sim.locks import holders
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.records import ConversationSpec, Transcript
from vs_sim.run_shape import JournalAnswer, JournalVoid, damage_of_manifest, ended, first_problem, read_json, read_row

FORMAT = 2
"""Version of the run folder's format."""

_CHANGED = "the file was changed after it was written: put it back from a copy"


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
            raise RunFolderError(f"{self.manifest_path}: conversations are damaged: {first_problem(error)}; {_CHANGED}") from None

    def _holds(self, manifest: dict[str, Any], *, prompts: bool) -> None:
        if (manifest["study"].get("kind") == "prompt") != prompts:
            found, wanted = ("dialogues", "single prompts") if prompts else ("single prompts", "dialogues")
            both = "vs-sim status, show, compare, report, export and bundle read both"
            raise RunFolderError(f"{self.path} is a run of {found}, expected one of {wanted}; {both}")

    def _ended(self, kind: type[_Recorded]) -> list[_Recorded]:
        if self.manifest_path.exists():
            self._holds(self.any_manifest(), prompts=kind is Responses)
        found: dict[str, _Recorded] = {}
        places: dict[str, str] = {}
        with _many_records():
            for path, number, line in self.lines("transcripts"):
                try:
                    record = kind.model_validate_json(line)
                except ValidationError as error:
                    raise _no_transcript(path, number, error) from None
                earlier = found.get(record.spec.id)
                if earlier is None or record.complete or not earlier.complete:
                    found[record.spec.id] = record
                    places[record.spec.id] = f"{path}, line {number}"
        self._check_planned(places, {} if kind is Transcript else {id_: record.spec.model_dump() for id_, record in found.items()})
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

    def _check_planned(self, places: dict[str, str], specs: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Called with id -> place after transcripts were read: a plan only grows, so that the manifest is never behind them.

        With id -> spec of those that must be in the plan word for word.
        """
        if places and self.manifest_path.exists():
            planned = {one["id"]: one for one in self.any_manifest()["conversations"]}
            for strange in places.keys() - planned:
                raise RunFolderError(f"{places[strange]}: {self.noun} {strange!r} is not in the plan of manifest.json; {_CHANGED}")
            for id_, spec in (specs or {}).items():
                for key, value in spec.items():
                    if value != (there := planned[id_].get(key)):
                        wrong = f"{key} of {self.noun} {id_!r} is {value!r}, expected {there!r} as in the plan of manifest.json"
                        raise RunFolderError(f"{places[id_]}: {wrong}; {_CHANGED}")

    def journal_rows(self) -> Iterator[dict[str, Any]]:
        """Every row of the journal, in the order in which it was written; of workers that write at once, one after the other."""
        for path, number, line in self.lines("journal"):
            journal_row(path, number, line)
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


def journal_row(path: Path, number: int, line: bytes) -> JournalAnswer | JournalVoid:
    """A line of the journal, checked.

    Raises:
        RunFolderError: it is none.
    """
    try:
        return read_row(line)
    except ValueError as error:
        raise RunFolderError(f"{path}, line {number}: {error}; {_CHANGED}") from None


def _no_transcript(path: Path, number: int, error: ValidationError) -> RunFolderError:
    return RunFolderError(f"{path}, line {number}: is no transcript: {first_problem(error)}; {_CHANGED}")


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
