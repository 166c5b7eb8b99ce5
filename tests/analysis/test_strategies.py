"""Frequencies of strategies per conversation, how far readers agree, and the figure of them."""

import numpy as np
import pytest

from analysis.figure_files import save
from analysis.measure import render
from analysis.plots_strategies import figure
from analysis.strategies import NOTES, TITLES, Persuasion, annotated, marks_of, persuasion, quantities, strategies
from analysis.strategies_check import agree, check_strategies, render_agreement, render_check
from tests.strategy_runs import SAID, reference_of, transcript
from vs_sim.human.reference import load_human
from vs_sim.strategies import Label, Strategy, TurnId, TurnLabels

A, B = Strategy.LOGICAL_APPEAL, Strategy.EMOTION_APPEAL


def one(*turns, label="vs", person="p"):
    return Persuasion(label, "m", person, turns)


def numbers(conversation):
    return {quantity.name: value(conversation) for quantity, value in quantities()}


def test_a_turn_has_the_strategies_of_all_its_sentences(tmp_path):
    people = load_human(reference_of(tmp_path / "ref"))
    found = annotated(people)
    first = people.transcripts[0].spec.id
    assert {id_.turn: set(strategies_) for id_, strategies_ in found.items() if id_.conversation == first} == {
        0: {"source-related-inquiry"},
        2: {"emotion-appeal", "logical-appeal"},
        4: set(),
    }
    assert len({id_.conversation for id_ in found}) == 2, "what nobody annotated is missing, not none"


def test_labels_that_failed_are_missing():
    label = Label(strategy=A, quote="q", span=(0, 1))
    told = {"model": "m", "prompt": "0"}
    rows = [
        TurnLabels(conversation="a", turn=0, labels=(label,), **told),
        TurnLabels(conversation="a", turn=2, labels=(), **told),
        TurnLabels(conversation="a", turn=4, labels=None, **told),
    ]
    assert marks_of({row.id: row for row in rows}) == {TurnId("a", 0): {A}, TurnId("a", 2): frozenset()}


def test_conversations_are_cut_at_the_rounds_and_named_by_who_resembles_themselves():
    run = [transcript("a", number=3), transcript("b", SAID[:1]), transcript("c", failed=True)]
    marks = {TurnId("a", 0): frozenset({A}), TurnId("a", 4): frozenset({B})}
    first, second = persuasion(run, marks, [t.spec for t in run], 2, "persuadee")
    assert (first.label, first.persona, first.turns) == ("secret-arm", "secret-person3", (frozenset({A}), None))
    assert (second.turns, second.whole, first.whole) == ((None,), False, False)
    assert persuasion(run, marks, [t.spec for t in run], 2, "persuader")[0].persona == "secret-asker"


def test_shares_by_hand():
    found = numbers(one(frozenset({A, B}), frozenset({A}), frozenset(), frozenset()))
    assert (found["logical_appeal_turns"], found["logical_appeal_ever"]) == (0.5, 1)
    assert (found["emotion_appeal_turns"], found["personal_story_turns"], found["personal_story_ever"]) == (0.25, 0, 0)
    assert (found["no_strategy_turns"], found["n_strategies"]) == (0.5, 2)
    assert len(found) == 22


def test_a_turn_that_is_not_labelled_is_in_no_share_and_leaves_open_whether_ever():
    found = numbers(one(frozenset({A}), None, frozenset()))
    assert (found["logical_appeal_turns"], found["logical_appeal_ever"], found["emotion_appeal_ever"]) == (0.5, None, None)
    assert (found["no_strategy_turns"], found["n_strategies"]) == (0.5, None)
    assert set(numbers(one(None, None)).values()) == set(numbers(one()).values()) == {None}


def test_names_are_files_and_titles_fit_the_table():
    for quantity, _ in quantities():
        assert len(quantity.title) <= 23 and quantity.name.isidentifier()
    assert [*TITLES] == [*Strategy]


@pytest.fixture
def measured():
    run = [one(frozenset({A} if i % 2 else {B}), frozenset(), person=f"p{i}", label=label) for i in range(8) for label in ("x", "y")]
    people = [one(frozenset({A}), frozenset({A, B} if i % 3 else ()), person=f"h{i}", label="humans") for i in range(30)]
    return strategies(run, people, seed=1)


def test_conditions_stand_beside_the_humans(measured):
    by = {(m.name, m.label): m for m in measured}
    m = by["logical_appeal_turns", "x"]
    assert (m.value, m.human, m.n, m.n_human, m.side) == (0.25, pytest.approx(5 / 6), 8, 30, "below")
    assert m.low < 0.25 < m.high
    never = by["personal_story_ever", "y"]
    assert (never.value, never.low, never.high) == (0, 0, pytest.approx(1 - 0.025 ** (1 / 8)))
    text = render(measured, "Strategies", NOTES)
    assert max(map(len, text.splitlines())) <= 100
    assert "Donation info ever" in text


def test_the_figure_has_a_row_for_each_strategy(measured, tmp_path):
    drawn = figure(measured, note="Who labelled what.")
    turns, ever = drawn.axes
    assert [label.get_text() for label in turns.get_yticklabels()] == [*TITLES.values(), "Turns without any"]
    assert turns.get_ylim() == ever.get_ylim()
    assert [text.get_text() for text in drawn.legends[0].get_texts()][:2] == [
        "x (n = 8), mean with 95 % interval",
        "y (n = 8), mean with 95 % interval",
    ]
    png, pdf = save(drawn, tmp_path / "strategies")
    assert png.stat().st_size > 10_000 and pdf.is_file()
    with pytest.raises(ValueError, match="0 conditions to draw, expected 1 to 4"):
        figure([])


TURNS = [TurnId(f"c{i}", turn) for i in range(10) for turn in (0, 2)]
WHO = {f"c{i}": f"er{i // 2}" for i in range(10)}
PEOPLE = {id_: frozenset({A}) if id_.turn == 0 else frozenset() for id_ in TURNS}
MODEL = {id_: frozenset({A, B}) if id_.turn == 0 and id_.conversation < "c8" else frozenset() for id_ in TURNS}


def test_check_by_hand():
    model = {**{id_: found for id_, found in MODEL.items() if id_.conversation != "c0"}, TurnId("z", 0): frozenset({A})}
    by = {c.strategy: c for c in check_strategies(model, PEOPLE, WHO, seed=0)}
    logical = by[A]
    assert (logical.n_units, logical.n_dialogues, logical.n_annotated, logical.n_found) == (18, 9, 9, 7)
    assert (logical.precision, logical.recall) == (1.0, pytest.approx(7 / 9))
    assert logical.kappa.value == pytest.approx((16 / 18 - 0.5) / 0.5)
    assert logical.kappa.interval.low < logical.kappa.value <= logical.kappa.interval.high
    assert (by[B].precision, by[B].recall, by[B].kappa.value) == (0.0, None, 0.0)
    assert (by[None].n_annotated, by[None].n_found) == (9, 11)
    assert by[Strategy.PERSONAL_STORY].f1 is None and by[Strategy.PERSONAL_STORY].kappa.value is None
    text = render_check(list(by.values()), "m")
    assert max(map(len, text.splitlines())) <= 100
    assert "18 turns of 9 human dialogues" in text


def test_who_shares_no_turn_cannot_be_checked():
    assert check_strategies({TurnId("c0", 4): frozenset()}, PEOPLE, WHO, seed=0) == []
    with pytest.raises(ValueError, match="nothing checked to show"):
        render_check([], "m")


def test_agreement_of_several():
    half = {id_: found for id_, found in PEOPLE.items() if id_.conversation < "c5"}
    found = agree({"annotators": PEOPLE, "a\x1b[31m": MODEL, "b": half}, WHO, seed=0)
    assert found.readers["b"]["labelled"] == 10 and found.readers["annotators"]["none"] == 10
    assert [(p.first, p.second, p.n) for p in found.pairs][1:] == [("annotators", "b", 10), ("a\x1b[31m", "b", 10)]
    assert found.pairs[0].same_set == 0.5 and found.pairs[1].same_set == 1.0
    assert found.pairs[1].kappas["logical-appeal"].value == 1.0
    assert 0 < found.alphas["logical-appeal"].value < 1 and found.alphas["personal-story"].value is None
    text = render_agreement(found)
    assert max(map(len, text.splitlines())) <= 100 and "\x1b" not in text
    assert text.count("kappa") == 4


def test_the_same_seed_gives_the_same_numbers():
    first, second = (agree({"x": PEOPLE, "y": MODEL}, WHO, seed=3).model_dump() for _ in range(2))
    np.testing.assert_equal(first, second)
