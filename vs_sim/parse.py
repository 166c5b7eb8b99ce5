"""Reply text -> candidates with normalised probabilities, or a typed failure: the one parser of model replies.

Replies are found by the ladder of `vs_sim.wire`. Nothing is ever made up: what no rung reads is a ReplyError, and raw JSON never
becomes a reply.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from vs_sim.errors import ReplyError
from vs_sim.read_amount import AmountReader
from vs_sim.read_text import TextReader as TextReader
from vs_sim.read_text import read_text as read_text
from vs_sim.records import Candidate, VerbalizedDistribution
from vs_sim.wire import STATED_KEY as STATED_KEY
from vs_sim.wire import Format as Format
from vs_sim.wire import Found, find_replies, holds_pieces_of_the_wire, objects
from vs_sim.wire import Wording as Wording

Reader = Callable[[Any], tuple[str, tuple[str, ...]]]
"""Takes a raw reply value; returns the text of the candidate and the repairs; raises ValueError if it is no reply."""


def parse_reply(raw: str, *, format: Format, read: Reader) -> Candidate:
    """The single reply of the methods that ask for one (direct, cot, each call of multi_turn).

    Plain text without any markup is taken as the reply itself (repair ``"plain_text"``).

    Args:
        raw: the reply as the model gave it.
        format: the format that was asked for.
        read: a `TextReader` or an `AmountReader`.

    Returns:
        A candidate with probability 1 and no stated probability.

    Raises:
        ReplyError: if no rung of the ladder finds exactly one reply.
    """
    text, repairs = _without_thinking(raw)
    found = find_replies(text, format)
    if found is None:
        if holds_pieces_of_the_wire(text):
            raise ReplyError("the answer is damaged markup", reason="damaged_markup", raw=raw)
        found = Found([(text, None)], ["plain_text"])
    if len(found.pairs) != 1:
        raise ReplyError(f"one reply was asked for, {len(found.pairs)} were given", reason="not_one_reply", raw=raw)
    try:
        reply, more = read(found.pairs[0][0])
    except ValueError as reason:
        raise ReplyError(f"the reply is not usable ({reason})", reason=str(reason), raw=raw) from None
    return Candidate(text=reply, stated=None, probability=1.0, repairs=(*repairs, *found.repairs, *more))


def parse_candidates(
    raw: str, *, k: int | None, wording: Wording | None, tau: float | None, format: Format, read: Reader, repeats: bool = False
) -> VerbalizedDistribution:
    """The candidates of one reply with their normalised probabilities.

    Candidates with the same text (case and spaces apart) are merged and their probabilities added. A candidate whose probability
    is missing or unreadable shares, with the others like it, what the stated ones leave of 1 (nothing, where relative
    likelihoods, confidences, perplexities or log-likelihoods were asked for, which need not sum to 1). Fewer than `k` candidates are kept
    with a named repair as long as there are two.

    Args:
        raw: the reply as the model gave it.
        k: number of candidates that was asked for; None if the model decided.
        wording: how probability was worded; None if none was asked (sequence): then all candidates get the same.
        tau: upper bound of each probability that was asked for, 0 to 1; None if none was.
        format: the format that was asked for.
        read: a `TextReader` or an `AmountReader`.
        repeats: whether a list that gives one and the same several times is an answer, too.

    Raises:
        ReplyError: if no candidate, fewer than two of several, or no usable probability is found.
    """
    text, repairs = _without_thinking(raw)
    found = find_replies(text, format)
    if found is None:
        raise ReplyError(f"no list of candidates was found in the requested {format} format", reason="no_candidates", raw=raw)
    repairs += found.repairs
    if isinstance(read, AmountReader) and read.mixes_units([reply for reply, _ in found.pairs]):
        raise ReplyError("some amounts are in dollars, some without a unit; expected whole cents only", reason="mixed_units", raw=raw)
    texts: list[str] = []
    stated: list[Any] = []
    notes: list[list[str]] = []
    for reply, number in found.pairs:
        try:
            read_reply, note = read(reply)
        except ValueError as reason:
            repairs.append(f"dropped_{reason}")
            continue
        texts.append(read_reply)
        stated.append(number)
        notes.append(list(note))
    if not texts:
        raise ReplyError("none of the candidates is usable", reason="no_candidates", raw=raw)
    if wording is None:
        weights: list[float | None] = [1.0] * len(texts)
        stated = [None] * len(texts)
    else:
        weights = _weights(stated, wording, notes)
    merged = _merge(texts, stated, weights, notes)
    if k is not None and len(merged) != k:
        repairs.append("fewer_than_k" if len(merged) < k else "more_than_k")
    n_usable = len(texts) if repeats else len(merged)
    if k is not None and k > 1 and n_usable < 2:
        raise ReplyError(f"{k} different candidates were asked for, {n_usable} was given", reason="too_few_candidates", raw=raw)
    return _normalise(merged, wording, tau, repairs, raw)


def parse_object(raw: str, keys: Collection[str]) -> dict[str, Any]:
    """The JSON object of an answer that consists of one, wherever it stands in the answer: bare, fenced or among other words.

    Args:
        raw: the reply as the model gave it.
        keys: names of the members that it must have; others are not looked at.

    Raises:
        ReplyError: if there is no such object, or more than one.
    """
    text, _ = _without_thinking(raw)
    found = [value for value in objects(text) if value.keys() >= set(keys)]
    if len(found) != 1:
        raise ReplyError(f"one JSON object with {', '.join(keys)} was asked for, {len(found)} were given", reason="not_one_object", raw=raw)
    return found[0]


@dataclass
class _Merged:
    text: str
    stated: Any
    weight: float | None
    notes: list[str]
    n_given: int = 1


def _merge(texts: Sequence[str], stated: Sequence[Any], weights: Sequence[float | None], notes: list[list[str]]) -> list[_Merged]:
    merged: dict[str, _Merged] = {}
    for text, number, weight, note in zip(texts, stated, weights, notes, strict=True):
        key = " ".join(text.casefold().split())
        if key not in merged:
            merged[key] = _Merged(text, number, weight, list(note))
            continue
        first = merged[key]
        if weight is not None:
            first.weight = weight + (first.weight or 0.0)
        first.notes.append("merged_duplicate")
        first.n_given += 1
    return list(merged.values())


def _normalise(merged: list[_Merged], wording: Wording | None, tau: float | None, repairs: list[str], raw: str) -> VerbalizedDistribution:
    known = [m.weight for m in merged if m.weight is not None]
    if not known:
        raise ReplyError("none of the candidates has a readable probability", reason="no_probabilities", raw=raw)
    stated_sum = math.fsum(known) if wording not in (None, "perplexity", "nll") else None
    n_unknown = len(merged) - len(known)
    # Numbers that need not sum to 1 leave nothing of 1 to share: without one such a candidate is never drawn.
    shares = wording in ("implicit", "explicit", "percentage")
    left = max(0.0, 1.0 - stated_sum) / n_unknown if n_unknown and shares and stated_sum is not None else 0.0
    weights = [left if m.weight is None else m.weight for m in merged]
    total = math.fsum(weights)
    if not total > 0:
        raise ReplyError("the stated probabilities sum to 0", reason="zero_sum", raw=raw)
    candidates = []
    for m, weight in zip(merged, weights, strict=True):
        above = None if tau is None or m.weight is None else m.weight > tau + 1e-12
        stated = m.stated if isinstance(m.stated, int | float | str) and not isinstance(m.stated, bool) else None
        if isinstance(stated, float) and not math.isfinite(stated):
            stated = str(stated)
        if isinstance(stated, str):
            stated = stated.encode(errors="backslashreplace").decode()
        repaired = tuple(dict.fromkeys(m.notes))
        candidates.append(
            Candidate(text=m.text, stated=stated, probability=weight / total, repairs=repaired, above_tau=above, n_given=m.n_given)
        )
    if stated_sum is not None and not math.isclose(stated_sum, 1.0, abs_tol=0.005):
        repairs.append("normalised_sum")
    return VerbalizedDistribution(candidates=tuple(candidates), stated_sum=stated_sum, repairs=tuple(dict.fromkeys(repairs)))


_MOST_NUMBER_CHARACTERS = 40
"""No honest number is longer; a hostile one could otherwise keep a regular expression busy for minutes."""
_NUMBER = re.compile(r"\A\s*[<>~≈]?\s*(?P<number>[-+]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][-+]?\d+)?)\s*(?P<percent>%|percent)?\s*\Z")


def _weights(stated: Sequence[Any], wording: Wording, notes: list[list[str]]) -> list[float | None]:
    """Unnormalised weights on the scale of probabilities; None where unreadable. Adds the repairs to `notes`."""
    numbers: list[float | None] = []
    percent: list[bool] = []
    for value, note in zip(stated, notes, strict=True):
        number, is_percent = _number(value, note)
        numbers.append(number)
        percent.append(is_percent)
    if wording == "perplexity":
        return [_checked(x, x is not None and x >= 1, lambda v: 1 / v, n) for x, n in zip(numbers, notes, strict=True)]
    if wording == "nll":
        # Only ratios matter; measured from the smallest, exp() cannot underflow for all at once.
        low = min((x for x in numbers if x is not None and x >= 0), default=0.0)
        return [_checked(x, x is not None and x >= 0, lambda v: math.exp(low - v), n) for x, n in zip(numbers, notes, strict=True)]
    # A bare number above 1 shows that the model speaks in percent; one reply is read on one scale. A number above 100 shows nothing.
    in_percent = wording == "percentage" or any(x is not None and 1 < x <= 100 and not p for x, p in zip(numbers, percent, strict=True))
    weights: list[float | None] = []
    for number, is_percent, note in zip(numbers, percent, notes, strict=True):
        if number is not None and (is_percent or in_percent):
            number /= 100
            if wording != "percentage":
                note.append("percent")
        weights.append(_checked(number, number is not None and 0 <= number <= 1, lambda v: v, note))
    return weights


def _number(value: Any, note: list[str]) -> tuple[float | None, bool]:
    if isinstance(value, str) and len(value) <= _MOST_NUMBER_CHARACTERS and (match := _NUMBER.match(value)):
        number = float(match["number"].replace(",", "."))
        if math.isfinite(number):
            note.append("number_as_text")
            return number, match["percent"] is not None
    if value is None:
        note.append("missing_probability")
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        return float(value), False
    else:
        note.append("unreadable_probability")
    return None, False


def _checked(number: float | None, valid: bool, weight: Callable[[float], float], note: list[str]) -> float | None:
    if number is None:
        return None
    if not valid:
        note.append("negative_probability" if number < 0 else "out_of_range_probability")
        return None
    return weight(number)


_THINK = re.compile(r"\A(?:\s*<think>)?.*?</think>", re.DOTALL)  # some chat templates write the opening tag themselves
_MOST_CHARACTERS = 100_000
"""Bounds the work that a hostile answer can cause; no honest one comes near it."""


def _without_thinking(raw: str) -> tuple[str, list[str]]:
    if len(raw) > _MOST_CHARACTERS:
        raise ReplyError(f"the answer has {len(raw)} characters, more than {_MOST_CHARACTERS}", reason="too_long", raw=raw[:1000])
    text, n = _THINK.subn("", raw, count=1)
    if text.lstrip().startswith("<think>"):
        raise ReplyError("the answer ends within its thinking", reason="unfinished_thinking", raw=raw)
    return text.strip(), ["think_block"] if n else []
