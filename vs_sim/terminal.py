"""Lines on a terminal: in colour, and by pages where they are more than the screen holds; the same plain lines anywhere else."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

WIDTH = 100
"""Columns that tables and notes fit."""


class Line(NamedTuple):
    """A line without its end, and how it looks on a terminal: a style of rich, such as ``"bold red"``."""

    text: str
    style: str = ""


def print_lines(lines: Sequence[Line], *, paged: bool = False) -> None:
    """Print lines to standard output: in colour on a terminal unless NO_COLOR is set, or anywhere if FORCE_COLOR is.

    Args:
        lines: what to print.
        paged: whether they go through $PAGER (less if there is none) if they are more than a terminal holds.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        print("\n".join(line.text for line in lines))
        return
    with console.capture() as captured:
        for line in lines:
            console.print(Text(line.text, line.style), soft_wrap=True)
    size = shutil.get_terminal_size()
    n_rows = sum(max(1, -(-columns(line.text) // size.columns)) for line in lines)
    if not (paged and redraws(sys.stdout) and n_rows >= size.lines and _page(captured.get())):
        sys.stdout.write(captured.get())


def redraws(stream: object) -> bool:
    """Whether bars can be drawn on a stream: it is a terminal that can go back to the beginning of a line."""
    return bool(getattr(stream, "isatty", bool)()) and os.environ.get("TERM", "").lower() not in ("", "dumb", "unknown")


def shortened(text: str, width: int) -> str:
    """`text` in at most `width` columns of a terminal (3 or more), its middle left out if need be; not filled up."""
    if columns(text) <= width:
        return text
    head = tail = ""
    while True:  # names that begin alike end differently: both ends stay
        longer = head + text[len(head)]
        if columns(longer + ".." + tail) > width:
            return head + ".." + tail
        head = longer
        longer = text[len(text) - len(tail) - 1] + tail
        if columns(head + ".." + longer) > width:
            return head + ".." + tail
        tail = longer


def columns(text: str) -> int:
    """Columns of a terminal that a text takes; a Chinese sign, say, takes two."""
    from rich.cells import cell_len

    return cell_len(text)


def filled(text: str, width: int, *, right: bool = False) -> str:
    """`text` with spaces behind it, or before it, up to `width` columns of a terminal."""
    spaces = " " * (width - columns(text))
    return spaces + text if right else text + spaces


def wrapped(text: str, width: int = WIDTH, *, indent: str = "") -> list[str]:
    """`text` in lines of at most `width` columns of a terminal, all but the first indented."""
    import textwrap

    if columns(text) == len(text):
        return textwrap.wrap(text, width, subsequent_indent=indent)
    from rich.console import Console
    from rich.text import Text

    lines = [line.plain.rstrip() for line in Text(text).wrap(Console(), width - len(indent))]
    return [(indent if i else "") + line for i, line in enumerate(lines)]


def _page(text: str) -> bool:
    """Whether a pager has shown the text."""
    try:
        command = shlex.split(os.environ.get("PAGER", "less"))
    except ValueError:  # a quotation mark without its other one
        return False
    if not command or shutil.which(command[0]) is None:
        return False
    sys.stdout.flush()
    # What git gives less, too: colours as they are, and the text stays on the screen.
    try:
        pager = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.PIPE,
            stdout=sys.stdout,
            env={"LESS": "FRX", **os.environ},
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError:  # a file that is no program
        return False
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the pager's: it stops a search there
    try:
        pager.communicate(text)  # also if the reader leaves before the end
    finally:
        signal.signal(signal.SIGINT, before)
    return True
