"""How far a run is, counted from its rows, also while another process writes them. Nothing is written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from vs_sim.budget import money
from vs_sim.errors import RunFolderError
from vs_sim.prompt_records import AnyRecord, AnySpec, PromptSpec, Responses
from vs_sim.records import Record, Transcript, VerbalizedDistribution, is_person, printable
from vs_sim.show import arm_name
from vs_sim.spent import prices_of, spent_on
from vs_sim.store import RunFolder, turn_of
from vs_sim.terminal import Line, wrapped


class ArmStatus(Record):
    """Counts of one arm.

    Attributes:
        arm: condition and persuadee model.
        n_planned, n_complete: conversations; the difference is owed.
        n_failed: owed conversations that failed last time.
        n_begun: owed conversations that have answers in the journal, but no end yet.
        failures: kind of failure -> conversations among `n_failed`.
    """

    arm: str
    n_planned: int
    n_complete: int
    n_failed: int
    n_begun: int
    failures: dict[str, int]


class Pace(Record):
    """How fast the last start of a run went.

    Attributes:
        n_ended: conversations that ended in it, complete or failed.
        minutes: from the beginning of the first of them to now, or to the end of the last one if no process holds the folder.
        minutes_left: as long as it takes to go through the rest of the plan at this pace; None if no process holds the folder.
    """

    n_ended: int
    minutes: float
    minutes_left: float | None


class CacheUse(Record):
    """What the provider had cached of the requests for which it says so, summed.

    Attributes:
        n_calls: answers that say it, at least 1.
        prompt_tokens: tokens of their requests.
        cached_tokens: those of them that came from the cache.
    """

    n_calls: int
    prompt_tokens: int
    cached_tokens: int


class Status(Record):
    """How far a run is.

    Attributes:
        run: the run folder.
        noun: what is counted: ``"conversation"``, or ``"asking"`` in a study of prompts.
        running: whether a process holds the folder; None if it cannot be told.
        last_written: when an answer or a conversation was last stored, ISO 8601, UTC; None if there is none.
        pace: of the last start; None if nothing has ended in it.
        arms: counts by condition and persuadee model.
        failures: kind -> conversations that failed last time and are owed.
        stop_reasons: stop reason -> complete conversations.
        n_calls: answers of models in the journal, those of failed conversations included.
        prompt_tokens, completion_tokens: their sum; None if a provider did not say for some call.
        dollars: what they took at the prices of the last start; None if tokens or a price are missing.
        cap_tokens, cap_dollars: what the last start allowed all starts together to take; None: no such cap.
        cache: tokens of requests that came from the provider's cache; None if no answer says it.
        cache_from_round_2: the same of the requests after the first round, the private decision included: before, there is nothing of
            the conversation that could be cached.
        seconds: summed seconds of the answered requests.
        persuadee_turns: turns drawn from a distribution or single reply.
        turns_without_repair: those of them that were read as asked, at the first request.
        repairs: repair -> turns that needed it; ``"asked_again"`` counts re-asks.
    """

    run: str
    noun: str
    running: bool | None
    last_written: str | None
    pace: Pace | None
    arms: tuple[ArmStatus, ...]
    failures: dict[str, int]
    stop_reasons: dict[str, int]
    n_calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    dollars: float | None
    cap_tokens: float | None
    cap_dollars: float | None
    cache: CacheUse | None
    cache_from_round_2: CacheUse | None
    seconds: float
    persuadee_turns: int
    turns_without_repair: int
    repairs: dict[str, int]

    @property
    def n_owed(self) -> int:
        """Conversations that are not complete."""
        return sum(arm.n_planned - arm.n_complete for arm in self.arms)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        """Lines for a person, plain."""
        return "\n".join(line.text for line in self.lines())

    def lines(self) -> list[Line]:
        """Lines for a person."""
        held = {True: "running", False: "not running", None: "no telling whether it is running"}[self.running]
        written = f", last written {_ago(self.last_written)}" if self.last_written else ""
        lines = [Line(f"run {self.run}: {held}{written}", "bold")]
        for arm in self.arms:
            kinds = ", ".join(f"{printable(kind)} {n}" for kind, n in sorted(arm.failures.items()))
            lines.append(
                Line(
                    f"  {printable(arm.arm)}: {arm.n_complete} of {arm.n_planned} complete"
                    + (f", {arm.n_begun} begun" if arm.n_begun else "")
                    + (f", {arm.n_failed} failed ({kinds})" if arm.n_failed else ""),
                    "red" if arm.n_failed else "green" if arm.n_complete == arm.n_planned else "",
                )
            )
        if self.n_owed:
            hint = "" if self.running else "; the command that made the run goes on with it"
            lines.append(Line(f"  {self.n_owed} owed{hint}", "" if self.running else "yellow"))
        if self.pace is not None:
            left = "" if self.pace.minutes_left is None else f", about {_span(self.pace.minutes_left)} left"
            speed = f", {self.pace.n_ended / self.pace.minutes:.1f} a minute" if self.pace.minutes else ""
            lines.append(Line(f"  last start: {self.pace.n_ended} {self.noun}s in {_span(self.pace.minutes)}{speed}{left}"))
        if self.stop_reasons:
            reasons = ", ".join(f"{reason} {n}" for reason, n in sorted(self.stop_reasons.items()))
            lines.append(Line(f"  stop reasons: {reasons}"))
        if self.persuadee_turns:
            share = 100 * self.turns_without_repair / self.persuadee_turns
            read = f"{self.turns_without_repair} of {self.persuadee_turns} ({share:.0f} %)"
            drawn, ones = ("replies", "replies") if self.noun == PromptSpec.noun else ("persuadee turns", "turns")
            lines.append(Line(f"  {drawn} read without repair: {read}"))
            lines += [Line(f"    {name}: {n} {ones}") for name, n in self.repairs.items()]
        tokens = (
            "tokens unknown"
            if self.prompt_tokens is None or self.completion_tokens is None
            else f"{self.prompt_tokens:,} tokens in, {self.completion_tokens:,} out"
        )
        dollars = "" if self.dollars is None or not self.n_calls else f", {money(self.dollars)}"
        lines.append(Line(f"  {self.n_calls:,} calls, {tokens}{dollars}, {self.seconds:,.0f} s of model time"))
        caps = [f"{self.cap_tokens:,.0f} tokens"] if self.cap_tokens is not None else []
        caps += [money(self.cap_dollars)] if self.cap_dollars is not None else []
        if caps:
            lines.append(Line(f"  spend cap of the last start: {' and '.join(caps)}"))
        if self.cache is not None:
            later = "" if self.cache_from_round_2 is None else f", {_percent(self.cache_from_round_2)} from round 2 on"
            known = "" if self.cache.n_calls == self.n_calls else f"; known of {self.cache.n_calls:,} calls"
            came = f"{self.cache.cached_tokens:,} of {self.cache.prompt_tokens:,} prompt tokens came from the cache"
            lines.append(Line(f"  {came} ({_percent(self.cache)}{later}{known})"))
        return [Line(part, line.style) for line in lines for part in _wrapped(line.text)]


def status(run: str | Path) -> Status:
    """How far a run is, counted from its rows; also while another process writes it.

    Raises:
        RunFolderError: if it is no run folder, or a run that is just starting.
    """
    folder = RunFolder(run)
    if not folder.manifest_path.exists() and folder.in_use():
        raise RunFolderError(
            f"{folder.path} is just starting: a run holds it and has not written its manifest.json yet; ask again in a moment"
        )
    manifest = folder.any_manifest()
    of_prompts = folder.of_prompts
    planned: Sequence[AnySpec] = folder.planned_askings() if of_prompts else folder.planned()
    running = folder.in_use()  # asked before the rows are read: what is said not to run has written them all
    ids = {spec.id for spec in planned}
    ended: Sequence[AnyRecord] = folder.responses() if of_prompts else folder.transcripts()
    transcripts = {t.spec.id: t for t in ended if t.spec.id in ids}
    calls, begun = [], set()
    for row in folder.journal_rows():
        if "call" in row:
            if not is_person(row["call"]["model"]):
                calls.append(row["call"])
            begun.add(row["conversation"])
    spent = spent_on(calls, prices_of(manifest["starts"]))
    last_run = manifest["starts"][-1].get("run", {}) if manifest["starts"] else {}
    repairs = [sorted(distribution.mended) for one in transcripts.values() for distribution in _drawn(one)]
    n_planned = Counter(map(arm_name, planned))
    n_begun = Counter(arm_name(spec) for spec in planned if spec.id in begun and spec.id not in transcripts)
    n_complete = Counter(arm_name(t.spec) for t in transcripts.values() if t.complete)
    failures: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for t in transcripts.values():
        if t.failure is not None:
            failures[arm_name(t.spec)][t.failure.kind] += 1
    return Status(
        run=str(run),
        noun=folder.noun,
        running=running,
        last_written=_last_written(folder),
        pace=_pace(manifest["starts"], list(transcripts.values()), len(planned), running),
        arms=tuple(
            ArmStatus(
                arm=arm,
                n_planned=n,
                n_complete=n_complete[arm],
                n_failed=failures[arm].total(),
                n_begun=n_begun[arm],
                failures=dict(failures[arm]),
            )
            for arm, n in n_planned.items()
        ),
        failures=dict(sum(failures.values(), Counter[str]())),
        stop_reasons=dict(Counter(t.stop_reason.value for t in transcripts.values() if isinstance(t, Transcript) and t.complete)),
        n_calls=spent.n_calls,
        prompt_tokens=spent.prompt_tokens,
        completion_tokens=spent.completion_tokens,
        dollars=spent.dollars,
        cap_tokens=last_run.get("cap_tokens"),
        cap_dollars=last_run.get("cap_dollars"),
        cache=_cache_use(calls),
        cache_from_round_2=None if of_prompts else _cache_use([c for c in calls if turn_of(c["step"]) not in _FIRST_ROUND]),
        seconds=round(sum(c["seconds"] for c in calls), 1),
        persuadee_turns=len(repairs),
        turns_without_repair=sum(not r for r in repairs),
        repairs=dict(Counter(name for r in repairs for name in r).most_common()),
    )


def _drawn(record: AnyRecord) -> list[VerbalizedDistribution]:
    """What was drawn from: of every turn, or of the one asking."""
    found = [record.distribution] if isinstance(record, Responses) else [turn.distribution for turn in record.turns]
    return [one for one in found if one is not None]


def _pace(starts: Sequence[dict[str, Any]], transcripts: Sequence[AnyRecord], n_planned: int, running: bool | None) -> Pace | None:
    """Of the last start: conversations that began before it were done by an earlier one."""
    last = _moment(starts[-1].get("at")) if starts else None
    began = [(moment, t) for t in transcripts if last is not None and (moment := _moment(t.started)) is not None and moment >= last]
    if not began:
        return None
    end = datetime.now(UTC) if running else max(moment + timedelta(seconds=t.seconds) for moment, t in began)
    minutes = max((end - min(moment for moment, _ in began)).total_seconds(), 0) / 60
    n_before = sum(t.complete for t in transcripts) - sum(t.complete for _, t in began)
    n_left = n_planned - n_before - len(began)
    return Pace(n_ended=len(began), minutes=minutes, minutes_left=minutes / len(began) * n_left if running else None)


def _moment(text: object) -> datetime | None:
    """A moment with its time zone; None for anything else, such as the unknown hours of the human dialogues."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _wrapped(text: str) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip(" ")))
    return [indent + part for part in wrapped(text.lstrip(" "), 100 - len(indent), indent="    ")]


def _ago(written: str) -> str:
    minutes = (datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds() / 60
    return written if minutes > 60 else f"{_span(max(minutes, 0))} ago"


def _span(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 1.5 else f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _last_written(folder: RunFolder) -> str | None:
    times = [path.stat().st_mtime for part in ("journal", "transcripts") for path in (folder.path / part).glob("*.jsonl")]
    return datetime.fromtimestamp(max(times), UTC).isoformat(timespec="seconds") if times else None


_FIRST_ROUND = ("t000", "t001")  # as `vs_sim.graph.step_name` writes them, which is too heavy to import here


def _cache_use(calls: Sequence[dict[str, Any]]) -> CacheUse | None:
    """Of the calls that say both numbers; None if there are none: nothing said is not nothing cached."""
    usages = [c["usage"] for c in calls]
    known = [u for u in usages if u["prompt_tokens"] is not None and u.get("cached_tokens") is not None]
    if not known:
        return None
    return CacheUse(
        n_calls=len(known),
        prompt_tokens=sum(u["prompt_tokens"] for u in known),
        cached_tokens=sum(u["cached_tokens"] for u in known),
    )


def _percent(use: CacheUse) -> str:
    return f"{100 * use.cached_tokens / use.prompt_tokens:.0f} %" if use.prompt_tokens else "of nothing"
