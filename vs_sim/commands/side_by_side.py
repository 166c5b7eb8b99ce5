"""vs-sim side-by-side: the replies of several methods to the same prompts, in columns."""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, at_least_1, run_options, seed, verb

if TYPE_CHECKING:
    from vs_sim.prompt_study import PromptStudy

_METHODS = "direct,sequence,vs_standard"


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    one = verb(verbs, "side-by-side", _side_by_side, "ask a model the same prompts by several methods and print the replies in columns")
    one.add_argument("prompts", nargs="+", metavar="PROMPT", help="what to ask; from two on the methods are tested over the prompts")
    one.add_argument("--methods", default=_METHODS, metavar="NAME,NAME", help=f"a column each, 2 to 5 (default: {_METHODS})")
    one.add_argument("-k", type=at_least_1, default=5, help="replies of each method to each prompt, 2 to 20 (default: 5)")
    one.add_argument("--model", metavar="PROVIDER:MODEL", help="default: openai:gpt-4.1 if OPENAI_API_KEY is set, else embedded")
    one.add_argument("--temperature", type=float, default=0.7)
    one.add_argument("--reply-words", type=at_least_1, default=60, metavar="N", help="words that a reply may have (default: 60)")
    one.add_argument("--seed", type=seed, default=0, help="of the draws, and of an embedded model (default: 0)")
    one.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    one.add_argument("--meaning", action="store_true", help="distances of meaning too (needs the extra 'semantic')")
    one.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: one below runs/side-by-side)")
    one.add_argument("--json", action="store_true", help="print JSON")


def _side_by_side(arguments: argparse.Namespace) -> int:
    import asyncio

    from analysis.replies import replies
    from analysis.side_by_side import method_tests, render, render_tests
    from vs_sim.commands.draining import draining
    from vs_sim.commands.measures import diversities_of, ready_to_measure
    from vs_sim.commands.model import fetch_weights
    from vs_sim.commands.people import machinery_note
    from vs_sim.commands.results import ReadOnce
    from vs_sim.run import Watcher, run_study
    from vs_sim.store import RunFolder

    study = _study(arguments)
    folder = RunFolder(arguments.out or Path("runs") / "side-by-side" / _digest(study))
    ready_to_measure(study)
    fetch_weights(study.models)
    watcher = Watcher()
    watcher.say = lambda line: print(line, file=sys.stderr)  # type: ignore[method-assign]
    result = asyncio.run(draining(lambda drain: run_study(study, folder, watcher, drain=drain), watcher.say))
    read = ReadOnce(folder.path)
    found, distances = replies(read.planned_askings(), read.responses()), diversities_of(read, study)
    tests = method_tests(distances)
    if arguments.json:
        shown = [{"prompt": r.prompt, "condition": r.condition, "replies": r.texts, "weights": r.weights.tolist()} for r in found]
        shown = [{**one, "n_in_distance": min(arguments.k, len(one["replies"]))} for one in shown]
        print(json.dumps({"replies": shown, "tests": [one.model_dump(mode="json") for one in tests]}, indent=2))
    else:
        stated = [one.name for one in study.conditions if one.wording]
        blocks = [
            render(p.text, [r for r in found if r.prompt == p.id], distances, n=arguments.k, with_weights=stated) for p in study.prompts
        ]
        print("\n\n\n".join(blocks))
        for block in (render_tests(tests), machinery_note(study.models), f"run: {folder.path}"):
            if block:
                print(f"\n{block}")
    for kind, n in sorted(result.failures.items()):
        print(f"{n} failed: {kind}", file=sys.stderr)
    if result.n_complete < result.n_planned:
        print("vs-sim: replies are missing; give the same command again to go on", file=sys.stderr)
        return 130 if result.drained else 3 if result.stopped else 1
    return 0


def _study(arguments: argparse.Namespace) -> PromptStudy:
    from pydantic import ValidationError

    from vs_sim.condition import ONE_REPLY
    from vs_sim.errors import InputError
    from vs_sim.explain import explain
    from vs_sim.prompt_study import PromptStudy
    from vs_sim.providers import default_model

    methods = [name.strip() for name in arguments.methods.split(",") if name.strip()]
    if not 2 <= len(methods) <= 5:
        raise InputError(f"--methods {arguments.methods!r}: expected 2 to 5 methods, with commas between them")
    if not 2 <= arguments.k <= 20:
        raise InputError(f"-k {arguments.k}: expected 2 to 20 replies")
    model = arguments.model or default_model()
    if arguments.model is None:
        print(f"no model was named; asking {model}", file=sys.stderr)
    try:
        return PromptStudy.model_validate(
            {
                "question": "How different are the replies of these methods?",
                "prediction": "None: this is a look, not a study.",
                "models": [model],
                "prompts": [{"id": f"p{i}", "text": text} for i, text in enumerate(arguments.prompts, 1)],
                "n_replies": arguments.k,
                "reply_words": arguments.reply_words,
                "temperature": arguments.temperature,
                "seed": arguments.seed,
                "measures": ["words", *(["meaning"] if arguments.meaning else [])],
                "conditions": [{"name": m, "method": m, **({} if m in ONE_REPLY else {"k": arguments.k})} for m in methods],
                "run": run_options({}, arguments),
            }
        )
    except ValidationError as error:
        raise InputError(explain(error, Path("side-by-side"), PromptStudy)) from None


def _digest(study: PromptStudy) -> str:
    content = study.model_dump_json(exclude={"run", "measures"})
    return hashlib.sha256(content.encode()).hexdigest()[:12]
