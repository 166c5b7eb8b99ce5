"""The endpoint for tests under load does what it is told to."""

import asyncio
import json
import subprocess
import sys
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.endpoint import donation_reply
from tests.load_endpoint import HALF, REFUSAL, ROOT, serving

ASK = {"model": "m", "messages": [{"role": "user", "content": 'Your task is to persuade. "reply": ...'}]}
Answer = tuple[int | str, str, str, dict[str, str]]


def asked(url: str, n: int, width: int = 1, body: Any = ASK) -> list[Answer]:
    """(status or the error's name, content type, body, headers) of so many requests, `width` at a time."""
    found: list[Answer] = []
    data = json.dumps(body).encode()

    async def ask() -> None:
        waiting = iter(range(n))
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

            async def worker() -> None:
                for _ in waiting:
                    try:
                        timeout = aiohttp.ClientTimeout(total=1)
                        async with session.post(url + "/chat/completions", data=data, timeout=timeout) as got:
                            found.append((got.status, got.content_type, await got.text(), dict(got.headers)))
                    except (aiohttp.ClientError, TimeoutError) as error:
                        found.append((type(error).__name__, "", "", {}))

            await asyncio.gather(*(worker() for _ in range(width)))

    asyncio.run(ask())
    return found


def test_answers_as_the_shipped_rules_and_logs_what_it_answered() -> None:
    questions = ("Your task is to persuade.", 'decide in private "candidates": [ {"reply": ..., "probability": ...}', '"reply": ...')
    with serving() as endpoint:
        for question in questions:
            body = {"model": "m", "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": question}]}
            ((status, _, text, _),) = asked(endpoint.url, 1, body=body)
            said = json.loads(text)["choices"][0]["message"]["content"]
            assert status == 200
            assert json.loads(said).keys() == json.loads(donation_reply(body)).keys()
            assert json.loads(text)["model"] == "served-" + endpoint.log()[-1]["id"]
        assert [row["kind"] for row in endpoint.log()] == ["ok"] * 3
        assert len({row["request"] for row in endpoint.log()}) == 3


def test_holds_requests_together_and_counts_them() -> None:
    with serving(latency=0.2, reply="fixed", usage=False) as endpoint:
        started = time.monotonic()
        answers = asked(endpoint.url, 200, width=100)
        assert time.monotonic() - started > 0.35
        assert {status for status, *_ in answers} == {200}
        assert "usage" not in json.loads(answers[0][2])
        stats = endpoint.stats()
        assert (stats["requests"], stats["accepted"], stats["in_flight"]) == (200, 200, 0)
        assert 50 < stats["most_in_flight"] <= 100
        assert sum(stats["accepted_per_second"]) == 200


def test_refuses_what_is_above_its_limit() -> None:
    with serving(rate=1, burst=3, retry_after=0.25) as endpoint:
        answers = asked(endpoint.url, 10)
        assert [status for status, *_ in answers] == [200] * 3 + [429] * 7
        assert answers[-1][3]["Retry-After"] == "0.25"
        assert endpoint.stats()["refused"] == 7


def test_says_in_three_ways_how_long_to_wait() -> None:
    with serving(sequence="429", retry_after=1.5, retry_as="ms") as endpoint:
        assert asked(endpoint.url, 1)[0][3]["retry-after-ms"] == "1500"
    with serving(sequence="429", retry_after=60, retry_as="date") as endpoint:
        said = asked(endpoint.url, 1)[0][3]
        assert 60 <= (parsedate_to_datetime(said["Retry-After"]) - parsedate_to_datetime(said["Date"])).total_seconds() <= 62


def test_answers_that_are_none() -> None:
    with serving(sequence="filtered-half,refusal,error-body") as endpoint:
        half, refusal, error = (json.loads(text) for _, _, text, _ in asked(endpoint.url, 3))
        assert (half["choices"][0]["finish_reason"], half["choices"][0]["message"]["content"]) == ("content_filter", HALF)
        assert refusal["choices"][0]["message"] == {"role": "assistant", "content": None, "refusal": REFUSAL}
        assert error["error"]["code"] == 502


def test_faults_come_in_their_order() -> None:
    with serving(sequence="500,html,wrong-type,no-choices,length,content_filter,reset,hang,ok") as endpoint:
        answers = asked(endpoint.url, 9)
        assert [status for status, *_ in answers] == [500, *[200] * 5, "ClientPayloadError", "TimeoutError", 200]
        assert [kind for _, kind, _, _ in answers[1:3]] == ["text/html", "text/plain"]
        assert json.loads(answers[3][2])["choices"] == []
        assert [json.loads(text)["choices"][0]["finish_reason"] for _, _, text, _ in answers[4:6]] == ["length", "content_filter"]
        hung = endpoint.log()[7]
        assert (hung["kind"], hung["sent"]) == ("hang", False)


@pytest.mark.slow
def test_faults_come_by_share() -> None:
    with serving(fault=("503=0.3", "html=0.2"), seed=1) as endpoint:
        asked(endpoint.url, 300, width=4)
        faults = endpoint.stats()["faults"]
        assert 60 < faults["503"] < 120
        assert 35 < faults["html"] < 85


def test_a_fault_that_is_none_is_named() -> None:
    command = [sys.executable, "-m", "tests.load_endpoint", "--fault", "gone=0.5"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "'gone' is no fault; expected ok, a status from 400 to 599, or one of hang, reset," in ended.stderr


def test_the_log_outlives_it_and_a_new_one_takes_its_place(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    with serving(log=log) as first:
        asked(first.url, 2)
    with pytest.raises(OSError, match="refused"):
        first.stats()
    with serving(log=log, port=first.url.rpartition(":")[2].removesuffix("/v1")) as second:
        assert second.url == first.url
        asked(second.url, 1)
    assert len({row["id"] for row in second.log()}) == 3
