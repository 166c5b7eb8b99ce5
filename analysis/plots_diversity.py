"""Figure of diversity: every condition and model with its interval, and how many times as diverse as the first it is."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from analysis.diversity import Diversity
from analysis.numbers import cell
from analysis.plots import STYLES
from analysis.plots_rows import Block, Dot, Row, page_blocks
from analysis.plots_rows import figure as rows_figure

TITLES = {"meaning": "diversity of meaning", "words": "diversity of words"}


def pages(found: Sequence[Diversity]) -> list[list[Block]]:
    """What stands on each page: a block for each model, a panel for each measure, with the same axis for all models."""
    measures = list(dict.fromkeys(one.measure for one in found))
    conditions = list(dict.fromkeys(one.condition for one in found))
    ends = tuple(_end([one for one in found if one.measure == measure]) for measure in measures)
    blocks = []
    for model in dict.fromkeys(one.model for one in found):
        own = {(one.condition, one.measure): one for one in found if one.model == model}
        rows = []
        for condition in dict.fromkeys(condition for condition, _ in own):
            group = [own[condition, measure] for measure in measures]
            style = STYLES[conditions.index(condition) % len(STYLES)]
            rows.append(Row(condition, style, str(group[0].n_replies), tuple(_dot(one) for one in group)))
        blocks.append(Block(model, rows, ends))
    return page_blocks(blocks)


def figure(blocks: Sequence[Block], measures: Sequence[str], note: str = "") -> Figure:
    """One page: a panel for each measure.

    Args:
        blocks: see `pages`.
        measures: names of the measures, in the order of the panels.
        note: small print at the foot, such as what the figure must not be read as.
    """
    says = (
        "Behind each name: replies. Mean distance of all pairs of replies to a prompt, over the prompts; intervals are over the askings. "
        "Behind each panel: how many times as diverse as the first condition of the same model."
    )
    return rows_figure(blocks, [TITLES[measure] for measure in measures], [says, note])


def _dot(one: Diversity) -> Dot:
    ratio = "" if one.ratio is None else cell("times", one.ratio, *(one.ratio_interval or (None, None)))
    low, high = one.interval or (None, None)
    return Dot(one.mean, low, high, text=ratio)


def _end(found: Sequence[Diversity]) -> float:
    known = [value for one in found for value in (one.mean, one.interval and one.interval.high) if value is not None]
    return max([0.1, *(value * 1.06 for value in known)])
