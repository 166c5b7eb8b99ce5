"""Figures of numbers measured per conversation: what was computed is drawn; nothing is computed here but positions on the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from analysis.measure import Measured
from analysis.plots import BAND, FONT, HUMAN_EDGE, MAX_ARMS, SMALL, STYLES, WIDTH_INCHES

N_COLUMNS = 4
ROW_INCHES = 0.19
LABEL_CHARACTERS = 24
"""Characters of a condition's name beside the axes; longer names are broken."""


def draw_measured(ax: Axes, measured: Sequence[Measured]) -> None:
    """One number of every condition, a row each: point and 95 % interval, over the humans' value and range.

    The grey band in a condition's row is the range of means that a new human sample of its size leaves once in twenty times.

    Args:
        ax: where to draw.
        measured: the same quantity of every condition, 1 to 8, from top to bottom.
    """
    for row, (style, m) in enumerate(zip(STYLES, measured, strict=False)):
        if m.human_low is not None and m.human_high is not None:
            ax.add_patch(
                Rectangle((m.human_low, row - 0.5), m.human_high - m.human_low, 1, facecolor=BAND, alpha=0.6, linewidth=0, zorder=1)
            )
        if m.human is not None:
            ax.plot([m.human, m.human], [row - 0.5, row + 0.5], color=HUMAN_EDGE, linewidth=1.2, solid_capstyle="butt", zorder=2)
        if m.low is not None and m.high is not None:
            ax.plot([m.low, m.high], [row, row], color=style.color, linewidth=1.4, solid_capstyle="butt", zorder=3)
        if m.value is not None:
            star = 1.35 if style.marker == "*" else 1.0
            ax.plot(
                [m.value],
                [row],
                marker=style.marker,
                markersize=4.2 * star,
                markerfacecolor=style.color,
                markeredgecolor="white",
                markeredgewidth=0.5,
                zorder=4,
            )
    ax.autoscale_view(scaley=False)
    ax.set_ylim(len(measured) - 0.5, -0.5)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(nbins=3, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2))
    ax.tick_params(axis="x", labelsize=SMALL, width=0.6, length=2.5, pad=2)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_linewidth(0.6)
    ax.margins(x=0.08)
    ax.set_title(measured[0].title, fontsize=FONT - 0.5, loc="left", pad=3)


def figure(measured: Sequence[Measured], note: str = "") -> Figure:
    """A panel for every quantity that some condition has, conditions from top to bottom, the humans behind them.

    Args:
        measured: of 1 to 8 conditions.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there are no conditions, more than 8, or no number could be computed.
    """
    labels = list(dict.fromkeys(m.label for m in measured))
    if not 1 <= len(labels) <= MAX_ARMS:
        raise ValueError(f"{len(labels)} conditions to draw, expected 1 to {MAX_ARMS}: draw fewer in one figure")
    panels = [own for name in dict.fromkeys(m.name for m in measured) if _has_value(own := [m for m in measured if m.name == name])]
    if not panels:
        raise ValueError("none of the numbers could be computed, expected at least one to draw")
    shown = ["\n".join(textwrap.wrap(label.replace("_", "_ "), LABEL_CHARACTERS)).replace("_ ", "_") for label in labels]
    notes = textwrap.wrap(note, 130)
    n_lines = max(label.count("\n") + 1 for label in shown)
    n_rows = -(-len(panels) // N_COLUMNS)
    panel = len(labels) * max(ROW_INCHES, 0.125 * n_lines + 0.03)
    foot = 0.28 + 0.12 * len(notes) + (0.04 if notes else 0)
    gap = 0.47
    height = n_rows * (panel + gap) + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    left = (0.12 + 0.062 * max(len(line) for label in shown for line in label.split("\n"))) / WIDTH_INCHES
    width = (0.985 - left) / N_COLUMNS
    for i, own in enumerate(panels):
        row, column = divmod(i, N_COLUMNS)
        bottom = height - (row + 1) * (panel + gap) + gap - 0.22
        ax = result.add_axes((left + column * width, bottom / height, width * 0.88, panel / height))
        by_label = {m.label: m for m in own}
        draw_measured(ax, [by_label[label] for label in labels if label in by_label])
        if column == 0:
            ax.set_yticks(range(len(labels)), shown, fontsize=FONT - 1.5, linespacing=1.1)
            ax.tick_params(axis="y", length=0)
    handles: list[Any] = []
    names = []
    if any(m.human is not None for m in measured):
        handles += [Line2D([], [], color=HUMAN_EDGE, linewidth=1.2), Patch(facecolor=BAND, alpha=0.6, linewidth=0)]
        names += [f"humans (n = {max(m.n_human for m in measured)})", "95 % of new human samples of that size"]
    handles.append(Line2D([], [], color=STYLES[0].color, linewidth=1.4, marker=STYLES[0].marker, markersize=4.2, markeredgecolor="white"))
    names.append("mean with 95 % interval")
    result.legend(
        handles,
        names,
        loc="lower left",
        bbox_to_anchor=(0.01, (0.05 + 0.12 * len(notes)) / height),
        ncols=len(handles),
        frameon=False,
        fontsize=FONT - 1,
        borderpad=0.1,
        columnspacing=1.6,
    )
    if notes:
        result.text(0.02, 0.05 / height, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25)
    return result


def _has_value(measured: Sequence[Measured]) -> bool:
    return any(m.value is not None for m in measured)
