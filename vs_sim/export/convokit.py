"""A run as a ConvoKit corpus: utterances.jsonl, conversations.json, speakers.json, corpus.json, index.json.

Source: ConvoKit's documentation of its data format. Departures: timestamps are null, because nobody knows when a simulated turn was
said; the order stands in ``reply-to`` and in the metadata key ``turn``. Everything is ASCII JSON, so that it reads alike whatever the
reader's locale. A conversation's id is the id of its first utterance, as ConvoKit has it.

Dialogues of people carry the metadata of ConvoKit's own persuasionforgood-corpus besides (``dialogue_id``, ``role`` 0 or 1, ...), so that
`vs_sim.human.convokit` reads them. Simulated ones do not: they must never pass for human data.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vs_sim.columns import rows_of
from vs_sim.export.card import people_in
from vs_sim.human.reference import Annotation, load_human, person
from vs_sim.load import Run

_CANDIDATE = ("text", "stated", "stated_number", "probability", "above_tau", "drawn")


def write_convokit(run: Run, folder: Path) -> dict[str, int]:
    """Write the five files of a corpus; conversations in which nothing was said are counted in corpus.json only.

    Returns:
        Numbers of speakers, utterances and conversations written.
    """
    annotations = {} if run.reference is None else {a.conversation: a for a in load_human(run.path).annotations}
    names = _speaker_names(run)
    speakers = dict(_speakers(run, names))
    talks = {row["conversation"]: row for row in rows_of(run.conversations) if row["n_turns"]}
    candidates: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows_of(run.candidates):
        candidates.setdefault((row["conversation"], row["step"]), []).append({key: row[key] for key in _CANDIDATE})
    utterance_keys: dict[str, list[str]] = {}
    n_utterances = 0
    with (folder / "utterances.jsonl").open("w", encoding="ascii", newline="") as file:
        for turn in rows_of(run.turns):
            talk = talks[turn["conversation"]]
            meta = {
                "speaker_role": turn["role"],
                **{key: turn[key] for key in ("turn", "round", "n_candidates", "entropy", "repairs")},
                "candidates": candidates.get((turn["conversation"], turn["step"])),
                **({"role": int(turn["role"] == "persuadee")} if annotations else {}),
            }
            _note(utterance_keys, meta)
            utterance = {
                "id": _utterance_id(turn["conversation"], turn["turn"]),
                "conversation_id": turn["conversation"],
                "text": turn["text"],
                "speaker": names[turn["role"], talk[turn["role"]]],
                "meta": meta,
                "reply-to": _utterance_id(turn["conversation"], turn["turn"] - 1) if turn["turn"] else None,
                "timestamp": None,
                "vectors": [],
            }
            file.write(json.dumps(utterance) + "\n")
            n_utterances += 1
    conversations = {
        id_: {
            **{key: value for key, value in talk.items() if key != "conversation"},
            "decision_candidates": candidates.get((id_, "decide")),
            **(_as_in_p4g(talk, annotations[id_], names) if annotations else {}),
        }
        for id_, talk in talks.items()
    }
    corpus = {
        "name": run.manifest["study"].get("question", ""),
        "simulated": people_in(run) == "neither",
        "people": people_in(run),
        "n_planned": len(run.conversations),
        "n_conversations": len(talks),
        "n_complete": int((run.conversations["status"] == "complete").sum()),
    }
    index: dict[str, Any] = {"utterances-index": utterance_keys, "speakers-index": {}, "conversations-index": {}, "overall-index": {}}
    for name, table in (("speakers", speakers), ("conversations", conversations)):
        for meta in table.values():
            _note(index[f"{name}-index"], meta)
        _dump({key: {"meta": meta, "vectors": []} for key, meta in table.items()}, folder / f"{name}.json")
    _note(index["overall-index"], corpus)
    _dump(corpus, folder / "corpus.json")
    _dump({**index, "version": 1, "vectors": []}, folder / "index.json")
    return {"speakers": len(speakers), "utterances": n_utterances, "conversations": len(talks)}


def _dump(data: Any, path: Path) -> None:
    path.write_text(json.dumps(data) + "\n", "ascii")


def _note(index: dict[str, list[str]], meta: dict[str, Any]) -> None:
    """Enter the types of metadata into ConvoKit's index, which names each key with the types of its values."""
    for key, value in meta.items():
        types = index.setdefault(key, [])
        if value is not None and str(type(value)) not in types:
            types.append(str(type(value)))


def _utterance_id(conversation: str, turn: int) -> str:
    return f"{conversation}-{turn}" if turn else conversation


def _speaker_names(run: Run) -> dict[tuple[str, str], str]:
    """(role, persona) -> speaker: the person if people spoke, the persona otherwise, with its role behind it if both roles have it."""
    pairs = list(zip(run.personas["role"], run.personas["persona"], strict=True))
    if run.reference is not None:
        return {(role, id_): person(id_) for role, id_ in pairs}
    ids = [id_ for _, id_ in pairs]
    return {(role, id_): id_ if ids.count(id_) == 1 else f"{id_} ({role})" for role, id_ in pairs}


def _speakers(run: Run, names: dict[tuple[str, str], str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for row in rows_of(run.personas):
        name = names[row["role"], row["persona"]]
        if run.reference is not None:  # somebody may have taken part in both roles, and given differently each time
            row = {key: value for key, value in row.items() if key not in ("persona", "role", "human_cents")}
        yield name, row


def _as_in_p4g(talk: dict[str, Any], annotation: Annotation, names: dict[tuple[str, str], str]) -> dict[str, Any]:
    """The metadata of a conversation under the names of ConvoKit's persuasionforgood-corpus; donations in dollars."""
    return {
        "dialogue_id": annotation.dialogue,
        "user_er": names["persuader", talk["persuader"]],
        "user_ee": names["persuadee", talk["persuadee"]],
        "donation_ee": None if talk["decided"] is None else talk["decided"] / 100,
        "is_annotated": annotation.annotated,
        "intended": None if annotation.stated_cents is None else annotation.stated_cents / 100,
    }
