"""Ask the model of a recorded decision again, many times, for one amount: how often does each amount really come?

    RUN/reask/00001.jsonl   every answer with its calls, one line each; a new file for every start
    RUN/reask/lock          held while answers are added

What is asked is the recorded private decision (the persuadee's base prompt, the chat as it went) with the request of the method `direct`
in place of the arm's, at the study's temperature. Replies in the chat are not asked for again: texts hardly ever repeat word by word, so
that counting them says nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import Field, ValidationError

from vs_sim import prompts
from vs_sim.chat import messages
from vs_sim.completion import sound_unicode
from vs_sim.condition import VERBALIZED, Condition
from vs_sim.errors import ContextFull, EndpointError, InputError, ModelUnavailable, ReplyError, RunFolderError
from vs_sim.models import Model, Request
from vs_sim.personas import Persona, render
from vs_sim.propose import Message, amount_on, propose, schema
from vs_sim.providers import default_concurrency, open_models
from vs_sim.records import Call, Record, Transcript
from vs_sim.run_options import RunOptions
from vs_sim.store import RunFolder
from vs_sim.study import Study
from vs_sim.writer import appending

PART = "reask"
"""Part of the run folder that holds the answers."""
TOP_LOGPROBS = 20
"""Alternatives to each token that are asked for: the most that the OpenAI protocol allows."""


Append = Callable[[Record], Awaitable[None]]


class Token(Record):
    """One token of a reply as the endpoint reports it.

    Attributes:
        text: the token.
        logprob: natural logarithm of its probability, given what stands before it.
        top: the most probable tokens at its place with their log-probabilities, itself among them or not.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


class Reasked(Record):
    """One answer to a decision that was asked again.

    Attributes:
        conversation: id of the conversation.
        number: which answer of this decision it is, from 1.
        request: digest of what was asked, as `vs_sim.models.Model.digest` makes it.
        amount: on the study's scale, whole units (cents for the donation); None if the answer could not be read.
        failure: why it could not be read, as in `vs_sim.records.Failure`; None if it could.
        calls: the calls made for it, in order.
        tokens: the reply's tokens; None if the endpoint gives no log-probabilities, or the reply was asked for again.
    """

    conversation: str
    number: int = Field(ge=1)
    request: str
    amount: int | None
    failure: str | None
    calls: tuple[Call, ...]
    tokens: tuple[Token, ...] | None


@dataclass(frozen=True)
class ReaskResult:
    """Where the asking stands when it ends.

    Attributes:
        n_decisions: decisions chosen.
        n_answers: answers that they have now, unreadable ones included.
        n_asked: how many of these are new.
        n_owed: answers that are still missing.
        stopped: why the asking stopped early; None if it did not.
    """

    n_decisions: int
    n_answers: int
    n_asked: int
    n_owed: int
    stopped: str | None


def recorded_study(folder: RunFolder) -> Study:
    """The study that a run folder was run from, with the options of its last start.

    Raises:
        RunFolderError: its study cannot be read by this version, or the folder holds humans.
    """
    manifest = folder.manifest()
    if folder.is_reference:
        raise RunFolderError(f"{folder.path} holds people, who state no probabilities; expected the folder of a run")
    content = {key: value for key, value in manifest["study"].items() if key != "prompts_sha256"}
    try:
        return Study.model_validate({**content, "run": manifest["starts"][-1]["run"] if manifest["starts"] else {}})
    except (ValidationError, KeyError, TypeError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else repr(error)
        raise RunFolderError(f"{folder.manifest_path}: its study cannot be read by this version of vs_sim: {said}") from None


def read_reasked(folder: RunFolder) -> list[Reasked]:
    """Every answer in a run folder, by conversation and number, each once; empty if nothing was asked again.

    Raises:
        RunFolderError: a line is damaged.
    """
    found: dict[tuple[str, int], Reasked] = {}
    for path, number, line in folder.lines(PART):
        try:
            answer = Reasked.model_validate_json(line)
        except ValidationError as error:
            raise RunFolderError(f"{path}, line {number}: is no answer of vs-sim reask: {error.errors()[0]['msg']}") from None
        found[answer.conversation, answer.number] = answer
    return [found[key] for key in sorted(found)]


def choose(transcripts: Sequence[Transcript], study: Study, models: Sequence[str], n: int | None, seed: int) -> list[Transcript]:
    """The decisions that are asked again: of every VS condition and model as many, chosen at random.

    Args:
        transcripts: of the run.
        study: its study.
        models: persuadee models whose decisions are asked again.
        n: decisions per condition and model; None for all. A larger number adds to what a smaller one chose.
        seed: of the choice.
    """
    arms: dict[tuple[str, str], list[Transcript]] = {}
    for t in transcripts:
        decided = t.complete and t.decision is not None and t.decision.distribution is not None
        if decided and t.spec.persuadee_model in models and study.condition(t.spec.condition).method in VERBALIZED:
            arms.setdefault((t.spec.condition, t.spec.persuadee_model), []).append(t)

    def lot(transcript: Transcript) -> bytes:
        return hashlib.sha256(f"{seed}:{transcript.spec.id}".encode()).digest()

    return [t for arm in arms.values() for t in sorted(arm, key=lot)[:n]]


def decision_messages(study: Study, persuadee: Persona, transcript: Transcript, direct: Condition) -> list[Message]:
    """What `vs_sim.graph` shows the persuadee's model at the decision of a recorded conversation, with the request of another method.

    Args:
        study: the study.
        persuadee: who decides.
        transcript: the chat as it went.
        direct: the condition by whose method it is asked for.
    """
    scenario = study.scenario
    base = scenario.render("persuadee", persona=render(persuadee), rounds=study.rounds)
    return messages(
        base=base,
        role="persuadee",
        turns=transcript.turns,
        question=scenario.render("decide"),
        condition=direct,
        thing=amount_on(scenario.scale),
        form=study.form,
        speakers=scenario.speakers,
    )


async def reask(
    folder: RunFolder,
    *,
    times: int,
    n_decisions: int | None = None,
    model: str | None = None,
    seed: int | None = None,
    run: RunOptions | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> ReaskResult:
    """Ask for recorded decisions again until each has so many answers; what is there already is not asked for.

    Args:
        folder: of a run.
        times: answers per decision, at least 1.
        n_decisions: see `choose`.
        model: only the decisions of this persuadee model; it is the one that is asked. None for all models of the run.
        seed: of the choice of decisions; None for the study's.
        run: how the models are reached; None: as at the run's last start.
        say: told in a line what takes long.

    Raises:
        RunFolderError: no run with VS conditions, other prompts than now, or the folder is in use.
        InputError: the model is not one of the run's.
        ModelUnavailable, WeightsError, EndpointError: the model cannot be used.
    """
    study = recorded_study(folder)
    _check_prompts(folder)
    models = list(study.persuadee_models) if model is None else [model]
    if model is not None and model not in study.persuadee_models:
        raise InputError(
            f"model {model!r} made no decision of {folder.path}; expected one of {', '.join(study.persuadee_models)}: "
            "only the model that stated the probabilities can be held to them"
        )
    chosen = choose(folder.transcripts(), study, models, n_decisions, study.seed if seed is None else seed)
    if not chosen:
        raise RunFolderError(f"{folder.path} has no decision of a complete conversation of a VS condition to ask for again")
    run = run or study.run
    used = list(dict.fromkeys(t.spec.persuadee_model for t in chosen))
    async with (
        appending(folder, PART) as append,
        open_models(used, run=run, temperature=study.temperature, top_p=study.top_p, json_schema=study.json_schema, say=say) as opened,
    ):
        asking = _Asking(study, opened, append, {(a.conversation, a.number, a.request) for a in read_reasked(folder)}, say)
        await asking.run(chosen, times, run.concurrency or default_concurrency(used))
    n = len(chosen) * times
    return ReaskResult(len(chosen), n - asking.n_owed, asking.n_asked, asking.n_owed, asking.stopped)


_PROMPTS = ("transcript", "method/direct", "format/json", "format/xml")


def _check_prompts(folder: RunFolder) -> None:
    then, now = folder.manifest().get("prompts", {}), prompts.texts()
    changed = [name for name in _PROMPTS if then.get(name) != now.get(name)]
    if changed:
        raise RunFolderError(
            f"{folder.path}: the prompts {', '.join(changed)} changed since the run, so that its decisions cannot be asked for again as "
            "they were; use the version of vs_sim that is named in manifest.json"
        )


def _tokens(content: list[Any] | None) -> tuple[Token, ...] | None:
    """A reply's tokens; None if they are not of the form that the protocol promises: as good as none."""
    try:
        return tuple(map(_token, content)) if content else None
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def _token(said: dict[str, Any]) -> Token:
    top = tuple((sound_unicode(a["token"]), a["logprob"]) for a in said.get("top_logprobs") or ())
    return Token(text=sound_unicode(said["token"]), logprob=said["logprob"], top=top)


_FAILURES_THAT_STOP = 3


class _Asking:
    """The asking of one start, so many answers at a time."""

    def __init__(
        self, study: Study, models: dict[str, Model], append: Append, known: set[tuple[str, int, str]], say: Callable[[str], None]
    ) -> None:
        self.n_asked = self.n_owed = 0
        self.stopped: str | None = None
        self._study, self._models, self._append, self._known, self._say = study, models, append, known, say
        self._personas = {p.id: p for p in study.persuadees}
        # Those of the OpenAI protocol are asked; an endpoint that refuses it is not asked for it again.
        self._logprobs = dict.fromkeys(models, True)
        self._n_failures_in_a_row = 0

    async def run(self, chosen: Sequence[Transcript], times: int, concurrency: int) -> None:
        waiting = iter([(t, number) for t in chosen for number in range(1, times + 1)])

        async def worker() -> None:
            for transcript, number in waiting:
                await self._one(transcript, number)

        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(concurrency):
                    tasks.create_task(worker())
        except* (ModelUnavailable, RunFolderError) as group:
            error: BaseException = group
            while isinstance(error, BaseExceptionGroup):
                error = error.exceptions[0]
            raise error from None

    async def _one(self, transcript: Transcript, number: int) -> None:
        study, spec = self._study, transcript.spec
        model = self._models[spec.persuadee_model]
        direct = Condition(name="again", method="direct", format=study.condition(spec.condition).format)
        shown = decision_messages(study, self._personas[spec.persuadee], transcript, direct)
        grid = model.name.startswith("embedded:")
        amount = amount_on(study.scenario.scale)
        first = Request(shown, schema(direct, amount, grid=grid), 0, _seed(spec.id, number, 0))
        digest = model.digest(first)
        if (spec.id, number, digest) in self._known:
            return
        if self.stopped is not None:  # counted to the end, asked no more
            self.n_owed += 1
            return
        calls: list[Call] = []
        tokens: tuple[Token, ...] | None = None

        async def ask(step: str, shown: list[Message], shape: dict[str, Any] | None, max_tokens: int) -> Call:
            nonlocal tokens
            call, said = await self._answer(model, step, Request(shown, shape, max_tokens, _seed(spec.id, number, len(calls))))
            tokens = None if calls else _tokens(said)
            calls.append(call)
            return call

        decided: int | None = None
        failure: str | None = None
        try:
            said = await propose(
                ask, f"again{number}", shown, direct, amount, grid=grid, n_reasks=study.n_reasks, reply_words=study.reply_words
            )
            decided = int(said.candidates[0].text)
        except (ReplyError, ContextFull) as error:
            failure = type(error).__name__ + (f":{error.reason}" if isinstance(error, ReplyError) else "")
        except EndpointError as error:
            self.n_owed += 1
            self._n_failures_in_a_row += 1
            if self._n_failures_in_a_row >= _FAILURES_THAT_STOP:
                self.stopped = f"{self._n_failures_in_a_row} requests in a row failed at the endpoint; the last: {error}"
            return
        self._n_failures_in_a_row = 0
        answer = Reasked(
            conversation=spec.id, number=number, request=digest, amount=decided, failure=failure, calls=tuple(calls), tokens=tokens
        )
        await self._append(answer)
        self.n_asked += 1
        self._say(f"{spec.id} {spec.condition}, answer {number}: {failure if decided is None else study.scenario.scale.text(decided)}")

    async def _answer(self, model: Model, step: str, asked: Request) -> tuple[Call, list[Any] | None]:
        if self._logprobs[model.name]:
            try:
                return await model.answer_with_tokens(step, replace(asked, top_logprobs=TOP_LOGPROBS))
            except ModelUnavailable as error:
                if "logprobs" not in str(error):
                    raise
                self._logprobs[model.name] = False
        return await model.answer_with_tokens(step, asked)


def _seed(conversation: str, number: int, n_calls: int) -> int:
    name = f"{conversation}:again{number}.{n_calls}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1
