"""Prompts as data: the file that a study of prompts asks from, and the right answers to them."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError, model_validator

from vs_sim.answer_match import normal
from vs_sim.entry_files import ANSWER, PROMPT, Entry, read_csv, read_entries
from vs_sim.errors import PromptError
from vs_sim.explain import expected, place
from vs_sim.records import Record


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError(f"{text!r} is blank, expected text")
    return text


Text = Annotated[str, Field(min_length=1), AfterValidator(_not_blank)]


class Answer(Record, allow_inf_nan=False):
    """A right answer to a prompt.

    Attributes:
        text: as it is shown in tables.
        also: other ways to say it.
        share: its share of the reference distribution, above 0 and at most 1; None where there is no reference.
    """

    text: Text
    also: tuple[str, ...] = ()
    share: float | None = Field(default=None, gt=0, le=1, strict=True)


class Prompt(Record):
    """One prompt.

    Attributes:
        id: 1 to 64 letters, digits, ".", "_" or "-".
        text: what the model is asked.
        answers: the right answers, if there are such; their shares, if given, sum to 1.
        source: where the answers and their shares come from.
    """

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    text: Text
    answers: tuple[Answer, ...] = ()
    source: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain_answers(cls, data: Any) -> Any:
        """Takes ``["Paris", "Lyon"]`` for answers without other ways to say them."""
        if not isinstance(data, dict) or not isinstance(data.get("answers"), list | tuple):
            return data
        return {**data, "answers": [{"text": one} if isinstance(one, str) else one for one in data["answers"]]}

    @model_validator(mode="after")
    def _distinct(self) -> Prompt:
        seen: dict[str, str] = {}
        for answer in self.answers:
            for way in (answer.text, *answer.also):
                if not (key := normal(way)):
                    raise ValueError(f"answers: nothing is left of {way!r} without its signs; write it in letters or digits")
                if seen.setdefault(key, answer.text) != answer.text:
                    raise ValueError(f"answers: {way!r} is a way to say {seen[key]!r} and {answer.text!r}; it can be one of them only")
        if len({answer.text for answer in self.answers}) < len(self.answers):
            raise ValueError("answers: one stands there twice; each may stand there once")
        shares = [answer.share for answer in self.answers]
        if any(share is None for share in shares) and any(share is not None for share in shares):
            raise ValueError("answers: some have a share and some have none; give all or none")
        known = [share for share in shares if share is not None]
        if known and not math.isclose(math.fsum(known), 1, rel_tol=1e-6):
            raise ValueError(f"answers: shares sum to {math.fsum(known):g}, expected 1")
        return self


def load_prompts(path: str | Path) -> tuple[Prompt, ...]:
    """The prompts of a file, in its order.

    Args:
        path: file in UTF-8, ending in ``.toml`` (tables ``[[prompt]]``), ``.jsonl`` (one object a line) or ``.csv`` (a header): id, text,
            and, where there are right answers, `answers`: a list of them, or the name of a CSV file beside this one with the columns
            answer, also (other ways to say it, between "|") and weight (of the reference distribution, in any unit); and `source`.
            CSV files with the columns of SimpleQA (problem, answer) or StrongReject (forbidden_prompt) are taken as they come; their
            prompts are called q0001, q0002 and so on, in the order of the file, and other columns are not looked at.

    Returns:
        At least one prompt; ids are unique.

    Raises:
        PromptError: a file cannot be read as written; the sentence names file and line.
    """
    path = Path(path)
    entries = read_entries(path, PROMPT, words={"id", "text", "answers", "source", *_PUBLIC, "answer"})
    if not entries:
        raise PromptError(f"{path}: the file holds no prompt, expected at least one; add one with id and text")
    if header := entries[0].header:
        entries = _checked_columns(path, header, entries)
    prompts: list[Prompt] = []
    used: dict[str, str] = {}
    for entry in entries:
        prompts.append(_prompt(path, entry))
        name, at = prompts[-1].id, entry.place("id")
        if name in used:
            raise PromptError(f"{path}, {at}: id {name!r} is used in {used[name]} too, expected unique ids; rename one of them")
        used[name] = at
    return tuple(prompts)


_PUBLIC = {"problem": "answer", "forbidden_prompt": None}
"""Column of the prompt -> column of its one right answer, as in the files of SimpleQA (arXiv 2411.04368) and StrongReject (2402.10260)."""


def _checked_columns(path: Path, header: str, entries: list[Entry]) -> list[Entry]:
    """The rows of a CSV file, all under our names; every row has every column."""
    columns = list(entries[0].data)
    if "text" not in columns:
        for column, answer in _PUBLIC.items():
            if column in columns and (answer is None or answer in columns):
                return [_public(path, n, entry, column, answer) for n, entry in enumerate(entries, 1)]
    if not {"id", "text"} <= {*columns} <= {*Prompt.model_fields}:
        raise PromptError(
            f"{path}, {header}: columns {columns!r}, expected id and text (and answers, source), or those of SimpleQA or StrongReject; "
            "correct the header"
        )
    return entries


def _public(path: Path, number: int, entry: Entry, column: str, answer: str | None) -> Entry:
    """A row of such a file as one of ours."""
    for name in filter(None, (column, answer)):
        if entry.data[name] is None:
            raise PromptError(f"{path}, {entry.begins}: the {name} is missing, expected one; add it, or remove the row")
    answers = {} if answer is None else {"answers": [entry.data[answer]]}
    return entry._replace(data={"id": f"q{number:04}", "text": entry.data[column], **answers})


def _prompt(path: Path, entry: Entry) -> Prompt:
    data = {key: value for key, value in entry.data.items() if value is not None or key not in Prompt.model_fields}
    if isinstance(data.get("answers"), str):
        data["answers"] = _answers(path, entry, data["answers"])
    try:
        return Prompt.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = place(first["loc"])
        # What is wrong with a whole prompt is said of its answers.
        at = f"{path}, {entry.place(str(first['loc'][0]) if first['loc'] else 'answers')}"
        if first["type"] == "missing":
            raise PromptError(f"{at}: the {key} is missing, expected one; add it") from None
        if first["type"] == "extra_forbidden":
            known = "id, text, answers or source" if len(first["loc"]) == 1 else "text, also or share"
            raise PromptError(f"{at}: unknown key {key!r}, expected {known}; rename or remove it") from None
        if first["type"] == "value_error":
            raise PromptError(f"{at}: {key}{': ' * bool(key)}{first['ctx']['error']}") from None
        raise PromptError(f"{at}: {key} is {str(first['input'])[:80]!r}: {expected(first)}") from None


def _answers(prompts: Path, entry: Entry, name: str) -> list[dict[str, Any]]:
    """The answers of the CSV file that a prompt names."""
    path = prompts.parent / name
    if not os.path.isfile(path):  # unlike that of Path, False for a name that no file can have
        text = entry.header or name.lower().endswith(".csv")
        advice = (
            "correct the name or add the file" if text else f"write [{json.dumps(name[:80], ensure_ascii=False)}] for the answer itself"
        )
        raise PromptError(
            f"{prompts}, {entry.place('answers')}: answers is {name[:80]!r}: a text names a CSV file beside this one, and there is none of "
            f"that name; {advice}"
        )
    rows = read_csv(path, ANSWER, words={"answer", "also", "weight"})
    if not rows:
        raise PromptError(f"{path}: the file holds no answer, expected at least one below the header; add one")
    columns = list(rows[0].data)
    if "answer" not in columns or not {*columns} <= {"answer", "also", "weight"}:
        raise PromptError(f"{path}, {rows[0].header}: columns {columns!r}, expected answer, and also or weight; correct the header")
    weights = [_weight(path, row) for row in rows]
    try:
        total = math.fsum(weight for weight in weights if weight is not None)
    except OverflowError:
        raise PromptError(f"{path}: the weights sum to more than a number can hold; give them in a larger unit") from None
    found: list[dict[str, Any]] = []
    for row, weight in zip(rows, weights, strict=True):
        if row.data["answer"] is None:
            raise PromptError(f"{path}, {row.begins}: the answer is missing, expected one; add it, or remove the row")
        share = None if weight is None else weight / total
        if share == 0:
            raise PromptError(f"{path}, {row.begins}: weight is {weight!r}, which is no share of {total!r}; leave the answer out")
        also = [way.strip() for way in (row.data.get("also") or "").split("|") if way.strip()]
        found.append({"text": row.data["answer"], "also": also, "share": share})
    return found


def _weight(path: Path, row: Entry) -> float | None:
    if (cell := row.data.get("weight")) is None:
        return None
    try:
        weight = float(cell)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise PromptError(f"{path}, {row.begins}: weight is {cell!r}, expected a number above 0; an answer that never occurs is left out")
    return weight
