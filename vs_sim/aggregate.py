"""A persona file -> its aggregates: how often each value occurs and how the attributes correlate.

No person can be read from the result: `RULE` says what is merged and what is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vs_sim.errors import PersonaError
from vs_sim.personas import ATTRIBUTES, Persona
from vs_sim.population import AGE_BANDS, Aggregates, Marginal, Matrix, Question, groups, questions

FEWEST = 5
"""People behind every published count and correlation, at least."""

SAME = 20
"""Personas that have so many attributes, and all of them in common, are one person who took part more than once."""

RULE = (
    f"Every count is of {FEWEST} people or more; rows equal in all of {SAME} or more attributes are one person. Neighbouring numbers are "
    "merged until they are, under the lower median of their rows; a rarer category or gap in the answers is left out. Correlations are of "
    f"normal scores over rows that have both attributes, null below {FEWEST} people. A category, or band of ages "
    f"(from {', '.join(map(str, AGE_BANDS))} on), is one yes-or-no question among those whom none before it describes."
)

Codes = npt.NDArray[np.int64]


def encode(personas: Sequence[Persona], attributes: Mapping[str, Marginal]) -> Codes:
    """Which value of each marginal each persona has.

    Returns:
        Indices into `values`, personas x attributes: the nearest number (the lower of two); -1 where missing, ``len(values)`` for a value
        that is none of the categories.
    """
    codes = np.full((len(personas), len(attributes)), -1, dtype=np.int64)
    for j, (name, marginal) in enumerate(attributes.items()):
        at = {value: k for k, value in enumerate(marginal.values)}
        column = [getattr(persona, name) for persona in personas]
        if marginal.ordered:
            levels = np.array(marginal.values, dtype=np.float64)
            rows = [i for i, value in enumerate(column) if isinstance(value, int | float)]
            codes[rows, j] = np.searchsorted((levels[:-1] + levels[1:]) / 2, [column[i] for i in rows])
            at = {}
        for i, value in enumerate(column):
            if value is not None and (isinstance(value, str) or not marginal.ordered):
                codes[i, j] = at.get(value, len(marginal.values))
    return codes


def answers(codes: Codes, attributes: Mapping[str, Marginal]) -> Matrix:
    """Answers to the questions, personas x questions: index of the level, 0 for no, 1 for yes; NaN where it does not arise
    or has nothing to do with other attributes."""
    asked = questions(attributes)
    found = np.full((len(codes), len(asked)), np.nan)
    for j, (name, marginal) in enumerate(attributes.items()):
        group = np.full(len(marginal.values) + 2, -1)  # the last two: a value that is none of the categories, and missing
        for k, members in enumerate(groups(name, marginal)):
            group[list(members)] = k
        for q, question in enumerate(asked.values()):
            if question.attribute != name:
                continue
            if question.kind == "missing":
                found[:, q] = codes[:, j] == -1
            elif question.kind == "level":
                arises = group[codes[:, j]] >= 0
                found[arises, q] = codes[arises, j]
            elif question.kind == "group":
                arises = group[codes[:, j]] >= question.group
                found[arises, q] = group[codes[arises, j]] == question.group
    return found


def normal_scores(counts: Sequence[int]) -> tuple[Matrix, Matrix]:
    """Cut points of a standard normal trait that give these counts, and its mean between them, scaled to variance 1 over the rows."""
    from scipy.special import ndtri

    shares = np.asarray(counts, dtype=np.float64) / sum(counts)
    cuts = ndtri(np.cumsum(shares)[:-1])
    density = np.exp(-0.5 * np.concatenate([[-np.inf], cuts, [np.inf]]) ** 2) / np.sqrt(2 * np.pi)
    means = (density[:-1] - density[1:]) / shares
    return cuts, means / np.sqrt(np.sum(shares * means**2))


def correlations(found: Matrix, asked: Mapping[str, Question]) -> Matrix:
    """Correlations of the normal scores of answers, over the rows where both questions arise.

    Args:
        found: as `answers` returns them.
        asked: the questions, one a column.

    Returns:
        Symmetric; NaN where fewer than 3 rows have both or one of the answers is always the same.
    """
    arises = ~np.isnan(found)
    seen = arises.astype(np.float64)
    score = np.zeros_like(found)
    for q, question in enumerate(asked.values()):
        score[arises[:, q], q] = normal_scores(question.counts)[1][found[arises[:, q], q].astype(np.int64)]
    n = np.maximum(seen.T @ seen, 1)
    total = score.T @ seen
    spread = (score**2).T @ seen - total**2 / n
    shared = score.T @ score - total * total.T / n
    known = (n >= 3) & (spread > 1e-9) & (spread.T > 1e-9)
    # np.where looks at both branches: a spread of 0 must not be divided by
    return np.where(known, np.clip(shared / np.sqrt(np.where(known, spread * spread.T, 1.0)), -1, 1), np.nan)


def aggregate(
    personas: Sequence[Persona], *, source: str, citation: str | None = None, licence: str | None = None, made_by: str = "aggregate"
) -> Aggregates:
    """The aggregates of a population; `RULE` says what is merged and what is left out. Texts, facts and donations do not count.

    Args:
        personas: one a row; a person may stand in several rows.
        source: whose attributes these are.
        citation: publication to cite.
        licence: of the data.
        made_by: the command, for the record.

    Raises:
        PersonaError: no attribute has a value that can be published.
    """
    rows = [p for p in personas if any(getattr(p, name) is not None for name in ATTRIBUTES)]
    people = _people(rows)
    attributes = {name: m for name in ATTRIBUTES if (m := _marginal([getattr(p, name) for p in rows], people))}
    if not attributes:
        raise PersonaError(
            f"{source}: no attribute has a value that {FEWEST} different people share, expected a population, got "
            f"{len(set(people))} people with attributes; use more personas"
        )
    asked = questions(attributes)
    found = answers(encode(rows, attributes), attributes)
    first = np.unique(people, return_index=True)[1]
    both = (~np.isnan(found[first])).astype(np.int64)
    matrix = np.where(both.T @ both >= FEWEST, correlations(found, asked), np.nan)
    return Aggregates(
        source=source,
        citation=citation,
        licence=licence,
        made_by=made_by,
        rule=RULE,
        n=len(rows),
        n_people=len(first),
        attributes=attributes,
        correlations={
            name: tuple(None if np.isnan(r) else round(float(r), 4) + 0.0 for r in matrix[i, :i]) for i, name in enumerate(asked)
        },
    )


def _people(rows: Sequence[Persona]) -> list[int]:
    """Number of the person of each row."""
    known: dict[tuple[Any, ...], int] = {}
    people = []
    for i, persona in enumerate(rows):
        values = tuple(getattr(persona, name) for name in ATTRIBUTES)
        people.append(known.setdefault(values, i) if sum(v is not None for v in values) >= SAME else i)
    return people


def _marginal(column: Sequence[Any], people: Sequence[int]) -> Marginal | None:
    """The marginal of one attribute; None if nothing of it can be published."""
    column = [_plain(value) if isinstance(value, int | float) else value for value in column]
    present = [value for value in column if value is not None]
    gap = {person for value, person in zip(column, people, strict=True) if value is None}
    n_missing = len(column) - len(present) if len(gap) >= FEWEST else 0
    of: dict[Any, set[int]] = {}
    for value, person in zip(column, people, strict=True):
        if value is not None:
            of.setdefault(value, set()).add(person)
    counts = Counter(present)
    if any(isinstance(value, str) for value in present):
        kept = sorted((value for value in of if len(of[value]) >= FEWEST), key=lambda value: (-counts[value], str(value)))
        return Marginal(values=tuple(kept), counts=tuple(counts[v] for v in kept), n_missing=n_missing) if kept else None
    cells: list[list[Any]] = []
    cell: list[Any] = []
    for value in sorted(of):
        cell.append(value)
        if len(set().union(*(of[v] for v in cell))) >= FEWEST:
            cells.append(cell)
            cell = []
    if not cells:
        return None
    cells[-1] += cell  # too few above the last full cell: they join it
    merged: list[tuple[int | float, int]] = []
    for cell in cells:
        rows = sorted(value for value in cell for _ in range(counts[value]))
        merged.append((rows[(len(rows) - 1) // 2], len(rows)))
    return Marginal(values=tuple(v for v, _ in merged), counts=tuple(n for _, n in merged), n_missing=n_missing)


def _plain(value: float) -> int | float:
    """A score to three decimals, a whole one as a whole number."""
    return int(value) if value == int(value) else round(value, 3)
