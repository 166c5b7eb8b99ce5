""" "provider:model" -> a model that answers requests, with typed failures, usage and the model's name as the provider returned it.

Every model is a LangChain chat model: `openai:` (and any OpenAI-compatible address) through langchain-openai, `embedded:` through the same
client against a server of our own on loopback, `scripted:` from a file, and any other provider through LangChain's `init_chat_model` if
its package is installed.

langchain-openai holds the settings and the connection. What it would send is sent through the `post` of its own OpenAI client, and the
answer read by `vs_sim.completion`: to walk every message of a dialogue as typed objects costs several times what the request does.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import math
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from pydantic import SecretStr

from vs_sim.budget import Budget
from vs_sim.completion import Completion, NoCompletion, read_completion, read_json_object, sound_unicode
from vs_sim.condition import Sampling
from vs_sim.errors import ContextFull, EndpointError, InputError, ModelError, ModelUnavailable, ReplyError, RunStopped, VsSimError
from vs_sim.limits import Gate
from vs_sim.records import Call, Usage, printable
from vs_sim.run_options import ADDRESS, Endpoint, RunOptions

KEYLESS_DEFAULT = "embedded:qwen2.5-coder-1.5b"
OPENAI_DEFAULT = "openai:gpt-4.1"


def default_model() -> str:
    """The model of library calls that name none: OpenAI's if its key is set, otherwise the embedded one that needs no key."""
    return OPENAI_DEFAULT if os.environ.get("OPENAI_API_KEY") else KEYLESS_DEFAULT


_CONNECT_S = 30.0


@dataclass(frozen=True)
class Request:
    """One request, complete: what its hash is taken over.

    Attributes:
        messages: in chat roles.
        schema: JSON schema that the endpoint shall enforce; None to ask for none.
        max_tokens: most tokens of a sound answer; sent to embedded models only, as a guard against endless ones.
        seed: sent to embedded and scripted models only, which repeat themselves under it.
        temperature, top_p: in place of the model's; None: the model's.
        top_logprobs: alternatives whose log-probability is asked for with each token; None to ask for none. No part of the hash.
    """

    messages: list[dict[str, str]]
    schema: dict[str, Any] | None
    max_tokens: int
    seed: int
    temperature: Sampling | None = None
    top_p: Sampling | None = None
    top_logprobs: int | None = None


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
        timeout_s: seconds until a request counts as unanswered.
        budget: what the run may spend; None for no cap.
        keys: of the chat model, which nothing that is kept or shown may hold.
    """

    name: str
    chat: BaseChatModel
    address: str
    temperature: Sampling
    top_p: Sampling
    own: bool
    schemas: bool
    gate: Gate
    timeout_s: float
    budget: Budget | None = None
    keys: tuple[str, ...] = field(default=(), repr=False)
    _reply_tokens: dict[int, float] = field(default_factory=dict)

    def digest(self, request: Request) -> str:
        """16 hexadecimal digits of sha256 over the request and the model: the same request, the same digest."""
        temperature, top_p = self.sampling(request).values()
        content = [self.name, temperature, top_p, request.messages, request.schema if self.schemas else None, request.seed]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

    def sampling(self, request: Request) -> dict[str, Sampling]:
        """Temperature and top-p of a request."""
        return {key: getattr(self if getattr(request, key) is None else request, key) for key in ("temperature", "top_p")}

    async def answer(self, step: str, request: Request, conversation: str = "") -> Call:
        """The model's answer.

        Args:
            step: place within the conversation.
            request: what is asked.
            conversation: id of the conversation that it is asked for, if its spending is counted.

        Raises:
            ModelUnavailable: the endpoint refuses such requests; trying again would not help.
            ContextFull: the messages do not fit.
            EndpointError: no proper answer in the allowed number of tries.
            RunStopped: the run drains, or the request would go past its spend cap.
        """
        return (await self.answer_with_tokens(step, request, conversation))[0]

    async def answer_with_tokens(self, step: str, request: Request, conversation: str = "") -> tuple[Call, list[Any] | None]:
        """The same with the log-probabilities of the reply's tokens as the endpoint sent them; None if it sent none."""
        expected = self._expected(request)
        reserved = None
        if self.budget is not None:
            reserved = self.budget.ask(self.name, expected)
            if reserved is None:
                raise RunStopped("the next request would go past the spend cap", capped=True)
        try:
            (said, seconds), tries = await self.gate.passing(lambda: self._once(request), sum(expected))
        finally:
            if self.budget is not None and reserved is not None:
                self.budget.answered(reserved)
        if self.budget is not None:
            self.budget.count(conversation, self.name, said.usage, expected)
        self._learn(request, expected, said.usage)
        call = Call(
            step=step,
            model=self.name,
            model_returned=None if said.model is None else self._without_keys(said.model),
            text=self._without_keys(said.text),
            finish_reason=None if said.finish_reason is None else self._without_keys(said.finish_reason),
            usage=said.usage,
            seconds=round(seconds, 3),
            tries=tries,
            service_tier=None if said.service_tier is None else self._without_keys(said.service_tier),
        )
        return call, said.tokens

    def _expected(self, request: Request) -> tuple[float, float]:
        """Tokens of prompt and reply that a request is expected to take."""
        n_characters = sum(len(message["content"]) for message in request.messages)
        return n_characters / 4, self._reply_tokens.get(request.max_tokens, request.max_tokens / 8)

    def _learn(self, request: Request, expected: tuple[float, float], usage: Usage) -> None:
        if usage.completion_tokens is None:
            return
        before = self._reply_tokens.get(request.max_tokens)
        self._reply_tokens[request.max_tokens] = usage.completion_tokens if before is None else 0.9 * before + 0.1 * usage.completion_tokens
        if usage.prompt_tokens is not None:
            self.gate.settle(sum(expected), usage.prompt_tokens + usage.completion_tokens)

    async def _once(self, request: Request) -> tuple[Completion, float]:
        started = time.monotonic()
        try:
            async with asyncio.timeout(self.timeout_s):
                said = await (self._through_langchain(request) if self._client is None else self._post(request))
        except TimeoutError:
            raise EndpointError(
                f"{self.name} at {self.address} gave no answer in {self.timeout_s:g} s; raise run.timeout_s if the model is slow"
            ) from None
        except Exception as error:
            raise self._typed(error) from None
        return said, time.monotonic() - started

    @property
    def _client(self) -> Any:
        """The OpenAI client inside the chat model of langchain-openai; None for models of other packages."""
        return getattr(self.chat, "root_async_client", None) if self.name.startswith(("openai:", "embedded:")) else None

    async def _post(self, request: Request) -> Completion:
        body = self.body(request)
        # The SDK reads no more of the answer than its status: what is in it is read here.
        data: bytes = await self._client.post("/chat/completions", cast_to=bytes, body=body)
        return read_completion(data)

    def body(self, request: Request) -> dict[str, Any]:
        """What reaches an OpenAI-compatible endpoint: what langchain-openai would send for the same settings."""
        chat: Any = self.chat
        system = "developer" if re.match(r"o\d", chat.model_name) else "system"
        messages = [{**m, "role": system} if m["role"] == "system" else m for m in request.messages]
        body: dict[str, Any] = {"messages": messages, "model": chat.model_name, "stream": False}
        for key in ("temperature", "top_p", "service_tier"):
            asked = getattr(request, key, None)
            value = getattr(chat, key) if asked is None else None if asked == "default" else asked
            if value is not None:
                body[key] = value
        if request.top_logprobs is not None:
            body |= {"logprobs": True, "top_logprobs": request.top_logprobs}
        if self.own:
            body |= {"seed": request.seed, "max_tokens": request.max_tokens}
        if request.schema is not None and self.schemas:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": request.schema}}
        return body

    async def _through_langchain(self, request: Request) -> Completion:
        options: dict[str, Any] = {"seed": request.seed} if self.own else {}
        options |= {key: value for key in ("temperature", "top_p") if (value := getattr(request, key)) not in (None, "default")}
        message: AIMessage = await self.chat.ainvoke(request.messages, **options)
        metadata, usage = message.response_metadata, message.usage_metadata
        details = usage.get("input_token_details", {}) if usage else {}
        words = [metadata.get("model_name") or metadata.get("model"), metadata.get("finish_reason") or metadata.get("stop_reason")]
        model, finish_reason = (sound_unicode(word) if isinstance(word, str) else None for word in words)
        return Completion(
            text=sound_unicode(message.text),
            finish_reason=finish_reason,
            model=model,
            usage=Usage(
                prompt_tokens=usage["input_tokens"] if usage else None,
                completion_tokens=usage["output_tokens"] if usage else None,
                cached_tokens=details.get("cache_read"),
            ),
        )

    async def check(self) -> None:
        """See that the endpoint is there and takes the key, without spending anything (`GET models`).

        Raises:
            ModelUnavailable: the key is refused.
            EndpointError: not reached, or not working.
        """
        client = self._client
        if client is None or self.own:
            return

        async def ask() -> None:
            try:
                async with asyncio.timeout(min(60.0, self.timeout_s)):
                    read_json_object(await client.get("/models", cast_to=bytes))
            except Exception as error:
                if _status(error) in (400, 404, 405, 501):  # many compatible servers do not list their models
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
            return ContextFull(f"{where}: the request does not fit into the model's context: {words}")
        if status in (400, 403, 422) and re.search(r"content[ _-]?(filter|policy|management)", f"{words} {_code(error)}", re.IGNORECASE):
            # A matter of this conversation's words, not of the endpoint: the others go on.
            return ReplyError(f"{where} refused the content (HTTP {status}): {words}", reason="content_filter", raw=words)
        if status is not None and 300 <= status < 400:
            return ModelUnavailable(
                f"{where} sends requests elsewhere (HTTP {status}), where no prompt is sent; give the final address as base_url"
            )
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
        if isinstance(error, NoCompletion):
            return EndpointError(f"{where} answered with something that is no chat completion: {words}")
        if "Connect" in kind or "Timeout" in kind:
            words = self._clean(str(error.__cause__ or error))  # the client's own words are as good as none
            return EndpointError(f"{where} cannot be reached ({words}); is the server running, and is the address right?")
        return EndpointError(f"{where} did not answer properly ({kind}: {words})")

    def _without_keys(self, words: str) -> str:
        """The same without the keys of the chat model: an endpoint may say them, no file and no terminal shall."""
        for key in self.keys:
            words = words.replace(key, "[key]")
        return words

    def _clean(self, words: str) -> str:
        """Error text for a person and a file: one line, short, without keys."""
        words = self._without_keys(words)
        words = re.sub(r"\b(?:sk|key|Bearer)[-_ ][\w*.-]{6,}", "[key]", words)
        words = printable(re.sub(r"<[^<>]{0,200}>", " ", words))
        return words if len(words) <= 300 else words[:300] + "..."


def _keys(chat: BaseChatModel) -> tuple[str, ...]:
    secrets = [value.get_secret_value() for name in type(chat).model_fields if isinstance(value := getattr(chat, name), SecretStr)]
    # "none", "local" or "EMPTY", as servers of one's own are given, are no keys, and may be words of a reply.
    return tuple(secret for secret in secrets if len(secret) >= 16 or (len(secret) >= 8 and not secret.isalpha()))


def _status(error: Exception) -> int | None:
    if isinstance(error, NoCompletion):
        return error.status
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _code(error: Exception) -> str:
    """The provider's own name of an error, where the client knows it."""
    return str(getattr(error, "code", None) or "")


def _retry_after(error: Exception) -> float | None:
    """Seconds that the endpoint asks to wait; None if it asks for none. A date is held against the endpoint's own clock, not ours."""
    headers = getattr(getattr(error, "response", None), "headers", {})
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(seconds):
            return seconds if seconds > 0 else None
    try:
        until, now = (parsedate_to_datetime(headers[name]) for name in ("retry-after", "date"))
        seconds = (until - now).total_seconds()
    except (KeyError, OverflowError, TypeError, ValueError):
        return None
    return seconds if seconds > 0 else None


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
