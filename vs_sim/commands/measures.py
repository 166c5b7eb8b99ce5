"""What is computed of a run of prompts: the part of vs-sim compare that is for them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vs_sim.commands.people import machinery_note

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.accuracy import Accuracy
    from analysis.coverage import Coverage
    from analysis.diversity import Diversity
    from analysis.latex import Table
    from analysis.refusals import Refusals
    from analysis.reliability import Reliability
    from vs_sim.prompt_study import PromptStudy
    from vs_sim.records import Record
    from vs_sim.store import RunFolder


class Drawing(NamedTuple):
    """A figure that can be drawn, and the sentence below it."""

    draw: Callable[[], Figure]
    caption: str


class Part(NamedTuple):
    """What some of the measures show of a run.

    Attributes:
        found: name -> the records, for JSON.
        blocks: for the terminal.
        tables: name of a tidy table, without suffix -> what writes it.
        figures: name of a file, without suffix -> the figure.
        page: the tables as a report shows them; without any, it shows `blocks` as they are.
    """

    found: dict[str, Sequence[Record]]
    blocks: list[str]
    tables: Mapping[str, Callable[[Path], object]]
    figures: dict[str, Drawing]
    page: Sequence[Table] = ()


def compare_prompts(folder: RunFolder, *, as_json: bool = False) -> None:
    """The study's measures on the terminal, and as tidy tables and figures in the run folder."""
    from vs_sim.commands.people import writing

    study = prompt_study_of(folder)
    parts = parts_of(folder, study)
    if as_json:
        found = {name: [one.model_dump(mode="json") for one in of] for part in parts for name, of in part.found.items()}
        print(json.dumps(found, indent=2))
        return
    from analysis.figure_files import save

    blocks = [block for part in parts for block in part.blocks]
    print("\n\n".join(block for block in (*blocks, machinery_note(study.models)) if block))
    tables = {folder.path / f"{name}.csv": write for part in parts for name, write in part.tables.items()}
    figures: list[Path] = []
    with writing(folder.path):
        for path, write in tables.items():
            write(path)
        for name, drawing in (one for part in parts for one in part.figures.items()):
            figures += save(drawing.draw(), folder.path / name, (".png",))
        stale = sorted(path for path in folder.path.iterdir() if _WRITTEN.fullmatch(path.name) and path not in {*tables, *figures})
        for path in stale:
            path.unlink()
    print(f"tables: {', '.join(map(str, tables))}")
    if figures:
        print(f"figures: {', '.join(map(str, figures))}")
    if stale:
        print(f"removed, since they showed the run as it was before: {', '.join(map(str, stale))}")


_WRITTEN = re.compile(
    r"(coverage|answers|diversity|accuracy|calibration|refusals|quality|quality_agreement|sweep|sweep_effects|sizes)\.csv"
    r"|(coverage|answers|diversity|calibration|sweep|sizes|plane)(-[1-9][0-9]*)?\.png"
)
"""Names of the tables and figures that compare writes of a run of prompts; those of former ones that it no longer writes are removed."""


def parts_of(folder: RunFolder, study: PromptStudy) -> list[Part]:
    """What the study's measures show of its run; a part of which nothing is asked, or known, is empty.

    Raises:
        RunFolderError: the folder is damaged.
        ModelUnavailable, WeightsError: the model of embeddings cannot be had.
    """
    from vs_sim.commands.measure_axes import axes_parts
    from vs_sim.commands.quality import quality

    diversity = _diversity(folder, study)
    parts = [_coverage(folder, study), diversity, _accuracy(folder, study), _refusals(folder, study)]
    parts.append(quality(folder, study, diversity.found["diversity"]))
    return [*parts, *axes_parts(study, parts)]


def _coverage(folder: RunFolder, study: PromptStudy) -> Part:
    from analysis.coverage_table import chi_squares, page_tables, render, write_answers_csv, write_csv
    from vs_sim.commands.measure_figures import coverage_figures

    found = coverages(folder, study)
    if not found:
        return Part({"coverage": found}, [], {}, {})
    sources = [f"Right answers to {prompt.id}: {prompt.source}." for prompt in study.prompts if prompt.source]
    answers = {prompt.id: {answer.text: answer.share for answer in prompt.answers} for prompt in study.prompts}
    tables: dict[str, Callable[[Path], object]] = {
        "coverage": partial(write_csv, found),
        "answers": partial(write_answers_csv, found, answers),
    }
    blocks, figures = [render(found, sources), chi_squares(found)], coverage_figures(found, answers, machinery_note(study.models))
    return Part({"coverage": found}, blocks, tables, figures, page_tables(found, sources))


def _diversity(folder: RunFolder, study: PromptStudy) -> Part:
    from analysis.diversity_table import page_tables, render, write_csv
    from vs_sim.commands.measure_figures import diversity_figures

    found = diversities_of(folder, study)
    if not found:
        return Part({"diversity": found}, [], {}, {})
    tables = {"diversity": partial(write_csv, found)}
    figures = diversity_figures(found, machinery_note(study.models))
    return Part({"diversity": found}, [render(found)], tables, figures, page_tables(found))


def _accuracy(folder: RunFolder, study: PromptStudy) -> Part:
    from analysis import accuracy_table as made
    from analysis.plots import MAX_ARMS, pages
    from analysis.plots_reliability import figure

    found, stated = accuracies_of(folder, study)
    blocks: list[str] = []
    tables: dict[str, Callable[[Path], object]] = {}
    figures: dict[str, Drawing] = {}
    page: list[Table] = []
    if found:
        blocks, tables = [made.render_accuracy(found)], {"accuracy": partial(made.write_csv, made.tidy(found))}
        page = made.page_accuracy(found)
    if stated:
        blocks.append(made.render_reliability(stated))
        tables["calibration"] = partial(made.write_csv, made.tidy_reliability(stated))
        page += made.page_reliability(stated)
        for name, chosen in pages("calibration", stated, MAX_ARMS):
            figures[name] = Drawing(partial(figure, chosen, machinery_note(study.models)), _CALIBRATION)
    return Part({"accuracy": found, "calibration": stated}, blocks, tables, figures, page)


_CALIBRATION = (
    "Stated probabilities of answers to questions with one right answer: share that is right and, where prompts were asked directly too, "
    "share of the direct replies, by stated probability, with 95 % intervals."
)


def _refusals(folder: RunFolder, study: PromptStudy) -> Part:
    from analysis.accuracy_table import page_refusals, render_refusals, tidy, write_csv
    from analysis.refusals import refusals

    found: list[Refusals] = []
    if "refusals" in study.measures:
        found = refusals(folder.planned_askings(), folder.responses(), seed=study.seed)
    if not found:
        return Part({"refusals": found}, [], {}, {})
    return Part({"refusals": found}, [render_refusals(found)], {"refusals": partial(write_csv, tidy(found))}, {}, page_refusals(found))


def ready_to_measure(study: PromptStudy) -> None:
    """Looks that the study's measures can be computed, before anything is spent.

    Raises:
        ModelUnavailable, WeightsError: the model of embeddings cannot be had.
    """
    if "meaning" in study.measures:
        from analysis.semantic import minilm

        minilm()


def diversities_of(folder: RunFolder, study: PromptStudy) -> list[Diversity]:
    """Diversity of every condition and model of a run, by the study's measures."""
    from analysis.diversity import diversities, in_meaning, in_words
    from analysis.replies import replies
    from analysis.semantic import minilm

    measures = [measure for measure in study.measures if measure in ("meaning", "words")]
    found = replies(folder.planned_askings(), folder.responses()) if measures else []
    result = []
    for measure in measures:
        distances = in_meaning(minilm()) if measure == "meaning" else in_words
        result += diversities(measure, found, distances, n=study.n_replies, seed=study.seed)
    return result


def coverages(folder: RunFolder, study: PromptStudy) -> list[Coverage]:
    """Coverage of every prompt, condition and model of a run."""
    from analysis.coverage import coverage
    from analysis.replies import replies
    from vs_sim.answer_match import Matcher

    if "coverage" not in study.measures:
        return []
    prompts = {prompt.id: prompt for prompt in study.prompts}
    found = []
    for one in replies(folder.planned_askings(), folder.responses()):
        prompt = prompts[one.prompt]
        answers = [answer.text for answer in prompt.answers]
        shares = {answer.text: answer.share for answer in prompt.answers if answer.share is not None}
        match = Matcher({answer.text: answer.also for answer in prompt.answers})
        found.append(coverage(one, answers, shares or None, match, n=study.n_replies, seed=study.seed))
    order = {prompt.id: i for i, prompt in enumerate(study.prompts)}
    return sorted(found, key=lambda one: (order[one.prompt], one.model))


def accuracies_of(folder: RunFolder, study: PromptStudy) -> tuple[list[Accuracy], list[Reliability]]:
    """Accuracy of every condition and model of a run, and the reliability of stated probabilities."""
    from analysis.accuracy import accuracies
    from analysis.reliability import reliabilities
    from analysis.replies import replies
    from vs_sim.answer_match import Matcher

    if "accuracy" not in study.measures:
        return [], []
    found = replies(folder.planned_askings(), folder.responses())
    match = {prompt.id: Matcher({answer.text: answer.also for answer in prompt.answers}) for prompt in study.prompts}
    of_one = {prompt.id: match[prompt.id] for prompt in study.prompts if len(prompt.answers) == 1}
    right = accuracies(found, match, n=study.n_replies, seed=study.seed)
    return right, reliabilities(found, study.conditions, of_one, seed=study.seed)


def prompt_study_of(folder: RunFolder) -> PromptStudy:
    """The study of a run of prompts, as its manifest holds it.

    Raises:
        RunFolderError: it is damaged, or a run of dialogues.
    """
    from pydantic import ValidationError

    from vs_sim.errors import RunFolderError
    from vs_sim.prompt_study import PromptStudy
    from vs_sim.run_shape import first_problem

    content = {key: value for key, value in folder.any_manifest()["study"].items() if key != "prompts_sha256"}
    try:
        return PromptStudy.model_validate(content)
    except ValidationError as error:
        raise RunFolderError(f"{folder.manifest_path}: the study is damaged: {first_problem(error)}") from None
