"""vs-sim personas: what a persona file holds."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vs_sim.commands import Verbs, group, verb


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    actions = group(verbs, "personas", "check, show and make persona files")
    show = verb(actions, "show", _show, "check a persona file and show its personas as the model sees them")
    show.add_argument("file", type=Path)
    show.add_argument("--json", action="store_true", help="print JSON")


def _show(arguments: argparse.Namespace) -> int:
    from vs_sim.personas import load_personas, render

    personas = load_personas(arguments.file)
    if arguments.json:
        print(json.dumps([{**p.model_dump(mode="json", exclude_none=True), "rendered": render(p)} for p in personas], indent=2))
        return 0
    for persona in personas:
        matched = (
            "" if persona.human_cents is None else f" (matched to a human who gave {persona.human_cents} cents; not shown to the model)"
        )
        print(f"--- {persona.id}{matched}\n{render(persona)}\n")
    print(f"{len(personas)} personas")
    return 0
