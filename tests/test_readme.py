"""Everything in the README runs as it stands, in a copy of the parts of the checkout that it names."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endpoint import serving
from tests.human_data import Talk, write_csv

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[tuple[str, str]]:
    """(mark before the block or "", its text)."""
    found = re.findall(rf"(?:<!-- ([\w-]+) -->\n)?```{language}\n(.*?)```", README, re.DOTALL)
    assert found, f"the README has no {language} block"
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for folder in ("experiments", "personas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def run(command: list[str], folder: Path, typed: str = "", **environment: str) -> str:
    programs = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **environment}
    env.pop("OPENAI_API_KEY", None)
    done = subprocess.run(command, cwd=folder, env=env, input=typed, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


RECIPES = [text for mark, text in blocks("bash") if mark == ""]


def test_there_are_recipes() -> None:
    assert len(RECIPES) == 4


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [RECIPES[0], RECIPES[1], RECIPES[2] + RECIPES[3]], ids=["personas", "study", "made-up"])
def test_recipes_run(checkout: Path, recipe: str) -> None:
    run(["bash", "-euo", "pipefail", "-c", recipe], checkout)
    assert list((checkout / "runs").glob("*/comparison.png"))


@pytest.mark.slow
def test_sharing_runs(checkout: Path) -> None:
    (commands,) = [text for mark, text in blocks("bash") if mark == "share"]
    out = checkout / "runs" / "mine-donation"
    run(["vs-sim", "run", "experiments/quickstart", "--model", "scripted:donation", "--out", str(out)], checkout)
    run(["bash", "-euo", "pipefail", "-c", commands], checkout)
    for name in ("report.html", "export-csv/conversations.csv", "bundle/figures/comparison.pdf"):
        assert (out / name).is_file(), name


@pytest.mark.slow
def test_another_scenario_and_a_person_in_it(checkout: Path) -> None:
    (commands,) = [text for mark, text in blocks("bash") if mark == "scenario"]
    output = run(["bash", "-euo", "pipefail", "-c", commands], checkout, typed="Hello!\nHalf of it.\n50\n\n")
    assert output.count("Actual pledges, decided in private after the chat, in %") == 2
    assert "Humans: people who played the persuadee at a terminal, runs/played, n = 1" in output


@pytest.mark.slow
def test_recipes_with_the_human_dialogues_run_on_made_up_ones(checkout: Path) -> None:
    (commands,) = [text for mark, text in blocks("bash") if mark == "human"]
    fetch, _, others = commands.partition("\n")
    assert fetch.startswith("vs-sim human fetch ")
    said = ("Hello, would you give to children?", "I will give 50 cents.", "Thank you.", "You are welcome, bye.")
    acts = tuple((turn, text, "other", "") for turn, text in enumerate(said))
    talks = [
        Talk(f"20180901-12000{i}_{i}_live", (f"a{i}", f"b{i}"), said, (0.0, 0.5 * i), annotated=True, stated=0.5, acts=acts)
        for i in range(4)
    ]
    write_csv(checkout / "data", talks, annotated="annotated_dev_")
    output = run(["bash", "-euo", "pipefail", "-c", f"vs-sim human import data\n{others}"], checkout)
    assert "6 of 6 conversations are complete" in output
    for name in ("comparison-stated-with-human.png", "language.csv", "dynamics.png"):
        assert (checkout / "runs" / "three" / name).is_file()


@pytest.mark.slow
def test_python_runs(checkout: Path) -> None:
    (program,) = [text for mark, text in blocks("python") if mark == ""]
    assert "KS" in run([sys.executable, "-W", "error", "-c", program], checkout)
    assert (checkout / "runs" / "from-python" / "donations.pdf").is_file()


@pytest.mark.slow
def test_own_endpoint_recipe_runs(checkout: Path) -> None:
    (command,) = [text for mark, text in blocks("bash") if mark == "endpoint"]
    with serving() as endpoint:
        output = run(["bash", "-euo", "pipefail", "-c", command.replace("http://localhost:8000/v1", endpoint.url)], checkout)
    assert "6 of 6 conversations are complete" in output


@pytest.mark.slow
@pytest.mark.embedded
def test_single_prompt_runs_on_an_embedded_model(checkout: Path) -> None:
    (program,) = [text for mark, text in blocks("python") if mark == "embedded"]
    small = program.replace("k=5", 'k=5, model="embedded:smollm2-135m"')
    lines = run([sys.executable, "-W", "error", "-c", small], checkout).splitlines()
    assert "prob" in lines[0]
    assert lines[-1].strip()


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.timeout(240)
def test_main_command_runs_on_the_small_embedded_model(checkout: Path) -> None:
    (commands,) = [text for mark, text in blocks("bash") if mark == "main-command"]
    command = commands.strip().splitlines()[-1].removeprefix(".venv/bin/")
    study = checkout / "experiments" / "quickstart" / "study.toml"
    study.write_text(study.read_text().replace("n_persuadees = 3", "n_persuadees = 1").replace("rounds = 2", "rounds = 1"))
    # Such a small model fails at times; the same command then runs what is missing, as the README says.
    again = f"for i in 1 2 3; do {command} --model embedded:smollm2-135m && exit; done; exit 1"
    output = run(["bash", "-c", again], checkout)
    assert "2 of 2 conversations are complete" in output
    assert (checkout / "runs" / "quickstart-smollm2-135m" / "comparison.png").is_file()


def test_every_file_that_the_readme_names_exists() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        path = ROOT / target
        if not path.exists():  # the map names neighbours of a linked file by their bare name
            path = ROOT / "vs_sim" / target
        assert path.exists(), target


def test_the_map_names_every_module() -> None:
    modules = {p.name for p in (ROOT / "vs_sim").glob("*.py")} - {"__init__.py"}
    assert {m for m in modules if m not in README} == set()
