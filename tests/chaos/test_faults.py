"""Studies under faults lose nothing, double nothing and pay nothing twice; and the count would see it if they did."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.chaos.__main__ import HEAD, line, total
from tests.chaos.count import held, left_over, unkept
from tests.chaos.scenarios import SCENARIOS, run_scenario
from tests.chaos.trial import Row
from tests.load_endpoint import FAULTS
from tests.runs import call, spec, transcript, written

BY_NAME = {scenario.name: scenario for scenario in SCENARIOS}
QUICK = {"kill-9": 2, "prompts-kill-9": 2}
"""Scenario -> kills."""


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", QUICK)
def test_a_study_under_faults_loses_doubles_and_pays_twice_for_nothing(tmp_path, name):
    scenario = replace(BY_NAME[name], n_people=3)
    row = run_scenario(scenario, 3, QUICK[name], tmp_path)
    assert row.ok, row
    assert row.starts >= 2 and row.met >= 1 and row.conversations == (8 if scenario.prompts else 2) * scenario.n_people


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", BY_NAME)
def test_every_scenario(tmp_path, name):
    row = run_scenario(BY_NAME[name], 4, 30, tmp_path)
    if row.impossible:
        pytest.skip(row.impossible)
    assert row.ok, row
    assert row.met > 0


def test_the_count_sees_what_is_lost_doubled_and_torn(tmp_path):
    one, other = spec("a"), spec("b")
    run = written(
        tmp_path / "run",
        [transcript(one, "Hi."), transcript(one, "Hi."), transcript(other, failure={"kind": "k", "message": "m", "step": "t001"})],
        rows=[("a", _answer("t000.0", "7-1")), ("a", _answer("t000.0", "7-2")), ("b", _answer("t001.0", "7-3")), ("b", "t001.1")],
    )
    found = held(run)
    assert (found.complete, found.n_doubled, found.n_torn, found.unparsable) == ({"a": 2}, 1, 0, [])
    assert (found.prompt_tokens, found.completion_tokens) == (21, 6)
    log = [{"id": f"7-{n}", "kind": kind} for n, kind in enumerate(("500", "ok", "ok", "length", "length", "hang", "ok"))]
    assert unkept(log, found.answered) == 2  # numbers 4 and 6
    (journal,) = (run / "journal").iterdir()
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-1])
    assert held(run).n_torn == 1 and not held(run).unparsable
    journal.write_bytes(whole.replace(b'"conversation"', b'"conversation', 1))
    assert any("00001.jsonl, line 1" in one for one in held(run).unparsable)
    journal.write_bytes(whole + _row("b", "t001.0"))  # given up, so that it may stand there again
    assert held(run).n_doubled == 1
    journal.write_bytes(whole + _row("b", "t001.0") * 2)
    assert held(run).n_doubled == 2
    (run / "manifest.json").write_text('{"format": 2,')
    (run / "manifest.tmp").write_text("")
    assert any("manifest.json: cannot be read" in one for one in held(run).unparsable)
    assert left_over(run) == ["manifest.tmp"]


def _answer(step, id):
    return call(step).model_copy(update={"model_returned": f"served-{id}"})


def _row(conversation, step):
    row = {"conversation": conversation, "request": "r", "call": _answer(step, "7-9").model_dump(mode="json")}
    return json.dumps(row).encode() + b"\n"


def test_every_fault_of_the_endpoint_has_a_scenario():
    given = " ".join(" ".join(scenario.serve.get("fault", ())) + scenario.serve.get("sequence", "") for scenario in SCENARIOS)
    assert [kind for kind in FAULTS if kind not in given] == []


def test_the_table_and_its_total_say_what_is_wrong():
    good = Row("good", starts=3, met=2, conversations=10, unkept=1, in_flight=8)
    bad = replace(good, scenario="bad", lost=1, paid_twice=2, broken=("exit code 7, promised 0",))
    missing = Row("elsewhere", impossible="no mount namespace")
    assert [row.ok for row in (good, bad, missing)] == [True, False, True]
    assert line(good).split() == ["good", "3", "2", "10", "0", "0", "0", "(1", "of", "8)", "0", "0", "0", "yes", "0"]
    assert "NO" in line(bad) and "2 (1 of 8)" in line(bad)
    assert line(missing) == "elsewhere          not possible on this machine: no mount namespace"
    assert all(len(one) <= 100 for one in (HEAD, line(good), line(bad)))
    assert total([good, bad, missing]).splitlines() == [
        "2 scenarios, 6 starts, 4 kills and faults, 20 conversations: 1 lost, 0 doubled, 2 answers paid twice, 0 unread, 0 with other "
        "words, 1 promises broken",
        "not all is well: bad",
        "not run, since this machine does not let them: elsewhere",
    ]
    assert total([good]).endswith("all that has to be zero is zero")


@pytest.mark.slow
def test_a_clock_that_jumps_is_hours_off_and_moves():
    script = (
        "import time; true = time.time(); from tests.chaos.jumping_clock import *; import datetime as d; set_jumping('1'); moments = []\n"
        "for _ in range(5): moments.append(time.time() - true); time.sleep(EVERY_S)\n"
        "now = d.datetime.now(d.UTC); assert isinstance(now, d.datetime)\n"
        "print(max(map(abs, moments)), max(moments) - min(moments), abs(now.timestamp() - true))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    most, spread, now = map(float, done.stdout.split())
    assert 600 < most < 9.1 * 3600 and spread > 1800 and now > 60
