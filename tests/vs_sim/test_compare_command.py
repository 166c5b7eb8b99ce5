"""vs-sim compare with humans that a researcher has imported."""

import json
from pathlib import Path

import pytest

from tests.human_data import Talk, write_csv
from vs_sim.cli import main
from vs_sim.human.importer import import_human, sample_human
from vs_sim.human.reference import load_human

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    turns = ("Hello, would you give?", "I will give 50 cents.", "Thanks.", "Bye.")
    talks = [Talk(f"20180901-12000{i}_{i}_live", (f"a{i}", f"b{i // 2}"), turns, (0.0, 0.25 * i)) for i in range(8)]
    import_human(write_csv(tmp_path / "data", talks), tmp_path / "human")
    return tmp_path / "human"


def compare(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert main(["compare", *map(str, arguments), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["comparisons"][0]
    assert isinstance(found, dict)
    return found


def test_humans_in_the_place_of_a_simulation_are_grouped_by_person(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(capsys, reference, "--human", reference)
    assert (found["n"], found["n_personas"], found["n_human"], found["n_human_people"]) == (8, 4, 8, 4)
    assert next(m for m in found["metrics"] if m["name"] == "ks")["value"] == 0


def test_those_who_are_compared_are_left_out_of_the_humans(reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample_human(load_human(reference), tmp_path / "three", n=3, seed=0)
    found = compare(capsys, tmp_path / "three", "--human", reference)
    assert (found["n"], found["n_human"]) == (3, 5)
    assert "without the 3 dialogues that are compared with it" in str(found["human_source"])


def test_stated_donations_are_read_on_both_sides(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = compare(capsys, reference, "--human", reference, "--outcome", "stated")
    assert (found["which"], found["human_which"]) == ("stated", "stated")
    mean = next(m for m in found["metrics"] if m["name"] == "mean")
    assert (mean["value"], mean["human"]) == (50, 50)


def test_a_folder_that_is_no_reference_is_refused(reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["compare", str(reference), "--human", str(tmp_path / "empty")]) == 2
    assert "is no reference of human dialogues" in capsys.readouterr().err


def test_a_study_is_never_run_into_a_reference(reference: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(path.relative_to(reference) for path in reference.rglob("*"))
    assert main(["run", str(ROOT / "experiments" / "quickstart"), "--model", "scripted:donation", "--out", str(reference)]) == 2
    assert "holds a run of another study" in capsys.readouterr().err
    assert sorted(path.relative_to(reference) for path in reference.rglob("*")) == before
