"""Amounts on the tree of tokens: exact where it is known, silent where it is not."""

from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.token_probabilities import amount_probabilities
from vs_sim.reask import Token


def token(text, p=1.0, **others):
    """A token of probability p and the other tokens at its place; spaces and marks are spelt out in the names of these."""
    marks = {"close": "}", "point": ".", "space": " ", "end": ""}
    top = [(text, log(p)), *((marks.get(name.strip("_"), name.strip("_")), log(q)) for name, q in others.items())]
    return Token(text=text, logprob=log(p), top=tuple(top))


BEFORE = (token('{"'), token("reply"), token('":'), token(" "))


def test_an_amount_of_one_token_is_known_with_the_mark_behind_it():
    reply = (*BEFORE, token("50", 0.6, _0=0.3), token("}", 0.9, _0=0.1))
    assert amount_probabilities([reply]) == pytest.approx({50: 0.54})


def test_digits_are_put_together_and_other_ends_are_read_off():
    reply = (*BEFORE, token("5", 0.5, _0=0.3), token("0", 0.6, close=0.2, _5=0.2), token("}", 0.9, point=0.1))
    assert amount_probabilities([reply]) == pytest.approx({50: 0.5 * 0.6 * 0.9, 5: 0.5 * 0.2})


def test_replies_complete_each_other():
    one = (*BEFORE, token("5", 0.5, _0=0.4), token("0", 0.7, close=0.3), token("}"))
    other = (*BEFORE, token("0", 0.4, _5=0.5), token("}", 0.8, _0=0.2))
    assert amount_probabilities([one, other]) == pytest.approx({50: 0.35, 5: 0.15, 0: 0.32})


def test_the_same_reply_twice_counts_once():
    reply = (*BEFORE, token("50", 0.6), token("}", 0.9))
    assert amount_probabilities([reply] * 5) == pytest.approx({50: 0.54})


def test_tokens_may_hold_more_than_the_amount():
    assert amount_probabilities([(token('{"reply":'), token(" 50", 0.6), token("}\n", 0.9))]) == pytest.approx({50: 0.54})
    assert amount_probabilities([(token("<reply>"), token("25", 0.5), token("</", 0.8), token("reply>"))]) == pytest.approx({25: 0.4})
    quoted = (token('{"reply": "'), token("25", 0.5), token('"}', 0.8))
    assert amount_probabilities([quoted]) == pytest.approx({25: 0.4})
    fenced = (token("```json\n"), token('{"reply": '), token("25", 0.5), token("}", 0.8))
    assert amount_probabilities([fenced]) == pytest.approx({25: 0.4})


def test_only_replies_that_begin_alike_are_laid_over_each_other():
    usual = (*BEFORE, token("50", 0.6), token("}", 0.9))
    rare = (token('{ "reply":'), token(" 0", 0.9), token("}", 0.9))
    assert amount_probabilities([usual, rare, usual]) == pytest.approx({50: 0.54})


@pytest.mark.parametrize(
    "reply",
    [
        (token("50", 0.6),),  # nothing behind it: it might have gone on
        (*BEFORE, token("50", 0.6), token(".", 0.9), token("5", 0.9), token("}")),
        (*BEFORE, token("250", 0.6), token("}", 0.9)),
        (token("I give"), token(" 50", 0.6), token(" cents")),
        (),
    ],
    ids=["open end", "fraction", "above $2", "words", "nothing"],
)
def test_what_is_not_known_exactly_is_left_out(reply):
    assert amount_probabilities([reply]) == {}


digits = st.dictionaries(st.sampled_from(["0", "1", "20", "}", " ", ",", "x", ""]), st.integers(1, 9), min_size=1, max_size=6)


@given(st.lists(st.lists(digits, min_size=1, max_size=5), min_size=1, max_size=5))
def test_probabilities_never_exceed_1(levels):
    """Replies from a made-up model whose probabilities depend on the place only, and so agree with each other."""
    first = levels[0]
    normal = [{text: n / sum(level.values()) for text, n in level.items()} for level in first]
    replies = []
    for choice in range(4):
        picked = [list(level.items())[choice % len(level)] for level in normal]
        replies.append(
            (
                *BEFORE,
                *(
                    Token(text=t, logprob=log(p), top=tuple((a, log(b)) for a, b in level.items()))
                    for (t, p), level in zip(picked, normal, strict=True)
                ),
            )
        )
    found = amount_probabilities(replies)
    assert sum(found.values()) <= 1 + 1e-9
    assert all(0 <= cents <= 200 for cents in found)
