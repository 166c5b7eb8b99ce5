"""Figure of quality against diversity: every condition and model as a point with both of its intervals, named beside it."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from analysis.diversity import Diversity
from analysis.plots import FONT, MAX_ARMS, SMALL, STYLES, WIDTH_INCHES, Style, marker, plain
from analysis.plots_diversity import TITLES
from analysis.quality import Judged
from analysis.uncertainty import Interval
from vs_sim.terminal import shortened

_HEIGHT = 4.3
_LABEL_CHARACTERS = 34
_SIZE = 5.2
_TURNS = [i * math.tau / 16 for i in range(16)]


class Point(NamedTuple):
    """A condition of a model: its name, diversity and quality with their 95 % intervals, and how it looks."""

    name: str
    diversity: float
    diversity_interval: Interval | None
    quality: float
    quality_interval: Interval | None
    style: Style


def measure_of(diversities: Sequence[Diversity]) -> str | None:
    """What the plane's diversity is: of meaning, or of words where that was not measured; None if neither was."""
    measures = {one.measure for one in diversities}
    return next((measure for measure in ("meaning", "words") if measure in measures), None)


def pages(diversities: Sequence[Diversity], judged: Judged) -> list[list[Point]]:
    """The points of each figure, 8 at most; conditions of which diversity or quality is not known are left out.

    Args:
        diversities: of every measure, condition and model of a run.
        judged: of the same run, by one judge on one rubric.
    """
    measure = measure_of(diversities)
    quality = {(one.condition, one.model): one for one in judged.qualities}
    one_model = len({model for _, model in quality}) == 1
    known: list[Point] = []
    for one in diversities:
        other = quality.get((one.condition, one.model))
        if one.measure == measure and other is not None and one.mean is not None and other.mean is not None:
            name = one.condition if one_model else f"{one.condition}, {one.model}"
            style = STYLES[len(known) % MAX_ARMS]
            known.append(Point(shortened(name, _LABEL_CHARACTERS), one.mean, one.interval, other.mean, other.interval, style))
    return [known[i : i + MAX_ARMS] for i in range(0, len(known), MAX_ARMS)]


def figure(points: Sequence[Point], measure: str, judged: Judged) -> Figure:
    """One page.

    Args:
        points: see `pages`.
        measure: of diversity, ``"meaning"`` or ``"words"``.
        judged: whose ratings these are.

    Raises:
        ValueError: if there is nothing to draw.
    """
    if not points:
        raise ValueError("no conditions to draw, expected at least 1 whose diversity and quality are known")
    result = Figure(figsize=(WIDTH_INCHES, _HEIGHT))
    FigureCanvasAgg(result)
    note = textwrap.wrap(
        f"Rated by {judged.judge} on the rubric {judged.rubric}. Lines: 95 % intervals over the askings of each prompt; a hollow point has "
        "none on one of its sides. Further up and to the right is better.",
        130,
    )
    foot = 0.5 + 0.12 * len(note)
    ax = result.add_axes((0.085, foot / _HEIGHT, 0.9, 1 - (foot + 0.08) / _HEIGHT))
    _draw(ax, points)
    ax.set_xlabel(TITLES[measure])
    ax.set_ylabel("quality")
    plain(ax)
    at = (0.085, 0.05 / _HEIGHT)
    result.text(*at, "\n".join(note), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25, parse_math=False)
    _name(result, ax, points)
    return result


def _draw(ax: Axes, points: Sequence[Point]) -> None:
    for one in points:
        line: dict[str, Any] = {"color": one.style.color, "linewidth": 1.0, "zorder": 2, "solid_capstyle": "butt"}
        if one.diversity_interval is not None:
            ax.plot(one.diversity_interval, [one.quality] * 2, **line)
        if one.quality_interval is not None:
            ax.plot([one.diversity] * 2, one.quality_interval, **line)
        look = marker(one.style, _SIZE)
        if one.diversity_interval is None or one.quality_interval is None:
            look |= {"markerfacecolor": "white", "markeredgecolor": one.style.color, "markeredgewidth": 1.0}
        ax.plot(one.diversity, one.quality, linestyle="", zorder=3, **look)
    ax.margins(0.12)
    ax.autoscale_view()
    for low, high, set_limits in ((*ax.get_xlim(), ax.set_xlim), (*ax.get_ylim(), ax.set_ylim)):
        middle, half = (low + high) / 2, max(high - low, 0.1) / 2  # so that next to no difference does not look like a large one
        set_limits(max(middle - half, -0.03), middle + half)


def _name(result: Figure, ax: Axes, points: Sequence[Point]) -> None:
    """Write each point's name beside it, where it hides no other name and no point, and few lines."""
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
        text = ax.text(0, 0, one.name, fontsize=FONT - 0.5, color=color, ha="center", va="center", parse_math=False, zorder=4)
        size = text.get_window_extent(renderer)
        best = min(_places(x, y, size, frame, [*marks, *taken], bars, scale), default=None, key=lambda place: place.cost)
        box = best.box if best is not None else size.translated(x, y)
        taken.append(box)
        _put(ax, text, box, (x, y), far=best is not None and best.far)


class _Place(NamedTuple):
    """Where a name could stand: its box in pixels, how bad that is, and whether it is so far that a line has to lead to it."""

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
