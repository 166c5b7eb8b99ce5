"""How far those who label strategies of persuasion agree: a model with people's annotation, and coders with each other and a model.

The unit is a turn of the persuader with its set of strategies. Each strategy is a yes or no of its own; turns of one person's dialogues
are drawn together. People disagree as well, so that 1 cannot be reached: what coders reach among themselves is what a model can be held to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from analysis.agreement import Alpha, Kappa, cohen_kappa, krippendorff_alpha
from analysis.numbers import share
from analysis.scores import Scores, cell, scores
from analysis.strategies import TITLES, Marks
from vs_sim.records import Record
from vs_sim.strategies import Strategy, TurnId
from vs_sim.terminal import shortened, wrapped

_YES_NO = ("yes", "no")
_PAIRS_IN_A_ROW = 3


class CheckedStrategy(Scores):
    """How well one strategy is found, by turn, see `analysis.scores.Scores`.

    Attributes:
        strategy: which; None for turns without any.
        kappa: agreement on whether a turn has it.
    """

    strategy: Strategy | None
    kappa: Kappa


def check_strategies(model: Marks, people: Marks, who: Mapping[str, str], *, seed: int, n_resamples: int = 1000) -> list[CheckedStrategy]:
    """Precision, recall, F1 and Cohen's kappa of every strategy, over the turns that both have labelled.

    Args:
        model: what is checked.
        people: what it is held against.
        who: conversation -> who resembles themselves.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples.

    Returns:
        One for each strategy, then one for turns without any; nothing if no turn is labelled by both.
    """
    both = [id_ for id_ in people if id_ in model]
    conversations = list(dict.fromkeys(id_.conversation for id_ in both))
    found = []
    for strategy in (*Strategy, None) if both else ():
        counts = {conversation: np.zeros(4, dtype=np.int64) for conversation in conversations}
        for id_ in both:
            is_found, is_annotated = _has(model[id_], strategy), _has(people[id_], strategy)
            counts[id_.conversation] += (is_annotated and is_found, is_found, is_annotated, 1)
        clusters = [who[conversation] for conversation in conversations]
        kappa = _kappa(strategy, model, people, both, who, np.random.default_rng(seed), n_resamples)
        one = scores(np.array(list(counts.values())), clusters, seed=seed, n_resamples=n_resamples)
        found.append(CheckedStrategy(**one.model_dump(), strategy=strategy, kappa=kappa))
    return found


def _has(found: frozenset[Strategy], strategy: Strategy | None) -> bool:
    return not found if strategy is None else strategy in found


def _kappa(
    strategy: Strategy | None,
    first: Marks,
    second: Marks,
    turns: Sequence[TurnId],
    who: Mapping[str, str],
    rng: np.random.Generator,
    n_resamples: int,
) -> Kappa:
    a, b = ([_YES_NO[not _has(marks[id_], strategy)] for id_ in turns] for marks in (first, second))
    return cohen_kappa(a, b, _YES_NO, clusters=[who[id_.conversation] for id_ in turns], rng=rng, n_resamples=n_resamples)


def render_check(checked: Sequence[CheckedStrategy], model: str) -> str:
    """The table for a terminal: at most 100 columns, a row for each strategy.

    Raises:
        ValueError: if there is nothing to show.
    """
    if not checked:
        raise ValueError("there is nothing checked to show, expected at least one turn that both have labelled")
    first = checked[0]
    head = (
        f"Strategies as {model} labels them against the annotators' labels: {first.n_units:,} turns of "
        f"{first.n_dialogues:,} human dialogues"
    )
    lines = [*wrapped(head), "", f"{'':<19}{'people':>7}{'model':>6}{'precision':>17}{'recall':>17}{'F1':>17}{'kappa':>17}"]
    for c in checked:
        cells = [cell(getattr(c, k), getattr(c, f"{k}_low"), getattr(c, f"{k}_high")) for k in ("precision", "recall", "f1")]
        lines.append(f"{title(c.strategy):<19}{c.n_annotated:>7}{c.n_found:>6}" + "".join(f"{x:>17}" for x in (*cells, _cell(c.kappa))))
    note = (
        "people, model: turns with the strategy. In brackets: 95 % interval (people drawn with replacement). kappa: Cohen's, 0 is what "
        "chance gives. A low number is as much about the annotators, who label sentences by definitions of their own."
    )
    return "\n".join([*(line.rstrip() for line in lines), "", *wrapped(note)])


def title(strategy: Strategy | None) -> str:
    """What a strategy is called in tables."""
    return "Turns without any" if strategy is None else TITLES[strategy]


def _cell(kappa: Kappa | Alpha) -> str:
    return cell(kappa.value, *(kappa.interval or (None, None)))


class StrategyPair(Record):
    """Agreement of two who labelled.

    Attributes:
        first, second: their names.
        n: turns that both labelled.
        same_set: share of them in which the sets are the same, 0 to 1; None if n is 0.
        kappas: strategy (``"none"`` for turns without any) -> agreement on it.
    """

    first: str
    second: str
    n: int
    same_set: float | None
    kappas: dict[str, Kappa]


class StrategyAgreement(Record):
    """Agreement of all who labelled turns of the same dialogues.

    Attributes:
        readers: name -> strategy -> number of turns with it; ``"none"`` for turns without any, ``"labelled"`` for all.
        alphas: strategy, or ``"none"`` -> Krippendorff's alpha of all.
        pairs: every two.
        seed: of the resampling.
    """

    readers: dict[str, dict[str, int]]
    alphas: dict[str, Alpha]
    pairs: tuple[StrategyPair, ...]
    seed: int


def agree(readers: Mapping[str, Marks], who: Mapping[str, str], *, seed: int, n_resamples: int = 1000) -> StrategyAgreement:
    """How far those who labelled agree, strategy by strategy.

    Args:
        readers: name -> the strategies of the turns that it labelled.
        who: conversation -> who resembles themselves.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples.
    """
    rng = np.random.default_rng(seed)
    turns = sorted({id_ for marks in readers.values() for id_ in marks})
    clusters = [who[id_.conversation] for id_ in turns]
    names = list(readers)
    kinds: list[Strategy | None] = [*Strategy, None]
    alphas = {}
    for strategy in kinds:
        rated = [[float(_has(readers[name][id_], strategy)) if id_ in readers[name] else None for id_ in turns] for name in names]
        alphas[_name(strategy)] = krippendorff_alpha(rated, "nominal", clusters=clusters, rng=rng, n_resamples=n_resamples)
    pairs = []
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            both = [id_ for id_ in turns if id_ in readers[a] and id_ in readers[b]]
            same = [readers[a][id_] == readers[b][id_] for id_ in both]
            kappas = {_name(s): _kappa(s, readers[a], readers[b], both, who, rng, n_resamples) for s in kinds}
            pairs.append(StrategyPair(first=a, second=b, n=len(both), same_set=sum(same) / len(same) if same else None, kappas=kappas))
    counted = {
        name: {**{_name(s): sum(_has(found, s) for found in marks.values()) for s in kinds}, "labelled": len(marks)}
        for name, marks in readers.items()
    }
    return StrategyAgreement(readers=counted, alphas=alphas, pairs=tuple(pairs), seed=seed)


def _name(strategy: Strategy | None) -> str:
    return "none" if strategy is None else str(strategy)


def render_agreement(found: StrategyAgreement) -> str:
    """The tables for a terminal: at most 100 columns."""
    from vs_sim.records import printable

    names = list(found.readers)
    letters = {name: chr(ord("A") + i) if i < 26 else f"R{i + 1}" for i, name in enumerate(names)}
    lines = ["Strategies of the persuader's turns, by who labelled them", ""]
    lines += [f"  {letters[name]:<3} {shortened(printable(name), 70)} ({found.readers[name]['labelled']:,} turns)" for name in names]
    kinds: list[Strategy | None] = [*Strategy, None]
    for start in range(0, len(names), 9):
        some = names[start : start + 9]
        lines += ["", f"{'turns with it':<19}" + "".join(f"{letters[name]:>9}" for name in some)]
        lines += [f"{title(s):<19}" + "".join(f"{found.readers[name][_name(s)]:>9}" for name in some) for s in kinds]
    columns = [
        ("alpha of all", {k: _cell(a) for k, a in found.alphas.items()}, str(found.alphas["none"].n_units), ""),
        *(
            (
                f"kappa {letters[p.first]}, {letters[p.second]}",
                {k: _cell(kappa) for k, kappa in p.kappas.items()},
                str(p.n),
                share(p.same_set, 2),
            )
            for p in found.pairs
        ),
    ]
    for start in range(0, len(columns), _PAIRS_IN_A_ROW):
        block = columns[start : start + _PAIRS_IN_A_ROW]
        lines += ["", f"{'':<19}" + "".join(f"{head:>22}" for head, *_ in block)]
        lines += [f"{title(s):<19}" + "".join(f"{cells[_name(s)]:>22}" for _, cells, *_ in block) for s in kinds]
        lines.append(f"{'turns':<19}" + "".join(f"{n:>22}" for _, _, n, _ in block))
        lines.append(f"{'all the same':<19}" + "".join(f"{same:>22}" for *_, same in block))
    note = (
        "alpha: Krippendorff's of all, over turns that two or more have labelled; kappa: Cohen's of two; 0 is what chance gives, - where "
        "all said the same of every turn. In brackets: 95 % interval (people drawn with replacement). all the same: share of turns with "
        "the same set."
    )
    return "\n".join([*(line.rstrip() for line in lines), "", *wrapped(note)])
