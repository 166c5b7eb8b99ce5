"""What an answer of a second reader is held to: its form, the place of its words, and what they say."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialogues import answer
from vs_sim.errors import ReplyError
from vs_sim.evidence import read_answer

SAID = (
    ("persuader", "Would you give $1 of your payment?"),
    ("persuadee", "Well,  I’ll see. Put me\ndown for 50 cents."),
    ("persuader", "Put me down for $2 as well. Is 75 cents fine?"),
    ("persuadee", "Sure, that is fine."),
)


def quoted(stated):
    return SAID[stated.turn][1][slice(*stated.span)]


@pytest.mark.parametrize(
    "raw",
    [
        answer(),
        f"```json\n{answer()}\n```",
        f"Let me see.\n{answer()} That is it.",
        f'<think>{{"quote": "x", "status": "none", "cents": null}}</think>{answer()}',
        answer(quote="  put ME down   for 50 cents. "),
        answer(quote="Persuadee: Put me down for 50 cents."),
        answer(quote='"Put me down for 50 cents."'),
        json.dumps({**json.loads(answer()), "why": "said so"}),
    ],
)
def test_an_amount_is_read_with_the_place_of_its_words(raw):
    stated, quote = read_answer(raw, SAID)
    assert (stated.status, stated.cents, stated.turn) == ("amount", 50, 1)
    assert quoted(stated) == "Put me\ndown for 50 cents"
    assert quote is not None


def test_an_accepted_amount_needs_the_words_that_accept_it():
    stated, quote = read_answer(answer("sure, that is fine", cents=75), SAID)
    assert (stated.cents, quoted(stated), quote) == (75, "Sure, that is fine", "sure, that is fine")


@pytest.mark.parametrize(
    ("said", "cents"),
    [("Half of that is mine to give.", 25), ("Then I add 10 cents more.", 60), ("I will give 3.", 300), ("I will give 3.", 3)],
)
def test_amounts_that_follow_from_named_ones_are_read(said, cents):
    dialogue = [("persuader", "Would you give 50 cents?"), ("persuadee", said)]
    assert read_answer(answer(said, cents=cents), dialogue)[0].cents == cents


def test_typed_and_typographic_signs_are_the_same():
    dialogue = [("persuader", "Would you give?"), ("persuadee", "Well, I don’t.")]
    assert read_answer(answer("I don't", "refused", None), dialogue)[0].span == (6, 13)


def test_a_refusal_has_no_amount_and_an_open_dialogue_no_evidence():
    stated, _ = read_answer(answer("rather not", "refused", 0), [("persuadee", "I would rather not.")])
    assert (stated.status, stated.cents) == ("refused", None)
    stated, quote = read_answer(answer("whatever", "none", 12), SAID)
    assert (stated.status, stated.cents, stated.turn, stated.span, quote) == ("undetermined", None, None, None, None)


@pytest.mark.parametrize(
    ("raw", "reason", "sentence"),
    [
        ("50 cents", "not_one_object", "one JSON object with quote, status, cents was asked for, 0 were given"),
        ("", "not_one_object", "0 were given"),
        (answer() + answer(), "not_one_object", "2 were given"),
        ('{"status": "amount", "cents": 50}', "not_one_object", "0 were given"),
        (answer()[:-3], "not_one_object", "0 were given"),
        ("<think>hm", "unfinished_thinking", "ends within its thinking"),
        (answer(status="maybe"), "unknown_status", """status is 'maybe', expected "amount", "refused" or "none\""""),
        (answer(status=["amount"]), "unknown_status", "status is ['amount']"),
        (answer(cents=None), "no_amount", "cents is None, expected a whole number of cents"),
        (answer(cents="50"), "no_amount", "cents is '50'"),
        (answer(cents=0.5), "no_amount", "cents is 0.5"),
        (answer(cents=True), "no_amount", "cents is True"),
        (answer(cents=-5), "no_amount", "cents is -5"),
        (answer(cents=10**16), "amount_not_named", "neither name 10000000000000000 cents"),
        (answer(cents=0), "no_amount", 'an amount of 0 cents is no amount, expected the status "refused" or "none"'),
        (answer(quote="I will give 50 cents"), "no_quote", "does not stand in any message of the persuadee"),
        (answer(quote="Put me down for $2", cents=200), "no_quote", "does not stand in any message of the persuadee"),
        (answer(quote="cent"), "no_quote", "does not stand in any message of the persuadee"),
        (answer(quote=""), "no_quote", "the quote is not usable (empty)"),
        (answer(quote=", ."), "no_quote", "does not stand in any message"),
        (answer(quote=None, status="refused"), "no_quote", "the quote is not usable (not_text)"),
        (answer(cents=75), "amount_not_named", "neither name 75 cents"),
        (answer("Sure, that is fine", cents=100), "amount_not_named", "neither name 100 cents"),
        (answer("Sure, that is fine", "refused", None), "no_denial", "the quoted words refuse nothing, expected the words with which"),
        ('{"quote": "a", "status": "refused", "status": "none", "cents": null}', "key_twice", "the key 'status' is given twice"),
        (answer(cents=5000), "amount_not_named", "neither name 5000 cents ($1 is 100 cents) nor agree to a message"),
        (answer(cents=1), "amount_not_named", "neither name 1 cents"),
    ],
)
def test_what_cannot_be_used_fails_by_name(raw, reason, sentence):
    with pytest.raises(ReplyError, match=re.escape(sentence)) as failed:
        read_answer(raw, SAID)
    assert (failed.value.reason, failed.value.raw) == (reason, raw)


@given(text=st.text(max_size=300), cents=st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=9)))
def test_any_answer_is_read_or_fails_by_name(text, cents):
    for raw in (text, answer(text, cents=cents), answer(text, "refused", cents)):
        try:
            stated, quote = read_answer(raw, SAID)
        except ReplyError:
            continue
        assert quote is not None and stated.turn in (1, 3) and (stated.cents is None) == (stated.status == "refused")


@given(st.data())
def test_every_run_of_words_of_the_persuadee_is_found_where_it_stands(data):
    text = "Well,  I’ll not\ngive a cent to that."
    words = [m.span() for m in re.finditer(r"\w[^ ]*\w|\w", text)]
    first = data.draw(st.integers(0, 2))
    last = data.draw(st.integers(2, len(words) - 1))
    quote = text[words[first][0] : words[last][1]]
    stated, _ = read_answer(answer(" ".join(quote.split()).upper(), "refused", None), [("persuadee", text)])
    assert text[slice(*stated.span)] == quote


@pytest.mark.parametrize(
    ("quote", "status", "cents", "reason"),
    [
        ("Hi", "refused", None, "no_denial"),
        ("I am not sure yet", "refused", None, "no_denial"),
        ("Hi", "amount", 200, "amount_not_named"),
        ("I am not sure yet", "amount", 200, "amount_not_named"),
    ],
)
def test_a_greeting_and_a_doubt_are_no_evidence(quote, status, cents, reason):
    dialogue = [("persuader", "Hi! Would you give $2?"), ("persuadee", "Hi, I am not sure yet.")]
    with pytest.raises(ReplyError) as failed:
        read_answer(answer(quote, status, cents), dialogue)
    assert failed.value.reason == reason


@pytest.mark.parametrize("said", ["Yes.", "OK then!", "Count me in", "Why not", "I don't mind", "I'll match that.", "That seems fair"])
def test_words_of_consent_answer_the_message_before_them_and_no_other(said):
    asked = [("persuader", "Would you give 80 cents?"), ("persuadee", said)]
    assert read_answer(answer(said, cents=80), asked)[0].turn == 1
    later = [*asked[:1], ("persuadee", "To whom?"), ("persuader", "To children."), ("persuadee", said)]
    with pytest.raises(ReplyError, match="neither name 80 cents"):
        read_answer(answer(said, cents=80), later)


def test_a_quote_that_stands_twice_is_read_where_it_is_evidence():
    dialogue = [("persuader", "Give 80 cents?"), ("persuadee", "Yes"), ("persuader", "Is it sunny there?"), ("persuadee", "Yes")]
    assert read_answer(answer("Yes", cents=80), dialogue)[0].turn == 1


@pytest.mark.parametrize(
    "said", ["No.", "I cannot.", "I'll keep it", "I give $0", "I’d rather save up", "Nothing from here", "I must decline"]
)
def test_words_of_denial_refuse(said):
    assert read_answer(answer(said, "refused", None), [("persuader", "Give?"), ("persuadee", said)])[0].status == "refused"


def test_words_that_deny_consent_to_nothing():
    dialogue = [("persuader", "Would you give $2?"), ("persuadee", "I can't do it")]
    with pytest.raises(ReplyError, match="neither name 200 cents"):
        read_answer(answer("I can't do it", cents=200), dialogue)
