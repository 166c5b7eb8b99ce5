"""Whether what a model replies is right: its most probable reply, and any of its replies.

Source: arXiv 2510.01171, section on factual accuracy (top-1 and pass at N on SimpleQA). Where we differ: answers are matched by a declared
rule (`vs_sim.answer_match`) instead of a judge model; ties for the highest weight are not broken by the order of the candidates;
intervals are over the prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from analysis.over_prompts import OverPrompts, over_prompts
from analysis.replies import Replies
from vs_sim.records import Record

Match = Callable[[str], str | None]
"""The right answer that a reply gives, or None: `vs_sim.answer_match.Matcher`."""

TIE = 1e-9
"""Weights that differ by less are equal."""


class Accuracy(Record):
    """Replies of a model in one condition.

    Attributes:
        condition, model: of the study.
        n_planned, n_askings: askings of the plan, and those that gave candidates.
        n_tied: of these, askings with several candidates of the highest weight, as in every list without stated probabilities.
        n_replies: candidates that were looked at for `any_right`, of all prompts; one that a model gave twice counts twice.
        n_prompts, n_without: prompts with at least one reply, and those without.
        top_1: share of the askings of a prompt whose candidate of the highest weight is right; of tied candidates, the share of them that
            is right, as if one were drawn. The reply itself for methods of one reply.
        any_right: 1 if one of the candidates of a prompt is right, 0 if none is.
    """

    condition: str
    model: str
    n_planned: int
    n_askings: int
    n_tied: int
    n_replies: int
    n_prompts: int
    n_without: int
    top_1: OverPrompts
    any_right: OverPrompts


def accuracies(found: Sequence[Replies], match: Mapping[str, Match], *, n: int, seed: int, n_resamples: int = 2000) -> list[Accuracy]:
    """Accuracy by model and condition, in the order in which they come.

    Args:
        found: the replies to every prompt.
        match: prompt -> the right answer that a reply to it gives.
        n: candidates of a prompt to look at for `any_right`; those behind are left out, so that conditions are compared at the same number.
        seed: of the bootstrap.
        n_resamples: number of bootstrap samples.
    """
    arms: dict[tuple[str, str], list[Replies]] = {}
    for one in found:
        arms.setdefault((one.model, one.condition), []).append(one)
    first: dict[str, tuple[dict[str, float], dict[str, float]]] = {}
    result = []
    for (model, condition), group in arms.items():
        top_1, any_right, n_tied = {}, {}, 0
        for one in group:
            right = np.array([match[one.prompt](text) is not None for text in one.texts])
            if not len(right):
                continue
            tops = [_top(one, asking) for asking in range(one.n_askings)]
            n_tied += sum(len(top) > 1 for top in tops)
            top_1[one.prompt] = float(np.mean([right[top].mean() for top in tops]))
            any_right[one.prompt] = float(right[:n].any())
        others = first.get(model)
        first.setdefault(model, (top_1, any_right))
        result.append(
            Accuracy(
                condition=condition,
                model=model,
                n_planned=sum(one.n_planned for one in group),
                n_askings=sum(one.n_askings for one in group),
                n_tied=n_tied,
                n_replies=sum(len(one.texts[:n]) for one in group),
                n_prompts=len(top_1),
                n_without=len(group) - len(top_1),
                top_1=over_prompts(top_1, others and others[0], seed=seed, n_resamples=n_resamples),
                any_right=over_prompts(any_right, others and others[1], seed=seed, n_resamples=n_resamples),
            )
        )
    return result


def _top(one: Replies, asking: int) -> np.ndarray:
    """Indices of the candidates of an asking that have its highest weight; one that was given twice is one, with both of its weights."""
    weights: dict[str, float] = {}
    places: dict[str, int] = {}
    for i in np.flatnonzero(one.asking == asking):
        text = one.texts[i]
        weights[text] = weights.get(text, 0.0) + float(one.weights[i])
        places.setdefault(text, int(i))
    most = max(weights.values())
    return np.array([places[text] for text, weight in weights.items() if weight >= most - TIE])
