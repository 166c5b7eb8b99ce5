"""PersuasionForGood as a ConvoKit corpus folder, read into plain dialogues.

Source: ConvoKit's documentation of its data format and of the corpus persuasionforgood-corpus. Both the format of today (``"meta"``,
``"conversation_id"``, speakers.json) and that of its first versions (``"root"``, users.json) are read; keys that are not needed may be
missing. A conversation's id there is the number of its first row in full_dialog.csv.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vs_sim.errors import HumanDataError
from vs_sim.human.corpus import (
    ROLES,
    AnnotatedSentence,
    Corpus,
    Participant,
    RawDialogue,
    cents_of,
    needed,
    number_of,
    role_of,
    say,
    stated_of,
    text_of,
    value_of,
)
from vs_sim.personas import ATTRIBUTES
from vs_sim.records import Role


def read_convokit(path: Path) -> Corpus:
    """The dialogues of a ConvoKit corpus folder.

    Raises:
        HumanDataError: if a file or key that is needed is missing, or cannot be read as it should be.
    """
    speakers_file = path / "speakers.json"
    if not speakers_file.is_file() and (path / "users.json").is_file():
        speakers_file = path / "users.json"  # as the first versions of ConvoKit named it
    talks_file, said_file = path / "conversations.json", path / "utterances.jsonl"
    speakers, talks = _json_table(speakers_file), _json_table(talks_file)
    dialogues: dict[str, RawDialogue] = {}
    place_of: dict[str, str] = {}
    for key, talk in talks.items():
        place = f"{talks_file}, conversation {key!r}"
        id_ = _id(talk, "dialogue_id", place)
        if id_ in place_of:
            raise HumanDataError(f"{place}: dialogue_id {id_!r} is used by {place_of[id_]} too, expected once; remove one of them")
        place_of[id_] = place
        people: dict[Role, Participant] = {}
        for role, name in zip(ROLES, ("user_er", "user_ee"), strict=True):
            user = _id(talk, name, place)
            if user not in speakers:
                raise HumanDataError(f"{place}: {name} {user!r} is not in {speakers_file.name}; get the whole folder again")
            who = speakers[user]
            there = f"{speakers_file}, speaker {user!r}"
            attributes = {n: v for n in ATTRIBUTES if (v := value_of(who.get(n, who.get(f"{n}.x")), f"{there}, {n}")) is not None}
            people[role] = Participant(user, attributes, there)
        dollars = number_of(needed(talk, "donation_ee", place), f"{place}, donation_ee")
        cents = None if dollars is None else cents_of(dollars, f"{place}, donation_ee")
        dialogue = RawDialogue(
            id_, int(key) if re.fullmatch("[0-9]{1,9}", key) else None, [], people, cents, bool(talk.get("is_annotated"))
        )
        if dialogue.annotated:
            dialogue.stated_dollars = stated_of(talk.get("intended"), f"{place}, intended")
        dialogues[key] = dialogue
    _read_utterances(said_file, dialogues)
    for key, dialogue in dialogues.items():
        if not dialogue.turns:
            raise HumanDataError(f"{talks_file}, conversation {key!r}: has no line in {said_file.name}; get the whole folder again")
    ordered = sorted(dialogues.values(), key=lambda d: -1 if d.row is None else d.row)
    return Corpus("convokit", (said_file, speakers_file, talks_file), tuple(ordered))


def _read_utterances(path: Path, dialogues: Mapping[str, RawDialogue]) -> None:
    """Adds what was said, in the order of the file, to the dialogues by ConvoKit's ids of the conversations."""
    n = 0
    for line, text in enumerate(text_of(path).split("\n"), 1):
        if not text.strip():
            continue
        n += 1
        place = f"{path}, line {line}"
        said = _json(text, place, "one utterance a line")
        if not isinstance(said, dict):
            raise HumanDataError(f"{place}: {said!r:.40} is no utterance, expected a JSON object; get the file again")
        key = str(said["conversation_id"] if "conversation_id" in said else needed(said, "root", place, "conversation_id"))
        if key not in dialogues:
            raise HumanDataError(f"{place}: conversation {key!r} is not in conversations.json; get the whole folder again")
        meta = found if isinstance(found := said.get("meta"), dict) else {}
        role = role_of(needed(meta, "role", f"{place}, meta"), f"{place}, meta, role")
        words = needed(said, "text", place)
        if not isinstance(words, str):
            raise HumanDataError(f"{place}: text {words!r:.40} is no text; get the file again")
        dialogue = dialogues[key]
        say(dialogue.turns, role, words, place, dialogue.id)
        dialogue.sentences += _convokit_sentences(meta, len(dialogue.turns) - 1, role)
    if not n:
        raise HumanDataError(f"{path}: the file holds nothing, expected one utterance a line; get it again")


def _convokit_sentences(meta: Mapping[str, Any], turn: int, role: Role) -> Iterator[AnnotatedSentence]:
    """The acts of one utterance; its sentences' texts where they can be told apart."""
    first, second = (value if isinstance(value := meta.get(f"label_{n}"), list) else [] for n in "12")
    texts = meta.get("text_by_sent")
    sentences = [" ".join(s.split()) for s in re.split(r"</?s>", texts)] if isinstance(texts, str) else []
    sentences = [s for s in sentences if s]
    for i, act in enumerate(first):
        acts = [a.strip() for a in (act, second[i] if i < len(second) else None) if isinstance(a, str) and a.strip()]
        yield AnnotatedSentence(turn // 2, role, sentences[i] if len(sentences) == len(first) else None, tuple(acts))


def _json_table(path: Path) -> dict[str, dict[str, Any]]:
    """A JSON object of objects; their ``"meta"``, where ConvoKit puts it there, else themselves."""
    data = _json(text_of(path), str(path), "ConvoKit's format")
    if not isinstance(data, dict) or not data or not all(isinstance(entry, dict) for entry in data.values()):
        raise HumanDataError(f"{path}: holds no table of objects, expected ConvoKit's format; get the file again")
    return {str(key): entry["meta"] if isinstance(entry.get("meta"), dict) else entry for key, entry in data.items()}


def _json(text: str, place: str, expected: str) -> Any:
    """What JSON says, if it can be written again: JSON can spell half a character (a lone surrogate), which no file can hold."""
    try:
        data = json.loads(text)
        if "\\u" in text:
            json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise HumanDataError(f"{place}: has half a character (\\ud800 to \\udfff alone), expected whole ones; get the file again") from None
    except ValueError as error:
        raise HumanDataError(f"{place}: not valid JSON ({error}), expected {expected}; was the file cut off?") from None
    except RecursionError:
        raise HumanDataError(f"{place}: JSON nested too deep to be read, expected {expected}; get the file again") from None
    return data


def _id(data: Mapping[str, Any], key: str, place: str) -> str:
    """The value of a key that must hold an id."""
    value = needed(data, key, place)
    if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
        raise HumanDataError(f"{place}: {key} {value!r:.40} is no id, expected text that is not empty; get the file again")
    return str(value)
