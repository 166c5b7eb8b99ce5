"""Conditions written compactly: every combination of the values of a [[sweep]] table is a condition."""

from __future__ import annotations

import math
from collections import Counter
from itertools import product
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from vs_sim.condition import ONE_REPLY, VERBALIZED, Condition, Method
from vs_sim.errors import StudyError
from vs_sim.explain import explain

KEYS = ("method", "k", "select", "tau", "wording", "format", "calls", "temperature", "top_p")
METHODS = get_args(Method)

_MOST = 10_000
"""Conditions of a sweep: more are a slip, which is refused before they fill the memory."""


def with_sweeps(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """The content of a study file with its sweeps written out behind its conditions.

    A key that has no meaning for a method (k for "direct", tau for lists) is left out there, but one that has none for
    any method of the sweep is refused. A condition is named
    by its method and by what the sweep varies, as in ``"vs_standard tau=0.1 temperature=0.7"``.

    Raises:
        StudyError: a sweep is none.
    """
    if "sweep" not in data:
        return data
    sweeps = data["sweep"]
    if not isinstance(sweeps, list) or not all(isinstance(sweep, dict) for sweep in sweeps):
        raise StudyError(f"{path}: sweep: expected tables [[sweep]], each with a method and values in lists")
    found: list[dict[str, Any]] = []
    for number, sweep in enumerate(sweeps, 1):
        for key in sweep:
            if key not in KEYS:
                raise StudyError(f"{path}: sweep[{number}].{key}: unknown key; known here are {', '.join(KEYS)}")
        if "method" not in sweep:
            raise StudyError(f"{path}: sweep[{number}]: key 'method' is missing")
        values = {key: value if isinstance(value, list) else [value] for key, value in sweep.items()}
        for key, several in values.items():
            _check(f"{path}: sweep[{number}].{key}", several)
        methods = values["method"]
        for key in values:
            if all(method in METHODS and key in _meaningless(method) for method in methods):
                raise StudyError(
                    f"{path}: sweep[{number}].{key} has no meaning for {' or '.join(map(repr, methods))}; remove it, or add a method that "
                    "it has one for"
                )
        if (n := math.prod(map(len, values.values()))) > _MOST:
            raise StudyError(f"{path}: sweep[{number}] gives {n:,} conditions, expected at most {_MOST:,}; vary less")
        ours: dict[str, dict[str, Any]] = {}  # by name, which says all that varies
        for combination in product(*values.values()):
            one = _possible(dict(zip(values, combination, strict=True)))
            varied = [f"{key}={one[key]}" for key in one if key != "method" and isinstance(sweep[key], list)]
            name = " ".join([str(one["method"]), *varied])
            ours.setdefault(name, {"name": name, **one})
        for name, condition in ours.items():
            try:
                Condition.model_validate(condition)
            except ValidationError as error:
                problem = explain(error, path, Condition).removeprefix(f"{path}: ")
                raise StudyError(f"{path}: sweep[{number}] gives a condition {name!r}, which is none: {problem}") from None
        found += ours.values()
    given = data.get("conditions", [])
    if not isinstance(given, list):
        raise StudyError(f"{path}: conditions = {given!r}: expected a list")
    rest = {key: value for key, value in data.items() if key != "sweep"}
    return {**rest, "conditions": [*given, *found]}


def _check(where: str, values: list[Any]) -> None:
    if not values:
        raise StudyError(f"{where} = []: expected at least one value")
    for value in values:
        if not isinstance(value, str | int | float):
            raise StudyError(f"{where}: {value!r} is no value that a condition can have; expected a word or a number, or a list of such")
    for value, n in Counter(values).items():
        if n > 1:
            raise StudyError(f"{where}: {value!r} stands there {n} times; each may stand there once")


def _possible(one: dict[str, Any]) -> dict[str, Any]:
    without = _meaningless(one["method"])
    return {key: value for key, value in one.items() if key not in without}


def _meaningless(method: object) -> set[str]:
    """Keys that have no meaning for a method."""
    without: set[str] = set()
    if method in ONE_REPLY:
        without |= {"k", "select"}
    if method not in VERBALIZED:
        without |= {"tau", "wording", "calls"}
    if method != "vs_multi":
        without.add("calls")
    return without
