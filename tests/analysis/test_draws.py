"""Draws per condition, and the probabilities that a rule draws by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.draws import entropy_bits, groups, resampled_sums, selection
from tests.analysis.draws import distribution
from vs_sim.condition import Condition
from vs_sim.records import ConversationSpec, Decision, Failure, StopReason, Transcript, Turn

DIRECT = Condition(name="direct", method="direct")
VS = Condition(name="vs", method="vs_standard", k=2)


def transcript(id, condition="vs", model="m:a", failed=False, candidates=True, persuadee=None):
    of_turn = distribution([0.5, 0.5], ["yes", "no"]) if candidates else None
    amounts = distribution([0.7, 0.3], ["0", "50"]) if candidates else None
    drawn = 1 if candidates else None
    spec = ConversationSpec(
        id=id,
        seed=1,
        condition=condition,
        persuader_model="m:a",
        persuadee_model=model,
        persuader="x",
        persuadee=persuadee or f"of-{id}",
        replicate=0,
    )
    return Transcript(
        spec=spec,
        turns=(
            Turn(index=0, role="persuader", text="Hello"),
            Turn(index=1, role="persuadee", text="no", distribution=of_turn, drawn=drawn),
        ),
        decision=Decision(amount=50, distribution=amounts, drawn=drawn),
        stop_reason=StopReason.ROUNDS_DONE,
        failure=Failure(kind="EndpointError", message="gone", step="t003") if failed else None,
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        vs_sim="0",
    )


def test_only_complete_conversations_with_candidates_are_grouped():
    found, left_out = groups([transcript("1"), transcript("2", failed=True), transcript("3", condition="direct")], [DIRECT, VS])
    assert left_out == ["direct"]
    (one,) = found
    assert (one.arm, one.model) == ("vs", "m:a")
    assert [(d.persona, d.conversation, d.drawn) for d in one.turns] == [("of-1", "1", 1)]
    assert [c.text for c in one.decisions[0].distribution.candidates] == ["0", "50"]


def test_draws_belong_to_the_person_behind_a_matched_persona():
    (one,) = groups([transcript("1", persuadee="user_7-d1"), transcript("2", persuadee="user_7-d2")], [VS])[0]
    assert [d.persona for d in (*one.turns, *one.decisions)] == ["user_7"] * 4


def test_several_models_stand_behind_the_name_of_the_condition():
    found, _ = groups([transcript("1"), transcript("2", model="m:b")], [VS])
    assert [g.arm for g in found] == ["vs (m:a)", "vs (m:b)"]


def test_people_have_no_draws():
    (one,) = groups([transcript("1", candidates=False)], [VS])[0]
    assert (one.turns, one.decisions) == ((), ())


@pytest.mark.parametrize("select", ["weighted", "uniform", "argmax"])
@given(weights=st.lists(st.integers(0, 5), min_size=1, max_size=6).filter(any))
def test_a_rule_draws_by_the_probabilities_that_are_said_of_it(select, weights):
    one = distribution(weights)
    rng = np.random.default_rng(7)
    n = 400
    counts = np.bincount([one.draw(rng, select) for _ in range(n)], minlength=len(weights))
    expected = selection(one, select)
    assert expected.sum() == pytest.approx(1)
    assert (counts[expected == 0] == 0).all()
    assert np.abs(counts / n - expected).max() < 5 * np.sqrt(0.25 / n)


def test_entropy_of_known_distributions():
    assert entropy_bits([0.25] * 4) == 2
    assert entropy_bits([1.0, 0.0]) == 0
    assert entropy_bits([0.5, 0.25, 0.25]) == 1.5


def test_clusters_are_resampled_whole():
    values = [[1.0, 0.0], [0.0, 1.0], [5.0, 5.0]]
    sums = resampled_sums(values, ["a", "a", "b"], rng=np.random.default_rng(1), n_resamples=200)
    assert {tuple(row) for row in sums} == {(2.0, 2.0), (6.0, 6.0), (10.0, 10.0)}
    assert resampled_sums(values, ["a"] * 3, rng=np.random.default_rng(1), n_resamples=5) is None
