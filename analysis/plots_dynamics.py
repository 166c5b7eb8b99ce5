"""The figure of the rounds: what was computed is drawn; nothing is computed here but positions on the page."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from analysis.curves import Curve
from analysis.plots import BAND, FONT, HUMAN_EDGE, SMALL, STYLES, WIDTH_INCHES, Style

N_COLUMNS = 4
"""Conditions beside each other in one figure."""
LEFT, COLUMN, ROW = 0.62, 2.3, 0.82
"""Inches: beside the panels, the widest column, and the height of a panel."""
SPACE = 0.17
"""Inches between panels."""
DENOMINATORS = (
    '"has ..." and "an amount is named": share of all conversations by the end of the round; others: share of the conversations that have '
    "the round (n in round)."
)


def draw_curve(ax: Axes, curve: Curve, style: Style) -> None:
    """One share over the rounds: points with 95 % intervals, over the humans' line and the band of human samples of the same size.

    Args:
        ax: where to draw.
        curve: of one condition.
        style: how the condition looks.
    """
    rounds = range(1, len(curve.values) + 1)
    shown = [at for at in rounds if curve.human_low[at - 1] is not None]
    if shown:
        low_ends, high_ends = ([end[at - 1] or 0.0 for at in shown] for end in (curve.human_low, curve.human_high))
        ax.fill_between(shown, low_ends, high_ends, color=BAND, alpha=0.6, linewidth=0, zorder=1)
    ax.plot(rounds, _line(curve.human), color=HUMAN_EDGE, linewidth=1.4, solid_capstyle="butt", zorder=2)
    for at, low, high in zip(rounds, curve.low, curve.high, strict=True):
        if low is not None and high is not None:
            ax.plot([at, at], [low, high], color=style.color, linewidth=1.0, solid_capstyle="butt", zorder=3)
    ax.plot(
        rounds,
        _line(curve.values),
        color=style.color,
        linewidth=1.1,
        marker=style.marker,
        markersize=3.4 * (1.35 if style.marker == "*" else 1.0),
        markeredgecolor="white",
        markeredgewidth=0.4,
        clip_on=False,
        zorder=4,
    )
    ax.set_xlim(0.6, len(rounds) + 0.4)
    ax.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_linewidth(0.6)
    ax.tick_params(labelsize=SMALL, width=0.6, length=2.5, pad=2)


def figure(curves: Sequence[Curve], note: str = "") -> Figure:
    """A row for every share, a column for every condition, and below how many conversations are still there.

    Args:
        curves: the same shares of 1 to 4 conditions, over the same rounds.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there are no conditions, or more than 4.
    """
    labels = list(dict.fromkeys(curve.label for curve in curves))
    if not 1 <= len(labels) <= N_COLUMNS:
        raise ValueError(f"{len(labels)} conditions to draw, expected 1 to {N_COLUMNS}: draw fewer in one figure")
    names = list(dict.fromkeys(curve.name for curve in curves))
    of = {(curve.name, curve.label): curve for curve in curves}
    column = min(COLUMN, (WIDTH_INCHES - LEFT - 0.08) / len(labels))
    width = max(LEFT + column * len(labels) + 0.08, 3.4)
    heads = [textwrap.wrap(label.replace("_", "_ "), int(column * 12)) for label in labels]
    handles, legend = _legend(curves)
    n_legend_columns = 1 if width < 5 else 2 if width < 6.4 else 3
    notes = [line for text in (DENOMINATORS, note) for line in textwrap.wrap(text, int(width * 18))]
    head = 0.1 + 0.125 * (max(map(len, heads)) + 1)
    legend_inches = 0.15 * -(-len(legend) // n_legend_columns)
    foot = 0.68 + legend_inches + 0.11 * len(notes)
    height = head + len(names) * (ROW + SPACE) - SPACE + foot
    result = Figure(figsize=(width, height))
    FigureCanvasAgg(result)
    for i, label in enumerate(labels):
        x = LEFT + i * column
        for j, name in enumerate(names):
            bottom = height - head - (j + 1) * ROW - j * SPACE
            ax = result.add_axes((x / width, bottom / height, (column - 0.16) / width, ROW / height))
            draw_curve(ax, of[name, label], STYLES[i])
            _scale(ax, [of[name, one] for one in labels])
            ax.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
            ax.tick_params(labelbottom=j == len(names) - 1, labelleft=i == 0)
            if i == 0:
                ax.set_ylabel("\n".join(textwrap.wrap(of[name, label].title, 15)), fontsize=FONT - 1, labelpad=3, linespacing=1.0)
                ax.yaxis.set_label_coords(-0.3 / (column - 0.16), 0.5)
        first = of[names[0], label]
        for line, text in enumerate(reversed(heads[i])):
            above = (head - 0.215 - 0.125 * line) / height
            result.text(x / width, 1 - above, text.replace("_ ", "_"), fontsize=FONT, va="baseline", weight="bold")
        result.text(x / width, 1 - (head - 0.09) / height, _size(first), fontsize=SMALL, va="baseline", color="#404040")
        _at_risk(ax, of, label, LEFT if i == 0 else 0.0)
    result.text((LEFT + column * len(labels) / 2) / width, (foot - 0.33) / height, "round", fontsize=FONT, ha="center", va="bottom")
    result.legend(
        handles,
        legend,
        loc="lower left",
        bbox_to_anchor=(0.04 / width, (0.06 + 0.11 * len(notes)) / height),
        ncols=n_legend_columns,
        frameon=False,
        fontsize=FONT - 1,
        borderpad=0.1,
        handlelength=2.4,
        columnspacing=1.5,
        labelspacing=0.3,
    )
    result.text(0.08 / width, 0.05 / height, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.2)
    return result


def _line(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


def _scale(ax: Axes, row: Sequence[Curve]) -> None:
    """The same scale for a share of all conditions: from 0 to the next step above the highest value or interval."""
    seen = [value for c in row for values in (c.values, c.high, c.human, c.human_high) for value in values if value is not None]
    top = next((step for step in (0.1, 0.2, 0.4, 0.6, 0.8) if max(seen, default=0) <= step), 1.0)
    ax.set_ylim(0, top * 1.02)
    ax.set_yticks([0, top / 2, top], ["0", f"{top / 2:.2g}".replace("0.", "."), f"{top:.2g}".replace("0.", ".")])


def _size(curve: Curve) -> str:
    return f"n = {curve.n}" + (f", {curve.n_personas} people" if curve.n_personas != curve.n else "")


def _at_risk(ax: Axes, of: dict[tuple[str, str], Curve], label: str, left: float) -> None:
    """Below the lowest panel: how many conversations have the round."""
    have = next((curve for (_, at), curve in of.items() if at == label and curve.kind == "in"), None)
    if have is None:
        return
    for at in (int(tick) for tick in ax.get_xticks() if 1 <= tick <= len(have.n_at_risk)):
        ax.annotate(
            str(have.n_at_risk[at - 1]),
            (at, 0),
            xycoords=("data", "axes fraction"),
            xytext=(0, -24),
            textcoords="offset points",
            ha="center",
            va="top",
            fontsize=SMALL - 0.5,
            color="#404040",
            annotation_clip=False,
        )
    if left:
        ax.annotate(
            "n in\nround",
            (0, 0),
            xycoords="axes fraction",
            xytext=(-left * 72 + 3, -21),
            textcoords="offset points",
            ha="left",
            va="top",
            fontsize=SMALL - 0.5,
            color="#404040",
            linespacing=1.0,
        )


def _legend(curves: Sequence[Curve]) -> tuple[list[Any], list[str]]:
    handles: list[Any] = []
    labels = []
    if any(value is not None for curve in curves for value in curve.human):
        handles += [Line2D([], [], color=HUMAN_EDGE, linewidth=1.4), Patch(facecolor=BAND, alpha=0.6, linewidth=0)]
        labels += [f"humans (n = {max(curve.n_human for curve in curves)})", "95 % of new human samples of that size"]
    handles.append(Line2D([], [], color=STYLES[0].color, linewidth=1.1, marker=STYLES[0].marker, markersize=3.4, markeredgecolor="white"))
    labels.append("condition, with 95 % interval")
    return handles, labels
