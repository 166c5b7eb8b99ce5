"""What the measures of a run of prompts show together: along what was swept, and by the size of the models."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from vs_sim.commands.measure_figures import numbered
from vs_sim.commands.measures import Part
from vs_sim.commands.people import machinery_note

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analysis.levels import Level
    from analysis.size_gains import Gain
    from analysis.sweep_effects import Panel
    from vs_sim.prompt_study import PromptStudy


def axes_parts(study: PromptStudy, parts: Sequence[Part]) -> list[Part]:
    """The sweep and the gain by model size, of what the measures found; empty where nothing was swept, or one model was run.

    Args:
        study: of the run.
        parts: what its measures found: coverage, diversity and quality are used.
    """
    from analysis.levels import of_coverage, of_diversity, of_quality

    found: dict[str, Sequence[Any]] = {name: of for part in parts for name, of in part.found.items()}
    others = [*of_coverage(found.get("coverage", ())), *of_quality(found.get("quality", ()))]
    return [_sweep(study, [*of_diversity(found.get("diversity", ())), *others]), _sizes(study, found.get("diversity", ()), others)]


def _sweep(study: PromptStudy, levels: Sequence[Level]) -> Part:
    from analysis.plots_rows import said_intervals
    from analysis.plots_sweep import figure, levels_of, pages
    from analysis.sweep_effects import sweep
    from analysis.sweep_table import render, write_csv, write_effects_csv

    panels = sweep(levels, study.conditions, temperature=study.temperature, top_p=study.top_p)
    if not panels:
        return Part({}, [], {}, {})
    methods = list(dict.fromkeys(line.method for panel in panels for line in panel.lines))

    def caption(page: Sequence[Panel]) -> str:
        bars = said_intervals([level.interval is not None for level in levels_of(page)])
        return (
            f"{page[0].measure[0].upper()}{page[0].measure[1:]} along what was swept, a line for each method, with {bars}; of two factors "
            "that add up, the lines are as far from each other at every setting."
        )

    tables = {"sweep": partial(write_csv, panels), "sweep_effects": partial(write_effects_csv, panels)}
    figures = numbered("sweep", pages(panels), partial(figure, methods=methods), caption, machinery_note(study.models))
    return Part({"sweep": panels}, [render(panels)], tables, figures)


def _sizes(study: PromptStudy, diversities: Sequence[Any], levels: Sequence[Level]) -> Part:
    from analysis.plots_rows import said_intervals
    from analysis.plots_sizes import figure, pages
    from analysis.size_gains import gains
    from analysis.size_table import render, write_csv

    if len(study.models) < 2 or not (diversities or levels):
        return Part({}, [], {}, {})
    sizes = sizes_of(study)
    found, lacking = gains(diversities, levels, sizes)
    without = [model for model in study.models if model not in sizes]

    def caption(page: Sequence[Gain]) -> str:
        return (
            "What each condition gains over the first one of the same model, by the number of the model's parameters (logarithmic axis), "
            f"with {said_intervals([one.interval is not None for one in page])}."
        )

    tables = {"sizes": partial(write_csv, found)} if found else {}
    figures = numbered("sizes", pages(found), figure, caption, machinery_note(study.models))
    return Part({"sizes": found}, [render(found, without, lacking)], tables, figures)


def sizes_of(study: PromptStudy) -> dict[str, float]:
    """Model -> its parameters in billions, of those that the study states or that are known; the others are missing."""
    from vs_sim.fetch import BILLIONS

    known = {f"embedded:{name}": billions for name, billions in BILLIONS.items()} | study.sizes
    return {model: known[model] for model in study.models if model in known}
