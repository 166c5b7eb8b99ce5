"""Runs and transcripts as text for a person: progress, dialogues, status."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from vs_sim.records import ConversationSpec, Decision, Record, Transcript, Turn, VerbalizedDistribution, printable
from vs_sim.run import Watcher
from vs_sim.store import RunFolder


def arm_name(spec: ConversationSpec) -> str:
    """Condition and persuadee model."""
    return f"{spec.condition} / {spec.persuadee_model}"


def _human(spec: ConversationSpec) -> bool:
    """Whether people spoke: nothing is known of how long they took, and no model was asked."""
    return spec.persuadee_model.startswith("human:")


def distribution_lines(distribution: VerbalizedDistribution, drawn: int | None, unit: str = "") -> list[str]:
    """The candidates, one line each, the drawn one marked."""
    lines = []
    for i, c in enumerate(distribution.candidates):
        notes = [*c.repairs, *(["above tau"] if c.above_tau else [])]
        said = f"{c.probability:6.3f}  {printable(c.text)}{unit}" + (f"  [{', '.join(notes)}]" if notes else "")
        lines.append(("    > " if i == drawn else "      ") + said)
    if distribution.repairs:
        lines.append(f"      repairs: {', '.join(distribution.repairs)}")
    return lines


def turn_lines(turn: Turn | Decision) -> list[str]:
    """A turn or decision as lines; a single candidate is not listed, since it is what was said."""
    if isinstance(turn, Decision):
        lines = [f"decision in private: {turn.amount} cents"]
        unit = " cents"
    else:
        lines = [f"{turn.role:>9}: {printable(turn.text)}"]
        unit = ""
    if turn.distribution is not None and len(turn.distribution.candidates) > 1:
        lines += distribution_lines(turn.distribution, turn.drawn, unit)
    return lines


def transcript_text(transcript: Transcript) -> str:
    """A whole conversation for reading."""
    from vs_sim.outcome import read_outcome

    spec = transcript.spec
    lines = [
        f"conversation {spec.id}: {arm_name(spec)}, persuader {spec.persuader} ({spec.persuader_model}), persuadee {spec.persuadee}, "
        f"replicate {spec.replicate}",
        f"{transcript.started}, " + ("between people" if _human(spec) else f"{transcript.seconds:.0f} s, vs_sim {transcript.vs_sim}"),
        "",
    ]
    for turn in transcript.turns:
        if turn.role == "persuader":
            lines.append(f"round {turn.round}")
        lines += turn_lines(turn)
    lines += ["", f"stop reason: {transcript.stop_reason}"]
    if transcript.decision is not None:
        lines += turn_lines(transcript.decision)
    stated = read_outcome(transcript).stated
    said = (
        ""
        if stated.turn is None or stated.span is None
        else f' from "{printable(transcript.turns[stated.turn].text[slice(*stated.span)])}"'
    )
    lines.append(f"stated in the chat: {stated.status}" + ("" if stated.cents is None else f", {stated.cents} cents") + said)
    if transcript.failure is not None:
        lines += [f"FAILED at {transcript.failure.step}: {transcript.failure.kind}: {printable(transcript.failure.message)}"]
    return "\n".join(lines)


def one_line(transcript: Transcript) -> str:
    """A conversation in a list."""
    spec = transcript.spec
    result = (
        f"FAILED {transcript.failure.kind}"
        if transcript.failure is not None
        else f"{transcript.decision.amount:>3} cents"
        if transcript.decision is not None
        else "no decision"
    )
    return f"{spec.id}  {spec.condition:<16} {spec.persuadee:<20} r{spec.replicate}  {len(transcript.turns):>2} turns  {result}"


class ArmStatus(Record):
    """Counts of one arm."""

    arm: str
    n_planned: int
    n_complete: int
    n_failed: int


class Status(Record):
    """How far a run is.

    Attributes:
        run: the run folder.
        arms: counts by condition and persuadee model.
        failures: kind -> conversations that failed last time and are owed.
        stop_reasons: stop reason -> complete conversations.
        n_calls: answers in the journal, those of failed conversations included.
        prompt_tokens, completion_tokens: their sum; None if a provider did not say for some call.
        seconds: summed seconds of the answered requests.
        persuadee_turns: turns drawn from a distribution or single reply.
        turns_without_repair: those of them that were read as asked, at the first request.
        repairs: repair -> turns that needed it; ``"asked_again"`` counts re-asks.
    """

    run: str
    arms: tuple[ArmStatus, ...]
    failures: dict[str, int]
    stop_reasons: dict[str, int]
    n_calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    seconds: float
    persuadee_turns: int
    turns_without_repair: int
    repairs: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return self.model_dump(mode="json")

    def __str__(self) -> str:
        """Lines for a person."""
        lines = [f"run {self.run}"]
        for arm in self.arms:
            lines.append(
                f"  {arm.arm}: {arm.n_complete} of {arm.n_planned} complete" + (f", {arm.n_failed} failed" if arm.n_failed else "")
            )
        lines += [f"  owed after {kind}: {n}" for kind, n in sorted(self.failures.items())]
        if self.stop_reasons:
            lines.append("  stop reasons: " + ", ".join(f"{reason} {n}" for reason, n in sorted(self.stop_reasons.items())))
        if self.persuadee_turns:
            share = 100 * self.turns_without_repair / self.persuadee_turns
            lines.append(f"  persuadee turns read without repair: {self.turns_without_repair} of {self.persuadee_turns} ({share:.0f} %)")
            lines += [f"    {name}: {n} turns" for name, n in self.repairs.items()]
        tokens = (
            "tokens unknown"
            if self.prompt_tokens is None or self.completion_tokens is None
            else f"{self.prompt_tokens:,} tokens in, {self.completion_tokens:,} out"
        )
        lines.append(f"  {self.n_calls:,} calls, {tokens}, {self.seconds:,.0f} s of model time")
        return "\n".join(lines)


def status(run: str | Path) -> Status:
    """How far a run is, counted from its rows; also while another process writes it.

    Raises:
        RunFolderError: if it is no run folder.
    """
    folder = RunFolder(run)
    planned = folder.planned()
    ids = {spec.id for spec in planned}
    transcripts = [t for t in folder.transcripts() if t.spec.id in ids]
    n_planned = Counter(arm_name(spec) for spec in planned)
    n_complete = Counter(arm_name(t.spec) for t in transcripts if t.complete)
    n_failed = Counter(arm_name(t.spec) for t in transcripts if not t.complete)
    calls = [row["call"] for row in folder.journal_rows() if "call" in row]
    turns = [t for one in transcripts for t in one.turns if t.distribution is not None]
    repairs = [_repairs(t.distribution) for t in turns if t.distribution is not None]
    return Status(
        run=str(run),
        arms=tuple(ArmStatus(arm=arm, n_planned=n, n_complete=n_complete[arm], n_failed=n_failed[arm]) for arm, n in n_planned.items()),
        failures=dict(Counter(t.failure.kind for t in transcripts if t.failure is not None)),
        stop_reasons=dict(Counter(t.stop_reason.value for t in transcripts if t.complete)),
        n_calls=len(calls),
        prompt_tokens=_sum([c["usage"]["prompt_tokens"] for c in calls]),
        completion_tokens=_sum([c["usage"]["completion_tokens"] for c in calls]),
        seconds=round(sum(c["seconds"] for c in calls), 1),
        persuadee_turns=len(turns),
        turns_without_repair=sum(not r for r in repairs),
        repairs=dict(Counter(name for r in repairs for name in r).most_common()),
    )


def _repairs(distribution: VerbalizedDistribution) -> set[str]:
    """Names of what was mended; a sum other than 1 is no damage, it is what was verbalized."""
    found = {*distribution.repairs, *(r for c in distribution.candidates for r in c.repairs)} - {"normalised_sum"}
    return found | ({"asked_again"} if any(".again" in call.step for call in distribution.calls) else set())


def _sum(values: Sequence[int | None]) -> int | None:
    """None if one is missing: a part of a sum is not the sum."""
    known = [v for v in values if v is not None]
    return sum(known) if len(known) == len(values) else None


class RunDisplay(Watcher):
    """Progress of a run: bars with the time left per arm on a terminal, plain lines elsewhere; dialogues as they unfold if asked for.

    Args:
        watch: print every turn with its candidates.
    """

    def __init__(self, *, watch: bool) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._watch = watch
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._n_done = self._n_planned = self._n_at_start = 0
        self._started = time.monotonic()
        self._failures: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._planned_by_arm: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Start drawing."""
        if self._console.is_terminal:
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(elapsed_when_finished=True),
                TextColumn("{task.fields[failures]}"),
                console=self._console,
            )
            self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop drawing."""
        if self._bars is not None:
            self._bars.stop()

    def say(self, line: str) -> None:
        """A line about what goes on."""
        self._console.print(line, markup=False, soft_wrap=True)

    def planned(self, specs: Sequence[ConversationSpec], complete: frozenset[str]) -> None:
        """Draw a bar for every arm."""
        self._n_planned, self._n_at_start = len(specs), len(complete)
        self._n_done = self._n_at_start
        self._planned_by_arm = Counter(arm_name(s) for s in specs)
        if complete:
            self.say(f"{len(complete)} of {len(specs)} conversations are complete already")
        done = Counter(arm_name(s) for s in specs if s.id in complete)
        if self._bars is not None:
            for arm, n in self._planned_by_arm.items():
                self._tasks[arm] = self._bars.add_task(escape(arm), total=n, completed=done[arm], failures="")

    def turn(self, spec: ConversationSpec, turn: Turn | Decision) -> None:
        """Print a turn, if watched; the id tells conversations at the same time apart."""
        if self._watch:
            for line in turn_lines(turn):
                self.say(f"{spec.id[:6]} {spec.condition:<12.12} {line}")

    def finished(self, transcript: Transcript) -> None:
        """Count a conversation."""
        arm = arm_name(transcript.spec)
        self._n_done += 1
        if transcript.failure is not None:
            self._failures[transcript.failure.kind] += 1
            self._ended[arm] += 1
        failures = ", ".join(f"{kind} {n}" for kind, n in sorted(self._failures.items()))
        if self._bars is not None:
            failed = f"failed {self._ended[arm]}" if self._ended[arm] else ""
            self._bars.update(self._tasks[arm], advance=1, failures=failed)
            if transcript.failure is not None:
                self.say(f"{transcript.spec.id} failed: {printable(transcript.failure.message)}")
            return
        elapsed = time.monotonic() - self._started
        left = elapsed / (self._n_done - self._n_at_start) * (self._n_planned - self._n_done)
        self.say(
            f"[{self._n_done}/{self._n_planned}] {one_line(transcript)}  {transcript.seconds:.0f} s, about {left / 60:.1f} min left"
            + (f"; failed so far: {failures}" if failures else "")
        )
