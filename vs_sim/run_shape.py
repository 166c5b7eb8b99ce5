"""What the files of a run folder must hold, whoever reads them: checked once, so that damage is a sentence and never a surprise later.

Further keys are let through: what a study may say grows, and each reader checks what it alone needs.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from vs_sim.records import Call, Record
from vs_sim.run_options import Price
from vs_sim.scenario import Scale

_Name = Annotated[str, Field(min_length=1)]


class _Named(BaseModel):
    name: _Name


class _Identified(BaseModel):
    id: _Name


class _Prompt(_Identified):
    text: _Name


class _Asking(_Identified):
    prompt: _Name
    condition: _Name
    model: _Name


class _Scenario(BaseModel):
    about: str
    humans: Literal["persuasionforgood"] | None = None
    scale: Scale
    prompts: dict[str, str]


class _Study(BaseModel):
    seed: Annotated[int, Field(strict=True, ge=0)]
    outcome: Literal["actual", "stated"]
    scenario: _Scenario
    persuader_model: _Name
    persuadee_models: Annotated[list[_Name], Field(min_length=1)]
    conditions: Annotated[list[_Named], Field(min_length=1)]
    rounds: Annotated[int, Field(strict=True, ge=1)]
    margins: dict[str, float] | None = None
    persuaders: list[_Identified] = []  # of people, a reference keeps them in files of their own
    persuadees: list[_Identified] = []


class _PromptStudy(BaseModel):
    kind: Literal["prompt"]
    seed: Annotated[int, Field(strict=True, ge=0)]
    models: Annotated[list[_Name], Field(min_length=1)]
    conditions: Annotated[list[_Named], Field(min_length=1)]
    prompts: Annotated[list[_Prompt], Field(min_length=1)]
    n_replies: Annotated[int, Field(strict=True, ge=1)]
    measures: list[str]


class _Run(BaseModel):
    prices: dict[str, Price] = {}
    cap_tokens: float | None = None
    cap_dollars: float | None = None


class _Start(BaseModel):
    at: str | None = None
    run: _Run = _Run()
    versions: dict[str, str | None] = {}
    git_commit: str | None = None
    shard: str | None = None
    n_planned: Annotated[int, Field(strict=True, ge=0)] | None = None  # unknown of older runs


class _Manifest(BaseModel):
    study: _Study
    conversations: list[_Identified]
    starts: list[_Start]
    prompts: dict[str, str] = {}


class _PromptManifest(_Manifest):
    study: _PromptStudy  # type: ignore[assignment]
    conversations: list[_Asking]  # type: ignore[assignment]
    prompts: dict[str, str]

    @model_validator(mode="after")
    def _plan_of_the_study(self) -> _PromptManifest:
        known = {
            "prompt": {one.id for one in self.study.prompts},
            "condition": {one.name for one in self.study.conditions},
            "model": set(self.study.models),
        }
        for i, asking in enumerate(self.conversations):
            for key, names in known.items():
                if (name := getattr(asking, key)) not in names:
                    raise ValueError(f"conversations.{i}.{key}: {name!r} is no {key} of the study")
        return self


class JournalAnswer(Record):
    """A row of the journal: a model's answer to the request with this digest."""

    conversation: str
    request: str
    call: Call


class JournalVoid(Record):
    """A row of the journal: the answers of this step's turn are asked for again."""

    conversation: str
    void: str


_ROW: TypeAdapter[JournalAnswer | JournalVoid] = TypeAdapter(
    Annotated[JournalAnswer | JournalVoid, Field(union_mode="left_to_right")]  # twice as fast: nearly all rows are answers
)


_ROWS = ("JournalAnswer", "JournalVoid")


class _Ended(BaseModel):
    spec: _Identified
    failure: Any


def read_json(text: str | bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def damage_of_manifest(data: dict[str, Any]) -> str | None:
    """What is wrong with a manifest, as ``"study.seed: input should be a valid integer"``; None if all that is read is there."""
    try:
        study = data.get("study")
        of_prompts = isinstance(study, dict) and study.get("kind") == "prompt"
        (_PromptManifest if of_prompts else _Manifest).model_validate(data)
    except ValidationError as error:
        return first_problem(error)
    return None


def read_row(line: bytes) -> JournalAnswer | JournalVoid:
    """A line of the journal.

    Raises:
        ValueError: a half sentence says what is wrong with it.
    """
    try:
        return _ROW.validate_json(line)
    except ValidationError:
        pass  # told below in words of one form for all readers
    try:
        row = read_json(line)
    except ValueError as error:
        raise ValueError(f"is no JSON ({error})") from None
    try:
        return _ROW.validate_python(row)
    except ValidationError as error:
        raise ValueError(f"is no row of a journal: {first_problem(error)}") from None


def ended(line: bytes) -> tuple[str, bool]:
    """A line of the transcripts: id of the conversation, and whether it is complete; what was said in it is not looked at.

    Raises:
        ValidationError: it is no transcript.
    """
    found = _Ended.model_validate_json(line)
    return found.spec.id, found.failure is None


def first_problem(error: ValidationError) -> str:
    """The first problem of a record as half a sentence: its key, and what was expected there."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("_") and part not in _ROWS)
    own = first["type"] == "value_error"
    said = str(first["ctx"]["error"]) if own else f"{first['msg'][0].lower()}{first['msg'][1:]}".partition(" or instance of ")[0]
    return f"{place}: {said}" if place else said
