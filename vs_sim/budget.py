"""What a run may spend: counted from what was answered, reserved before more is begun.

A conversation begins only if what it is expected to take still fits beside what is spent and what those under way are expected to take. If
they take more than expected, a request that would go past the cap is not made. What is expected is estimated from the study until
conversations of the same arm have ended, and is their mean from then on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vs_sim.records import Usage
from vs_sim.run_options import Price


@dataclass(frozen=True)
class Spend:
    """Tokens (prompt and reply together) and US dollars; dollars are None where a price is unknown."""

    tokens: float = 0.0
    dollars: float | None = 0.0

    def __str__(self) -> str:
        """Tokens, and dollars if they are known."""
        return f"{self.tokens:,.0f} tokens" + ("" if not self.dollars else f" ({money(self.dollars)})")

    def __add__(self, other: Spend) -> Spend:
        """Both together; an unknown part makes the dollars unknown."""
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        return Spend(self.tokens + other.tokens, dollars)

    def beyond(self, other: Spend) -> Spend:
        """How much of this is left when `other` is taken from it, at least nothing."""
        dollars = None if self.dollars is None or other.dollars is None else max(0.0, self.dollars - other.dollars)
        return Spend(max(0.0, self.tokens - other.tokens), dollars)


def cost(price: Price | None, prompt_tokens: float, completion_tokens: float, cached_tokens: float = 0.0) -> Spend:
    """What one call takes.

    Args:
        price: of its model; None if unknown.
        prompt_tokens, completion_tokens: of the call.
        cached_tokens: those of the prompt that the provider had in its cache.
    """
    dollars = None
    if price is not None:
        cached = price.input if price.cached_input is None else price.cached_input
        dollars = ((prompt_tokens - cached_tokens) * price.input + cached_tokens * cached + completion_tokens * price.output) / 1e6
    return Spend(prompt_tokens + completion_tokens, dollars)


def took(price: Price | None, usage: Usage, expected: tuple[float, float]) -> Spend:
    """What an answered call took.

    Args:
        price: of its model; None if unknown.
        usage: as the provider counted it.
        expected: tokens of prompt and reply, for what the provider does not say.
    """
    n_in = expected[0] if usage.prompt_tokens is None else usage.prompt_tokens
    n_out = expected[1] if usage.completion_tokens is None else usage.completion_tokens
    return cost(price, n_in, n_out, min(usage.cached_tokens or 0, n_in))


_UNCOUNTED_PROMPT_TOKENS = 1000.0


def expected_of(reply: str) -> tuple[float, float]:
    """What stands in for the tokens of an earlier call that no provider counted: of the prompt, which is not kept, and of the reply."""
    return _UNCOUNTED_PROMPT_TOKENS, len(reply) / 4


def share_of_cap(cap: float | None, spent: Sequence[float], number: int) -> float | None:
    """What one of several parts of a run may have spent in the end, so that all of them together keep within the cap.

    Each may come to an equal part of the cap. Where one has spent more than that before (the plan was divided otherwise then), the others
    have less left, in proportion.

    Args:
        cap: of the run; None for none.
        spent: by each part so far.
        number: of the part, from 1.
    """
    if cap is None:
        return None
    rooms = [max(0.0, cap / len(spent) - one) for one in spent]
    left = max(0.0, cap - sum(spent))
    own = rooms[number - 1] * min(1.0, left / sum(rooms)) if any(rooms) else 0.0
    return spent[number - 1] + own


class Budget:
    """The spending of one run, or of one worker's part of it.

    Args:
        tokens, dollars: the caps; None for none.
        prices: model -> price.
        part: whether these are one worker's parts of the caps that somebody gave.
        earlier: conversation -> what it took at earlier starts.
        n_estimated: calls in `earlier` whose tokens no provider counted.

    Attributes:
        spent: by what was answered so far, earlier starts included.
        n_estimated: calls whose tokens no provider counted, so that they stand in `spent` as estimated.
    """

    def __init__(
        self,
        *,
        tokens: float | None,
        dollars: float | None,
        prices: Mapping[str, Price],
        part: bool = False,
        earlier: Mapping[str, Spend] | None = None,
        n_estimated: int = 0,
    ) -> None:
        self._whose = " as this worker's part" if part else ""
        self._tokens, self._dollars, self._prices = tokens, dollars, prices
        self._by: defaultdict[str, Spend] = defaultdict(Spend, earlier or {})
        self.spent = sum(self._by.values(), Spend())
        self.n_estimated = n_estimated
        self._under_way: dict[str, Spend] = {}
        self._asked = Spend()
        self._ended: dict[tuple[str, str], tuple[int, Spend]] = {}

    def count(self, conversation: str, model: str, usage: Usage, expected: tuple[float, float]) -> None:
        """A call of a conversation (its id) was answered by a model; the rest as for `took`."""
        self.n_estimated += not usage.counted
        spent = took(self._prices.get(model), usage, expected)
        self.spent += spent
        self._by[conversation] += spent

    def begin(self, conversation: str, arm: tuple[str, str], estimate: Spend) -> bool:
        """Whether a conversation may begin; it is under way from then on, until `end`."""
        expected = self.expected(arm, estimate)
        ahead = expected.beyond(self._by[conversation])
        for other, its in self._under_way.items():
            ahead += its.beyond(self._by[other])
        if not self._fits(ahead):
            return False
        self._under_way[conversation] = expected
        return True

    def expected(self, arm: tuple[str, str], estimate: Spend) -> Spend:
        """What a conversation of an arm is expected to take."""
        n, total = self._ended.get(arm, (0, Spend()))
        return Spend(total.tokens / n, None if total.dollars is None else total.dollars / n) if n else estimate

    def end(self, conversation: str, arm: tuple[str, str], *, complete: bool) -> None:
        """A conversation ended; a complete one tells what others of its arm will take."""
        self._under_way.pop(conversation, None)
        if complete:
            n, total = self._ended.get(arm, (0, Spend()))
            self._ended[arm] = (n + 1, total + self._by[conversation])

    def ask(self, model: str, expected: tuple[float, float]) -> Spend | None:
        """Reserve what a request is expected to take, to be given back with `answered`; None if it would go past the cap."""
        wanted = cost(self._prices.get(model), *expected)
        if not self._fits(self._asked + wanted):
            return None
        self._asked += wanted
        return wanted

    def answered(self, reserved: Spend) -> None:
        """A request ended, answered or not: what was reserved for it is free again."""
        self._asked = self._asked.beyond(reserved)

    def _fits(self, ahead: Spend) -> bool:
        total = self.spent + ahead
        within_tokens = self._tokens is None or total.tokens <= self._tokens
        within_dollars = self._dollars is None or (total.dollars is not None and total.dollars <= self._dollars)
        return within_tokens and within_dollars

    def __str__(self) -> str:
        """The caps and what is spent of them."""
        parts = []
        if self._tokens is not None:
            parts.append(f"{self.spent.tokens:,.0f} of {self._tokens:,.0f} tokens")
        if self._dollars is not None and self.spent.dollars is not None:
            parts.append(f"{money(self.spent.dollars)} of {money(self._dollars)}")
        return (
            " and ".join(parts) + f" spent{self._whose}" + (f" (tokens of {self.n_estimated} calls estimated)" if self.n_estimated else "")
        )


def money(dollars: float) -> str:
    """Dollars for a person; of cents, two digits."""
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:.2g}"
