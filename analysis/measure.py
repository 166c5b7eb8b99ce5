"""One number per condition that is a mean over conversations, with its interval, beside the same number of the humans."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from analysis.uncertainty import bootstrap_ratio, percentile_interval
from vs_sim.records import Record

WIDTH = 100
"""Characters of the plain-text table."""
TITLE, CELL = 24, 19
"""Characters of the column with what is measured, and of a condition's column."""
N_COLUMNS = (WIDTH - TITLE) // CELL - 1
"""Conditions beside each other in the plain-text table, next to the humans."""


class Quantity(NamedTuple):
    """What is measured.

    Attributes:
        name: short and stable, for files, such as ``distinct_1``.
        title: in words, at most 23 characters, for tables and figures.
        unit: ``share`` (0 to 1), ``words``, ``grade``, ...
    """

    name: str
    title: str
    unit: str


class Measured(Record):
    """A mean over the conversations of one condition; whatever cannot be computed is None.

    Attributes:
        name, title, unit: as in `Quantity`.
        label: name of the condition, with the model behind it where there are several models.
        model: the persuadee's model.
        value: mean over the conversations.
        low, high: its 95 % bootstrap interval, persuadees' personas drawn with replacement; None with fewer than two personas or if no
            resample differs from another.
        n: number of conversations in the mean.
        n_missing: conversations for which the number cannot be computed; they are in no mean.
        n_personas: number of different personas behind the n.
        human: the same mean over all human dialogues.
        human_low, human_high: what 95 % of the samples of `n_personas` human dialogues have as their mean: the noise band, which a
            condition that behaves as people do leaves once in twenty times. Conversations of one persona are not independent, so
            replicates do not narrow it.
        n_human: number of human dialogues in `human`.
    """

    name: str
    title: str
    unit: str
    label: str
    model: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    n_missing: int
    n_personas: int
    human: float | None
    human_low: float | None
    human_high: float | None
    n_human: int

    @property
    def side(self) -> Literal["above", "below", "within"] | None:
        """Where the value lies of the humans' noise band; None if either is missing."""
        if self.value is None or self.human_low is None or self.human_high is None:
            return None
        return "above" if self.value > self.human_high else "below" if self.value < self.human_low else "within"


def measure(
    quantity: Quantity,
    label: str,
    model: str,
    values: Sequence[float | None],
    personas: Sequence[str],
    human_values: Sequence[float | None],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> Measured:
    """The mean of one number per conversation, beside the humans'.

    Args:
        quantity: what was measured.
        label, model: of the condition.
        values: one number per conversation; None where it cannot be computed, which is counted and never taken for 0.
        personas: persuadee's persona of each conversation.
        human_values: one number per human dialogue, by the same code; empty where there are no humans to compare with.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.

    Raises:
        ValueError: if there are not as many personas as values, or a number is not finite.
    """
    if len(values) != len(personas):
        raise ValueError(f"{quantity.name}: {len(values)} values for {len(personas)} personas, expected one persona for each value")
    observed = [(value, persona) for value, persona in zip(values, personas, strict=True) if value is not None]
    own = _finite(quantity, [value for value, _ in observed])
    human = _finite(quantity, [value for value in human_values if value is not None])
    clusters = [persona for _, persona in observed]
    n_personas = len(set(clusters))
    rng, rng_human = np.random.default_rng(seed).spawn(2)
    interval = bootstrap_ratio(own, clusters, rng=rng, n_resamples=n_resamples) if observed else None
    band = human_band(human, n_personas, rng=rng_human, n_resamples=n_resamples) if observed and len(human) else None
    return Measured(
        **quantity._asdict(),
        label=label,
        model=model,
        value=float(own.mean()) if observed else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        n=len(observed),
        n_missing=len(values) - len(observed),
        n_personas=n_personas,
        human=float(human.mean()) if len(human) else None,
        human_low=band[0] if band else None,
        human_high=band[1] if band else None,
        n_human=len(human),
    )


def human_band(
    human: np.ndarray[tuple[int], np.dtype[np.float64]], n: int, *, rng: np.random.Generator, n_resamples: int
) -> tuple[float, float] | None:
    """The 2.5 % and 97.5 % quantiles of the means of `n` numbers drawn with replacement from the humans'; None if all are the same."""
    return percentile_interval([human[rng.integers(len(human), size=n)].mean() for _ in range(n_resamples)])


def _finite(quantity: Quantity, values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        wrong = float(array[~np.isfinite(array)][0])
        raise ValueError(f"{quantity.name}: a value is {wrong!r}, expected a number, or None if it cannot be computed")
    return array


def tidy(measured: Sequence[Measured]) -> pd.DataFrame:
    """One row per condition and quantity, with the fields of `Measured` and `side`; what cannot be computed is NaN."""
    rows = [{**m.model_dump(), "side": m.side} for m in measured]
    frame = pd.DataFrame(rows, columns=[*Measured.model_fields, "side"])
    return frame.astype(dict.fromkeys(("value", "low", "high", "human", "human_low", "human_high"), "float64"))


def write_csv(measured: Sequence[Measured], path: Path) -> None:
    """Writes the tidy table; an empty field is what cannot be computed."""
    tidy(measured).to_csv(path, index=False, lineterminator="\n")


def render(measured: Sequence[Measured], heading: str, notes: Sequence[str] = ()) -> str:
    """The table for a terminal: at most 100 columns, one row per quantity, one column per condition, the humans first.

    Args:
        measured: the same quantities, in the same order, of every condition.
        heading: first line.
        notes: sentences below the table.

    Raises:
        ValueError: if there is nothing to show.
    """
    if not measured:
        raise ValueError("there is nothing measured to show, expected at least one number")
    labels = list(dict.fromkeys(m.label for m in measured))
    of = {(m.name, m.label): m for m in measured}
    names = list(dict.fromkeys(m.name for m in measured))
    lines = [heading]
    for start in range(0, len(labels), N_COLUMNS):
        lines += ["", *_block(names, labels[start : start + N_COLUMNS], of)]
    with_humans = any(m.human is not None for m in measured)
    own = ["In brackets: 95 % interval (personas drawn with replacement)."]
    if with_humans:
        own = [
            "In brackets: 95 % interval (personas drawn with replacement); for humans, what samples of as many human dialogues as the "
            "condition with the fewest personas has personas have as their mean. + above, - below the humans' range at its own size."
        ]
    missing = [f"{m.title}, {m.label}: {m.n_missing} of {m.n + m.n_missing}" for m in measured if m.n and m.n_missing]
    if missing:
        shown = "; ".join(missing[:6]) + (f"; and {len(missing) - 6} more in the CSV" if len(missing) > 6 else "")
        own.append(f"Conversations that a number cannot be computed for are in no mean ({shown}).")
    for note in [*own, *notes]:
        lines += textwrap.wrap(note, WIDTH, subsequent_indent="  ") if note is not own[0] else ["", *textwrap.wrap(note, WIDTH)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _block(names: Sequence[str], labels: Sequence[str], of: dict[tuple[str, str], Measured]) -> list[str]:
    with_humans = any(m.human is not None for m in of.values())
    heads = [_head(label) for label in [*(["humans"] if with_humans else []), *labels]]
    lines = []
    for i in range(max(map(len, heads))):
        lines.append(" " * TITLE + "".join(f"{head[i] if i < len(head) else '':>{CELL}}" for head in heads))
    counted = [[m for (_, at), m in of.items() if at == label] for label in labels]
    counts = [str(max((m.n for m in each), default=0)) for each in counted]
    if with_humans:
        counts.insert(0, str(max(m.n_human for m in of.values())))
    lines.append(f"{'conversations':<{TITLE}}" + "".join(f"{count:>{CELL}}" for count in counts))
    for name in names:
        row = [of[name, label] for label in labels if (name, label) in of]
        any_ = next(m for (at, _), m in of.items() if at == name)
        widest = min((m for m in of.values() if m.name == name and m.human_low is not None), key=lambda m: m.n_personas, default=any_)
        cells = [_cell(any_.unit, widest.human, widest.human_low, widest.human_high, " ")] if with_humans else []
        marks = {"above": "+", "below": "-"}
        at = {m.label: _cell(m.unit, m.value, m.low, m.high, marks.get(m.side or "", " ")) for m in row}
        cells += [at.get(label, "- ") for label in labels]
        lines.append(f"{any_.title:<{TITLE}}" + "".join(f" {cell:>{CELL - 1}}" for cell in cells))
    return lines


def _head(label: str) -> list[str]:
    """The lines of a column's head; names break at underscores."""
    return [line.replace("_ ", "_") for line in textwrap.wrap(label.replace("_", "_ "), CELL - 2)]


def _cell(unit: str, value: float | None, low: float | None, high: float | None, mark: str) -> str:
    if value is None:
        return "- "
    if low is None or high is None:
        return f"{number(unit, value)}{mark}"
    return f"{number(unit, value)}{mark}[{number(unit, low)}, {number(unit, high)}]"


def number(unit: str, value: float) -> str:
    """A number for a table: three digits, shares without a leading 0, as papers print them."""
    if unit == "share" and abs(value) < 0.9995:
        return f"{value:.3f}".replace("0.", ".", 1)
    return f"{value:.{2 if abs(value) < 9.995 else 1 if abs(value) < 99.95 else 0}f}"
