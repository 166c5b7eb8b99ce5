"""The scenarios of `python -m tests.chaos`: what the endpoint does, what is done to the command, and how large the study is."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.disk import NoDisk
from tests.chaos.faults import (
    N_WORKERS,
    PRICE,
    at_once,
    capped,
    dollars,
    go_on,
    gone,
    jumping,
    killed,
    killed_and_go_on,
    killed_shards,
    killed_workers,
    no_room,
    read_only,
    tokens,
    told_to_stop,
    told_twice,
    told_while_nobody_answers,
)
from tests.chaos.trial import MODEL, Broken, Row, Trial


@dataclass(frozen=True)
class Scenario:
    """One row of the table.

    Attributes:
        name: of the row.
        act: what is done to the command, see `tests.chaos.faults`; takes a `Trial`, and `more`.
        serve: options of the endpoint, see `tests.load_endpoint`.
        run: options of the run, in the study file.
        n_people: half as many as there are conversations, of five calls each.
        same_words: whether the faults are such that nothing said may differ.
        n_endpoints: one for each worker that the answers are to be told apart for.
        takes_kills: whether `act` takes how many kills there are to be.
        people_a_kill: so many people more for each kill, so that there is something left to be killed in.
        more: further arguments of `act`.
        prompts: whether it is a study of prompts, of which there are as many as people otherwise.
    """

    name: str
    act: Callable[..., None]
    serve: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    n_people: int = 10
    same_words: bool = True
    n_endpoints: int = 1
    takes_kills: bool = False
    people_a_kill: float = 0.0
    more: dict[str, Any] = field(default_factory=dict)
    prompts: bool = False


def _faulty(name: str, *faults: str, act: Callable[..., None] = go_on, run: dict[str, Any] | None = None, **options: Any) -> Scenario:
    options = {"same_words": True, **options}
    return Scenario(name, act, {"fault": faults, "latency": 0.02}, {"concurrency": 8, "max_tries": 4, **(run or {})}, **options)


MIXTURE = (
    *("500=0.03", "502=0.02", "503=0.02", "504=0.02", "408=0.01", "409=0.01", "425=0.01", "hang=0.02", "reset=0.03", "html=0.02"),
    *("wrong-type=0.03", "no-choices=0.02", "length=0.03", "content_filter=0.02", "filtered-half=0.02", "refusal=0.02", "error-body=0.02"),
)
QUICK = {"latency": 0.03, "jitter": 0.8}
KILLED = {"latency": 0.5, "jitter": 0.9}
SCENARIOS = (
    Scenario("kill-9", killed, {"latency": 0.15, "jitter": 0.9}, {"concurrency": 8}, n_people=4, takes_kills=True, people_a_kill=0.6),
    Scenario(
        "kill-9-two-shards", killed_shards, {"latency": 0.5, "jitter": 0.9}, n_people=6, n_endpoints=2, takes_kills=True, people_a_kill=0.8
    ),
    Scenario(
        "kill-9-workers",
        killed_workers,
        {"latency": 0.8, "jitter": 0.9},
        {"concurrency": 6},
        n_people=8,
        takes_kills=True,
        people_a_kill=0.5,
    ),
    Scenario("prompts-kill-9", killed, KILLED, {"concurrency": 8}, n_people=4, takes_kills=True, people_a_kill=0.5, prompts=True),
    Scenario("prompts-two-shards", killed_shards, KILLED, n_people=6, n_endpoints=2, takes_kills=True, people_a_kill=0.8, prompts=True),
    Scenario("prompts-workers", killed_workers, KILLED, {"concurrency": 6}, n_people=8, takes_kills=True, people_a_kill=0.5, prompts=True),
    Scenario("429", at_once, {"rate": 12, "burst": 4}, {"concurrency": 16}),
    Scenario("429-retry-after", at_once, {"rate": 15, "burst": 4, "retry_after": 0.7}, {"concurrency": 16}),
    Scenario("429-and-5xx", go_on, {"rate": 25, "burst": 4, "retry_after": 0.3, "fault": ("500=0.1", "503=0.1")}, {"concurrency": 16}),
    _faulty("5xx", "500=0.1", "502=0.05", "503=0.05", "504=0.05", "529=0.05"),
    _faulty("5xx-few-tries", "500=0.15", "503=0.1", run={"max_tries": 1, "concurrency": 4}),
    _faulty("408-409-425", "408=0.08", "409=0.08", "425=0.08"),
    _faulty("hang", "hang=0.08", run={"timeout_s": 1.0}),
    _faulty("reset", "reset=0.2"),
    _faulty("html", "html=0.2"),
    _faulty("wrong-type", "wrong-type=0.5", act=at_once),
    _faulty("no-choices", "no-choices=0.2"),
    _faulty("error-body", "error-body=0.2"),
    _faulty("length", "length=0.2", same_words=False),
    _faulty("content-filter", "content_filter=0.1", "filtered-half=0.1", "refusal=0.1", same_words=False),
    _faulty("mixture", *MIXTURE, run={"timeout_s": 2.0}, n_people=20, same_words=False),
    _faulty("mixture-and-kill-9", *MIXTURE, act=killed_and_go_on, run={"timeout_s": 2.0}, n_people=20, same_words=False, takes_kills=True),
    Scenario("endpoint-gone", gone, QUICK, {"max_tries": 2}),
    Scenario("clock-jumps", jumping, {"latency": 0.05, "rate": 12, "burst": 4, "retry_after": 0.5, "retry_as": "date"}, {"concurrency": 8}),
    Scenario("disk-full", no_room, QUICK, n_people=16),
    Scenario("read-only", read_only, {"latency": 0.15}),
    Scenario("sigterm", told_to_stop, {"latency": 0.4, "jitter": 0.5}, n_people=16, takes_kills=True),
    Scenario(
        "sigterm-workers",
        told_to_stop,
        {"latency": 0.4, "jitter": 0.5},
        {"concurrency": 6},
        n_people=16,
        takes_kills=True,
        more={"options": ("--workers", N_WORKERS)},
    ),
    Scenario("sigterm-hang", told_while_nobody_answers, {"sequence": "hang,hang,hang,hang"}, {"timeout_s": 3.0}, n_people=4),
    Scenario("sigterm-twice", told_twice, {"sequence": "hang,hang,hang,hang"}, n_people=4),
    Scenario("cap-tokens", capped, QUICK, takes_kills=True, more={"option": "--cap-tokens", "caps": (15_000, 30_000), "used": tokens}),
    Scenario(
        "cap-dollars",
        capped,
        QUICK,
        {"prices": {MODEL: {"input": PRICE[0], "output": PRICE[1]}}},
        takes_kills=True,
        more={"option": "--cap-dollars", "caps": (0.06, 0.10), "used": dollars},
    ),
)


def run_scenario(scenario: Scenario, seed: int, kills: int, folder: Path) -> Row:
    """What a scenario comes to; whatever goes wrong in it stands in the row.

    Args:
        scenario: see `SCENARIOS`.
        seed: of all that is drawn.
        kills: of the scenarios that consist of them; those with some beside take a share.
        folder: where its files are left.
    """
    began = time.monotonic()
    n_people = max(scenario.n_people, round(kills * scenario.people_a_kill))
    trial = Trial(
        *(folder, scenario.name, seed, n_people, scenario.serve, scenario.run),
        *(scenario.same_words, scenario.n_endpoints, scenario.prompts),
    )
    try:
        with trial:
            try:
                scenario.act(trial, **({"kills": kills} if scenario.takes_kills else {}), **scenario.more)
            except Broken as broken:
                trial.breaks(str(broken))
            return trial.row()
    except NoDisk as missing:
        return Row(scenario.name, impossible=str(missing), seconds=time.monotonic() - began)
    except Exception:
        return Row(scenario.name, broken=(*trial.broken, traceback.format_exc()), seconds=time.monotonic() - began)
