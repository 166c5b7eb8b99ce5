"""The course of dialogues of known dynamics, the shares over the rounds, their intervals, and the figure."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis import curves as over_rounds
from analysis.acts import Act
from analysis.curves import by_round, curves, in_round
from analysis.dynamics import (
    NOTES,
    Course,
    Round,
    agrees,
    courses,
    dynamics,
    quantities,
    read_rounds,
    standing_donations,
    stop_reasons,
)
from analysis.plots_dynamics import figure
from vs_sim.outcome import stated_donation
from vs_sim.records import ConversationSpec, Failure, StatedDonation, StopReason, Transcript, Turn

HELLO = ("Hi! Have you heard of Save the Children?", "I have not. What do they do?")
ASK = "They feed children. Would you like to donate some of your payment?"


def utterances(*said):
    return tuple((("persuader", "persuadee")[i % 2], text) for i, text in enumerate(said))


def spec_of(number, condition="direct", persona=None, model="scripted:m"):
    return ConversationSpec(
        id=f"{condition}{number}",
        seed=1,
        condition=condition,
        persuader_model=model,
        persuadee_model=model,
        persuader="p",
        persuadee=persona or f"q{number}",
        replicate=0,
    )


def transcript(spec, said, stop=StopReason.ROUNDS_DONE, failure=None):
    turns = tuple(Turn(index=i, role=role, text=text) for i, (role, text) in enumerate(utterances(*said)))
    return Transcript(
        spec=spec, turns=turns, decision=None, stop_reason=stop, failure=failure, started="2026-01-01", seconds=1.0, vs_sim="0"
    )


def course(stances, *, cut=True, persona="q", label="direct", acts=frozenset(), stop=StopReason.ROUNDS_DONE):
    """A course whose stances are given by their first letters, such as "ora"."""
    of = {"o": "open", "r": "refuse", "a": "agree"}
    rounds = tuple(Round(acts, of[letter], StatedDonation(status="undetermined"), None) for letter in stances)
    return Course(label=label, model="scripted:m", persona=persona, rounds=rounds, cut=cut, stop_reason=stop)


def values(one, n_rounds=10):
    return {quantity.name: value(one) for quantity, value in quantities(n_rounds)}


def stances(*said):
    return [one.stance for one in read_rounds(utterances(*said), 10)]


def test_a_refusal_that_is_turned_into_a_gift_which_then_falls():
    said = (
        *HELLO,
        ASK,
        "No, I can't donate anything.",
        "Please, how much would you give?",
        "Okay, I will give $1.",
        "Thanks!",
        "Make it 50 cents.",
    )
    rounds = read_rounds(utterances(*said), 10)
    assert [one.stance for one in rounds] == ["open", "refuse", "agree", "agree"]
    assert [one.standing.cents for one in rounds] == [None, None, 100, 50]
    assert [one.amount_by for one in rounds] == [None, None, "persuadee", "persuadee"]
    (read,) = courses([transcript(spec_of(1), said, StopReason.MUTUAL_GOODBYE)], [spec_of(1)], 10)
    found = values(read)
    assert (found["n_rounds"], found["ended_by_speakers"]) == (4, 1.0)
    assert (found["agrees"], found["agrees_at_end"], found["first_agreement"], found["without_agreement"]) == (1.0, 1.0, 3, 2)
    assert (found["refuses"], found["refuses_at_end"], found["refusing_turns"], found["resists"]) == (1.0, 0.0, 0.25, 1.0)
    assert (found["asking_turns"], found["asking_turns_charity"]) == (0.25, 0.25)
    assert (found["amount"], found["first_amount"], found["first_amount_by_persuadee"]) == (1.0, 3, 1.0)
    assert (found["changes"], found["won_over"], found["backs_out"]) == (2, 1.0, 0.0)
    assert (found["raises"], found["lowers"], found["withdraws"]) == (0.0, 1.0, 0.0)


def test_a_promise_without_an_amount_is_agreement_and_can_be_taken_back():
    assert stances(*HELLO, ASK, "Yes, I would love to donate.") == ["open", "agree"]
    assert stances(ASK, "I will donate $1.", "Great!", "I changed my mind, I won't donate anything.") == ["agree", "refuse"]
    withdrawn = (ASK, "I will donate $1.", "Great!", "I changed my mind, I won't donate anything.")
    (read,) = courses([transcript(spec_of(1), withdrawn)], [spec_of(1)], 2)
    found = values(read, 2)
    assert (found["backs_out"], found["withdraws"], found["lowers"], found["won_over"]) == (1.0, 1.0, 0.0, 0.0)
    assert found["changes"] == 2, "from open to agree, and from there to refuse"
    promised = (ASK, "Yes, I would love to donate.", "Great!", "I changed my mind, I won't donate anything.")
    (read,) = courses([transcript(spec_of(1), promised)], [spec_of(1)], 2)
    found = values(read, 2)
    assert (found["backs_out"], found["withdraws"]) == (1.0, 0.0), "no amount stood that could be withdrawn"
    assert any("Changes of stance start from open" in note for note in NOTES)


def test_a_no_to_more_leaves_the_agreement_and_is_no_refusal():
    said = (ASK, "I will donate $1.", "Would you like to give more than that?", "No, I can't give more.")
    assert stances(*said) == ["agree", "agree"]
    (read,) = courses([transcript(spec_of(1), said)], [spec_of(1)], 2)
    assert values(read, 2)["refuses"] == 0.0


def test_the_persuader_puts_the_amount_into_words_in_a_request_only():
    assert [one.amount_by for one in read_rounds(utterances("Could you spare 25 cents?", "Hmm, let me see."), 5)] == ["persuader"]
    assert [one.amount_by for one in read_rounds(utterances("Last year they raised $300.", "Good for them!"), 5)] == [None]


def test_rounds_beyond_the_limit_are_cut_and_shorter_ones_were_ended_by_their_speakers():
    said = ("Hi", "Hello") * 5
    planned = [spec_of(n) for n in range(4)]
    run = [
        transcript(planned[0], said),
        transcript(planned[1], said[:4], StopReason.MUTUAL_GOODBYE),
        transcript(planned[2], said[:4], StopReason.CONTEXT_FULL),
        transcript(planned[3], said[:2], StopReason.ERROR, Failure(kind="EndpointError", message="It is down.", step="t002")),
    ]
    read = courses(run, planned, 3)
    assert [(len(one.rounds), one.cut) for one in read] == [(3, True), (2, False), (2, True)]
    assert stop_reasons(read) == {"direct": {"rounds_done": 1, "mutual_goodbye": 1, "context_full": 1}}
    assert [values(one, 3)["without_agreement"] for one in read] == [3, 3, None]


def test_a_persuadee_that_never_spoke_has_no_numbers_but_its_rounds():
    found = values(course(""))
    assert (found.pop("n_rounds"), found.pop("ended_by_speakers"), found.pop("changes")) == (0, 0.0, 0)
    assert found.pop("without_agreement") is None
    assert set(found.values()) == {None}


SAYINGS = (
    *(
        "I will give $1.",
        "Make it 50 cents then.",
        "No, I won't donate.",
        "Sure.",
        "Let me think about it.",
        "Nice weather.",
        "25 more cents",
    ),
    *("Would you give 30 cents?", "How about $2?", "They help children.", "Could you give more?"),
)


@given(st.lists(st.sampled_from(SAYINGS), max_size=14))
@settings(max_examples=80, deadline=None)
def test_what_stands_after_each_turn_is_what_the_dialogue_up_to_there_says(said):
    spoken = utterances(*said)
    places = [i for i, (role, _) in enumerate(spoken) if role == "persuadee"]
    assert standing_donations(spoken, places) == [stated_donation(spoken[: place + 1]) for place in places]
    assert read_rounds(spoken, 20) == read_rounds(spoken, 20)


# Shares over the rounds ------------------------------------------------------------------------------------------------------------


def one_weight(n):
    return np.ones((1, n))


def test_a_share_in_the_round_is_of_those_that_have_it():
    shares, n = in_round([course("oa"), course("a"), course("ooo")], agrees, 4, one_weight(3))
    assert n[0].tolist() == [3, 2, 1, 0]
    assert shares[0, :3].tolist() == [pytest.approx(1 / 3), 0.5, 0.0] and math.isnan(shares[0, 3])


def test_a_share_by_the_round_is_of_all_and_an_ended_conversation_never_agrees():
    ended = [course("oa"), course("o", cut=False), course("ooa"), course("ooo")]
    shares, n = by_round(ended, agrees, 3, one_weight(4))
    assert shares[0].tolist() == pytest.approx([0, 0.25, 0.5])
    assert n[0].tolist() == [4, 3, 2]


def test_a_cut_off_conversation_counts_for_as_long_as_it_lasted():
    cut = [course("oa"), course("o", cut=True), course("ooa"), course("ooo")]
    shares, _ = by_round(cut, agrees, 3, one_weight(4))
    assert shares[0].tolist() == pytest.approx([0, 1 / 3, 2 / 3])
    shares, _ = by_round([course("o", cut=True), course("", cut=False)], agrees, 2, one_weight(2))
    assert shares[0, 0] == 0 and math.isnan(shares[0, 1])


@given(st.lists(st.tuples(st.text("oa", min_size=0, max_size=5), st.booleans()), min_size=1, max_size=12))
@settings(deadline=None)
def test_without_cutting_the_share_by_the_round_is_the_plain_share_and_never_falls(made):
    group = [course(letters, cut=len(letters) == 5) for letters, _ in made]
    shares, n = by_round(group, agrees, 5, one_weight(len(group)))
    plain = [sum((first := one.first(agrees)) is not None and first <= r for one in group) / len(group) for r in range(1, 6)]
    assert shares[0].tolist() == pytest.approx(plain)
    assert np.all(np.diff(shares[0]) >= -1e-12)
    assert n[0, 0] == sum(bool(one.rounds) or not one.cut for one in group)


def test_doubling_weights_is_doubling_conversations():
    group = [course("oa"), course("o", cut=True), course("oo", cut=False)]
    for share in (in_round, by_round):
        weighted, twice = share(group, agrees, 3, [[2, 1, 0]])[0], share([group[0], group[0], group[1]], agrees, 3, one_weight(3))[0]
        assert np.array_equal(weighted, twice, equal_nan=True)


def made_up(n, chance, seed, label="direct", n_rounds=4, personas=None):
    rng = np.random.default_rng(seed)
    letters = ["".join("a" if x < chance else "o" for x in rng.random(n_rounds)) for _ in range(n)]
    return [course(one, label=label, persona=f"q{i if personas is None else i % personas}") for i, one in enumerate(letters)]


def test_curves_carry_intervals_bands_and_sizes_and_are_the_same_for_the_same_seed():
    group, human = made_up(40, 0.3, 1, personas=20), made_up(200, 0.3, 2)
    found = curves(group, human, 4, seed=3, n_resamples=200)
    assert found == curves(group, human, 4, seed=3, n_resamples=200)
    assert found != curves(group, human, 4, seed=4, n_resamples=200)
    by = next(curve for curve in found if curve.name == "agreed_by")
    assert (by.n, by.n_personas, by.n_human, by.n_at_risk[0], by.human_n_at_risk[0]) == (40, 20, 200, 40, 200)
    for low, value, high, human_low, human, human_high in zip(
        by.low, by.values, by.high, by.human_low, by.human, by.human_high, strict=True
    ):
        assert low <= value <= high and human_low <= human <= human_high
    refused = next(curve for curve in found if curve.name == "refused_by")
    assert refused.values == refused.low == (0.0,) * 4
    assert refused.high == (pytest.approx(1 - 0.025 ** (1 / 20)),) * 4  # exact, of 20 people
    frame = over_rounds.tidy(found)
    assert len(frame) == 4 * len(over_rounds.CURVES) and list(frame["round"][:4]) == [1, 2, 3, 4]


def test_without_humans_or_with_one_persona_there_is_no_band_and_no_interval():
    found = curves([course("oa"), course("oo")], [], 2, seed=1, n_resamples=50)
    assert all(c.human == (None, None) and c.human_low == (None, None) for c in found)
    assert found[0].values == (0.0, 0.5) and found[0].low == (0.0, None)  # of one person: 0 to .975, and nothing
    assert found[0].high == (pytest.approx(0.975), None)


def test_intervals_cover_and_replicates_of_a_persona_do_not_narrow_them():
    covered = 0
    for seed in range(60):
        curve = curves(made_up(60, 0.3, seed, n_rounds=2), [], 2, seed=seed, n_resamples=200)[0]
        covered += curve.low[0] <= 0.3 <= curve.high[0]
    assert covered >= 50
    single = made_up(30, 0.4, 9, n_rounds=1)
    once, thrice = (curves(group, [], 1, seed=1, n_resamples=400)[0] for group in (single, single * 3))
    assert thrice.high[0] - thrice.low[0] == pytest.approx(once.high[0] - once.low[0], abs=0.03)


def test_a_cut_off_conversation_is_no_evidence_of_what_it_never_reached():
    cut = curves([course("o", persona=str(n)) for n in range(30)] + [course("oo", persona="x")], [], 2, seed=1, n_resamples=50)
    agreed = next(curve for curve in cut if curve.name == "agreed_by")
    assert agreed.high == (pytest.approx(1 - 0.025 ** (1 / 31)), pytest.approx(0.975))
    ended = [course("o", cut=False, persona=str(n)) for n in range(30)] + [course("oo", persona="x")]
    agreed = next(curve for curve in curves(ended, [], 2, seed=1, n_resamples=50) if curve.name == "agreed_by")
    assert agreed.high[1] == pytest.approx(1 - 0.025 ** (1 / 31))


@pytest.mark.slow
def test_new_people_leave_the_band_of_a_curve_once_in_twenty():
    outside = []
    for seed in range(80):
        for curve in curves(made_up(40, 0.3, seed, n_rounds=2), made_up(200, 0.3, 1000 + seed, n_rounds=2), 2, seed=seed, n_resamples=150)[
            :2
        ]:
            outside += [not low <= x <= high for x, low, high in zip(curve.values, curve.human_low, curve.human_high, strict=True)]
    assert 0.015 < sum(outside) / len(outside) < 0.09


def test_courses_of_personas_of_one_person_are_of_one_person():
    planned = [spec_of(n, persona=f"user_7-d{n}") for n in (1, 2)]
    read = courses([transcript(one, HELLO) for one in planned], planned, 3)
    assert [one.persona for one in read] == ["user_7", "user_7"]


def test_people_who_behave_like_the_humans_stay_in_the_band():
    human = made_up(200, 0.3, 100)
    sides = [
        m.side
        for seed in range(15)
        for m in dynamics(made_up(40, 0.3, seed), human, 4, seed=seed, n_resamples=150)
        if m.name == "agrees_at_end"
    ]
    assert sides.count("within") >= 11
    unlike = dynamics(made_up(40, 0.9, 1), human, 4, seed=1, n_resamples=200)
    assert {m.name: m.side for m in unlike}["agrees_at_end"] == "above"


def test_measured_numbers_are_means_with_their_missing():
    found = {m.name: m for m in dynamics([course("oa", persona="x"), course("oo", persona="y")], [], 2, seed=1, n_resamples=50)}
    assert (found["first_agreement"].value, found["first_agreement"].n, found["first_agreement"].n_missing) == (2.0, 1, 1)
    assert found["without_agreement"].value == 1.5
    assert all(len(m.title) <= 26 for m in found.values())


def test_acts_of_the_rounds_are_counted():
    asking = course("oo", acts=frozenset({Act.ASKS, Act.RESISTS, Act.DOUBTS_CHARITY}))
    found = values(asking)
    assert (found["asking_turns"], found["asking_turns_charity"], found["resists"], found["doubts_charity"]) == (1.0, 0.0, 1.0, 1.0)


# The figure ------------------------------------------------------------------------------------------------------------------------


def test_the_figure_has_a_panel_for_every_share_and_condition_on_one_scale():
    group = [*made_up(20, 0.9, 1), *made_up(20, 0.2, 2, label="a_condition_with_a_long_name")]
    drawn = figure(curves(group, made_up(50, 0.3, 3), 4, seed=1, n_resamples=50), note="Small.")
    assert len(drawn.axes) == 2 * len(over_rounds.CURVES)
    first, second = drawn.axes[0], drawn.axes[len(over_rounds.CURVES)]
    assert first.get_ylim() == second.get_ylim()
    texts = [text.get_text() for text in drawn.texts]
    assert any("n = 20" in text for text in texts) and any("Small." in text for text in texts)
    assert "20" in [text.get_text() for ax in drawn.axes for text in ax.texts]  # still there


@pytest.mark.slow
@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_nothing_is_cut_off(n):
    group = [one for i in range(n) for one in made_up(20, 0.4, i, label=f"vs_human_probability_{i} (provider:a-model)")]
    drawn = figure(curves(group, made_up(50, 0.3, 3), 4, seed=1, n_resamples=50), note="Small model: no evidence. " * 4)
    drawn.canvas.draw()
    page = drawn.bbox
    for box in [*(ax.get_tightbbox() for ax in drawn.axes), drawn.legends[0].get_window_extent()]:
        assert box.x0 >= page.x0 and box.y0 >= page.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
    for text in drawn.texts:
        box = text.get_window_extent()
        assert box.x0 >= page.x0 and box.x1 <= page.x1 and not box.overlaps(drawn.legends[0].get_window_extent())


def test_no_condition_or_too_many_are_refused():
    with pytest.raises(ValueError, match="0 conditions to draw, expected 1 to 4"):
        figure([])
    many = [one for n in range(5) for one in made_up(3, 0.5, n, label=f"c{n}")]
    with pytest.raises(ValueError, match="5 conditions to draw, expected 1 to 4: draw fewer in one figure"):
        figure(curves(many, [], 4, seed=1, n_resamples=20))
