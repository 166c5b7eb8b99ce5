"""The results paragraphs of a paper on single prompts, filled from what was computed: neutral words, no number of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.methods_prompts import incomplete
from analysis.numbers import NONE, cell, number, p_value, share
from analysis.over_prompts import OverPrompts
from analysis.prompt_facts import PromptFacts
from analysis.prose import Paragraph, counted, named
from analysis.uncertainty import Interval
from vs_sim.records import Record

MOST = 40
"""Sentences of a paragraph; a study of many prompts has hundreds, which stand in the tables."""


def results(facts: PromptFacts, found: Mapping[str, Sequence[Record]], note: str = "") -> list[Paragraph]:
    """What was found, measure by measure and arm by arm, in the numbers of the tables.

    Args:
        facts: of the run.
        found: name of what was computed -> its records, see `vs_sim.commands.measures`.
        note: what the numbers must not be read as; empty for nothing.
    """
    head = " ".join(text for text in (note, incomplete(facts)) if text)
    paragraphs = [Paragraph(heading="Results", text=head)] if head else []
    for name, of in found.items():
        if of and name in SAID:
            sentences = [SAID[name](one) for one in of]
            cut = [f"{len(sentences) - MOST:,} more are in the tables."] if len(sentences) > MOST else []
            paragraphs.append(Paragraph(heading=name.capitalize(), text=" ".join([*sentences[:MOST], *cut])))
    return paragraphs


def _arm(one: Any) -> str:
    return f"{named(one.condition)} ({named(one.model)})"


def _share(value: float | None, ends: Interval | None, *, signed: bool = False) -> str:
    return cell("share", value, *(ends or (None, None)), signed=signed)


def _coverage(one: Any) -> str:
    within = "" if one.n_found_interval is None else " [{:.0f}, {:.0f}]".format(*one.n_found_interval)
    said = f"{named(one.prompt)}, {_arm(one)}: {one.n_found}{within} of {one.n_answers} right answers in "
    said += f"{counted(one.n_replies, 'candidate')} (by chance {number('answers', one.n_found_by_chance)})"
    if one.precision is not None:
        said += f", share of right ones {_share(one.precision, one.precision_interval)}"
    if one.kl is not None and one.kl_floor is not None:
        floor = f"{number('share', one.kl_floor.mean)}, 95 % quantile {number('share', one.kl_floor.q95)}"
        said += f", divergence {_share(one.kl, one.kl_interval)} (floor {floor})"
    if one.chi_square is not None:
        said += f", chi-square {number('', one.chi_square)} (n = {one.chi_square_n}, p {p_value(one.chi_square_p)})"
    return f"{said}."


def _diversity(one: Any) -> str:
    if one.mean is None:
        return f"{one.measure}, {_arm(one)}: no prompt has two replies."
    said = f"{one.measure}, {_arm(one)}: {_share(one.mean, one.interval)} over {counted(one.n_prompts, 'prompt')}"
    if one.ratio is not None:
        said += f", {cell('times', one.ratio, *(one.ratio_interval or (None, None)))} times the first condition"
    return f"{said}."


def _means(one: Any, means: Mapping[str, OverPrompts]) -> str:
    parts = []
    for title, of in means.items():
        less = "" if of.difference is None else f" (difference {_share(of.difference, of.difference_interval, signed=True)})"
        parts.append(f"{title} {_share(of.mean, of.interval)}{less}")
    return f"{_arm(one)}, {counted(one.n_prompts, 'prompt')}: {', '.join(parts)}."


def _calibration(one: Any) -> str:
    said = f"{_arm(one)}, {counted(one.n_candidates, 'candidate')} of {counted(one.n_prompts, 'prompt')}: expected calibration error "
    said += f"{_share(one.ece, one.ece_interval)} (floor {share(one.ece_floor.mean)}, 95 % quantile {share(one.ece_floor.q95)})"
    if one.again is not None:
        error = one.again.calibration_error
        said += f", against direct replies {cell('share', error.value, error.low, error.high)}"
    return f"{said}."


def _quality(one: Any) -> str:
    agreed = _share(one.alpha.value, one.alpha.interval)
    parts = []
    for of in one.qualities:
        less = "" if of.difference is None else f" (difference {_share(of.difference, of.difference_interval, signed=True)})"
        parts.append(f"{_arm(of)} {_share(of.mean, of.interval)}{less}")
    said = "the judge's agreement with itself is unknown" if agreed == NONE else f"alpha of the judge's repeats {agreed}"
    return f"By {named(one.judge)} on {named(one.rubric)}: {'; '.join(parts)}; {said}."


SAID: dict[str, Callable[[Any], str]] = {
    "coverage": _coverage,
    "diversity": _diversity,
    "accuracy": lambda one: _means(one, {"top-1": one.top_1, "any": one.any_right}),
    "calibration": _calibration,
    "refusals": lambda one: _means(one, {"drawn replies that refuse": one.drawn, "all candidates refuse": one.every}),
    "quality": _quality,
}
"""Name of what was computed -> one of its records as a sentence; sweeps and sizes stand in their tables and figures."""
