"""Accuracy, calibration of stated probabilities and refusals as tables for a terminal, and as tidy ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.accuracy import Accuracy
from analysis.latex import Table
from analysis.numbers import cell, interval, share
from analysis.over_prompts import OverPrompts
from analysis.refusals import Refusals
from analysis.reliability import Reliability
from analysis.uncertainty import Interval
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, filled, shortened, wrapped

_NAME = 30

_INTERVALS = (
    "Means over the prompts, which the intervals (95 %) are over, too: exact ones where fewer than 10 prompts are above 0, or below 1. "
    "difference: from the first condition of the same model, on the same prompts."
)
_TOP_1 = (
    "top-1: the candidate of the highest stated weight in each asking, or the reply itself; of tied candidates (tied: askings with such) "
    "the share that is right, as if one were drawn. any: a candidate of the prompt is right, of as many as the study asks for."
)
_ECE = (
    "Questions with one right answer. ECE: mean over the candidates of the gap between stated probability and share of right ones in their "
    "bin; floor: what as many true probabilities score, mean and 95 % quantile. asked again: share of the probability that is stated in "
    "the wrong bin, against how often the direct replies give each answer, and in brackets the 95 % quantile of its own floor."
)
_REFUSED = (
    "drawn: askings whose drawn reply refuses; every: askings in which all candidates do. An asking that the provider, or the model in its "
    "own words, refused as a whole (withheld) counts in both. What is a refusal is a rule on words (analysis/refusals.py)."
)


def render_accuracy(found: Sequence[Accuracy]) -> str:
    """A block for each model, a line for each condition and another one for the differences; at most 100 columns wide."""
    lines = _blocks("Right answers", (("replies", 8), ("tied", 6)), ("top-1", "any"), _right(found))
    return "\n".join(lines + _wrapped(_notes_on_right(found)))


def render_refusals(found: Sequence[Refusals]) -> str:
    """A block for each model, a line for each condition and another one for the differences; at most 100 columns wide."""
    lines = _blocks("Refusals", (("answered", 9), ("withheld", 9)), ("drawn", "every"), _refused(found))
    return "\n".join(lines + _wrapped(_notes_on_refused(found)))


def render_reliability(found: Sequence[Reliability]) -> str:
    """A block for each model, a line for each condition; at most 100 columns wide."""
    titles = (("candidates", 11), ("ECE", 19), ("floor", 12), ("asked again", 19))
    lines: list[str] = []
    for model in dict.fromkeys(one.model for one in found):
        lines += _head("Stated probabilities", model, titles)
        for one in (one for one in found if one.model == model):
            *cells, floor = _stated(one)
            line = _name(one.condition) + "".join(f"{text:>{width}}" for text, (_, width) in zip(cells, titles, strict=True))
            lines.append(f"{line} {floor}".rstrip())
    return "\n".join(lines + _wrapped([_ECE]))


_Row = tuple[str, str, list[str], list[OverPrompts]]
"""Condition, model, counts, and what has a mean over the prompts."""


def _right(found: Sequence[Accuracy]) -> list[_Row]:
    return [(one.condition, one.model, [f"{one.n_replies}", f"{one.n_tied}"], [one.top_1, one.any_right]) for one in found]


def _notes_on_right(found: Sequence[Accuracy]) -> list[str]:
    return [_TOP_1, _INTERVALS, *_missing([(one, one.n_planned - one.n_askings) for one in found])]


def _refused(found: Sequence[Refusals]) -> list[_Row]:
    return [(one.condition, one.model, [f"{one.n_answered}", f"{one.n_withheld}"], [one.drawn, one.every]) for one in found]


def _notes_on_refused(found: Sequence[Refusals]) -> list[str]:
    return [_REFUSED, _INTERVALS, *_missing([(one, one.n_planned - one.n_answered - one.n_withheld) for one in found])]


def _stated(one: Reliability) -> tuple[str, str, str, str, str]:
    """Candidates, error, its floor, error against the direct replies, and the floor of that; the last is empty where there is none."""
    again = one.again and one.again.calibration_error
    return (
        f"{one.n_candidates}",
        cell("share", one.ece, *(one.ece_interval or (None, None))),
        f"{share(one.ece_floor.mean)}, {share(one.ece_floor.q95)}",
        cell("share", again.value, again.low, again.high) if again else "-",
        f"({share(one.again.calibration_error_floor[1], 2)})" if one.again else "",
    )


def page_accuracy(found: Sequence[Accuracy]) -> list[Table]:
    """Right answers, for a page."""
    caption = "Right answers: mean over the prompts, with 95 % intervals."
    return [_page("accuracy", caption, ("replies", "tied"), ("top-1", "any"), _right(found), _notes_on_right(found))]


def page_refusals(found: Sequence[Refusals]) -> list[Table]:
    """Refusals, for a page."""
    caption = "Refusals: mean over the prompts, with 95 % intervals."
    return [_page("refusals", caption, ("answered", "withheld"), ("drawn", "every"), _refused(found), _notes_on_refused(found))]


def page_reliability(found: Sequence[Reliability]) -> list[Table]:
    """Stated probabilities, for a page."""
    rows: list[tuple[str, ...]] = []
    for model in dict.fromkeys(one.model for one in found):
        rows += [(), (model,), *((one.condition, f"{one.n_prompts:,}", *_stated(one)) for one in found if one.model == model)]
    caption = "Stated probabilities against what is right, and against how often the model says so when asked directly."
    columns = ("", "prompts", "candidates", "ECE", "floor", "asked again", "its floor")
    return [Table(name="calibration", caption=caption, columns=columns, rows=tuple(rows[1:]), notes=(_ECE,))]


def _page(name: str, caption: str, counts: Sequence[str], shares: Sequence[str], found: Sequence[_Row], notes: Sequence[str]) -> Table:
    """Counts, then each mean with its difference from the first condition behind it."""
    rows: list[tuple[str, ...]] = []
    for model in dict.fromkeys(model for _, model, _, _ in found):
        rows += [(), (model,)]
        for condition, _, numbers, over in (one for one in found if one[1] == model):
            n_prompts = max((len(one.by_prompt) for one in over), default=0)
            means = [text for one in over for text in (share(one.mean), share(one.difference, signed=True))]
            ends = [text for one in over for text in (_ends(one.interval), _ends(one.difference_interval, signed=True))]
            rows += [(condition, f"{n_prompts:,}", *numbers, *means), ("", "", *("" for _ in counts), *ends)]
    columns = ("", "prompts", *counts, *(title for one in shares for title in (one, "difference")))
    return Table(name=name, caption=caption, columns=columns, rows=tuple(rows[1:]), notes=tuple(notes))


def _ends(ends: Interval | None, *, signed: bool = False) -> str:
    return interval("share", *(ends or (None, None)), signed=signed)


def _own(one: OverPrompts) -> str:
    return cell("share", one.mean, *(one.interval or (None, None)))


def _less(one: OverPrompts) -> str:
    return cell("share", one.difference, *(one.difference_interval or (None, None)), signed=True)


def _blocks(title: str, counts: Sequence[tuple[str, int]], shares: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    """A block for each model: condition, counts, and means with their differences below."""
    rest = (WIDTH - _NAME - sum(width for _, width in counts)) // 2
    head = [*counts, *((name, rest) for name in shares)]
    lines: list[str] = []
    for model in dict.fromkeys(model for _, model, _, _ in rows):
        lines += _head(title, model, head)
        for condition, _, numbers, found in (row for row in rows if row[1] == model):
            own = [_own(one) for one in found]
            lines.append(_name(condition) + "".join(f"{text:>{width}}" for text, (_, width) in zip([*numbers, *own], head, strict=True)))
            if any(one.difference is not None for one in found):
                less = [_less(one) for one in found]
                lines.append(f"{'difference':>{WIDTH - 2 * rest}}" + "".join(f"{text:>{rest}}" for text in less))
    return lines


def _head(title: str, model: str, columns: Sequence[tuple[str, int]]) -> list[str]:
    return [shortened(printable(f"{title}, {model}"), WIDTH), " " * _NAME + "".join(f"{name:>{width}}" for name, width in columns)]


def _name(condition: str) -> str:
    return filled("  " + shortened(printable(condition), _NAME - 3), _NAME)


def _missing(found: Sequence[tuple[Accuracy | Refusals, int]]) -> list[str]:
    said = [f"Missing, {one.condition}, {one.model}: {n} of {one.n_planned} askings." for one, n in found if n]
    return said + [
        f"{one.condition}, {one.model}: prompts without a reply, which are left out: {one.n_without}." for one, _ in found if one.n_without
    ]


def _wrapped(notes: Sequence[str]) -> list[str]:
    return [line for note in notes for line in wrapped(printable(note), WIDTH, indent="  ")]


def tidy(found: Sequence[Accuracy] | Sequence[Refusals]) -> pd.DataFrame:
    """One row for each condition, model and measure and for each prompt in it (`prompt` is missing in the mean); missing is NaN."""
    rows: list[dict[str, Any]] = []
    for one in found:
        row = one.model_dump()
        for measure in [name for name, value in one if isinstance(value, OverPrompts)]:
            of: OverPrompts = getattr(one, measure)
            counts = {name: value for name, value in row.items() if name.startswith("n_")}
            arm = {"measure": measure, "condition": one.condition, "model": one.model}
            ends: dict[str, float | None] = {}
            for name in ("interval", "difference_interval"):
                low, high = getattr(of, name) or (None, None)
                ends |= {f"{name.removesuffix('interval')}low": low, f"{name.removesuffix('interval')}high": high}
            rows.append({"prompt": None, **arm, **counts, "mean": of.mean, "difference": of.difference, **ends})
            rows += [{"prompt": prompt, **arm, "mean": value} for prompt, value in of.by_prompt.items()]
    return pd.DataFrame(rows)


def tidy_reliability(found: Sequence[Reliability]) -> pd.DataFrame:
    """One row for each condition, model, reference (``"right"`` or ``"asked again"``) and bin; missing is NaN."""
    rows = []
    for one in found:
        arm = {"condition": one.condition, "model": one.model}
        low, high = one.ece_interval or (None, None)
        error = {"error": one.ece, "error_low": low, "error_high": high, "floor_mean": one.ece_floor.mean, "floor_q95": one.ece_floor.q95}
        rows += [{"against": "right", **arm, **of.model_dump(), **error} for of in one.bins]
        if one.again is not None:
            again, floor = one.again.calibration_error, one.again.calibration_error_floor
            error = {"error": again.value, "error_low": again.low, "error_high": again.high, "floor_mean": floor[0], "floor_q95": floor[1]}
            rows += [{"against": "asked again", **arm, **of.model_dump(), **error} for of in one.again.bins]
    return pd.DataFrame(rows)


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """A tidy table as CSV."""
    table.to_csv(path, index=False, lineterminator="\n")
