"""Paragraphs with references, as Markdown and as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from analysis.latex import escape
from vs_sim.export.markdown import escaped
from vs_sim.records import Record, printable

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Around the key of a reference; private characters, which no name in a record keeps."""


class Paragraph(Record):
    """A paragraph with a heading; references stand in it as `cite` writes them."""

    heading: str
    text: str


def named(text: object) -> str:
    """A name of a record, on one line."""
    return printable(str(text))


def listed(names: Iterable[object]) -> str:
    """Names of a record, on one line."""
    return ", ".join(map(named, names))


def counted(n: int, what: str) -> str:
    """So many of something, whose plural ends in s."""
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def cite(*keys: str) -> str:
    """References to entries of references.bib."""
    return "".join(f"{_OPEN}{key}{_CLOSE}" for key in keys)


def cited(paragraphs: Sequence[Paragraph]) -> list[str]:
    """Keys of the references, each once, in the order of the text."""
    return list(dict.fromkeys(key.partition(_CLOSE)[0] for p in paragraphs for key in p.text.split(_OPEN)[1:]))


def markdown(title: str, paragraphs: Sequence[Paragraph]) -> str:
    """The paragraphs as Markdown, with references as Pandoc reads them (``[@key]``)."""
    body = "\n\n".join(f"## {p.heading}\n\n{_references(escaped(p.text), '[@', ']')}" for p in paragraphs)
    return f"# {title}\n\n{body}\n"


def latex(title: str, paragraphs: Sequence[Paragraph]) -> str:
    """The paragraphs as LaTeX, with references as ``\\cite``."""
    body = "\n\n".join(rf"\paragraph{{{escape(p.heading)}.}} {_latex(p.text)}" for p in paragraphs)
    return f"\\subsection*{{{escape(title)}}}\n\n{body}\n"


def _latex(text: str) -> str:
    text = re.sub(r"(?<!\w)-(?=\$?[.\d])", "−", text)  # a minus, not a hyphen
    pieces = text.replace(_CLOSE + _OPEN, ",").split(_OPEN)
    found = [escape(pieces[0], breakable=True)]
    for piece in pieces[1:]:
        keys, _, rest = piece.partition(_CLOSE)
        found.append(rf"~\cite{{{keys}}}" + escape(rest, breakable=True))
    return "".join(found)


def _references(text: str, before: str, after: str) -> str:
    return text.replace(_CLOSE + _OPEN, "; @").replace(_OPEN, f" {before}").replace(_CLOSE, after)
