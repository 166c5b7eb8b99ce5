"""The figure of the strategies: what was computed is drawn; nothing is computed here but positions on the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from analysis.measure import Measured
from analysis.plots import BAND, FONT, HUMAN_EDGE, SMALL, STYLES, WIDTH_INCHES, Style

N_CONDITIONS = 4
"""Conditions in one figure."""
SLOT_INCHES = 0.115
_FILL = 0.8  # of a strategy's height is taken by its conditions


def draw_strategies(ax: Axes, rows: Sequence[Sequence[Measured]]) -> None:
    """One share of every strategy, a row each, with its conditions below each other: point and 95 % interval, over the humans' and band.

    Args:
        ax: where to draw.
        rows: per strategy, from top to bottom, the same share of each condition, 1 to 4.
    """
    n = max(map(len, rows))
    slot = _FILL / n
    for row, own in enumerate(rows):
        for i, (style, m) in enumerate(zip(STYLES, own, strict=False)):
            middle = row + (i - (n - 1) / 2) * slot
            if m.human_low is not None and m.human_high is not None:
                corner, width = (m.human_low, middle - slot / 2), m.human_high - m.human_low
                ax.add_patch(Rectangle(corner, width, slot, facecolor=BAND, alpha=0.6, linewidth=0, zorder=1))
            _draw_one(ax, m, middle, style)
        if own and own[0].human is not None:
            ends = [row - _FILL / 2, row + _FILL / 2]
            ax.plot([own[0].human] * 2, ends, color=HUMAN_EDGE, linewidth=1.3, solid_capstyle="butt", clip_on=False, zorder=2)
    ax.set_ylim(len(rows) - 0.5, -0.5)
    ax.set_yticks(range(len(rows)))
    ax.tick_params(axis="y", length=0, labelsize=FONT - 0.5)
    seen = [x for own in rows for m in own for x in (m.value, m.high, m.human, m.human_high) if x is not None]
    top = next((step for step in (0.1, 0.2, 0.4, 0.6, 0.8) if max(seen, default=0) <= step), 1.0)
    ax.set_xlim(0, top)
    ax.set_xticks([0, top / 2, top], ["0", *(f"{x:.2g}".replace("0.", ".") for x in (top / 2, top))])
    ax.tick_params(axis="x", labelsize=SMALL, width=0.6, length=2.5, pad=2)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_linewidth(0.6)


def _draw_one(ax: Axes, m: Measured, at: float, style: Style) -> None:
    if m.low is not None and m.high is not None:
        ax.plot([m.low, m.high], [at, at], color=style.color, linewidth=1.2, solid_capstyle="butt", zorder=3)
    if m.value is not None:
        ax.plot(
            [m.value],
            [at],
            marker=style.marker,
            markersize=4.0,
            markerfacecolor=style.color,
            markeredgecolor="white",
            markeredgewidth=0.5,
            clip_on=False,
            zorder=4,
        )


def figure(measured: Sequence[Measured], note: str = "") -> Figure:
    """Shares of turns on the left, of conversations on the right, a row for each strategy, the humans behind the conditions.

    Args:
        measured: of `analysis.strategies.strategies`, 1 to 4 conditions.
        note: small print at the foot, such as who labelled what.

    Raises:
        ValueError: if there are no conditions, or more than 4.
    """
    labels = list(dict.fromkeys(m.label for m in measured))
    if not 1 <= len(labels) <= N_CONDITIONS:
        raise ValueError(f"{len(labels)} conditions to draw, expected 1 to {N_CONDITIONS}: draw fewer in one figure")
    turns = _rows(measured, "_turns")
    ever = _rows(measured, "_ever")
    handles, names = _legend(measured, labels)
    notes = textwrap.wrap(note, 130)
    panel = len(turns) * max(0.2, SLOT_INCHES * len(labels) / _FILL)
    n_legend_columns = 1 if max(map(len, names)) > 62 else 2
    foot = 0.32 + 0.145 * -(-len(names) // n_legend_columns) + 0.12 * len(notes) + (0.06 if notes else 0)
    height = 0.28 + panel + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    left, right = 1.3 / WIDTH_INCHES, 0.985
    width = (right - left) / 2
    for i, (rows, heading) in enumerate(((turns, "share of the persuader's turns"), (ever, "share of conversations"))):
        ax = result.add_axes((left + i * width, foot / height, width * 0.93, panel / height))
        # Turns without any have no share of conversations beside them; the rows stay level.
        draw_strategies(ax, [*rows, *[[]] * (len(turns) - len(rows))])
        ax.set_yticklabels([own[0].title for own in rows] if i == 0 else [])
        if i:
            ax.set_yticks([])
        ax.set_title(heading, fontsize=FONT, loc="left", pad=4)
    result.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(0.01, (0.06 + 0.12 * len(notes)) / height),
        ncols=n_legend_columns,
        frameon=False,
        fontsize=FONT - 1,
        borderpad=0.1,
        columnspacing=1.6,
        labelspacing=0.3,
    )
    for text in result.legends[0].get_texts():  # a name may hold a "$", which is no formula
        text.set_parse_math(False)
    if notes:
        small: dict[str, Any] = {"fontsize": SMALL, "color": "#595959", "va": "bottom", "linespacing": 1.25, "parse_math": False}
        result.text(0.02, 0.05 / height, "\n".join(notes), **small)
    return result


def _rows(measured: Sequence[Measured], ending: str) -> list[list[Measured]]:
    names = dict.fromkeys(m.name for m in measured if m.name.endswith(ending))
    return [[m for m in measured if m.name == name] for name in names]


def _legend(measured: Sequence[Measured], labels: Sequence[str]) -> tuple[list[Any], list[str]]:
    handles: list[Any] = []
    names = []
    for style, label in zip(STYLES, labels, strict=False):
        n = max(m.n for m in measured if m.label == label)
        handles.append(Line2D([], [], color=style.color, linewidth=1.2, marker=style.marker, markersize=4.0, markeredgecolor="white"))
        names.append(f"{label} (n = {n}), mean with 95 % interval")
    if any(m.human is not None for m in measured):
        handles += [Line2D([], [], color=HUMAN_EDGE, linewidth=1.3), Patch(facecolor=BAND, alpha=0.6, linewidth=0)]
        names += [f"humans (n = {max(m.n_human for m in measured)})", "95 % of new human samples of that size"]
    return handles, names
