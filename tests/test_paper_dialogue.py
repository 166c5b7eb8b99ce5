"""The paper's study, cut down, against a scripted endpoint and on made-up people."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.endpoint import serving
from vs_sim.human.importer import import_human

HERE = Path(__file__).parent.parent / "experiments" / "paper_dialogue"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A copy of the study's folder, with four made-up pairs of people in place of the 200, and two of the nine models."""
    folder = tmp_path / "paper_dialogue"
    shutil.copytree(HERE, folder, ignore=shutil.ignore_patterns("people"))
    file = folder / "study.toml"
    two = 'persuadee_models = ["openai:gpt-4.1-mini", "openai:deepseek/deepseek-r1"]'
    file.write_text(re.sub(r"persuadee_models = \[.*?\]", two, file.read_text("utf-8"), flags=re.DOTALL), "utf-8")
    data = tmp_path / "data"
    data.mkdir()
    with (data / "full_info.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["B2", "B3", "B4", "B6", "B7", "age.x", "sex.x"])
        for i, dollars in enumerate((0, 0.5, 0, 2)):
            writer.writerows([[f"d{i}", f"asker{i}", 0, 1, 2, 30, "Male"], [f"d{i}", f"giver{i}", 1, dollars, 2, 40 + i, "Female"]])
    with (data / "full_dialog.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", "Unit", "Turn", "B4", "B2"])
        said = [("Hello, would you give something?", "Hi. Perhaps a little, my week was short."), ("Thank you!", "You are welcome, bye.")]
        rows = [(text, turn, role, f"d{i}") for i in range(4) for turn, pair in enumerate(said) for role, text in enumerate(pair)]
        writer.writerows([n, *row] for n, row in enumerate(rows))
    import_human(data, folder / "people")
    return folder


def replicate(study: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(study / "replicate.py"), "--out", str(study.parent / "run"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)


def test_one_command_runs_the_study_and_prints_both_tables(study: Path) -> None:
    with serving() as endpoint:
        done = replicate(study, "--base-url", endpoint.url, "-n", "2", "--rounds", "1", "--concurrency", "8")
    assert done.returncode == 0, done.stderr
    assert "24 of 24 conversations are complete" in done.stdout  # 2 models x 6 conditions x 2 pairs
    rows = [line.split() for line in done.stdout.splitlines()]
    published = [row for row in rows if row[:1] == ["direct"] and row[-1] == ".660"]  # GPT-4.1-mini, direct: .514 / .660
    assert len(published) == 1
    assert ".514" in published[0]
    assert ["mean", "over", "the", "models"] in rows
    assert any(row[:1] == ["vs_model_uniform"] and ".213" in row and ".636" in row for row in rows), "means of all nine rows"
    assert any(row[:4] == ["humans", "at", "that", "n"] for row in rows)
    assert "Table 22" in done.stdout
    assert "Semantic diversity is not measured" in done.stdout
    for name in ("table21.csv", "table22.csv", "figure.png", "figure.pdf"):
        assert (study.parent / "run" / name).stat().st_size > 500

    again = replicate(study, "--only-tables")
    assert again.returncode == 0, again.stderr
    assert again.stdout.partition("Table 21")[2] == done.stdout.partition("Table 21")[2], "printed from the records alone"


def test_without_people_it_says_what_to_do(study: Path) -> None:
    shutil.rmtree(study / "people")
    done = replicate(study)
    assert done.returncode == 2
    assert "people" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_published_figures_are_those_of_the_paper() -> None:
    with (HERE / "published.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ks = {c: [float(r["value"]) for r in rows if r["table"] == "21" and r["model"] and (r["condition"], r["metric"]) == (c, "ks")] for c in
          ("direct", "sequence", "vs_model_uniform", "vs_5_weighted")}  # fmt: skip
    # The paper prints the mean of its first seven rows.
    assert [round(sum(v[:7]) / 7, 3) for v in ks.values()] == [0.390, 0.287, 0.198, 0.246]
    assert {len(v) for v in ks.values()} == {9}
