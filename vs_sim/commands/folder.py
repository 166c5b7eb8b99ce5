"""vs-sim status and show: what is in a run folder."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, verb

if TYPE_CHECKING:
    from vs_sim.prompt_records import AnyRecord
    from vs_sim.store import RunFolder
    from vs_sim.terminal import Line


def add(verbs: Verbs) -> None:
    """Declare the verbs."""
    status = verb(verbs, "status", _status, "say how far a run is, also while it goes on")
    show = verb(verbs, "show", _show, "list the conversations (or askings) of a run, or print one of them with its candidates")
    for one in (status, show):
        one.add_argument("run", type=Path, metavar="RUN", help="run folder")
        one.add_argument("--json", action="store_true", help="print JSON")
    status.add_argument("-f", "--follow", action="store_true", help="say it again every 5 seconds until no process holds the folder")
    show.add_argument("conversation", nargs="?", metavar="ID", help="of one of them, or the beginning of it (default: list)")
    show.add_argument("--condition", metavar="NAME", help="only those of a condition")
    show.add_argument("--persona", metavar="ID", help="only those in which this persona speaks, in either role")
    show.add_argument("--failed", action="store_true", help="only those that failed and are owed")
    show.add_argument("--no-pager", action="store_true", help="print what is longer than the screen at once (default: through $PAGER)")


_SECONDS = 5.0


def _status(arguments: argparse.Namespace) -> int:
    import time

    from vs_sim.status import status
    from vs_sim.terminal import print_lines

    while True:
        found = status(arguments.run)
        if arguments.json:
            print(json.dumps(found.to_dict(), indent=2))
        else:
            print_lines(found.lines())
        if not (arguments.follow and found.running):
            return 0
        sys.stdout.flush()
        time.sleep(_SECONDS)


def _show(arguments: argparse.Namespace) -> int:
    from vs_sim.errors import InputError, RunFolderError
    from vs_sim.store import RunFolder
    from vs_sim.terminal import print_lines

    folder = RunFolder(arguments.run)
    stored: Sequence[AnyRecord] = folder.responses() if folder.of_prompts else folder.transcripts()
    if folder.of_prompts and arguments.persona is not None:
        raise InputError(
            f"--persona {arguments.persona!r}: {arguments.run} is a run of single prompts, in which nobody speaks; leave it out"
        )
    found = _selected(arguments, stored, folder.noun)
    if arguments.conversation is not None:
        found = [t for t in found if t.spec.id.startswith(arguments.conversation)]
        if len(found) != 1:
            raise RunFolderError(
                f"{arguments.run}: {len(found)} {folder.noun}s have an id that begins with {arguments.conversation!r}; "
                f"list them with vs-sim show {arguments.run}"
            )
    if arguments.json:
        plain = [t.model_dump(mode="json") for t in found]
        print(json.dumps(plain if arguments.conversation is None else plain[0], indent=2))
    elif not found:
        print(f"none of {len(stored)} {folder.noun}s", file=sys.stderr)
    else:
        print_lines(_lines(folder, found, whole=arguments.conversation is not None), paged=not arguments.no_pager)
    return 0


def _lines(folder: RunFolder, found: Sequence[AnyRecord], *, whole: bool) -> list[Line]:
    from vs_sim.prompt_records import Responses
    from vs_sim.records import Transcript
    from vs_sim.scenario import scale_of
    from vs_sim.show import listing, response_line, responses_lines, transcript_lines

    askings = [one for one in found if isinstance(one, Responses)]
    if askings:
        return responses_lines(askings[0]) if whole else [response_line(one) for one in askings]
    dialogues, scale = [one for one in found if isinstance(one, Transcript)], scale_of(folder.manifest()["study"])
    return transcript_lines(dialogues[0], scale) if whole else listing(dialogues, scale)


def _selected(arguments: argparse.Namespace, stored: Sequence[AnyRecord], noun: str) -> list[AnyRecord]:
    from vs_sim.errors import InputError

    found = [t for t in stored if t.failure is not None or not arguments.failed]
    for option, names in (("condition", _conditions), ("persona", _personas)):
        asked = getattr(arguments, option)
        if asked is None:
            continue
        known = sorted({name for t in stored for name in names(t)})
        if asked not in known:
            some = ", ".join(known[:10]) + (f" and {len(known) - 10} more" if len(known) > 10 else "")
            raise InputError(f"--{option} {asked!r}: {arguments.run} has no {noun} of it; there are {some or 'none at all yet'}")
        found = [t for t in found if asked in names(t)]
    return found


def _conditions(record: AnyRecord) -> tuple[str, ...]:
    return (record.spec.condition,)


def _personas(record: AnyRecord) -> tuple[str, ...]:
    from vs_sim.prompt_records import PromptSpec

    return () if isinstance(record.spec, PromptSpec) else (record.spec.persuader, record.spec.persuadee)
