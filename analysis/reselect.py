"""What another rule of drawing would have given, from the candidates that a run has recorded and without asking a model.

The private decision is exact: given the chat as it went, each recorded distribution says with which probability the other rule gives each
amount. Earlier turns are not: another reply would have led to another chat. There the recorded conversations are weighted by how much
more often the other rule would have gone their way, and where few of them carry all the weight no estimate is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from analysis.distance import Floats, ks_of, mean_of, share_zero_of, shares, tabulate
from analysis.draws import Draw, Group, resampled_sums, selection
from analysis.probabilities import Number, mean_number
from analysis.samples import Cents, HumanSample
from analysis.uncertainty import TIE, Floor, Interval, bootstrap_table, distance_interval, noise_floor, percentile_interval, permutation_ps
from vs_sim.records import Record, Selection
from vs_sim.scenario import Scale

MIN_ESS = 10.0
"""Fewer effective conversations than this are no basis for a distribution."""
MIN_ESS_SHARE = 0.1
"""Nor is less than this share of those that were run."""

Basis = Literal["recorded", "last draw, recorded rule", "last draw, other rule", "all draws, other rule"]


class Estimate(Record):
    """Donations under one rule.

    Attributes:
        basis: ``"recorded"``: the amounts as drawn; ``"last draw, recorded rule"``: what the recorded decision distributions let expect,
            with the noise of the last draw gone; ``"last draw, other rule"``: the same under the other rule, the chats as they went;
            ``"all draws, other rule"``: the other rule in every turn of the persuadee and in the decision, by weighted conversations.
        mean, share_zero, ks: mean in units of the scale, share of the lowest amount, and KS distance from the humans (None without human
            data), each with a 95 % bootstrap interval in which whole personas (and, for KS, the humans) are resampled; value None if
            refused. That of KS reaches down to 0 where it may be
            chance alone: for ``"recorded"`` where the permutation p is above .05, otherwise where KS is at most the 95 % quantile of the
            floor (of as many humans as there are personas, or as `ess` if that is less). Where resampling personas changes nothing, as
            when all give the same, there is none.
        ess: effective number of conversations (Kish), at most n; equal to n where none is weighted.
        refused: why there is no estimate; None if there is one.
    """

    basis: Basis
    mean: Number = Number(name="mean")
    share_zero: Number = Number(name="share_zero")
    ks: Number = Number(name="ks")
    ess: float | None = None
    refused: str | None = None


class Reselection(Record):
    """One condition under another rule.

    Attributes:
        arm, condition, model: as in `analysis.draws.Group`.
        recorded: the rule that the run drew by.
        select: the other rule.
        n, n_personas: complete conversations, and their personas.
        n_human, human_source: the humans that KS is measured from.
        ks_floor: KS of humans against humans, as many as there are personas against all: mean and 95 % quantile. What is expected of a
            draw has less noise than a draw, so that for all but ``"recorded"`` this floor is too high. None without human data.
        scale: what was decided on.
        estimates: one for each basis, in the order of `Basis`.
        rules_apart_first, rules_apart_decision: total variation distance, 0 to 1, between the two rules' probabilities at the persuadee's
            first turn and at the decision, mean over conversations: how much depends on the rule at all.
        first_words_recorded, first_words_other: words of the persuadee's first message to be expected under each rule; exact, because
            nothing was drawn before it.
        mean_weight: mean weight of the conversations, which is 1 up to chance if probabilities and draws belong together; None where
            the other rule can draw what the recorded one cannot.
    """

    arm: str
    condition: str
    model: str
    recorded: Selection
    select: Selection
    n: int
    n_personas: int
    n_human: int
    human_source: str
    ks_floor: Floor | None
    scale: Scale
    estimates: tuple[Estimate, ...]
    rules_apart_first: Number
    rules_apart_decision: Number
    first_words_recorded: Number
    first_words_other: Number
    mean_weight: Number | None

    def estimate(self, basis: Basis) -> Estimate:
        """The estimate on that basis."""
        return next(e for e in self.estimates if e.basis == basis)


def reselect(group: Group, select: Selection, human: HumanSample, *, seed: int, n_resamples: int = 2000) -> Reselection | None:
    """Donations of one condition if candidates had been drawn by another rule.

    Args:
        group: the draws of one condition; conversations without a decision distribution are left out.
        select: the other rule; the recorded one gives the recorded expectation again.
        human: what KS is measured from; `analysis.samples.no_humans` where there are none.
        seed: of the bootstrap, 0 or more.
        n_resamples: number of bootstrap samples.

    Returns:
        None if no decision was recorded.

    Source:
        Weights: Precup, Sutton and Singh (2000), per-trajectory and self-normalised. Effective number: Kish (1965), Kong (1992).
    """
    decisions = group.decisions
    if not decisions:
        return None
    recorded: Selection = group.condition.select or "argmax"
    amounts = {int(c.text) for d in decisions for c in d.distribution.candidates}
    support = np.union1d(human.cents, np.array(sorted(amounts), dtype=np.int64))
    personas = [d.persona for d in decisions]
    turns: dict[str, list[Draw]] = {d.conversation: [] for d in decisions}
    for draw in group.turns:
        if draw.conversation in turns:
            turns[draw.conversation].append(draw)
    paths = list(turns.values())
    weights = path_weights(paths, recorded, select)
    ones = np.ones(len(decisions))

    def estimate(basis: Basis, table: Floats, weight: Floats, p: float | None = None) -> Estimate:
        return _estimate(basis, table, weight, support, human, personas, p, seed, n_resamples)

    p = None
    if human.n:
        p = permutation_ps(
            [int(d.distribution.candidates[d.drawn].text) for d in decisions],
            human.cents,
            {"ks": ks_of},
            rng=np.random.default_rng([seed, 2]),
            n_resamples=n_resamples,
            clusters=personas,
            n_effective=human.n_effective,
        )["ks"]
    other = _table(decisions, select, support)
    estimates = [
        estimate("recorded", _as_drawn(decisions, support), ones, p),
        estimate("last draw, recorded rule", _table(decisions, recorded, support), ones),
        estimate("last draw, other rule", other, ones),
    ]
    if weights is None:
        reason = f"{select} can draw candidates that {recorded}, by which the run drew, never draws"
        estimates.append(Estimate(basis="all draws, other rule", refused=reason))
    else:
        ess = effective_number(weights)
        bound = max(MIN_ESS, MIN_ESS_SHARE * len(decisions))
        if ess < bound:
            reason = f"{len(decisions)} conversations weigh as much as {ess:.1f}, less than the {bound:.0f} needed"
            estimates.append(Estimate(basis="all draws, other rule", ess=ess, refused=reason))
        else:
            estimates.append(estimate("all draws, other rule", other, weights))

    firsts = [path[0] for path in paths if path]

    def mean(name: str, values: Sequence[float], draws: Sequence[Draw]) -> Number:
        return mean_number(name, [(v, d.persona) for v, d in zip(values, draws, strict=True)], seed, n_resamples)

    def apart(draw: Draw) -> float:
        return float(np.abs(selection(draw.distribution, recorded) - selection(draw.distribution, select)).sum() / 2)

    def words(draw: Draw, rule: Selection) -> float:
        return float(selection(draw.distribution, rule) @ [len(c.text.split()) for c in draw.distribution.candidates])

    return Reselection(
        arm=group.arm,
        condition=group.condition.name,
        model=group.model,
        recorded=recorded,
        select=select,
        n=len(decisions),
        n_personas=len(set(personas)),
        n_human=human.n,
        human_source=human.source,
        ks_floor=_floor(human, len(set(personas)), seed, n_resamples) if human.n else None,
        scale=human.scale,
        estimates=tuple(estimates),
        rules_apart_first=mean("rules_apart_first", [apart(d) for d in firsts], firsts),
        rules_apart_decision=mean("rules_apart_decision", [apart(d) for d in decisions], decisions),
        first_words_recorded=mean("first_words_recorded", [words(d, recorded) for d in firsts], firsts),
        first_words_other=mean("first_words_other", [words(d, select) for d in firsts], firsts),
        mean_weight=None if weights is None else mean("mean_weight", weights.tolist(), decisions),
    )


def path_weights(paths: Sequence[Sequence[Draw]], recorded: Selection, select: Selection) -> Floats | None:
    """How much more often the other rule goes the way of each conversation than the recorded one.

    Args:
        paths: the draws of each conversation.
        recorded: the rule that they were drawn by.
        select: the other rule.

    Returns:
        Product over the draws of the ratio of probabilities, shape (conversations,), mean 1 in expectation; None if the other rule can
        draw what the recorded one cannot, because then no weighting reaches all that it would do.
    """
    logs = np.zeros(len(paths))
    for i, path in enumerate(paths):
        for draw in path:
            p, q = selection(draw.distribution, recorded), selection(draw.distribution, select)
            if (q[p <= 0] > 0).any():
                return None
            with np.errstate(divide="ignore"):  # the other rule never goes there: weight 0
                logs[i] += np.log(q[draw.drawn]) - np.log(p[draw.drawn])
    return np.exp(logs)


def effective_number(weights: Floats) -> float:
    """Number of equally weighted observations that carry as much information; 0 if all weights are 0."""
    largest = float(weights.max(initial=0.0))
    if largest <= 0:
        return 0.0
    scaled = weights / largest
    return float(scaled.sum() ** 2 / (scaled**2).sum())


def _table(decisions: Sequence[Draw], rule: Selection, support: Cents) -> Floats:
    """Probability of each amount, shape (decisions, S)."""
    table = np.zeros((len(decisions), len(support)))
    for i, draw in enumerate(decisions):
        places = np.searchsorted(support, [int(c.text) for c in draw.distribution.candidates])
        np.add.at(table[i], places, selection(draw.distribution, rule))
    return table


def _as_drawn(decisions: Sequence[Draw], support: Cents) -> Floats:
    table = np.zeros((len(decisions), len(support)))
    for i, draw in enumerate(decisions):
        table[i, np.searchsorted(support, int(draw.distribution.candidates[draw.drawn].text))] = 1.0
    return table


def _floor(human: HumanSample, n: int, seed: int, n_resamples: int) -> Floor:
    return noise_floor(human.cents, ks_of, n, human.n_effective, rng=np.random.default_rng([seed, 1]), n_resamples=n_resamples)


def _estimate(
    basis: Basis,
    table: Floats,
    weights: Floats,
    support: Cents,
    human: HumanSample,
    personas: Sequence[str],
    p: float | None,
    seed: int,
    n_resamples: int,
) -> Estimate:
    """Donations of a table of weighted conversations; `p` is the permutation p of KS, None where there are no donations to permute."""
    counts, human_counts = weights @ table, tabulate(human.cents, support)
    ess = effective_number(weights)
    rng, rng_human = np.random.default_rng(seed).spawn(2)
    drawn = resampled_sums(table * weights[:, None], personas, rng=rng, n_resamples=n_resamples)
    mean, share_zero = float(mean_of(support, counts)), float(share_zero_of(support, counts, human.scale.low))
    ks = float(ks_of(support, counts, human_counts)) if human.n else None
    intervals: tuple[Interval | None, ...] = (None, None, None)
    if drawn is not None:
        drawn = drawn[drawn.sum(axis=1) > 0]  # where none of the personas drawn has a conversation of any weight there is no distribution
        n = max(2, min(len(set(personas)), int(ess)))
        varies = bool(np.ptp(shares(drawn), axis=0).max() > TIE)  # if not, the spread of the humans would stand for that of the personas
        of_ks = None
        if ks is not None and varies:
            human_draws = bootstrap_table(human_counts, human.n_effective, rng=rng_human, n_resamples=len(drawn))
            if p is None:
                p = 1.0 if ks <= _floor(human, n, seed, n_resamples).q95 else 0.0
            of_ks = distance_interval(ks_of(support, drawn, human_draws), ks, p, n=n)
        intervals = (
            percentile_interval(mean_of(support, drawn), n=n),
            percentile_interval(share_zero_of(support, drawn, human.scale.low), n=n),
            of_ks,
        )
    numbers = []
    for name, value, interval in zip(("mean", "share_zero", "ks"), (mean, share_zero, ks), intervals, strict=True):
        low, high = interval or (None, None)
        numbers.append(Number(name=name, value=value, low=low, high=high))
    return Estimate(basis=basis, mean=numbers[0], share_zero=numbers[1], ks=numbers[2], ess=ess)
