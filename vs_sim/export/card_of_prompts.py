"""The data card of a run of single prompts: what differs from that of dialogues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from vs_sim.export.markdown import items, paragraphs, shown
from vs_sim.records import machinery_only

if TYPE_CHECKING:
    import pandas as pd

TITLE = "Replies of language models to single prompts"
TAGS = ("- synthetic", "- verbalized-sampling")
UNCHECKED = (
    "Texts of models are unchecked: they may be false, offensive, or contain markup, control characters and formulas.",
    "Failure messages may name the address of an endpoint; look before you publish.",
)
MACHINERY = "Small, embedded or scripted models show the machinery and are no evidence about the method."


def what(study: Mapping[str, Any]) -> str:
    """What the data are."""
    return paragraphs(
        "Language models were asked single prompts, each in several ways (conditions). Every reply is of a model, none of a person. Where "
        "a condition asks for several candidate replies, all are kept with their probabilities, and the one that was drawn is marked.",
        f"Measures that the study computes of them: {', '.join(map(shown, study['measures']))}. They are no part of these tables; vs-sim "
        "compare writes them from the run folder.",
    )


def counts(askings: pd.DataFrame) -> str:
    """What is there of each condition and model."""
    if askings.empty:
        return paragraphs("The plan holds no asking.")
    rows = ["| condition | model | planned | complete | failed | not run | candidates |", "|---|---|---|---|---|---|---|"]
    for (condition, model), group in askings.groupby(["condition", "model"], sort=False):
        numbers = [int((group["status"] == status).sum()) for status in ("complete", "failed", "not run")]
        cells = [shown(condition), shown(model), len(group), *numbers, int(group["n_candidates"].sum())]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    kinds = askings["failure_kind"].dropna().value_counts()
    why = f"Failed: {', '.join(f'{n} {shown(kind)}' for kind, n in kinds.items())}." if len(kinds) else ""
    note = (
        "What failed or was not run has no reply, which is no wrong answer: say how many it was. Of those that failed, vs-sim compare "
        "counts only refusals, and these only where it counts refusals."
    )
    return "\n".join(rows) + "\n\n" + paragraphs(f"{note} {why}")


def asked(study: Mapping[str, Any], returned: str) -> tuple[str, ...]:
    """How replies were asked for.

    Args:
        study: of the manifest.
        returned: the end of the sentence of the models: the names that providers returned.
    """
    own = any(condition.get(key) is not None for condition in study["conditions"] for key in ("temperature", "top_p"))
    return (
        f"Models: {', '.join(map(shown, study['models']))}{returned}",
        f"Temperature {study.get('temperature')}, top-p {study.get('top_p')}{', unless a condition says otherwise' if own else ''}; "
        f"{study['n_replies']} candidates wanted of each prompt, condition and model, from as many askings as that takes: an asking of a "
        "condition with k candidates counts as k, and where the model decides how many, as five.",
    )


def prompts(table: pd.DataFrame) -> str:
    """The prompts, and whose they and their right answers are."""
    n_answers = int((table["n_answers"] > 0).sum())
    sources = list(dict.fromkeys(map(shown, table["source"].dropna())))
    return paragraphs(
        f"Prompts: {len(table)}, of which {n_answers} have right answers, in the table prompts.",
        *([f"Sources of the answers, as the study names them: {'; '.join(sources)}."] if sources else []),
        "Who wrote the prompts is not stated: the author of the run must say.",
    )


def limits(study: Mapping[str, Any]) -> str:
    """What the data cannot show."""
    return items(
        "Candidates of one asking were written in view of each other: resample askings, or prompts, not candidates.",
        "A stated probability is what the model wrote, normalised; it is not how often the model replies so.",
        "Right answers are found in replies by rules (`vs_sim.answer_match`), which err at times; no match counts as none.",
        "Models may have been trained on prompts that are public, and on their answers.",
        *([MACHINERY] if machinery_only(study["models"]) else []),
        *UNCHECKED,
    )


def licence() -> str:
    """What is known of the licence."""
    return paragraphs(
        "Not stated: the author of the run must say. The terms of the models' providers may bind what can be done with their output, and "
        "the licence of the prompts' source what can be done with them."
    )
