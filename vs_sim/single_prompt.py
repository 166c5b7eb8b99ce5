"""Verbalized Sampling of one prompt: a library call without a study."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
from collections.abc import Coroutine
from typing import Any, Literal

from pydantic import ValidationError

from vs_sim.condition import Condition
from vs_sim.errors import InputError
from vs_sim.models import Request
from vs_sim.parse import Wording
from vs_sim.propose import RESPONSE, Message, propose, request
from vs_sim.providers import default_model, open_models
from vs_sim.records import Call, VerbalizedDistribution
from vs_sim.run_options import RunOptions

_REPLY_WORDS = 200


def verbalize(
    prompt: str,
    *,
    k: int | Literal["model"] = 5,
    tau: float | None = None,
    method: Literal["vs_standard", "vs_cot", "vs_multi"] = "vs_standard",
    wording: Wording = "explicit",
    model: str | None = None,
    temperature: float | Literal["default"] = 0.7,
    top_p: float | Literal["default"] = 1.0,
    seed: int = 0,
    n_reasks: int = 2,
    base_url: str | None = None,
) -> VerbalizedDistribution:
    """The distribution that a model verbalizes over its responses to one prompt.

    Args:
        prompt: what to respond to.
        k: number of candidates, 2 to 20, or ``"model"``: the model decides.
        tau: upper bound of each stated probability, between 0 and 1: candidates are asked for from the tail, and those above are marked.
        method: see `vs_sim.condition.Condition`.
        wording: how the probability is asked for.
        model: ``"provider:model"``; if None, ``openai:gpt-4.1`` where OPENAI_API_KEY is set, otherwise the embedded model, and a line on
            standard error says which. Each call of an embedded model starts and stops its server.
        temperature, top_p: of the model's sampling; ``"default"`` leaves the provider's own.
        seed: sent to embedded and scripted models, which repeat themselves under it; the draw has its own, `sample(seed=...)`.
        n_reasks: how often an unreadable reply is asked for again.
        base_url: address of an OpenAI-compatible server for ``openai:`` models.

    Returns:
        Candidates with probabilities that sum to 1; `calls` holds what was asked and answered.

    Raises:
        InputError: impossible arguments.
        ModelError: the model cannot be used, or gives no readable reply.
        WeightsError: embedded weights cannot be had.

    Source: arXiv 2510.01171, section 4. There, tau goes into the prompt as here; the authors' package also
    deletes candidates above it, which removes what it should sample; here they are marked (`above_tau`), and `filter` takes them out.
    """
    said(prompt)
    if model is None:
        model = default_model()
        print(f"vs_sim: no model was named; asking {model}", file=sys.stderr)
    try:
        if n_reasks < 0 or seed < 0:
            raise InputError(f"verbalize: n_reasks = {n_reasks!r} and seed = {seed!r} must not be negative")
        for name, value, most in (("temperature", temperature, 2.0), ("top_p", top_p, 1.0)):
            if value != "default" and not 0 <= value <= most:
                raise InputError(f'verbalize: {name} = {value!r} is out of range; expected 0 to {most:g} or "default"')
        condition = Condition(name="verbalize", method=method, k=k, tau=tau, wording=wording)
        options = RunOptions(base_url=base_url)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = first.get("ctx", {}).get("error", first["msg"])
        raise InputError(f"verbalize: {key} = {first['input']!r}: {reason}" if key else f"verbalize: {reason}") from None
    return _run(_ask(prompt, condition, model, options, temperature, top_p, seed, n_reasks))


def said(prompt: str) -> str:
    """A prompt that asks something.

    Raises:
        InputError: it is empty or blank.
    """
    if not prompt.strip():
        raise InputError(f"verbalize: the prompt {prompt!r} is empty; expected what to respond to")
    return prompt


async def _ask(
    prompt: str,
    condition: Condition,
    name: str,
    options: RunOptions,
    temperature: float | Literal["default"],
    top_p: float | Literal["default"],
    seed: int,
    n_reasks: int,
) -> VerbalizedDistribution:
    async with open_models([name], run=options, temperature=temperature, top_p=top_p) as models:
        model = models[name]

        async def ask(step: str, messages: list[Message], schema: dict[str, object] | None, max_tokens: int) -> Call:
            return await model.answer(step, Request(messages, schema, max_tokens, seed))

        messages = [{"role": "user", "content": f"{prompt}\n\n---\n{request(condition, RESPONSE)}"}]
        grid = name.startswith("embedded:")
        return await propose(ask, "verbalize", messages, condition, RESPONSE, grid=grid, n_reasks=n_reasks, reply_words=_REPLY_WORDS)


def _run(asking: Coroutine[Any, Any, VerbalizedDistribution]) -> VerbalizedDistribution:
    """Run a coroutine to its end, also where a loop already runs, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(asking)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, asking).result()
