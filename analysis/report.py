"""What a report of runs contains, as plain data: facts, tables and figures in order; pages are made of it by `analysis.report_page`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis import tables
from analysis.calibration import Calibration
from analysis.compare import Comparison
from analysis.grid import Grid
from analysis.measure import Measured, number
from analysis.plots import MAX_ARMS
from analysis.probabilities import Diagnostics
from analysis.report_pictures import Picture, picture
from analysis.tables_probabilities import render_calibration, render_diagnostics
from vs_sim.records import ConversationSpec, Record, Transcript


class Table(Record):
    """A table as it is shown; a line break within a cell puts the interval below the number.

    Attributes:
        caption: what it holds.
        head: names of the columns; the first column names the rows.
        rows: cells as text, as many as the head has.
    """

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Block(Record):
    """A heading with what stands below it.

    Attributes:
        id: of the element, unique in the report.
        heading: in words.
        paragraphs: text in front of the tables.
        pictures, tables: in order.
        preformatted: title and text of tables for a terminal, shown when asked for.
        notes: small print below.
    """

    id: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    preformatted: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


class RunPart(Record):
    """What the report says of one run.

    Attributes:
        id: of the element.
        name: of the run folder.
        question, prediction: of the study.
        alerts: what a reader must know before anything else, such as that conversations are missing.
        facts: (what, value) of the design, in order.
        conditions: the arms of the study.
        blocks: the rest, in order.
        prompts: name -> the words that the models were given.
    """

    id: str
    name: str
    question: str
    prediction: str
    alerts: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    conditions: Table
    blocks: tuple[Block, ...]
    prompts: dict[str, str]


class Report(Record):
    """A whole report but for its transcripts.

    Attributes:
        title: in words.
        made: when and by what.
        runs: one part for each run that can be read.
        unreadable: (folder, why) of those that cannot.
    """

    title: str
    made: str
    runs: tuple[RunPart, ...]
    unreadable: tuple[tuple[str, str], ...] = ()


def alerts(planned: Sequence[ConversationSpec], transcripts: Sequence[Transcript], n_starts: int) -> tuple[str, ...]:
    """What is wrong with a run as a whole, in plain sentences; empty if every conversation is complete."""
    n, recorded = len(planned), {t.spec.id: t for t in transcripts}
    complete = sum(1 for spec in planned if spec.id in recorded and recorded[spec.id].complete)
    if n and complete == n:
        return ()
    if not transcripts:
        begun = f"It was started {n_starts} time{'s' if n_starts != 1 else ''}, but no" if n_starts else "No"
        return (f"This run is empty. {begun} conversation has been recorded yet; {n:,} are planned.",)
    failed = Counter(t.failure.kind for spec in planned if (t := recorded.get(spec.id)) is not None and t.failure is not None)
    not_run = n - complete - sum(failed.values())
    why = [f"{kind} {count:,}" for kind, count in failed.most_common()] + ([f"not run {not_run:,}"] if not_run else [])
    if complete == 0:
        return (f"No conversation of this run is complete: of {n:,} planned, {', '.join(why)}. There is nothing to compare.",)
    return (
        f"This run is unfinished: {complete:,} of {n:,} conversations are complete and {n - complete:,} are missing ({', '.join(why)}). "
        "All numbers are of the complete ones; a missing conversation is never counted as giving nothing.",
    )


def design(manifest: Mapping[str, Any], transcripts: Sequence[Transcript]) -> tuple[tuple[str, str], ...]:
    """The design of a run: what was held against what, by which models, when, with which versions."""
    study, starts = manifest["study"], manifest["starts"]
    prices = {"rounds": "at most {0}", "replicates": "{0} per persona and condition"}
    facts: list[tuple[str, str]] = []
    scenario = study.get("scenario")
    if isinstance(scenario, dict) and scenario.get("about"):
        facts.append(("Scenario", str(scenario["about"])))
    facts += [
        ("Persuader", str(study.get("persuader_model", "-"))),
        ("Persuadee", ", ".join(map(str, study.get("persuadee_models", ())))),
        ("Personas", f"{len(study.get('persuaders', ())):,} persuaders, {len(study.get('persuadees', ())):,} persuadees"),
        ("Conversations planned", f"{len(manifest['conversations']):,}"),
    ]
    facts += [(key.capitalize(), form.format(study[key])) for key, form in prices.items() if key in study]
    facts.append(
        ("Outcome", {"actual": "decided in private after the chat", "stated": "said in the chat"}.get(study.get("outcome", ""), "-"))
    )
    facts += [(name, str(study[key])) for key, name in _KEYS.items() if key in study]
    if study.get("margins"):
        facts.append(("Margins of equivalence", ", ".join(f"{name} {value}" for name, value in study["margins"].items())))
    days = sorted(t.started for t in transcripts)
    if days:
        facts.append(("Run", days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"))
    if starts:
        last = starts[-1]
        versions = last.get("versions") or {}
        facts.append(("Versions", ", ".join(f"{package} {version}" for package, version in versions.items() if version)))
        commits = dict.fromkeys(str(start.get("git_commit") or "not a checkout") for start in starts)
        facts.append(("Commit of the software", ", ".join(commits)))
    if study.get("prompts_sha256"):
        facts.append(("Digest of the prompts", str(study["prompts_sha256"])))
    return tuple(facts)


_KEYS = {
    "seed": "Seed",
    "temperature": "Temperature",
    "top_p": "Top-p",
    "json_schema": "Held to a JSON schema",
    "reply_words": "Words allowed in a message",
    "n_reasks": "Times an unreadable reply is asked for again",
    "second_reader": "Second reader of donations",
}


def conditions_table(study: Mapping[str, Any]) -> Table:
    """The arms of a study."""
    columns = {
        "method": "method",
        "k": "k",
        "select": "drawn",
        "tau": "tau",
        "wording": "probability as",
        "calls": "calls",
        "format": "format",
    }
    shown = {key: name for key, name in columns.items() if any(c.get(key) is not None for c in study.get("conditions", ()))}
    rows = [
        (str(c["name"]), *("-" if c.get(key) is None else f"<{c[key]}" if key == "tau" else str(c[key]) for key in shown))
        for c in study.get("conditions", ())
    ]
    return Table(caption="Conditions", head=("condition", *shown.values()), rows=tuple(rows))


def missing_block(
    prefix: str, planned: Sequence[ConversationSpec], transcripts: Sequence[Transcript], name: Callable[[ConversationSpec], str]
) -> Block:
    """What is missing, by condition, and what each reason means.

    Args:
        prefix: of the id.
        planned: every conversation, run or not.
        transcripts: those recorded.
        name: what the condition of a conversation is called.
    """
    recorded = {t.spec.id: t for t in transcripts}
    why: dict[str, Counter[str]] = {}
    first: dict[str, str] = {}
    for spec in planned:
        found = recorded.get(spec.id)
        reasons = why.setdefault(name(spec), Counter())
        if found is None:
            reasons["not run"] += 1
        elif found.failure is None:
            reasons["complete"] += 1
        else:
            reasons[found.failure.kind] += 1
            first.setdefault(found.failure.kind, f"{found.failure.step}: {found.failure.message}")
    kinds = sorted({kind for reasons in why.values() for kind in reasons} - {"complete"})
    rows = [(arm, f"{sum(c.values()):,}", f"{c['complete']:,}", *(f"{c[kind]:,}" for kind in kinds)) for arm, c in why.items()]
    made = [Table(caption="Conversations by condition", head=("condition", "planned", "complete", *kinds), rows=tuple(rows))]
    if first:
        rows = [(kind, sentence) for kind, sentence in sorted(first.items())]
        made.append(
            Table(caption="What the reasons mean: where each was met first", head=("reason", "step and sentence"), rows=tuple(rows))
        )
    text = "No conversation is missing." if not kinds else "A missing conversation has no outcome; it is never counted as giving nothing."
    return Block(id=f"{prefix}-missing", heading="Failures and missing conversations", paragraphs=(text,), tables=tuple(made))


def comparison_block(prefix: str, grid: Grid, note: str, figure: Callable[[Sequence[Comparison]], Any], forest: Any | None) -> Block:
    """The comparison with the humans: distributions, forest, tables, equivalence, notes.

    Args:
        prefix: of the id.
        grid: the comparisons of the run.
        note: what the results must not be read as; may be empty.
        figure: draws the distributions of at most eight conditions.
        forest: the forest figure of all conditions; None for none.
    """
    comparisons = grid.comparisons
    pictures = []
    for i in range(0, len(comparisons), MAX_ARMS):
        chosen = comparisons[i : i + MAX_ARMS]
        alt = "; ".join(f"{c.arm}: n {c.n}, KS {tables._own(c.metric('ks'))}" for c in chosen)
        pictures.append(picture("Distributions (left) and cumulative distributions (right) against the humans", figure(chosen), alt))
    if forest is not None:
        pictures.append(
            picture("Every condition with its 95 % interval", forest, "The numbers of the tables below as points with intervals.")
        )
    made = [_summaries(grid), _distances(grid), _tests(grid)]
    if grid.pairs:
        made.append(_pairs(grid))
    notes = _unwrapped([*tables._equivalences(comparisons), *tables._notes(grid)])
    warnings = [n for n in notes if n.startswith("WARNING")]
    rest = [n for n in notes if not n.startswith("WARNING")]
    return Block(
        id=f"{prefix}-comparison",
        heading="Comparison with people",
        paragraphs=tuple([note] * bool(note) + warnings),
        pictures=tuple(pictures),
        tables=tuple(made),
        notes=tuple(rest),
    )


def _summaries(grid: Grid) -> Table:
    names = ("share_zero", "mean", "mean_positive", "median")
    first = grid.comparisons[0]
    human = [first.metric(name) for name in names]
    rows = [
        (
            tables._people(grid.comparisons),
            f"{first.n_human:,}",
            f"{first.n_human_missing:,}",
            *(_below(tables._cell(m, m.human, m.human_low, m.human_high)) for m in human),
        )
    ]
    rows += [(c.arm, f"{c.n:,}", f"{c.n_missing:,}", *(_below(tables._own(c.metric(name))) for name in names)) for c in grid.comparisons]
    head = ("", "n", "missing", "share of $0", "mean", "mean of those > 0", "median")
    return Table(caption=f"{tables.WHICH[first.which]}, in dollars, with 95 % intervals", head=head, rows=tuple(rows))


def _distances(grid: Grid) -> Table:
    names = ("ks", "l1_bins", "wasserstein", "l1_per_dialogue")
    rows: list[tuple[str, ...]] = []
    for c in grid.comparisons:
        rows.append((c.arm, *(_below(tables._own(c.metric(name))) for name in names)))
        rows.append((f"floor at n = {c.n_effective:,}", *(tables._floor(c.metric(name)) for name in names)))
    for label, field in (
        ("everybody gives $0", "baseline_zero"),
        ("everybody gives the median", "baseline_median"),
        ("shuffled humans", "baseline_shuffled"),
    ):
        cells = []
        for name in names:
            known = [(v, m) for c in grid.comparisons if (v := getattr(m := c.metric(name), field)) is not None]
            shown = list(dict.fromkeys(tables._number(m, v) for v, m in sorted(known, key=lambda pair: pair[0])))
            cells.append("-" if not shown else shown[0] if len(shown) == 1 else f"{shown[0]} to {shown[-1]}")
        rows.append((label, *cells))
    caption = "Distance from the humans, with 95 % intervals; floor: humans against humans at that n, mean and 95 % quantile"
    return Table(caption=caption, head=("", "KS", "L1 of bins", "Wasserstein", "L1 per dialogue"), rows=tuple(rows))


def _tests(grid: Grid) -> Table:
    of = {test.metric: test for test in grid.tests}
    rows = []
    for i, c in enumerate(grid.comparisons):
        cells = [c.arm]
        for name in ("ks", "cramer_von_mises", "l1_bins", "wasserstein"):
            cells += [tables._p(of[name].p[i]), tables._p(of[name].holm[i])]
        rows.append(tuple(cells))
    n = sum(p is not None for p in of["ks"].p)
    over = f"; Holm over {n} conditions, by distance" if n > 1 else ""
    head = ("", "KS: p", "Holm", "Cramér-von Mises: p", "Holm", "L1 of bins: p", "Holm", "Wasserstein: p", "Holm")
    return Table(caption=f"Permutation p against the humans{over}", head=head, rows=tuple(rows))


def _pairs(grid: Grid) -> Table:
    of = {test.metric: test for test in grid.pair_tests}
    has_l1 = any(d.metric == "l1_per_dialogue" for pair in grid.pairs for d in pair.differences)
    names = ("share_zero", "mean", "ks", "l1_per_dialogue" if has_l1 else "wasserstein")
    rows = []
    for i, pair in enumerate(grid.pairs):
        cells = []
        for name in names:
            text = _below(tables._signed(next((d for d in pair.differences if d.metric == name), None)))
            if name in of and of[name].p[i] is not None:
                text += f"\np {tables._p(of[name].p[i])}" + (f", Holm {tables._p(of[name].holm[i])}" if len(grid.pairs) > 1 else "")
            cells.append(text)
        rows.append((f"{pair.second} minus {pair.first}", f"{pair.n_pairs:,}", *cells))
    head = ("", "pairs", "share of $0", "mean", "KS", "L1 per dialogue" if has_l1 else "Wasserstein")
    caption = "Paired differences: same personas, same seeds (a distance below 0 is nearer to the humans)"
    return Table(caption=caption, head=head, rows=tuple(rows))


def measured_block(
    prefix: str, name: str, heading: str, measured: Sequence[Measured], pictures: Sequence[Picture], notes: Sequence[str]
) -> Block:
    """Numbers per conversation as a table with a column for each condition, the humans first."""
    labels = list(dict.fromkeys(m.label for m in measured))
    of = {(m.name, m.label): m for m in measured}
    with_humans = any(m.human is not None for m in measured)
    rows = []
    for quantity in dict.fromkeys(m.name for m in measured):
        row = [m for label in labels if (m := of.get((quantity, label))) is not None]
        widest = min((m for m in row if m.human_low is not None), key=lambda m: m.n_effective, default=row[0])
        cells = [_interval(widest.unit, widest.human, widest.human_low, widest.human_high)] if with_humans else []
        marks = {"above": " ▲", "below": " ▼"}
        for label in labels:
            m = of.get((quantity, label))
            cells.append("-" if m is None else _interval(m.unit, m.value, m.low, m.high, marks.get(m.side or "", "")))
        rows.append((row[0].title, *cells))
    counts = [f"{max((m.n for m in measured if m.label == label), default=0):,}" for label in labels]
    if with_humans:
        counts.insert(0, f"{max(m.n_human for m in measured):,}")
    rows.insert(0, ("conversations", *counts))
    bracket = "In brackets: 95 % interval (people drawn with replacement)"
    bracket += (
        "; for humans, the range of the means of new human samples as large as the condition with the fewest people. ▲ above, ▼ below the "
        "humans' range at its own size; about one number in twenty is marked by chance alone."
        if with_humans
        else "."
    )
    table = Table(caption=heading, head=("", *(["humans"] if with_humans else []), *labels), rows=tuple(rows))
    return Block(id=f"{prefix}-{name}", heading=name.capitalize(), pictures=tuple(pictures), tables=(table,), notes=(bracket, *notes))


def probabilities_block(
    prefix: str, found: Sequence[Diagnostics], calibrations: Sequence[Calibration], left_out: Sequence[str], pictures: Sequence[Picture]
) -> Block:
    """What the stated probabilities are like: the main numbers as a table, all of them as text."""
    rows = []
    for d in found:
        numbers = {n.name: n for n in d.numbers}
        shown = [numbers.get(name) for name in ("candidates", "entropy_bits", "stated_sum", "tied", "drawn_rank", "drawn_probability")]
        cells = [_interval("", n.value, n.low, n.high) if n is not None else "-" for n in shown]
        part = "turns" if d.part == "turns" else "private decision"
        rows.append((f"{d.arm}, {part}", f"{d.n:,}", *cells, tables._p(d.sampler.p)))
    head = (
        "",
        "n",
        "candidates",
        "entropy, bits",
        "sum as stated",
        "share with ties",
        "rank drawn",
        "probability drawn",
        "drawn as ruled, p",
    )
    caption = "Distributions that the persuadees stated: means with 95 % intervals"
    texts = [("All numbers of the distributions", render_diagnostics(found, left_out))]
    if calibrations:
        texts.append(("Stated probabilities against how often the model says so when asked again", render_calibration(calibrations)))
    asked = () if calibrations else ("Stated probabilities were not held against frequencies (vs-sim reask).",)
    return Block(
        id=f"{prefix}-probabilities",
        heading="Stated probabilities",
        pictures=tuple(pictures),
        tables=(Table(caption=caption, head=head, rows=tuple(rows)),),
        preformatted=tuple(texts),
        notes=asked,
    )


def _interval(unit: str, value: float | None, low: float | None, high: float | None, mark: str = "") -> str:
    if value is None:
        return "-"
    text = f"{number(unit, value)}{mark}"
    return text if low is None or high is None else f"{text}\n[{number(unit, low)}, {number(unit, high)}]"


def _below(cell: str) -> str:
    """The interval on a line of its own."""
    return cell.replace(" [", "\n[")


def _unwrapped(lines: Sequence[str]) -> list[str]:
    """Notes that were wrapped for a terminal, one line each."""
    notes: list[str] = []
    for line in lines:
        if line.startswith("  ") and notes:
            notes[-1] += " " + line.strip()
        else:
            notes.append(line)
    return notes
