"""Figures of coverage: divergence, right answers found and precision of every condition; and which answers it gives."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from analysis.coverage import Coverage
from analysis.numbers import share
from analysis.plots import FONT, HUMAN_EDGE, SMALL, STYLES, WIDTH_INCHES, plain
from analysis.plots_rows import MOST_CHARACTERS, Block, Dot, Row, page_blocks, tick
from analysis.plots_rows import figure as rows_figure
from vs_sim.terminal import shortened

MOST_ANSWERS = 30
"""Right answers of a prompt up to which their distribution is drawn."""
MOST_PANELS = 6
_FEW_ANSWERS = 8
_NARROW_CHARACTERS = 54
"""Right answers, and characters above each, up to which two conditions stand side by side."""


def pages(found: Sequence[Coverage], references: Collection[str]) -> list[list[Block]]:
    """What stands on each page: a block for each prompt and model; the models of a prompt have the same axis of KL.

    Args:
        found: of one run.
        references: the prompts that have a reference.
    """
    with_kl = any(one.prompt in references for one in found)
    conditions = list(dict.fromkeys(one.condition for one in found))
    ends: dict[str, float] = {}
    for one in found:
        known = (one.kl, one.kl_interval and one.kl_interval.high, one.kl_floor and one.kl_floor.q95)
        ends[one.prompt] = max([ends.get(one.prompt, 0.0), *(value * 1.06 for value in known if value is not None)])
    blocks = []
    for (prompt, model), group in groupby(found, key=lambda one: (one.prompt, one.model)):
        rows = [_row(one, conditions.index(one.condition), with_kl) for one in group]
        kl_end = ((ends[prompt] or 1.0) if prompt in references else None,) if with_kl else ()
        blocks.append(Block(f"{prompt}, {model}", rows, (*kl_end, 1.0, 1.0), absent="no reference"))
    return page_blocks(blocks)


def figure(blocks: Sequence[Block], note: str = "") -> Figure:
    """One page: the divergence from the reference beside that of as many independent draws, right answers found, share that is right.

    Args:
        blocks: see `pages`.
        note: small print at the foot, such as what the figure must not be read as.
    """
    with_kl = len(blocks[0].ends) == 3
    titles = [*(["KL from the reference, nats"] if with_kl else []), "share of the right answers found", "replies that are right"]
    says = "Behind each name: replies. Intervals are over the askings. As many independent draws: from "
    says += "the reference, or from equal shares where there is none." if with_kl else "equal shares of the right answers."
    return rows_figure(blocks, titles, [says, note], mark="as many independent draws, mean", up_to="95 % of them")


def _row(one: Coverage, number: int, with_kl: bool) -> Row:
    floor = one.kl_floor
    kl = Dot(one.kl, *(one.kl_interval or (None, None)), *((floor.mean, floor.q95) if floor else ()))
    low, high = (end / one.n_answers for end in one.n_found_interval) if one.n_found_interval else (None, None)
    by_chance = None if one.n_found_by_chance is None else one.n_found_by_chance / one.n_answers
    text = "" if one.n_found is None else f"{one.n_found} of {one.n_answers}"
    found = Dot(one.found_share, low, high, mark=by_chance, text=text)
    right = Dot(one.precision, *(one.precision_interval or (None, None)))
    return Row(one.condition, STYLES[number % len(STYLES)], str(one.n_replies), (*([kl] if with_kl else []), found, right))


def answer_pages(found: Sequence[Coverage], answers: Mapping[str, Mapping[str, float | None]]) -> list[list[Coverage]]:
    """What stands on each page: the conditions of one prompt and model, of prompts with few enough right answers to be shown."""
    parts = []
    for (prompt, _), group in groupby(found, key=lambda one: (one.prompt, one.model)):
        some = [one for one in group if one.shares]
        if 1 < len(answers[prompt]) <= MOST_ANSWERS:
            size = MOST_PANELS * _columns(some, answers[prompt])
            parts += [some[i : i + size] for i in range(0, len(some), size)]
    return parts


def answers_figure(found: Sequence[Coverage], answers: Mapping[str, float | None], styles: Sequence[int], note: str = "") -> Figure:
    """The distribution that a drawn reply has over the right answers, a panel for each condition, beside the reference.

    Args:
        found: of one prompt and model, with replies that give a right answer; see `answer_pages`.
        answers: right answer -> its share of the reference; None where there is no reference. The most frequent are drawn first.
        styles: number of each condition among all of the run, so that it looks the same on every page.
        note: small print at the foot, such as what the figure must not be read as.
    """
    names = sorted(answers, key=lambda name: -(answers[name] or 0.0))
    columns = _columns(found, answers)
    n_rows = -(-len(found) // columns)
    long = max(map(len, map(_short, names)))
    sideways = len(names) > _FEW_ANSWERS or long > 6
    below = 0.12 + (0.055 * long if sideways else 0.12)
    notes = textwrap.wrap(note, 130)
    small = 0.05 + 0.12 * len(notes) if notes else 0.0
    panel, foot, head = 1.0, below + 0.36 + small, 0.36
    height = head + n_rows * (panel + 0.28) + foot - 0.28
    result = Figure(figsize=(WIDTH_INCHES, height))
    FigureCanvasAgg(result)
    reference = [answers[name] or 0.0 for name in names]
    known = any(reference)
    most = max([*reference, *(value for one in found for value in one.shares.values())]) * 1.05
    left, gap = 0.48, 0.42
    width = (WIDTH_INCHES - 0.08 - left - gap * (columns - 1)) / columns
    for i, (one, style) in enumerate(zip(found, styles, strict=True)):
        row, column = divmod(i, columns)
        y = height - head - row * (panel + 0.28) - panel
        ax = result.add_axes(((left + column * (width + gap)) / WIDTH_INCHES, y / height, width / WIDTH_INCHES, panel / height))
        look = STYLES[style % len(STYLES)]
        ax.bar(range(len(names)), [one.shares.get(name, 0.0) for name in names], width=0.72, color=look.color, alpha=0.85, zorder=2)
        if known:
            ax.hlines(
                reference, [x - 0.45 for x in range(len(names))], [x + 0.45 for x in range(len(names))], color=HUMAN_EDGE, lw=1.3, zorder=3
            )
        lowest = i + columns >= len(found)
        ax.set_xticks(range(len(names)), [_short(name) for name in names] if lowest else [""] * len(names), rotation=90 if sideways else 0)
        ax.set_xlim(-0.6, len(names) - 0.4)
        ax.set_ylim(0, most)
        plain(ax)
        ax.tick_params(axis="x", labelsize=SMALL, length=2)
        ax.tick_params(axis="y", labelsize=SMALL)
        ax.yaxis.set_major_formatter(FuncFormatter(lambda y, _: tick(y)))
        ax.set_title(_title(one), fontsize=FONT - 1, loc="left", pad=3, parse_math=False)
        for label in ax.get_xticklabels():
            label.set_parse_math(False)
    first = found[0]
    result.text(
        0.06 / WIDTH_INCHES,
        1 - 0.1 / height,
        shortened(f"{first.prompt}, {first.model}", MOST_CHARACTERS),
        va="center",
        fontsize=FONT - 1,
        fontweight="bold",
        parse_math=False,
    )
    handles: list[Patch | Line2D] = [Patch(facecolor="#7f7f7f", alpha=0.85, linewidth=0)]
    keys = ["share among right answers, as a reply is drawn"]
    if known:
        handles.append(Line2D([], [], color=HUMAN_EDGE, lw=1.3))
        keys.append("reference")
    result.legend(
        handles,
        keys,
        loc="lower left",
        bbox_to_anchor=(0.0, (0.03 + small) / height),
        ncols=2,
        frameon=False,
        fontsize=SMALL,
        borderpad=0.1,
    )
    if notes:
        at = (0.06 / WIDTH_INCHES, 0.05 / height)
        result.text(*at, "\n".join(notes), fontsize=SMALL, color="#595959", va="bottom", linespacing=1.25, parse_math=False)
    return result


def _columns(found: Sequence[Coverage], answers: Mapping[str, float | None]) -> int:
    """Two conditions stand side by side where there is room for their bars and for what stands above them."""
    narrow = len(answers) <= _FEW_ANSWERS and max((len(_title(one)) for one in found), default=0) <= _NARROW_CHARACTERS
    return 2 if narrow and len(found) > 1 else 1


def _title(one: Coverage) -> str:
    kl = "" if one.kl is None else f", KL {share(one.kl)}"
    return f"{one.condition}: {one.n_replies} replies, right {share(one.precision)}{kl}"


def _short(name: str) -> str:
    return name if len(name) <= 18 else f"{name[:17]}…"
