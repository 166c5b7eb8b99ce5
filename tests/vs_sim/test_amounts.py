"""Which amounts a text names, and where."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vs_sim.amounts import find_amounts, plain

NAMED: list[tuple[str, list[tuple[int, str, str]]]] = [
    ("I'd give $1 or so", [(100, "$1", "money")]),
    ("two bucks and a quarter", [(225, "two bucks and a quarter", "money")]),
    ("two bucks, a quarter", [(200, "two bucks", "money"), (25, "a quarter", "money")]),
    ("a buck fifty", [(150, "a buck fifty", "money")]),
    ("$1 and 50 cents", [(150, "$1 and 50 cents", "money")]),
    ("$25 cents", [(25, "$25 cents", "money")]),
    (".30 cents", [(30, ".30 cents", "money")]),
    ("$1,50", [(150, "$1,50", "money")]),
    ("$1,500", [(150000, "$1,500", "money")]),
    ("half of the $2", [(100, "half of the $2", "money")]),
    ("half of my payment", [(100, "half of my payment", "share")]),
    ("10% of my earnings", [(20, "10% of my earnings", "share")]),
    ("a third of my pay", [(67, "a third of my pay", "share")]),
    ("50-75 cents", [(50, "50-75 cents", "range")]),
    ("between 50 cents and a dollar", [(50, "50 cents and a dollar", "range")]),
    ("from 50 cents up", [(50, "50 cents", "money")]),
    ("raise it from 50 cents to $1", [(50, "50 cents", "money"), (100, "$1", "money")]),
    ("2 kids", [(200, "2", "number")]),
    ("£3 a week, 5 euros", []),
    ("a few cents, a couple of dollars, every dollar", []),
    ("at 10:30, 1/2/2018 or 0.125", []),
    ("9" * 5000, []),
    ("", []),
]


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_the_amounts_of_a_text(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert [(a.cents, text[a.start : a.end], a.kind) for a in find_amounts(text)] == expected


def test_an_amount_on_top_is_marked() -> None:
    assert [a.more for a in find_amounts("5 more cents, another dollar, $1")] == [True, True, False]


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_plain_text_keeps_every_position(text: str) -> None:
    assert len(plain(text)) == len(text)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["${}", "{} dollars", "USD {}", "I'll give **${}**!", "“${}” — ok"]))
def test_whole_dollars_are_read_back(dollars: int, form: str) -> None:
    assert [a.cents for a in find_amounts(form.format(dollars))] == [100 * dollars]


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 99))
def test_cents_are_read_back_in_every_form(cents: int) -> None:
    for form in [f"{cents} cents", f"{cents}c", f"{cents}¢", f"$0.{cents:02}", f"$.{cents:02}", f"0.{cents:02} dollars"]:
        assert [a.cents for a in find_amounts(form)] == [cents]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.sampled_from("0123456789$¢%.,-/ abcdehlnorst£٣")))
def test_amounts_are_ordered_apart_and_not_negative(text: str) -> None:
    end = 0
    for amount in find_amounts(text):
        assert end <= amount.start < amount.end <= len(text)
        assert amount.cents >= 0
        end = amount.end
