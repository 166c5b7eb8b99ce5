"""vs-sim report: one HTML file about a study, or several, to read, print and send."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_sim.commands import Verbs, verb

if TYPE_CHECKING:
    from analysis.report import Block, RunPart
    from analysis.report_replies import Asked
    from analysis.report_transcripts import Packed, Recorded
    from analysis.run_facts import RunFacts
    from analysis.samples import Cleaning
    from vs_sim.commands.results import Results
    from vs_sim.errors import InputError
    from vs_sim.records import Transcript
    from vs_sim.store import RunFolder


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    report = verb(verbs, "report", _report, "write one HTML file about runs: design, comparison, figures, every transcript or reply")
    report.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="run folder; the report is put into the first one")
    report.add_argument("--out", type=Path, metavar="FILE", help="the HTML file (default: RUN/report.html)")
    report.add_argument(
        "--cleaning", choices=("drop", "cap", "all"), default="drop", help="human amounts above $2: drop (default), cap at $2, or keep"
    )
    report.add_argument(
        "--human", type=Path, metavar="REF", help="imported humans (vs-sim human import; default: frequencies shipped here)"
    )


def _report(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime
    from importlib import metadata

    from analysis.report import Report
    from analysis.report_page import replaceable, write
    from analysis.report_replies import Asked, with_replies
    from analysis.report_transcripts import Recorded, pack
    from vs_sim.commands.people import writing
    from vs_sim.errors import InputError

    out = arguments.out or arguments.runs[0] / "report.html"
    if not out.name:
        raise InputError(f"--out {str(out)!r}: is no name of a file; expected one such as report.html")
    _outside(out, arguments.runs)
    with writing(out):
        replaceable(out)
    read: list[tuple[RunPart, Recorded | Asked]] = []
    unreadable: list[tuple[Path, InputError]] = []
    names = _names(arguments.runs)
    for i, (run, name) in enumerate(zip(arguments.runs, names, strict=True), 1):
        try:
            read.append(_run(run, f"run-{i}", name, arguments.human, arguments.cleaning))
        except InputError as error:
            unreadable.append((run, error))
    if not read:
        raise unreadable[0][1]
    packed = pack([of for _, of in read if isinstance(of, Recorded)])
    if asked := [of for _, of in read if isinstance(of, Asked)]:
        packed = with_replies(packed, asked)
    now = datetime.now(UTC).isoformat(timespec="minutes")
    report = Report(
        title=", ".join(part.name for part, _ in read),
        made=f"Made by vs_sim {metadata.version('vs-sim')}, {now.replace('T', ' ').replace('+00:00', ' UTC')}.",
        runs=tuple(part for part, _ in read),
        unreadable=tuple((run.name, str(error)) for run, error in unreadable),
    )
    with writing(out):
        written = write(report, packed, out)
    print(f"report: {', '.join(map(str, written))} ({written[0].stat().st_size / 1e6:.1f} MB, {_held(packed)})")
    for _, why in unreadable:
        print(f"vs-sim: left out: {why}", file=sys.stderr)
    return 1 if unreadable else 0


def _held(packed: Packed) -> str:
    n_prompts = f"{packed.n_prompts:,} prompt{'s' * (packed.n_prompts > 1)}"
    return n_prompts if packed.n_prompts and not packed.n else f"{packed.n:,} conversations" + f", {n_prompts}" * bool(packed.n_prompts)


def _outside(out: Path, runs: list[Path]) -> None:
    """Refuses a place within the parts of a run, from which its records are read."""
    from vs_sim.errors import InputError

    place = out.resolve()
    for run in runs:
        for part in run.resolve().glob("*/*.jsonl"):
            if part.parent in place.parents or part.parent == place:
                raise InputError(
                    f"--out {out} is where the records of {run} are kept; give another place, or none for {run / 'report.html'}"
                )


def _names(runs: list[Path]) -> list[str]:
    """What the runs are called: their folders' names, with as much of the path as tells them apart."""
    plain = [run.resolve().name for run in runs]
    return [name if plain.count(name) == 1 else str(run) for name, run in zip(plain, runs, strict=True)]


def _run(run: Path, prefix: str, name: str, human: Path | None, cleaning: Cleaning) -> tuple[RunPart, Recorded | Asked]:
    from analysis.paper_tables import design_table
    from analysis.report import RunPart, comparison_lines, missing_block
    from analysis.report_facts import alerts, design
    from analysis.report_transcripts import Recorded
    from analysis.run_facts import run_facts
    from vs_sim.commands.people import prompts_of
    from vs_sim.commands.report_prompts import run_of_prompts
    from vs_sim.commands.results import ReadOnce, results_of

    folder = ReadOnce(run)
    if folder.of_prompts:
        return run_of_prompts(folder, prefix, name)
    manifest = folder.manifest()
    planned, transcripts = folder.planned(), folder.transcripts()
    study = manifest["study"]
    facts = run_facts(manifest, planned, transcripts, folder.journal_rows())
    found = results_of(folder, human, cleaning) if facts.n_complete else None
    blocks: list[Block] = []
    if found:
        blocks = [_comparison(prefix, found, facts), _language(prefix, found), _dynamics(prefix, found), *_probabilities(prefix, found)]
    grid = found.grid if found else None
    part = RunPart(
        id=prefix,
        name=name,
        question=study.get("question"),
        prediction=study.get("prediction"),
        alerts=alerts(facts),
        facts=design(facts),
        conditions=design_table(facts),
        blocks=(*blocks, missing_block(prefix, facts, transcripts, grid)),
        prompts=prompts_of(manifest),
        comparison=comparison_lines(grid) if grid else (),
        grown=facts.grown,
    )
    return part, Recorded(name, transcripts, study, _amounts(folder, study, transcripts))


def _amounts(folder: RunFolder, study: dict[str, Any], transcripts: list[Transcript]) -> dict[str, int | None]:
    """The outcome that the study compares, by conversation."""
    from analysis.samples import donation_of
    from vs_sim.commands.people import second_readings

    which = study["outcome"]
    readings = second_readings(folder, study)
    found = {transcript.spec.id: donation_of(transcript, which, readings)[0] for transcript in transcripts}
    return {id_: amount if isinstance(amount, int) else None for id_, amount in found.items()}


def _comparison(prefix: str, found: Results, facts: RunFacts) -> Block:
    from analysis.figure_files import as_picture
    from analysis.plots import MAX_ARMS, figure, pages
    from analysis.plots_forest import forest
    from analysis.report import comparison_block

    compared, pictures = found.grid.comparisons, []
    for _, chosen in pages("", compared, MAX_ARMS):
        title = "Distributions (left) and cumulative distributions (right)" + (" against the humans" if chosen[0].n_human else "")
        pictures.append(as_picture(title, figure(chosen, note=found.note), "The distributions whose numbers are in the tables below."))
    title, alt = "Every condition and model with its 95 % intervals", "The numbers of the tables below as points with intervals."
    pictures.append(as_picture(title, forest(compared, note=found.note), alt))
    return comparison_block(prefix, found.grid, facts, found.note, pictures)


def _language(prefix: str, found: Results) -> Block:
    from analysis.figure_files import as_picture
    from analysis.plots import MAX_ARMS, pages
    from analysis.plots_language import figure
    from analysis.report import measured_block

    pictures = []
    for _, labels in pages("", list(dict.fromkeys(m.label for m in found.language)), MAX_ARMS):
        shown = figure([m for m in found.language if m.label in labels], note=found.note)
        pictures.append(as_picture("Language of the persuadees", shown, "The numbers of the table below, with intervals."))
    heading = "Language of the persuadees: mean over conversations"
    return measured_block(prefix, "language", heading, found.language, pictures, found.language_notes)


def _dynamics(prefix: str, found: Results) -> Block:
    from analysis.dynamics import NOTES
    from analysis.figure_files import as_picture
    from analysis.plots import pages
    from analysis.plots_dynamics import N_COLUMNS, figure
    from analysis.report import Block, measured_block
    from vs_sim.commands.results import NO_COURSE

    course = found.course
    if course is None:
        return Block(id=f"{prefix}-dynamics", heading="Dynamics", paragraphs=(NO_COURSE,))
    pictures = []
    for _, labels in pages("", list(course.stop_reasons), N_COLUMNS):
        shown = figure([c for c in course.over_rounds if c.label in labels], note=found.note)
        pictures.append(as_picture("What has happened by each round", shown, "Shares over the rounds; the table below has their totals."))
    ended = (f"{label}: " + ", ".join(f"{reason} {n}" for reason, n in counts.items()) for label, counts in course.stop_reasons.items())
    heading = f"Course of the dialogues, rounds 1 to {found.n_rounds}: mean over conversations"
    return measured_block(prefix, "dynamics", heading, course.measured, pictures, [f"Ended by: {'; '.join(ended)}.", *NOTES])


def _probabilities(prefix: str, found: Results) -> list[Block]:
    from analysis.figure_files import as_picture
    from analysis.plots import MAX_ARMS, pages
    from analysis.plots_probabilities import figure
    from analysis.report import probabilities_block

    if not found.probabilities:
        return []
    pictures = []
    for _, arms in pages("", list(dict.fromkeys(d.arm for d in found.probabilities)), MAX_ARMS):
        shown = figure([d for d in found.probabilities if d.arm in arms], [c for c in found.calibrations if c.arm in arms])
        pictures.append(as_picture("Stated probabilities: rank of the drawn candidate, entropy", shown, "The table below has the means."))
    return [probabilities_block(prefix, found.probabilities, found.calibrations, found.left_out, pictures)]
