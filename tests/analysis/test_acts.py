"""What persuadees do in a sentence, typed and polished; and how the check of the rules counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.acts import Act, acts, asks_for_gift
from analysis.acts_check import LABELS, AnnotatedTurn, FirstAgreement, annotated_turns, check_acts, check_first_agreement, render, tuned_on
from tests.human_data import Talk, write_csv
from vs_sim.human.importer import import_human

ASK = "It feeds and teaches children. Would you give a part of what you earn here to Save the Children?"
TOLD = "They work in more than a hundred countries."


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("sure, happy to", ASK),
        ("Yes, I would.", ASK),
        ("ok count me in", TOLD),
        ("i will donate", TOLD),
        ("After everything you have told me, I would be glad to contribute a little.", TOLD),
        ("Let's make it 40 cents.", ASK),
        ("I'll match that.", "I am giving 30 cents. Would you join me?"),
    ],
)
def test_agreement(said, heard):
    assert Act.AGREES in acts(said, heard)
    assert Act.REFUSES not in acts(said, heard)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Yes, I do.", "Do you know this charity?"),
        ("I might donate if I get a raise", ASK),
        ("I usually donate to my church.", TOLD),
        ("How would I donate?", ASK),
        ("That sounds important.", TOLD),
        ("I would not donate a cent", ASK),
        ("Maybe next month.", ASK),
    ],
)
def test_no_agreement(said, heard):
    assert Act.AGREES not in acts(said, heard)


def test_an_amount_is_named_by_the_one_who_says_it():
    assert Act.NAMES_AMOUNT in acts("I can do 25 cents", ASK)
    accepted = acts("Yes, that works for me.", "How about 25 cents?")
    assert Act.AGREES in accepted and Act.NAMES_AMOUNT not in accepted
    assert Act.NAMES_AMOUNT not in acts("I paid $30 for shoes last week.", TOLD)


@pytest.mark.parametrize(
    "said",
    [
        "no thanks",
        "I won't be donating anything",
        "i cant donate right now",
        "I'm going to have to respectfully decline.",
        "I'm not comfortable giving to this at the moment, though I appreciate the work.",
        "I'll stick with $0",
        "I think I'd rather keep the payment.",
    ],
)
def test_refusal_is_resistance(said):
    assert {Act.REFUSES, Act.RESISTS} <= acts(said, ASK)


@pytest.mark.parametrize(
    "said",
    ["I will give $0.30", "I wouldn't mind giving a bit.", "I have not donated to them before.", "No, never heard of it.", "Why not?"],
)
def test_no_refusal(said):
    assert Act.REFUSES not in acts(said, "Have you heard of Save the Children?")


def test_no_is_a_refusal_only_where_a_gift_was_asked_for():
    assert Act.REFUSES in acts("No, sorry.", ASK)
    assert Act.REFUSES not in acts("No, sorry.", "Have you been to one of their shops?")


@pytest.mark.parametrize(
    ("said", "way"),
    [
        ("Money is tight for me right now.", Act.PLEADS_MEANS),
        ("i can barely afford my rent", Act.PLEADS_MEANS),
        ("As a struggling student, I have to watch every dollar.", Act.PLEADS_MEANS),
        ("I don't trust big charities, honestly.", Act.DOUBTS_CHARITY),
        ("most of it pays the ceo's salary", Act.DOUBTS_CHARITY),
        ("I worry that the money never reaches the people it is meant for.", Act.DOUBTS_CHARITY),
        ("I already give to the food bank in my town", Act.GIVES_ELSEWHERE),
        ("I'd rather give to a local shelter.", Act.GIVES_ELSEWHERE),
    ],
)
def test_ways_of_resisting(said, way):
    found = acts(said, TOLD)
    assert {way, Act.RESISTS} <= found
    assert not found & ({Act.PLEADS_MEANS, Act.DOUBTS_CHARITY, Act.GIVES_ELSEWHERE} - {way})


@pytest.mark.parametrize("said", ["Those poor kids are broke.", "That is a great cause!", "They do good work with little money."])
def test_pity_and_praise_are_no_resistance(said):
    assert Act.RESISTS not in acts(said, TOLD)


@pytest.mark.parametrize(
    ("said", "about_charity"),
    [
        ("What do they do with the money?", True),
        ("where are the kids located", True),
        ("Who is behind this organization, if I may ask?", True),
        ("Have you donated to them yourself?", False),
        ("how do i donate", False),
        ("How much would you suggest I give?", False),
    ],
)
def test_questions(said, about_charity):
    found = acts(said, TOLD)
    assert Act.ASKS in found
    assert (Act.ASKS_CHARITY in found) is about_charity


@pytest.mark.parametrize(
    "said", ["Hi, how are you today?", "I'm fine, and you?", "Oh really?", "What a lovely idea.", "I know where it is."]
)
def test_pleasantries_and_statements_are_no_questions(said):
    assert Act.ASKS not in acts(said, TOLD)


def test_only_the_last_question_asks_for_a_gift():
    assert asks_for_gift(ASK)
    assert asks_for_gift("How much would you like to give?")
    assert not asks_for_gift(ASK + " By the way, do you have children?")
    assert not asks_for_gift("Have you ever donated to a charity?")
    assert not asks_for_gift("")


def test_talk_of_giving_can_be_refused_but_not_agreed_to_by_a_word():
    heard = "We can give these children a future with a donation."
    assert asks_for_gift(heard, plainly=False) and not asks_for_gift(heard)
    assert Act.REFUSES in acts("No, sorry.", heard)
    assert Act.AGREES not in acts("Sure.", heard)


@given(st.text(max_size=200), st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_read_the_same_way_twice_and_keeps_its_implications(said, heard):
    found = acts(said, heard)
    assert found == acts(said, heard)
    assert Act.NAMES_AMOUNT not in found or Act.AGREES in found
    assert not found & {Act.REFUSES, Act.PLEADS_MEANS, Act.DOUBTS_CHARITY, Act.GIVES_ELSEWHERE} or Act.RESISTS in found


# The check -------------------------------------------------------------------------------------------------------------------------

HELD_OUT = [id_ for id_ in (f"d{n}" for n in range(60)) if not tuned_on(id_)][:20]
SEEN = [id_ for id_ in (f"d{n}" for n in range(60)) if tuned_on(id_)][:10]


NOTHING = FirstAgreement(
    n_dialogues=0, n_labelled=0, n_read=0, n_both=0, share_same=None, share_near=None, mean_difference=None, low=None, high=None
)


def turn(dialogue, *sentences):
    return AnnotatedTurn(dialogue, dialogue, ASK, tuple((text, frozenset({label} if label else ())) for text, label in sentences))


def test_the_check_counts_sentences_turns_and_dialogues_of_the_unseen_half():
    yes, missed, wrong = ("I will donate", "agree-donation"), ("Blue.", "agree-donation"), ("I will give gladly", "acknowledgement")
    turns = [turn(id_, yes, ("It is late.", "other")) for id_ in HELD_OUT]  # right in each of 20
    turns += [turn(id_, missed) for id_ in HELD_OUT[:10]]
    turns += [turn(id_, wrong) for id_ in HELD_OUT[:5]]
    turns += [turn(id_, missed) for id_ in SEEN]
    of = {(c.act, c.unit): c for c in check_acts(turns, n_resamples=200)}
    sentence = of[Act.AGREES, "sentence"]
    assert (sentence.n_units, sentence.n_dialogues, sentence.n_annotated, sentence.n_found) == (55, 20, 30, 25)
    assert (sentence.precision, sentence.recall) == (20 / 25, 20 / 30)
    assert sentence.f1 == pytest.approx(2 * 20 / 55)
    assert sentence.f1_tuned == 0.0
    assert sentence.recall_low is not None and sentence.recall_low < 20 / 30 < sentence.recall_high
    assert of[Act.AGREES, "turn"].n_units == 35
    assert (of[Act.AGREES, "dialogue"].n_annotated, of[Act.AGREES, "dialogue"].f1) == (20, 1.0)


def test_what_cannot_be_computed_is_none_and_shown_as_a_dash():
    checked = check_acts([turn(HELD_OUT[0], ("I am broke, I need the money.", "negative-reaction-to-donation"))])
    of = {(c.act, c.unit): c for c in checked}
    none = of[Act.ASKS, "turn"]
    assert (none.precision, none.recall, none.f1, none.f1_low, none.f1_tuned) == (None,) * 5
    part = of[Act.PLEADS_MEANS, "turn"]
    assert (part.precision, part.recall, part.f1) == (1.0, None, None)
    assert {c.act for c in checked} == set(LABELS) == set(Act)
    table = render(checked, NOTHING)
    assert max(map(len, table.splitlines())) <= 100
    row = next(line for line in table.splitlines() if line.startswith("asks "))
    assert row.split() == ["asks", "0", "0", "-", "-", "-", "-"]
    with pytest.raises(ValueError, match="there is nothing checked to show, expected at least one act"):
        render([], NOTHING)


def test_intervals_cover_the_precision_that_the_dialogues_were_made_with():
    import numpy as np

    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(40):
        labels = rng.random(20) < 0.6
        turns = [turn(id_, ("I will donate", "agree-donation" if right else "other")) for id_, right in zip(HELD_OUT, labels, strict=True)]
        c = next(c for c in check_acts(turns, n_resamples=200) if (c.act, c.unit) == (Act.AGREES, "sentence"))
        covered += c.precision_low is not None and c.precision_low <= 0.6 <= c.precision_high
    assert covered >= 33


def test_dialogues_of_one_person_are_no_more_evidence_than_one():
    def precision(people):
        found = []
        for n, (id_, who) in enumerate(zip(HELD_OUT, people, strict=True)):
            labels = frozenset({"agree-donation" if n % 4 < 2 else "other"})
            found.append(AnnotatedTurn(id_, who, ASK, (("I will donate", labels),)))
        return next(c for c in check_acts(found, n_resamples=1000) if (c.act, c.unit) == (Act.AGREES, "dialogue"))

    alone, pairs = precision(range(20)), precision([n // 2 for n in range(20)])
    assert alone.n_dialogues == pairs.n_dialogues == 20 and alone.precision == pairs.precision == 0.5
    assert pairs.precision_high - pairs.precision_low > 1.25 * (alone.precision_high - alone.precision_low)


def test_a_precision_of_one_has_the_exact_interval():
    of = {(c.act, c.unit): c for c in check_acts([turn(id_, ("I will donate", "agree-donation")) for id_ in HELD_OUT], n_resamples=50)}
    c = of[Act.AGREES, "turn"]
    assert (c.precision, c.precision_low, c.precision_high) == (1.0, pytest.approx(0.025 ** (1 / 20)), 1.0)


def test_half_of_all_dialogues_are_unseen():
    assert 0.45 < sum(map(tuned_on, (f"2018_{n}_live" for n in range(2000)))) / 2000 < 0.55


def test_annotated_turns_of_a_reference_carry_what_was_heard(tmp_path):
    talk = Talk(
        "2018_1_live",
        turns=("Hi, would you give some?", "Sure! What for?", "Children.", "Fine."),
        annotated=True,
        acts=(
            (0, "Hi, would you give some?", "greeting", ""),
            (1, "Sure!", "agree-donation", ""),
            (1, "What for?", "ask-org-info", "thank"),
        ),
    )
    reference = import_human(write_csv(tmp_path / "data", [talk], annotated="300_"), tmp_path / "ref")
    labels = ("Sure!", frozenset({"agree-donation"})), ("What for?", frozenset({"ask-org-info", "thank"}))
    assert annotated_turns(reference) == [AnnotatedTurn("2018_1_live", "user_2", "Hi, would you give some?", labels)]


def test_the_first_agreement_is_compared_by_its_round(tmp_path):
    def talk(id_, turns, labelled):
        return Talk(id_, ("user_1", f"user_{id_}"), turns=turns, annotated=True, acts=((labelled, turns[labelled], "agree-donation", ""),))

    soon = (ASK, "I will donate.", TOLD, "I will donate.")
    late = (TOLD, "Nice.", ASK, "I will donate.")
    never = (TOLD, "Nice.", TOLD, "Blue.")
    talks = [
        *(talk(id_, soon, 1) for id_ in HELD_OUT[:2]),
        talk(HELD_OUT[2], soon, 3),
        talk(HELD_OUT[3], late, 3),
        talk(HELD_OUT[4], never, 3),
        talk(SEEN[0], never, 3),
    ]
    reference = import_human(write_csv(tmp_path / "data", talks, annotated="300_"), tmp_path / "ref")
    first = check_first_agreement(reference, n_resamples=200)
    assert (first.n_dialogues, first.n_labelled, first.n_read, first.n_both) == (5, 5, 4, 4)
    assert (first.share_same, first.share_near, first.mean_difference) == (0.75, 1.0, -0.25)
    assert first.low is not None and first.low < -0.25 < first.high
    assert "the rules are -0.25" in " ".join(render(check_acts(annotated_turns(reference), n_resamples=20), first).split())
