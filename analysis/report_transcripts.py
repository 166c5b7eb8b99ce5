"""Transcripts as a reader of a report needs them: an index to filter by, and packed parts that a browser opens when they are looked at."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vs_sim.records import Call, Transcript, Turn, VerbalizedDistribution
from vs_sim.scenario import Scale, scale_of

PER_PART = 50
"""Conversations that are packed together: few enough to open at once, enough to pack well."""


@dataclass(frozen=True)
class Recorded:
    """The conversations of one run.

    Attributes:
        name: of the run folder.
        transcripts: in order.
        study: as in the manifest.
        amounts: conversation id -> the outcome that is compared, whole units of the study's scale; None where it is missing.
    """

    name: str
    transcripts: Sequence[Transcript]
    study: Mapping[str, Any]
    amounts: Mapping[str, int | None]


@dataclass(frozen=True)
class Packed:
    """Transcripts ready for a page, all text in base64 of gzip of JSON, which holds no character that means something in HTML.

    Attributes:
        index: what can be filtered by, and the personas.
        parts: the conversations, `PER_PART` in each, in the order of the index.
        n: number of conversations.
        prompts: what prompts of runs of prompts can be chosen by; their replies are in the parts behind the conversations
            (`analysis.report_replies`). Empty where there are none.
        n_prompts: number of these prompts.
    """

    index: str
    parts: tuple[str, ...]
    n: int
    prompts: str = ""
    n_prompts: int = 0


def amount_text(scale: Scale, amount: float | None) -> str | None:
    """An amount for readers, such as ``"$0.50"``; None stays None."""
    return None if amount is None else scale.text(amount)


def pack(runs: Sequence[Recorded]) -> Packed:
    """All conversations of some runs, failed ones included."""
    rows: list[dict[str, Any]] = []
    parts: list[str] = []
    waiting: list[dict[str, Any]] = []
    scales = [scale_of(run.study) for run in runs]
    for at, (run, scale) in enumerate(zip(runs, scales, strict=True)):
        for transcript in run.transcripts:
            rows.append(_row(at, scale, transcript, run.amounts.get(transcript.spec.id)))
            waiting.append(_conversation(scale, transcript))
            if len(waiting) == PER_PART:
                parts.append(packed(waiting))
                waiting = []
    if waiting:
        parts.append(packed(waiting))
    about = [
        # What is filtered by is given as it is shown, money in dollars; rows hold whole units of the scale.
        {
            "name": run.name,
            "unit": "dollars" if scale.money else scale.unit,
            "per": 100 if scale.money else 1,
            "low": scale.low,
            "personas": _personas(run.study),
        }
        for run, scale in zip(runs, scales, strict=True)
    ]
    return Packed(index=packed({"per_part": PER_PART, "runs": about, "rows": rows}), parts=tuple(parts), n=len(rows))


def packed(data: object) -> str:
    """Data as base64 of gzip of JSON; `ensure_ascii` keeps even half characters, which UTF-8 has no bytes for."""
    return packed_json(json.dumps(data, separators=(",", ":")))


def packed_json(text: str) -> str:
    """JSON in ASCII as base64 of its gzip."""
    return base64.b64encode(gzip.compress(text.encode("ascii"), 6, mtime=0)).decode("ascii")


def _row(at: int, scale: Scale, transcript: Transcript, amount: int | None) -> dict[str, Any]:
    spec = transcript.spec
    return {
        "run": at,
        "id": spec.id,
        "seed": str(spec.seed),  # more digits than a number of JavaScript can hold
        "condition": spec.condition,
        "model": spec.persuadee_model,
        "persuader": spec.persuader,
        "persuader_model": spec.persuader_model,
        "persona": spec.persuadee,
        "replicate": spec.replicate,
        "amount": amount,
        "shown": amount_text(scale, amount),
        "stop": transcript.stop_reason.value,
        "failure": transcript.failure.kind if transcript.failure else None,
        "turns": len(transcript.turns),
    }


def _conversation(scale: Scale, transcript: Transcript) -> dict[str, Any]:
    decision, failure = transcript.decision, transcript.failure
    return {
        "id": transcript.spec.id,
        "started": transcript.started,
        "seconds": transcript.seconds,
        "version": transcript.vs_sim,
        "human": amount_text(scale, transcript.spec.human_cents),
        "turns": [_turn(turn) for turn in transcript.turns],
        "decision": None
        if decision is None
        else {
            "text": amount_text(scale, decision.amount),
            **drawn_shown(decision.distribution, decision.drawn, lambda text: _amount(scale, text)),
        },
        "failure": None if failure is None else failure.model_dump(mode="json"),
    }


def _amount(scale: Scale, text: str) -> str:
    """A candidate of a decision, whose text is a whole number of units."""
    return scale.text(int(text)) if text.isdecimal() else text


def _turn(turn: Turn) -> dict[str, Any]:
    said = {"role": turn.role, "round": turn.round, "text": turn.text, **drawn_shown(turn.distribution, turn.drawn, str)}
    return said if turn.distribution is not None else {**said, "raw": _raw(turn.calls)}


def drawn_shown(distribution: VerbalizedDistribution | None, drawn: int | None, show: Any) -> dict[str, Any]:
    """What a reply was drawn from, as a page shows it; nothing where it was not drawn.

    Args:
        distribution: the candidates.
        drawn: index of the one that was drawn.
        show: a candidate's text -> the words for it.
    """
    if distribution is None:
        return {}
    candidates = [
        {
            "text": show(c.text),
            "stated": None if c.stated is None else str(c.stated),
            "probability": c.probability,
            "repairs": list(c.repairs),
            "above_tau": bool(c.above_tau),
            "n_given": c.n_given,
        }
        for c in distribution.candidates
    ]
    return {
        "candidates": candidates,
        "drawn": drawn,
        "sum": None if distribution.stated_sum is None else f"{distribution.stated_sum:.4g}",
        "repairs": list(distribution.repairs),
        "raw": _raw(distribution.calls),
    }


def _raw(calls: Iterable[Call]) -> list[dict[str, Any]]:
    return [{"step": c.step, "model": c.model_returned or c.model, "text": c.text, "finish": c.finish_reason} for c in calls]


def _personas(study: Mapping[str, Any]) -> dict[str, dict[str, list[list[str]]]]:
    """Role -> persona id -> (what, value) as the study has them."""
    found: dict[str, dict[str, list[list[str]]]] = {}
    for role, key in (("persuader", "persuaders"), ("persuadee", "persuadees")):
        found[role] = {}
        for persona in study.get(key) or ():
            pairs = [[name, value] for name, value in persona.items() if name not in ("id", "facts", "text") and value is not None]
            pairs += list(map(list, (persona.get("facts") or {}).items()))
            found[role][str(persona.get("id"))] = [["text", str(persona.get("text") or "")], *([str(a), str(b)] for a, b in pairs)]
    return found
