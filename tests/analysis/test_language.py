import random
import subprocess
import sys
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.language import (
    QUANTITIES,
    Speech,
    candidate_variety,
    coleman_liau,
    distinct,
    distinct_expected,
    flesch_kincaid,
    labels,
    language,
    mtld,
    ngrams,
    sentences,
    speeches,
    syllables,
    words,
)
from vs_sim.records import Candidate, ConversationSpec, Decision, Failure, StopReason, Transcript, Turn, VerbalizedDistribution

CAT = "The cat sat on the mat. It was happy."
WORD = st.sampled_from(["one", "two", "three", "four", "five", "six", "seven"])
TURNS = st.lists(st.lists(WORD, max_size=12), max_size=12)


def _speech(*turns: str, persona: str = "ann", label: str = "direct", candidates: tuple[tuple[str, ...], ...] = ()) -> Speech:
    return Speech(label=label, model="scripted:model", persona=persona, turns=turns, candidates=candidates)


def _transcript(
    condition: str, texts: Sequence[str], *, model: str = "m:one", persona: str = "ann", k: int = 1, failed: bool = False
) -> Transcript:
    def said(index: int, text: str) -> Turn:
        if index % 2 == 0:
            return Turn(index=index, role="persuader", text=text)
        candidates = tuple(Candidate(text=f"{text}{' indeed' * i}", stated=None, probability=1 / k) for i in range(k))
        return Turn(index=index, role="persuadee", text=text, distribution=VerbalizedDistribution(candidates=candidates), drawn=0)

    return Transcript(
        spec=ConversationSpec(
            id=f"{condition}-{model}-{persona}-{failed}",
            seed=1,
            condition=condition,
            persuader_model="m:persuader",
            persuadee_model=model,
            persuader="asker",
            persuadee=persona,
            replicate=0,
        ),
        turns=tuple(said(i, text) for i, text in enumerate(texts)),
        decision=None if failed else Decision(amount=10),
        stop_reason=StopReason.ERROR if failed else StopReason.ROUNDS_DONE,
        failure=Failure(kind="EndpointError", message="It is down.", step="t001") if failed else None,
        started="2026-01-01T00:00:00Z",
        seconds=1.0,
        vs_sim="0.1.0",
    )


def test_words_are_letters_digits_and_inner_apostrophes() -> None:
    assert words("I don’t 'know' — well-off folks' $2.50, or 1,000?!") == (
        "i",
        "don't",
        "know",
        "well",
        "off",
        "folks",
        "2.50",
        "or",
        "1,000",
    )
    assert words("¿Qué? 🙂 …") == ("qué",)
    assert words(" ?! ") == ()


def test_sentences_end_at_signs_and_with_the_turn() -> None:
    assert sentences("Yes! I gave $2.50 once... maybe. And you") == ["Yes!", "I gave $2.50 once...", "maybe.", "And you"]
    assert sentences("Ok :) . !! ") == ["Ok :) ."]
    assert sentences("...") == []


def test_ngrams_do_not_cross_turns() -> None:
    assert list(ngrams([["a", "b", "c"], ["d"], ["e", "f"]], 2)) == [("a", "b"), ("b", "c"), ("e", "f")]


def test_distinct_counts_different_ngrams() -> None:
    assert distinct([["a", "b", "a", "b"]], 1) == 0.5
    assert distinct([["a", "b", "a", "b"]], 2) == pytest.approx(2 / 3)
    assert distinct([["a"], ["b"]], 2) is None


@given(TURNS)
def test_drawing_all_ngrams_is_counting_them(turns: list[list[str]]) -> None:
    for n in (1, 2, 3):
        total = len(list(ngrams(turns, n)))
        if total:
            assert distinct_expected(turns, n, total) == pytest.approx(distinct(turns, n))
            assert distinct_expected(turns, n, 1) == pytest.approx(1)
        assert distinct_expected(turns, n, total + 1) is None


def test_expectation_is_what_drawing_gives() -> None:
    rng = random.Random(1)
    tokens = rng.choices([str(i) for i in range(40)], weights=range(1, 41), k=130)
    drawn = [len(set(rng.sample(tokens, 42))) / 42 for _ in range(4000)]
    assert distinct_expected([tokens], 1) == pytest.approx(sum(drawn) / 4000, abs=0.005)


def test_expectation_does_not_fall_with_length_but_the_plain_share_does() -> None:
    rng = random.Random(1)
    people = [[str(min(int(rng.paretovariate(0.6)), 500)) for _ in range(n)] for n in [60] * 40 + [240] * 40]
    plain = [distinct([tokens], 1) or 0 for tokens in people]
    expected = [distinct_expected([tokens], 1) or 0 for tokens in people]
    assert sum(plain[:40]) - sum(plain[40:]) > 5
    assert abs(sum(expected[:40]) - sum(expected[40:])) < 0.8


def test_mtld_by_hand() -> None:
    assert mtld(["a"] * 100) == 2  # the ratio falls below .72 at every second word
    assert mtld([*map(str, range(49)), "0"]) == pytest.approx(50 / ((1 - 49 / 50) / 0.28))  # one unfinished run either way
    # 18 words, then 8 of them again: at 18 / 25 the ratio is .72 and not below it, so a run ends with the 26th word, in both directions.
    run = [*map(str, range(18)), *map(str, range(8))]
    assert mtld(run + run) == 26


def test_mtld_needs_fifty_words_and_a_repetition() -> None:
    assert mtld(["a"] * 49) is None
    assert mtld([str(i) for i in range(60)]) is None


@pytest.mark.parametrize(
    ("word", "n"),
    [("cat", 1), ("happy", 2), ("donation", 3), ("children", 2), ("don't", 1), ("charity", 3), ("2.50", 1), ("unbelievably", 5)],
)
def test_syllables_as_spoken(word: str, n: int) -> None:
    assert syllables(word) == n


def test_grades_by_hand() -> None:
    # 9 words, 2 sentences, 10 syllables, 27 letters
    assert flesch_kincaid([CAT]) == pytest.approx(0.39 * 9 / 2 + 11.8 * 10 / 9 - 15.59)
    assert coleman_liau([CAT]) == pytest.approx(5.88 * 27 / 9 - 29.6 * 2 / 9 - 15.8)
    assert flesch_kincaid(CAT.split(". ")) == flesch_kincaid([CAT])  # the end of a turn ends a sentence
    assert flesch_kincaid(["..."]) is None and coleman_liau([]) is None


@pytest.mark.slow
def test_grades_need_no_network() -> None:
    code = (
        "import socket\ndef no(*a, **k): raise OSError('no network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = no\n"
        f"from analysis.language import flesch_kincaid\nprint(flesch_kincaid([{CAT!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == flesch_kincaid([CAT])


def test_candidates_vary_between_equal_and_nothing_in_common() -> None:
    assert candidate_variety([("Yes, sure.", "sure yes")]) == 0
    assert candidate_variety([("yes", "no", "maybe")]) == 1
    assert candidate_variety([("a b", "b c"), ("yes", "no"), ("alone",), ()]) == pytest.approx((2 / 3 + 1) / 2)
    assert candidate_variety([("alone",)]) is None


def test_speeches_are_the_persuadees_turns_of_complete_conversations() -> None:
    done = [_transcript("vs", ["Hello.", "Hi.", "Give?", "No."], k=3), _transcript("direct", ["Hello.", "Hey."], persona="ben")]
    failed = _transcript("vs", ["Hello.", "Hi."], persona="ben", failed=True)
    plan = [done[1].spec, done[0].spec, failed.spec]
    first, second = speeches([*done, failed], plan)
    assert (first.label, first.persona, first.turns) == ("direct", "ben", ("Hey.",))
    assert (second.label, second.turns) == ("vs", ("Hi.", "No."))
    assert second.candidates[1] == ("No.", "No. indeed", "No. indeed indeed")
    assert [speech.label for speech in speeches(done, plan, "run-a")] == ["direct, run-a", "vs, run-a"]


def test_personas_of_one_person_are_one_person() -> None:
    done = [_transcript("vs", ["Hello.", "Hi."], persona=persona) for persona in ("user_7-d1", "user_7-d2", "ann")]
    assert [speech.persona for speech in speeches(done, [t.spec for t in done])] == ["user_7", "user_7", "ann"]


def test_labels_name_the_model_where_there_are_several() -> None:
    plan = [_transcript("direct", [], model=model).spec for model in ("m:one", "m:two")]
    assert list(labels(plan).values()) == ["direct (m:one)", "direct (m:two)"]
    assert list(labels(plan[:1]).values()) == ["direct"]


def test_every_number_stands_beside_the_humans_or_is_missing() -> None:
    spoken = [_speech(CAT, "No.", persona=p) for p in ("ann", "ben")] + [_speech("...", persona="cem"), _speech(persona="dot")]
    human = [_speech("I would rather keep it. Sorry about that!", "Bye.", label="humans", persona=p) for p in "abc"]
    measured = {m.name: m for m in language(spoken, human, seed=1, n_resamples=50)}
    assert list(measured) == [quantity.name for quantity, _ in QUANTITIES]
    assert measured["n_turns"].value == (2 + 2 + 1 + 0) / 4
    assert measured["words_per_turn"].n == 3 and measured["words_per_turn"].value == (5 + 5 + 0) / 3
    assert (measured["flesch_kincaid"].n, measured["flesch_kincaid"].n_missing) == (2, 2)
    assert (measured["mtld"].value, measured["mtld"].human, measured["candidate_variety"].value) == (None, None, None)
    assert measured["sentences_per_turn"].human == 1.5 and measured["n_turns"].n_human == 3


def test_conditions_are_measured_apart() -> None:
    spoken = [_speech("One two.", label="a"), _speech("One two three four.", label="b")]
    length = [m for m in language(spoken, [], seed=1, n_resamples=50) if m.name == "words_per_turn"]
    assert [(m.label, m.value, m.human) for m in length] == [("a", 2.0, None), ("b", 4.0, None)]


def test_titles_fit_the_table() -> None:
    from analysis import semantic, similarity
    from analysis.measure import TITLE

    others = [similarity.TRIGRAMS, similarity.VERBATIM, semantic.WITHIN, semantic.ROUNDS, semantic.SIDES, semantic.REPLICATES]
    assert all(len(quantity.title) < TITLE for quantity in [*(q for q, _ in QUANTITIES), *others, semantic.CANDIDATES])
