"""What methods gain by the size of the model, as a table for a terminal, and as a tidy one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from analysis.numbers import cell
from analysis.size_gains import Gain
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, columns, filled, shortened, wrapped

_NAME, _MODEL, _SIZE, _GAIN = 34, 35, 9, 22
_MOST = 8
"""Conditions that a terminal is told; all of them stand in the tidy table."""


def render(found: Sequence[Gain], without: Sequence[str], lacking: Mapping[str, Sequence[str]]) -> str:
    """A block for each measure, a line for each condition and model by size; at most 100 columns wide; empty for nothing.

    Args:
        found: of one run.
        without: models of the study whose size is not known.
        lacking: measure -> models with a size that have no gain in it, see `gains`.
    """
    lines: list[str] = []
    for measure in dict.fromkeys(one.measure for one in found):
        of = sorted((one for one in found if one.measure == measure), key=lambda one: one.billions)
        head = "Gain by model size: " + printable(f"{measure}, {of[0].how} {of[0].base}")
        lines += ["", *wrapped(head, WIDTH, indent="  ")]
        lines.append(f"{filled('', _NAME)}{filled('', _MODEL)}{'billions':>{_SIZE}}{of[0].how:>{_GAIN}}")
        conditions = list(dict.fromkeys(one.condition for one in of))
        for condition in conditions[:_MOST]:
            name = printable(condition)
            if columns(name) > _NAME - 2:  # a line of its own, since the ends of names tell the conditions of a sweep apart
                lines += wrapped(name, WIDTH, indent="  ")
                name = ""
            for one in (one for one in of if one.condition == condition):
                model = filled(shortened(printable(one.model), _MODEL - 2), _MODEL)
                gain = cell(
                    "times" if one.how == "times" else "share", one.value, *(one.interval or (None, None)), signed=one.how == "minus"
                )
                lines.append(f"{filled(name, _NAME)}{model}{one.billions:>{_SIZE}g}{gain:>{_GAIN}}")
        if len(conditions) > _MOST:
            lines.append(f"  {len(conditions) - _MOST} more conditions stand in sizes.csv.")
    for note in _notes(found):
        lines += wrapped(note, WIDTH, indent="  ")
    for measure, models in lacking.items():
        text = f"No gain in {measure}: {', '.join(models)}: no condition could be held against the first one"
        text += "." if any(one.measure == measure for one in found) else ", so that only one size is left, which is not shown."
        lines += wrapped(printable(text), WIDTH, indent="  ")
    if without:
        text = f"Not by model size: {', '.join(without)}: no number of parameters is known; state it in [sizes] of the study file."
        lines += wrapped(printable(text), WIDTH, indent="  ")
    return "\n".join(lines).lstrip("\n")


def _notes(found: Sequence[Gain]) -> list[str]:
    if not found:
        return []
    hows = {one.how for one in found}
    says = "billions: parameters of the model, as known or as the study states them."
    says += " times: the condition's value as a multiple of the first one's, 1.00 if there is no gain." if "times" in hows else ""
    says += " minus: the condition's value less the first one's, .000 if there is no gain." if "minus" in hows else ""
    notes = [says]
    if any(one.interval is not None for one in found):
        notes.append("In brackets: 95 % intervals over the askings.")
    if any(one.interval is None for one in found):
        notes.append("A gain has no interval where the condition or the first one has none, as where its few askings hardly differ.")
    return [" ".join(notes)]


def tidy(found: Sequence[Gain]) -> pd.DataFrame:
    """One row for each measure, condition and model; missing is NaN."""
    rows = []
    for one in found:
        low, high = one.interval or (None, None)
        rows.append({**one.model_dump(exclude={"interval"}), "low": low, "high": high})
    return pd.DataFrame(rows)


def write_csv(found: Sequence[Gain], path: Path) -> None:
    """The tidy table as CSV."""
    tidy(found).to_csv(path, index=False, lineterminator="\n")
