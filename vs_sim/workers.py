"""A study run by several workers at once, each on its part of the plan and all in one run folder; here as processes of this machine.

Workers talk to nobody but the run folder: what ends is read from there, and a worker that died is started again and finds what its
predecessor left. `vs_sim.cluster` runs the same workers on the machines of a Ray cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vs_sim import errors
from vs_sim.asking import open_reader
from vs_sim.errors import StudyError, VsSimError
from vs_sim.kinds import plan_any, study_from
from vs_sim.manifest import manifest_of, study_content
from vs_sim.prompt_records import Responses
from vs_sim.prompt_study import EitherStudy, PromptStudy
from vs_sim.records import Decision, Transcript, Turn
from vs_sim.run import RunResult, Watcher, run_study
from vs_sim.shard import Shard, parse_shard
from vs_sim.store import RunFolder
from vs_sim.study import Study

N_RESTARTS = 3
"""How often a part is started again after its worker died without a word."""
_LOOK_S = 0.5
_UNSEEN_S = 60
"""As long as another machine's file system may show a folder as it was: what NFS promises by default."""

RunPart = Callable[[Shard, asyncio.Event], Awaitable[RunResult | None]]
"""Runs a part until it ends, or until the event has it drain; None if its worker is dead for good."""


async def run_with_workers(
    study: EitherStudy, folder: RunFolder, n_workers: int, watcher: Watcher | None = None, drain: asyncio.Event | None = None
) -> RunResult:
    """Run what is missing of a study in several processes of this machine; `vs_sim.run.run_study` for more than one core.

    The same call again goes on where this one ended, with any number of workers. They end if this process does.

    Args:
        study: see `vs_sim.study.load_study`; its models are no embedded ones.
        folder: of this study, or new.
        n_workers: at least 1; each has an equal part of the limits and caps, and of `concurrency` if that is given.
        watcher: told of each conversation, its turns included, when it has ended.
        drain: set it to have no further request made; what is under way is waited for and kept.

    Raises:
        StudyError: models that several workers cannot share.
        VsSimError: what `vs_sim.run.run_study` raises; one worker's error lets the others drain.
    """
    watcher = watcher or Watcher()
    shareable(study)

    async def run_part(shard: Shard, stop: asyncio.Event) -> RunResult | None:
        for n_restarts in range(N_RESTARTS + 1):
            told, pid, code = await _process(study, folder, shard, stop)
            if told is not None:
                return result_of(told)
            if stop.is_set():
                return None
            how = f"worker {shard} (process {pid}) ended {_ending(code)}"
            if n_restarts < N_RESTARTS:
                watcher.say(f"{how}; its part is started again ({n_restarts + 1} of {N_RESTARTS}), what it had answered is kept")
        watcher.say(f"{how} once more; what is missing of its part stays so until the same command is given again")
        return None

    return await run_parts(study, folder, n_workers, run_part, watcher, drain)


def shareable(study: EitherStudy) -> None:
    """Look whether several workers can ask the study's models.

    Raises:
        StudyError: one of them is an embedded model.
    """
    embedded = [name for name in study.models if name.startswith("embedded:")]
    if embedded:
        raise StudyError(
            f"model {embedded[0]!r} runs in the process that asks it: each worker would start a server of its own, on the same "
            "cores; run it without --workers and --engine, or serve it once and give its address with --base-url"
        )


async def run_parts(
    study: EitherStudy, folder: RunFolder, n_parts: int, run_part: RunPart, watcher: Watcher, drain: asyncio.Event | None = None
) -> RunResult:
    """What is missing of a study, in parts that run at once; then, if nothing is, what a run of the whole asks the second reader.

    Args:
        study, folder, watcher, drain: see `run_with_workers`.
        n_parts: into so many parts the plan is divided.
        run_part: runs one of them.

    Raises:
        VsSimError: what a part or `vs_sim.run.run_study` raises.
    """
    drain = drain or asyncio.Event()
    reader = study.reader if isinstance(study, Study) else None
    specs, content = plan_any(study), study_content(study)
    manifest_of(content, study.run, folder, specs)  # a folder of something else is refused before anybody is started
    ended = _Ended(folder, {one.id for one in specs}, Responses if isinstance(study, PromptStudy) else Transcript)
    shards = [Shard(k, n_parts) for k in range(1, n_parts + 1)]
    owing = [shard for shard in shards if any(one.id not in ended.complete for one in shard.part(specs))]
    if not owing:
        return await run_study(study, folder, watcher, drain=drain)
    if reader:  # that it can be asked is seen before anything is spent
        async with open_reader(reader, content, run=study.run, say=watcher.say):
            pass
    watcher.planned(specs, ended.complete)
    stop = asyncio.Event()

    async def part(shard: Shard) -> RunResult | None:
        try:
            return None if stop.is_set() else await run_part(shard, stop)
        except Exception:
            stop.set()
            raise

    beside = [asyncio.create_task(_pass_on(drain, stop)), asyncio.create_task(_follow(ended, watcher))]
    try:
        found = await asyncio.gather(*(part(shard) for shard in owing), return_exceptions=True)
    finally:
        for task in beside:
            task.cancel()
    for one in found:
        if isinstance(one, BaseException):
            raise one
    results = [one for one in found if isinstance(one, RunResult)]
    n_done_before = sum(len(shard.part(specs)) for shard in shards if shard not in owing)
    n_complete = await _seen(folder, ended.planned, n_done_before + sum(one.n_complete for one in results))
    ended.tell(watcher)
    told_to_stop = drain.is_set() and n_complete < len(specs)
    result = RunResult(
        n_planned=len(specs),
        n_complete=n_complete,
        failures=dict(Counter(ended.failures.values())),
        stopped=next((one.stopped for one in results if one.stopped), "told to stop" if told_to_stop else None),
        capped=any(one.capped for one in results),
        drained=any(one.drained for one in results) or told_to_stop,
    )
    if n_complete == len(specs) and reader and not drain.is_set():
        read = await run_study(study, folder, _Quiet(watcher), drain=drain)
        return replace(read, failures=result.failures)
    return result


class _Quiet(Watcher):
    """For a second look at a plan that was told already."""

    def __init__(self, watcher: Watcher) -> None:
        self.say = watcher.say  # type: ignore[method-assign]


class _Ended:
    """Conversations of a plan as they end, read from the run folder, whoever writes it.

    Attributes:
        planned: ids of the plan.
        complete: those of them that were complete at the beginning.
        failures: id -> kind of failure of those that ended since, and failed the last time.
    """

    def __init__(self, folder: RunFolder, planned: set[str], kind: type[Transcript] | type[Responses]) -> None:
        self.planned, self.failures, self._kind = planned, dict[str, str](), kind
        self._part, self._read, self._told = folder.path / "transcripts", dict[Path, int](), set[str]()
        self._new()
        self.complete = frozenset(folder.complete() & planned)

    def tell(self, watcher: Watcher) -> None:
        """Tell of those that ended since the last time; of one that failed and was run again only once."""
        for line in self._new():
            try:
                record = self._kind.model_validate_json(line)
            except ValidationError:  # whoever reads the folder says so; this is no more than what is shown meanwhile
                continue
            spec = record.spec
            if spec.id not in self.planned or spec.id in self.complete:
                continue
            if record.failure is None:
                self.failures.pop(spec.id, None)
            else:
                self.failures[spec.id] = record.failure.kind
            if spec.id not in self._told:
                self._told.add(spec.id)
                watcher.started(spec)
                if isinstance(record, Transcript):
                    said: list[Turn | Decision] = [*record.turns, *([record.decision] if record.decision else [])]
                    for one in said:
                        watcher.turn(record.spec, one)
                watcher.finished(record)

    def _new(self) -> list[bytes]:
        found: list[bytes] = []
        for path in sorted(self._part.glob("*.jsonl")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                whole = file.read().rpartition(b"\n")
            self._read[path] = self._read.get(path, 0) + len(whole[0]) + len(whole[1])
            found += whole[0].splitlines()
        return found


async def _follow(ended: _Ended, watcher: Watcher) -> None:
    while True:
        await asyncio.sleep(_LOOK_S)
        with contextlib.suppress(OSError):  # such as a network disk that is away for a moment
            ended.tell(watcher)


async def _pass_on(one: asyncio.Event, other: asyncio.Event) -> None:
    await one.wait()
    other.set()


async def _seen(folder: RunFolder, planned: set[str], n_told: int) -> int:
    """How many conversations are complete; waits while this machine does not see yet what workers elsewhere have said to be there."""
    for _ in range(_UNSEEN_S):
        if (n := len(folder.complete() & planned)) >= n_told:
            break
        await asyncio.sleep(1)
    return n


async def told_of(work: Awaitable[RunResult]) -> dict[str, Any]:
    """What a worker tells of its work, as plain data: its result, or the error that ended it."""
    try:
        return {"result": asdict(await work)}
    except VsSimError as error:
        return {"error": [type(error).__name__, str(error), vars(error)]}


def result_of(told: dict[str, Any]) -> RunResult:
    """What a worker told, here again.

    Raises:
        VsSimError: the one that ended it.
    """
    if "error" in told:
        name, message, attributes = told["error"]
        kind = getattr(errors, name)
        error = kind.__new__(kind, message)  # not by calling it: each kind takes other arguments
        vars(error).update(attributes)
        raise error
    return RunResult(**told["result"])


_CHILD = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); from vs_sim.workers import work; work()"
)
"""What a worker's process begins with: a Ctrl-C at the terminal is its parent's, who has it drain; then the same packages as here,
wherever they were found."""


@contextlib.contextmanager
def _holding_back_ctrl_c() -> Iterator[None]:
    """A process that begins in here is spared a Ctrl-C until it says what to do with one; this process hears it a moment later."""
    if sys.platform == "win32":
        yield
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


async def _process(study: EitherStudy, folder: RunFolder, shard: Shard, stop: asyncio.Event) -> tuple[dict[str, Any] | None, int, int]:
    """What a worker in a process of its own told (None: nothing), its id and its exit code.

    It lives no longer than its standard input is open: that is closed to have it drain, and closes by itself when this process dies.
    """
    with _holding_back_ctrl_c():
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _CHILD, str(shard), str(folder.path)), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
    assert process.stdin and process.stdout  # noqa: S101
    stopping = asyncio.create_task(_close(process.stdin, stop))
    try:
        with contextlib.suppress(ConnectionError):  # it has died already
            process.stdin.write(f"{json.dumps(sys.path)}\n{study.model_dump_json()}\n".encode())
            await process.stdin.drain()
        said = await process.stdout.read()
        code = await process.wait()
    finally:
        stopping.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        told: dict[str, Any] | None = json.loads(said.splitlines()[-1])
    except (IndexError, ValueError):
        told = None
    return told, process.pid, code


async def _close(stdin: asyncio.StreamWriter, stop: asyncio.Event) -> None:
    await stop.wait()
    stdin.close()


def _ending(code: int) -> str:
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"by signal {-code}"


def work() -> None:
    """A worker's process: the study comes in by standard input, what it tells goes out by standard output."""
    shard, folder = parse_shard(sys.argv[1]), RunFolder(sys.argv[2])
    given = sys.stdin.buffer.readline()
    if not given.endswith(b"\n"):  # its parent ended, or has it drain, before it began
        return
    study = study_from(json.loads(given))

    async def run() -> RunResult:
        drain, loop = asyncio.Event(), asyncio.get_running_loop()
        threading.Thread(target=_at_end_of_input, args=(lambda: loop.call_soon_threadsafe(drain.set),), daemon=True).start()
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(signal.SIGTERM, drain.set)  # of a scheduler, which tells all processes of a job
        return await run_study(study, folder, shard=shard, drain=drain)

    told = json.dumps(asyncio.run(told_of(run())))
    with contextlib.suppress(BrokenPipeError):  # nobody is left who would read it
        print(told, flush=True)


def _at_end_of_input(do: Callable[[], object]) -> None:
    while os.read(0, 1):  # not by sys.stdin, whose lock would be held when the process ends
        pass
    with contextlib.suppress(RuntimeError):  # the loop is closed
        do()
