"""A model that answers requests, with typed failures, usage and the model's name as the provider returned it.

Every model is a LangChain chat model, see `vs_sim.providers`. langchain-openai holds the settings and the connection. What it would send
is sent through the `post` of its own OpenAI client, and the answer read by `vs_sim.completion`: to walk every message of a dialogue as
typed objects costs several times what the request does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage

from vs_sim.budget import Budget
from vs_sim.completion import Completion, NoCompletion, read_completion, read_json_object, sound_unicode
from vs_sim.condition import Sampling
from vs_sim.errors import ContextFull, EndpointError, ModelUnavailable, ReplyError, RunStopped, VsSimError
from vs_sim.limits import Gate
from vs_sim.records import Call, Usage, printable


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
            ours = "the server that this command started for it has ended or hangs (is memory short?); give the same command again"
            hint = ours if self.name.startswith("embedded:") else "is the server running, and is the address right?"
            return EndpointError(f"{where} cannot be reached ({words}); {hint}")
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
