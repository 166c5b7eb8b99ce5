"""vs-sim export: a run as files for other tools."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vs_sim.commands import Verbs, verb


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    export = verb(verbs, "export", _export, "write a run, or human dialogues, as tables for other tools, with a data card")
    export.add_argument("run", type=Path, metavar="RUN", help="run folder, or reference of human dialogues")
    export.add_argument(
        "--to", choices=("parquet", "csv", "jsonl", "convokit", "hf"), required=True, help="format (convokit: dialogues only)"
    )
    export.add_argument("--out", type=Path, metavar="DIR", help="folder to make (default: RUN/export-FORMAT)")
    export.add_argument("--json", action="store_true", help="print JSON")


def _export(arguments: argparse.Namespace) -> int:
    from vs_sim.export.files import export_run
    from vs_sim.load import load_run

    out = arguments.out or arguments.run / f"export-{arguments.to}"
    done = export_run(load_run(arguments.run), arguments.to, out)
    if arguments.json:
        print(json.dumps({"path": str(done.path), "format": done.format, "n_rows": done.n_rows}, indent=2))
        return 0
    for name, n in done.n_rows.items():
        print(f"{name:<14} {n:>9,} rows")
    print(f"folder: {done.path}")
    print("Read README.md there first: what the data are, what is missing, under which licence they are.")
    return 0
