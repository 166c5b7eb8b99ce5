"""Exports of what people played: they are told from simulated ones, whichever role people had."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.runs import MODEL, spec, transcript, written
from vs_sim.export.files import export_run
from vs_sim.load import load_run

PERSON = "human:terminal"


def played(path: Path, **models: Any) -> Path:
    return written(path, [transcript(spec("a"), "Hello", "Hm.")], **models)


@pytest.mark.parametrize(
    ("models", "people", "limit"),
    [
        ({"persuadee_models": [PERSON]}, "persuadees", "The persuadees are people"),
        ({"persuader_model": PERSON}, "persuaders", "The persuaders are people"),
        ({"persuadee_models": [MODEL]}, "neither", "Simulated people are no evidence"),
    ],
)
def test_whether_people_spoke_is_said_everywhere(tmp_path: Path, models: dict[str, Any], people: str, limit: str) -> None:
    run = load_run(played(tmp_path / "run", **models))
    corpus = json.loads((export_run(run, "convokit", tmp_path / "corpus").path / "corpus.json").read_text("utf-8"))
    assert (corpus["simulated"], corpus["people"]) == (people == "neither", people)
    text = (export_run(run, "hf", tmp_path / "hf").path / "README.md").read_text("utf-8")
    simulated = people == "neither"
    assert ("- synthetic" in text) is ("- simulated-participants" in text) is ("# Simulated dialogues" in text) is simulated
    assert ("# Dialogues between people and language models" in text) is ("- human-ai" in text) is not simulated
    assert limit in " ".join(text.split()) and ("Simulated people are no evidence" in text) is simulated


@pytest.mark.parametrize("question", ["Do people give \U0001f600?", 'Tab\t, "quotes", \\, bell \x07, \u202e back', "next\x85line"])
def test_the_header_says_the_question_to_a_reader_of_yaml(tmp_path: Path, question: str) -> None:
    yaml = pytest.importorskip("yaml")
    run = load_run(played(tmp_path / "run", question=question))
    header = (export_run(run, "hf", tmp_path / "hf").path / "README.md").read_text("utf-8").split("---\n")[1]
    assert yaml.safe_load(header)["pretty_name"] == " ".join(question.split())


def test_what_others_wrote_is_neither_link_nor_element_nor_edge_of_a_table(tmp_path: Path) -> None:
    said = "<script>alert(1)</script> [x](javascript:alert(2)) \u202eback bell \x07 end"
    conditions = [{"name": "a\\|b", "method": "vs_standard", "k": 2, "select": "weighted"}]
    path = written(
        tmp_path / "run", [transcript(spec("a", condition="a\\|b"), "Hello", "Hm.")], question=said, prediction=said, conditions=conditions
    )
    text = (export_run(load_run(path), "jsonl", tmp_path / "out").path / "README.md").read_text("utf-8")
    assert text.count("\\<script\\>alert(1)\\</script\\> \\[x\\](javascript:alert(2)) ") == 2
    assert "\u202e" not in text and "\x07" not in text and "back bell" in " ".join(text.split())
    assert "| a\\\\\\|b |" in text
