"""Run folders of single prompts with given words, for the tests of what is made of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.runs import MODEL, candidates
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.records import Call, Failure, VerbalizedDistribution
from vs_sim.store import RunFolder
from vs_sim.writer import Writer

CITY = {
    "id": "city",
    "text": "Name a city.",
    "answers": [{"text": "Paris", "also": ["Lutetia"], "share": 0.75}, {"text": "Lyon", "share": 0.25}],
}
STUDY: dict[str, Any] = {
    "kind": "prompt",
    "question": "What?",
    "prediction": "That.",
    "seed": 1,
    "models": [MODEL],
    "reply_words": 5,
    "temperature": 0.5,
    "top_p": 1.0,
    "json_schema": True,
    "n_reasks": 2,
    "n_replies": 4,
    "measures": ["coverage"],
    "prompts": [CITY, {"id": "joke", "text": "Tell a joke."}],
    "conditions": [
        {"name": "direct", "method": "direct", "format": "json", "temperature": 0.9},
        {"name": "vs", "method": "vs_standard", "k": 2, "select": "weighted", "wording": "explicit", "tau": 0.4, "format": "json"},
    ],
}
"""What such a study says in a manifest."""


def asking(id: str, **keys: Any) -> PromptSpec:
    return PromptSpec(**{"id": id, "seed": 2**63 - 1, "condition": "vs", "model": MODEL, "prompt": "city", "replicate": 0, **keys})


def replied(of: PromptSpec, *texts: str, stated: Sequence[Any] | None = None, failure: Failure | None = None) -> Responses:
    """An asking with these candidates, of which the first is drawn; none of them, if it failed."""
    d: VerbalizedDistribution | None = candidates(*texts, stated=stated) if texts else None
    drawn = None if d is None else 0
    started = "2026-01-01T00:00:00+00:00"
    return Responses(spec=of, distribution=d, drawn=drawn, failure=failure, started=started, seconds=1.0, vs_sim="0.1.0")


def written(
    path: Path,
    replies: Sequence[Responses] = (),
    planned: Sequence[PromptSpec] = (),
    rows: Sequence[tuple[str, Call | str]] = (),
    **study: Any,
) -> Path:
    """A run folder of these askings; rows of the journal are (asking, call) or (asking, step given up)."""

    async def write() -> None:
        async with Writer(RunFolder(path)) as writer:
            specs = [one.model_dump(mode="json") for one in (*(reply.spec for reply in replies), *planned)]
            writer.write_manifest({"study": {**STUDY, **study}, "conversations": specs, "prompts": {"judge": "Ask."}, "starts": []})
            for id, row in rows:
                await (writer.void(id, row) if isinstance(row, str) else writer.add_call(id, "digest", row))
            for one in replies:
                await writer.add_transcript(one)

    asyncio.run(write())
    return path
