"""A run folder as pandas frames, one tidy table each: of conversations, turns, personas, or of askings and prompts; candidates, calls."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from vs_sim.columns import DICTIONARIES, Kind, frame
from vs_sim.errors import RunFolderError
from vs_sim.human.reference import person
from vs_sim.load_askings import rows_of_prompts
from vs_sim.load_rows import Row, call_row, calls_of, candidate_rows, condition_cells, entropy, failure_cells, total
from vs_sim.personas import ATTRIBUTES, Persona, render
from vs_sim.records import ConversationSpec, Role, Transcript, VerbalizedDistribution, is_person
from vs_sim.scenario import Scale, scale_of
from vs_sim.store import RunFolder

if TYPE_CHECKING:
    import pandas as pd

    from vs_sim.human.reference import ReferenceFacts
    from vs_sim.second_reader import Reading


@dataclass(frozen=True, eq=False)
class Run:
    """A run as tables; what each column says stands in `vs_sim.columns`.

    Attributes:
        path: the run folder.
        manifest: its manifest: study, personas and prompts as run, versions.
        reference: what is known of the humans, if people spoke (`vs_sim.human.reference`); None for a simulation.
        tables: the tables by their names: of dialogues conversations, turns, candidates, calls and personas; of single prompts askings,
            candidates, calls and prompts.
    """

    path: Path
    manifest: dict[str, Any]
    reference: ReferenceFacts | None
    tables: dict[str, pd.DataFrame]

    @property
    def kind(self) -> Kind:
        """Whether it is a run of dialogues or of single prompts."""
        return "prompt" if self.manifest["study"].get("kind") == "prompt" else "dialogue"

    @property
    def conversations(self) -> pd.DataFrame:
        """Of dialogues: one row for each planned conversation, run or not."""
        return self._table("conversations")

    @property
    def turns(self) -> pd.DataFrame:
        """Of dialogues: one row for each turn."""
        return self._table("turns")

    @property
    def personas(self) -> pd.DataFrame:
        """Of dialogues: one row for each persona."""
        return self._table("personas")

    @property
    def askings(self) -> pd.DataFrame:
        """Of single prompts: one row for each planned asking, run or not."""
        return self._table("askings")

    @property
    def prompts(self) -> pd.DataFrame:
        """Of single prompts: one row for each prompt."""
        return self._table("prompts")

    @property
    def candidates(self) -> pd.DataFrame:
        """One row for each candidate reply, and each candidate amount of a private decision."""
        return self._table("candidates")

    @property
    def calls(self) -> pd.DataFrame:
        """One row for each answer of a model."""
        return self._table("calls")

    def _table(self, name: str) -> pd.DataFrame:
        if name not in self.tables:
            kind = "single prompts" if self.kind == "prompt" else "dialogues"
            raise RunFolderError(f"{self.path} is a run of {kind}, which has no table {name!r}; it has {', '.join(self.tables)}")
        return self.tables[name]


def load_run(path: str | Path) -> Run:
    """The tables of a run folder of either kind, or of a reference of human dialogues.

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
    manifest = folder.any_manifest()
    reference = None
    kind: Kind = "dialogue"
    if folder.is_reference:
        from vs_sim.human.reference import load_human

        human = load_human(folder.path)
        reference = human.facts
        people: dict[Role, Sequence[Persona]] = {"persuader": human.persuaders, "persuadee": human.persuadees}
        rows = _rows_of_dialogues(folder, manifest["study"], list(human.transcripts), people, people_spoke=True)
    elif folder.of_prompts:
        kind, rows = "prompt", rows_of_prompts(folder, manifest["study"])
    else:
        study = manifest["study"]
        rows = _rows_of_dialogues(folder, study, folder.transcripts(), _people(folder, study), people_spoke=False)
    return Run(folder.path, manifest, reference, {name: frame(name, rows[name], kind) for name in DICTIONARIES[kind].tables})


def _rows_of_dialogues(
    folder: RunFolder,
    study: Mapping[str, Any],
    transcripts: Sequence[Transcript],
    people: Mapping[Role, Sequence[Persona]],
    *,
    people_spoke: bool,
) -> dict[str, Iterable[Row]]:
    calls = list(calls_of(folder, transcripts, "conversation"))
    return {
        "conversations": _conversations(folder, study, transcripts, calls, people_spoke=people_spoke),
        "turns": _turns(transcripts),
        "candidates": _candidates(transcripts),
        "calls": [*calls, *_second_calls(folder, study)],
        "personas": _personas(people),
    }


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
        mine = calls_of.get(spec.id, [])
        yield {
            **_planned(spec),
            **condition_cells(condition),
            "calls_per_turn": condition.get("calls"),
            "unit": scale.unit,
            **_ended(found.get(spec.id), people_spoke=people_spoke),
            **_stated(found.get(spec.id), scale, second.get(spec.id)),
            "n_calls": None if people_spoke else len(mine),
            **{key: total(mine, key) for key in ("prompt_tokens", "completion_tokens")},
        }


def _planned(spec: ConversationSpec) -> Row:
    row = spec.model_dump()
    return {"conversation": row.pop("id"), **row}


def _ended(transcript: Transcript | None, *, people_spoke: bool) -> Row:
    """How a conversation ended; all of it is missing if it was not run."""
    t = transcript
    failure = None if t is None else t.failure
    return {
        **failure_cells(t),
        "stop_reason": None if t is None else t.stop_reason.value,
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
                "entropy": None if d is None else entropy(d),
                "repairs": None if d is None else " ".join(d.repairs),
            }


def _candidates(transcripts: Sequence[Transcript]) -> Iterator[Row]:
    from vs_sim.graph import step_name

    for transcript in transcripts:
        drawn: list[tuple[str, int | None, VerbalizedDistribution | None, int | None]] = [
            (step_name(t.index), t.index, t.distribution, t.drawn) for t in transcript.turns
        ]
        if transcript.decision is not None:
            drawn.append(("decide", None, transcript.decision.distribution, transcript.decision.drawn))
        for step, turn, distribution, chosen in drawn:
            for row in () if distribution is None else candidate_rows(distribution, chosen):
                yield {"conversation": transcript.spec.id, "step": step, "turn": turn, **row}


def _second_calls(folder: RunFolder, study: Mapping[str, Any]) -> Iterator[Row]:
    for id_, reading in _readings(folder, study).items():
        for call in reading.calls:
            yield {"conversation": id_, **call_row(call, 0), "given_up": reading.stated is None}


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
