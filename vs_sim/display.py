"""A run as it goes on, on standard error: bars on a terminal, lines elsewhere, dialogues as they unfold."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from vs_sim.prompt_records import AnyRecord, AnySpec, Responses
from vs_sim.records import ConversationSpec, Decision, Turn, printable
from vs_sim.run import Watcher
from vs_sim.scenario import Scale
from vs_sim.show import arm_name, listing, response_line, responses_lines, turn_lines
from vs_sim.terminal import redraws, shortened

_FEW = 3
"""Fewer conversations say too little of how long the others take."""


class _Pace:
    """How fast conversations end since the first one did: what came before that, such as workers that start, is over."""

    def __init__(self) -> None:
        self._n_since = -1
        self._last_start = self._last_end = datetime.min.replace(tzinfo=UTC)
        self._first_end = datetime.max.replace(tzinfo=UTC)

    def ended(self, record: AnyRecord) -> None:
        """Count a conversation; several of different workers may be told of in any order."""
        start = datetime.fromisoformat(record.started)
        end = start + timedelta(seconds=record.seconds)
        self._n_since += 1
        self._first_end, self._last_end = min(self._first_end, end), max(self._last_end, end)
        self._last_start = max(self._last_start, start)

    def minutes(self, n: int) -> float | None:
        """As long as `n` more take.

        None until one has ended that began after the first end: those that began together end together, which says nothing of a pace.
        """
        if not n or self._n_since < _FEW or self._last_start < self._first_end:
            return None
        return (self._last_end - self._first_end).total_seconds() / 60 / self._n_since * n


class RunDisplay(Watcher):
    """Progress of a run: bars with the time left per arm on a terminal, plain lines elsewhere; dialogues as they unfold if asked for.

    Args:
        watch: print every turn with its candidates.
        scale: of the study's decisions; None for a study of prompts.
    """

    def __init__(self, *, watch: bool, scale: Scale | None) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._watch, self._scale = watch, scale
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._n_done = self._n_planned = 0
        self._pace = _Pace()
        self._failures: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._planned_by_arm: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Start drawing."""
        if redraws(sys.stderr):
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

    def say(self, line: str, style: str = "") -> None:
        """A line about what goes on."""
        self._console.print(Text(line, style), soft_wrap=True)

    def planned(self, specs: Sequence[AnySpec], complete: frozenset[str]) -> None:
        """Draw a bar for every arm."""
        self._n_planned, self._n_done = len(specs), len(complete)
        self._planned_by_arm = Counter(arm_name(s) for s in specs)
        if complete:
            self.say(f"{len(complete)} of {len(specs)} {specs[0].noun}s are complete already")
        done = Counter(arm_name(s) for s in specs if s.id in complete)
        if self._bars is not None:
            for arm, n in self._planned_by_arm.items():
                self._tasks[arm] = self._bars.add_task(escape(shortened(arm, 40)), total=n, completed=done[arm], failures="")

    def turn(self, spec: ConversationSpec, turn: Turn | Decision) -> None:
        """Print a turn, if watched; the id tells conversations at the same time apart."""
        if self._watch and self._scale is not None:
            for line in turn_lines(turn, self._scale):
                self.say(f"{spec.id[:6]} {spec.condition:<12.12} {line.text}", line.style)

    def finished(self, record: AnyRecord) -> None:
        """Count a conversation, or an asking."""
        arm = arm_name(record.spec)
        self._n_done += 1
        self._pace.ended(record)
        if record.failure is not None:
            self._failures[record.failure.kind] += 1
            self._ended[arm] += 1
        failures = ", ".join(f"{kind} {n}" for kind, n in sorted(self._failures.items()))
        if self._bars is not None:
            failed = f"failed {self._ended[arm]}" if self._ended[arm] else ""
            self._bars.update(self._tasks[arm], advance=1, failures=failed)
            if record.failure is not None:
                self.say(f"{record.spec.id} failed: {printable(record.failure.message)}", "red")
            return
        left = self._pace.minutes(self._n_planned - self._n_done)
        if isinstance(record, Responses):
            what = response_line(record).text
            for line in responses_lines(record) if self._watch else ():
                self.say(line.text, line.style)
        else:
            what = listing([record], self._scale)[0].text if self._scale else record.spec.id
        self.say(
            f"[{self._n_done}/{self._n_planned}] {what}  {record.seconds:.0f} s"
            + ("" if left is None else f", about {left:.1f} min left")
            + (f"; failed so far: {failures}" if failures else ""),
            "" if record.failure is None else "red",
        )
