"""vs-sim verbalize: one prompt, without a study."""

from __future__ import annotations

import argparse
import json

from vs_sim.commands import Verbs, seed, verb


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    verbalize = verb(verbs, "verbalize", _verbalize, "ask a model for a verbalized distribution of responses to one prompt")
    verbalize.add_argument("prompt")
    verbalize.add_argument("-k", type=_k, default=5, help="number of candidates, 2 to 20, or model: it decides (default: 5)")
    verbalize.add_argument("--tau", type=float, help="ask for candidates from the tail, each probability below this")
    verbalize.add_argument("--method", choices=("vs_standard", "vs_cot", "vs_multi"), default="vs_standard")
    verbalize.add_argument("--model", metavar="PROVIDER:MODEL", help="default: openai:gpt-4.1 if OPENAI_API_KEY is set, else embedded")
    verbalize.add_argument("--temperature", type=float, default=0.7)
    verbalize.add_argument("--seed", type=seed, help="also draw one candidate, with this seed")
    verbalize.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server")
    verbalize.add_argument("--json", action="store_true", help="print JSON")


def _k(text: str) -> int | str:
    return text if text == "model" else int(text)


def _verbalize(arguments: argparse.Namespace) -> int:
    from vs_sim.records import printable
    from vs_sim.single_prompt import said, verbalize

    prompt = said(arguments.prompt)  # before weights are fetched
    if arguments.model is None or arguments.model.startswith("embedded:"):
        from vs_sim.commands.model import fetch_weights
        from vs_sim.providers import default_model

        fetch_weights([arguments.model or default_model()])
    distribution = verbalize(
        prompt,
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
