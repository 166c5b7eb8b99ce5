"""How often the persuader uses each strategy of persuasion, per conversation; simulated and human.

A conversation is what its persuader's turns are labelled with, by a model (`vs_sim.strategies`) or by PersuasionForGood's annotators. These
are different instruments: a difference between a model's labels of a run and the annotators' of the humans may be one of the instruments.
Only the same model's labels of both sides compare like with like.

All of it looks at the first R rounds only, R being the study's limit, so that both sides had the same time. Simulated conversations
resemble each other by their persuadee, as everywhere; human ones by their persuader, whose habits strategies are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.language import labels
from analysis.measure import Measured, Quantity, measure_all
from vs_sim.human.reference import HumanReference, person
from vs_sim.records import ConversationSpec, Role, Transcript
from vs_sim.strategies import Strategy, TurnId, TurnLabels, persuader_turns

Marks = Mapping[TurnId, frozenset[Strategy]]
"""Which strategies each turn has; a turn that is not there was not labelled."""

TITLES: dict[Strategy, str] = {
    Strategy.LOGICAL_APPEAL: "Logical appeal",
    Strategy.EMOTION_APPEAL: "Emotion appeal",
    Strategy.CREDIBILITY_APPEAL: "Credibility appeal",
    Strategy.FOOT_IN_THE_DOOR: "Foot in the door",
    Strategy.SELF_MODELING: "Self-modeling",
    Strategy.PERSONAL_STORY: "Personal story",
    Strategy.DONATION_INFORMATION: "Donation info",
    Strategy.SOURCE_INQUIRY: "Source inquiry",
    Strategy.TASK_INQUIRY: "Task inquiry",
    Strategy.PERSONAL_INQUIRY: "Personal inquiry",
}
NOTES = (
    'Rows without "ever": share of the persuader\'s turns that use the strategy, mean over conversations; with "ever": share of '
    "conversations in which it is used at all, of those that are labelled to the end. A turn may use several.",
    "First R rounds of every conversation, R being the study's limit. Strategies are the persuader's, which is the same in all conditions; "
    "its turns answer the persuadee's.",
)


@dataclass(frozen=True)
class Persuasion:
    """The strategies of one conversation.

    Attributes:
        label: name of the condition, with the model behind it where there are several models.
        model: the persuadee's model.
        persona: who resembles themselves: the person behind the persuadee's or the persuader's persona.
        turns: the strategies of each of the persuader's turns, in order; None for a turn that is not labelled.
    """

    label: str
    model: str
    persona: str
    turns: tuple[frozenset[Strategy] | None, ...]

    @property
    def whole(self) -> bool:
        """True if every turn is labelled, and there is one."""
        return bool(self.turns) and None not in self.turns

    @property
    def known(self) -> list[frozenset[Strategy]]:
        """The strategies of the turns that are labelled."""
        return [turn for turn in self.turns if turn is not None]


def marks_of(labelled: Mapping[TurnId, TurnLabels]) -> dict[TurnId, frozenset[Strategy]]:
    """The strategies of the turns that a model has labelled; those that failed are missing."""
    return {id_: found for id_, one in labelled.items() if (found := one.strategies) is not None}


def annotated(reference: HumanReference) -> dict[TurnId, frozenset[Strategy]]:
    """The strategies that people annotated: a turn has those of all its sentences, and is missing if none of them has a label."""
    known = frozenset(map(str, Strategy))
    found: dict[TurnId, frozenset[Strategy]] = {}
    for annotation in reference.annotations:
        for sentence in annotation.sentences:
            if sentence.role == "persuader" and sentence.turn is not None and sentence.acts:
                id_ = TurnId(annotation.conversation, sentence.turn)
                found[id_] = found.get(id_, frozenset()) | {Strategy(act) for act in sentence.acts if act in known}
    return found


def persuasion(
    transcripts: Iterable[Transcript], marks: Marks, planned: Sequence[ConversationSpec], n_rounds: int, by: Role
) -> list[Persuasion]:
    """The strategies of all complete conversations, conditions in the order of the plan.

    Args:
        transcripts: of one run, or of people; conversations that failed are left out.
        marks: the strategies of the turns.
        planned: every conversation of the plan, run or not.
        n_rounds: number of rounds to look at, at least 1.
        by: whose persona says who resembles themselves.
    """
    names = labels(planned)
    found: dict[str, list[Persuasion]] = {label: [] for label in names.values()}
    for transcript in transcripts:
        if transcript.complete:
            spec = transcript.spec
            label = names[spec.condition, spec.persuadee_model]
            turns = tuple(marks.get(id_) for id_ in persuader_turns(transcript)[:n_rounds])
            who = person(spec.persuader if by == "persuader" else spec.persuadee)
            found[label].append(Persuasion(label, spec.persuadee_model, who, turns))
    return [one for group in found.values() for one in group]


def _share(uses: Callable[[frozenset[Strategy]], bool]) -> Callable[[Persuasion], float | None]:
    return lambda one: sum(map(uses, one.known)) / len(one.known) if one.known else None


def _ever(strategy: Strategy) -> Callable[[Persuasion], float | None]:
    return lambda one: float(any(strategy in turn for turn in one.known)) if one.whole else None


def _uses(strategy: Strategy) -> Callable[[frozenset[Strategy]], bool]:
    return lambda turn: strategy in turn


def quantities() -> tuple[tuple[Quantity, Callable[[Persuasion], float | None]], ...]:
    """What is measured per conversation, and how: two numbers for each strategy, then turns without any, and how many different ones."""
    each: list[tuple[Quantity, Callable[[Persuasion], float | None]]] = []
    for strategy, title in TITLES.items():
        name = strategy.replace("-", "_")
        each.append((Quantity(f"{name}_turns", title, "share"), _share(_uses(strategy))))
        each.append((Quantity(f"{name}_ever", f"{title} ever", "share"), _ever(strategy)))
    return (
        *each,
        (Quantity("no_strategy_turns", "Turns without any", "share"), _share(lambda turn: not turn)),
        (
            Quantity("n_strategies", "Different strategies", "strategies"),
            lambda one: len(frozenset[Strategy]().union(*one.known)) if one.whole else None,
        ),
    )


def strategies(read: Sequence[Persuasion], human: Sequence[Persuasion], *, seed: int, n_resamples: int = 2000) -> list[Measured]:
    """`quantities` of every condition, condition by condition, beside the humans'.

    Args:
        read: simulated conversations, all conditions.
        human: human ones; empty where there are none to compare with.
        seed: of the resampling, 0 or more.
        n_resamples: number of bootstrap samples and of human samples.
    """
    groups: dict[str, list[Persuasion]] = {}
    for one in read:
        groups.setdefault(one.label, []).append(one)
    return measure_all(quantities(), groups, human, seed=seed, n_resamples=n_resamples)
