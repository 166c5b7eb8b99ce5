"""What judges say of a run of prompts: the part of vs-sim compare that is for judged runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands.measures import Drawing, Part
from vs_sim.commands.people import machinery_note

if TYPE_CHECKING:
    from analysis.quality import Judged
    from vs_sim.prompt_study import PromptStudy
    from vs_sim.records import Record
    from vs_sim.store import RunFolder


def quality(folder: RunFolder, study: PromptStudy, diversities: Sequence[Record]) -> Part:
    """Quality by each judge and rubric, and the plane of quality and diversity; empty for a run that nobody judged.

    Args:
        folder: of the run.
        study: its study.
        diversities: what `vs_sim.commands.measures.diversities_of` gives for it.
    """
    from analysis.quality_table import page_tables, render, tidy, tidy_agreement, write_csv

    found = judged_of(folder, study)
    if not found:
        return Part({}, [], {}, {})
    tables: dict[str, Callable[[Path], object]] = {
        "quality": partial(write_csv, tidy(found)),
        "quality_agreement": partial(write_csv, tidy_agreement(found)),
    }
    return Part({"quality": found}, [render(found)], tables, _planes(found, diversities, study.models), page_tables(found))


def judged_of(folder: RunFolder, study: PromptStudy) -> list[Judged]:
    """Quality and agreement by each judge and rubric that rated a run, in the order in which they first did."""
    from analysis.quality import judged
    from vs_sim.judge import judgements, to_judge

    found = []
    for given in judgements(folder).values():
        n_chosen = max(one.n_chosen for one in given.values())
        found.append(judged(folder.planned_askings(), to_judge(folder, n_chosen, given.values()), given, seed=study.seed))
    return found


def _planes(found: Sequence[Judged], diversities: Sequence[Record], models: Sequence[str]) -> dict[str, Drawing]:
    from analysis.diversity import Diversity
    from analysis.plots_plane import figure, measure_of, pages

    known = [one for one in diversities if isinstance(one, Diversity)]
    measure = measure_of(known)
    if measure is None:
        return {}
    note = machinery_note(models)
    planes = [(one, page) for one in found for page in pages(known, one)]
    names = ["plane"] if len(planes) == 1 else [f"plane-{i}" for i in range(1, len(planes) + 1)]
    return {
        name: Drawing(partial(figure, page, measure, one, note), _caption(one, measure))
        for name, (one, page) in zip(names, planes, strict=True)
    }


def _caption(one: Judged, measure: str) -> str:
    return (
        f"Quality of the replies as {one.judge} rated them on the rubric {one.rubric}, against their diversity of {measure}, with 95 % "
        "intervals over the askings."
    )
