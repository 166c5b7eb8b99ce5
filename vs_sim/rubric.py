"""Rubrics: what a judge rates replies on, from a file."""

from __future__ import annotations

import unicodedata
from pathlib import Path

from pydantic import Field, ValidationError, field_validator

from vs_sim.errors import InputError
from vs_sim.explain import expected, place
from vs_sim.records import Record
from vs_sim.toml_file import read_toml

LOWEST, HIGHEST = 1, 5
"""Ends of the scale of a criterion, whose ratings are whole numbers."""
_SHIPPED = Path(__file__).parent / "prompts" / "judge_rubric.toml"


class Criterion(Record):
    """One of the things that a reply is rated on.

    Attributes:
        name: lower case, also the name of the rating in the judge's answer.
        description: what it asks and what its ratings from 1 to 5 stand for.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_ -]{0,29}$")
    description: str = Field(min_length=1, max_length=2000)

    @field_validator("description")
    @classmethod
    def _one_line(cls, text: str) -> str:
        line = " ".join(text.split())
        if not line:
            raise ValueError(f"{text!r} says nothing; say what the criterion asks and what its ratings stand for")
        if controls := [c for c in line if unicodedata.category(c) == "Cc"]:
            raise ValueError(f"holds the control character {controls[0]!r}; remove it")
        return line


class Rubric(Record):
    """What replies are rated on.

    Attributes:
        name: what it is called in tables. The judge is not told it: rubrics of the same criteria are one, under the name used first.
        criteria: each is rated from 1 to 5; quality is their mean, with 1 as 0 and 5 as 1.
    """

    name: str = Field(min_length=1, max_length=40)
    criteria: tuple[Criterion, ...] = Field(min_length=1, max_length=10, alias="criterion")

    @field_validator("name")
    @classmethod
    def _can_be_shown(cls, name: str) -> str:
        if not name.strip() or not name.isprintable():
            raise ValueError(f"{name!r} cannot stand in a table; expected words without control characters")
        return name.strip()

    @field_validator("criteria")
    @classmethod
    def _different(cls, criteria: tuple[Criterion, ...]) -> tuple[Criterion, ...]:
        names = [one.name for one in criteria]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"{min(twice)!r} is there twice; give every criterion a name of its own")
        return criteria

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the criteria."""
        return tuple(one.name for one in self.criteria)


def load_rubric(path: str | Path | None = None) -> Rubric:
    """The rubric of a TOML file: ``name`` and tables ``[[criterion]]`` with ``name`` and ``description``.

    Args:
        path: the file; None for the rubric that ships with the package.

    Raises:
        InputError: a sentence with file and key.
    """
    path = _SHIPPED if path is None else Path(path)
    try:
        return Rubric.model_validate(read_toml(path, "a rubric in TOML", InputError))
    except ValidationError as error:
        first = error.errors()[0]
        key = place(first["loc"])
        said = str(first["ctx"]["error"]) if first["type"] == "value_error" else expected(first)
        shown = "" if first["type"] in ("missing", "value_error") else f" is {str(first['input'])[:60]!r}"
        form = "expected name, and for each [[criterion]] its name (lower case, up to 30 letters) and description"
        raise InputError(f"{path}: {key}{shown}: {said}; {form}") from None
