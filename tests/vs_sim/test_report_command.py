"""vs-sim report: one file about runs, whatever state they are in."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import StudyFolder
from tests.report_runs import HOSTILE, Page, edit_manifest, failed, hostile, rewrite, scripted_run
from vs_sim import RunFolder
from vs_sim.cli import main


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, to be copied."""
    folder = tmp_path_factory.mktemp("study")
    study = StudyFolder(folder).write(question="Does <b>it</b>?", margins={"ks": 0.2})
    return scripted_run(study, folder / "done").path


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> RunFolder:
    return RunFolder(shutil.copytree(finished, tmp_path / "mine"))


@pytest.fixture(scope="module")
def whole(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The report of a finished run with hostile words in it."""
    folder = RunFolder(shutil.copytree(finished, tmp_path_factory.mktemp("whole") / "a <i>run&lt;"))
    rewrite(folder, hostile)
    assert main(["report", str(folder.path)]) == 0
    return Page((folder.path / "report.html").read_text("utf-8"))


def report(capsys: pytest.CaptureFixture[str], out: Path, *arguments: object, code: int = 0) -> tuple[Page, str]:
    """The page, and what was said about it."""
    assert main(["report", *map(str, arguments), "--out", str(out)]) == code
    said = capsys.readouterr()
    assert str(out) in said.out
    return Page(out.read_text("utf-8")), said.err


def test_everything_is_there_in_order(whole: Page) -> None:
    expected = [
        "Contents",
        "The study",
        "Does <b>it</b>?",
        "It does.",
        "scripted:donation",
        "Conditions: how each turn",
        "Comparison with people",
        "shows the machinery, no evidence about the method",
        "Distance from the humans",
        "Paired differences",
        "Equivalence with the humans",
        "Words per turn",
        "Course of the dialogues",
        "entropy, bits",
        "Failures and missing",
        "Where each reason was met first",
        "Transcripts",
    ]
    text = whole.words[whole.words.index("Contents The study") :]
    at = -1
    for words in expected:
        assert words in text[at + 1 :], words
        at = text.index(words, at + 1)
    figures = [a for tag, a in whole.elements if tag == "img"]
    assert len(figures) == 5 and all(str(a["src"]).startswith("data:image/svg+xml;base64,") and a["alt"] for a in figures)


def test_every_conversation_is_there(whole: Page) -> None:
    rows, part = whole.data("index")["rows"], whole.data("part-0")
    assert [row["id"] for row in rows] == [one["id"] for one in part] and len(rows) == 8
    assert {turn["text"] for one in part for turn in one["turns"]} >= set(HOSTILE[:3])
    assert [row["failure"] for row in rows].count("ReplyError:no_candidates") == 1


def test_words_of_models_and_files_make_no_element(whole: Page) -> None:
    assert "a <i>run&lt;" in whole.words
    assert not any(tag in ("b", "i", "svg", "iframe") for tag, _ in whole.elements)
    assert len([tag for tag, _ in whole.elements if tag == "script"]) == 3
    assert not any(name.startswith("on") for _, attributes in whole.elements for name in attributes)
    assert not any("://" in str(a.get(name)) for _, a in whole.elements for name in ("src", "href"))


@pytest.mark.slow
def test_an_unfinished_run_says_so_at_the_top_and_stands_beside_an_empty_one(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = Path(shutil.copytree(run.path, tmp_path / "empty"))
    shutil.rmtree(empty / "transcripts")
    rewrite(run, lambda all_: [failed(all_[0]), *all_[1:6]])
    found, _ = report(capsys, tmp_path / "r.html", run.path, empty)
    said = "This run is unfinished: 5 of 8 conversations are complete, 3 missing (not run 2, ReplyError:no_candidates 1)."
    assert found.words.index(f"mine. {said}") < found.words.index("empty. This run is empty") < found.words.index("Contents")
    assert "t001: the endpoint is gone" in found.words
    overview = found.words[found.words.index("Every condition of every run") :]
    assert overview.index("mine") < overview.index("direct") < overview.index("empty") < overview.index("nothing to compare")
    assert [one["name"] for one in found.data("index")["runs"]] == ["mine", "empty"]


def test_an_empty_run_says_so_at_the_top(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run.path / "transcripts")
    edit_manifest(run, lambda data: data["study"].update(prediction="half a character: \ud800"))
    found, _ = report(capsys, tmp_path / "r.html", run.path)
    assert "half a character: U+D800" in found.words
    assert found.words.index("This run is empty: 8 conversations are planned, none has been recorded.") < found.words.index("Contents")
    assert "Does <b>it</b>?" in found.words and "No conversation has been recorded." in found.words
    assert not any(tag == "img" for tag, _ in found.elements)


def test_a_run_that_failed_altogether_says_so_at_the_top(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rewrite(run, lambda all_: [failed(t) for t in all_])
    found, _ = report(capsys, tmp_path / "r.html", run.path)
    said = "No conversation of this run is complete: of 8 planned, ReplyError:no_candidates 8. There is nothing to compare."
    assert found.words.index(said) < found.words.index("Contents")
    assert len(found.data("index")["rows"]) == 8


def test_a_newer_format_is_refused_in_a_sentence(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit_manifest(run, lambda data: data.update(format=99))
    assert main(["report", str(run.path), "--out", str(tmp_path / "r.html")]) == 2
    assert "format 99" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_of_several_runs_the_others_are_reported(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run.path / "transcripts")
    newer = RunFolder(shutil.copytree(run.path, tmp_path / "newer"))
    edit_manifest(newer, lambda data: data.update(format=99))
    other = shutil.copytree(run.path, tmp_path / "elsewhere" / "mine")
    found, said = report(capsys, tmp_path / "r.html", run.path, newer.path, other, code=1)
    assert "left out" in said and "format 99" in said
    assert found.words.index("newer could not be read and is not in this report") < found.words.index("Contents")
    heads = [a["id"] for tag, a in found.elements if tag == "section" and str(a.get("id")).count("-") == 1]
    assert heads == ["run-1", "run-3"]
    assert str(run.path) in found.words and str(other) in found.words  # what tells runs of the same name apart


def test_a_place_that_cannot_be_written_is_said(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree(run.path / "transcripts")
    (tmp_path / "file").write_text("", "utf-8")
    assert main(["report", str(run.path), "--out", str(tmp_path / "file" / "r.html")]) == 2
    assert "cannot be written" in capsys.readouterr().err


def test_a_report_has_a_name(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.path), "--out", ""]) == 2
    assert "--out '.': is no name of a file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["manifest.json", "lock", "journal/00001.jsonl", "notes.html"])
def test_nothing_but_an_earlier_report_is_overwritten(
    run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (run.path / "notes.html").write_text("<!doctype html>\n<p>mine</p>", "utf-8")
    before = (run.path / name).read_bytes()
    assert main(["report", str(run.path), "--out", str(run.path / name)]) == 2
    assert (run.path / name).read_bytes() == before
    said = capsys.readouterr().err
    assert "is no earlier report" in said or "is where the records" in said


def test_a_report_is_not_put_among_the_records(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run.path), "--out", str(run.path / "transcripts" / "deep" / "r.html")]) == 2
    assert "is where the records of" in capsys.readouterr().err
    assert not (run.path / "transcripts" / "deep").exists()
