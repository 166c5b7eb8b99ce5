"""Accuracy, calibration and refusals of a run: printed, written, and as JSON; and the studies that ship with them."""

import json
import re
from pathlib import Path

import pytest

from vs_sim.commands.measures import parts_of, prompt_study_of
from vs_sim.kinds import load_any, plan_any
from vs_sim.store import RunFolder

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
RULES = """
[[rule]]
when = '''colour.*candidates.*probability'''
replies = ['''I'm sorry, but I can't help with that.''']
[[rule]]
when = '''candidates.*probability'''
replies = ['''{"candidates": [{"reply": "Oslo", "probability": 0.6}, {"reply": "Bergen", "probability": 0.4}]}''']
[[rule]]
when = '''colour'''
replies = ['''{"reply": "Blue."}''']
[[rule]]
when = '''.'''
replies = ['''{"reply": "It is Oslo."}''', '''{"reply": "Bergen"}''']
"""
PROMPTS = """
[[prompt]]
id = "norway"
text = "What is the capital of Norway?"
answers = ["Oslo"]

[[prompt]]
id = "sky"
text = "Which colour has the sky?"
answers = ["blue"]
"""


@pytest.fixture
def ran(prompt_study, tmp_path, command):
    def run(*measures, n_replies=4):
        code, said, _ = command(
            "run", prompt_study.write(rules=RULES, entries=PROMPTS, n_replies=n_replies, measures=measures), "--out", tmp_path / "run"
        )
        assert code == 1, "the second prompt is refused under vs, and stays owed"
        return tmp_path / "run", said

    return run


def test_accuracy_and_calibration_are_printed_drawn_and_written(ran, command):
    run, said = ran("accuracy", n_replies=16)  # enough for both replies to come
    assert "Right answers, scripted:" in said and "Stated probabilities, scripted:" in said
    assert re.search(r"Missing,vs,scripted:\S+8of16askings\.", "".join(said.split()))  # a long path is broken over lines
    for name in ("accuracy.csv", "calibration.csv", "calibration.png"):
        assert name in said and (run / name).is_file()
    assert not (run / "refusals.csv").exists()
    found = json.loads(command("compare", run, "--json")[1])
    direct, vs = found["accuracy"]
    assert direct["top_1"]["by_prompt"]["sky"] == 1
    assert 0 < direct["top_1"]["by_prompt"]["norway"] < 1, "this script says both"
    assert vs["top_1"]["by_prompt"] == {"norway": 1.0}
    assert vs["top_1"]["difference"] == pytest.approx(1 - direct["top_1"]["by_prompt"]["norway"])
    (stated,) = found["calibration"]
    assert stated["ece"] == pytest.approx(0.4)
    assert stated["again"]["n_decisions"] == 8


def test_figures_and_tables_of_the_run_as_it_was_before_are_removed_and_nothing_else(ran, command):
    run, _ = ran("accuracy", "coverage", "words", "refusals")
    written = {path.name for path in run.iterdir() if path.suffix in (".png", ".csv")}
    assert "answers.csv" in written and "coverage.png" in written
    stale = {"coverage-1.png", "coverage-12.png", "plane.png", "quality_agreement.csv"}
    own = {"coverage-final.png", "coverage-1.pdf", "my-coverage.png", "coverage-01.png", "notes.csv"}
    for name in stale | own:
        (run / name).write_text("kept", "utf-8")
    _, said, _ = command("compare", run)
    names = {Path(path).name for path in said.partition("as it was before: ")[2].strip().split(", ")}
    assert names == stale
    assert {path.name for path in run.iterdir() if path.suffix in (".png", ".csv", ".pdf")} == written | own
    ran("refusals")
    assert {path.name for path in run.glob("*.png")} == own - {"coverage-1.pdf", "notes.csv"}, "what is no longer measured goes, too"
    assert {path.name for path in run.glob("*.csv")} == {"refusals.csv", "notes.csv"}


def test_every_figure_of_a_scripted_model_says_that_it_is_no_evidence(ran):
    folder = RunFolder(ran("accuracy", "coverage", "words")[0])
    figures = {name: one.draw() for part in parts_of(folder, prompt_study_of(folder)) for name, one in part.figures.items()}
    assert set(figures) >= {"coverage", "diversity", "calibration"}
    for name, figure in figures.items():
        assert any("Small or scripted model: shows the machinery" in text.get_text() for text in figure.texts), name


def test_refusals_in_place_of_candidates_count(ran, command):
    run, said = ran("refusals")
    assert "Refusals, scripted:" in said
    assert (run / "refusals.csv").read_text("utf-8").startswith("prompt,measure,condition,model")
    direct, vs = json.loads(command("compare", run, "--json")[1])["refusals"]
    assert direct["drawn"]["mean"] == 0
    assert (vs["n_planned"], vs["n_answered"], vs["n_withheld"]) == (4, 2, 2)
    assert vs["drawn"]["by_prompt"] == vs["every"]["by_prompt"] == {"norway": 0, "sky": 1}


def test_measures_may_be_changed_after_the_run(ran, command, tmp_path):
    run, _ = ran("refusals")
    n = len(list(RunFolder(run).journal_rows()))
    _, said = ran("refusals", "accuracy")
    assert "Right answers" in said and "Refusals" in said
    assert len(list(RunFolder(run).journal_rows())) > n, "only what failed is asked again"


@pytest.mark.parametrize(("name", "n_prompts", "n_askings"), [("accuracy", 30, 30 * (5 + 3)), ("refusals", 20, 20 * (5 + 2))])
def test_the_studies_that_ship_are_sound(name, n_prompts, n_askings):
    study = load_any(EXPERIMENTS / name)
    assert study.measures == (name,)
    assert len(study.prompts) == n_prompts
    assert len(plan_any(study)) == n_askings
    if name == "accuracy":
        assert {len(prompt.answers) for prompt in study.prompts} == {1}


@pytest.mark.slow
def test_a_run_is_read_once_however_many_measures_it_has(ran, command, monkeypatch):
    run, _ = ran("words", "coverage", "accuracy", "refusals")
    reads = []
    read = RunFolder.responses
    monkeypatch.setattr(RunFolder, "responses", lambda folder: reads.append(folder) or read(folder))
    assert command("compare", run)[0] == 0
    assert len(reads) == 1
