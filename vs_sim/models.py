""" "provider:model" -> a model that answers requests, with typed failures, usage and the model's name as the provider returned it.

Every model is a LangChain chat model: `openai:` (and any OpenAI-compatible address) through langchain-openai, `embedded:` through the same
client against a server of our own on loopback, `scripted:` from a file, and any other provider through LangChain's `init_chat_model` if
its package is installed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from vs_sim.errors import ContextFull, EndpointError, InputError, ModelError, ModelUnavailable, ReplyError, VsSimError
from vs_sim.limits import Gate
from vs_sim.records import Call, Usage, printable
from vs_sim.study import Endpoint, RunOptions

Sampling = float | Literal["default"]
KEYLESS_DEFAULT = "embedded:qwen2.5-coder-1.5b"
OPENAI_DEFAULT = "openai:gpt-4.1"


def default_model() -> str:
    """The model of library calls that name none: OpenAI's if its key is set, otherwise the embedded one that needs no key."""
    return OPENAI_DEFAULT if os.environ.get("OPENAI_API_KEY") else KEYLESS_DEFAULT


@dataclass(frozen=True)
class Request:
    """One request, complete: what its hash is taken over.

    Attributes:
        messages: in chat roles.
        schema: JSON schema that the endpoint shall enforce; None to ask for none.
        max_tokens: most tokens of a sound answer; sent to embedded models only, as a guard against endless ones.
        seed: sent to embedded and scripted models only, which repeat themselves under it.
    """

    messages: list[dict[str, str]]
    schema: dict[str, Any] | None
    max_tokens: int
    seed: int


@dataclass(frozen=True)
class Model:
    """A model that is ready to answer.

    Attributes:
        name: as written in the study.
        chat: the LangChain chat model.
        address: where it is reached, for messages.
        temperature, top_p: of every request.
        own: True for embedded models, which get a seed, a token guard and lists of numbers in schemas.
        schemas: whether a JSON schema may be sent.
        gate: shared by all who use the endpoint.
    """

    name: str
    chat: BaseChatModel
    address: str
    temperature: Sampling
    top_p: Sampling
    own: bool
    schemas: bool
    gate: Gate

    def digest(self, request: Request) -> str:
        """16 hexadecimal digits of sha256 over the request and the model: the same request, the same digest."""
        content = [self.name, self.temperature, self.top_p, request.messages, request.schema if self.schemas else None, request.seed]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    async def answer(self, step: str, request: Request) -> Call:
        """The model's answer.

        Raises:
            ModelUnavailable: the endpoint refuses such requests; trying again would not help.
            ContextFull: the messages do not fit.
            EndpointError: no proper answer in the allowed number of tries.
        """
        (message, seconds), tries = await self.gate.passing(lambda: self._once(request))
        metadata = message.response_metadata
        usage = message.usage_metadata
        details = usage.get("input_token_details", {}) if usage else {}
        return Call(
            step=step,
            model=self.name,
            model_returned=sound_unicode(metadata.get("model_name") or metadata.get("model")),
            text=sound_unicode(message.text),
            finish_reason=sound_unicode(metadata.get("finish_reason") or metadata.get("stop_reason")),
            usage=Usage(
                prompt_tokens=usage["input_tokens"] if usage else None,
                completion_tokens=usage["output_tokens"] if usage else None,
                cached_tokens=details.get("cache_read"),
            ),
            seconds=round(seconds, 3),
            tries=tries,
        )

    async def _once(self, request: Request) -> tuple[AIMessage, float]:
        options: dict[str, Any] = {}
        body: dict[str, Any] = {}
        if self.own:
            options["seed"] = request.seed
        if request.schema is not None and self.schemas:
            # In extra_body the client neither walks nor parses it: what is sent is what is written here.
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": request.schema}}
        if self.own and not self.name.startswith("scripted:"):
            body["max_tokens"] = request.max_tokens
        if body:
            options["extra_body"] = body
        started = time.monotonic()
        try:
            message = await self.chat.ainvoke(request.messages, **options)
        except Exception as error:
            raise self._typed(error) from None
        return message, time.monotonic() - started

    async def check(self) -> None:
        """See that the endpoint is there and takes the key, without spending anything (`GET models`).

        Raises:
            ModelUnavailable: the key is refused.
            EndpointError: not reached, or not working.
        """
        client = getattr(self.chat, "root_async_client", None)
        if client is None or self.own:
            return

        async def ask() -> None:
            try:
                page = await client.models.list()
                list(page.data)
            except Exception as error:
                if _status(error) in (404, 405):  # many compatible servers do not list their models
                    return
                raise self._typed(error) from None

        await Gate(concurrency=1, max_tries=2, first_wait_s=0.5).passing(ask)

    def _typed(self, error: Exception) -> VsSimError:
        """An exception of a client as one of ours, by its HTTP status and words, not by its class."""
        if isinstance(error, VsSimError):
            return error
        status = _status(error)
        words = self._clean(str(error))
        where = f"{self.name} at {self.address}"
        full = r"context.{0,10}(length|size|window)|too many tokens|prompt is too long|token count.*exceeds|maximum number of tokens"
        if status in (400, 413) and re.search(full, words, re.IGNORECASE):
            return ContextFull(f"{where}: the dialogue no longer fits into the model's context: {words}")
        if status in (400, 403, 422) and re.search(r"content[ _-]?(filter|policy|management)", f"{words} {_code(error)}", re.IGNORECASE):
            # A matter of this conversation's words, not of the endpoint: the others go on.
            return ReplyError(f"{where} refused the content (HTTP {status}): {words}", reason="content_filter", raw=words)
        if status in (401, 403):
            return ModelUnavailable(f"{where} refused the key (HTTP {status}): {words}; check the environment variable that holds it")
        if status == 404:
            return ModelUnavailable(f"{where} does not know the model or the path (HTTP 404): {words}; check model name and base_url")
        if status == 429 and "insufficient_quota" in f"{words} {getattr(error, 'code', None)}":
            return ModelUnavailable(f"{where}: the account has no quota left (HTTP 429): {words}")
        if status in (408, 409, 425, 429) or (status or 0) >= 500:
            return EndpointError(f"{where} answered HTTP {status}: {words}", status=status, retry_after_s=_retry_after(error))
        if status is not None and 400 <= status < 500:
            hint = "; if it cannot take a JSON schema, set json_schema = false in the study" if "response_format" in words else ""
            return ModelUnavailable(f"{where} refused the request (HTTP {status}): {words}{hint}")
        kind = type(error).__name__
        if "Timeout" in kind:
            return EndpointError(f"{where} gave no answer in time; raise run.timeout_s if the model is slow")
        if "Connect" in kind:
            return EndpointError(f"{where} cannot be reached ({words}); is the server running, and is the address right?")
        return EndpointError(f"{where} answered with something that is no chat completion ({kind}: {words})")

    def _clean(self, words: str) -> str:
        """Error text for a person and a file: one line, short, without keys."""
        key = getattr(self.chat, "openai_api_key", None)
        if key is not None and hasattr(key, "get_secret_value") and len(key.get_secret_value()) > 4:  # "none" is no key
            words = words.replace(key.get_secret_value(), "[key]")
        words = re.sub(r"\b(?:sk|key|Bearer)[-_ ][\w*.-]{6,}", "[key]", words)
        words = printable(re.sub(r"<[^<>]{0,200}>", " ", words))
        return words if len(words) <= 300 else words[:300] + "..."


def sound_unicode(said: Any) -> Any:
    """A provider's text with U+FFFD for each half of a surrogate pair, which no file and no request can carry; all else as it is."""
    return re.sub(r"[\ud800-\udfff]", "\ufffd", said) if isinstance(said, str) else said


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _code(error: Exception) -> str:
    """The provider's own name of an error, where the client knows it."""
    return str(getattr(error, "code", None) or "")


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", {})
    try:
        return max(0.0, float(headers["retry-after"]))
    except (KeyError, ValueError):
        return None


@contextlib.asynccontextmanager
async def open_models(
    names: Iterable[str],
    *,
    run: RunOptions,
    temperature: Sampling,
    top_p: Sampling,
    json_schema: bool = True,
    say: Callable[[str], None] = lambda line: None,
) -> AsyncIterator[dict[str, Model]]:
    """Models by name, ready to answer; servers of embedded models are started here and stopped at the end, whatever happens.

    Args:
        names: ``"provider:model"``.
        run: endpoints and limits.
        temperature, top_p: of every request.
        json_schema: whether JSON schemas are sent.
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
            gate = gates.setdefault(address, Gate(concurrency=concurrency, max_tries=run.max_tries))
            schemas = json_schema and provider in ("embedded", "openai")
            models[name] = Model(name, chat, address, temperature, top_p, own, schemas, gate)
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
    from openai import DefaultAsyncHttpxClient

    # LangChain's own connections are shared by all who use an address and outlive the event loop that they belong to.
    connections = DefaultAsyncHttpxClient()
    opened.push_async_callback(connections.aclose)
    given = {key: value for key, value in sampling.items() if value != "default"}
    return ChatOpenAI(
        model=model,
        max_retries=0,
        timeout=run.timeout_s,
        use_responses_api=False,
        http_async_client=connections,
        **given,
        **options,
    )


def _openai(
    name: str, model: str, run: RunOptions, opened: contextlib.AsyncExitStack, sampling: dict[str, Sampling]
) -> tuple[BaseChatModel, str]:
    endpoint = run.endpoints.get(name, Endpoint())
    base_url = endpoint.base_url or run.base_url or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
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
    chat = _chat_openai(model, run, opened, sampling, base_url=base_url, api_key=key or "none")
    return chat, base_url or "api.openai.com"


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
