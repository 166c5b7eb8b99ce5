import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.levels import FOUND, KL, RIGHT, of_coverage, of_diversity, weighted_sum
from analysis.uncertainty import Interval
from tests.analysis.measured import covered, diverse


def test_a_difference_has_the_interval_worked_out_by_hand() -> None:
    value, interval = weighted_sum([(1.0, 5.0, Interval(4.0, 8.0)), (-1.0, 2.0, Interval(0.0, 6.0))])
    assert value == 3.0
    # below: 5 - 4 and 6 - 2; above: 8 - 5 and 2 - 0
    assert interval == pytest.approx((3 - (1 + 16) ** 0.5, 3 + (9 + 4) ** 0.5))


def test_a_sum_with_a_number_of_unknown_interval_has_none() -> None:
    assert weighted_sum([(1.0, 5.0, Interval(4.0, 8.0)), (-0.5, 2.0, None)]) == (4.0, None)


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(-9, 9), st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=6))
def test_the_interval_holds_the_sum_and_is_no_wider_than_all_ends_together(terms: list[tuple[float, float, float, float]]) -> None:
    value, interval = weighted_sum([(factor, x, Interval(x - down, x + up)) for factor, x, down, up in terms])
    assert interval is not None
    assert interval.low <= value <= interval.high
    widest = sum(abs(factor) * (down + up) for factor, _, down, up in terms)
    assert interval.high - interval.low <= widest + 1e-9


def test_a_level_is_the_mean_over_the_prompts_that_have_it() -> None:
    found = [
        covered("direct", "a", kl=0.2, kl_interval=Interval(0.1, 0.5), n_found=1, n_found_interval=Interval(0, 2)),
        covered("direct", "b", kl=0.4, kl_interval=Interval(0.3, 0.8), n_found=2),
        covered("direct", "c", kl=None, kl_interval=None, precision=0.0, precision_interval=None, n_found=0, n_found_interval=None),
    ]
    levels = {one.measure: one for one in of_coverage(found)}
    assert levels[KL].value == pytest.approx(0.3)
    assert levels[KL].interval == pytest.approx((0.3 - (0.05**2 + 0.05**2) ** 0.5, 0.3 + (0.15**2 + 0.2**2) ** 0.5))
    assert (levels[KL].prompts, levels[KL].n_askings, levels[KL].n_replies) == (("a", "b"), 40, 40)
    assert (levels[FOUND].value, levels[FOUND].interval) == (0.5, None), "of the third prompt nothing is known"
    two = {one.measure: one for one in of_coverage(found[:2])}[FOUND]
    assert (two.value, two.interval) == (0.75, pytest.approx((0.75 - (0.25**2 + 0.2**2) ** 0.5, 0.75 + 0.25)))
    assert (levels[RIGHT].value, levels[RIGHT].interval) == (pytest.approx(1.6 / 3), None)


def test_conditions_of_different_prompts_come_together_and_nothing_is_made_of_nothing() -> None:
    found = [covered(condition, prompt) for prompt in ("a", "b") for condition in ("direct", "vs")]
    assert [(one.condition, one.prompts) for one in of_coverage(found) if one.measure == KL] == [
        ("direct", ("a", "b")),
        ("vs", ("a", "b")),
    ]
    assert [one.condition for one in of_diversity([diverse("direct", mean=None), diverse("vs")])] == ["vs"]
