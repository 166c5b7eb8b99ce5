"""Ten thousand malformed answers: none crashes the parser or a conversation, and none is said aloud as it came."""

import asyncio
import json
import random
import time
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.answers import ARMS, BREAKS, THINGS, Malformed, answers, arm_of, broken, sound
from tests.chaos.malformed import SLOW_S, check_transcript, conversation, counted, outcome, shows_the_wire, thing_of
from vs_sim.condition import Method
from vs_sim.errors import ReplyError
from vs_sim.parse import Format, parse_reply, read_text
from vs_sim.propose import RESPONSE, propose
from vs_sim.records import Call, Usage


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("n", "seed"), [(2_000, 4), *(pytest.param(10_000, seed, marks=pytest.mark.long) for seed in (1, 2, 3))])
def test_malformed_answers_are_read_or_refused_by_name(n: int, seed: int) -> None:
    made = list(answers(n, seed))
    counts, crashes, slowest = counted(len(made), lambda i: outcome(made[i]))
    assert not crashes
    assert counts.total() == n
    assert slowest < SLOW_S
    # That the answers are neither all sound nor all hopeless.
    assert counts["sound"] > 0.03 * n and counts["repaired"] > 0.15 * n and len(counts) > 12, counts


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("n", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_conversations_of_malformed_answers_end_complete_or_with_a_named_failure(n: int) -> None:
    counts, crashes, _ = counted(n, lambda i: check_transcript(conversation(i), thing_of(i)))
    assert not crashes
    assert counts["complete"] > n // 3 and len(counts) > 3, counts


def test_the_same_seed_makes_the_same_answers_of_every_arm() -> None:
    assert list(answers(500)) == list(answers(500)) != list(answers(500, seed=2))
    assert {arm_of(i).method for i in range(7)} == set(get_args(Method))
    assert {arm_of(i).name + repr(arm_of(i)) for i in range(len(ARMS) * 7)} == {arm.name + repr(arm) for arm in ARMS}


@pytest.mark.parametrize("thing", list(THINGS))
def test_what_the_answers_are_made_of_is_sound(thing) -> None:
    rng = random.Random(3)
    for arm in ARMS:
        assert outcome(Malformed(arm, thing, sound(rng, arm, thing))) in ("sound", "repaired")


@given(
    arm=st.sampled_from(ARMS),
    thing=st.sampled_from(list(THINGS)),
    breaks=st.lists(st.sampled_from(BREAKS), max_size=6),
    rng=st.randoms(use_true_random=False),
)
def test_breaks_in_any_order(arm, thing, breaks, rng) -> None:
    text = broken(rng, arm, thing)
    for one in breaks:
        if len(text) < 100_000:
            text = one(rng, text)
    outcome(Malformed(arm, thing, text))


SAID = [
    'data: "{\\"reply\\": \\"Yes.\\"}"',
    '"{\\"reply\\": \\"Yes.\\"}"',
    "&lt;reply&gt;Yes.&lt;/reply&gt;",
    "&#60;reply&#62;Yes.&#60;/reply&#62;",
    "<Reply>Yes.</Reply>",
    "<REPLY>Yes.",
    "<rep",
    "Yes.</re",
    "Sure: {“reply”: “Yes.”}",
    "Sure: {reply: Yes.}",
    "\ufeff{reply: Yes.}",
    '\x00{"reply',
    "<tool_call>Yes.</tool_call>",
    "<thinking>Hm.</thinking>",
    "Yes.<|im_end|>",
    "``",
    '{"',
    "]}",
    "Reply: Yes.",
    "Hm.\n**Reply:** Yes.",
]


@pytest.mark.parametrize("format", ["json", "xml"])
@pytest.mark.parametrize("raw", SAID)
def test_pieces_of_an_answer_are_not_a_reply(raw: str, format: Format) -> None:
    with pytest.raises(ReplyError) as caught:
        parse_reply(raw, format=format, read=read_text)
    assert caught.value.reason == "damaged_markup"


@pytest.mark.parametrize("raw", SAID[:14])
def test_nor_are_they_within_a_sound_answer(raw: str) -> None:
    if shows_the_wire(raw):
        with pytest.raises(ReplyError):
            parse_reply(json.dumps({"reply": raw}), format="json", read=read_text)


HONEST = [
    "I <3 that!",
    "1 < 2 and 3 > 2 :)",
    "*laughs* <laughs> No.",
    "I'd give {some, not all} of it.",
    'She wrote "reply", and left.',
    "My reply: no.",
    "In text: no; in person: yes.",
    "AT&T &amp; co",
    "...",
    "?!",
    "null and void",
    "[sighs] Fine.",
    "It is 50 % or $0.50, i.e. {a: half}.",
]


@pytest.mark.parametrize("text", HONEST)
def test_what_people_write_is_left_to_them(text: str) -> None:
    assert parse_reply(json.dumps({"reply": text}), format="json", read=read_text).text == text
    assert parse_reply(text, format="json", read=read_text).text == text


UNITS = [
    '{"a":',
    '{"a":[',
    '{"reply":"',
    '\\"',
    "“",
    "&lt;",
    "&#0;",
    '"reply"',
    '"reply\\\\',
    "</a",
    "<|x",
    "reply",
    "\u200b",
    "[[],",
    '{"reply":"a"},',
]


@pytest.mark.slow
@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("head", ["", '{"reply": "', '{"candidates": [{"reply": "'])
def test_no_answer_keeps_the_parser_busy(unit: str, head: str) -> None:
    raw = (head + unit * (99_000 // len(unit)))[:100_000]
    for arm in (ARMS[0], ARMS[-1]):
        started = time.process_time()
        outcome(Malformed(arm, "message", raw))
        assert time.process_time() - started < SLOW_S


async def _asked_again(length: int) -> int:
    """Characters of the second request after an answer of so many."""
    asked: list[int] = []

    async def ask(step, messages, schema, max_tokens):
        asked.append(sum(len(m["content"]) for m in messages))
        text = "{" * length if len(asked) == 1 else "Yes."
        return Call(step=step, model="m", model_returned=None, text=text, finish_reason="stop", usage=Usage(), seconds=0, tries=1)

    found = await propose(ask, "t001", [{"role": "user", "content": "?"}], ARMS[0], RESPONSE, grid=False, n_reasks=1, reply_words=30)
    assert found.candidates[0].text == "Yes."
    return asked[1]


def test_an_endless_answer_is_not_sent_back_whole() -> None:
    assert asyncio.run(_asked_again(1_000)) > 1_000
    assert asyncio.run(_asked_again(1_000_000)) < 5_000
