"""How far the rules that read stated donations agree with people: with annotators, with labelled sheets, or with private decisions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Literal, NamedTuple

from vs_sim.errors import InputError
from vs_sim.human.corpus import whole_cents
from vs_sim.outcome import stated_donation
from vs_sim.records import Role, StatedDonation, printable

Kind = Literal["same amount", "other amount", "refused", "undetermined"]
Label = Literal["amount", "zero", "none"]
KINDS: tuple[Kind, ...] = ("same amount", "other amount", "refused", "undetermined")
LABELS: tuple[Label, ...] = ("amount", "zero", "none")
AGREE: frozenset[tuple[Kind, Label]] = frozenset({("same amount", "amount"), ("refused", "zero"), ("undetermined", "none")})
"""What is read and what is labelled where both say the same."""

ANNOTATED = "people's annotations (B5)"
LABELLED = "people's labels"
IN_SIGHT = (
    "The rules were made with 150 of PersuasionForGood's 300 annotated dialogues in sight. On those the figures are in-sample: expect less "
    "elsewhere."
)
"""What is to be said wherever the rules are held against these annotations."""
DECIDED = "private decisions (no label of what was said: people and models may decide otherwise than they say)"

_AROUND = 36  # characters quoted on either side of the words


@dataclass(frozen=True, slots=True)
class Row:
    """One dialogue as read and as labelled.

    Attributes:
        conversation: its id.
        read: what the rules read.
        label_cents: what it is labelled with, whole cents; 0 for a refusal, None for nothing stated.
        role: whose turn the reading comes from; None if from none.
        words: the words that were read, between "[[" and "]]", and what stands around them; None if there are none.
    """

    conversation: str
    read: StatedDonation
    label_cents: int | None
    role: Role | None
    words: str | None

    @property
    def label(self) -> Label:
        """Kind of the label."""
        return "none" if self.label_cents is None else "amount" if self.label_cents else "zero"

    @property
    def kind(self) -> Kind:
        """Kind of the reading."""
        if self.read.status != "amount":
            return self.read.status
        return "same amount" if self.read.cents == self.label_cents else "other amount"

    @property
    def agrees(self) -> bool:
        """Whether reading and label say the same."""
        return (self.kind, self.label) in AGREE


class Count(NamedTuple):
    """So many of so many."""

    n_yes: int
    n: int


@dataclass(frozen=True, slots=True)
class Audit:
    """Readings against labels.

    Attributes:
        against: what the labels are.
        rows: the dialogues that are labelled.
        n_missing: dialogues without a label: not annotated, left empty, failed.
    """

    against: str
    rows: tuple[Row, ...]
    n_missing: int

    def confusion(self) -> dict[tuple[Kind, Label], int]:
        """Number of dialogues by kind of the reading and of the label, for every pair."""
        counts = Counter((row.kind, row.label) for row in self.rows)
        return {(kind, label): counts[kind, label] for kind in KINDS for label in LABELS}

    def shares(self) -> dict[str, Count]:
        """What agrees, of what; a refusal counts as $0.

        Returns:
            ``"found"``: read right, of the dialogues labelled with an amount or $0. ``"right"``: of those among them that were read as an
            amount or a refusal. ``"right_of_all_read"``: of all dialogues read so, where nothing labelled is wrong. ``"agree"``: of all
            dialogues, where undetermined agrees with nothing labelled.
        """
        given = [row for row in self.rows if row.label != "none"]
        read = [row for row in self.rows if row.kind != "undetermined"]
        both = [row for row in read if row.label != "none"]
        parts = {"found": given, "right": both, "right_of_all_read": read, "agree": self.rows}
        return {name: Count(sum(row.agrees for row in part), len(part)) for name, part in parts.items()}


class _Labelled(NamedTuple):
    conversation: str
    utterances: Sequence[tuple[Role, str]]
    cents: int | None


def audit(path: Path) -> Audit:
    """The stated donations of dialogues as the rules read them, against what people (or decisions) say.

    Args:
        path: a reference of human dialogues (its annotated dialogues); the annotated table of PersuasionForGood, with its sentences beside
            it, or their folder; a labelled sheet; or a run folder, whose private decisions then stand in for labels.

    Raises:
        InputError: if it is none of these, or something in it cannot be read.
    """
    try:
        against, found = _found(path)
    except OSError as error:
        raise InputError(f"{str(path)!r:.80}: cannot be read: {error.strerror}; check the path") from None
    labelled = [one for one in found if one is not None]
    return Audit(against=against, rows=tuple(_row(one) for one in labelled), n_missing=len(found) - len(labelled))


def _found(path: Path) -> tuple[str, list[_Labelled | None]]:
    """What the labels are, and the dialogues, None for each without one."""
    from vs_sim.store import RunFolder

    if RunFolder(path).is_reference:
        return ANNOTATED, list(_of_reference(path))
    if (path / "manifest.json").is_file():
        return DECIDED, list(_of_run(path))
    if (info := _info(path)) is not None:
        return ANNOTATED, list(_of_tables(*info))
    if path.is_file():
        return LABELLED, list(_of_sheet(path))
    raise InputError(
        f"{path}: expected a run folder, a reference of human dialogues, a labelled sheet, or annotated_dev_info.csv (300_info.csv) "
        "with the table of its sentences beside it"
    )


def _row(one: _Labelled) -> Row:
    read = stated_donation(one.utterances)
    if read.turn is None or read.span is None:
        return Row(one.conversation, read, one.cents, None, None)
    role, text = one.utterances[read.turn]
    start, end = read.span
    before, after = text[max(0, start - _AROUND) : start], text[end : end + _AROUND]
    words = f"{'...' if start > _AROUND else ''}{before}[[{text[start:end]}]]{after}{'...' if end + _AROUND < len(text) else ''}"
    return Row(one.conversation, read, one.cents, role, printable(words))


def _of_reference(path: Path) -> Iterator[_Labelled | None]:
    from vs_sim.human.reference import load_human

    reference = load_human(path)
    for transcript, known in zip(reference.transcripts, reference.annotations, strict=True):
        yield _Labelled(known.dialogue, transcript.utterances, known.stated_cents) if known.annotated else None


def _of_run(path: Path) -> Iterator[_Labelled | None]:
    from vs_sim.store import RunFolder

    folder = RunFolder(path)
    done = {t.spec.id: t for t in folder.transcripts()}
    for id_ in dict.fromkeys([*(spec.id for spec in folder.planned()), *done]):
        transcript = done.get(id_)
        if transcript is None or transcript.decision is None or not transcript.complete:
            yield None
        else:
            yield _Labelled(id_, transcript.utterances, transcript.decision.amount)


def _of_sheet(path: Path) -> Iterator[_Labelled | None]:
    from vs_sim.label_sheet import dialogues_of, read_sheet

    dialogues = dialogues_of(path)
    labels = read_sheet(path, dialogues.keys())
    for id_, (place, dialogue) in dialogues.items():
        label, turns = labels.get(id_), _turns(dialogue)
        if label is not None and not any(role == "persuadee" for role, _ in turns):
            raise InputError(
                f"{place}, column dialogue: has no line that begins with 'Persuadee: ', though it is labelled; did the cell lose its line "
                "breaks? Put the dialogues of the sheet as written back in"
            )
        cents = None if label is None else 0 if label.status == "refused" else label.cents
        yield None if label is None else _Labelled(id_, turns, cents)


def _turns(dialogue: str) -> list[tuple[Role, str]]:
    """The turns of a dialogue as a sheet shows it, one a line."""
    turns: list[tuple[Role, str]] = []
    for line in dialogue.splitlines():
        name, _, text = line.partition(": ")
        if name in ("Persuader", "Persuadee"):
            turns.append(("persuader" if name == "Persuader" else "persuadee", text))
    return turns


def _info(path: Path) -> tuple[Path, Path] | None:
    """The table of annotated dialogues and that of their sentences; None if the path is neither the one nor a folder with it."""
    from vs_sim.human.files import ANNOTATED as names

    for info, dialog in names:
        if path.name == info or (path / info).is_file():
            folder = path.parent if path.name == info else path
            return folder / info, folder / dialog
    return None


def _of_tables(info: Path, dialog: Path) -> Iterator[_Labelled | None]:
    from vs_sim.human.files import annotated_tables

    stated, sentences = annotated_tables(info, dialog)
    for id_, dollars in stated.items():
        if id_ not in sentences:
            raise InputError(f"{info}: dialogue {id_!r} has no sentences in {dialog.name}; get both files again")
        if dollars is not None and whole_cents(dollars) is None:
            yield None  # half a cent is no label
            continue
        turns = [(key, [s.text or "" for s in said]) for key, said in groupby(sentences[id_][1], lambda s: (s.round, s.role))]
        yield _Labelled(id_, [(role, " ".join(texts)) for (_, role), texts in turns], whole_cents(dollars))
