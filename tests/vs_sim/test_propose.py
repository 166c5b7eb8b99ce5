"""What is asked of a model for one turn, how often, and what is made of its answers."""

import asyncio
import itertools
import json
import re
from typing import Any, get_args

import pytest

from vs_sim.condition import Condition, Method
from vs_sim.errors import EndpointError, ReplyError
from vs_sim.parse import STATED_KEY, Format, Wording, parse_candidates
from vs_sim.propose import MESSAGE, RESPONSE, Message, Thing, amount_on, propose, request, response_of, schema
from vs_sim.records import Call, Usage, VerbalizedDistribution
from vs_sim.scenario import DEFAULT, load_scenario

SCENARIO = load_scenario(DEFAULT)
AMOUNT = amount_on(SCENARIO.scale)

START: list[Message] = [{"role": "system", "content": "base"}, {"role": "user", "content": "tail"}]


class Script:
    """Answers from a list, in order; keeps what it was asked."""

    def __init__(self, *answers: str, finish_reason: str = "stop") -> None:
        self.answers = list(answers)
        self.finish_reason = finish_reason
        self.steps: list[str] = []
        self.asked: list[list[Message]] = []
        self.schemas: list[dict[str, Any] | None] = []
        self.max_tokens: list[int] = []

    async def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        self.steps.append(step)
        self.asked.append([dict(m) for m in messages])
        self.schemas.append(schema)
        self.max_tokens.append(max_tokens)
        text = self.answers[len(self.steps) - 1]
        return Call(
            step=step, model="m:x", model_returned="x", text=text, finish_reason=self.finish_reason, usage=Usage(), seconds=0.1, tries=1
        )


def arm(method: str, **keys: Any) -> Condition:
    return Condition.model_validate({"name": "arm", "method": method, **keys})


def ask(script: Script, condition: Condition, thing: Thing = MESSAGE, *, grid: bool = False, n_reasks: int = 2) -> VerbalizedDistribution:
    return asyncio.run(propose(script, "t003", START, condition, thing, grid=grid, n_reasks=n_reasks, reply_words=60))


def reply(text: Any) -> str:
    return json.dumps({"reply": text})


def listed(*candidates: tuple[Any, float]) -> str:
    return json.dumps({"candidates": [{"reply": t, "probability": p} for t, p in candidates]})


def pairs(d: VerbalizedDistribution) -> list[tuple[str, float]]:
    return [(c.text, c.probability) for c in d.candidates]


AB = listed(("a", 0.75), ("b", 0.25))

# --- calls of each method ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "answers", "expected"),
    [
        (arm("direct"), [reply("a")], [("a", 1.0)]),
        (arm("cot"), [json.dumps({"reasoning": "r", "reply": "a"})], [("a", 1.0)]),
        (arm("sequence", k=2), [json.dumps({"candidates": [{"reply": "a"}, {"reply": "b"}]})], [("a", 0.5), ("b", 0.5)]),
        (arm("multi_turn", k=4), [reply("a"), reply("b"), reply("A "), reply("c")], [("a", 0.5), ("b", 0.25), ("c", 0.25)]),
        (arm("vs_standard", k=2), [AB], [("a", 0.75), ("b", 0.25)]),
        (arm("vs_standard", k="model"), [AB], [("a", 0.75), ("b", 0.25)]),
        (arm("vs_cot", k=2), [AB], [("a", 0.75), ("b", 0.25)]),
        (arm("vs_multi", k=2), [AB, listed(("c", 0.1), ("d", 0.1))], [("a", 0.375), ("b", 0.125), ("c", 0.25), ("d", 0.25)]),
        (
            arm("vs_multi", k=2, calls=4),
            [AB, AB, listed(("B", 0.5), ("c", 0.5)), listed(("d", 1), ("e", 0))],
            [("a", 0.375), ("b", 0.25), ("c", 0.125), ("d", 0.25), ("e", 0.0)],
        ),
    ],
)
def test_calls_steps_and_distribution(condition: Condition, answers: list[str], expected: list[tuple[str, float]]) -> None:
    script = Script(*answers)
    found = ask(script, condition)
    assert pairs(found) == expected
    assert script.steps == [f"t003.{i}" for i in range(len(answers))]
    assert len(answers) == condition.n_calls
    assert [(c.step, c.text) for c in found.calls] == list(zip(script.steps, answers, strict=True))


def test_merged_candidates_say_so_once() -> None:
    multi = ask(Script(*[reply("a"), reply("a"), reply("a")]), arm("multi_turn", k=3))
    assert (pairs(multi), multi.candidates[0].repairs) == ([("a", 1.0)], ("merged_duplicate",))
    pooled = ask(Script(AB, AB, AB), arm("vs_multi", k=2, calls=3))
    assert [c.repairs for c in pooled.candidates] == [("merged_duplicate",)] * 2
    assert (multi.candidates[0].n_given, [c.n_given for c in pooled.candidates]) == (3, [3, 3])
    assert pooled.stated_sum == pytest.approx(3.0)


def test_a_list_of_one_and_the_same_is_an_answer_to_a_prompt_and_none_in_a_dialogue() -> None:
    same = listed(("a", 0.5), ("A", 0.5))
    condition = arm("vs_standard", k=2)
    found = ask(Script(same), condition, RESPONSE)
    assert [(c.text, c.n_given, c.probability) for c in found.candidates] == [("a", 2, 1.0)]
    with pytest.raises(ReplyError, match="2 different candidates were asked for, 1 was given"):
        ask(Script(same), condition, n_reasks=0)
    with pytest.raises(ReplyError, match="2 different candidates were asked for, 1 was given"):
        ask(Script(listed(("a", 1.0))), condition, RESPONSE, n_reasks=0)


def test_each_list_weighs_the_same_whatever_it_sums_to() -> None:
    found = ask(Script(listed(("a", 0.02), ("b", 0.02)), f"```\n{listed(('c', 0.4), ('d', 0.4))}\n```"), arm("vs_multi", k=2))
    assert pairs(found) == [("a", 0.25), ("b", 0.25), ("c", 0.25), ("d", 0.25)]
    assert found.repairs == ("normalised_sum", "fenced")
    assert found.stated_sum == pytest.approx(0.84)


def test_amounts_are_asked_for_by_the_same_methods() -> None:
    assert pairs(ask(Script(listed((0, 0.5), ("$0.50", 0.5))), arm("vs_standard", k=2), AMOUNT)) == [("0", 0.5), ("50", 0.5)]
    assert pairs(ask(Script(reply(0.5), reply(50)), arm("direct"), AMOUNT)) == [("50", 1.0)]


# --- the exchange -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "answers", "words"),
    [
        (arm("multi_turn", k=3), [reply("a"), reply("b"), reply("c")], ["Give one more next message", "clearly different"]),
        (arm("vs_multi", k=2, calls=3), [AB, AB, AB], ["Give 2 more next messages", "probability, a number from 0 to 1"]),
    ],
)
def test_later_calls_go_on_in_the_same_exchange(condition: Condition, answers: list[str], words: list[str]) -> None:
    script = Script(*answers)
    ask(script, condition)
    assert script.asked[0] == START
    for n in (1, 2):
        assert script.asked[n][: len(script.asked[n - 1])] == script.asked[n - 1]
        said, wanted = script.asked[n][-2:]
        assert said == {"role": "assistant", "content": answers[n - 1]}
        assert wanted["role"] == "user" and all(w in wanted["content"] for w in words)


def test_an_unreadable_answer_is_shown_to_the_model_with_the_problem() -> None:
    script = Script("I will not.", "", AB)
    found = ask(script, arm("vs_standard", k=2))
    assert script.steps == ["t003.0", "t003.0.again1", "t003.0.again2"]
    assert [c.step for c in found.calls] == script.steps
    assert pairs(found) == [("a", 0.75), ("b", 0.25)]
    problem = "no list of candidates was found in the requested json format"
    for n, bad in ((1, "I will not."), (2, "(empty)")):
        assert script.asked[n][:2] == START
        shown, again = script.asked[n][2:]
        assert shown == {"role": "assistant", "content": bad}
        assert again["role"] == "user" and problem in again["content"]


def test_an_answer_that_was_repaired_leaves_no_trace_in_later_requests() -> None:
    script = Script(reply(""), reply("a"), reply("b"))
    found = ask(script, arm("multi_turn", k=2))
    assert script.steps == ["t003.0", "t003.0.again1", "t003.1"]
    assert "the reply is not usable (empty)" in script.asked[1][-1]["content"]
    assert [m["content"] for m in script.asked[2][:3]] == ["base", "tail", reply("a")]
    assert pairs(found) == [("a", 0.5), ("b", 0.5)]


@pytest.mark.parametrize("n_reasks", [0, 1, 3])
def test_it_gives_up_after_the_stated_number_of_requests(n_reasks: int) -> None:
    script = Script(*["{"] * (n_reasks + 1))
    with pytest.raises(ReplyError) as caught:
        ask(script, arm("direct"), n_reasks=n_reasks)
    assert len(script.steps) == n_reasks + 1
    assert str(caught.value) == f"m:x gave no readable reply at t003 in {n_reasks + 1} requests; the last: the answer is damaged markup"
    assert (caught.value.reason, caught.value.raw) == ("damaged_markup", "{")


def test_reasoning_without_a_marked_reply_is_not_said() -> None:
    with pytest.raises(ReplyError, match="the reply cannot be told from the reasoning") as caught:
        ask(Script("He is broke, so he says no. No."), arm("cot"), n_reasks=0)
    assert caught.value.reason == "no_reply_after_reasoning"
    assert pairs(ask(Script("No."), arm("direct"), n_reasks=0)) == [("No.", 1.0)]


@pytest.mark.parametrize("method", ["direct", "multi_turn"])
def test_a_reply_that_stops_at_the_token_limit_is_not_said(method: str) -> None:
    keys = {"k": 2} if method == "multi_turn" else {}
    with pytest.raises(ReplyError, match="the reply was cut off at the token limit") as caught:
        ask(Script("I would like to", finish_reason="length"), arm(method, **keys), n_reasks=0)
    assert caught.value.reason == "cut_off"


@pytest.mark.parametrize("method", ["direct", "vs_standard"])
@pytest.mark.parametrize(
    ("finish_reason", "problem"),
    [("content_filter", "the provider's content filter cut the answer off"), ("refusal", "the model refused to answer")],
)
def test_what_a_filter_or_a_refusal_leaves_is_not_said_however_sound_it_looks(method: str, finish_reason: str, problem: str) -> None:
    text = listed(("No.", 0.5), ("Yes.", 0.5)) if method == "vs_standard" else "I would love to give you"
    script = Script(text, text, finish_reason=finish_reason)
    with pytest.raises(ReplyError, match=problem) as caught:
        ask(script, arm(method, **({"k": 2} if method == "vs_standard" else {})), n_reasks=1)
    assert (caught.value.reason, len(script.steps)) == (finish_reason, 2)
    assert problem in script.asked[1][-1]["content"]


def test_errors_of_the_endpoint_pass_through() -> None:
    async def down(step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        raise EndpointError("gone", status=503)

    with pytest.raises(EndpointError, match=r"^gone$"):
        asyncio.run(propose(down, "t001", START, arm("direct"), MESSAGE, grid=False, n_reasks=5, reply_words=60))


def test_the_messages_given_are_left_as_they_were() -> None:
    given = [dict(m) for m in START]
    asyncio.run(
        propose(Script("{", reply("a"), reply("b")), "t", given, arm("multi_turn", k=2), MESSAGE, grid=False, n_reasks=1, reply_words=9)
    )
    assert given == START


# --- schema and request -----------------------------------------------------------------------------------------------------------------


def every_arm() -> list[Condition]:
    arms = []
    for method, format in itertools.product(get_args(Method), get_args(Format)):
        if method in ("direct", "cot"):
            arms.append(arm(method, format=format))
            continue
        for k in (2, 5, *(() if method == "multi_turn" else ("model",))):
            for wording in get_args(Wording) if method.startswith("vs_") else (None,):
                arms.append(arm(method, k=k, format=format, wording=wording))
    return arms


def objects(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [o for item in node for o in objects(item)]
    if not isinstance(node, dict):
        return []
    here = [node] if node.get("type") == "object" else []
    return here + [o for value in node.values() for o in objects(value)]


@pytest.mark.parametrize("thing", [MESSAGE, AMOUNT, RESPONSE])
@pytest.mark.parametrize("grid", [False, True])
def test_schemas_are_strict(thing: Thing, grid: bool) -> None:
    for condition in every_arm():
        found = schema(condition, thing, grid=grid)
        if condition.format == "xml":
            assert found is None
            continue
        assert found is not None
        assert objects(found)
        for one in objects(found):
            assert one["required"] == list(one["properties"])
            assert one["additionalProperties"] is False
        fields = list(found["properties"])
        assert fields[:-1] == (["reasoning"] if condition.method in ("cot", "vs_cot") else [])
        if fields[-1] == "reply":
            assert condition.method in ("direct", "cot", "multi_turn")
            continue
        many = found["properties"]["candidates"]
        assert (many["minItems"], many["maxItems"]) == ((2, 20) if condition.k == "model" else (condition.k, condition.k))
        number = STATED_KEY[condition.wording] if condition.wording else None
        assert list(many["items"]["properties"]) == ["reply", *([number] if number else [])]
        if number:
            assert ("enum" in many["items"]["properties"][number]) is grid


@pytest.mark.parametrize(
    ("text", "n_words", "fits"),
    [
        ("California", 1, True),
        ("New York", 1, False),
        ("New York", 2, True),
        ("São Tomé and Príncipe", 5, True),
        (")", 5, False),
        ("", 5, False),
        ("one two three four five six", 5, False),
    ],
)
def test_short_responses_of_small_models_are_words_and_not_more_than_asked_for(text: str, n_words: int, fits: bool) -> None:
    found = schema(arm("direct"), response_of(n_words), grid=True)
    assert found is not None
    assert bool(re.search(found["properties"]["reply"]["pattern"], text)) is fits
    assert "pattern" not in str(schema(arm("direct"), response_of(n_words), grid=False)), "never for others"


def test_long_responses_are_any_text() -> None:
    assert response_of(11) is RESPONSE


@pytest.mark.parametrize("wording", get_args(Wording))
def test_every_number_of_a_grid_is_readable(wording: Wording) -> None:
    found = schema(arm("vs_standard", k=2, wording=wording), MESSAGE, grid=True)
    assert found is not None
    key = STATED_KEY[wording]
    grid = found["properties"]["candidates"]["items"]["properties"][key]["enum"]
    assert len(grid) >= 10 and sorted(set(grid)) == grid
    raw = json.dumps([{"reply": f"r{i}", key: n} for i, n in enumerate(grid)])
    read = parse_candidates(raw, k=None, wording=wording, tau=None, format="json", read=MESSAGE.read)
    assert {c.repairs for c in read.candidates} == {()}
    assert all(c.probability > 0 for c in read.candidates)


def test_amounts_are_offered_cent_by_cent() -> None:
    found = schema(arm("direct"), AMOUNT, grid=False)
    assert found is not None and found["properties"]["reply"] == {"type": "integer", "enum": list(range(201))}


def test_the_schema_goes_with_every_request() -> None:
    script = Script("{", AB, AB)
    condition = arm("vs_multi", k=2)
    ask(script, condition, grid=True)
    assert script.schemas == [schema(condition, MESSAGE, grid=True)] * 3
    assert len(set(script.max_tokens)) == 1 and script.max_tokens[0] > 2 * 60


def test_requests_name_format_number_and_wording() -> None:
    for condition in every_arm():
        text = request(condition, MESSAGE)
        assert ("JSON" in text) is (condition.format == "json")
        assert ("<reply>" in text) is (condition.format == "xml")
        assert ("reasoning" in text) is (condition.method in ("cot", "vs_cot"))
        if condition.method in ("sequence", "vs_standard", "vs_cot", "vs_multi"):
            assert (
                "at most 20" if condition.k == "model" else f"ive {condition.k} of" if condition.wording else f"of {condition.k}"
            ) in text
        for key in set(STATED_KEY.values()):
            shown = (f'"{key}"' if condition.format == "json" else f"<{key}>") in text
            assert shown is (condition.wording is not None and STATED_KEY[condition.wording] == key)
        assert "tail" not in text
    assert len({request(c, MESSAGE) for c in every_arm()}) == len(every_arm()) - 2  # multi_turn asks for one reply, whatever k is


@pytest.mark.parametrize("method", ["vs_standard", "vs_cot", "vs_multi"])
@pytest.mark.parametrize("wording", ["implicit", "explicit", "relative", "percentage", "confidence"])
def test_tau_stands_in_the_request_in_the_words_of_its_scale(method: str, wording: str) -> None:
    text = request(arm(method, k=5, tau=0.07, wording=wording), MESSAGE)
    assert f"must be below {'7 %' if wording == 'percentage' else '0.07'}" in text
    assert "tail" in text
    assert "sum to 1" not in text  # five numbers below 0.07 cannot
    assert "below" not in request(arm(method, k=5, wording=wording), MESSAGE)


def test_things_are_named() -> None:
    assert "amounts in cents" in request(arm("vs_standard", k=5), AMOUNT)
    assert "response" in request(arm("direct"), RESPONSE) and "message" not in request(arm("direct"), RESPONSE)
