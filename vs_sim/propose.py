"""Ask a model for candidates by a condition's method: the one place where the arms of a study differ.

Everything beside the request (base prompt, persona, chat so far, question) is the caller's and the same for every arm; this module writes
the request, sends it as often as the method says, has the replies parsed, and asks again where one cannot be read.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, TypeVar

from vs_sim import parse, prompts
from vs_sim.condition import ONE_REPLY, Condition
from vs_sim.errors import ReplyError
from vs_sim.parse import STATED_KEY, Reader
from vs_sim.records import Call, Candidate, VerbalizedDistribution
from vs_sim.scenario import Scale

Message = dict[str, str]
"""`{"role": "system" | "user" | "assistant", "content": ...}`."""

Ask = Callable[[str, list[Message], dict[str, Any] | None, int], Awaitable[Call]]
"""Sends messages under a step name, with the JSON schema of the answer or None and the most tokens of a sound answer."""

T = TypeVar("T")


@dataclass(frozen=True)
class Thing:
    """What is asked for.

    Attributes:
        one, many: its names in the prompt.
        read: how a raw value is read.
        schema: its JSON schema.
        own_schema: the one for embedded models.
        repeats: whether a list that gives one and the same several times is an answer.
    """

    one: str
    many: str
    read: Reader
    schema: dict[str, Any]
    own_schema: dict[str, Any]
    repeats: bool = False


_TEXT = {"type": "string"}
_START = r"[^ .,:;!?\"\\\[\]{}<>\x00-\x1f]"
_INSIDE = r"[^.!?\"\\\x00-\x1f]"
_SENTENCE = rf"{_START}{_INSIDE}{{1,120}}([.][0-9]{{2}}{_INSIDE}{{0,40}})?[.!?]"  # one amount such as $1.50 may stand in it
_FEW_SENTENCES = {"type": "string", "pattern": f"^{_SENTENCE}( {_SENTENCE})?$"}
_SOME_TEXT = {"type": "string", "pattern": rf"^{_START}[^\"\\\x00-\x1f]{{0,600}}$"}

MESSAGE = Thing("next message", "next messages", parse.read_text, _TEXT, _FEW_SENTENCES)
"""The next message of the person in the chat. Small models do not keep to the one or two sentences of the prompt by themselves."""


def message_among(speakers: Collection[str]) -> Thing:
    """`MESSAGE` in a chat between speakers of these names, which are no part of what is said."""
    return replace(MESSAGE, read=parse.TextReader(tuple(speakers)))


RESPONSE = Thing("response", "responses", parse.read_text, _TEXT, _SOME_TEXT, repeats=True)
"""A response to a single prompt. How much a model repeats itself is measured there: to ask again would be to choose lists for variety."""


def response_of(n_words: int) -> Thing:
    """`RESPONSE` of at most so many words: a small model answers a question for a word with a sentence, if it can."""
    return RESPONSE if n_words > _MOST_SHORT else replace(RESPONSE, own_schema=_few_words(n_words))


_MOST_SHORT = 10


def _few_words(n: int) -> dict[str, Any]:
    word = r"[^\x00-/:-@\[-`{-~][^ \"\\\x00-\x1f]{0,30}"  # begins with a letter or digit of any script
    return {"type": "string", "pattern": f"^{word}( {word}){{0,{n - 1}}}$"}


def amount_on(scale: Scale) -> Thing:
    """The amount that is decided on, in whole units of the scale.

    Its schema lists every value, since constrained decoding ignores minimum and maximum.
    """
    values = {"type": "integer", "enum": list(range(scale.low, scale.high + 1))}
    return Thing(scale.one, scale.many, scale.read, values, values)


def request(condition: Condition, thing: Thing) -> str:
    """The request for the reply: the only words that differ between the arms of a study."""
    return f"{instruction(condition, thing)}\n\n{answer_format(condition)}"


def instruction(condition: Condition, thing: Thing) -> str:
    """What the method asks for: the first part of a request."""
    return _instruction(condition, thing.one, thing.many)


@lru_cache(maxsize=1000)
def _instruction(condition: Condition, one: str, many: str) -> str:
    wording = _wording(condition, many) if condition.wording else None
    return prompts.render(
        f"method/{condition.method}",
        thing=one,
        things=many,
        how_many=_how_many(condition),
        wording=wording,
        tau=_tau(condition),
    )


@lru_cache(maxsize=1000)
def answer_format(condition: Condition) -> str:
    """The shape in which the answer is to be given: the second part of a request."""
    return prompts.render(f"format/{condition.format}", shape=_shape(condition))


def _wording(condition: Condition, many: str) -> str:
    return prompts.render(f"wording/{condition.wording}", things=many, tau=condition.tau)


def _how_many(condition: Condition) -> str:
    return "as many as you find fitting (at least 2, at most 20)" if condition.k == "model" else str(condition.k)


def _tau(condition: Condition) -> str | None:
    if condition.tau is None:
        return None
    number = f"{condition.tau * 100:g} %" if condition.wording == "percentage" else f"{condition.tau:g}"
    return f"each of these numbers must be below {number}"


def _shape(condition: Condition) -> str:
    """The answer's outline, as shown in the prompt."""
    many = condition.method not in ONE_REPLY and condition.method != "multi_turn"
    number = STATED_KEY[condition.wording] if condition.wording else None
    reasons = condition.method in ("cot", "vs_cot")
    if condition.format == "json":
        item = '{"reply": ...' + (f', "{number}": ...' if number else "") + "}"
        body = f'"candidates": [{item}, ...]' if many else item[1:-1]
        return "{" + ('"reasoning": ..., ' if reasons else "") + body + "}"
    item = "<reply>...</reply>" + (f"<{number}>...</{number}>" if number else "")
    body = f"<candidate>{item}</candidate> (once for each)" if many else item
    return ("<reasoning>...</reasoning>" if reasons else "") + body


def schema(condition: Condition, thing: Thing, *, grid: bool) -> dict[str, Any] | None:
    """JSON schema of the answer, strict (every property required, no others); None for xml.

    Args:
        condition: the arm.
        thing: what is asked for.
        grid: offer numbers from a list instead of any number, and one or two sentences instead of any text. For small embedded
            models, which do not keep to the request by themselves and whose constrained decoding does not enforce minimum and
            maximum; never for others, since it changes what can be verbalized.
    """
    if condition.format == "xml":
        return None
    reply = thing.own_schema if grid else thing.schema
    properties: dict[str, Any] = {"reasoning": {"type": "string"}} if condition.method in ("cot", "vs_cot") else {}
    if condition.method in ONE_REPLY or condition.method == "multi_turn":
        return _object({**properties, "reply": reply})
    item: dict[str, Any] = {"reply": reply}
    if condition.wording:
        item[STATED_KEY[condition.wording]] = {"type": "number", **({"enum": _GRIDS[condition.wording]} if grid else {})}
    low, high = (2, 20) if condition.k == "model" else (condition.k, condition.k)
    properties["candidates"] = {"type": "array", "items": _object(item), "minItems": low, "maxItems": high}
    return _object(properties)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


_PROBABILITIES = [0.01, 0.02, 0.03, 0.05, 0.08, *(round(0.05 * i, 2) for i in range(2, 20)), 0.98]
_GRIDS: dict[str, list[float]] = {
    **dict.fromkeys(("implicit", "explicit", "relative", "confidence"), _PROBABILITIES),
    "percentage": [round(100 * p) for p in _PROBABILITIES],
    "perplexity": [1.5, *range(2, 21), 25, 30, 40, 50, 75, 100],
    "nll": [0.5 * i for i in range(1, 21)] + [15, 20, 30, 40, 50],
}


async def propose(
    ask: Ask,
    step: str,
    messages: list[Message],
    condition: Condition,
    thing: Thing,
    *,
    grid: bool,
    n_reasks: int,
    reply_words: int,
) -> VerbalizedDistribution:
    """The candidates of one turn.

    Args:
        ask: sends a request; its calls are kept in the distribution's `calls`.
        step: name of the turn; the calls are named `step.0`, `step.1`, ... with `.again1` and so on behind a call that was asked again.
        messages: base prompt, chat so far, question and request, see `vs_sim.chat.messages`.
        condition: the arm.
        thing: what is asked for.
        grid: see `schema`.
        n_reasks: how often an unreadable reply is asked for again, at least 0.
        reply_words: words that one reply should have at most, from which the guard against endless answers is computed.

    Returns:
        The distribution; a single candidate of probability 1 for direct and cot.

    Raises:
        ReplyError: if a reply is still unreadable after `n_reasks` further requests.
        ModelError: whatever `ask` raises.
    """
    asker = _Asker(ask, step, list(messages), schema(condition, thing, grid=grid), n_reasks, _most_tokens(condition, reply_words))
    if condition.method in ONE_REPLY:
        one = await asker.read(lambda raw: _one_reply(raw, condition, thing))
        return VerbalizedDistribution(candidates=(one,), calls=tuple(asker.calls))
    if condition.method == "multi_turn":
        return await _multi_turn(asker, condition, thing)
    k = condition.k if isinstance(condition.k, int) else None

    def read(raw: str) -> VerbalizedDistribution:
        return parse.parse_candidates(
            raw,
            k=k,
            wording=condition.wording,
            tau=condition.tau,
            format=condition.format,
            read=thing.read,
            repeats=thing.repeats,
        )

    lists = [await asker.read(read)]
    for _ in range(condition.n_calls - 1):
        wording = _wording(condition, thing.many)
        asker.go_on(prompts.render("more_candidates", how_many=_how_many(condition), things=thing.many, wording=wording))
        lists.append(await asker.read(read))
    distribution = lists[0] if len(lists) == 1 else _pool(lists)
    return distribution.model_copy(update={"calls": tuple(asker.calls)})


def _one_reply(raw: str, condition: Condition, thing: Thing) -> Candidate:
    candidate = parse.parse_reply(raw, format=condition.format, read=thing.read)
    if condition.method == "cot" and "plain_text" in candidate.repairs:
        # The reasoning would be said aloud.
        raise ReplyError("the reply cannot be told from the reasoning", reason="no_reply_after_reasoning", raw=raw)
    return candidate


def _most_tokens(condition: Condition, reply_words: int) -> int:
    """Tokens that no sound answer exceeds: a small model can spend one on every character."""
    many = condition.method not in ONE_REPLY and condition.method != "multi_turn"
    n = (condition.k if isinstance(condition.k, int) else 20) if many else 1
    return n * (12 * reply_words + 400) + (600 if condition.method in ("cot", "vs_cot") else 0)


_WITHHELD = {"content_filter": "the provider's content filter cut the answer off", "refusal": "the model refused to answer"}
"""Finish reasons of answers that are none, however sound their text looks."""


class _Asker:
    """The growing exchange of one turn."""

    def __init__(self, ask: Ask, step: str, messages: list[Message], schema: dict[str, Any] | None, n_reasks: int, max_tokens: int) -> None:
        self.calls: list[Call] = []
        self._max_tokens = max_tokens
        self._ask, self._step, self._messages, self._schema, self._n_reasks = ask, step, messages, schema, n_reasks
        self._n = 0

    async def read(self, parser: Callable[[str], T]) -> T:
        """Ask, parse, and ask again with the problem named until the reply can be read."""
        messages = list(self._messages)
        for again in range(self._n_reasks + 1):
            step = f"{self._step}.{self._n}" + (f".again{again}" if again else "")
            call = await self._ask(step, messages, self._schema, self._max_tokens)
            self.calls.append(call)
            try:
                if call.finish_reason in _WITHHELD:  # what came of it may be half a sentence, or words of no person
                    raise ReplyError(_WITHHELD[call.finish_reason], reason=call.finish_reason, raw=call.text)
                result = parser(call.text)
                if call.finish_reason == "length" and isinstance(result, Candidate) and "plain_text" in result.repairs:
                    raise ReplyError("the reply was cut off at the token limit", reason="cut_off", raw=call.text)
            except ReplyError as error:
                if again == self._n_reasks:
                    raise ReplyError(
                        f"{call.model} gave no readable reply at {self._step} in {again + 1} requests; the last: {error}",
                        reason=error.reason,
                        raw=error.raw,
                    ) from None
                messages = [
                    *self._messages,
                    {"role": "assistant", "content": error.raw or "(empty)"},
                    {"role": "user", "content": prompts.render("ask_again", problem=str(error))},
                ]
            else:
                self._messages.append({"role": "assistant", "content": call.text})
                self._n += 1
                return result
        raise AssertionError("unreachable: the loop returns or raises")

    def go_on(self, text: str) -> None:
        """The next request of a method that makes several."""
        self._messages.append({"role": "user", "content": text})


async def _multi_turn(asker: _Asker, condition: Condition, thing: Thing) -> VerbalizedDistribution:
    texts: dict[str, Candidate] = {}
    counts: dict[str, int] = {}
    for n in range(condition.n_calls):
        if n:
            asker.go_on(prompts.render("another", thing=thing.one))
        candidate = await asker.read(lambda raw: _one_reply(raw, condition, thing))
        key = " ".join(candidate.text.casefold().split())
        texts.setdefault(key, candidate)
        counts[key] = counts.get(key, 0) + 1
    return VerbalizedDistribution(
        candidates=tuple(
            c.model_copy(
                update={
                    "probability": counts[key] / condition.n_calls,
                    "repairs": (*c.repairs, *(["merged_duplicate"] if counts[key] > 1 else [])),
                    "n_given": counts[key],
                }
            )
            for key, c in texts.items()
        ),
        calls=tuple(asker.calls),
    )


def _pool(lists: list[VerbalizedDistribution]) -> VerbalizedDistribution:
    """One distribution from the lists of several calls: every list weighs the same, equal texts are merged."""
    merged: dict[str, Candidate] = {}
    for one in lists:
        for c in one.candidates:
            key = " ".join(c.text.casefold().split())
            share = c.probability / len(lists)
            if key in merged:
                first = merged[key]
                merged[key] = first.model_copy(
                    update={
                        "probability": first.probability + share,
                        "repairs": tuple(dict.fromkeys((*first.repairs, "merged_duplicate"))),
                        "n_given": first.n_given + c.n_given,
                    }
                )
            else:
                merged[key] = c.model_copy(update={"probability": share})
    sums = [d.stated_sum for d in lists if d.stated_sum is not None]
    return VerbalizedDistribution(
        candidates=tuple(merged.values()),
        stated_sum=math.fsum(sums) if len(sums) == len(lists) else None,
        repairs=tuple(dict.fromkeys(r for d in lists for r in d.repairs)),
    )
