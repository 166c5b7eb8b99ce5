"""One arm of a study: how each persuadee turn is produced."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from vs_sim.parse import Format, Wording
from vs_sim.records import Record, Selection

Method = Literal["direct", "cot", "sequence", "multi_turn", "vs_standard", "vs_cot", "vs_multi"]

ONE_REPLY: frozenset[Method] = frozenset({"direct", "cot"})
"""Methods that ask for a single reply: there is nothing to select."""
VERBALIZED: frozenset[Method] = frozenset({"vs_standard", "vs_cot", "vs_multi"})
"""Methods of Verbalized Sampling: each candidate comes with a stated probability."""


Sampling = Annotated[float, Field(strict=True)] | Literal["default"]
"""A temperature or top-p; ``"default"`` leaves the provider's own."""


def sampling_in_range(value: Sampling | None, name: str) -> Sampling | None:
    """A temperature or top_p that is possible.

    Raises:
        ValueError: it is none.
    """
    most = 2.0 if name == "temperature" else 1.0
    if isinstance(value, float) and not 0 <= value <= most:
        raise ValueError(f'{value!r} is out of range; expected 0 to {most:g} or "default"')
    return value


class Condition(Record):
    """One arm of a study.

    Attributes:
        name: how tables and figures call it.
        method: `direct` one reply; `cot` reasoning, then one reply; `sequence` a list of k replies; `multi_turn` k replies, one call each;
            `vs_standard` k replies with probabilities; `vs_cot` reasoning first; `vs_multi` k replies with probabilities per call, in
            `calls` calls. Source: arXiv 2510.01171, section 3; there, as here, all but the request for the reply is the same.
        k: number of candidates (per call for vs_multi), 2 to 20, or ``"model"``: the model decides how many. None for direct and cot.
        select: how one candidate is drawn: ``"weighted"`` by the stated probabilities, ``"uniform"`` or ``"argmax"``. Without stated
            probabilities (sequence, multi_turn) only uniform. None for direct and cot.
        tau: upper bound of every stated probability, above 0 and below 1 ("sample from the tail"); it reaches the prompt, and
            candidates above it are marked, not removed. VS methods whose wording is a probability only.
        wording: how the probability is asked for. VS methods only; ``"explicit"`` unless said otherwise.
        format: ``"json"`` or ``"xml"`` tags.
        calls: number of calls, 2 to 10; vs_multi only, 2 unless said otherwise.
        temperature, top_p: in place of the study's, in studies of prompts; ``"default"`` leaves the provider's own; None: the study's.
    """

    name: str = Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._,=-]*$")
    method: Method
    k: int | Literal["model"] | None = None
    select: Selection | None = None
    tau: float | None = Field(default=None, gt=0, lt=1, strict=True)
    wording: Wording | None = None
    format: Format = "json"
    calls: int | None = Field(default=None, ge=2, le=10, strict=True)
    temperature: Sampling | None = None
    top_p: Sampling | None = None

    @field_validator("temperature", "top_p")
    @classmethod
    def _in_range(cls, value: Sampling | None, info: ValidationInfo) -> Sampling | None:
        return sampling_in_range(value, str(info.field_name))

    @model_validator(mode="before")
    @classmethod
    def _defaults(cls, data: object) -> object:
        """What follows from the method is written out, so that the stored condition says it all."""
        if not isinstance(data, dict):
            return data
        method = data.get("method") if isinstance(data.get("method"), str) else None
        defaults: dict[str, object] = {}
        if method in VERBALIZED:
            defaults = {"wording": "explicit", "select": "weighted"}
        elif method in ("sequence", "multi_turn"):
            defaults = {"select": "uniform"}
        if method == "vs_multi":
            defaults["calls"] = 2
        return data | {key: value for key, value in defaults.items() if data.get(key) is None}

    @field_validator("k", mode="before")
    @classmethod
    def _number_or_model(cls, k: object) -> object:
        if k is None or k == "model" or (isinstance(k, int) and not isinstance(k, bool)):
            return k
        raise ValueError(f'{k!r} is impossible; expected a number of candidates from 2 to 20 or "model"')

    @model_validator(mode="after")
    def _possible(self) -> Condition:
        if self.method in ONE_REPLY:
            for key in ("k", "select"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key} = {getattr(self, key)!r} has no meaning for method {self.method!r}; remove it")
        elif self.k is None:
            raise ValueError(f'method {self.method!r} needs k, a number of candidates from 2 to 20 or "model"')
        if isinstance(self.k, int) and not 2 <= self.k <= 20:
            raise ValueError(f'k = {self.k!r} is impossible; expected 2 to 20 or "model"')
        if self.method == "multi_turn" and self.k == "model":
            raise ValueError('k = "model" is impossible for method "multi_turn", which asks for one reply per call; give a number')
        if self.method not in VERBALIZED:
            for key in ("tau", "wording", "calls"):
                if getattr(self, key) is not None:
                    raise ValueError(f"{key} = {getattr(self, key)!r} has no meaning for method {self.method!r}; remove it")
            if self.select in ("weighted", "argmax"):
                raise ValueError(f'select = "{self.select}" needs stated probabilities, which {self.method!r} has not; use "uniform"')
        if self.calls is not None and self.method != "vs_multi":
            raise ValueError(f"calls = {self.calls!r} has no meaning for method {self.method!r}; remove it")
        if self.tau is not None and self.wording in ("perplexity", "nll"):
            raise ValueError(f"tau = {self.tau!r} bounds a probability, but wording = {self.wording!r} asks for none; remove one")
        return self

    @property
    def content(self) -> dict[str, Any]:
        """What enters an identity: all that is said, and of temperature and top_p only what differs from the study's."""
        own = {key for key in ("temperature", "top_p") if getattr(self, key) is None}
        return self.model_dump(mode="json", exclude=own)

    @property
    def n_calls(self) -> int:
        """Number of calls for one turn if every reply is readable."""
        if self.method == "multi_turn" and isinstance(self.k, int):
            return self.k
        return self.calls or 1
