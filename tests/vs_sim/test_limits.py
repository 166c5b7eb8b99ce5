"""The gate in front of an endpoint: how many at a time, who waits for how long, and when it gives up."""

import asyncio
import time

import pytest

from vs_sim.errors import ContextFull, EndpointError, ModelError, ModelUnavailable, ReplyError
from vs_sim.limits import Gate


def passing(gate, request):
    return asyncio.run(gate.passing(request))


class Failing:
    """A request that raises the given errors one after the other and then answers; notes when it was made."""

    def __init__(self, *errors):
        self.errors, self.times = list(errors), []

    async def __call__(self):
        self.times.append(time.monotonic())
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_never_more_at_a_time_than_allowed(concurrency):
    now = most = 0

    async def request():
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.002)
        now -= 1

    async def all_of_them():
        gate = Gate(concurrency=concurrency, max_tries=1)
        await asyncio.gather(*(gate.passing(request) for _ in range(50)))

    asyncio.run(all_of_them())
    assert most == concurrency


def test_an_answer_comes_with_its_number_of_tries():
    gate = Gate(concurrency=1, max_tries=4, first_wait_s=0.01)
    assert passing(gate, Failing()) == ("answer", 1)
    assert passing(gate, Failing(EndpointError("down"), EndpointError("down", status=500))) == ("answer", 3)


def test_waits_grow_twofold():
    request = Failing(*(EndpointError("down", status=500) for _ in range(3)))
    passing(Gate(concurrency=1, max_tries=4, first_wait_s=0.1), request)
    waits = [b - a for a, b in zip(request.times, request.times[1:], strict=False)]
    for wait, least in zip(waits, (0.08, 0.16, 0.32), strict=True):
        assert least <= wait < least + 0.5


def test_it_gives_up_after_so_many_tries_and_says_so():
    request = Failing(*(EndpointError("the server is down", status=500) for _ in range(9)))
    with pytest.raises(EndpointError, match=r"^the server is down \(asked 3 times\)$") as caught:
        passing(Gate(concurrency=1, max_tries=3, first_wait_s=0.01), request)
    assert caught.value.status == 500
    assert len(request.times) == 3


@pytest.mark.parametrize(
    "error", [ModelUnavailable("no key"), ContextFull("full"), ReplyError("bad", reason="r", raw=""), ModelError("x"), KeyError("bug")]
)
def test_other_errors_pass_at_once(error):
    request = Failing(error)
    with pytest.raises(type(error)):
        passing(Gate(concurrency=1, max_tries=5, first_wait_s=0.01), request)
    assert len(request.times) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_all_wait_as_long_as_a_full_endpoint_asks(status):
    """One is told to wait: nobody else asks until the time is over, then all are answered."""
    first = Failing(EndpointError("full", status=status, retry_after_s=0.3))
    others = [Failing() for _ in range(5)]

    async def all_of_them():
        gate = Gate(concurrency=2, max_tries=3, first_wait_s=30)
        asked = asyncio.create_task(gate.passing(first))
        await asyncio.sleep(0.05)
        return await asyncio.gather(asked, *(gate.passing(other) for other in others))

    answers = asyncio.run(all_of_them())
    assert answers == [("answer", 2)] + [("answer", 1)] * 5
    opened = first.times[0] + 0.29
    assert min(first.times[1], *(other.times[0] for other in others)) >= opened
    assert max(first.times[1], *(other.times[0] for other in others)) < opened + 1


def test_one_that_is_merely_broken_holds_up_nobody_else():
    first, other = Failing(EndpointError("broken", status=500)), Failing()

    async def both():
        gate = Gate(concurrency=1, max_tries=2, first_wait_s=0.4)
        asked = asyncio.create_task(gate.passing(first))
        await asyncio.sleep(0.05)
        await gate.passing(other)
        await asked

    asyncio.run(both())
    assert other.times[0] < first.times[1]
