"""vs-sim personas: what is written, what is never overwritten, and what reaches a terminal."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from vs_sim.cli import main


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A persona file of thirty."""
    file = tmp_path / "people.jsonl"
    file.write_text("".join(json.dumps({"id": f"a{i}", "age": 30 + i // 10}) + "\n" for i in range(30)), "utf-8")
    return file


def test_a_persona_file_is_not_overwritten_by_its_own_counts(people, capsys):
    before = people.read_bytes()
    assert main(["personas", "aggregate", str(people), "--out", str(people)]) == 2
    assert (
        capsys.readouterr().err
        == f"vs-sim: {people}: is there already and is not overwritten; give another name with --out, or remove it\n"
    )
    assert people.read_bytes() == before


def test_it_is_said_how_many_were_made_and_where_they_are(tmp_path, capsys):
    assert main(["personas", "synthesize", "-n", "2", "--out", str(tmp_path / "new.jsonl")]) == 0
    assert capsys.readouterr().out == f"2 personas: {tmp_path / 'new.jsonl'}\n"


def test_a_file_that_is_there_is_not_overwritten_by_made_up_people(people, capsys):
    before = people.read_bytes()
    assert main(["personas", "synthesize", "-n", "2", "--out", str(people)]) == 2
    assert "is there already and is not overwritten; give another name with --out, or remove it" in capsys.readouterr().err
    assert people.read_bytes() == before


def test_what_is_written_is_whole_and_like_any_other_new_file(people, tmp_path):
    assert main(["personas", "aggregate", str(people), "--out", str(tmp_path / "counts.json")]) == 0
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "counts.json").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert sorted(p.name for p in tmp_path.iterdir()) == ["counts.json", "people.jsonl", "plain"]


@pytest.mark.slow
def test_a_file_that_cannot_be_finished_is_not_left_behind(people, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "vs_sim.cli", "personas", "synthesize", "-n", "50", "--out", str(tmp_path / "crowd.jsonl")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "crowd.jsonl: cannot be written (File too large); make room, or give another place with --out" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["people.jsonl"]


def test_words_that_are_no_unicode_are_refused_in_a_sentence(people, tmp_path, capsys):
    out = tmp_path / "counts.json"
    assert main(["personas", "aggregate", str(people), "--out", str(out), "--source", "my \udcff"]) == 2
    assert capsys.readouterr().err == "vs-sim: --source 'my \\udcff': holds bytes that are no UTF-8, expected text; give it in UTF-8\n"
    assert not out.exists()


def test_what_is_shown_cannot_steer_a_terminal(tmp_path, capsys):
    file = tmp_path / "odd.jsonl"
    text = "You are calm.\u202e\nYou \x1b[31mlive\x1b[0m by the sea."
    file.write_text(json.dumps({"id": "a1", "text": text, "facts": {"pet": "a \u202ecat\x07"}}) + "\n", "utf-8")
    assert main(["personas", "show", str(file)]) == 0
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.split("\n"))
    assert "You are calm." in shown.split("\n")[1]
    assert "live" in shown.split("\n")[2], "line breaks are kept"
    assert "cat" in shown
