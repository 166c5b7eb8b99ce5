"""The three formats of files of personas or prompts: each is read into entries of plain data that know their line.

What the data mean is checked in `vs_sim.personas` and `vs_sim.prompt_file`; here a file is refused only where it cannot be read at all.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from vs_sim.errors import InputError, PersonaError, PromptError
from vs_sim.toml_file import content_of


class Kind(NamedTuple):
    """What the entries of a file are: the noun, which is also the name of its TOML tables, and the error that refuses it."""

    noun: str
    error: type[InputError]


PERSONA = Kind("persona", PersonaError)
PROMPT = Kind("prompt", PromptError)
ANSWER = Kind("CSV", PromptError)
"""Right answers to a prompt, which stand in CSV files only."""


class Entry(NamedTuple):
    """One entry as written: its content, and where it begins, where its keys stand and where its columns are named ("line 7")."""

    data: dict[str, Any]
    begins: str
    keys: dict[str, str] = {}  # noqa: RUF012
    header: str | None = None

    def place(self, key: str) -> str:
        """Where the key stands; where the entry begins if that cannot be told."""
        return self.keys.get(key) or self.keys.get(f"{key}.x") or self.begins


def read_entries(path: Path, kind: Kind, *, words: Collection[str]) -> list[Entry]:
    """The entries of a file as plain data, in its order.

    Args:
        path: file in UTF-8, with or without a byte order mark, ending in ``.toml``, ``.jsonl`` or ``.csv``.
        kind: what they are.
        words: names of the CSV columns whose cells stay text even if they spell a number.

    Raises:
        PersonaError, PromptError: no such file, another ending, not UTF-8, not valid in its format.
    """
    suffix = path.suffix.lower()
    if suffix not in (".toml", ".jsonl", ".csv"):
        raise kind.error(f"{path}: the file ends in {path.suffix!r}, expected .toml, .jsonl or .csv; convert or rename it")
    text = _read_text(path, kind)
    if suffix == ".toml":
        return _read_toml(path, kind, text)
    return _read_jsonl(path, kind, text) if suffix == ".jsonl" else _read_csv(path, kind, text, words)


def read_csv(path: Path, kind: Kind, *, words: Collection[str]) -> list[Entry]:
    """The same of a file in CSV, whatever its name ends in."""
    return _read_csv(path, kind, _read_text(path, kind), words)


def _read_text(path: Path, kind: Kind) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise kind.error(f"{path}: there is no such file, expected a {kind.noun} file; check the path") from None
    except OSError as error:
        raise kind.error(f"{path}: cannot be read ({error.strerror}), expected a {kind.noun} file; check the path") from None
    except ValueError as error:  # a name that no file can have
        raise kind.error(f"{str(path)!r}: cannot be read ({error}), expected a {kind.noun} file; check the path") from None
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        at = error.start
        line = data.count(b"\n", 0, at) + 1
        raise kind.error(
            f"{path}, line {line}: byte {data[at : at + 1]!r} at offset {at} is not UTF-8, expected a file in UTF-8; save it as UTF-8"
        ) from None


def _read_toml(path: Path, kind: Kind, text: str) -> list[Entry]:
    try:
        content = content_of(text)
    except ValueError as error:
        raise kind.error(f"{path}: not valid TOML ({error}), expected tables [[{kind.noun}]]; correct that place") from None
    tables = content.pop(kind.noun, [])
    lines = text.split("\n")
    for key in content:
        at = _line_of(kind.noun, key, lines, 0, len(lines)) or 1
        raise kind.error(f"{path}, line {at}: {key!r} is not part of a {kind.noun}, expected [[{kind.noun}]] first; rename or move it")
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise kind.error(f"{path}: {kind.noun!r} is {type(tables).__name__}, expected tables [[{kind.noun}]]; use double brackets")
    heads = [i for i, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{kind.noun}\s*\]\]", line)]
    if not heads or len(heads) != len(tables):  # written inline, or a text quotes a header: the lines cannot be told
        return [Entry(table, f"{kind.noun} {number}") for number, table in enumerate(tables, 1)]
    entries = []
    for table, start, end in zip(tables, heads, [*heads[1:], len(lines)], strict=True):
        found = {key: _line_of(kind.noun, key, lines, start, end) for key in table}
        entries.append(Entry(table, f"line {start + 1}", {key: f"line {line}" for key, line in found.items() if line}))
    return entries


def _line_of(noun: str, key: str, lines: list[str], start: int, end: int) -> int | None:
    """Number of the line, from 1, that sets the key or opens its table; None if none is found."""
    pattern = re.compile(rf"""\s*\[*\s*({noun}\s*\.\s*)?["']?{re.escape(key)}["']?\s*[.=\]]""")
    return next((i + 1 for i in range(start, end) if pattern.match(lines[i])), None)


def _read_jsonl(path: Path, kind: Kind, text: str) -> list[Entry]:
    entries = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            data = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            reason = f"{error.msg}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
            raise kind.error(f"{path}, line {number}: not valid JSON ({reason}), expected one object a line; correct it") from None
        if not isinstance(data, dict):
            raise kind.error(f"{path}, line {number}: the line holds {type(data).__name__}, expected one JSON object a line; correct it")
        entries.append(Entry(data, f"line {number}"))
    return entries


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"key {name!r} is given twice")
    return dict(pairs)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a value that an entry can have")


def _read_csv(path: Path, kind: Kind, text: str, words: Collection[str]) -> list[Entry]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    header_at = ""
    entries = []
    line = 1  # of the row's beginning: a cell in quotes may span several lines
    try:
        for row in reader:
            if not any(cell.strip() for cell in row):
                pass
            elif not header:
                header, header_at = _header(path, kind, line, row), f"line {line}"
            elif len(row) != len(header):
                raise kind.error(
                    f"{path}, line {line}: the row has {len(row)} cells, expected {len(header)} as in the header; "
                    "add the missing commas, or put double quotes around cells that hold a comma"
                )
            else:
                entries.append(Entry(_row(kind, header, row, words), f"line {line}", header=header_at))
            line = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise kind.error(
                f"{path}, line {line}: a cell holds more than the {csv.field_size_limit():,} characters that a cell in CSV can hold; "
                "close its quotes or shorten it, or write the file as .jsonl, where there is no limit"
            ) from None
        raise kind.error(f"{path}, line {line}: not valid CSV ({error}), expected cells between commas; check the quotes") from None
    return entries


def _header(path: Path, kind: Kind, line: int, row: list[str]) -> list[str]:
    header = [cell.strip() for cell in row]
    for i, name in enumerate(header):
        if not name:
            raise kind.error(f"{path}, line {line}: column {i + 1} has no name, expected one; name it or remove it")
        if name == "facts" and kind is PERSONA:
            raise kind.error(f"{path}, line {line}: column 'facts' in CSV, expected one column 'fact.NAME' per fact; rename it")
        if name in header[:i]:
            raise kind.error(f"{path}, line {line}: column {name!r} is there twice, expected once; remove or rename one")
    return header


def _row(kind: Kind, header: list[str], row: list[str], words: Collection[str]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    facts: dict[str, str] = {}
    for name, cell in zip(header, row, strict=True):
        value = cell.strip()
        if kind is not PERSONA or not name.startswith("fact."):
            # An empty cell is a missing value, never ""; it is kept as None so that an unknown column is seen in every row.
            data[name] = (value if name in words else _number(value)) if value else None
        elif value:
            # A fact is shown as it is spelled, so its cell need not become a number.
            facts[name.removeprefix("fact.")] = value
    return {**data, "facts": facts} if facts else data


def _number(cell: str) -> int | float | str:
    """The number that a cell spells; a cell that spells none stays text, for the error to show."""
    if re.fullmatch(r"[+-]?[0-9]{1,18}", cell):
        return int(cell)
    return float(cell) if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+([eE][+-]?[0-9]+)?|[+-]?[0-9]+\.", cell) else cell
