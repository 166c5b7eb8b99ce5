"""A report as one HTML file that opens anywhere, or, where that would be too large, as a file with a folder of data beside it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import tempfile
import unicodedata
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from analysis.latex import Table
from analysis.report import Report
from analysis.report_transcripts import Packed
from vs_sim.errors import InputError

LARGEST = 30_000_000
"""Bytes of transcripts that one HTML file carries; with more they stand in files beside it, so that the page opens at once."""

_MARK = b"<!doctype html>\n<!-- vs-sim report -->"
"""How every report begins: nothing else is overwritten."""

_PART = b"vsSimPart("
"""How every part of the transcripts begins that stands beside a report: nothing else is removed."""

_MARKED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
"""Characters that cannot be seen but change what is: controls, marks of direction, half characters."""


def visible(text: object) -> Markup:
    """Text for a page: escaped, isolated from the direction of the text around it, with what cannot be seen named.

    Args:
        text: anything; what models and people wrote is never trusted.
    """
    shown = _MARKED.sub(lambda found: f"\0{ord(found[0]):04X}\0", str(text).replace("\r\n", "\n"))
    escaped = re.sub("\0([0-9A-F]+)\0", _mark, str(escape(shown)))
    return Markup(f"<bdi>{escaped}</bdi>")  # noqa: S704  (escaped above)


def plain(text: object) -> str:
    """The same for places that hold no elements, such as titles."""
    return visible(text).striptags()


def _mark(found: re.Match[str]) -> str:
    return f'<span class="mark" title="{escape(unicodedata.name(chr(int(found[1], 16)), "control character"))}">U+{found[1]}</span>'


class Row(NamedTuple):
    """A row of a table of a page.

    Attributes:
        cells: from left to right; a single one is a heading that spans the table. An interval stands on a line of its own.
        gap: whether the row begins something new.
    """

    cells: tuple[str, ...]
    gap: bool


def table_rows(table: Table) -> list[Row]:
    """The rows of a table; those without a name, which hold the intervals of the row above, are put below its numbers."""
    rows: list[Row] = []
    gap = False
    for cells in table.rows:
        if len(cells) > 1 and not cells[0] and rows and len(rows[-1].cells) == len(cells):
            above = rows.pop()
            joined = (f"{upper}\n{lower}" if lower else upper for upper, lower in zip(above.cells, cells, strict=True))
            rows.append(Row(tuple(joined), above.gap))
        elif cells:
            rows.append(Row(cells, gap))
        gap = not cells
    return rows


def page(report: Report, packed: Packed, folder: str | None = None) -> str:
    """The HTML of a report.

    Args:
        report: what it says.
        packed: its transcripts.
        folder: name of the folder beside the page that holds the parts; None to carry them along.
    """
    environment = Environment(
        loader=PackageLoader("analysis"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["visible"] = visible
    environment.filters["plain"] = plain
    environment.filters["table_rows"] = table_rows
    loader = environment.loader
    assert loader is not None  # noqa: S101  (set above)
    style, *scripts = (
        loader.get_source(environment, name)[0] for name in ("report.css", "report.js", "report_conversations.js", "report_prompts.js")
    )
    script = "\n".join(['"use strict";', "(() => {", *scripts, "})();", ""])
    return environment.get_template("report.html").render(
        report=report,
        packed=packed,
        folder=folder,
        style=Markup(style),  # noqa: S704  (our own file)
        script=Markup(script),  # noqa: S704
        # Nothing is loaded and nothing runs but our own style and script, by their hashes; a folder adds scripts from the same disk.
        policy="default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; "
        f"style-src '{_digest(style)}'; script-src '{_digest(script)}'" + (" file:" if folder else ""),
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def replaceable(path: Path) -> None:
    """Refuses a place at which something other than an earlier report stands.

    Args:
        path: of the HTML file.

    Raises:
        InputError: there is something else.
        OSError: it cannot be read.
    """
    if path.is_file() and _begins(path, _MARK):
        return
    if path.exists() or path.is_symlink():
        raise InputError(f"{path}: is there already and is no earlier report, so it is not overwritten; give another --out, or remove it")


def write(report: Report, packed: Packed, path: Path, largest: int = LARGEST) -> list[Path]:
    """Writes a report; an earlier one stays as it was until the new one is whole.

    Args:
        report: what it says.
        packed: its transcripts.
        path: of the HTML file; an earlier report there is replaced.
        largest: see `LARGEST`.

    Returns:
        The page and, where the transcripts are larger than `largest` together, the folder with their parts.

    Raises:
        InputError: see `replaceable`; or the folder beside it holds something else.
        OSError: it cannot be written.
    """
    replaceable(path)
    beside = path.with_name(path.stem + "-data")
    apart = sum(map(len, packed.parts)) > largest
    if apart and not _parts_of_ours(beside) and (beside.exists() or beside.is_symlink()):
        raise InputError(f"{beside}: is there already and holds no parts of an earlier report; give another --out, or remove it")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".report.", dir=path.parent) as scratch:
            new, parts = Path(scratch) / "page", Path(scratch) / "data"
            new.write_text(page(report, packed, beside.name if apart else None), "utf-8", newline="\n")
            if apart:
                parts.mkdir()
                for i, part_text in enumerate(packed.parts):
                    (parts / f"part-{i}.js").write_text(f'vsSimPart({i},"{part_text}");\n', "ascii")
            if _parts_of_ours(beside):
                shutil.rmtree(beside)  # parts of an earlier report would be taken for this one's
            if apart:
                parts.rename(beside)
            new.replace(path)
    except OSError as error:  # of a file that nobody has heard of
        raise OSError(error.errno, error.strerror, str(path)) from None
    return [path, beside] if apart else [path]


def _parts_of_ours(folder: Path) -> bool:
    """Whether a folder holds what an earlier report put there, and nothing else."""
    if folder.is_symlink() or not folder.is_dir():
        return False
    inside = sorted(folder.iterdir())
    return bool(inside) and all(part.match("part-*.js") and part.is_file() and _begins(part, _PART) for part in inside)


def _begins(path: Path, mark: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(mark)) == mark
