"""Who plays in which conversation: the plan of a folder of conversations with people (`vs_sim.play`), which grows by one each time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vs_sim.condition import Condition
from vs_sim.errors import HumanDataError, InputError, RunFolderError, StudyError
from vs_sim.human.reference import CONDITION
from vs_sim.personas import Persona
from vs_sim.plan import plan
from vs_sim.records import ConversationSpec, Role, Transcript
from vs_sim.store import RunFolder
from vs_sim.study import Study

MODEL = "human:terminal"
"""What stands in the place of the model's name for a person at a terminal."""
ONESELF = "You take part as yourself: nobody gives you a part to play."
"""The persona of a person who plays none, as shown to that person."""
_HUMANS = Condition(name=CONDITION, method="direct")
"""No method applies to people; of all methods this is the one that says least: one reply, nothing to choose from."""
_NUMBERED = re.compile(r"P([0-9]{3,})\Z")


@dataclass(frozen=True)
class Play:
    """A conversation with a person.

    Attributes:
        study: the study as it is recorded, with everyone who has played so far.
        role: the person's.
        spec: the conversation.
        specs: all that were begun in the folder, this one last unless it goes on.
        participant: name of the person, which is that of the persona.
        goes_on: whether it was begun before.
        folder: where it is recorded.
    """

    study: Study
    role: Role
    spec: ConversationSpec
    specs: tuple[ConversationSpec, ...]
    participant: str
    goes_on: bool
    folder: Path

    @property
    def model(self) -> str:
        """The other one's model."""
        return self.spec.persuadee_model if self.role == "persuader" else self.spec.persuader_model

    @property
    def who(self) -> Persona:
        """The persona that the person plays, or of one who plays none."""
        own = self.study.persuaders if self.role == "persuader" else self.study.persuadees
        return next(p for p in own if p.id == getattr(self.spec, self.role))

    @property
    def next(self) -> str:
        """What the person is asked for at each turn: the scenario's words, which speak of the person described, if one is played."""
        if self.who.text == ONESELF:
            return f"What do you write next? At most {self.study.reply_words} words."
        return self.study.scenario.render(f"next_{self.role}", reply_words=self.study.reply_words)


def next_play(
    study: Study,
    folder: RunFolder,
    role: Role,
    *,
    participant: str | None = None,
    persona: str | None = None,
    condition: str | None = None,
) -> Play:
    """The conversation that a folder owes to these wishes, or a new one.

    Each new conversation meets the next persona of the other role, in the order of the study's file; a participant may play again, which
    is another replicate if it meets the same one.

    Args:
        study: the study.
        folder: run folder of people who played the role, or new.
        role: which the person takes.
        participant: a pseudonym, 1 to 64 of letters, digits, ``.``, ``_``, ``-``; None for the next of P001, P002, ...
        persona: id of a persona of that role in the study's file, which the person is to play; None to take part as oneself.
        condition: arm of the study by which the persuadee's model answers; None for the first. None if the person is the persuadee.

    Raises:
        StudyError: there is no such condition or persona.
        InputError: the participant's name cannot be one.
        RunFolderError: the folder is not of people who played this role.
    """
    arm = _arm(study, role, condition)
    if participant is not None and (not participant or "-as-" in participant):
        raise InputError(
            f"participant {participant!r}: expected a pseudonym such as P001, not empty and without '-as-', which a persona adds"
        )
    earlier = folder.manifest()["study"] if folder.manifest_path.exists() else {}
    begun = folder.planned() if earlier else []
    if any((s.persuader_model if role == "persuader" else s.persuadee_model) != MODEL for s in begun):
        raise RunFolderError(f"{folder.path} holds conversations in which nobody played the {role}; give another folder with --out")
    people = {p["id"]: Persona.model_validate(p) for p in earlier.get(f"{role}s", [])}
    ids = [s.persuader if role == "persuader" else s.persuadee for s in begun]
    ending = "" if persona is None else f"-as-{persona}"
    complete = {t.spec.id for t in folder.transcripts() if t.complete}
    open_ones = [
        (spec, id)
        for spec, id in zip(begun, ids, strict=True)
        if spec.id not in complete
        and spec.condition == arm.name
        and (id == participant + ending if participant is not None else id.endswith(ending) and _NUMBERED.match(id.removesuffix(ending)))
    ]
    if open_ones:
        spec, id = open_ones[-1]
        who, goes_on = people[id], True
    else:
        numbers = [int(found[1]) for id in ids if (found := _NUMBERED.match(id.partition("-as-")[0]))]
        who = _participant(study, role, participant or f"P{max(numbers, default=0) + 1:03d}", persona)
        # Beyond those who were begun: who meets whom stays as it is when somebody plays again.
        spec, goes_on = _new(study, role, who, arm, len(begun), frozenset(s.id for s in begun)), False
        begun = [*begun, spec]
    people[who.id] = who
    played = _with(study, role, tuple(people.values())).model_copy(update={"replicates": 1 + max(s.replicate for s in begun)})
    return Play(played, role, spec, tuple(begun), who.id.removesuffix(ending), goes_on, folder.path)


def _arm(study: Study, role: Role, name: str | None) -> Condition:
    if role == "persuadee":
        if name is not None:
            raise StudyError(f"condition {name!r} is how a model answers as the persuadee; where a person does, leave it out")
        return _HUMANS
    found = [c for c in study.conditions if name in (None, c.name)]
    if not found:
        raise StudyError(f"the study has no condition {name!r}; it has {', '.join(c.name for c in study.conditions)}")
    return found[0]


def _participant(study: Study, role: Role, name: str, persona: str | None) -> Persona:
    own = study.persuaders if role == "persuader" else study.persuadees
    part = next((p for p in own if p.id == persona), None)
    if persona is not None and part is None:
        known = [*(p.id for p in own[:10]), *(["..."] if len(own) > 10 else [])]
        raise StudyError(f"the study has no {role} {persona!r}; it has {', '.join(known)}")
    given = Persona(id="P", text=ONESELF) if part is None else part
    id = name if persona is None else f"{name}-as-{persona}"
    try:
        return Persona.model_validate({**given.model_dump(exclude_none=True), "id": id})
    except ValidationError:
        raise InputError(
            f"participant {name!r}: expected a pseudonym of letters, digits, '.', '_' or '-' (with the persona at most 64), such as P001"
        ) from None


def _with(study: Study, role: Role, people: tuple[Persona, ...]) -> Study:
    """The study in which people take a role."""
    if role == "persuader":
        return study.model_copy(update={"persuader_model": MODEL, "persuaders": people})
    return study.model_copy(update={"persuadee_models": (MODEL,), "conditions": (_HUMANS,), "persuadees": people})


def _new(study: Study, role: Role, who: Persona, arm: Condition, n: int, begun: frozenset[str]) -> ConversationSpec:
    """Conversation number n of a folder, as a plan of this pair alone would have it."""
    others = study.persuadees if role == "persuader" else study.persuaders
    other = others[n % len(others)]
    pair = (who, other) if role == "persuader" else (other, who)
    one = _with(study, role, (who,)).model_copy(
        update={"persuaders": pair[:1], "persuadees": pair[1:], "conditions": (arm,), "replicates": len(begun) + 1}
    )
    one = one.model_copy(update={"persuadee_models": one.persuadee_models[:1]})
    return next(spec for spec in plan(one) if spec.id not in begun)


def people_who_played(path: Path, scenario: dict[str, Any]) -> tuple[list[Transcript], str] | None:
    """The dialogues of people who played the persuadee, as a human reference; None if the folder is not one of those.

    Args:
        path: the folder.
        scenario: what the dialogues have to be about, as in a manifest.

    Returns:
        The complete dialogues, and a line for tables on who these people are.

    Raises:
        HumanDataError: they played another scenario, or nobody has come to the end yet.
    """
    folder = RunFolder(path)
    if not folder.manifest_path.is_file() or not (begun := folder.planned()) or any(s.persuadee_model != MODEL for s in begun):
        return None
    own = folder.manifest()["study"]["scenario"]
    if own != scenario:
        different = ", ".join(sorted(key for key in {*own, *scenario} if own.get(key) != scenario.get(key)))
        raise HumanDataError(f"{path}: these people played another scenario than the one compared with them (it differs in {different})")
    found = [t for t in folder.transcripts() if t.complete]
    if not found:
        raise HumanDataError(f"{path}: nobody has come to the end of a conversation yet; people play with vs-sim play STUDY --as persuadee")
    n_open = len(begun) - len(found)
    source = f"people who played the persuadee at a terminal, {path}, n = {len(found)}" + (f" ({n_open} not finished)" if n_open else "")
    themselves = {p["id"] for p in folder.manifest()["study"]["persuadees"] if p.get("text") == ONESELF}
    n_parts = sum(t.spec.persuadee not in themselves for t in found)
    source += f"; {n_parts} of them played the part of a persona" if n_parts else ""
    return found, f"{source}; {own['about'].rstrip('.')}"
