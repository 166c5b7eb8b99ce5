"""Dialogues whose people say that the task pays thirty cents are found, gifts of thirty cents are not taken for pay."""

from __future__ import annotations

import pytest

from vs_sim.human.filters import FILTERS, Facts, kept, pay_cents


@pytest.mark.parametrize(
    "said",
    [
        "My reward here is $0.30 only.",
        "This HIT is worth 30 cents.",
        "You may choose anything from $0 to $.30",
        "You can go up to .30 today",
        "Take my 30 cents!",
        "We get .30$ for the task",
        "I like that. So let us give the whole 30c.",
        "They promised me 0.30 for it",
    ],
)
def test_pay_of_thirty_cents_is_found(said: str) -> None:
    assert pay_cents(["Hello.", said]) == 30


@pytest.mark.parametrize(
    "said",
    [
        "I will give 30 cents.",
        "A 30 cent donation from my payment would be fine.",
        "I would make a donation of about $0.30 from my pay",
        "The payment is $2, and I can give more than 30 cents.",
        "I was paid $0.305 once for a task",
        "The task takes 30 minutes and pays $2.30.",
        "I give 30 cents. The task is nice.",
        "My pay is 1.30",
        "I earn $30 a day",
        "It starts at 11:30 and the pay is good",
        "",
    ],
)
def test_other_words_about_thirty_are_no_pay(said: str) -> None:
    assert pay_cents([said]) is None


def test_filters_keep_by_pay_and_by_place() -> None:
    facts = [Facts(0, None), Facts(21, 30), Facts(40, None)]
    assert kept("all", facts) == (0, 1, 2)
    assert kept("paid_2", facts) == kept("paper", facts) == (0, 2)
    assert kept("paper_test", facts) is None


def test_the_test_dialogues_of_the_paper_are_two_hundred() -> None:
    everywhere = [Facts(row, None) for row in range(20_932)]
    found = kept("paper_test", everywhere)
    assert found is not None and len(found) == 200
    assert kept("paper_test", everywhere[:-200]) is None
    assert kept("paper_test", [Facts(None, None)] * 300) is None
    assert all("\n" not in one.rule for one in FILTERS.values())
