"""The course of the dialogues: what the persuadee does round by round, and what stands at the end; simulated and human by the same code.

A `Course` is one conversation, read by rules (`analysis.acts`, `vs_sim.outcome`); `quantities` are numbers per conversation. All of it
looks at the first R rounds only, R being the study's limit: people who talk longer are cut there, so that both sides had the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple

from analysis.acts import Act, acts, asks_for_gift
from analysis.language import labels
from analysis.measure import Measured, Quantity, measure_all
from vs_sim.amounts import find_amounts
from vs_sim.clauses import sentences
from vs_sim.human.reference import person
from vs_sim.outcome import stated_donation
from vs_sim.records import ConversationSpec, Role, StatedDonation, StopReason, Transcript

Stance = Literal["open", "refuse", "agree"]

NOTES = (
    "First R rounds of every conversation, R being the study's limit; people who talked longer are cut there.",
    "Stance after a round: agree (an amount stands, or the persuadee said that it will give), refuse, or open; a refusal to give more "
    "than what stands is no refusal. Without agreement: rounds until the first one, R where there is none.",
    "Changes of stance start from open, so that an agreement in the first round is one. Agrees, then does not: after any agreement, with "
    "or without an amount; withdraws its commitment: an amount stood, and none does later, whatever is still said.",
    "First amount: proposed by the persuader in a request for a gift, or offered by the persuadee. Commitment: the amount that stands.",
    "The acts are read by rules. On 69 human dialogues that the rules were not made on, F1 with people's labels is, by turn: agrees .74, "
    "names amount .82, refuses .56 (20 turns only), asks .87, asks about the charity .71; by dialogue: resists .68 (by turn .48, too poor "
    "for a number per turn); precision of its parts by dialogue: pleads .80, doubts .58, elsewhere .71. The first agreement is read .4 "
    "rounds too early on average. How well the rules read a model's language is not known. vs-sim dynamics --check REF prints "
    "more.",
)


class Round(NamedTuple):
    """One round of a conversation in which the persuadee speaks.

    Attributes:
        acts: what the persuadee does.
        stance: where it stands afterwards.
        standing: the donation that stands afterwards.
        amount_by: who puts an amount of a gift into words first in this round; None if nobody does.
    """

    acts: frozenset[Act]
    stance: Stance
    standing: StatedDonation
    amount_by: Role | None


@dataclass(frozen=True)
class Course:
    """What happened in one conversation.

    Attributes:
        label: name of the condition, with the model behind it where there are several models.
        model: the persuadee's model.
        persona: the person behind the persuadee's persona: of the personas made from one person, every conversation has the same.
        rounds: the rounds in order, at most as many as are looked at.
        cut: True if the conversation might have gone on: the limit of rounds or the model's context ended it, not its speakers.
        stop_reason: why it ended.
    """

    label: str
    model: str
    persona: str
    rounds: tuple[Round, ...]
    cut: bool
    stop_reason: StopReason

    def first(self, happens: Callable[[Round], bool]) -> int | None:
        """Number of the first round in which something happens, from 1; None if it never does."""
        return next((number for number, one in enumerate(self.rounds, 1) if happens(one)), None)

    @property
    def amounts(self) -> tuple[int | None, ...]:
        """The commitment after each round, whole cents; None where none stands."""
        return tuple(one.standing.cents for one in self.rounds)


def courses(transcripts: Iterable[Transcript], planned: Sequence[ConversationSpec], n_rounds: int) -> list[Course]:
    """The courses of all complete conversations, conditions in the order of the plan.

    Args:
        transcripts: of one run; conversations that failed are left out.
        planned: every conversation of the plan, run or not.
        n_rounds: number of rounds to look at, at least 1.
    """
    names = labels(planned)
    found: dict[str, list[Course]] = {label: [] for label in names.values()}
    for transcript in transcripts:
        if transcript.complete:
            label = names[transcript.spec.condition, transcript.spec.persuadee_model]
            found[label].append(_course(transcript, label, n_rounds))
    return [course for group in found.values() for course in group]


def _course(transcript: Transcript, label: str, n_rounds: int) -> Course:
    rounds = read_rounds(transcript.utterances, n_rounds)
    return Course(
        label=label,
        model=transcript.spec.persuadee_model,
        persona=person(transcript.spec.persuadee),
        rounds=rounds,
        cut=len(rounds) >= n_rounds or transcript.stop_reason is StopReason.CONTEXT_FULL,
        stop_reason=transcript.stop_reason,
    )


def read_rounds(utterances: Sequence[tuple[Role, str]], n_rounds: int) -> tuple[Round, ...]:
    """The rounds of a dialogue in which the persuadee speaks, at most the first `n_rounds`."""
    places = [i for i, (role, _) in enumerate(utterances) if role == "persuadee"][:n_rounds]
    rounds: list[Round] = []
    stance: Stance = "open"
    before = StatedDonation(status="undetermined")
    for standing, place in zip(standing_donations(utterances, places), places, strict=True):
        heard = utterances[place - 1][1] if place and utterances[place - 1][0] == "persuader" else ""
        does = acts(utterances[place][1], heard)
        stance = _stance(stance, before, standing, does)
        by: Role | None = "persuader" if _proposes(heard) else "persuadee" if Act.NAMES_AMOUNT in does else None
        rounds.append(Round(does, stance, standing, by))
        before = standing
    return tuple(rounds)


def standing_donations(utterances: Sequence[tuple[Role, str]], places: Sequence[int]) -> list[StatedDonation]:
    """What the persuadee's commitment is after each of its turns: `vs_sim.outcome.stated_donation` of the dialogue up to there.

    Args:
        utterances: (role, text) of every turn, in order.
        places: indices of the persuadee's turns, ascending.
    """
    found: list[StatedDonation] = []
    end = len(places)
    while end:  # what stands has stood since the turn it was read from, so that turns in between need not be read again
        standing = stated_donation(utterances[: places[end - 1] + 1])
        since = next((k for k in range(end) if standing.turn is None or places[k] >= standing.turn), end - 1)
        found += [standing] * (end - since)
        end = since
    return found[::-1]


def _stance(stance: Stance, before: StatedDonation, standing: StatedDonation, does: frozenset[Act]) -> Stance:
    if standing != before and standing.status != "undetermined":
        return "agree" if standing.status == "amount" else "refuse"
    if standing.status == "amount":
        return "agree"
    if Act.AGREES in does:
        return "agree"
    if Act.REFUSES in does:
        return "refuse"
    return "open" if standing != before else stance


def _proposes(text: str) -> bool:
    """True if a turn of the persuader names an amount in a request for a gift."""
    if not any(amount.cents for amount in find_amounts(text)):
        return False
    said = ("".join(clause.text for clause in sentence) + ("?" if sentence[-1].question else "") for sentence in sentences(text))
    return any(asks_for_gift(one) and any(amount.cents and amount.kind != "number" for amount in find_amounts(one)) for one in said)


def agrees(one: Round) -> bool:
    """True if the persuadee stands at giving after a round."""
    return one.stance == "agree"


def has_refused(one: Round) -> bool:
    """True if the persuadee refuses to give in a round, or is left refusing by it, as by the withdrawal of a commitment."""
    return refuses(one) or one.stance == "refuse"


def refuses(one: Round) -> bool:
    """True if the persuadee refuses to give in a round, while no commitment stands."""
    return Act.REFUSES in one.acts and one.stance != "agree"


def does(act: Act) -> Callable[[Round], bool]:
    """True for rounds with an act."""
    return lambda one: act in one.acts


def names_amount(one: Round) -> bool:
    """True if an amount of a gift is put into words in a round, by either speaker."""
    return one.amount_by is not None


def _ever(happens: Callable[[Round], bool]) -> Callable[[Course], float | None]:
    return lambda course: float(any(map(happens, course.rounds))) if course.rounds else None


def _per_turn(happens: Callable[[Round], bool]) -> Callable[[Course], float | None]:
    return lambda course: sum(map(happens, course.rounds)) / len(course.rounds) if course.rounds else None


def _first(happens: Callable[[Round], bool]) -> Callable[[Course], float | None]:
    return lambda course: course.first(happens)


def _at_end(stance: Stance) -> Callable[[Course], float | None]:
    return lambda course: float(course.rounds[-1].stance == stance) if course.rounds else None


def _stances(course: Course) -> list[Stance]:
    return ["open", *(one.stance for one in course.rounds)]


def _turns(course: Course, first: Stance, later: tuple[Stance, ...]) -> float | None:
    """1.0 if the stance is `first` after some round and one of `later` after a later one."""
    stances = _stances(course)
    return float(first in stances and any(stance in later for stance in stances[stances.index(first) :])) if course.rounds else None


def _commitment(moves: Callable[[int, int | None], bool]) -> Callable[[Course], float | None]:
    """1.0 if the commitment ever moves in the way from one round to the next; the last amount counts, whatever stood in between."""

    def value(course: Course) -> float | None:
        return float(any(a is not None and moves(a, b) for a, b in pairwise(course.amounts))) if course.rounds else None

    return value


def _waits(n_rounds: int) -> Callable[[Course], float | None]:
    def value(course: Course) -> float | None:
        first = course.first(agrees)
        if first is None and course.cut and len(course.rounds) < n_rounds:
            return None  # the context was full: nobody knows when it would have agreed
        return n_rounds if first is None else first - 1

    return value


def quantities(n_rounds: int) -> tuple[tuple[Quantity, Callable[[Course], float | None]], ...]:
    """What is measured per conversation, and how, where the first `n_rounds` rounds are looked at."""
    by_persuadee: Callable[[Course], float | None] = lambda c: (  # noqa: E731
        None if (first := c.first(names_amount)) is None else float(c.rounds[first - 1].amount_by == "persuadee")
    )
    return (
        (Quantity("n_rounds", "Rounds", "rounds"), lambda c: len(c.rounds)),
        (Quantity("ended_by_speakers", "Ended by its speakers", "share"), lambda c: float(not c.cut)),
        (Quantity("agrees", "Agrees at some time", "share"), _ever(agrees)),
        (Quantity("agrees_at_end", "Agrees at the end", "share"), _at_end("agree")),
        (Quantity("first_agreement", "Round of first agreement", "rounds"), _first(agrees)),
        (Quantity("without_agreement", "Rounds without agreement", "rounds"), _waits(n_rounds)),
        (Quantity("refuses", "Refuses at some time", "share"), _ever(has_refused)),
        (Quantity("refuses_at_end", "Refuses at the end", "share"), _at_end("refuse")),
        (Quantity("refusing_turns", "Turns that refuse", "share"), _per_turn(refuses)),
        (Quantity("resists", "Resists at some time", "share"), _ever(does(Act.RESISTS))),
        (Quantity("pleads_means", "Pleads little money", "share"), _ever(does(Act.PLEADS_MEANS))),
        (Quantity("doubts_charity", "Doubts the charity", "share"), _ever(does(Act.DOUBTS_CHARITY))),
        (Quantity("gives_elsewhere", "Gives elsewhere", "share"), _ever(does(Act.GIVES_ELSEWHERE))),
        (Quantity("asking_turns", "Turns with a question", "share"), _per_turn(does(Act.ASKS))),
        (Quantity("asking_turns_charity", "Turns asking on charity", "share"), _per_turn(does(Act.ASKS_CHARITY))),
        (Quantity("amount", "An amount is named", "share"), _ever(names_amount)),
        (Quantity("first_amount", "Round of first amount", "rounds"), _first(names_amount)),
        (Quantity("first_amount_by_persuadee", "Named by the persuadee", "share"), by_persuadee),
        (Quantity("changes", "Changes of stance", "changes"), lambda c: sum(a != b for a, b in pairwise(_stances(c)))),
        (Quantity("won_over", "Refuses, then agrees", "share"), lambda c: _turns(c, "refuse", ("agree",))),
        (Quantity("backs_out", "Agrees, then does not", "share"), lambda c: _turns(c, "agree", ("refuse", "open"))),
        (Quantity("raises", "Raises its commitment", "share"), _commitment(lambda a, b: b is not None and b > a)),
        (Quantity("lowers", "Lowers its commitment", "share"), _commitment(lambda a, b: b is not None and b < a)),
        (Quantity("withdraws", "Withdraws its commitment", "share"), _commitment(lambda _, b: b is None)),
    )


def dynamics(read: Sequence[Course], human: Sequence[Course], n_rounds: int, *, seed: int, n_resamples: int = 2000) -> list[Measured]:
    """`quantities` of every condition, condition by condition, beside the humans'.

    Args:
        read: courses of simulated conversations, all conditions.
        human: of human ones, read with the same number of rounds; empty where there are none to compare with.
        n_rounds: number of rounds that were looked at.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.
    """
    return measure_all(quantities(n_rounds), by_label(read), human, seed=seed, n_resamples=n_resamples)


def by_label(read: Iterable[Course]) -> dict[str, list[Course]]:
    """The conversations of each condition, conditions in order of first appearance."""
    groups: dict[str, list[Course]] = {}
    for course in read:
        groups.setdefault(course.label, []).append(course)
    return groups


def stop_reasons(read: Iterable[Course]) -> dict[str, dict[str, int]]:
    """Per condition, how many conversations ended for each reason, the commonest first."""
    return {
        label: {str(reason): n for reason, n in Counter(course.stop_reason for course in group).most_common()}
        for label, group in by_label(read).items()
    }
