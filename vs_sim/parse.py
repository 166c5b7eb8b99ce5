"""Reply text -> candidates with normalised probabilities, or a typed failure: the one parser of model replies.

The ladder, from the top: the requested format as it stands; the same inside a code fence; the same embedded in other text; the other
format (XML tags for JSON and the reverse); every complete candidate object of a damaged or cut-off list. Each rung below the first is
named in the record as a repair. Nothing is ever made up: what no rung reads is a ReplyError, and raw JSON never becomes a reply.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from vs_sim.errors import ReplyError
from vs_sim.read_amount import AmountReader
from vs_sim.records import Candidate, VerbalizedDistribution

Wording = Literal["implicit", "explicit", "relative", "percentage", "confidence", "perplexity", "nll"]
Format = Literal["json", "xml"]

STATED_KEY: dict[Wording, str] = {
    "implicit": "probability",
    "explicit": "probability",
    "relative": "probability",
    "percentage": "probability",
    "confidence": "confidence",
    "perplexity": "perplexity",
    "nll": "nll",
}
"""Name of the field in which each wording asks for its number."""

_STATED_KEYS = tuple(dict.fromkeys(STATED_KEY.values()))
_REPLY_KEYS = ("reply", "text", "response", "message", "content")
_LIST_KEYS = ("candidates", "replies", "responses", "messages")
_THINK = re.compile(r"\A(?:\s*<think>)?.*?</think>", re.DOTALL)  # some chat templates write the opening tag themselves
_FENCE = re.compile(r"```[a-zA-Z]*[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL)
_SPEAKERS = ("You", "Me", "Persuader", "Persuadee", "(?:Other )?Participant")
_OUR_NAMES = "|".join((*_REPLY_KEYS, *_STATED_KEYS, *_LIST_KEYS, "candidate", "item", "reasoning", "think"))
_LOOKS_RAW = re.compile(rf"\A\s*(?:\{{|\[\s*[\"'\[{{\]]|null\s*\Z)|```|</?(?:{_OUR_NAMES})\b[^<>]{{0,200}}>|[\"'](?:{_OUR_NAMES})[\"']\s*:")

Reader = Callable[[Any], tuple[str, tuple[str, ...]]]
"""Takes a raw reply value; returns the text of the candidate and the repairs; raises ValueError if it is no reply."""


@dataclass(frozen=True)
class TextReader:
    """Reads a reply that is said or shown.

    Attributes:
        speakers: names of the scenario's speakers, which a small model writes before its words as it does the usual ones.
    """

    speakers: tuple[str, ...] = ()

    def __call__(self, value: Any) -> tuple[str, tuple[str, ...]]:
        """The text, stripped, without a leading speaker label, and the repairs.

        Raises:
            ValueError: with a short reason, if the value is not text, is empty, or is raw JSON or markup.
        """
        if not isinstance(value, str):
            raise ValueError("not_text")
        text = value.strip()
        repairs: tuple[str, ...] = ()
        if label := _label(self.speakers).match(text):
            text, repairs = text[label.end() :].strip(), ("speaker_label",)
        if not text:
            raise ValueError("empty")
        if _looks_raw(text):
            raise ValueError("raw_markup")
        if not _is_unicode(text):
            raise ValueError("broken_unicode")
        return text, repairs


read_text = TextReader()
"""Reads a reply where no speakers are named."""


@cache
def _label(speakers: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join((*_SPEAKERS, *map(re.escape, speakers)))
    return re.compile(rf"\A(?:(?:{names})\s*:(?:\s+|\Z))+", re.IGNORECASE)


def _looks_raw(text: str) -> bool:
    if _LOOKS_RAW.search(text):
        return True
    try:
        return text.startswith("[") and isinstance(json.loads(text), list)
    except (ValueError, RecursionError):
        return False


def _is_unicode(text: str) -> bool:
    """False if JSON escapes spelt half a character, which no file can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass
class _Found:
    """What a rung found: (reply, stated) pairs; stated is None where the field is absent."""

    pairs: list[tuple[Any, Any]]
    repairs: list[str] = field(default_factory=list)


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
    found = _find(text, format)
    if found is None:
        if _looks_raw(text) or _holds_json(text):
            raise ReplyError("the answer is damaged markup", reason="damaged_markup", raw=raw)
        found = _Found([(text, None)], ["plain_text"])
    if len(found.pairs) != 1:
        raise ReplyError(f"one reply was asked for, {len(found.pairs)} were given", reason="not_one_reply", raw=raw)
    try:
        reply, more = read(found.pairs[0][0])
    except ValueError as reason:
        raise ReplyError(f"the reply is not usable ({reason})", reason=str(reason), raw=raw) from None
    return Candidate(text=reply, stated=None, probability=1.0, repairs=(*repairs, *found.repairs, *more))


def parse_candidates(
    raw: str, *, k: int | None, wording: Wording | None, tau: float | None, format: Format, read: Reader
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

    Raises:
        ReplyError: if no candidate, fewer than two of several, or no usable probability is found.
    """
    text, repairs = _without_thinking(raw)
    found = _find(text, format)
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
    if k is not None and k > 1 and len(merged) < 2:
        raise ReplyError(f"{k} different candidates were asked for, {len(merged)} was given", reason="too_few_candidates", raw=raw)
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
    found = [value for value in _objects(text) if value.keys() >= set(keys)]
    if len(found) != 1:
        raise ReplyError(f"one JSON object with {', '.join(keys)} was asked for, {len(found)} were given", reason="not_one_object", raw=raw)
    return found[0]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    """Every whole JSON object of a text, outer ones only."""
    decoder = json.JSONDecoder()
    position = n_failed = 0
    while (start := text.find("{", position)) >= 0 and n_failed < _MOST_FAILED_STARTS:
        try:
            value, position = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            position = start + 1
            n_failed += 1
            continue
        yield value


@dataclass
class _Merged:
    text: str
    stated: Any
    weight: float | None
    notes: list[str]


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
        candidates.append(
            Candidate(text=m.text, stated=stated, probability=weight / total, repairs=tuple(dict.fromkeys(m.notes)), above_tau=above)
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


_MOST_CHARACTERS = 100_000
_MOST_FAILED_STARTS = 1_000
"""Bounds on the work that a hostile reply can cause; no honest one comes near them."""


def _without_thinking(raw: str) -> tuple[str, list[str]]:
    if len(raw) > _MOST_CHARACTERS:
        raise ReplyError(f"the answer has {len(raw)} characters, more than {_MOST_CHARACTERS}", reason="too_long", raw=raw[:1000])
    text, n = _THINK.subn("", raw, count=1)
    if text.lstrip().startswith("<think>"):
        raise ReplyError("the answer ends within its thinking", reason="unfinished_thinking", raw=raw)
    return text.strip(), ["think_block"] if n else []


def _find(text: str, format: Format) -> _Found | None:
    """The first rung that finds something."""
    first, second = (_from_json, _from_xml) if format == "json" else (_from_xml, _from_json)
    as_it_stands = format == "json" or (text.startswith("<") and text.endswith(">"))
    if as_it_stands and (pairs := first(text)) is not None:
        return _Found(pairs, _cut_off(text, format))
    for block in _FENCE.findall(text):
        if (pairs := first(block)) is not None:
            return _Found(pairs, ["fenced", *_cut_off(block, format)])
    if (pairs := (_json_inside if format == "json" else _from_xml)(text)) is not None:
        return _Found(pairs, [f"embedded_{format}", *_cut_off(text, format)])
    if (pairs := second(text)) is not None:
        return _Found(pairs, ["other_format"])
    if (pairs := _salvage(text)) is not None:
        return _Found(pairs, ["damaged_list"])
    return None


def _cut_off(text: str, format: Format) -> list[str]:
    # Damaged JSON is not read by the upper rungs; of tags, the closed ones are read, and one that is left open is named here.
    return ["damaged_list"] if format == "xml" and any(inner is None for _, inner in _elements(text, _CANDIDATE_TAGS)) else []


def _holds_json(text: str) -> bool:
    """True if a JSON object with a named member stands somewhere in the text: that is never what a person says."""
    return re.search(r"\{\s*[\"'][^\"'{}]{1,200}[\"']\s*:", text) is not None


def _from_json(text: str) -> list[tuple[Any, Any]] | None:
    try:
        return _pairs(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _json_inside(text: str) -> list[tuple[Any, Any]] | None:
    """The first list of candidates in a text, or, without a list, all single ones."""
    decoder = json.JSONDecoder()
    single: list[tuple[Any, Any]] = []
    position = 0
    while bracket := _BRACKET.search(text, position):
        try:
            value, position = decoder.raw_decode(text, bracket.start())
        except (ValueError, RecursionError):
            return None  # damaged: left to the last rung, which takes complete candidates only
        pairs = _pairs(value) or []
        if len(pairs) > 1 or isinstance(value, list):
            return pairs or None
        single += pairs
    return single or None


_BRACKET = re.compile(r"[\[{]")


def _pairs(value: Any) -> list[tuple[Any, Any]] | None:
    """(reply, stated) pairs of a JSON value in one of the shapes that are asked for; None if it has another shape."""
    if isinstance(value, dict):
        for key in _LIST_KEYS:
            if isinstance(value.get(key), list) and (pairs := _pairs(value[key])) is not None:
                return pairs
        return [_pair(value)] if _reply_key(value) is not None else None
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(item, str | int) and not isinstance(item, bool) for item in value):
        return [(item, None) for item in value]
    # What is no candidate stays in the list as one without a reply, so that its loss is named.
    pairs = [_pair(item) if isinstance(item, dict) else (None, None) for item in value]
    return pairs if any(isinstance(item, dict) and _reply_key(item) is not None for item in value) else None


def _reply_key(item: dict[str, Any]) -> str | None:
    return next((key for key in _REPLY_KEYS if key in item and not isinstance(item[key], list | dict)), None)


def _pair(item: dict[str, Any]) -> tuple[Any, Any]:
    reply_key = _reply_key(item)
    stated = next((item[key] for key in _STATED_KEYS if key in item), None)
    return item[reply_key] if reply_key else None, stated


_CANDIDATE_TAGS = re.compile(r"<(candidate|item)\b[^<>]{0,200}>")
_REPLY_TAGS = re.compile(rf"<({'|'.join(_REPLY_KEYS)})\b[^<>]{{0,200}}>")
_STATED_TAGS = re.compile(rf"<({'|'.join(_STATED_KEYS)})\b[^<>]{{0,200}}>")


def _elements(text: str, opening: re.Pattern[str]) -> Iterator[tuple[str, str | None]]:
    """(name, inner text) of every element that `opening` finds; the inner text of one that is never closed is None."""
    position = 0
    unclosed: set[str] = set()
    while match := opening.search(text, position):
        name, position = match[1], match.end()
        end = -1 if name in unclosed else text.find(f"</{name}>", position)
        if end < 0:
            unclosed.add(name)  # nor is any later one: looked for once, however many there are
            yield name, None
        else:
            yield name, text[position:end]
            position = end


def _from_xml(text: str) -> list[tuple[Any, Any]] | None:
    blocks = [inner for _, inner in _elements(text, _CANDIDATE_TAGS) if inner is not None]
    pairs: list[tuple[Any, Any]] = []
    for block in blocks or [text]:
        replies = [_unescape(inner) for _, inner in _elements(block, _REPLY_TAGS) if inner is not None]
        numbers = [_as_number(inner.strip()) for _, inner in _elements(block, _STATED_TAGS) if inner is not None]
        if blocks:
            pairs.append((replies[0], numbers[0] if len(numbers) == 1 else None) if len(replies) == 1 else (None, None))
        else:
            pairs.extend(zip(replies, numbers if len(numbers) == len(replies) else [None] * len(replies), strict=True))
    return pairs if any(reply is not None for reply, _ in pairs) else None


def _unescape(text: str) -> str:
    for entity, character in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")):
        text = text.replace(entity, character)
    return text


def _as_number(text: str) -> float | str | None:
    # Tags carry text only, so a plain number in them is what was asked for, not a repair.
    try:
        return float(text)
    except ValueError:
        return text or None


def _salvage(text: str) -> list[tuple[Any, Any]] | None:
    """Every complete candidate object of a damaged or cut-off list; a candidate that is cut off is not taken."""
    return [pair for value in _objects(text) for pair in _pairs(value) or []] or None
