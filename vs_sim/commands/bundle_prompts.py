"""The supplement of a run of single prompts: the part of vs-sim bundle that is for them."""

from __future__ import annotations

import argparse
import csv
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import bundle

if TYPE_CHECKING:
    from analysis.prompt_facts import PromptFacts
    from vs_sim.commands.results import ReadOnce
    from vs_sim.prompt_study import PromptStudy


MOST_FIGURES = 8
"""Figures of a kind; a study of many prompts has hundreds."""


def checked(folder: ReadOnce, arguments: argparse.Namespace) -> tuple[PromptStudy, PromptFacts]:
    """The study and the facts of a run, if something can be said of it.

    Raises:
        InputError: people are to be compared with it.
        RunFolderError: nothing, or not all, of the plan is there.
    """
    from analysis.prompt_facts import prompt_facts
    from vs_sim.commands.measures import prompt_study_of
    from vs_sim.commands.people import without_people
    from vs_sim.errors import RunFolderError

    run = folder.path
    without_people(folder, arguments, "human", "cleaning")
    study = prompt_study_of(folder)
    records, planned = folder.responses(), folder.planned_askings()
    facts = prompt_facts(folder.any_manifest(), planned, records, folder.journal_rows())
    if not records or (facts.n_complete == 0 and "refusals" not in study.measures):
        raise RunFolderError(
            f"{run}: none of {facts.n_planned} askings is complete ({len(records)} failed), so that there is nothing to write about; run "
            "the study first"
        )
    missing = [cell for cell in facts.cells if cell.n_missing]
    if missing and not arguments.incomplete:
        cells = ", ".join(f"{cell.condition} ({cell.model}) {cell.n_missing} of {cell.n_planned}" for cell in missing)
        raise RunFolderError(
            f"{run}: askings are missing: {cells}; give the command of the run again, or --incomplete, which the text and every caption "
            "will say"
        )
    return study, facts


def write(out: Path, folder: ReadOnce, study: PromptStudy, facts: PromptFacts) -> None:
    """The supplement.

    Args:
        out: the folder, empty.
        folder: the run.
        study: its study.
        facts: of the run.
    """
    from analysis import methods_prompts, results_prompts
    from analysis.bundle import supplement
    from analysis.latex import table
    from analysis.paper_prompts import for_paper, missing_table
    from analysis.report_prompts import conditions_table
    from vs_sim.commands.measures import parts_of
    from vs_sim.commands.people import machinery_note

    note = machinery_note(study.models)
    n_missing = facts.n_planned - facts.n_complete
    lost = f" INCOMPLETE: {n_missing} of {facts.n_planned} askings are missing." if n_missing else ""
    n_askings = {one.name: study.n_askings(one.name) for one in study.conditions}
    parts = parts_of(folder, study)

    (out / "tables").mkdir()
    made = for_paper([*(one for part in parts for one in part.page), missing_table(facts), conditions_table(facts, n_askings)])
    for one in made:
        bundle.text(out / "tables" / f"{one.name}.tex", table(one.model_copy(update={"caption": f"{one.caption}{lost} {note}".strip()})))
    for part in parts:
        for name, write_csv in part.tables.items():
            write_csv(out / "tables" / f"{name}.csv")
        if part.blocks and not part.page:
            bundle.text(out / "tables" / f"{next(iter(part.found))}.txt", "\n\n".join(filter(None, part.blocks)) + "\n")
    bundle.write_design(facts.study["conditions"], ("calls", "temperature", "top_p"), out / "tables" / "design.csv")
    _missing_csv(facts, out / "tables" / "missing.csv")

    captions: dict[str, str] = {}
    alike: list[str] = []
    remarks = []
    (out / "figures").mkdir()
    drawn: Counter[str] = Counter()
    for name, drawing in (one for part in parts for one in part.figures.items()):
        kind = re.sub(r"-\d+$", "", name)
        drawn[kind] += 1
        if drawn[kind] <= MOST_FIGURES:
            alike += bundle.draw(drawing.draw(), out / "figures" / name)
            captions[name] = f"{drawing.caption}{lost} {note}".strip()
    if left_out := [f"{n - MOST_FIGURES:,} of {kind}" for kind, n in drawn.items() if n > MOST_FIGURES]:
        remarks.append(f"Figures that are left out, and that vs-sim compare draws: {', '.join(left_out)}.")

    found = {name: of for part in parts for name, of in part.found.items()}
    bundle.write_prose(
        out, methods_prompts.methods(facts, found, folder.responses(), n_askings, note), results_prompts.results(facts, found, note)
    )
    bundle.text(out / "supplement.tex", supplement([one.name for one in made], list(captions.items()), "Supplement"))
    shutil.copyfile(folder.manifest_path, out / "manifest.json")
    bundle.write_prompts(out / "prompts", folder.any_manifest()["prompts"])
    lines = [one.model_dump_json(exclude_none=True, exclude_defaults=True) for one in study.prompts]
    bundle.text(out / "prompts.jsonl", "\n".join([*lines, ""]))
    remarks.append(_requests(out / "requests", folder, study))
    state = f"{facts.n_complete} of {facts.n_planned} planned askings gave candidates." + _SAYS * bool(n_missing)
    bundle.finish(out, [note, state, *remarks, bundle.grey(alike), _BEFORE], _WHAT, captions)


_SAYS = " INCOMPLETE: the text and every caption say so."
_BEFORE = "Before you publish: manifest.json, prompts.jsonl and requests/ hold the prompts, and the addresses of endpoints, as recorded."
_WHAT = {
    **bundle.COMMON,
    "manifest.json": "study, prompts, plan and starts of the run, as recorded",
    "prompts.jsonl": "the study's prompts with their right answers, as a file that a study can ask from",
    "tables/missing.csv": "planned, complete and missing askings, with reasons",
}


def _missing_csv(facts: PromptFacts, path: Path) -> None:
    """What is missing, tidy; an empty field is what does not apply."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("condition", "model", "reason", "n", "n_planned", "n_complete"))
        for cell in facts.cells:
            for reason, n in cell.missing.items() or [("", 0)]:
                rows.writerow((cell.condition, cell.model, reason, n, cell.n_planned, cell.n_complete))


def _requests(out: Path, folder: ReadOnce, study: PromptStudy) -> str:
    """A worked request for every condition; returns the sentence for the README."""
    from analysis.bundle import file_name, request_text
    from vs_sim.errors import InputError
    from vs_sim.replay import read_journal, replay_asking

    journal = read_journal(folder)
    digest = str(folder.any_manifest()["study"].get("prompts_sha256"))
    checks: Counter[bool] = Counter()
    n_written = 0
    problems: dict[str, str] = {}
    for i, condition in enumerate(study.conditions, 1):
        first = next((one for one in folder.responses() if one.complete and one.spec.condition == condition.name), None)
        if first is None:
            problems[condition.name] = "no asking gave candidates"
            continue
        try:
            shown = replay_asking(study, first, digest, journal)
        except InputError as error:
            problems[condition.name] = str(error)
            continue
        head = (
            f"# {condition.name}, as the model saw it\n\nAsking {first.spec.id} of the prompt {first.spec.prompt}. Rebuilt from the "
            "records, without a model.\n"
        )
        texts = [request_text(f"{one.step}: {one.model}", one.messages, one.schema, one.answer) for one in shown]
        out.mkdir(exist_ok=True)
        bundle.text(out / f"{i:02d}-{file_name(condition.name)}.md", "\n".join([head, *texts]))
        n_written += 1
        checks.update(one.checked is True for one in shown)
    said = f"{n_written} of {len(study.conditions)} conditions have a worked request; {checks[True]} of {checks.total()} requests of these "
    said += "askings, rebuilt, have the digest that the run's journal recorded."
    return " ".join([said, *(f"None for {name}: {why}." for name, why in problems.items())])
