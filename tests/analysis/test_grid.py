import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from analysis.grid import compare_all
from analysis.multiplicity import adjusted
from analysis.samples import Arm, human_cents

MakeArm = Callable[..., Arm]


def test_adjusted_p_are_those_of_r() -> None:
    ps = [0.01, None, 0.04, 0.03, 0.005]  # R: p.adjust(c(.01, .04, .03, .005), "holm"), "BH"
    assert adjusted(ps, "holm") == [pytest.approx(0.03), None, pytest.approx(0.06), pytest.approx(0.06), pytest.approx(0.02)]
    assert adjusted(ps, "bh") == [pytest.approx(0.02), None, pytest.approx(0.04), pytest.approx(0.04), pytest.approx(0.02)]
    assert adjusted([None, None], "holm") == [None, None]
    assert adjusted([], "bh") == []


def test_every_condition_is_compared_with_the_humans_and_with_the_first_of_its_model(make_arm: MakeArm) -> None:
    rng = np.random.default_rng(0)
    cents = rng.choice([0, 50, 100], 40).tolist()
    arms = [
        replace(make_arm(cents, label=f"{name} ({model})"), condition=name, model=model)
        for model in "xy"
        for name in ("direct", "vs", "cot")
    ]
    grid = compare_all(arms, human_cents(), seed=0, margins={"ks": 0.2}, n_resamples=50)
    assert [c.arm for c in grid.comparisons] == [a.label for a in arms]
    assert [(p.first, p.second) for p in grid.pairs] == [
        ("direct (x)", "vs (x)"),
        ("direct (x)", "cot (x)"),
        ("direct (y)", "vs (y)"),
        ("direct (y)", "cot (y)"),
    ]
    ks = next(test for test in grid.tests if test.metric == "ks")
    assert ks.p == tuple(c.metric("ks").p for c in grid.comparisons)
    assert all(h >= p for h, p in zip(ks.holm, ks.p, strict=True) if h is not None and p is not None)
    assert json.loads(json.dumps(grid.to_dict(), allow_nan=False))["pairs"][0]["n_pairs"] == 40


def test_a_study_that_was_not_run_has_a_grid_of_gaps(make_arm: MakeArm) -> None:
    arms = [make_arm([], label=name, missing={"not run": 3}) for name in ("direct", "vs")]
    grid = compare_all(arms, human_cents(), seed=0, n_resamples=10)
    assert [c.n_missing for c in grid.comparisons] == [3, 3]
    assert grid.pairs[0].n_pairs == 0
    assert grid.pair_tests == ()
