"""Studies of every kind: dialogues ("dialogue", the default) and single prompts ("prompt"); who runs a study need not know which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vs_sim.errors import StudyError
from vs_sim.plan import Estimate, estimate, plan
from vs_sim.prompt_records import AnySpec
from vs_sim.prompt_study import EitherStudy, PromptStudy, estimate_prompts, plan_prompts, prompt_study
from vs_sim.study import Study, load_study
from vs_sim.toml_file import read_toml

KINDS = ("dialogue", "prompt")


def load_any(path: str | Path, *, model: str | None = None, personas: str | Path | None = None) -> EitherStudy:
    """The study of a file, whatever its kind, fully checked; see `vs_sim.study.load_study`.

    Raises:
        StudyError, PersonaError, PromptError: a sentence with file and key or line.
    """
    path = Path(path)
    if path.is_dir():
        path = path / "study.toml"
    data = read_toml(path)
    if "kind" not in data and "prompts" in data:
        raise StudyError(f"{path}: 'prompts' is a key of studies of single prompts, but key 'kind' is missing; add kind = \"prompt\"")
    kind = data.pop("kind", "dialogue")
    if kind not in KINDS:
        raise StudyError(f"{path}: kind = {kind!r}: expected {' or '.join(map(repr, KINDS))}")
    if kind == "dialogue":
        return load_study(path, model=model, personas=personas)
    if personas is not None:
        raise StudyError(f"{path}: a study of prompts has no personas; leave out --personas")
    return prompt_study(path, data, model)


def plan_any(study: EitherStudy) -> Sequence[AnySpec]:
    """Everything that a study plans."""
    return plan_prompts(study) if isinstance(study, PromptStudy) else plan(study)


def estimate_any(study: EitherStudy) -> Estimate:
    """What a study will cost."""
    return estimate_prompts(study) if isinstance(study, PromptStudy) else estimate(study)


def study_from(content: dict[str, Any]) -> EitherStudy:
    """A study that was written out as plain data.

    Raises:
        pydantic.ValidationError: it is none.
    """
    return PromptStudy.model_validate(content) if content.get("kind") == "prompt" else Study.model_validate(content)
