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
from analysis.dynamics import Course, Round, agrees, by_label, does, names_amount, refuses
from analysis.uncertainty import TIE
from vs_sim.records import Record

Floats = npt.NDArray[np.float64]
Kind = Literal["in", "by"]

CURVES: tuple[tuple[str, str, Kind, Callable[[Round], bool]], ...] = (
    ("agrees", "agrees at this point", "in", agrees),
    ("agreed_by", "has agreed to give", "by", agrees),
    ("amount_by", "an amount is named", "by", names_amount),
    ("refused_by", "has refused", "by", refuses),
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
        low, high: its 95 % bootstrap interval at each round, personas drawn with replacement; None where no resample differs.
        n_at_risk: conversations that the share rests on at each round: for ``"in"`` those that have it, for ``"by"`` those that reach it
            without the thing having happened before.
        n, n_personas: conversations and different personas.
        human: the humans' share.
        human_low, human_high: what 95 % of the samples of `n_personas` human dialogues have, at each round by itself.
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
        rng, rng_human = np.random.default_rng(seed).spawn(2)
        drawn, n_personas = _draw_personas([course.persona for course in group], rng, n_resamples)
        people = rng_human.multinomial(n_personas, np.full(len(human), 1 / len(human)), size=n_resamples) if human else None
        for name, title, kind, happens in CURVES:
            share = in_round if kind == "in" else by_round
            own, at_risk = share(group, happens, n_rounds, np.ones((1, len(group))))
            theirs, their_risk = share(human, happens, n_rounds, np.ones((1, len(human))))
            found.append(
                Curve(
                    name=name,
                    title=title,
                    kind=kind,
                    label=label,
                    model=group[0].model,
                    values=_numbers(own[0]),
                    **_ends("", share(group, happens, n_rounds, drawn)[0] if n_personas > 1 else None, n_rounds),
                    n_at_risk=tuple(int(n) for n in at_risk[0]),
                    n=len(group),
                    n_personas=n_personas,
                    human=_numbers(theirs[0]),
                    **_ends("human_", share(human, happens, n_rounds, people)[0] if people is not None else None, n_rounds),
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


def _draw_personas(personas: Sequence[str], rng: np.random.Generator, n_resamples: int) -> tuple[Floats, int]:
    """How often each conversation counts when whole personas are drawn with replacement, shape (resamples, N); number of personas."""
    names, persona_of = np.unique(np.asarray(personas), return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=n_resamples)
    return drawn[:, persona_of].astype(np.float64), len(names)


def _numbers(values: Floats) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(value) else float(value) for value in values)


def _ends(prefix: str, resampled: Floats | None, n_rounds: int) -> dict[str, tuple[float | None, ...]]:
    """The 2.5 % and 97.5 % quantiles at each round; None where there is nothing to see them from."""
    low: list[float | None] = [None] * n_rounds
    high: list[float | None] = [None] * n_rounds
    if resampled is not None:
        for at in range(n_rounds):
            seen = resampled[~np.isnan(resampled[:, at]), at]
            if len(seen) and seen.max() - seen.min() >= TIE:
                low[at], high[at] = (float(end) for end in np.quantile(seen, (0.025, 0.975)))
    return {f"{prefix}low": tuple(low), f"{prefix}high": tuple(high)}
