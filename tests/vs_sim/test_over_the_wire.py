"""What reaches an endpoint is what langchain-openai itself would send for the same settings."""

import asyncio

import pytest

from vs_sim.models import Request
from vs_sim.providers import open_models
from vs_sim.run_options import RunOptions

SCHEMA = {"type": "object", "properties": {"reply": {"type": "string"}}, "required": ["reply"], "additionalProperties": False}
MESSAGES = [
    {"role": "system", "content": "You are Ada – ünïcode ✓"},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi \n\t there"},
    {"role": "user", "content": "And now?"},
]


@pytest.mark.parametrize("name", ["gpt-4.1", "my/model", "o3-mini", "o1", "gpt-5", "gpt-5-chat-latest"])
@pytest.mark.parametrize("sampling", [(0.7, 1.0), (0.0, 0.5), ("default", "default"), (1.0, "default")])
@pytest.mark.parametrize("tier", [None, "flex"])
def test_the_body_is_that_of_langchain_openai(endpoint, name, sampling, tier):
    temperature, top_p = sampling

    endpoint.reply = lambda body: "ok"

    async def both():
        run = RunOptions(base_url=endpoint.url, service_tier=tier)
        async with open_models([f"openai:{name}"], run=run, temperature=temperature, top_p=top_p) as models:
            (model,) = models.values()
            await model.answer("t000.0", Request(MESSAGES, SCHEMA, 99, 5))
            form = {"type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": SCHEMA}}
            await model.chat.ainvoke(MESSAGES, extra_body={"response_format": form})

    asyncio.run(both())
    ours, theirs = ({"stream": False, **body} for body in endpoint.bodies)
    assert ours == theirs
    assert (tier in ours.values()) == (tier is not None)


def test_the_headers_are_those_of_the_openai_client(endpoint):
    endpoint.reply = lambda body: "ok"

    async def both():
        async with open_models(["openai:x"], run=RunOptions(base_url=endpoint.url), temperature=0.7, top_p=1.0) as models:
            (model,) = models.values()
            await model.answer("t000.0", Request(MESSAGES, None, 99, 5))
            await model.chat.ainvoke(MESSAGES)

    asyncio.run(both())
    _, ours, theirs = endpoint.keys
    assert ours == theirs
