"""vs-sim probabilities, reask and reselect: what a run's stated probabilities are worth."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, at_least_1, run_options, seed, verb

if TYPE_CHECKING:
    from analysis.calibration import Calibration
    from analysis.draws import Group
    from analysis.probabilities import Diagnostics
    from vs_sim.store import RunFolder
    from vs_sim.study import Study


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    probabilities = verb(verbs, "probabilities", _probabilities, "describe a run's stated probabilities and how its draws follow them")
    reask = verb(verbs, "reask", _reask, "ask a run's model for recorded decisions again, to hold stated probabilities against frequencies")
    reselect = verb(verbs, "reselect", _reselect, "say what another rule of drawing would have given, from the recorded candidates")
    for one in (probabilities, reask, reselect):
        one.add_argument("run", type=Path, metavar="RUN", help="run folder")
        one.add_argument("--json", action="store_true", help="print JSON")
    reask.add_argument("--model", metavar="PROVIDER:MODEL", help="only this persuadee model of the run (default: all of them)")
    reask.add_argument("-n", type=at_least_1, metavar="N", help="decisions per condition and model, chosen at random (default: all)")
    reask.add_argument("--times", type=at_least_1, default=20, metavar="T", help="answers per decision (default: 20)")
    reask.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for openai: models")
    reask.add_argument("--concurrency", type=at_least_1, metavar="N", help="answers at a time")
    reask.add_argument("--seed", type=seed, help="of the choice of decisions (default: the study's)")
    reselect.add_argument("--select", choices=("uniform", "weighted", "argmax"), required=True, help="the other rule")
    reselect.add_argument("--cleaning", choices=("drop", "cap", "all"), default="drop", help="human amounts above $2 (default: drop)")


def groups_of(folder: RunFolder) -> tuple[Study, list[Group], list[str]]:
    """The study of a run, its draws by condition and model, and the conditions left out since they have no candidates."""
    from analysis.draws import groups
    from vs_sim.reask import recorded_study

    study = recorded_study(folder)
    kept, left_out = groups(folder.transcripts(), study.conditions)
    return study, kept, left_out


def calibrations_of(folder: RunFolder, study: Study, groups: list[Group]) -> list[Calibration]:
    """Stated probabilities against frequencies, of the decisions that were asked for again; empty if none was."""
    from analysis.calibration import asked_again, calibrate
    from vs_sim.reask import read_reasked

    reasked = read_reasked(folder)
    if not reasked:
        return []
    highest = study.scenario.scale.high
    found = (calibrate(group, asked_again(group, reasked, highest), seed=study.seed) for group in groups)
    return [c for c in found if c is not None]


def _probabilities(arguments: argparse.Namespace) -> int:
    from analysis.probabilities import PARTS, diagnose
    from analysis.tables_probabilities import render_calibration, render_diagnostics
    from vs_sim.store import RunFolder

    folder = RunFolder(arguments.run)
    study, groups, left_out = groups_of(folder)
    found = [d for g in groups for part in PARTS if (d := diagnose(g, part, seed=study.seed)) is not None]
    calibrations = calibrations_of(folder, study, groups)
    if arguments.json:
        content = {
            "distributions": [d.model_dump(mode="json") for d in found],
            "calibration": [c.model_dump(mode="json") for c in calibrations],
            "left_out": left_out,
        }
        print(json.dumps(content, indent=2))
        return 0
    print(render_diagnostics(found, left_out))
    if calibrations:
        print(render_calibration(calibrations))
    elif found:
        print(f"Stated probabilities were not held against frequencies yet: vs-sim reask {arguments.run}\n")
    if found:
        _draw(arguments.run, found, calibrations)
    return 0


def _draw(run: Path, found: list[Diagnostics], calibrations: list[Calibration]) -> None:
    from analysis.figure_files import save
    from analysis.plots import MAX_ARMS, pages
    from analysis.plots_probabilities import figure
    from vs_sim.commands.people import writing

    arms = list(dict.fromkeys(d.arm for d in found))
    drawn: list[Path] = []
    with writing(run):
        for page, chosen in pages("probabilities", arms, MAX_ARMS):
            shown = figure([d for d in found if d.arm in chosen], [c for c in calibrations if c.arm in chosen])
            drawn += save(shown, run / page)
    print(f"figure: {', '.join(map(str, drawn))}")


def _reask(arguments: argparse.Namespace) -> int:
    import asyncio

    from analysis.tables_probabilities import render_calibration
    from vs_sim.commands.model import fetch_weights
    from vs_sim.reask import reask
    from vs_sim.store import RunFolder

    folder = RunFolder(arguments.run)
    study, groups, _ = groups_of(folder)
    run = run_options(study.run.model_dump(), arguments)
    fetch_weights([arguments.model] if arguments.model in study.persuadee_models else study.persuadee_models)
    result = asyncio.run(
        reask(
            folder,
            times=arguments.times,
            n_decisions=arguments.n,
            model=arguments.model,
            seed=arguments.seed,
            run=run,
            say=lambda line: print(line, file=sys.stderr),
        )
    )
    calibrations = calibrations_of(folder, study, groups)
    if arguments.json:
        print(json.dumps({**vars(result), "calibration": [c.model_dump(mode="json") for c in calibrations]}, indent=2))
    else:
        print(
            f"{result.n_answers} answers to {result.n_decisions} decisions are in {folder.path / 'reask'}, {result.n_asked} of them new\n"
        )
        if calibrations:
            print(render_calibration(calibrations))
    if result.n_owed == 0:
        return 0
    if result.stopped:
        print(f"stopped: {result.stopped}", file=sys.stderr)
    print(f"vs-sim: {result.n_owed} answers are missing; give the same command again to ask for them", file=sys.stderr)
    return 3 if result.stopped else 1


def _reselect(arguments: argparse.Namespace) -> int:
    from analysis.reselect import reselect
    from analysis.tables_probabilities import render_reselection
    from vs_sim.commands.people import people_of
    from vs_sim.store import RunFolder

    folder = RunFolder(arguments.run)
    study, groups, left_out = groups_of(folder)
    human = people_of(None, "actual", arguments.cleaning, folder.manifest()["study"], ())
    found = [r for g in groups if (r := reselect(g, arguments.select, human, seed=study.seed)) is not None]
    if arguments.json:
        print(json.dumps({"reselections": [r.model_dump(mode="json") for r in found], "left_out": left_out}, indent=2))
    else:
        print(render_reselection(found, left_out), end="")
    return 0
