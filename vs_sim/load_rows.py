"""Rows that runs of either kind have in common: candidates, calls, and what a condition and a failure say."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from vs_sim.errors import RunFolderError
from vs_sim.prompt_records import AnyRecord
from vs_sim.records import Call, VerbalizedDistribution
from vs_sim.store import RunFolder, turn_of

Row = dict[str, Any]
"""Column of `vs_sim.columns` -> value; None is missing."""


def condition_cells(condition: Mapping[str, Any]) -> Row:
    """What a condition asks for; all of it is missing of an empty one."""
    k = condition.get("k")
    return {
        **{key: condition.get(key) for key in ("method", "select", "tau", "wording", "format")},
        "k": k if isinstance(k, int) else None,
        "k_by_model": None if k is None else k == "model",
    }


def failure_cells(record: AnyRecord | None) -> Row:
    """Whether something planned was run, and why it failed; None: it was not."""
    failure = None if record is None else record.failure
    return {
        "status": "not run" if record is None else "complete" if record.complete else "failed",
        "failure_kind": None if failure is None else failure.kind,
        "failure_message": None if failure is None else failure.message,
    }


def entropy(distribution: VerbalizedDistribution) -> float:
    """Entropy of the normalised probabilities, in bits."""
    return math.fsum(-p * math.log2(p) for p in distribution.probabilities if p > 0) + 0.0  # which makes 0 of -0


def candidate_rows(distribution: VerbalizedDistribution, drawn: int | None) -> Iterator[Row]:
    """The candidates of a distribution, of which the one with the index `drawn` was drawn."""
    for i, one in enumerate(distribution.candidates):
        yield {
            "candidate": i,
            "text": one.text,
            "stated": None if one.stated is None else str(one.stated),
            "stated_number": _number(one.stated),
            "probability": one.probability,
            "n_given": one.n_given,
            "above_tau": one.above_tau,
            "drawn": i == drawn,
            "repairs": " ".join(one.repairs),
        }


_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?)\s*%?\s*", re.ASCII)


def _number(stated: float | int | str | None) -> float | None:
    """A stated probability as the number that stands there; None if none does."""
    if isinstance(stated, str):
        match = _NUMBER.fullmatch(stated) if len(stated) <= 100 else None
        stated = float(match[1].replace(",", ".")) if match else None
    return float(stated) if stated is not None and abs(stated) < 1e300 else None


def calls_of(folder: RunFolder, records: Sequence[AnyRecord], id_column: str) -> Iterator[Row]:
    """The answers in the journal; of what the journal lacks, those that stand in the records.

    Args:
        folder: the run.
        records: what was run of it.
        id_column: name of the column for the id of the conversation or asking.
    """
    rows: list[Row] = []
    open_rows: dict[str, list[Row]] = {}
    n_given_up: Counter[tuple[str, str]] = Counter()
    for line in folder.journal_rows():
        id_ = line["conversation"]
        mine = open_rows.setdefault(id_, [])
        if "void" in line:
            turn = turn_of(line["void"])
            n_given_up[id_, turn] += 1
            for row in mine:
                row["given_up"] = row["given_up"] or turn_of(row["step"]) == turn
            open_rows[id_] = [row for row in mine if not row["given_up"]]
            continue
        try:
            call = Call.model_validate(line["call"])
        except ValidationError as error:
            raise RunFolderError(f"{folder.path}: a call in the journal is damaged: {error.errors()[0]['msg']}") from None
        mine.append({id_column: id_, **call_row(call, n_given_up[id_, turn_of(call.step)])})
        rows.append(mine[-1])
    yield from rows
    for record in records:
        if record.spec.id in open_rows:
            continue
        for call in record.calls:
            yield {id_column: record.spec.id, **call_row(call, 0)}


def call_row(call: Call, attempt: int) -> Row:
    """An answer of a model, at that attempt, without the id of what it belongs to."""
    row = call.model_dump()
    return {"attempt": attempt, "given_up": False, **row.pop("usage"), **row}


def total(calls: Sequence[Row], key: str) -> int | None:
    """The sum over the calls; missing if one of them does not say, which would make it look smaller than it was."""
    counts = [call[key] for call in calls]
    return sum(counts) if counts and None not in counts else None
