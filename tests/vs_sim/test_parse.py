"""Replies of models, well-formed, damaged and hostile, and what is read from them."""

import json
import math
from typing import Any

import pytest

from vs_sim.errors import ReplyError
from vs_sim.parse import Format, Wording, parse_candidates, parse_reply, read_text
from vs_sim.read_amount import AmountReader
from vs_sim.records import VerbalizedDistribution

read_cents = AmountReader("cents", 0, 200)

TWO = '{"candidates": [{"reply": "Yes.", "probability": 0.75}, {"reply": "No.", "probability": 0.25}]}'
TWO_XML = (
    "<candidate><reply>Yes.</reply><probability>0.75</probability></candidate>"
    "<candidate><reply>No.</reply><probability>0.25</probability></candidate>"
)


def read(
    raw: str,
    *,
    k: int | None = 2,
    wording: Wording | None = "explicit",
    tau: float | None = None,
    format: Format = "json",
    cents: bool = False,
) -> VerbalizedDistribution:
    return parse_candidates(raw, k=k, wording=wording, tau=tau, format=format, read=read_cents if cents else read_text)


def stating(*numbers: Any, key: str = "probability") -> str:
    """A sound list of candidates "a", "b", ... with these numbers; `...` leaves the number out."""
    return json.dumps({"candidates": [{"reply": "abcdefghij"[i], **({} if n is ... else {key: n})} for i, n in enumerate(numbers)]})


def texts(d: VerbalizedDistribution) -> list[str]:
    return [c.text for c in d.candidates]


# --- the ladder -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "format", "repairs"),
    [
        (TWO, "json", ()),
        (f"  \n{TWO}\n", "json", ()),
        (TWO_XML, "xml", ()),
        (f"```json\n{TWO}\n```", "json", ("fenced",)),
        (f"Here it is:\n```\n{TWO}\n```\nDone.", "json", ("fenced",)),
        (f"```xml\n{TWO_XML}\n```", "xml", ("fenced",)),
        (f"Here it is: {TWO} I hope it helps.", "json", ("embedded_json",)),
        (f"Here it is: {TWO_XML} I hope it helps.", "xml", ("embedded_xml",)),
        (TWO.removeprefix('{"candidates": [').removesuffix("]}").replace("}, {", "}\n{"), "json", ("embedded_json",)),
        (TWO, "xml", ("other_format",)),
        (TWO_XML, "json", ("other_format",)),
        (f"As [you] wish: {TWO}", "json", ("damaged_list",)),
        (f'{TWO[:-2]}, {{"reply": "Perh', "json", ("damaged_list",)),
        (f"{TWO[:-2]}, oops]}}", "json", ("damaged_list",)),
        (f"{TWO_XML}<candidate><reply>Perh", "xml", ("embedded_xml", "damaged_list")),
        (f'<think>"Yes." or {{"reply": "hm"}}?</think>\n{TWO}', "json", ("think_block",)),
        (f"Let me think of it.</think>{TWO}", "json", ("think_block",)),
        (f"<think></think>```\n{TWO}\n```", "json", ("think_block", "fenced")),
    ],
)
def test_each_rung_reads_the_same_list_and_names_itself(raw: str, format: Format, repairs: tuple[str, ...]) -> None:
    found = read(raw, format=format)
    assert [(c.text, c.stated, c.probability, c.repairs) for c in found.candidates] == [("Yes.", 0.75, 0.75, ()), ("No.", 0.25, 0.25, ())]
    assert found.repairs == repairs
    assert found.stated_sum == 1.0


@pytest.mark.parametrize("key", ["reply", "text", "response", "message", "content"])
@pytest.mark.parametrize("list_key", ["candidates", "replies", "responses", "messages", None])
def test_names_that_models_give_the_fields(key: str, list_key: str | None) -> None:
    items = [{key: "a", "probability": 0.5}, {key: "b", "probability": 0.5}]
    assert texts(read(json.dumps({list_key: items, "note": "x"} if list_key else items))) == ["a", "b"]


def test_a_remark_beside_the_list_is_not_a_candidate() -> None:
    assert texts(read('{"message": "Here are two.", ' + TWO[1:], k=None)) == ["Yes.", "No."]


def test_damaged_lists_give_their_complete_candidates_only() -> None:
    raw = '{"candidates": [{"reply": "a", "probability": 0.2}, {"reply": "b", "probability": 0.6}, {"reply": "c", "probability": 0.'
    found = read(raw, k=3)
    assert [(c.text, c.probability) for c in found.candidates] == [("a", pytest.approx(0.25)), ("b", pytest.approx(0.75))]
    assert found.repairs == ("damaged_list", "fewer_than_k", "normalised_sum")


def test_what_is_no_candidate_is_dropped_by_name() -> None:
    found = read('[{"reply": "a", "probability": 0.5}, {"probability": 0.2}, "x", {"reply": "", "probability": 0.2}, {"reply": 7}]', k=None)
    assert texts(found) == ["a"]
    assert found.repairs == ("dropped_not_text", "dropped_empty", "normalised_sum")
    xml = "<candidate>bare</candidate>" + TWO_XML
    assert read(xml, format="xml", k=None).repairs == ("dropped_not_text",)


@pytest.mark.parametrize(
    ("raw", "k", "reason", "sentence"),
    [
        ("", 2, "no_candidates", "no list of candidates was found in the requested json format"),
        ("I would rather not.", 2, "no_candidates", "no list of candidates was found"),
        ("[]", 2, "no_candidates", "no list of candidates was found"),
        ('{"candidates": []}', None, "no_candidates", "no list of candidates was found"),
        ('{"candidates": [{"reply": "Ye', None, "no_candidates", "no list of candidates was found"),
        ('[{"reply": "", "probability": 1}]', None, "no_candidates", "none of the candidates is usable"),
        ('[{"reply": "a", "probability": 1}]', 5, "too_few_candidates", "5 different candidates were asked for, 1 was given"),
        (stating(0.5).replace("}]", '}, {"reply": "A ", "probability": 0.5}]'), 2, "too_few_candidates", "2 different candidates"),
        ('["a", "b"]', 2, "no_probabilities", "none of the candidates has a readable probability"),
        (stating(0, 0), 2, "zero_sum", "the stated probabilities sum to 0"),
        (stating(True, "often"), 2, "no_probabilities", "none of the candidates has a readable probability"),
        ("<think>I wonder", 2, "unfinished_thinking", "the answer ends within its thinking"),
        ("x" * 100_001, 2, "too_long", "the answer has 100001 characters, more than 100000"),
    ],
)
def test_what_cannot_be_read_is_a_typed_failure(raw: str, k: int | None, reason: str, sentence: str) -> None:
    with pytest.raises(ReplyError) as caught:
        read(raw, k=k)
    assert caught.value.reason == reason
    assert sentence in str(caught.value)
    assert caught.value.raw == raw[:1000] if reason == "too_long" else caught.value.raw == raw


# --- numbers ----------------------------------------------------------------------------------------------------------------------------

E1 = math.exp(-1)


@pytest.mark.parametrize(
    ("numbers", "expected", "repairs"),
    [
        ((0.5, 0.3, 0.2), (0.5, 0.3, 0.2), {}),
        ((0.4, 0.4, 0.4), (1 / 3, 1 / 3, 1 / 3), {}),
        ((50, 30, 20), (0.5, 0.3, 0.2), {0: "percent", 1: "percent", 2: "percent"}),
        (("50%", "30 %", "20 percent"), (0.5, 0.3, 0.2), {0: "percent", 1: "percent", 2: "percent"}),
        (("50%", 0.5, 0), (0.5, 0.5, 0), {0: "percent"}),
        (("0.5", "~0,3", " .2 "), (0.5, 0.3, 0.2), {0: "number_as_text", 1: "number_as_text", 2: "number_as_text"}),
        ((0.5, None, ...), (0.5, 0.25, 0.25), {1: "missing_probability", 2: "missing_probability"}),
        ((0.5, "high", [1]), (0.5, 0.25, 0.25), {1: "unreadable_probability", 2: "unreadable_probability"}),
        ((0.9, 0.3, None), (0.75, 0.25, 0), {2: "missing_probability"}),
        ((0.5, 0.3, -0.2), (0.5, 0.3, 0.2), {2: "negative_probability"}),
        ((0.5, 0.3, math.nan), (0.5, 0.3, 0.2), {2: "unreadable_probability"}),
        ((0.5, 0.3, math.inf), (0.5, 0.3, 0.2), {2: "unreadable_probability"}),
        ((0.5, 0.3, "1e999"), (0.5, 0.3, 0.2), {2: "unreadable_probability"}),
        ((0.5, 0.3, 1e16), (0.5, 0.3, 0.2), {2: "out_of_range_probability"}),
        ((0.5, 0.3, 10**400), (0.5, 0.3, 0.2), {2: "unreadable_probability"}),
        ((0.5, 0.3, True), (0.5, 0.3, 0.2), {2: "unreadable_probability"}),
        ((0.5, 0.3, "1" + " " * 90_000), (0.5, 0.3, 0.2), {2: "unreadable_probability"}),
        ((0, 1, 0), (0, 1, 0), {}),
        ((5e-324, 5e-324, 0), (0.5, 0.5, 0), {}),
    ],
)
def test_stated_probabilities(numbers: tuple[Any, ...], expected: tuple[float, ...], repairs: dict[int, str]) -> None:
    found = read(stating(*numbers), k=3)
    assert found.probabilities == pytest.approx(expected)
    for i, candidate in enumerate(found.candidates):
        assert (repairs[i] in candidate.repairs) if i in repairs else (candidate.repairs == ()), candidate


@pytest.mark.parametrize("wording", ["implicit", "explicit", "relative"])
def test_the_wordings_of_a_probability_share_one_scale(wording: Wording) -> None:
    found = read(stating(0.6, 0.2), wording=wording)
    assert found.probabilities == pytest.approx((0.75, 0.25))
    assert found.stated_sum == pytest.approx(0.8)
    assert found.repairs == ("normalised_sum",)


@pytest.mark.parametrize(
    ("wording", "numbers", "expected", "stated_sum"),
    [
        ("percentage", (60, 30, 10), (0.6, 0.3, 0.1), 1.0),
        ("percentage", ("60%", "30 %", 10), (0.6, 0.3, 0.1), 1.0),
        ("percentage", (0.5, 0.5, 0.5), (1 / 3, 1 / 3, 1 / 3), 0.015),
        ("percentage", (60, 30, 101), (0.6, 0.3, 0.1), 0.9),
        ("confidence", (0.9, 0.6, 0.3), (1 / 2, 1 / 3, 1 / 6), 1.8),
        ("perplexity", (2, 4, 4), (0.5, 0.25, 0.25), None),
        ("perplexity", (1, 1e16, 1), (0.5, 0.5e-16, 0.5), None),
        ("perplexity", (2, 0.5, None), (1, 0, 0), None),
        ("nll", (0, 1, 1), (1 / (1 + 2 * E1), E1 / (1 + 2 * E1), E1 / (1 + 2 * E1)), None),
        ("nll", (5000, 5000, 5001), (1 / (2 + E1), 1 / (2 + E1), E1 / (2 + E1)), None),
        ("nll", (1, 5000, -3), (1, 0, 0), None),
        ("nll", (1, math.nan, None), (1, 0, 0), None),
    ],
)
def test_the_other_wordings(wording: Wording, numbers: tuple[Any, ...], expected: tuple[float, ...], stated_sum: float | None) -> None:
    key = wording if wording != "percentage" else "probability"
    found = read(stating(*numbers, key=key), k=3, wording=wording)
    assert found.probabilities == pytest.approx(expected, abs=1e-15)
    assert found.stated_sum == (None if stated_sum is None else pytest.approx(stated_sum))
    assert not any("percent" in c.repairs for c in found.candidates)


def test_numbers_in_tags_are_read_as_numbers() -> None:
    found = read(TWO_XML.replace("0.75", " 75 % "), format="xml")
    assert [c.stated for c in found.candidates] == ["75 %", 0.25]
    assert found.candidates[0].repairs == ("number_as_text", "percent")
    assert found.candidates[1].repairs == ()
    assert found.probabilities == (0.75, 0.25)


def test_without_a_wording_all_are_equal_and_nothing_is_stated() -> None:
    for raw in ('["a", "b", "c", "d"]', stating(0.7, 0.1, 0.1, 0.1)):
        found = read(raw, k=4, wording=None)
        assert found.probabilities == (0.25,) * 4
        assert {c.stated for c in found.candidates} == {None}
        assert (found.stated_sum, found.repairs) == (None, ())


def test_equal_texts_are_merged_and_their_probabilities_added() -> None:
    raw = json.dumps([{"reply": t, "probability": p} for t, p in (("No thanks.", 0.2), ("Yes.", 0.5), ("  no  THANKS.", 0.3))])
    found = read(raw, k=3)
    assert [(c.text, c.stated, c.probability) for c in found.candidates] == [("No thanks.", 0.2, 0.5), ("Yes.", 0.5, 0.5)]
    assert found.candidates[0].repairs == ("merged_duplicate",)
    assert [c.n_given for c in found.candidates] == [2, 1]
    assert found.repairs == ("fewer_than_k",)


def test_more_than_k_are_kept_and_named() -> None:
    assert read(stating(0.5, 0.25, 0.25), k=2).repairs == ("more_than_k",)


def test_tau_marks_and_removes_nothing() -> None:
    found = read(stating(0.1, "20%", 0.100001, None), k=4, tau=0.1)
    assert [c.above_tau for c in found.candidates] == [False, True, True, None]
    assert [c.above_tau for c in read(stating(9, 11), wording="percentage", tau=0.1).candidates] == [False, True]
    assert {c.above_tau for c in read(TWO).candidates} == {None}


# --- single replies ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "format", "text", "repairs"),
    [
        ('{"reply": "Sure."}', "json", "Sure.", ()),
        ('{"reasoning": "Broke.", "reply": "Sure."}', "json", "Sure.", ()),
        ("<reasoning>Broke.</reasoning><reply>Tom &amp; I &lt;3 it, don&#39;t we</reply>", "xml", "Tom & I <3 it, don't we", ()),
        ('```json\n{"reply": "Sure."}\n```', "json", "Sure.", ("fenced",)),
        ('I say {"reply": "Sure."}', "json", "Sure.", ("embedded_json",)),
        ("<reply>Sure.</reply>", "json", "Sure.", ("other_format",)),
        ("Sure.", "json", "Sure.", ("plain_text",)),
        ("[laughs] Sure: 2 < 3 > 1", "xml", "[laughs] Sure: 2 < 3 > 1", ("plain_text",)),
        ("<think>Well.</think> Sure.", "json", "Sure.", ("think_block", "plain_text")),
        ('{"reply": "You: me:  Sure."}', "json", "Sure.", ("speaker_label",)),
        ("Persuadee: Sure.", "json", "Sure.", ("plain_text", "speaker_label")),
        ("You :) sure", "json", "You :) sure", ("plain_text",)),
    ],
)
def test_a_single_reply(raw: str, format: Format, text: str, repairs: tuple[str, ...]) -> None:
    found = parse_reply(raw, format=format, read=read_text)
    assert (found.text, found.repairs, found.probability, found.stated) == (text, repairs, 1.0, None)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("", "empty"),
        ("You:", "empty"),
        ('{"reply": ""}', "empty"),
        ('{"reply": null}', "not_text"),
        ('{"reply": 3}', "not_text"),
        (TWO, "not_one_reply"),
        ('{"reply": "a"} {"reply": "b"}', "not_one_reply"),
        ('{"reply": "Sure', "damaged_markup"),
        ('{reply: "Sure."}', "damaged_markup"),
        ("{'reply': 'Sure.'}", "damaged_markup"),
        ("Sure: <reply>I wou", "damaged_markup"),
        ("<reasoning>He is broke", "damaged_markup"),
        ("```\nSure.\n```", "damaged_markup"),
        ("null", "damaged_markup"),
        ("[]", "damaged_markup"),
        ("<think>He is broke", "unfinished_thinking"),
        ('{"reply": "{\\"reply\\": \\"Sure.\\"}"}', "raw_markup"),
        ('{"reply": "<reply>Sure.</reply>"}', "raw_markup"),
        ('{"reply": "Sure. \\"probability\\": 0.3"}', "raw_markup"),
        ('{"reply": "```Sure.```"}', "raw_markup"),
        ('{"reply": "Sure \\ud83d"}', "broken_unicode"),
    ],
)
def test_markup_is_never_said(raw: str, reason: str) -> None:
    with pytest.raises(ReplyError) as caught:
        parse_reply(raw, format="json", read=read_text)
    assert caught.value.reason == reason
    assert caught.value.raw == raw


# --- amounts ----------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cents", "repaired"),
    [
        (0, "0", False),
        (200, "200", False),
        (50.0, "50", False),
        (-0.0, "0", False),
        ("50", "50", True),
        ("50 cents", "50", True),
        ("50¢", "50", True),
        ("$0.50", "50", True),
        ("$2", "200", True),
        ("usd 1.29", "129", True),
        ("$ 0.29", "29", True),
    ],
)
def test_amounts(value: Any, cents: str, repaired: bool) -> None:
    assert read_cents(value) == (cents, ("amount_as_text",) if repaired else ())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        *((v, "amount_out_of_range") for v in (-1, 201, 1e16, 10**400, "201", "$2.01", "$20")),
        *(
            (v, "not_an_amount")
            for v in (0.5, 1.29, "0.50", "0.5", "fifty", "", "-5", None, True, [5], math.nan, math.inf, "$" + "9" * 400)
        ),
        ("5" + " " * 90_000 + "x", "not_an_amount"),
    ],
)
def test_no_amount_is_clipped_or_guessed(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{reason}$"):
        read_cents(value)


def test_amounts_with_probabilities() -> None:
    raw = json.dumps([{"reply": a, "probability": p} for a, p in ((0, 0.5), ("$0.50", 0.25), (50, 0.15), (500, 0.1))])
    found = read(raw, k=4, cents=True)
    assert [(c.text, c.probability) for c in found.candidates] == [("0", pytest.approx(5 / 9)), ("50", pytest.approx(4 / 9))]
    assert found.repairs == ("dropped_amount_out_of_range", "fewer_than_k", "normalised_sum")
    assert parse_reply('{"reply": 50}', format="json", read=read_cents).text == "50"
    assert parse_reply("<reply>50</reply>", format="xml", read=read_cents).text == "50"
    with pytest.raises(ReplyError, match=r"^the reply is not usable \(not_an_amount\)$"):
        parse_reply('{"reply": 0.5}', format="json", read=read_cents)


def test_tags_need_the_same_number_of_replies_and_probabilities() -> None:
    flat = "<reply>a</reply><probability>0.6</probability><reply>b</reply><probability>0.4</probability>"
    assert read(flat, format="xml").probabilities == pytest.approx((0.6, 0.4))
    with pytest.raises(ReplyError, match="none of the candidates has a readable probability"):
        read(flat.replace("<probability>0.4</probability>", ""), format="xml")
    doubtful = TWO_XML.replace("0.75</probability>", "0.75</probability><probability>0.7</probability>")
    assert read(doubtful, format="xml").candidates[0].repairs == ("missing_probability",)


def test_dollars_are_not_taken_for_cents() -> None:
    for amounts in (("$0.50", "$1", 2), (0.5, 1, 2), ("0.50", "1", "50")):
        raw = json.dumps([{"reply": a, "probability": 0.3} for a in amounts])
        with pytest.raises(ReplyError, match="some amounts are in dollars, some without a unit"):
            read(raw, k=3, cents=True)
    with pytest.raises(ReplyError, match="not_an_amount"):
        parse_reply('{"reply": 1.0}', format="json", read=read_cents)


def test_json_in_prose_is_not_spoken() -> None:
    for raw in ('Here: {"answer": "hi"}', 'My reply is {"amount": 50} ok'):
        with pytest.raises(ReplyError, match="damaged markup"):
            parse_reply(raw, format="json", read=read_text)


def test_numbers_that_need_not_sum_to_one_leave_nothing_to_share() -> None:
    raw = json.dumps([{"reply": "a", "confidence": 0.3}, {"reply": "b", "confidence": None}])
    found = read(raw, wording="confidence")
    assert found.probabilities == (1.0, 0.0)
    assert found.candidates[1].repairs == ("missing_probability",)
