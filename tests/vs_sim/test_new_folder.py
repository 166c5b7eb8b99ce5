"""A new folder is there whole or not at all, and takes the place of nothing."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from vs_sim.errors import InputError
from vs_sim.new_folder import new_folder


def write(out: Path, text: str = "whole") -> None:
    with new_folder(out) as new:
        (new / "file").write_text(text)


def test_it_is_not_there_before_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "above" / "out"
    with new_folder(out) as new:
        (new / "file").write_text("whole")
        assert not out.exists()
    assert (out / "file").read_text() == "whole" and [path.name for path in out.parent.iterdir()] == ["out"]


def test_an_error_leaves_nothing_and_is_the_writers_own(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "out") as new:
        (new / "file").write_text(str(1 / 0))
    assert list(tmp_path.iterdir()) == []


def test_what_another_makes_meanwhile_is_kept(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"out: is there already and is not overwritten"), new_folder(tmp_path / "out"):
        write(tmp_path / "out", "faster")
    assert (tmp_path / "out" / "file").read_text() == "faster" and len(list(tmp_path.iterdir())) == 1


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to("empty")
    with pytest.raises(InputError, match="is there already"):
        write(tmp_path / "link")


@pytest.mark.parametrize(("number", "hint"), [(errno.ENOSPC, "make room"), (errno.EACCES, "check the path")])
def test_what_to_do_is_said(tmp_path: Path, number: int, hint: str) -> None:
    with pytest.raises(InputError, match=f"cannot be written: {os.strerror(number)}; .*{hint}"), new_folder(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_in_nobodys_way(tmp_path: Path) -> None:
    code = """
import os, sys, pathlib, vs_sim.new_folder
with vs_sim.new_folder.new_folder(pathlib.Path(sys.argv[1])):
    os._exit(9)
"""
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", code, tmp_path / "out"], check=False, timeout=60).returncode == 9
    assert len(list(tmp_path.iterdir())) == 2
    write(tmp_path / "out")
    assert (tmp_path / "out" / "file").read_text() == "whole"
