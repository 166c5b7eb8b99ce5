"""Run folders of prompts that were edited: one sentence with the place, from whatever reads them, and never a surprise later."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.prompt_runs import asking, replied, written
from tests.runs import MODEL, call
from vs_sim.prompt_records import Responses

Manifest = dict[str, Any]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    done = [replied(asking("a"), "It is Paris.", "Rome"), replied(asking("b", condition="direct"), "Lyon")]
    return written(tmp_path / "run", done, [asking("c", prompt="joke")], [("a", call("t000.0")), ("b", call("t000.0"))], measures=["words"])


def read_by_all(command: Callable[..., tuple[int, str, str]], run: Path) -> set[str]:
    """The sentences of everything that reads a run of prompts; each must end with exit code 2."""
    verbs: tuple[tuple[object, ...], ...] = (
        ("compare", run),
        ("report", run, "--out", run.parent / "r.html"),
        ("export", run, "--to", "csv", "--out", run.parent / "tables"),
        ("bundle", run, "--incomplete", "--out", run.parent / "bundle"),
        ("judge", run, "--model", "scripted:echo"),
    )
    said = [command(*verb) for verb in verbs]
    assert [code for code, _, _ in said] == [2] * len(verbs), said
    return {err.splitlines()[-1].removeprefix("vs-sim: ") for _, _, err in said}


@pytest.mark.parametrize(
    ("edit", "sentence"),
    [
        (lambda m: m["study"]["prompts"][0].update(id="zzz"), "conversations.0.prompt: 'city' is no prompt of the study"),
        (lambda m: m["study"]["prompts"][1].pop("text"), "study.prompts.1.text: field required"),
        (lambda m: m["study"]["conditions"][1].update(name="zzz"), "conversations.0.condition: 'vs' is no condition of the study"),
        (lambda m: m["study"].update(models=["openai:x"]), f"conversations.0.model: '{MODEL}' is no model of the study"),
        (lambda m: m.pop("prompts"), "prompts: field required"),
        (lambda m: m["conversations"][1].pop("model"), "conversations.1.model: field required"),
    ],
    ids=["prompt renamed", "prompt without text", "condition renamed", "other model", "no texts", "asking without model"],
)
def test_an_edited_manifest_is_one_sentence_whoever_reads_it(
    edit: Callable[[Manifest], object], sentence: str, run: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    path = run / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    edit(manifest)
    path.write_text(json.dumps(manifest), "utf-8")
    (said,) = read_by_all(command, run)
    assert said == f"{path}: {sentence}; the file was changed after it was written: put it back from a copy"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('"drawn":0', '"drawn":99', "is no transcript: drawn 99: expected 0 to 1, the index of a candidate"),
        ('"drawn":0', '"drawn":-1', "is no transcript: drawn -1: expected 0 to 1, the index of a candidate"),
        ('"drawn":0', '"drawn":null', "is no transcript: drawn None: expected 0 to 1, the index of a candidate"),
        ('"prompt":"city"', '"prompt":"joke"', "prompt of asking 'a' is 'joke', expected 'city' as in the plan of manifest.json"),
        ('"condition":"vs"', '"condition":"direct"', "condition of asking 'a' is 'direct', expected 'vs' as in the plan of manifest.json"),
        ('"probability":0.5', '"probability":7', "distribution.candidates.0.probability: input should be less than or equal to 1"),
    ],
)
def test_an_edited_asking_is_one_sentence_whoever_reads_it(
    old: str, new: str, sentence: str, run: Path, command: Callable[..., tuple[int, str, str]]
) -> None:
    (path,) = (run / "transcripts").glob("*.jsonl")
    text = path.read_text("utf-8")
    assert old in text.splitlines()[0]
    path.write_text(text.replace(old, new, 1), "utf-8")
    (said,) = read_by_all(command, run)
    assert said.startswith(f"{path}, line 1: ") and sentence in said
    assert said.endswith("; the file was changed after it was written: put it back from a copy")


def test_a_key_of_the_study_is_named(run: Path, command: Callable[..., tuple[int, str, str]]) -> None:
    path = run / "manifest.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["study"]["measures"] = ["coverage", "beauty"]
    path.write_text(json.dumps(manifest), "utf-8")
    code, _, err = command("compare", run)
    assert code == 2
    assert "manifest.json: the study is damaged: measures.1: input should be 'meaning', " in err


def test_what_is_drawn_is_a_candidate_or_nothing() -> None:
    done = replied(asking("a"), "x", "y")
    for drawn in (None, 2, -1):
        with pytest.raises(ValueError, match=re.escape(f"drawn {drawn!r}: expected 0 to 1, the index of a candidate")):
            Responses.model_validate({**done.model_dump(), "drawn": drawn})
    with pytest.raises(ValueError, match="drawn 0: expected None without candidates"):
        Responses.model_validate({**done.model_dump(), "distribution": None})
