"""The forest figure: the 95 % intervals of every condition and model below each other; what was computed is drawn, nothing is computed."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.comparison import Comparison
from analysis.numbers import above_zero, zero
from analysis.plots import BAND, FONT, HUMAN_EDGE, SMALL, STYLES, WIDTH_INCHES, Style

TITLES = {
    "mean": "mean",
    "median": "median",
    "ks": "KS",
    "l1_per_dialogue": "L1 per dialogue",
    "wasserstein": "Wasserstein",
}
SUMMARIES = ("share_zero", "mean")
ROW_INCHES = 0.185
LABEL_CHARACTERS = 26
"""Characters of a condition's name beside the axes; longer names are broken."""
INTERVAL_WIDTH = 1.4


class Row(NamedTuple):
    """One condition and model as a row of the figure.

    Attributes:
        place: height on the page, in rows from the top.
        style: how its condition looks, the same for every model.
        comparison: its numbers.
    """

    place: float
    style: Style
    comparison: Comparison


def rows(comparisons: Sequence[Comparison]) -> tuple[list[Row], dict[str, float]]:
    """A row for every comparison, grouped by model in the order in which models are first named, below a row with the model's name.

    Returns:
        The rows, and the place of each model's name.

    Raises:
        ValueError: if there are no comparisons or they have different humans.
    """
    if not comparisons:
        raise ValueError("no conditions to draw, expected at least 1")
    first = comparisons[0]
    for c in comparisons:
        if (c.human_source, c.n_human, c.cleaning, c.which) != (first.human_source, first.n_human, first.cleaning, first.which):
            raise ValueError(f"{first.arm!r} and {c.arm!r} are compared with different humans, expected the same in one figure")
    conditions = list(dict.fromkeys(c.condition for c in comparisons))
    found, heads, place = [], {}, 0.0
    for model in dict.fromkeys(c.model for c in comparisons):
        heads[model] = place
        for c in comparisons:
            if c.model == model:
                half = max(1.0, (0.115 * (_label(c).count("\n") + 1) + 0.05) / ROW_INCHES) / 2
                place += 0.5 + half  # the rows of long names are taller
                found.append(Row(place, STYLES[conditions.index(c.condition) % len(STYLES)], c))
                place += half - 0.5
        place += 1.25
    return found, heads


def metrics(comparisons: Sequence[Comparison]) -> list[str]:
    """The panels: summaries, KS, and L1 per dialogue where personas are matched to humans, Wasserstein where not."""
    if not comparisons[0].n_human:
        return [*SUMMARIES, "mean_positive", "median"]
    matched = any(c.metric("l1_per_dialogue").value is not None for c in comparisons)
    return [*SUMMARIES, "ks", "l1_per_dialogue" if matched else "wasserstein"]


def draw_forest(ax: Axes, rows: Sequence[Row], name: str) -> None:
    """One metric: a point and its 95 % interval in every row.

    Behind the rows of a summary stand the humans' value and its 95 % interval; in a row of a distance the 95 % quantile of what as
    many humans score against the humans. Of the L1 per dialogue, which has no such bound, what "everybody gives $0" scores. A point
    without an interval is hollow; a condition without a donation has none.

    Args:
        ax: where to draw.
        rows: see `rows`.
        name: of the metric, one of `metrics`.
    """
    bottom = rows[-1].place + 0.7
    human = next((m for row in rows if (m := row.comparison.metric(name)).human is not None), None)
    if human is not None and human.human is not None:
        if human.human_low is not None and human.human_high is not None:
            width = human.human_high - human.human_low
            ax.add_patch(Rectangle((human.human_low, -0.7), width, bottom + 0.7, facecolor=BAND, alpha=0.6, linewidth=0, zorder=1))
        ax.plot([human.human, human.human], [-0.7, bottom], color=HUMAN_EDGE, linewidth=0.9, solid_capstyle="butt", zorder=2)
    for place, style, comparison in rows:
        m = comparison.metric(name)
        mark = m.baseline_zero if name == "l1_per_dialogue" else m.floor_q95
        if mark is not None:
            dashes = (0, (1.5, 1)) if name == "l1_per_dialogue" else "-"
            ax.plot([mark, mark], [place - 0.42, place + 0.42], color=HUMAN_EDGE, linewidth=1.1, linestyle=dashes, zorder=2)
        known = m.low is not None and m.high is not None
        if m.low is not None and m.high is not None:
            ax.plot([m.low, m.high], [place, place], color=style.color, linewidth=INTERVAL_WIDTH, solid_capstyle="butt", zorder=3)
        if m.value is not None:
            ax.plot([m.value], [place], linestyle="", clip_on=False, zorder=4, **_point(style, known))
        elif name == SUMMARIES[0]:
            ax.text(
                0.02,
                place,
                f"no {comparison.scale.name}",
                transform=ax.get_yaxis_transform(),
                va="center",
                fontsize=SMALL,
                color="#595959",
                zorder=4,
            )
    ax.margins(x=0.06)
    ax.autoscale_view(scaley=False)
    ax.set_xlim(left=0.0)  # a distance of 0, a share of 0 and $0 mean something
    ax.set_ylim(bottom, -0.7)
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2))
    unit = rows[0].comparison.metric(name).unit
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: _tick(unit, x)))
    ax.tick_params(axis="x", labelsize=SMALL, width=0.6, length=2.5, pad=2)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_linewidth(0.6)
    scale = rows[0].comparison.scale
    title = {"share_zero": f"share of {zero(scale)}", "mean_positive": above_zero(scale)}.get(name) or TITLES[name]
    ax.set_title(title, fontsize=FONT - 0.5, loc="left", pad=3, parse_math=False)


def forest(comparisons: Sequence[Comparison], note: str = "") -> Figure:
    """Share of $0, mean, and two distances of every condition, grouped by model; as tall as it has rows.

    Args:
        comparisons: of one study, all against the same humans.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there are no comparisons or they have different humans.
    """
    placed, heads = rows(comparisons)
    names = metrics(comparisons)
    labels = [_label(row.comparison) for row in placed]
    handles, keys = _legend(placed, names)
    notes = [line for text in (_counted(comparisons), note) if text for line in textwrap.wrap(text, 130)]
    foot = 0.50 + 0.12 * len(notes)
    panel = (placed[-1].place + 1.4) * ROW_INCHES
    height = panel + foot + 0.22
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    sizes = [_size(row.comparison) for row in placed]
    count = 0.10 + 0.052 * max(map(len, sizes))
    left = (0.16 + 0.056 * max(len(line) for label in labels for line in label.split("\n")) + count) / WIDTH_INCHES
    width = (0.985 - left) / len(names)
    axes = [result.add_axes((left + i * width, foot / height, width * 0.87, panel / height)) for i in range(len(names))]
    for ax, name in zip(axes, names, strict=True):
        draw_forest(ax, placed, name)
    for row, label, size in zip(placed, labels, sizes, strict=True):
        y = 1 - (0.22 + (row.place + 0.7) * ROW_INCHES) / height
        look: dict[str, Any] = {"va": "center", "fontsize": FONT - 1.5, "linespacing": 1.05, "parse_math": False}
        result.text(0.16 / WIDTH_INCHES, y, label, **look)
        result.text(left - 0.08 / WIDTH_INCHES, y, size, ha="right", color="#404040", **look)
    for model, place in heads.items():
        y = 1 - (0.22 + (place + 0.7) * ROW_INCHES) / height
        result.text(0.06 / WIDTH_INCHES, y, model, va="center", fontsize=FONT - 1, fontweight="bold", parse_math=False)
    result.legend(
        handles,
        keys,
        loc="lower left",
        bbox_to_anchor=(0.0, (0.06 + 0.12 * len(notes)) / height),
        ncols=len(handles),
        frameon=False,
        fontsize=SMALL,
        borderpad=0.1,
        columnspacing=1.3,
        handlelength=1.8,
    )
    for text in result.legends[0].get_texts():
        text.set_parse_math(False)
    look = {"fontsize": SMALL, "color": "#595959", "va": "bottom", "linespacing": 1.25, "parse_math": False}
    result.text(0.06 / WIDTH_INCHES, 0.05 / height, "\n".join(notes), **look)
    return result


def _legend(placed: Sequence[Row], names: Sequence[str]) -> tuple[list[Any], list[str]]:
    """What is drawn, and no more."""
    found = [row.comparison.metric(name) for row in placed for name in names]
    style = placed[0].style
    handles: list[Any] = []
    keys = []
    if any(m.human is not None for m in found):
        handles.append(
            (
                Patch(facecolor=BAND, alpha=0.6, linewidth=0),
                Line2D([], [], linestyle="", marker="|", markersize=7, markeredgecolor=HUMAN_EDGE, markeredgewidth=1.0),
            )
        )
        keys.append(f"humans, 95 % interval (n = {placed[0].comparison.n_human})")
    if any(m.floor_q95 is not None and m.name != "l1_per_dialogue" for m in found):
        handles.append(Line2D([], [], linestyle="", marker="|", markersize=7, markeredgecolor=HUMAN_EDGE, markeredgewidth=1.1))
        keys.append("noise floor, 95 % quantile")
    if any(m.baseline_zero is not None and m.name == "l1_per_dialogue" for m in found):
        handles.append(Line2D([], [], color=HUMAN_EDGE, linewidth=1.1, linestyle=(0, (1.5, 1))))
        keys.append(f"all give {zero(placed[0].comparison.scale)}")
    if any(m.low is not None for m in found):
        handles.append(Line2D([], [], color=style.color, linewidth=INTERVAL_WIDTH, **_point(style, True)))
        keys.append("95 % interval")
    if any(m.value is not None and m.low is None for m in found):
        handles.append(Line2D([], [], linestyle="", **_point(style, False)))
        keys.append("no interval (too little data)")
    return handles, keys


def _point(style: Style, filled: bool) -> dict[str, Any]:
    return {
        "marker": style.marker,
        "markersize": (5.4 if style.marker in "PX" else 4.4) * (1.35 if style.marker == "*" else 1.0),
        "markerfacecolor": style.color if filled else "white",
        "markeredgecolor": "white" if filled else style.color,
        "markeredgewidth": 0.5 if filled else 1.0,
    }


def _label(c: Comparison) -> str:
    return "\n".join(textwrap.wrap(c.condition.replace("_", "_ "), LABEL_CHARACTERS)).replace("_ ", "_")


def _size(c: Comparison) -> str:
    """Donations, and in brackets those that are missing."""
    return f"{c.n}" + (f" ({c.n_missing})" if c.n_missing else "")


def _counted(comparisons: Sequence[Comparison]) -> str:
    """What the numbers behind the names are."""
    behind = f"n behind each name: {comparisons[0].scale.name}s"
    return behind + (" (in brackets: conversations that are missing)." if any(c.n_missing for c in comparisons) else ".")


def _tick(unit: str, value: float) -> str:
    """A number on an axis: shares as papers print them, money in dollars."""
    if unit in ("cents", "dollars"):
        dollars = value / 100 if unit == "cents" else value
        return f"${dollars:.0f}" if dollars == round(dollars) else f"${dollars:.2f}"
    return f"{value:.2f}".removeprefix("0") if 0 < value < 0.995 else f"{value:g}"
