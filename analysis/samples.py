"""Donations to compare: of the humans of PersuasionForGood, and of the simulated persuadees per condition."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import numpy.typing as npt

from vs_sim.human.reference import person
from vs_sim.records import ConversationSpec, Transcript
from vs_sim.scenario import DEFAULT, Scale, load_scenario

if TYPE_CHECKING:
    from vs_sim.second_reader import Reading

Cents = npt.NDArray[np.int64]
Cleaning = Literal["drop", "cap", "all"]
Which = Literal["actual", "stated"]

P4G_SOURCE = "actual donations after the 1,017 dialogues of PersuasionForGood (Wang et al., ACL 2019; Apache-2.0)"
NO_HUMANS = "no human data"
NOT_RUN = "not run"
UNDETERMINED = "undetermined"


@cache
def donation_scale() -> Scale:
    """The scale of PersuasionForGood: 0 to 200 cents."""
    return load_scenario(DEFAULT).scale


@dataclass(frozen=True, eq=False)
class HumanSample:
    """Donations of humans after a named cleaning rule.

    Attributes:
        cents: donations that are left, whole cents (of another scenario: whole units of its scale), sorted.
        cleaning: what was done with amounts above the scale (200 cents).
        n_dropped: number of amounts above the scale that were left out; 0 unless the rule is ``"drop"``.
        n_capped: number of amounts above the scale that were set to its end; 0 unless the rule is ``"cap"``.
        source: whose donations these are.
        which: the donation decided in private (``"actual"``) or said in the chat (``"stated"``).
        n_missing: number of humans left out because their donation is not known or cannot be told.
        n_people: number of different people behind the donations; None if it is not known, and each is then taken for another's.
        design_effect: how many times more the distribution varies than it would if every donation were another person's (Kish 1965);
            1 if they are, or if the people are not known.
        n_second: how many of the donations, cleaned ones included, a second reader read where the rules left the dialogue open.
        scale: what was decided on.
    """

    cents: Cents
    cleaning: Cleaning
    n_dropped: int
    n_capped: int
    source: str
    which: Which = "actual"
    n_missing: int = 0
    n_people: int | None = None
    design_effect: float = 1.0
    n_second: int = 0
    scale: Scale = field(default_factory=donation_scale)

    @property
    def n(self) -> int:
        """Number of donations that are left."""
        return len(self.cents)

    @property
    def n_effective(self) -> int:
        """Number of independent donations that the sample is worth, 1 to n: what intervals, tests and floors reckon with."""
        if self.n_people == 1:  # whose donations, however they vary, show nothing of how people do
            return 1
        return max(1, min(self.n, round(self.n / self.design_effect)))


def no_humans(scale: Scale, cleaning: Cleaning = "drop") -> HumanSample:
    """The reference of a scenario without human data: conditions are then described and compared with each other alone."""
    return HumanSample(cents=np.zeros(0, dtype=np.int64), cleaning=cleaning, n_dropped=0, n_capped=0, source=NO_HUMANS, scale=scale)


def human_sample(
    cents: Iterable[int], cleaning: Cleaning, source: str, people: Sequence[str] | None = None, scale: Scale | None = None
) -> HumanSample:
    """Human donations as the reference of a comparison.

    Args:
        cents: donations in whole cents, 0 or more.
        cleaning: ``"drop"`` leaves out amounts above 200 cents (what the task paid), ``"cap"`` sets them to 200, ``"all"`` keeps
            them.
        source: whose donations these are, for tables.
        people: who gave each; None if it is not known.
        scale: what was decided on; None for the donation.

    Raises:
        ValueError: if the rule is unknown, an amount is negative, or there are not as many people as amounts.
    """
    if cleaning not in get_args(Cleaning):
        raise ValueError(f"unknown cleaning rule {cleaning!r}, expected one of {', '.join(map(repr, get_args(Cleaning)))}")
    amounts = np.fromiter(cents, dtype=np.int64)
    if people is not None and len(people) != len(amounts):
        raise ValueError(f"{len(amounts)} donations of {len(people)} people, expected one name for each donation")
    if len(amounts) and amounts.min() < 0:
        raise ValueError(f"a donation of {int(amounts.min())!r} cents is negative, expected 0 or more")
    scale = scale or donation_scale()
    above = amounts > scale.high
    left = ~above if cleaning == "drop" else np.ones(len(amounts), dtype=bool)
    givers = None if people is None else [name for name, kept in zip(people, left, strict=True) if kept]
    amounts = amounts[left]
    if cleaning == "cap":
        amounts = np.minimum(amounts, scale.high)
    return HumanSample(
        cents=np.sort(amounts),
        cleaning=cleaning,
        n_dropped=int(above.sum()) if cleaning == "drop" else 0,
        n_capped=int(above.sum()) if cleaning == "cap" else 0,
        source=source,
        n_people=None if givers is None else len(set(givers)),
        design_effect=1.0 if givers is None else design_effect(amounts, givers),
        scale=scale,
    )


def design_effect(cents: Cents, people: Sequence[str]) -> float:
    """How many times more the distribution function varies than if every donation were another person's; at least 1.

    It is taken where it is largest, among amounts that between 5 % and 95 % of the donations do not exceed, to err on the side of caution.

    Source:
        Kish (1965); variance of a share over clusters by linearization.
    """
    if len(cents) == 0:
        return 1.0
    _, of = np.unique(np.asarray(people), return_inverse=True)
    largest = 1.0
    for amount in np.unique(cents):
        below = (cents <= amount).astype(np.float64)
        share = below.mean()
        if 0.05 <= share <= 0.95:
            clustered = (np.bincount(of, weights=below - share) ** 2).sum() / len(cents) ** 2
            largest = max(largest, float(clustered / (share * (1 - share) / len(cents))))
    return largest


P4G_PEOPLE: dict[Cleaning, tuple[int, float]] = {"drop": (747, 1.854), "cap": (761, 2.481), "all": (761, 2.481)}
"""Cleaning -> people behind the donations of `human_cents`, and their design effect (printed by ``vs-sim compare REF --human REF``)."""


def human_cents(cleaning: Cleaning = "drop") -> HumanSample:
    """Actual donations after the 1,017 human dialogues of PersuasionForGood.

    Some people took part as persuadees up to twelve times, so that the 982 donations up to $2 come from 747 people and are worth
    530 independent ones.

    Args:
        cleaning: what to do with the 35 amounts above 200 cents; ``"drop"`` leaves 982 donations.

    Source:
        Wang et al. (ACL 2019), column B6 of the participants' table. The paper on Verbalized Sampling keeps 939 dialogues by a
        rule that it does not state; we name ours.
    """
    with (Path(__file__).parent / "data" / "p4g_actual_cents.csv").open(encoding="utf-8", newline="") as file:
        table = [(int(row["cents"]), int(row["count"])) for row in csv.DictReader(file)]
    sample = human_sample((cents for cents, count in table for _ in range(count)), cleaning, P4G_SOURCE)
    n_people, effect = P4G_PEOPLE[cleaning]
    return replace(sample, n_people=n_people, design_effect=effect)


def human_donations(
    transcripts: Iterable[Transcript],
    which: Which,
    cleaning: Cleaning,
    source: str,
    readings: Mapping[str, Reading] | None = None,
    scale: Scale | None = None,
) -> HumanSample:
    """Donations of the humans of a reference (`vs_sim.human.reference`), each read as that of a simulated persuadee would be.

    Args:
        transcripts: dialogues between people.
        which: ``"actual"`` takes what was given after the chat, ``"stated"`` reads what was said in it by the rules of
            `vs_sim.outcome`; a donation that cannot be told is missing, never 0.
        cleaning: what to do with amounts above 200 cents, as in `human_sample`.
        source: whose donations these are, for tables.
        readings: as in `donations`; those of the same second reader, so that both sides are read alike.
        scale: what was decided on; None for the donation.

    Raises:
        ValueError: if `which` or the rule is unknown.
    """
    if which not in get_args(Which):
        raise ValueError(f"unknown donation {which!r}, expected 'actual' or 'stated'")
    found = [(*donation_of(transcript, which, readings), person(transcript.spec.persuadee)) for transcript in transcripts]
    known = [(cents, who) for cents, _, who in found if isinstance(cents, int)]
    sample = human_sample([cents for cents, _ in known], cleaning, source, [who for _, who in known], scale)
    n_second = sum(by_second for _, by_second, _ in found)
    return replace(sample, which=which, n_missing=len(found) - len(known), n_second=n_second)


@dataclass(frozen=True, eq=False)
class Arm:
    """Donations of the simulated persuadees of one condition and model.

    Attributes:
        label: name of the condition, with the persuadee's model behind it where the plan has several models.
        condition: name of the condition.
        model: the persuadee's model.
        which: ``"actual"`` (decided in private after the chat) or ``"stated"`` (said in the chat).
        cents: the donations observed, whole cents, in the order of the plan.
        personas: id of the persuadee's persona, per observation.
        seeds: seed of the conversation, per observation; conditions and models share it for the same pair of personas and replicate.
        human_cents: what the matched human gave, whole cents and uncleaned, per observation; None where there is no match.
        n_planned: number of conversations planned.
        missing: why conversations have no donation -> how many: kinds of `vs_sim.records.Failure`, ``"not run"``,
            ``"undetermined"``, ``"second reader: "`` with the kind of failure of a reading.
        n_second: how many of the donations a second reader read where the rules left the dialogue open; the rules read the others.
    """

    label: str
    condition: str
    model: str
    which: Which
    cents: Cents
    personas: tuple[str, ...]
    seeds: tuple[int, ...]
    human_cents: tuple[int | None, ...]
    n_planned: int
    missing: dict[str, int]
    n_second: int = 0

    @property
    def people(self) -> tuple[str, ...]:
        """Who resembles themselves, per observation: the persona, or the person whom several personas of a reference describe."""
        return tuple(map(person, self.personas))

    @property
    def n_missing(self) -> int:
        """Number of planned conversations without a donation."""
        return sum(self.missing.values())


def donations(
    transcripts: Iterable[Transcript],
    which: Which,
    planned: Sequence[ConversationSpec],
    readings: Mapping[str, Reading] | None = None,
) -> list[Arm]:
    """Donations per condition and persuadee model, in the order in which the plan names them first.

    A conversation that failed, was not run, or whose stated donation cannot be told is missing; it is never a donation of 0.

    Args:
        transcripts: what was run; where a conversation was tried more than once, its complete transcript counts.
        which: ``"actual"`` reads the private decision (P4G's B6), ``"stated"`` what was said in the chat (P4G's B5).
        planned: every conversation of the plan, run or not.
        readings: conversation id -> what a second reader read (`vs_sim.second_reader`); for stated donations that the rules leave open.

    Raises:
        ValueError: if `which` is unknown or a transcript is not of this plan.
    """
    if which not in get_args(Which):
        raise ValueError(f"unknown donation {which!r}, expected 'actual' or 'stated'")
    owed = {spec.id for spec in planned}
    done: dict[str, Transcript] = {}
    for transcript in transcripts:
        id_ = transcript.spec.id
        if id_ not in owed:
            raise ValueError(f"transcript {id_!r} is not in the plan of {len(owed)} conversations: pass the plan that it was run from")
        if id_ not in done or not done[id_].complete:
            done[id_] = transcript
    groups: dict[tuple[str, str], list[ConversationSpec]] = {}
    for spec in planned:
        groups.setdefault((spec.condition, spec.persuadee_model), []).append(spec)
    one_model = len({model for _, model in groups}) == 1
    arms = []
    for (condition, model), specs in groups.items():
        observed: list[tuple[ConversationSpec, int]] = []
        missing: Counter[str] = Counter()
        n_second = 0
        for spec in specs:
            donation, by_second = donation_of(done.get(spec.id), which, readings)
            n_second += by_second
            if isinstance(donation, str):
                missing[donation] += 1
            else:
                observed.append((spec, donation))
        arms.append(
            Arm(
                label=condition if one_model else f"{condition} ({model})",
                condition=condition,
                model=model,
                which=which,
                cents=np.array([cents for _, cents in observed], dtype=np.int64),
                personas=tuple(spec.persuadee for spec, _ in observed),
                seeds=tuple(spec.seed for spec, _ in observed),
                human_cents=tuple(spec.human_cents for spec, _ in observed),
                n_planned=len(specs),
                missing=dict(missing),
                n_second=n_second,
            )
        )
    return arms


def donation_of(transcript: Transcript | None, which: Which, readings: Mapping[str, Reading] | None = None) -> tuple[int | str, bool]:
    """Whole cents, or the reason why there is no donation; and whether a second reader read it."""
    if transcript is None:
        return NOT_RUN, False
    if transcript.failure is not None:
        return transcript.failure.kind, False
    if which == "actual":
        return UNDETERMINED if transcript.decision is None else transcript.decision.amount, False
    from vs_sim.outcome import read_outcome  # only the stated donation has to be read from the words

    cents = read_outcome(transcript).stated_cents
    if cents is not None:
        return cents, False
    reading = (readings or {}).get(transcript.spec.id)
    if reading is None:
        return UNDETERMINED, False
    if reading.stated is None:
        return f"second reader: {reading.failure.kind if reading.failure else UNDETERMINED}", False
    cents = 0 if reading.stated.status == "refused" else reading.stated.cents
    return (UNDETERMINED, False) if cents is None else (cents, True)
