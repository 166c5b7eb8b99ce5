"""Replies of several methods to the same prompts, side by side: how different each method's replies are, and whether methods differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import stats

from analysis.diversity import Diversity
from analysis.numbers import NONE, p_value, share
from analysis.replies import Replies
from vs_sim.records import Record, printable
from vs_sim.terminal import WIDTH, filled, shortened, wrapped


class MethodTest(Record):
    """One method's diversity against the first one's, over the prompts that both have.

    Attributes:
        measure, model, condition, first: what is compared.
        n_prompts: prompts.
        difference: mean of the prompts' differences; None without prompts.
        t, t_p: paired t-test, two-sided; None below two prompts, or where all differences are the same.
        u, u_p: Mann-Whitney U of both samples of prompts, two-sided; None below two prompts, its p also where all are the same.
    """

    measure: str
    model: str
    condition: str
    first: str
    n_prompts: int
    difference: float | None
    t: float | None
    t_p: float | None
    u: float | None
    u_p: float | None


def method_tests(found: Sequence[Diversity]) -> list[MethodTest]:
    """Every condition against the first one of the same measure and model."""
    first: dict[tuple[str, str], Diversity] = {}
    tests = []
    for one in found:
        base = first.setdefault((one.measure, one.model), one)
        if base is not one:
            tests.append(_test(one, base))
    return tests


def _test(one: Diversity, base: Diversity) -> MethodTest:
    both = [prompt for prompt in one.by_prompt if prompt in base.by_prompt]
    a, b = (np.array([of.by_prompt[prompt] for prompt in both]) for of in (one, base))
    t = t_p = u = u_p = None
    if len(both) > 1:
        u, p = (float(value) for value in stats.mannwhitneyu(a, b, alternative="two-sided"))
        u_p = p if np.ptp([*a, *b]) > 0 else None  # of two samples without any variation some scipy give 1, some NaN
        if np.ptp(a - b) > 1e-9:  # less is what adding up in another order leaves
            t, t_p = (float(value) for value in stats.ttest_rel(a, b))
    return MethodTest(
        measure=one.measure,
        model=one.model,
        condition=one.condition,
        first=base.condition,
        n_prompts=len(both),
        difference=float(np.mean(a - b)) if both else None,
        t=t,
        t_p=t_p,
        u=u,
        u_p=u_p,
    )


def u_text(u: float | None) -> str:
    """Mann-Whitney's U, a number of pairs, of which ties count half."""
    return NONE if u is None else f"{u:,.1f}".removesuffix(".0")


def render(prompt: str, found: Sequence[Replies], distances: Sequence[Diversity], *, n: int, with_weights: Sequence[str]) -> str:
    """One prompt: a column for each condition, its replies with their probabilities below each other.

    Args:
        prompt: what was asked.
        found: the replies to it, one entry for each condition.
        distances: their diversity, for the last line of each column.
        n: replies of a column that the distances are of, the first ones; those behind stand below a line that says so.
        with_weights: conditions whose replies came with stated probabilities.
    """
    width = (WIDTH + 2) // max(1, len(found)) - 2
    columns = [_column(one, distances, width, n=n, weights=one.condition in with_weights) for one in found]
    height = max(len(column) - 1 for column in columns)
    padded = [[*column[:-1], *[""] * (height - len(column) + 1), column[-1]] for column in columns]
    rows = ["  ".join(filled(cell, width) for cell in row).rstrip() for row in zip(*padded, strict=True)]
    return "\n".join([*wrapped(printable(prompt), WIDTH), "", *rows])


def _column(one: Replies, distances: Sequence[Diversity], width: int, *, n: int, weights: bool) -> list[str]:
    """Head, replies and last line of a column; each at most so wide."""
    lines = [shortened(printable(one.condition), width), "-" * width]
    given: dict[tuple[bool, int, str], list[float]] = {}  # what an asking gave twice stands there once
    for i, (asking, text, weight) in enumerate(zip(one.asking.tolist(), one.texts, one.weights.tolist(), strict=True)):
        given.setdefault((i >= n, asking, text), []).append(weight)
    behind = False
    for (more, _, text), own_weights in given.items():
        if more and not behind:
            behind = True
            lines += wrapped(f"more than the {n} wanted, in no distance:", width)
        head = f"{sum(own_weights):.2f} " if weights else "- "
        times = f" ({len(own_weights)} times)" if len(own_weights) > 1 else ""
        lines += wrapped(head + printable(" ".join(text.split())) + times, width, indent=" " * len(head))
    if not one.texts:
        lines.append("no readable reply")
    own = [(d.measure, d.by_prompt.get(one.prompt)) for d in distances if d.condition == one.condition]
    return [*lines, "distance: " + ", ".join(f"{measure} {share(value)}" for measure, value in own)]


def render_tests(tests: Sequence[MethodTest]) -> str:
    """The tests over prompts, a line each; empty if there are too few prompts for any."""
    lines = []
    for one in (one for one in tests if one.u is not None):
        t = "t -" if one.t is None else f"t {one.t:.2f}, p {p_value(one.t_p)}"
        difference = share(one.difference, signed=True)
        over = f"{one.measure} over {one.n_prompts} prompts"
        lines.append(f"  {over}: {one.condition} minus {one.first} {difference}, {t}; U {u_text(one.u)}, p {p_value(one.u_p)}")
    if not lines:
        return ""
    return "\n".join(["Distances within a method, over the prompts that both have (paired t-test, Mann-Whitney U; two-sided)", *lines])
