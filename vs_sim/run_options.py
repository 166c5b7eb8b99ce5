"""How models are reached and what a run may spend: no part of what a study is."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vs_sim.errors import StudyError
from vs_sim.records import Record

ADDRESS = r"^https?://[^@?#\s]+$"
"""No user, password or query: what stands in an address ends up in the manifest."""
_VARIABLE = r"^[A-Z_][A-Z0-9_]*$"
"""Upper case, so that a key that was pasted in place of the variable's name is refused."""


class Price(Record, allow_inf_nan=False):
    """US dollars per million tokens. A model without a price has an unknown cost, never 0.

    Attributes:
        input, output: of the prompt and of the reply.
        cached_input: of the part of the prompt that the provider has in its cache; None: as `input`.
    """

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)


class Endpoint(Record, allow_inf_nan=False):
    """Where one model is served, if not at its provider's own address, and what is allowed there.

    Attributes:
        base_url: address of an OpenAI-compatible server, such as ``"http://localhost:8000/v1"``.
        api_key_env: name of the environment variable that holds the key; the key itself never stands in a file.
        concurrency: requests in flight to this model; None: those of all models at its address together are limited, by the run's.
        requests_per_minute, tokens_per_minute: likewise, see `RunOptions`.
    """

    base_url: str | None = Field(default=None, pattern=ADDRESS)
    api_key_env: str | None = Field(default=None, pattern=_VARIABLE)
    concurrency: int | None = Field(default=None, ge=1, le=4096)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)

    @property
    def limited(self) -> bool:
        """Whether this model has limits of its own."""
        return any(limit is not None for limit in (self.concurrency, self.requests_per_minute, self.tokens_per_minute))


class RunOptions(Record, allow_inf_nan=False):
    """How a run is done: no part of what a conversation is, so it may change from one start to the next.

    Attributes:
        concurrency: conversations at a time, at least 1; None: 1 for embedded models, 8 for others.
        requests_per_minute, tokens_per_minute: what each endpoint allows; None: learned from its refusals (HTTP 429).
        timeout_s: seconds until a request counts as unanswered.
        max_tries: requests per answer before the conversation is given up for this start; refusals as too many are not counted.
        service_tier: asked for with every request to an ``openai:`` model, such as ``"flex"``, which is slower and costs less; None: the
            provider's default.
        cap_tokens, cap_dollars: what the run may spend, all starts together (`vs_sim.budget`); dollars need a price for each model.
        base_url, api_key_env: endpoint of every ``openai:`` model that has none of its own in `endpoints`.
        endpoints: model name -> endpoint.
        prices: model name -> price.
    """

    concurrency: int | None = Field(default=None, ge=1, le=4096)
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    timeout_s: float = Field(default=600, gt=0)
    max_tries: int = Field(default=6, ge=1, le=100)
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None
    cap_tokens: float | None = Field(default=None, gt=0)
    cap_dollars: float | None = Field(default=None, gt=0)
    base_url: str | None = Field(default=None, pattern=ADDRESS)
    api_key_env: str | None = Field(default=None, pattern=_VARIABLE)
    endpoints: dict[str, Endpoint] = Field(default_factory=dict)
    prices: dict[str, Price] = Field(default_factory=dict)

    def divided(self, n: int) -> RunOptions:
        """The options of one of `n` workers that share the endpoints: an equal part of each limit; for caps see `vs_sim.budget`.

        Raises:
            StudyError: they are more than may ask at a time.
        """

        def part(limit: float | None) -> float | None:
            return None if limit is None else limit / n

        def requests(limit: int | None) -> int | None:
            if limit is not None and limit < n:
                raise StudyError(f"concurrency = {limit}: {n} workers would have a request in flight each; start no more than {limit}")
            return None if limit is None else limit // n

        each = ("requests_per_minute", "tokens_per_minute")
        return self.model_copy(
            update={
                **{key: part(getattr(self, key)) for key in each},
                "concurrency": requests(self.concurrency),
                "endpoints": {
                    name: e.model_copy(update={"concurrency": requests(e.concurrency), **{key: part(getattr(e, key)) for key in each}})
                    for name, e in self.endpoints.items()
                },
            }
        )
