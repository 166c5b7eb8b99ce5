"""The figures of a run of prompts: what was computed of it -> names of files, figures and captions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from vs_sim.commands.measures import Drawing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.coverage import Coverage
    from analysis.diversity import Diversity
    from analysis.plots_rows import Block

Page = TypeVar("Page")


def coverage_figures(found: Sequence[Coverage], answers: Mapping[str, Mapping[str, float | None]], note: str) -> dict[str, Drawing]:
    """Divergence, right answers found and precision; and, of prompts with few right answers, their distribution.

    Args:
        found: of one run, at least one.
        answers: prompt -> right answer -> its share of the reference; None where there is no reference.
        note: small print of every figure, such as what it must not be read as.
    """
    from analysis.plots_coverage import answer_pages, answers_figure, figure, pages

    conditions = list(dict.fromkeys(one.condition for one in found))

    references = {prompt for prompt, shares in answers.items() if any(share is not None for share in shares.values())}

    def draw_answers(page: Sequence[Coverage], note: str) -> Figure:
        return answers_figure(page, answers[page[0].prompt], [conditions.index(one.condition) for one in page], note)

    def caption(blocks: Sequence[Block]) -> str:
        with_kl = any(len(block.ends) == 3 and block.ends[0] is not None for block in blocks)
        begins = "Divergence (KL) of the answers from the reference, share" if with_kl else "Share"
        draws = "from the reference (from equal shares where there is none)" if with_kl else "from equal shares of the right answers"
        return (
            f"{begins} of the right answers found, and share of the replies that are right, with {_intervals(blocks)}; behind the rows, "
            f"what as many independent draws {draws} score."
        )

    def distribution(page: Sequence[Coverage]) -> str:
        shown = "Share of each right answer among the right answers, as a reply is drawn"
        return f"{shown}, and its share of the reference (lines)." if page[0].prompt in references else f"{shown}."

    return {
        **numbered("coverage", pages(found, references), figure, caption, note),
        **numbered("answers", answer_pages(found, answers), draw_answers, distribution, note),
    }


def diversity_figures(found: Sequence[Diversity], note: str) -> dict[str, Drawing]:
    """Diversity of every condition and model, with its ratio to the first condition; `note` is small print of every figure."""
    from analysis.plots_diversity import figure, pages

    measures = list(dict.fromkeys(one.measure for one in found))

    def caption(blocks: Sequence[Block]) -> str:
        return (
            f"Mean distance of all pairs of replies to a prompt, with {_intervals(blocks)}; behind each panel, how many times as diverse "
            "as the first condition of the same model."
        )

    return numbered("diversity", pages(found), partial(figure, measures=measures), caption, note)


def _intervals(blocks: Sequence[Block]) -> str:
    from analysis.plots_rows import said_intervals

    return said_intervals([dot.low is not None for block in blocks for row in block.rows for dot in row.dots if dot.value is not None])


def numbered(
    name: str, pages: Sequence[Page], draw: Callable[..., Figure], caption: Callable[[Page], str], note: str
) -> dict[str, Drawing]:
    """A figure for each page, numbered if there are several.

    Args:
        name: of the file.
        pages: what stands on each.
        draw: takes a page and its `note`.
        caption: of a page.
        note: small print of every figure.
    """
    names = [name] if len(pages) == 1 else [f"{name}-{i}" for i in range(1, len(pages) + 1)]
    return {one: Drawing(partial(draw, page, note=note), caption(page)) for one, page in zip(names, pages, strict=True)}
