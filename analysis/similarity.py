"""How alike the conversations of one condition are: whether a batch of different people speaks with different voices.

A similarity is taken of every pair of conversations whose personas differ, so its mean does not depend on how many conversations there
are. Intervals draw personas with replacement and use the pairs between different personas only: a persona that is drawn twice is no
proof that two people speak alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from analysis.language import Speech, by_label, ngrams
from analysis.measure import Measured, Quantity, measure
from analysis.uncertainty import percentile_interval

Floats = npt.NDArray[np.float64]
Similarity = Callable[[Sequence[Speech]], Floats]
"""Conversations -> their similarities, symmetric, shape (n, n); NaN where two cannot be compared."""

TRIGRAMS = Quantity("trigram_overlap", "Trigrams in common, %", "percent")
VERBATIM = Quantity("verbatim_elsewhere", "Turns said elsewhere", "share")

NOTES = (
    "Trigrams in common: Jaccard similarity of all the word trigrams of two persuadees of different personas, mean over pairs.",
    "Turns said elsewhere: share of turns whose words also are a whole turn of another persona. It grows with the number of "
    "conversations, so the humans' is that of samples of as many dialogues as there are personas. Both also depend on how much is said.",
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
    """The mean similarity of conversations of different personas, per condition, beside the humans'.

    Args:
        quantity: what the similarity is.
        similarity: of conversations.
        spoken: simulated persuadees, all conditions.
        human: human persuadees; empty where there are none to compare with.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.

    Returns:
        One record per condition. `n` counts the conversations that can be compared with another one; the interval is None below three
        personas; the humans' range is that of the mean over the pairs of as many human dialogues as there are personas.
    """
    human_sums = _persona_sums(similarity(human), human) if human else None
    result = []
    for label, group in by_label(spoken).items():
        sums = _persona_sums(similarity(group), group)
        rng, rng_human = np.random.default_rng(seed).spawn(2)
        n_personas = len(sums[0])
        enough = n_personas >= 3
        low, high = _interval(_resampled(sums, n_personas, rng, n_resamples), n_personas) if enough else (None, None)
        band = _interval(_resampled(human_sums, n_personas, rng_human, n_resamples)) if human_sums and n_personas > 1 else (None, None)
        comparable = {persona for persona, n_pairs in zip(_personas(group), sums[1].sum(axis=1), strict=True) if n_pairs}
        n = sum(speech.persona in comparable for speech in group)
        result.append(
            Measured(
                **quantity._asdict(),
                label=label,
                model=group[0].model,
                value=_mean(sums),
                low=low,
                high=high,
                n=n,
                n_missing=len(group) - n,
                n_personas=len(comparable),
                human=_mean(human_sums) if human_sums else None,
                human_low=band[0],
                human_high=band[1],
                n_human=len(human),
            )
        )
    return result


def replicates(
    quantity: Quantity, similarity: Similarity, spoken: Sequence[Speech], *, seed: int, n_resamples: int = 2000
) -> list[Measured]:
    """The mean similarity of the conversations of one and the same persona, per condition; people have no replicates to compare with.

    `n` counts the personas with at least two conversations, `n_missing` those with one.
    """
    result = []
    for label, group in by_label(spoken).items():
        matrix = similarity(group)
        values: list[float | None] = []
        for persona in _personas(group):
            own = np.array([i for i, speech in enumerate(group) if speech.persona == persona])
            pairs = matrix[np.ix_(own, own)][np.triu_indices(len(own), 1)]
            values.append(None if np.isnan(pairs).all() else float(np.nanmean(pairs)))
        result.append(measure(quantity, label, group[0].model, values, _personas(group), [], seed=seed, n_resamples=n_resamples))
    return result


def _personas(group: Sequence[Speech]) -> list[str]:
    return list(dict.fromkeys(speech.persona for speech in group))


def _persona_sums(matrix: Floats, group: Sequence[Speech]) -> tuple[Floats, Floats]:
    """Sum of the similarities, and number of them, between the conversations of every two different personas; 0 on the diagonal."""
    personas = _personas(group)
    member = np.zeros((len(personas), len(group)))
    at = {persona: i for i, persona in enumerate(personas)}
    for i, speech in enumerate(group):
        member[at[speech.persona], i] = 1
    known = ~np.isnan(matrix)
    sums = member @ np.where(known, matrix, 0.0) @ member.T
    counts = member @ known @ member.T
    for array in (sums, counts):
        np.fill_diagonal(array, 0.0)
    return sums, counts


def _mean(sums: tuple[Floats, Floats]) -> float | None:
    total = sums[1].sum()
    return float(sums[0].sum() / total) if total else None


def _resampled(sums: tuple[Floats, Floats], n: int, rng: np.random.Generator, n_resamples: int) -> Floats:
    """The mean over the pairs between different personas when `n` personas are drawn with replacement; draws without pairs are left out."""
    n_personas = len(sums[0])
    drawn = rng.multinomial(n, np.full(n_personas, 1 / n_personas), size=n_resamples).astype(np.float64)
    total, count = (((drawn @ array) * drawn).sum(axis=1) for array in sums)
    return np.asarray(total[count > 0] / count[count > 0])


def _interval(values: Floats, n: int | None = None) -> tuple[float | None, float | None]:
    interval = percentile_interval(values, n=n) if len(values) else None
    return (None, None) if interval is None else (interval.low, interval.high)


class _Repeats:
    """Which turns are said by more than one persona.

    Attributes:
        said: share of the turns of a persona (mean over its conversations) that are this turn, shape (turns said by several, personas).
        n_personas: number of personas with at least one turn that has a word.
        n: number of such conversations.
    """

    def __init__(self, group: Sequence[Speech]) -> None:
        turns = [[" ".join(turn) for turn in speech.words if turn] for speech in group]
        kept = [(speech.persona, own) for speech, own in zip(group, turns, strict=True) if own]
        self.n = len(kept)
        personas = list(dict.fromkeys(persona for persona, _ in kept))
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
        """Share of turns that another drawn persona says too, mean over conversations; `drawn` (samples, personas) counts the draws."""
        said_by = (drawn > 0).astype(np.float64) @ (self.said > 0).T.astype(np.float64)
        return np.asarray((((drawn @ self.said.T) * (said_by > 1)).sum(axis=1)) / (drawn @ self.n_conversations))


def _verbatim(group: Sequence[Speech], humans: _Repeats, *, seed: int, n_resamples: int) -> Measured:
    """`VERBATIM` of one condition.

    A bootstrap sample holds fewer different personas than the batch, so its shares are lower: the interval is that of their spread,
    put around the value.
    """
    repeats = _Repeats(group)
    n = repeats.n_personas
    value = low = high = human = human_low = human_high = None
    rng, rng_human = np.random.default_rng(seed).spawn(2)
    if n > 1:
        value = float(repeats.share(np.ones((1, n)))[0])
        resampled = repeats.share(rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64))
        low, high = _interval(resampled - resampled.mean() + value, n)
        low, high = None if low is None else max(0.0, low), None if high is None else min(1.0, high)
    if 1 < n <= humans.n_personas:
        drawn = np.zeros((n_resamples, humans.n_personas))
        for row in drawn:
            row[rng_human.choice(humans.n_personas, size=n, replace=False)] = 1
        of_humans = humans.share(drawn)
        human = float(of_humans.mean())
        human_low, human_high = _interval(of_humans)
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
        human=human,
        human_low=human_low,
        human_high=human_high,
        n_human=humans.n,
    )
