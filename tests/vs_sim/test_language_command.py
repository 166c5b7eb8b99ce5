"""vs-sim language: what it prints and writes, and how its mistakes end."""

import json
import sys

from tests.human_data import Talk, write_csv
from vs_sim.human.importer import import_human


def test_table_csv_and_figure(command, run):
    code, out, _ = command("language", run)
    assert code == 0
    head, rows = out.split("\n\n")[:2]
    assert head == "Language of the persuadee: mean over conversations"
    assert rows.splitlines()[0].split() == ["direct", "vs"]
    assert next(row for row in rows.splitlines() if row.startswith("Turns ")).split()[:2] == ["Turns", "3.00"]
    assert max(map(len, out.split("table:")[0].splitlines())) <= 100
    assert "Small or scripted model: shows the machinery, no evidence about the method." in out
    assert "never with printed ones" in " ".join(out.split())
    lines = (run / "language.csv").read_text().splitlines()
    assert len({line.split(",")[0] for line in lines[1:]}) == (len(lines) - 1) / 2 > 10
    assert (run / "language.png").read_bytes().startswith(b"\x89PNG") and (run / "language.pdf").read_bytes().startswith(b"%PDF")


def test_several_runs_and_humans_stand_beside_each_other(command, run):
    other = run.parent / "theirs"
    other.mkdir()
    (other / "manifest.json").write_text((run / "manifest.json").read_text())
    (other / "transcripts").symlink_to(run / "transcripts")
    turns = ("Hello!", "Perhaps a little.", "Thanks.", "You are welcome.", "Bye.", "Goodbye now, friend.", "Oh?", "A fourth round.")
    talks = [Talk(f"20180901-12000{i}_{i}_live", (f"a{i}", f"b{i}"), turns) for i in range(8)]
    import_human(write_csv(run.parent / "data", talks), run.parent / "human")
    code, out, _ = command("language", run, other, "--human", run.parent / "human", "--json")
    assert code == 0
    measured = json.loads(out)
    assert list(dict.fromkeys(m["label"] for m in measured)) == ["direct, mine", "vs, mine", "direct, theirs", "vs, theirs"]
    length = [m for m in measured if m["name"] == "words_per_dialogue"]
    assert all((m["n_human"], m["human"]) == (8, 9) for m in length), "in as many rounds as the study allows"
    assert length[0]["value"] == length[2]["value"]


def test_missing_conversations_are_said(command, run):
    (last,) = (run / "transcripts").glob("*.jsonl")
    lines = last.read_text().splitlines(keepends=True)
    failed = json.loads(lines[0])
    failed["failure"] = {"kind": "EndpointError", "message": "It is down.", "step": "t001"}
    last.write_text("".join([json.dumps(failed) + "\n", *lines[1:]]))
    _, out, _ = command("language", run)
    assert f"Missing, {failed['spec']['condition']}: 1 of 4 conversations." in out
    last.write_text("")
    code, _, err = command("language", run)
    assert code == 2 and "no conversation is complete; run the study first" in err


def test_without_its_extra_meaning_is_not_measured_by_something_else(command, run, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, out, err = command("language", run, "--semantic")
    assert code == 3 and out == ""
    assert "run pip install 'vs-sim[semantic]'" in err


def test_no_run_folder_is_named(command):
    code, _, err = command("language", "nowhere")
    assert code == 2 and err.startswith("vs-sim: nowhere is no run folder")
