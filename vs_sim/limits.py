"""One gate in front of an endpoint: so many requests at a time, a shared pause when it asks for one, and a bounded number of tries.

The clients' own retries are off: only here is a request made again.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeVar

from vs_sim.errors import EndpointError

T = TypeVar("T")

_LONGEST_WAIT_S = 120.0


class Gate:
    """Lets requests pass to one endpoint.

    Args:
        concurrency: requests in flight, at least 1.
        max_tries: requests made for one answer, at least 1.
        first_wait_s: seconds before the second try; doubled before each further one, at most 120, unless the endpoint names a time.
    """

    def __init__(self, *, concurrency: int, max_tries: int, first_wait_s: float = 1.0) -> None:
        self._slots = asyncio.Semaphore(concurrency)
        self._max_tries = max_tries
        self._first_wait_s = first_wait_s
        self._closed_until = 0.0

    async def passing(self, request: Callable[[], Awaitable[T]]) -> tuple[T, int]:
        """The answer to a request and the number of tries that it took.

        Raises:
            EndpointError: the last one, after `max_tries`.
            ModelError: any other, at once.
        """
        for n in range(1, self._max_tries + 1):
            async with self._slots:
                await self._wait_until_open()
                try:
                    return await request(), n
                except EndpointError as error:
                    if n == self._max_tries:
                        raise EndpointError(f"{error} (asked {n} times)", status=error.status) from None
                    wait = error.retry_after_s
                    if wait is None:
                        wait = self._first_wait_s * 2 ** (n - 1) * random.uniform(0.8, 1.2)
                    wait = min(wait, _LONGEST_WAIT_S)
                    if error.status in (429, 503):
                        # The endpoint is full: nobody else should ask in the meantime either.
                        self._closed_until = max(self._closed_until, _now() + wait)
                        wait = 0.0
            await asyncio.sleep(wait)
        raise AssertionError("unreachable: the loop returns or raises")

    async def _wait_until_open(self) -> None:
        while (wait := self._closed_until - _now()) > 0:  # noqa: ASYNC110  a time is waited for, not an event
            await asyncio.sleep(wait)


def _now() -> float:
    return asyncio.get_running_loop().time()  # monotonic: a clock that jumps does not matter
