"""Rows of the tables of a run of single prompts: askings, candidates, calls, prompts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from vs_sim.answer_match import Matcher
from vs_sim.errors import RunFolderError
from vs_sim.load_rows import Row, calls_of, candidate_rows, condition_cells, entropy, failure_cells, total
from vs_sim.prompt_file import Prompt
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.run_shape import first_problem
from vs_sim.store import RunFolder


def rows_of_prompts(folder: RunFolder, study: Mapping[str, Any]) -> dict[str, Iterable[Row]]:
    """Table -> its rows.

    Args:
        folder: a run of single prompts.
        study: of its manifest.

    Raises:
        RunFolderError: the folder is damaged.
    """
    prompts = _prompts(folder, study)
    records = folder.responses()
    planned = {spec.id: spec for spec in (*folder.planned_askings(), *(record.spec for record in records))}
    calls = list(calls_of(folder, records, "asking"))
    return {
        "askings": _askings(list(planned.values()), study, records, calls),
        "candidates": _candidates(records, prompts),
        "calls": calls,
        "prompts": map(_prompt, prompts),
    }


def _prompts(folder: RunFolder, study: Mapping[str, Any]) -> list[Prompt]:
    """The prompts as the manifest holds them."""
    try:
        return [Prompt.model_validate(one) for one in study["prompts"]]
    except ValidationError as error:
        raise RunFolderError(f"{folder.manifest_path}: a prompt is damaged: {first_problem(error)}") from None


def _askings(planned: Sequence[PromptSpec], study: Mapping[str, Any], records: Sequence[Responses], calls: Sequence[Row]) -> Iterator[Row]:
    conditions = {one["name"]: one for one in study["conditions"]}
    found = {record.spec.id: record for record in records}
    calls_of: dict[str, list[Row]] = {}
    for call in calls:
        calls_of.setdefault(call["asking"], []).append(call)
    for spec in planned:
        condition = conditions.get(spec.condition, {})
        mine = calls_of.get(spec.id, [])
        row = spec.model_dump()
        yield {
            "asking": row.pop("id"),
            **row,
            **condition_cells(condition),
            "calls_per_asking": condition.get("calls"),
            **{key: _sampling(condition, study, key) for key in ("temperature", "top_p")},
            **failure_cells(found.get(spec.id)),
            **_drawn(found.get(spec.id)),
            "n_calls": len(mine),
            **{key: total(mine, key) for key in ("prompt_tokens", "completion_tokens")},
        }


def _sampling(condition: Mapping[str, Any], study: Mapping[str, Any], key: str) -> float | None:
    value = study.get(key) if condition.get(key) is None else condition[key]
    return None if value == "default" else value


def _drawn(record: Responses | None) -> Row:
    """What was drawn; all of it is missing if the asking was not run, most of it if it failed."""
    d = None if record is None else record.distribution
    drawn = None if record is None else record.drawn
    return {
        "text": None if d is None or drawn is None else d.candidates[drawn].text,
        "drawn": drawn,
        "n_candidates": None if d is None else len(d.candidates),
        "entropy": None if d is None else entropy(d),
        "repairs": None if d is None else " ".join(d.repairs),
        "started": None if record is None else record.started,
        "seconds": None if record is None else record.seconds,
        "vs_sim": None if record is None else record.vs_sim,
    }


def _candidates(records: Sequence[Responses], prompts: Sequence[Prompt]) -> Iterator[Row]:
    match = {prompt.id: Matcher({answer.text: answer.also for answer in prompt.answers}) for prompt in prompts}
    for record in records:
        if record.distribution is None:
            continue
        gives = match.get(record.spec.prompt, Matcher({}))
        for row in candidate_rows(record.distribution, record.drawn):
            yield {"asking": record.spec.id, "answer": gives(row["text"]), **row}


def _prompt(prompt: Prompt) -> Row:
    answers = [answer.model_dump(mode="json", exclude_none=True) for answer in prompt.answers]
    return {
        "prompt": prompt.id,
        "text": prompt.text,
        "n_answers": len(answers),
        "answers": json.dumps(answers, ensure_ascii=False) if answers else None,
        "source": prompt.source,
    }
