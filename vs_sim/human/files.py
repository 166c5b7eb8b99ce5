"""PersuasionForGood in its original files, CSV or Excel, read into plain dialogues; and which layout a folder has.

Columns: B2 dialogue, B3 person, B4 role (0 persuader, 1 persuadee), B5 intended donation in dollars, B6 actual donation in dollars, Turn
the round from 0, Unit what was said: a whole turn in the full data, a sentence in the annotated dialogues.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

from vs_sim.errors import HumanDataError
from vs_sim.human.convokit import read_convokit
from vs_sim.human.corpus import (
    MAX_BYTES,
    ROLES,
    UNREADABLE,
    AnnotatedSentence,
    Corpus,
    Participant,
    RawDialogue,
    cents_of,
    filled,
    number_of,
    role_of,
    round_of,
    say,
    stated_of,
    text_of,
    value_of,
)
from vs_sim.personas import ATTRIBUTES
from vs_sim.records import Role

FOLDERS = (".", "FullData", "AnnotatedData", "data/FullData", "data/AnnotatedData")
"""Where the original repository keeps its files, seen from its root, its data folder or the folder of the files itself."""
ANNOTATED = (
    ("300_info.csv", "300_dialog.csv"),
    ("300_info.xlsx", "300_dialog.xlsx"),
    ("annotated_dev_info.csv", "annotated_dev_dialog.csv"),
)
"""Names of the annotated half: participants and sentences; the first pair that is there is read."""


def read_corpus(path: str | Path) -> Corpus:
    """The dialogues of a folder, whichever of the two layouts it has.

    Args:
        path: a folder with full_info.csv and full_dialog.csv (and, where present, the annotated half), or the root of the original
            repository; or a ConvoKit corpus folder with utterances.jsonl, speakers.json and conversations.json.

    Raises:
        HumanDataError: if it is neither or both, or something in it cannot be read as it should be.
    """
    path = Path(path)
    try:
        return _read_corpus(path)
    except OSError as error:
        raise HumanDataError(f"{str(path)!r:.80}: cannot be read: {error.strerror}; give the folder that holds full_info.csv") from None


def _read_corpus(path: Path) -> Corpus:
    if not path.is_dir():
        found = "is a file, expected a folder" if path.exists() else "there is no such folder"
        raise HumanDataError(f"{path}: {found}; give the folder that holds full_info.csv, or ConvoKit's persuasionforgood-corpus")
    convokit = next((p for p in (path, path / "persuasionforgood-corpus") if (p / "utterances.jsonl").is_file()), None)
    info, dialog = _find(path, "full_info.csv"), _find(path, "full_dialog.csv")
    if convokit is not None and (info or dialog):
        raise HumanDataError(f"{path}: holds both full_*.csv and ConvoKit's utterances.jsonl, expected one of them; give the folder of one")
    if convokit is not None:
        return read_convokit(convokit)
    if info is None and dialog is None:
        raise HumanDataError(
            f"{path}: holds no PersuasionForGood: expected full_info.csv and full_dialog.csv (here, in FullData or in data/FullData), or "
            "ConvoKit's utterances.jsonl, speakers.json and conversations.json; vs-sim human fetch gets them"
        )
    if info is None or dialog is None:
        there, missing = ("full_dialog.csv", "full_info.csv") if info is None else ("full_info.csv", "full_dialog.csv")
        raise HumanDataError(f"{path}: {missing} is missing, though {there} is there; put both into one folder")
    return _read_original(path, info, dialog)


def _find(path: Path, name: str) -> Path | None:
    return next((p for f in FOLDERS if (p := path / f / name).is_file()), None)


def _read_original(path: Path, info: Path, dialog: Path) -> Corpus:
    people: dict[str, dict[Role, Participant]] = {}
    cents: dict[str, int | None] = {}
    for place, row in _table(info, ("B2", "B3", "B4", "B6")):
        id_, role = filled(row, "B2", place), role_of(row["B4"], f"{place}, column B4")
        if role in people.setdefault(id_, {}):
            raise HumanDataError(f"{place}: dialogue {id_!r} has a second {role}, expected one; remove one of the rows")
        attributes = {}
        for name in ATTRIBUTES:
            column = f"{name}.x" if f"{name}.x" in row else name
            if column not in row and (like := next((c for c in row if c.casefold() in (name, f"{name}.x")), None)):
                raise HumanDataError(f"{info}: column {like!r} is no attribute, expected '{name}.x'; name it so, or get the file again")
            if (value := value_of(row.get(column), f"{place}, column {column}")) is not None:
                attributes[name] = value
        people[id_][role] = Participant(filled(row, "B3", place), attributes, place)
        if role == "persuadee":
            dollars = number_of(row["B6"], f"{place}, column B6")
            cents[id_] = None if dollars is None else cents_of(dollars, f"{place}, column B6")
    dialogues: dict[str, RawDialogue] = {}
    last, last_round = None, 0
    for number, (place, row) in enumerate(_table(dialog, ("B2", "B4", "Turn", "Unit"))):
        id_, role = filled(row, "B2", place), role_of(row["B4"], f"{place}, column B4")
        round = round_of(row["Turn"], f"{place}, column Turn")
        if id_ != last and id_ in dialogues:
            raise HumanDataError(f"{place}: dialogue {id_!r} begins a second time, expected all its rows together; is the id used twice?")
        if id_ != last:
            if len(people.get(id_, {})) < 2:
                missing = " and ".join(r for r in ROLES if r not in people.get(id_, {}))
                raise HumanDataError(f"{place}: dialogue {id_!r} has no {missing} in {info.name}; add the row, or remove the dialogue")
            dialogues[id_] = RawDialogue(id_, number, [], people[id_], cents[id_])
        elif round < last_round:
            raise HumanDataError(f"{place}: turn {round} follows turn {last_round}, expected turns that rise; are the rows out of order?")
        say(dialogues[id_].turns, role, row["Unit"], place, id_)
        last, last_round = id_, round
    silent = [id_ for id_ in people if id_ not in dialogues]
    if silent:
        place = next(iter(people[silent[0]].values())).place
        raise HumanDataError(
            f"{place}: dialogue {silent[0]!r} has no row in {dialog.name} ({len(silent)} such dialogues); add them or remove it"
        )
    files, n_unknown = _read_annotated(path, dialogues)
    return Corpus("csv", (info, dialog, *files), tuple(dialogues.values()), n_unknown)


def _read_annotated(path: Path, dialogues: Mapping[str, RawDialogue]) -> tuple[tuple[Path, ...], int]:
    """Adds the annotations; returns their files, and how many annotated dialogues are not among `dialogues`."""
    for names in ANNOTATED:
        found = [p for name in names if (p := _find(path, name)) is not None]
        if len(found) == 1:
            missing = names[1] if found[0].name == names[0] else names[0]
            raise HumanDataError(f"{path}: {missing} is missing, though {found[0].name} is there; put both into one folder, or remove it")
        if found:
            break
    else:
        return (), 0
    info, dialog = found
    stated, sentences = annotated_tables(info, dialog)
    for id_, dollars in stated.items():
        if id_ in dialogues:
            dialogues[id_].annotated = True
            dialogues[id_].stated_dollars = dollars
    for id_, (place, said) in sentences.items():
        if id_ in dialogues and id_ not in stated:
            raise HumanDataError(f"{place}: dialogue {id_!r} has annotated sentences, but no row in {info.name}; add it there")
        if id_ in dialogues:
            dialogues[id_].sentences += said
    return (info, dialog), len((stated.keys() | sentences.keys()) - dialogues.keys())


def annotated_tables(info: Path, dialog: Path) -> tuple[dict[str, float | None], dict[str, tuple[str, list[AnnotatedSentence]]]]:
    """The annotated dialogues as their two tables give them, by their ids.

    Args:
        info: the table of participants (B2, B5; rows of persuaders are left out).
        dialog: the table of sentences.

    Returns:
        What is stated, in dollars, None where nothing is; and where the sentences begin ("300_dialog.csv, line 2"), with the sentences.

    Raises:
        HumanDataError: with file and line, if something cannot be read as it should be.
    """
    stated: dict[str, float | None] = {}
    for place, row in _table(info, ("B2", "B5")):
        id_ = filled(row, "B2", place)
        # The official table has a row for each participant; the donation that is intended is the persuadee's.
        if row.get("B4") and role_of(row["B4"], f"{place}, column B4") != "persuadee":
            continue
        if id_ in stated:
            raise HumanDataError(f"{place}: dialogue {id_!r} is annotated twice, expected once; remove one of the rows")
        stated[id_] = stated_of(row["B5"], f"{place}, column B5")
    sentences: dict[str, tuple[str, list[AnnotatedSentence]]] = {}
    for place, row in _table(dialog, ("B2", "B4", "Turn", "Unit", "er_label_1", "ee_label_1")):
        id_, role = filled(row, "B2", place), role_of(row["B4"], f"{place}, column B4")
        who = "er" if role == "persuader" else "ee"
        acts = tuple(act for n in "12" if (act := (row.get(f"{who}_label_{n}") or "").strip()))
        text = " ".join(row["Unit"].split())
        sentence = AnnotatedSentence(round_of(row["Turn"], f"{place}, column Turn"), role, text, acts)
        sentences.setdefault(id_, (place, []))[1].append(sentence)
    return stated, sentences


def _table(path: Path, needed: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV or Excel file as place ("full_info.csv, line 2") and column -> cell."""
    rows = _excel_rows(path) if path.suffix == ".xlsx" else _csv_rows(path)
    header: list[str] = []
    n_rows = 0
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if not header:
            header = [cell.strip() for cell in cells]
            if len(header) == 1 and (between := next((c for c in ";\t" if c in header[0]), None)):
                what = "semicolons" if between == ";" else "tabs"
                raise HumanDataError(
                    f"{path}, line {line}: cells are separated by {what}, expected commas; get the file again or save it so"
                )
            for name in needed:
                if header.count(name) != 1:
                    wrong = "is missing" if name not in header else "is there twice"
                    raise HumanDataError(
                        f"{path}, line {line}: column {name!r} {wrong}, expected {', '.join(needed)}; is it the right file?"
                    )
            continue
        if len(cells) != len(header):
            raise HumanDataError(
                f"{path}, line {line}: the row has {len(cells)} cells, expected {len(header)} as in the header; was it cut off?"
            )
        n_rows += 1
        yield f"{path}, line {line}", dict(zip(header, cells, strict=True))
    if not n_rows:
        what = "only a header" if header else "nothing"
        raise HumanDataError(f"{path}: the file holds {what}, expected a header and rows; get it again")


def _csv_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text_of(path), newline=""), strict=True)
    line = 1  # of the row's beginning: a cell in quotes may span several lines
    try:
        for row in reader:
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        raise HumanDataError(
            f"{path}, line {line}: not valid CSV ({error}), expected cells between commas; was the file cut off?"
        ) from None


def _excel_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The first sheet of an Excel file, which is XML in a zip archive; enough for tables of text and numbers."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    try:
        with zipfile.ZipFile(path) as archive:
            parts = {i.filename: i.file_size for i in archive.infolist()}
            if sum(parts.values()) > MAX_BYTES:
                raise HumanDataError(f"{path}: unpacks to {sum(parts.values())} bytes, expected at most {MAX_BYTES}; is it the right file?")
            texts = archive.read("xl/sharedStrings.xml") if "xl/sharedStrings.xml" in parts else b"<sst/>"
            sheet = ElementTree.fromstring(archive.read("xl/worksheets/sheet1.xml"))  # noqa: S314  bounded in size, no network
            strings = ElementTree.fromstring(texts)  # noqa: S314  as above
        shared = ["".join(t.text or "" for t in si.iter(f"{space}t")) for si in strings.iter(f"{space}si")]
        table = []
        for number, row in enumerate(sheet.iter(f"{space}row"), 1):
            cells: dict[int, str] = {}
            for cell in row.iter(f"{space}c"):
                value = cell.findtext(f"{space}v") or ""
                if cell.get("t") == "s":
                    value = shared[int(value)]
                elif cell.get("t") == "inlineStr":
                    value = "".join(t.text or "" for t in cell.iter(f"{space}t"))
                cells[_column(cell.get("r") or "A")] = value  # empty cells are left out of the file
            table.append((int(row.get("r") or number), cells))
    except (OSError, *UNREADABLE, ElementTree.ParseError, LookupError) as error:
        raise HumanDataError(f"{path}: not a readable Excel file ({error}); get it again, or save it as {path.stem}.csv in UTF-8") from None
    width = max((max(cells, default=-1) + 1 for _, cells in table), default=0)
    for line, cells in table:
        yield line, [cells.get(i, "") for i in range(width)]


def _column(reference: str) -> int:
    """Number of a column from 0: A1 -> 0, AB7 -> 27."""
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = 26 * number + ord(letter) - ord("A") + 1
    if not 1 <= number <= 16_384:
        raise ValueError(f"cell {reference!r:.20} lies in no column that a sheet can have")
    return number - 1
