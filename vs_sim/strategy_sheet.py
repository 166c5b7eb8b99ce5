"""A sheet of the persuader's turns for a person to label with strategies, blind to condition and to every other reader, and its way back.

A row is a turn with what was said before it; a column is a strategy, to be marked with an x. What spreadsheets do to cells is expected, as
in `vs_sim.label_sheet`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

from vs_sim import prompts
from vs_sim.errors import InputError
from vs_sim.label_sheet import armoured, bare, labelled_rows, write_table
from vs_sim.records import Transcript, printable
from vs_sim.strategies import N_BEFORE, NONE, Strategy, TurnId, persuader_turns

_LABELS = (*map(str, Strategy), NONE)
COLUMNS = ("turn", "before", "message", *_LABELS, "note")
_LONGEST_CELL = 32_000
"""Characters; spreadsheets cut a cell off at 32,767."""
_MARKS = ("x", "1")

_INSTRUCTIONS = """# How to label {name}

Each row is a message of the persuader, in a chat in which it asks for a donation to a charity. Read what was said before, then the message,
and put an `x` into the column of every strategy that the message uses; one or none is usual, two or three are possible. Put the `x` into
the column `none` if it uses none of them.

Leave the row without any mark where you cannot decide; it counts as missing. Write anything else into the column `note`. Change no other
column; rows may be sorted. Label alone and without looking at any other reader's answers. Save the sheet as CSV.

## What the strategies are

{rules}
"""


def write_sheet(path: Path, transcripts: Iterable[Transcript], *, n: int | None = None, seed: int = 0) -> int:
    """Write turns of the persuader in random order for a person to label, and the instructions beside them (``NAME-instructions.md``).

    Nothing but the words is shown: no condition, model, persona, decision or other reading.

    Args:
        path: the CSV file to be made.
        transcripts: of a run or of people; those that failed are left out.
        n: how many turns are drawn from all conversations, at least 1; None for all.
        seed: of the order and of the draw, which do not depend on the order of `transcripts`.

    Returns:
        Number of turns in the sheet; fewer than `n` if there are not as many.

    Raises:
        InputError: if the file is there already, since it may hold labels, or other instructions are, or it cannot be written.
    """
    of = {t.spec.id: t for t in transcripts if t.complete}
    chosen = sorted(turn for transcript in of.values() for turn in persuader_turns(transcript))
    random.Random(seed).shuffle(chosen)
    chosen = chosen[:n]
    rows = (
        [armoured(_name(turn)), *map(armoured, _words(of[turn.conversation], turn.turn)), *[""] * (len(COLUMNS) - 3)] for turn in chosen
    )
    write_table(path, COLUMNS, rows, _INSTRUCTIONS.format(name=path.name, rules=prompts.text("strategy_labels").strip()))
    return len(chosen)


def _name(turn: TurnId) -> str:
    return f"{turn.conversation}-t{turn.turn:03d}"


def _words(transcript: Transcript, turn: int) -> tuple[str, str]:
    """What was said before, and the message."""
    before = (f"{role.capitalize()}: {printable(text)}" for role, text in transcript.utterances[max(0, turn - N_BEFORE) : turn])
    return "\n".join(before)[-_LONGEST_CELL:], printable(transcript.turns[turn].text)[:_LONGEST_CELL]


def read_sheet(path: Path, transcripts: Iterable[Transcript]) -> dict[TurnId, frozenset[Strategy]]:
    """The labels of a sheet: turn -> its strategies, none where ``none`` is marked; rows without a mark are missing.

    Args:
        path: a sheet of `write_sheet` that somebody has labelled.
        transcripts: of the run that the sheet was made of.

    Raises:
        InputError: with row and column, as a spreadsheet counts them, if a mark is none, ``none`` stands beside a strategy, or a turn is
            unknown or stands there twice.
    """
    turns = {_name(turn): turn for transcript in transcripts if transcript.complete for turn in persuader_turns(transcript)}
    labels: dict[TurnId, frozenset[Strategy]] = {}
    for number, name, cells in labelled_rows(path, "turn", turns, _LABELS):
        marked = []
        for column in _LABELS:
            mark = bare(cells[column].strip()).casefold()
            if mark and mark not in _MARKS:
                raise InputError(
                    f"{path}, row {number}, column {column}: {cells[column].strip()!r:.60} is no mark; expected 'x' for a message that has "
                    "it, or nothing"
                )
            if mark:
                marked.append(column)
        if NONE in marked and len(marked) > 1:
            raise InputError(f"{path}, row {number}, column none: is marked beside {marked[0]}; expected 'none' alone or not at all")
        if marked:
            labels[turns[name]] = frozenset(Strategy(column) for column in marked if column != NONE)
    return labels
