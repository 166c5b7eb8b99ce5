"""What a report of runs contains, as plain data: facts, tables and figures in order; pages are made of it by `analysis.report_page`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis import paper_tables
from analysis.calibration import Calibration
from analysis.figure_files import Picture
from analysis.grid import Grid, too_few
from analysis.latex import Table
from analysis.measure import BRACKETS, Measured, left_out
from analysis.numbers import NONE, amount, interval, number, p_value, zero
from analysis.probabilities import Diagnostics, Number
from analysis.run_facts import RunFacts
from analysis.tables_probabilities import render_calibration, render_diagnostics
from vs_sim.records import Transcript


@dataclass(frozen=True)
class Block:
    """A heading with what stands below it.

    Attributes:
        id: of the element, unique in the report.
        heading: in words.
        warnings: what must not be overlooked.
        paragraphs: text in front of the tables.
        pictures, tables: in order.
        printed: text with its lines as on a terminal.
        preformatted: title and text of tables for a terminal, shown when asked for.
        notes: small print below.
    """

    id: str
    heading: str
    warnings: tuple[str, ...] = ()
    paragraphs: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    printed: tuple[str, ...] = ()
    preformatted: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunPart:
    """What the report says of one run.

    Attributes:
        id: of the element.
        name: of the run folder.
        question, prediction: of the study; None if it states none.
        alerts: what a reader must know before anything else, such as that conversations are missing.
        facts: (what, value) of the design, in order.
        conditions: the arms of the study.
        blocks: the rest, in order.
        prompts: name -> the words that the models were given.
        comparison: its line for each condition of the table that sets several runs beside each other; empty without one.
        of_prompts: whether it is a run of single prompts, not of dialogues.
        grown: that the plan grew after the run had begun; empty if it did not, or that is not known.
    """

    id: str
    name: str
    question: str | None
    prediction: str | None
    alerts: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    conditions: Table
    blocks: tuple[Block, ...]
    prompts: dict[str, str]
    comparison: tuple[tuple[str, ...], ...] = ()
    of_prompts: bool = False
    grown: str = ""


@dataclass(frozen=True)
class Report:
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

    @property
    def of_dialogues(self) -> bool:
        """Whether there is a run of dialogues in it."""
        return not all(run.of_prompts for run in self.runs)

    @property
    def overviews(self) -> tuple[Table, ...]:
        """The runs beside each other, those of dialogues and those of prompts by themselves; nothing of a single one."""
        found = []
        for table in (_DIALOGUES, _PROMPTS):
            runs = [run for run in self.runs if run.of_prompts == (table is _PROMPTS)]
            rows: list[tuple[str, ...]] = []
            for run in runs:
                rows += [(), (run.name,)] if rows else [(run.name,)]
                rows += run.comparison or (("nothing to compare", *("" for _ in table.columns[1:])),)
            if len(runs) > 1:
                whole = table.model_copy(update={"rows": tuple(rows)})
                found.append(_without_empty(whole) if table is _PROMPTS else whole)
        return tuple(found)


_DIALOGUES = Table(
    name="overview",
    caption="Every condition of every run, with 95 % intervals.",
    columns=("", "model", "n", "missing", "share of the lowest", "mean", "KS (floor)"),
    rows=(),
    notes=(
        "Share of the lowest: of the lowest amount that there is.",
        "Floor: the 95 % quantile of the KS of as many humans as there are personas against the humans.",
    ),
)
PROMPT_COLUMNS = ("", "model", "askings", "missing", "meaning", "words", "quality", "KL", "answers found", "top-1", "any", "refused")
"""Heads of the table that sets several runs of prompts beside each other."""
_PROMPTS = Table(
    name="overview-prompts",
    caption="Every condition of every run of prompts: means over the prompts, with 95 % intervals.",
    columns=PROMPT_COLUMNS,
    rows=(),
    notes=(
        "meaning, words: diversity. quality: by a judge model. answers found: share of the right answers. No interval for the mean of "
        "several prompts' KL or answers found; the intervals of each prompt stand with the run.",
    ),
)


def _without_empty(table: Table) -> Table:
    """The same without the columns that no run measures."""
    whole = [row for row in table.rows if len(row) == len(table.columns)]
    kept = [i for i in range(len(table.columns)) if i < 4 or any(row[i] not in ("", NONE) for row in whole)]
    rows = tuple(tuple(row[i] for i in kept) if len(row) == len(table.columns) else row for row in table.rows)
    return table.model_copy(update={"columns": tuple(table.columns[i] for i in kept), "rows": rows})


def missing_block(prefix: str, facts: RunFacts, transcripts: Sequence[Transcript], grid: Grid | None) -> Block:
    """What is missing, by condition, and what each reason means.

    Args:
        prefix: of the id.
        facts: of the run.
        transcripts: those recorded.
        grid: the comparisons, which also miss what cannot be told; None where there are none.
    """
    kinds = sorted({kind for cell in facts.cells for kind in cell.missing})
    if grid is not None:
        made = [paper_tables.missing_table(grid, facts)]
    else:
        rows = [
            (
                f"{cell.condition} ({cell.model})",
                f"{cell.n_planned:,}",
                f"{cell.n_complete:,}",
                *(f"{cell.missing.get(k, 0):,}" for k in kinds),
            )
            for cell in facts.cells
        ]
        made = [Table(name="missing", caption="Conversations by condition.", columns=("", "planned", "complete", *kinds), rows=tuple(rows))]
    first: dict[str, str] = {}
    for transcript in transcripts:
        if transcript.failure is not None:
            first.setdefault(transcript.failure.kind, f"{transcript.failure.step}: {transcript.failure.message}")
    if first:
        reasons = tuple(sorted(first.items()))
        made.append(Table(name="reasons", caption="Where each reason was met first.", columns=("", "step and sentence"), rows=reasons))
    text = "No conversation is missing." if not kinds else "A missing conversation has no outcome; it is never counted as giving nothing."
    return Block(id=f"{prefix}-missing", heading="Failures and missing conversations", paragraphs=(text,), tables=tuple(made))


def comparison_block(prefix: str, grid: Grid, facts: RunFacts, note: str, pictures: Sequence[Picture]) -> Block:
    """The comparison with the humans, or of the conditions with each other where there are none.

    Args:
        prefix: of the id.
        grid: the comparisons of the run.
        facts: of the run.
        note: what the results must not be read as; may be empty.
        pictures: of the same comparisons.
    """
    first = grid.comparisons[0]
    warnings = [note] if note else []
    warnings += [f"{few[0].upper()}{few[1:]}" for few in too_few(grid)]
    if first.n_human and first.which != first.human_which:
        warnings.append(
            f"The humans' {first.scale.name}s are the {first.human_which} ones, and what people say and what they give differ: "
            "there is no p and no equivalence."
        )
    if not first.n_human:
        warnings.append(
            "No human data: conditions are described and compared with each other, and nothing here says how people would decide."
        )
    notes = []
    if first.n_human and first.n_human_people is not None and first.n_human_people < first.n_human:
        notes.append(
            f"The {first.n_human:,} human {first.scale.name}s come from {first.n_human_people:,} people and are worth "
            f"{first.n_human_effective:,} independent ones: intervals, p and floor reckon with these."
        )
    if first.n_human and not any(c.equivalences for c in grid.comparisons):
        notes.append("Equivalence: the study declares no margins, so nothing here says that a condition is like the humans.")
    notes.append(f"{first.n_resamples:,} resamples, seed {first.seed}.")
    made = [table for table in paper_tables.tables(grid, facts) if table.name not in ("design", "missing")]
    return Block(
        id=f"{prefix}-comparison",
        heading="Comparison with people" if first.n_human else "Conditions compared",
        warnings=tuple(warnings),
        pictures=tuple(pictures),
        tables=tuple(made),
        notes=tuple(notes),
    )


def comparison_lines(grid: Grid) -> tuple[tuple[str, ...], ...]:
    """The lines of a run in the table that sets several runs beside each other."""
    rows: list[tuple[str, ...]] = []
    for c in grid.comparisons:
        share, mean, ks = (c.metric(name) for name in ("share_zero", "mean", "ks"))
        floor = "" if ks.floor_q95 is None else f" ({number(ks.unit, ks.floor_q95)})"
        rows.append(
            (
                c.condition,
                c.model,
                f"{c.n:,}",
                f"{c.n_missing:,}",
                NONE if share.value is None else f"{number(share.unit, share.value)} of {zero(c.scale)}",
                amount(mean.unit, mean.value) + ("" if c.scale.money or mean.value is None else f" {mean.unit}"),
                number(ks.unit, ks.value) + floor,
            )
        )
        rows.append(("", "", "", "", *(interval(m.unit, m.low, m.high) for m in (share, mean, ks))))
    return tuple(rows)


def measured_block(
    prefix: str, name: str, caption: str, measured: Sequence[Measured], pictures: Sequence[Picture], notes: Sequence[str]
) -> Block:
    """Numbers per conversation as a table with a column for each condition, the humans first."""
    labels = list(dict.fromkeys(m.label for m in measured))
    of = {(m.name, m.label): m for m in measured}
    with_humans = any(m.human is not None for m in measured)
    rows: list[tuple[str, ...]] = []
    for quantity in dict.fromkeys(m.name for m in measured):
        own = [of.get((quantity, label)) for label in labels]
        known = [m for m in own if m is not None]
        widest = min((m for m in known if m.human_low is not None), key=lambda m: m.n_effective, default=known[0])
        human = [_measured(widest.unit, widest.human, widest.human_low, widest.human_high)] if with_humans else []
        marks = {"above": " ▲", "below": " ▼"}
        cells = [("-", "") if m is None else _measured(m.unit, m.value, m.low, m.high, marks.get(m.side or "", "")) for m in own]
        rows.append((known[0].title, *(value for value, _ in (*human, *cells))))
        rows.append(("", *(ends for _, ends in (*human, *cells))))
    counts = [f"{max((m.n for m in measured if m.label == label), default=0):,}" for label in labels]
    if with_humans:
        counts.insert(0, f"{max(m.n_human for m in measured):,}")
    bracket = BRACKETS + (
        "; for humans, the range of the means of new human samples as large as the condition with the fewest people. ▲ above, ▼ below the "
        "humans' range at its own size; about one number in twenty is marked by chance alone."
        if with_humans
        else "."
    )
    table = Table(
        name=name,
        caption=caption,
        columns=("", *(["humans"] if with_humans else []), *labels),
        rows=(("conversations", *counts), *rows),
    )
    return Block(
        id=f"{prefix}-{name}",
        heading=name.capitalize(),
        pictures=tuple(pictures),
        tables=(table,),
        notes=(bracket, *left_out(measured), *notes),
    )


def _measured(unit: str, value: float | None, low: float | None, high: float | None, mark: str = "") -> tuple[str, str]:
    """A number, and its interval."""
    return number(unit, value) + mark, "" if value is None else interval(unit, low, high)


_NUMBERS = {
    "candidates": ("candidates", ""),
    "entropy_bits": ("entropy, bits", ""),
    "stated_sum": ("sum as stated", ""),
    "sums_to_one": ("share that sums to 1", "share"),
    "above_tau": ("share with one above tau", "share"),
    "tied": ("share with ties", "share"),
    "drawn_rank": ("rank of the drawn", ""),
    "drawn_probability": ("probability of the drawn", "share"),
}


def probabilities_block(
    prefix: str, found: Sequence[Diagnostics], calibrations: Sequence[Calibration], left_out: Sequence[str], pictures: Sequence[Picture]
) -> Block:
    """What the stated probabilities are like: the main numbers as a table, all of them as text."""
    rows: list[tuple[str, ...]] = []
    for d in found:
        of = {n.name: n for n in d.numbers}
        numbers = [(of.get(name, Number(name=name)), unit) for name, (_, unit) in _NUMBERS.items()]
        cells = [_measured(unit, n.value, n.low, n.high) for n, unit in numbers]
        rows.append(
            (f"{d.arm}, {'turns' if d.part == 'turns' else 'decision'}", f"{d.n:,}", *(value for value, _ in cells), p_value(d.sampler.p))
        )
        rows.append(("", "", *(ends for _, ends in cells), ""))
    table = Table(
        name="probabilities",
        caption="Distributions that the persuadees stated: means with 95 % intervals.",
        columns=("", "n", *(title for title, _ in _NUMBERS.values()), "drawn as ruled, p"),
        rows=tuple(rows),
        notes=(
            "Rank 1 is the most probable candidate. Tau is the bound that was asked for; - where none was. "
            "Drawn as ruled: chi-square test of the places in the list that were drawn.",
        ),
    )
    texts = [("All numbers of the distributions", render_diagnostics(found, left_out))]
    if calibrations:
        texts.append(("Stated probabilities against how often the model says so when asked again", render_calibration(calibrations)))
    return Block(
        id=f"{prefix}-probabilities",
        heading="Stated probabilities",
        pictures=tuple(pictures),
        tables=(table,),
        preformatted=tuple(texts),
        notes=() if calibrations else ("The stated probabilities were not held against frequencies yet (vs-sim reask).",),
    )
