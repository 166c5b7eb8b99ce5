"""vs-sim status and show: what is in a run folder."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from vs_sim.commands import Verbs, verb


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    status = verb(verbs, "status", _status, "say how far a run is")
    show = verb(verbs, "show", _show, "print a transcript with its candidates")
    for one in (status, show):
        one.add_argument("run", type=Path, metavar="RUN", help="run folder")
        one.add_argument("--json", action="store_true", help="print JSON")
    show.add_argument("conversation", nargs="?", help="id, or the beginning of one (default: list all)")


def _status(arguments: argparse.Namespace) -> int:
    from vs_sim.show import status

    found = status(arguments.run)
    print(json.dumps(found.to_dict(), indent=2) if arguments.json else found)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from vs_sim.errors import RunFolderError
    from vs_sim.show import one_line, transcript_text
    from vs_sim.store import RunFolder

    folder = RunFolder(arguments.run)
    folder.manifest()
    transcripts = folder.transcripts()
    if arguments.conversation is None:
        if arguments.json:
            print(json.dumps([t.model_dump(mode="json") for t in transcripts], indent=2))
        for transcript in transcripts if not arguments.json else ():
            print(one_line(transcript))
        return 0
    found = [t for t in transcripts if t.spec.id.startswith(arguments.conversation)]
    if len(found) != 1:
        raise RunFolderError(
            f"{arguments.run}: {len(found)} conversations have an id that begins with {arguments.conversation!r}; "
            f"list them with vs-sim show {arguments.run}"
        )
    print(json.dumps(found[0].model_dump(mode="json"), indent=2) if arguments.json else transcript_text(found[0]))
    return 0
