"""The theory's script prints its three tables and draws, and its made-up ratings are what the README says."""

import subprocess
import sys
from pathlib import Path

import pytest

from vs_sim.preferences import load_preferences

HERE = Path(__file__).parent.parent / "experiments" / "typicality"


@pytest.mark.slow
def test_the_script_prints_the_tables_and_draws(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "theory.py"), "--times", "2", "--out", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    # gamma = 3: 20 answers of shares 1/rank, cubed; by the closed form and simulated.
    (row,) = [row for row in rows if row[:2] == ["0.20", "3.00"]]
    assert row[2] == "0.668"
    assert abs(float(row[2]) - float(row[4])) < 0.03
    # gamma = 20: all but the mode is gone, whose share among six is 1 / (1 + 1/2 + ... + 1/6) = .408 = exp(-.896).
    (row,) = [row for row in rows if row[:1] == ["20.00"]]
    assert row[1] == ".896"
    assert float(row[1]) > float(row[2]) > float(row[3])
    assert (tmp_path / "out" / "collapse.pdf").is_file()


def test_the_ratings_are_thirty_prompts_with_four_right_replies_each() -> None:
    held = load_preferences(HERE / "rated.jsonl")
    assert (len(held.pairs), held.n_rows, held.n_unequal, held.n_tied) == (180, 120, 0, 0)
    assert len({pair.prompt for pair in held.pairs}) == 30
