"""The results paragraphs of a paper, filled from a run's grid: neutral words, no number of their own."""

from __future__ import annotations

from analysis.comparison import Comparison
from analysis.grid import Grid
from analysis.numbers import amount, equivalence, interval, number, p_value, zero
from analysis.prose import Paragraph, counted, named
from analysis.run_facts import RunFacts


def results(grid: Grid, facts: RunFacts, note: str = "") -> list[Paragraph]:
    """What was found, arm by arm, in the numbers of the tables."""
    head = [note] if note else []
    if facts.incomplete:
        head.append(incomplete(facts))
    first = grid.comparisons[0]
    if first.n_human:
        parts = [f"{title} {_human(first, name)}" for name, title in (("share_zero", f"share of {zero(first.scale)}"), ("mean", "mean"))]
        head.append(f"Humans (n = {first.n_human}): {', '.join(parts)}.")
    found = [Paragraph(heading="Results", text=" ".join([*head, *(_arm(grid, i) for i in range(len(grid.comparisons)))]))]
    if grid.pairs:
        found.append(Paragraph(heading="Differences between conditions", text=" ".join(_pair(grid, i) for i in range(len(grid.pairs)))))
    return found


def incomplete(facts: RunFacts) -> str:
    """Which conversations are missing, and why."""
    cells = []
    for cell in facts.incomplete:
        reasons = ", ".join(f"{named(reason)} {n}" for reason, n in cell.missing.items())
        cells.append(f"{named(cell.condition)} ({named(cell.model)}) {cell.n_missing} of {cell.n_planned} ({reasons})")
    return f"INCOMPLETE: conversations are missing, which may bias every number: {'; '.join(cells)}."


def _human(first: Comparison, name: str) -> str:
    m = first.metric(name)
    return f"{amount(m.unit, m.human)} {interval(m.unit, m.human_low, m.human_high)}".strip()


def _arm(grid: Grid, i: int) -> str:
    c = grid.comparisons[i]
    if c.n == 0:
        return f"{named(c.arm)}: no {c.scale.name} ({c.n_missing} missing)."
    parts = []
    for name, title in _shown(grid):
        m = c.metric(name)
        if m.value is None:
            continue
        bounds = interval(m.unit, m.low, m.high) or "(no interval)"
        floor = f" (noise floor at 95 % {number(m.unit, m.floor_q95)})" if name == "ks" and m.floor_q95 is not None else ""
        parts.append(f"{title} {amount(m.unit, m.value)} {bounds}{floor}")
    test = next(test for test in grid.tests if test.metric == "ks")
    if test.p[i] is not None:
        parts.append(f"p of KS {p_value(test.p[i])}, by Holm {p_value(test.holm[i])}")
    missing = f", {c.n_missing} missing" if c.n_missing else ""
    found = [f"{named(c.arm)} (n = {c.n}{missing}): {'; '.join(parts)}."]
    found += [f"Equivalence of {named(c.arm)}: {equivalence(c, e)}." for e in c.equivalences]
    return " ".join(found)


def _shown(grid: Grid) -> tuple[tuple[str, str], ...]:
    """Metrics of the results, and how they are called."""
    share = f"share of {zero(grid.comparisons[0].scale)}"
    return (("share_zero", share), ("mean", "mean"), ("ks", "KS"), ("l1_per_dialogue", "L1 per dialogue"))


def _pair(grid: Grid, i: int) -> str:
    pair = grid.pairs[i]
    if not pair.n_pairs:
        return f"{named(pair.second)} minus {named(pair.first)}: no shared pairs."
    tests = {test.metric: test for test in grid.pair_tests}
    parts = []
    for name, title in _shown(grid):
        d = next((d for d in pair.differences if d.metric == name), None)
        if d is None or d.value is None:
            continue
        bounds = interval(d.unit, d.low, d.high, signed=True) or "(no interval)"
        p = f" (p {p_value(d.p)}, by Holm {p_value(tests[name].holm[i])})" if d.p is not None else ""
        parts.append(f"{title} {amount(d.unit, d.value, signed=True)} {bounds}{p}")
    return f"{named(pair.second)} minus {named(pair.first)} ({counted(pair.n_pairs, 'pair')}): {'; '.join(parts)}."
