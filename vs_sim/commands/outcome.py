"""vs-sim outcome: stated donations, and how far their readers agree."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_sim.commands import Verbs, group, readings, verb

if TYPE_CHECKING:
    from vs_sim.audit import Audit, Count, Row

_SHARES = {
    "found": "read right, where an amount or $0 is labelled",
    "right": "right among those of them that were read",
    "right_of_all_read": "right among all that were read (nothing labelled: wrong)",
    "agree": "all dialogues (undetermined agrees with nothing labelled)",
}


def add(verbs: Verbs) -> None:
    """Declare the actions."""
    actions = group(verbs, "outcome", "stated donations: how the rules, models and people read them, and how far they agree")
    audit = verb(actions, "audit", _audit, "hold the rules that read stated donations against what people say, and list where they differ")
    audit.add_argument(
        "path",
        type=Path,
        metavar="RUN|REF|FILE",
        help="reference of human dialogues, annotated_dev_info.csv or its folder, labelled sheet; or run: against private decisions",
    )
    audit.add_argument("--json", action="store_true", help="print JSON")
    audit.add_argument("--all", action="store_true", help="list every dialogue, not only those that differ")
    readings.add(actions)


def _audit(arguments: argparse.Namespace) -> int:
    from vs_sim.audit import audit
    from vs_sim.scenario import money_only
    from vs_sim.store import RunFolder

    if (arguments.path / "manifest.json").is_file():
        money_only(RunFolder(arguments.path))
    found = audit(arguments.path)
    rows = [row for row in found.rows if arguments.all or not row.agrees]
    if arguments.json:
        print(json.dumps(_plain(found, rows), indent=2))
    else:
        print("\n".join([*_table(found), *(line for row in rows for line in _lines(row))]))
    return 0


def _interval(count: Count) -> dict[str, Any]:
    from analysis.uncertainty import share_interval

    if not count.n:
        return {"n_yes": 0, "n": 0, "share": None, "low": None, "high": None}
    low, high = share_interval(*count)
    return {"n_yes": count.n_yes, "n": count.n, "share": count.n_yes / count.n, "low": low, "high": high}


def _plain(found: Audit, rows: list[Row]) -> dict[str, Any]:
    from vs_sim.audit import ANNOTATED, IN_SIGHT

    return {
        "against": found.against,
        "note": IN_SIGHT if found.against == ANNOTATED else None,
        "n": len(found.rows),
        "n_missing": found.n_missing,
        "shares": {name: _interval(count) for name, count in found.shares().items()},
        "confusion": [{"read": kind, "label": label, "n": n} for (kind, label), n in found.confusion().items()],
        "dialogues": [
            {
                "conversation": row.conversation,
                "label_cents": row.label_cents,
                "agrees": row.agrees,
                **row.read.model_dump(mode="json"),
                "role": row.role,
                "words": row.words,
            }
            for row in rows
        ],
    }


def _table(found: Audit) -> list[str]:
    from vs_sim.audit import ANNOTATED, IN_SIGHT, KINDS, LABELS
    from vs_sim.terminal import wrapped

    missing = f", {found.n_missing} more without a label" if found.n_missing else ""
    title = f"Stated donations as the rules read them, against {found.against}: {len(found.rows)} dialogues{missing}."
    counts = found.confusion()
    lines = [*wrapped(title), "", f"{'read as':<16}" + "".join(f"{label:>9}" for label in LABELS)]
    for kind in KINDS:
        lines.append(f"{kind:<16}" + "".join(f"{counts[kind, label]:>9}" for label in LABELS))
    lines.append(f"{'n':<16}" + "".join(f"{sum(counts[kind, label] for kind in KINDS):>9}" for label in LABELS))
    lines += ["", "exact 95 % intervals; a refusal counts as $0"]
    for name, count in found.shares().items():
        share = _interval(count)
        value = "-" if share["share"] is None else f"{share['share']:6.1%} ({share['low']:.1%} to {share['high']:.1%})"
        lines.append(f"{_SHARES[name]:<60}{count.n_yes:>4} of {count.n:<4} {value}")
    if found.against == ANNOTATED:
        lines += ["", *wrapped(IN_SIGHT)]
    return lines


def _lines(row: Row) -> list[str]:
    from vs_sim.records import printable
    from vs_sim.terminal import WIDTH

    label = "nothing" if row.label_cents is None else f"${row.label_cents / 100:.2f}"
    read = row.read.status if row.read.cents is None else f"${row.read.cents / 100:.2f}"
    lines = ["", f"{printable(row.conversation)}: {label} labelled, {read} read"]
    if row.words is not None:
        lines.append(f"  turn {row.read.turn}, {row.role}: {row.words}"[:WIDTH])
    return lines
