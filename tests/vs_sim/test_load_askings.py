"""load_run of single prompts: askings, candidates, calls and prompts, in which missing is missing."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.prompt_runs import STUDY, asking, replied, written
from tests.runs import call
from tests.runs import spec as conversation
from tests.runs import written as written_dialogues
from vs_sim.columns import DICTIONARIES, dictionary, frame, rows_of
from vs_sim.errors import RunFolderError
from vs_sim.load import load_run
from vs_sim.records import Failure

TABLES = DICTIONARIES["prompt"].tables
FAILED = Failure(kind="ReplyError:no_candidates", message="nothing in it", step="t000", raw="?")


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """A half-finished run: one asking complete, one failed, one of another model complete, one not run."""
    done = [
        replied(asking("a"), "It is Paris.", "Rome", stated=["30%", 0.7]),
        replied(asking("b", replicate=1), failure=FAILED),
        replied(asking("c", model="openai:other", condition="direct", prompt="joke"), "Why?"),
    ]
    rows = [("a", call("t000.0", "{")), ("a", "t000"), ("a", call("t000.0")), ("b", call("t000.0", "no", None)), ("c", call("t000.0"))]
    return load_run(written(tmp_path / "run", done, [asking("d", replicate=2)], rows, models=["openai:talker", "openai:other"]))


def test_every_table_has_exactly_the_columns_of_the_dictionary(run: Any) -> None:
    written_down = dictionary("prompt")
    assert list(run.tables) == list(TABLES) == ["askings", "candidates", "calls", "prompts"]
    assert run.kind == "prompt"
    for name, columns in TABLES.items():
        table = run.tables[name]
        assert [(c.name, c.dtype) for c in columns] == [(n, str(t)) for n, t in table.dtypes.items()]
        section = written_down.split(f"## {name}\n")[1].split("\n## ")[0]
        assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == list(table.columns)
        assert DICTIONARIES["prompt"].about[name] in section
        for c in columns:
            assert c.meaning and (c.missing != "never" or table[c.name].notna().all()), (name, c.name)
    with pytest.raises(ValueError, match=r"a row of prompts differs from its dictionary in \[.*'mood'"):
        frame("prompts", [{"mood": "good"}], "prompt")


def test_what_was_not_run_or_failed_is_missing_and_never_zero(run: Any) -> None:
    rows = {row["asking"]: row for row in rows_of(run.askings)}
    assert [rows[i]["status"] for i in "abcd"] == ["complete", "failed", "complete", "not run"]
    a = rows["a"]
    assert (a["text"], a["drawn"], a["n_candidates"], a["entropy"], a["repairs"]) == ("It is Paris.", 0, 2, 1.0, "")
    assert (a["n_calls"], a["prompt_tokens"], a["seed"], a["seconds"]) == (2, 14, 2**63 - 1, 1.0)
    for key in ("text", "drawn", "n_candidates", "entropy", "repairs"):
        assert rows["b"][key] is None and rows["d"][key] is None, key
    assert (rows["b"]["failure_kind"], rows["b"]["failure_message"]) == ("ReplyError:no_candidates", "nothing in it")
    assert (rows["b"]["n_calls"], rows["b"]["prompt_tokens"], rows["b"]["completion_tokens"]) == (1, None, 2)
    for key in ("started", "seconds", "vs_sim", "prompt_tokens", "failure_kind"):
        assert rows["d"][key] is None, key
    assert rows["d"]["n_calls"] == 0


def test_the_conditions_stand_beside_the_askings(run: Any) -> None:
    rows = {row["asking"]: row for row in rows_of(run.askings)}
    keys = ("condition", "model", "prompt", "method", "k", "k_by_model", "select", "tau", "wording", "temperature", "top_p")
    assert [rows["a"][key] for key in keys[3:]] == ["vs_standard", 2, False, "weighted", 0.4, "explicit", 0.5, 1.0]
    assert [rows["c"][key] for key in keys] == ["direct", "openai:other", "joke", "direct", None, None, None, None, None, 0.9, 1.0]


def test_a_temperature_that_is_the_providers_own_is_missing(tmp_path: Path) -> None:
    run = load_run(written(tmp_path / "run", planned=[asking("a")], temperature="default"))
    assert run.askings.at[0, "temperature"] is pd.NA


def test_candidates_say_which_right_answer_they_give(run: Any) -> None:
    rows = list(rows_of(run.candidates))
    assert [(r["asking"], r["candidate"], r["text"], r["answer"], r["drawn"]) for r in rows] == [
        ("a", 0, "It is Paris.", "Paris", True),
        ("a", 1, "Rome", None, False),
        ("c", 0, "Why?", None, True),
    ]
    assert [(r["stated"], r["stated_number"], r["probability"]) for r in rows] == [("30%", 30.0, 0.5), ("0.7", 0.7, 0.5), (None, None, 1.0)]


def test_calls_that_were_given_up_are_told_apart(run: Any) -> None:
    found = [(r["asking"], r["step"], r["attempt"], r["given_up"], r["text"]) for r in rows_of(run.calls)]
    assert found[:3] == [("a", "t000.0", 0, True, "{"), ("a", "t000.0", 1, False, "raw"), ("b", "t000.0", 0, False, "no")]


def test_prompts_come_with_their_right_answers(run: Any) -> None:
    city, joke = rows_of(run.prompts)
    assert (city["text"], city["n_answers"]) == ("Name a city.", 2)
    assert json.loads(city["answers"])[0] == {"text": "Paris", "also": ["Lutetia"], "share": 0.75}
    assert (joke["n_answers"], joke["answers"], joke["source"]) == (0, None, None)


def test_tables_of_the_other_kind_are_refused_with_what_there_is(run: Any, tmp_path: Path) -> None:
    with pytest.raises(
        RunFolderError, match="is a run of single prompts, which has no table 'turns'; it has askings, candidates, calls, prompts"
    ):
        _ = run.turns
    dialogues = load_run(written_dialogues(tmp_path / "dialogues", planned=[conversation("x")]))
    with pytest.raises(RunFolderError, match="is a run of dialogues, which has no table 'askings'; it has conversations, turns"):
        _ = dialogues.askings
    assert dialogues.kind == "dialogue"


def test_damage_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = written(tmp_path / "run", planned=[asking("a")], prompts=[{"id": "city", "text": "Name one.", "answers": [3]}])
    with pytest.raises(RunFolderError, match=r"manifest\.json: a prompt is damaged: answers\.0"):
        load_run(path)
    assert len(load_run(written(tmp_path / "none")).askings) == 0
    assert len(STUDY["prompts"]) == 2
