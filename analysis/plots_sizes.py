"""Figure of what methods gain by the size of the model; what was computed is drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

from analysis.plots import FONT, HUMAN_EDGE, MAX_ARMS, SMALL, STYLES, WIDTH_INCHES, Style, plain
from analysis.plots_rows import dot_marker, foot_of_lines, said_intervals, tick
from analysis.size_gains import Gain
from vs_sim.terminal import shortened

_PANEL_INCHES = 1.7


def pages(found: Sequence[Gain]) -> list[list[Gain]]:
    """What stands on each page: at most 8 conditions, all measures."""
    names = list(dict.fromkeys(one.condition for one in found))
    parts = [names[i : i + MAX_ARMS] for i in range(0, len(names), MAX_ARMS)]
    return [[one for one in found if one.condition in part] for part in parts]


def figure(found: Sequence[Gain], note: str = "") -> Figure:
    """A panel for each measure, a line for each condition over the sizes of the models, on a logarithmic axis.

    Args:
        found: of one page, see `pages`.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not found:
        raise ValueError("no gains to draw, expected at least 1")
    measures = list(dict.fromkeys(one.measure for one in found))
    names = list(dict.fromkeys(one.condition for one in found))
    styles = dict(zip(names, STYLES, strict=False))
    models = sorted({(one.billions, one.model) for one in found})
    columns = min(2, len(measures))
    n_rows = -(-len(measures) // columns)
    said = "Parameters in billions: " + "; ".join(f"{size:g}: {model}" for size, model in models)
    bases = ", ".join(dict.fromkeys(one.base for one in found))
    bars = said_intervals([one.interval is not None for one in found])
    said += f". The first condition: {bases}. {bars[0].upper()}{bars[1:]}. Grey: no difference."
    notes = [line for text in (said, note) if text for line in textwrap.wrap(text, 125)]
    legend_columns = 1 if max(map(len, names)) > 50 else 2 if max(map(len, names)) > 24 else 4
    foot = 0.45 + 0.14 * -(-len(names) // legend_columns) + 0.08 + 0.12 * len(notes)
    height = n_rows * (_PANEL_INCHES + 0.2) + (n_rows - 1) * 0.4 + foot
    left, gap = 0.5, 0.55
    width = (WIDTH_INCHES - 0.1 - left - gap * (columns - 1)) / columns
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    for i, measure in enumerate(measures):
        row, column = divmod(i, columns)
        y = height - (row + 1) * (_PANEL_INCHES + 0.2) - row * 0.4
        x = left + column * (width + gap)
        ax = result.add_axes((x / WIDTH_INCHES, y / height, width / WIDTH_INCHES, _PANEL_INCHES / height))
        of = [one for one in found if one.measure == measure]
        _draw(ax, of, styles, [size for size, _ in models])
        ax.set_title(
            shortened(f"{measure}: {of[0].how} the first", int(width / 0.058)),
            fontsize=FONT - 1,
            loc="left",
            pad=3,
            parse_math=False,
        )
        ax.set_xlabel("parameters, billions", labelpad=2)
    foot_of_lines(result, {name: styles[name] for name in names}, legend_columns, notes)
    return result


def _draw(ax: Axes, found: Sequence[Gain], styles: dict[str, Style], sizes: Sequence[float]) -> None:
    ax.set_xscale("log")
    ax.axhline(1.0 if found[0].how == "times" else 0.0, color=HUMAN_EDGE, alpha=0.45, linewidth=0.9, zorder=1)
    names = list(styles)
    span = max(sizes) / min(sizes)
    for name in dict.fromkeys(one.condition for one in found):
        own = sorted((one for one in found if one.condition == name), key=lambda one: one.billions)
        shift = max(span, 1.5) ** ((names.index(name) - (len(names) - 1) / 2) * 0.014)  # beside each other, not on top of each other
        at, style = [one.billions * shift for one in own], styles[name]
        ax.plot(at, [one.value for one in own], color=style.color, linestyle=style.dashes, linewidth=1.3, zorder=3)
        for x, one in zip(at, own, strict=True):
            ax.plot([x], [one.value], linestyle="", clip_on=False, zorder=4, **dot_marker(style, one.interval is not None))
            if one.interval is not None:
                ax.plot([x, x], one.interval, color=style.color, linewidth=1.0, solid_capstyle="butt", zorder=3)
    ax.set_xlim(min(sizes) / max(span, 1.5) ** 0.12, max(sizes) * max(span, 1.5) ** 0.12)
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticks(_apart(sorted(set(sizes)), max(span, 1.5) ** 0.08))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    ax.yaxis.set_major_locator(MaxNLocator(nbins=5, min_n_ticks=2))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: tick(y)))
    plain(ax)
    ax.tick_params(labelsize=SMALL)


def _apart(sizes: Sequence[float], least: float) -> list[float]:
    """Sizes whose labels do not run into each other."""
    found = [sizes[0]]
    for size in sizes[1:]:
        if size / found[-1] >= least:
            found.append(size)
    return found
