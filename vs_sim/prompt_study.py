"""A study of prompts: study.toml with kind = "prompt" -> PromptStudy -> [PromptSpec]; what it will cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vs_sim import prompts
from vs_sim.errors import StudyError
from vs_sim.explain import explain
from vs_sim.plan import Estimate, content_json, dollars_of, reply_tokens, sha256_of
from vs_sim.prompt_file import Prompt, load_prompts
from vs_sim.prompt_records import PromptSpec
from vs_sim.study import AnyStudy, ModelName, Study, each_once, file_of, with_provider
from vs_sim.sweep import with_sweeps

Measure = Literal["meaning", "words", "coverage", "accuracy", "refusals"]


class PromptStudy(AnyStudy):
    """The frozen content of one study.toml with its prompts.

    Attributes:
        kind: ``"prompt"``.
        models: that are asked, ``"provider:model"``; crossed with the conditions.
        prompts: what is asked (`vs_sim.prompt_file`).
        n_replies: candidates per prompt, condition and model, from as many askings as that takes; at most the last gives too many.
        measures: what is computed of them: ``"meaning"`` and ``"words"`` (diversity of any text, `analysis.diversity`; the first takes
            the extra ``semantic``), ``"coverage"`` (of prompts with right answers, `analysis.coverage`), ``"accuracy"`` (likewise, with the
            calibration of stated probabilities, `analysis.accuracy`, `analysis.reliability`), ``"refusals"`` (`analysis.refusals`).
        sizes: model -> its parameters in billions, for what is gained by model size; those of known embedded models need not be given.
    """

    noun: ClassVar[str] = PromptSpec.noun
    """What its plan consists of, in sentences."""
    kind: Literal["prompt"] = "prompt"
    models: tuple[ModelName, ...] = Field(min_length=1)
    prompts: tuple[Prompt, ...] = Field(min_length=1)
    n_replies: int = Field(ge=1, le=100_000, strict=True)
    measures: tuple[Measure, ...] = Field(min_length=1)
    sizes: dict[ModelName, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> PromptStudy:
        each_once("models:", self.models)
        each_once("measures:", self.measures)
        for measure in ("coverage", "accuracy"):
            without = [prompt.id for prompt in self.prompts if not prompt.answers]
            if measure in self.measures and without:
                raise ValueError(
                    f"measures: {measure!r} needs the right answers, but prompt {without[0]!r} has none; add them, or remove it"
                )
        return self

    def n_askings(self, condition: str) -> int:
        """How often each prompt is asked in a condition, so that it gives `n_replies` candidates if every answer is read as asked."""
        one = self.condition(condition)
        k = one.k if isinstance(one.k, int) else 1 if one.k is None else _MODEL_DECIDES_K
        return math.ceil(self.n_replies / (k * (one.calls or 1)))


EitherStudy = Study | PromptStudy

_MODEL_DECIDES_K = 5
"""Where the model decides how many candidates it gives, it is asked as often as if they were five."""


class _PromptStudyFile(BaseModel):
    """The keys that a study.toml of prompts may have besides those of PromptStudy."""

    model_config = ConfigDict(extra="forbid")
    prompts: str
    models: list[ModelName] | ModelName


def prompt_study(path: Path, data: dict[str, Any], model: str | None) -> PromptStudy:
    """The study of a file's content, fully checked.

    Args:
        path: the study.toml.
        data: what stands in it.
        model: takes the place of every model of the study.

    Raises:
        StudyError, PromptError: a sentence with file and key or line.
    """
    data = with_sweeps(path, data)
    own = {key: data.pop(key) for key in ("prompts", "models") if key in data}
    try:
        file = _PromptStudyFile.model_validate(own)
    except ValidationError as error:
        raise StudyError(explain(error, path, _PromptStudyFile)) from None
    own_models = [file.models] if isinstance(file.models, str) else file.models
    names = own_models if model is None else [with_provider(model)]
    entries = load_prompts(file_of(path, "prompts", file.prompts))
    try:
        study = PromptStudy.model_validate({**data, "models": names, "prompts": entries})
    except ValidationError as error:
        raise StudyError(explain(error, path, PromptStudy)) from None
    for name in study.sizes:
        if name not in (*own_models, *names):  # those of the file, too: `model` may take their place for a first try
            raise StudyError(
                f"{path}: sizes.{name}: is no model of this study; known here are {', '.join(own_models)}; rename or remove it"
            )
    return study


def plan_prompts(study: PromptStudy) -> list[PromptSpec]:
    """Every asking of a study: prompt x model x condition, as often as the condition needs for `n_replies` candidates.

    The order lets the conditions of a prompt stand together, so that a run that is cut short is balanced.

    Returns:
        Specs with distinct ids; ids and seeds depend on content only. Right answers are no part of them: they shape no response.
    """
    shape = {"prompts": prompts.digest(), **study.model_dump(mode="json", include=set(SHAPES_RESPONSES))}
    shared = {key: content_json(value) for key, value in shape.items()}
    conditions = {one.name: content_json(one.content) for one in study.conditions}
    asked = {prompt.id: content_json({"id": prompt.id, "text": prompt.text}) for prompt in study.prompts}
    n_askings = {name: study.n_askings(name) for name in conditions}
    specs = []
    for replicate in range(max(n_askings.values())):
        for prompt, content in asked.items():
            one = {"prompt": content, "replicate": content_json(replicate)}
            seed = int.from_bytes(sha256_of({**one, "seed": shared["seed"]})[:8], "big") >> 1
            for model in study.models:
                for name, condition in conditions.items():
                    if replicate < n_askings[name]:
                        id_ = sha256_of({**one, **shared, "model": content_json(model), "condition": condition}).hex()[:16]
                        specs.append(PromptSpec(id=id_, seed=seed, condition=name, model=model, prompt=prompt, replicate=replicate))
    return specs


SHAPES_RESPONSES = ("reply_words", "temperature", "top_p", "seed", "json_schema", "n_reasks")
"""Keys of the study, besides model, condition and prompt, that enter an asking's id."""

_FRAME_TOKENS = 120


def estimate_prompts(study: PromptStudy) -> Estimate:
    """Calls, tokens and, where prices are given, dollars of a study, before anything is spent."""
    specs = plan_prompts(study)
    calls = dict.fromkeys(study.models, 0)
    tokens_in, tokens_out = dict.fromkeys(study.models, 0.0), dict.fromkeys(study.models, 0.0)
    length = {prompt.id: len(prompt.text) / 4 for prompt in study.prompts}
    for spec in specs:
        condition = study.condition(spec.condition)
        size = reply_tokens(condition, study.reply_words * 0.6 * 1.35)
        calls[spec.model] += condition.n_calls
        tokens_in[spec.model] += condition.n_calls * (_FRAME_TOKENS + length[spec.prompt] + size * (condition.n_calls - 1) / 2)
        tokens_out[spec.model] += condition.n_calls * size
    return Estimate(
        n_conversations=len(specs),
        n_calls=calls,
        input_tokens={model: round(n) for model, n in tokens_in.items()},
        output_tokens={model: round(n) for model, n in tokens_out.items()},
        dollars=dollars_of(study.run.prices, tokens_in, tokens_out),
    )
