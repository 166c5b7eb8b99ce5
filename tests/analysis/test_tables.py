from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.compare import Comparison, compare
from analysis.samples import Arm, human_cents
from analysis.tables import WIDTH, render, tidy, write_csv

MakeArm = Callable[..., Arm]


@pytest.fixture
def comparisons(make_arm: MakeArm) -> list[Comparison]:
    many = np.random.default_rng(0).choice([0, 25, 50, 100, 200], size=60).tolist()
    arms = [
        make_arm(many, human_cents=many[::-1], missing={"EndpointError": 2}),
        make_arm([200] * 6, label="vs_human_probability (provider:a-model-with-a-very-long-name-2026-01-01)"),
        make_arm([], label="vs_cot", missing={"not run": 6}),
    ]
    return [compare(arm, human_cents(), seed=0, n_resamples=100) for arm in arms]


def test_table_fits_the_terminal(comparisons: list[Comparison]) -> None:
    assert max(len(line) for line in render(comparisons).splitlines()) <= WIDTH == 100


def test_columns_never_run_into_each_other(make_arm: MakeArm) -> None:
    worst = compare(make_arm([200] * 3 + [199], human_cents=[0, 0, 0, 0]), human_cents(), seed=0, n_resamples=100)
    row = next(line for line in render([worst]).splitlines() if line.startswith("direct") and "]" in line)
    assert "]" not in row.replace("] ", "").rstrip("]")


def test_humans_come_first_and_values_have_intervals(comparisons: list[Comparison]) -> None:
    lines = render(comparisons).splitlines()
    names = [line.split()[0] for line in lines[3:8] if line and not line.startswith(" ")]
    assert names == ["humans", "direct", "vs_human_probability", "vs_cot"]
    assert ".481 [" in lines[3]


def test_cleaning_missing_and_small_samples_are_said(comparisons: list[Comparison]) -> None:
    text = " ".join(render(comparisons).split())
    assert "Cleaning: drop, amounts above $2 dropped (35 of the humans')." in text
    assert "Missing, direct: 2 of 62 conversations (EndpointError 2)." in text
    assert "Missing, vs_cot: 6 of 6 conversations (not run 6)." in text
    assert "WARNING: fewer than 30 personas in vs_human_probability" in text
    assert "intervals and p mean little" in text


def test_no_warning_where_samples_are_large(comparisons: list[Comparison]) -> None:
    assert "WARNING" not in render(comparisons[:1])


def test_nothing_computed_is_a_dash_not_a_zero(comparisons: list[Comparison]) -> None:
    row = next(line for line in render(comparisons).splitlines() if line.startswith("vs_cot"))
    assert row.split() == ["vs_cot", "0", "-", "-", "-"]


def test_tidy_has_one_row_a_condition_and_metric(comparisons: list[Comparison]) -> None:
    frame = tidy(comparisons)
    assert not frame.duplicated(["arm", "metric"]).any()
    assert len(frame) == 3 + 3 * 7
    assert frame["arm"].iloc[0] == "humans"
    ks = frame[(frame["arm"] == "direct") & (frame["metric"] == "ks")].iloc[0]
    metric = comparisons[0].metric("ks")
    assert (ks["value"], ks["floor_q95"], ks["p"]) == (metric.value, metric.floor_q95, comparisons[0].ks_p)
    assert (ks["n"], ks["n_missing"], ks["cleaning"]) == (60, 2, "drop")
    assert frame[frame["arm"] == "vs_cot"]["value"].isna().all()


def test_csv_keeps_missing_apart_from_zero(comparisons: list[Comparison], tmp_path: Path) -> None:
    write_csv(comparisons, tmp_path / "table.csv")
    read = pd.read_csv(tmp_path / "table.csv")
    row = read[(read["arm"].str.startswith("vs_human")) & (read["metric"] == "share_zero")].iloc[0]
    assert row["value"] == 0.0
    assert np.isnan(row["low"])
    assert list(read["metric"]) == list(tidy(comparisons)["metric"])


def test_one_table_needs_one_reference(make_arm: MakeArm) -> None:
    mixed = [compare(make_arm([0, 1]), human_cents(rule), seed=0, n_resamples=10) for rule in ("drop", "cap")]  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"are compared with different humans, cleaning or donations"):
        render(mixed)
    with pytest.raises(ValueError, match=r"there is no comparison to show, expected at least one"):
        tidy([])
