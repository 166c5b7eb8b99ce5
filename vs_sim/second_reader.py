"""A second reader of stated donations: a language model reads the dialogues that the rules of `vs_sim.outcome` leave open.

It is held to its evidence (see `vs_sim.evidence`): an amount or a refusal counts only with words of the persuadee that stand in the
dialogue and say so. What cannot be used is asked for again and then fails by name; it is missing, never $0. Every reading is durable
before the next one is asked for, and is not paid for again with the same model and prompt.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from vs_sim import prompts
from vs_sim.asking import Answer, Part, ReadResult, answers, ask, read_all
from vs_sim.evidence import read_answer
from vs_sim.outcome import stated_donation
from vs_sim.records import Role, StatedDonation, Transcript
from vs_sim.store import RunFolder

if TYPE_CHECKING:
    from vs_sim.budget import Budget
    from vs_sim.models import Model
    from vs_sim.run_options import RunOptions

_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "quote": {"type": "string"},
        "status": {"type": "string", "enum": ["amount", "refused", "none"]},
        "cents": {"type": ["integer", "null"]},
    },
    "required": ["quote", "status", "cents"],
    "additionalProperties": False,
}
_MOST_TOKENS = 300
_LONGEST_OFFERED = 300  # characters of a quote that an embedded model may choose


class Reading(Answer):
    """What the second reader made of one dialogue.

    Attributes:
        conversation: id of the conversation.
        stated: the donation as read, with the place of the quoted words; None if the reading failed.
        quote: the words of the persuadee that the model gave as evidence; None for ``"undetermined"`` and for a failure.
    """

    conversation: str
    stated: StatedDonation | None
    quote: str | None = None


READINGS = Part("readings", Reading, "reading", "readings", lambda reading: reading.conversation)


def prompt(utterances: Sequence[tuple[Role, str]]) -> str:
    """What the second reader is asked about a dialogue, whose (role, text) pairs are given in order."""
    lines = [(role.capitalize(), " ".join(text.split())) for role, text in utterances]
    return prompts.render("second_reader", rules=prompts.text("stated_rules").strip(), lines=lines)


def prompt_digest() -> str:
    """sha256 (64 hexadecimal digits) of all that a second reader is told besides the dialogue; no part of a conversation's identity."""
    told = [*(prompts.text(name) for name in ("second_reader", "stated_rules", "ask_again")), json.dumps(_SCHEMA, sort_keys=True)]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def readings(folder: RunFolder) -> dict[str, dict[str, Reading]]:
    """The readings of a run folder: model -> conversation id -> reading, of each model under the prompt that it was last used with.

    A failure never replaces a reading. Readings under another prompt are another instrument's and are not mixed in.

    Raises:
        RunFolderError: if a line is no reading.
    """
    return answers(folder, READINGS)


async def read_stated(
    folder: RunFolder,
    model: str,
    *,
    run: RunOptions,
    everything: bool = False,
    say: Callable[[str], None] = lambda line: None,
    budget: Budget | None = None,
    drain: asyncio.Event | None = None,
) -> ReadResult:
    """Have a model read the stated donations of a run's complete dialogues; the same call again goes on where this one ended.

    Args:
        folder: a run folder, of a study or of people.
        model: ``"provider:model"``.
        run: endpoints and limits.
        everything: read every dialogue, as agreement between readers needs it, not only those that the rules leave open.
        say: told in a line what takes long.
        budget: what the calls are counted in; None for no cap.
        drain: set it to have no further request made; what is under way is waited for and kept.

    Raises:
        RunFolderError: the folder cannot be read or written, or another process reads for it.
        ModelUnavailable, WeightsError, EndpointError: the model cannot be used.
    """
    wanted = {t.spec.id: t for t in folder.transcripts() if t.complete}
    if not everything:
        wanted = {id_: t for id_, t in wanted.items() if stated_donation(t.utterances).status == "undetermined"}

    async def read(id_: str, opened: Model, n_failed_before: int) -> Reading:
        return await _reading(wanted[id_], opened, n_failed_before)

    return await read_all(
        folder,
        READINGS,
        [*wanted],
        read,
        model=model,
        digest=prompt_digest(),
        prompt=prompt([]),
        run=run,
        say=say,
        begun=lambda missing: f"{model} reads {len(missing)} dialogues",
        budget=budget,
        drain=drain,
    )


async def _reading(transcript: Transcript, model: Model, n_failed_before: int) -> Reading:
    utterances = transcript.utterances
    schema = own_schema(utterances) if model.name.startswith("embedded:") else _SCHEMA
    id_ = transcript.spec.id

    def read(raw: str) -> tuple[StatedDonation, str | None]:
        return read_answer(raw, utterances)

    name = f"{id_}:second_reader"
    found = await ask(model, name, prompt(utterances), schema, _MOST_TOKENS, read, n_failed_before=n_failed_before)
    stated, quote = found.read or (None, None)
    return Reading(
        conversation=id_,
        model=model.name,
        prompt=prompt_digest(),
        stated=stated,
        quote=quote,
        calls=found.calls,
        failure=found.failure,
    )


def own_schema(utterances: Sequence[tuple[Role, str]]) -> dict[str, Any]:
    """JSON schema for embedded models, which choose among the persuadee's messages (or their beginnings): small models cannot copy."""
    said = (" ".join(text.split()) for role, text in utterances if role == "persuadee")
    offered = [text if len(text) <= _LONGEST_OFFERED else text[:_LONGEST_OFFERED].rpartition(" ")[0] for text in said]
    quote = {"type": "string", "enum": list(dict.fromkeys(["", *offered]))}
    return {**_SCHEMA, "properties": {**_SCHEMA["properties"], "quote": quote}}
