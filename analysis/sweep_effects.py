"""What a sweep shows: a measure against temperature, top-p, tau or k, and whether what that does adds to what the method does.

Two factors add up if the difference between two methods is the same whatever the other factor. How far it is not is their interaction:
the change of the difference from the lowest to the highest value, by its least-squares line; for two values this is the difference of
differences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from analysis.levels import Level, weighted_sum
from analysis.uncertainty import Interval
from vs_sim.condition import Condition, Sampling
from vs_sim.records import Record

Axis = Literal["temperature", "top_p", "tau", "k"]
AXES: tuple[Axis, ...] = ("temperature", "top_p", "tau", "k")
_WORDS = ("select", "wording", "format", "calls")
Setting = float | str | None
"""Of a condition on an axis: a number, "default" or "model", or None where it has none, as direct replies have no tau."""


class Point(Record):
    """A condition on a line: its setting on the axis (None: it has none) and its level."""

    at: float | None
    level: Level


class Line(Record):
    """A method along an axis.

    Attributes:
        method: its name; with what else tells its conditions apart (such as ``select=uniform``).
        points: by setting; a method that has no such setting has a single point without one.
    """

    method: str
    points: tuple[Point, ...]


class Effect(Record):
    """What changes along an axis.

    Attributes:
        method: whose line.
        base: the method that it is held against; None: it is held against none, and the change is its own.
        at: the settings that both have, at least two.
        differences: from the base at each of them; own levels without a base.
        intervals: 95 %, of the same; None where there is none.
        change: of the difference from the lowest to the highest setting, by its least-squares line; 0 if the two add up. None if the
            conditions have replies to different prompts.
        interval: 95 %, over the askings; None likewise, or where a condition has none.
        without: the conditions because of which the change has no interval, each as its method and its setting.
        n_replies, n_askings: behind all of it; the second is None where it is not known.
        fewest: askings of the condition that has the fewest; replies where askings are not known.
        n_prompts: that all conditions have.
    """

    method: str
    base: str | None
    at: tuple[float, ...]
    differences: tuple[float, ...]
    intervals: tuple[Interval | None, ...]
    change: float | None
    interval: Interval | None
    without: tuple[tuple[str, float], ...]
    n_replies: int
    n_askings: int | None
    fewest: int
    n_prompts: int


class Panel(Record):
    """One measure of one model along one axis, everything else held.

    Attributes:
        measure, model, axis: of what.
        held: the settings on the other axes that are swept, such as ``"tau = 0.1"``; empty if there are none.
        lines: one for each method; at least one of them has two settings.
        effects: of the first method along the axis, and of every other against it.
    """

    measure: str
    model: str
    axis: Axis
    held: str
    lines: tuple[Line, ...]
    effects: tuple[Effect, ...]


def sweep(levels: Sequence[Level], conditions: Sequence[Condition], *, temperature: Sampling, top_p: Sampling) -> list[Panel]:
    """A panel for each axis, measure, model and combination of other settings along which something varies; none without a sweep.

    Args:
        levels: of the conditions, of one run.
        conditions: of the study, in order; the first one's method is what the others are held against.
        temperature, top_p: of the study, for conditions without their own.
    """
    own = {"temperature": temperature, "top_p": top_p}
    settings: dict[str, Mapping[str, Setting]] = {one.name: {axis: _setting(one, axis, own) for axis in AXES} for one in conditions}
    methods = _methods(conditions)
    panels = []
    for axis in AXES:
        for held in _held(axis, list(settings.values())):
            names = [name for name, at in settings.items() if all(at[other] in (None, value) for other, value in held.items())]
            for measure in dict.fromkeys(one.measure for one in levels):
                for model in dict.fromkeys(one.model for one in levels):
                    found = {one.condition: one for one in levels if (one.measure, one.model) == (measure, model)}
                    lines = _lines([name for name in names if name in found], methods, settings, axis, found)
                    if any(len(line.points) > 1 for line in lines):
                        said = ", ".join(f"{other} = {value}" for other, value in held.items() if value is not None)
                        panels.append(
                            Panel(measure=measure, model=model, axis=axis, held=said, lines=tuple(lines), effects=tuple(_effects(lines)))
                        )
    return panels


def effect(method: str, base: str | None, points: Sequence[Point], against: Mapping[float, Level] | None) -> Effect:
    """The change along an axis of a line, or of its difference from another.

    Args:
        method, base: names.
        points: of the line, at two settings or more.
        against: the other line's level at each of these settings; None: the change is the line's own.
    """
    at = [point.at for point in points if point.at is not None]
    pairs: list[list[tuple[float, Level]]] = [
        [(1.0, point.level), *([(-1.0, against[x])] if against is not None else [])] for x, point in zip(at, points, strict=True)
    ]
    behind = [level for pair in pairs for _, level in pair]
    askings = [level.n_askings for level in behind]
    shared = set.intersection(*(set(level.prompts) for level in behind))
    differences, intervals = zip(*(weighted_sum([(f, one.value, one.interval) for f, one in pair]) for pair in pairs), strict=True)
    change = interval = None
    without: list[tuple[str, float]] = []
    if all(set(level.prompts) == shared for level in behind):
        distance = np.array(at) - np.mean(at)
        slopes = distance / np.sum(distance**2) * (max(at) - min(at))
        used = [(x, s, pair) for x, s, pair in zip(at, slopes, pairs, strict=True) if s != 0]  # the middle of three is no part of a slope
        change, interval = weighted_sum([(float(s) * f, one.value, one.interval) for _, s, pair in used for f, one in pair])
        names = (method, base or "")
        without = [(name, x) for x, _, pair in used for name, (_, one) in zip(names, pair, strict=False) if one.interval is None]
    return Effect(
        method=method,
        base=base,
        at=tuple(at),
        differences=tuple(round(one, 12) + 0.0 for one in differences),  # no -0.0, nor what arithmetic leaves of it
        intervals=intervals,
        change=None if change is None else round(change, 12) + 0.0,
        interval=interval,
        without=tuple(without),
        n_replies=sum(level.n_replies for level in behind),
        n_askings=None if None in askings else sum(filter(None, askings)),
        fewest=min(level.n_replies if None in askings else level.n_askings or 0 for level in behind),
        n_prompts=len(shared),
    )


def _setting(one: Condition, axis: Axis, own: Mapping[str, Sampling]) -> Setting:
    value = getattr(one, axis)
    return own.get(axis) if value is None else value


def _methods(conditions: Sequence[Condition]) -> dict[str, str]:
    """Condition -> its method, with the words that differ between the conditions of that method."""
    found = {}
    for one in conditions:
        same = [other for other in conditions if other.method == one.method]
        varied = [key for key in _WORDS if len({getattr(other, key) for other in same}) > 1]
        found[one.name] = " ".join([one.method, *(f"{key}={getattr(one, key)}" for key in varied)])
    return found


def _held(axis: Axis, settings: Sequence[Mapping[str, Setting]]) -> list[dict[str, Setting]]:
    """Combinations of settings on the other swept axes; one without a setting that another has is part of that other."""
    others = [other for other in AXES if other != axis and len({at[other] for at in settings} - {None}) > 1]
    found: list[dict[str, Setting]] = []
    for at in settings:
        held: dict[str, Setting] = {other: at[other] for other in others}
        if held not in found:
            found.append(held)

    def part_of(one: Mapping[str, Setting], other: Mapping[str, Setting]) -> bool:
        return one != other and all(value in (None, other[key]) for key, value in one.items())

    return [one for one in found if not any(part_of(one, other) for other in found)]


def _lines(
    names: Sequence[str],
    methods: Mapping[str, str],
    settings: Mapping[str, Mapping[str, Setting]],
    axis: Axis,
    found: Mapping[str, Level],
) -> list[Line]:
    """The lines of a panel; of several conditions at the same place the first is drawn."""
    lines: dict[str, dict[float | None, Point]] = {}
    for name in names:
        at = settings[name][axis]
        if not isinstance(at, str):  # "default" and "model" are no place on an axis of numbers
            lines.setdefault(methods[name], {}).setdefault(at, Point(at=at, level=found[name]))
    return [
        Line(method=method, points=tuple(sorted(points.values(), key=lambda point: -1.0 if point.at is None else point.at)))
        for method, points in lines.items()
    ]


def _effects(lines: Sequence[Line]) -> list[Effect]:
    """The first line's own change, and that of every other's difference from it; its own where the first has no such settings."""
    base = {point.at: point.level for point in lines[0].points if point.at is not None}
    found = []
    for number, line in enumerate(lines):
        alone = number == 0 or not base
        points = [point for point in line.points if point.at is not None and (alone or point.at in base)]
        if len(points) > 1:
            against = None if alone else {point.at: base[point.at] for point in points if point.at is not None}
            found.append(effect(line.method, None if alone else lines[0].method, points, against))
    return found
