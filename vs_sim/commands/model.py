"""vs-sim model: the embedded models."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from vs_sim.commands import Verbs, group, verb


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    actions = group(verbs, "model", "list, fetch or check the embedded models")
    verb(actions, "list", _list, "list the embedded models and where their weights lie")
    for name, function, help in (("fetch", _fetch, "fetch the weights of a model"), ("check", _check, "check the weights of a model")):
        verb(actions, name, function, help).add_argument("name", help="such as smollm2-135m")


def fetch_weights(models: Sequence[str]) -> None:
    """Have the weights of the embedded ones of these models in the cache."""
    from vs_sim.fetch import check_spec, fetch_with_bar

    for model in models:
        provider, _, name = model.partition(":")
        if provider == "embedded" and isinstance(known := check_spec(name), str):
            fetch_with_bar(known)


def _list(arguments: argparse.Namespace) -> int:
    from vs_sim.fetch import NAMES, cache_folder, find

    for known in map(find, NAMES):
        path = cache_folder() / f"{known.name}.gguf"
        print(f"embedded:{known.name}  {known.n_bytes / 1e6:,.0f} MB  {path if path.is_file() else 'not fetched'}")
    return 0


def _fetch(arguments: argparse.Namespace) -> int:
    from vs_sim.fetch import fetch_with_bar

    print(fetch_with_bar(arguments.name.removeprefix("embedded:")))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from vs_sim.fetch import verify

    print(verify(arguments.name.removeprefix("embedded:")))
    return 0
