"""vs-sim judge: the replies of a run of prompts, rated by a judge model on a rubric."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, at_least_1, read_to_the_end, run_options, verb

if TYPE_CHECKING:
    from vs_sim.judge import RatingId, Reply
    from vs_sim.rubric import Rubric
    from vs_sim.run_options import RunOptions
    from vs_sim.store import RunFolder

_TOKENS_OUT = 8
"""Tokens of an answer for each criterion."""


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    one = verb(verbs, "judge", _judge, "have a model rate the replies of a run of prompts; vs-sim compare then says their quality")
    one.add_argument("run", type=Path, metavar="RUN", help="run folder of a study of prompts")
    one.add_argument("--model", metavar="PROVIDER:MODEL", required=True, help="the judge")
    one.add_argument("--rubric", type=Path, metavar="FILE", help="TOML file of criteria (default: one for creative writing)")
    one.add_argument("--repeats", type=_repeats, default=2, metavar="R", help="how often each reply is rated (default: 2)")
    help_n = "replies of each prompt, condition and model, drawn at random; a larger N adds to a smaller one (default: all)"
    one.add_argument("-n", type=at_least_1, metavar="N", help=help_n)
    one.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for openai: models")
    one.add_argument("--concurrency", type=at_least_1, metavar="N", help="ratings at a time")
    one.add_argument("--cap-tokens", type=float, metavar="N", help="most tokens that this judge may take of this run, all starts together")
    one.add_argument("--cap-dollars", type=float, metavar="N", help="most dollars that it may cost, likewise")


def _repeats(text: str) -> int:
    from vs_sim.judge import MOST_REPEATS

    n = at_least_1(text)
    if n > MOST_REPEATS:
        raise argparse.ArgumentTypeError(f"{text} is more than the {MOST_REPEATS} ratings that a reply may have")
    return n


def _judge(arguments: argparse.Namespace) -> int:
    import asyncio

    from vs_sim.commands.draining import draining
    from vs_sim.commands.model import fetch_weights
    from vs_sim.commands.people import machinery_note
    from vs_sim.judge import Instrument, judge, judgements, judging_budget, prompt_digest, ratings_wanted, to_judge
    from vs_sim.records import printable
    from vs_sim.rubric import load_rubric
    from vs_sim.store import RunFolder
    from vs_sim.study import with_provider

    def say(line: str) -> None:
        print(line, file=sys.stderr)

    folder, model = RunFolder(arguments.run), with_provider(arguments.model)
    rubric = load_rubric(arguments.rubric)
    before = judgements(folder).get(Instrument(model, prompt_digest(rubric)), {})
    if before and (name := next(iter(before.values())).rubric) != rubric.name:
        say(f"{model} rated on the same criteria before, under the name {printable(name)}, which they keep here")
        rubric = rubric.model_copy(update={"name": name})
    replies = to_judge(folder, arguments.n, before.values())
    starts = folder.any_manifest()["starts"]
    run_before = {key: value for key, value in (starts[-1]["run"] if starts else {}).items() if key not in ("cap_tokens", "cap_dollars")}
    run = run_options(run_before, arguments)
    budget = judging_budget(folder, model, run)
    wanted = ratings_wanted(replies, arguments.repeats)
    done = {id_ for id_, one in before.items() if one.ratings is not None}
    say(_plan(folder, model, rubric, run, replies, [one for one in wanted if one not in done], len(wanted)))
    fetch_weights([model])
    options = {"run": run, "n_repeats": arguments.repeats, "n": arguments.n, "say": say, "budget": budget}
    result = asyncio.run(draining(lambda drain: judge(folder, model, rubric, **options, drain=drain), say))
    print(f"{result.n_read} of {result.n_wanted} ratings on {printable(rubric.name)} by {model} are in {folder.path / 'judgements'}")
    if note := machinery_note([model]):
        print(note)
    if result.n_read:
        print(f"what they say: vs-sim compare {folder.path}")
    return read_to_the_end(result, "ratings")


def _plan(
    folder: RunFolder, model: str, rubric: Rubric, run: RunOptions, replies: Sequence[Reply], owed: Sequence[RatingId], n_wanted: int
) -> str:
    """What is about to be asked, before anything is spent."""
    from vs_sim.budget import cost
    from vs_sim.judge import question
    from vs_sim.records import printable

    n_texts = len({(one.prompt, one.text) for one in replies})
    said = f"{model} is to rate {len(replies)} replies, {n_texts} different, on the rubric {printable(rubric.name)}: {n_wanted} calls"
    if len(owed) < n_wanted:
        said += f", {n_wanted - len(owed)} of them answered before"
    if owed:
        frame = len(question(rubric, "", ""))
        tasks = {one["id"]: len(one["text"]) for one in folder.any_manifest()["study"]["prompts"]}
        n_in = sum(frame + tasks[one.prompt] + len(one.text) for one in owed) / 4
        took = cost(run.prices.get(model), n_in, _TOKENS_OUT * len(rubric.criteria) * len(owed))
        said += f"; about {took} to go"
    return said
