"""Which donation constructed dialogues state (the table is in said.txt), and that the way an amount is written does not matter."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vs_sim.outcome import stated_donation
from vs_sim.records import Role, StatedDonation

Case = Callable[[str], str]
ASK = "How much of your pay do you want to give to children in need?"


def dialogues() -> list[tuple[str, str, list[tuple[Role, str]]]]:
    """Kind, reading and turns of every row of the table."""
    rows: list[tuple[str, str, list[tuple[Role, str]]]] = []
    kind = ""
    for line in (Path(__file__).parent / "said.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            expected, said = line.split(" | ", 1)
            turns: list[tuple[Role, str]] = [] if said.startswith("P: ") else [("persuader", ASK)]
            for turn in said.replace("\\n", "\n").split(" / "):
                turns.append(("persuader", turn.removeprefix("P: ")) if turn.startswith("P: ") else ("persuadee", turn))
            rows.append((kind, expected, turns))
    return rows


def reading(stated: StatedDonation) -> str:
    return {"refused": "refused", "undetermined": "?"}.get(stated.status, str(stated.cents))


@pytest.mark.parametrize(("kind", "expected", "turns"), dialogues())
def test_a_constructed_dialogue_is_read(kind: str, expected: str, turns: list[tuple[Role, str]]) -> None:
    assert reading(stated_donation(turns)) in expected.split("/"), kind


def test_the_table_has_many_dialogues_of_every_kind() -> None:
    rows = dialogues()
    assert len(rows) > 300
    assert len({kind for kind, _, _ in rows}) >= 17


AMOUNTS = {
    25: ["25 cents", "a quarter", "$0.25", "$.25", "25c", "twenty-five cents", "25¢", "0.25 dollars", "USD 0.25"],
    50: ["50 cents", "fifty cents", "half a dollar", "$0.50", ".50", "$0,50", "５０ cents", "＄0.50"],
    100: ["$1", "one dollar", "a buck", "1 dollar", "$1.00", "USD 1", "half of my payment", "50% of my payment", "1 usd"],
    150: ["$1.50", "a dollar fifty", "a buck and a half", "one dollar and fifty cents", "1,50 dollars"],
    200: ["$2", "two bucks", "my whole payment", "100% of my payment", "the whole two dollars"],
}
WRITTEN = st.sampled_from([(cents, form) for cents, forms in AMOUNTS.items() for form in forms])
AROUND = ["{}", "**{}**", "_{}_", "*{}*", "[{}]", "({})", "“{}”", "`{}`", '"{}"', "<b>{}</b>", " {} ", "{}!!!", "~{}~"]
SAID = ["I'll donate {}.", "I’d like to give {} to the children.", "Sure, {} it is.", "I will\ndonate {}", "{}", "Okay, I can do {}."]


@settings(max_examples=300, deadline=None)
@given(
    WRITTEN,
    st.sampled_from(AROUND),
    st.sampled_from(SAID),
    st.sampled_from([str, str.upper, str.title]),
    st.sampled_from([" ", "  ", "\u00a0"]),
)
def test_case_emphasis_and_spaces_do_not_change_an_amount(written: tuple[int, str], around: str, said: str, case: Case, space: str) -> None:
    cents, form = written
    text = case(said.format(around.format(form))).replace(" ", space)
    stated = stated_donation([("persuader", ASK), ("persuadee", text)])
    assert stated.cents == cents
    assert stated.span is not None
    assert 0 <= stated.span[0] < stated.span[1] <= len(text)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(dialogues()), st.sampled_from([str.upper, str.title]))
def test_case_does_not_change_a_dialogue(row: tuple[str, str, list[tuple[Role, str]]], case: Case) -> None:
    _, expected, turns = row
    assert reading(stated_donation([(role, case(text)) for role, text in turns])) in expected.split("/")


@pytest.mark.parametrize("payment", [30, 200, 1000])
def test_a_share_is_one_of_the_payment(payment: int) -> None:
    turns: list[tuple[Role, str]] = [("persuader", ASK), ("persuadee", "I'll give half of my payment.")]
    assert stated_donation(turns, payment).cents == payment // 2


@pytest.mark.parametrize(
    "piece", ["*nods ", "(smiles", "\\'", '": ', "50 of ", "double it ", "half of the 2 ", "task pays ", "＄", "½ ", "every cent of "]
)  # fmt: skip
def test_a_huge_turn_takes_under_a_second(piece: str) -> None:
    text = piece * (50_000 // len(piece))
    for turns in ([("persuader", ASK), ("persuadee", text)], [("persuader", text), ("persuadee", "Sure.")]):
        start = time.process_time()
        stated_donation(turns)  # type: ignore[arg-type]
        assert time.process_time() - start < 1.0
