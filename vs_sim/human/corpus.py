"""Human dialogues as the files give them, and the values in them: what the readers of both layouts of PersuasionForGood share.

Every mistake in a file is a `HumanDataError` that names file and line (or key). What becomes of them is decided in `vs_sim.human.importer`.
"""

from __future__ import annotations

import lzma
import math
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vs_sim.errors import HumanDataError
from vs_sim.records import Role

ROLES: tuple[Role, Role] = ("persuader", "persuadee")
"""The roles by their number in column B4."""
_LARGEST = 1_000_000_000
"""No amount, score, role or round comes near it; below, cents are exact as floating-point numbers."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
MAX_BYTES = 200_000_000
"""Most bytes that a file may have once it is unpacked: forty times what the whole corpus takes."""

UNREADABLE = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, ValueError)
"""What a zip file raises that is damaged, encrypted or packed in an unknown way."""


@dataclass(frozen=True)
class Participant:
    """One person in one dialogue: B3, the attributes that were measured, and where that stands ("full_info.csv, line 2")."""

    user: str
    attributes: Mapping[str, float | str]
    place: str


@dataclass(frozen=True)
class AnnotatedSentence:
    """A sentence with its dialogue acts: round from 0, role, text (None if it cannot be told from its neighbours), one or two acts."""

    round: int
    role: Role
    text: str | None
    acts: tuple[str, ...]


@dataclass
class RawDialogue:
    """One dialogue as the files give it.

    Attributes:
        id: B2.
        row: number of its first row in full_dialog.csv, from 0, which is ConvoKit's id of the conversation; None if unknown.
        turns: role and text of each turn; the roles alternate and the persuader begins.
        people: role -> participant.
        cents: what the persuadee gave (B6), whole cents; None if the files do not say.
        annotated: whether it is one of the dialogues with human annotations.
        stated_dollars: what the persuadee said to give (B5), as annotated; None if nothing was stated or it is not annotated.
        sentences: the annotated sentences.
    """

    id: str
    row: int | None
    turns: list[tuple[Role, str]]
    people: dict[Role, Participant]
    cents: int | None
    annotated: bool = False
    stated_dollars: float | None = None
    sentences: list[AnnotatedSentence] = field(default_factory=list)


@dataclass(frozen=True)
class Corpus:
    """What was read: ``"csv"`` or ``"convokit"``, the files, the dialogues in the order of the data, annotated dialogues not among them."""

    layout: str
    files: tuple[Path, ...]
    dialogues: tuple[RawDialogue, ...]
    n_annotated_unknown: int = 0


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, with or without a byte order mark."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise HumanDataError(f"{path}: the file is missing; get the whole folder again") from None
    except OSError as error:
        raise HumanDataError(f"{path}: cannot be read ({error.strerror}); check the file") from None
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start : error.start + 1]
        raise HumanDataError(
            f"{path}, line {line}: byte {byte!r} is not UTF-8, expected a file in UTF-8; get it again or save it so"
        ) from None


def needed(data: Mapping[str, Any], key: str, place: str, say: str | None = None) -> Any:
    """The value of a key that must be there; `say` is the name under which it is missed."""
    if key not in data:
        raise HumanDataError(f"{place}: {say or key!r} is missing, expected ConvoKit's persuasionforgood-corpus; get the folder again")
    return data[key]


def filled(row: Mapping[str, str], column: str, place: str) -> str:
    """The cell of a column that must not be empty."""
    if not (value := row[column].strip()):
        raise HumanDataError(f"{place}: column {column} is empty, expected an id; was the file edited?")
    return value


def say(turns: list[tuple[Role, str]], role: Role, text: str, place: str, id_: str) -> None:
    """Adds what was said: a new turn, or more of the turn if the same speaker goes on."""
    if not turns and role != "persuader":
        raise HumanDataError(f"{place}: dialogue {id_!r} begins with the persuadee, expected the persuader (role 0); are rows missing?")
    words = " ".join(text.split())
    if turns and turns[-1][0] == role:
        turns[-1] = (role, f"{turns[-1][1]} {words}".strip())
    else:
        turns.append((role, words))


def role_of(value: object, place: str) -> Role:
    """The role behind 0 or 1."""
    number = number_of(value, place)
    if number not in (0, 1):
        raise HumanDataError(f"{place}: role {value!r}, expected 0 (persuader) or 1 (persuadee)")
    return ROLES[int(number)]


def round_of(value: object, place: str) -> int:
    """The number of a round, from 0."""
    number = number_of(value, place)
    if number is None or number < 0 or not number.is_integer():
        raise HumanDataError(f"{place}: turn {value!r}, expected a whole number from 0")
    return int(number)


def number_of(value: object, place: str) -> float | None:
    """A number, or None if it is missing (an empty cell, NaN or null)."""
    if value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan")):
        return None
    number = float(value) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or number in (math.inf, -math.inf):
        raise HumanDataError(f"{place}: {value!r:.60} is no number; was the file edited?")
    if abs(number) > _LARGEST:
        raise HumanDataError(f"{place}: {value!r:.60} is too large, expected a number of at most {_LARGEST:,}; was the file edited?")
    return None if math.isnan(number) else float(number)


def cents_of(dollars: float, place: str) -> int:
    """An amount in whole cents."""
    cents = round(dollars * 100)
    if not math.isclose(dollars * 100, cents, abs_tol=1e-6) or not 0 <= cents <= 10_000_000:
        raise HumanDataError(f"{place}: ${dollars!r} is no donation in whole cents from 0 to $100,000; was the file edited?")
    return cents


def stated_of(value: object, place: str) -> float | None:
    """A donation as stated (B5), in dollars, not always in whole cents; None if nothing is stated."""
    dollars = number_of(value, place)
    if dollars is not None and dollars < 0:
        raise HumanDataError(f"{place}: ${dollars!r} is below 0, expected a donation in dollars or nothing; was the file edited?")
    return dollars


def whole_cents(dollars: float | None) -> int | None:
    """Whole cents; None if they are not whole, or there is no amount."""
    if dollars is None or abs(dollars * 100 - round(dollars * 100)) > 1e-6:
        return None
    return round(dollars * 100)


def value_of(cell: object, place: str) -> float | str | None:
    """A number where it is one, otherwise words; None where it is missing."""
    if isinstance(cell, str):
        words = " ".join(cell.split())
        try:
            float(words)
        except ValueError:
            return words or None
    return number_of(cell, place)  # what only looks like a number (1_0, digits of other scripts) is refused there
