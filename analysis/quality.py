"""Quality of replies as a judge model rated them, by condition and model; and how far the judge agrees with itself over repeats."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from analysis.agreement import Alpha
from analysis.replies import Floats, Ints
from analysis.uncertainty import Interval, percentile_interval
from vs_sim.judge import Judgement, RatingId, Reply
from vs_sim.prompt_records import PromptSpec
from vs_sim.records import Record
from vs_sim.rubric import HIGHEST, LOWEST


@dataclass(frozen=True)
class Rated:
    """Replies of a model to one prompt in one condition, and what the judge made of them.

    Attributes:
        prompt, condition, model: of the study.
        asking: number of the asking that each reply comes from, from 0 without gaps.
        ratings: replies x repeats x criteria, 0 (the lowest rating) to 1 (the highest); NaN where there is none.
    """

    prompt: str
    condition: str
    model: str
    asking: Ints
    ratings: Floats

    @property
    def quality(self) -> Floats:
        """Of each reply: mean over its criteria and the repeats that were read; NaN where none was."""
        return _mean(self.ratings, (1, 2))


class Quality(Record):
    """Quality of the replies of a model in one condition, mean over the prompts.

    Attributes:
        condition, model: of the study.
        n_chosen: replies that were to be rated, of all prompts; equal texts count as often as they occur.
        n_replies: those of them that are rated.
        n_prompts: prompts with at least one rated reply, over which the mean is.
        n_without: prompts of the study that have none.
        n_single: those of the prompts whose rated replies are of a single asking, so that nothing is known of how askings vary.
        by_prompt: prompt -> mean quality of its replies, 0 to 1.
        by_criterion: criterion -> its mean over the prompts, 0 to 1.
        mean: of quality over the prompts; None if there are none.
        interval: 95 %, over the askings of each prompt, by Student's t at Welch's and Satterthwaite's degrees of freedom; None where one
            prompt has a single asking, or nothing varies.
        difference: mean minus that of the first condition of the model, over the prompts that both have; None for the first one.
        difference_interval: 95 %, likewise.
    """

    condition: str
    model: str
    n_chosen: int
    n_replies: int
    n_prompts: int
    n_without: int
    n_single: int
    by_prompt: dict[str, float]
    by_criterion: dict[str, float]
    mean: float | None
    interval: Interval | None
    difference: float | None
    difference_interval: Interval | None


class Judged(Record):
    """What a judge gave on one rubric, and how far it agrees with itself.

    Attributes:
        judge: the model.
        rubric: name of the rubric.
        digest: of all that the judge was told, 8 hexadecimal digits.
        criteria: of the rubric.
        n_repeats: how often each text was to be rated.
        n_texts: different texts that were to be rated, each reply to its prompt.
        n_ratings: ratings that were read, of n_texts x n_repeats.
        missing: why the others are missing -> how many: kinds of `vs_sim.records.Failure`, or ``"not asked"``.
        alpha: Krippendorff's alpha of the repeats in the quality of a text, interval level; its interval is over the prompts.
        n_pairs: pairs of ratings of the same text.
        mean_difference: mean absolute difference of these in quality, 0 to 1; None if there is no pair.
        qualities: by model and condition, in the order of the plan.
    """

    judge: str
    rubric: str
    digest: str
    criteria: tuple[str, ...]
    n_repeats: int
    n_texts: int
    n_ratings: int
    missing: dict[str, int]
    alpha: Alpha
    n_pairs: int
    mean_difference: float | None
    qualities: tuple[Quality, ...]


NOT_ASKED = "not asked"


def judged(
    planned: Iterable[PromptSpec], chosen: Sequence[Reply], given: Mapping[RatingId, Judgement], *, seed: int, n_resamples: int = 2000
) -> Judged:
    """Quality and agreement of the ratings of one judge on one rubric.

    Args:
        planned: the askings of the plan.
        chosen: the replies that were to be rated, at least one.
        given: what the judge gave, at least one answer.
        seed: of the resampling of alpha.
        n_resamples: number of bootstrap samples.
    """
    one = next(iter(given.values()))
    criteria = next((tuple(found.ratings) for found in given.values() if found.ratings is not None), ())
    n_repeats = 1 + max(id_.repeat for id_ in given)
    texts = list(dict.fromkeys((reply.prompt, reply.text) for reply in chosen))
    answers = {text: [given.get(RatingId(*text, repeat)) for repeat in range(n_repeats)] for text in texts}
    ratings = {text: np.array([_scaled(answer, criteria) for answer in of]) for text, of in answers.items()}
    table = np.array([_mean(of, 1) for of in ratings.values()])  # texts x repeats
    pairs = np.concatenate([np.abs(table[:, i] - table[:, j]) for i, j in combinations(range(n_repeats), 2)] or [np.empty(0)])
    pairs = pairs[~np.isnan(pairs)]
    why = [reason for of in answers.values() for answer in of if (reason := _why(answer)) is not None]
    return Judged(
        judge=one.model,
        rubric=one.rubric,
        digest=one.prompt[:8],
        criteria=criteria,
        n_repeats=n_repeats,
        n_texts=len(texts),
        n_ratings=int((~np.isnan(table)).sum()),
        missing=dict(Counter(why)),
        alpha=alpha_of_repeats(table, [prompt for prompt, _ in texts], seed=seed, n_resamples=n_resamples),
        n_pairs=len(pairs),
        mean_difference=float(pairs.mean()) if len(pairs) else None,
        qualities=tuple(qualities(_rated(planned, chosen, ratings, n_repeats, len(criteria)), criteria)),
    )


def alpha_of_repeats(table: Floats, clusters: Sequence[str], *, seed: int, n_resamples: int) -> Alpha:
    """Krippendorff's alpha of repeated ratings, interval level: that of `analysis.agreement.krippendorff_alpha`.

    For squared differences it needs four sums over the texts only, so that thousands of texts are resampled as fast as a few.

    Args:
        table: texts x repeats; NaN where a rating is missing.
        clusters: prompt of each text; prompts are drawn with all of their texts.
        seed: of the resampling.
        n_resamples: number of bootstrap samples.
    """
    known = ~np.isnan(table)
    kept = known.sum(axis=1) > 1
    n, x = known[kept].sum(axis=1).astype(np.float64), np.where(known, table, 0.0)[kept]
    sums, squares = x.sum(axis=1), (x**2).sum(axis=1)
    disagreement = 2 * (n * squares - sums**2) / (n - 1)
    names, number = np.unique(np.asarray(clusters, dtype=np.str_)[kept], return_inverse=True)
    each = np.array([np.bincount(number, weights=one, minlength=len(names)) for one in (n, sums, squares, disagreement)])
    value = float(_alpha(each.sum(axis=1)[:, None])[0])
    interval = None
    if len(names) > 1:
        drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), n_resamples)
        interval = percentile_interval(_alpha(each @ drawn.T), n=len(names))
    return Alpha(
        n_readers=int(known.any(axis=0).sum()),
        n_units=int(kept.sum()),
        level="interval",
        value=None if np.isnan(value) else value,
        interval=interval,
    )


def _alpha(sums: Floats) -> Floats:
    """Of numbers of ratings, their sums, sums of squares and disagreements within texts, a row each; NaN where all are the same."""
    n, total, squares, disagreement = sums
    expected = 2 * (n * squares - total**2)
    off = np.divide((n - 1) * disagreement, expected, out=np.full(len(n), np.nan), where=expected > 1e-9)
    return np.asarray(1 - off, dtype=np.float64)


def _why(answer: Judgement | None) -> str | None:
    """Why a rating is missing; None if it is there."""
    if answer is None:
        return NOT_ASKED
    return None if answer.failure is None else answer.failure.kind


def _scaled(answer: Judgement | None, criteria: Sequence[str]) -> list[float]:
    if answer is None or answer.ratings is None:
        return [np.nan] * len(criteria)
    return [(answer.ratings[name] - LOWEST) / (HIGHEST - LOWEST) for name in criteria]


def _mean(values: Floats, axis: int | tuple[int, ...]) -> Floats:
    """Mean of what is there; NaN where nothing is."""
    known = ~np.isnan(values)
    n = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, n, out=np.full(np.shape(n), np.nan), where=n > 0), dtype=np.float64)


def _rated(
    planned: Iterable[PromptSpec],
    chosen: Sequence[Reply],
    ratings: Mapping[tuple[str, str], Floats],
    n_repeats: int,
    n_criteria: int,
) -> list[Rated]:
    """By prompt, condition and model, in the order of the plan; with none where no reply was to be rated."""
    groups: dict[tuple[str, str, str], list[Reply]] = {(spec.prompt, *spec.arm): [] for spec in planned}
    for reply in chosen:
        groups[reply.prompt, reply.condition, reply.model].append(reply)
    found = []
    for key, replies in groups.items():
        number = {asking: i for i, asking in enumerate(dict.fromkeys(reply.asking for reply in replies))}
        asking = np.array([number[reply.asking] for reply in replies], dtype=np.int64)
        of = np.array([ratings[reply.prompt, reply.text] for reply in replies], dtype=np.float64)
        found.append(Rated(*key, asking, of.reshape(len(replies), n_repeats, n_criteria)))
    return found


def variance_of_mean(values: Floats, asking: Ints) -> float | None:
    """Variance (in squared quality) of the mean of the replies to one prompt, from how its askings differ; None for a single asking.

    Askings may have given different numbers of replies: the mean is a ratio of two sums over them; the variance is that of its linear part.

    Args:
        values: quality of each reply.
        asking: number of its asking.

    Source:
        Cochran, Sampling Techniques (1977), section 6.
    """
    _, asking = np.unique(asking, return_inverse=True)
    totals, sizes = np.bincount(asking, weights=values), np.bincount(asking)
    if len(sizes) < 2:
        return None
    off = (totals - values.mean() * sizes) / sizes.mean()
    return float(np.sum(off**2) / (len(sizes) * (len(sizes) - 1)))


@dataclass(frozen=True)
class _Arm:
    """One model in one condition: prompt -> mean quality; its variance, if it is known; number of askings."""

    values: dict[str, float]
    variances: dict[str, float | None]
    n_askings: dict[str, int]


def qualities(found: Sequence[Rated], criteria: Sequence[str]) -> list[Quality]:
    """Quality by model and condition, in the order in which they come.

    Args:
        found: the replies to every prompt.
        criteria: names of what they were rated on, as in the last axis of `Rated.ratings`.
    """
    groups: dict[tuple[str, str], list[Rated]] = {}
    for one in found:
        groups.setdefault((one.model, one.condition), []).append(one)
    arms = {key: _arm(group) for key, group in groups.items()}
    firsts = {model: next(key for key in arms if key[0] == model) for model, _ in arms}
    return [_quality(key, group, arms, firsts[key[0]], criteria) for key, group in groups.items()]


def _arm(group: Sequence[Rated]) -> _Arm:
    arm = _Arm({}, {}, {})
    for one in group:
        known = ~np.isnan(one.quality)
        if known.any():
            arm.values[one.prompt] = float(one.quality[known].mean())
            arm.variances[one.prompt] = variance_of_mean(one.quality[known], one.asking[known])
            arm.n_askings[one.prompt] = len(np.unique(one.asking[known]))
    return arm


def _quality(
    key: tuple[str, str], group: Sequence[Rated], arms: Mapping[tuple[str, str], _Arm], first: tuple[str, str], criteria: Sequence[str]
) -> Quality:
    own, base = arms[key], arms[first]
    both = [prompt for prompt in own.values if prompt in base.values] if key != first else []
    by_criterion = _mean(np.array([_mean(_mean(one.ratings, 1), 0) for one in group]).reshape(len(group), len(criteria)), 0)
    mean = float(np.mean([*own.values.values()])) if own.values else None
    difference = float(np.mean([own.values[p] - base.values[p] for p in both])) if both else None
    return Quality(
        condition=key[1],
        model=key[0],
        n_chosen=sum(len(one.asking) for one in group),
        n_replies=sum(int((~np.isnan(one.quality)).sum()) for one in group),
        n_prompts=len(own.values),
        n_without=len(group) - len(own.values),
        n_single=sum(n == 1 for n in own.n_askings.values()),
        by_prompt=own.values,
        by_criterion={name: float(value) for name, value in zip(criteria, by_criterion, strict=True) if not np.isnan(value)},
        mean=mean,
        interval=_interval(mean, [own], list(own.values), 0.0),
        difference=difference,
        difference_interval=_interval(difference, [own, base], both, -1.0),
    )


def _interval(of: float | None, arms: Sequence[_Arm], prompts: Sequence[str], lowest: float) -> Interval | None:
    """Of a mean over the prompts, or of the difference of two: Student's t at Welch's and Satterthwaite's degrees of freedom."""
    parts = [(arm.variances[prompt], arm.n_askings[prompt] - 1) for arm in arms for prompt in prompts]
    known = [(variance, freedom) for variance, freedom in parts if variance is not None]
    total = sum(variance for variance, _ in known)
    if of is None or len(known) < len(parts) or total < 1e-24:  # less is what adding up in another order leaves
        return None
    freedom = total**2 / sum(variance**2 / n for variance, n in known)
    half = float(stats.t.ppf(0.975, freedom)) * total**0.5 / len(prompts)
    return Interval(max(lowest, of - half), min(1.0, of + half))
