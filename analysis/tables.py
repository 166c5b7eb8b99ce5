"""Comparisons as a tidy table for papers and as plain text for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.compare import Comparison
from analysis.metric import Metric
from vs_sim.records import MAX_CENTS

WIDTH = 100
"""Characters of the plain-text table."""

FEW = 30
"""Below so many simulated donations the table warns that intervals and p mean little."""

LABEL = 14
"""Characters of the column with the names of the conditions."""

HUMANS = "humans"
WHICH = {"actual": "Actual donations, decided in private after the chat", "stated": "Stated donations, said in the chat"}


def tidy(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """One row per condition and metric, the humans' own summaries first; what cannot be computed is NaN.

    Args:
        comparisons: of one study, all against the same humans.

    Returns:
        Columns arm, metric, unit, value, low, high, p, floor_mean, floor_q95, baseline_zero, baseline_median, baseline_shuffled, n,
        n_missing, n_personas, n_matched, n_human, cleaning, which. p belongs to the metric ``ks``.

    Raises:
        ValueError: if there is no comparison or they have different humans or donations.
    """
    first = _checked(comparisons)
    rows: list[dict[str, object]] = [
        {
            "arm": HUMANS,
            "metric": metric.name,
            "unit": metric.unit,
            "value": metric.human,
            "low": metric.human_low,
            "high": metric.human_high,
            "n": first.n_human,
            "n_human": first.n_human,
            "cleaning": first.cleaning,
            "which": "actual",
        }
        for metric in first.metrics
        if metric.human is not None
    ]
    for comparison in comparisons:
        for metric in comparison.metrics:
            rows.append(
                {
                    "arm": comparison.arm,
                    **metric.model_dump(exclude={"name", "human", "human_low", "human_high"}),
                    "metric": metric.name,
                    "p": comparison.ks_p if metric.name == "ks" else None,
                    "n": comparison.n,
                    "n_missing": comparison.n_missing,
                    "n_personas": comparison.n_personas,
                    "n_matched": comparison.n_matched,
                    "n_human": comparison.n_human,
                    "cleaning": comparison.cleaning,
                    "which": comparison.which,
                }
            )
    columns = ["arm", "metric", "unit", "value", "low", "high", "p", "floor_mean", "floor_q95"]
    columns += ["baseline_zero", "baseline_median", "baseline_shuffled", "n", "n_missing", "n_personas", "n_matched", "n_human"]
    frame = pd.DataFrame(rows, columns=[*columns, "cleaning", "which"])
    numbers = ["value", "low", "high", "p", "floor_mean", "floor_q95", "baseline_zero", "baseline_median", "baseline_shuffled"]
    counts = ["n", "n_missing", "n_personas", "n_matched", "n_human"]
    return frame.astype({**dict.fromkeys(numbers, "float64"), **dict.fromkeys(counts, "Int64")})


def write_csv(comparisons: Sequence[Comparison], path: Path) -> None:
    """Writes the tidy table; an empty field is what cannot be computed."""
    tidy(comparisons).to_csv(path, index=False, lineterminator="\n")


def render(comparisons: Sequence[Comparison]) -> str:
    """The table for a terminal: at most 100 columns, dollars, 95 % intervals in brackets.

    Args:
        comparisons: of one study, all against the same humans.

    Raises:
        ValueError: if there is no comparison or they have different humans or donations.
    """
    first = _checked(comparisons)
    lines = [f"{WHICH[first.which]}, in dollars, with 95 % intervals", ""]
    lines.append(_line("", "n", "share of $0", "mean", "median"))
    summaries = ("share_zero", "mean", "median")
    human = [first.metric(name) for name in summaries]
    lines += _row(HUMANS, str(first.n_human), *(_cell(m, m.human, m.human_low, m.human_high) for m in human))
    for c in comparisons:
        lines += _row(c.arm, str(c.n), *(_own(c.metric(name)) for name in summaries))

    lines += ["", "Distance from the humans (floor: humans against humans at that n, mean and 95 % quantile)", ""]
    distances = ("ks", "l1_bins", "wasserstein", "l1_per_dialogue")
    lines.append(_line("", "p", "KS", "L1 of bins", "Wasserstein", "L1 per dialogue"))
    for c in comparisons:
        metrics = [c.metric(name) for name in distances]
        lines += _row(c.arm, _p(c.ks_p), *(_own(m) for m in metrics))
        lines += _row("  floor", "", *(_floor(m) for m in metrics))
    for label, field in (
        ("all give $0", "baseline_zero"),
        (f"all give ${first.human_median / 100:.2f}", "baseline_median"),
        ("shuffled", "baseline_shuffled"),
    ):
        lines += _baseline(comparisons, distances, label, field)

    lines += ["", *_notes(comparisons)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _notes(comparisons: Sequence[Comparison]) -> list[str]:
    first = comparisons[0]
    rule = {
        "drop": f"amounts above ${MAX_CENTS / 100:.0f} dropped ({first.n_human_dropped} of the humans')",
        "cap": f"amounts above ${MAX_CENTS / 100:.0f} set to ${MAX_CENTS / 100:.0f} ({first.n_human_capped} of the humans')",
        "all": "all amounts kept",
    }[first.cleaning]
    notes = [f"Humans: {first.human_source}. Cleaning: {first.cleaning}, {rule}."]
    cleaned = [f"{c.arm} {c.n_cleaned}" for c in comparisons if c.n_cleaned]
    if cleaned:
        notes.append(f"Simulated donations treated by the same rule: {', '.join(cleaned)}.")
    if first.which == "stated":
        notes.append("The humans' donations are the actual ones; what people say and what they give differ.")
    for c in comparisons:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(c.missing.items()))
        notes.append(f"Missing, {c.arm}: {c.n_missing} of {c.n_planned} conversations" + (f" ({reasons})." if reasons else "."))
    notes.append(
        f"KS and L1 of bins (0 to 2, over bins that begin at {', '.join(map(str, first.bin_edges))} cents) are shares; p belongs to KS "
        f"({first.n_resamples} permutations). Near the floor the intervals of distances lie too high: compare the value with the floor."
    )
    if any(c.n > c.n_personas for c in comparisons):
        notes.append(
            "Where a persona has several conversations they are not independent: no p, and the floor of as many humans as personas."
        )
    if any(c.n_matched for c in comparisons):
        matched = ", ".join(f"{c.arm} {c.n_matched}" for c in comparisons)
        notes.append(f"L1 per dialogue: against the matched human ({matched}); all baselines are of those humans, with their own median.")
    few = [c.arm for c in comparisons if c.n_personas < FEW]
    if few:
        notes.append(f"WARNING: fewer than {FEW} personas in {', '.join(few)}: intervals and p mean little at such a size.")
    return [line for note in notes for line in textwrap.wrap(note, WIDTH, subsequent_indent="  ")]


def _baseline(comparisons: Sequence[Comparison], names: Sequence[str], label: str, field: str) -> list[str]:
    """One row for all conditions; a range where it differs because their matched humans do."""
    cells = []
    for name in names:
        values = [(m, value) for c in comparisons if (value := getattr(m := c.metric(name), field)) is not None]
        shown = list(dict.fromkeys(_number(m, value) for m, value in sorted(values, key=lambda pair: pair[1])))
        cells.append("-" if not shown else shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}")
    return _row(label, "", *cells)


def _row(label: str, narrow: str, *cells: str) -> list[str]:
    """A row; a label that is too long for its column stands on a line of its own."""
    if len(label) <= LABEL:
        return [_line(label, narrow, *cells)]
    return [*textwrap.wrap(label, WIDTH), _line("", narrow, *cells)]


def _line(label: str, narrow: str, *cells: str) -> str:
    return f"{label:<{LABEL}}{narrow:>6}" + "".join(f"{cell:>20}" for cell in cells)


def _number(metric: Metric, value: float | None) -> str:
    """Cents are shown as dollars with two digits; shares with three and no leading 0, as papers print them."""
    if value is None:
        return "-"
    if metric.unit == "cents":
        return f"{value / 100:.2f}"
    if metric.unit == "share" and value < 0.9995 and metric.name != "l1_bins":
        return f"{value:.3f}"[1:]
    return f"{value:.2f}"


def _cell(metric: Metric, value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return _number(metric, value)
    return f"{_number(metric, value)} [{_number(metric, low)}, {_number(metric, high)}]"


def _own(metric: Metric) -> str:
    return _cell(metric, metric.value, metric.low, metric.high)


def _floor(metric: Metric) -> str:
    if metric.floor_mean is None:
        return "-"
    return f"{_number(metric, metric.floor_mean)}, {_number(metric, metric.floor_q95)}"


def _p(p: float | None) -> str:
    return "-" if p is None else "<.001" if p < 0.001 else f"{p:.3f}"[1:] if p < 0.9995 else "1.00"


def _checked(comparisons: Sequence[Comparison]) -> Comparison:
    """The first comparison, after a check that one table can hold them all."""
    if not comparisons:
        raise ValueError("there is no comparison to show, expected at least one")
    first = comparisons[0]
    for c in comparisons:
        if (c.cleaning, c.human_source, c.n_human, c.which) != (first.cleaning, first.human_source, first.n_human, first.which):
            raise ValueError(
                f"{first.arm!r} and {c.arm!r} are compared with different humans, cleaning or donations: one table needs the same for all"
            )
    return first
