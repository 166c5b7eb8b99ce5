"""A sheet of dialogues for a person to label with the stated donation, blind to every other reader, and its way back.

The sheet is a CSV file that a spreadsheet opens. Spreadsheets run cells that look like formulas, turn ids such as 12e34 into numbers, and
save semicolons, byte order marks and encodings of their own; writing and reading here expect all of that.
"""

from __future__ import annotations

import csv
import io
import random
import re
import tempfile
from collections.abc import Collection, Iterable, Sequence
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
        InputError: if the file is there already, since it may hold labels, or other instructions are, or it cannot be written.
    """
    chosen = sorted((t for t in transcripts if t.complete), key=lambda t: t.spec.id)
    random.Random(seed).shuffle(chosen)
    chosen = chosen[:n]
    table = ([armoured(t.spec.id), armoured(_dialogue(t)), "", ""] for t in chosen)
    write_table(path, COLUMNS, table, _INSTRUCTIONS.format(name=path.name, rules=prompts.text("stated_rules").strip()))
    return len(chosen)


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]], instructions: str) -> None:
    """Write a sheet and its instructions, whole files or none.

    Args:
        path: the CSV file to be made.
        columns: of the first row.
        rows: the others, armoured.
        instructions: Markdown, for the file beside it.

    Raises:
        InputError: as `write_sheet`.
    """
    beside, words = instructions_path(path), instructions.encode()
    try:
        if path.exists():
            raise InputError(f"{path} is there already and may hold labels; give another name with --out")
        if beside.exists() and beside.read_bytes() != words:
            raise InputError(f"{beside} is there already and says something else; give another name with --out, or remove it")
        # Under their names there are whole files or none.
        with tempfile.TemporaryDirectory(prefix=".sheet.", dir=path.parent) as folder:
            half = Path(folder)
            # With its mark, spreadsheets know the file as UTF-8.
            with (half / "sheet").open("x", encoding="utf-8-sig", newline="") as file:
                table = csv.writer(file)
                table.writerow(columns)
                table.writerows(rows)
            (half / "instructions").write_bytes(words)
            (half / "instructions").replace(beside)
            (half / "sheet").replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None


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

    Commas, semicolons and tabs between cells, a first line ``sep=``, byte order marks, UTF-16 and the line ends of any system are
    understood. Rows and columns may stand in any order, and columns may be added.

    Args:
        path: a sheet of `write_sheet` that somebody has labelled.
        conversations: ids of the run that the sheet was made of.

    Raises:
        InputError: with row and column, as a spreadsheet counts them, if a label is none, a conversation is unknown or stands there twice.
    """
    labels: dict[str, StatedDonation] = {}
    for number, id_, cells in labelled_rows(path, "conversation", conversations, ("label",)):
        text = bare(cells["label"].strip())
        if not text:
            continue
        label = read_label(text)
        if label is None:
            hint = "; write 'refused' for a refusal to give" if re.fullmatch("0+", text) else ""
            raise InputError(
                f"{path}, row {number}, column label: {text!r:.60} is no label; expected whole cents above 0 (digits only), "
                f"'refused' or 'none', or nothing{hint}"
            )
        labels[id_] = label
    return labels


def labelled_rows(path: Path, unit: str, known: Collection[str], needed: Sequence[str]) -> list[tuple[int, str, dict[str, str]]]:
    """The rows of a sheet: number as a spreadsheet counts, id of the unit, and column -> cell.

    Args:
        path: the sheet.
        unit: name of the column with the id.
        known: ids of the run that the sheet was made of.
        needed: further columns that it must have.

    Raises:
        InputError: if the file is no such sheet, an id is unknown or stands there twice.
    """
    row_of: dict[str, int] = {}
    found = []
    for number, cells in _rows(path, (unit, *needed)):
        id_ = bare(cells[unit].strip())
        where = f"{path}, row {number}, column {unit}"
        if id_ not in known:
            raise InputError(
                f"{where}: {id_!r:.60} is no {unit} of this run; is it the sheet of another run, or did a spreadsheet change the id?"
            )
        if id_ in row_of:
            raise InputError(f"{where}: {id_!r} stands in row {row_of[id_]} already; delete one of them")
        row_of[id_] = number
        found.append((number, id_, cells))
    return found


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


def dialogues_of(path: Path) -> dict[str, tuple[str, str]]:
    """The dialogues of a sheet: conversation id -> where it stands ("sheet.csv, row 2") and the dialogue as shown.

    Raises:
        InputError: if the file is no such sheet.
    """
    dialogues = {}
    for number, cells in _rows(path, ("conversation", "dialogue", "label")):
        if not (id_ := bare(cells["conversation"].strip())):
            raise InputError(
                f"{path}, row {number}, column conversation: is empty, expected the id; put it back in from the sheet as written"
            )
        dialogues[id_] = f"{path}, row {number}", bare(cells["dialogue"])
    return dialogues


def _rows(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a sheet that are not empty: number as a spreadsheet counts, and column -> cell, where cells left out are empty."""
    text = _text(path)
    before = re.match(r"sep=(.)(?:\r\n|\r|\n)", text, re.IGNORECASE)  # by which some spreadsheets are told what separates cells
    if before:
        text = text[before.end() :]
    first = re.split("[\r\n]", text, maxsplit=1)[0]
    delimiter = before[1] if before else max(",;\t", key=first.count)
    offset = 2 if before else 1
    rows = []
    try:
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
            rows.append(row)
    except (csv.Error, TypeError, ValueError) as error:  # of another kind if the separator can be none
        raise InputError(f"{path}, row {len(rows) + offset}: is no CSV that can be read: {error}; save it as CSV UTF-8") from None
    header = [cell.strip().casefold() for cell in rows[0]] if rows else []
    for column in needed:
        if header.count(column) != 1:
            raise InputError(f"{path}: column {column!r} stands {header.count(column)} times in the first row, expected once")
    found = []
    for number, row in enumerate(rows[1:], offset + 1):
        if any(cell.strip() for cell in row):
            found.append((number, {**dict.fromkeys(header, ""), **dict(zip(header, row, strict=False))}))
    return found


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    if data.startswith((b"PK", b"\xd0\xcf")):
        raise InputError(f"{path}: is a spreadsheet's own format, expected CSV; save it as CSV")
    try:
        text = data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")  # what a spreadsheet on Windows saves; ids and labels are plain letters in both
    if "\0" in text:
        raise InputError(f"{path}: is in no encoding that can be told (UTF-16 without its mark?); save it as CSV UTF-8")
    return text
