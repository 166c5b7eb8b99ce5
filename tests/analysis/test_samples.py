import numpy as np
import pytest

from analysis.samples import donations, human_cents, human_sample
from vs_sim.records import (
    Candidate,
    ConversationSpec,
    Decision,
    Failure,
    StopReason,
    Transcript,
    Turn,
    VerbalizedDistribution,
)


def spec(number: int, condition: str = "direct", model: str = "a:b", human: int | None = None) -> ConversationSpec:
    return ConversationSpec(
        id=f"{condition}-{model}-{number}",
        seed=number,
        condition=condition,
        persuader_model="a:b",
        persuadee_model=model,
        persuader="asker",
        persuadee=f"p{number}",
        replicate=0,
        human_cents=human,
    )


def transcript(of: ConversationSpec, cents: int | None = None, failure: str | None = None, said: str = "Okay.") -> Transcript:
    one = VerbalizedDistribution(candidates=(Candidate(text=str(cents), stated=None, probability=1.0),))
    return Transcript(
        spec=of,
        turns=(
            Turn(index=0, role="persuader", text="Would you give to Save the Children?"),
            Turn(index=1, role="persuadee", text=said),
        ),
        decision=None if cents is None else Decision(amount=cents, distribution=one, drawn=0),
        stop_reason=StopReason.ERROR if failure else StopReason.ROUNDS_DONE,
        failure=Failure(kind=failure, message="no answer", step="decide") if failure else None,
        started="2026-01-01T00:00:00Z",
        seconds=1.0,
        vs_sim="0.1.0",
    )


def test_table_of_all_humans_is_that_of_persuasion_for_good() -> None:
    human = human_cents("all")
    assert (human.n, human.n_dropped, human.n_capped) == (1017, 0, 0)
    assert np.count_nonzero(human.cents == 0) == 472
    assert np.count_nonzero(human.cents > 200) == 35
    assert human.cents.mean() == pytest.approx(217, abs=0.5)
    assert np.median(human.cents) == 5


def test_amounts_above_two_dollars_are_dropped_unless_said_otherwise() -> None:
    human = human_cents()
    assert (human.cleaning, human.n, human.n_dropped, human.n_capped) == ("drop", 982, 35, 0)
    assert human.cents.mean() == pytest.approx(35.2, abs=0.05)


def test_capped_amounts_stay_in_the_sample() -> None:
    human = human_cents("cap")
    assert (human.n, human.n_dropped, human.n_capped) == (1017, 0, 35)
    assert human.cents.max() == 200
    assert human.cents.mean() == pytest.approx(40.9, abs=0.05)


def test_unknown_cleaning_rule_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown cleaning rule 'trim', expected one of 'drop', 'cap', 'all'"):
        human_cents("trim")  # type: ignore[arg-type]


def test_negative_donation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a donation of -5 cents is negative, expected 0 or more"):
        human_sample([10, -5], "all", "own study")


def test_failed_and_unrun_conversations_are_missing_and_never_zero() -> None:
    planned = [spec(i) for i in range(5)]
    run = [
        transcript(planned[0], 0),
        transcript(planned[1], failure="EndpointError"),
        transcript(planned[2], 150),
        transcript(planned[3], failure="ReplyError: no_candidates"),
    ]
    (arm,) = donations(run, "actual", planned)
    assert arm.cents.tolist() == [0, 150]
    assert arm.personas == ("p0", "p2")
    assert (arm.n_planned, arm.n_missing) == (5, 3)
    assert arm.missing == {"EndpointError": 1, "ReplyError: no_candidates": 1, "not run": 1}


def test_a_failed_conversation_is_missing_even_if_it_came_to_a_decision() -> None:
    planned = [spec(0)]
    failed = transcript(planned[0], 100, failure="EndpointError")
    assert donations([failed], "actual", planned)[0].cents.tolist() == []


def test_the_complete_attempt_counts_wherever_it_stands() -> None:
    planned = [spec(0), spec(1)]
    run = [transcript(planned[0], failure="EndpointError"), transcript(planned[0], 50), transcript(planned[1], 75)]
    assert donations(run, "actual", planned)[0].cents.tolist() == [50, 75]
    assert donations(run[::-1], "actual", planned)[0].cents.tolist() == [50, 75]


def test_matched_humans_stay_beside_their_simulations() -> None:
    planned = [spec(0, human=500), spec(1, human=20), spec(2)]
    run = [transcript(planned[2], 3), transcript(planned[0], 1), transcript(planned[1], failure="ContextFull")]
    (arm,) = donations(run, "actual", planned)
    assert list(zip(arm.cents.tolist(), arm.human_cents, strict=True)) == [(1, 500), (3, None)]


def test_arms_are_named_by_condition_and_by_model_only_where_there_are_several() -> None:
    one = [spec(0, "vs"), spec(0, "direct")]
    assert [arm.label for arm in donations([], "actual", one)] == ["vs", "direct"]
    two = [*one, spec(0, "vs", model="c:d")]
    assert [arm.label for arm in donations([], "actual", two)] == ["vs (a:b)", "direct (a:b)", "vs (c:d)"]


def test_transcript_of_another_plan_is_refused() -> None:
    with pytest.raises(ValueError, match=r"transcript 'direct-a:b-7' is not in the plan of 1 conversations"):
        donations([transcript(spec(7), 0)], "actual", [spec(0)])


def test_stated_donations_are_read_from_the_words_and_undetermined_ones_are_missing() -> None:
    planned = [spec(i) for i in range(4)]
    run = [
        transcript(planned[0], 0, said="I will donate $1."),
        transcript(planned[1], 0, said="Nice weather today."),
        transcript(planned[2], 0, failure="EndpointError", said="I will donate $2."),
        transcript(planned[3], 200, said="No, I will not donate anything."),
    ]
    (arm,) = donations(run, "stated", planned)
    assert arm.cents.tolist() == [100, 0]
    assert arm.missing == {"undetermined": 1, "EndpointError": 1}


def test_unknown_donation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown donation 'promised', expected 'actual' or 'stated'"):
        donations([], "promised", [])  # type: ignore[arg-type]


def test_donations_of_the_same_person_are_worth_fewer() -> None:
    cents = [0, 0, 0, 0, 50, 50, 50, 50]
    everybody_another = human_sample(cents, "drop", "some", people=list("abcdefgh"))
    pairs = human_sample(cents, "drop", "some", people=list("aabbccdd"))
    assert (everybody_another.n_people, everybody_another.n_effective) == (8, 8)
    assert (pairs.n_people, pairs.design_effect, pairs.n_effective) == (4, 2.0, 4)
    assert human_sample(cents, "drop", "some").n_people is None
    assert human_sample([0, 500], "drop", "some", people=["a", "b"]).n_people == 1
    with pytest.raises(ValueError, match="2 donations of 1 people, expected one name for each donation"):
        human_sample([0, 1], "drop", "some", people=["a"])


def test_the_shipped_humans_are_fewer_people_than_donations() -> None:
    human = human_cents("drop")
    assert (human.n, human.n_people, human.n_effective) == (982, 747, 530)
