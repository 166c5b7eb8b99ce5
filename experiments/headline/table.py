"""The headline results as one table, in Markdown: measures in rows, methods in columns, with 95 % intervals.

    python experiments/headline/table.py [RUNS]

RUNS holds the run folders dice, states and jokes; if none is given, those recorded beside this file. Nothing is asked of a model; what is
missing of a run is said below the table.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from analysis.coverage import Coverage
from analysis.diversity import Diversity
from analysis.numbers import cell, share
from vs_sim.commands.measures import coverages, diversities_of, prompt_study_of
from vs_sim.errors import VsSimError
from vs_sim.store import RunFolder

RECORDED = Path(__file__).resolve().parent / "recorded"
STUDIES = ("dice", "states", "jokes")
MEASURES = {"meaning": "diversity of meaning", "words": "diversity of words"}

_Found = TypeVar("_Found", Coverage, Diversity)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code of `vs-sim`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("runs", type=Path, nargs="?", default=RECORDED, metavar="RUNS", help="folder of the three runs (default: recorded)")
    try:
        print("\n".join(markdown(parser.parse_args(argv).runs)))
    except VsSimError as error:
        print(f"table.py: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def markdown(runs: Path, measures: Sequence[str] = tuple(MEASURES)) -> list[str]:
    """The lines of the table of the three runs in a folder, and of what is missing.

    Args:
        runs: the folder.
        measures: of the diversity of jokes, of `MEASURES`; meaning takes the extra ``semantic``.

    Raises:
        InputError: a run is not there or cannot be read.
        WeightsError, ModelUnavailable: the model of embeddings cannot be had.
    """
    folders = {name: RunFolder(runs / name) for name in STUDIES}
    studies = {name: prompt_study_of(folder) for name, folder in folders.items()}
    dice, states = (coverages(folders[name], studies[name]) for name in ("dice", "states"))
    jokes = diversities_of(folders["jokes"], studies["jokes"].model_copy(update={"measures": tuple(measures)}))
    rows = [
        _row("a die: divergence from equal shares (KL, nats)", dice, _kl),
        _row("a die: replies that are a number from 1 to 6", dice, _right),
        _row("a US state: different ones found, of 50", states, _n_found),
        _row("a US state: divergence from shares of the population (KL, nats)", states, _kl),
        _row("a US state: replies that are one", states, _right),
    ]
    for measure in measures:
        own = [one for one in jokes if one.measure == measure]
        rows += [_row(f"jokes: {MEASURES[measure]}", own, _mean), _row(f"jokes: {MEASURES[measure]}, times direct", own, _times)]
    conditions = [one.name for one in studies["dice"].conditions]
    n_replies = ", ".join(f"{name} {studies[name].n_replies}" for name in STUDIES)
    missing = [
        f"{study}, {one.condition}: {one.n_planned - one.n_askings} of {one.n_planned}"
        for study, found in (("dice", dice), ("states", states), ("jokes", jokes[: len(conditions)]))
        for one in found
        if one.n_askings < one.n_planned
    ]
    return [
        "| | " + " | ".join(conditions) + " |",
        "|---" * (len(conditions) + 1) + "|",
        *(f"| {' | '.join(row)} |" for row in rows),
        "",
        f"Replies to each prompt: {n_replies}. Askings without readable candidates: {'; '.join(missing) or 'none'}.",
    ]


def _row(title: str, found: Sequence[_Found], shown: Callable[[_Found], str]) -> tuple[str, ...]:
    return (title, *(shown(one) for one in found))


def _kl(one: Coverage) -> str:
    floor = "" if one.kl_floor is None else f"; floor {share(one.kl_floor.mean)}"
    return cell("share", one.kl, *(one.kl_interval or (None, None))) + floor


def _right(one: Coverage) -> str:
    return cell("share", one.precision, *(one.precision_interval or (None, None)))


def _n_found(one: Coverage) -> str:
    within = "" if one.n_found_interval is None else " [{:.0f}, {:.0f}]".format(*one.n_found_interval)
    return f"{one.n_found}{within}"


def _mean(one: Diversity) -> str:
    return cell("share", one.mean, *(one.interval or (None, None)))


def _times(one: Diversity) -> str:
    return "" if one.ratio is None else cell("times", one.ratio, *(one.ratio_interval or (None, None)))


if __name__ == "__main__":
    sys.exit(main())
