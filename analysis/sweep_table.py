"""What a sweep shows, in sentences and as tidy tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.numbers import cell
from analysis.sweep_effects import Effect, Panel
from analysis.uncertainty import Interval
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, wrapped

AXIS_NAMES = {"temperature": "temperature", "top_p": "top-p", "tau": "tau", "k": "k"}
_MOST = 12
"""Paragraphs that a terminal is told; all effects stand in the tidy table."""
_NOTE = (
    "Two factors add up if the difference between two methods is the same along the axis; the change is that from lowest to highest "
    "setting, by the least-squares line, 0 if they add up."
)
_INTERVALS = (
    "Intervals (95 %) are over the askings. An interval around 0 does not show that two factors add up, but how far they can be from it."
)
_WITHOUT = "A condition has no interval where one of its prompts has none, as one whose few askings hardly differ."


def render(panels: Sequence[Panel]) -> str:
    """A paragraph for each panel, a sentence for each effect; at most 100 columns wide; empty for nothing."""
    lines: list[str] = []
    told = _told(panels)
    for panel, effects in told[:_MOST]:
        lines += ["", *wrapped(printable(f"Along {AXIS_NAMES[panel.axis]}: {subject(panel)}"), WIDTH, indent="  ")]
        lines += [line for one in effects for line in wrapped(f"  {sentence(panel, one)}", WIDTH, indent="    ")]
    if len(told) > _MOST:
        lines += ["", f"{len(told) - _MOST} more paragraphs of this kind stand in sweep_effects.csv."]
    for note in _notes([one for _, effects in told for one in effects]):
        lines += wrapped(note, WIDTH, indent="  ")
    return "\n".join(lines).lstrip("\n")


def _notes(effects: Sequence[Effect]) -> list[str]:
    n = sum(one.interval is not None for one in effects)
    found = [_NOTE] if any(one.base is not None for one in effects) else []
    found += [_INTERVALS] if n else []
    if n > 1:
        found.append(
            f"{n} changes with an interval were looked at, and the intervals are not corrected for their number: where nothing changes, 1 "
            "in 20 leaves out 0 all the same."
        )
    return [*found, _WITHOUT] if any(one.without for one in effects) else found


def _told(panels: Sequence[Panel]) -> list[tuple[Panel, list[Effect]]]:
    """Panels with their effects: each effect once, though direct replies are the same at every tau."""
    seen: list[tuple[str, str, str, Effect]] = []
    found = []
    for panel in panels:
        new = []
        for one in panel.effects:
            key = (panel.axis, panel.measure, panel.model, one)
            if key not in seen:
                seen.append(key)
                new.append(one)
        if new:
            found.append((panel, new))
    return found


def subject(panel: Panel) -> str:
    """What is drawn in a panel, in words."""
    return ", ".join(filter(None, (panel.measure, panel.model, panel.held)))


def sentence(panel: Panel, one: Effect) -> str:
    """An effect in words, with how many askings and prompts are behind it."""
    axis = AXIS_NAMES[panel.axis]
    low, high = f"{axis} {one.at[0]:g}", f"{one.at[-1]:g}"
    n = f"{one.n_replies} replies" if one.n_askings is None else f"{one.n_askings} askings"
    behind = f"n = {n}, {one.fewest} or more a condition, {one.n_prompts} {'prompt' if one.n_prompts == 1 else 'prompts'}"
    if one.change is None:
        return f"{one.method}: cannot be told from {low} to {high}, since the conditions have replies to different prompts ({behind})."
    change = _cell(one.change, one.interval)
    if one.without:
        lacking = {name: [x for other, x in one.without if other == name] for name, _ in one.without}
        each = [f"{name} has none at {axis} {', '.join(f'{x:g}' for x in at)}" for name, at in lacking.items()]
        change += f", no interval: {' and '.join(each)}"
    if one.base is None:
        ends = f"{_cell(one.differences[0], one.intervals[0], signed=False)} at {low}, "
        ends += f"{_cell(one.differences[-1], one.intervals[-1], signed=False)} at {high}"
        return f"{one.method}: {ends}: changes by {change} ({behind})."
    ends = f"{_cell(one.differences[0], one.intervals[0])} at {low}, {_cell(one.differences[-1], one.intervals[-1])} at {high}"
    if one.interval is not None:
        within = one.interval.low <= 0 <= one.interval.high
        change += f", no departure from adding up is seen in {n}" if within else f", an interval of {n} that speaks against adding up"
    return f"{one.method} minus {one.base}: {ends}: changes by {change} ({behind})."


def _cell(value: float, interval: Interval | None, *, signed: bool = True) -> str:
    return cell("share", value, *(interval or (None, None)), signed=signed)


def tidy(panels: Sequence[Panel]) -> pd.DataFrame:
    """One row for each point of each line; missing is NaN."""
    return pd.DataFrame(
        [
            {
                **_of(panel),
                "method": line.method,
                "at": point.at,
                "condition": point.level.condition,
                "n_replies": point.level.n_replies,
                "n_askings": point.level.n_askings,
                "n_prompts": len(point.level.prompts),
                "value": point.level.value,
                **_ends(point.level.interval),
            }
            for panel in panels
            for line in panel.lines
            for point in line.points
        ]
    )


def tidy_effects(panels: Sequence[Panel]) -> pd.DataFrame:
    """One row for each effect; missing is NaN."""
    return pd.DataFrame(
        [
            {
                **_of(panel),
                "method": one.method,
                "base": one.base,
                "lowest": one.at[0],
                "highest": one.at[-1],
                "n_settings": len(one.at),
                "n_replies": one.n_replies,
                "n_askings": one.n_askings,
                "fewest": one.fewest,
                "n_prompts": one.n_prompts,
                "change": one.change,
                **_ends(one.interval),
            }
            for panel in panels
            for one in panel.effects
        ],
        columns=[
            *("measure", "model", "axis", "held", "method", "base", "lowest", "highest", "n_settings"),
            *("n_replies", "n_askings", "fewest", "n_prompts", "change", "low", "high"),
        ],
    )


def write_csv(panels: Sequence[Panel], path: Path) -> None:
    """The tidy table of points as CSV."""
    tidy(panels).to_csv(path, index=False, lineterminator="\n")


def write_effects_csv(panels: Sequence[Panel], path: Path) -> None:
    """The tidy table of effects as CSV."""
    tidy_effects(panels).to_csv(path, index=False, lineterminator="\n")


def _of(panel: Panel) -> dict[str, str]:
    return {"measure": panel.measure, "model": panel.model, "axis": panel.axis, "held": panel.held}


def _ends(interval: Interval | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {"low": low, "high": high}
