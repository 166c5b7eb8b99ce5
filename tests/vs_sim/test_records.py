"""Distributions: drawing from them, narrowing them, and keeping them as plain data."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy import stats

from vs_sim.records import (
    Call,
    Candidate,
    ConversationSpec,
    Decision,
    Outcome,
    Selection,
    StatedDonation,
    StopReason,
    Transcript,
    Turn,
    Usage,
    VerbalizedDistribution,
)

CALL = Call(
    step="t001.0", model="m", model_returned=None, text="raw", finish_reason="stop", usage=Usage(prompt_tokens=3), seconds=0.5, tries=2
)


def distribution(*probabilities: float) -> VerbalizedDistribution:
    candidates = tuple(Candidate(text=f"r{i}", stated=p, probability=p) for i, p in enumerate(probabilities))
    return VerbalizedDistribution(candidates=candidates, stated_sum=1.0, calls=(CALL,))


WEIGHTS = st.lists(st.floats(0, 1e308), min_size=1, max_size=8).filter(lambda w: max(w) > 0)


# --- drawing ----------------------------------------------------------------------------------------------------------------------------

N = 20_000


def frequencies(d: VerbalizedDistribution, select: Selection) -> list[int]:
    rng = np.random.default_rng(42)
    return np.bincount([d.draw(rng, select) for _ in range(N)], minlength=len(d.candidates)).tolist()


@pytest.mark.parametrize("probabilities", [(0.5, 0.3, 0.2), (0.01, 0.04, 0.9, 0.05), (1 / 3, 1 / 3, 1 / 3)])
def test_the_weighted_draw_follows_the_probabilities(probabilities: tuple[float, ...]) -> None:
    observed = frequencies(distribution(*probabilities), "weighted")
    assert stats.chisquare(observed, [N * p for p in probabilities]).pvalue > 0.001
    assert stats.chisquare(observed, [N * p for p in reversed(probabilities)]).pvalue < 0.001 or probabilities[0] == probabilities[-1]


def test_the_uniform_draw_does_not_look_at_the_probabilities() -> None:
    assert stats.chisquare(frequencies(distribution(0.97, 0.01, 0.01, 0.01), "uniform")).pvalue > 0.001


def test_argmax_takes_the_first_of_the_most_probable() -> None:
    d = distribution(0.2, 0.4, 0.4)
    assert frequencies(d, "argmax") == [0, N, 0]
    assert d.argmax().text == "r1"


def test_what_has_no_probability_is_never_drawn_by_weight() -> None:
    d = distribution(0, 0.5, 0, 0.5, 0)
    counts = frequencies(d, "weighted")
    assert [c > 0 for c in counts] == [False, True, False, True, False]


@pytest.mark.parametrize("select", ["weighted", "uniform", "argmax"])
def test_one_number_is_taken_whatever_the_selection(select: Selection) -> None:
    drawn, plain = np.random.default_rng(3), np.random.default_rng(3)
    distribution(0.5, 0.3, 0.2).draw(drawn, select)
    plain.random()
    assert drawn.random() == plain.random()


def test_one_number_means_one_place_on_the_line() -> None:
    d = distribution(0.5, 0.3, 0.2)
    for seed in range(50):
        u = np.random.default_rng(seed).random()
        assert d.draw(np.random.default_rng(seed)) == (0 if u < 0.5 else 1 if u < 0.8 else 2)
        assert d.draw(np.random.default_rng(seed), "uniform") == int(u * 3)


class Lowest(np.random.Generator):
    """A generator at the one place where the line begins."""

    def random(self) -> float:  # type: ignore[override]
        return 0.0


def test_not_even_the_lowest_number_draws_what_has_no_probability() -> None:
    assert distribution(0, 0, 1).draw(Lowest(np.random.PCG64())) == 2


def test_sample_repeats_itself_under_a_seed() -> None:
    d = distribution(0.5, 0.3, 0.2)
    first = [d.sample(seed) for seed in range(30)]
    assert first == [d.sample(seed) for seed in range(30)]
    assert {c.text for c in first} == {"r0", "r1", "r2"}
    assert {d.sample(seed, "argmax").text for seed in range(30)} == {"r0"}


@given(weights=WEIGHTS, seed=st.integers(0, 2**32), select=st.sampled_from(("weighted", "uniform", "argmax")))
def test_a_draw_is_always_one_of_the_candidates(weights: list[float], seed: int, select: Selection) -> None:
    d = distribution(*[1.0, *[0.0] * (len(weights) - 1)])
    d = d.reweight(lambda c: weights[int(c.text[1:])])
    drawn = d.draw(np.random.default_rng(seed), select)
    assert 0 <= drawn < len(weights)
    assert select == "uniform" or d.candidates[drawn].probability > 0


# --- narrowing --------------------------------------------------------------------------------------------------------------------------


def test_filter_normalises_what_is_left_and_keeps_the_rest() -> None:
    d = distribution(0.5, 0.3, 0.2)
    kept = d.filter(lambda c: c.text != "r0")
    assert [(c.text, c.stated, c.probability) for c in kept.candidates] == [
        ("r1", 0.3, pytest.approx(0.6)),
        ("r2", 0.2, pytest.approx(0.4)),
    ]
    assert kept.calls == d.calls
    assert d.probabilities == (0.5, 0.3, 0.2)


@pytest.mark.parametrize(("keep", "weights"), [(set[str](), "[]"), ({"r2"}, "[0.0]")])
def test_filter_must_leave_something(keep: set[str], weights: str) -> None:
    with pytest.raises(ValueError, match="no candidate is left to draw from: weights are ") as caught:
        distribution(0.5, 0.5, 0.0).filter(lambda c: c.text in keep)
    assert str(caught.value).endswith(weights)


def test_reweight() -> None:
    assert distribution(0.5, 0.5).reweight(lambda c: 3 if c.text == "r0" else 1).probabilities == (0.75, 0.25)
    assert distribution(0.5, 0.3, 0.2).reweight(lambda c: c.probability**0).probabilities == pytest.approx((1 / 3,) * 3)


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_reweight_takes_finite_weights_only(weight: float) -> None:
    with pytest.raises(ValueError, match="weights must be finite and not negative, got"):
        distribution(0.5, 0.5).reweight(lambda c: weight if c.text == "r1" else 1.0)


def test_reweight_needs_a_weight_above_0() -> None:
    with pytest.raises(ValueError, match=r"no candidate is left to draw from: weights are \[0, 0\]"):
        distribution(0.5, 0.5).reweight(lambda c: 0)


@given(weights=WEIGHTS)
def test_any_weights_give_probabilities(weights: list[float]) -> None:
    d = distribution(*[1.0, *[0.0] * (len(weights) - 1)]).reweight(lambda c: weights[int(c.text[1:])])
    assert math.fsum(d.probabilities) == pytest.approx(1, abs=1e-9)
    assert VerbalizedDistribution.model_validate(d.to_dict()) == d
    assert [p for _, p in sorted(zip(weights, d.probabilities, strict=True))] == sorted(d.probabilities)
    assert d.argmax().probability == d.probabilities[weights.index(max(weights))]


# --- plain data -------------------------------------------------------------------------------------------------------------------------


def test_a_distribution_survives_json() -> None:
    d = VerbalizedDistribution(
        candidates=(
            Candidate(text="Ja, gärne 🙂", stated="30 %", probability=0.3, repairs=("percent",), above_tau=True),
            Candidate(text="no", stated=None, probability=0.7),
        ),
        repairs=("fenced",),
        calls=(CALL,),
    )
    data = json.loads(json.dumps(d.to_dict()))
    assert data["candidates"][0] == {
        "text": "Ja, gärne 🙂",
        "stated": "30 %",
        "probability": 0.3,
        "repairs": ["percent"],
        "above_tau": True,
        "n_given": 1,
    }
    assert data["candidates"][1]["stated"] is None
    assert data["calls"][0]["usage"] == {"prompt_tokens": 3, "completion_tokens": None, "cached_tokens": None}
    assert VerbalizedDistribution.model_validate(data) == d


@given(stated=st.one_of(st.floats(allow_nan=False, allow_infinity=False), st.integers(), st.text(), st.none()))
def test_stated_keeps_value_and_type(stated: float | int | str | None) -> None:
    kept = Candidate.model_validate_json(Candidate(text="x", stated=stated, probability=1).model_dump_json()).stated
    assert (kept, type(kept)) == (stated, type(stated))


def test_printed_it_is_a_table_with_the_most_probable_first() -> None:
    d = VerbalizedDistribution(
        candidates=(
            Candidate(text="no\nthanks", stated="20 %", probability=0.2, repairs=("percent",), above_tau=True),
            Candidate(text="yes", stated=None, probability=0.8),
        ),
        repairs=("fenced", "fewer_than_k"),
    )
    assert str(d).splitlines() == [
        "  prob  stated    reply",
        "  0.800 -         yes",
        "  0.200 20 %      no thanks  [percent, above tau]",
        "  repairs: fenced, fewer_than_k",
    ]


def test_unsound_records_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"probabilities of the candidates sum to 0\.9, expected 1"):
        distribution(0.5, 0.4)
    with pytest.raises(ValidationError, match="at least 1 item"):
        VerbalizedDistribution(candidates=())
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        distribution(1.5, -0.5)
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        Candidate.model_validate({"text": "x", "stated": None, "probability": 1, "weight": 1})
    with pytest.raises(ValidationError, match="frozen"):
        distribution(1.0).candidates[0].text = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Decision(amount=-1, distribution=distribution(1.0), drawn=0)
    assert Decision(amount=70_000).distribution is None  # a human's


# --- dialogues --------------------------------------------------------------------------------------------------------------------------


def test_a_transcript_survives_json_and_counts_its_rounds() -> None:
    spec = ConversationSpec(
        id="0" * 16, seed=2**63 - 1, condition="c", persuader_model="p:m", persuadee_model="p:m", persuader="a", persuadee="b", replicate=0
    )
    turns = (
        Turn(index=0, role="persuader", text="Hi", calls=(CALL,)),
        Turn(index=1, role="persuadee", text="Ho", distribution=distribution(0.5, 0.5), drawn=1),
        Turn(index=2, role="persuader", text="Give?"),
    )
    whole = Transcript(
        spec=spec, turns=turns, decision=None, stop_reason=StopReason.ERROR, failure=None, started="2025-01-01", seconds=1.5, vs_sim="0"
    )
    assert Transcript.model_validate_json(whole.model_dump_json()) == whole
    assert [t.round for t in turns] == [1, 1, 2]
    assert whole.utterances == (("persuader", "Hi"), ("persuadee", "Ho"), ("persuader", "Give?"))
    assert whole.complete
    assert whole.spec.human_cents is None


def test_a_refusal_is_0_cents_and_nothing_read_is_none() -> None:
    assert Outcome(stated=StatedDonation(status="refused"), actual_cents=None).stated_cents == 0
    assert Outcome(stated=StatedDonation(status="undetermined"), actual_cents=0).stated_cents is None
    assert Outcome(stated=StatedDonation(status="amount", cents=50), actual_cents=0).stated_cents == 50
