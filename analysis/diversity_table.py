"""Diversity of replies as a table for a terminal, and as a tidy one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.diversity import Diversity
from analysis.latex import Table
from analysis.numbers import cell
from vs_sim.records import printable
from vs_sim.terminal import WIDTH, filled, shortened, wrapped

_NAME = 44
_TITLES = {"meaning": "Diversity of meaning (1 - mean cosine)", "words": "Diversity of words (1 - mean ROUGE-L)"}


def render(found: Sequence[Diversity], notes: Sequence[str] = ()) -> str:
    """A block for each measure, the conditions of each model below its name; at most 100 columns wide."""
    lines: list[str] = []
    for measure in dict.fromkeys(one.measure for one in found):
        lines += ["", f"{filled(_TITLES[measure], _NAME)}{'replies':>9}{'diversity':>23}{'times the first':>23}"]
        of = [one for one in found if one.measure == measure]
        for model in dict.fromkeys(one.model for one in of):
            lines.append(shortened(printable(model), WIDTH))
            for one in (one for one in of if one.model == model):
                own, ratio = _cells(one)
                name = filled(shortened(printable(one.condition), _NAME - 2), _NAME - 2)
                lines.append(f"  {name}{one.n_replies:>9}{own:>23}{ratio:>23}".rstrip())
    for note in (*_notes(found), *notes):
        lines += wrapped(printable(note), WIDTH, indent="  ")
    return "\n".join(lines).lstrip("\n")


_NOTE = (
    "Mean over the prompts of the mean distance of all pairs of replies to a prompt; 0: all the same. Intervals (95 %) are over the "
    "askings of each prompt; none where these are fewer than three more than prompts. times the first: the ratio to the first condition of "
    "the same model."
)


def _cells(one: Diversity) -> tuple[str, str]:
    """Mean and ratio with their intervals; the first condition has no ratio."""
    ratio = "" if one.ratio is None else cell("times", one.ratio, *(one.ratio_interval or (None, None)))
    return cell("share", one.mean, *(one.interval or (None, None))), ratio


def _notes(found: Sequence[Diversity]) -> list[str]:
    said = [_NOTE]
    for one in (one for one in found if one.measure == found[0].measure):
        if one.n_askings < one.n_planned:
            said.append(f"Missing, {one.condition}, {one.model}: {one.n_planned - one.n_askings} of {one.n_planned} askings.")
        if one.n_without:
            said.append(f"{one.condition}, {one.model}: {one.n_without} prompts have fewer than two replies and are left out.")
    return said


def page_tables(found: Sequence[Diversity]) -> list[Table]:
    """The same for a page."""
    rows: list[tuple[str, ...]] = []
    for measure, model in dict.fromkeys((one.measure, one.model) for one in found):
        rows += [(), (f"{_TITLES[measure]}, {model}",)]
        own = (one for one in found if (one.measure, one.model) == (measure, model))
        rows += [(one.condition, f"{one.n_prompts:,}", f"{one.n_replies}", *_cells(one)) for one in own]
    caption = "How different the replies to a prompt are, mean over the prompts, with 95 % intervals."
    columns = ("", "prompts", "replies", "diversity", "times the first")
    return [Table(name="diversity", caption=caption, columns=columns, rows=tuple(rows[1:]), notes=tuple(_notes(found)))]


def tidy(found: Sequence[Diversity]) -> pd.DataFrame:
    """One row for each measure, condition and model and for each prompt in it (`prompt` is missing in the mean); missing is NaN."""
    rows = []
    for one in found:
        row = one.model_dump(exclude={"by_prompt"})
        for name in ("interval", "ratio_interval"):
            low, high = row.pop(name) or (None, None)
            row |= {f"{name.removesuffix('interval')}low": low, f"{name.removesuffix('interval')}high": high}
        rows.append({"prompt": None, **row})
        arm = {key: row[key] for key in ("measure", "condition", "model")}
        rows += [{"prompt": prompt, **arm, "mean": value} for prompt, value in one.by_prompt.items()]
    return pd.DataFrame(rows)


def write_csv(found: Sequence[Diversity], path: Path) -> None:
    """The tidy table as CSV."""
    tidy(found).to_csv(path, index=False, lineterminator="\n")
