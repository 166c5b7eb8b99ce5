"""Figure of quality against diversity: every condition as a point with both of its intervals and a number, named below."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from analysis.diversity import Diversity
from analysis.plots import FONT, SMALL, STYLES, WIDTH_INCHES, Style, marker, plain
from analysis.plots_diversity import TITLES
from analysis.plots_rows import MOST_CHARACTERS
from analysis.quality import Judged
from analysis.uncertainty import Interval
from vs_sim.terminal import shortened

MOST_POINTS = 30
"""Conditions on a page; a model that has more of them has several pages."""
_AXES_INCHES, _TITLE_INCHES = 3.5, 0.24
_NAME_CHARACTERS = 110
_SIZE = 5.2
_TURNS = [i * math.tau / 16 for i in range(16)]


class Point(NamedTuple):
    """A condition of a model: its number among all, its name, diversity and quality with their 95 % intervals, and how it looks."""

    number: int
    name: str
    diversity: float
    diversity_interval: Interval | None
    quality: float
    quality_interval: Interval | None
    style: Style


class Page(NamedTuple):
    """The conditions of a model, and the ends of both axes, which are the same on all pages."""

    model: str
    points: Sequence[Point]
    across: tuple[float, float]
    up: tuple[float, float]


def measure_of(diversities: Sequence[Diversity]) -> str | None:
    """What the plane's diversity is: of meaning, or of words where that was not measured; None if neither was."""
    measures = {one.measure for one in diversities}
    return next((measure for measure in ("meaning", "words") if measure in measures), None)


def pages(diversities: Sequence[Diversity], judged: Judged) -> list[Page]:
    """A figure for each model; conditions of which diversity or quality is not known are left out.

    A condition has the same number and looks the same on every page.

    Args:
        diversities: of every measure, condition and model of a run.
        judged: of the same run, by one judge on one rubric.
    """
    measure = measure_of(diversities)
    quality = {(one.condition, one.model): one for one in judged.qualities}
    conditions = list(dict.fromkeys(one.condition for one in diversities))
    known: dict[str, list[Point]] = {}
    for one in diversities:
        other = quality.get((one.condition, one.model))
        if one.measure == measure and other is not None and one.mean is not None and other.mean is not None:
            i = conditions.index(one.condition)
            point = Point(i + 1, one.condition, one.mean, one.interval, other.mean, other.interval, STYLES[i % len(STYLES)])
            known.setdefault(one.model, []).append(point)
    every = [point for of in known.values() for point in of]
    if not every:
        return []
    across = _ends([value for one in every for value in (one.diversity, *(one.diversity_interval or ()))])
    up = _ends([value for one in every for value in (one.quality, *(one.quality_interval or ()))])
    return [Page(model, of[i : i + MOST_POINTS], across, up) for model, of in known.items() for i in range(0, len(of), MOST_POINTS)]


def _ends(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    middle, half = (low + high) / 2, max(0.62 * (high - low), 0.05)  # so that next to no difference does not look like a large one
    return max(middle - half, -0.03), middle + half


def figure(page: Page, measure: str, judged: Judged, note: str = "") -> Figure:
    """One page.

    Args:
        page: see `pages`.
        measure: of diversity, ``"meaning"`` or ``"words"``.
        judged: whose ratings these are.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not page.points:
        raise ValueError("no conditions to draw, expected at least 1 whose diversity and quality are known")
    says = f"Rated by {judged.judge} on the rubric {judged.rubric}. Lines: 95 % intervals over the askings of each prompt"
    if any(_hollow(one) for one in page.points):
        says += "; a hollow point has none on one of its sides"
    notes = [line for text in (f"{says}. Further up and to the right is better.", note) if text for line in textwrap.wrap(text, 130)]
    names = ["\n".join(textwrap.wrap(f"{one.number}  {one.name}", _NAME_CHARACTERS)) for one in page.points]
    longest = max(map(len, names))
    columns = 1 if longest > 52 else 2 if longest > 34 else 3
    n_lines = sum(name.count("\n") + 1 for name in names) if columns == 1 else -(-len(names) // columns)
    small = 0.1 + 0.12 * len(notes)
    foot = small + 0.145 * n_lines + 0.5
    height = _TITLE_INCHES + _AXES_INCHES + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    ax = result.add_axes((0.085, foot / height, 0.9, _AXES_INCHES / height))
    _draw(ax, page)
    ax.set_xlabel(TITLES[measure])
    ax.set_ylabel("quality")
    plain(ax)
    model: dict[str, Any] = {"fontsize": FONT - 1, "fontweight": "bold", "parse_math": False}
    result.text(0.06 / WIDTH_INCHES, 1 - 0.12 / height, shortened(page.model, MOST_CHARACTERS), va="center", **model)
    handles = [Line2D([], [], linestyle="", **_look(one)) for one in page.points]
    look: dict[str, Any] = {"frameon": False, "borderpad": 0.1, "handlelength": 1.2, "handletextpad": 0.4, "labelspacing": 0.3}
    legend = result.legend(
        handles, names, loc="lower left", bbox_to_anchor=(0.01, small / height), ncols=columns, fontsize=FONT - 1, columnspacing=1.4, **look
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    at = (0.06 / WIDTH_INCHES, 0.05 / height)
    result.text(*at, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25, parse_math=False)
    _name(result, ax, page.points)
    return result


def _hollow(one: Point) -> bool:
    return one.diversity_interval is None or one.quality_interval is None


def _look(one: Point) -> dict[str, Any]:
    look = marker(one.style, _SIZE)
    return {**look, "markerfacecolor": "white", "markeredgecolor": one.style.color, "markeredgewidth": 1.0} if _hollow(one) else look


def _draw(ax: Axes, page: Page) -> None:
    for one in page.points:
        line: dict[str, Any] = {"color": one.style.color, "linewidth": 1.0, "zorder": 2, "solid_capstyle": "butt"}
        if one.diversity_interval is not None:
            ax.plot(one.diversity_interval, [one.quality] * 2, **line)
        if one.quality_interval is not None:
            ax.plot([one.diversity] * 2, one.quality_interval, **line)
        ax.plot(one.diversity, one.quality, linestyle="", zorder=3, **_look(one))
    ax.set_xlim(*page.across)
    ax.set_ylim(*page.up)


def _name(result: Figure, ax: Axes, points: Sequence[Point]) -> None:
    """Write each point's number beside it, where it hides no other number and no point, and few lines."""
    renderer = result.canvas.get_renderer()  # type: ignore[attr-defined]
    scale = result.dpi / 72
    frame = ax.get_window_extent(renderer)
    centres = [ax.transData.transform((one.diversity, one.quality)) for one in points]
    half = (_SIZE / 2 + 1) * scale
    marks = [Bbox.from_extents(x - half, y - half, x + half, y + half) for x, y in centres]
    bars = [bar for one in points for bar in _bars(ax, one)]
    taken: list[Bbox] = []
    for one, (x, y) in zip(points, centres, strict=True):
        color = [0.75 * part for part in to_rgb(one.style.color)]  # darker, to be read on white
        text = ax.text(0, 0, str(one.number), fontsize=FONT - 0.5, color=color, ha="center", va="center", parse_math=False, zorder=4)
        size = text.get_window_extent(renderer)
        best = min(_places(x, y, size, frame, [*marks, *taken], bars, scale), default=None, key=lambda place: place.cost)
        box = best.box if best is not None else size.translated(x, y)
        taken.append(box)
        _put(ax, text, box, (x, y), far=best is not None and best.far)


class _Place(NamedTuple):
    """Where a number could stand: its box in pixels, how bad that is, and whether it is so far that a line has to lead to it."""

    box: Bbox
    cost: float
    far: bool


def _places(x: float, y: float, size: Bbox, frame: Bbox, taken: Sequence[Bbox], bars: Sequence[Bbox], scale: float) -> Iterator[_Place]:
    for ring in range(24):
        away = (5 + 9 * ring) * scale
        for turn in _TURNS:
            right, up = math.cos(turn), math.sin(turn)
            # The side of the box that faces the point is so far away from it, whatever its size.
            left = x + right * (away + size.width / 2) - size.width / 2
            bottom = y + up * (away + size.height / 2) - size.height / 2
            box = Bbox.from_bounds(left, bottom, size.width, size.height)
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.padded(1.5 * scale).overlaps(other) for other in taken):
                yield _Place(box, ring + 3 * sum(box.overlaps(bar) for bar in bars), ring > 1)


def _bars(ax: Axes, point: Point) -> Iterator[Bbox]:
    """The lines of a point's intervals, in pixels."""
    x, y = point.diversity_interval, point.quality_interval
    for low, high in (
        *([((x.low, point.quality), (x.high, point.quality))] if x else []),
        *([((point.diversity, y.low), (point.diversity, y.high))] if y else []),
    ):
        yield Bbox([ax.transData.transform(low), ax.transData.transform(high)]).padded(1)


def _put(ax: Axes, text: Text, box: Bbox, point: tuple[float, float], *, far: bool) -> None:
    back = ax.transData.inverted().transform
    x, y = back(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
    text.set_position((float(x), float(y)))
    if far:
        nearest = (min(max(point[0], box.x0), box.x1), min(max(point[1], box.y0), box.y1))
        (x0, y0), (x1, y1) = back(point), back(nearest)
        ax.plot([x0, x1], [y0, y1], color=text.get_color(), linewidth=0.5, alpha=0.7, zorder=1, scalex=False, scaley=False)
