"""One number per condition that is a mean over conversations, with its interval, beside the same number of the humans."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.numbers import FEW, interval, number
from analysis.uncertainty import Interval, bootstrap_ratio, percentile_interval, share_interval
from vs_sim.records import Record
from vs_sim.terminal import WIDTH, filled, wrapped

Floats = npt.NDArray[np.float64]

TITLE, CELL = 24, 19
"""Characters of the column with what is measured, and of a condition's column."""
N_COLUMNS = (WIDTH - TITLE) // CELL - 1
"""Conditions beside each other in the plain-text table, next to the humans."""

BRACKETS = "In brackets: 95 % interval (people drawn with replacement; exact, Clopper-Pearson, for a share of 0 or 1)"
"""What stands in brackets, as the beginning of a sentence."""


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
        low, high: its 95 % bootstrap interval, whole people drawn with replacement; the exact one of a share that is 0 (or 1) in every
            conversation, as if it were one yes or no per person; else None with fewer than two people or if no resample differs from
            another.
        n: number of conversations in the mean.
        n_missing: conversations for which the number cannot be computed; they are in no mean.
        n_personas: number of different people behind the personas of the n; personas made from one person count once.
        n_effective: number of independent conversations that they are worth at least: `effective_number` of the people.
        human: the same mean over all human dialogues.
        human_low, human_high: the noise band, which the mean of `n_effective` conversations that behave as the humans' do leaves about once
            in twenty times: see `human_band`. Replicates do not narrow it.
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
    n_effective: int
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


class Observation(Protocol):
    """What was observed of one conversation: who was its persuadee, and what else the numbers are computed from."""

    @property
    def model(self) -> str:
        """The persuadee's model."""

    @property
    def persona(self) -> str:
        """Person behind the persuadee's persona."""


Observed = TypeVar("Observed", bound=Observation)


def measure(
    quantity: Quantity,
    label: str,
    model: str,
    values: Sequence[float | None],
    personas: Sequence[str],
    human_values: Sequence[float | None],
    human_people: Sequence[str],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> Measured:
    """The mean of one number per conversation, beside the humans'.

    Args:
        quantity: what was measured.
        label, model: of the condition.
        values: one number per conversation; None where it cannot be computed, which is counted and never taken for 0.
        personas: person behind the persuadee's persona of each conversation.
        human_values: one number per human dialogue, by the same code; empty where there are no humans to compare with.
        human_people: person of each human dialogue.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.

    Raises:
        ValueError: if there are not as many people as values, or a number is not finite.
    """
    own, clusters = _observed(quantity, values, personas)
    human, people = _observed(quantity, human_values, human_people)
    n_effective = effective_number(clusters)
    rng, rng_human = np.random.default_rng(seed).spawn(2)
    interval = None
    if quantity.unit == "share" and len(own) and own[0] in (0, 1) and (own == own[0]).all():
        n_people = len(set(clusters))
        interval = share_interval(n_people * int(own[0]), n_people)
    elif len(own):
        interval = bootstrap_ratio(own, clusters, rng=rng, n_resamples=n_resamples)
    band = human_band(human, people, n_effective, rng=rng_human, n_resamples=n_resamples) if len(own) and len(human) else None
    if band:
        band = within(band, human, quantity.unit)
    return Measured(
        **quantity._asdict(),
        label=label,
        model=model,
        value=float(own.mean()) if len(own) else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        n=len(own),
        n_missing=len(values) - len(own),
        n_personas=len(set(clusters)),
        n_effective=n_effective,
        human=float(human.mean()) if len(human) else None,
        human_low=band[0] if band else None,
        human_high=band[1] if band else None,
        n_human=len(human),
    )


def measure_all(
    measures: Sequence[tuple[Quantity, Callable[[Observed], float | None]]],
    groups: Mapping[str, Sequence[Observed]],
    human: Sequence[Observed],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> list[Measured]:
    """Several numbers of every condition, condition by condition, beside the humans'.

    Args:
        measures: what is measured per conversation, and how.
        groups: label of a condition -> what was observed of its conversations, at least one.
        human: the same of human dialogues; empty where there are none to compare with.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.
    """
    of_humans = {quantity.name: [value(one) for one in human] for quantity, value in measures}
    return [
        measure(
            quantity,
            label,
            group[0].model,
            [value(one) for one in group],
            [one.persona for one in group],
            of_humans[quantity.name],
            [one.persona for one in human],
            seed=seed,
            n_resamples=n_resamples,
        )
        for label, group in groups.items()
        for quantity, value in measures
    ]


def effective_number(people: Sequence[str]) -> int:
    """Number of independent conversations that conversations of these people are worth at least, whatever those of one person share.

    (sum m)^2 / sum m^2, where m is a person's number of conversations, rounded down; 0 without any.

    Source:
        Kish (1965), "Survey Sampling": the effective size of a sample with unequal weights, here of fully alike conversations of a person.
    """
    sizes = list(Counter(people).values())
    return sum(sizes) ** 2 // sum(size**2 for size in sizes) if sizes else 0


def human_band(human: Floats, people: Sequence[str], n: int, *, rng: np.random.Generator, n_resamples: int) -> Interval | None:
    """Where the mean of `n` new, independent conversations lies 95 % of the time if they behave as the humans' do.

    The human mean plus the 2.5 % and 97.5 % quantiles of the mean of `n` draws minus that of a redrawn human sample: the humans at hand are
    themselves a sample, whose mean is not the population's.

    Args:
        human: one number per human dialogue, at least one.
        people: person of each; whole people are redrawn, since the dialogues of one resemble each other.
        n: number of conversations, at least 1.
        rng: generator of the draws.
        n_resamples: number of draws.

    Returns:
        The band, widened for few people as `percentile_interval` does; None below two people, or if all numbers are the same.
    """
    drawn = draw_people(people, rng, n_resamples)
    if drawn is None:
        return None
    reference = (drawn @ human) / drawn.sum(axis=1)
    sample = human[rng.integers(len(human), size=(n_resamples, n))].mean(axis=1)
    return percentile_interval(human.mean() + sample - reference, n=len(set(people)))


def draw_people(people: Sequence[str], rng: np.random.Generator, n_resamples: int) -> Floats | None:
    """How often each conversation counts when whole people are drawn with replacement, shape (n_resamples, N); None below two people."""
    names, person_of = np.unique(np.asarray(people), return_inverse=True)
    n = len(names)
    if n < 2:
        return None
    drawn = rng.integers(n, size=(n_resamples, n)) + n * np.arange(n_resamples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=n * n_resamples).reshape(n_resamples, n)
    return times[:, person_of].astype(np.float64)


def within(band: Interval, human: Floats, unit: str) -> Interval:
    """A band cut off where no mean can be: below 0 if no human number is, and above 1 if no human share is."""
    low = max(0.0, band.low) if human.min() >= 0 else band.low
    high = min(1.0, band.high) if unit == "share" and human.max() <= 1 else band.high
    return Interval(low, high)


def _observed(quantity: Quantity, values: Sequence[float | None], people: Sequence[str]) -> tuple[Floats, list[str]]:
    """The numbers that can be computed, and the person of each."""
    if len(values) != len(people):
        raise ValueError(f"{quantity.name}: {len(values)} values for {len(people)} people, expected one person for each value")
    known = [(value, person) for value, person in zip(values, people, strict=True) if value is not None]
    array = np.array([value for value, _ in known], dtype=np.float64)
    if not np.isfinite(array).all():
        wrong = float(array[~np.isfinite(array)][0])
        raise ValueError(f"{quantity.name}: a value is {wrong!r}, expected a number, or None if it cannot be computed")
    return array, [person for _, person in known]


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
    own = [f"{BRACKETS}."]
    if with_humans:
        own = [
            f"{BRACKETS}; for humans, the range of the means of new human samples, as large "
            "as the condition with the fewest people. ^ above, v below the humans' range at its own size. About one number in twenty is "
            "marked by chance alone."
        ]
    own += left_out(measured)
    few = [label for label in labels if max(m.n_personas for m in measured if m.label == label) < FEW]
    if few:
        own.append(f"WARNING: fewer than {FEW} personas in {', '.join(few)}: intervals mean little at such a size.")
    for note in [*own, *notes]:
        lines += wrapped(note, indent="  ") if note is not own[0] else ["", *wrapped(note)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def left_out(measured: Sequence[Measured]) -> list[str]:
    """The sentence of the conversations that a number cannot be computed for; none where there are none."""
    missing = [f"{m.title}, {m.label}: {m.n_missing} of {m.n + m.n_missing}" for m in measured if m.n and m.n_missing]
    if not missing:
        return []
    shown = "; ".join(missing[:6]) + (f"; and {len(missing) - 6} more in the CSV" if len(missing) > 6 else "")
    return [f"Conversations that a number cannot be computed for are in no mean ({shown})."]


def _block(names: Sequence[str], labels: Sequence[str], of: dict[tuple[str, str], Measured]) -> list[str]:
    with_humans = any(m.human is not None for m in of.values())
    heads = [_head(label) for label in [*(["humans"] if with_humans else []), *labels]]
    lines = []
    for i in range(max(map(len, heads))):
        lines.append(" " * TITLE + "".join(filled(head[i] if i < len(head) else "", CELL, right=True) for head in heads))
    counted = [[m for (_, at), m in of.items() if at == label] for label in labels]
    counts = [str(max((m.n for m in each), default=0)) for each in counted]
    if with_humans:
        counts.insert(0, str(max(m.n_human for m in of.values())))
    lines.append(f"{'conversations':<{TITLE}}" + "".join(f"{count:>{CELL}}" for count in counts))
    for name in names:
        row = [of[name, label] for label in labels if (name, label) in of]
        any_ = next(m for (at, _), m in of.items() if at == name)
        widest = min((m for m in of.values() if m.name == name and m.human_low is not None), key=lambda m: m.n_effective, default=any_)
        cells = [_cell(any_.unit, widest.human, widest.human_low, widest.human_high, " ")] if with_humans else []
        marks = {"above": "^", "below": "v"}
        at = {m.label: _cell(m.unit, m.value, m.low, m.high, marks.get(m.side or "", " ")) for m in row}
        cells += [at.get(label, "- ") for label in labels]
        lines.append(f"{any_.title:<{TITLE}}" + "".join(f" {cell:>{CELL - 1}}" for cell in cells))
    return lines


def _head(label: str) -> list[str]:
    """The lines of a column's head; names break at underscores."""
    return [line.replace("_ ", "_") for line in wrapped(label.replace("_", "_ "), CELL - 2)]


def _cell(unit: str, value: float | None, low: float | None, high: float | None, mark: str) -> str:
    if value is None:
        return "- "
    return f"{number(unit, value)}{mark}{interval(unit, low, high)}"
