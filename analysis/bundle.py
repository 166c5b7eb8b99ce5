"""The parts of a paper's supplement that are files: requests, references, checksums."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.latex import PREAMBLE, escape

SUMS = "SHA256SUMS"


def alike_in_grey(figure: Figure) -> list[tuple[str, str]]:
    """Pairs of entries of a figure's legends that nothing but their colour tells apart: neither marker, nor its filling, nor dashes."""
    looks: list[tuple[str, Any]] = []
    for legend in figure.legends:
        for handle, text in zip(legend.legend_handles, legend.get_texts(), strict=True):
            if isinstance(handle, Line2D) and (handle.get_linestyle() not in ("None", "") or handle.get_marker() not in ("None", "")):
                hollow = handle.get_markerfacecolor() == "white"
                # Dashes as they are drawn; their names alone do not tell two patterns apart.
                dashes = getattr(handle, "_unscaled_dash_pattern", handle.get_linestyle())
                looks.append((text.get_text(), (handle.get_marker(), hollow, str(dashes), handle.get_linestyle() in ("None", ""))))
    return [(a, b) for (a, one), (b, other) in combinations(looks, 2) if one == other]


def file_name(text: str) -> str:
    """A name as part of a file's: anything but letters, digits and ``_.-`` becomes a hyphen."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text).strip("-.") or "unnamed"


def fenced(text: str) -> str:
    """Text as a block of Markdown that shows it letter by letter, whatever it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}\n"


def request_text(heading: str, messages: Sequence[dict[str, str]], schema: dict[str, Any] | None, answer: str) -> str:
    """One request and its answer as Markdown."""
    parts = [f"## {heading}\n"]
    parts += [f"{message['role']}:\n\n{fenced(message['content'])}" for message in messages]
    if schema is not None:
        parts.append(f"JSON schema sent with it:\n\n{fenced(json.dumps(schema, indent=1))}")
    parts.append(f"Answer:\n\n{fenced(answer)}")
    return "\n".join(parts)


def references(keys: Sequence[str]) -> str:
    """The entries of these references, as BibTeX.

    Raises:
        KeyError: if there is no such entry.
    """
    text = (Path(__file__).parent / "data" / "references.bib").read_text("utf-8")
    entries = {match[1]: match[0] for match in re.finditer(r"^@\w+\{([^,]+),\n.*?^\}\n", text, re.MULTILINE | re.DOTALL)}
    return "\n".join(entries[key] for key in sorted(keys))


_FLOATS = 12
"""Tables or figures that LaTeX keeps waiting for a page; with far more it gives up."""


def supplement(tables: Sequence[str], figures: Sequence[tuple[str, str]], title: str) -> str:
    """A LaTeX document that takes in the paragraphs, tables and figures of the folder that it stands in.

    Args:
        tables: names of the files in tables/, without suffix.
        figures: names of the files in figures/, without suffix, and their captions.
        title: of the document.
    """
    lines = [r"\documentclass[11pt]{article}", r"\usepackage[margin=2.2cm]{geometry}", PREAMBLE.rstrip(), rf"\title{{{escape(title)}}}"]
    lines += [r"\author{}", r"\date{}", r"\begin{document}", r"\maketitle", r"\sloppy", r"\input{methods}", r"\input{results}"]
    for i, name in enumerate(tables, 1):
        lines += [rf"\input{{tables/{name}}}", *([r"\clearpage"] if i % _FLOATS == 0 else [])]
    for i, (name, caption) in enumerate(figures, 1):
        lines += [
            r"\begin{figure}[p]",
            r"\centering",
            rf"\includegraphics[width=\linewidth,height=0.85\textheight,keepaspectratio]{{figures/{name}}}",
            rf"\caption{{{escape(caption)}}}",
            r"\end{figure}",
            *([r"\clearpage"] if i % _FLOATS == 0 else []),
        ]
    lines += [r"\clearpage", r"\bibliographystyle{plain}", r"\bibliography{references}", r"\end{document}", ""]
    return "\n".join(lines)


def sums(folder: Path) -> str:
    """SHA-256 of every file below a folder, as ``sha256sum --check`` reads them; the file of the sums itself is left out."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder).as_posix()}\n" for path in files)
