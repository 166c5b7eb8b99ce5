"""vs-sim probabilities, reask and reselect, as they are typed."""

import asyncio
import json

import pytest

from tests.conftest import DIRECT, VS
from tests.endpoint import HTML
from vs_sim.run import run_study
from vs_sim.store import RunFolder
from vs_sim.study import load_study


def run_into(path, study_folder, **keys):
    """A small run, without the comparison that the verb run prints."""
    asyncio.run(run_study(load_study(study_folder.write(**keys)), RunFolder(path)))
    return path


@pytest.fixture
def run(study_folder, tmp_path):
    """A small scripted run with a direct arm, a weighted one and a uniform one."""
    uniform = {**VS, "name": "vs uniform", "select": "uniform"}
    return run_into(tmp_path / "run", study_folder, conditions=[DIRECT, VS, uniform])


@pytest.mark.slow
def test_from_distributions_to_the_reliability_diagram(command, run):
    code, out, _ = command("probabilities", run)
    assert code == 0
    assert "Candidates of the private decision" in out
    assert "have no distribution: direct." in out
    assert f"not held against frequencies yet: vs-sim reask {run}" in out
    assert (run / "probabilities.png").stat().st_size > 0
    assert (run / "probabilities.pdf").stat().st_size > 0

    code, out, err = command("reask", run, "-n", 2, "--times", 3)
    assert code == 0
    assert f"12 answers to 4 decisions are in {run / 'reask'}, 12 of them new" in out
    assert "vs: 2 decisions, 6 answers" in out
    assert "the endpoint gives no log-probabilities" in out
    assert err.count("answer 3: ") == 4
    assert "12 answers to 4 decisions are in" in command("reask", run, "-n", 2, "--times", 3)[1]
    assert json.loads(command("reask", run, "-n", 2, "--times", 3, "--json")[1])["n_asked"] == 0

    code, out, _ = command("probabilities", run)
    assert (code, "Stated probabilities of the private decision against the answers" in out) == (0, True)
    found = json.loads(command("probabilities", run, "--json")[1])
    assert [(d["arm"], d["part"], d["n"]) for d in found["distributions"]] == [
        ("vs", "turns", 8),
        ("vs", "decision", 4),
        ("vs uniform", "turns", 8),
        ("vs uniform", "decision", 4),
    ]
    assert [c["n_answers"] for c in found["calibration"]] == [6, 6]
    assert found["left_out"] == ["direct"]


def test_another_rule_of_drawing(command, run):
    code, out, _ = command("reselect", run, "--select", "uniform")
    assert code == 0
    assert "vs: drawn weighted, asked for uniform; n = 4, 4 personas" in out
    assert "not at all" in out
    found = json.loads(command("reselect", run, "--select", "weighted", "--cleaning", "cap", "--json")[1])
    weighted, uniform = found["reselections"]
    assert (weighted["recorded"], uniform["recorded"], weighted["n_human"]) == ("weighted", "uniform", 1017)
    assert weighted["estimates"][1]["mean"] == weighted["estimates"][2]["mean"]
    assert uniform["estimates"][1]["mean"] != uniform["estimates"][2]["mean"]


def test_a_run_without_candidates_has_neither_table_nor_figure(command, study_folder, tmp_path):
    run_into(tmp_path / "run", study_folder, conditions=[DIRECT])
    code, out, _ = command("probabilities", tmp_path / "run")
    assert (code, out.startswith("No condition of this run has candidates")) == (0, True)
    assert not (tmp_path / "run" / "probabilities.png").exists()
    assert command("reselect", tmp_path / "run", "--select", "uniform")[0] == 0


def test_missing_answers_end_with_1_and_a_dead_endpoint_with_3(command, study_folder, tmp_path, endpoint):
    models = {"persuader_model": "openai:made-up", "persuadee_models": ["openai:made-up"]}
    options = {"base_url": endpoint.url, "max_tries": 1, "concurrency": 1}
    run_into(tmp_path / "run", study_folder, conditions=[VS], run=options, **models)
    before = len(endpoint.bodies)
    endpoint.fault = lambda n, body: HTML if n == before else None
    code, _, err = command("reask", tmp_path / "run", "-n", 1, "--times", 3)
    assert (code, err.splitlines()[-1]) == (1, "vs-sim: 1 answers are missing; give the same command again to ask for them")
    endpoint.fault = lambda n, body: HTML
    code, _, err = command("reask", tmp_path / "run", "--times", 3)
    assert code == 3
    assert "stopped: 3 requests in a row failed at the endpoint; the last: openai:made-up at" in err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["probabilities", "nowhere"], "vs-sim: nowhere is no run folder"),
        (["reask", "nowhere"], "vs-sim: nowhere is no run folder"),
        (["reselect", "nowhere", "--select", "uniform"], "vs-sim: nowhere is no run folder"),
        (["reselect", "nowhere"], "usage: vs-sim reselect"),
        (["reask", "nowhere", "--times", "0"], "usage: vs-sim reask"),
        (["reask", "RUN", "--model", "openai:gpt-4.1"], "vs-sim: model 'openai:gpt-4.1' made no decision of"),
        (["reask", "RUN", "--base-url", "localhost"], "vs-sim: --base-url: expected an address"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_each_mistake_ends_with_a_sentence(command, request, arguments, sentence):
    code, out, err = command(*(request.getfixturevalue("run") if a == "RUN" else a for a in arguments))
    assert (code, out) == (2, "")
    assert err.startswith(sentence)


def test_a_folder_of_people_is_refused(command, run):
    (run / "reference.json").write_text("{}", "utf-8")
    code, _, err = command("probabilities", run)
    assert (code, err.strip()) == (2, f"vs-sim: {run} holds people, who state no probabilities; expected the folder of a run")
