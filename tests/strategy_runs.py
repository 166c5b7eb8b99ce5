"""Small run folders and references whose persuader can be labelled, and answers of a model that labels them."""

import asyncio
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.human_data import Talk, write_csv
from tests.runs import STUDY
from vs_sim.human.importer import import_human
from vs_sim.records import ConversationSpec, Failure, StopReason, Transcript, Turn
from vs_sim.store import RunFolder
from vs_sim.writer import Writer

ASK, PITY, THANKS = "Have you heard of Save the Children?", "Imagine a hungry child, alone at night.", "Thank you, bye."
SAID = (ASK, "I have.", PITY, "How sad.", THANKS, "Bye.")
"""A dialogue of three rounds, whose persuader uses a source inquiry, an appeal to emotion, and nothing."""


def transcript(id: str, said: Sequence[str] = SAID, *, condition: str = "secret-arm", number: int = 0, failed: bool = False) -> Transcript:
    """A dialogue that begins with the persuader."""
    model = "openai:secret-model"
    spec = ConversationSpec(
        id=id,
        seed=1,
        condition=condition,
        persuader_model=model,
        persuadee_model=model,
        persuader="secret-asker",
        persuadee=f"secret-person{number}",
        replicate=0,
    )
    roles = ("persuader", "persuadee")
    return Transcript(
        spec=spec,
        turns=tuple(Turn(index=i, role=roles[i % 2], text=text) for i, text in enumerate(said)),
        decision=None,
        stop_reason=StopReason.ROUNDS_DONE,
        failure=Failure(kind="EndpointError", message="down", step="t002") if failed else None,
        started="2026-01-01",
        seconds=1.0,
        vs_sim="0",
    )


def run_of(path: Path, transcripts: Sequence[Transcript], **study: Any) -> RunFolder:
    """A run folder of these dialogues."""

    async def write() -> None:
        async with Writer(RunFolder(path)) as writer:
            planned = [t.spec.model_dump(mode="json") for t in transcripts]
            content = {**STUDY, **study}
            writer.write_manifest({"study": content, "conversations": planned, "starts": []})
            for one in transcripts:
                await writer.add_transcript(one)

    asyncio.run(write())
    return RunFolder(path)


ACTS = (
    (0, ASK, "source-related-inquiry", ""),
    (1, "I have.", "other", ""),
    (2, "Imagine a hungry child.", "emotion-appeal", ""),
    (2, "Alone at night.", "emotion-appeal", "logical-appeal"),
    (4, THANKS, "thank", ""),
)
"""Labels of the sentences of `SAID`, in PersuasionForGood's words."""


def reference_of(path: Path, *, n: int = 3, annotated: bool = True) -> Path:
    """A reference of made-up people, each of whom persuades in `SAID`; the last dialogue is not annotated."""
    labelled = [annotated and i < n - 1 for i in range(n)]
    talks = [
        Talk(f"20180901-12000{i}_{i}_live", (f"er{i}", f"ee{i}"), SAID, annotated=own, acts=ACTS if own else ())
        for i, own in enumerate(labelled)
    ]
    import_human(write_csv(path.with_name(f"{path.name}-data"), talks, annotated="300_" if annotated else None), path)
    return path


def labels(*entries: tuple[Any, Any]) -> str:
    """An answer with these strategies and quotes; that of a turn without any if there are none."""
    return json.dumps({"strategies": [{"quote": quote, "strategy": strategy} for strategy, quote in entries or (("none", ""),)]})


def fits(body: dict[str, Any]) -> str:
    """An answer that fits the dialogue `SAID`."""
    message = re.search(r"The message to label:\n\nPersuader: (.*)\n", body["messages"][0]["content"])[1]  # type: ignore[index]
    found = {ASK: ("source-related-inquiry", "heard of Save the Children"), PITY: ("emotion-appeal", "a hungry child")}
    return labels(found[message]) if message in found else labels()
