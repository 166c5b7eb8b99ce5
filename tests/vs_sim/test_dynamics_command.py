"""vs-sim dynamics: what it prints and writes, and how its mistakes end."""

import json

import pytest

from tests.conftest import StudyFolder
from tests.human_data import TALKS, Talk, write_csv
from vs_sim.human.importer import import_human


@pytest.fixture
def reference(tmp_path):
    """Four made-up human dialogues, one of them annotated."""
    import_human(write_csv(tmp_path / "data", TALKS, annotated="300_"), tmp_path / "humans")
    return tmp_path / "humans"


@pytest.mark.slow
def test_table_files_and_figure(command, run, reference):
    code, out, _ = command("dynamics", run, "--human", reference)
    assert code == 0
    head, rows = out.split("\n\n")[:2]
    assert head == "Course of the dialogues, rounds 1 to 3: mean over conversations"
    assert rows.splitlines()[0].split() == ["humans", "direct", "vs"]
    assert max(map(len, out.split("tables:")[0].splitlines())) <= 100
    said = " ".join(out.split())
    assert "Small or scripted model: shows the machinery, no evidence about the method." in said
    assert "Ended by: direct: rounds_done 4; vs: rounds_done 4." in said
    assert "How well the rules read a model's language is not known." in said
    assert {"dynamics.csv", "dynamics-rounds.csv", "dynamics.png", "dynamics.pdf"} <= {path.name for path in run.iterdir()}
    assert (run / "dynamics.png").read_bytes().startswith(b"\x89PNG")
    again = {path.name: path.read_bytes() for path in run.glob("dynamics*")}
    assert command("dynamics", run, "--human", reference)[1] == out
    assert again == {path.name: path.read_bytes() for path in run.glob("dynamics*")}


def test_json_holds_numbers_curves_and_reasons(command, run, reference):
    code, out, _ = command("dynamics", run, "--human", reference, "--json")
    assert code == 0
    data = json.loads(out)
    assert set(data) == {"n_rounds", "measured", "curves", "stop_reasons"}
    assert all(len(curve["values"]) == len(curve["n_at_risk"]) == data["n_rounds"] == 3 for curve in data["curves"])
    assert {m["n_human"] for m in data["measured"] if m["name"] == "n_rounds"} == {4}
    assert data["stop_reasons"] == {"direct": {"rounds_done": 4}, "vs": {"rounds_done": 4}}
    assert not (run / "dynamics.csv").exists()


def test_missing_conversations_are_said(command, run):
    (last,) = (run / "transcripts").glob("*.jsonl")
    lines = last.read_text().splitlines(keepends=True)
    failed = json.loads(lines[0])
    failed["failure"] = {"kind": "EndpointError", "message": "It is down.", "step": "t001"}
    last.write_text("".join([json.dumps(failed) + "\n", *lines[1:]]))
    assert f"Missing, {failed['spec']['condition']}: 1 of 4 conversations." in command("dynamics", run)[1]
    last.write_text("")
    code, _, err = command("dynamics", run)
    assert code == 2
    assert err == f"vs-sim: {run}: no conversation is complete; run the study first, then look at its dialogues\n"


@pytest.mark.slow
def test_many_conditions_have_several_pages(command, tmp_path):
    study = StudyFolder(tmp_path).write(conditions=[{"name": f"c{n}", "method": "direct"} for n in range(5)], rounds=1)
    assert command("run", study, "--out", tmp_path / "many")[0] == 0
    assert command("dynamics", tmp_path / "many")[0] == 0
    assert sorted(path.name for path in (tmp_path / "many").glob("dynamics*.png")) == ["dynamics-1.png", "dynamics-2.png"]


def test_the_check_of_the_rules(command, reference, tmp_path):
    code, out, _ = command("dynamics", "--check", reference)
    assert code == 0
    assert out.startswith("Rules for the persuadee's acts against people's labels, on dialogues that the rules were not made on")
    checked = json.loads(command("dynamics", "--check", reference, "--json")[1])
    assert checked["first_agreement"]["n_dialogues"] == 2
    assert {c["unit"] for c in checked["acts"]} == {"sentence", "turn", "dialogue"}
    import_human(write_csv(tmp_path / "bare", [Talk("20180719-1_live")]), tmp_path / "unlabelled")
    code, _, err = command("dynamics", "--check", tmp_path / "unlabelled")
    assert code == 2
    assert "unlabelled: no sentence of a persuadee is annotated; import the data with the annotated dialogues beside them" in err


@pytest.mark.parametrize("arguments", [(), ("mine", "--check", "humans"), ("--check", "humans", "--human", "humans")])
def test_a_run_or_a_check_is_asked_for(command, arguments):
    code, _, err = command("dynamics", *arguments)
    assert (code, err) == (2, "vs-sim: expected either a run folder, with or without --human REF, or --check REF alone\n")
