"""Typicality bias as a table for a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence

from analysis.numbers import NONE, interval, number, p_value, share
from analysis.typicality import Alpha, Sharpening
from vs_sim.preferences import Preferences
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, wrapped

_NAMES = {
    ("text", False): "whole text",
    ("text", True): "whole text, at equal length",
    ("token", False): "mean of its tokens",
    ("token", True): "mean of its tokens, at equal length",
}


def render(found: Sequence[Alpha], held: Preferences, sharpened: Sequence[Sharpening] = (), notes: Sequence[str] = ()) -> str:
    """Alpha by unit, with intervals, and gamma for each beta; at most 100 columns wide.

    Args:
        found: of one file.
        held: what the file holds.
        sharpened: at one beta or several.
        notes: said below.
    """
    first = found[0]
    lines = [
        f"Typicality bias: {first.n_pairs} pairs of equal correctness, {first.n_prompts} prompts",
        "",
        f"{'log pi_ref of the':<38}{'typical preferred':>18}{'alpha':>9}  {'95 % interval':<22}{'p':>6}",
    ]
    for one in found:
        n = one.n_pairs - one.n_even
        preferred = NONE if not n else f"{one.n_typical_preferred} of {n}"
        digits = _digits(one)
        shown = NONE if one.alpha is None else f"{one.alpha:.{digits}f}"
        ends = "[{:.{d}f}, {:.{d}f}]".format(*one.interval, d=digits) if one.interval else ""
        lines.append(f"{_NAMES[one.unit, one.at_equal_length]:<38}{preferred:>18}{shown:>9}  {ends:<22}{p_value(one.p):>6}".rstrip())
    if sharpened:
        lines += ["", f"{'beta':<38}{'gamma = 1 + alpha / beta':>26}  95 % interval"]
        for two in sharpened:
            ends = interval("", *two.interval) if two.interval else ""
            lines.append(f"{share(two.beta):<38}{number('', two.gamma):>26}  {ends}".rstrip())
    said = [
        f"alpha: log odds of being preferred for each nat that a reply is more probable to the reference model; 0: no bias. Intervals are "
        f"clustered by prompt. A reply has {number('', first.mean_tokens)} tokens on average."
    ]
    if sharpened:
        said.append("gamma: of the whole text, not at equal length; training then sharpens pi_ref to pi_ref ** gamma.")
    if held.n_unequal or held.n_tied or held.n_same:
        same = f", {held.n_same} of the same text twice" if held.n_same else ""
        said.append(f"Left out: {held.n_unequal} pairs of different correctness, {held.n_tied} equally helpful ones{same}.")
    if all(one.n_even == one.n_pairs for one in found):
        said.append(f"{NONE}: no estimate, since the replies of every pair are equally typical.")
    elif any(one.alpha is None for one in found):
        said.append(
            f"{NONE}: no finite estimate, since the more typical (or longer) reply always wins or always loses; more pairs are needed."
        )
    elif first.interval is None:
        said.append("All pairs are of one prompt, so that there is no interval: more prompts are needed.")
    elif first.n_prompts < 30:
        said.append(f"{first.n_prompts} prompts are few: intervals are rough.")
    for note in (*said, *notes):
        lines += wrapped(printable(note), WIDTH, indent="  ")
    return "\n".join(lines)


def _digits(one: Alpha) -> int:
    """After the point, so that two digits of the standard error are seen: per nat of a long text alpha is far below 1."""
    return 2 if not one.se else min(6, max(2, 1 - math.floor(math.log10(one.se))))
