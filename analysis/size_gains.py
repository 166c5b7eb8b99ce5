"""What a method gains over the first condition, by how large the model is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from analysis.diversity import Diversity
from analysis.levels import DIVERSITY, Level, weighted_sum
from analysis.uncertainty import Interval
from vs_sim.records import Record


class Gain(Record):
    """A condition of a model against the model's first condition.

    Attributes:
        measure: its name.
        how: ``"times"`` the first condition's (diversity), or ``"minus"`` it (all others).
        condition, base: the condition and the first one.
        model: of the study.
        billions: parameters of the model.
        value: the gain: 1 (times) or 0 (minus) if the method makes no difference.
        interval: 95 %, over the askings; None where there is none.
    """

    measure: str
    how: Literal["times", "minus"]
    condition: str
    base: str
    model: str
    billions: float
    value: float
    interval: Interval | None


def gains(diversities: Sequence[Diversity], levels: Sequence[Level], sizes: Mapping[str, float]) -> tuple[list[Gain], dict[str, list[str]]]:
    """The gain of every condition but the first, of the models whose size is known.

    A measure in which fewer than two models have a gain says nothing about size, and is left out.

    Args:
        diversities: of one run, whose ratio is the gain.
        levels: of the run's other measures, whose difference is it; conditions with replies to other prompts than the first are left out.
        sizes: model -> its parameters in billions.

    Returns:
        The gains; and, of measures in which a model has a gain, those that have none: measure -> models with a size.
    """
    bases = {one.model: one.condition for one in reversed(diversities)}
    found = [
        Gain(
            measure=DIVERSITY[one.measure],
            how="times",
            condition=one.condition,
            base=bases[one.model],
            model=one.model,
            billions=sizes[one.model],
            value=one.ratio,
            interval=one.ratio_interval,
        )
        for one in diversities
        if one.ratio is not None and one.model in sizes
    ]
    firsts = {(one.measure, one.model): one for one in reversed(levels)}
    for one in levels:
        first = firsts[one.measure, one.model]
        if one is not first and one.model in sizes and set(one.prompts) == set(first.prompts):
            value, interval = weighted_sum([(1.0, one.value, one.interval), (-1.0, first.value, first.interval)])
            found.append(
                Gain(
                    measure=one.measure,
                    how="minus",
                    condition=one.condition,
                    base=first.condition,
                    model=one.model,
                    billions=sizes[one.model],
                    value=value,
                    interval=interval,
                )
            )
    having: dict[str, set[str]] = {}
    for gain in found:
        having.setdefault(gain.measure, set()).add(gain.model)
    lacking = {measure: [model for model in sizes if model not in models] for measure, models in having.items()}
    return [one for one in found if len(having[one.measure]) > 1], {measure: models for measure, models in lacking.items() if models}
