"""What the tests of people at a terminal share."""

import io
import sys

import pytest


@pytest.fixture
def sit(command, monkeypatch):
    """vs-sim play with typed lines: exit code, what stood on the screen, and on standard error."""

    def sit(study, lines, role="persuadee", *options):
        typed = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
        code, out, err = command("play", study, "--as", role, "--out", "played", *options)
        return code, " ".join(out.split()), err  # where lines are broken depends on the terminal

    return sit
