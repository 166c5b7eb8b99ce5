"""How alike the conversations of one condition are: whether a batch of different people speaks with different voices.

A similarity is taken of every pair of conversations of different people, so its mean does not depend on how many conversations there
are. Intervals draw people with replacement and use the pairs between different people only: a person who is drawn twice is no proof that
two people speak alike. The personas made from one person are that person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from analysis.language import Speech, by_label, ngrams
from analysis.measure import Measured, Quantity, draw_people, effective_number, measure, within
from analysis.uncertainty import Interval, percentile_interval

Floats = npt.NDArray[np.float64]
Similarity = Callable[[Sequence[Speech]], Floats]
"""Conversations -> their similarities, symmetric, shape (n, n); NaN where two cannot be compared."""

TRIGRAMS = Quantity("trigram_overlap", "Trigrams in common, %", "percent")
VERBATIM = Quantity("verbatim_elsewhere", "Turns said elsewhere", "share")
MAX_DRAWN = 0.5
"""Share of the human sample up to which drawing from it without replacement shows how samples vary."""

NOTES = (
    "Trigrams in common: Jaccard similarity of all the word trigrams of two persuadees who are different people, mean over pairs.",
    "Turns said elsewhere: share of turns whose words also are a whole turn of another person. It grows with the number of conversations, "
    "so the humans' is that of samples of as many people; no range is known for more than half of them. Both also depend on how much is "
    "said.",
)


def lexical_similarity(spoken: Sequence[Speech], human: Sequence[Speech], *, seed: int, n_resamples: int = 2000) -> list[Measured]:
    """`TRIGRAMS` and `VERBATIM` of every condition, beside the humans'; arguments as in `analysis.language.language`."""
    overlap = between(TRIGRAMS, trigram_overlap, spoken, human, seed=seed, n_resamples=n_resamples)
    of_humans = _Repeats(human)
    return [
        measured
        for m, group in zip(overlap, by_label(spoken).values(), strict=True)
        for measured in (m, _verbatim(group, of_humans, seed=seed, n_resamples=n_resamples))
    ]


def trigram_overlap(spoken: Sequence[Speech]) -> Floats:
    """Jaccard similarity of the sets of word trigrams of every two conversations, 0 to 100 %; NaN where one has none."""
    from scipy.sparse import csr_array

    index: dict[tuple[str, ...], int] = {}
    rows, columns = [], []
    for i, speech in enumerate(spoken):
        for trigram in set(ngrams(speech.words, 3)):
            rows.append(i)
            columns.append(index.setdefault(trigram, len(index)))
    said = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(spoken), max(1, len(index))))
    common = np.asarray((said @ said.T).todense(), dtype=np.float64)
    n = np.diag(common)
    either = n[:, None] + n[None, :] - common
    return 100 * np.divide(common, either, out=np.full_like(common, np.nan), where=(n[:, None] > 0) & (n[None, :] > 0))


def between(
    quantity: Quantity,
    similarity: Similarity,
    spoken: Sequence[Speech],
    human: Sequence[Speech],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> list[Measured]:
    """The mean similarity of conversations of different people, per condition, beside the humans'.

    Args:
        quantity: what the similarity is.
        similarity: of conversations.
        spoken: simulated persuadees, all conditions.
        human: human persuadees; empty where there are none to compare with.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.

    Returns:
        One record per condition. `n` counts the conversations that can be compared with another one; the interval is None below three
        people; the humans' range is that of `analysis.measure.human_band`, of means over pairs.
    """
    human_pairs = _pairs(similarity(human), human) if human else None
    result = []
    for label, group in by_label(spoken).items():
        pairs = _pairs(similarity(group), group)
        rng, rng_human = np.random.default_rng(seed).spawn(2)
        comparable = [speech.persona for speech, n_pairs in zip(group, pairs[1].sum(axis=1), strict=True) if n_pairs]
        n_personas, n_effective = len(set(comparable)), effective_number(comparable)
        drawn = draw_people([speech.persona for speech in group], rng, n_resamples) if n_personas >= 3 else None
        interval = None if drawn is None else percentile_interval(_known(_means(pairs, drawn)), n=n_personas)
        band = _band(human_pairs, human, n_effective, quantity, rng_human, n_resamples) if human_pairs and n_effective > 1 else None
        result.append(
            Measured(
                **quantity._asdict(),
                label=label,
                model=group[0].model,
                value=_mean(pairs),
                low=interval.low if interval else None,
                high=interval.high if interval else None,
                n=len(comparable),
                n_missing=len(group) - len(comparable),
                n_personas=n_personas,
                n_effective=n_effective,
                human=_mean(human_pairs) if human_pairs else None,
                human_low=band.low if band else None,
                human_high=band.high if band else None,
                n_human=len(human),
            )
        )
    return result


def replicates(
    quantity: Quantity, similarity: Similarity, spoken: Sequence[Speech], *, seed: int, n_resamples: int = 2000
) -> list[Measured]:
    """The mean similarity of the conversations of one and the same person, per condition; no replicates of people are compared with.

    `n` counts the people with at least two conversations, `n_missing` those with one.
    """
    result = []
    for label, group in by_label(spoken).items():
        matrix = similarity(group)
        values: list[float | None] = []
        for persona in _personas(group):
            own = np.array([i for i, speech in enumerate(group) if speech.persona == persona])
            pairs = matrix[np.ix_(own, own)][np.triu_indices(len(own), 1)]
            values.append(None if np.isnan(pairs).all() else float(np.nanmean(pairs)))
        result.append(measure(quantity, label, group[0].model, values, _personas(group), [], [], seed=seed, n_resamples=n_resamples))
    return result


def _personas(group: Sequence[Speech]) -> list[str]:
    return list(dict.fromkeys(speech.persona for speech in group))


def _pairs(matrix: Floats, group: Sequence[Speech]) -> tuple[Floats, Floats]:
    """The similarities of the conversations of different people, 0 where there is none; and 1 where there is one, else 0."""
    people = np.unique([speech.persona for speech in group], return_inverse=True)[1]
    known = ~np.isnan(matrix) & (people[:, None] != people[None, :])
    return np.where(known, matrix, 0.0), known.astype(np.float64)


def _mean(pairs: tuple[Floats, Floats]) -> float | None:
    total = pairs[1].sum()
    return float(pairs[0].sum() / total) if total else None


def _means(pairs: tuple[Floats, Floats], drawn: Floats) -> Floats:
    """The mean over the pairs where each conversation counts as often as it is drawn, shape (samples, conversations); NaN without pairs."""
    total, count = (((drawn @ array) * drawn).sum(axis=1) for array in pairs)
    return np.asarray(np.divide(total, count, out=np.full(len(drawn), np.nan), where=count > 0))


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]


def _band(
    pairs: tuple[Floats, Floats], human: Sequence[Speech], n: int, quantity: Quantity, rng: np.random.Generator, n_resamples: int
) -> Interval | None:
    """`analysis.measure.human_band` of a mean over pairs."""
    people = [speech.persona for speech in human]
    redrawn, mean = draw_people(people, rng, n_resamples), _mean(pairs)
    if redrawn is None or mean is None:
        return None
    sample = rng.multinomial(n, np.full(len(human), 1 / len(human)), size=n_resamples).astype(np.float64)
    means = _known(mean + _means(pairs, sample) - _means(pairs, redrawn))
    band = percentile_interval(means, n=len(set(people))) if len(means) else None
    return within(band, pairs[0], quantity.unit) if band else None


class _Repeats:
    """Which turns are said by more than one person.

    Attributes:
        said: share of the turns of a person (sum over the conversations) that are this turn, shape (turns said by several, people).
        n_personas: number of people with at least one turn that has a word.
        people: person of each such conversation.
        n: number of such conversations.
    """

    def __init__(self, group: Sequence[Speech]) -> None:
        turns = [[" ".join(turn) for turn in speech.words if turn] for speech in group]
        kept = [(speech.persona, own) for speech, own in zip(group, turns, strict=True) if own]
        self.n = len(kept)
        self.people = [persona for persona, _ in kept]
        personas = list(dict.fromkeys(self.people))
        self.n_personas = len(personas)
        at = {persona: i for i, persona in enumerate(personas)}
        self.n_conversations = np.zeros(len(personas))
        by: dict[str, dict[int, float]] = defaultdict(lambda: defaultdict(float))
        for persona, own in kept:
            self.n_conversations[at[persona]] += 1
            for turn in own:
                by[turn][at[persona]] += 1 / len(own)
        several = [shares for shares in by.values() if len(shares) > 1]
        self.said = np.zeros((len(several), len(personas)))
        for row, shares in enumerate(several):
            self.said[row, list(shares)] = list(shares.values())

    def share(self, drawn: Floats) -> Floats:
        """Share of turns that another drawn person says too, mean over conversations; `drawn` (samples, personas) counts the draws."""
        said_by = (drawn > 0).astype(np.float64) @ (self.said > 0).T.astype(np.float64)
        return np.asarray((((drawn @ self.said.T) * (said_by > 1)).sum(axis=1)) / (drawn @ self.n_conversations))


def _verbatim(group: Sequence[Speech], humans: _Repeats, *, seed: int, n_resamples: int) -> Measured:
    """`VERBATIM` of one condition.

    A bootstrap sample holds fewer different people than the batch, so its shares are lower: the interval is that of their spread, put
    around the value. For the same reason the humans are drawn without replacement. Samples of n out of N then vary with 1 / n - 1 / N;
    widened to 1 / n' + 1 / N they vary as new samples that are worth n' independent people do around the mean of these N humans.
    """
    repeats = _Repeats(group)
    n, n_effective = repeats.n_personas, effective_number(repeats.people)
    value = low = high = human = human_low = human_high = None
    rng, rng_human = np.random.default_rng(seed).spawn(2)
    if n > 1:
        value = float(repeats.share(np.ones((1, n)))[0])
        resampled = repeats.share(rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64))
        if interval := percentile_interval(resampled - resampled.mean() + value, n=n):
            low, high = within(interval, resampled, "share")
    if 1 < n <= humans.n_personas:
        drawn = np.zeros((n_resamples, humans.n_personas))
        for row in drawn:
            row[rng_human.choice(humans.n_personas, size=n, replace=False)] = 1
        of_humans = humans.share(drawn)
        human = float(of_humans.mean())
        if n <= MAX_DRAWN * humans.n_personas:
            n_humans = humans.n_personas
            wider = np.sqrt((1 / n_effective + 1 / n_humans) / (1 / n - 1 / n_humans))
            if band := percentile_interval(human + wider * (of_humans - human), n=n_humans):
                human_low, human_high = within(band, of_humans, "share")
    return Measured(
        **VERBATIM._asdict(),
        label=group[0].label,
        model=group[0].model,
        value=value,
        low=low,
        high=high,
        n=repeats.n if n > 1 else 0,
        n_missing=len(group) - (repeats.n if n > 1 else 0),
        n_personas=n,
        n_effective=n_effective,
        human=human,
        human_low=human_low,
        human_high=human_high,
        n_human=humans.n,
    )
