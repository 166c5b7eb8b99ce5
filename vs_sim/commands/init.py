"""vs-sim init: a study folder to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from vs_sim.commands import Verbs, verb


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    init = verb(verbs, "init", _init, "write a small study to start from: study.toml, personas, README.md")
    init.add_argument("folder", type=Path, metavar="DIR", help="folder to make; it may be there already if it is empty")


def _init(arguments: argparse.Namespace) -> int:
    import shlex

    from vs_sim.starter import write_starter

    written = write_starter(arguments.folder)
    print(f"{arguments.folder}: {', '.join(written)}")
    print("next:")
    print(f"  cd {shlex.quote(str(arguments.folder))}")
    print("  vs-sim run . --model scripted:donation --out runs/first   # canned replies: seconds; README.md says how to go on")
    return 0
