"""A run folder as pandas frames: one tidy table each of conversations, turns, candidates, calls and personas."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vs_sim.columns import TABLES, frame
from vs_sim.errors import RunFolderError
from vs_sim.human.reference import person
from vs_sim.personas import ATTRIBUTES, Persona, render
from vs_sim.records import Call, ConversationSpec, Role, Transcript, VerbalizedDistribution, is_person
from vs_sim.scenario import Scale, scale_of
from vs_sim.store import RunFolder, turn_of

if TYPE_CHECKING:
    import pandas as pd

    from vs_sim.human.reference import ReferenceFacts
    from vs_sim.second_reader import Reading

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Run:
    """A run as tables; what each column says stands in `vs_sim.columns`.

    Attributes:
        path: the run folder.
        manifest: its manifest: study, personas and prompts as run, versions.
        reference: what is known of the humans, if people spoke (`vs_sim.human.reference`); None for a simulation.
        conversations: one row for each planned conversation, run or not.
        turns: one row for each turn.
        candidates: one row for each candidate reply, and each candidate amount of a private decision.
        calls: one row for each answer of a model.
        personas: one row for each persona.
    """

    path: Path
    manifest: dict[str, Any]
    reference: ReferenceFacts | None
    conversations: pd.DataFrame
    turns: pd.DataFrame
    candidates: pd.DataFrame
    calls: pd.DataFrame
    personas: pd.DataFrame

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The five tables by their names."""
        return {name: getattr(self, name) for name in TABLES}


def load_run(path: str | Path) -> Run:
    """The tables of a run folder, or of a reference of human dialogues.

    A run that is unfinished, or goes on meanwhile, is read as far as it is.

    Args:
        path: the folder.

    Returns:
        Frames of pandas' nullable types. Missing is pandas.NA, never 0 or "". Half characters (lone surrogates), which no file
        can hold as text, are replaced by U+FFFD.

    Raises:
        RunFolderError: it is no run folder, is damaged, or was written by another version.
        HumanDataError: it is a reference that was changed after it was made.
    """
    folder = RunFolder(path)
    manifest = folder.manifest()
    reference = None
    if folder.is_reference:
        from vs_sim.human.reference import load_human

        human = load_human(folder.path)
        reference, transcripts = human.facts, list(human.transcripts)
        people: dict[Role, Sequence[Persona]] = {"persuader": human.persuaders, "persuadee": human.persuadees}
    else:
        transcripts = folder.transcripts()
        people = _people(folder, manifest["study"])
    calls = list(_calls(folder, transcripts))
    rows: dict[str, Iterable[Row]] = {
        "conversations": _conversations(folder, manifest["study"], transcripts, calls, people_spoke=reference is not None),
        "turns": _turns(transcripts),
        "candidates": _candidates(transcripts),
        "calls": [*calls, *_second_calls(folder, manifest["study"])],
        "personas": _personas(people),
    }
    return Run(folder.path, manifest, reference, **{name: frame(name, rows[name]) for name in TABLES})


def _conversations(
    folder: RunFolder, study: Mapping[str, Any], transcripts: Sequence[Transcript], calls: Sequence[Row], *, people_spoke: bool
) -> Iterator[Row]:
    conditions = {one["name"]: one for one in study["conditions"]}
    found = {t.spec.id: t for t in transcripts}
    scale = scale_of(study)
    specs = {spec.id: spec for spec in (*folder.planned(), *(t.spec for t in transcripts))}
    second = _readings(folder, study)
    calls_of: dict[str, list[Row]] = {}
    for call in calls:
        if not is_person(call["model"]):  # what a person typed costs no tokens
            calls_of.setdefault(call["conversation"], []).append(call)
    for spec in specs.values():
        condition = {} if is_person(spec.persuadee_model) else conditions.get(spec.condition, {})
        k = condition.get("k")
        mine = calls_of.get(spec.id, [])
        yield {
            **_planned(spec),
            **{key: condition.get(key) for key in ("method", "select", "tau", "wording", "format")},
            "k": k if isinstance(k, int) else None,
            "k_by_model": None if k is None else k == "model",
            "calls_per_turn": condition.get("calls"),
            "unit": scale.unit,
            **_ended(found.get(spec.id), people_spoke=people_spoke),
            **_stated(found.get(spec.id), scale, second.get(spec.id)),
            "n_calls": None if people_spoke else len(mine),
            **{key: _total(mine, key) for key in ("prompt_tokens", "completion_tokens")},
        }


def _planned(spec: ConversationSpec) -> Row:
    row = spec.model_dump()
    return {"conversation": row.pop("id"), **row}


def _ended(transcript: Transcript | None, *, people_spoke: bool) -> Row:
    """How a conversation ended; all of it is missing if it was not run."""
    t = transcript
    failure = None if t is None else t.failure
    return {
        "status": "not run" if t is None else "complete" if t.complete else "failed",
        "stop_reason": None if t is None else t.stop_reason.value,
        "failure_kind": None if failure is None else failure.kind,
        "failure_message": None if failure is None else failure.message,
        "failure_step": None if failure is None else failure.step,
        "n_turns": None if t is None else len(t.turns),
        "n_rounds": None if t is None else t.turns[-1].round if t.turns else 0,
        "decided": None if t is None or not t.complete or t.decision is None else t.decision.amount,
        "started": None if t is None or t.started == "unknown" else t.started,
        "seconds": None if t is None or people_spoke else t.seconds,
        "vs_sim": None if t is None else t.vs_sim,
    }


def _stated(transcript: Transcript | None, scale: Scale, reading: Reading | None) -> Row:
    """What the persuadee says to give, by both readers; the rules know money only."""
    row: Row = dict.fromkeys(("stated_status", "stated", "stated_turn", "second_status", "second_stated", "second_failure"))
    if transcript is None or not transcript.complete or not scale.money:
        return row
    from vs_sim.outcome import read_outcome
    from vs_sim.records import Outcome

    read = read_outcome(transcript)
    row |= {"stated_status": read.stated.status, "stated": read.stated_cents, "stated_turn": read.stated.turn}
    if reading is not None and reading.stated is not None:
        cents = Outcome(stated=reading.stated, actual_cents=None).stated_cents
        row |= {"second_status": reading.stated.status, "second_stated": cents}
    elif reading is not None and reading.failure is not None:
        row["second_failure"] = reading.failure.kind
    return row


def _readings(folder: RunFolder, study: Mapping[str, Any]) -> Mapping[str, Reading]:
    """Conversation -> what the study's second reader read; nothing if the study has none."""
    model = study.get("second_reader")
    if model is None:
        return {}
    from vs_sim.second_reader import readings

    return readings(folder).get(model, {})


def _total(calls: Sequence[Row], key: str) -> int | None:
    """The sum over the calls; missing if one of them does not say, which would make it look smaller than it was."""
    counts = [call[key] for call in calls]
    return sum(counts) if counts and None not in counts else None


def _turns(transcripts: Sequence[Transcript]) -> Iterator[Row]:
    from vs_sim.graph import step_name

    for transcript in transcripts:
        for turn in transcript.turns:
            d = turn.distribution
            yield {
                "conversation": transcript.spec.id,
                "turn": turn.index,
                "step": step_name(turn.index),
                "round": turn.round,
                "role": turn.role,
                "text": turn.text,
                "drawn": turn.drawn,
                "n_candidates": None if d is None else len(d.candidates),
                "entropy": None if d is None else _entropy(d),
                "repairs": None if d is None else " ".join(d.repairs),
            }


def _entropy(distribution: VerbalizedDistribution) -> float:
    return math.fsum(-p * math.log2(p) for p in distribution.probabilities if p > 0) + 0.0  # which makes 0 of -0


def _candidates(transcripts: Sequence[Transcript]) -> Iterator[Row]:
    from vs_sim.graph import step_name

    for transcript in transcripts:
        drawn: list[tuple[str, int | None, VerbalizedDistribution | None, int | None]] = [
            (step_name(t.index), t.index, t.distribution, t.drawn) for t in transcript.turns
        ]
        if transcript.decision is not None:
            drawn.append(("decide", None, transcript.decision.distribution, transcript.decision.drawn))
        for step, turn, distribution, chosen in drawn:
            for i, one in enumerate(distribution.candidates if distribution is not None else ()):
                yield {
                    "conversation": transcript.spec.id,
                    "step": step,
                    "turn": turn,
                    "candidate": i,
                    "text": one.text,
                    "stated": None if one.stated is None else str(one.stated),
                    "stated_number": _number(one.stated),
                    "probability": one.probability,
                    "above_tau": one.above_tau,
                    "drawn": i == chosen,
                    "repairs": " ".join(one.repairs),
                }


_NUMBER = re.compile(r"\s*([+-]?(?:\d+(?:[.,]\d*)?|[.,]\d+)(?:[eE][+-]?\d{1,3})?)\s*%?\s*", re.ASCII)


def _number(stated: float | int | str | None) -> float | None:
    """A stated probability as the number that stands there; None if none does."""
    if isinstance(stated, str):
        match = _NUMBER.fullmatch(stated) if len(stated) <= 100 else None
        stated = float(match[1].replace(",", ".")) if match else None
    return float(stated) if stated is not None and abs(stated) < 1e300 else None


def _calls(folder: RunFolder, transcripts: Sequence[Transcript]) -> Iterator[Row]:
    """The answers in the journal; of conversations that the journal lacks, those that stand in the transcript."""
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
        mine.append(_call(id_, call, n_given_up[id_, turn_of(call.step)]))
        rows.append(mine[-1])
    yield from rows
    for transcript in transcripts:
        if transcript.spec.id in open_rows:
            continue
        for call in transcript.calls:
            yield _call(transcript.spec.id, call, 0)


def _second_calls(folder: RunFolder, study: Mapping[str, Any]) -> Iterator[Row]:
    for id_, reading in _readings(folder, study).items():
        for call in reading.calls:
            yield {**_call(id_, call, 0), "given_up": reading.stated is None}


def _call(conversation: str, call: Call, attempt: int) -> Row:
    row = call.model_dump()
    return {"conversation": conversation, "attempt": attempt, "given_up": False, **row.pop("usage"), **row}


def _people(folder: RunFolder, study: Mapping[str, Any]) -> dict[Role, Sequence[Persona]]:
    """The personas as the manifest holds them."""
    people: dict[Role, Sequence[Persona]] = {}
    roles: tuple[Role, Role] = ("persuader", "persuadee")
    for role in roles:
        try:
            people[role] = [Persona.model_validate(one) for one in study.get(f"{role}s", [])]
        except ValidationError as error:
            raise RunFolderError(f"{folder.manifest_path}: a {role} is damaged: {error.errors()[0]['msg']}") from None
    return people


def _personas(people: Mapping[Role, Sequence[Persona]]) -> Iterator[Row]:
    for role, personas in people.items():
        for one in personas:
            yield {
                "persona": one.id,
                "role": role,
                "person": person(one.id),
                "text": one.text,
                "facts": json.dumps(one.facts, ensure_ascii=False) if one.facts else None,
                "human_cents": one.human_cents,
                **{name: getattr(one, name) for name in ATTRIBUTES},
                "income": None if one.income is None else str(one.income),
                "shown": render(one),
            }
