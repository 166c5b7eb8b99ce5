"""Comparisons as a tidy table for papers and as plain text for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.compare import exact_shares
from analysis.comparison import Comparison
from analysis.grid import Grid, too_few
from analysis.metric import Metric
from analysis.numbers import NONE, above_zero, cell, cleaning_rule, equivalence, exact_note, number, p_value, zero
from analysis.pairs import Difference
from analysis.prose import counted
from vs_sim.terminal import WIDTH, columns, filled, wrapped

LABEL = 14
"""Characters of the column with the names of the conditions."""

NARROW = 6
"""Characters of the column with n."""

HUMANS = "humans"
WHICH = {"actual": "Actual {}s, decided in private after the chat", "stated": "Stated {}s, said in the chat"}


def tidy(grid: Grid) -> pd.DataFrame:
    """One row per condition and metric, the humans' own summaries first, then the differences of pairs; what cannot be computed is NaN.

    Returns:
        Columns arm, versus (humans, or the first condition that a paired difference is taken from), metric, unit, value, low, high, p,
        p_holm, p_bh (adjusted over the conditions), difference, difference_low, difference_high, floor_mean, floor_q95,
        baseline_zero, baseline_median, baseline_shuffled, margin, equivalent, n, n_missing, n_personas, n_matched, n_human,
        cleaning, which, human_which, human_source.

    Raises:
        ValueError: if there is no comparison or they have different humans or donations.
    """
    first = _checked(grid.comparisons)
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
            "which": first.human_which,
            "human_which": first.human_which,
            "human_source": first.human_source,
        }
        for metric in first.metrics
        if metric.human is not None
    ]
    tests = {test.metric: test for test in grid.tests}
    for i, c in enumerate(grid.comparisons):
        equivalences = {e.metric: e for e in c.equivalences}
        facts = {
            "n": c.n,
            **{key: getattr(c, key) for key in ("n_missing", "n_personas", "n_matched", "n_human", "cleaning", "which")},
            "human_which": c.human_which,
            "human_source": c.human_source,
        }
        for metric in c.metrics:
            test, equivalence = tests.get(metric.name), equivalences.get(metric.name)
            rows.append(
                {
                    "arm": c.arm,
                    "versus": HUMANS,
                    **metric.model_dump(exclude={"name", "human", "human_low", "human_high"}),
                    "metric": metric.name,
                    "p_holm": test.holm[i] if test else None,
                    "p_bh": test.bh[i] if test else None,
                    "margin": equivalence.margin if equivalence else None,
                    "equivalent": equivalence.shown if equivalence else None,
                    **facts,
                }
            )
    pair_tests = {test.metric: test for test in grid.pair_tests}
    for i, pair in enumerate(grid.pairs):
        for d in pair.differences:
            rows.append(
                {
                    "arm": pair.second,
                    "versus": pair.first,
                    "metric": d.metric,
                    "unit": d.unit,
                    "difference": d.value,
                    "difference_low": d.low,
                    "difference_high": d.high,
                    "p": d.p,
                    "p_holm": pair_tests[d.metric].holm[i] if d.metric in pair_tests else None,
                    "p_bh": pair_tests[d.metric].bh[i] if d.metric in pair_tests else None,
                    "n": pair.n_pairs,
                    "n_personas": pair.n_personas,
                    "n_human": first.n_human,
                    "cleaning": pair.cleaning,
                    "which": pair.which,
                    "human_which": first.human_which,
                    "human_source": first.human_source,
                }
            )
    numbers = ["value", "low", "high", "p", "p_holm", "p_bh", "difference", "difference_low", "difference_high", "floor_mean", "floor_q95"]
    numbers += ["baseline_zero", "baseline_median", "baseline_shuffled", "margin"]
    counts = ["n", "n_missing", "n_personas", "n_matched", "n_human"]
    frame = pd.DataFrame(
        rows,
        columns=["arm", "versus", "metric", "unit", *numbers, "equivalent", *counts, "cleaning", "which", "human_which", "human_source"],
    )
    types = {**dict.fromkeys(numbers, "float64"), **dict.fromkeys(counts, "Int64"), "equivalent": "boolean"}
    return frame.astype(types)


def write_csv(grid: Grid, path: Path) -> None:
    """Writes the tidy table; an empty field is what cannot be computed."""
    tidy(grid).to_csv(path, index=False, lineterminator="\n")


def render(grid: Grid) -> str:
    """The tables for a terminal: at most 100 columns, cents as dollars, 95 % intervals in brackets.

    Args:
        grid: the comparisons of one study, at least one.

    Raises:
        ValueError: if there is no comparison or they have different humans or donations.
    """
    first = _checked(grid.comparisons)
    scale = first.scale
    what, unit = WHICH[first.which].format(scale.name), "dollars" if scale.money else scale.unit
    lines = [f"{what}, in {unit}, with 95 % intervals", ""]
    lines.append(_line("", "n", f"share of {zero(scale)}", "mean", above_zero(scale), "median"))
    summaries = ("share_zero", "mean", "mean_positive", "median")
    if first.n_human:
        human = [first.metric(name) for name in summaries]
        lines += _row(
            _people(grid.comparisons), str(first.n_human), *(cell(m.unit, m.human, m.human_low, m.human_high, m.name) for m in human)
        )
    for c in grid.comparisons:
        lines += _row(c.arm, str(c.n), *(_own(c.metric(name)) for name in summaries))
    if first.n_human:
        lines += ["", *_distances(grid), "", *_tests(grid)]
    if grid.pairs:
        lines += ["", *_pairs(grid)]
    lines += ["", *_equivalences(grid.comparisons), *_notes(grid)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _distances(grid: Grid) -> list[str]:
    """How far each condition is from the humans, with floor and baselines."""
    lines = ["Distance from the humans (floor: humans against humans at that n, mean and 95 % quantile)", ""]
    distances = ("ks", "l1_bins", "wasserstein", "l1_per_dialogue")
    lines.append(_line("", "", "KS", "L1 of bins", "Wasserstein", "L1 per dialogue"))
    for c in grid.comparisons:
        metrics = [c.metric(name) for name in distances]
        lines += _row(c.arm, "", *(_own(m) for m in metrics))
        lines += _row("  floor", "", *(_floor(m) for m in metrics))
    for label, field in (
        (f"all give {zero(grid.comparisons[0].scale)}", "baseline_zero"),
        ("all give median", "baseline_median"),
        ("shuffled", "baseline_shuffled"),
    ):
        lines += _baseline(grid.comparisons, distances, label, field)
    return lines


def _people(comparisons: Sequence[Comparison]) -> str:
    """What the row of the humans is called: apart from people in the place of a simulation, and from other donations."""
    first = comparisons[0]
    if first.which != first.human_which:
        return f"{HUMANS}, {first.human_which}"
    return "reference" if any(c.arm == HUMANS for c in comparisons) else HUMANS


def _tests(grid: Grid) -> list[str]:
    """The p of two distances and their adjustment over the conditions."""
    tests = {test.metric: test for test in grid.tests}
    n = sum(p is not None for p in tests["ks"].p)
    over = f"; Holm and Benjamini-Hochberg over {n} conditions, by distance" if n > 1 else ""
    lines = [f"Permutation p against the humans{over}", ""]
    head = ("KS: p", "Holm", "BH", "CvM", "CvM: p", "Holm", "BH")
    room = WIDTH - 11 * len(head)
    lines.append(" " * room + "".join(f"{cell:>11}" for cell in head))
    for i, c in enumerate(grid.comparisons):
        ks, cvm = tests["ks"], tests["cramer_von_mises"]
        statistic = c.metric("cramer_von_mises")
        cells = [p_value(ks.p[i]), p_value(ks.holm[i]), p_value(ks.bh[i]), number(statistic.unit, statistic.value)]
        cells += [p_value(cvm.p[i]), p_value(cvm.holm[i]), p_value(cvm.bh[i])]
        own = [filled(c.arm, room)] if columns(c.arm) < room else [*wrapped(c.arm), " " * room]
        lines += [*own[:-1], own[-1] + "".join(f"{cell:>11}" for cell in cells)]
    return lines


def _pairs(grid: Grid) -> list[str]:
    """Differences between conditions on shared personas and seeds, with p and its adjustment below."""
    tests = {test.metric: test for test in grid.pair_tests}
    has_l1 = any(d.metric == "l1_per_dialogue" for pair in grid.pairs for d in pair.differences)
    names = ("share_zero", "mean", "ks", "l1_per_dialogue" if has_l1 else "wasserstein")
    first = grid.comparisons[0]
    heads = [f"share of {zero(first.scale)}", "mean", "KS", "L1 per dialogue" if has_l1 else "Wasserstein"]
    if first.n_human:
        lines = ["Paired differences from the first condition: same personas, same seeds"]
        lines += ["(a distance below 0 is nearer to the humans)", ""]
    else:
        names, heads = ("share_zero", "mean", "mean_positive", "median"), [*heads[:2], above_zero(first.scale), "median"]
        lines = ["Paired differences from the first condition: same personas, same seeds", ""]
    lines.append(_wide("", *heads))
    for i, pair in enumerate(grid.pairs):
        found = {d.metric: d for d in pair.differences}
        lines += wrapped(f"{pair.second} minus {pair.first}, {counted(pair.n_pairs, 'pair')}")
        lines.append(_wide("", *(_signed(found.get(name)) for name in names)))
        ps = [(tests[name].p[i], tests[name].holm[i]) if name in tests else (None, None) for name in names]
        adjust = len(grid.pairs) > 1
        lines.append(_wide("  p", *(p_value(p) + (f" (Holm {p_value(holm)})" if adjust and p is not None else "") for p, holm in ps)))
    return lines


def _wide(label: str, *cells: str) -> str:
    """A line with room for signs."""
    return f"{label:<{LABEL - 2}}" + "".join(f"{cell:>22}" for cell in cells)


def _signed(d: Difference | None) -> str:
    return NONE if d is None else cell(d.unit, d.value, d.low, d.high, d.metric, signed=True)


def _equivalences(comparisons: Sequence[Comparison]) -> list[str]:
    """What was shown of the margins that the study declares."""
    notes = [f"Equivalence, {c.arm}: {equivalence(c, e)}." for c in comparisons for e in c.equivalences]
    if not notes and comparisons[0].n_human:
        notes.append("Equivalence: the study declares no [margins], so nothing here says that a condition is like the humans.")
    return _wrapped(notes)


def _notes(grid: Grid) -> list[str]:
    comparisons = grid.comparisons
    first = comparisons[0]
    scale = first.scale
    lost = {"drop": first.n_human_dropped, "cap": first.n_human_capped, "all": 0}[first.cleaning]
    rule = cleaning_rule(first) + ("" if first.cleaning == "all" else f" ({lost} of the humans')")
    notes = [f"Humans: {first.human_source}. Cleaning: {first.cleaning}, {rule}."]
    if not first.n_human:
        notes = ["No human data: conditions are described and compared with each other, and nothing here says how people would decide."]
    if first.n_human_people is not None and first.n_human_people < first.n_human:
        notes.append(
            f"The {first.n_human:,} human {scale.name}s come from {first.n_human_people:,} people and are worth "
            f"{first.n_human_effective:,} independent ones: intervals, p and floor reckon with these."
        )
    cleaned = [f"{c.arm} {c.n_cleaned}" for c in comparisons if c.n_cleaned]
    if cleaned:
        notes.append(f"Simulated {scale.name}s treated by the same rule: {', '.join(cleaned)}.")
    if first.which != first.human_which:
        notes.append(
            f"WARNING: the humans' {scale.name}s are the {first.human_which} ones, and what people say and what they give differ: no p "
            "and no equivalence. Compare like with like: --human REF (vs-sim human import)."
        )
    if first.which == "stated":
        read = [f"{c.arm} {c.n_second} of {c.n + c.n_cleaned if c.cleaning == 'drop' else c.n}" for c in comparisons if c.n_second]
        if first.n_human_second:
            read.append(f"humans {first.n_human_second}")
        if not read:
            notes.append("The stated donations were read by the rules alone (vs_sim/outcome.py).")
        else:
            notes.append(f"Read by the second reader where the rules leave it open: {', '.join(read)}; all others by the rules.")
            if not first.n_human_second:
                notes.append("The humans were read by the rules alone: have the same model read them (vs-sim outcome read REF).")
        if first.n_human_missing:
            n_asked = first.n_human + first.n_human_dropped + first.n_human_missing
            notes.append(f"Missing, humans: {first.n_human_missing} of {n_asked} dialogues (undetermined).")
    for c in comparisons:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(c.missing.items()))
        notes.append(f"Missing, {c.arm}: {c.n_missing} of {c.n_planned} conversations" + (f" ({reasons})." if reasons else "."))
    if first.n_human:
        notes.append(_reading(first))
    else:
        notes.append(f"{first.n_resamples} resamples.")
    notes += [exact] if (exact := exact_note(exact_shares(comparisons), scale)) else []
    if grid.pairs and first.n_human:
        notes.append("A difference of distances has no p: conditions that are equally far from the humans need not be alike.")
    if any(c.n > c.n_personas for c in comparisons):
        notes.append(
            "Where a persona has several conversations they are not independent: intervals resample personas, p takes one "
            "conversation of each (twice the median over draws), and the floor is that of as many humans as they are worth at least."
        )
    if any(c.n_matched for c in comparisons):
        matched = ", ".join(f"{c.arm} {c.n_matched}" for c in comparisons)
        notes.append(
            f"L1 per dialogue: against the matched human ({matched}); all baselines are of those humans, with their own median. Its floor "
            "is of humans paired at random and no bound: a constant scores better."
        )
    elif first.which == "stated":
        notes.append("L1 per dialogue needs the actual donation: what the matched humans said is not known.")
    notes += [f"WARNING: {few}" for few in too_few(grid)]
    return _wrapped(notes)


def _reading(c: Comparison) -> str:
    """How the distances are to be read."""
    units = "dollars" if c.scale.money else c.scale.unit
    bins = f"{', '.join(map(str, c.bin_edges))} {c.scale.unit}"
    read = (
        f"KS and L1 of bins (0 to 2, over bins that begin at {bins}) are shares; Wasserstein and L1 per dialogue are {units}; CvM "
        "(Cramer-von Mises) is the squared difference of the distribution functions, averaged over both samples. "
        f"{c.n_resamples} resamples. Intervals of distances are corrected for what resampling adds."
    )
    if c.n_human_effective < 2:
        return read
    return (
        f"{read} A condition is farther from the humans than 95 % of as many humans are if its distance exceeds the second number of its "
        "floor."
    )


def _wrapped(notes: Sequence[str]) -> list[str]:
    return [line for note in notes for line in wrapped(note, indent="  ")]


def _baseline(comparisons: Sequence[Comparison], names: Sequence[str], label: str, field: str) -> list[str]:
    """One row for all conditions; a range where it differs because their matched humans do."""
    cells = []
    for name in names:
        values = [(m, value) for c in comparisons if (value := getattr(m := c.metric(name), field)) is not None]
        shown = list(dict.fromkeys(number(m.unit, value, m.name) for m, value in sorted(values, key=lambda pair: pair[1])))
        cells.append(NONE if not shown else shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}")
    return _row(label, "", *cells)


def _row(label: str, narrow: str, *cells: str) -> list[str]:
    """A row; a label that is too long for its column stands on a line of its own."""
    if columns(label) < LABEL + (0 if narrow else NARROW):
        return [_line(label, narrow, *cells)]
    return [*wrapped(label), _line("", narrow, *cells)]


def _line(label: str, narrow: str, *cells: str) -> str:
    head = f"{filled(label, LABEL)}{narrow:>{NARROW}}" if narrow else filled(label, LABEL + NARROW)
    return head + "".join(f"{cell:>20}" for cell in cells)


def _own(metric: Metric) -> str:
    return cell(metric.unit, metric.value, metric.low, metric.high, metric.name)


def _floor(metric: Metric) -> str:
    if metric.floor_mean is None:
        return NONE
    return f"{number(metric.unit, metric.floor_mean, metric.name)}, {number(metric.unit, metric.floor_q95, metric.name)}"


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
