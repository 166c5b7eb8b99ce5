"""A run folder held against the endpoint's log, once all is over: what is lost, doubled, paid twice, or cannot be read."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vs_sim.errors import VsSimError
from vs_sim.store import RunFolder, turn_of

ANSWERS = ("ok", "wrong-type", "length", "content_filter", "filtered-half", "refusal")
"""Kinds of the endpoint's log that are whole answers, paid for and fit to be kept; what is done with them is another matter."""


@dataclass
class Held:
    """What the files of a run folder hold, read line by line without the code under test.

    Attributes:
        complete: id of a conversation -> its lines without a failure.
        answered: names under which the endpoint gave the journalled answers.
        prompt_tokens, completion_tokens: of the journalled answers.
        n_doubled: answers to a step that was answered before and not given up since.
        n_torn: last lines of files that are not whole.
        unparsable: a half sentence for every file or line that cannot be read.
    """

    complete: Counter[str] = field(default_factory=Counter)
    answered: set[str] = field(default_factory=set)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    n_doubled: int = 0
    n_torn: int = 0
    unparsable: list[str] = field(default_factory=list)


def held(path: Path) -> Held:
    """What a run folder holds."""
    found = Held()
    open_steps: set[tuple[str, str]] = set()
    for row in _rows(path / "journal", found):
        if "void" in row:
            open_steps -= {one for one in open_steps if one[0] == row["conversation"] and turn_of(one[1]) == turn_of(row["void"])}
            continue
        step, usage = (row["conversation"], row["call"]["step"]), row["call"]["usage"]
        found.n_doubled += step in open_steps
        open_steps.add(step)
        found.answered.add(row["call"]["model_returned"].removeprefix("served-"))
        found.prompt_tokens += usage["prompt_tokens"]
        found.completion_tokens += usage["completion_tokens"]
    for row in _rows(path / "transcripts", found):
        if row["failure"] is None:
            found.complete[row["spec"]["id"]] += 1
    folder = RunFolder(path)
    for read in (_records, RunFolder.complete, lambda folder: list(folder.journal_rows())):
        try:
            read(folder)
        except VsSimError as error:
            found.unparsable.append(str(error))
    return found


def _records(folder: RunFolder) -> None:
    if folder.of_prompts:
        folder.planned_askings(), folder.responses()
    else:
        folder.planned(), folder.transcripts()


def _rows(part: Path, found: Held) -> Iterator[dict[str, Any]]:
    """The rows of a part in the order in which its files were begun."""
    for file in sorted(part.glob("*.jsonl"), key=lambda file: int(file.stem)):
        *whole, last = file.read_bytes().split(b"\n")
        found.n_torn += last != b""
        for number, line in enumerate(whole, 1):
            try:
                yield json.loads(line)
            except ValueError as error:
                found.unparsable.append(f"{file.name}, line {number} of {part.name}: {error}")


def left_over(path: Path) -> list[str]:
    """Files that only a write that did not end leaves behind."""
    return [file.name for file in path.rglob("*") if file.suffix in (".tmp", ".part")]


def unkept(log: Iterable[dict[str, Any]], answered: set[str]) -> int:
    """Answers that the endpoint gave, or was about to give, and that no journal holds."""
    return sum(row["kind"] in ANSWERS and row["id"] not in answered for row in log)
