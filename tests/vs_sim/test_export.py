"""vs-sim export: files that other tools read, with a data card; nothing is lost, invented or overwritten."""

import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings

from tests import human_data
from tests.conftest import DIRECT, KEY, Command, StudyFolder
from tests.endpoint import Endpoint
from tests.odd_texts import LISTS
from tests.runs import DONATION, MODEL, call, scripted, spec, transcript, written
from vs_sim.columns import DICTIONARIES, dictionary, frame, rows_of, whole_characters
from vs_sim.errors import HumanDataError, InputError
from vs_sim.export.files import export_run
from vs_sim.human.importer import import_human
from vs_sim.load import Run, load_run
from vs_sim.records import Failure

FORMATS = ("parquet", "csv", "jsonl", "convokit", "hf")
CONVOKIT = ("utterances.jsonl", "conversations.json", "speakers.json", "corpus.json", "index.json")
TABLES = DICTIONARIES["dialogue"].tables


@pytest.fixture
def run(study_folder: StudyFolder, tmp_path: Path) -> Run:
    return load_run(scripted(study_folder, tmp_path / "run"))


@pytest.fixture
def humans(tmp_path: Path) -> Run:
    import_human(human_data.write_csv(tmp_path / "csv"), tmp_path / "ref")
    return load_run(tmp_path / "ref")


def cells(text: str) -> list[list[str | None]]:
    """CSV by RFC 4180 with \\n; nothing between commas is None, which Python's own reader does not tell from an empty text in quotes."""
    rows: list[list[str | None]] = [[]]
    i = 0
    while i < len(text):
        if text[i] == '"':
            end = i + 1
            while text[end : end + 2] == '""' or text[end] != '"':
                end += 2 if text[end] == '"' else 1
            rows[-1].append(text[i + 1 : end].replace('""', '"'))
            i = end + 1
        else:
            end = min(found for mark in ",\n" if (found := text.find(mark, i)) >= 0)
            rows[-1].append(text[i:end] or None)
            i = end
        if text[i] == "\n":
            rows.append([])
        i += 1
        if text[i - 1] == "," and text[i] == "\n":
            rows[-1].append(None)
            rows.append([])
            i += 1
    return rows[:-1]


def run_of_turns(path: Path, texts: list[str]) -> Run:
    """A run whose turns have these texts."""
    given = {"conversation": "a", "round": 1, "role": "persuadee", "step": "t000"}
    rows = [{c.name: None for c in TABLES["turns"]} | given | {"turn": i, "text": text} for i, text in enumerate(texts)]
    manifest = {"study": {"question": "What?", "persuadee_models": [MODEL], "scenario": DONATION}, "starts": []}
    tables = {name: frame(name, rows if name == "turns" else []) for name in TABLES}
    return Run(path, manifest, None, tables)


@pytest.mark.parametrize("to", FORMATS)
def test_each_format_comes_with_card_dictionary_and_study(run: Run, tmp_path: Path, to: Any) -> None:
    done = export_run(run, to, tmp_path / "out")
    assert (done.path, done.format) == (tmp_path / "out", to)
    text = (done.path / "README.md").read_text("utf-8")
    assert "made by language models that play people. No human took part" in text
    assert "| direct | scripted:donation | 4 | 4 | 0 | 0 | 4 |" in text
    assert "1 conversation for each condition, model and persona" in " ".join(text.split())
    assert "Not stated: the author of the run must say." in text
    assert "4 carry `human_cents`" in text and "Xuewei Wang" in text and "Apache-2.0" in text
    assert "public since 2019" in text and run.manifest["study"]["prompts_sha256"] in text
    assert (done.path / "DICTIONARY.md").read_text("utf-8") == dictionary()
    study = json.loads((done.path / "study.json").read_text("utf-8"))
    assert study["study"] == run.manifest["study"] and study["prompts"] == run.manifest["prompts"]
    assert [set(start) for start in study["starts"]] == [{"at", "n_planned", "versions", "git_commit"}]
    for name, n in done.n_rows.items():
        assert f"| {name} | {n} |" in text
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]


def test_tables_are_the_same_from_parquet_jsonl_and_csv(run: Run, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for to in ("parquet", "jsonl", "csv"):
        export_run(run, to, tmp_path / to)
    for name, table in run.tables.items():
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "parquet" / f"{name}.parquet"), table)
        lines = (tmp_path / "jsonl" / f"{name}.jsonl").read_text("utf-8").split("\n")
        assert [json.loads(line) for line in lines[:-1]] == list(rows_of(table))
        types = {c.name: c.dtype for c in TABLES[name]}
        again = pd.read_csv(tmp_path / "csv" / f"{name}.csv", dtype=types, keep_default_na=False, na_values=[""])
        expected = table.replace("", pd.NA) if len(table) else table  # pandas does not tell "" from nothing
        pd.testing.assert_frame_equal(again, expected, check_exact=True)


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(LISTS)
def test_hostile_text_comes_back_as_it_was(said: list[str]) -> None:
    expected = [whole_characters(text) for text in said]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        for to in ("csv", "jsonl", "parquet"):
            if to != "parquet" or find_spec("pyarrow"):
                export_run(run_of_turns(out, said), to, out / to)
        header, *rows = cells((out / "csv" / "turns.csv").read_bytes().decode())
        assert [row[header.index("text")] for row in rows] == expected
        assert {row[header.index("drawn")] for row in rows} == {None}
        lines = (out / "jsonl" / "turns.jsonl").read_bytes().decode().splitlines()
        assert [json.loads(line)["text"] for line in lines] == expected
        if find_spec("pyarrow"):
            assert pd.read_parquet(out / "parquet" / "turns.parquet")["text"].tolist() == expected


def test_text_of_a_megabyte_comes_back(tmp_path: Path) -> None:
    long = '"é,\n' * 250_000
    for to in ("csv", "jsonl"):
        export_run(run_of_turns(tmp_path, [long]), to, tmp_path / to)
    assert cells((tmp_path / "csv" / "turns.csv").read_bytes().decode())[1][5] == long
    assert pd.read_csv(tmp_path / "csv" / "turns.csv")["text"].tolist() == [long]
    assert json.loads((tmp_path / "jsonl" / "turns.jsonl").read_bytes())["text"] == long


def test_convokit_has_its_five_files_and_the_chain_of_replies(run: Run, tmp_path: Path) -> None:
    done = export_run(run, "convokit", tmp_path / "out")
    content = {name: (done.path / name).read_bytes().decode("ascii") for name in CONVOKIT}
    said = [json.loads(line) for line in content["utterances.jsonl"].splitlines()]
    talks, people, corpus, index = (json.loads(content[name]) for name in CONVOKIT[1:])
    assert [u["text"] for u in said] == run.turns["text"].tolist()
    ids = {u["id"] for u in said}
    assert len(ids) == len(said) == done.n_rows["utterances"]
    before = None
    for u in said:
        assert u["reply-to"] == (before["id"] if u["meta"]["turn"] else None)
        assert u["conversation_id"] in talks and u["conversation_id"] in ids and u["speaker"] in people
        assert people[u["speaker"]]["meta"]["role"] == u["meta"]["speaker_role"]
        if u["meta"]["speaker_role"] == "persuadee":
            (drawn,) = [c for c in u["meta"]["candidates"] if c["drawn"]]
            assert drawn["text"] == u["text"] and sum(c["probability"] for c in u["meta"]["candidates"]) == pytest.approx(1)
        before = u
    for row in rows_of(run.conversations):
        meta = talks[row["conversation"]]["meta"]
        assert (meta["decided"], meta["human_cents"], meta["condition"]) == (row["decided"], row["human_cents"], row["condition"])
        assert len(meta["decision_candidates"]) == (5 if row["condition"] == "vs" else 1)
    assert corpus["simulated"] is True and corpus["n_complete"] == 8
    assert index["conversations-index"]["decided"] == ["<class 'int'>"]
    assert index["utterances-index"].keys() == said[0]["meta"].keys()


def test_a_persona_in_both_roles_is_two_speakers(tmp_path: Path) -> None:
    both = [{"id": "ann", "text": "You are Ann."}]
    path = written(tmp_path / "run", [transcript(spec("a", persuader="ann"), "Hello", "Hm.")], persuaders=both)
    out = export_run(load_run(path), "convokit", tmp_path / "out").path
    assert list(json.loads((out / "speakers.json").read_text("utf-8"))) == ["ann (persuader)", "ann (persuadee)"]


def test_simulated_dialogues_are_not_imported_as_human_ones(run: Run, tmp_path: Path) -> None:
    export_run(run, "convokit", tmp_path / "out")
    with pytest.raises(HumanDataError, match="'dialogue_id' is missing"):
        import_human(tmp_path / "out", tmp_path / "ref")


def test_human_dialogues_come_back_from_convokit(humans: Run, tmp_path: Path) -> None:
    export_run(humans, "convokit", tmp_path / "out")
    import_human(tmp_path / "out", tmp_path / "again")
    again = load_run(tmp_path / "again")
    for name in ("text", "role", "turn"):
        assert again.turns[name].tolist() == humans.turns[name].tolist()
    assert again.conversations["decided"].tolist() == humans.conversations["decided"].tolist()
    assert again.personas["shown"].tolist() == humans.personas["shown"].tolist()
    assert again.personas["person"].tolist() == humans.personas["person"].tolist()


@pytest.mark.parametrize("to", ["csv", "convokit", "hf"])
def test_the_card_of_human_dialogues_says_so_with_licence_and_citation(humans: Run, tmp_path: Path, to: Any) -> None:
    text = (export_run(humans, to, tmp_path / "out").path / "README.md").read_text("utf-8")
    assert "# Human dialogues" in text and "dialogues between people: PersuasionForGood" in text
    assert "## Licence\n\nApache-2.0. Cite: Xuewei Wang" in text
    assert "imulated" not in text and "No human took part" not in text


def test_the_card_says_what_is_missing_and_why(tmp_path: Path) -> None:
    failure = Failure(kind="ReplyError:no_candidates", message="nothing in it", step="t001")
    failed = transcript(spec("b"), "Hello", amount=None, failure=failure)
    path = written(tmp_path / "run", [transcript(spec("a"), "Hello", "Hm."), failed], [spec("c")], question="a | b\n# c")
    text = (export_run(load_run(path), "csv", tmp_path / "out").path / "README.md").read_text("utf-8")
    assert "| vs | openai:talker | 3 | 1 | 1 | 1 | 1 |" in text and "Failed: 1 ReplyError:no_candidates." in text
    assert "\na \\| b \\# c\n" in text  # a text of the study makes no headings
    assert "None is matched to a human." in text and "Never started." in text


def test_the_card_says_that_a_person_played_a_role(tmp_path: Path) -> None:
    path = written(tmp_path / "run", [transcript(spec("a"), "Hello", "Hm.")], persuader_model="human:terminal")
    text = (export_run(load_run(path), "csv", tmp_path / "out").path / "README.md").read_text("utf-8")
    assert "People took part in these dialogues (human:terminal)" in text and "No human took part" not in text


@pytest.mark.parametrize(("n", "expected"), [(3, "served-0, served-1, served-2."), (780, "served-0, served-1, served-10 and 777 more.")])
def test_the_card_names_the_first_few_of_many_names(tmp_path: Path, n: int, expected: str) -> None:
    rows = [("a", call(f"t{i:03d}").model_copy(update={"model_returned": f"served-{i}"})) for i in range(n)]
    path = written(tmp_path / "run", [transcript(spec("a"), "Hello", "Hm.")], (), rows)
    text = (export_run(load_run(path), "csv", tmp_path / "out").path / "README.md").read_text("utf-8")
    assert f"Names that the providers returned: {expected}" in " ".join(text.split())


@pytest.mark.parametrize("to", FORMATS)
def test_runs_of_nothing_are_written_too(tmp_path: Path, to: Any) -> None:
    export_run(load_run(written(tmp_path / "none")), to, tmp_path / "out")
    failure = Failure(kind="EndpointError", message="gone", step="t000")
    failed = transcript(spec("a"), amount=None, failure=failure)
    done = export_run(load_run(written(tmp_path / "failed", [failed])), to, tmp_path / "out2")
    assert "| vs | openai:talker | 1 | 0 | 1 | 0 | 0 |" in (done.path / "README.md").read_text("utf-8")


def test_what_is_there_is_never_overwritten(run: Run, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    export_run(run, "csv", tmp_path / "out")
    before = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    for there in (tmp_path / "out", tmp_path / "out" / "README.md"):
        with pytest.raises(InputError, match="is there already and is not overwritten; give another folder, or remove it"):
            export_run(run, "csv", there)
    assert {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()} == before
    with pytest.raises(InputError, match=r"cannot be written: .*expected a folder that can be made; check the path"):
        export_run(run, "csv", tmp_path / "out" / "README.md" / "deeper")


def test_parquet_without_pyarrow_says_what_to_install(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)  # as where it is not installed
    for to in ("parquet", "hf"):
        with pytest.raises(InputError, match=r"needs the package pyarrow, which is not installed: run pip install 'vs-sim\[export\]'"):
            export_run(run, to, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_key_and_no_address_reaches_an_export(
    study_folder: StudyFolder, tmp_path: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SECRET", KEY)
    where = {"base_url": endpoint.url, "api_key_env": "MY_SECRET"}
    model = "openai:fake"
    scripted(study_folder, tmp_path / "run", persuader_model=model, persuadee_models=[model], conditions=[DIRECT], run=where)
    assert any(KEY in key for key in endpoint.keys)
    for to in FORMATS:
        files = [p for p in export_run(load_run(tmp_path / "run"), to, tmp_path / to).path.iterdir() if p.is_file()]
        assert len(files) >= 8
        for path in files:
            content = path.read_bytes()
            assert not any(secret in content for secret in (KEY.encode(), endpoint.url.encode(), b"MY_SECRET")), path


@pytest.mark.slow
def test_the_command_writes_into_the_run_folder_and_says_what(study_folder: StudyFolder, tmp_path: Path, vs_sim: Command) -> None:
    scripted(study_folder, tmp_path / "run")
    done = vs_sim("export", "run", "--to", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    assert "conversations          8 rows" in done.stdout and "folder: run/export-csv\nRead README.md there first" in done.stdout
    told = vs_sim("export", "run", "--to", "jsonl", "--out", "shared", "--json")
    assert json.loads(told.stdout) == {
        "path": "shared",
        "format": "jsonl",
        "n_rows": {name: len(table) for name, table in load_run(tmp_path / "run").tables.items()},
    }


@pytest.mark.long
def test_convokit_loads_the_corpus(run: Run, tmp_path: Path) -> None:
    convokit = pytest.importorskip("convokit")
    corpus = convokit.Corpus(filename=str(export_run(run, "convokit", tmp_path / "out").path))
    counts = (len(list(corpus.iter_speakers())), len(list(corpus.iter_utterances())), len(list(corpus.iter_conversations())))
    assert counts == (6, len(run.turns), 8)
    assert all(one.check_integrity(verbose=False) for one in corpus.iter_conversations())


@pytest.mark.long
def test_datasets_loads_every_table_of_the_right_run(run: Run, humans: Run, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    for i, one in enumerate((run, humans)):  # two folders of one name, which its cache would take for each other
        out = export_run(one, "hf", tmp_path / str(i) / "same-name").path
        for name in [name for name, table in one.tables.items() if len(table)]:
            found = datasets.load_dataset(str(out), name, cache_dir=str(tmp_path / "cache"))["train"]
            assert (found.num_rows, found.column_names) == (len(one.tables[name]), list(one.tables[name].columns))
        assert datasets.load_dataset(str(out), cache_dir=str(tmp_path / "cache"))["train"].num_rows == len(one.conversations)
