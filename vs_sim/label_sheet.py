"""A sheet of dialogues for a person to label with the stated donation, blind to every other reader, and its way back.

The sheet is a CSV file that a spreadsheet opens. Spreadsheets run cells that look like formulas, turn ids such as 12e34 into numbers, and
save semicolons, byte order marks and encodings of their own; writing and reading here expect all of that.
"""

from __future__ import annotations

import csv
import io
import random
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from vs_sim import prompts
from vs_sim.errors import InputError
from vs_sim.records import StatedDonation, Transcript, printable

COLUMNS = ("conversation", "dialogue", "label", "note")
_LONGEST_CELL = 32_000
"""Characters; spreadsheets cut a cell off at 32,767."""

_RISKY = re.compile(r"\A(?:[=+\-@\t\r']|(?=.*\d)[\s\d.,/:-]*(?:[eE][\s\d]*)?\Z)")
"""What a spreadsheet could take for a formula, a number or a date, and what begins with our own mark."""

_INSTRUCTIONS = """# How to label {name}

Read each dialogue to its end and write into the column `label` what the persuadee says in it that it is going to give:

* the amount in whole cents, digits only: `150` for $1.50;
* `refused`, if it refuses to give anything;
* `none`, if it is neither an amount nor a refusal.

Leave the label empty where you cannot decide; such a row counts as missing. Write anything else into the column `note`. Change no other
column; rows may be sorted. Label alone and without looking at any other reader's answers. Save the sheet as CSV.

## What counts

{rules}
"""


def write_sheet(path: Path, transcripts: Iterable[Transcript], *, n: int | None = None, seed: int = 0) -> int:
    """Write dialogues in random order for a person to label, and the instructions beside them (``NAME-instructions.md``).

    Nothing but the dialogue is shown: no condition, model, persona, decision or other reading.

    Args:
        path: the CSV file to be made.
        transcripts: of a run or of people; those that failed are left out.
        n: how many are drawn, at least 1; None for all.
        seed: of the order and of the draw, which do not depend on the order of `transcripts`.

    Returns:
        Number of dialogues in the sheet; fewer than `n` if there are not as many.

    Raises:
        InputError: if the file is there already, since it may hold labels, or cannot be written.
    """
    chosen = sorted((t for t in transcripts if t.complete), key=lambda t: t.spec.id)
    random.Random(seed).shuffle(chosen)
    chosen = chosen[:n]
    try:
        # With its mark, spreadsheets know the file as UTF-8.
        with path.open("x", encoding="utf-8-sig", newline="") as file:
            table = csv.writer(file)
            table.writerow(COLUMNS)
            table.writerows([armoured(t.spec.id), armoured(_dialogue(t)), "", ""] for t in chosen)
        rules = prompts.text("stated_rules").strip()
        instructions_path(path).write_text(_INSTRUCTIONS.format(name=path.name, rules=rules), "utf-8")
    except FileExistsError:
        raise InputError(f"{path} is there already and may hold labels; give another name with --out") from None
    except OSError as error:
        raise InputError(f"{error.filename or path}: cannot be written: {error.strerror}") from None
    return len(chosen)


def instructions_path(path: Path) -> Path:
    """Where the instructions of a sheet stand."""
    return path.with_name(f"{path.stem}-instructions.md")


def armoured(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula or a number; `bare` gives the text back."""
    return f"'{cell}" if _RISKY.match(cell) else cell


def bare(cell: str) -> str:
    """The text of a cell that `armoured` may have marked."""
    return cell.removeprefix("'")


def _dialogue(transcript: Transcript) -> str:
    lines = (f"{role.capitalize()}: {printable(text)}" for role, text in transcript.utterances)
    dialogue = "\n".join(lines)
    # The donation is settled towards the end.
    return dialogue if len(dialogue) <= _LONGEST_CELL else f"(the beginning is too long for a cell) ... {dialogue[-_LONGEST_CELL:]}"


def read_sheet(path: Path, conversations: Collection[str]) -> dict[str, StatedDonation]:
    """The labels of a sheet: conversation id -> stated donation; rows without a label are missing.

    Commas, semicolons and tabs between cells, a byte order mark and the line ends of any system are understood. Rows and columns may
    stand in any order, and columns may be added.

    Args:
        path: a sheet of `write_sheet` that somebody has labelled.
        conversations: ids of the run that the sheet was made of.

    Raises:
        InputError: with row and column, as a spreadsheet counts them, if a label is none, a conversation is unknown or stands there twice.
    """
    rows = _rows(path)
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    for column in ("conversation", "label"):
        if header.count(column) != 1:
            raise InputError(f"{path}: column {column!r} stands {header.count(column)} times in the first row, expected once")
    labels: dict[str, StatedDonation] = {}
    row_of: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        cells = dict(zip(header, row, strict=False))
        id_ = bare(cells.get("conversation", "").strip())
        if id_ not in conversations:
            raise InputError(
                f"{path}, row {number}, column conversation: {id_!r:.60} is no conversation of this run; is it the sheet of another run, "
                "or did a spreadsheet change the id?"
            )
        if id_ in row_of:
            raise InputError(f"{path}, row {number}, column conversation: {id_!r} stands in row {row_of[id_]} already; delete one of them")
        row_of[id_] = number
        text = bare(cells.get("label", "").strip())
        if not text:
            continue
        label = read_label(text)
        if label is None:
            raise InputError(
                f"{path}, row {number}, column label: {text!r:.60} is no label; expected whole cents above 0 (digits only), "
                "'refused' or 'none', or nothing"
            )
        labels[id_] = label
    return labels


def read_label(text: str) -> StatedDonation | None:
    """The stated donation of a label as written by hand; None if it is no label."""
    word = text.strip().casefold()
    if word == "refused":
        return StatedDonation(status="refused")
    if word == "none":
        return StatedDonation(status="undetermined")
    if re.fullmatch("[0-9]{1,8}", word) and int(word) > 0:
        return StatedDonation(status="amount", cents=int(word))
    return None


def _rows(path: Path) -> list[list[str]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if data.startswith((b"PK", b"\xd0\xcf")):
        raise InputError(f"{path}: is a spreadsheet's own format, expected CSV; save it as CSV")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # what a spreadsheet on Windows saves; ids and labels are plain letters in both
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise InputError(f"{path}: is no CSV that can be read: {error}") from None
