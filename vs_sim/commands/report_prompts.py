"""The part of a report that is of a run of prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.diversity import Diversity
    from analysis.report import Block, RunPart
    from analysis.report_replies import Asked, Marks
    from vs_sim.commands.measures import Part
    from vs_sim.commands.results import ReadOnce
    from vs_sim.prompt_study import PromptStudy
    from vs_sim.records import Record

MOST_FIGURES = 12
"""Figures of a measure that a page shows; a study of many prompts has hundreds."""


def run_of_prompts(folder: ReadOnce, prefix: str, name: str) -> tuple[RunPart, Asked]:
    """What the report says of a run of prompts, and its replies.

    Args:
        folder: the run.
        prefix: of the ids of its elements.
        name: what it is called.

    Raises:
        InputError: it cannot be read, or measured.
    """
    from analysis.prompt_facts import prompt_facts
    from analysis.report import RunPart
    from analysis.report_prompts import alerts, comparison_lines, conditions_table, design, missing_askings, tests_block
    from analysis.report_replies import Asked
    from analysis.side_by_side import method_tests
    from vs_sim.commands.measures import parts_of, prompt_study_of
    from vs_sim.commands.people import machinery_note

    study = prompt_study_of(folder)
    manifest = folder.any_manifest()
    planned, records = folder.planned_askings(), folder.responses()
    facts = prompt_facts(manifest, planned, records, folder.journal_rows())
    note = machinery_note(study.models)
    parts = parts_of(folder, study) if records else []
    distances, notes = _distances(folder, study, parts)
    shown = [_block(f"{prefix}-measure-{i}", part) for i, part in enumerate((part for part in parts if any(part.blocks)), 1)]
    part = RunPart(
        id=prefix,
        name=name,
        question=study.question,
        prediction=study.prediction,
        alerts=alerts(facts, note),
        facts=design(facts),
        conditions=conditions_table(facts, {one.name: study.n_askings(one.name) for one in study.conditions}),
        blocks=(*shown, tests_block(prefix, method_tests(distances), notes), missing_askings(prefix, facts, records)),
        prompts=_sent(study, manifest),
        comparison=comparison_lines(facts, _single(parts)),
        of_prompts=True,
        grown=facts.grown,
    )
    return part, Asked(name, manifest["study"], planned, records, distances, _marks(study))


def _single(parts: Sequence[Part]) -> list[Record]:
    """What was found of each condition and model, whatever it is a part of."""
    from analysis.quality import Judged

    found = [one for part in parts for of in part.found.values() for one in of]
    return [single for one in found for single in (one.qualities if isinstance(one, Judged) else [one])]


def _distances(folder: ReadOnce, study: PromptStudy, parts: Sequence[Part]) -> tuple[list[Diversity], list[str]]:
    """How different the replies to each prompt are, and what must be said of that; in words, where the study measures none."""
    from analysis.diversity import Diversity, diversities, in_words
    from analysis.replies import replies

    found = [one for part in parts for of in part.found.values() for one in of if isinstance(one, Diversity)]
    if found or not parts:
        return found, []
    found = diversities(
        "words", replies(folder.planned_askings(), folder.responses()), in_words, n=study.n_replies, seed=study.seed, n_resamples=1
    )
    return found, ['The study measures no diversity: distances are in words (1 - mean ROUGE-L); add "words" or "meaning" to its measures.']


def _block(id_: str, part: Part) -> Block:
    """What a measure shows: figures, and tables with their notes; text as on a terminal where it has no tables."""
    from analysis.figure_files import as_picture
    from analysis.report import Block

    names = [name for name, of in part.found.items() if of] or list(part.found)
    drawn = list(part.figures.values())[:MOST_FIGURES]
    notes = []
    if len(drawn) < len(part.figures):
        notes = [f"{len(drawn)} of {len(part.figures):,} figures are shown; vs-sim compare draws all of them."]
    return Block(
        id=id_,
        heading=" and ".join(names).replace("_", " ").capitalize(),
        pictures=tuple(as_picture(one.caption, one.draw(), f"{one.caption} The tables below have the numbers.") for one in drawn),
        tables=tuple(part.page),
        printed=() if part.page else tuple(block for block in part.blocks if block),
        notes=tuple(notes),
    )


def _sent(study: PromptStudy, manifest: dict[str, Any]) -> dict[str, str]:
    """The requests as they were sent for the first prompt, and the texts that they are made of, by name."""
    from vs_sim import prompts
    from vs_sim.responses import asked

    texts = {f"text {name}": text for name, text in manifest["prompts"].items()}
    if manifest["study"].get("prompts_sha256") != prompts.digest():
        return texts  # written by another version: this one does not know how they were put together
    first = study.prompts[0]
    sent = {f"request of {one.name}, as sent for the prompt {first.id}": asked(study, first, one)[0]["content"] for one in study.conditions}
    return {**sent, **texts}


def _marks(study: PromptStudy) -> Marks:
    """What the study's measures say of a reply."""
    from analysis.refusals import refuses
    from vs_sim.answer_match import Matcher

    matched = {"coverage", "accuracy"} & set(study.measures)
    matchers = {one.id: Matcher({answer.text: answer.also for answer in one.answers}) for one in study.prompts if matched and one.answers}
    refusals = "refusals" in study.measures

    def marks(prompt: str, reply: str) -> list[str | None]:
        found: list[str | None] = []
        if (match := matchers.get(prompt)) is not None:
            answer = match(reply)
            found.append(None if answer is None else f"right: {answer}")
        if refusals and refuses(reply):
            found.append("refuses")
        return found

    return marks
