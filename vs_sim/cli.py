"""The vs-sim command.

Exit codes: 0 done; 1 done, but conversations are missing (give the same command again); 2 something you wrote is wrong; 3 a model or
endpoint cannot be used; 4 weights of an embedded model cannot be had; 130 interrupted (give the same command again).
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.compare import Comparison
    from vs_sim.study import Study

# Nothing else is imported here: what a verb needs is imported when it runs, so that help is there at once.


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    from vs_sim.errors import VsSimError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows escapes; it never stops a run
            stream.reconfigure(errors="backslashreplace")
    arguments = _parser().parse_args(argv)
    # A scheduler's SIGTERM ends a run as Ctrl-C does, also where a shell has started it in the background, which ignores SIGINT: servers
    # are stopped, what was answered is kept.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = int(arguments.verb(arguments))
        sys.stdout.flush()
        return code
    except VsSimError as error:
        print(f"vs-sim: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("vs-sim: interrupted; nothing that was answered is lost: give the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vs-sim",
        description="Dialogue studies with simulated people, compared with human donations.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, function: Any, help: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
        added.set_defaults(verb=function)
        return added

    run = verb("run", _run, "run what is missing of a study, compare it with the humans, draw the figure")
    _study_arguments(run)
    run.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: runs/NAME OF THE STUDY, here)")
    run.add_argument("--watch", action="store_true", help="print the dialogues as they unfold, with the candidates and the one drawn")
    plan = verb("plan", _plan, "print conversations, calls, tokens and cost of a study without spending anything")
    _study_arguments(plan)
    plan.add_argument("--json", action="store_true", help="print JSON")
    status = verb("status", _status, "say how far a run is")
    show = verb("show", _show, "print a transcript with its candidates")
    compare = verb("compare", _compare, "compare a run's donations with the humans', print the table, draw the figure")
    for one in (status, show, compare):
        one.add_argument("run", type=Path, metavar="RUN", help="run folder")
        one.add_argument("--json", action="store_true", help="print JSON")
    show.add_argument("conversation", nargs="?", help="id, or the beginning of one (default: list all)")
    compare.add_argument(
        "--cleaning", choices=("drop", "cap", "all"), default="drop", help="human amounts above $2: drop (default), cap at $2, or keep"
    )
    compare.add_argument("--outcome", choices=("actual", "stated"), help="which donation (default: the study's)")
    verbalize = verb("verbalize", _verbalize, "ask a model for a verbalized distribution of responses to one prompt")
    verbalize.add_argument("prompt")
    verbalize.add_argument("-k", type=_k, default=5, help="number of candidates, 2 to 20, or model: it decides (default: 5)")
    verbalize.add_argument("--tau", type=float, help="ask for candidates from the tail, each probability below this")
    verbalize.add_argument("--method", choices=("vs_standard", "vs_cot", "vs_multi"), default="vs_standard")
    verbalize.add_argument("--model", metavar="PROVIDER:MODEL", help="default: openai:gpt-4.1 if OPENAI_API_KEY is set, else embedded")
    verbalize.add_argument("--temperature", type=float, default=0.7)
    verbalize.add_argument("--seed", type=_seed, help="also draw one candidate, with this seed")
    verbalize.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    verbalize.add_argument("--json", action="store_true", help="print JSON")
    personas = verb("personas", _personas, "check a persona file and show its personas as the model sees them")
    personas.add_argument("action", choices=("show",))
    personas.add_argument("file", type=Path)
    personas.add_argument("--json", action="store_true", help="print JSON")
    model = verb("model", _model, "list, fetch or check the embedded models")
    model.add_argument("action", choices=("list", "fetch", "check"))
    model.add_argument("name", nargs="?")
    return parser


def _k(text: str) -> int | str:
    return text if text == "model" else int(text)


def _seed(text: str) -> int:
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative; expected 0 or more")
    return int(text)


def _study_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("study", type=Path, metavar="STUDY", help="a study.toml, or its folder")
    parser.add_argument("--model", metavar="PROVIDER:MODEL", help="in place of every model of the study")
    parser.add_argument("--personas", type=Path, metavar="FILE", help="in place of the study's persuadees")
    parser.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for openai: models")
    parser.add_argument("--concurrency", type=int, metavar="N", help="conversations at a time")


def _load(arguments: argparse.Namespace) -> Study:
    from pydantic import ValidationError

    from vs_sim.errors import StudyError
    from vs_sim.study import RunOptions, load_study

    study = load_study(arguments.study, model=arguments.model, personas=arguments.personas)
    given = {key: value for key in ("base_url", "concurrency") if (value := getattr(arguments, key)) is not None}
    try:
        options = RunOptions.model_validate({**study.run.model_dump(), **given})
    except ValidationError as error:
        first = error.errors()[0]
        raise StudyError(f"--{str(first['loc'][0]).replace('_', '-')} {first['input']!r}: {first['msg']}") from None
    return study.model_copy(update={"run": options})


def _out(arguments: argparse.Namespace) -> Path:
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

    from vs_sim.run import run_study
    from vs_sim.show import RunDisplay
    from vs_sim.store import RunFolder

    study = _load(arguments)
    folder = RunFolder(_out(arguments))
    _fetch_weights(study.models)
    with RunDisplay(watch=arguments.watch) as display:
        result = asyncio.run(run_study(study, folder, display))
    print(f"{result.n_complete} of {result.n_planned} conversations are complete in {folder.path}")
    _compare_and_draw(folder.path, "drop", None)
    if result.n_complete == result.n_planned:
        return 0
    for kind, n in sorted(result.failures.items()):
        print(f"{n} failed: {kind}", file=sys.stderr)
    if result.stopped:
        print(f"stopped: {result.stopped}", file=sys.stderr)
    print("vs-sim: conversations are missing; give the same command again to run them", file=sys.stderr)
    return 3 if result.stopped else 1


def _fetch_weights(models: Sequence[str]) -> None:
    from vs_sim.fetch import check_spec, fetch_with_bar

    for model in models:
        provider, _, name = model.partition(":")
        if provider == "embedded" and isinstance(known := check_spec(name), str):
            fetch_with_bar(known)


def _plan(arguments: argparse.Namespace) -> int:
    from vs_sim.plan import estimate, plan

    study = _load(arguments)
    found = estimate(study)
    if arguments.json:
        print(json.dumps({**vars(found), "conversations": [s.model_dump(mode="json") for s in plan(study)]}, indent=2))
        return 0
    arms = f"{len(study.conditions)} conditions x {len(study.persuadee_models)} persuadee models x {len(study.persuadees)} persuadees"
    print(f"{found.n_conversations} conversations = {arms} x {study.replicates} replicates; at most {study.rounds} rounds each")
    for model, n in found.n_calls.items():
        print(f"{model}: {n:,} calls, about {found.input_tokens[model]:,} tokens in and {found.output_tokens[model]:,} out")
    if found.dollars is None:
        without = ", ".join(m for m in study.models if m not in study.run.prices)
        print(f'cost: unknown; no price for {without} (give [run.prices."MODEL"] input = ..., output = ... in dollars per million tokens)')
    else:
        print(f"cost: about ${found.dollars:,.2f}")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    from vs_sim.show import status

    found = status(arguments.run)
    print(json.dumps(found.to_dict(), indent=2) if arguments.json else found)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from vs_sim.errors import RunFolderError
    from vs_sim.show import one_line, transcript_text
    from vs_sim.store import RunFolder

    folder = RunFolder(arguments.run)
    folder.manifest()
    transcripts = folder.transcripts()
    if arguments.conversation is None:
        if arguments.json:
            print(json.dumps([t.model_dump(mode="json") for t in transcripts], indent=2))
        for transcript in transcripts if not arguments.json else ():
            print(one_line(transcript))
        return 0
    found = [t for t in transcripts if t.spec.id.startswith(arguments.conversation)]
    if len(found) != 1:
        raise RunFolderError(
            f"{arguments.run}: {len(found)} conversations have an id that begins with {arguments.conversation!r}; "
            f"list them with vs-sim show {arguments.run}"
        )
    print(json.dumps(found[0].model_dump(mode="json"), indent=2) if arguments.json else transcript_text(found[0]))
    return 0


def _compare(arguments: argparse.Namespace) -> int:
    comparisons = _comparisons(arguments.run, arguments.cleaning, arguments.outcome)
    if arguments.json:
        print(json.dumps([c.to_dict() for c in comparisons], indent=2))
    else:
        _print_and_draw(arguments.run, comparisons)
    return 0


def _comparisons(run: Path, cleaning: Any, outcome: Any) -> list[Comparison]:
    from analysis.compare import compare
    from analysis.samples import donations, human_cents
    from vs_sim.store import RunFolder

    folder = RunFolder(run)
    manifest = folder.manifest()
    planned = folder.planned()
    arms = donations(folder.transcripts(), outcome or manifest["study"]["outcome"], planned)
    human = human_cents(cleaning)
    return [compare(arm, human, seed=manifest["study"]["seed"]) for arm in arms]


def _compare_and_draw(run: Path, cleaning: str, outcome: str | None) -> None:
    _print_and_draw(run, _comparisons(run, cleaning, outcome))


def _print_and_draw(run: Path, comparisons: list[Comparison]) -> None:
    from analysis.plots import MAX_ARMS, figure, save
    from analysis.tables import render, write_csv
    from vs_sim.errors import RunFolderError
    from vs_sim.store import RunFolder

    print(render(comparisons))
    note = ""
    study = RunFolder(run).manifest()["study"]
    models, outcome = study["persuadee_models"], study["outcome"]
    if all(m.startswith(("embedded:", "scripted:")) for m in models):
        note = "Small or scripted model: shows the machinery, no evidence about the method."
        print(note)
    first = comparisons[0]
    # The study's own outcome with the default rule keeps the plain name; other views stand beside it.
    name = "comparison" + ("" if first.which == outcome else f"-{first.which}") + ("" if first.cleaning == "drop" else f"-{first.cleaning}")
    rule = {"drop": "amounts above $2 dropped", "cap": "amounts above $2 set to $2", "all": "all amounts kept"}[first.cleaning]
    what = f"{first.which.capitalize()} donations against the humans' actual ones; {rule}."
    drawn: list[Path] = []
    try:
        write_csv(comparisons, run / f"{name}.csv")
        for i in range(0, len(comparisons), MAX_ARMS):
            page = f"{name}-{i // MAX_ARMS + 1}" if len(comparisons) > MAX_ARMS else name
            drawn += save(figure(comparisons[i : i + MAX_ARMS], note=f"{what} {note}".strip()), run / page)
    except OSError as error:
        raise RunFolderError(f"{error.filename or run}: cannot be written: {error.strerror}; the run itself is complete and kept") from None
    print(f"table: {run / name}.csv   figure: {', '.join(map(str, drawn))}")


def _verbalize(arguments: argparse.Namespace) -> int:
    from vs_sim.records import printable
    from vs_sim.single_prompt import verbalize

    if arguments.model is None or arguments.model.startswith("embedded:"):
        from vs_sim.models import default_model

        _fetch_weights([arguments.model or default_model()])
    distribution = verbalize(
        arguments.prompt,
        k=arguments.k,
        tau=arguments.tau,
        method=arguments.method,
        model=arguments.model,
        temperature=arguments.temperature,
        base_url=arguments.base_url,
    )
    drawn = None if arguments.seed is None else distribution.sample(seed=arguments.seed)
    if arguments.json:
        print(json.dumps({**distribution.to_dict(), "drawn": None if drawn is None else drawn.text}, indent=2))
    else:
        print(distribution)
        if drawn is not None:
            print(f"  drawn with seed {arguments.seed}: {printable(drawn.text)}")
    return 0


def _personas(arguments: argparse.Namespace) -> int:
    from vs_sim.personas import load_personas, render

    personas = load_personas(arguments.file)
    if arguments.json:
        print(json.dumps([{**p.model_dump(mode="json", exclude_none=True), "rendered": render(p)} for p in personas], indent=2))
        return 0
    for persona in personas:
        matched = (
            "" if persona.human_cents is None else f" (matched to a human who gave {persona.human_cents} cents; not shown to the model)"
        )
        print(f"--- {persona.id}{matched}\n{render(persona)}\n")
    print(f"{len(personas)} personas")
    return 0


def _model(arguments: argparse.Namespace) -> int:
    from vs_sim.errors import InputError
    from vs_sim.fetch import NAMES, cache_folder, fetch_with_bar, find, verify

    if arguments.action == "list":
        for known in map(find, NAMES):
            path = cache_folder() / f"{known.name}.gguf"
            print(f"embedded:{known.name}  {known.n_bytes / 1e6:,.0f} MB  {path if path.is_file() else 'not fetched'}")
        return 0
    if arguments.name is None:
        raise InputError(f"vs-sim model {arguments.action} needs a name; known are {', '.join(NAMES)}")
    name = arguments.name.removeprefix("embedded:")
    print(fetch_with_bar(name) if arguments.action == "fetch" else verify(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
