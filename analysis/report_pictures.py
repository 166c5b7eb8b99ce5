"""Figures as pictures that stand in a page by themselves: drawn as SVG, carried along as data URIs."""

from __future__ import annotations

import base64
import io

from matplotlib import rc_context
from matplotlib.figure import Figure

from vs_sim.records import Record


class Picture(Record):
    """A figure of a report.

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


def picture(title: str, figure: Figure, alt: str) -> Picture:
    """A drawn figure as a picture, the same bytes for the same figure.

    Letters are drawn as outlines, so that the picture looks the same where our fonts are not installed.
    """
    file = io.BytesIO()
    with rc_context({"svg.fonttype": "path", "svg.hashsalt": "vs_sim"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    width, height = figure.get_size_inches()
    return Picture(
        title=title,
        uri="data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode(),
        alt=alt,
        width=round(width * 72),
        height=round(height * 72),
    )
