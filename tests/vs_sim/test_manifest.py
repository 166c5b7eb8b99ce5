"""What a run says of its own course: a plan that grew after the run had begun is told wherever the prediction is."""

import json
import re

import pytest

from tests.conftest import DIRECT
from tests.prompt_studies import VS
from vs_sim.store import RunFolder


@pytest.fixture
def told(command, tmp_path):
    """What report (its words, without elements) and bundle (its methods) say of a run."""

    def tell(run, name):
        assert command("report", run, "--out", tmp_path / f"{name}.html")[0] == 0
        assert command("bundle", run, "--out", tmp_path / name)[0] == 0
        page = " ".join(re.sub(r"<[^>]*>", " ", (tmp_path / f"{name}.html").read_text("utf-8")).split())
        return page, (tmp_path / name / "methods.md").read_text("utf-8")

    return tell


def sizes(run):
    return [start["n_planned"] for start in RunFolder(run).any_manifest()["starts"]]


@pytest.mark.slow
def test_a_plan_of_prompts_that_grew_is_told(prompt_study, command, told, tmp_path):
    run = tmp_path / "run"
    for _ in range(2):
        assert command("run", prompt_study.write(conditions=[VS], n_replies=2), "--out", run)[0] == 0
    before = told(run, "before")
    assert all("The plan grew" not in text for text in before), "it was started twice, and planned once"
    assert command("run", prompt_study.write(conditions=[VS, DIRECT], n_replies=6), "--out", run)[0] == 0
    assert sizes(run) == [2, 2, 18]
    page, methods = told(run, "after")
    assert "Predicted before the run: It does. The plan grew from 2 to 18 askings over 3 starts." in page
    assert "Plan The plan grew from 2 to 18 askings over 3 starts." in page, "in the design, too"
    assert "We planned 18 askings" in methods and "The plan grew from 2 to 18 askings over 3 starts." in methods


@pytest.mark.slow
def test_a_plan_of_dialogues_that_grew_is_told(study_folder, command, told, tmp_path):
    run = tmp_path / "run"
    assert command("run", study_folder.write(conditions=[DIRECT]), "--out", run)[0] == 0
    assert command("run", study_folder.write(conditions=[DIRECT], replicates=2), "--out", run)[0] == 0
    assert sizes(run) == [4, 8]
    said = "The plan grew from 4 to 8 conversations over 2 starts."
    page, methods = told(run, "after")
    assert page.count(said) == 2 and said in methods


@pytest.mark.slow
def test_a_run_that_recorded_no_sizes_claims_nothing(prompt_study, command, told, tmp_path):
    run = tmp_path / "run"
    for n in (2, 6):
        assert command("run", prompt_study.write(conditions=[VS], n_replies=n), "--out", run)[0] == 0
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    del manifest["starts"][0]["n_planned"]
    (run / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    assert all("The plan grew" not in text for text in told(run, "older"))
