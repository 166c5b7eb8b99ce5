"""vs-sim bundle: a run as a paper's supplement: figures, tables, prompts, methods and results, references, checksums."""

from __future__ import annotations

import argparse
import csv
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_sim.commands import Verbs, verb

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.grid import Grid
    from analysis.prose import Paragraph
    from analysis.run_facts import RunFacts
    from vs_sim.commands.results import Results
    from vs_sim.records import Transcript
    from vs_sim.store import RunFolder


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    bundle = verb(verbs, "bundle", _bundle, "write a paper's supplement: figures, tables, prompts, methods and results text, references")
    bundle.add_argument("run", type=Path, metavar="RUN", help="run folder")
    bundle.add_argument("--out", type=Path, metavar="DIR", help="folder to make (default: RUN/bundle)")
    bundle.add_argument(
        "--cleaning", choices=("drop", "cap", "all"), help="of dialogues: human amounts above $2: drop (default), cap at $2, or keep"
    )
    bundle.add_argument(
        "--human", type=Path, metavar="REF", help="of dialogues: imported humans (vs-sim human import; default: frequencies shipped here)"
    )
    bundle.add_argument(
        "--incomplete", action="store_true", help="also if conversations, or askings, are missing; text and captions will say so"
    )


def _bundle(arguments: argparse.Namespace) -> int:
    from vs_sim.commands.results import ReadOnce
    from vs_sim.new_folder import new_folder

    out: Path = arguments.out or arguments.run / "bundle"
    folder = ReadOnce(arguments.run)
    if folder.of_prompts:
        from vs_sim.commands import bundle_prompts

        study, facts_of_prompts = bundle_prompts.checked(folder, arguments)
        with new_folder(out) as new:
            bundle_prompts.write(new, folder, study, facts_of_prompts)
    else:
        facts, transcripts = _checked(folder, arguments.incomplete)
        with new_folder(out) as new:
            _write(new, folder, facts, transcripts, arguments)
    n = sum(path.is_file() for path in out.rglob("*"))
    print(f"bundle: {out} ({n} files; begin with README.md)")
    return 0


def _checked(folder: RunFolder, incomplete: bool) -> tuple[RunFacts, list[Transcript]]:
    """The run, if something can be said of it."""
    from analysis.run_facts import run_facts
    from vs_sim.errors import RunFolderError

    run, manifest = folder.path, folder.manifest()
    if folder.is_reference:
        raise RunFolderError(f"{run} holds people; expected the folder of a run (give people with --human)")
    transcripts = folder.transcripts()
    facts = run_facts(manifest, folder.planned(), transcripts, folder.journal_rows())
    if facts.n_complete == 0:
        raise RunFolderError(
            f"{run}: none of {facts.n_planned} conversations is complete ({len(transcripts)} failed), so that there is nothing to write "
            "about; run the study first"
        )
    if facts.incomplete and not incomplete:
        cells = ", ".join(f"{cell.condition} ({cell.model}) {cell.n_missing} of {cell.n_planned}" for cell in facts.incomplete)
        raise RunFolderError(
            f"{run}: conversations are missing: {cells}; give the command of the run again, or --incomplete, which the text "
            "and every caption will say"
        )
    return facts, transcripts


def _write(out: Path, folder: RunFolder, facts: RunFacts, transcripts: list[Transcript], arguments: argparse.Namespace) -> None:
    from analysis import bundle, methods_text, results_text
    from analysis.latex import table
    from analysis.paper_tables import tables
    from analysis.tables import write_csv
    from vs_sim.commands.people import prompts_of
    from vs_sim.commands.results import NO_COURSE, results_of

    results = results_of(folder, arguments.human, arguments.cleaning or "drop")
    grid, note = results.grid, results.note
    lost = f" INCOMPLETE: {facts.n_planned - facts.n_complete} of {facts.n_planned} conversations are missing." if facts.incomplete else ""

    (out / "tables").mkdir()
    for one in (found := tables(grid, facts)):
        caption = f"{one.caption} {note}".strip()
        text(out / "tables" / f"{one.name}.tex", table(one.model_copy(update={"caption": caption})))
    write_csv(grid, out / "tables" / "comparison.csv")
    write_design(facts.study["conditions"], ("calls",), out / "tables" / "design.csv")
    _missing_csv(grid, facts, out / "tables" / "missing.csv")

    captions: dict[str, str] = {}
    alike: list[str] = []
    (out / "figures").mkdir()
    for name, drawn, caption in _figures(out / "tables", results, f"{note}{lost}".strip()):
        alike += draw(drawn, out / "figures" / name)
        captions[name] = f"{caption} {note}".strip() + lost

    paragraphs = methods_text.methods(grid, facts, note, {name.partition("-")[0] for name in captions})
    outcome = results_text.results(grid, facts, note)
    write_prose(out, paragraphs, outcome)
    text(out / "supplement.tex", bundle.supplement([one.name for one in found], list(captions.items()), "Supplement"))
    shutil.copyfile(folder.manifest_path, out / "manifest.json")
    write_prompts(out / "prompts", prompts_of(folder.manifest()))
    remarks = [_requests(out / "requests", folder, transcripts), *([] if results.course else [NO_COURSE])]
    state = f"{facts.n_complete} of {facts.n_planned} planned conversations are complete."
    finish(out, [note, state + _SAYS * bool(facts.incomplete), *remarks, grey(alike), _BEFORE], _WHAT, captions)


_SAYS = " INCOMPLETE: the text and every caption say so."
_BEFORE = "Before you publish: manifest.json and requests/ hold the personas' texts and the addresses of endpoints as recorded."


def text(path: Path, content: str) -> None:
    """Write a text, the same on every system."""
    path.write_text(content, "utf-8", newline="\n")


def draw(figure: Figure, path: Path) -> list[str]:
    """Write a figure in every format; returns what in it only colour tells apart, as parts of a sentence."""
    from analysis.bundle import alike_in_grey
    from analysis.figure_files import GREY, save

    save(figure, path, (".pdf", ".svg", ".png", GREY), dpi=300)
    return [f"{path.name}: {a} and {b}" for a, b in alike_in_grey(figure)]


def write_prose(out: Path, methods: Sequence[Paragraph], results: Sequence[Paragraph]) -> None:
    """Methods and results as Markdown and LaTeX, and what they cite."""
    from analysis import bundle, prose

    for name, paragraphs in (("methods", methods), ("results", results)):
        text(out / f"{name}.md", prose.markdown(name.capitalize(), paragraphs))
        text(out / f"{name}.tex", prose.latex(name.capitalize(), paragraphs))
    text(out / "references.bib", bundle.references(prose.cited([*methods, *results])))


def write_design(conditions: Sequence[Mapping[str, Any]], further: Sequence[str], path: Path) -> None:
    """The conditions, tidy; an empty field is what does not apply."""
    keys = ("name", "method", "k", "select", "tau", "wording", "format", *further)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(keys)
        rows.writerows([condition.get(key) for key in keys] for condition in conditions)


def _missing_csv(grid: Grid, facts: RunFacts, path: Path) -> None:
    """What is missing, tidy; an empty field is what does not apply."""
    compared = {(c.condition, c.model): c for c in grid.comparisons}
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("condition", "model", "reason", "n", "n_planned", "n_complete", "n_compared"))
        for cell in facts.cells:
            c = compared[cell.condition, cell.model]
            for reason, n in sorted(c.missing.items()) or [("", 0)]:
                rows.writerow((cell.condition, cell.model, reason, n, cell.n_planned, cell.n_complete, c.n))


def _figures(tables: Path, results: Results, note: str) -> Iterator[tuple[str, Figure, str]]:
    """Name, figure and caption of everything that can be drawn; tidy tables of what is drawn are written beside the others."""
    from analysis import plots, plots_dynamics, plots_forest, plots_language, plots_probabilities
    from analysis.curves import write_csv as write_curves
    from analysis.measure import write_csv

    compared = results.grid.comparisons
    for name, drawn in plots.pages("comparison", compared, plots.MAX_ARMS):
        what = "Left: share of the conversations in each bin. Right: cumulative."
        yield name, plots.figure(drawn, note=note), what
    forest = "All conditions: estimates with 95 % intervals" + (", humans and noise floor." if compared[0].n_human else ".")
    yield "forest", plots_forest.forest(compared, note=note), forest

    write_csv(results.language, tables / "language.csv")
    for name, chosen in plots.pages("language", list(dict.fromkeys(m.label for m in results.language)), plots.MAX_ARMS):
        if any(m.value is not None for m in results.language if m.label in chosen):
            shown = plots_language.figure([m for m in results.language if m.label in chosen], note=note)
            yield name, shown, "Language of the persuadees: means over conversations with 95 % intervals."

    if (course := results.course) is not None:
        write_csv(course.measured, tables / "dynamics.csv")
        write_curves(course.over_rounds, tables / "dynamics-rounds.csv")
        for name, chosen in plots.pages("dynamics", list(dict.fromkeys(c.label for c in course.over_rounds)), plots_dynamics.N_COLUMNS):
            shown = plots_dynamics.figure([c for c in course.over_rounds if c.label in chosen], note=note)
            yield name, shown, "Course of the dialogues, by round."

    for name, chosen in plots.pages("probabilities", list(dict.fromkeys(d.arm for d in results.probabilities)), plots.MAX_ARMS):
        own = [c for c in results.calibrations if c.arm in chosen]
        shown = plots_probabilities.figure([d for d in results.probabilities if d.arm in chosen], own)
        yield name, shown, "Stated probabilities: rank of the drawn candidate and entropy."


def write_prompts(out: Path, prompts: Mapping[str, str]) -> None:
    """Every text that requests are made of, one file each, by its name in the manifest."""
    for name, content in prompts.items():
        path = out.joinpath(*(part for part in Path(name).parts if part not in ("..", "/", ".")))
        path = path.with_name(path.name + ".md")
        path.parent.mkdir(parents=True, exist_ok=True)
        text(path, content)


def _requests(out: Path, folder: RunFolder, transcripts: list[Transcript]) -> str:
    """A worked request for every condition; returns the sentence for the README."""
    from analysis.bundle import file_name, request_text
    from vs_sim.errors import InputError
    from vs_sim.reask import recorded_study
    from vs_sim.replay import read_journal, replay

    study = recorded_study(folder)
    journal = read_journal(folder)
    digest = str(folder.manifest()["study"].get("prompts_sha256"))
    n_written = n_checked = n_shown = 0
    problems: dict[str, str] = {}
    for i, condition in enumerate(study.conditions, 1):
        own = [t for t in transcripts if t.complete and t.spec.condition == condition.name and not _of_people(t)]
        if not own:
            problems[condition.name] = "no complete conversation between models"
            continue
        try:
            shown = replay(study, own[0], digest, journal)
        except InputError as error:
            problems[condition.name] = str(error)
            continue
        chosen = [one for one in shown if one.step.startswith(("t000", "t001", "decide"))]
        head = (
            f"# {condition.name}, as the model saw it\n\nConversation {own[0].spec.id}: the first message of each speaker, and the private "
            "decision. Rebuilt from the records, without a model.\n"
        )
        texts = [request_text(f"{one.step}: {one.role}, {one.model}", one.messages, one.schema, one.answer) for one in chosen]
        out.mkdir(exist_ok=True)
        text(out / f"{i:02d}-{file_name(condition.name)}.md", "\n".join([head, *texts]))
        n_written += 1
        n_shown += len(shown)
        n_checked += sum(one.checked is True for one in shown)
    said = f"{n_written} of {len(study.conditions)} conditions have a worked request; {n_checked} of {n_shown} requests of these "
    said += "conversations, rebuilt, have the digest that the run's journal recorded."
    return " ".join([said, *(f"None for {name}: {why}." for name, why in problems.items())])


def _of_people(transcript: Transcript) -> bool:
    from vs_sim.records import is_person

    return any(map(is_person, (transcript.spec.persuader_model, transcript.spec.persuadee_model)))


COMMON = {
    "README.md": "this list",
    "SHA256SUMS": "checksums of all other files (`sha256sum --check SHA256SUMS`)",
    "methods.md": "methods, filled from the records (references as Pandoc reads them)",
    "methods.tex": "the same for LaTeX",
    "results.md": "results in the numbers of the tables",
    "results.tex": "the same for LaTeX",
    "references.bib": "what methods and results cite",
    "supplement.tex": "all of it as one document (pdflatex, bibtex, pdflatex, pdflatex)",
    "tables/design.csv": "the conditions",
}
"""File of every bundle -> what it is."""
_WHAT = {
    **COMMON,
    "manifest.json": "study, personas, prompts, plan and starts of the run, as recorded",
    "tables/comparison.csv": "every number of the comparison, tidy",
    "tables/missing.csv": "planned, complete and missing conversations, with reasons",
    "tables/language.csv": "language of the persuadees, tidy",
    "tables/dynamics.csv": "course of the dialogues, tidy",
    "tables/dynamics-rounds.csv": "course of the dialogues, by round",
}


def grey(alike: Sequence[str]) -> str:
    """How the figures look without colours; `alike` is what only colour tells apart."""
    said = "Files that end in `-grey.png` are the figures in luminance, as a printer without colours shows them."
    if alike:
        return f"{said} Told apart by colour alone: {'; '.join(alike)}."
    return f"{said} In every legend, marker, filling or dashes tell the entries apart without colour."


def finish(out: Path, remarks: Sequence[str], what: Mapping[str, str], captions: Mapping[str, str]) -> None:
    """The list of all files, and their checksums.

    Args:
        out: the folder, complete but for these.
        remarks: paragraphs above the list; empty ones are left out.
        what: file -> what it is.
        captions: name of a figure -> its caption.
    """
    from importlib import metadata

    from analysis import bundle

    files = sorted({path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()} | {"README.md", bundle.SUMS})
    lines = ["# Supplement", "", f"Made by vs_sim {metadata.version('vs-sim')} from the records of one run; no model was asked."]
    for remark in filter(None, remarks):
        lines += ["", remark]
    lines += ["", "| file | |", "|---|---|"]
    for file in files:
        stem = Path(file).name.removesuffix(Path(file).suffix).removesuffix("-grey")
        said = what.get(file) or (captions.get(stem, "").replace("|", r"\|") if file.startswith("figures/") else "")
        kind = file.split("/")[0] + (Path(file).suffix if file.startswith("tables/") else "")
        lines.append(f"| {file} | {said or _KINDS.get(kind, '')} |")
    text(out / "README.md", "\n".join([*lines, ""]))
    text(out / bundle.SUMS, bundle.sums(out))


_KINDS = {
    "prompts": "prompt",
    "requests": "worked request",
    "tables.tex": "table for LaTeX (booktabs)",
    "tables.csv": "numbers, tidy",
    "tables.txt": "numbers, as vs-sim compare prints them",
}
