"""The tables of a paper's supplement: a grid's numbers as they will be read, each beside its interval, floor and baselines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from analysis.compare import exact_shares
from analysis.comparison import Comparison
from analysis.grid import Grid, too_few
from analysis.latex import Table
from analysis.metric import Metric
from analysis.numbers import NONE, above_zero, cleaning_rule, exact_note, interval, number, p_value, zero
from analysis.pairs import Difference
from analysis.run_facts import RunFacts
from vs_sim.records import printable
from vs_sim.scenario import Scale

DISTANCES = {"ks": "KS", "l1_bins": "L1 of bins", "wasserstein": "Wasserstein", "l1_per_dialogue": "L1 per dialogue"}
TESTED = {"ks": "KS", "cramer_von_mises": "CvM"}

Rows = list[tuple[str, ...]]


def summaries(scale: Scale) -> dict[str, str]:
    """Metric -> title, of what is computed for each side alone."""
    return {"share_zero": f"share of {zero(scale)}", "mean": "mean", "mean_positive": above_zero(scale), "median": "median"}


def tables(grid: Grid, facts: RunFacts) -> list[Table]:
    """All tables of a run: what the comparison found, and what was planned, done and lost."""
    lost = ""
    if facts.incomplete:
        lost = f" INCOMPLETE: {facts.n_planned - facts.n_complete} of {facts.n_planned} conversations are missing."
    found = [_summary(grid)]
    found += [_distances(grid), _tests(grid)] if grid.comparisons[0].n_human else []
    found += [_pairs(grid)] if grid.pairs else []
    found += [_equivalence(grid)] if any(c.equivalences for c in grid.comparisons) else []
    found += [missing_table(grid, facts), design_table(facts)]
    return [table.model_copy(update={"caption": table.caption + lost}) for table in found]


def _by_model(comparisons: Iterable[Comparison]) -> dict[str, list[Comparison]]:
    found: dict[str, list[Comparison]] = {}
    for c in comparisons:
        found.setdefault(c.model, []).append(c)
    return found


def _people(first: Comparison) -> str:
    return "humans" if first.which == first.human_which else f"humans, {first.human_which}"


def _what(first: Comparison) -> str:
    return f"{first.which.capitalize()} {first.scale.name}s, " + (
        "decided in private after the chat" if first.which == "actual" else "said in the chat"
    )


def _unit(scale: Scale) -> str:
    return "dollars" if scale.money else scale.unit


def _summary(grid: Grid) -> Table:
    first = grid.comparisons[0]
    human = [first.metric(name) for name in summaries(first.scale)]
    rows: Rows = []
    if first.n_human:
        rows.append((_people(first), str(first.n_human), NONE, *(number(m.unit, m.human) for m in human)))
        rows.append(("", "", "", *(interval(m.unit, m.human_low, m.human_high) for m in human)))
    for model, comparisons in _by_model(grid.comparisons).items():
        rows += [(), (printable(model),)]
        for c in comparisons:
            metrics = [c.metric(name) for name in summaries(first.scale)]
            rows.append((printable(c.condition), str(c.n), str(c.n_missing), *(number(m.unit, m.value) for m in metrics)))
            rows.append(("", "", "", *(interval(m.unit, m.low, m.high) for m in metrics)))
    return Table(
        name="summary",
        caption=f"{_what(first)}: share of {zero(first.scale)}, mean, {above_zero(first.scale)}, and median, in {_unit(first.scale)}, with "
        "95 % intervals.",
        columns=("", "n", "missing", *summaries(first.scale).values()),
        rows=tuple(row for row in rows if len(row) < 3 or any(row)),
        notes=(
            _reading(first),
            "No interval: the data cannot tell (one persona, or one amount alone).",
            *([exact] if (exact := exact_note(exact_shares(grid.comparisons), first.scale)) else []),
            *(f"{few[0].upper()}{few[1:]}" for few in too_few(grid)),
        ),
    )


def _reading(first: Comparison) -> str:
    if not first.n_human:
        return "No human data."
    lost = {"drop": f", {first.n_human_dropped} of the humans'", "cap": f", {first.n_human_capped} of the humans'", "all": ""}[
        first.cleaning
    ]
    return f"Humans: {printable(first.human_source)}. Cleaning rule {first.cleaning}: {cleaning_rule(first)}{lost}."


def _floor(m: Metric) -> str:
    return NONE if m.floor_mean is None else f"{number(m.unit, m.floor_mean, m.name)}, {number(m.unit, m.floor_q95, m.name)}"


def _distances(grid: Grid) -> Table:
    first = grid.comparisons[0]
    rows: Rows = []
    for model, comparisons in _by_model(grid.comparisons).items():
        rows += [(), (printable(model),)] if rows else [(printable(model),)]
        for c in comparisons:
            metrics = [c.metric(name) for name in DISTANCES]
            rows.append((printable(c.condition), *(number(m.unit, m.value, m.name) for m in metrics)))
            rows.append(("", *(interval(m.unit, m.low, m.high, m.name) for m in metrics)))
            rows.append(("floor", *(_floor(m) for m in metrics)))
    rows.append(())
    for label, field in (
        (f"all give {zero(first.scale)}", "baseline_zero"),
        ("all give the median", "baseline_median"),
        ("shuffled", "baseline_shuffled"),
    ):
        rows.append((label, *(_baseline([c.metric(name) for c in grid.comparisons], field) for name in DISTANCES)))
    return Table(
        name="distances",
        caption=f"Distance from the humans' {first.scale.name}s, with 95 % intervals, noise floor and baselines.",
        columns=("", *DISTANCES.values()),
        rows=tuple(row for row in rows if len(row) < 2 or any(row)),
        notes=(
            f"KS and L1 of bins (from 0 to 2; bins begin at {', '.join(map(str, first.bin_edges))}) are shares; Wasserstein and L1 per "
            f"dialogue are {_unit(first.scale)}.",
            "Floor: as many humans as there are personas against the humans, mean and 95 % quantile; of the L1 per dialogue humans "
            "paired at random, which is no bound.",
        ),
    )


def _baseline(metrics: Sequence[Metric], field: str) -> str:
    """One number, or a range where it differs because the matched humans do."""
    values = sorted(value for m in metrics if (value := getattr(m, field)) is not None)
    shown = list(dict.fromkeys(number(metrics[0].unit, value, metrics[0].name) for value in values))
    return NONE if not shown else shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}"


def _tests(grid: Grid) -> Table:
    tests = {test.metric: test for test in grid.tests}
    rows: Rows = []
    for model, comparisons in _by_model(grid.comparisons).items():
        rows += [(), (printable(model),)] if rows else [(printable(model),)]
        for c in comparisons:
            i = grid.comparisons.index(c)
            cells: list[str] = []
            for name in TESTED:
                own = tests[name]
                m = c.metric(name)
                cells += [number(m.unit, m.value), p_value(own.p[i]), p_value(own.holm[i]), p_value(own.bh[i])]
            rows.append((printable(c.condition), *cells))
    n = sum(p is not None for p in tests["ks"].p)
    return Table(
        name="tests",
        caption="Permutation p against the humans.",
        columns=("", *(cell for title in TESTED.values() for cell in (title, "p", "Holm", "BH"))),
        rows=tuple(rows),
        notes=(
            f"CvM: Cramer-von Mises. Holm and Benjamini-Hochberg (BH) adjust over {n} condition{'' if n == 1 else 's'}, each distance by "
            "itself.",
        ),
    )


def _pairs(grid: Grid) -> Table:
    first = grid.comparisons[0]
    has_l1 = any(d.metric == "l1_per_dialogue" for pair in grid.pairs for d in pair.differences)
    shown = {
        **{name: summaries(first.scale)[name] for name in ("share_zero", "mean")},
        **{name: DISTANCES[name] for name in ("ks", "l1_per_dialogue" if has_l1 else "wasserstein")},
    }
    if not first.n_human:
        shown = summaries(first.scale)
    tests = {test.metric: test for test in grid.pair_tests}
    rows: Rows = []
    for i, pair in enumerate(grid.pairs):
        found = {d.metric: d for d in pair.differences}
        differences = [found.get(name) for name in shown]
        rows.append((f"{printable(pair.second)} minus {printable(pair.first)}", str(pair.n_pairs), *map(_signed, differences)))
        rows.append(("", "", *(interval(d.unit, d.low, d.high, signed=True) if d else "" for d in differences)))
        ps = [(tests[name].p[i], tests[name].holm[i]) if name in tests else (None, None) for name in shown]
        rows.append(("p (Holm)", "", *(NONE if p is None else f"{p_value(p)} ({p_value(holm)})" for p, holm in ps)))
        rows.append(())
    return Table(
        name="pairs",
        caption="Paired differences from the first condition of the same model, on the same personas and seeds, with 95 % intervals.",
        columns=("", "pairs", *shown.values()),
        rows=tuple(row for row in rows[:-1] if len(row) < 2 or any(row)),
        notes=(
            (
                "A distance below 0: the condition named first is nearer to the humans. A difference of distances has no p. "
                if first.n_human
                else ""
            )
            + f"Holm adjusts over {len(grid.pairs)} pair{'s' if len(grid.pairs) > 1 else ''}, each metric by itself.",
        ),
    )


def _signed(d: Difference | None) -> str:
    return NONE if d is None else number(d.unit, d.value, signed=True)


def _equivalence(grid: Grid) -> Table:
    rows: Rows = []
    for model, comparisons in _by_model(grid.comparisons).items():
        rows += [(), (printable(model),)] if rows else [(printable(model),)]
        for c in comparisons:
            for e in c.equivalences:
                told = {True: "shown", False: "not shown", None: "cannot be told"}[e.shown]
                bounds = interval(e.unit, e.low, e.high, e.metric, signed=c.metric(e.metric).human is not None) or NONE
                rows.append((printable(c.condition), e.metric.replace("_", " "), number(e.unit, e.margin, e.metric), bounds, told))
    return Table(
        name="equivalence",
        caption="Equivalence with the humans within the margins that the study declares.",
        columns=("", "metric", "margin", "bounds", "equivalence"),
        rows=tuple(rows),
        notes=("Bounds: 90 % interval of simulated minus human; of a distance 0 and its one-sided 95 % bound.",),
    )


def missing_table(grid: Grid, facts: RunFacts) -> Table:
    """What is missing of each condition, and why."""
    scale = grid.comparisons[0].scale
    noun = scale.name
    compared = {(c.condition, c.model): c for c in grid.comparisons}
    rows: Rows = []
    model = None
    for cell in facts.cells:
        if cell.model != model:
            model = cell.model
            rows += [(), (printable(model),)] if rows else [(printable(model),)]
        c = compared[cell.condition, cell.model]
        rows.append((printable(cell.condition), str(cell.n_planned), str(cell.n_complete), str(c.n_missing), str(c.n)))
        rows += [(f"  {printable(reason)}", "", "", str(count), "") for reason, count in sorted(c.missing.items())]
    return Table(
        name="missing",
        caption=f"Conversations planned, complete, without a {noun} (with the reasons), and {noun}s compared.",
        columns=("", "planned", "complete", f"no {noun}", "compared"),
        rows=tuple(rows),
        notes=(f"What failed or was not run is missing; it is never counted as {zero(scale)}.",),
    )


def design_table(facts: RunFacts) -> Table:
    """The arms of a study."""
    keys = {"method": "method", "k": "k", "select": "selection", "tau": "tau", "wording": "wording", "format": "format", "calls": "calls"}
    rows = [
        (printable(str(condition["name"])), *(NONE if condition.get(key) is None else printable(str(condition[key])) for key in keys))
        for condition in facts.study["conditions"]
    ]
    return Table(
        name="design",
        caption="Conditions: how each turn of the persuadee is produced.",
        columns=("", *keys.values()),
        rows=tuple(rows),
        notes=(
            "k: candidates; selection: how one of them is drawn; tau: what every stated probability was asked to be below; "
            "calls: per turn.",
        ),
    )
