"""The tables of a paper on single prompts: those of a page, made to fit a sheet of paper, and what was planned, done and lost."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

from analysis.latex import Table
from analysis.prompt_facts import PromptFacts

MOST_ROWS = 30
"""Rows of a table that a sheet of paper holds beside caption and notes."""
MOST_PARTS = 6
"""Parts of a table; a study of many prompts has dozens, and all of it stands in the tidy tables."""
MOST_WORDS = 180
"""Words of the notes below a table; those of a study of many prompts name hundreds of sources."""
_MOST_CHARACTERS = 90
"""Of a heading within a table: a longer one is broken."""
_INTERVAL = re.compile(r"(.*\S) (\[[^\[\]]*\])")
"""A number with its interval behind it, as `analysis.numbers.cell` writes it."""

Rows = list[tuple[str, ...]]


def for_paper(tables: Sequence[Table]) -> list[Table]:
    """The tables with intervals below their numbers, and long ones in parts; notes stand below the last part.

    Args:
        tables: of a page, see `vs_sim.commands.measures.Part`.
    """
    return [part for one in tables for part in _parts(one)]


def _parts(one: Table) -> Iterator[Table]:
    pages: list[Rows] = [[]]
    heading: tuple[str, ...] = ()
    under: tuple[str, ...] = ()
    for row in one.rows:
        if len(row) < 2:  # a gap or a heading, which is laid out with the first row below it
            heading = row or heading
            continue
        unit = _stacked(row)
        if pages[-1] and len(pages[-1]) + len(unit) > MOST_ROWS and row[0]:  # one without a name belongs to the one above it
            pages.append([])
        if heading and (heading != under or not pages[-1]):
            pages[-1] += [()] if pages[-1] else []
            pages[-1] += [(line,) for line in textwrap.wrap(heading[0], _MOST_CHARACTERS)]
            under = heading
        pages[-1] += unit
    shown = pages[:MOST_PARTS]
    cut = [f"The first {MOST_PARTS} of {len(pages)} parts; all of it stands in the tidy tables."] if len(shown) < len(pages) else []
    notes = _notes([*cut, *one.notes])
    for i, rows in enumerate(shown, 1):
        if len(pages) == 1:
            yield one.model_copy(update={"rows": tuple(rows), "notes": notes})
        else:
            own: dict[str, Any] = {"name": f"{one.name}-{i}", "caption": f"{one.caption} Part {i} of {len(pages)}.", "rows": tuple(rows)}
            yield one.model_copy(update={**own, "notes": notes if i == len(shown) else ()})


def _notes(notes: Sequence[str]) -> tuple[str, ...]:
    """As many of them as fit; never less than one."""
    n = [sum(len(note.split()) for note in notes[: i + 1]) for i in range(len(notes))]
    kept = max(1, sum(words <= MOST_WORDS for words in n))
    left = len(notes) - kept
    return (*notes[:kept], *([f"{left:,} further notes are printed by vs-sim compare."] if left > 0 else []))


def _stacked(row: tuple[str, ...]) -> Rows:
    """A row of names and numbers, and below it one of their intervals if there are any."""
    name, *cells = row
    found = [_INTERVAL.fullmatch(text) for text in cells]
    if not any(found):
        return [row]
    return [(name, *(m[1] if m else text for m, text in zip(found, cells, strict=True))), ("", *(m[2] if m else "" for m in found))]


def missing_table(facts: PromptFacts) -> Table:
    """What is missing of each condition and model, and why."""
    rows: Rows = []
    model = None
    for cell in facts.cells:
        if cell.model != model:
            model = cell.model
            rows += [(), (model,)] if rows else [(model,)]
        rows.append((cell.condition, f"{cell.n_planned:,}", f"{cell.n_complete:,}", f"{cell.n_missing:,}"))
        rows += [(f"  {reason}", "", "", f"{n:,}") for reason, n in cell.missing.items()]
    return Table(
        name="missing",
        caption="Askings: planned, complete, and missing with the reason.",
        columns=("", "planned", "complete", "missing"),
        rows=tuple(rows),
        notes=("A missing asking gave no candidates. It is no wrong answer; a refusal counts as one where refusals are counted.",),
    )
