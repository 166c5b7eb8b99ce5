"""What the answers of a run took, as its journal tells it; not what it may take, which is `vs_sim.budget`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vs_sim.budget import Spend, cost
from vs_sim.records import Record
from vs_sim.run_options import Price


class Spent(Record):
    """What the answers of a run took, those of conversations that failed included.

    Attributes:
        n_calls: answers in the journal.
        n_again: of these, answers to a request that was made again because a reply could not be read.
        n_uncounted: of these, answers whose tokens the provider did not count.
        prompt_tokens, completion_tokens: sums; None if any answer is uncounted: a part of a sum is not the sum.
        dollars: at the prices of the last start; None if tokens or a price are missing.
        without_price: models that were asked and have no price.
    """

    n_calls: int
    n_again: int
    n_uncounted: int
    prompt_tokens: int | None
    completion_tokens: int | None
    dollars: float | None
    without_price: tuple[str, ...]


def prices_of(starts: Sequence[Mapping[str, Any]]) -> dict[str, Price]:
    """Prices of the last start of a manifest, by model."""
    prices = starts[-1].get("run", {}).get("prices", {}) if starts else {}
    return {name: Price.model_validate(price) for name, price in prices.items()}


def spent_on(calls: Iterable[Mapping[str, Any]], prices: Mapping[str, Price]) -> Spent:
    """What calls of models took.

    Args:
        calls: of the journal, as stored; not what a person typed.
        prices: by model.
    """
    n_calls = n_again = n_uncounted = n_in = n_out = 0
    total, without = Spend(), dict[str, None]()
    for call in calls:
        n_calls += 1
        n_again += ".again" in call["step"]
        if (price := prices.get(call["model"])) is None:
            without[call["model"]] = None
        usage = call["usage"]
        own_in, own_out = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if own_in is None or own_out is None:
            n_uncounted += 1
            continue
        n_in, n_out = n_in + own_in, n_out + own_out
        total += cost(price, own_in, own_out, min(usage.get("cached_tokens") or 0, own_in))
    return Spent(
        n_calls=n_calls,
        n_again=n_again,
        n_uncounted=n_uncounted,
        prompt_tokens=None if n_uncounted else n_in,
        completion_tokens=None if n_uncounted else n_out,
        dollars=None if n_uncounted else total.dollars,
        without_price=tuple(without),
    )
