"""Every part of the table of benchmarks runs, at the smallest size, and its rows say what they are. What they measure is not looked at."""

import math
import mmap
import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest

from tests.benchmarks import calibration, calibration_prompts
from tests.benchmarks.__main__ import PARTS, line, part
from tests.benchmarks.row import Row, measured
from tests.load_endpoint import ROOT

TINY = 0.002


FAST = ("disk", "plan", "study")


@pytest.mark.slow
@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in FAST else pytest.mark.long) for n in PARTS])
def test_a_part_gives_rows(name: str) -> None:
    rows = list(part(name)(TINY))
    assert rows
    assert all(math.isfinite(row.value) and row.value > 0 and row.unit for row in rows)
    assert len({row.what for row in rows}) == len(rows)


@pytest.mark.slow
def test_the_command_prints_the_parts_that_were_chosen() -> None:
    command = [sys.executable, "-m", "tests.benchmarks", "--size", "0.001", "plan"]
    table = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert " cores, " in table[0]
    assert table[3] == "plan"
    assert [row.split(" conversations")[0] for row in table[4:]] == ["  plan of 100"] * 2


def test_a_line_says_whether_the_target_is_met() -> None:
    assert line(Row("calls", 0.95, "of ideal", at_least=0.9)).split() == ["calls", "0.95", "of", "ideal", ">=", "0.9", "yes"]
    assert line(Row("call", 1.75, "ms", at_most=1.5, beside="3 x")).split() == ["call", "1.75", "ms", "<=", "1.5", "NO", "3", "x"]
    assert line(Row("file", 1234.5, "bytes")).split() == ["file", "1,234", "bytes"]


def test_the_peak_of_memory_is_that_of_the_stretch() -> None:
    with measured() as large, mmap.mmap(-1, 80 * 2**20) as pages:  # new pages, whatever free memory earlier tests have left to the process
        pages[:: mmap.PAGESIZE] = bytes(len(pages) // mmap.PAGESIZE)
    with measured() as small:
        pass
    assert large.peak_mb - small.peak_mb > 40


@pytest.mark.slow
@pytest.mark.parametrize("table", [calibration, calibration_prompts], ids=["dialogues", "prompts"])
def test_every_promise_that_is_measured_is_a_row(table: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    for print_rows, _ in table.PARTS.values():
        print_rows(np.random.default_rng(1), 3)
        for row in capsys.readouterr().out.splitlines():
            assert re.search(r"\S {2,}(at most )?\d+ % {2,}([ \d.]+% \(se [\d.]+, [1-3] runs\)(, none in \d+%)?|no interval)$", row), row
