"""vs-sim typicality: by how much preferences favour what a reference model finds probable."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, at_least_1, verb

if TYPE_CHECKING:
    from vs_sim.preferences import Preferences

_RAW = "log pi_ref is of an instruction-tuned model, which is itself a trained policy; a base model's belongs into the file as log_pi_ref."


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    one = verb(verbs, "typicality", _typicality, "estimate by how much preferences favour what a reference model finds probable")
    one.add_argument("pairs", type=Path, metavar="PAIRS", help="rated replies as HelpSteer has them, or pairs (.jsonl, .csv)")
    one.add_argument("--model", metavar="embedded:NAME", help="reference model, for replies whose log_pi_ref the file does not say")
    one.add_argument(
        "--scores", type=Path, metavar="FILE", help="where its log_pi_ref are kept, to go on from (default: PAIRS.scores.jsonl)"
    )
    one.add_argument("-n", type=at_least_1, metavar="N", help="only the pairs of the first N prompts")
    one.add_argument(
        "--beta", type=_beta, action="append", default=[], help="weight of the divergence in training, for gamma (may be repeated)"
    )
    one.add_argument("--json", action="store_true", help="print JSON")


def _beta(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not above 0; expected the weight of the divergence, such as .1")
    return value


def _typicality(arguments: argparse.Namespace) -> int:
    from analysis.typicality import estimate, leads, sharpening
    from analysis.typicality_table import render
    from vs_sim.errors import InputError
    from vs_sim.preferences import load_preferences

    held = load_preferences(arguments.pairs)
    if arguments.n is not None:
        chosen = set(list(dict.fromkeys(pair.prompt for pair in held.pairs))[: arguments.n])
        held = held.model_copy(update={"pairs": tuple(pair for pair in held.pairs if pair.prompt in chosen)})
    texts = held.texts()
    if texts and arguments.model is None:
        raise InputError(
            f"{arguments.pairs}: {len(texts)} replies have no log_pi_ref; add it with n_tokens, or give --model embedded:smollm2-135m"
        )
    if texts:
        held = _scored(held, texts, arguments)
    found = estimate(leads(held.pairs))
    first = found[0]
    sharpened = [sharpening(first.alpha, first.interval, beta) for beta in arguments.beta if first.alpha is not None]
    if arguments.json:
        counts = {"n_rows": held.n_rows, "n_unequal": held.n_unequal, "n_tied": held.n_tied, "n_same": held.n_same}
        dumped = {"alpha": [one.model_dump(mode="json") for one in found], "gamma": [one.model_dump(mode="json") for one in sharpened]}
        print(json.dumps({**counts, **dumped}, indent=2))
    else:
        print(render(found, held, sharpened, [_RAW] if texts else []))
    return 0


def _scored(held: Preferences, texts: tuple[tuple[str, str], ...], arguments: argparse.Namespace) -> Preferences:
    """The same with the probabilities that the embedded model gives."""
    from vs_sim.commands.model import fetch_weights
    from vs_sim.embedded import EmbeddedServer
    from vs_sim.errors import InputError
    from vs_sim.fetch import resolve
    from vs_sim.preferences import with_scores
    from vs_sim.text_score import read_scores, score_all

    provider, _, name = arguments.model.partition(":")
    if provider != "embedded" or not name:
        raise InputError(
            f"--model is {arguments.model!r}, expected an embedded model, such as embedded:smollm2-135m; others do not score texts"
        )
    path = arguments.scores or arguments.pairs.with_name(f"{arguments.pairs.name}.scores.jsonl")
    fetch_weights([arguments.model])
    weights = resolve(name)
    found = {(prompt, text): one for (model, prompt, text), one in read_scores(path).items() if model == weights.name}
    missing = [one for one in texts if one not in found]
    if missing:
        with EmbeddedServer(weights, n_parallel=1) as server:
            for number, score in enumerate(score_all(server, missing, path), 1):
                found[score.prompt, score.text] = score
                if number % 20 == 0 or number == len(missing):
                    print(f"{number} of {len(missing)} replies scored", file=sys.stderr)
    return with_scores(held, found)
