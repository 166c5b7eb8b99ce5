"""All conditions of a study against the humans and against each other: what a table or a report of a study shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.compare import compare
from analysis.comparison import Comparison
from analysis.multiplicity import adjusted
from analysis.numbers import FEW
from analysis.pairs import PairedComparison, compare_pairs
from analysis.samples import Arm, HumanSample
from vs_sim.records import Record


class Adjusted(Record):
    """p of one metric over the conditions of a study, adjusted for their number.

    Attributes:
        metric: ``ks``, ``cramer_von_mises``, ... or, for pairs, the difference in it.
        p: as in the single comparisons, in their order; None where there is none.
        holm, bh: adjusted by Holm, and by Benjamini and Hochberg.
    """

    metric: str
    p: tuple[float | None, ...]
    holm: tuple[float | None, ...]
    bh: tuple[float | None, ...]


class Grid(Record):
    """Every comparison of a study.

    Attributes:
        comparisons: each condition and model against the humans.
        tests: the p of their distances, adjusted over all conditions, each metric by itself.
        pairs: each further condition against the first one of the same model, on shared personas and seeds.
        pair_tests: the p of their differences, adjusted over all pairs, each metric by itself.
    """

    comparisons: tuple[Comparison, ...]
    tests: tuple[Adjusted, ...]
    pairs: tuple[PairedComparison, ...]
    pair_tests: tuple[Adjusted, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")


def too_few(grid: Grid) -> list[str]:
    """Warnings, as sentences without a capital, that personas or humans are too few for intervals and p to mean much; often none."""
    first = grid.comparisons[0]
    found = []
    few = [c.arm for c in grid.comparisons if c.n_personas < FEW]
    if few:
        found.append(f"fewer than {FEW} personas in {', '.join(few)}: intervals and p mean little at such a size.")
    if first.n_human and first.n_human_effective < 2:
        found.append("the humans are worth fewer than 2 people: there is no noise floor, no p and no interval of a distance from them.")
    elif first.n_human and first.n_human_effective < FEW:
        found.append(f"the humans are worth fewer than {FEW} people: distances from them, and p, mean little at such a size.")
    return found


def compare_all(
    arms: Sequence[Arm], human: HumanSample, *, seed: int, margins: Mapping[str, float] | None = None, n_resamples: int = 2000
) -> Grid:
    """Compares every condition of a study with the humans, and with the first condition of its model.

    Args:
        arms: donations per condition and model.
        human: human donations.
        seed: of all resampling.
        margins: see `analysis.compare.compare`.
        n_resamples: number of resamples of each comparison.

    Raises:
        ValueError: see `analysis.compare.compare` and `analysis.pairs.compare_pairs`.
    """
    comparisons = tuple(compare(arm, human, seed=seed, margins=margins, n_resamples=n_resamples) for arm in arms)
    firsts: dict[str, Arm] = {}
    pairs = []
    for arm in arms:
        first = firsts.setdefault(arm.model, arm)
        if first is not arm:
            pairs.append(compare_pairs(first, arm, human, seed=seed, n_resamples=n_resamples))
    return Grid(
        comparisons=comparisons,
        tests=tuple(
            _adjust(name, [c.metric(name).p for c in comparisons]) for name in ("ks", "cramer_von_mises", "l1_bins", "wasserstein")
        ),
        pairs=tuple(pairs),
        pair_tests=tuple(_adjust(name, [_p(pair, name) for pair in pairs]) for name in _names(pairs)),
    )


def _adjust(metric: str, ps: Sequence[float | None]) -> Adjusted:
    return Adjusted(metric=metric, p=tuple(ps), holm=tuple(adjusted(ps, "holm")), bh=tuple(adjusted(ps, "bh")))


def _names(pairs: Sequence[PairedComparison]) -> list[str]:
    return list(dict.fromkeys(d.metric for pair in pairs for d in pair.differences if d.p is not None))


def _p(pair: PairedComparison, metric: str) -> float | None:
    return next((d.p for d in pair.differences if d.metric == metric), None)
