"""A population as published aggregates: how often each value of an attribute occurs, and how the attributes go together.

The aggregates of the persuadees of PersuasionForGood come with the project; `vs_sim.aggregate` makes those of any persona file.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError, model_validator

from vs_sim.errors import PersonaError
from vs_sim.personas import ATTRIBUTES, Persona
from vs_sim.records import Record

P4G_PERSUADEES = Path(__file__).parent / "data" / "p4g_persuadees.json"
"""Aggregates of the persuadees of PersuasionForGood."""

AGE_BANDS = (23, 30, 40, 50, 60)
"""First years of the bands of age above the lowest. Life has stages: the youngest have no higher degree, the oldest seldom work for wages,
and one trait that runs from young to old could not say both."""

MOST = 10**9
"""The largest count of people that a population may have; larger ones are no counts, and their arithmetic would not be exact."""

Matrix = npt.NDArray[np.float64]


class Marginal(Record):
    """How often the values of one attribute occur.

    Attributes:
        values: numbers in rising order, each for a cell of neighbouring numbers; or categories, the most frequent first.
        counts: rows per value, 1 or more.
        n_missing: rows in which the attribute is missing; 0 if they were too few to be published.
    """

    values: tuple[int | float | str, ...]
    counts: tuple[int, ...]
    n_missing: int = 0

    @property
    def ordered(self) -> bool:
        """Whether the values are numbers; otherwise they are categories without an order."""
        return not any(isinstance(value, str) for value in self.values)

    @model_validator(mode="after")
    def _fits(self) -> Marginal:
        if not self.values or len(self.values) != len(self.counts):
            raise ValueError(
                f"expected as many counts as values and at least one, got {len(self.values)} values, {len(self.counts)} counts"
            )
        if max(*self.counts, self.n_missing) > MOST:
            raise ValueError(f"expected counts of at most {MOST}, got {max(*self.counts, self.n_missing)!r:.20}...")
        if min(self.counts) < 1 or self.n_missing < 0:
            raise ValueError(f"expected counts of 1 or more and n_missing of 0 or more, got {min(self.counts)} and {self.n_missing}")
        if len(set(self.values)) < len(self.values) or (self.ordered and list(self.values) != sorted(self.values)):
            raise ValueError("expected every value once, numbers in rising order")
        return self


def groups(name: str, marginal: Marginal) -> tuple[tuple[int, ...], ...]:
    """What yes-or-no questions tell apart: each category; bands of ages; nothing for other numbers, whose level is asked at once.

    Returns:
        Indices into `values`, together all of them, in their order.
    """
    indices = range(len(marginal.values))
    if not marginal.ordered:
        return tuple((k,) for k in indices)
    if name != "age":
        return (tuple(indices),)
    bands: dict[int, list[int]] = {}
    for k in indices:
        bands.setdefault(bisect.bisect(AGE_BANDS, float(marginal.values[k])), []).append(k)
    return tuple(tuple(band) for band in bands.values())


class Question(NamedTuple):
    """What one latent trait decides about an attribute.

    Attributes:
        attribute: name of the attribute.
        kind: ``"missing"`` (is it?), ``"group"`` (is it this one, if it is none before?), ``"level"`` (which number?) or ``"within"``
            (which number of the group? whatever the other attributes are).
        group: index of the group that is asked for; 0 unless the kind is ``"group"``.
        counts: rows per answer; for yes or no, those of no come first.
    """

    attribute: str
    kind: Literal["missing", "group", "level", "within"]
    group: int
    counts: tuple[int, ...]


def questions(attributes: Mapping[str, Marginal]) -> dict[str, Question]:
    """The questions that lead to a person's attributes, by name, in the order in which they are asked."""
    asked: dict[str, Question] = {}
    for name, marginal in attributes.items():
        n, told_apart = sum(marginal.counts), groups(name, marginal)
        if marginal.n_missing:
            asked[f"{name}: missing"] = Question(name, "missing", 0, (n, marginal.n_missing))
        for k, members in enumerate(told_apart[:-1]):
            n_yes = sum(marginal.counts[m] for m in members)
            n -= n_yes
            asked[f"{name}: {' to '.join(str(marginal.values[m]) for m in members[:: max(1, len(members) - 1)])}"] = Question(
                name, "group", k, (n, n_yes)
            )
        if any(len(members) > 1 for members in told_apart):
            one = len(told_apart) == 1
            asked[name if one else f"{name}: within"] = Question(name, "level" if one else "within", 0, marginal.counts)
    return asked


class Aggregates(Record):
    """A population of personas.

    Attributes:
        source: whose attributes these are.
        citation: publication to cite; None if none was given.
        licence: of the data they were made from; None if none was given.
        made_by: the command that made them.
        rule: how people are protected, and what the numbers mean.
        n: rows with at least one attribute.
        n_people: different people among them.
        attributes: marginal of each attribute.
        correlations: per question those with the questions before it, -1 to 1; None where it cannot be known.
    """

    source: str
    citation: str | None
    licence: str | None
    made_by: str
    rule: str
    n: int = Field(le=MOST)
    n_people: int = Field(le=MOST)
    attributes: dict[str, Marginal]
    correlations: dict[str, tuple[float | None, ...]]

    @model_validator(mode="after")
    def _fits(self) -> Aggregates:
        if not self.attributes:
            raise ValueError("key 'attributes' is empty, expected at least one attribute")
        for name, marginal in self.attributes.items():
            if name not in ATTRIBUTES:
                raise ValueError(f"key 'attributes' holds {name!r}, expected the name of an attribute as personas/README.md lists them")
            for value in marginal.values:
                try:
                    Persona.model_validate({"id": "a", name: value})
                except ValidationError:
                    raise ValueError(f"key 'attributes.{name}.values' holds {value!r}, expected values that a persona can have") from None
        expected = list(questions(self.attributes))
        for name in (*expected, *self.correlations):
            if (name in expected) != (name in self.correlations):
                raise ValueError(
                    f"key 'correlations' has {'no' if name in expected else 'the unknown'} row {name!r}, expected one per question"
                )
        if list(self.correlations) != expected:
            raise ValueError(
                f"key 'correlations' has its rows out of order, expected {expected[0]!r} first and the order of the attributes"
            )
        for i, (name, row) in enumerate(self.correlations.items()):
            if len(row) != i or any(r is not None and not -1 <= r <= 1 for r in row):
                raise ValueError(f"key 'correlations.{name}' holds {list(row)!r:.80}, expected {i} numbers from -1 to 1, or null")
        return self

    def matrix(self) -> Matrix:
        """Correlations of the questions, symmetric, NaN where unknown, 1 on the diagonal."""
        whole = np.eye(len(self.correlations))
        for i, row in enumerate(self.correlations.values()):
            whole[i, :i] = whole[:i, i] = [np.nan if r is None else r for r in row]
        return whole


def to_json(aggregates: Aggregates) -> str:
    """The content of an aggregates file: JSON with one attribute, and one row of correlations, a line."""
    content = aggregates.model_dump(mode="json")
    return "{\n" + ",\n".join(f"{json.dumps(key)}: {_lines(value)}" for key, value in content.items()) + "\n}\n"


def _lines(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return (
        "{\n" + ",\n".join(f"  {json.dumps(k, ensure_ascii=False)}: {json.dumps(v, ensure_ascii=False)}" for k, v in value.items()) + "\n}"
    )


def read_aggregates(path: str | Path = P4G_PERSUADEES) -> Aggregates:
    """The aggregates of a file that ``vs-sim personas aggregate`` wrote; those of PersuasionForGood by default.

    Raises:
        PersonaError: no such file, not JSON, or a key that does not fit; the sentence names it.
    """
    path = Path(path)

    def refused(what: str) -> PersonaError:
        return PersonaError(f"{path}: {what}; make the file again with 'vs-sim personas aggregate'")

    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise PersonaError(f"{path}: there is no such file, expected aggregates of a population; check the path") from None
    except OSError as error:
        raise PersonaError(f"{path}: cannot be read ({error.strerror}), expected aggregates of a population; check the path") from None
    except (ValueError, RecursionError) as error:
        raise refused(f"not valid JSON ({error}), expected aggregates of a population") from None
    if not isinstance(content, dict):
        raise refused(f"the file holds {type(content).__name__}, expected one object with the keys {', '.join(Aggregates.model_fields)}")
    try:
        return Aggregates.model_validate(content)
    except ValidationError as error:
        detail = error.errors()[0]
        key = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "missing":
            raise refused(f"key {key!r} is missing, expected {', '.join(Aggregates.model_fields)}") from None
        if detail["type"] == "extra_forbidden":
            raise refused(f"unknown key {key!r}, expected {', '.join(Aggregates.model_fields)}") from None
        if detail["type"] != "value_error":
            raise refused(f"key {key!r} is {detail['input']!r:.80}: {detail['msg'].lower()}") from None
        raise refused((f"key {key!r}: " if key else "") + str(detail["ctx"]["error"])) from None
