"""The vs-sim command.

Exit codes: 0 done; 1 done, but conversations are missing (give the same command again); 2 something you wrote is wrong; 3 a model or
endpoint cannot be used; 4 weights of an embedded model, or human data, cannot be had; 5 a spend cap is reached (raise it and give the same
command again); 130 interrupted (give the same command again).
"""

from __future__ import annotations

import argparse
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Sequence

from vs_sim.commands import (
    bundle,
    compare,
    completion,
    dynamics,
    export,
    folder,
    human,
    init,
    judge,
    language,
    model,
    outcome,
    personas,
    play,
    probabilities,
    report,
    side_by_side,
    strategies,
    study,
    synthetic,
    typicality,
    verbalize,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""

    def work() -> int:
        arguments = parser().parse_args(argv)
        try:
            return int(arguments.verb(arguments))
        except KeyboardInterrupt:
            if arguments.command not in _WRITES_WHOLE:
                raise
            print("vs-sim: interrupted; nothing is half written: give the same command again", file=sys.stderr)
            return 130

    return exit_code("vs-sim", work)


_WRITES_WHOLE = ("report", "bundle", "export", "synthetic")
"""Verbs that ask no model, and what they write appears whole or not at all."""


def exit_code(name: str, work: Callable[[], int]) -> int:
    """Do the work of a command and return its exit code: errors end in a sentence, and SIGTERM as Ctrl-C does.

    Args:
        name: of the command, which its sentences begin with.
        work: gives the exit code if nothing goes wrong.
    """
    from vs_sim.errors import VsSimError

    for closed in ("stdout", "stderr"):
        if getattr(sys, closed) is None:  # as `>&-` leaves it
            setattr(sys, closed, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  for as long as the process lives
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without Unicode shows escapes; it never stops a run
            stream.reconfigure(errors="backslashreplace")
    # A scheduler's SIGTERM ends a run as Ctrl-C does, also where a shell has started it in the background, which ignores SIGINT: servers
    # are stopped, what was answered is kept.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        code = work()
        sys.stdout.flush()
        return code
    except VsSimError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print(f"{name}: interrupted; nothing that was answered is lost: give the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EIO):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        print(f"{name}: the output cannot be written: {error.strerror}; what a run has answered is kept", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """The command with all its verbs, before anything is read."""
    whole = argparse.ArgumentParser(
        prog="vs-sim",
        description="Dialogue studies with simulated people, compared with human donations.",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = whole.add_subparsers(metavar="VERB", dest="command", required=True)
    for commands in (
        init,
        study,
        folder,
        compare,
        outcome,
        language,
        dynamics,
        strategies,
        probabilities,
        typicality,
        report,
        bundle,
        export,
        judge,
        synthetic,
        verbalize,
        side_by_side,
        personas,
        play,
        human,
        model,
        completion,
    ):
        commands.add(verbs)
    return whole


if __name__ == "__main__":
    sys.exit(main())
