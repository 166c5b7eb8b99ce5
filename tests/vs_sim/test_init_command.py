"""vs-sim init: what it writes runs, is the quickstart's study, and never takes the place of anything."""

import os
import re
from pathlib import Path

import pytest

from vs_sim.errors import InputError
from vs_sim.starter import FILES, write_starter
from vs_sim.store import RunFolder
from vs_sim.study import load_study

ROOT = Path(__file__).parent.parent.parent
STARTER = ROOT / "vs_sim" / "starter"


def test_what_is_written_plans_and_runs_by_the_commands_it_names(command, tmp_path, monkeypatch):
    code, out, _ = command("init", "my study")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "my study").iterdir()) == sorted(FILES)
    assert "next:\n  cd 'my study'\n  vs-sim run . --model scripted:donation " in out
    monkeypatch.chdir(tmp_path / "my study")
    (block,) = re.findall(r"```bash\n(.*?)```", Path("README.md").read_text("utf-8"), re.DOTALL)
    lines = [line.partition("#")[0].split()[1:] for line in block.splitlines()]
    assert " ".join(lines[1]) in out, "the next line that is printed is the README's"
    assert [line[0] for line in lines] == ["plan", "run", "show"]
    for line in lines:
        assert command(*line)[0] == 0, line
    assert sum(t.complete for t in RunFolder("runs/first").transcripts()) == 6


def test_the_starter_is_the_quickstart_with_the_people_of_the_checkout():
    assert load_study(STARTER) == load_study(ROOT / "experiments" / "quickstart")
    for name in ("persuaders.toml", "persuadees.toml"):
        assert (STARTER / name).read_bytes() == (ROOT / "personas" / name).read_bytes(), f"copy personas/{name} to vs_sim/starter"


def test_every_key_that_is_commented_out_may_be_put_in(tmp_path):
    write_starter(tmp_path / "mine")
    study = tmp_path / "mine" / "study.toml"
    text, n = re.subn(r"(?m)^# (?=\w+ = |\[)", "", study.read_text("utf-8"))
    assert n > 12
    study.write_text(text, "utf-8")
    changed = load_study(study)
    assert (changed.second_reader, changed.run.concurrency, changed.conditions[1].tau) == ("openai:gpt-4.1", 8, 0.1)
    assert changed.margins is not None
    assert changed.run.prices["openai:gpt-4.1"].output == 8.0


def test_an_empty_folder_is_filled_and_a_full_one_is_left_as_it_is(tmp_path):
    (tmp_path / "empty").mkdir()
    write_starter(tmp_path / "empty")
    assert (tmp_path / "empty" / "study.toml").is_file()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"full: is there already and is not overwritten; give another folder, or remove it$"):
        write_starter(tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "full"], "nothing stays behind"


@pytest.mark.parametrize(
    ("folder", "sentence"),
    [
        (".", r"^\.: is the folder that you are in, expected a new one"),
        ("file", r"^file: is there already and is not overwritten"),
        ("file/mine", r"^'file/mine': cannot be written: File exists; expected a folder that can be made; check the path"),
    ],
)
def test_where_no_folder_can_be_made(tmp_path, monkeypatch, folder, sentence):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("mine")
    with pytest.raises(InputError, match=sentence):
        write_starter(Path(folder))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_others_may_read_it_as_they_may_read_any_new_folder(tmp_path):
    write_starter(tmp_path / "mine")
    (tmp_path / "plain").mkdir()
    assert (tmp_path / "mine").stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert (tmp_path / "mine" / "study.toml").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
