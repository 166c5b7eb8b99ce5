"""Figures as files and as pictures that stand in a page by themselves; the same bytes for the same figure."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Text

from vs_sim.records import Record

GREY = "-grey.png"
_UNDATED: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}
_SALT = "vs-sim"
"""Gives the parts of an SVG the same ids each time."""


class Picture(Record):
    """A figure of a page.

    Attributes:
        title: what it shows.
        uri: the SVG as a data URI; as an image it can neither run nor load anything.
        alt: the same in words, for those who cannot see it.
        width, height: in points.
    """

    title: str
    uri: str
    alt: str
    width: int
    height: int


def save(figure: Figure, path_without_suffix: Path, ends: Sequence[str] = (".png", ".pdf"), *, dpi: int = 200) -> tuple[Path, ...]:
    """Writes a figure; letters that its font does not have become squares.

    Args:
        figure: as it was drawn.
        path_without_suffix: where to.
        ends: what follows it, a file each: ".png", ".pdf" (fonts embedded), ".svg", or `GREY`, the luminance of the PNG before it.
        dpi: dots an inch of a PNG.

    Returns:
        The paths of the files.
    """
    _drawable(figure)
    paths = {end: path_without_suffix.with_name(path_without_suffix.name + end) for end in ends}
    for end, path in paths.items():
        if end == GREY:
            from PIL import Image

            with Image.open(paths[".png"]) as image:
                image.convert("L").save(path, dpi=(dpi, dpi))
        else:
            with rc_context({"pdf.fonttype": 42, "svg.hashsalt": _SALT}):  # TrueType, which journals ask for, instead of Type 3
                figure.savefig(path, dpi=dpi, metadata=_UNDATED[end[1:]])
    return tuple(paths.values())


def as_picture(title: str, figure: Figure, alt: str) -> Picture:
    """A figure as a picture.

    Letters are drawn as outlines, so that the picture looks the same where our fonts are not installed.
    """
    _drawable(figure)
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": _SALT}):
        figure.savefig(file, format="svg", metadata=_UNDATED["svg"])
    width, height = figure.get_size_inches()
    return Picture(
        title=title,
        uri="data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode(),
        alt=alt,
        width=round(width * 72),
        height=round(height * 72),
    )


def _drawable(figure: Figure) -> None:
    """Shows a square for every letter of a name that the font does not have; the tables have its number."""
    known = get_font(findfont(FontProperties())).get_charmap()

    def shown(text: Text) -> str:
        return "".join(c if c == "\n" or ord(c) in known else "\N{WHITE SQUARE}" for c in text.get_text())

    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        labels = axis.get_ticklabels()
        if any(shown(label) != label.get_text() for label in labels):
            axis.set_ticklabels([shown(label) for label in labels])  # an axis writes its labels anew whenever it is drawn
    for text in figure.findobj(Text):
        if isinstance(text, Text):
            text.set_text(shown(text))
