"""What a run of prompts is, read from its manifest, its records and its journal; what they do not hold is None, or empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.run_facts import Facts, cell_of, ran
from vs_sim.budget import Spend, cost
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.records import Record
from vs_sim.run_options import Price


class Spent(Record):
    """What the answers of a run took, those to askings that failed included.

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


class PromptFacts(Facts):
    """A run of prompts as its records tell it.

    Attributes:
        spent: what its answers took.
        n_read: askings that gave candidates; n_repaired: those of them of which something was repaired to read them.
        repairs: name of a repair -> askings that needed it.
    """

    spent: Spent
    n_read: int
    n_repaired: int
    repairs: dict[str, int]

    @property
    def missing(self) -> Counter[str]:
        """Why askings are missing -> how many, over all cells."""
        return sum((Counter(cell.missing) for cell in self.cells), Counter[str]())


def prompt_facts(
    manifest: Mapping[str, Any], planned: Sequence[PromptSpec], records: Sequence[Responses], journal: Iterable[Mapping[str, Any]]
) -> PromptFacts:
    """Reads the facts.

    Args:
        manifest: of the run.
        planned: every asking of the plan.
        records: what was asked; each asking once.
        journal: rows of the journal (`vs_sim.store.RunFolder.journal_rows`), in their order.
    """
    done = {record.spec.id: record for record in records}
    groups: dict[tuple[str, str], list[PromptSpec]] = {}
    for spec in planned:
        groups.setdefault(spec.arm, []).append(spec)
    read = [record.distribution for record in records if record.distribution is not None]
    repairs = [sorted(one.mended) for one in read]
    returned: dict[str, set[str]] = {spec.model: set() for spec in planned}
    starts = manifest["starts"]
    run = (starts[-1].get("run") or {}) if starts else {}
    prices = {name: Price.model_validate(price) for name, price in (run.get("prices") or {}).items()}
    spent = _spent(journal, prices, returned)
    return PromptFacts(
        study=dict(manifest["study"]),
        cells=tuple(cell_of(condition, model, specs, done) for (condition, model), specs in groups.items()),
        spent=spent,
        returned={name: tuple(sorted(names)) for name, names in returned.items()},
        n_read=len(read),
        n_repaired=sum(map(bool, repairs)),
        repairs=dict(Counter(name for names in repairs for name in names).most_common()),
        ran=ran(starts, (record.started for record in records), returned),
    )


def _spent(journal: Iterable[Mapping[str, Any]], prices: Mapping[str, Price], returned: dict[str, set[str]]) -> Spent:
    """What the answers took; notes the names that providers returned for their models."""
    n_calls = n_again = n_uncounted = n_in = n_out = 0
    total, without = Spend(), dict[str, None]()
    for call in (row["call"] for row in journal if "call" in row):
        n_calls += 1
        n_again += ".again" in call["step"]
        if call.get("model_returned") is not None:
            returned.setdefault(call["model"], set()).add(call["model_returned"])
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
