"""Coverage and divergence of answers as a table for a terminal, and as a tidy one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import pandas as pd

from analysis.coverage import Coverage
from analysis.latex import Table
from analysis.numbers import NONE, cell, number, p_value
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, columns, filled, shortened, wrapped

_NAME = 20
_COLUMNS = (("found", 20), ("by chance", 10), ("right", 19), ("KL, nats", 19), ("floor", 12))


def render(found: Sequence[Coverage], notes: Sequence[str] = ()) -> str:
    """A block for each prompt and model, a line for each condition; at most 100 columns wide."""
    lines: list[str] = []
    for (prompt, model), group in groupby(found, key=lambda one: (one.prompt, one.model)):
        lines += ["", shortened(f"{printable(prompt)}, {printable(model)}", WIDTH)]
        lines.append(" " * _NAME + "".join(f"{name:>{width}}" for name, width in _COLUMNS))
        lines += [line for one in group for line in _lines(one)]
    for note in (*_NOTES, *_missing(found), *notes):
        lines += wrapped(printable(note), WIDTH, indent="  ")
    return "\n".join(lines).lstrip("\n")


_NOTES = (
    "found: different right answers among the candidates; by chance: what as many independent draws from the reference (from equal shares "
    "where there is none) find. right: share of the candidates that give a right answer.",
    "KL: divergence of the distribution of a drawn reply from the reference, over right answers; intervals (95 %) are over the askings and "
    "reach down by what few replies add to it; none where one asking at most differs. floor: what as many independent draws from the "
    "reference score, mean and 95 % quantile; lists that hardly repeat themselves can lie below.",
)


def _missing(found: Sequence[Coverage]) -> list[str]:
    return [
        f"Missing, {one.prompt}, {one.condition}, {one.model}: {one.n_planned - one.n_askings} of {one.n_planned} askings."
        for one in found
        if one.n_askings < one.n_planned
    ]


def _cells(one: Coverage) -> tuple[str, ...]:
    low, high = one.precision_interval or (None, None)
    kl_low, kl_high = one.kl_interval or (None, None)
    within = "" if one.n_found_interval is None else " [{:.0f}, {:.0f}]".format(*one.n_found_interval)
    return (
        NONE if one.n_found is None else f"{one.n_found}{within} of {one.n_answers}",
        number("answers", one.n_found_by_chance),
        cell("share", one.precision, low, high),
        cell("share", one.kl, kl_low, kl_high),
        "-" if one.kl_floor is None else f"{number('share', one.kl_floor.mean)}, {number('share', one.kl_floor.q95)}",
    )


def _lines(one: Coverage) -> list[str]:
    """A name that is too long for its column has a line of its own, since the ends of names tell the conditions of a sweep apart."""
    name, room = printable(one.condition), _NAME - 6
    alone = columns(name) > room
    cells = "".join(f"{text:>{width}}" for text, (_, width) in zip(_cells(one), _COLUMNS, strict=True))
    line = f"{filled('' if alone else name, room)}{one.n_replies:>5} {cells}"
    return [name, line] if alone else [line]


MOST = 100
"""Prompts that a page lists: with more, a table is no longer read."""


def page_tables(found: Sequence[Coverage], notes: Sequence[str] = ()) -> list[Table]:
    """The same for a page: coverage and divergence, and the tests of the drawn replies; the first `MOST` prompts.

    Args:
        found: by prompt.
        notes: what else belongs below them, such as where the right answers come from.
    """
    prompts = list(dict.fromkeys(one.prompt for one in found))
    listed = set(prompts[:MOST])
    cut = [f"The first {MOST} of {len(prompts):,} prompts; all of them stand in coverage.csv."] if len(prompts) > MOST else []
    shown = [one for one in found if one.prompt in listed]
    rows: list[tuple[str, ...]] = []
    tests: list[tuple[str, ...]] = []
    for (prompt, model), group in groupby(shown, key=lambda one: (one.prompt, one.model)):
        head = (f"{prompt}, {model}",)
        own = list(group)
        rows += [(), head, *((one.condition, f"{one.n_replies}", *_cells(one)) for one in own)]
        tested = [one for one in own if one.chi_square is not None]
        if tested:
            tests += [(), head]
            tests += [(one.condition, number("", one.chi_square), f"{one.chi_square_n}", p_value(one.chi_square_p)) for one in tested]
    made = [
        Table(
            name="coverage",
            caption="Right answers found, their share, and divergence from the reference, with 95 % intervals.",
            columns=("", "replies", *(title for title, _ in _COLUMNS)),
            rows=tuple(rows[1:]),
            notes=(*cut, *_NOTES, *_missing(shown), *notes),
        )
    ]
    if tests:
        made.append(
            Table(
                name="chi-square",
                caption="Drawn replies against the reference: Pearson's chi-square, Monte Carlo p (one reply an asking).",
                columns=("", "chi-square", "n", "p"),
                rows=tuple(tests[1:]),
                notes=tuple(cut),
            )
        )
    return made


def chi_squares(found: Sequence[Coverage]) -> str:
    """The tests of one drawn reply an asking against the reference, a line each; empty if there are none."""
    tested = [one for one in found if one.chi_square is not None]
    if not tested:
        return ""
    lines = ["Drawn replies against the reference: Pearson's chi-square, Monte Carlo p (one reply an asking)"]
    for one in tested:
        name = printable(f"{one.prompt}, {one.condition}, {one.model}")
        if columns(name) > 60:  # a line of its own, since the ends of names tell the conditions of a sweep apart
            lines += [f"  {line}" for line in wrapped(name, WIDTH - 2, indent="  ")]
            name = ""
        lines.append(f"  {filled(name, 60)} {number('', one.chi_square):>8}  n = {one.chi_square_n:<6} p {p_value(one.chi_square_p)}")
    note = (
        "chi-square: how far the numbers of drawn right answers are from those that the reference expects, 0 if they are the same. n: "
        "drawn replies that give a right answer. p: how often as many independent draws from the reference are as far from it or further."
    )
    if len(tested) > 1:
        note += f" The p of these {len(tested)} tests are not corrected for their number."
    return "\n".join([*lines, *wrapped(note, WIDTH, indent="  ")])


def tidy(found: Sequence[Coverage]) -> pd.DataFrame:
    """One row for each prompt, condition and model; missing is NaN."""
    rows = []
    for one in found:
        row = one.model_dump(exclude={"shares"})
        for name, ends in (("precision_interval", ("low", "high")), ("kl_interval", ("low", "high")), ("kl_floor", ("mean", "q95"))):
            values = row.pop(name) or (None, None)
            row |= {f"{name.removesuffix('_interval')}_{end}": value for end, value in zip(ends, values, strict=True)}
        rows.append(row)
    return pd.DataFrame(rows)


def tidy_answers(found: Sequence[Coverage], answers: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    """One row for each right answer to each prompt, in each condition and of each model: its share, and that of the reference.

    Args:
        found: of one run.
        answers: prompt -> right answer -> its share of the reference; None where there is no reference.
    """
    return pd.DataFrame(
        [
            {
                "prompt": one.prompt,
                "condition": one.condition,
                "model": one.model,
                "answer": answer,
                "share": one.shares.get(answer, 0.0) if one.shares else None,
                "reference": reference,
            }
            for one in found
            for answer, reference in answers[one.prompt].items()
        ]
    )


def write_csv(found: Sequence[Coverage], path: Path) -> None:
    """The tidy table as CSV."""
    tidy(found).to_csv(path, index=False, lineterminator="\n")


def write_answers_csv(found: Sequence[Coverage], answers: Mapping[str, Mapping[str, float | None]], path: Path) -> None:
    """The tidy table of answers as CSV."""
    tidy_answers(found, answers).to_csv(path, index=False, lineterminator="\n")
