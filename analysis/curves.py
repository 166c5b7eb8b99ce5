"""Curves over the rounds: shares of the conversations that are in a round, and of those to which something has happened by then.

Conversations end at different rounds, so a share needs to say of what. A *share in the round* is of the conversations that have that
round. A *share by the round* is of all conversations: one that its speakers ended before the thing happened stays one to which it never
happens (it is not taken for one that would have gone on like the others), and one that was cut off from outside counts for as long as it
lasted. Both come with the number of conversations they rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from analysis.acts import Act
from analysis.dynamics import Course, Round, agrees, by_label, does, has_refused, names_amount
from analysis.measure import Floats, draw_people, effective_number
from analysis.uncertainty import TIE, Interval, percentile_interval, share_interval
from vs_sim.records import Record

Kind = Literal["in", "by"]
Ends = tuple[float | None, ...]

CURVES: tuple[tuple[str, str, Kind, Callable[[Round], bool]], ...] = (
    ("agrees", "agrees at this point", "in", agrees),
    ("agreed_by", "has agreed to give", "by", agrees),
    ("amount_by", "an amount is named", "by", names_amount),
    ("refused_by", "has refused", "by", has_refused),
    ("resisted_by", "has resisted", "by", does(Act.RESISTS)),
    ("asks", "asks a question", "in", does(Act.ASKS)),
)
"""Name, title, kind, and what happens. Resisting is read well enough from dialogues, not from single turns, so there is no share in the
round of it."""


class Curve(Record):
    """A share in or by each round, of one condition; whatever cannot be computed is None.

    Attributes:
        name, title: what it is, short and in words.
        kind: ``"in"`` (of the conversations that have the round) or ``"by"`` (of all).
        label, model: of the condition.
        values: the share in or by rounds 1 to R, 0 to 1.
        low, high: its 95 % bootstrap interval at each round, whole people drawn with replacement; the exact one where the share is 0 or 1,
            as if it were one yes or no per person; None where there is none.
        n_at_risk: conversations that the share rests on at each round: for ``"in"`` those that have it, for ``"by"`` those that reach it
            without the thing having happened before.
        n, n_personas: conversations and different people behind their personas.
        n_effective: number of independent conversations that they are worth at least: `analysis.measure.effective_number`.
        human: the humans' share.
        human_low, human_high: the noise band at each round by itself, as `analysis.measure.human_band` draws it: what the share of
            `n_effective` conversations that behave as the humans' do leaves about once in twenty times.
        human_n_at_risk, n_human: the same numbers of the humans.
    """

    name: str
    title: str
    kind: Kind
    label: str
    model: str
    values: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    n_at_risk: tuple[int, ...]
    n: int
    n_personas: int
    n_effective: int
    human: tuple[float | None, ...]
    human_low: tuple[float | None, ...]
    human_high: tuple[float | None, ...]
    human_n_at_risk: tuple[int, ...]
    n_human: int


def curves(read: Sequence[Course], human: Sequence[Course], n_rounds: int, *, seed: int, n_resamples: int = 1000) -> list[Curve]:
    """`CURVES` of every condition, condition by condition, beside the humans'.

    Args:
        read: courses of simulated conversations, all conditions.
        human: of human ones, read with the same number of rounds; empty where there are none to compare with.
        n_rounds: number of rounds R that were looked at.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.
    """
    found = []
    for label, group in by_label(read).items():
        people = [course.persona for course in group]
        n_effective = effective_number(people)
        rng, rng_human = np.random.default_rng(seed).spawn(2)
        drawn = draw_people(people, rng, n_resamples)
        redrawn = draw_people([course.persona for course in human], rng_human, n_resamples) if human else None
        sample = rng_human.multinomial(n_effective, np.full(len(human), 1 / len(human)), size=n_resamples) if human else None
        for name, title, kind, happens in CURVES:
            share = in_round if kind == "in" else by_round
            own, at_risk = share(group, happens, n_rounds, np.ones((1, len(group))))
            theirs, their_risk = share(human, happens, n_rounds, np.ones((1, len(human))))
            low, high = _intervals(
                own[0], None if drawn is None else share(group, happens, n_rounds, drawn)[0], _people(group, kind, happens, n_rounds)
            )
            human_low: Ends = (None,) * n_rounds
            human_high = human_low
            if redrawn is not None and sample is not None:
                around = share(human, happens, n_rounds, sample)[0] - share(human, happens, n_rounds, redrawn)[0]
                human_low, human_high = _bands(theirs[0] + around, _people(human, kind, happens, n_rounds))
            found.append(
                Curve(
                    name=name,
                    title=title,
                    kind=kind,
                    label=label,
                    model=group[0].model,
                    values=_numbers(own[0]),
                    low=low,
                    high=high,
                    n_at_risk=tuple(int(n) for n in at_risk[0]),
                    n=len(group),
                    n_personas=len(set(people)),
                    n_effective=n_effective,
                    human=_numbers(theirs[0]),
                    human_low=human_low,
                    human_high=human_high,
                    human_n_at_risk=tuple(int(n) for n in their_risk[0]),
                    n_human=len(human),
                )
            )
    return found


def in_round(courses: Sequence[Course], happens: Callable[[Round], bool], n_rounds: int, weights: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Share of the conversations that have a round in which something happens in it.

    Args:
        courses: N conversations.
        happens: whether it happens in a round.
        n_rounds: number of rounds R.
        weights: how often each conversation counts in each of B samples, shape (B, N).

    Returns:
        Shares, shape (B, R), NaN where no conversation has the round; and the number of those that have it, likewise.
    """
    true, has = np.zeros((len(courses), n_rounds)), np.zeros((len(courses), n_rounds))
    for row, course in enumerate(courses):
        has[row, : len(course.rounds)] = 1
        true[row, : len(course.rounds)] = [happens(one) for one in course.rounds]
    weights = np.asarray(weights, dtype=np.float64)
    n = weights @ has
    return np.divide(weights @ true, n, out=np.full(n.shape, np.nan), where=n > 0), n


def by_round(courses: Sequence[Course], happens: Callable[[Round], bool], n_rounds: int, weights: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Share of all conversations to which something has happened by the end of each round.

    Where nothing is cut off before round R this is the plain share of all conversations.

    Args:
        courses: N conversations.
        happens: whether it happens in a round.
        n_rounds: number of rounds R.
        weights: how often each conversation counts in each of B samples, shape (B, N).

    Returns:
        Shares, shape (B, R), NaN once everything that is left was cut off; and the number of conversations that reach the round without
        it having happened before, likewise.

    Source:
        Aalen and Johansen (1978): cumulative incidence with a competing end (the speakers stop) and censoring (cut off).
    """
    event, reach, gone = (np.zeros((len(courses), n_rounds)) for _ in range(3))
    for row, course in enumerate(courses):
        first = course.first(happens)
        last = len(course.rounds) if first is None else first
        reach[row, :last] = 1
        if first is not None:
            event[row, first - 1] = 1
        elif not course.cut:
            gone[row, max(last, 1) - 1] = 1
            reach[row, 0] = 1  # a persuadee that never speaks is there in round 1
    weights = np.asarray(weights, dtype=np.float64)
    n, n_event, n_gone = weights @ reach, weights @ event, weights @ gone
    shares = np.full(n.shape, np.nan)
    happened, left = np.zeros(len(n)), np.ones(len(n))
    for at in range(n_rounds):
        at_risk = n[:, at] > 0
        known = at_risk | (left < TIE)
        per = np.divide(left, n[:, at], out=np.zeros(len(n)), where=at_risk)
        happened = happened + per * n_event[:, at]
        left = np.where(at_risk, left - per * (n_event[:, at] + n_gone[:, at]), left)
        shares[known, at] = happened[known]
    return shares, n


def tidy(drawn: Sequence[Curve]) -> pd.DataFrame:
    """One row per condition, curve and round; what cannot be computed is NaN."""
    columns = ("values", "low", "high", "n_at_risk", "human", "human_low", "human_high", "human_n_at_risk")
    rows = [
        {
            **{key: getattr(curve, key) for key in ("label", "model", "name", "kind")},
            "round": at + 1,
            **{("value" if key == "values" else key): getattr(curve, key)[at] for key in columns},
            "n": curve.n,
            "n_personas": curve.n_personas,
            "n_human": curve.n_human,
        }
        for curve in drawn
        for at in range(len(curve.values))
    ]
    frame = pd.DataFrame(rows)
    return frame.astype(dict.fromkeys(("value", "low", "high", "human", "human_low", "human_high"), "float64"))


def write_csv(drawn: Sequence[Curve], path: Path) -> None:
    """Writes the tidy table; an empty field is what cannot be computed."""
    tidy(drawn).to_csv(path, index=False, lineterminator="\n")


def _people(courses: Sequence[Course], kind: Kind, happens: Callable[[Round], bool], n_rounds: int) -> list[int]:
    """Number of different people of whom is known, at each round, whether it happens: all but those cut off before; in the round."""

    def known(course: Course, number: int) -> bool:
        if number <= len(course.rounds):
            return True
        return kind == "by" and (not course.cut or course.first(happens) is not None)

    return [len({course.persona for course in courses if known(course, number)}) for number in range(1, n_rounds + 1)]


def _numbers(values: Floats) -> Ends:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def _intervals(shares: Floats, resampled: Floats | None, n_people: Sequence[int]) -> tuple[Ends, Ends]:
    """The interval of each round's share: exact where it is 0 or 1, else of the resampled shares, shape (B, R); or None."""
    found: list[Interval | None] = []
    for at, (share, n) in enumerate(zip(shares, n_people, strict=True)):
        if n and min(abs(share), abs(share - 1)) < TIE:
            found.append(share_interval(n * round(share), n))
        else:
            found.append(None if resampled is None else _quantiles(resampled[:, at], n))
    return _ends(found)


def _bands(shares: Floats, n_people: Sequence[int]) -> tuple[Ends, Ends]:
    """The noise band of each round, of shares around the humans', shape (B, R)."""
    found = [_quantiles(shares[:, at], n) for at, n in enumerate(n_people)]
    return _ends([None if band is None else Interval(max(0.0, band.low), min(1.0, band.high)) for band in found])


def _quantiles(resampled: Floats, n: int) -> Interval | None:
    seen = resampled[~np.isnan(resampled)]
    return percentile_interval(seen, n=n) if n > 1 and len(seen) else None


def _ends(found: Sequence[Interval | None]) -> tuple[Ends, Ends]:
    return tuple(one.low if one else None for one in found), tuple(one.high if one else None for one in found)
