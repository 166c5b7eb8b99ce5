"""Figures of comparisons: what was computed is drawn; nothing is computed here but positions on the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeVar

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from analysis.comparison import Comparison
from analysis.numbers import share
from vs_sim.scenario import Scale

Shown = TypeVar("Shown")

MAX_ARMS = 8
WIDTH_INCHES = 7.2
FONT = 8.0
SMALL = 6.5
HUMAN_FILL, HUMAN_EDGE, BAND = "#d9d9d9", "#262626", "#bdbdbd"


class Style(NamedTuple):
    """How one condition looks: a colour, and a marker and dashes that tell it apart in greyscale."""

    color: str
    marker: str
    dashes: Any


STYLES = (
    Style("#0072b2", "o", "-"),
    Style("#d55e00", "s", (0, (5, 1.5))),
    Style("#009e73", "^", (0, (1.2, 1.2))),
    Style("#cc79a7", "D", (0, (6, 1.5, 1.2, 1.5))),
    Style("#56b4e9", "v", (0, (3, 1))),
    Style("#8c6d00", "P", (0, (8, 2, 2, 2, 2, 2))),
    Style("#4b0092", "X", (0, (2, 3))),
    Style("#e69f00", "*", (0, (10, 3))),
)
"""Six colours of Okabe and Ito (2008), made for colour blindness, and a dark brown and violet in place of their yellow and black."""


def draw_distributions(ax: Axes, comparisons: Sequence[Comparison]) -> None:
    """Share of the conversations in each bin of donations: humans as bars, each condition as marks.

    Args:
        ax: where to draw.
        comparisons: of one study, 1 to 8, all against the same humans; those without a donation are left out.
    """
    first = _checked(comparisons)
    places = range(len(first.bin_edges))
    if first.n_human:
        ax.bar(places, first.human_bin_shares, width=0.86, color=HUMAN_FILL, edgecolor=HUMAN_EDGE, linewidth=0.8, zorder=1)
    drawn = [(style, c.bin_shares) for style, c in zip(STYLES, comparisons, strict=False) if c.bin_shares is not None]
    step = 0.66 / max(len(drawn), 3)
    for i, (style, bin_shares) in enumerate(drawn):
        offset = (i - (len(drawn) - 1) / 2) * step
        x = [place + offset for place in places]
        ax.vlines(x, 0, bin_shares, color=style.color, linewidth=0.9, zorder=2)
        ax.plot(x, bin_shares, linestyle="", clip_on=False, zorder=3, **marker(style, 4.6 if len(drawn) <= 4 else 3.8))
    highest = max([0.1, *first.human_bin_shares, *(share for _, bin_shares in drawn for share in bin_shares)])
    ax.set_ylim(0, min(1.0, highest * 1.08))
    ax.set_xticks(list(places), _bin_labels(first))
    ax.set_xlim(-0.6, len(places) - 0.4)
    ax.set_xlabel(_axis(first.scale))
    ax.set_ylabel("share of conversations")
    plain(ax)


def draw_ecdfs(ax: Axes, comparisons: Sequence[Comparison]) -> None:
    """Share of the donations at or below each amount, humans against each condition, with the noise band.

    The band is the humans' curve plus and minus the 95 % quantile of the KS distance of humans against humans at the condition's n:
    a condition whose curve leaves it anywhere is further from the humans than 95 % of such samples of humans. It is drawn for the
    smallest n and, where that differs by more than .02, for the largest.

    Args:
        ax: where to draw.
        comparisons: of one study, 1 to 8, all against the same humans; those without a donation are left out.
    """
    first = _checked(comparisons)
    scale = first.scale

    def steps(c: Comparison, ecdf: Sequence[float]) -> tuple[list[float], list[float]]:
        return [scale.low, *c.support, max(c.support[-1], scale.high)], [0.0, *ecdf, 1.0]

    if first.n_human:
        x, human = steps(first, first.human_ecdf)
        for width in _bands(comparisons):
            low, high = [max(0.0, y - width) for y in human[1:]], [min(1.0, y + width) for y in human[1:]]
            ax.fill_between(x[1:], low, high, step="post", color=BAND, alpha=0.45, linewidth=0, zorder=1)
        ax.plot(x, human, drawstyle="steps-post", color=HUMAN_EDGE, linewidth=2.0, solid_capstyle="butt", zorder=2)
    for style, c in zip(STYLES, comparisons, strict=False):
        if c.ecdf is not None:
            x, y = steps(c, c.ecdf)
            ax.plot(x, y, drawstyle="steps-post", color=style.color, linestyle=style.dashes, linewidth=1.3, zorder=3)
    margin = (scale.high - scale.low) * 0.015
    ax.set_xlim(scale.low - margin, scale.high + margin)
    ax.set_ylim(0, 1.01)
    ticks = [scale.low + (scale.high - scale.low) * i / 4 for i in range(5)]
    ax.set_xticks(ticks, [_amount(scale, tick) for tick in ticks])
    ax.set_xlabel(_axis(scale))
    ax.set_ylabel("share at or below this")
    plain(ax)


def pages(name: str, of: Sequence[Shown], size: int) -> list[tuple[str, list[Shown]]]:
    """What goes into one figure each, where it is too much for a single one.

    Args:
        name: of the figure.
        of: what is drawn, in order, such as the conditions' labels.
        size: how many a figure holds, 1 or more.

    Returns:
        For each figure its name, with ``-1``, ``-2`` and so on behind it if there are several, and its part.
    """
    return [(f"{name}-{i // size + 1}" if len(of) > size else name, list(of[i : i + size])) for i in range(0, len(of), size)]


def figure(comparisons: Sequence[Comparison], note: str = "") -> Figure:
    """Distributions on the left, cumulative on the right, one legend below with n and KS of every condition.

    Args:
        comparisons: of one study, 1 to 8, all against the same humans.
        note: small print under the legend, such as what the figure must not be read as.

    Raises:
        ValueError: if there are no comparisons, more than 8, or they have different humans.
    """
    first = _checked(comparisons)
    notes = textwrap.wrap(note, 130)
    columns = 1 if max(len(_legend_label(c)) for c in comparisons) > 62 else 2
    rows = -(-(len(comparisons) + 1 + (1 if _bands(comparisons) else 0)) // columns)
    foot = 0.58 + 0.145 * rows + (0.06 + 0.12 * len(notes) if notes else 0.04)
    height = 2.55 + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    left, right = result.subplots(1, 2, width_ratios=(1.12, 1))
    result.subplots_adjust(left=0.075, right=0.985, top=1 - 0.12 / height, bottom=foot / height, wspace=0.2)
    draw_distributions(left, comparisons)
    draw_ecdfs(right, comparisons)
    for ax in (left, right):
        ax.xaxis.set_label_coords(0.5, -0.36 / 2.43)  # level with each other, below labels of two lines
    handles: list[Any] = []
    labels: list[str] = []
    if first.n_human:
        handles.append((Patch(facecolor=HUMAN_FILL, edgecolor=HUMAN_EDGE, linewidth=0.8), Line2D([], [], color=HUMAN_EDGE, lw=2)))
        people = f" ({first.n_human_people} people)" if first.n_human_people not in (None, first.n_human) else ""
        labels.append(f"humans, n = {first.n_human}{people}")
    if _bands(comparisons):
        handles.append(Patch(facecolor=BAND, alpha=0.6, linewidth=0))
        labels.append("humans against humans, as many as personas, 95 %")
    for style, c in zip(STYLES, comparisons, strict=False):
        handles.append(Line2D([], [], color=style.color, linestyle=style.dashes, linewidth=1.3, **marker(style, 4.6)))
        labels.append(_legend_label(c))
    legend = result.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.066, (0.06 + 0.12 * len(notes) if notes else 0.02) / height),
        ncols=columns,
        frameon=False,
        fontsize=FONT - 0.5,
        handlelength=5.5,
        columnspacing=2.0,
        labelspacing=0.35,
        borderpad=0.1,
    )
    for text in legend.get_texts():  # a name may hold a "$", which is no formula
        text.set_parse_math(False)
    if notes:
        result.text(
            0.075, 0.05 / height, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25, parse_math=False
        )
    return result


def _checked(comparisons: Sequence[Comparison]) -> Comparison:
    if not 1 <= len(comparisons) <= MAX_ARMS:
        raise ValueError(f"{len(comparisons)} conditions to draw, expected 1 to {MAX_ARMS}: draw fewer in one figure")
    first = comparisons[0]
    for c in comparisons:
        if (c.human_source, c.n_human, c.cleaning) != (first.human_source, first.n_human, first.cleaning):
            raise ValueError(f"{first.arm!r} and {c.arm!r} are compared with different humans, expected the same in one figure")
    return first


def _legend_label(c: Comparison) -> str:
    if c.n == 0:
        return f"{c.arm}: no {c.scale.name} ({c.n_missing} missing)"
    ks = c.metric("ks").value
    missing = f" ({c.n_missing} missing)" if c.n_missing else ""
    return f"{c.arm}, n = {c.n}{missing}" + ("" if ks is None else f", KS {share(ks)}")


def _bands(comparisons: Sequence[Comparison]) -> list[float]:
    """Half-widths of the noise bands to draw, widest first."""
    widths = sorted((q for c in comparisons if (q := c.metric("ks").floor_q95) is not None), reverse=True)
    return [] if not widths else [widths[0]] if widths[0] - widths[-1] <= 0.02 else [widths[0], widths[-1]]


def _bin_labels(c: Comparison) -> list[str]:
    """What each bin holds; cents as dollars where it is a whole dollar and in cents below one."""
    labels = []
    for low, end in zip(c.bin_edges, [*c.bin_edges[1:], None], strict=True):
        if end is None:
            labels.append(_amount(c.scale, low) + ("+" if c.support[-1] > low else ""))
        elif end - low == 1:
            labels.append(_amount(c.scale, low))
        elif c.scale.money and end <= 100:
            labels.append(f"{low}–\n{end - 1}¢")
        else:
            labels.append(f"{_amount(c.scale, low)}–\n{_amount(c.scale, end - 1)}")
    return labels


def _axis(scale: Scale) -> str:
    return scale.name if scale.unit in ("cents", "%") else f"{scale.name}, {scale.unit}"


def _amount(scale: Scale, amount: float) -> str:
    """An amount as short as an axis wants it; a unit that is a word stands beside the axis."""
    if not scale.money:
        return f"{amount:g}%" if scale.unit == "%" else f"{amount:g}"
    return f"${amount / 100:.0f}" if amount % 100 == 0 else f"${amount / 100:.2f}"


def marker(style: Style, size: float) -> dict[str, Any]:
    """How the marks of a condition look, as arguments of matplotlib; `size` in points."""
    return {
        "marker": style.marker,
        "markersize": size * (1.35 if style.marker == "*" else 1.0),
        "markerfacecolor": style.color,
        "markeredgecolor": "white",
        "markeredgewidth": 0.5,
    }


def plain(ax: Axes) -> None:
    """Axes without a box, in the size of a paper's small print."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(labelsize=FONT - 0.5, width=0.7, length=3)
    ax.xaxis.label.set_fontsize(FONT)
    ax.yaxis.label.set_fontsize(FONT)
    for side in ("left", "bottom"):
        ax.spines[side].set_linewidth(0.7)
