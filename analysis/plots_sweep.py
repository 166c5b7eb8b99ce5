"""Figures of sweeps: a measure along temperature, top-p, tau or k, a line for each method; what was computed is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from analysis.levels import Level
from analysis.plots import FONT, SMALL, STYLES, WIDTH_INCHES, Style, plain
from analysis.plots_rows import MOST_CHARACTERS, dot_marker, foot_of_lines, said_intervals, tick
from analysis.sweep_effects import Panel
from analysis.sweep_table import AXIS_NAMES
from vs_sim.terminal import shortened

MOST_PANELS = 9
_PANEL_INCHES, _HEADING_INCHES = 1.55, 0.24
_MOST_TICKS = 5
"""Settings up to which each has a tick of its own."""


def pages(panels: Sequence[Panel]) -> list[list[Panel]]:
    """What stands on each page: the panels of one measure along one axis, by model."""
    models = list(dict.fromkeys(panel.model for panel in panels))
    groups: dict[tuple[str, str], list[Panel]] = {}
    for panel in sorted(panels, key=lambda panel: models.index(panel.model)):
        groups.setdefault((panel.axis, panel.measure), []).append(panel)
    return [group[i : i + MOST_PANELS] for group in groups.values() for i in range(0, len(group), MOST_PANELS)]


def levels_of(panels: Sequence[Panel]) -> list[Level]:
    """What the points of a page are."""
    return [point.level for panel in panels for line in panel.lines for point in line.points]


def figure(panels: Sequence[Panel], methods: Sequence[str], note: str = "") -> Figure:
    """Small multiples with the same axes: a panel for each model and for what else was swept.

    Args:
        panels: of one page, see `pages`.
        methods: of all panels of the run, so that each looks the same on every page.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not panels:
        raise ValueError("no panels to draw, expected at least 1")
    styles = {method: STYLES[i % len(STYLES)] for i, method in enumerate(methods)}
    shown = [method for method in methods if any(line.method == method for panel in panels for line in panel.lines)]
    columns = min(3, len(panels))
    n_rows = -(-len(panels) // columns)
    left, gap = 0.36, 0.18
    width = (WIDTH_INCHES - 0.1 - left - gap * (columns - 1)) / columns
    several = len({panel.model for panel in panels}) > 1
    titles = [_title(panel, several or not panel.held, int(width / 0.06)) for panel in panels]
    head = 0.06 + 0.12 * max(title.count("\n") + 1 if title else 0 for title in titles)
    legend_columns = 1 if max(map(len, shown)) > 50 else 2 if max(map(len, shown)) > 24 else 4
    notes = [line for text in (_says(panels), note) if text for line in textwrap.wrap(text, 130)]
    small = 0.06 + 0.12 * len(notes)
    foot = 0.47 + 0.14 * -(-len(shown) // legend_columns) + small
    height = _HEADING_INCHES + n_rows * (_PANEL_INCHES + head) + (n_rows - 1) * 0.24 + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    settings = sorted({point.at for panel in panels for line in panel.lines for point in line.points if point.at is not None})
    low, high = _ends(panels)
    for i, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        row, column = divmod(i, columns)
        x, y = left + column * (width + gap), height - _HEADING_INCHES - (row + 1) * (head + _PANEL_INCHES) - row * 0.24
        ax = result.add_axes((x / WIDTH_INCHES, y / height, width / WIDTH_INCHES, _PANEL_INCHES / height))
        _draw(ax, panel, styles, settings)
        ax.set_ylim(low, high)
        ax.set_title(title, fontsize=SMALL + 0.5, loc="left", pad=3, linespacing=1.1, parse_math=False)
        if column:
            ax.tick_params(labelleft=False)
        if i + columns < len(panels):
            ax.tick_params(labelbottom=False)
        else:
            ax.set_xlabel(AXIS_NAMES[panel.axis], labelpad=2)
    heading = shortened(panels[0].measure, MOST_CHARACTERS)
    look: dict[str, Any] = {"fontsize": FONT - 1, "fontweight": "bold", "parse_math": False}
    result.text(0.06 / WIDTH_INCHES, 1 - 0.1 / height, heading, va="center", **look)
    foot_of_lines(result, {name: styles[name] for name in shown}, legend_columns, notes)
    return result


def _says(panels: Sequence[Panel]) -> str:
    levels = levels_of(panels)
    of = "replies" if any(level.n_askings is None for level in levels) else "askings"
    behind = [level.n_askings or level.n_replies for level in levels]
    n = f"{min(behind)} {of}" if min(behind) == max(behind) else f"{min(behind)} to {max(behind)} {of}"
    flat = any(point.at is None for panel in panels for line in panel.lines for point in line.points)
    said = said_intervals([level.interval is not None for level in levels])
    return f"{said[0].upper()}{said[1:]}, n = {n} a point." + (" Level lines: methods without such a setting." if flat else "")


def _draw(ax: Axes, panel: Panel, styles: dict[str, Style], settings: Sequence[float]) -> None:
    span = settings[-1] - settings[0]
    for i, line in enumerate(panel.lines):
        style = styles[line.method]
        shift = (i - (len(panel.lines) - 1) / 2) * 0.012 * span  # intervals beside each other, not on top of each other
        flat = next((point for point in line.points if point.at is None), None)
        if flat is not None:
            ax.axhline(flat.level.value, color=style.color, linestyle=style.dashes, linewidth=1.3, zorder=2)
            if flat.level.interval is not None:
                ax.axhspan(*flat.level.interval, color=style.color, alpha=0.13, linewidth=0, zorder=1)
            ax.plot([settings[0] + shift], [flat.level.value], linestyle="", zorder=4, **dot_marker(style, flat.level.interval is not None))
            continue
        at = [point.at + shift for point in line.points if point.at is not None]
        ax.plot(at, [point.level.value for point in line.points], color=style.color, linestyle=style.dashes, linewidth=1.3, zorder=3)
        for x, point in zip(at, line.points, strict=True):
            known = point.level.interval is not None
            ax.plot([x], [point.level.value], linestyle="", clip_on=False, zorder=4, **dot_marker(style, known))
            if point.level.interval is not None:
                ax.plot([x, x], point.level.interval, color=style.color, linewidth=1.0, solid_capstyle="butt", zorder=3)
    ax.set_xlim(settings[0] - 0.07 * span, settings[-1] + 0.07 * span)
    if len(settings) <= _MOST_TICKS:
        ax.set_xticks(settings)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=_MOST_TICKS))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=2))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: tick(y)))
    plain(ax)
    ax.tick_params(labelsize=SMALL)


def _ends(panels: Sequence[Panel]) -> tuple[float, float]:
    levels = levels_of(panels)
    known = [value for level in levels for value in (level.value, *(level.interval or ()))]
    margin = 0.05 * (max(known) - min(known)) or 0.05
    return min(known) - margin, max(known) + margin


def _title(panel: Panel, with_model: bool, characters: int) -> str:
    said = ", ".join(filter(None, (panel.model if with_model else "", panel.held.replace(" = ", "\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}"))))
    return "\n".join(textwrap.wrap(said, characters))
