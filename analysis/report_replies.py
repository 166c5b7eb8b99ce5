"""Replies to single prompts as a reader of a report needs them: an index to choose from, and packed parts, opened when looked at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from analysis.diversity import Diversity
from analysis.numbers import share
from analysis.report_transcripts import Packed, drawn_shown, packed, packed_json
from vs_sim.condition import VERBALIZED
from vs_sim.prompt_records import PromptSpec, Responses

PART = 500_000
"""Characters of replies from which a part is full: little enough to open at once, enough to pack well."""

SEARCHED = 2_000
"""Characters of a prompt that the index holds, to be searched."""

Marks = Callable[[str, str], list[str | None]]
"""(prompt, reply) -> what the study's measures say of it, such as the right answer that it gives; None: it gives none."""


@dataclass(frozen=True)
class Asked:
    """The replies of one run of prompts.

    Attributes:
        name: of the run folder.
        study: as in the manifest.
        planned: every asking of the plan.
        records: those that ended.
        distances: how different the replies to each prompt are.
        marks: what the measures say of a reply.
    """

    name: str
    study: Mapping[str, Any]
    planned: Sequence[PromptSpec]
    records: Sequence[Responses]
    distances: Sequence[Diversity]
    marks: Marks


def with_replies(conversations: Packed, runs: Sequence[Asked]) -> Packed:
    """The same conversations, with all replies to the prompts of some runs behind them, missing ones included."""
    parts = list(conversations.parts)
    rows: list[dict[str, Any]] = []
    waiting: list[str] = []
    for at, run in enumerate(runs):
        arms = _arms(run)
        distances = {(d.measure, d.condition, d.model): d.by_prompt for d in run.distances}
        measures = list(dict.fromkeys(d.measure for d in run.distances))
        asked = _by_prompt(run)
        for prompt in run.study["prompts"]:
            columns = [_column(asked.get((prompt["id"], *arm), []), prompt["id"], run.marks) for arm in arms]
            rows.append(
                {
                    "run": at,
                    "id": prompt["id"],
                    "text": prompt["text"][:SEARCHED],
                    "part": len(parts),
                    "place": len(waiting),
                    "replies": [sum(of["n_given"] for one in column["askings"] for of in one.get("candidates", ())) for column in columns],
                    "missing": [column["not_run"] + sum("failure" in one for one in column["askings"]) for column in columns],
                    "distances": [[share(distances.get((name, *arm), {}).get(prompt["id"])) for arm in arms] for name in measures],
                }
            )
            waiting.append(_json({"text": prompt["text"], **_answers(prompt), "columns": columns}))
            if sum(map(len, waiting)) >= PART:
                parts.append(packed_json(f"[{','.join(waiting)}]"))
                waiting = []
    if waiting:
        parts.append(packed_json(f"[{','.join(waiting)}]"))
    return replace(
        conversations, parts=tuple(parts), prompts=packed({"runs": [_about(run) for run in runs], "rows": rows}), n_prompts=len(rows)
    )


def _json(data: object) -> str:
    return json.dumps(data, separators=(",", ":"))


def _arms(run: Asked) -> list[tuple[str, str]]:
    return list(dict.fromkeys(spec.arm for spec in run.planned))


def _about(run: Asked) -> dict[str, Any]:
    conditions = {one["name"]: one for one in run.study["conditions"]}
    arms = []
    for condition, model in _arms(run):
        one = conditions[condition]
        arms.append({"condition": condition, "model": model, "method": one["method"], "stated": one["method"] in VERBALIZED})
    return {"name": run.name, "arms": arms, "measures": list(dict.fromkeys(d.measure for d in run.distances))}


def _by_prompt(run: Asked) -> dict[tuple[str, str, str], list[tuple[PromptSpec, Responses | None]]]:
    """(prompt, condition, model) -> its askings in their order, with their ends."""
    ended = {record.spec.id: record for record in run.records}
    found: dict[tuple[str, str, str], list[tuple[PromptSpec, Responses | None]]] = {}
    for spec in run.planned:
        found.setdefault((spec.prompt, *spec.arm), []).append((spec, ended.get(spec.id)))
    return {key: sorted(askings, key=lambda one: one[0].replicate) for key, askings in found.items()}


def _answers(prompt: Mapping[str, Any]) -> dict[str, Any]:
    answers = [one["text"] for one in prompt.get("answers") or ()]
    return {"answers": answers, "source": prompt.get("source")}


def _column(askings: Sequence[tuple[PromptSpec, Responses | None]], prompt: str, marks: Marks) -> dict[str, Any]:
    """The askings of a prompt in one condition and model."""
    shown = []
    for spec, record in askings:
        if record is None:
            continue
        one: dict[str, Any] = {"number": spec.replicate + 1, "id": spec.id}
        if record.failure is not None:
            one["failure"] = record.failure.model_dump(mode="json")
        if record.distribution is not None:
            one |= drawn_shown(record.distribution, record.drawn, str)
            for candidate, of in zip(one["candidates"], record.distribution.candidates, strict=True):
                candidate["marks"] = marks(prompt, of.text)
        shown.append(one)
    return {"askings": shown, "n": len(askings), "not_run": sum(record is None for _, record in askings)}
