"""The verbs of the vs-sim command, a file for each group; each has `add`, which declares its arguments.

Only what a verb declares is imported with its file; what it needs is imported when it runs, so that help is there at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from vs_sim.asking import ReadResult
    from vs_sim.run_options import RunOptions
    from vs_sim.store import RunFolder

Verbs = Any
"""What `argparse.ArgumentParser.add_subparsers` returns; its type has no public name."""


def verb(verbs: Verbs, name: str, function: Callable[[argparse.Namespace], int], help: str) -> argparse.ArgumentParser:
    """Declare a verb: its name, what it runs, and one line of help, which begins in lower case."""
    added: argparse.ArgumentParser = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    added.set_defaults(verb=function)
    return added


def group(verbs: Verbs, name: str, help: str) -> Verbs:
    """Declare a verb that has verbs of its own, such as ``vs-sim model fetch``; returns what these are added to."""
    added = verbs.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    return added.add_subparsers(metavar="ACTION", required=True)


def seed(text: str) -> int:
    """A seed as it stands on the command line."""
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative; expected 0 or more")
    return int(text)


def at_least_1(text: str) -> int:
    """A number of things as it stands on the command line."""
    try:
        n = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number; expected 1 or more") from None
    if n < 1:
        raise argparse.ArgumentTypeError(f"{text[:40]} is too small; expected 1 or more")
    return n


def run_options(before: Mapping[str, Any], arguments: argparse.Namespace) -> RunOptions:
    """How models are reached: as they were before, with what the command line says in its place.

    Raises:
        InputError: an option that cannot be used.
    """
    from pydantic import ValidationError

    from vs_sim.errors import InputError
    from vs_sim.run_options import RunOptions

    given = {key: value for key in RunOptions.model_fields if (value := getattr(arguments, key, None)) is not None}
    try:
        return RunOptions.model_validate({**before, **given})
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        if key == "base_url":  # an address may hold a password: it is not shown
            raise InputError("--base-url: expected an address such as http://127.0.0.1:8000/v1, without user, query or spaces") from None
        value = first["input"]
        shown = f"{value:.15g}" if isinstance(value, float) else str(value)
        raise InputError(f"--{key.replace('_', '-')} {shown!r}: {_expected(first)}") from None


def _expected(error: ErrorDetails) -> str:
    """What an option may be, of one that was refused."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "greater_than" | "finite_number":
            return f"expected a number above {limits.get('gt', 0):g}"
        case "less_than_equal":
            return f"expected at most {limits['le']:,}"
        case "literal_error":
            return f"expected {limits['expected']}".replace("'", "")
    return error["msg"]


def study_seed(folder: RunFolder) -> int:
    """The seed of a run's study: what a draw is seeded by unless ``--seed`` says otherwise."""
    return int(folder.manifest()["study"]["seed"])


def read_to_the_end(result: ReadResult, things: str) -> int:
    """Says on the terminal what a reader of dialogues left open; returns the command's exit code.

    Args:
        result: where the reading stands.
        things: what is missing then, such as ``"readings"``.

    Returns:
        0 if nothing is missing; 5 if a cap was reached, 130 if it was told to stop, 3 if it stopped otherwise; 1 if some failed.
    """
    if result.n_read == result.n_wanted:
        return 0
    for kind, n in sorted(result.failures.items()):
        print(f"{n} failed: {kind}", file=sys.stderr)
    if result.stopped:
        print(f"stopped: {result.stopped}", file=sys.stderr)
    cap = " with a higher cap" if result.capped else ""
    print(f"vs-sim: {things} are missing; give the same command again{cap} to go on", file=sys.stderr)
    return 5 if result.capped else 130 if result.drained else 3 if result.stopped else 1
