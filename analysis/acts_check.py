"""How well the rules for the persuadee's acts agree with people: precision, recall and F1 on annotated dialogues.

The rules were made with one half of the annotated dialogues in sight, `tuned_on`; what they are worth is read from the other half. An act
is right for a sentence that people gave one of its labels, for a turn with such a sentence, and for a dialogue with such a turn. People
disagree as well, so that 1 cannot be reached.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.acts import Act, acts
from analysis.dynamics import agrees, read_rounds
from analysis.numbers import share
from analysis.scores import Scores, cell, f1, scores
from analysis.uncertainty import bootstrap_ratio
from vs_sim.human.reference import HumanReference, person
from vs_sim.records import Record
from vs_sim.terminal import wrapped

Unit = Literal["sentence", "turn", "dialogue"]
_RESISTS = frozenset({"negative-reaction-to-donation", "disagree-donation", "disagree-donation-more"})
LABELS: dict[Act, frozenset[str]] = {
    Act.AGREES: frozenset({"agree-donation", "provide-donation-amount", "confirm-donation"}),
    Act.NAMES_AMOUNT: frozenset({"provide-donation-amount"}),
    Act.REFUSES: frozenset({"disagree-donation", "disagree-donation-more"}),
    Act.RESISTS: _RESISTS,
    Act.PLEADS_MEANS: _RESISTS,
    Act.DOUBTS_CHARITY: _RESISTS,
    Act.GIVES_ELSEWHERE: _RESISTS,
    Act.ASKS: frozenset(
        {
            "ask-org-info",
            "ask-donation-procedure",
            "ask-persuader-donation-intention",
            "task-related-inquiry",
            "personal-related-inquiry",
        }
    ),
    Act.ASKS_CHARITY: frozenset({"ask-org-info"}),
}
"""Labels of PersuasionForGood that an act stands for."""
PART_OF = frozenset({Act.PLEADS_MEANS, Act.DOUBTS_CHARITY, Act.GIVES_ELSEWHERE})
"""Acts that people did not tell apart from others with the same labels: they have a precision, but no recall."""


@dataclass(frozen=True)
class AnnotatedTurn:
    """A turn of a persuadee: id of the dialogue, its person, the persuader's turn before it, and its sentences, each with its labels."""

    dialogue: str
    person: str
    heard: str
    sentences: tuple[tuple[str, frozenset[str]], ...]


class Checked(Scores):
    """How well the rules of one act do, see `analysis.scores.Scores`.

    Attributes:
        act: the act.
        unit: ``"sentence"``, ``"turn"`` or ``"dialogue"``.
        f1_tuned: F1 on the dialogues that were in sight when the rules were made.
    """

    act: Act
    unit: Unit
    f1_tuned: float | None


class FirstAgreement(Record):
    """How well the round of the first agreement is read, on the dialogues that the rules were not made on.

    Attributes:
        n_dialogues: how many there are.
        n_labelled, n_read: how many agree at some time by people's labels, and by the rules.
        n_both: how many by both.
        share_same, share_near: share of those in which the round is the same, and at most one off; None if there are none.
        mean_difference, low, high: rounds that the rules are late (negative: early) in those, with the ends of its 95 % interval; None
            likewise, or if no resample differs.
    """

    n_dialogues: int
    n_labelled: int
    n_read: int
    n_both: int
    share_same: float | None
    share_near: float | None
    mean_difference: float | None
    low: float | None
    high: float | None


def tuned_on(dialogue: str) -> bool:
    """True if a dialogue, by its id in the data, belongs to the half that the rules were made on; half of all ids do."""
    return hashlib.sha256(dialogue.encode()).digest()[0] % 2 == 0


def annotated_turns(reference: HumanReference) -> list[AnnotatedTurn]:
    """The persuadees' annotated turns of a reference, in order; sentences without a text or a turn are left out."""
    found = []
    for transcript, annotation in zip(reference.transcripts, reference.annotations, strict=True):
        said = [turn.text for turn in transcript.turns]
        by_turn: dict[int, list[tuple[str, frozenset[str]]]] = {}
        for sentence in annotation.sentences:
            if sentence.role == "persuadee" and sentence.turn is not None and sentence.text is not None:
                by_turn.setdefault(sentence.turn, []).append((sentence.text, frozenset(sentence.acts)))
        for turn, sentences in sorted(by_turn.items()):
            who = person(transcript.spec.persuadee)
            found.append(AnnotatedTurn(annotation.dialogue, who, said[turn - 1] if turn else "", tuple(sentences)))
    return found


def check_acts(turns: Iterable[AnnotatedTurn], *, seed: int = 0, n_resamples: int = 2000) -> list[Checked]:
    """Precision, recall and F1 of every act, by sentence, by turn and by dialogue, on the half that the rules were not made on.

    Args:
        turns: annotated turns of persuadees, whole dialogues.
        seed: of the resampling of people, 0 or more.
        n_resamples: number of bootstrap samples.
    """
    people: dict[str, str] = {}
    units: dict[Unit, list[tuple[str, frozenset[str], frozenset[Act]]]] = {"sentence": [], "turn": [], "dialogue": []}
    dialogues: dict[str, tuple[frozenset[str], frozenset[Act]]] = {}
    for turn in turns:
        people[turn.dialogue] = turn.person
        labels = frozenset[str]().union(*(labels for _, labels in turn.sentences))
        found = acts(" ".join(text for text, _ in turn.sentences), turn.heard)
        units["sentence"] += [(turn.dialogue, given, acts(text, turn.heard)) for text, given in turn.sentences]
        units["turn"].append((turn.dialogue, labels, found))
        before = dialogues.get(turn.dialogue, (frozenset[str](), frozenset[Act]()))
        dialogues[turn.dialogue] = (before[0] | labels, before[1] | found)
    units["dialogue"] = [(id_, labels, found) for id_, (labels, found) in dialogues.items()]
    return [_check(act, unit, units[unit], people, seed, n_resamples) for act in LABELS for unit in units]


def check_first_agreement(reference: HumanReference, *, n_rounds: int = 10, seed: int = 0, n_resamples: int = 2000) -> FirstAgreement:
    """The round of the first agreement by people's labels against that of `analysis.dynamics`.

    Args:
        reference: human dialogues, of which the annotated ones are used.
        n_rounds: number of rounds to look at.
        seed: of the resampling of people, 0 or more.
        n_resamples: number of bootstrap samples.
    """
    pairs: list[tuple[int | None, int | None]] = []
    people: list[str] = []
    for transcript, annotation in zip(reference.transcripts, reference.annotations, strict=True):
        if annotation.annotated and not tuned_on(annotation.dialogue):
            labelled = (
                sentence.turn // 2 + 1
                for sentence in annotation.sentences
                if sentence.role == "persuadee" and sentence.turn is not None and LABELS[Act.AGREES] & set(sentence.acts)
            )
            rounds = read_rounds(transcript.utterances, n_rounds)
            read = next((number for number, one in enumerate(rounds, 1) if agrees(one)), None)
            label = min((number for number in labelled if number <= n_rounds), default=None)
            pairs.append((label, read))
            if label is not None and read is not None:
                people.append(person(transcript.spec.persuadee))
    late = np.array([read - label for label, read in pairs if label is not None and read is not None], dtype=np.float64)
    interval = bootstrap_ratio(late, people, rng=np.random.default_rng(seed), n_resamples=n_resamples) if people else None
    return FirstAgreement(
        n_dialogues=len(pairs),
        n_labelled=sum(label is not None for label, _ in pairs),
        n_read=sum(read is not None for _, read in pairs),
        n_both=len(late),
        share_same=float((late == 0).mean()) if len(late) else None,
        share_near=float((np.abs(late) <= 1).mean()) if len(late) else None,
        mean_difference=float(late.mean()) if len(late) else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
    )


def _check(
    act: Act,
    unit: Unit,
    units: Sequence[tuple[str, frozenset[str], frozenset[Act]]],
    people: dict[str, str],
    seed: int,
    n_resamples: int,
) -> Checked:
    counts: dict[str, npt.NDArray[np.int64]] = {}  # per dialogue: right, found, annotated, units
    for dialogue, labels, found in units:
        is_annotated, is_found = bool(labels & LABELS[act]), act in found
        row = counts.setdefault(dialogue, np.zeros(4, dtype=np.int64))
        row += (is_annotated and is_found, is_found, is_annotated, 1)
    unseen = [dialogue for dialogue in counts if not tuned_on(dialogue)]
    held_out = np.array([counts[dialogue] for dialogue in unseen], dtype=np.int64).reshape(-1, 4)
    tuned = np.array([row for id_, row in counts.items() if tuned_on(id_)], dtype=np.int64).reshape(-1, 4)
    found_at = scores(held_out, [people[dialogue] for dialogue in unseen], seed=seed, n_resamples=n_resamples)
    whole = act not in PART_OF
    unknown = {} if whole else dict.fromkeys(f"{name}{end}" for name in ("recall", "f1") for end in ("", "_low", "_high"))
    f1_tuned = float(f1(tuned.sum(axis=0)))
    return Checked(
        **{**found_at.model_dump(), **unknown},
        act=act,
        unit=unit,
        f1_tuned=None if np.isnan(f1_tuned) or not whole else f1_tuned,
    )


def render(checked: Sequence[Checked], first: FirstAgreement) -> str:
    """The table for a terminal: at most 100 columns, one block per unit.

    Raises:
        ValueError: if there is nothing to show.
    """
    if not checked:
        raise ValueError("there is nothing checked to show, expected at least one act")
    lines = ["Rules for the persuadee's acts against people's labels, on dialogues that the rules were not made on"]
    for unit in dict.fromkeys(c.unit for c in checked):
        rows = [c for c in checked if c.unit == unit]
        lines += ["", f"By {unit}: {rows[0].n_units:,} of {rows[0].n_dialogues:,} dialogues", ""]
        lines.append(f"{'':<17}{'labelled':>9}{'found':>7}{'precision':>17}{'recall':>17}{'F1':>17}{'F1 tuned':>11}")
        for c in rows:
            cells = (cell(getattr(c, k), getattr(c, f"{k}_low"), getattr(c, f"{k}_high")) for k in ("precision", "recall", "f1"))
            tuned = share(c.f1_tuned, 2)
            lines.append(f"{c.act:<17}{c.n_annotated:>9}{c.n_found:>7}" + "".join(f"{x:>17}" for x in cells) + f"{tuned:>11}")
    if first.mean_difference is not None:
        ends = "" if first.low is None or first.high is None else f" [{first.low:+.2f}, {first.high:+.2f}]"
        said = (
            f"Round of the first agreement: {first.n_labelled} of {first.n_dialogues} dialogues have one by people's labels, "
            f"{first.n_read} by the rules, {first.n_both} by both; there it is the same round in {share(first.share_same, 2)}, at most one "
            f"off in {share(first.share_near, 2)}, and the rules are {first.mean_difference:+.2f}{ends} rounds late on average (-: early)."
        )
        lines += ["", *wrapped(said, indent="  ")]
    notes = (
        "In brackets: 95 % interval (people drawn with replacement). F1 tuned: on the dialogues that were in sight when the rules were "
        "made, which flatters them.",
        "pleads_means, doubts_charity and gives_elsewhere are parts of what people labelled as a whole: found is right if it is any "
        "resistance; which share of each was found cannot be known.",
    )
    for note in notes:
        lines += ["", *wrapped(note, indent="  ")]
    return "\n".join(lines) + "\n"
