"""Which donation a dialogue states: constructed dialogues of every kind, and what holds for any text at all."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vs_sim.amounts import find_amounts
from vs_sim.outcome import read_outcome, stated_donation
from vs_sim.records import Candidate, ConversationSpec, Decision, Role, StatedDonation, StopReason, Transcript, Turn, VerbalizedDistribution

ASK = "How much of your pay do you want to give to children in need?"
REFUSED, OPEN = "refused", "undetermined"


def read(*turns: str) -> StatedDonation:
    """The donation stated in a dialogue that the persuader opens."""
    roles: tuple[Role, Role] = ("persuader", "persuadee")
    return stated_donation([(roles[i % 2], text) for i, text in enumerate(turns)])


def reading(*turns: str) -> int | str:
    stated = read(*turns)
    return stated.status if stated.cents is None else stated.cents


DIALOGUES: list[tuple[tuple[str, ...], int | str]] = [
    # the persuader's amount counts if and only if it is accepted
    (("Would you give $1?", "Sure, I can do that."), 100),
    (("Would you give $1?", "Yes."), 100),
    (("Might I ask you for a gift, could you part with 25 cents?", "Yes, I am comfortable with that figure."), 25),
    (("How about 15 cents today?", "I can do that"), 15),
    (("How about a dollar?", "Deal!"), 100),
    (("Would you like to donate half of your payment?", "Absolutely, count me in."), 100),
    (("Would you give $1?", "No, sorry."), REFUSED),
    (("Would you give $1?", "I'll think about it."), OPEN),
    (("Would you give $1?", "Hmm, why do they need it?"), OPEN),
    (("Would you give $1?", "Yes, but not that much."), OPEN),
    (("Would you give $1?", "Maybe 20 cents."), 20),
    (("Would giving $2 be too much?", "Not at all, happy to do that."), 200),
    (("Would giving $2 be too much?", "Yes, it would."), OPEN),
    (("I'm giving $1. Will you match my donation of $1?", "Sure!"), 100),
    (("I am going to give 60 cents.", "I'll match that."), 60),
    (("I will donate 60 cents myself.", "Then I'll match your donation of 60 cents."), 60),
    (("I'll donate 40 cents. What about you?", "I'll do the same."), 40),
    (("I gave $2 myself.", "That is generous of you."), OPEN),
    (("Anything between $0 and $2 is possible. Will you donate?", "Yes, I would."), OPEN),
    (("May I suggest 50 cents or even $1?", "Yes."), OPEN),
    (("Only $5 a month feeds a child. Have you heard of them?", "Yes, I have."), OPEN),
    (("Would you give $1? Do you have kids?", "Yes, two."), OPEN),
    (("Would you give $1?", "Tell me more.", "They help children.", "Sure, sounds like a good cause."), OPEN),
    # corrections, raising, lowering, confirming
    ((ASK, "50 cents.", "Could you do $1?", "Okay, I can do $1."), 100),
    ((ASK, "50 cents.", "Could you do $1?", "Sure, I can do that."), 100),
    ((ASK, "50 cents.", "Could you do $1?", "No, sorry."), 50),
    ((ASK, "50 cents.", "Could you give more?", "No thanks, that's all I can do."), 50),
    ((ASK, "50 cents.", "Could you give more?", "I can't donate more than that."), 50),
    ((ASK, "I'll give 50 cents.", "Great!", "I offered 50 cents before, but I'd like to make it $1 now."), 100),
    ((ASK, "I'll give $2.", "Thank you!", "Actually, let me lower that to 50 cents."), 50),
    ((ASK, "I'll give 10 cents.", "Could you add a little?", "I can put in 5 more cents."), 15),
    ((ASK, "I'll give $1.", "Thanks!", "I'd like to add another dollar."), 200),
    ((ASK, "I'll give 50 cents.", "Any more?", "I'll raise my donation from 50 cents to $1."), 100),
    ((ASK, "I'll give $2. Wait, make it $1.", "Thanks.", "You're welcome."), 100),
    ((ASK, "I'll give 50 cents.", "So 50 cents, is that correct?", "Yes."), 50),
    ((ASK, "I'll give 50 cents.", "Did you know that $2 feeds ten children?", "Wow, I had no idea!"), 50),
    ((ASK, "I'll give 10 cents.", "Thank you!", "I said 10 because money is tight."), 10),
    # withdrawal and change of mind
    ((ASK, "I'll give $1.", "Thank you!", "Actually, I changed my mind. I won't donate."), REFUSED),
    ((ASK, "I'll give $1.", "Thank you!", "Please cancel my donation."), REFUSED),
    ((ASK, "I'll give $1.", "Thank you!", "On second thought, I won't give $1."), OPEN),
    ((ASK, "I'll give $1.", "Thank you!", "Hmm, let me think it over."), OPEN),
    ((ASK, "No thanks.", "Not even 10 cents?", "Okay, I will give 10 cents."), 10),
    ((ASK, "No thanks.", "Could you do 10 cents?", "Fine, I can do that."), 10),
    ((ASK, "No thanks.", "They need help.", "Okay, I will donate something."), OPEN),
    ((ASK, "No thanks.", "I understand.", "Have a nice day."), REFUSED),
    ((ASK, "I'd rather not donate.", "I see. I gave $1 myself.", "Good for you."), REFUSED),
    ((ASK, "Sure, 50 cents.", "Thanks! Do you like dogs?", "No, I have two cats."), 50),
    ((ASK, "Let me think.", "Take your time.", "I decided to donate 75 cents."), 75),
    (("Hello!", "Hi, how are you?", "Have you heard of Save the Children?", "No."), OPEN),
    (("Hello!", "Hi."), OPEN),
    # short and long answers to a proposal, and a "no" to more
    (("Would you consider donating $1?", "I think I can manage that."), 100),
    (("Would you consider donating $1?", "That's a bit much for me. Could I do 50 cents?"), 50),
    (("Would you consider donating $1?", "Okay, sure. You've convinced me."), 100),
    (("Would you consider donating $1?", "That sounds reasonable. Let's do it."), 100),
    (("Would you consider donating $1?", "Yes, I would be happy to contribute to such a great cause."), 100),
    (("Would you consider donating $1?", "I'm not sure."), OPEN),
    (("Would you consider donating $1?", "That seems like a lot."), OPEN),
    (("Would you consider donating $1?", "I'd rather give half of that."), 50),
    (("Would you consider donating $1?", "Half of that, yes."), 50),
    (("Would you consider donating $1?", "I'd love to!"), 100),
    (("Would you consider donating $1?", "I can't do that much."), OPEN),
    (("Would you consider donating $1?", "Not right now."), REFUSED),
    (("Would you consider donating $1?", "Yes, that works for me. Thanks for explaining!"), 100),
    (("Would you consider donating $1?", "What would my $1 do?"), OPEN),
    (("Would you consider donating $1?", "$1? That's not bad, I could probably do that."), 100),
    (("Would you consider donating $1?", "$1? No way."), REFUSED),
    (("Could you spare 50 cents, or even a dollar?", "A dollar is fine."), 100),
    (("Could you spare 50 cents?", "Why not?"), 50),
    (("Could you spare 50 cents?", "I guess so."), 50),
    (("Could you spare 50 cents?", "Of course!"), 50),
    (("Could you spare 50 cents?", "Yes, but how do I know it's legit?"), OPEN),
    (("Could you spare 50 cents?", "Sure, but only if you do too."), OPEN),
    (("Could you spare 50 cents?", "Okay. How do they use the money?"), OPEN),
    (("Could you spare 50 cents?", "Yes. How do I do it?"), 50),
    (("So can I put you down for $1?", "Yes please."), 100),
    (("So can I put you down for $1?", "Let me think about it first."), OPEN),
    (("Every $1 helps. Will you donate?", "Yes, I will."), OPEN),
    (("I'll give 50 cents if you do. Deal?", "Deal."), OPEN),
    (("I plan to give 50 cents. Would you join me?", "I'll match you."), 50),
    (("I plan to give 50 cents. Would you join me?", "Me too!"), 50),
    ((ASK, "$1", "Thank you, $1 it is! They also have a website.", "I don't want to sign up for more, thanks."), 100),
    ((ASK, "$1", "Can I interest you in a monthly donation?", "No, I can't donate monthly."), 100),
    ((ASK, "$1", "Thank you so much for your donation of $1!", "You're welcome. I wish I could give $2."), 100),
    ((ASK, "I'll donate $1.", "Are you sure you can't make it $2?", "I'm sure. $2 is too much for me."), 100),
    ((ASK, "I'll donate $1.", "Would you make it $2?", "No, I'd rather stay at $1."), 100),
    ((ASK, "I'll donate $1.", "Would you make it $2?", "I'd rather not."), 100),
    ((ASK, "I'll donate $1.", "Would you make it $2?", "I'm going to pass on that."), 100),
    ((ASK, "I'll donate $1.", "Would you make it $2?", "No, I won't give $2."), 100),
    ((ASK, "I'll donate $1.", "Would you make it $2?", "I'll think about it."), 100),
    ((ASK, "I'll donate $1.", "Would you make it $2?", "Okay, you win."), 200),
    ((ASK, "I'll donate $1.", "So you will donate $1?", "No, I changed my mind."), REFUSED),
    ((ASK, "I'll donate $1.", "So you will donate $1?", "No."), REFUSED),
    ((ASK, "I'll donate $1.", "Thanks!", "Actually never mind, I can't donate after all."), REFUSED),
    ((ASK, "I'll donate $1.", "Thanks!", "Actually, I'd rather keep my money."), REFUSED),
    ((ASK, "I'll donate $1.", "Thanks!", "I won't be able to stay much longer."), 100),
    ((ASK, "I'll donate $1.", "Thanks!", "I can't believe how many children suffer."), 100),
    ((ASK, "I'll donate $1.", "Do you want to hear more?", "No thanks."), 100),
    ((ASK, "I'll donate $1.", "Anything else you want to ask?", "No, thank you."), 100),
    ((ASK, "I'll donate $1.", "Have you donated before?", "No, never. I donated blood once."), 100),
    ((ASK, "I can't donate.", "Even 5 cents helps!", "Alright, 5 cents then."), 5),
    ((ASK, "I can't donate.", "Even 5 cents helps!", "I said no."), REFUSED),
    ((ASK, "I can't donate.", "Why not?", "Money is tight."), REFUSED),
    ((ASK, "I can't donate.", "Why?", "I only make $3 an hour."), REFUSED),
    ((ASK, "I'd like to give 20 cents.", "Could you add 30 cents?", "Sure, make it 50 cents total."), 50),
    ((ASK, "I'll give $1 now and another $1 next week.", "Great!", "Bye!"), 100),
]


@pytest.mark.parametrize(("turns", "expected"), DIALOGUES)
def test_the_last_standing_commitment_of_a_dialogue_is_read(turns: tuple[str, ...], expected: int | str) -> None:
    assert reading(*turns) == expected


def test_the_span_points_to_the_words_of_the_persuadee() -> None:
    text = "Well… I’ll donate **fifty cents** today."
    stated = read(ASK, text)
    assert stated.turn == 1
    assert stated.span is not None
    assert text[slice(*stated.span)] == "fifty cents"


def test_the_span_of_an_accepted_proposal_is_in_the_persuaders_turn() -> None:
    asked = "It is a good cause. Would you give $1?"
    stated = read(asked, "Sure, I can do that.")
    assert (stated.cents, stated.turn) == (100, 0)
    assert stated.span is not None
    assert asked[slice(*stated.span)] == "$1"


def test_nothing_said_has_no_turn_and_a_range_has_one() -> None:
    assert read("Hello!", "Hi.").turn is None
    ranged = read(ASK, "Between 50 cents and a dollar.")
    assert (ranged.status, ranged.turn) == ("undetermined", 1)
    assert stated_donation([]) == StatedDonation(status="undetermined")


def transcript(turns: list[str], decided: int | None) -> Transcript:
    roles: tuple[Role, Role] = ("persuader", "persuadee")
    spec: dict[str, Any] = {
        "id": "0" * 16, "seed": 1, "condition": "direct", "persuader_model": "m", "persuadee_model": "m", "persuader": "a",
        "persuadee": "b", "replicate": 0,
    }  # fmt: skip
    candidates = (Candidate(text=str(decided), stated=1.0, probability=1.0),)
    distribution = VerbalizedDistribution(candidates=candidates, calls=())
    return Transcript(
        spec=ConversationSpec(**spec),
        turns=tuple(Turn(index=i, role=roles[i % 2], text=text) for i, text in enumerate(turns)),
        decision=None if decided is None else Decision(amount=decided, distribution=distribution, drawn=0),
        stop_reason=StopReason.ROUNDS_DONE, failure=None, started="2025-01-01T00:00:00Z", seconds=1.0, vs_sim="0",
    )  # fmt: skip


def test_an_outcome_has_both_donations() -> None:
    outcome = read_outcome(transcript([ASK, "I'll give $1."], 20))
    assert (outcome.stated_cents, outcome.actual_cents) == (100, 20)


def test_a_missing_decision_is_missing_and_a_refusal_is_zero() -> None:
    outcome = read_outcome(transcript([ASK, "No thanks."], None))
    assert outcome.stated_cents == 0
    assert outcome.actual_cents is None
    assert read_outcome(transcript([ASK, "Nice weather."], 0)).stated_cents is None


WORDS = [
    "$1",
    "50 cents",
    ".25",
    "half",
    "all of it",
    "i'll",
    "give",
    "won't",
    "not",
    "yes",
    "no",
    "?",
    ".",
    ",",
    "but",
    "if",
    "you",
    "a quarter",
    "2",
]
SPEECH = st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))
TURNS = st.lists(st.tuples(st.sampled_from(["persuader", "persuadee"]), SPEECH), max_size=8)


@settings(max_examples=300, deadline=None)
@given(TURNS)
def test_any_text_at_all_gives_a_consistent_reading(turns: list[tuple[Role, str]]) -> None:
    stated = stated_donation(turns)
    assert (stated.cents is not None) == (stated.status == "amount")
    assert (stated.turn is None) == (stated.span is None)
    assert stated.cents is None or stated.cents > 0
    if stated.status != "undetermined":
        assert stated.turn is not None
    if stated.turn is not None and stated.span is not None:
        role, text = turns[stated.turn]
        start, end = stated.span
        assert 0 <= start < end <= len(text)
        assert role == "persuadee" or (stated.status == "amount" and turns[stated.turn + 1][0] == "persuadee")
        if stated.status == "amount":
            assert find_amounts(text[start:end])


@settings(max_examples=100, deadline=None)
@given(TURNS)
def test_a_persuader_alone_states_nothing(turns: list[tuple[Role, str]]) -> None:
    assert stated_donation([("persuader", text) for _, text in turns]) == StatedDonation(status="undetermined")


@pytest.mark.parametrize(
    "piece", ["a", " ", "\0", "$1 ", "$1. ", "5 (", "I. ", "twenty-", "I'd give $1 if ", "half of the ", "no, ", "1,000,", "my total ", "-"]
)  # fmt: skip
def test_a_huge_turn_takes_under_a_second(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    for turns in [(ASK, text), (text, "Sure.")]:
        start = time.process_time()
        read(*turns)
        assert time.process_time() - start < 1.0


def test_the_end_of_a_huge_turn_is_read_and_its_span_is_right() -> None:
    text = "word " * 20_000 + "I will donate 75 cents."
    stated = read(ASK, text)
    assert stated.cents == 75
    assert stated.span is not None
    assert text[slice(*stated.span)] == "75 cents"
