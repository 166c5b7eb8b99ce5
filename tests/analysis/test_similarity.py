from collections.abc import Sequence

import numpy as np
import pytest

from analysis.language import Speech
from analysis.measure import Measured, Quantity
from analysis.similarity import Floats, between, lexical_similarity, replicates, trigram_overlap

ALIKE = Quantity("alike", "Alike", "share")


def _speech(*turns: str, persona: str, label: str = "direct") -> Speech:
    return Speech(label=label, model="scripted:model", persona=persona, turns=turns)


def _people(n: int, label: str = "direct", *turns: str) -> list[Speech]:
    return [_speech(*(turns or (f"w{i} x{i} y{i} z{i}",)), persona=f"{label}{i}", label=label) for i in range(n)]


def _levels(group: Sequence[Speech]) -> Floats:
    """Two conversations are as alike as the mean of two numbers that they say."""
    level = np.array([float(speech.turns[0]) for speech in group])
    return np.asarray((level[:, None] + level[None, :]) / 2)


def _lexical(spoken: Sequence[Speech], human: Sequence[Speech] = ()) -> dict[str, Measured]:
    return {m.name: m for m in lexical_similarity(spoken, human, seed=1, n_resamples=300)}


def test_trigram_overlap_is_the_jaccard_share_in_percent() -> None:
    overlap = trigram_overlap(
        [
            _speech("a b c d", persona="p"),
            _speech("A, b, c!", "b c d e", persona="q"),
            _speech("c d e", persona="r"),
            _speech("a b", persona="s"),
        ]
    )
    assert overlap[0, 1] == pytest.approx(100 * 2 / 3)
    assert overlap[0, 2] == 0 and overlap[0, 0] == 100
    assert np.isnan(overlap[3]).all() and (overlap.T[:3, :3] == overlap[:3, :3]).all()


def test_one_voice_and_different_voices() -> None:
    one = _lexical(_people(6, "direct", "I would love to help them.", "Yes, of course."))
    assert one["trigram_overlap"].value == 100 and one["verbatim_elsewhere"].value == 1
    assert one["trigram_overlap"].low is None  # resamples that never differ show no certainty
    own = _lexical(_people(6))
    assert own["trigram_overlap"].value == 0 and own["verbatim_elsewhere"].value == 0


def test_replicates_of_a_persona_are_no_other_voices() -> None:
    spoken = [_speech(f"w{p} x{p} y{p} z{p}", persona=f"p{p}") for p in range(4) for _ in range(3)]
    assert _lexical(spoken)["trigram_overlap"].value == 0
    assert _lexical(spoken)["verbatim_elsewhere"].value == 0
    (same,) = replicates(ALIKE, trigram_overlap, spoken, seed=1, n_resamples=50)
    assert (same.value, same.n, same.n_personas, same.human) == (100, 4, 4, None)


def test_a_persona_without_replicates_is_missing_there() -> None:
    spoken = [_speech("a b c", persona="p"), _speech("a b c", persona="p"), _speech("a b c", persona="q")]
    (same,) = replicates(ALIKE, trigram_overlap, spoken, seed=1, n_resamples=50)
    assert (same.value, same.n, same.n_missing) == (100, 1, 1)


def test_interval_is_as_wide_as_the_personas_differ() -> None:
    levels = np.random.default_rng(0).normal(10, 1, 100)
    spoken = [_speech(str(level), persona=f"p{i}") for i, level in enumerate(levels)]
    (m,) = between(ALIKE, _levels, spoken, [], seed=1, n_resamples=2000)
    assert m.value == pytest.approx(levels.mean())
    assert m.low is not None and m.high is not None
    assert m.high - m.low == pytest.approx(2 * 1.96 * levels.std() / 10, rel=0.1)
    twice = [_speech(speech.turns[0], persona=speech.persona) for speech in spoken for _ in range(2)]
    (doubled,) = between(ALIKE, _levels, twice, [], seed=1, n_resamples=2000)
    assert (doubled.low, doubled.high) == pytest.approx((m.low, m.high))


def test_range_of_the_humans_is_that_of_as_many_personas() -> None:
    rng = np.random.default_rng(0)
    human = [_speech(str(x), persona=f"h{i}", label="humans") for i, x in enumerate(rng.normal(10, 1, 400))]
    few, many = (between(ALIKE, _levels, human[:n], human, seed=1, n_resamples=1000)[0] for n in (20, 180))
    assert few.side == many.side == "within" and few.human == many.human
    assert few.human_low and few.human_high and many.human_low and many.human_high
    assert (few.human_high - few.human_low) / (many.human_high - many.human_low) == pytest.approx(3, rel=0.15)


def test_what_cannot_be_compared_is_missing() -> None:
    m = _lexical([_speech("a b c d", persona="p"), _speech("no", persona="q"), _speech("a b c", persona="r"), _speech(persona="s")])
    assert m["trigram_overlap"].value == 50
    assert (m["trigram_overlap"].n, m["trigram_overlap"].n_missing, m["trigram_overlap"].n_personas) == (2, 2, 2)
    assert (m["verbatim_elsewhere"].n, m["verbatim_elsewhere"].n_missing) == (3, 1)
    alone = _lexical([_speech("a b c d", persona="p")], _people(5, "humans"))
    assert alone["trigram_overlap"].value is None and alone["verbatim_elsewhere"].value is None
    assert alone["trigram_overlap"].human == 0 and alone["verbatim_elsewhere"].human is None


def test_turns_said_elsewhere_by_hand() -> None:
    spoken = [_speech("Yes!", "Sure.", persona="p"), _speech("yes", persona="q"), _speech("No.", "No!", "?!", persona="r")]
    assert _lexical(spoken)["verbatim_elsewhere"].value == pytest.approx((1 / 2 + 1 + 0) / 3)


def test_turns_said_elsewhere_are_compared_at_the_same_number_of_dialogues() -> None:
    rng = np.random.default_rng(0)
    human = [_speech(*(f"turn {x}" for x in rng.integers(100, size=10)), persona=f"h{i}", label="humans") for i in range(300)]
    few, many = (_lexical(human[:n], human)["verbatim_elsewhere"] for n in (5, 40))
    assert few.human is not None and many.human is not None and few.human < many.human - 0.3
    assert few.side == many.side == "within"
    more = _lexical(human, human[:20])["verbatim_elsewhere"]
    assert more.n_personas == 300 and more.human is None and more.side is None  # 20 people cannot make a sample of 300


def test_another_dialogue_of_the_same_person_is_not_elsewhere() -> None:
    spoken = [_speech(f"w{i // 2} x{i // 2} y{i // 2}", persona=f"user_{i // 2}") for i in range(10)]
    m = _lexical(spoken, spoken)
    assert m["trigram_overlap"].value == m["trigram_overlap"].human == 0
    assert m["verbatim_elsewhere"].value == m["verbatim_elsewhere"].human == 0 or m["verbatim_elsewhere"].human is None


@pytest.mark.slow
def test_new_people_leave_the_range_of_pairs_once_in_twenty() -> None:
    rng = np.random.default_rng(3)
    outside = []
    for seed in range(250):
        human = [_speech(str(x + rng.normal(0, 0.5)), persona=f"h{i}") for i, x in enumerate(rng.normal(5, 1, 60)) for _ in range(2)]
        new = [_speech(str(x + rng.normal(0, 0.5)), persona=f"n{i}") for i, x in enumerate(rng.normal(5, 1, 30))]
        (m,) = between(ALIKE, _levels, new, human, seed=seed, n_resamples=200)
        outside.append(m.side != "within")
    assert 0.02 < np.mean(outside) < 0.09


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50])
def test_new_people_leave_the_range_of_turns_said_elsewhere_once_in_twenty(n: int) -> None:
    rng = np.random.default_rng(n)

    def people(n: int) -> list[Speech]:
        """People differ in how much of what they say is what everybody says."""
        said = rng.random((n, 6)) < rng.beta(2, 2, (n, 1))
        words = np.where(said, rng.integers(4, size=said.shape), rng.integers(10, 10**9, size=said.shape))
        return [_speech(*map(str, own), persona=str(i)) for i, own in enumerate(words)]

    outside = []
    for seed in range(100):
        _, m = lexical_similarity(people(n), people(100), seed=seed, n_resamples=100)
        outside.append(m.side != "within")
    assert 0.015 < np.mean(outside) < 0.1


def test_no_range_is_drawn_from_too_few_people() -> None:
    rng = np.random.default_rng(0)
    human = [_speech(*(f"turn {x}" for x in rng.integers(100, size=10)), persona=f"h{i}") for i in range(40)]
    half, more = (_lexical(human[:n], human)["verbatim_elsewhere"] for n in (20, 21))
    assert half.human_low is not None and more.human is not None and more.human_low is None and more.side is None


def test_interval_of_turns_said_elsewhere_lies_around_the_value() -> None:
    rng = np.random.default_rng(0)
    m = _lexical([_speech(*(f"turn {x}" for x in rng.integers(200, size=10)), persona=f"p{i}") for i in range(30)])["verbatim_elsewhere"]
    assert m.low is not None and m.value is not None and m.high is not None
    assert 0 <= m.low < m.value < m.high <= 1
