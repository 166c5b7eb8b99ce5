"""Calls a second at 1 s latency, as a share of the ideal (requests in flight / latency): of the model alone, and of a whole study."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.folders import ROUNDS, study_of
from tests.benchmarks.loads import load, model_at, request
from tests.benchmarks.row import Cost, Row, at_size, measured, median
from tests.load_endpoint import serving
from vs_sim.run import run_study
from vs_sim.run_options import RunOptions
from vs_sim.store import RunFolder

WIDTHS = (1, 64, 256, 1000)
SHARE = 0.9
GRAPH_MS = 2.5
ARMS = ("direct", "vs_standard")


def rows(size: float) -> Iterator[Row]:
    """The model alone."""
    found: dict[int, list[tuple[float, float, float]]] = {}
    latency = min(1.0, 10 * size)
    with serving(reply="fixed", latency=latency) as endpoint:
        for _ in range(at_size(3, size)):
            for width in (at_size(width, 4 * size) if 4 * size < 1 else width for width in WIDTHS):
                n = width * at_size(4, size)
                found.setdefault(width, []).append(asyncio.run(_share(endpoint.url, n, width, latency)))
    for width, costs in found.items():
        share, cpu, waited = (median(values) for values in zip(*costs, strict=True))
        beside = f"{share * width / latency:.0f} calls/s; {cpu:.2f} ms CPU; waited for CPU {waited:.0%}"
        yield Row(f"Model.answer, {width} in flight", share, "of ideal", at_least=SHARE, beside=beside)


async def _share(url: str, n: int, width: int, latency: float) -> tuple[float, float, float]:
    """Share of the ideal; milliseconds of processor time a call; share of the time in which others had the processor."""
    asked = request(11)
    async with model_at(url, width) as model:
        cost = await load(lambda: model.answer("t000.0", asked), n, width)
    return n * latency / width / cost.wall, cost.cpu / n * 1000, cost.waited / cost.wall


def study_rows(size: float) -> Iterator[Row]:
    """A study: graph, journal and transcripts, every answer durable before the dialogue goes on."""
    width, latency = len(ARMS) * at_size(128, size), min(1.0, 10 * size)
    costs: list[tuple[float, Cost]] = []
    n = 0
    for _ in range(at_size(3, size)):
        with serving(latency=latency) as endpoint, tempfile.TemporaryDirectory() as folder:
            run = RunOptions(base_url=endpoint.url, concurrency=width, timeout_s=120)
            before, _ = asyncio.run(_run(Path(folder) / "small", len(ARMS), run, rounds=1))  # what is imported at the first request
            n, cost = asyncio.run(_run(Path(folder) / "study", width, run))
            assert endpoint.stats()["accepted"] == before + n
            costs.append((n * latency / width / cost.wall, cost))
    share, cpu = median(share for share, _ in costs), median(cost.cpu for _, cost in costs)
    waited = median(cost.waited / cost.wall for _, cost in costs)
    beside = f"{share * width / latency:.0f} calls/s; waited for CPU {waited:.0%}"
    yield Row(f"whole study, {width} in flight, every answer durable", share, "of ideal", at_least=SHARE, beside=beside)
    beside = f"{n:,} calls, {ROUNDS} rounds"
    yield Row(f"whole study, {width} in flight", cpu / n * 1000, "ms CPU a call", GRAPH_MS, beside=beside)


async def _run(folder: Path, width: int, run: RunOptions, rounds: int = ROUNDS) -> tuple[int, Cost]:
    """Number of calls of a study that was run, and its cost."""
    study = study_of(folder, width, arms=ARMS, model="openai:bench", run=run, rounds=rounds, n_people=width // len(ARMS))
    with measured() as cost:
        result = await run_study(study, RunFolder(folder / "run"))
    assert result.n_complete == width, result
    return sum(1 for _ in RunFolder(folder / "run").journal_rows()), cost


def memory_rows(size: float) -> Iterator[Row]:
    """Memory of a process that holds 1,000 conversations."""
    width = at_size(1000, size, least=2)
    with serving(latency=min(1.0, 10 * size)) as endpoint, tempfile.TemporaryDirectory() as folder:
        peaks = []
        for i, n in enumerate((2, width)):
            (Path(folder) / str(i)).mkdir()
            run = RunOptions(base_url=endpoint.url, concurrency=n, timeout_s=120)
            study = study_of(Path(folder) / str(i), n, arms=ARMS, model="openai:bench", run=run, rounds=5)
            with measured() as cost:
                asyncio.run(run_study(study, RunFolder(Path(folder) / str(i) / "run")))
            peaks.append(cost.peak_mb)
    beside = f"{(peaks[1] - peaks[0]) / width * 1024:.0f} KB a conversation above {peaks[0]:.0f} MB"
    yield Row(f"peak memory, {width:,} conversations in flight, 5 rounds", peaks[1], "MB", beside=beside)
