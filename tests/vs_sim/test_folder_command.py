"""vs-sim status and show: a run that goes on, and a conversation that is looked for."""

import asyncio
import json
import os
import pty
import subprocess
import sys
import threading
import time

import pytest

from tests.conftest import DIRECT, VS
from tests.endpoint import refusal
from vs_sim.run import run_study
from vs_sim.scenario import DEFAULT, load_scenario
from vs_sim.show import transcript_lines
from vs_sim.status import status
from vs_sim.store import RunFolder
from vs_sim.study import load_study

FULL = refusal(400, "maximum context length exceeded", "context_length_exceeded")


@pytest.fixture
def run(study_folder, tmp_path):
    """A small run, complete."""
    asyncio.run(run_study(load_study(study_folder.write(conditions=[DIRECT, VS])), RunFolder(tmp_path / "run")))
    return tmp_path / "run"


@pytest.fixture
def with_a_failure(study_folder, endpoint, tmp_path):
    """A run of eight conversations one of which failed."""
    study = study_folder.write(
        persuader_model="openai:fake", persuadee_models=["openai:fake"], run={"base_url": endpoint.url, "concurrency": 1}
    )
    endpoint.fault = lambda n, body: FULL if n == 0 else None
    asyncio.run(run_study(load_study(study), RunFolder(tmp_path / "run")))
    return tmp_path / "run"


def every_byte(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_a_run_is_followed_while_it_goes_on(study_folder, endpoint, vs_sim, tmp_path):
    study = study_folder.write(
        persuader_model="openai:fake", persuadee_models=["openai:fake"], run={"base_url": endpoint.url, "concurrency": 1}
    )
    endpoint.delay_s = 0.05
    with vs_sim.start("run", study, "--out", "run") as process:
        while len(endpoint.bodies) < 14:
            assert process.poll() is None
            time.sleep(0.01)
        found = status(tmp_path / "run")
        assert found.running is True
        assert sum(arm.n_begun for arm in found.arms) == 1
        assert found.pace is not None
        assert found.pace.n_ended == 8 - found.n_owed >= 2
        assert found.pace.minutes_left is not None
        # What is left takes as long, one by one, as what was done: six conversations for two.
        assert found.pace.minutes_left == pytest.approx(found.pace.minutes / found.pace.n_ended * found.n_owed)
        assert f"{tmp_path / 'run'}: running, last written " in " ".join(str(found).split())
        assert " left" in str(found)
        process.kill()
        process.communicate()
    found = status(tmp_path / "run")
    assert (found.running, found.pace and found.pace.minutes_left) == (False, None)
    assert f"{found.n_owed} owed; the command that made the run goes on with it" in str(found)


def test_looking_leaves_everything_as_it_is(command, run):
    last = max((run / "journal").iterdir())
    last.write_bytes(last.read_bytes() + b'{"conversation": "torn')
    before = every_byte(run)
    assert command("status", run)[0] == 0
    assert command("show", run)[0] == 0
    assert every_byte(run) == before
    assert not (run / "lock.tmp").exists()


def test_failures_are_counted_by_condition(command, with_a_failure):
    found = json.loads(command("status", with_a_failure, "--json")[1])
    assert [(a["n_complete"], a["n_failed"], a["failures"]) for a in found["arms"]] == [(3, 1, {"ContextFull": 1}), (4, 0, {})]
    assert (found["failures"], found["pace"]["n_ended"], found["running"]) == ({"ContextFull": 1}, 8, False)
    assert "direct / openai:fake: 3 of 4 complete, 1 failed (ContextFull 1)" in command("status", with_a_failure)[1]


def test_following_ends_with_the_run(command, run):
    code, out, _ = command("status", run, "--follow")
    assert (code, out.count("not running")) == (0, 1)


def test_the_pace_is_that_of_the_last_start(study_folder, tmp_path):
    folder = RunFolder(tmp_path / "run")
    study_folder.people(["ann"])
    asyncio.run(run_study(load_study(study_folder.write(conditions=[DIRECT])), folder))
    assert status(folder.path).pace.n_ended == 1
    time.sleep(1.1)  # a start is known to the second
    study_folder.people(["ann", "ben", "cem"])
    asyncio.run(run_study(load_study(study_folder.write(conditions=[DIRECT])), folder))
    found = status(folder.path)
    assert (found.pace.n_ended, found.n_owed) == (2, 0)


def test_a_conversation_is_found_by_condition_persona_and_failure(command, with_a_failure):
    _, out, _ = command("show", with_a_failure, "--condition", "vs")
    assert [line.split()[1] for line in out.splitlines()] == ["vs"] * 4
    _, out, _ = command("show", with_a_failure, "--persona", "ben")
    assert [line.split()[1:3] for line in out.splitlines()] == [["direct", "ben"], ["vs", "ben"]]
    assert len(command("show", with_a_failure, "--persona", "asker")[1].splitlines()) == 4, "persuaders, too"
    _, out, _ = command("show", with_a_failure, "--failed")
    (line,) = out.splitlines()
    assert line.endswith("FAILED ContextFull")
    assert "FAILED at t000: ContextFull: openai:fake at " in command("show", with_a_failure, line.split()[0])[1]
    assert command("show", with_a_failure, "--failed", "--condition", "vs") == (0, "", "none of 8 conversations\n")
    code, _, err = command("show", with_a_failure, "--persona", "eve")
    assert code == 2
    assert err.endswith("run has no conversation of it; there are ann, asker, ben, cem, dot, teller\n")


def test_a_list_fits_100_columns_and_keeps_names_apart(command, study_folder, tmp_path):
    names = [f"a_long_name_of_a_condition_that_differs_at_its_end_only_number_{n}" for n in range(2)]
    people = [f"{'person-of-a-long-id-' * 2}{n}" for n in range(3)]
    study_folder.people(people)
    models = ["scripted:donation", "scripted:rules-with-模型-名.toml"]
    (study_folder.path / "rules-with-模型-名.toml").write_text('[[rule]]\nwhen = "."\nreplies = [\'{"reply": 50}\']\n', "utf-8")
    study = study_folder.write(conditions=[{"name": name, "method": "direct"} for name in names], persuadee_models=models)
    os.chdir(study_folder.path)
    asyncio.run(run_study(load_study(study), RunFolder(tmp_path / "run")))
    os.chdir(tmp_path)
    _, out, _ = command("show", tmp_path / "run")
    lines = out.splitlines()
    assert len(lines) == 12
    from rich.cells import cell_len

    assert max(map(cell_len, lines)) <= 100
    assert len({line[16:] for line in lines}) >= 6, "both ends of a name stay"


@pytest.fixture
def on_a_terminal(command, monkeypatch):
    """What the command writes to a terminal of 20 lines."""

    def on_a_terminal(*arguments, **environment):
        with monkeypatch.context() as patch:
            for name in ("NO_COLOR", "FORCE_COLOR", "PAGER", "LESS"):
                patch.delenv(name, raising=False)
            for name, value in ({"TERM": "xterm-256color", "LINES": "20", "COLUMNS": "80"} | environment).items():
                patch.setenv(name, value)
            ours, theirs = pty.openpty()
            written = []
            reader = threading.Thread(target=lambda: written.extend(iter(lambda: _read(ours), b"")))
            reader.start()
            with os.fdopen(theirs, "w") as terminal:
                patch.setattr("sys.stdout", terminal)
                assert command(*arguments)[0] == 0
            reader.join(30)
            os.close(ours)
        return b"".join(written).decode().replace("\r\n", "\n")

    return on_a_terminal


def _read(terminal):
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end was closed
        return b""


def transcript_text(transcript):
    """A conversation as it is printed, plain."""
    return "\n".join(line.text for line in transcript_lines(transcript, load_scenario(DEFAULT).scale))


@pytest.fixture
def long_one(run):
    return next(t for t in RunFolder(run).transcripts() if len(transcript_text(t).splitlines()) > 24)


def test_a_pager_shows_what_is_longer_than_the_screen_and_nothing_else(on_a_terminal, run, long_one):
    pager = {"PAGER": "sed s/^/paged:/"}
    assert "paged:conversation" in on_a_terminal("show", run, long_one.spec.id, NO_COLOR="1", **pager).replace("\x1b[1m", "")
    assert "paged:" not in on_a_terminal("show", run, long_one.spec.id, "--no-pager", **pager)
    assert "paged:" not in on_a_terminal("show", run, **pager), "eight lines fit"
    assert "stop reason" in on_a_terminal("show", run, long_one.spec.id, PAGER="no-such-pager"), "shown all the same"
    assert "stop reason" in on_a_terminal("show", run, long_one.spec.id, PAGER="'")
    broken = run.parent / "pager"
    broken.write_bytes(b"\x7fELF")
    broken.chmod(0o755)
    assert "stop reason" in on_a_terminal("show", run, long_one.spec.id, PAGER=str(broken))
    assert on_a_terminal("show", run, long_one.spec.id, PAGER="true") == "", "a reader who leaves at once is no error"


def test_nothing_is_paged_or_coloured_in_a_pipe(command, run, long_one, monkeypatch):
    monkeypatch.setenv("PAGER", "sed s/^/paged:/")
    assert command("show", run, long_one.spec.id) == (0, transcript_text(long_one) + "\n", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in command("show", run, long_one.spec.id)[1]


def test_colours_are_for_terminals_that_want_them(on_a_terminal, run, long_one):
    coloured = on_a_terminal("show", run, long_one.spec.id, "--no-pager")
    assert "\x1b[36mpersuadee: " in coloured
    assert "\x1b[1;32m    > " in coloured
    assert "\x1b[36m" not in on_a_terminal("show", run, long_one.spec.id, "--no-pager", NO_COLOR="1")
    assert on_a_terminal("show", run, long_one.spec.id, TERM="dumb") == transcript_text(long_one) + "\n"


def test_a_reader_who_leaves_is_no_error(run, tmp_path):
    command = f"set -o pipefail; {sys.executable} -m vs_sim.cli show {run} | true"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_no_name_in_a_plan_steers_the_terminal(command, run):
    plan = run / "manifest.json"
    plan.write_text(plan.read_text("utf-8").replace("scripted:donation", "scripted:\\u001b]0;pwn\\u0007x"), "utf-8")
    code, out, _ = command("status", run)
    assert code == 0 and "pwn" in out and "\x1b" not in out and "\x07" not in out


def test_a_closed_output_is_no_error(run, tmp_path):
    command = f"{sys.executable} -m vs_sim.cli status {run} >&-; echo $?"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_run_draws_no_bars_where_no_line_can_be_redrawn(command, study_folder, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    err = command("run", study_folder.write(conditions=[DIRECT]), "--out", "run")[2]
    assert "[4/4] " in err
    assert "\x1b[?25l" not in err, "the cursor stays"
