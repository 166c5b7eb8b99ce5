"""One number of a comparison with everything that a reader needs beside it."""

from __future__ import annotations

from vs_sim.records import Record


class Metric(Record):
    """One number of a comparison; whatever cannot be computed is None.

    Attributes:
        name: ``share_zero``, ``mean``, ``mean_positive``, ``median`` (of the simulated donations), ``ks``, ``cramer_von_mises``,
            ``l1_bins``, ``wasserstein``, ``l1_per_dialogue`` (simulated against human). ``share_zero`` and ``mean_positive``, the mean
            of those who give at all, are the two parts that make up the mean.
        unit: ``share`` (0 to 1; 0 to 2 for ``l1_bins``), that of the scale (``cents`` for the donation) or ``dollars``.
        value: the number.
        low, high: 95 % interval; None with fewer than two personas or if no resample differs from another.
        p: permutation p of a distance: how often people dealt out at random would be as far apart; None for everything else.
        human, human_low, human_high: the same of the humans; None for distances.
        difference, difference_low, difference_high: simulated minus human with its 95 % interval; None for distances.
        floor_mean, floor_q95: what as many humans as the conversations are worth score against the humans, mean and 95 % quantile;
            None for summaries. Conversations of one persona are not independent, so replicates do not lower the floor. Of
            ``l1_per_dialogue`` what humans who are paired at random score, which is no bound: a constant scores better.
        baseline_zero: what "everybody gives the lowest amount of the scale" scores; None for summaries.
        baseline_median: what "everybody gives the human median" scores; None for summaries.
        baseline_shuffled: what the matched humans themselves score in random order, on average; None but for ``l1_per_dialogue``: whole
            distributions do not change with the order.
    """

    name: str
    unit: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    human: float | None = None
    human_low: float | None = None
    human_high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    floor_mean: float | None = None
    floor_q95: float | None = None
    baseline_zero: float | None = None
    baseline_median: float | None = None
    baseline_shuffled: float | None = None


class Equivalence(Record):
    """Whether simulated and human donations are alike within a margin that was declared before.

    "Not significant" does not say "alike": here the difference must be shown to be small. Two one-sided tests at the 5 % level, as
    90 % interval inside the margin (Schuirmann 1987); for a distance, its upper 95 % bound below the margin.

    Attributes:
        metric: name of the metric.
        unit: of margin and bounds, as in `Metric`.
        margin: what was declared, above 0.
        low, high: ends of the 90 % interval of simulated minus human; for a distance low is 0 and high its one-sided 95 % bound. None
            if they cannot be computed.
        shown: True if the margin holds at the 5 % level, False if that is not shown; None without bounds.
    """

    metric: str
    unit: str
    margin: float
    low: float | None
    high: float | None
    shown: bool | None
