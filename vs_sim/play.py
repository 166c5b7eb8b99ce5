"""A person in place of a model: pilots of a study, and human dialogues for a scenario that has none.

The person takes one role of one conversation in the same graph, and is shown what a model would be shown in it, without the request for
candidates; who plays no persona is asked for the next message in plain words, since the scenario's speak of the person described.
LangGraph's `interrupt` waits for what is typed. Everything is stored as in any run folder. The model of the role is called
"human:terminal"; where a person is the persuadee, the condition is "humans", since no method applies.

These people are told that a language model writes the other messages, while the scene may speak of another participant: nobody is deceived.
In PersuasionForGood people talked with people. A difference between the two may thus be what people do with a machine.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from langgraph.types import interrupt

from vs_sim.conversation import SpeakerVoice, run_conversation
from vs_sim.errors import RunFolderError
from vs_sim.graph import Conversation
from vs_sim.manifest import manifest_of, study_content
from vs_sim.models import Model
from vs_sim.players import MODEL, Play, next_play
from vs_sim.propose import Message
from vs_sim.providers import open_models
from vs_sim.records import Call, ConversationSpec, Decision, Role, Transcript, Turn, Usage
from vs_sim.scenario import Scale
from vs_sim.store import RunFolder
from vs_sim.study import Study
from vs_sim.writer import Writer


class Left(Exception):
    """The person left before the end; the conversation can go on at any time."""


@dataclass(frozen=True)
class Question:
    """What a person is asked.

    Attributes:
        step: name of the turn, or ``"decide"``.
        asked: what is asked for now.
        problem: why the last answer was not taken, or what an empty one confirms, a sentence; None at the first time.
    """

    step: str
    asked: str
    problem: str | None


class Person(Protocol):
    """Where the person sits: what is shown there, and what is typed."""

    def say(self, line: str) -> None:
        """Something that takes long begins."""

    def begins(self, play: Play) -> None:
        """A conversation begins, or goes on."""

    def turn(self, spec: ConversationSpec, turn: Turn | Decision) -> None:
        """Something was said, by the person or by the other one; a conversation that goes on tells it all again."""

    def answer(self, question: Question) -> str:
        """What the person types; raises `Left`."""
        ...


class HumanVoice:
    """A person as one speaker of one conversation; see `vs_sim.graph.Voice`.

    Args:
        writer: where answers are journalled, and taken from if they are there already.
        spec: the conversation.
        scale: what the persuadee decides on.
        next: what is asked for at each turn, in place of the scenario's words to a model.
    """

    grid = False

    def __init__(self, writer: Writer, spec: ConversationSpec, scale: Scale, next: str) -> None:
        self._writer, self._spec, self._scale, self._next = writer, spec, scale, next

    async def __call__(self, step: str, messages: list[Message], schema: dict[str, Any] | None, max_tokens: int) -> Call:
        """What the person says, durable before it is returned; `tries` is how often it was typed. Schema and limit are for models."""
        if not step.startswith("decide"):
            messages = [*messages[:-1], {**messages[-1], "content": self._next}]
        digest = hashlib.sha256(json.dumps([MODEL, messages]).encode()).hexdigest()[:16]
        call = self._writer.answered(self._spec.id, step, digest)
        if call is None:
            call = self._asked(step, messages)
            await self._writer.add_call(self._spec.id, digest, call)
        return call

    def _asked(self, step: str, messages: list[Message]) -> Call:
        """Each `interrupt` ends the node, which begins again with the answer: those given before are given again, in their order.

        A message counts as it is typed, a decision once an empty line confirms it.
        """
        turn = step.partition(".")[0]
        problem = text = None
        tries, seconds = 0, 0.0
        while True:
            answer = interrupt({"step": turn, "asked": messages[-1]["content"], "problem": problem})
            seconds, typed = seconds + answer["seconds"], json.loads(answer["typed"])
            if text is None or typed.strip():
                tries += 1
                try:
                    text = read_amount(typed, self._scale) if turn == "decide" else read_message(typed)
                except ValueError as error:
                    problem, text = str(error), None
                    continue
                if turn == "decide":
                    problem = f"{_echoed(text, self._scale)} Press Enter to confirm, or type another amount."
                    continue
            return Call(
                step=step,
                model=MODEL,
                model_returned=None,
                text=text,
                finish_reason=None,
                usage=Usage(),
                seconds=round(seconds, 3),
                tries=tries,
            )


def read_message(typed: str) -> str:
    """A message as typed, without the blanks around it.

    Raises:
        ValueError: a sentence for the person, if there is nothing, or something that is no text.
    """
    text = typed.strip()
    if not text:
        raise ValueError("There is nothing in this message yet: type a few words, then Enter.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("Some characters did not arrive as text (the terminal should send UTF-8): type the message again.") from None
    return text


def read_amount(typed: str, scale: Scale) -> str:
    """A decision as typed, if it is an amount on the scale that cannot mean another one: money needs its unit, unless it is 0.

    Returns:
        What was typed; ``"0.50"``, which can only be dollars, as ``"$0.50"``.

    Raises:
        ValueError: a sentence for the person.
    """
    text = read_message(typed)
    how = f"type a whole number of {scale.unit} from {scale.low} to {scale.high}"
    if scale.money:
        how = f"type cents or dollars, such as 50 cents or $0.50, from {scale.text(scale.low)} to {scale.text(scale.high)}"
        if text.isdecimal() and 1 <= int(text[:9]) <= scale.high:
            n = int(text)
            dollars = f"${n}" if n <= scale.high // 100 else scale.text(n)  # more dollars than there are cannot be meant
            raise ValueError(f"{n} could be dollars or cents. Say it with its unit: {dollars} or {n} {'cent' if n == 1 else 'cents'}.")
        if re.fullmatch(r"[0-9]{1,6}\.[0-9]{2}", text):
            text = f"${text}"
    try:
        scale.read(text)
    except ValueError as error:
        why = f"lies outside {scale.text(scale.low)} to {scale.text(scale.high)}"
        if str(error) != "amount_out_of_range":
            why = "cannot be read as an amount"
        raise ValueError(f"{text[:40]!r} {why}: {how}.") from None
    return text


def _echoed(text: str, scale: Scale) -> str:
    amount = scale.text(int(scale.read(text)[0]))
    return f"You give {amount}." if scale.money else f"Your {scale.name}: {amount}."


async def play(
    study: Study,
    folder: RunFolder,
    role: Role,
    person: Person,
    *,
    participant: str | None = None,
    persona: str | None = None,
    condition: str | None = None,
) -> Transcript | None:
    """One conversation with a person, from where it stands to its end; the same call again goes on where it was left.

    Args:
        study: see `vs_sim.study.load_study`; the other role is a model's as it says there, of several persuadee models the first.
        folder: of people who played this role, or new.
        role: which the person takes.
        person: where the person sits.
        participant, persona, condition: see `next_play`.

    Returns:
        The transcript, stored; None if the person left, whose words are kept in the journal.

    Raises:
        StudyError, InputError, RunFolderError: see `next_play`.
        ModelUnavailable, WeightsError, EndpointError: the other one's model cannot be used.
    """

    def prepared() -> tuple[Play, dict[str, Any]]:
        found = next_play(study, folder, role, participant=participant, persona=persona, condition=condition)
        return found, manifest_of(study_content(found.study), study.run, folder, found.specs)

    _own(folder)
    prepared()  # a folder of something else is refused before anything is written into it
    async with Writer(folder) as writer:
        one, manifest = prepared()
        async with open_models(
            [one.model], run=study.run, temperature=study.temperature, top_p=study.top_p, json_schema=study.json_schema, say=person.say
        ) as models:
            writer.write_manifest(manifest)
            _keep_private(folder)
            person.begins(one)
            try:
                transcript = await run_conversation(_conversation(one, models[one.model], writer, person), _clocked(person))
            except Left:
                return None
        if transcript.failure is not None and transcript.failure.kind.startswith("ReplyError"):
            await writer.void(one.spec.id, transcript.failure.step)
        await writer.add_transcript(transcript)
    return transcript


def _conversation(one: Play, model: Model, writer: Writer, person: Person) -> Conversation:
    spec, study = one.spec, one.study
    human = HumanVoice(writer, spec, study.scenario.scale, one.next)
    other = SpeakerVoice(model, writer, spec)
    return Conversation(
        spec=spec,
        study=study,
        persuader=next(p for p in study.persuaders if p.id == spec.persuader),
        persuadee=next(p for p in study.persuadees if p.id == spec.persuadee),
        voices={"persuader": human, "persuadee": other} if one.role == "persuader" else {"persuader": other, "persuadee": human},
        on_turn=person.turn,
    )


def _clocked(person: Person) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def answer(asked: dict[str, Any]) -> dict[str, Any]:
        clock = time.monotonic()
        # Written out in ASCII: what is no Unicode, and is to be refused, would otherwise come out of the graph's memory as a question mark.
        return {"typed": json.dumps(person.answer(Question(**asked))), "seconds": time.monotonic() - clock}

    return answer


def _own(folder: RunFolder) -> None:
    """Refuses a folder of other things: all in it would be kept out of a repository."""
    if folder.manifest_path.exists() or not folder.path.is_dir():
        return
    begun = {"journal", "transcripts"}  # by a start that came to nothing
    others = sorted(p.name for p in folder.path.iterdir() if p.name not in begun and p.name.partition(".")[0] != "lock")
    if others:
        raise RunFolderError(
            f"{folder.path} is no run folder and holds other things ({others[0]!r}); give a new or empty folder with --out"
        )


def _keep_private(folder: RunFolder) -> None:
    """Keeps people's words out of a repository, as in a reference of human dialogues; what is there stays."""
    try:
        with (folder.path / ".gitignore").open("x", encoding="utf-8") as file:
            file.write("*\n")
    except FileExistsError:
        return
    except OSError as error:
        raise RunFolderError(f"{folder.path / '.gitignore'}: cannot be written: {error.strerror}") from None
