"""vs-sim run and plan: what takes a study file."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, at_least_1, run_options, verb
from vs_sim.shard import WHOLE, Shard, parse_shard

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from analysis.precision import Precision
    from analysis.samples import HumanSample
    from vs_sim.plan import Estimate
    from vs_sim.prompt_study import EitherStudy, PromptStudy
    from vs_sim.run import RunResult, Watcher
    from vs_sim.store import RunFolder
    from vs_sim.study import Study


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    run = verb(verbs, "run", _run, "run what is missing of a study, compare it with the humans, draw the figure")
    _study_arguments(run)
    run.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: runs/NAME OF THE STUDY, here)")
    run.add_argument("--shard", type=_shard, default=WHOLE, metavar="K/N", help="run part K of N; others run the other parts, anywhere")
    run.add_argument("--workers", type=at_least_1, metavar="N", help="run it in N processes, each with its part of plan, limits and caps")
    run.add_argument(
        "--engine",
        choices=("ray",),
        help="run the workers on the machines of a Ray cluster that share the run folder (default: one on each)",
    )
    run.add_argument("--address", metavar="ADDRESS", help="of the Ray cluster, as HOST:PORT or auto (default: $RAY_ADDRESS, or here alone)")
    run.add_argument(
        "--watch",
        action="store_true",
        help="print the dialogues as they unfold (of several workers: when they end), or replies, with candidates and the one drawn",
    )
    plan = verb(verbs, "plan", _plan, "print conversations (or askings), calls, tokens and cost of a study without spending anything")
    _study_arguments(plan)
    plan.add_argument(
        "--half-width",
        action="append",
        default=[],
        metavar="METRIC=W",
        type=_half_width,
        help="say how many personas a 95 %% interval of +-W takes: share_zero=.05, mean=10 or mean_positive=10 (cents), ks=.08",
    )
    plan.add_argument("--json", action="store_true", help="print JSON")


def _study_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a study.toml, or its folder")
    parser.add_argument("--model", metavar="PROVIDER:MODEL", help="in place of every model of the study")
    parser.add_argument("--personas", type=Path, metavar="FILE", help="in place of the study's persuadees")
    parser.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for openai: models")
    parser.add_argument("--concurrency", type=at_least_1, metavar="N", help="conversations, or askings, at a time")
    parser.add_argument(
        "--requests-per-minute", type=float, metavar="N", help="what an endpoint allows (default: learned from its refusals)"
    )
    parser.add_argument("--tokens-per-minute", type=float, metavar="N", help="likewise")
    parser.add_argument("--cap-tokens", type=float, metavar="N", help="most tokens that the run may take, all starts together")
    parser.add_argument("--cap-dollars", type=float, metavar="N", help="most dollars that the run may cost, all starts together")
    parser.add_argument("--service-tier", metavar="TIER", help="flex, priority, default or auto, for openai: models")


def _load(arguments: argparse.Namespace) -> EitherStudy:
    from vs_sim.kinds import load_any

    study = load_any(arguments.study, model=arguments.model, personas=arguments.personas)
    return study.model_copy(update={"run": run_options(study.run.model_dump(), arguments)})


def run_folder(arguments: argparse.Namespace) -> Path:
    """The default run folder tells apart what --model and --personas make different studies."""
    if arguments.out is not None:
        out: Path = arguments.out
        return out
    study: Path = arguments.study.resolve()
    name = study.name if study.is_dir() else study.parent.name if study.name == "study.toml" else study.stem
    if arguments.model:
        name += "-" + arguments.model.partition(":")[2].rstrip("/").rpartition("/")[2].removesuffix(".gguf").replace(":", "-")
    if arguments.personas:
        name += f"-{arguments.personas.stem}"
    return Path("runs") / name


def _run(arguments: argparse.Namespace) -> int:
    import asyncio

    from vs_sim.commands.compare import compare_and_draw
    from vs_sim.commands.draining import draining
    from vs_sim.commands.model import fetch_weights
    from vs_sim.display import RunDisplay
    from vs_sim.store import RunFolder
    from vs_sim.study import Study

    run_it = _engine(arguments)
    study = _load(arguments)
    folder = RunFolder(run_folder(arguments))
    if not isinstance(study, Study):
        from vs_sim.commands.measures import ready_to_measure

        ready_to_measure(study)
    fetch_weights([*study.models, *([reader] if (reader := _reader(study)) else [])])
    with RunDisplay(watch=arguments.watch, scale=study.scenario.scale if isinstance(study, Study) else None) as display:
        result = asyncio.run(draining(lambda drain: run_it(study, folder, display, drain), display.say))
    part = "" if arguments.shard == WHOLE else f" of part {arguments.shard}"
    print(f"{result.n_complete} of {result.n_planned} {study.noun}s{part} are complete in {folder.path}")
    if arguments.shard == WHOLE and not result.drained and result.n_complete:  # who is told to stop has no time for figures
        compare_and_draw(folder.path)
    if result.n_complete == result.n_planned and not result.unread and not result.stopped:
        return 0
    for kind, n in sorted(result.failures.items()):
        print(f"{n} failed: {kind}", file=sys.stderr)
    for kind, n in sorted(result.unread.items()):
        print(f"{n} could not be read by {reader}: {kind}", file=sys.stderr)
    if result.stopped:
        print(f"stopped: {result.stopped}", file=sys.stderr)
    missing = f"{study.noun}s" if result.n_complete < result.n_planned else "readings"
    cap = " with a higher cap" if result.capped else ""
    print(f"vs-sim: {missing} are missing; give the same command again{cap} to run them", file=sys.stderr)
    return 5 if result.capped else 130 if result.drained else 3 if result.stopped else 1


def _reader(study: EitherStudy) -> str | None:
    from vs_sim.study import Study

    return study.reader if isinstance(study, Study) else None


def _engine(arguments: argparse.Namespace) -> Callable[[EitherStudy, RunFolder, Watcher, asyncio.Event], Awaitable[RunResult]]:
    """What runs the study: this process, several of this machine, or those of a cluster."""
    from vs_sim.errors import InputError

    n_workers: int | None = arguments.workers
    divided = "--workers" if n_workers is not None else "--engine" if arguments.engine else None
    if divided and arguments.shard != WHOLE:
        raise InputError(
            f"{divided} runs all parts of the plan and --shard {arguments.shard} one of them: give one of the two; with --shard, one "
            "command for each part"
        )
    if arguments.address and not arguments.engine:
        raise InputError(f"--address {arguments.address!r} is the address of a Ray cluster: give --engine ray with it")
    if arguments.engine:
        from vs_sim.cluster import run_on_ray

        return lambda study, folder, watcher, drain: run_on_ray(study, folder, n_workers, arguments.address, watcher, drain)
    if n_workers is not None and n_workers > 1:
        from vs_sim.workers import run_with_workers

        return lambda study, folder, watcher, drain: run_with_workers(study, folder, n_workers, watcher, drain)
    from vs_sim.run import run_study

    return lambda study, folder, watcher, drain: run_study(study, folder, watcher, arguments.shard, drain)


def _shard(text: str) -> Shard:
    from vs_sim.errors import InputError

    try:
        return parse_shard(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _half_width(text: str) -> tuple[str, float]:
    from analysis.precision import PLANNED

    metric, _, number = text.partition("=")
    if metric not in PLANNED:
        raise argparse.ArgumentTypeError(f"{metric!r} is no metric that can be planned; expected {', '.join(PLANNED)}")
    try:
        width = float(number)
    except ValueError:
        width = 0.0
    if not 0 < width < float("inf"):
        raise argparse.ArgumentTypeError(f"{number!r} is no half width; expected a number above 0")
    return metric, width


def _plan(arguments: argparse.Namespace) -> int:
    from analysis.precision import expected_precision, personas_for_width
    from analysis.samples import human_cents
    from vs_sim.errors import InputError
    from vs_sim.human.reference import person
    from vs_sim.plan import estimate, plan
    from vs_sim.study import Study

    study = _load(arguments)
    if not isinstance(study, Study):
        return _plan_prompts(study, arguments)
    found = estimate(study)
    human = human_cents("drop")
    # How much people vary is known for the donation alone.
    n_personas = len({person(persona.id) for persona in study.persuadees})
    precision = expected_precision(human, n_personas, seed=study.seed) if study.scenario.humans else None
    if precision is None and arguments.half_width:
        raise InputError("--half-width needs to know how much people vary, and this scenario has no human data")
    needed = [(metric, width, personas_for_width(human, metric, width)) for metric, width in arguments.half_width]
    if arguments.json:
        conversations = [s.model_dump(mode="json") for s in plan(study)]
        asked = [{"metric": m, "half_width": w, "n_personas": n} for m, w, n in needed]
        data = {
            **vars(found),
            "precision": precision.model_dump(mode="json") if precision else None,
            "half_widths": asked,
            "conversations": conversations,
        }
        print(json.dumps(data, indent=2))
        return 0
    arms = f"{len(study.conditions)} conditions x {len(study.persuadee_models)} persuadee models x {len(study.persuadees)} persuadees"
    _say(f"{found.n_conversations} conversations = {arms} x {study.replicates} replicates; at most {study.rounds} rounds each")
    _say_calls(found)
    if study.reader is not None:
        _say(f"{study.reader}: at most {found.n_conversations:,} calls more as second reader, where the rules leave a dialogue open")
    _say_cost(study, found)
    _say_cap(study, found)
    if precision is None:
        _say("precision: not known beforehand; this scenario has no human data")
    else:
        _print_precision(study, human, precision)
    for metric, width, n_needed in needed:
        _say(f"a 95 % interval of {metric} of +-{width:g}{' cents' if metric.startswith('mean') else ''}: {_takes(n_needed)}")
    return 0


def _plan_prompts(study: PromptStudy, arguments: argparse.Namespace) -> int:
    from vs_sim.errors import InputError
    from vs_sim.prompt_study import estimate_prompts, plan_prompts

    if arguments.half_width:
        raise InputError("--half-width needs human donations to reckon with, and a study of prompts has none; leave it out")
    found = estimate_prompts(study)
    if arguments.json:
        askings = [spec.model_dump(mode="json") for spec in plan_prompts(study)]
        data = {"n_askings" if key == "n_conversations" else key: value for key, value in vars(found).items()}
        print(json.dumps({**data, "askings": askings}, indent=2))
        return 0
    arms = f"{len(study.prompts)} prompts x {len(study.conditions)} conditions x {len(study.models)} models"
    _say(f"{found.n_conversations} askings = {arms}, each as often as it takes for {study.n_replies} replies")
    _say_calls(found)
    _say_cost(study, found)
    _say_cap(study, found)
    return 0


def _say_calls(found: Estimate) -> None:
    for model, n in found.n_calls.items():
        _say(f"{model}: {n:,} calls, about {found.input_tokens[model]:,} tokens in and {found.output_tokens[model]:,} out")
    _say("  (words that a model thinks before it answers are not in these numbers)")


def _say_cost(study: EitherStudy, found: Estimate) -> None:
    if found.dollars is None:
        without = ", ".join(m for m in study.models if m not in study.run.prices)
        _say(f'cost: unknown; no price for {without} (give [run.prices."MODEL"] input = ..., output = ... in dollars per million tokens)')
    else:
        _say(f"cost: about ${found.dollars:,.2f}")


def _say_cap(study: EitherStudy, found: Estimate) -> None:
    n_tokens = sum(found.input_tokens.values()) + sum(found.output_tokens.values())
    for cap, needed, unit in ((study.run.cap_tokens, n_tokens, "tokens"), (study.run.cap_dollars, found.dollars, "dollars")):
        if cap is not None and needed is not None and needed > cap:
            n = int(found.n_conversations * cap / needed)
            _say(f"the cap of {cap:,g} {unit} ends the run after about {n:,} of {found.n_conversations:,} {study.noun}s")


def _print_precision(study: Study, human: HumanSample, precision: Precision) -> None:
    from analysis.precision import PLANNED, personas_for_margin

    half = precision.half_widths
    lines = (
        f"precision with {precision.n_personas} personas a condition, if they vary as the humans' actual donations do (95 % intervals):",
        f"  share of $0 +-{half['share_zero']:.3f}, mean +-${half['mean'] / 100:.2f}, "
        f"mean of those who give +-${half['mean_positive'] / 100:.2f}, KS at most +-{half['ks']:.3f}",
        f"  people like the humans would score a KS of {precision.ks_floor_mean:.3f}, 95 % of them below {precision.ks_floor_q95:.3f}",
    )
    for line in lines:
        _say(line)
    for metric, margin in (study.margins.model_dump(exclude_none=True) if study.margins else {}).items():
        if metric in PLANNED and metric != "ks":
            takes = _takes(personas_for_margin(human, metric, margin))
            unit = " cents" if metric.startswith("mean") else ""
            _say(f"equivalence of {metric} within {margin:g}{unit} shown with 80 % power if there is no difference: {takes}")
        else:
            _say(f"equivalence of {metric} within {margin:g}: the number of personas that it takes is not known beforehand")


def _say(text: str) -> None:
    """Print a sentence, at most 100 columns wide."""
    from vs_sim.terminal import wrapped

    print("\n".join(wrapped(text, indent="  ")))


def _takes(n_personas: int | None) -> str:
    return "no number suffices: the humans are too few" if n_personas is None else f"{n_personas:,} personas a condition"
