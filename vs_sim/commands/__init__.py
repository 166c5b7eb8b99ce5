"""The verbs of the vs-sim command, a file for each group; each has `add`, which declares its arguments.

Only what a verb declares is imported with its file; what it needs is imported when it runs, so that help is there at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

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
