""" "provider:model" -> a model that is ready to answer (`vs_sim.models`).

`openai:` (and any OpenAI-compatible address) goes through langchain-openai, `embedded:` through the same client against a server of our own
on loopback, `scripted:` is read from a file, and any other provider goes through LangChain's `init_chat_model` if its package is installed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from vs_sim.budget import Budget
from vs_sim.condition import Sampling
from vs_sim.errors import InputError, ModelError, ModelUnavailable
from vs_sim.limits import Gate
from vs_sim.models import Model
from vs_sim.run_options import ADDRESS, Endpoint, RunOptions

_CONNECT_S = 30.0
KEYLESS_DEFAULT = "embedded:qwen2.5-coder-1.5b"
OPENAI_DEFAULT = "openai:gpt-4.1"


def default_model() -> str:
    """The model of library calls that name none: OpenAI's if its key is set, otherwise the embedded one that needs no key."""
    return OPENAI_DEFAULT if os.environ.get("OPENAI_API_KEY") else KEYLESS_DEFAULT


@contextlib.asynccontextmanager
async def open_models(
    names: Iterable[str],
    *,
    run: RunOptions,
    temperature: Sampling,
    top_p: Sampling,
    json_schema: bool = True,
    budget: Budget | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> AsyncIterator[dict[str, Model]]:
    """Models by name, ready to answer; servers of embedded models are started here and stopped at the end, whatever happens.

    Args:
        names: ``"provider:model"``.
        run: endpoints and limits.
        temperature, top_p: of every request.
        json_schema: whether JSON schemas are sent.
        budget: what their calls are counted in; None for no cap.
        say: told in a line what takes long (weights, start of a server).

    Raises:
        ModelUnavailable: no key, no package, an unknown provider.
        WeightsError: embedded weights cannot be had.
        EndpointError: the endpoint does not work.
    """
    sampling = {"temperature": temperature, "top_p": top_p}
    names = list(dict.fromkeys(names))
    concurrency = run.concurrency or default_concurrency(names)
    gates: dict[str, Gate] = {}
    async with contextlib.AsyncExitStack() as opened:
        models = {}
        for name in names:
            provider, _, model = name.partition(":")
            if not provider or not model:
                raise InputError(f"model {name!r}: expected provider:model, such as openai:gpt-4.1 or embedded:smollm2-135m")
            own = provider in ("embedded", "scripted")
            if provider == "embedded":
                chat, address = _embedded(model, run, opened, say, sampling)
            elif provider == "scripted":
                from vs_sim.scripted import scripted_model

                chat, address = scripted_model(model), "rules"
            elif provider == "openai":
                chat, address = _openai(name, model, run, opened, sampling)
            else:
                chat, address = _other(name, provider, model, run, sampling), provider
            endpoint = run.endpoints.get(name, Endpoint())
            # A model with limits of its own has a gate of its own; the others share one at each address.
            place = name if endpoint.limited else address
            if place not in gates:
                gates[place] = Gate(
                    concurrency=endpoint.concurrency or concurrency,
                    max_tries=run.max_tries,
                    requests_per_minute=endpoint.requests_per_minute or run.requests_per_minute,
                    tokens_per_minute=endpoint.tokens_per_minute or run.tokens_per_minute,
                )
            schemas = json_schema and provider in ("embedded", "openai")
            models[name] = Model(name, chat, address, temperature, top_p, own, schemas, gates[place], run.timeout_s, budget, _keys(chat))
        for one in models.values():
            await one.check()
        yield models


def default_concurrency(names: Iterable[str]) -> int:
    """Conversations at a time where the study does not say: 1 with an embedded model (its seeds repeat only then), otherwise 8."""
    return 1 if any(name.startswith("embedded:") for name in names) else 8


def _chat_openai(
    model: str, run: RunOptions, opened: contextlib.AsyncExitStack, sampling: dict[str, Sampling], **options: Any
) -> BaseChatModel:
    from langchain_openai import ChatOpenAI
    from openai import DEFAULT_CONNECTION_LIMITS, DefaultAioHttpClient, Timeout

    # LangChain's own connections are shared by all who use an address and outlive the event loop that they belong to. How many requests
    # are in flight, and for how long, is the gate's and the model's to say: to aiohttp, 0 is no limit, and None its own limit of 100.
    connections = DefaultAioHttpClient(limits=type(DEFAULT_CONNECTION_LIMITS)(max_connections=0), follow_redirects=False)
    opened.push_async_callback(connections.aclose)
    given = {key: value for key, value in sampling.items() if value != "default"}
    return ChatOpenAI(
        model=model,
        max_retries=0,
        timeout=Timeout(None, connect=min(_CONNECT_S, run.timeout_s)),
        use_responses_api=False,
        http_async_client=connections,
        **given,
        **options,
    )


def _openai(
    name: str, model: str, run: RunOptions, opened: contextlib.AsyncExitStack, sampling: dict[str, Sampling]
) -> tuple[BaseChatModel, str]:
    endpoint = run.endpoints.get(name, Endpoint())
    base_url = endpoint.base_url or run.base_url or _address_in_environment()
    variable = endpoint.api_key_env or run.api_key_env
    key = os.environ.get(variable or "OPENAI_API_KEY")
    if variable and not key:
        raise ModelUnavailable(f"{name} needs the key in the environment variable {variable}, which is not set")
    if not key and base_url is None:
        raise ModelUnavailable(
            f"{name} needs a key: set OPENAI_API_KEY, give the address of your own server with --base-url, "
            f"or use a model without a key (--model {KEYLESS_DEFAULT})"
        )
    # Servers of one's own usually want no key, but the client insists on one.
    tier = {} if run.service_tier is None else {"service_tier": run.service_tier}
    chat = _chat_openai(model, run, opened, sampling, base_url=base_url, api_key=key or "none", **tier)
    return chat, base_url or "api.openai.com"


def _address_in_environment() -> str | None:
    for name in ("OPENAI_BASE_URL", "OPENAI_API_BASE"):
        if address := os.environ.get(name):
            if not re.fullmatch(ADDRESS, address):  # it may hold a password, which is not repeated
                raise ModelUnavailable(f"{name}: expected an address such as http://localhost:8000/v1, without user, password or query")
            return address
    return None


def _embedded(
    model: str, run: RunOptions, opened: contextlib.AsyncExitStack, say: Callable[[str], None], sampling: dict[str, Sampling]
) -> tuple[BaseChatModel, str]:
    from vs_sim.embedded import EmbeddedServer
    from vs_sim.fetch import resolve

    weights = resolve(model)
    say(f"starting embedded:{weights.name}")
    server = opened.enter_context(EmbeddedServer(weights))
    chat = _chat_openai(server.model, run, opened, sampling, base_url=server.base_url, api_key=server.api_key)
    return chat, server.base_url


def _other(name: str, provider: str, model: str, run: RunOptions, sampling: dict[str, Sampling]) -> BaseChatModel:
    try:
        from langchain.chat_models import init_chat_model
    except ImportError:
        raise ModelUnavailable(
            f"{name}: provider {provider!r} is reached through LangChain; install it with "
            f"pip install langchain langchain-{provider.replace('_', '-')}, or use openai:, embedded: or scripted:"
        ) from None
    given = {key: value for key, value in sampling.items() if value != "default"}
    try:
        chat: BaseChatModel = init_chat_model(model, model_provider=provider, max_retries=0, timeout=run.timeout_s, **given)
        return chat
    except (ImportError, ValueError) as error:
        raise ModelUnavailable(f"{name}: {' '.join(str(error).split())}") from None
    except Exception as error:
        raise ModelError(f"{name} cannot be set up: {type(error).__name__}: {' '.join(str(error).split())[:300]}") from None


def _keys(chat: BaseChatModel) -> tuple[str, ...]:
    secrets = [value.get_secret_value() for name in type(chat).model_fields if isinstance(value := getattr(chat, name), SecretStr)]
    # "none", "local" or "EMPTY", as servers of one's own are given, are no keys, and may be words of a reply.
    return tuple(secret for secret in secrets if len(secret) >= 16 or (len(secret) >= 8 and not secret.isalpha()))
