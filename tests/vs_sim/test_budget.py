"""What a run may spend: counted, reserved, never past the cap by more than was not to be known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vs_sim.budget import Budget, Spend, cost, share_of_cap
from vs_sim.records import Usage
from vs_sim.run_options import Price

PRICES = {"m": Price(input=2, output=8, cached_input=0.5)}
ARM = ("direct", "m")


def usage(n_in, n_out, cached=None):
    return Usage(prompt_tokens=n_in, completion_tokens=n_out, cached_tokens=cached)


def test_what_a_call_costs():
    assert cost(PRICES["m"], 1_000_000, 500_000) == Spend(1_500_000, 6.0)
    assert cost(PRICES["m"], 1_000_000, 500_000, cached_tokens=400_000) == Spend(1_500_000, pytest.approx(0.6 * 2 + 0.4 * 0.5 + 4))
    assert cost(Price(input=2, output=8), 1_000_000, 0, cached_tokens=400_000).dollars == 2
    assert cost(None, 10, 10) == Spend(20, None), "an unknown price is unknown"


def test_calls_are_counted_and_the_unknown_is_estimated_and_said():
    budget = Budget(tokens=1000, dollars=None, prices={})
    budget.count("c1", "m", usage(100, 50), (7, 7))
    budget.count("c1", "m", Usage(), (30, 20))
    assert budget.spent == Spend(200, None)
    assert str(budget) == "200 of 1,000 tokens spent (tokens of 1 calls estimated)"


def test_a_conversation_begins_only_if_it_fits_beside_those_under_way():
    budget = Budget(tokens=1000, dollars=None, prices={})
    assert budget.begin("c1", ARM, Spend(400))
    assert budget.begin("c2", ARM, Spend(400))
    assert not budget.begin("c3", ARM, Spend(400))


def test_what_a_conversation_has_spent_is_not_reserved_again():
    budget = Budget(tokens=1000, dollars=None, prices={})
    assert budget.begin("c1", ARM, Spend(400))
    budget.count("c1", "m", usage(300, 50), (0, 0))
    assert budget.begin("c2", ARM, Spend(600))


def test_after_the_first_has_ended_its_own_spending_is_what_is_expected():
    budget = Budget(tokens=1000, dollars=None, prices={})
    budget.begin("c1", ARM, Spend(100))
    budget.count("c1", "m", usage(501, 0), (0, 0))
    budget.end("c1", ARM, complete=True)
    assert not budget.begin("c2", ARM, Spend(100)), "501 are expected now"
    assert budget.begin("c3", ("other", "m"), Spend(100)), "of another arm nothing is known"
    budget.end("c3", ("other", "m"), complete=False)
    assert budget.begin("c4", ("other", "m"), Spend(100)), "what failed tells nothing"


def test_a_request_past_the_cap_is_not_made():
    budget = Budget(tokens=None, dollars=1.0, prices=PRICES)
    first = budget.ask("m", (400_000, 0))
    assert first is not None
    assert budget.ask("m", (200_000, 0)) is None, "beside the one that is under way"
    budget.answered(first)
    assert budget.ask("m", (200_000, 0)) is not None
    assert str(budget) == "$0.00 of $1.00 spent"


@given(st.lists(st.tuples(st.integers(1, 500), st.integers(1, 500)), max_size=40), st.integers(100, 5000))
def test_spending_stays_within_the_cap_where_requests_take_what_was_expected(calls, cap):
    budget = Budget(tokens=cap, dollars=None, prices={})
    for n_in, n_out in calls:
        reserved = budget.ask("m", (n_in, n_out))
        if reserved is not None:
            budget.answered(reserved)
            budget.count("c", "m", usage(n_in, n_out), (0, 0))
    assert budget.spent.tokens <= cap


@given(
    st.integers(1, 9).flatmap(lambda n: st.tuples(st.lists(st.floats(0, 100), min_size=n, max_size=n), st.just(n))),
    st.floats(1, 1000),
)
def test_parts_of_a_cap_keep_within_it_however_the_plan_was_divided_before(spent_n, cap):
    spent, n = spent_n
    shares = [share_of_cap(cap, spent, k) for k in range(1, n + 1)]
    assert all(share >= one for share, one in zip(shares, spent, strict=True)), "what is spent is spent"
    assert sum(shares) <= max(cap, sum(spent)) * (1 + 1e-9)
    if all(one <= cap / n for one in spent):
        assert shares == pytest.approx([cap / n] * n)


def test_no_cap_has_no_parts():
    assert share_of_cap(None, [1.0, 2.0], 1) is None
