"""What a run of prompts is, read from its manifest, its records and its journal; what they do not hold is None, or empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.run_facts import Facts, cell_of, ran
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.spent import Spent, prices_of, spent_on


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
    calls = [row["call"] for row in journal if "call" in row]
    for call in calls:
        if call.get("model_returned") is not None:
            returned.setdefault(call["model"], set()).add(call["model_returned"])
    return PromptFacts(
        study=dict(manifest["study"]),
        cells=tuple(cell_of(condition, model, specs, done) for (condition, model), specs in groups.items()),
        spent=spent_on(calls, prices_of(starts)),
        returned={name: tuple(sorted(names)) for name, names in returned.items()},
        n_read=len(read),
        n_repaired=sum(map(bool, repairs)),
        repairs=dict(Counter(name for names in repairs for name in names).most_common()),
        ran=ran(starts, (record.started for record in records), returned),
    )
