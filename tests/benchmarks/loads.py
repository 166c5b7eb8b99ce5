"""Requests as a study makes them, so many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tests.benchmarks.row import Cost, measured
from vs_sim.condition import Condition
from vs_sim.models import Model, Request
from vs_sim.propose import MESSAGE, schema
from vs_sim.providers import open_models
from vs_sim.run_options import RunOptions

NAME = "openai:bench"
SCHEMA = schema(Condition(name="direct", method="direct"), MESSAGE, grid=False)


def messages(n: int) -> list[dict[str, str]]:
    """A request late in a dialogue: instructions with a persona, the chat, and the request for the reply."""
    talk = "I have heard of them, and I would like to know a little more about what they do with the money that people give. "
    chat = [{"role": "assistant" if i % 2 else "user", "content": f"{i}: {talk}"} for i in range(n - 2)]
    return [{"role": "system", "content": talk * 15}, *chat, {"role": "user", "content": talk * 4 + '{"reply": ...}'}]


def request(n: int) -> Request:
    return Request(messages(n), SCHEMA, 400, 1)


@asynccontextmanager
async def model_at(url: str, width: int) -> AsyncIterator[Model]:
    """vs_sim's own model behind its gate, as a study opens it."""
    run = RunOptions(base_url=url, concurrency=width, timeout_s=120)
    async with open_models([NAME], run=run, temperature=0.7, top_p=1.0) as models:
        yield models[NAME]


async def load(ask: Callable[[], Awaitable[Any]], n: int, width: int) -> Cost:
    """The cost of `n` requests, `width` at a time, on connections that are open."""

    async def some(n: int) -> None:
        waiting = iter(range(n))

        async def worker() -> None:
            for _ in waiting:
                await ask()

        await asyncio.gather(*(worker() for _ in range(width)))

    await some(width)
    with measured() as cost:
        await some(n)
    return cost
