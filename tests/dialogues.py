"""A run folder of short dialogues, and a second reader's answers to them."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

from tests.runs import MODEL, STUDY
from vs_sim.records import ConversationSpec, StopReason, Transcript, Turn
from vs_sim.store import RunFolder
from vs_sim.writer import Writer


def answer(quote: Any = "Put me down for 50 cents", status: Any = "amount", cents: Any = 50) -> str:
    """What a second reader answers."""
    return json.dumps({"quote": quote, "status": status, "cents": cents})


OPEN, PROMISE, REFUSAL = "I may give something.", "I will donate 30 cents.", "No, I will not donate anything."


def folder_of(path: Path, said: dict[str, str]) -> RunFolder:
    """A run folder with one short dialogue for each id, whose persuadee says the text."""

    async def write() -> None:
        async with Writer(RunFolder(path)) as writer:
            specs = [
                ConversationSpec(
                    id=id,
                    seed=1,
                    condition="c",
                    persuader_model=MODEL,
                    persuadee_model=MODEL,
                    persuader="p",
                    persuadee=f"q{number}",
                    replicate=0,
                )
                for number, id in enumerate(said)
            ]
            plan = [spec.model_dump(mode="json") for spec in specs]
            writer.write_manifest({"study": {**STUDY, "outcome": "stated"}, "conversations": plan, "starts": []})
            for spec, text in zip(specs, said.values(), strict=True):
                turns = (
                    Turn(index=0, role="persuader", text="Would you donate to Save the Children?"),
                    Turn(index=1, role="persuadee", text=text),
                )
                await writer.add_transcript(
                    Transcript(
                        spec=spec,
                        turns=turns,
                        decision=None,
                        stop_reason=StopReason.ROUNDS_DONE,
                        failure=None,
                        started="2026-01-01",
                        seconds=1.0,
                        vs_sim="0",
                    )
                )

    asyncio.run(write())
    return RunFolder(path)


def fits(body: dict[str, Any]) -> str:
    """An answer that fits the dialogue, with the words of the persuadee as the quote."""
    shown = re.findall(r"^Persuadee: (.*)$", body["messages"][0]["content"], re.MULTILINE)[-1]
    if "may" in shown:
        return answer("", "none", None)
    return answer(shown, "refused", None) if "not" in shown else answer(shown, cents=int(re.search(r"(\d+) cents", shown)[1]))
