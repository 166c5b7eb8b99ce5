"""What a speaker's model is shown, message by message, and how leave-taking is recognised."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vs_sim.chat import messages, refuses_to_continue, says_goodbye
from vs_sim.records import Role, Turn

SPEAKERS: dict[Role, str] = {"persuader": "Nurse", "persuadee": "Patient"}

SAID = ("Hi, how are you?", "Fine.\nAnd you?", "Good. Would you give?")


def turns(n: int) -> list[Turn]:
    return [Turn(index=i, role="persuadee" if i % 2 else "persuader", text=text) for i, text in enumerate(SAID[:n])]


def test_chat_form() -> None:
    assert messages(base="BASE", role="persuadee", turns=turns(3), tail="TAIL", form="chat", speakers=SPEAKERS) == [
        {"role": "system", "content": "BASE"},
        {"role": "user", "content": "Hi, how are you?"},
        {"role": "assistant", "content": "Fine.\nAnd you?"},
        {"role": "user", "content": "Good. Would you give?\n\n---\nTAIL"},
    ]
    assert messages(base="BASE", role="persuader", turns=turns(2), tail="TAIL", form="chat", speakers=SPEAKERS) == [
        {"role": "system", "content": "BASE"},
        {"role": "assistant", "content": "Hi, how are you?"},
        {"role": "user", "content": "Fine.\nAnd you?\n\n---\nTAIL"},
    ]


def test_chat_form_where_the_other_did_not_speak_last() -> None:
    assert messages(base="BASE", role="persuader", turns=[], tail="TAIL", form="chat", speakers=SPEAKERS) == [
        {"role": "system", "content": "BASE"},
        {"role": "user", "content": "TAIL"},
    ]
    assert messages(base="BASE", role="persuadee", turns=turns(2), tail="TAIL", form="chat", speakers=SPEAKERS) == [
        {"role": "system", "content": "BASE"},
        {"role": "user", "content": "Hi, how are you?"},
        {"role": "assistant", "content": "Fine.\nAnd you?"},
        {"role": "user", "content": "TAIL"},
    ]


def test_transcript_form() -> None:
    assert messages(base="BASE", role="persuadee", turns=turns(3), tail="TAIL", form="transcript", speakers=SPEAKERS) == [
        {"role": "system", "content": "BASE"},
        {
            "role": "user",
            "content": "The chat so far:\nNurse: Hi, how are you?\nYou: Fine. And you?\nNurse: Good. Would you give?\n\nTAIL",
        },
    ]
    assert messages(base="BASE", role="persuader", turns=[], tail="TAIL", form="transcript", speakers=SPEAKERS) == [
        {"role": "system", "content": "BASE"},
        {"role": "user", "content": "The chat has not begun yet.\n\nTAIL"},
    ]


@given(texts=st.lists(st.text(min_size=1), max_size=6), role=st.sampled_from(("persuader", "persuadee")))
def test_each_request_begins_like_the_one_before(texts: list[str], role: Role) -> None:
    said = [Turn(index=i, role="persuadee" if i % 2 else "persuader", text=text) for i, text in enumerate(texts)]
    whole = messages(base="BASE", role=role, turns=said, tail="TAIL", form="chat", speakers=SPEAKERS)
    for n in range(len(said)):
        earlier = messages(base="BASE", role=role, turns=said[:n], tail="TAIL", form="chat", speakers=SPEAKERS)
        assert whole[: len(earlier) - 1] == earlier[:-1]
    spoken = [m["role"] for m in whole[1:]]
    assert spoken[-1] == "user"
    assert all(a != b for a, b in itertools.pairwise(spoken))


@pytest.mark.parametrize(
    "text",
    [
        "Bye!",
        "ok good bye",
        "Goodbye then.",
        "Good-bye, and thanks",
        "bye bye",
        "Take care!",
        "take care of yourself, bye",
        "See you!",
        "see ya later.",
        "Thanks, see you around",
        "Have a great day!",
        "have a nice rest of your day",
        "Well, farewell.",
    ],
)
def test_goodbyes(text: str) -> None:
    assert says_goodbye(text)


@pytest.mark.parametrize(
    "text",
    [
        "Hello!",
        "They take care of children in need.",
        "I see you care a lot about them.",
        "It took so long to get paid.",
        "As long as you want, so long as it is safe.",
        "I had a great day.",
        "Good buy!",
        "The bylaws say so.",
        "",
    ],
)
def test_no_goodbyes(text: str) -> None:
    assert not says_goodbye(text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm done with this chat.",
        "I’m done talking.",
        "I am leaving this conversation",
        "Stop messaging me!",
        "Please leave me alone.",
        "I don't want to talk to you any more.",
        "I won't continue any longer",
        "This conversation is over.",
    ],
)
def test_refusals_to_continue(text: str) -> None:
    assert refuses_to_continue(text)


@pytest.mark.parametrize(
    "text",
    [
        "I don't want to donate.",
        "No, stop.",
        "I'm done with my lunch.",
        "When this conversation is over I will look it up.",
        "I may give once I am done with this study.",
        "I'm not done talking.",
        "I don't want to talk about money.",
        "Bye!",
        "",
    ],
)
def test_no_refusals_to_continue(text: str) -> None:
    assert not refuses_to_continue(text)


def test_a_refusal_to_give_more_is_no_refusal_to_continue() -> None:
    assert not refuses_to_continue("I won't give any more.")
    assert not refuses_to_continue("I do not want to give anything any longer.")
