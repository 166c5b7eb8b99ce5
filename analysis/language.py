"""Language of the persuadee: length, variety and readability of what it says, per conversation; simulated and human by the same code.

Words are runs of letters and digits in lower case; an apostrophe inside a word belongs to it ("don't" is one word), an amount such as
"2.50" is one word, hyphens and all other signs separate. A sentence ends at . ! or ? before a space, and at the end of a turn; what has no
word in it is no sentence. n-grams never cross from one turn into the next.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from analysis.measure import Measured, Quantity, measure_all
from vs_sim.human.reference import person
from vs_sim.records import ConversationSpec, Transcript

N_DRAWN = 42
"""n-grams that `distinct_expected` draws: the number at which HD-D is defined."""
MTLD_TTR = 0.72
"""Type-token ratio below which MTLD closes a factor."""
MTLD_MIN_WORDS = 50
"""Shorter texts have no MTLD: a single factor already is about as long."""

_WORD = re.compile(r"\d+(?:[.,]\d+)+|[^\W_]+(?:'[^\W_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")

NOTES = (
    "Words: runs of letters and digits in lower case, apostrophes kept, other signs separate; sentences end at . ! ? or with the turn; "
    "n-grams stay within a turn.",
    "Distinct-n: different n-grams by all n-grams of one persuadee's dialogue; it falls with length. Distinct-n (42): its expectation for "
    "42 n-grams drawn from the dialogue, free of length (n = 1 is HD-D). MTLD: from 50 words on.",
    "Grades: Flesch-Kincaid (syllables counted by syllapy, a number as one syllable) and Coleman-Liau (letters).",
    "Values printed in papers rest on their own tokenisers; those of the paper on Verbalized Sampling could not be had again for the "
    "humans by any usual definition. Compare with the humans measured here, never with printed ones.",
)


@dataclass(frozen=True)
class Speech:
    """What the persuadee of one conversation said.

    Attributes:
        label: name of the condition, with the model behind it where there are several models.
        model: the persuadee's model.
        persona: the person behind the persuadee's persona: of the personas made from one person, every conversation has the same.
        turns: its turns in order.
        candidates: per turn, the texts that it was drawn from; a single one, or none, where no distribution was verbalized.
    """

    label: str
    model: str
    persona: str
    turns: tuple[str, ...]
    candidates: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def words(self) -> tuple[tuple[str, ...], ...]:
        """The words of each turn."""
        return tuple(words(turn) for turn in self.turns)


def labels(planned: Sequence[ConversationSpec], run: str = "") -> dict[tuple[str, str], str]:
    """What a condition and a persuadee's model are called together, in the order of the plan.

    Args:
        planned: every conversation of the plan, run or not.
        run: name of the run, put behind the condition's where several runs are compared.
    """
    groups = list(dict.fromkeys((spec.condition, spec.persuadee_model) for spec in planned))
    one_model = len({model for _, model in groups}) == 1
    return {
        (condition, model): (condition if one_model else f"{condition} ({model})") + (f", {run}" if run else "")
        for condition, model in groups
    }


def speeches(transcripts: Iterable[Transcript], planned: Sequence[ConversationSpec], run: str = "") -> list[Speech]:
    """What the persuadees of all complete conversations said, conditions in the order of the plan.

    Args:
        transcripts: of one run; conversations that failed are left out.
        planned, run: as in `labels`.
    """
    names = labels(planned, run)
    found: dict[str, list[Speech]] = {label: [] for label in names.values()}
    for transcript in transcripts:
        spec = transcript.spec
        if transcript.complete:
            turns = [turn for turn in transcript.turns if turn.role == "persuadee"]
            label = names[spec.condition, spec.persuadee_model]
            found[label].append(
                Speech(
                    label=label,
                    model=spec.persuadee_model,
                    persona=person(spec.persuadee),
                    turns=tuple(turn.text for turn in turns),
                    candidates=tuple(tuple(c.text for c in turn.distribution.candidates) if turn.distribution else () for turn in turns),
                )
            )
    return [speech for group in found.values() for speech in group]


def by_label(spoken: Iterable[Speech]) -> dict[str, list[Speech]]:
    """The conversations of each condition, conditions in order of first appearance."""
    groups: dict[str, list[Speech]] = {}
    for speech in spoken:
        groups.setdefault(speech.label, []).append(speech)
    return groups


def words(text: str) -> tuple[str, ...]:
    """The words of a text in lower case, as the module says."""
    return tuple(_WORD.findall(text.lower().replace("’", "'")))


def sentences(text: str) -> list[str]:
    """The sentences of a turn that have a word in them."""
    return [sentence for sentence in _SENTENCE_END.split(text) if _WORD.search(sentence)]


def ngrams(turns: Iterable[Sequence[str]], n: int) -> Iterator[tuple[str, ...]]:
    """All n-grams of words, none of which crosses from one turn into the next."""
    for turn in turns:
        yield from (tuple(turn[i : i + n]) for i in range(len(turn) - n + 1))


def distinct(turns: Iterable[Sequence[str]], n: int) -> float | None:
    """Different n-grams by all n-grams, 0 to 1; None where there is no n-gram.

    Source:
        Li et al. (2016), "A diversity-promoting objective function", there over a whole corpus; here within one dialogue.
    """
    counts = Counter(ngrams(turns, n))
    return len(counts) / counts.total() if counts else None


def distinct_expected(turns: Iterable[Sequence[str]], n: int, n_drawn: int = N_DRAWN) -> float | None:
    """Expected share of different n-grams among `n_drawn` drawn without replacement, 0 to 1; None where there are fewer.

    The expectation is exact (hypergeometric), nothing is drawn. It does not fall with the length of the dialogue as `distinct` does.

    Source:
        McCarthy and Jarvis (2007), "vocd: A theoretical and empirical evaluation": HD-D for n = 1; the same for n = 2 and 3 is ours.
    """
    counts = Counter(ngrams(turns, n))
    total = counts.total()
    if total < n_drawn:
        return None
    times = Counter(counts.values())
    return sum(how_many * (1 - _unseen(total, count, n_drawn)) for count, how_many in times.items()) / n_drawn


@cache
def _unseen(total: int, count: int, n_drawn: int) -> float:
    """Chance that none of `count` among `total` is drawn."""
    return math.comb(total - count, n_drawn) / math.comb(total, n_drawn)


def mtld(tokens: Sequence[str]) -> float | None:
    """Mean length of runs of words that keep a type-token ratio of at least .72, forwards and backwards; longer is more varied.

    Args:
        tokens: the words of a dialogue in order.

    Returns:
        Words, at least 2; None below 50 words, or where no word is ever repeated.

    Source:
        McCarthy and Jarvis (2010), "MTLD, vocd-D, and HD-D". Texts under 100 words are noisy; we leave out those under 50.
    """
    if len(tokens) < MTLD_MIN_WORDS or len(set(tokens)) == len(tokens):
        return None
    return (len(tokens) / _factors(tokens) + len(tokens) / _factors(tokens[::-1])) / 2


def _factors(tokens: Sequence[str]) -> float:
    """Number of runs until the type-token ratio falls below .72; the unfinished last one counts by how far it has fallen."""
    n_factors = 0.0
    types: set[str] = set()
    length = 0
    for token in tokens:
        types.add(token)
        length += 1
        if len(types) / length < MTLD_TTR:
            n_factors += 1
            types.clear()
            length = 0
    if length:
        n_factors += (1 - len(types) / length) / (1 - MTLD_TTR)
    return n_factors


@cache
def syllables(word: str) -> int:
    """Syllables of an English word as spoken, at least 1; a number or a sign counts as one.

    On the words of the 1,017 human persuadees that are in the CMU Pronouncing Dictionary, syllapy agrees with it for 98.3 % and counts .4 %
    too few in total.
    """
    import syllapy

    return max(1, int(syllapy.count(word)))


def flesch_kincaid(turns: Sequence[str]) -> float | None:
    """US school grade: .39 words per sentence + 11.8 syllables per word - 15.59; None where nothing is said.

    Source:
        Kincaid et al. (1975), "Derivation of new readability formulas for Navy enlisted personnel".
    """
    tokens = [word for turn in turns for word in words(turn)]
    if not tokens:
        return None
    n_sentences = sum(len(sentences(turn)) for turn in turns)
    return 0.39 * len(tokens) / n_sentences + 11.8 * sum(map(syllables, tokens)) / len(tokens) - 15.59


def coleman_liau(turns: Sequence[str]) -> float | None:
    """US school grade without syllables: 5.88 letters per word - 29.6 sentences per word - 15.8; None where nothing is said.

    Source:
        Coleman and Liau (1975), "A computer readability formula designed for machine scoring".
    """
    tokens = [word for turn in turns for word in words(turn)]
    if not tokens:
        return None
    n_letters = sum(character.isalnum() for token in tokens for character in token)
    return 5.88 * n_letters / len(tokens) - 29.6 * sum(len(sentences(turn)) for turn in turns) / len(tokens) - 15.8


def candidate_variety(candidates: Iterable[Sequence[str]]) -> float | None:
    """1 - Jaccard similarity of the word sets of two candidates of a turn, mean over pairs, then turns; None without two candidates.

    0 where all candidates use the same words, 1 where no two share a word.
    """
    by_turn = []
    for texts in candidates:
        sets = [set(words(text)) for text in texts]
        pairs = [(a, b) for i, a in enumerate(sets) for b in sets[:i] if a or b]
        if pairs:
            by_turn.append(1 - sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs))
    return sum(by_turn) / len(by_turn) if by_turn else None


def _per_turn(count: Callable[[str], int]) -> Callable[[Speech], float | None]:
    return lambda speech: sum(map(count, speech.turns)) / len(speech.turns) if speech.turns else None


QUANTITIES: tuple[tuple[Quantity, Callable[[Speech], float | None]], ...] = (
    (Quantity("n_turns", "Turns", "turns"), lambda s: len(s.turns)),
    (Quantity("words_per_turn", "Words per turn", "words"), _per_turn(lambda turn: len(words(turn)))),
    (Quantity("words_per_dialogue", "Words per dialogue", "words"), lambda s: sum(map(len, s.words))),
    (Quantity("sentences_per_turn", "Sentences per turn", "sentences"), _per_turn(lambda turn: len(sentences(turn)))),
    (Quantity("flesch_kincaid", "Flesch-Kincaid grade", "grade"), lambda s: flesch_kincaid(s.turns)),
    (Quantity("coleman_liau", "Coleman-Liau grade", "grade"), lambda s: coleman_liau(s.turns)),
    (Quantity("distinct_1", "Distinct-1", "share"), lambda s: distinct(s.words, 1)),
    (Quantity("distinct_2", "Distinct-2", "share"), lambda s: distinct(s.words, 2)),
    (Quantity("distinct_3", "Distinct-3", "share"), lambda s: distinct(s.words, 3)),
    (Quantity("distinct_1_of_42", "Distinct-1 (42)", "share"), lambda s: distinct_expected(s.words, 1)),
    (Quantity("distinct_2_of_42", "Distinct-2 (42)", "share"), lambda s: distinct_expected(s.words, 2)),
    (Quantity("distinct_3_of_42", "Distinct-3 (42)", "share"), lambda s: distinct_expected(s.words, 3)),
    (Quantity("mtld", "MTLD", "words"), lambda s: mtld([word for turn in s.words for word in turn])),
    (Quantity("candidate_variety", "Candidates' variety", "share"), lambda s: candidate_variety(s.candidates)),
)
"""What is measured per conversation, and how."""


def language(spoken: Sequence[Speech], human: Sequence[Speech], *, seed: int, n_resamples: int = 2000) -> list[Measured]:
    """`QUANTITIES` of every condition, condition by condition, beside the humans'.

    Args:
        spoken: simulated persuadees, all conditions.
        human: human persuadees; empty where there are none to compare with.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.
    """
    return measure_all(QUANTITIES, by_label(spoken), human, seed=seed, n_resamples=n_resamples)
