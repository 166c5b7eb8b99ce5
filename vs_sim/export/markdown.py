"""Text of people, models and files in Markdown: shown as it is, never as a link, an element or a table's edge."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from vs_sim.records import printable

_WIDTH = 120


def escaped(text: str) -> str:
    """Text that Markdown shows as it is; an underscore within a word means nothing there."""
    found = ""
    for i, c in enumerate(text):
        within = c == "_" and 0 < i < len(text) - 1 and text[i - 1].isalnum() and text[i + 1].isalnum()
        found += f"\\{c}" if c in "\\`*_[]<>#|$~^@{}!&" and not within else c
    return found


def shown(value: object) -> str:
    """What others wrote, on one line: without controls and marks of direction, and escaped."""
    return escaped(printable(str(value)))


def first_few(names: Sequence[str]) -> str:
    """The first three names and how many more there are: some providers return another one with every answer."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def one_line(text: object) -> str:
    """A text without its line ends and repeated spaces."""
    return " ".join(str(text).split())


def paragraphs(*texts: str) -> str:
    """A paragraph for each text."""
    return (
        "\n".join(textwrap.fill(one_line(text), _WIDTH, break_long_words=False, break_on_hyphens=False) + "\n" for text in texts).rstrip(
            "\n"
        )
        + "\n"
    )


def items(*texts: str) -> str:
    """A list with an item for each text."""
    return "".join(
        textwrap.fill(f"* {one_line(text)}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) + "\n"
        for text in texts
    )
