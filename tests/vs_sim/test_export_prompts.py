"""vs-sim export of a run of single prompts: nothing is lost, invented or overwritten, and the card says what the data are."""

import csv
import io
import json
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from tests.odd_texts import LISTS, ODD
from tests.prompt_runs import STUDY, asking, replied, written
from tests.runs import call
from vs_sim.columns import DICTIONARIES, dictionary, frame, rows_of, whole_characters
from vs_sim.errors import InputError
from vs_sim.export.files import export_run
from vs_sim.load import Run, load_run
from vs_sim.records import Failure

TABLES = DICTIONARIES["prompt"].tables
HELD = [text for text in ODD if text != "\ud800"]
"""What a run folder can hold: a reply with half a character is unreadable, and fails."""
FAILED = Failure(kind="ReplyError:no_candidates", message="nothing\nin it", step="t000", raw="?")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Half finished, of two models: hostile replies, one failure, one asking not run."""
    done = [
        replied(asking("a"), *HELD[:11], stated=HELD[5:]),
        replied(asking("b", replicate=1), failure=FAILED),
        replied(asking("c", model="openai:o|ther", condition="direct", prompt="joke"), "=cmd|'/c calc'!A0"),
    ]
    rows = [("a", call("t000.0", "=1+1\x85")), ("b", call("t000.0", "", None)), ("c", call("t000.0", "a\0b"))]
    prompts = [STUDY["prompts"][0], {"id": "joke", "text": "=HYPERLINK(1)\n| a |", "source": "a | b\n# c"}]
    models = ["openai:talker", "openai:o|ther"]
    return load_run(written(tmp_path / "run", done, [asking("d", replicate=2)], rows, models=models, prompts=prompts))


def test_tables_are_the_same_from_parquet_jsonl_and_csv(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for to in ("parquet", "jsonl", "csv", "hf"):
        done = export_run(run, to, tmp_path / to)  # type: ignore[arg-type]
        assert (
            done.n_rows
            == {name: len(table) for name, table in run.tables.items()}
            == {"askings": 4, "candidates": 12, "calls": 3, "prompts": 2}
        )
    for name, table in run.tables.items():
        for to in ("parquet", "hf"):
            pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / to / f"{name}.parquet"), table)
        lines = (tmp_path / "jsonl" / f"{name}.jsonl").read_text("utf-8").split("\n")
        assert [json.loads(line) for line in lines[:-1]] == list(rows_of(table))
        types = {c.name: c.dtype for c in TABLES[name]}
        again = pd.read_csv(tmp_path / "csv" / f"{name}.csv", dtype=types, keep_default_na=False, na_values=[""])
        pd.testing.assert_frame_equal(again, table.replace("", pd.NA), check_exact=True)  # pandas does not tell "" from nothing


def run_of_candidates(path: Path, said: list[str]) -> Run:
    """A run whose candidates have these texts."""
    rows = [{c.name: None for c in TABLES["candidates"]} | {"asking": "a", "candidate": i, "text": text} for i, text in enumerate(said)]
    tables = {name: frame(name, rows if name == "candidates" else [], "prompt") for name in TABLES}
    return Run(path, {"study": STUDY, "starts": []}, None, tables)


@settings(max_examples=25, deadline=None)
@given(LISTS)
def test_hostile_replies_come_back_as_they_were(said: list[str]) -> None:
    expected = [whole_characters(text) for text in said]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for to in ("csv", "jsonl", "parquet"):
            if to != "parquet" or find_spec("pyarrow"):
                export_run(run_of_candidates(folder, said), to, folder / to)  # type: ignore[arg-type]
        rows = csv.DictReader(io.StringIO((folder / "csv" / "candidates.csv").read_bytes().decode(), newline=""))
        assert [row["text"] for row in rows] == expected
        lines = (folder / "jsonl" / "candidates.jsonl").read_bytes().decode().splitlines()
        assert [json.loads(line)["text"] for line in lines] == expected
        if find_spec("pyarrow"):
            assert pd.read_parquet(folder / "parquet" / "candidates.parquet")["text"].tolist() == expected


def test_a_missing_cell_is_nothing_and_an_empty_text_is_quoted(run: Run, tmp_path: Path) -> None:
    export_run(run, "csv", tmp_path / "out")
    text = (tmp_path / "out" / "askings.csv").read_bytes().decode()
    assert '"complete",,,"",0,11,' in text, "the drawn reply is empty, the failure missing"
    assert '"failed","ReplyError:no_candidates","nothing\nin it",,,,,,' in text


@pytest.mark.parametrize("to", ["parquet", "csv", "jsonl", "hf"])
def test_card_dictionary_and_study_say_what_kind_of_data_these_are(run: Run, tmp_path: Path, to: Any) -> None:
    out = export_run(run, to, tmp_path / "out").path
    card = (out / "README.md").read_text("utf-8")
    flat = " ".join(card.split())
    assert "# Replies of language models to single prompts\n" in card
    assert "Every reply is of a model, none of a person." in flat
    assert "| vs | openai:talker | 3 | 1 | 1 | 1 | 11 |" in card
    assert "| direct | openai:o\\|ther | 1 | 1 | 0 | 0 | 1 |" in card
    assert "Failed: 1 ReplyError:no\\_candidates." in flat or "Failed: 1 ReplyError:no_candidates." in flat
    assert "Temperature 0.5, top-p 1.0, unless a condition says otherwise; 4 candidates wanted" in flat
    assert "Prompts: 2, of which 1 have right answers" in flat and "a \\| b \\# c" in flat and "\n# c" not in card
    assert "the prompts' source" in flat and "Not stated: the author of the run must say." in flat
    assert not any(word in card for word in ("ersuad", "ersona", "dialogue"))
    assert (out / "DICTIONARY.md").read_text("utf-8") == dictionary("prompt")
    study = json.loads((out / "study.json").read_text("utf-8"))
    assert study["study"] == run.manifest["study"] and study["prompts"] == run.manifest["prompts"]
    for name, about in DICTIONARIES["prompt"].about.items():
        assert f"| {name} | {len(run.tables[name])} | {about} |" in card
    if to == "hf":
        header = card.split("---\n")[1]
        assert "- config_name: askings" in header and "- synthetic\n" in header and "dialogue" not in header


def test_a_corpus_of_dialogues_is_refused(run: Run, command: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a run of single prompts, but --to convokit makes a corpus of dialogues; take csv"):
        export_run(run, "convokit", tmp_path / "out")
    code, _, err = command("export", run.path, "--to", "convokit")
    assert code == 2 and "take csv, parquet, jsonl or hf" in err
    assert not (run.path / "export-convokit").exists() and not (tmp_path / "out").exists()


def test_the_command_says_what_it_wrote(run: Run, command: Any) -> None:
    code, out, _ = command("export", run.path, "--to", "csv")
    assert code == 0
    assert "askings                4 rows\ncandidates            12 rows\n" in out
    assert "is there already and is not overwritten" in command("export", run.path, "--to", "csv")[2]


@pytest.mark.parametrize("to", ["csv", "jsonl", "parquet", "hf"])
def test_runs_of_nothing_are_written_too(tmp_path: Path, to: Any) -> None:
    card = export_run(load_run(written(tmp_path / "none")), to, tmp_path / "out").path / "README.md"
    assert "The plan holds no asking." in card.read_text("utf-8")
    failed = [replied(asking("a"), failure=FAILED)]
    done = export_run(load_run(written(tmp_path / "failed", failed)), to, tmp_path / "out2")
    assert "| vs | openai:talker | 1 | 0 | 1 | 0 | 0 |" in (done.path / "README.md").read_text("utf-8")


@pytest.mark.long
def test_datasets_loads_every_table(run: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    out = export_run(run, "hf", tmp_path / "out").path
    for name, table in run.tables.items():
        found = datasets.load_dataset(str(out), name, cache_dir=str(tmp_path / "cache"))["train"]
        assert (found.num_rows, found.column_names) == (len(table), list(table.columns))
