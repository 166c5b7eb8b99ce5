"""Numbers as they are printed: each by one rule, wherever it stands."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.compare import compare
from analysis.numbers import cell, cleaning_rule, interval, number, p_value, share, zero
from analysis.samples import Cleaning, human_cents, no_humans
from tests.analysis.conftest import MakeArm
from vs_sim.scenario import Scale, load_scenario

POINTS = Scale(name="score", one="score", many="scores", unit="points", low=0, high=10, edges=(0, 1, 5))


@pytest.mark.parametrize(
    ("value", "printed"),
    [(None, "-"), (0.0, ".000"), (0.1234, ".123"), (-0.05, "-.050"), (-0.5, "-.500"), (0.9996, "1.00"), (1.0, "1.00"), (-1.0, "-1.00")],
)
def test_shares_have_three_digits_and_no_leading_zero(value: float | None, printed: str) -> None:
    assert share(value) == number("share", value) == printed


def test_a_sum_of_shares_is_no_share() -> None:
    assert [number("share", value, "l1_bins") for value in (0.5, 1.25, 2.0, None)] == ["0.50", "1.25", "2.00", "-"]
    assert interval("share", 0.05, 0.5, "l1_bins") == "[0.05, 0.50]"
    assert number("share", 0.5, "ks") == ".500"


def test_cents_are_dollars_and_other_units_have_three_digits() -> None:
    assert [number(unit, value) for unit, value in (("cents", 50), ("cents", -5.4), ("dollars", 12.345))] == ["0.50", "-0.05", "12.35"]
    assert [number("points", value) for value in (5.5, 62.44, 100)] == ["5.50", "62.4", "100"]
    assert [number("words", value) for value in (0.5, 9.999, 42.25, 1234.5)] == ["0.50", "10.0", "42.2", "1234"]


def test_differences_have_a_sign_on_either_side() -> None:
    assert [number("share", value, signed=True) for value in (0.05, 0.0, -0.05, 1.0)] == ["+.050", "+.000", "-.050", "+1.00"]
    assert (number("cents", 5, signed=True), number("points", -6.7, signed=True)) == ("+0.05", "-6.70")
    assert cell("share", -0.05, -0.1, 0.2, signed=True) == "-.050 [-.100, +.200]"


def test_without_an_interval_a_number_stands_alone() -> None:
    assert (cell("share", 0.5, None, None), cell("share", None, None, None), interval("share", None, 0.5)) == (".500", "-", "")


def test_a_p_is_never_nothing() -> None:
    assert [p_value(p) for p in (None, 0.0004, 0.001, 0.05, 0.9994, 1.0)] == ["-", "<.001", ".001", ".050", ".999", "1.00"]


@given(st.floats(-3, 3), st.integers(2, 4), st.booleans())
def test_what_is_printed_is_the_number(value: float, digits: int, signed: bool) -> None:
    printed = share(value, digits, signed=signed)
    shown = digits if abs(float(printed)) < 1 else 2
    assert math.isclose(float(printed), value, abs_tol=0.5 * 10**-shown + 1e-9)
    assert "0." not in printed.lstrip("+-")[:2]
    assert printed[0] in ("+-" if signed else "-.123")


def test_nothing_and_the_rule_of_cleaning_are_in_the_words_of_the_scale(make_arm: MakeArm) -> None:
    rules: tuple[Cleaning, ...] = ("drop", "cap", "all")
    money = [compare(make_arm([0, 50]), human_cents(rule), seed=1, n_resamples=50) for rule in rules]
    assert [*map(cleaning_rule, money)] == ["amounts above $2 are left out", "amounts above $2 are set to $2", "all amounts are kept"]
    points = compare(make_arm([0, 5]), no_humans(POINTS, "drop"), seed=1, n_resamples=50)
    assert cleaning_rule(points) == "amounts above 10 points are left out"
    assert (zero(load_scenario("donation").scale), zero(POINTS)) == ("$0", "0")
