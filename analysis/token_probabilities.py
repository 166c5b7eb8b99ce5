"""The probability that a model gives to each amount, read from the log-probabilities of the tokens of its replies.

Exact as far as it goes: the replies to one question are laid over each other as a tree of tokens, and an amount counts as known only if
every token of it and the character behind it are on the tree. What the endpoint does not reveal stays unknown; nothing is extrapolated.

The probabilities are those that the endpoint reports, given that the reply begins as most replies began. Most endpoints report them before
temperature is applied and before a JSON schema rules tokens out: mass on what is no amount is then lost, and the coverage shows it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from vs_sim.reask import Token
from vs_sim.records import MAX_CENTS

_BEFORE = re.compile(r"\A\s*(?:```\w*\s*)?(?:\{\s*\"reply\"\s*:\s*\"?\s*|<reply>\s*)?(?=\d)")
"""What may stand before the amount in a reply of the method `direct`."""
_GOING_ON = re.compile(r"\A[\s\"]*\d{0,3}\Z")
_COMPLETE = re.compile(r"\A[\s\"]*(\d{1,3})[\s\"},<]")

Path = tuple[str, ...]


def amount_probabilities(replies: Sequence[Sequence[Token]], highest: int = MAX_CENTS) -> dict[int, float]:
    """Probability of each amount that the replies to one question reveal.

    Args:
        replies: the tokens of each reply, with the alternatives to each.
        highest: end of the scale, whole units.

    Returns:
        Whole units, 0 to `highest` -> probability; the sum, at most 1, is how much of the distribution is known. Empty if nothing is.
    """
    starts = [(start, tokens) for tokens in replies if (start := _start(tokens)) is not None]
    if not starts:
        return {}
    beginnings = Counter(tuple(t.text for t in tokens[:start]) for start, tokens in starts)
    usual = beginnings.most_common(1)[0][0]
    tree: dict[Path, dict[str, float]] = {}
    for start, tokens in starts:
        if tuple(t.text for t in tokens[:start]) == usual:
            _grow(tree, tokens[start:])
    found: dict[int, float] = {}
    _collect(tree, (), 1.0, found, highest)
    return found


def _start(tokens: Sequence[Token]) -> int | None:
    """Index of the token that the amount begins in; None if the reply has no amount where it should be."""
    before = _BEFORE.match("".join(t.text for t in tokens))
    if before is None:
        return None
    end = 0
    for i, token in enumerate(tokens):
        end += len(token.text)
        if end > before.end():
            return i
    return None


def _grow(tree: dict[Path, dict[str, float]], tokens: Sequence[Token]) -> None:
    path: Path = ()
    for token in tokens:
        if not _GOING_ON.match("".join(path)):
            return
        # Where several replies pass the same place the first is taken: they differ in the last digits only.
        branches = tree.setdefault(path, {})
        for text, logprob in (*token.top, (token.text, token.logprob)):
            branches.setdefault(text, math.exp(min(0.0, logprob)))
        path = (*path, token.text)


def _collect(tree: dict[Path, dict[str, float]], path: Path, probability: float, found: dict[int, float], highest: int) -> None:
    for text, p in tree.get(path, {}).items():
        if not text:
            continue
        further = (*path, text)
        words = "".join(further)
        if complete := _COMPLETE.match(words):
            amount = int(complete[1])
            if amount <= highest:
                found[amount] = found.get(amount, 0.0) + probability * p
        elif _GOING_ON.match(words):
            _collect(tree, further, probability * p, found, highest)
