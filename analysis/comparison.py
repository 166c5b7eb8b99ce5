"""What is found when one condition's donations are held against the humans': a frozen record."""

from __future__ import annotations

from typing import Any

from analysis.metric import Equivalence, Metric
from analysis.samples import Cleaning, Which
from vs_sim.records import Record
from vs_sim.scenario import Scale


class Comparison(Record):
    """Simulated against human donations of one condition.

    Where there are no human data (`n_human` is 0), all that concerns humans is None or empty.

    Attributes:
        scale: what was decided on; amounts are whole units of it, cents for the donation.
        arm, condition, model, which: as in `analysis.samples.Arm`.
        cleaning: what was done with amounts above the scale (200 cents), on both sides.
        n_planned, n_missing: conversations planned, and those of them without a donation.
        missing: why -> how many.
        n: number of simulated donations compared.
        n_second, n_human_second: how many of the simulated and of the human donations a second reader read; the rules read the others.
        n_human_missing: humans whose donation is not known or cannot be told.
        n_cleaned: simulated donations above the scale that the cleaning dropped or capped.
        n_personas: number of different personas behind them; dialogues of one person in a reference (ids that differ in the ending
            -d1, -d2, ... alone) count as one.
        n_effective: number of independent donations that they are worth at least (Kish), which the floor is drawn at; `n_personas` if all
            have the same number of conversations.
        n_matched: number of them with a matched human donation; 0 for stated donations, since the matched one is the actual one.
        n_human_people, n_human_effective: people behind the human donations (None if not known), and how many independent donations they
            are worth.
        n_human, n_human_dropped, n_human_capped, human_source, human_which: as in `analysis.samples.HumanSample`.
        human_median: the median human donation, rounded down to whole units.
        metrics: the numbers.
        equivalences: for each margin that was declared, whether the two are alike within it.
        support: amounts that occur on either side, whole cents, rising.
        ecdf: share of the simulated donations at or below each amount; None if n is 0.
        human_ecdf: the same of the humans.
        bin_edges: lower ends of the bins in whole cents, half-open, the last without an upper end.
        bin_shares: share of the simulated donations in each bin; None if n is 0.
        human_bin_shares: the same of the humans.
        seed, n_resamples: of the resampling.
    """

    scale: Scale
    arm: str
    condition: str
    model: str
    which: Which
    cleaning: Cleaning
    n_planned: int
    n_missing: int
    missing: dict[str, int]
    n: int
    n_second: int
    n_human_second: int
    n_human_missing: int
    n_cleaned: int
    n_personas: int
    n_effective: int
    n_matched: int
    n_human: int
    n_human_people: int | None
    n_human_effective: int
    n_human_dropped: int
    n_human_capped: int
    human_source: str
    human_which: Which
    human_median: int | None
    metrics: tuple[Metric, ...]
    equivalences: tuple[Equivalence, ...]
    support: tuple[int, ...]
    ecdf: tuple[float, ...] | None
    human_ecdf: tuple[float, ...]
    bin_edges: tuple[int, ...]
    bin_shares: tuple[float, ...] | None
    human_bin_shares: tuple[float, ...]
    seed: int
    n_resamples: int

    def metric(self, name: str) -> Metric:
        """The metric of that name.

        Raises:
            KeyError: if there is none.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        raise KeyError(f"no metric {name!r}, expected one of {', '.join(m.name for m in self.metrics)}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")
