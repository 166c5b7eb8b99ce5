"""vs-sim strategies: which strategies of persuasion the persuader uses, as a model, annotators and people with a sheet see them."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from vs_sim.commands import Verbs, at_least_1, group, run_options, verb


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    actions = group(verbs, "strategies", "strategies of persuasion in the persuader's turns: label, compare with people, agreement")
    label = verb(actions, "label", _label, "have a model label the persuader's turns with PersuasionForGood's ten strategies")
    label.add_argument("run", type=Path, metavar="RUN", help="run folder, or a reference of human dialogues")
    label.add_argument("--model", metavar="PROVIDER:MODEL", required=True, help="the model that labels")
    label.add_argument("-n", type=at_least_1, metavar="N", help="dialogues, drawn at random; a larger N adds to a smaller one")
    label.add_argument("--all", action="store_true", help="of a reference, also dialogues that people did not annotate")
    label.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for openai: models")
    label.add_argument("--concurrency", type=at_least_1, metavar="N", help="turns at a time")


def _label(arguments: argparse.Namespace) -> int:
    import asyncio

    from vs_sim.commands.model import fetch_weights
    from vs_sim.store import RunFolder
    from vs_sim.strategies import NONE, Strategy, label_strategies, labelled, to_label

    folder, model = RunFolder(arguments.run), arguments.model
    starts = folder.manifest()["starts"]
    options = {"n": arguments.n, "everything": arguments.all}
    to_label(folder, **options)  # what cannot be labelled is said before anything is fetched
    run = run_options(starts[-1].get("run", {}) if starts else {}, arguments)
    fetch_weights([model])
    result = asyncio.run(label_strategies(folder, model, run=run, say=lambda line: print(line, file=sys.stderr), **options))
    print(f"{result.n_read} of {result.n_wanted} turns are labelled by {model}")
    sets = [one.strategies for one in labelled(folder).get(model, {}).values() if one.strategies is not None]
    counts = Counter(strategy for found in sets for strategy in (found or {NONE}))
    print(f"turns with each strategy, of the {len(sets)} that it labelled in this folder: ")
    print("\n".join(f"  {name:<24}{counts[name]:>6}" for name in [*Strategy, NONE]))
    if result.n_read == result.n_wanted:
        return 0
    for kind, n in sorted(result.failures.items()):
        print(f"{n} failed: {kind}", file=sys.stderr)
    if result.stopped:
        print(f"stopped: {result.stopped}", file=sys.stderr)
    print("vs-sim: labels are missing; give the same command again to go on", file=sys.stderr)
    return 3 if result.stopped else 1
