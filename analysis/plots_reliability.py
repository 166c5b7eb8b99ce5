"""Figure of the stated probabilities of answers: what was computed is drawn; nothing is computed here but positions on the page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from analysis.numbers import cell
from analysis.plots import FONT, MAX_ARMS, SMALL, STYLES, WIDTH_INCHES, marker
from analysis.plots_probabilities import draw_reliability
from analysis.reliability import Reliability


def figure(found: Sequence[Reliability], note: str = "") -> Figure:
    """Share of right candidates against stated probability and, where prompts were asked directly too, share of the direct answers.

    Args:
        found: of one run, 1 to 8 conditions.
        note: small print at the foot, such as what the figure must not be read as.

    Raises:
        ValueError: if there is nothing to draw or there are more than 8 conditions.
    """
    if not 1 <= len(found) <= MAX_ARMS:
        raise ValueError(f"{len(found)} conditions to draw, expected 1 to {MAX_ARMS}: draw fewer in one figure")
    styles = {one.arm: style for one, style in zip(found, STYLES, strict=False)}
    again = [one.again for one in found if one.again is not None]
    says = "95 % intervals: exact at the number of questions in the bin (left)" + (", Wilson's over the replies (right)" if again else "")
    notes = [line for text in (f"{says}. Dashed: what is stated comes true.", note) if text for line in textwrap.wrap(text, 130)]
    small = 0.12 * len(notes)
    foot = 0.5 + small + 0.15 * len(found)
    height = 2.6 + foot
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    axes = result.subplots(1, 2 if again else 1, squeeze=False)[0]
    result.subplots_adjust(left=0.085, right=0.985, top=1 - 0.12 / height, bottom=(foot + 0.1) / height, wspace=0.24)
    draw_reliability(axes[0], found, styles)
    axes[0].set_ylabel("share that is right")
    if again:
        draw_reliability(axes[1], again, styles)
        axes[1].set_ylabel("share of direct replies")
    handles, labels = [], []
    for one in found:
        style = styles[one.arm]
        handles.append(Line2D([], [], linestyle=style.dashes, linewidth=1.3, color=style.color, **marker(style, 4.2)))
        ece = cell("share", one.ece, *(one.ece_interval or (None, None)))
        labels.append(f"{one.arm}, {_n(one.n_candidates, 'candidate')} of {_n(one.n_prompts, 'question')}, ECE {ece}")
    result.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(0.075, (0.04 + small) / height),
        frameon=False,
        fontsize=FONT - 0.5,
        handlelength=4.5,
        labelspacing=0.35,
        borderpad=0.1,
    )
    result.text(0.085, 0.05 / height, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25, parse_math=False)
    return result


def _n(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"
