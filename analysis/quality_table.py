"""Quality of replies and the agreement of their judge as a table for a terminal, and as tidy ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.latex import Table
from analysis.numbers import cell, share
from analysis.quality import Judged, Quality
from vs_sim.records import machinery_only, printable
from vs_sim.terminal import WIDTH, filled, shortened, wrapped

_NAME = 40


def render(found: Sequence[Judged]) -> str:
    """A block for each judge and rubric, a line for each condition and model; at most 100 columns wide."""
    lines: list[str] = []
    for one in found:
        lines += wrapped(printable(f"{_title(one)}, 0 to 1"), WIDTH)
        lines.append(f"{'':<{_NAME}}{'replies':>9}{'quality':>23}{'more than the first':>23}")
        for quality in one.qualities:
            name = filled(shortened(printable(_arm(quality)), _NAME), _NAME)
            own, more = _cells(quality)
            lines.append(f"{name}{quality.n_replies:>9}{own:>23}{more:>23}".rstrip())
        for note in (_agreement(one), *_notes(one)):
            lines += wrapped(printable(note), WIDTH, indent="  ")
        lines.append("")
    return "\n".join([*lines[:-1], *wrapped(_NOTE, WIDTH, indent="  ")])


def page_tables(found: Sequence[Judged]) -> list[Table]:
    """The same for a page."""
    rows: list[tuple[str, ...]] = []
    for one in found:
        rows += [(), (_title(one),)]
        rows += [(_arm(q), f"{q.n_prompts:,}", f"{q.n_replies:,}", *_cells(q)) for q in one.qualities]
    caption = "Quality of the replies, 0 to 1, as a judge model rated them, mean over the prompts, with 95 % intervals."
    columns = ("", "prompts", "replies", "quality", "more than the first")
    said = [f"{_title(one)}: {note}" for one in found for note in (_agreement(one), *_notes(one))]
    return [Table(name="quality", caption=caption, columns=columns, rows=tuple(rows[1:]), notes=(*said, _NOTE))]


def _title(one: Judged) -> str:
    return f"Quality by {one.judge} on the rubric {one.rubric} ({one.digest})"


def _arm(quality: Quality) -> str:
    return f"{quality.condition}, {quality.model}"


def _cells(quality: Quality) -> tuple[str, str]:
    """Quality, and how much more than the first condition; empty for the first."""
    own = cell("share", quality.mean, *(quality.interval or (None, None)))
    if quality.difference is None:
        return own, ""
    return own, cell("share", quality.difference, *(quality.difference_interval or (None, None)), signed=True)


_NOTE = (
    "Quality: mean of the criteria, 0 the lowest rating and 1 the highest; mean over the prompts of the mean of the replies to a prompt, "
    "equal texts as often as they occur. Intervals (95 %) are over the askings of each prompt. Alpha: Krippendorff's, interval level, its "
    "interval over the prompts; agreement of a judge with itself is no proof that it is right. Missing ratings are in no mean."
)


def _agreement(one: Judged) -> str:
    if one.n_repeats == 1:
        return f"{one.n_texts} different texts, each rated once: how far the judge agrees with itself is not known (--repeats 2)."
    alpha = cell("share", one.alpha.value, *(one.alpha.interval or (None, None)))
    return (
        f"Agreement over {one.n_repeats} repeats of {one.alpha.n_units} different texts: alpha {alpha}, mean absolute difference "
        f"{share(one.mean_difference)}."
    )


def _notes(one: Judged) -> list[str]:
    said = []
    if one.missing:
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(one.missing.items()))
        said.append(f"Missing: {sum(one.missing.values())} of {one.n_texts * one.n_repeats} ratings ({kinds}).")
    for quality in one.qualities:
        name = _arm(quality)
        if quality.n_replies < quality.n_chosen:
            said.append(f"{name}: {quality.n_chosen - quality.n_replies} of {quality.n_chosen} replies have no rating.")
        if quality.n_without:
            said.append(f"{name}: {quality.n_without} prompts have no rated reply and are left out.")
        if quality.n_single:
            said.append(f"{name}: {quality.n_single} prompts have a single asking, so that there is no interval.")
    own = sorted({quality.model for quality in one.qualities} & {one.judge})
    if machinery_only([one.judge]):
        said.append(f"{one.judge} is a small or scripted judge: its ratings show the machinery and are no evidence about quality.")
    return [*said, *(f"{model} judges replies of its own, which models tend to prefer." for model in own)]


def tidy(found: Sequence[Judged]) -> pd.DataFrame:
    """One row for each judge, rubric, condition and model, and one for each prompt and each criterion in it; missing is NaN.

    `prompt` and `criterion` are missing in the mean over all.
    """
    rows: list[dict[str, Any]] = []
    for one in found:
        for quality in one.qualities:
            row = quality.model_dump(exclude={"by_prompt", "by_criterion"})
            for name in ("interval", "difference_interval"):
                row |= _ends(name.removesuffix("interval"), row.pop(name))
            arm = {**_who(one), "condition": quality.condition, "model": quality.model}
            rows.append({"prompt": None, "criterion": None, **arm, **row})
            rows += [{"prompt": prompt, **arm, "mean": value} for prompt, value in quality.by_prompt.items()]
            rows += [{"criterion": name, **arm, "mean": value} for name, value in quality.by_criterion.items()]
    return pd.DataFrame(rows)


def tidy_agreement(found: Sequence[Judged]) -> pd.DataFrame:
    """One row for each judge and rubric: agreement over its repeats, and ratings that are missing; missing is NaN."""
    rows = []
    for one in found:
        counts = {key: getattr(one, key) for key in ("n_repeats", "n_texts", "n_ratings", "n_pairs", "mean_difference")}
        n_missing = sum(one.missing.values())
        rows.append({**_who(one), **counts, "n_missing": n_missing, "alpha": one.alpha.value, **_ends("alpha_", one.alpha.interval)})
    return pd.DataFrame(rows)


def _who(one: Judged) -> dict[str, str]:
    return {"judge": one.judge, "rubric": one.rubric, "rubric_digest": one.digest}


def _ends(name: str, interval: Sequence[float] | None) -> Mapping[str, float | None]:
    low, high = interval or (None, None)
    return {f"{name}low": low, f"{name}high": high}


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """A tidy table as CSV."""
    table.to_csv(path, index=False, lineterminator="\n")
