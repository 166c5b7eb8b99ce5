"""Figures of rows: the conditions of each block below each other, a point with its 95 % interval in every panel."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.plots import BAND, FONT, HUMAN_EDGE, SMALL, WIDTH_INCHES, Style, marker
from vs_sim.terminal import shortened

ROW_INCHES = 0.185
LABEL_CHARACTERS = 26
"""Characters of a condition's name beside the axes; longer names are broken."""
HEADING_INCHES, TICKS_INCHES, TITLES_INCHES = 0.22, 0.27, 0.24
PAGE_INCHES = 9.0
MOST_CHARACTERS = 88
"""Characters of a heading; of longer ones the middle is left out."""
MOST_ROWS = 30
"""Rows of a block; what has more is drawn as several blocks."""


class Dot(NamedTuple):
    """What stands in one row of one panel.

    Attributes:
        value: where the point is; None: there is none.
        low, high: ends of its 95 % interval; a point without one is hollow.
        mark: what is drawn as a tick, such as what chance gives.
        up_to: right end of the band behind the row.
        text: printed to the right of the panel.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    mark: float | None = None
    up_to: float | None = None
    text: str = ""


class Row(NamedTuple):
    """A condition: its name, how it looks, how many replies are behind it, and a dot for each panel."""

    name: str
    style: Style
    size: str
    dots: tuple[Dot, ...]


class Block(NamedTuple):
    """Rows below one heading, with axes of their own.

    Attributes:
        heading: above the rows.
        rows: at least one.
        ends: right ends of the panels; None: there is no such panel.
        absent: what stands in place of a panel that there is none of.
    """

    heading: str
    rows: Sequence[Row]
    ends: tuple[float | None, ...]
    absent: str = ""


def page_blocks(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks that fit on a page each, in order; large ones are divided."""
    parts = [block._replace(rows=block.rows[i : i + MOST_ROWS]) for block in blocks for i in range(0, len(block.rows), MOST_ROWS)]
    found: list[list[Block]] = []
    for part in parts:
        if found and sum(map(_height, [*found[-1], part])) <= PAGE_INCHES:
            found[-1].append(part)
        else:
            found.append([part])
    return found


def figure(blocks: Sequence[Block], titles: Sequence[str], notes: Sequence[str], *, mark: str = "", up_to: str = "") -> Figure:
    """Blocks below each other, as tall as they have rows.

    Args:
        blocks: see `page_blocks`.
        titles: of the panels.
        notes: small print at the foot.
        mark, up_to: what ticks and bands are, for the legend.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not blocks:
        raise ValueError("no conditions to draw, expected at least 1")
    notes = [line for text in notes if text for line in textwrap.wrap(text, 130)]
    foot = 0.26 + 0.12 * len(notes)
    height = TITLES_INCHES + sum(map(_height, blocks)) + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    rows = [row for block in blocks for row in block.rows]
    left = 0.16 + 0.056 * max(len(line) for row in rows for line in broken(row.name)) + 0.10 + 0.052 * max(len(row.size) for row in rows)
    texts = [0.06 + 0.049 * max(len(row.dots[i].text) for row in rows) for i in range(len(titles))]
    texts = [width if width > 0.06 else 0.0 for width in texts]
    panel = (WIDTH_INCHES - 0.1 - left - sum(texts)) / len(titles)
    y = height - TITLES_INCHES
    for number, block in enumerate(blocks):
        _text(
            result,
            0.06,
            y - 0.10,
            shortened(block.heading, MOST_CHARACTERS),
            height,
            fontweight="bold",
            fontsize=FONT - 1,
        )
        y -= HEADING_INCHES
        inches = _rows_inches(block)
        x = left
        for i, title in enumerate(titles):
            if block.ends[i] is None:
                _text(result, x, y - inches / 2, block.absent, height, fontsize=SMALL, color="#595959")
            else:
                ax = result.add_axes((x / WIDTH_INCHES, (y - inches) / height, panel * 0.87 / WIDTH_INCHES, inches / height))
                _draw(ax, block, i)
            if number == 0:
                _text(result, x, height - 0.10, title, height, fontsize=FONT - 0.5)
            at = y
            for row in block.rows:
                half = _row_inches(row) / 2
                _text(result, x + panel * 0.87 + 0.08, at - half, row.dots[i].text, height, fontsize=SMALL, color="#404040")
                at -= 2 * half
            x += panel + texts[i]
        for row in block.rows:
            half = _row_inches(row) / 2
            _text(result, 0.16, y - half, "\n".join(broken(row.name)), height, fontsize=FONT - 1.5, linespacing=1.05)
            _text(result, left - 0.08, y - half, row.size, height, fontsize=FONT - 1.5, color="#404040", ha="right")
            y -= 2 * half
        y -= TICKS_INCHES
    _legend(result, rows, mark, up_to, (0.05 + 0.12 * len(notes)) / height)
    if notes:
        result.text(
            0.06 / WIDTH_INCHES, 0.05 / height, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25,
            parse_math=False,
        )  # fmt: skip
    return result


def broken(name: str) -> list[str]:
    """A name in lines that fit beside the axes."""
    return [line.replace("_ ", "_") for line in textwrap.wrap(name.replace("_", "_ "), LABEL_CHARACTERS)] or [""]


def tick(value: float) -> str:
    """A number on an axis, as papers print shares."""
    text = f"{value:.3g}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def number_axis(ax: Axes) -> None:
    """The axis of numbers of a panel without a frame."""
    ax.xaxis.set_major_locator(MaxNLocator(nbins=4, steps=[1, 2, 2.5, 5, 10], min_n_ticks=2))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: tick(x)))
    ax.tick_params(axis="x", labelsize=SMALL, width=0.6, length=2.5, pad=2)
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_linewidth(0.6)


def dot_marker(style: Style, known: bool) -> dict[str, Any]:
    """How a point looks: filled with an interval, hollow without."""
    look = marker(style, 5.4 if style.marker in "PX" else 4.4)
    return look if known else {**look, "markerfacecolor": "white", "markeredgecolor": style.color, "markeredgewidth": 1.0}


def foot_of_lines(result: Figure, styles: Mapping[str, Style], columns: int, notes: Sequence[str]) -> None:
    """The foot of a figure of lines: its legend, and below it the small print.

    Args:
        result: the figure, as high as it will be.
        styles: what a line stands for -> how it looks, in the order of the legend.
        columns: of the legend.
        notes: lines of the small print.
    """
    height = result.get_figheight()
    lines = [
        Line2D([], [], color=style.color, linestyle=style.dashes, linewidth=1.3, **dot_marker(style, True)) for style in styles.values()
    ]
    look: dict[str, Any] = {"frameon": False, "borderpad": 0.1, "columnspacing": 1.6, "handlelength": 3.5, "labelspacing": 0.35}
    place = (0.01, (0.06 + 0.12 * len(notes)) / height)
    legend = result.legend(lines, list(styles), loc="lower left", bbox_to_anchor=place, ncols=columns, fontsize=FONT - 0.5, **look)
    for text in legend.get_texts():
        text.set_parse_math(False)
    at = (0.06 / WIDTH_INCHES, 0.05 / height)
    result.text(*at, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25, parse_math=False)


def said_intervals(known: Collection[bool]) -> str:
    """What the bars of some points are, and that hollow points have none.

    Args:
        known: for each point whether it has an interval.
    """
    if not any(known):
        return "no intervals (hollow points)"
    return "95 % intervals over the askings" + ("" if all(known) else " (hollow points have none)")


def _draw(ax: Axes, block: Block, panel: int) -> None:
    place = 0.0
    for row in block.rows:
        dot = row.dots[panel]
        high = _row_inches(row) / ROW_INCHES
        middle = place + high / 2
        if dot.up_to is not None:
            ax.add_patch(Rectangle((0, place + 0.04), dot.up_to, high - 0.08, facecolor=BAND, alpha=0.6, linewidth=0, zorder=1))
        if dot.mark is not None:
            ax.plot([dot.mark, dot.mark], [middle - 0.4, middle + 0.4], color=HUMAN_EDGE, linewidth=1.1, zorder=2)
        known = dot.low is not None and dot.high is not None
        if dot.low is not None and dot.high is not None:
            ax.plot([dot.low, dot.high], [middle, middle], color=row.style.color, linewidth=1.4, solid_capstyle="butt", zorder=3)
        if dot.value is not None:
            ax.plot([dot.value], [middle], linestyle="", clip_on=False, zorder=4, **dot_marker(row.style, known))
        place += high
    ax.set_xlim(0, block.ends[panel])
    ax.set_ylim(place, 0)
    ax.set_yticks([])
    number_axis(ax)


def _legend(result: Figure, rows: Sequence[Row], mark: str, up_to: str, y: float) -> None:
    """What is drawn, and no more."""
    dots = [dot for row in rows for dot in row.dots]
    handles: list[Any] = []
    keys = []
    if any(dot.mark is not None for dot in dots):
        handles.append(Line2D([], [], linestyle="", marker="|", markersize=7, markeredgecolor=HUMAN_EDGE, markeredgewidth=1.1))
        keys.append(mark)
    if any(dot.up_to is not None for dot in dots):
        handles.append(Patch(facecolor=BAND, alpha=0.6, linewidth=0))
        keys.append(up_to)
    style = rows[0].style
    if any(dot.low is not None for dot in dots):
        handles.append(Line2D([], [], color=style.color, linewidth=1.4, **dot_marker(style, True)))
        keys.append("95 % interval")
    if any(dot.value is not None and dot.low is None for dot in dots):
        handles.append(Line2D([], [], linestyle="", **dot_marker(style, False)))
        keys.append("no interval")
    if handles:
        result.legend(
            handles, keys, loc="lower left", bbox_to_anchor=(0.0, y), ncols=len(handles), frameon=False, fontsize=SMALL, borderpad=0.1,
            columnspacing=1.3, handlelength=1.8,
        )  # fmt: skip


def _row_inches(row: Row) -> float:
    """The rows of long names are taller."""
    return max(ROW_INCHES, 0.115 * len(broken(row.name)) + 0.05)


def _rows_inches(block: Block) -> float:
    return sum(map(_row_inches, block.rows))


def _height(block: Block) -> float:
    return HEADING_INCHES + _rows_inches(block) + TICKS_INCHES


def _text(result: Figure, x: float, y: float, text: str, height: float, **look: Any) -> None:
    """A line at a place in inches from the left and from the bottom."""
    if text:
        result.text(x / WIDTH_INCHES, y / height, text, va="center", parse_math=False, **look)
