"""The workers of a Ray cluster. What needs Ray runs in processes of its own, and where the ray extra is installed."""

import asyncio
import platform
import re
import signal
import sys
import time

import pytest

from tests.load_endpoint import serving
from tests.vs_sim.test_workers import TALKER, calls, ids, owed
from vs_sim import cluster
from vs_sim.cluster import Worker
from vs_sim.locks import Lock
from vs_sim.shard import Shard
from vs_sim.store import RunFolder
from vs_sim.study import load_study

KEY = "sk-test-of-the-cluster-0123456789"


@pytest.fixture
def ray_here():
    pytest.importorskip("ray", exc_type=ImportError)


def test_without_the_package_it_says_how_to_get_it(command, study_folder, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    code, out, err = command("run", study_folder.write(), "--engine", "ray", "--out", "r")
    assert (code, out, err) == (2, "", "vs-sim: --engine ray needs the package ray, which is not installed: pip install 'vs-sim[ray]'\n")
    code, _, err = command("run", study_folder.write(), "--engine", "ray", "--out", "r", "--model", "embedded:smollm2-135m")
    assert code != 0 and not (tmp_path / "r").exists()


@pytest.mark.slow
def test_nothing_of_ray_is_loaded_unless_it_is_asked_for(vs_sim, study_folder, tmp_path):
    (tmp_path / "ray.py").write_text("raise SystemExit('ray was imported')\n")
    done = vs_sim("run", study_folder.write(rounds=1), "--workers", "1", "--out", "r", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "8 of 8 conversations are complete in r")
    assert "ray was imported" in vs_sim("run", "mystudy/study.toml", "--engine", "ray", "--out", "r", PYTHONPATH=str(tmp_path)).stderr


@pytest.mark.parametrize("there", [None, "process 7 on elsewhere\nanother\n"])
def test_a_machine_that_sees_another_folder_says_so_and_writes_nothing(study_folder, tmp_path, monkeypatch, there):
    monkeypatch.setattr(cluster, "_UNSEEN_S", 0.3)
    run = tmp_path / "run"
    if there:
        run.mkdir()
        (run / "lock.cluster").write_text(there)
    told = asyncio.run(Worker(load_study(study_folder.write()), str(run), Shard(1, 2), "word").run())
    assert told["node"] == platform.node() and told["error"][0] == "RunFolderError"
    assert re.fullmatch(
        rf"{run} is not shared: what the command writes there is not seen on this machine; give .* with --out", told["error"][1]
    )
    assert [path.name for path in tmp_path.glob("run/*")] == (["lock.cluster"] if there else [])


@pytest.mark.long
@pytest.mark.usefixtures("ray_here")
def test_a_cluster_that_cannot_be_reached_and_a_folder_in_use(vs_sim, study_folder, tmp_path):
    given = ("run", study_folder.write(), "--engine", "ray", "--out", "r")
    for address, sentence in (
        (
            "127.0.0.1:1",
            r"nothing answers there \(.*refused\); expected HOST:PORT as `ray start --head` says it, or auto on a machine of the",
        ),
        ("nonsense", r"no Ray cluster can be used there: Invalid address format: nonsense$"),
    ):
        done = vs_sim(*given, "--address", address)
        assert done.returncode == 2 and re.search(rf"^vs-sim: --address '{address}': {sentence}", done.stderr, re.M), done.stderr
    lock = Lock(tmp_path / "r" / "lock.cluster")
    assert lock.take()
    done = vs_sim(*given)
    assert done.returncode == 2 and "r is in use by another run on a cluster (process " in done.stderr
    lock.release()


@pytest.mark.long
@pytest.mark.usefixtures("ray_here")
@pytest.mark.timeout(300)
def test_a_key_that_a_machine_lacks_is_said_to_be_missing_there(vs_sim, study_folder, tmp_path):
    with vs_sim.start("run", study_folder.write(**TALKER), "--engine", "ray", "--workers", 2, "--out", "r") as process:
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out) == (3, "") and "Traceback" not in err
    assert re.match(
        rf"vs-sim: on {platform.node()}: .*OPENAI_API_KEY.*; keys are read on each machine, from the environment that Ray", err
    ), err
    assert not RunFolder(tmp_path / "r").manifest_path.exists()


@pytest.mark.long
@pytest.mark.usefixtures("ray_here")
@pytest.mark.timeout(600)
def test_a_cluster_of_this_machine_drains_goes_on_and_keeps_the_key_to_itself(vs_sim, study_folder, tmp_path):
    with serving(latency=0.2) as endpoint:
        path = study_folder.write(rounds=3, replicates=5, run={"concurrency": 8}, **TALKER)
        given = ("run", path, "--base-url", endpoint.url, "--engine", "ray", "--workers", 2, "--out", "r")
        study, folder = load_study(path), RunFolder(tmp_path / "r")
        with vs_sim.start(*given, key=KEY) as process:
            while not (line := process.stderr.readline()).startswith("[1/40] "):
                assert line, "it ended"
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=200)
        assert process.returncode == 130 and "Traceback" not in err, err
        assert re.match(r"[1-9]\d* of 40 conversations are complete in r\n$", out)
        assert folder.in_use() is False
        before = calls(folder)
        assert len(endpoint.log()) == before.total(), "what was asked was waited for and kept"

        with vs_sim.start(*given, key=KEY) as process:
            out, err = process.communicate(timeout=200)
        assert process.returncode == 0 and out.startswith("40 of 40 conversations are complete in r\n"), err
        assert owed(folder, study) == [] and len(ids(study)) == 40
        assert before <= calls(folder) and set(calls(folder).values()) == {1} and len(endpoint.log()) == calls(folder).total()
    assert not [file for file in folder.path.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]


@pytest.mark.long
@pytest.mark.usefixtures("ray_here")
@pytest.mark.timeout(600)
def test_workers_end_if_the_command_is_killed(vs_sim, study_folder, tmp_path):
    with serving(latency=0.2) as endpoint:
        given = ("run", study_folder.write(rounds=3, replicates=20, **TALKER), "--base-url", endpoint.url, "--engine", "ray", "--out", "r")
        with vs_sim.start(*given, key=KEY) as process:
            while not (line := process.stderr.readline()).startswith("[1/160] "):
                assert line, "it ended"
            process.kill()
        deadline = time.monotonic() + 60
        while RunFolder(tmp_path / "r").in_use():
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.long
@pytest.mark.usefixtures("ray_here")
@pytest.mark.timeout(600)
def test_a_lost_machine_loses_nothing(tmp_path):
    """In a process of its own: what Ray leaves open is no warning of ours."""
    import subprocess

    from tests.load_endpoint import ROOT

    done = subprocess.run([sys.executable, "-m", "tests.chaos.ray_nodes", "--people", "20"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"worker \d/3 is there again: process \d+", done.stdout) and "all that has to be zero is zero" in done.stdout
