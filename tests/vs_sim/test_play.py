"""A person in place of a model: what is shown, what is recorded, and that nothing is lost or paid for twice when somebody leaves."""

import asyncio
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import DIRECT, VS
from tests.endpoint import donation_reply, refusal
from tests.played import by_person, one
from vs_sim.conversation import _memory
from vs_sim.errors import HumanDataError
from vs_sim.load import load_run
from vs_sim.players import people_who_played
from vs_sim.run import run_study
from vs_sim.scenario import DEFAULT, load_scenario
from vs_sim.store import RunFolder
from vs_sim.study import load_study

OPENAI = {"persuader_model": "openai:fake", "persuadee_models": ["openai:fake"]}
SAID = {"persuadee": ["Hello.", "What is it for?", "50 cents", ""], "persuader": ["Hello.", "Would you give 50 cents?"]}
OTHER = {"persuadee": "persuader", "persuader": "persuadee"}


def simulate(study, out):
    asyncio.run(run_study(load_study(study), RunFolder(out)))


def told(transcript):
    """What was said and decided; times and what the provider calls itself left out."""
    return transcript.spec, transcript.utterances, [turn.drawn for turn in transcript.turns], transcript.decision.amount


def test_a_person_as_the_persuadee(sit, study_folder):
    code, out, err = sit(study_folder.write(rounds=2), SAID["persuadee"])
    found = one()
    assert (code, err) == (0, "")
    assert by_person(found, "persuadee") == ["Hello.", "What is it for?"]
    assert (found.spec.condition, found.spec.persuadee_model, found.spec.persuadee) == ("humans", "human:terminal", "P001")
    assert (found.decision.amount, found.decision.distribution, found.stop_reason) == (50, None, "rounds_done")
    assert all(t.distribution is None and [c.model for c in t.calls] == ["human:terminal"] for t in found.turns if t.role == "persuadee")
    assert [row["call"]["text"] for row in RunFolder("played").journal_rows()][1::2] == ["Hello.", "What is it for?"]
    assert [(c.step, c.text) for c in found.decision.calls] == [("decide.0", "50 cents")] and found.calls[-1:] == found.decision.calls
    assert [row["call"] for row in RunFolder("played").journal_rows()] == [c.model_dump(mode="json") for c in found.calls]
    assert load_run("played").calls["step"].tolist() == [c.step for c in found.calls]
    assert "You take part as yourself" in out
    assert "recorded in played under the name P001; a language model writes" in out
    assert out.index("Other participant: ") < out.index("You: Hello.") < out.index("What you answer now is private")
    assert f"vs-sim show played {found.spec.id}" in out
    assert "direct" not in out


def test_a_person_as_the_persuader_sees_no_candidate_no_condition_and_no_decision(sit, study_folder):
    study = study_folder.write(rounds=2, conditions=[DIRECT, VS])
    code, out, _ = sit(study, SAID["persuader"], "persuader", "--condition", "vs")
    found = one()
    assert code == 0
    assert by_person(found, "persuader") == SAID["persuader"]
    assert (found.spec.condition, found.spec.persuader_model, found.spec.persuader) == ("vs", "human:terminal", "P001")
    said = {turn.text for turn in found.turns}  # what one turn passes over another may say
    for turn in found.turns[1::2]:
        others = {c.text for c in turn.distribution.candidates} - said
        assert others
        assert f"Other participant: {turn.text}" in out
        assert not [text for text in others if text in out]
    assert found.decision.distribution is not None and found.decision.calls == ()
    assert "vs_standard" not in out
    assert "decision" not in out.lower()


@pytest.mark.slow
@pytest.mark.parametrize(("role", "n"), [("persuadee", 0), ("persuadee", 1), ("persuadee", 2), ("persuader", 0), ("persuader", 1)])
@pytest.mark.parametrize("last", [["/quit"], []], ids=["quit", "end of input"])
def test_who_leaves_goes_on_where_they_were_and_nothing_is_paid_for_twice(sit, study_folder, endpoint, role, n, last):
    study = study_folder.write(rounds=2, run={"base_url": endpoint.url}, **OPENAI)
    assert sit(study, SAID[role], role)[0] == 0
    n_requests, whole = len(endpoint.bodies), told(one())
    shutil.rmtree("played")
    code, _, err = sit(study, SAID[role][:n] + last, role)
    assert code == 1
    assert "left before the end; what was said is kept: give the same command again" in err
    assert RunFolder("played").transcripts() == []
    code, out, _ = sit(study, SAID[role][n:], role)
    assert code == 0
    assert told(one()) == whole
    assert len(endpoint.bodies) == 2 * n_requests
    assert "goes on; another --participant begins a new one" in out
    assert all(f"You: {line}" in out for line in SAID[role][:2]), "what was said before is shown again"


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_terminal_loses_nothing(sit, study_folder, how, tmp_path):
    study = study_folder.write(rounds=2)
    arguments = [sys.executable, "-m", "vs_sim.cli", "play", str(study), "--as", "persuadee", "--out", str(tmp_path / "played")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdin.write("Hello.\n")
        process.stdin.flush()
        deadline = time.monotonic() + 40
        while len(list(RunFolder(tmp_path / "played").journal_rows())) < 3:
            assert time.monotonic() < deadline, "the conversation does not go on"
            time.sleep(0.02)
        if how == signal.SIGINT:
            time.sleep(0.5)  # until it waits for the next line
        process.send_signal(how)
        _, err = process.communicate(timeout=40)
    assert process.returncode == (130 if how == signal.SIGINT else -9)
    assert how == signal.SIGKILL or "give the same command again to go on" in err
    assert sit(study, SAID["persuadee"][1:])[0] == 0
    assert by_person(one(), "persuadee") == SAID["persuadee"][:2]
    steps = [row["call"]["step"] for row in RunFolder("played").journal_rows()]
    assert steps == ["t000.0", "t001.0", "t002.0", "t003.0", "decide.0"], "each is asked for once"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a terminal of its own")
def test_on_a_terminal_it_is_shown_that_the_other_one_types(sit, study_folder, tmp_path, endpoint):
    import pty

    endpoint.delay_s = 0.3
    study = study_folder.write(rounds=2, run={"base_url": endpoint.url}, **OPENAI)
    arguments = [sys.executable, "-m", "vs_sim.cli", "play", str(study), "--as", "persuadee", "--out", str(tmp_path / "played")]
    ours, theirs = pty.openpty()
    screen = ""

    def until(mark):
        nonlocal screen
        while mark not in screen:
            assert select.select([ours], [], [], 40)[0], f"{mark!r} does not come behind {screen!r}"
            screen += os.read(ours, 4096).decode()
        seen, _, screen = screen.partition(mark)
        return seen

    with subprocess.Popen(arguments, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        for typed in (b"Hello.\r", b"\x04"):
            until("(Other participant is typing)")
            assert "\r\x1b[K" in until("participant: "), "it is wiped away before the message"
            until("You: ")
            os.write(ours, typed)
        until("left before the end")
        assert process.wait(timeout=20) == 1
    os.close(ours)
    os.close(theirs)
    assert [row["call"]["text"] for row in RunFolder("played").journal_rows()][1] == "Hello."


def test_an_endpoint_that_fails_is_told_and_the_conversation_goes_on_later(sit, study_folder, endpoint):
    study = study_folder.write(rounds=2, run={"base_url": endpoint.url, "max_tries": 1}, **OPENAI)
    endpoint.fault = lambda n, body: refusal(500, "out of order") if n == 1 else None
    code, _, err = sit(study, SAID["persuadee"])
    assert code == 3
    assert "the conversation stopped: openai:fake" in err
    assert one().failure.kind == "EndpointError"
    assert sit(study, SAID["persuadee"][1:])[0] == 0
    assert one().complete
    assert by_person(one(), "persuadee") == SAID["persuadee"][:2]


def test_an_unreadable_reply_is_asked_for_again_at_the_next_start(sit, study_folder, endpoint):
    study = study_folder.write(rounds=1, n_reasks=0, run={"base_url": endpoint.url}, conditions=[VS], **OPENAI)
    endpoint.reply = lambda body: "nothing that can be read"
    assert sit(study, ["Hello."], "persuader")[0] == 3
    assert one().failure.kind.startswith("ReplyError")
    endpoint.reply = donation_reply
    assert sit(study, [], "persuader")[0] == 0
    assert by_person(one(), "persuader") == ["Hello."]


def test_participants_are_numbered_meet_one_after_the_other_and_may_play_again(sit, study_folder):
    study = study_folder.write(rounds=1)
    for participant in ((), (), ("--participant", "anna"), ("--participant", "anna"), ("--participant", "anna"), ("--persona", "ben")):
        assert sit(study, ["Hello.", "0", ""], "persuadee", *participant)[0] == 0
    specs = [t.spec for t in RunFolder("played").transcripts()]
    assert [s.persuadee for s in specs] == ["P001", "P002", "anna", "anna", "anna", "P003-as-ben"]
    assert [s.persuader for s in specs] == ["asker", "teller"] * 3
    assert [s.replicate for s in specs] == [0, 0, 0, 0, 1, 0]
    assert (len({s.id for s in specs}), specs[-1].human_cents) == (6, 10)
    assert RunFolder("played").planned() == specs
    assert [p["id"] for p in RunFolder("played").manifest()["study"]["persuadees"]] == ["P001", "P002", "anna", "P003-as-ben"]


def test_a_persona_is_shown_to_the_one_who_plays_it(sit, study_folder):
    _, out, _ = sit(study_folder.write(rounds=1), ["Hello.", "0", ""], "persuadee", "--persona", "cem")
    assert "You are cem." in out
    assert "as the person described at the beginning" in out
    assert "as yourself: nobody" not in out


@pytest.mark.parametrize("role", ["persuadee", "persuader"])
def test_who_plays_no_persona_is_asked_in_plain_words(sit, study_folder, role):
    _, out, _ = sit(study_folder.write(rounds=1), [], role)
    assert "What do you write next? At most 60 words." in out
    assert "person described" not in out
    assert "another participant, whom you do not know" in out, "the scene stays"


def test_a_conversation_that_somebody_left_is_not_anothers(sit, study_folder):
    study = study_folder.write(rounds=1)
    sit(study, ["Hello."], "persuadee", "--participant", "anna")
    assert sit(study, ["Hi.", "0", ""])[0] == 0
    assert one().spec.persuadee == "P001"
    assert sit(study, ["50 cents", ""], "persuadee", "--participant", "anna")[0] == 0
    assert [t.turns[1].text for t in RunFolder("played").transcripts()] == ["Hi.", "Hello."]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--condition", "vs"], "condition 'vs' is how a model answers as the persuadee; where a person does, leave it out"),
        (["--persona", "eve"], "the study has no persuadee 'eve'; it has ann, ben, cem, dot"),
        (["--participant", "Ann Smith"], "participant 'Ann Smith': expected a pseudonym of letters, digits"),
        (["--participant", "X-as-ann"], "participant 'X-as-ann': expected a pseudonym such as P001, not empty and without '-as-'"),
        (["--participant", ""], "participant '': expected a pseudonym"),
        (["--as", "persuader", "--condition", "no"], "the study has no condition 'no'; it has direct, vs"),
    ],
)
def test_what_cannot_be_played_is_refused_before_anything_is_written(sit, study_folder, options, told):
    code, _, err = sit(study_folder.write(), [], "persuadee", *options)
    assert code == 2
    assert told in err
    assert not Path("played").exists()


def test_folders_of_others_are_refused(sit, study_folder):
    study = study_folder.write(rounds=1)
    simulate(study, "played")
    code, _, err = sit(study, [])
    assert (code, "holds conversations in which nobody played the persuadee; give another folder with --out" in err) == (2, True)
    shutil.rmtree("played")
    sit(study, ["Hello.", "0", ""])
    assert "nobody played the persuader" in sit(study, [], "persuader")[2]
    code, _, err = sit(study_folder.write(rounds=1, reply_words=20), [])
    assert code == 2
    assert "changed since: reply_words" in err


def test_what_lies_in_a_folder_stays_as_it_is(sit, study_folder):
    study = study_folder.write(rounds=1)
    Path("played").mkdir()
    (Path("played") / ".gitignore").write_text("*.log\n", "utf-8")
    code, _, err = sit(study, ["Hello.", "0", ""])
    assert (code, "played is no run folder and holds other things ('.gitignore'); give a new or empty folder" in err) == (2, True)
    assert [(path.name, path.read_text("utf-8")) for path in Path("played").iterdir()] == [(".gitignore", "*.log\n")]
    shutil.rmtree("played")
    sit(study, ["Hello."])
    assert (Path("played") / ".gitignore").read_text("utf-8") == "*\n"
    (Path("played") / ".gitignore").write_text("*.log\n", "utf-8")
    assert sit(study, ["0", ""])[0] == 0
    assert (Path("played") / ".gitignore").read_text("utf-8") == "*.log\n"


def test_people_are_no_models_of_a_run(command, study_folder):
    code, _, err = command("run", study_folder.write(persuadee_models=["human:terminal"]))
    assert code == 2
    assert "model 'human:terminal' is a person; people take part with vs-sim play" in err


@pytest.mark.parametrize("role", ["persuadee", "persuader"])
def test_a_played_folder_is_a_run_folder(sit, study_folder, command, role):
    assert sit(study_folder.write(rounds=2), SAID[role], role)[0] == 0
    code, out, _ = command("status", "played", "--json")
    found = json.loads(out)
    assert (code, found["n_calls"], found["prompt_tokens"] > 0) == (0, 2 if role == "persuadee" else 3, True)
    _, out, _ = command("show", "played", one().spec.id)
    assert "human:terminal" in out
    assert "What is it for?" in out or role == "persuader"
    assert Path("played/.gitignore").read_text("utf-8") == "*\n", "people's words stay out of a repository"
    for verb in ("compare", "language", "dynamics"):
        code, out, err = command(verb, "played", "--json")
        assert (code, err) == (0, ""), verb
        assert ('"humans"' if role == "persuadee" else '"direct"') in out


def test_people_who_played_are_the_reference_of_a_run_of_the_same_scenario(sit, study_folder, command):
    study = study_folder.write(rounds=1)
    for amount in ("0", "50 cents", "75 cents"):
        sit(study, ["Hello.", amount, ""])
    sit(study, ["Hello."])
    simulate(study, "simulated")
    code, out, _ = command("compare", "simulated", "--human", "played", "--json")
    assert code == 0
    assert {c["n_human"] for c in json.loads(out)["comparisons"]} == {3}
    assert "people who played the persuadee at a terminal, played, n = 3 (1 not finished)" in out
    for verb in ("language", "dynamics"):
        assert command(verb, "simulated", "--human", "played", "--json")[0] == 0

    scenario = study_folder.path / "cakes"
    shutil.copytree(Path(__file__).parents[2] / "vs_sim" / "scenarios" / "donation", scenario)
    with (scenario / "decide.md").open("a", encoding="utf-8") as file:
        file.write("Think of cakes.")
    simulate(study_folder.write(rounds=1, scenario="cakes"), "cakes")
    for verb in ("compare", "dynamics", "language", "report", "bundle"):
        code, _, err = command(verb, "cakes", "--human", "played")
        assert code == 2
        assert "played: these people played another scenario than the one compared with them (it differs in prompts)" in err


def test_a_folder_in_which_nobody_came_to_the_end_is_no_reference(sit, study_folder):
    sit(study_folder.write(rounds=1), ["Hello."])
    with pytest.raises(HumanDataError, match="nobody has come to the end of a conversation yet"):
        people_who_played(Path("played"), load_scenario(DEFAULT).model_dump(mode="json"))


def test_the_graph_remembers_turns_as_they_are_while_it_waits(sit, study_folder):
    assert sit(study_folder.write(rounds=2, conditions=[VS]), SAID["persuader"], "persuader")[0] == 0
    memory = _memory().serde
    for record in (*one().turns, one().decision):
        assert memory.loads_typed(memory.dumps_typed(record)) == record
