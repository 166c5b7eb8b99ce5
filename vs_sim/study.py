"""study.toml -> Study: every check that needs no model. `load_study` is the only reader of study files."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, ValidationInfo, field_validator, model_validator

from vs_sim.condition import Condition, Sampling, sampling_in_range
from vs_sim.errors import StudyError
from vs_sim.explain import explain
from vs_sim.personas import Persona, load_personas
from vs_sim.records import ConversationSpec, Record
from vs_sim.run_options import RunOptions
from vs_sim.scenario import DEFAULT, Scenario, load_scenario
from vs_sim.sweep import with_sweeps
from vs_sim.toml_file import read_toml

ModelName = Annotated[str, Field(pattern=r"^[a-z0-9_]+:[^\s\p{Cc}\p{Cf}\p{Zl}\p{Zp}][^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]*$")]
"""``"provider:model"`` without control characters: it is printed, and a terminal would obey them."""
_MODEL_NAME: TypeAdapter[str] = TypeAdapter(ModelName)


class Margins(Record, allow_inf_nan=False):
    """How far from the humans still counts as like them, declared before the run; a metric without a margin is not tested.

    Attributes:
        share_zero: of the share of donations of $0, 0 to 1.
        mean, mean_positive, median, wasserstein: in cents.
        ks, cramer_von_mises, l1_bins: of these distances.
    """

    share_zero: float | None = Field(default=None, gt=0, le=1)
    mean: float | None = Field(default=None, gt=0)
    mean_positive: float | None = Field(default=None, gt=0)
    median: float | None = Field(default=None, gt=0)
    wasserstein: float | None = Field(default=None, gt=0)
    ks: float | None = Field(default=None, gt=0, le=1)
    cramer_von_mises: float | None = Field(default=None, gt=0, le=1)
    l1_bins: float | None = Field(default=None, gt=0, le=2)


class AnyStudy(Record):
    """What studies of every kind have.

    Attributes:
        question, prediction: what the study asks and what its author expects, written before the run.
        reply_words: words that a reply may have.
        temperature, top_p: of every call; ``"default"`` leaves the provider's own.
        seed: seed of all draws.
        json_schema: whether JSON replies are asked for with a schema that the endpoint enforces.
        n_reasks: how often an unreadable reply is asked for again.
        conditions: the arms.
        run: how the run is done; not part of a conversation's identity.
    """

    question: str = Field(min_length=1)
    prediction: str = Field(min_length=1)
    reply_words: int = Field(default=60, ge=5, le=1000, strict=True)
    temperature: Sampling = 0.7
    top_p: Sampling = 1.0
    seed: int = Field(ge=0, lt=2**63, strict=True)
    json_schema: bool = Field(default=True, strict=True)
    n_reasks: int = Field(default=2, ge=0, le=10, strict=True)
    conditions: tuple[Condition, ...] = Field(min_length=1)
    run: RunOptions = RunOptions()

    @field_validator("question", "prediction")
    @classmethod
    def _says_something(cls, text: str) -> str:
        if not text.strip():
            raise ValueError(f"{text!r} says nothing; write a sentence")
        if controls := [c for c in text if unicodedata.category(c) == "Cc" and c not in "\t\r\n"]:
            raise ValueError(f"holds the control character {controls[0]!r}, which a terminal would obey; remove it")
        return text

    @field_validator("temperature", "top_p")
    @classmethod
    def _in_range(cls, value: Sampling, info: ValidationInfo) -> Sampling | None:
        return sampling_in_range(value, str(info.field_name))

    @model_validator(mode="after")
    def _once(self) -> Self:
        each_once("conditions: name", [c.name for c in self.conditions])
        return self

    def condition(self, name: str) -> Condition:
        """The condition of that name."""
        return next(c for c in self.conditions if c.name == name)


def each_once(what: str, names: Sequence[str]) -> None:
    """Looks that no name is given twice.

    Raises:
        ValueError: one is.
    """
    for name, n in Counter(names).items():
        if n > 1:
            raise ValueError(f"{what} {name!r} stands there {n} times; each may stand there once")


class Study(AnyStudy):
    """The frozen content of one study.toml with its personas: a study of dialogues.

    Attributes:
        scenario: what the dialogue is about (`vs_sim.scenario`): ``"donation"`` unless the file names another or a folder.
        persuader_model: model of the persuader, ``"provider:model"``.
        persuadee_models: models of the persuadee; crossed with the conditions.
        rounds: most rounds of a dialogue; a round is one message of each.
        min_rounds: rounds before a mutual goodbye ends the dialogue; 10, P4G's minimum, or `rounds` if that is less.
        replicates: conversations per condition, model and persuadee.
        outcome: the donation that is compared: ``"actual"`` (decided in private, P4G's B6) or ``"stated"`` (said in the chat, B5).
        second_reader: model that reads the stated donations which the rules leave open (`vs_sim.second_reader`), if `outcome` is
            ``"stated"``; not part of a conversation's identity, so it may be added or changed later.
        form: ``"chat"`` gives the dialogue in chat roles; ``"transcript"`` writes it out in one user message, which small
            models follow better.
        margins: how far from the humans still counts as like them (`Margins`); part of the study, not of its conversations.
        persuaders, persuadees: personas; persuadee number i talks with persuader number i modulo their number.

    All conditions share one base prompt.
    """

    noun: ClassVar[str] = ConversationSpec.noun
    """What its plan consists of, in sentences."""
    scenario: Scenario = Field(default_factory=lambda: load_scenario(DEFAULT))
    persuader_model: ModelName
    persuadee_models: tuple[ModelName, ...] = Field(min_length=1)
    rounds: int = Field(ge=1, le=100, strict=True)
    min_rounds: int = Field(ge=1, le=100, strict=True)
    replicates: int = Field(default=1, ge=1, le=100_000, strict=True)
    outcome: Literal["actual", "stated"] = "actual"
    second_reader: ModelName | None = None
    form: Literal["chat", "transcript"] = "chat"
    margins: Margins | None = None
    persuaders: tuple[Persona, ...] = Field(min_length=1)
    persuadees: tuple[Persona, ...] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _minimum(cls, data: object) -> object:
        if isinstance(data, dict) and "rounds" in data:  # of a wrong type: then rounds is reported, not this
            rounds = data["rounds"] if isinstance(data["rounds"], int) else 1
            return {"min_rounds": max(1, min(10, rounds)), **data}
        return data

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        if self.min_rounds > self.rounds:
            raise ValueError(f"min_rounds = {self.min_rounds!r} is more than rounds = {self.rounds!r}")
        if self.outcome == "stated" and not self.scenario.scale.money:
            raise ValueError(
                f"outcome = 'stated' is read by rules that know money only, but the scenario's unit is {self.scenario.scale.unit!r}; "
                'use outcome = "actual"'
            )
        each_once("persuadee_models:", self.persuadee_models)
        for one in self.conditions:
            if one.temperature is not None or one.top_p is not None:
                raise ValueError(
                    f"condition {one.name!r}: temperature and top_p are those of the whole study of dialogues, in which both speakers are "
                    "asked alike; give them above the conditions"
                )
        return self

    @property
    def models(self) -> tuple[str, ...]:
        """Names of all models that talk, each once, the persuader's first."""
        return tuple(dict.fromkeys((self.persuader_model, *self.persuadee_models)))

    @property
    def reader(self) -> str | None:
        """The second reader if this study has one to ask: None unless it compares stated donations."""
        return self.second_reader if self.outcome == "stated" else None


class _PersonaFiles(BaseModel):
    """The [personas] table: files relative to the study file, and how many persuadees to take from the top (all if absent)."""

    model_config = ConfigDict(extra="forbid")
    persuader: str
    persuadee: str
    n_persuadees: int | None = Field(default=None, ge=1, strict=True)


class _StudyFile(BaseModel):
    """The keys that a study.toml may have besides those of Study."""

    model_config = ConfigDict(extra="forbid")
    personas: _PersonaFiles
    persuader_model: ModelName
    persuadee_models: list[ModelName] | ModelName


def load_study(path: str | Path, *, model: str | None = None, personas: str | Path | None = None) -> Study:
    """The study of a file, fully checked.

    Args:
        path: a study.toml.
        model: takes the place of every model of the study (``vs-sim run --model``).
        personas: takes the place of the file of persuadees (``vs-sim run --personas``); all of its personas are taken.

    Raises:
        StudyError: a sentence with file and key.
        PersonaError: a sentence with the persona file and line.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "study.toml"
    data = read_toml(path)
    kind = data.pop("kind", "dialogue")
    if kind != "dialogue":
        raise StudyError(f"{path}: kind = {kind!r}: expected a study of dialogues here")
    data = with_sweeps(path, data)
    scenario = data.pop("scenario", DEFAULT)
    if not isinstance(scenario, str):
        raise StudyError(
            f"{path}: scenario = {scenario!r}: expected a name or the path of a folder; its content stands in a file of its own"
        )
    own = {key: data.pop(key) for key in ("personas", "persuader_model", "persuadee_models") if key in data}
    try:
        file = _StudyFile.model_validate(own)
    except ValidationError as error:
        raise StudyError(explain(error, path, _StudyFile)) from None
    if model is not None:
        file.persuader_model, file.persuadee_models = with_provider(model), [model]
    for key in ("persuaders", "persuadees"):
        if key in data:
            raise StudyError(f"{path}: unknown key {key!r}; personas are named in the table [personas] (persuader, persuadee)")
    persuaders = load_personas(file_of(path, "personas.persuader", file.personas.persuader))
    if personas is None:
        persuadees = load_personas(file_of(path, "personas.persuadee", file.personas.persuadee))
        n = file.personas.n_persuadees
        if n is not None and n > len(persuadees):
            raise StudyError(f"{path}: personas.n_persuadees = {n}, but {file.personas.persuadee} has only {len(persuadees)} personas")
        persuadees = persuadees[:n]
    else:
        persuadees = load_personas(Path(personas))
    models = file.persuadee_models
    try:
        return Study.model_validate(
            {
                **data,
                "scenario": load_scenario(scenario, path.parent),
                "persuader_model": file.persuader_model,
                "persuadee_models": [models] if isinstance(models, str) else models,
                "persuaders": persuaders,
                "persuadees": persuadees,
            }
        )
    except ValidationError as error:
        raise StudyError(explain(error, path, Study)) from None


def with_provider(model: str) -> str:
    """The name of a model that was given in place of a study's.

    Raises:
        StudyError: it does not say whose, or is no name.
    """
    if ":" not in model:
        raise StudyError(f"model {model!r} has no provider; write provider:model, such as openai:gpt-4.1 or embedded:smollm2-135m")
    try:
        return _MODEL_NAME.validate_python(model)
    except ValidationError:
        raise StudyError(f"model {model!r}: expected provider:model, such as openai:gpt-4.1 or embedded:smollm2-135m") from None


def file_of(study: Path, key: str, name: str) -> Path:
    """A file that a study file names.

    Raises:
        StudyError: there is none.
    """
    try:
        found = (study.parent / Path(name).expanduser()).resolve()
        if found.is_file():
            return found
        where = f" ({found})"
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, or "~" of nobody
        where = ""
    raise StudyError(f"{study}: {key} = {name!r}: there is no such file{where}; the path is relative to the study file")
