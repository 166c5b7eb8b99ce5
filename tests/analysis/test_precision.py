import numpy as np
import pytest
from scipy import stats

from analysis.precision import expected_precision, personas_for_margin, personas_for_width
from analysis.samples import human_cents, human_sample


def test_expected_widths_are_those_of_real_samples_of_humans() -> None:
    human = human_cents()
    expected = expected_precision(human, 200, seed=0)
    samples = np.random.default_rng(0).choice(human.cents, (4000, 200))
    assert expected.half_widths["mean"] == pytest.approx(1.96 * samples.mean(axis=1).std(), rel=0.04)
    assert expected.half_widths["share_zero"] == pytest.approx(1.96 * (samples == 0).mean(axis=1).std(), rel=0.04)
    positive = [sample[sample > 0].mean() for sample in samples]
    assert expected.half_widths["mean_positive"] == pytest.approx(1.96 * np.std(positive), rel=0.05)
    assert expected.ks_floor_mean == pytest.approx(0.052, abs=0.004)
    assert expected.ks_floor_mean < expected.ks_floor_q95


@pytest.mark.parametrize(("metric", "width"), [("share_zero", 0.05), ("mean", 7.0), ("mean_positive", 10.0), ("ks", 0.08)])
def test_the_number_of_personas_is_the_smallest_that_reaches_the_width(metric, width) -> None:
    human = human_cents()
    n = personas_for_width(human, metric, width)
    assert expected_precision(human, n, seed=0).half_widths[metric] <= width
    assert expected_precision(human, n - 1, seed=0).half_widths[metric] > width


def test_a_width_that_the_humans_do_not_allow_has_no_number() -> None:
    assert personas_for_width(human_cents(), "ks", 0.02) is None
    assert personas_for_margin(human_cents(), "mean", 3) is None


@pytest.mark.slow
def test_power_at_the_planned_number_is_the_stated_one() -> None:
    human = human_cents()
    margin = 10.0
    n = personas_for_margin(human, "mean", margin)
    assert n is not None
    rng = np.random.default_rng(1)
    shown = []
    for _ in range(1500):
        a, b = rng.choice(human.cents, n), rng.choice(human.cents, human.n_effective)
        interval = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.90)
        shown.append(-margin < interval.low and interval.high < margin)
    assert np.mean(shown) == pytest.approx(0.80, abs=0.035)


def test_impossible_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="0 personas have no precision, expected at least 1"):
        expected_precision(human_cents(), 0, seed=0)
    with pytest.raises(ValueError, match="the human sample has no donations"):
        expected_precision(human_sample([], "all", "nobody"), 5, seed=0)
