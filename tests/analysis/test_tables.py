from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.compare import compare
from analysis.grid import Grid, compare_all
from analysis.samples import Arm, human_cents
from analysis.tables import render, tidy, write_csv
from vs_sim.terminal import WIDTH

MakeArm = Callable[..., Arm]


@pytest.fixture
def grid(make_arm: MakeArm) -> Grid:
    many = np.random.default_rng(0).choice([0, 25, 50, 100, 200], size=60).tolist()
    arms = [
        make_arm(many, human_cents=many[::-1], missing={"EndpointError": 2}),
        make_arm([200] * 6, label="vs_human_probability (provider:a-model-with-a-very-long-name-2026-01-01)"),
        make_arm([], label="vs_cot", missing={"not run": 6}),
    ]
    return compare_all(arms, human_cents(), seed=0, n_resamples=100)


def test_table_fits_the_terminal(grid: Grid) -> None:
    assert max(len(line) for line in render(grid).splitlines()) <= WIDTH == 100


def test_columns_never_run_into_each_other(make_arm: MakeArm) -> None:
    arms = [make_arm([200] * 3 + [199], human_cents=[0, 0, 0, 0]), make_arm([0] * 3 + [1], label="vs", human_cents=[0, 0, 0, 0])]
    text = render(compare_all(arms, human_cents(), seed=0, n_resamples=100))
    rows = [line for line in text.splitlines() if "]" in line and "margins" not in line]
    assert len(rows) == 6
    for row in rows:
        assert "]" not in row.replace("] ", "").rstrip("]"), row


def test_humans_come_first_and_values_have_intervals(grid: Grid) -> None:
    lines = render(grid).splitlines()
    names = [line.split()[0] for line in lines[3:8] if line and not line.startswith(" ")]
    assert names == ["humans", "direct", "vs_human_probability", "vs_cot"]
    assert ".481 [" in lines[3]


def test_cleaning_missing_and_small_samples_are_said(grid: Grid) -> None:
    text = " ".join(render(grid).split())
    assert "Cleaning: drop, amounts above $2 are left out (35 of the humans')." in text
    assert "Missing, direct: 2 of 62 conversations (EndpointError 2)." in text
    assert "Missing, vs_cot: 6 of 6 conversations (not run 6)." in text
    assert "WARNING: fewer than 30 personas in vs_human_probability" in text
    assert "intervals and p mean little" in text


def test_no_warning_where_samples_are_large(make_arm: MakeArm) -> None:
    assert "WARNING" not in render(compare_all([make_arm([0, 100] * 30)], human_cents(), seed=0, n_resamples=50))


def test_nothing_computed_is_a_dash_not_a_zero(grid: Grid) -> None:
    row = next(line for line in render(grid).splitlines() if line.startswith("vs_cot"))
    assert row.split() == ["vs_cot", "0", "-", "-", "-", "-"]


def test_tidy_has_one_row_a_condition_and_metric(grid: Grid) -> None:
    frame = tidy(grid)
    assert not frame.duplicated(["arm", "versus", "metric"]).any()
    assert len(frame[frame["arm"] == "humans"]) == 4
    assert len(frame[frame["versus"] == "humans"]) == 3 * 9
    assert set(frame["versus"].dropna()) == {"humans", "direct"}
    frame = frame[frame["versus"] == "humans"]
    assert tidy(grid)["arm"].iloc[0] == "humans"
    ks = frame[(frame["arm"] == "direct") & (frame["metric"] == "ks")].iloc[0]
    metric = grid.comparisons[0].metric("ks")
    assert (ks["value"], ks["floor_q95"], ks["p"]) == (metric.value, metric.floor_q95, metric.p)
    assert (ks["n"], ks["n_missing"], ks["cleaning"]) == (60, 2, "drop")
    assert frame[frame["arm"] == "vs_cot"]["value"].isna().all()
    assert ks["p_holm"] == grid.tests[0].holm[0]


def test_csv_keeps_missing_apart_from_zero(grid: Grid, tmp_path: Path) -> None:
    write_csv(grid, tmp_path / "table.csv")
    read = pd.read_csv(tmp_path / "table.csv")
    own = read[(read["arm"].str.startswith("vs_human")) & (read["versus"] == "humans")].set_index("metric")
    assert own.loc["share_zero", "value"] == 0.0
    assert np.isnan(own.loc["mean", "low"])
    assert list(read["metric"]) == list(tidy(grid)["metric"])


def test_one_table_needs_one_reference(make_arm: MakeArm) -> None:
    mixed = [compare(make_arm([0, 1]), human_cents(rule), seed=0, n_resamples=10) for rule in ("drop", "cap")]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"are compared with different humans, cleaning or donations"):
        render(Grid(comparisons=tuple(mixed), tests=(), pairs=(), pair_tests=()))
    with pytest.raises(ValueError, match=r"there is no comparison to show, expected at least one"):
        tidy(compare_all([], human_cents(), seed=0))
