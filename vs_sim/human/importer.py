"""Making references of human dialogues: from PersuasionForGood as researchers have it, and as samples of one another."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from vs_sim.errors import HumanDataError, InputError
from vs_sim.human.corpus import RawDialogue, whole_cents
from vs_sim.human.files import read_corpus
from vs_sim.human.filters import FILTERS, Facts, kept, pay_cents
from vs_sim.human.reference import (
    CONDITION,
    MODEL,
    Annotation,
    Dialogue,
    Drawn,
    FilterCount,
    HumanReference,
    InputFile,
    ReferenceFacts,
    Sentence,
    dialogues_of,
    load_human,
    person,
    version_of,
)
from vs_sim.new_folder import new_folder
from vs_sim.personas import Persona
from vs_sim.records import MAX_CENTS, ConversationSpec, Decision, StopReason, Transcript, Turn
from vs_sim.scenario import DEFAULT, load_scenario
from vs_sim.store import FORMAT

NOTHING_MEASURED = "You are a worker on a crowdsourcing platform who takes part in a study."
"""Text of the persona of a person of whom nothing was measured: a persona must show something, and this is true of all of them."""


def import_human(path: str | Path, out: str | Path = "human") -> HumanReference:
    """A reference made from PersuasionForGood as researchers have it; see `vs_sim.human.files.read_corpus`.

    Args:
        path: folder of the data.
        out: the reference to make; if it holds the same one already, it stays as it is.

    Raises:
        HumanDataError: if the data cannot be read as they should be, or `out` holds something else.
    """
    made = reference_of(path, out)
    write(made)
    return made


def reference_of(path: str | Path, out: str | Path) -> HumanReference:
    """What `import_human` would make, not yet written.

    Raises:
        HumanDataError: if the data cannot be read as they should be.
    """
    corpus = read_corpus(path)
    seen: Counter[str] = Counter()
    dialogues = [_dialogue(raw, seen) for raw in corpus.dialogues]
    inputs = tuple(InputFile(name=p.name, sha256=hashlib.sha256(p.read_bytes()).hexdigest()) for p in corpus.files)
    people = [who for raw in corpus.dialogues for who in raw.people.values()]
    counts = {
        "n_stated_not_whole": sum(d.stated_dollars is not None and whole_cents(d.stated_dollars) is None for d in corpus.dialogues),
        "n_annotated_unknown": corpus.n_annotated_unknown,
        "n_without_attributes": len({who.user for who in people if not who.attributes}),
    }
    return _reference(Path(out), dialogues, layout=corpus.layout, inputs=inputs, counts=counts, drawn=None)


def sample_human(
    reference: HumanReference,
    out: str | Path,
    *,
    n: int | None = None,
    seed: int = 0,
    filter: str = "all",
    rest: str | Path | None = None,
) -> tuple[HumanReference, ...]:
    """A seeded random sample of a reference's dialogues, and the others, each as a reference of its own.

    The same dialogues are drawn whatever their order in the reference.

    Args:
        reference: what is drawn from.
        out: the sample to make.
        n: number of dialogues to draw; None: all that the filter keeps.
        seed: of the draw, 0 or more.
        filter: name of the filter whose dialogues are drawn from.
        rest: where to put those that the filter keeps and that were not drawn; None: nowhere.

    Returns:
        The sample and, if asked for, the rest.

    Raises:
        HumanDataError: if there are fewer than `n` dialogues, no rest is left, or a folder holds something else.
    """
    among = sorted(reference.kept(filter), key=lambda i: reference.annotations[i].dialogue)
    n = len(among) if n is None else n
    if not 1 <= n <= len(among):
        raise HumanDataError(f"{reference.path}: {n!r} dialogues cannot be drawn, expected 1 to {len(among)} (filter {filter!r})")
    if rest is not None and n == len(among):
        raise HumanDataError(f"{reference.path}: no rest is left of {n} dialogues (filter {filter!r}) if {n} are drawn; draw fewer")
    drawn = {among[i] for i in np.random.default_rng(seed).permutation(len(among))[:n]}
    dialogues = dialogues_of(reference)
    made = []
    for folder, part, indices in ((out, "sample", drawn), (rest, "rest", set(among) - drawn)):
        if folder is None:
            continue
        how = Drawn(version=reference.facts.version, filter=filter, n_filtered=len(among), n=len(indices), seed=seed, part=part)
        chosen = [dialogues[i] for i in sorted(indices)]
        people = {person(p.id) for d in chosen for p in (d.persuader, d.persuadee) if p.text == NOTHING_MEASURED}
        counts = {"n_stated_not_whole": 0, "n_annotated_unknown": 0, "n_without_attributes": len(people)}
        made.append(
            _reference(Path(folder), chosen, layout=reference.facts.layout, inputs=reference.facts.inputs, counts=counts, drawn=how)
        )
    if rest is not None and Path(out).resolve() == Path(rest).resolve():
        raise HumanDataError(f"{out}: cannot hold both the sample and the rest; give another folder with --rest")
    for one in made:
        is_there(one.path, one.facts)  # what stands in the way is said before anything is made
    for one in made:
        write(one)
    return tuple(made)


def _dialogue(raw: RawDialogue, seen: Counter[str]) -> Dialogue:
    """The records of one dialogue; `seen` counts the dialogues of each person so far."""
    personas = {}
    for role, who in raw.people.items():
        seen[who.user] += 1
        content: dict[str, Any] = {"id": f"{who.user}-d{seen[who.user]}", **who.attributes}
        if not who.attributes:
            content["text"] = NOTHING_MEASURED
        if role == "persuadee":
            content["human_cents"] = raw.cents
        try:
            personas[role] = Persona.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"])) or "persona"
            raise HumanDataError(f"{who.place}: {key} {first['input']!r:.80}: {first['msg']}; was the file edited?") from None
    digest = hashlib.sha256(f"persuasionforgood:{raw.id}".encode()).digest()
    id_ = digest.hex()[:16]
    spec = ConversationSpec(
        id=id_,
        seed=int.from_bytes(digest[:8], "big") >> 1,  # nothing was drawn; it tells dialogues apart, as in a run
        condition=CONDITION,
        persuader_model=MODEL,
        persuadee_model=MODEL,
        persuader=personas["persuader"].id,
        persuadee=personas["persuadee"].id,
        replicate=0,
    )
    # The ids of the dialogues hold the time of their task, in an unknown zone.
    time = re.search(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)", raw.id)
    transcript = Transcript(
        spec=spec,
        turns=tuple(Turn(index=i, role=role, text=text) for i, (role, text) in enumerate(raw.turns)),
        decision=None if raw.cents is None else Decision(amount=raw.cents),
        stop_reason=StopReason.ROUNDS_DONE,
        failure=None,
        started="unknown" if time is None else "{}-{}-{}T{}:{}:{}".format(*time.groups()),
        seconds=0.0,
        vs_sim=metadata.version("vs-sim"),
    )
    sentences = []
    for s in sorted(raw.sentences, key=lambda s: (s.round, s.role == "persuadee")):  # some annotated dialogues are not in order
        turn = 2 * s.round + (s.role == "persuadee")
        sentences.append(Sentence(turn=turn if turn < len(raw.turns) else None, role=s.role, text=s.text, acts=s.acts))
    annotation = Annotation(
        conversation=id_,
        dialogue=raw.id,
        row=raw.row,
        persuader_person=raw.people["persuader"].user,
        persuadee_person=raw.people["persuadee"].user,
        pay_cents=pay_cents(text for _, text in raw.turns),
        annotated=raw.annotated,
        stated_cents=whole_cents(raw.stated_dollars),
        sentences=tuple(sentences),
    )
    return Dialogue(transcript, annotation, personas["persuader"], personas["persuadee"])


def _filter_counts(dialogues: Sequence[Dialogue]) -> dict[str, FilterCount]:
    facts = [Facts(d.annotation.row, d.annotation.pay_cents) for d in dialogues]
    counts = {}
    for name, one in FILTERS.items():
        indices = kept(name, facts)
        if indices is None:
            counts[name] = FilterCount(rule=one.rule, n=None, n_zero=None, n_above_200=None)
            continue
        cents = [decision.amount for i in indices if (decision := dialogues[i].transcript.decision) is not None]
        counts[name] = FilterCount(
            rule=one.rule, n=len(indices), n_zero=sum(c == 0 for c in cents), n_above_200=sum(c > MAX_CENTS for c in cents)
        )
    return counts


def _reference(
    out: Path,
    dialogues: Sequence[Dialogue],
    *,
    layout: str,
    inputs: tuple[InputFile, ...],
    counts: Mapping[str, int],
    drawn: Drawn | None,
) -> HumanReference:
    """The reference that holds these dialogues, not yet written."""
    annotations = [d.annotation for d in dialogues]
    persuadees = {a.persuadee_person for a in annotations}
    transcripts, _, persuaders, persuadee_personas = zip(*dialogues, strict=True)
    facts = ReferenceFacts(
        version=version_of(dialogues),
        layout=layout,
        inputs=inputs,
        files={},
        n_dialogues=len(dialogues),
        n_annotated=sum(a.annotated for a in annotations),
        n_stated=sum(a.stated_cents is not None for a in annotations),
        n_without_donation=sum(d.transcript.decision is None for d in dialogues),
        n_persuadees=len(persuadees),
        n_persuaders=len({a.persuader_person for a in annotations}),
        n_persuadees_again=len(dialogues) - len(persuadees),
        filters=_filter_counts(dialogues),
        drawn=drawn,
        vs_sim=metadata.version("vs-sim"),
        **counts,
    )
    made = HumanReference(
        path=out,
        facts=facts,
        transcripts=transcripts,
        annotations=tuple(annotations),
        persuaders=persuaders,
        persuadees=persuadee_personas,
    )
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in _files(made).items()}
    return made.model_copy(update={"facts": facts.model_copy(update={"files": digests})})


def is_there(out: Path, facts: ReferenceFacts | None = None) -> bool:
    """Whether a reference is there already.

    Args:
        out: the folder.
        facts: of the reference that it must be; None: any.

    Raises:
        HumanDataError: if something else is there.
    """
    try:
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return False
    except OSError as error:
        raise HumanDataError(f"{str(out)!r:.80}: cannot be written: {error.strerror}; give another folder with --out") from None
    if not (out / "reference.json").is_file():
        raise HumanDataError(f"{out}: is there already and holds no reference of human dialogues; give another folder with --out")
    there = load_human(out).facts
    if facts is not None and (there.version, there.drawn) != (facts.version, facts.drawn):
        raise HumanDataError(
            f"{out}: holds another reference (version {there.version[:12]}, {there.n_dialogues} dialogues; the new one is "
            f"{facts.version[:12]}, {facts.n_dialogues}); give another folder with --out, or remove this one"
        )
    return True


def write(reference: HumanReference) -> None:
    """Makes the folder in one step; one that holds the same reference already stays as it is.

    Raises:
        HumanDataError: if something else is there, or the folder cannot be written.
    """
    out, facts = reference.path, reference.facts
    if is_there(out, facts):
        return
    try:
        with new_folder(out) as new:
            (new / "transcripts").mkdir()
            (new / ".gitignore").write_text("*\n", "utf-8")
            for name, data in _files(reference).items():
                (new / name).write_bytes(data)
            (new / "reference.json").write_bytes(f"{facts.model_dump_json(indent=2)}\n".encode())
    except InputError as error:
        if not is_there(out, facts):  # as another process may have made it by now
            raise HumanDataError(str(error)) from None


def _files(reference: HumanReference) -> dict[str, bytes]:
    """The files of a reference but reference.json, by their names."""
    files = {"manifest.json": f"{json.dumps(_manifest(reference), indent=2)}\n".encode()}
    for name, rows in (
        ("transcripts/00001", reference.transcripts),
        ("persuaders", reference.persuaders),
        ("persuadees", reference.persuadees),
        ("annotations", reference.annotations),
    ):
        without_none = name.startswith("persuade")
        text = "".join(f"{row.model_dump_json(exclude_none=without_none, exclude_defaults=without_none)}\n" for row in rows)
        files[f"{name}.jsonl"] = text.encode()
    return files


def _manifest(reference: HumanReference) -> dict[str, Any]:
    """What a run's manifest says, as far as there is something to say of people."""
    return {
        "format": FORMAT,
        "study": {
            "scenario": load_scenario(DEFAULT).model_dump(mode="json"),
            "question": "What do people give after they were asked to in a chat?",
            "prediction": "None: these are the people whom simulations are compared with.",
            "persuader_model": MODEL,
            "persuadee_models": [MODEL],
            "rounds": max((t.turns[-1].round for t in reference.transcripts), default=1),
            "replicates": 1,
            "seed": 0,
            "outcome": "actual",
            "conditions": [{"name": CONDITION}],
        },
        "reference": {"name": reference.facts.name, "version": reference.facts.version},
        "conversations": [t.spec.model_dump(mode="json") for t in reference.transcripts],
        "prompts": {},
        "starts": [],
    }
