"""One study under faults: real processes of the real command against endpoints of `tests.load_endpoint`, and what became of it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.count import held, left_over, unkept
from tests.conftest import DIRECT, VS, StudyFolder
from tests.load_endpoint import HALF, PAGE, REFUSAL, ROOT, LoadEndpoint, serving
from tests.prompt_studies import PromptStudyFolder
from tests.vs_sim.test_run import said
from vs_sim.kinds import load_any, plan_any
from vs_sim.run import run_study
from vs_sim.shard import WHOLE, Shard
from vs_sim.store import RunFolder

MODEL = "openai:chaos"
COMMAND = (sys.executable, "-W", "error::ResourceWarning", "-m", "vs_sim.cli")
_PATIENCE_S = 120.0


class Broken(Exception):
    """A promise that was not kept, after which the rest of the scenario makes no sense."""


@dataclass(frozen=True)
class Row:
    """What one scenario came to.

    Attributes:
        scenario: its name.
        starts: of the command.
        met: kills, and faults of every kind, that really happened.
        conversations: planned.
        lost, doubled: conversations that are not complete, or complete twice; answers that stand twice in the journal count as doubled.
        unkept: answers of the endpoint that no journal holds.
        in_flight: as many may be, at most: those in flight whenever a process was ended by force.
        paid_twice: of `unkept`, those beyond what was in flight at that end.
        unparsable: lines and files that cannot be read.
        other_words: conversations whose words differ from those of a run without faults, or hold what nobody said.
        broken: promises not kept, in half sentences: exit codes, sentences, times, caps.
        seconds: how long it took.
        impossible: why the scenario cannot be had on this machine; None if it was run.
    """

    scenario: str
    starts: int = 0
    met: int = 0
    conversations: int = 0
    lost: int = 0
    doubled: int = 0
    unkept: int = 0
    in_flight: int = 0
    paid_twice: int = 0
    unparsable: int = 0
    other_words: int = 0
    broken: tuple[str, ...] = ()
    seconds: float = 0.0
    impossible: str | None = None

    @property
    def ok(self) -> bool:
        """Whether all that must be zero is zero; a scenario that was not run is neither good nor bad."""
        return not (self.lost or self.doubled or self.paid_twice or self.unparsable or self.other_words or self.broken)


@dataclass
class Start:
    """One process of the command.

    Attributes:
        process: it.
        endpoint: that it asks.
        n_before: rows of the endpoint's log when it began.
        concurrency: requests that it may have in flight.
        err: file of its standard error.
        may_lose: answers that may be lost: those that were in flight when a process was ended by force.
    """

    process: subprocess.Popen[bytes]
    endpoint: LoadEndpoint
    n_before: int
    concurrency: int
    err: Path
    may_lose: int = 0

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def workers(self) -> list[int]:
        """Processes that it has started and that are there."""
        found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True)
        return [int(pid) for pid in found.stdout.split()]

    def words(self) -> str:
        """What it has said on standard error so far."""
        return self.err.read_text("utf-8", "replace")


@dataclass
class Trial:
    """A scenario as it goes on.

    Args:
        folder: of its own, for study, run folder and logs.
        name: of the scenario.
        seed: of all that is drawn.
        n_people: twice as many conversations, of five calls each.
        serve: options of the endpoint.
        run: options of the run, in the study file.
        same_words: whether the faults are such that nothing said may differ.
        n_endpoints: one for each worker that the answers are to be told apart for.
        prompts: whether it is a study of so many prompts, of 8 askings each, not of dialogues.
    """

    folder: Path
    name: str
    seed: int
    n_people: int = 10
    serve: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    same_words: bool = True
    n_endpoints: int = 1
    prompts: bool = False

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.name} {self.seed}")
        self.concurrency = int(self.run.get("concurrency", 4))
        files = self.folder / "study"
        files.mkdir(parents=True)
        shared: dict[str, Any] = {"conditions": [DIRECT, VS], "run": {"concurrency": self.concurrency, **self.run}}
        if self.prompts:
            entries = "\n".join(f'[[prompt]]\nid = "p{i:03d}"\ntext = "Say something about {i}."' for i in range(self.n_people))
            self.study = PromptStudyFolder(files).write(entries=entries, models=MODEL, n_replies=6, measures=["words"], **shared)
        else:
            written = StudyFolder(files)
            written.people([f"p{i:03d}" for i in range(self.n_people)])
            self.study = written.write(persuader_model=MODEL, persuadee_models=[MODEL], **shared)
        self.ids = [spec.id for spec in plan_any(load_any(self.study))]
        self.out = self.folder / "run"
        self.starts: list[Start] = []
        self.broken: list[str] = []
        self.met = self.unkept = self.in_flight = self.paid_twice = 0
        self._began = time.monotonic()
        self._opened = ExitStack()
        self.endpoints: list[LoadEndpoint] = []

    def __enter__(self) -> Trial:
        for number in range(self.n_endpoints):
            self.endpoints.append(self.endpoint(f"log{number}.jsonl"))
        return self

    def __exit__(self, *exc: object) -> None:
        for start in self.starts:
            if not start.ended:
                start.process.kill()
            start.process.wait()
        self._opened.close()

    def endpoint(self, log: str, **options: Any) -> LoadEndpoint:
        """A further endpoint, or one that comes back (with `port`)."""
        return self._opened.enter_context(serving(**{"seed": self.seed, **self.serve, "log": self.folder / log, **options}))

    def breaks(self, promise: str) -> None:
        """Note a promise that was not kept; the scenario goes on."""
        self.broken.append(promise)

    # One start of the command and its end

    def begin(self, *options: Any, shard: Shard = WHOLE, of: int = 0, wrapper: tuple[str, ...] = COMMAND) -> Start:
        """Start the command, as it is always given but for `options`; endpoint number `of` is asked."""
        endpoint = self.endpoints[of]
        err = self.folder / f"err{len(self.starts):03d}.txt"
        given = [*wrapper, "run", self.study, "--out", self.out, "--base-url", endpoint.url, *options]
        if shard != WHOLE:
            given += ["--shard", shard]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI")} | {"MPLBACKEND": "agg"}
        with err.open("wb") as words:
            process = subprocess.Popen(
                [str(one) for one in given],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
                start_new_session=True,
            )
        start = Start(process, endpoint, len(endpoint.log()), max(1, self.concurrency // shard.of), err)
        self.starts.append(start)
        return start

    def end(self, start: Start, *codes: int, within_s: float = _PATIENCE_S) -> int:
        """Wait for the end of a start, and hold it against what is promised: exit code, a sentence, no traceback, no answer lost."""
        try:
            code = start.process.wait(within_s)
        except subprocess.TimeoutExpired:
            start.process.kill()
            start.process.wait()
            raise Broken(f"start {self._number(start)} has not ended after {within_s:.1f} s") from None
        self._judge(start, code, codes)
        return code

    def _judge(self, start: Start, code: int, codes: Iterable[int]) -> None:
        number, words = self._number(start), start.words().strip()
        if code not in codes:
            self.breaks(f"start {number}: exit code {code}, promised {' or '.join(map(str, codes))}: {words[-300:]}")
        if "Traceback" in words or "Warning" in words:
            self.breaks(f"start {number}: no sentence: {words[-400:]}")
        if code > 0 and not (words.splitlines() or [""])[-1].startswith("vs-sim: "):
            self.breaks(f"start {number}: its last words are no sentence of the command: {words[-200:]!r}")
        self.wait_for(lambda: start.endpoint.stats()["in_flight"] == 0, "the endpoint is still at work")
        unheld = unkept(start.endpoint.log()[start.n_before :], held(self.out).answered)
        # 2: the disk ends a start in the middle.
        allowed = start.may_lose + (start.concurrency if code == 2 else 0)
        self.unkept += unheld
        self.in_flight += allowed
        self.paid_twice += max(0, unheld - allowed)

    def _number(self, start: Start) -> int:
        return 1 + self.starts.index(start)

    def kill(self, start: Start) -> bool:
        """kill -9; False if it had ended by itself."""
        if start.ended:
            self.end(start, 0)
            return False
        start.may_lose += start.concurrency
        start.process.send_signal(signal.SIGKILL)
        self.met += 1
        self.end(start, -signal.SIGKILL)
        return True

    def until_complete(self, *options: Any, codes: tuple[int, ...] = (0, 1, 3), most: int = 40, wrapper: tuple[str, ...] = COMMAND) -> None:
        """Give the same command until it says that all is done.

        Raises:
            Broken: it never does.
        """
        for _ in range(most):
            code = self.end(self.begin(*options, wrapper=wrapper), *codes)
            if code == 0:
                return
            if code not in codes:
                raise Broken("no further start is made after that")
        raise Broken(f"not complete after {most} starts")

    def n_asked(self) -> int:
        """Requests that have reached the endpoints, whatever became of them."""
        return sum(int(endpoint.stats()["requests"]) for endpoint in self.endpoints)

    # Moments to interfere at

    def moment(self, start: Start, name: str) -> None:
        """Wait for a moment of a start, drawn from those that have this name; not for long, since it may never come or be over."""
        draw = self.chance.uniform
        if name == "start":
            self._sleep(start, draw(0, 2.5))
        elif name == "calls":
            wanted = len(start.endpoint.log()) + self.chance.randint(1, 12)
            self._await(lambda: len(start.endpoint.log()) >= wanted, start)
            self._sleep(start, draw(0, 0.1))
        elif name in ("journal", "transcripts"):
            size = self._size(name)
            self._await(lambda: self._size(name) > size, start)
            self._sleep(start, self.chance.choice((0.0, 0.0, draw(0, 0.005))))
        elif name == "manifest":
            before = self._manifest()
            self._await(lambda: self._manifest() != before, start)
        else:  # all is complete: tables, figure
            self._await(lambda: sum(held(self.out).complete.values()) >= len(self.ids), start, _PATIENCE_S)
            self._sleep(start, draw(0, 4))

    def _size(self, part: str) -> int:
        return sum(file.stat().st_size for file in (self.out / part).glob("*.jsonl"))

    def _manifest(self) -> set[tuple[str, int]]:
        found = set()
        for file in self.out.glob("manifest*"):
            with contextlib.suppress(FileNotFoundError):
                found.add((file.name, file.stat().st_ino))
        return found

    def wait_for(self, condition: Callable[[], bool], what: str, start: Start | None = None) -> None:
        """Wait until something is so, or a start has ended.

        Raises:
            Broken: it never is.
        """
        if not self._await(condition, start, _PATIENCE_S):
            raise Broken(f"waited in vain: {what}")

    def _sleep(self, start: Start, seconds: float) -> None:
        self._await(lambda: False, start, seconds)

    def _await(self, condition: Callable[[], bool], start: Start | None, at_most_s: float = 10.0) -> bool:
        until = time.monotonic() + at_most_s
        while not condition():
            if start is not None and start.ended:
                return True
            if time.monotonic() > until:
                return False
            time.sleep(0.003)
        return True

    # What it came to

    def row(self) -> Row:
        """What the files hold at the end."""
        found = held(self.out)
        self.broken += [f"unreadable: {what}" for what in found.unparsable]
        self.broken += [f"left over: {name}" for name in left_over(self.out)]
        stats = [endpoint.stats() for endpoint in self.endpoints]
        return Row(
            scenario=self.name,
            starts=len(self.starts),
            met=self.met + sum(one["refused"] + sum(one["faults"].values()) for one in stats),
            conversations=len(self.ids),
            lost=sum(id not in found.complete for id in self.ids),
            doubled=sum(n > 1 for n in found.complete.values()) + found.n_doubled,
            unkept=self.unkept,
            in_flight=self.in_flight,
            paid_twice=self.paid_twice,
            unparsable=len(found.unparsable),
            other_words=0 if found.unparsable else self._other_words(),
            broken=tuple(self.broken),
            seconds=time.monotonic() - self._began,
        )

    def _other_words(self) -> int:
        folder, wrong = RunFolder(self.out), {HALF, REFUSAL, PAGE.decode()}
        words = _replies(folder) if self.prompts else _utterances(folder)
        different = {id for id, said in words.items() if any(one in wrong for one in said)}
        if self.same_words:
            say = _replies if self.prompts else said
            undisturbed, mine = RunFolder(self.folder / "undisturbed"), say(folder)
            with serving() as endpoint:
                study = load_any(self.study)
                study = study.model_copy(update={"run": study.run.model_copy(update={"base_url": endpoint.url, "cap_tokens": None})})
                asyncio.run(run_study(study, undisturbed))
            different |= {id for id, theirs in say(undisturbed).items() if id in words and mine[id] != theirs}
        return len(different)


def _utterances(folder: RunFolder) -> dict[str, list[str]]:
    """What was said in every conversation that is complete."""
    return {one.spec.id: [text for _, text in one.utterances] for one in folder.transcripts() if one.complete}


def _replies(folder: RunFolder) -> dict[str, list[str]]:
    """The candidates of every asking that is complete, the drawn one first."""
    found = {}
    for one in folder.responses():
        if one.complete and one.distribution is not None and one.drawn is not None:
            texts = [candidate.text for candidate in one.distribution.candidates]
            found[one.spec.id] = [texts[one.drawn], *texts]
    return found
