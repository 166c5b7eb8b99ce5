"""The paper's study, cut down, against a scripted endpoint and on made-up people."""

import csv
import re
import shutil
import signal
import subprocess
import sys
import time
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


@pytest.mark.slow
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
    assert any(row[:5] == ["humans", "at", "n", "=", "2"] for row in rows)
    assert any(row[:2] == ["tuned", "Llama-3.1-8B"] and row[-2:] == [".119", ".608"] for row in rows)
    assert "\n2 of the 4 pairs, at most 1 rounds.\n" in done.stdout
    assert "no evidence" not in done.stdout
    assert "Table 22" in done.stdout
    assert "Semantic diversity is not measured" in done.stdout
    for name in ("table21.csv", "table22.csv", "figure.png", "figure.pdf"):
        assert (study.parent / "run" / name).stat().st_size > 500

    (study.parent / "run" / "table22.csv").unlink()
    (study.parent / "run" / "table22.csv").mkdir()
    again = replicate(study, "--only-tables")
    assert again.returncode == 2
    assert "table22.csv: cannot be written: Is a directory" in again.stderr.splitlines()[-1]
    (study.parent / "run" / "table22.csv").rmdir()
    again = replicate(study, "--only-tables")
    assert again.returncode == 0, again.stderr
    assert again.stdout.partition("Table 21")[2] == done.stdout.partition("Table 21")[2], "printed from the records alone"


@pytest.mark.slow
def test_without_people_it_says_what_to_do(study: Path) -> None:
    shutil.rmtree(study / "people")
    done = replicate(study)
    assert done.returncode == 2
    assert "people" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--rounds", "-1"], "argument --rounds: -1 is too small; expected 1 or more"),
        (["--base-url", "nonsense"], "replicate: --base-url: expected an address such as http://"),
    ],
)
def test_each_mistake_ends_with_a_sentence(study: Path, arguments: list[str], sentence: str) -> None:
    done = replicate(study, *arguments)
    assert done.returncode == 2
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not (study.parent / "run").exists()


@pytest.mark.slow
def test_a_folder_of_something_else_is_refused_before_anything_is_written(study: Path) -> None:
    shutil.rmtree(study / "people")
    data = study.parent / "data"
    import_human(data, study.parent / "run")
    done = replicate(study, "--p4g", str(data))
    assert done.returncode == 2
    assert "holds people, expected a run of this study or a new folder; give another --out" in done.stderr

    (study.parent / "run" / "reference.json").unlink()
    for arguments in (["--p4g", str(data)], ["--only-tables"]):
        done = replicate(study, *arguments)
        assert done.returncode == 2
        assert "holds a run of another study: question, seed, temperature, top_p, conditions differ; give another --out" in done.stderr
    assert not (study / "people").exists()


@pytest.mark.slow
def test_a_small_model_is_no_evidence_and_an_interruption_ends_with_a_sentence(study: Path) -> None:
    done = replicate(study, "-n", "1", "--rounds", "1", "--model", "scripted:donation")
    assert done.returncode == 0, done.stderr
    assert "1 of the 4 pairs, at most 1 rounds. Small or scripted model: shows the machinery, no evidence about the method." in done.stdout
    command = [sys.executable, str(study / "replicate.py"), "--out", str(study.parent / "other"), "--model", "openai:made-up"]
    with serving() as endpoint:
        endpoint.delay_s = 4
        running = subprocess.Popen([*command, "--base-url", endpoint.url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(600):
            if endpoint.bodies:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "replicate: interrupted; nothing that was answered is lost: give the same command again to go on" in err
    assert "Traceback" not in err


def test_published_figures_are_those_of_the_paper() -> None:
    with (HERE / "published.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    ks = {c: [float(r["value"]) for r in rows if r["table"] == "21" and r["model"] and (r["condition"], r["metric"]) == (c, "ks")] for c in
          ("direct", "sequence", "vs_model_uniform", "vs_5_weighted")}  # fmt: skip
    # The paper prints the mean of its first seven rows.
    assert [round(sum(v[:7]) / 7, 3) for v in ks.values()] == [0.390, 0.287, 0.198, 0.246]
    assert {len(v) for v in ks.values()} == {9}
