"""The real command against a real server: killed, interrupted, out of disk, and every fault of an endpoint."""

import asyncio
import os
import random
import signal
import time

import pytest

from tests.conftest import DIRECT, KEY, VS
from tests.endpoint import CUT_OFF, HTML, refusal
from tests.vs_sim.test_run import said
from vs_sim.run import run_study
from vs_sim.store import RunFolder
from vs_sim.study import load_study

OPENAI = {"persuader_model": "openai:fake", "persuadee_models": ["openai:fake"], "conditions": [DIRECT, VS]}


def wait_until(condition, process, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "nothing happens"
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_run_survives_kill_9_again_and_again(study_folder, endpoint, vs_sim, tmp_path):
    concurrency, n_calls = 4, 8 * 2 * 5
    study_folder.people([f"p{i}" for i in range(8)])
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url, "concurrency": concurrency, "max_tries": 1})
    folder = RunFolder(tmp_path / "run")
    endpoint.delay_s = 0.03
    chance = random.Random(4)
    lost = 0
    for n_killed in range(1, 4):
        n_before, n_rows = len(endpoint.bodies), len(list(folder.journal_rows()))
        process = vs_sim.start("run", study, "--out", folder.path)
        wait_until(lambda n=n_before: len(endpoint.bodies) >= n + chance.randint(5, 20), process)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        time.sleep(0.1)  # what was in flight arrives at the server
        rows = {row["call"]["model_returned"] for row in folder.journal_rows()}
        in_flight = len(endpoint.bodies) - n_before - (len(rows) - n_rows)
        assert 0 <= in_flight <= concurrency
        lost += in_flight
        assert len(folder.manifest()["starts"]) == n_killed
    endpoint.delay_s = 0
    done = vs_sim("run", study, "--out", folder.path)
    assert done.returncode == 0, done.stderr

    journal = list(folder.journal_rows())
    assert len({(row["conversation"], row["call"]["step"]) for row in journal}) == len(journal) == n_calls
    assert len(endpoint.bodies) == n_calls + lost
    ids = [t.spec.id for t in folder.transcripts()]
    n_lines = sum(len(p.read_bytes().splitlines()) for p in (folder.path / "transcripts").iterdir())
    assert len(set(ids)) == len(ids) == 16 <= n_lines <= 16 + 3, "complete once each; at most a torn line a kill besides"

    undisturbed = RunFolder(tmp_path / "undisturbed")
    assert vs_sim("run", study, "--out", undisturbed.path).returncode == 0
    assert said(folder) == said(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_goes_on(study_folder, endpoint, vs_sim, tmp_path, number):
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url, "concurrency": 2})
    endpoint.delay_s = 0.1
    process = vs_sim.start("run", study, "--out", "run")
    wait_until(lambda: len(endpoint.bodies) >= 6, process)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "stopping: what was asked is waited for and kept, nothing more is asked" in err
    assert "vs-sim: conversations are missing; give the same command again to run them" in err
    assert "Traceback" not in err
    n_rows, n_asked = len(list(RunFolder(tmp_path / "run").journal_rows())), len(endpoint.bodies)
    assert n_asked == n_rows, "what was under way is kept"
    endpoint.delay_s = 0
    assert asyncio.run(run_study(load_study(study), RunFolder(tmp_path / "run"))).n_complete == 8
    assert len(endpoint.bodies) == n_asked + 40 - n_rows


@pytest.mark.slow
def test_of_two_runs_on_a_folder_the_second_is_refused(study_folder, endpoint, vs_sim):
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url, "concurrency": 1})
    endpoint.delay_s = 0.5
    process = vs_sim.start("run", study, "--out", "run")
    try:
        wait_until(lambda: len(endpoint.bodies) >= 1, process)
        second = vs_sim("run", study, "--out", "run")
        assert second.returncode == 2
        assert "vs-sim: run is in use by another run; wait for it (vs-sim status run)" in second.stderr
        assert vs_sim("status", "run").returncode == 0
    finally:
        process.kill()
        process.communicate()


# One try each: with six tries, as is the default, an endpoint that stays out of order takes about 31 s of waiting to be given up.
FAULTS = [
    (refusal(401, f"Incorrect API key: {KEY}"), 3, "refused the key (HTTP 401)"),
    (refusal(429, "Come back tomorrow", Retry_After="86400"), 3, "it asks to wait for 24.0 h"),
    (refusal(500, "Out of order"), 3, "answered HTTP 500"),
    (HTML, 3, "answered with something that is no chat completion"),
    (CUT_OFF, 3, "answered with something that is no chat completion"),
]


@pytest.mark.parametrize(("fault", "code", "sentence"), FAULTS, ids=["401", "429", "500", "html", "cut-off"])
def test_a_fault_in_the_middle_ends_with_a_sentence_and_loses_nothing(
    study_folder, endpoint, command, tmp_path, fault, code, sentence, monkeypatch
):
    run = {"base_url": endpoint.url, "concurrency": 2, "max_tries": 1}
    study = study_folder.write(**OPENAI, run=run)
    endpoint.fault = lambda n, body: fault if n >= 9 else None
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ended, out, err = command("run", study, "--out", "run")
    assert ended == code, err
    assert sentence in err
    n_asked = len(endpoint.bodies)
    assert len(list(RunFolder(tmp_path / "run").journal_rows())) == 9
    endpoint.fault = lambda n, body: None
    assert asyncio.run(run_study(load_study(study), RunFolder(tmp_path / "run"))).n_complete == 8
    assert len(endpoint.bodies) == n_asked + 40 - 9
    # The key was sent, and stands nowhere else.
    assert set(endpoint.keys) == {f"Bearer {KEY}"}
    assert "SECRET" not in out + err
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(files) >= 8
    assert not [p for p in files if b"SECRET" in p.read_bytes()]


def test_an_endpoint_that_is_not_there_is_named(study_folder, command):
    study = study_folder.write(**OPENAI)
    code, _, err = command("run", study, "--out", "run", "--base-url", "http://127.0.0.1:9/v1")
    assert code == 3
    assert "vs-sim: openai:fake at http://127.0.0.1:9/v1 cannot be reached" in err
