"""How different the replies to a prompt are, in meaning and in words; and how many times as different one condition's are as another's.

Source: arXiv 2510.01171, section on creative writing: 1 - mean cosine of sentence embeddings over all pairs of replies to a prompt, and
ROUGE-L. Where we differ: ROUGE-L is given as 1 - its mean F-measure, so that more is more different in both; the embeddings are of a small
local model; intervals are over askings, since replies of one asking were written in view of each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from scipy import stats

from analysis.language import words
from analysis.replies import Floats, Ints, Replies
from analysis.semantic import Embed
from analysis.uncertainty import Interval, percentile_interval
from vs_sim.records import Record

LEAST_FREEDOM = 3
"""Askings beyond one for each prompt: intervals of fewer hold the truth far less often than they say."""


class Diversity(Record):
    """Replies of a model in one condition, mean over the prompts.

    Attributes:
        measure: ``"meaning"`` (1 - mean cosine) or ``"words"`` (1 - mean ROUGE-L).
        condition, model: of the study.
        n_planned, n_askings: askings of the plan, and those that gave candidates.
        n_replies: candidates that were looked at, of all prompts.
        n_prompts: prompts with at least two replies, over which the mean is.
        n_without: prompts of the study that have fewer.
        by_prompt: prompt -> its diversity, 0 (all the same) to about 1 (unrelated).
        mean: over those prompts; None if there are none.
        interval: 95 %, over the askings of each prompt, widened for few; None where nothing varies, a prompt has a single asking, or all
            prompts together have fewer than `LEAST_FREEDOM` askings beyond one each.
        ratio: mean divided by that of the first condition, over the prompts that both have; None for the first one.
        ratio_interval: 95 %, likewise.
    """

    measure: str
    condition: str
    model: str
    n_planned: int
    n_askings: int
    n_replies: int
    n_prompts: int
    n_without: int
    by_prompt: dict[str, float]
    mean: float | None
    interval: Interval | None
    ratio: float | None
    ratio_interval: Interval | None


Distances = Callable[[Sequence[str]], Floats]
"""Texts -> their distances from each other, a symmetric table with zeros on its diagonal."""


def in_meaning(embed: Embed) -> Distances:
    """1 - cosine similarity of embeddings, exactly 0 for equal texts."""

    def distances(texts: Sequence[str]) -> Floats:
        different = {text: i for i, text in enumerate(dict.fromkeys(texts))}
        vectors = embed(list(different)).astype(np.float64)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        table = np.clip(1 - vectors @ vectors.T, 0, None)
        np.fill_diagonal(table, 0)
        which = [different[text] for text in texts]
        return np.asarray(table[np.ix_(which, which)], dtype=np.float64)

    return distances


def in_words(texts: Sequence[str]) -> Floats:
    """1 - ROUGE-L (F-measure: twice the longest common subsequence of words, divided by the words of both).

    Texts without a word are as far from all others as can be, and the same as each other.
    """
    from rapidfuzz.distance import LCSseq

    tokens = [words(text) for text in texts]
    table = np.zeros((len(texts), len(texts)))
    for i, j in combinations(range(len(texts)), 2):
        n_words = len(tokens[i]) + len(tokens[j])
        common = LCSseq.similarity(tokens[i], tokens[j])
        table[i, j] = table[j, i] = 1 - 2 * common / n_words if n_words else 0.0
    return table


def mean_distance(distances: Floats, asking: Ints, times: Floats, *, between: float = 1.0) -> Floats:
    """Mean distance of all pairs of replies, for resamples of the askings.

    A reply is never compared with a copy of its own asking, which would be at distance 0 by resampling alone.

    Args:
        distances: of the replies.
        asking: number of the asking of each reply.
        times: resamples x askings: how often each is drawn; all ones for the data themselves.
        between: weight of a pair of different askings. In resamples of n askings such pairs are fewer than in the data, (n - 1) / n of
            them, since some askings are drawn twice; n / (n - 1) makes up for it, or lists would seem more diverse than they are.

    Returns:
        One mean a resample; NaN where it has no pair.
    """
    n = times.shape[1]
    member = np.zeros((n, len(asking)))
    member[asking, np.arange(len(asking))] = 1
    sums = member @ distances @ member.T  # askings x askings
    sizes = member.sum(axis=1)
    pairs = np.outer(sizes, sizes) - np.diag(sizes)
    within, n_within = np.diag(sums), np.diag(pairs)
    across, n_across = between * (sums - np.diag(within)), between * (pairs - np.diag(n_within))
    total = np.einsum("ra,ab,rb->r", times, across, times) + times @ within
    count = np.einsum("ra,ab,rb->r", times, n_across, times) + times @ n_within
    return np.asarray(np.divide(total, count, out=np.full(len(times), np.nan), where=count > 0), dtype=np.float64)


def diversities(
    measure: str, found: Sequence[Replies], distances: Distances, *, n: int, seed: int, n_resamples: int = 2000
) -> list[Diversity]:
    """Diversity by model and condition, in the order in which they come.

    Args:
        measure: name of the measure.
        found: the replies to every prompt.
        distances: of texts.
        n: candidates of a prompt to look at; those behind are left out, so that conditions are compared at the same number.
        seed: of the resampling.
        n_resamples: number of bootstrap samples.
    """
    rng = np.random.default_rng(seed)
    arms: dict[tuple[str, str], list[Replies]] = {}
    for one in found:
        arms.setdefault((one.model, one.condition), []).append(one)
    values: dict[tuple[str, str], dict[str, float]] = {}
    resampled: dict[tuple[str, str], dict[str, Floats]] = {}
    n_askings_of: dict[tuple[str, str], dict[str, int]] = {}
    for arm, group in arms.items():
        values[arm], resampled[arm], n_askings_of[arm] = {}, {}, {}
        for one in group:
            if len(one.texts[:n]) < 2:
                continue
            asking = one.asking[:n]
            n_askings = n_askings_of[arm][one.prompt] = int(asking.max()) + 1
            table = distances(one.texts[:n])
            values[arm][one.prompt] = float(mean_distance(table, asking, np.ones((1, n_askings)))[0])
            times = rng.multinomial(n_askings, np.full(n_askings, 1 / n_askings), n_resamples).astype(float)
            between = n_askings / max(1, n_askings - 1)
            resampled[arm][one.prompt] = mean_distance(table, asking, times, between=between)
    firsts = {model: next(arm for arm in arms if arm[0] == model) for model, _ in arms}
    return [_diversity(measure, arm, group, values, resampled, n_askings_of, firsts[arm[0]], n) for arm, group in arms.items()]


def _level(n_askings: Sequence[int]) -> float | None:
    """Level at which resamples have to be cut for an interval of 95 %, from the askings of each prompt; None if they are too few.

    Resampling n askings varies by (n - 1) / n of what it should, and what is known of it has n - 1 degrees of freedom, those of all
    prompts together: as in `analysis.uncertainty.percentile_interval`, where there is one set of people.
    """
    freedom = sum(n_askings) - len(n_askings)
    if min(n_askings) < 2 or freedom < LEAST_FREEDOM:
        return None
    return 1 - 2 * float(stats.norm.sf(stats.t.isf(0.025, freedom) * np.sqrt(sum(n_askings) / freedom)))


def _diversity(
    measure: str,
    arm: tuple[str, str],
    group: Sequence[Replies],
    values: dict[tuple[str, str], dict[str, float]],
    resampled: dict[tuple[str, str], dict[str, Floats]],
    n_askings: dict[tuple[str, str], dict[str, int]],
    first: tuple[str, str],
    n: int,
) -> Diversity:
    own = values[arm]
    both = [prompt for prompt in own if prompt in values[first]] if arm != first else []
    base = float(np.mean([values[first][prompt] for prompt in both])) if both else 0.0
    ratio = ratio_interval = interval = None
    if own and (level := _level([*n_askings[arm].values()])) is not None:
        interval = percentile_interval(np.mean(list(resampled[arm].values()), axis=0), level)
    if base > 0:
        ratio = float(np.mean([own[prompt] for prompt in both])) / base
        of_both = [np.mean([resampled[one][prompt] for prompt in both], axis=0) for one in (arm, first)]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios = of_both[0] / of_both[1]
        levels = [_level([n_askings[one][prompt] for prompt in both]) for one in (arm, first)]
        known = [level for level in levels if level is not None]
        if len(known) == len(levels):  # as wide as the condition with fewer askings needs
            ratio_interval = percentile_interval(np.where(np.isfinite(ratios), ratios, np.nan), max(known))
    return Diversity(
        measure=measure,
        condition=arm[1],
        model=arm[0],
        n_planned=sum(one.n_planned for one in group),
        n_askings=sum(one.n_askings for one in group),
        n_replies=sum(len(one.texts[:n]) for one in group),
        n_prompts=len(own),
        n_without=len(group) - len(own),
        by_prompt=own,
        mean=float(np.mean(list(own.values()))) if own else None,
        interval=interval,
        ratio=ratio,
        ratio_interval=ratio_interval,
    )
