"""Plain text and tables as LaTeX that any engine compiles: ASCII only, every special character of a name or a reply written out."""

from __future__ import annotations

import unicodedata

from vs_sim.records import Record

PREAMBLE = r"""\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
\usepackage{booktabs}
\usepackage{graphicx}
"""
"""What a document needs that takes in the tables and paragraphs."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "–": "--",
    "—": "---",
    "−": "$-$",
    "±": r"$\pm$",
    "×": r"$\times$",
    "…": r"\dots{}",
    "‘": "`{}",
    "’": "'{}",
    "“": "``",
    "”": "''",
    "ß": r"\ss{}",
    "æ": r"\ae{}",
    "Æ": r"\AE{}",
    "ø": r"\o{}",
    "Ø": r"\O{}",
    "œ": r"\oe{}",
    "Œ": r"\OE{}",
    "ł": r"\l{}",
    "Ł": r"\L{}",
    "§": r"\S{}",
    "\u00a0": "~",
}
_ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0304": "=",
    "\u0306": "u",
    "\u0307": ".",
    "\u0308": '"',
    "\u030a": "r",
    "\u030b": "H",
    "\u030c": "v",
    "\u0327": "c",
    "\u0328": "k",
}


LONG_WORD = 14
"""Characters of a word from which it may be broken."""


def escape(text: str, *, breakable: bool = False) -> str:
    """Text as LaTeX that shows it and does nothing else.

    Letters with accents are written as such; any other character that is not ASCII is shown by its number, such as ``[U+4E2D]``,
    since not every engine has a letter for it. Control characters become spaces.

    Args:
        text: as it stands in a record.
        breakable: whether a line may end behind the signs within a long word, as in a narrow column.
    """
    parts = []
    before = ""
    for word in text.split(" "):
        for c in word:
            if c == before and c in "-',":  # which LaTeX would draw together, as a dash or a quotation mark
                parts.append("{}")
            parts.append(_character(c))
            if breakable and len(word) > LONG_WORD and c in "_:/-.,=":
                parts.append(r"\allowbreak{}")
            before = c
        parts.append(" ")
        before = " "
    return "".join(parts[:-1])


def _character(c: str) -> str:
    if c in _SPECIAL:
        return _SPECIAL[c]
    if c.isascii():
        return c if c.isprintable() else " "
    plain = unicodedata.normalize("NFD", c)
    if len(plain) == 2 and plain[0].isascii() and plain[0].isalpha() and plain[1] in _ACCENTS:
        letter = rf"\{plain[0]}" if plain[0] in "ij" and plain[1] not in "\u0327\u0328" else plain[0]
        return rf"\{_ACCENTS[plain[1]]}{{{letter}}}"
    return f"[U+{ord(c):04X}]" if c.isprintable() else " "


class Table(Record):
    """A table as it will be read.

    Attributes:
        name: of the file and the label, such as ``"summary"``.
        caption: sentences above the table.
        columns: heads; the first one is of the names.
        rows: cells from left to right; a row of one cell is a heading that spans the table, an empty one a gap.
        notes: sentences below the table.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()


def table(content: Table) -> str:
    """A table environment with booktabs rules; the column of the names breaks its lines, the others are as wide as their cells.

    Args:
        content: the table, in plain text.

    Raises:
        ValueError: if a row has neither one cell nor as many as there are columns.
    """
    width = len(content.columns)
    lines = [
        r"\begin{table}[htbp]",
        r"\centering\footnotesize\setlength{\tabcolsep}{4pt}",
        rf"\caption{{{escape(content.caption)}}}",
        rf"\label{{tab:{content.name}}}\smallskip",
        rf"\begin{{tabular}}{{@{{}}p{{3.4cm}}{'r' * (width - 1)}@{{}}}}",
        r"\toprule",
        " & ".join(map(escape, content.columns)) + r" \\",
        r"\midrule",
    ]
    for row in content.rows:
        if not row:
            lines.append(r"\addlinespace")
        elif len(row) == 1:
            lines.append(rf"\multicolumn{{{width}}}{{@{{}}l}}{{\textit{{{escape(row[0])}}}}} \\")
        elif len(row) == width:
            name, *cells = row
            # A name that begins with a bracket would be read as an argument of the line break before it.
            lines.append(rf"{{}}\raggedright {escape(name, breakable=True)} & " + " & ".join(map(_cell, cells)) + r" \\")
        else:
            raise ValueError(f"table {content.name!r}: a row has {len(row)} cells, expected 1 or {width}: {row!r}")
    lines += [r"\bottomrule", r"\end{tabular}"]
    if content.notes:
        lines.append(r"\par\smallskip\begin{minipage}{\linewidth}\footnotesize " + escape(" ".join(content.notes)) + r"\end{minipage}")
    return "\n".join([*lines, r"\end{table}", ""])


def _cell(text: str) -> str:
    """A number with a minus that is one."""
    return "--" if text == "-" else escape(text.replace("-", "−") if _is_number(text) else text)


def _is_number(text: str) -> bool:
    return bool(text) and all(c in "0123456789.,-+[]()<$ " for c in text)
