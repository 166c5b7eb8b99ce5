"""How near the answers of a model are to a reference distribution, and how many of the right ones it finds.

Source: arXiv 2510.01171, sections on open-ended questions and on random numbers. Where we differ: the divergence is of the distribution
that a drawn reply has (the mean of the askings' own), has an interval over the askings, and stands beside what as many independent draws
from the reference itself would score, which is not 0; chi-square is tested on one drawn reply an asking, since candidates of the same
asking are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from analysis.numbers import FEW_ON_ONE_SIDE
from analysis.replies import Floats, Replies
from analysis.uncertainty import Floor, Interval, percentile_interval, share_interval
from vs_sim.records import Record


class Coverage(Record):
    """Answers to one prompt, of one model in one condition.

    Attributes:
        prompt, condition, model: of the study.
        n_planned, n_askings: askings of the plan, and those that gave candidates.
        n_replies: candidates that were looked at, at most as many as the study asks for.
        n_answers: right answers that there are.
        n_found: different ones among the candidates; None without any.
        n_found_interval: 95 %, for what as many askings find, by Student's t with the jackknife over the askings, which errs on the
            wide side (Efron and Stein 1981); between the fewest that one asking finds and `n_answers`; None where it is the same
            whichever asking is left out.
        n_found_by_chance: how many as many independent draws from the reference (where there is none, from equal shares) find, mean;
            None without candidates.
        precision: share of the candidates that give a right answer.
        precision_interval: 95 %, over the askings; exact (Clopper and Pearson) at their number where fewer than 10 of them give something
            right, or something wrong; None for a single asking.
        kl: Kullback-Leibler divergence of the answers from the reference, in nats, over replies that give a right answer; None without
            a reference or such replies that can be drawn. Answers that were not given count as 0, so that no smoothing is needed.
        kl_interval: 95 %, over the askings that give a right answer, for the divergence that ever more of them would have, see
            `_kl_interval`; None likewise, and where all of them but one, at most, give the same.
        kl_floor: divergence of as many independent draws from the reference as replies give a right answer: mean, and 95 % quantile. Lists
            that do not repeat themselves, or come with weights, can lie below.
        shares: right answer -> its share of the replies that give a right answer, as one is drawn; those that were not given are not in it.
        chi_square: Pearson's statistic of the drawn replies against the reference; None likewise.
        chi_square_n: the drawn replies that give a right answer.
        chi_square_p: share of as many draws from the reference whose statistic is as large; Monte Carlo, so that no count is too small.
    """

    prompt: str
    condition: str
    model: str
    n_planned: int
    n_askings: int
    n_replies: int
    n_answers: int
    n_found: int | None
    n_found_interval: Interval | None
    n_found_by_chance: float | None
    precision: float | None
    precision_interval: Interval | None
    kl: float | None
    kl_interval: Interval | None
    kl_floor: Floor | None
    shares: dict[str, float]
    chi_square: float | None
    chi_square_n: int
    chi_square_p: float | None

    @property
    def found_share(self) -> float | None:
        """Share of the right answers that was found; None without candidates."""
        return None if self.n_found is None else self.n_found / self.n_answers


def kl_divergence(observed: Floats, reference: Floats) -> float:
    """Sum of observed * log(observed / reference), in nats.

    Args:
        observed: shares, at least 0, that sum to 1.
        reference: shares above 0 that sum to 1, of the same answers.
    """
    some = observed > 0
    return float(np.sum(observed[some] * np.log(observed[some] / reference[some]))) + 0.0


def pearson(counts: Floats, reference: Floats) -> Floats:
    """Pearson's chi-square of counts (last axis: answers) against shares of a reference."""
    expected = counts.sum(axis=-1, keepdims=True) * reference
    return np.asarray(((counts - expected) ** 2 / expected).sum(axis=-1), dtype=np.float64)


def coverage(
    given: Replies,
    answers: Sequence[str],
    reference: Mapping[str, float] | None,
    match: Callable[[str], str | None],
    *,
    n: int,
    seed: int,
    n_resamples: int = 2000,
) -> Coverage:
    """Answers of one prompt, model and condition.

    Args:
        given: the replies.
        answers: the right answers.
        reference: right answer -> share of the reference, above 0, summing to 1; None if there is none.
        match: the right answer that a reply gives, see `vs_sim.answer_match.Matcher`.
        n: candidates to look at; those behind are left out, so that conditions are compared at the same number.
        seed: of the resampling.
        n_resamples: number of bootstrap and Monte Carlo samples.
    """
    index = {answer: i for i, answer in enumerate(answers)}
    which = np.array([index.get(match(text) or "", -1) for text in given.texts[:n]], dtype=np.int64)
    weights, asking = given.weights[:n], given.asking[:n]
    shares = None if reference is None else np.array([reference[answer] for answer in answers])
    rng = np.random.default_rng(seed)
    right = which >= 0
    per_asking = _table(asking, which, weights, len(answers))
    n_right, n_all = (np.bincount(of, minlength=len(per_asking)).astype(np.float64) for of in (asking[right], asking))
    given_right = per_asking.sum(axis=0)
    ever_drawn = given_right.sum() > 0  # a right answer may be stated with probability 0
    own = given_right / given_right.sum() if ever_drawn else given_right
    kl = kl_interval = floor = chi = chi_p = None
    times = _times(len(per_asking), rng, n_resamples)
    drawn = np.array([index.get(match(given.texts[i]) or "", -1) for i in given.drawn[: len(per_asking)]], dtype=np.int64)
    drawn = drawn[drawn >= 0]
    if shares is not None and ever_drawn:
        kl = kl_divergence(own, shares)
        floor = _floor([kl_divergence(row / row.sum(), shares) for row in rng.multinomial(int(right.sum()), shares, n_resamples)])
        kl_interval = _kl_interval(per_asking, shares, floor)
    if shares is not None and len(drawn):
        counts = np.bincount(drawn, minlength=len(answers)).astype(float)
        chi = float(pearson(counts, shares))
        by_chance = pearson(rng.multinomial(len(drawn), shares, n_resamples).astype(float), shares)
        chi_p = float((1 + np.count_nonzero(by_chance >= chi * (1 - 1e-12))) / (1 + n_resamples))
    equal = np.full(len(answers), 1 / len(answers)) if shares is None else shares
    return Coverage(
        prompt=given.prompt,
        condition=given.condition,
        model=given.model,
        n_planned=given.n_planned,
        n_askings=given.n_askings,
        n_replies=len(which),
        n_answers=len(answers),
        n_found=len(set(which[right].tolist())) if len(which) else None,
        n_found_interval=_found_interval(_table(asking, which, np.ones(len(which)), len(answers)) > 0),
        n_found_by_chance=float(np.sum(1 - (1 - equal) ** len(which))) if len(which) else None,
        precision=float(right.mean()) if len(which) else None,
        precision_interval=None if times is None else _precision_interval(n_right, n_all, times),
        kl=kl,
        kl_interval=kl_interval,
        kl_floor=floor,
        shares={answer: float(share) for answer, share in zip(answers, own, strict=True) if share > 0},
        chi_square=chi,
        chi_square_n=len(drawn),
        chi_square_p=chi_p,
    )


def _table(asking: np.ndarray, which: np.ndarray, weights: Floats, n_answers: int) -> Floats:
    """Askings x answers: the weight that an asking gives to each right answer."""
    table = np.zeros((int(asking.max()) + 1 if len(asking) else 0, n_answers))
    right = which >= 0
    np.add.at(table, (asking[right], which[right]), weights[right])
    return table


def _found_interval(gave: npt.NDArray[np.bool_]) -> Interval | None:
    """Interval of the number of different answers, of askings x answers: whether an asking gave the answer."""
    n, times = len(gave), gave.sum(axis=0)
    found = int(np.count_nonzero(times))
    without = found - (gave & (times == 1)).sum(axis=1)  # what the others find
    if n < 2 or np.ptp(without) == 0:
        return None
    half = float(stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
    return Interval(max(float(gave.sum(axis=1).min()), found - half), min(float(gave.shape[1]), found + half))


def _kl_interval(per_asking: Floats, shares: Floats, floor: Floor) -> Interval | None:
    """Interval of the divergence by Student's t with the jackknife over the askings, of askings x answers: their weights.

    The divergence of few replies is too high: answers that they leave out would still have come. The lower end is therefore lowered by
    twice the jackknife's estimate of that, which finds about half of it where many answers came once; and reaches 0 where independent
    draws from the reference are often as far from it.

    Args:
        per_asking: weights of the right answers.
        shares: of the reference.
        floor: of the divergence.

    Source:
        Quenouille (1956), Tukey (1958); for the entropy of species, of which the divergence is the mirror, Zahl (1977).
    """
    some = per_asking[per_asking.sum(axis=1) > 0]
    n, total = len(some), per_asking.sum(axis=0)
    alike = np.unique(some.round(9), axis=0, return_counts=True)[1]
    if n - alike.max() < 2:
        return None
    kl = kl_divergence(total / total.sum(), shares)
    left = np.clip(total - some, 0, None)
    without = np.array([kl_divergence(row / row.sum(), shares) for row in left])
    half = float(stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
    excess = max(0.0, (n - 1) * (float(without.mean()) - kl))
    return Interval(0.0 if kl <= floor.q95 else max(0.0, kl - 2 * excess - half), kl + half)


def _precision_interval(n_right: Floats, n_all: Floats, times: Floats | None) -> Interval | None:
    """Interval of the share of right candidates, of their number and that of all in each asking."""
    if times is None:
        return None
    n = len(n_all)
    if min(np.count_nonzero(n_right), np.count_nonzero(n_right < n_all)) < FEW_ON_ONE_SIDE:
        # Wider than needed where candidates of an asking are not all right or all wrong.
        return share_interval(n * n_right.sum() / n_all.sum(), n)
    return percentile_interval((times @ n_right) / (times @ n_all), n=n)


def _times(n: int, rng: np.random.Generator, n_resamples: int) -> Floats | None:
    """Resamples x askings: how often each asking is drawn; None for fewer than two."""
    return rng.multinomial(n, np.full(n, 1 / n), n_resamples).astype(float) if n > 1 else None


def _floor(values: Sequence[float]) -> Floor:
    return Floor(float(np.mean(values)), float(np.quantile(values, 0.95)))
