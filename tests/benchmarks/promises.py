"""Tables of what intervals and tests keep of their promises: rates, each beside what was promised."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence

import numpy as np

Parts = Mapping[str, tuple[Callable[[np.random.Generator, int], None], int]]
"""Name of a part of a table -> what prints its rows, given a generator and a number of repetitions; that number."""


def rate(hits: Sequence[bool]) -> str:
    """A share of repetitions, with the standard error that their number gives it."""
    share = float(np.mean(hits))
    return f"{100 * share:5.1f} % (se {100 * np.sqrt(max(share * (1 - share), 0.25 / len(hits)) / len(hits)):.1f}, {len(hits)} runs)"


def row(what: str, promise: str, found: str) -> None:
    print(f"{what:<86}{promise:>12}   {found}", flush=True)


def print_table(doc: str | None, parts: Parts) -> None:
    """Run the command of a table: its parts, each from the same seed, so that one alone prints what it prints among the others."""
    summary, _, epilog = (doc or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the repetitions")
    parser.add_argument("--only", choices=tuple(parts), help="one part of the table")
    arguments = parser.parse_args()
    row("what", "promised", "measured")
    for name, (part, n_runs) in parts.items():
        if arguments.only in (None, name):
            part(np.random.default_rng(2019), n_runs // 10 if arguments.quick else n_runs)
