"""Run conversations: those of a plan that are missing, so many at a time."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from vs_sim.asking import open_reader
from vs_sim.budget import Budget, Spend, expected_of, share_of_cap, took
from vs_sim.conversation import SpeakerVoice, run_conversation
from vs_sim.errors import RunStopped, StudyError, VsSimError
from vs_sim.graph import Conversation
from vs_sim.kinds import estimate_any, plan_any
from vs_sim.manifest import manifest_of, study_content
from vs_sim.models import Model
from vs_sim.prompt_records import AnyRecord, AnySpec, PromptSpec
from vs_sim.prompt_study import EitherStudy, PromptStudy
from vs_sim.providers import default_concurrency, open_models
from vs_sim.records import ConversationSpec, Decision, Turn, Usage, is_person
from vs_sim.responses import run_prompt
from vs_sim.run_options import RunOptions
from vs_sim.second_reader import READINGS, read_stated
from vs_sim.shard import WHOLE, Shard
from vs_sim.store import RunFolder
from vs_sim.study import Study
from vs_sim.writer import Writer


class Watcher:
    """What a run tells while it goes on; every method may be overridden, none has to be."""

    def say(self, line: str) -> None:
        """Something that takes long begins."""

    def planned(self, specs: Sequence[AnySpec], complete: frozenset[str]) -> None:
        """The plan, and the ids of those that were complete before."""

    def started(self, spec: AnySpec) -> None:
        """A conversation, or an asking, starts."""

    def turn(self, spec: ConversationSpec, turn: Turn | Decision) -> None:
        """A turn was said, or the decision made."""

    def finished(self, record: AnyRecord) -> None:
        """A conversation, or an asking, ended, complete or failed, and is stored."""


@dataclass(frozen=True)
class RunResult:
    """Where a run stands when it ends.

    Attributes:
        n_planned, n_complete: conversations, of the part of the plan that was to be run.
        failures: kind of failure -> number of conversations that failed at this start.
        stopped: why the run stopped before its plan was gone through; None if it did not.
        capped: whether a spend cap is the reason.
        drained: whether somebody told it to stop.
        unread: kind of failure -> number of dialogues that the study's second reader could not read at this start.
    """

    n_planned: int
    n_complete: int
    failures: dict[str, int]
    stopped: str | None
    unread: dict[str, int] = field(default_factory=dict)
    capped: bool = False
    drained: bool = False


async def run_study(
    study: EitherStudy, folder: RunFolder, watcher: Watcher | None = None, shard: Shard = WHOLE, drain: asyncio.Event | None = None
) -> RunResult:
    """Run what is missing of a study; the same call again goes on where this one ended.

    Args:
        study: see `vs_sim.study.load_study` and `vs_sim.kinds.load_any`; of prompts, each asking counts as a conversation.
        folder: of this study, or new.
        watcher: told what happens.
        shard: the part of the plan to run, with an equal part of the limits and caps; workers on other parts may run at the same time, in
            the same folder. The study's second reader reads when the whole is run.
        drain: set it to have no further request made; what is under way is waited for and kept.

    Raises:
        StudyError: a cap in dollars, and a model without a price.
        RunFolderError: the folder belongs to another study, or is in use.
        ModelUnavailable, WeightsError, EndpointError: a model cannot be used; nothing was spent.
    """
    watcher = watcher or Watcher()
    _check(study)
    specs = plan_any(study)
    content = study_content(study)
    manifest_of(content, study.run, folder, specs, shard)  # a folder of something else is refused before anything is written into it
    run = study.run.divided(shard.of)
    reader = study.reader if isinstance(study, Study) and shard == WHOLE else None
    async with Writer(folder, shard, [spec.id for spec in specs]) as writer:
        own = shard.part(specs)
        missing = [spec for spec in own if spec.id not in writer.complete]
        watcher.planned(own, frozenset(s.id for s in own if s.id in writer.complete))
        budget = _budget(study.run, folder, specs, shard)
        runner = _Runner(study, writer, watcher, budget)
        drain = drain or asyncio.Event()
        await asyncio.sleep(0)  # a signal that came meanwhile is heard now: to have the models ready may take long
        if drain.is_set() and missing:
            runner.told_to_stop()
        elif not missing:
            writer.update_manifest(lambda: manifest_of(content, study.run, folder, specs, shard))
        else:
            async with open_models(
                study.models,
                run=run,
                temperature=study.temperature,
                top_p=study.top_p,
                json_schema=study.json_schema,
                budget=budget,
                say=watcher.say,
            ) as models:
                if reader:  # that it can be asked is seen before anything is spent
                    async with open_reader(reader, content, run=run, say=watcher.say):
                        pass
                # Not before the models are there: a start that could not begin binds the folder to nothing.
                writer.update_manifest(lambda: manifest_of(content, study.run, folder, specs, shard))
                await runner.run(missing, models, run.concurrency or default_concurrency(models), drain)
        result = RunResult(
            n_planned=len(own),
            n_complete=len(own) - len(missing) + runner.n_complete,
            failures=runner.failures,
            stopped=runner.stopped,
            capped=runner.capped,
            drained=runner.drained,
        )
    if reader and result.stopped is None:
        read = await read_stated(folder, reader, run=run, say=watcher.say, budget=budget, drain=drain)
        result = replace(result, unread=read.failures, stopped=read.stopped, capped=read.capped, drained=read.drained)
    return result


def _check(study: EitherStudy) -> None:
    people = [name for name in study.models if is_person(name)]
    if people:
        raise StudyError(f"model {people[0]!r} is a person; people take part with vs-sim play STUDY, a study names models")
    names = [*study.models, *([study.reader] if isinstance(study, Study) and study.reader else [])]
    unpriced = [name for name in names if name not in study.run.prices]
    if study.run.cap_dollars is not None and unpriced:
        raise _unpriced(study.run, unpriced[0])


def _unpriced(run: RunOptions, model: str, which: str = "") -> StudyError:
    return StudyError(
        f"cap_dollars = {run.cap_dollars:g}: the price of {model}{which} is unknown, so that its dollars cannot be counted; give "
        f'[run.prices."{model}"] input = ..., output = ... in dollars per million tokens, or use cap_tokens'
    )


def _budget(run: RunOptions, folder: RunFolder, specs: Sequence[AnySpec], shard: Shard) -> Budget | None:
    """What may be spent on a part of the plan, less what was; None if nothing caps it."""
    if run.cap_tokens is None and run.cap_dollars is None:
        return None
    answered = ((row["conversation"], row["call"]) for row in folder.journal_rows() if "call" in row)
    read = ((reading.conversation, call.model_dump()) for reading in READINGS.rows(folder) for call in reading.calls)
    by: defaultdict[str, Spend] = defaultdict(Spend)
    n_estimated: Counter[str] = Counter()
    for conversation, call in chain(answered, read):
        model, usage = call["model"], Usage.model_validate(call["usage"])
        if is_person(model):
            continue
        if run.cap_dollars is not None and model not in run.prices:  # unknown is not nothing
            raise _unpriced(run, model, f", which has answered in {folder.path},")
        by[conversation] += took(run.prices.get(model), usage, expected_of(call["text"]))
        n_estimated[conversation] += not usage.counted
    spent = [sum((by[spec.id] for spec in Shard(k, shard.of).part(specs)), Spend()) for k in range(1, shard.of + 1)]
    own = [spec.id for spec in shard.part(specs)]
    return Budget(
        tokens=share_of_cap(run.cap_tokens, [one.tokens for one in spent], shard.number),
        dollars=share_of_cap(run.cap_dollars, [one.dollars for one in spent if one.dollars is not None], shard.number),
        prices=run.prices,
        part=shard != WHOLE,
        earlier={id_: by[id_] for id_ in own},
        n_estimated=sum(n_estimated[id_] for id_ in own),
    )


class _Runner:
    """Conversations of one start, so many at a time."""

    def __init__(self, study: EitherStudy, writer: Writer, watcher: Watcher, budget: Budget | None) -> None:
        self.n_complete = 0
        self.failures: dict[str, int] = {}
        self.stopped: str | None = None
        self.capped = self.drained = False
        self._study, self._writer, self._watcher, self._budget = study, writer, watcher, budget
        people = study if isinstance(study, Study) else None
        self._prompts = {prompt.id: prompt for prompt in study.prompts} if isinstance(study, PromptStudy) else {}
        self._personas = {("persuader", p.id): p for p in (people.persuaders if people else ())}
        self._personas |= {("persuadee", p.id): p for p in (people.persuadees if people else ())}
        self._n_endpoint_failures_in_a_row = 0
        self._estimates: dict[tuple[str, str], Spend] = {}
        self._n_under_way = 0
        self._ended = asyncio.Event()
        self._failed: VsSimError | None = None

    async def run(self, specs: Sequence[AnySpec], models: dict[str, Model], concurrency: int, drain: asyncio.Event) -> None:
        waiting = iter(specs)

        async def worker() -> None:
            for spec in waiting:
                await self._begin(spec)
                if self.stopped is not None:
                    return
                self._n_under_way += 1
                try:
                    await self._one(spec, models)
                except VsSimError as error:  # it would fail for every conversation alike: what others have asked is still kept
                    self._failed = self._failed or error
                    close(self.told_to_stop())
                finally:
                    self._n_under_way -= 1
                    self._ended.set()

        def close(stop: RunStopped) -> None:
            for model in models.values():
                model.gate.close(stop)

        async def draining() -> None:
            await drain.wait()
            close(self.told_to_stop())

        listening = asyncio.create_task(draining())
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(min(concurrency, len(specs))):
                    tasks.create_task(worker())
        finally:
            listening.cancel()
        if self._failed is not None:
            raise self._failed
        if self.capped and self._budget is not None:  # now that all that was under way is counted
            self.stopped = f"{self.stopped}; {self._budget}"

    def told_to_stop(self) -> RunStopped:
        """Begin no further conversation, since somebody says so; what those under way are told."""
        stop = RunStopped("told to stop; what was under way is kept", capped=False)
        self._stop(stop)
        return stop

    def _stop(self, reason: RunStopped) -> None:
        if self.stopped is None:
            self.stopped, self.capped, self.drained = str(reason), reason.capped, not reason.capped
            self._ended.set()  # who waits to begin is not to

    async def _begin(self, spec: AnySpec) -> None:
        """Returns when a conversation may begin; stops the run if what it is expected to take does not fit into what may be spent."""
        if self._budget is None:
            return
        if spec.arm not in self._estimates:
            self._estimates[spec.arm] = _estimate(self._study, spec)
        while self.stopped is None and not self._budget.begin(spec.id, spec.arm, self._estimates[spec.arm]):
            if not self._n_under_way:
                takes = self._budget.expected(spec.arm, self._estimates[spec.arm])
                self._stop(RunStopped(f"the next {spec.noun} may take {takes}, which goes past the spend cap", capped=True))
            else:  # they may take less than is reserved for them
                self._ended.clear()
                await self._ended.wait()

    async def _record(self, spec: AnySpec, models: dict[str, Model]) -> AnyRecord:
        if isinstance(spec, PromptSpec):
            assert isinstance(self._study, PromptStudy)  # noqa: S101
            voice = SpeakerVoice(models[spec.model], self._writer, spec, self._study.condition(spec.condition))
            return await run_prompt(self._study, self._prompts[spec.prompt], spec, voice)
        assert isinstance(self._study, Study)  # noqa: S101
        return await run_conversation(
            Conversation(
                spec=spec,
                study=self._study,
                persuader=self._personas["persuader", spec.persuader],
                persuadee=self._personas["persuadee", spec.persuadee],
                voices={
                    "persuader": SpeakerVoice(models[spec.persuader_model], self._writer, spec),
                    "persuadee": SpeakerVoice(models[spec.persuadee_model], self._writer, spec),
                },
                on_turn=self._watcher.turn,
            )
        )

    async def _one(self, spec: AnySpec, models: dict[str, Model]) -> None:
        self._watcher.started(spec)
        try:
            record = await self._record(spec, models)
        except RunStopped as stop:
            self._stop(stop)
            return
        failure = record.failure
        if failure is not None and failure.kind.startswith("ReplyError"):
            await self._writer.void(spec.id, failure.step)
        await self._writer.add_transcript(record)
        if self._budget is not None:
            self._budget.end(spec.id, spec.arm, complete=failure is None)
        if failure is None:
            self.n_complete += 1
            self._n_endpoint_failures_in_a_row = 0
        else:
            self.failures[failure.kind] = self.failures.get(failure.kind, 0) + 1
            self._n_endpoint_failures_in_a_row = self._n_endpoint_failures_in_a_row + 1 if failure.kind == "EndpointError" else 0
            if self._n_endpoint_failures_in_a_row >= _ENDPOINT_FAILURES_THAT_STOP and self.stopped is None:
                # An endpoint that is gone would fail every remaining conversation in the same way.
                n = self._n_endpoint_failures_in_a_row
                self.stopped = f"{n} {spec.noun}s in a row failed at the endpoint; the last: {failure.message}"
        self._watcher.finished(record)


def _estimate(study: EitherStudy, spec: AnySpec) -> Spend:
    """What a conversation will take, before any of its arm has ended."""
    one: dict[str, Any] = {"conditions": (study.condition(spec.condition),)}
    if isinstance(study, PromptStudy) and isinstance(spec, PromptSpec):
        one |= {"models": (spec.model,), "n_replies": 1, "prompts": tuple(p for p in study.prompts if p.id == spec.prompt)}
    elif isinstance(study, Study) and isinstance(spec, ConversationSpec):
        one |= {
            "persuadee_models": (spec.persuadee_model,),
            "persuaders": tuple(p for p in study.persuaders if p.id == spec.persuader),
            "persuadees": tuple(p for p in study.persuadees if p.id == spec.persuadee),
            "replicates": 1,
        }
    found = estimate_any(study.model_copy(update=one))
    return Spend(sum(found.input_tokens.values()) + sum(found.output_tokens.values()), found.dollars)


_ENDPOINT_FAILURES_THAT_STOP = 3
