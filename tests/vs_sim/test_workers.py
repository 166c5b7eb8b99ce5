"""One study by several processes: what the whole would give, whoever is killed, stopped or wrong."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import time
from collections import Counter

import pytest

from tests.endpoint import refusal
from tests.load_endpoint import serving
from tests.runs import scripted
from vs_sim import errors
from vs_sim.errors import EndpointError, ModelUnavailable, ReplyError, RunFolderError, RunStopped, StudyError, VsSimError
from vs_sim.plan import plan
from vs_sim.run import Watcher, run_study
from vs_sim.second_reader import READINGS
from vs_sim.shard import Shard
from vs_sim.store import RunFolder
from vs_sim.study import Study, load_study
from vs_sim.workers import result_of, run_with_workers, told_of

TALKER = {"persuader_model": "openai:talker", "persuadee_models": ["openai:talker"]}


class Told(Watcher):
    def __init__(self, on_finished=lambda: None):
        self.said, self.ended, self.n_turns, self.complete = [], [], 0, None
        self._on_finished = on_finished

    def say(self, line):
        self.said.append(line)

    def planned(self, specs, complete):
        assert self.complete is None, "told once"
        self.complete = complete

    def turn(self, spec, turn):
        self.n_turns += 1

    def finished(self, transcript):
        self.ended.append(transcript.spec.id)
        self._on_finished()


def ids(study):
    return [one.id for one in plan(study)]


def process_of(run, shard):
    return int(re.match(r"process (\d+) on ", (run / f"lock.{shard.number}-of-{shard.of}").read_text())[1])


def owed(folder, study):
    """Ids that are not there exactly once."""
    found = Counter(t.spec.id for t in folder.transcripts() if t.complete)
    assert sum(1 for _ in folder.lines("transcripts")) == len(found)
    return [id for id in ids(study) if found[id] != 1]


def calls(folder):
    return Counter((row["conversation"], row["call"]["step"]) for row in folder.journal_rows())


def test_a_study_reaches_a_worker_as_it_is(study_folder):
    prices = {"scripted:donation": {"input": 0.1, "output": 1 / 3}}
    study = load_study(study_folder.write(run={"cap_dollars": 0.7, "prices": prices}, margins={"ks": 0.1}, temperature=0.1 + 0.2))
    assert Study.model_validate_json(study.model_dump_json()) == study


@pytest.mark.slow
def test_workers_give_what_the_whole_would_and_the_second_reader_reads_once(study_folder, tmp_path):
    study = load_study(study_folder.write(outcome="stated", second_reader="scripted:donation", replicates=2))
    folder, told = RunFolder(tmp_path / "run"), Told()
    result = asyncio.run(run_with_workers(study, folder, 2, told))
    assert (result.n_planned, result.n_complete, result.stopped, result.drained, result.failures) == (16, 16, None, False, {})
    assert owed(folder, study) == [] and sorted(told.ended) == sorted(ids(study)) and told.complete == frozenset()
    assert told.n_turns == sum(len(t.turns) + 1 for t in folder.transcripts())
    manifest = folder.manifest()
    assert [one["id"] for one in manifest["conversations"]] == ids(study)
    assert sorted(start.get("shard", "whole") for start in manifest["starts"]) == ["1/2", "2/2", "whole"]

    whole = RunFolder(tmp_path / "whole")
    assert asyncio.run(run_study(study, whole)).unread == result.unread
    assert len(READINGS.rows(folder)) == len(READINGS.rows(whole)) > 0
    assert {t.spec.id: t.utterances for t in folder.transcripts()} == {t.spec.id: t.utterances for t in whole.transcripts()}

    again = asyncio.run(run_with_workers(study, folder, 3, told := Told()))  # nothing is missing, nobody is started
    assert again.n_complete == 16 and told.ended == [] and not list(folder.path.glob("lock.*-of-3"))
    assert len(READINGS.rows(folder)) == len(READINGS.rows(whole))


@pytest.mark.slow
def test_who_is_killed_is_started_again_and_nothing_is_lost_or_paid_twice(study_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(latency=0.1) as endpoint:
        run = {"base_url": endpoint.url, "concurrency": 4}
        study = load_study(study_folder.write(rounds=3, replicates=2, run=run, **TALKER))
        folder, killed = RunFolder(tmp_path / "run"), []

        def kill():
            if not killed:
                killed.append(process_of(folder.path, Shard(2, 2)))
                os.kill(killed[0], signal.SIGKILL)

        result = asyncio.run(run_with_workers(study, folder, 2, told := Told(kill)))
        paid = [row["id"] for row in endpoint.log() if row["kind"] == "ok"]
    assert (result.n_complete, result.stopped, owed(folder, study)) == (16, None, [])
    sentence = (
        f"worker 2/2 (process {killed[0]}) ended by signal 9 (SIGKILL); its part is started again (1 of 3), what it had answered is kept"
    )
    assert told.said == [sentence]
    assert Counter(start["shard"] for start in folder.manifest()["starts"]) == {"1/2": 1, "2/2": 2}
    assert set(calls(folder).values()) == {1}
    kept = {row["call"]["model_returned"].removeprefix("served-") for row in folder.journal_rows()}
    assert kept <= set(paid) and len(paid) - len(kept) <= 2, "no more than what was in flight to the one that was killed"


def test_who_dies_each_time_is_given_up_and_said_to_be(study_folder, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text("import os\nos._exit(7)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    study = load_study(study_folder.write())
    result = asyncio.run(run_with_workers(study, RunFolder(tmp_path / "run"), 1, told := Told()))
    assert (result.n_planned, result.n_complete, result.stopped, result.drained) == (8, 0, None, False)
    assert len(told.said) == 4
    for n, line in enumerate(told.said[:3], 1):
        assert re.fullmatch(
            rf"worker 1/1 \(process \d+\) ended with exit code 7; its part is started again \({n} of 3\), what .* kept", line
        )
    assert re.fullmatch(
        r"worker 1/1 \(process \d+\) ended with exit code 7 once more; what is missing of its part stays so .*", told.said[3]
    )


@pytest.mark.slow
def test_a_drain_ends_all_workers(study_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with serving(latency=0.1) as endpoint:
        study = load_study(study_folder.write(rounds=3, replicates=4, run={"base_url": endpoint.url, "concurrency": 2}, **TALKER))
        folder = RunFolder(tmp_path / "run")

        async def drained():
            drain = asyncio.Event()
            return await run_with_workers(study, folder, 2, Told(drain.set), drain)

        result = asyncio.run(drained())
        assert result.drained and "told to stop" in result.stopped and 0 < result.n_complete < 32
        assert folder.in_use() is False
        assert len(endpoint.log()) == len(list(folder.journal_rows())), "what was asked was waited for and kept"


@pytest.mark.slow
def test_each_has_its_part_of_the_cap(study_folder, tmp_path):
    study = load_study(study_folder.write(run={"cap_tokens": 3500, "concurrency": 2}, rounds=1))
    result = asyncio.run(run_with_workers(study, folder := RunFolder(tmp_path / "run"), 2))
    assert result.capped and not result.drained and "spend cap" in result.stopped and "1,750 tokens" in result.stopped
    assert 0 < result.n_complete < 8
    spent = sum(sum(row["call"]["usage"][key] for key in ("prompt_tokens", "completion_tokens")) for row in folder.journal_rows())
    assert spent <= 3500


@pytest.mark.slow
def test_one_sentence_for_what_is_wrong_for_all(study_folder, tmp_path):
    study = load_study(study_folder.write(**TALKER))
    folder = RunFolder(tmp_path / "run")
    with pytest.raises(ModelUnavailable, match="OPENAI_API_KEY"):
        asyncio.run(run_with_workers(study, folder, 1))
    assert not folder.manifest_path.exists()
    other = RunFolder(scripted(study_folder, tmp_path / "other", seed=8))
    with pytest.raises(RunFolderError, match=r"holds a run of another study; changed since: .*seed"):
        asyncio.run(run_with_workers(load_study(study_folder.write()), other, 2))
    embedded = load_study(study_folder.write(), model="embedded:smollm2-135m")
    with pytest.raises(StudyError, match="'embedded:smollm2-135m' runs in the process that asks it: each worker would start a server of"):
        asyncio.run(run_with_workers(embedded, RunFolder(tmp_path / "none"), 2))
    assert not (tmp_path / "none").exists()


GIVEN = {
    "EndpointError": {"status": 503, "retry_after_s": 1.5},
    "ReplyError": {"reason": "blocked", "raw": "{}"},
    "RunStopped": {"capped": True},
}
KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VsSimError)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_of_a_worker_is_raised_here_as_it_was_there(kind):
    async def work():
        raise error

    error = kind("a sentence", **GIVEN.get(kind.__name__, {}))
    with pytest.raises(kind) as found:
        result_of(json.loads(json.dumps(asyncio.run(told_of(work())))))
    assert type(found.value) is kind and str(found.value) == "a sentence"
    assert (found.value.exit_code, vars(found.value)) == (error.exit_code, vars(error))


def test_kinds_that_take_more_than_a_sentence_are_among_them():
    assert {EndpointError, ReplyError, RunStopped} <= set(KINDS)
    assert RunStopped("x", capped=True).exit_code != RunStopped("x", capped=False).exit_code


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ("--workers", "2", "--shard", "1/2"),
            "--workers runs all parts of the plan and --shard 1/2 one of them: give one of the two; with",
        ),
        (("--engine", "ray", "--shard", "1/2"), "--engine runs all parts of the plan and --shard 1/2 one of them"),
        (("--address", "auto"), "--address 'auto' is the address of a Ray cluster: give --engine ray with it"),
        (("--workers", "0"), "argument --workers: 0 is too small; expected 1 or more"),
    ],
)
def test_options_that_do_not_go_together(command, study_folder, given, sentence):
    code, out, err = command("run", study_folder.write(), *given)
    assert (code, out) == (2, "") and sentence in err


@pytest.mark.slow
def test_a_refusal_by_policy_is_one_sentence_with_workers_too(vs_sim, study_folder, endpoint):
    endpoint.models_fault = refusal(403, "blocked by content policy", "content_policy_violation")
    endpoint.fault = lambda n, body: endpoint.models_fault
    study = study_folder.write(rounds=1, **TALKER)
    ended = [vs_sim("run", study, "--base-url", endpoint.url, "--out", f"r{n}", *n, key="k") for n in ((), ("--workers", "2"))]
    assert [one.returncode for one in ended] == [3, 3], ended
    assert ended[0].stderr == ended[1].stderr and "blocked by content policy" in ended[0].stderr and ended[0].stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no process groups")
def test_ctrl_c_while_workers_start_is_heard_by_the_one_that_started_them(study_folder, tmp_path, monkeypatch, capfd):
    """The terminal sends it to all of them; here to the workers alone, at once and while they import."""
    began, pids = asyncio.create_subprocess_exec, []

    async def interrupted(*arguments, **keys):
        process = await began(*arguments, **keys)
        pids.append(process.pid)
        os.kill(process.pid, signal.SIGINT)
        for delay in (0.05, 0.2, 0.4):
            asyncio.get_running_loop().call_later(delay, send, process)
        return process

    def send(process):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", interrupted)
    result = asyncio.run(run_with_workers(load_study(study_folder.write()), RunFolder(tmp_path / "run"), 2, told := Told()))
    assert (result.n_complete, told.said, len(pids)) == (8, [], 2) and capfd.readouterr().err == ""


def started(vs_sim, study_folder, url):
    process = vs_sim.start(
        "run", study_folder.write(rounds=3, replicates=6, **TALKER), "--base-url", url, "--workers", 2, "--out", "r", key="k"
    )
    first = process.stderr.readline()
    assert first.startswith("[1/48] "), first + process.stderr.read()
    return process


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_command_draws_once_and_drains_its_workers(vs_sim, study_folder, tmp_path):
    with serving(latency=0.1) as endpoint:
        with started(vs_sim, study_folder, endpoint.url) as process:
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=60)
        assert process.returncode == 130 and re.match(r"\d+ of 48 conversations are complete in r\n$", out)
        assert "stopping: what was asked is waited for and kept" in err and "vs-sim: conversations are missing; give the same" in err
        assert RunFolder(tmp_path / "r").in_use() is False and not list((tmp_path / "r").glob("*.png"))
        before = calls(RunFolder(tmp_path / "r"))
        assert len(endpoint.log()) == before.total()
        again = vs_sim("run", "mystudy/study.toml", "--base-url", endpoint.url, "--workers", 3, "--out", "r", key="k")
        after = calls(RunFolder(tmp_path / "r"))
        assert before <= after and set(after.values()) == {1} and len(endpoint.log()) == after.total()
    assert again.returncode == 0 and again.stdout.count("Distance from the humans") == 1
    assert again.stdout.startswith("48 of 48 conversations are complete in r\n") and again.stderr.count("\n[48/48] ") == 1
    assert (tmp_path / "r" / "comparison.png").is_file()


@pytest.mark.long
def test_workers_outlive_nobody(vs_sim, study_folder, tmp_path):
    with serving(latency=0.1) as endpoint, started(vs_sim, study_folder, endpoint.url) as process:
        workers = [process_of(tmp_path / "r", Shard(k, 2)) for k in (1, 2)]
        process.kill()
        process.wait()
        for worker in workers:
            deadline = time.monotonic() + 30
            with contextlib.suppress(ProcessLookupError):
                while time.monotonic() < deadline:
                    os.kill(worker, 0)
                    time.sleep(0.05)
                raise AssertionError("a worker is left")
    assert RunFolder(tmp_path / "r").in_use() is False
