"""One number of a comparison with everything that a reader needs beside it."""

from __future__ import annotations

from vs_sim.records import Record


class Metric(Record):
    """One number of a comparison; whatever cannot be computed is None.

    Attributes:
        name: ``share_zero``, ``mean``, ``median`` (of the simulated donations), ``ks``, ``l1_bins``, ``wasserstein``,
            ``l1_per_dialogue`` (simulated against human).
        unit: ``share`` (0 to 1; 0 to 2 for ``l1_bins``), ``cents`` or ``dollars``.
        value: the number.
        low, high: 95 % bootstrap interval; None with fewer than two personas or if no resample differs from another.
        human, human_low, human_high: the same of the humans; None for distances.
        floor_mean, floor_q95: what as many humans as there are personas score against the humans, mean and 95 % quantile; None for
            summaries. Conversations of one persona are not independent, so replicates do not lower the floor: where personas differ
            little it is then too high, never too low.
        baseline_zero: what "everybody gives nothing" scores; None for summaries.
        baseline_median: what "everybody gives the human median" scores; None for summaries.
        baseline_shuffled: what the humans themselves score in random order, on average; None for summaries.
    """

    name: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    human: float | None = None
    human_low: float | None = None
    human_high: float | None = None
    floor_mean: float | None = None
    floor_q95: float | None = None
    baseline_zero: float | None = None
    baseline_median: float | None = None
    baseline_shuffled: float | None = None
