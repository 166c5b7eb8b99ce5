"""The gate in front of an endpoint: how many at a time and a minute, who waits for how long, and when it gives up. In its own time."""

import asyncio
import itertools

import pytest

from tests.clock import now, run_at_once
from vs_sim.errors import ContextFull, EndpointError, ModelError, ModelUnavailable, ReplyError, RunStopped
from vs_sim.limits import Gate


def passing(gate, request):
    return run_at_once(gate.passing(request))


class Failing:
    """A request that raises the given errors one after the other and then answers; notes when it was made."""

    def __init__(self, *errors):
        self.errors, self.times = list(errors), []

    async def __call__(self):
        self.times.append(now())
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def full(retry_after_s=None):
    return EndpointError("full", status=429, retry_after_s=retry_after_s)


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_never_more_at_a_time_than_allowed(concurrency):
    at_once = most = 0

    async def request():
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(2)
        at_once -= 1

    async def all_of_them():
        gate = Gate(concurrency=concurrency, max_tries=1)
        await asyncio.gather(*(gate.passing(request) for _ in range(50)))

    run_at_once(all_of_them())
    assert most == concurrency


def test_an_answer_comes_with_its_number_of_requests():
    assert passing(Gate(concurrency=1, max_tries=4), Failing()) == ("answer", 1)
    assert passing(Gate(concurrency=1, max_tries=4), Failing(EndpointError("down"), EndpointError("down", status=500))) == ("answer", 3)
    assert passing(Gate(concurrency=1, max_tries=1), Failing(full(3), full(3))) == ("answer", 3)


def test_waits_grow_twofold():
    request = Failing(*(EndpointError("down", status=500) for _ in range(3)))
    passing(Gate(concurrency=1, max_tries=4), request)
    waits = [b - a for a, b in itertools.pairwise(request.times)]
    for wait, about in zip(waits, (1, 2, 4), strict=True):
        assert 0.8 * about <= wait <= 1.2 * about


def test_it_gives_up_after_so_many_tries_and_says_so():
    request = Failing(*(EndpointError("the server is down", status=500) for _ in range(9)))
    with pytest.raises(EndpointError, match=r"^the server is down \(asked 3 times\)$") as caught:
        passing(Gate(concurrency=1, max_tries=3), request)
    assert caught.value.status == 500
    assert len(request.times) == 3


@pytest.mark.parametrize(
    "error", [ModelUnavailable("no key"), ContextFull("full"), ReplyError("bad", reason="r", raw=""), ModelError("x"), KeyError("bug")]
)
def test_other_errors_pass_at_once(error):
    request = Failing(error)
    with pytest.raises(type(error)):
        passing(Gate(concurrency=1, max_tries=5), request)
    assert len(request.times) == 1


@pytest.mark.parametrize("status", [429, 503])
def test_all_wait_as_long_as_a_full_endpoint_asks(status):
    """One is told to wait: nobody else asks until the time is over, then all are answered."""
    first = Failing(EndpointError("full", status=status, retry_after_s=30))
    others = [Failing() for _ in range(5)]

    async def all_of_them():
        gate = Gate(concurrency=2, max_tries=3)
        asked = asyncio.create_task(gate.passing(first))
        await asyncio.sleep(1)
        return await asyncio.gather(asked, *(gate.passing(other) for other in others))

    assert run_at_once(all_of_them()) == [("answer", 2)] + [("answer", 1)] * 5
    again = [first.times[1], *(other.times[0] for other in others)]
    assert min(again) >= 30
    assert max(again) < 36


def test_after_a_pause_requests_leave_one_by_one():
    requests = [Failing(full(10)) for _ in range(20)]

    async def all_of_them():
        gate = Gate(concurrency=20, max_tries=1)
        await asyncio.gather(*(gate.passing(request) for request in requests))

    run_at_once(all_of_them())
    again = sorted(request.times[1] for request in requests)
    assert again[0] == pytest.approx(10)
    assert all(b - a > 0.01 for a, b in itertools.pairwise(again)), "nobody rushes"


def test_one_that_is_merely_broken_holds_up_nobody_else():
    first, other = Failing(EndpointError("broken", status=500)), Failing()

    async def both():
        gate = Gate(concurrency=1, max_tries=2, first_wait_s=40)
        asked = asyncio.create_task(gate.passing(first))
        await asyncio.sleep(1)
        await gate.passing(other)
        await asked

    run_at_once(both())
    assert other.times[0] == 1 < first.times[1]


def test_an_endpoint_that_asks_for_hours_is_not_waited_for():
    with pytest.raises(EndpointError, match=r"full; it asks to wait for 5\.0 h$"):
        passing(Gate(concurrency=1, max_tries=3), Failing(full(18_000)))


def test_an_endpoint_that_is_full_for_a_quarter_of_an_hour_is_given_up():
    async def always():
        raise full()

    async def ask():
        with pytest.raises(EndpointError, match=r"full; it has refused every request for 15 min$"):
            await Gate(concurrency=1, max_tries=1).passing(always)
        return now()

    assert 900 < run_at_once(ask()) < 1100


@pytest.mark.parametrize(("limits", "seconds"), [({"requests_per_minute": 120}, 49.5), ({"tokens_per_minute": 6000}, 99)])
def test_given_limits_are_kept_exactly(limits, seconds):
    request = Failing()

    async def all_of_them():
        gate = Gate(concurrency=8, max_tries=1, **limits)
        await asyncio.gather(*(gate.passing(request, n_tokens=100) for _ in range(100)))

    run_at_once(all_of_them())
    assert request.times[-1] == pytest.approx(seconds)
    steps = [b - a for a, b in itertools.pairwise(request.times)]
    assert min(steps) == pytest.approx(max(steps))


def test_tokens_are_put_right_when_they_are_counted():
    async def leaves(used):
        gate = Gate(concurrency=1, max_tries=1, tokens_per_minute=60)
        await gate.passing(Failing(), n_tokens=10)
        gate.settle(10, used)
        request = Failing()
        await gate.passing(request, n_tokens=10)
        return request.times[0]

    assert [run_at_once(leaves(used)) for used in (5, 10, 30)] == pytest.approx([5, 10, 30])


def test_a_closed_gate_lets_nobody_pass_but_those_who_are_through():
    stop = RunStopped("told to stop", capped=False)

    async def slow():
        await asyncio.sleep(5)
        return "answer"

    async def all_of_them():
        gate = Gate(concurrency=2, max_tries=1, requests_per_minute=1)
        asked = [asyncio.create_task(gate.passing(slow)) for _ in range(4)]
        await asyncio.sleep(1)
        gate.close(stop)
        return await asyncio.gather(*asked, gate.passing(slow), return_exceptions=True), now()

    answers, ended = run_at_once(all_of_them())
    assert answers == [("answer", 1), stop, stop, stop, stop]
    assert ended == pytest.approx(5)


class Bucket:
    """An endpoint that takes 100 requests a second, and `burst` at once."""

    def __init__(self, burst, retry_after_s):
        self.burst, self.retry_after_s = burst, retry_after_s
        self.left, self.at = float(burst), 0.0

    def ask(self):
        self.left = min(self.burst, self.left + (now() - self.at) * 100)
        self.at = now()
        if self.left < 1:
            raise full(self.retry_after_s)
        self.left -= 1


class Window:
    """An endpoint that takes 100 requests in each second of its clock."""

    def __init__(self, retry_after_s):
        self.retry_after_s, self.second, self.n = retry_after_s, 0, 0

    def ask(self):
        if int(now()) != self.second:
            self.second, self.n = int(now()), 0
        self.n += 1
        if self.n > 100:
            raise full(self.retry_after_s)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("endpoint", "least"),
    [
        (lambda: Bucket(100, 1), 95),
        (lambda: Bucket(100, None), 95),
        (lambda: Bucket(10, 0.01), 95),
        (lambda: Window(0.5), 95),
        (lambda: Bucket(10, 1), 85),  # no burst and a second's wait for each request too many: every probe of the limit costs a second
        (lambda: Window(1), 85),
        (lambda: Window(None), 85),
    ],
    ids=["bucket", "bucket, silent", "small bucket", "window", "small bucket, long wait", "window, long wait", "window, silent"],
)
def test_256_callers_of_an_endpoint_that_allows_100_a_second(endpoint, least):
    served = endpoint()
    todo = iter(range(20_000))

    async def request():
        await asyncio.sleep(0.01)
        served.ask()
        await asyncio.sleep(0.5)

    async def all_of_them():
        gate = Gate(concurrency=256, max_tries=6)

        async def caller():
            for _ in todo:
                await gate.passing(request)  # raises if a call is lost

        await asyncio.gather(*(caller() for _ in range(256)))
        return 20_000 / now()

    assert run_at_once(all_of_them()) >= least


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("wait", [0.001, None])
def test_a_short_pause_lets_nobody_go_faster_than_the_given_limit(status, wait):
    request = Failing(*(EndpointError("full", status=status, retry_after_s=wait) for _ in range(4)))
    gate = Gate(concurrency=1, max_tries=9, requests_per_minute=60)
    assert passing(gate, request) == ("answer", 5)
    assert all(b - a >= 1 - 1e-9 for a, b in itertools.pairwise(request.times))


def test_a_place_that_a_pause_has_overtaken_is_given_back():
    async def told():
        gate = Gate(concurrency=2, max_tries=9, requests_per_minute=6, tokens_per_minute=600)
        times = []

        async def ask(error=None):
            times.append(now())
            if error and len(times) == 1:
                await asyncio.sleep(5)
                raise error
            return "answer"

        await asyncio.gather(gate.passing(lambda: ask(full(7)), 100), gate.passing(ask, 100))
        return times

    times = run_at_once(told())
    assert times[0] == pytest.approx(times[0])
    assert times[1] - times[0] <= 12 + 1e-9, "12 s is the end of the pause, and its place was at 10 s"


def test_an_endpoint_that_breaks_between_refusals_has_not_refused_every_request():
    broken = EndpointError("gave no answer", status=None)
    request = Failing(*([full(800), broken] * 3))
    assert passing(Gate(concurrency=1, max_tries=9), request) == ("answer", 7)
