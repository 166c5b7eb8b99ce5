"""load_run: a run folder as frames, in which missing is missing."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import vs_sim
from tests import human_data
from tests.conftest import StudyFolder
from tests.runs import DONATION, MODEL, STUDY, call, scripted, spec, transcript, written
from vs_sim.columns import DICTIONARIES, dictionary, frame, rows_of, whole_characters
from vs_sim.errors import HumanDataError, RunFolderError
from vs_sim.human.importer import import_human
from vs_sim.load import load_run
from vs_sim.personas import Persona, load_personas, render
from vs_sim.records import Failure, StatedDonation
from vs_sim.second_reader import Reading, prompt_digest
from vs_sim.store import RunFolder
from vs_sim.writer import appending

TABLES = DICTIONARIES["dialogue"].tables


@pytest.fixture
def run(study_folder: StudyFolder, tmp_path: Path) -> vs_sim.Run:
    return load_run(scripted(study_folder, tmp_path / "run"))


def test_every_table_has_exactly_the_columns_of_the_dictionary(run: vs_sim.Run) -> None:
    written_down = dictionary()
    for name, columns in TABLES.items():
        table = run.tables[name]
        assert [(c.name, c.dtype) for c in columns] == [(n, str(t)) for n, t in table.dtypes.items()]
        section = written_down.split(f"## {name}\n")[1].split("\n## ")[0]
        assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == list(table.columns)
        assert all(c.meaning and c.missing for c in columns)
        for c in columns:
            if c.missing == "never":
                assert table[c.name].notna().all(), (name, c.name)
    assert set(Persona.model_fields) - {"id"} <= set(run.personas.columns)


def test_a_row_that_is_not_in_the_dictionary_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a row of turns differs from its dictionary in \[.*'mood'.*\]"):
        frame("turns", [{"mood": "good"}])


def test_what_a_run_says_is_what_its_transcripts_say(run: vs_sim.Run, study_folder: StudyFolder) -> None:
    transcripts = {t.spec.id: t for t in RunFolder(run.path).transcripts()}
    assert len(run.conversations) == 8 == len(transcripts)
    assert list(run.conversations["status"].unique()) == ["complete"]
    for row in rows_of(run.conversations):
        t = transcripts[row["conversation"]]
        assert (row["decided"], row["unit"], row["human_cents"]) == (t.decision.amount, "cents", t.spec.human_cents)
        turns = run.turns[run.turns["conversation"] == t.spec.id]
        assert list(turns["text"]) == [turn.text for turn in t.turns]
        assert row["n_calls"] == (run.calls["conversation"] == t.spec.id).sum() > 0
    drawn = run.candidates[run.candidates["drawn"] & run.candidates["turn"].notna()]
    joined = drawn.merge(run.turns, on=["conversation", "turn"])
    assert len(joined) == run.turns["drawn"].notna().sum() > 0
    assert (joined["text_x"] == joined["text_y"]).all()
    assert run.candidates.groupby(["conversation", "step"])["probability"].sum().round(9).eq(1).all()
    assert (run.candidates["step"] == "decide").eq(run.candidates["turn"].isna()).all()
    shown = [render(p) for p in load_personas(study_folder.path / "people.toml")]
    assert list(run.personas.query("role == 'persuadee'")["shown"]) == shown


def test_the_conditions_of_a_run_stand_beside_its_conversations(run: vs_sim.Run) -> None:
    by_condition = {row["condition"]: row for row in rows_of(run.conversations)}
    assert {key: by_condition["direct"][key] for key in ("method", "k", "k_by_model", "select")} == {
        "method": "direct",
        "k": None,
        "k_by_model": None,
        "select": None,
    }
    assert {key: by_condition["vs"][key] for key in ("method", "k", "k_by_model", "select", "wording")} == {
        "method": "vs_standard",
        "k": 5,
        "k_by_model": False,
        "select": "weighted",
        "wording": "explicit",
    }


def test_what_was_not_run_or_failed_is_missing_and_never_zero(tmp_path: Path) -> None:
    failure = Failure(kind="ReplyError:no_candidates", message="nothing in it", step="t001", raw="?")
    done = transcript(spec("a"), "Hello", "I will donate 50 cents.")
    failed = transcript(spec("b"), "Hello", amount=None, failure=failure)
    run = load_run(written(tmp_path / "run", [done, failed], [spec("c")]))
    rows = {row["conversation"]: row for row in rows_of(run.conversations)}
    assert [rows[i]["status"] for i in "abc"] == ["complete", "failed", "not run"]
    assert (rows["a"]["decided"], rows["a"]["stated"], rows["a"]["stated_turn"]) == (50, 50, 1)
    assert rows["b"]["failure_kind"] == "ReplyError:no_candidates"
    assert (rows["b"]["failure_step"], rows["b"]["n_turns"]) == ("t001", 1)
    for key in ("decided", "stated", "stated_status", "stated_turn", "human_cents", "prompt_tokens", "second_status"):
        assert rows["b"][key] is None, key
    for key in ("n_turns", "n_rounds", "seconds", "started", "stop_reason", "decided", "stated", "prompt_tokens"):
        assert rows["c"][key] is None, key
    assert rows["c"]["n_calls"] == 0
    assert run.conversations["decided"].mean() == 50


def test_stated_probabilities_are_kept_as_given_and_read_where_they_are_numbers(tmp_path: Path) -> None:
    run = load_run(written(tmp_path / "run", [transcript(spec("a"), "Hello", "Hm.")]))
    found = [(r["step"], r["stated"], r["stated_number"], r["above_tau"]) for r in rows_of(run.candidates)]
    assert found == [("t001", "30%", 30.0, None), ("t001", None, None, None), ("decide", "0.7", 0.7, None), ("decide", "0,3", 0.3, None)]
    assert rows_of(run.turns).__next__()["entropy"] is None
    assert run.turns["entropy"].dropna().tolist() == [1.0]


def test_calls_that_were_given_up_are_there_and_told_apart(tmp_path: Path) -> None:
    rows = [("a", call("t000.0")), ("a", call("t001.0", "no JSON")), ("a", "t001"), ("a", call("t001.0", completion_tokens=None))]
    run = load_run(written(tmp_path / "run", [transcript(spec("a"), "Hello", "Hm.")], rows=rows))
    found = [(r["step"], r["attempt"], r["given_up"], r["text"]) for r in rows_of(run.calls)]
    assert found == [("t000.0", 0, False, "raw"), ("t001.0", 0, True, "no JSON"), ("t001.0", 1, False, "raw")]
    (conversation,) = rows_of(run.conversations)
    assert (conversation["n_calls"], conversation["prompt_tokens"]) == (3, 21)
    assert conversation["completion_tokens"] is None  # one call does not say: a sum of the others would be too small


def test_the_second_readers_result_stands_beside_the_rules(tmp_path: Path) -> None:
    spoken = {"a": "I may give something.", "b": "Perhaps.", "c": "Maybe."}
    path = written(tmp_path / "run", [transcript(spec(i), "Will you?", text) for i, text in spoken.items()], second_reader=MODEL)
    failure = Failure(kind="ReplyError:no_quote", message="no such words", step="read.0")
    given = {"model": MODEL, "prompt": prompt_digest(), "calls": (call("read.0"),)}
    readings = [
        Reading(conversation="a", stated=StatedDonation(status="refused"), **given),
        Reading(conversation="b", stated=None, failure=failure, **given),
    ]

    async def add() -> None:
        async with appending(RunFolder(path), "readings") as append:
            for reading in readings:
                await append(reading)

    asyncio.run(add())
    run = load_run(path)
    names = ["stated_status", "stated", "second_status", "second_stated", "second_failure"]
    assert [[row[n] for n in names] for row in rows_of(run.conversations)] == [
        ["undetermined", None, "refused", 0, None],
        ["undetermined", None, None, None, "ReplyError:no_quote"],
        ["undetermined", None, None, None, None],
    ]
    assert [(r["step"], r["given_up"]) for r in rows_of(run.calls)] == [("read.0", False), ("read.0", True)]
    assert run.conversations["n_calls"].sum() == 0


def test_a_decision_on_another_scale_has_its_unit_and_is_not_read_as_money(tmp_path: Path) -> None:
    scale = {"name": "pledge", "one": "number", "many": "numbers", "unit": "bags", "low": 0, "high": 10, "edges": [0, 5]}
    said = [transcript(spec("a"), "Hello", "I will donate 50 cents.", amount=3)]
    run = load_run(written(tmp_path / "run", said, scenario={**DONATION, "scale": scale}))
    (row,) = rows_of(run.conversations)
    assert (row["decided"], row["unit"], row["stated"], row["stated_status"]) == (3, "bags", None, None)


def test_dialogues_of_people_are_read_from_a_reference(tmp_path: Path) -> None:
    import_human(human_data.write_csv(tmp_path / "csv"), tmp_path / "ref")
    run = load_run(tmp_path / "ref")
    assert run.reference is not None and run.reference.licence == "Apache-2.0"
    assert run.conversations["decided"].tolist() == [50, 0, 2500, 107]
    for name in ("method", "n_calls", "seconds", "human_cents"):
        assert run.conversations[name].isna().all(), name
    assert (len(run.candidates), len(run.calls)) == (0, 0)
    people = run.personas.set_index("persona")["person"]
    assert people["user_2-d1"] == people["user_2-d2"] == "user_2"
    assert run.turns.groupby("conversation", sort=False).size().tolist() == [4, 2, 4, 4]
    with (tmp_path / "ref" / "transcripts" / "00001.jsonl").open("a", encoding="utf-8") as file:
        file.write("\n")
    with pytest.raises(HumanDataError, match="was changed"):
        load_run(tmp_path / "ref")


def test_folders_that_cannot_be_read_are_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"is no run folder: it has no manifest\.json"):
        load_run(tmp_path)
    path = written(tmp_path / "run")
    assert [len(table) for table in load_run(path).tables.values()] == [0, 0, 0, 0, 2]
    manifest = json.loads((path / "manifest.json").read_text("utf-8"))
    (path / "manifest.json").write_text(json.dumps({**manifest, "format": 99}), "utf-8")
    with pytest.raises(RunFolderError, match="format 99, expected 2; it was written by another version of vs_sim"):
        load_run(path)
    (path / "manifest.json").write_text(json.dumps({**manifest, "study": {**STUDY, "persuadees": [{"id": "?"}]}}), "utf-8")
    with pytest.raises(RunFolderError, match="a persuadee is damaged"):
        load_run(path)


def test_half_characters_are_replaced_and_halves_that_belong_together_joined() -> None:
    assert whole_characters("a\ud800b") == "a\ufffdb"
    assert whole_characters("\ud83d\ude00") == "\U0001f600"
    rows = [{c.name: None for c in TABLES["turns"]} | {"text": "\udfff", "turn": 0}]
    assert frame("turns", rows)["text"].tolist() == ["\ufffd"]


def test_importing_the_package_does_not_import_pandas() -> None:
    code = "import sys, vs_sim, vs_sim.load, vs_sim.export.files; assert 'pandas' not in sys.modules; print(vs_sim.load_run.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("load_run\n", "")


def test_missing_is_pandas_na(tmp_path: Path) -> None:
    run = load_run(written(tmp_path / "run", planned=[spec("c")]))
    assert run.conversations.at[0, "decided"] is pd.NA
    assert run.conversations.at[0, "seed"] == 2**63 - 1


def test_what_a_person_typed_is_a_row_without_tokens(tmp_path: Path) -> None:
    typed = call("t000.0", "Hello", None, None).model_copy(update={"model": "human:terminal"})
    rows = [("a", typed), ("a", call("t001.0"))]
    run = load_run(written(tmp_path / "run", [transcript(spec("a"), "Hello", "Hm.")], rows=rows))
    (conversation,) = rows_of(run.conversations)
    assert (conversation["n_calls"], conversation["prompt_tokens"], len(run.calls)) == (1, 7, 2)
