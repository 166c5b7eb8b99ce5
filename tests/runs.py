"""Run folders for the tests of what is made of them: scripted ones, and ones with given words."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.conftest import StudyFolder
from vs_sim.records import Call, Candidate, ConversationSpec, Decision, Failure, StopReason, Transcript, Turn, Usage, VerbalizedDistribution
from vs_sim.run import run_study
from vs_sim.scenario import DEFAULT, load_scenario
from vs_sim.store import RunFolder
from vs_sim.study import load_study
from vs_sim.writer import Writer

MODEL = "openai:talker"
HOSTILE = 'scripted:do$na_t%i\\on{}&#~^"|中<b>[@x]`'
"""The name of a model that must command nothing, wherever it stands."""
DONATION = load_scenario(DEFAULT).model_dump(mode="json")
"""The scenario as a manifest has it."""
STUDY: dict[str, Any] = {
    "question": "What?",
    "outcome": "actual",
    "seed": 1,
    "rounds": 3,
    "persuader_model": MODEL,
    "persuadee_models": [MODEL],
    "scenario": DONATION,
    "conditions": [{"name": "vs", "method": "vs_standard", "k": 2, "select": "weighted"}],
}
"""What every study says in a manifest."""


def scripted(study: StudyFolder, out: Path, **keys: Any) -> Path:
    """A complete run of canned replies."""
    asyncio.run(run_study(load_study(study.write(**keys)), RunFolder(out)))
    return out


def spec(id: str, **keys: Any) -> ConversationSpec:
    given = {"seed": 2**63 - 1, "condition": "vs", "persuader_model": MODEL, "persuadee_model": MODEL, "persuader": "asker", "replicate": 0}
    return ConversationSpec(**{"id": id, "persuadee": "ann", **given, **keys})


def call(step: str, text: str = "raw", prompt_tokens: int | None = 7, completion_tokens: int | None = 2) -> Call:
    usage = Usage(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)
    return Call(step=step, model=MODEL, model_returned=None, text=text, finish_reason="stop", usage=usage, seconds=0.5, tries=1)


def candidates(*texts: str, stated: Sequence[Any] | None = None) -> VerbalizedDistribution:
    given = stated or [None] * len(texts)
    return VerbalizedDistribution(
        candidates=tuple(Candidate(text=t, stated=s, probability=1 / len(texts)) for t, s in zip(texts, given, strict=True))
    )


def transcript(of: ConversationSpec, *texts: str, amount: int | None = 50, failure: Failure | None = None) -> Transcript:
    """A dialogue of these texts, the persuadee's each drawn from itself and another one."""
    turns = tuple(
        Turn(index=i, role="persuadee", text=text, distribution=candidates(text, "another", stated=["30%", None]), drawn=0)
        if i % 2
        else Turn(index=i, role="persuader", text=text)
        for i, text in enumerate(texts)
    )
    decision = None if amount is None else Decision(amount=amount, distribution=candidates("50", "0", stated=[0.7, "0,3"]), drawn=0)
    reason = StopReason.ROUNDS_DONE if failure is None else StopReason.ERROR
    return Transcript(
        spec=of, turns=turns, decision=decision, stop_reason=reason, failure=failure, started="2026-01-01", seconds=1.0, vs_sim="0.1.0"
    )


def written(
    path: Path,
    transcripts: Sequence[Transcript] = (),
    planned: Sequence[ConversationSpec] = (),
    rows: Sequence[tuple[str, Call | str]] = (),
    **study: Any,
) -> Path:
    """A run folder of these conversations; rows of the journal are (conversation, call) or (conversation, step given up)."""
    content = {**STUDY, **study}
    content.setdefault("persuaders", [{"id": "asker", "text": "You ask."}])
    content.setdefault("persuadees", [{"id": "ann", "text": "You are Ann.", "facts": {"Pet": "a cat"}, "age": 30, "care": 4.5}])

    async def write() -> None:
        async with Writer(RunFolder(path)) as writer:
            specs = [*(t.spec for t in transcripts), *planned]
            conversations = [one.model_dump(mode="json") for one in specs]
            writer.write_manifest({"study": content, "conversations": conversations, "prompts": {"persuader": "Ask."}, "starts": []})
            for id, row in rows:
                await (writer.void(id, row) if isinstance(row, str) else writer.add_call(id, "digest", row))
            for one in transcripts:
                await writer.add_transcript(one)

    asyncio.run(write())
    return path


def spoilt(run: Path, out: Path, model: str, spoil: Callable[[list[dict[str, Any]]], None]) -> Path:
    """A copy of a run in which that model is named `HOSTILE`; `spoil` changes the records, of which the last is then left out."""
    shutil.copytree(run, out)
    for path in [out / "manifest.json", *out.glob("*/*.jsonl")]:
        path.write_text(path.read_text("utf-8").replace(model, json.dumps(HOSTILE, ensure_ascii=True)[1:-1]), "utf-8")
    (file,) = (out / "transcripts").glob("*.jsonl")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    spoil(rows)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows[:-1]), "utf-8")
    return out
