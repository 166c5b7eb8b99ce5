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

Page = TypeVar("Page")


def coverage_figures(found: Sequence[Coverage], answers: Mapping[str, Mapping[str, float | None]]) -> dict[str, Drawing]:
    """Divergence, right answers found and precision; and, of prompts with few right answers, their distribution.

    Args:
        found: of one run, at least one.
        answers: prompt -> right answer -> its share of the reference; None where there is no reference.
    """
    from analysis.plots_coverage import answer_pages, answers_figure, figure, pages

    conditions = list(dict.fromkeys(one.condition for one in found))

    def draw_answers(page: Sequence[Coverage]) -> Figure:
        return answers_figure(page, answers[page[0].prompt], [conditions.index(one.condition) for one in page])

    caption = (
        "Divergence (KL) of the answers from the reference, share of the right answers found, and share of the replies that are right, "
        "with 95 % intervals over the askings; behind the rows, what as many independent draws from the reference score."
    )
    distribution = "Share that each right answer has among the drawn replies that give one, and its share of the reference (lines)."
    return {
        **numbered("coverage", pages(found), figure, caption),
        **numbered("answers", answer_pages(found, answers), draw_answers, distribution),
    }


def diversity_figures(found: Sequence[Diversity]) -> dict[str, Drawing]:
    """Diversity of every condition and model, with its ratio to the first condition."""
    from analysis.plots_diversity import figure, pages

    measures = list(dict.fromkeys(one.measure for one in found))
    caption = (
        "Mean distance of all pairs of replies to a prompt, with 95 % intervals over the askings; behind each panel, how many times as "
        "diverse as the first condition of the same model."
    )
    return numbered("diversity", pages(found), partial(figure, measures=measures), caption)


def numbered(name: str, pages: Sequence[Page], draw: Callable[[Page], Figure], caption: str) -> dict[str, Drawing]:
    """A figure for each page, numbered if there are several."""
    names = [name] if len(pages) == 1 else [f"{name}-{i}" for i in range(1, len(pages) + 1)]
    return {one: Drawing(partial(draw, page), caption) for one, page in zip(names, pages, strict=True)}
