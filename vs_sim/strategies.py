"""Strategies of persuasion: which of PersuasionForGood's ten the persuader uses in each of its turns, as a language model labels them.

A turn has a set of strategies, which may be empty ("none" is an answer, silence is not). A label counts only with words that stand in the
turn; what cannot be used is asked for again and then fails by name: the turn is missing, never "none". Every turn's labels are durable
before the next are asked for, and are not paid for again with the same model and prompt.

Strategies are the persuader's. Its model, prompt and persona are the same in all arms of a study; still its turns answer those of the
persuadee, so that a difference between arms is what their persuadees drew from the same persuader, and no property of a method alone.

Source:
    The ten names are those of Wang et al. (ACL 2019), the definitions and examples (``prompts/strategy_labels.md``) our own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from vs_sim import parse, prompts
from vs_sim.asking import Answer, Part, ReadResult, answers, ask, read_all
from vs_sim.errors import InputError, ReplyError, RunFolderError
from vs_sim.evidence import spans_of
from vs_sim.records import Record, Role, Transcript
from vs_sim.scenario import money_only
from vs_sim.store import RunFolder

if TYPE_CHECKING:
    from vs_sim.models import Model
    from vs_sim.run_options import RunOptions

NONE = "none"
"""What a turn is labelled with that uses no strategy."""
N_BEFORE = 4
"""Turns before the labelled one that are shown with it, to models and to people."""
_MOST_TOKENS = 400
_MOST_OFFERED = 4  # labels of a turn that an embedded model may give, which otherwise lists all there are
_LONGEST_OFFERED = 300  # characters of a quote that it may choose


class Strategy(StrEnum):
    """The ten strategies of persuasion of PersuasionForGood, by the names of its annotation."""

    LOGICAL_APPEAL = "logical-appeal"
    EMOTION_APPEAL = "emotion-appeal"
    CREDIBILITY_APPEAL = "credibility-appeal"
    FOOT_IN_THE_DOOR = "foot-in-the-door"
    SELF_MODELING = "self-modeling"
    PERSONAL_STORY = "personal-story"
    DONATION_INFORMATION = "donation-information"
    SOURCE_INQUIRY = "source-related-inquiry"
    TASK_INQUIRY = "task-related-inquiry"
    PERSONAL_INQUIRY = "personal-related-inquiry"


class TurnId(NamedTuple):
    """A turn: id of its conversation, and its index there."""

    conversation: str
    turn: int


class Label(Record):
    """A strategy of a turn, with the words that show it and where they stand in the turn, in characters."""

    strategy: Strategy
    quote: str
    span: tuple[int, int]


class TurnLabels(Answer):
    """What a model made of one turn.

    Attributes:
        conversation, turn: which turn, as in `TurnId`.
        labels: the strategies, each once; none for a turn without; None if the labelling failed.
    """

    conversation: str
    turn: int
    labels: tuple[Label, ...] | None

    @property
    def id(self) -> TurnId:
        """Which turn."""
        return TurnId(self.conversation, self.turn)

    @property
    def strategies(self) -> frozenset[Strategy] | None:
        """The set of strategies; empty for a turn without; None if the labelling failed."""
        return None if self.labels is None else frozenset(label.strategy for label in self.labels)


_LABELS = Part("strategies", TurnLabels, "labelled turn", "turns", lambda labels: labels.id)


def schema(quotes: Sequence[str] | None = None) -> dict[str, Any]:
    """JSON schema of an answer.

    Args:
        quotes: what an embedded model may quote, because small models cannot copy; it says "none" alone or not at all. None for any text.
    """

    def entries(quote: dict[str, Any], names: Sequence[str], most: int) -> dict[str, Any]:
        properties = {"quote": quote, "strategy": {"type": "string", "enum": [*names]}}
        entry = {"type": "object", "properties": properties, "required": ["quote", "strategy"], "additionalProperties": False}
        return {"type": "array", "items": entry, "minItems": 1, "maxItems": most}

    strategies = entries({"type": "string"}, [*Strategy, NONE], len(Strategy))
    if quotes is not None:
        strategies = entries({"type": "string", "enum": [*dict.fromkeys(["", *quotes])]}, [NONE], 1)  # who quotes first may still say none
        if quotes:
            some = entries({"type": "string", "enum": [*dict.fromkeys(quotes)]}, [*Strategy], _MOST_OFFERED)
            strategies = {"anyOf": [some, strategies]}
    return {"type": "object", "properties": {"strategies": strategies}, "required": ["strategies"], "additionalProperties": False}


def prompt(utterances: Sequence[tuple[Role, str]], turn: int) -> str:
    """What is asked about one turn.

    Args:
        utterances: (role, text) of the dialogue, in order.
        turn: index of the persuader's turn.
    """
    shown = [(role.capitalize(), " ".join(text.split())) for role, text in utterances[max(0, turn - N_BEFORE) : turn + 1]]
    labels = prompts.text("strategy_labels").strip()
    return prompts.render("strategies", labels=labels, lines=shown[:-1], message=shown[-1][1])


def prompt_digest() -> str:
    """sha256 (64 hexadecimal digits) of all that is told besides the dialogue; no part of a conversation's identity."""
    told = [*(prompts.text(name) for name in ("strategies", "strategy_labels", "ask_again")), json.dumps(schema()), str(N_BEFORE)]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def read_answer(raw: str, text: str) -> tuple[Label, ...]:
    """The strategies of one answer, held against the turn.

    Args:
        raw: the answer as the model gave it.
        text: the turn.

    Returns:
        The strategies in order, each with its first quote; none if the answer says so.

    Raises:
        ReplyError: if the answer is not of the form that was asked for, names an unknown strategy, says "none" beside others, or its
            quotes do not stand in the turn.
    """

    def unusable(problem: str, reason: str) -> ReplyError:
        return ReplyError(problem, reason=reason, raw=raw)

    entries = parse.parse_object(raw, ("strategies",))["strategies"]
    if not isinstance(entries, list) or not entries:
        raise unusable('strategies is no list with entries, expected at least one; "none" for a message without', "no_labels")
    labels: dict[Strategy, Label] = {}
    n_none = 0
    for entry in entries:
        if not isinstance(entry, dict) or not {"quote", "strategy"} <= entry.keys():
            raise unusable(f"{entry!r:.60} is no entry, expected an object with quote and strategy", "no_entry")
        if entry["strategy"] == NONE:
            n_none += 1
            continue
        if entry["strategy"] not in [*Strategy]:
            raise unusable(f"strategy is {entry['strategy']!r:.60}, expected one of {', '.join([*Strategy, NONE])}", "unknown_strategy")
        try:
            quote, _ = parse.read_text(entry["quote"])
        except ValueError as reason:
            raise unusable(
                f"the quote for {entry['strategy']} is not usable ({reason}), expected words of the message", "no_quote"
            ) from None
        spans = spans_of(quote, text)
        if not spans:
            raise unusable(
                f"the quote for {entry['strategy']} does not stand in the message to label, expected its exact words", "no_quote"
            )
        strategy = Strategy(entry["strategy"])
        labels.setdefault(strategy, Label(strategy=strategy, quote=quote, span=spans[0]))
    if n_none and labels:
        raise unusable(f'"none" stands beside {", ".join(labels)}, expected it alone or not at all', "none_and_others")
    return tuple(labels.values())


def labelled(folder: RunFolder) -> dict[str, dict[TurnId, TurnLabels]]:
    """The labels of a run folder: model -> turn -> labels, of each model under the prompt that it was last used with.

    A failure never replaces labels. Labels under another prompt are another instrument's and are not mixed in.

    Raises:
        RunFolderError: if a line is no labelled turn.
    """
    return answers(folder, _LABELS)


def persuader_turns(transcript: Transcript) -> list[TurnId]:
    """The turns of a dialogue that can be labelled."""
    return [TurnId(transcript.spec.id, turn.index) for turn in transcript.turns if turn.role == "persuader"]


def to_label(folder: RunFolder, *, n: int | None = None, everything: bool = False) -> list[Transcript]:
    """The dialogues of a folder whose persuader can be labelled, in an order that is random but always the same.

    Args:
        folder: a run folder, of a study or of people.
        n: how many, at least 1; a larger number only adds to a smaller one. None for all.
        everything: of a reference of people, also dialogues that nobody annotated.

    Raises:
        RunFolderError: if there is none, or the run is not about a donation.
        HumanDataError: if a reference is damaged.
    """
    money_only(folder, "the strategies are defined for a persuader who asks for a donation")
    found = [t for t in folder.transcripts() if t.complete]
    if not found:
        raise RunFolderError(f"{folder.path}: no conversation is complete; run the study first, then label its persuader's turns")
    found = [t for t in found if persuader_turns(t)]
    if not found:
        raise RunFolderError(f"{folder.path}: no complete conversation has a turn of the persuader; there is nothing to label")
    if folder.is_reference and not everything:
        from vs_sim.human.reference import load_human

        annotated = {a.conversation for a in load_human(folder.path).annotations if a.annotated}
        found = [t for t in found if t.spec.id in annotated]
        if not found:
            raise RunFolderError(f"{folder.path}: no dialogue of this reference is annotated; label the others with --all")
    return sorted(found, key=lambda t: hashlib.sha256(t.spec.id.encode()).digest())[:n]


async def label_strategies(
    folder: RunFolder,
    model: str,
    *,
    run: RunOptions,
    n: int | None = None,
    everything: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> ReadResult:
    """Have a model label the persuader's turns of complete dialogues; the same call again goes on where this one ended.

    Args:
        folder, n, everything: as in `to_label`.
        model: ``"provider:model"``.
        run: endpoints and limits.
        say: told in a line what takes long.

    Raises:
        RunFolderError: the folder cannot be read or written, has nothing to label, or another process labels it.
        ModelUnavailable, WeightsError, EndpointError: the model cannot be used.
    """
    wanted = {t.spec.id: t for t in to_label(folder, n=n, everything=everything)}
    turns = [turn for transcript in wanted.values() for turn in persuader_turns(transcript)]

    async def label(turn: TurnId, opened: Model, n_failed_before: int) -> TurnLabels:
        return await _label(wanted[turn.conversation], turn, opened, n_failed_before)

    def begun(missing: Sequence[TurnId]) -> str:
        return f"{model} labels {len(missing)} turns of {len({turn.conversation for turn in missing})} dialogues"

    asked = prompt([("persuader", "...")], 0)
    return await read_all(folder, _LABELS, turns, label, model=model, digest=prompt_digest(), prompt=asked, run=run, say=say, begun=begun)


async def _label(transcript: Transcript, turn: TurnId, model: Model, n_failed_before: int) -> TurnLabels:
    text = transcript.turns[turn.turn].text
    shape = schema(own_quotes(text)) if model.name.startswith("embedded:") else schema()

    def read(raw: str) -> tuple[Label, ...]:
        return read_answer(raw, text)

    name = f"{turn.conversation}:strategies:{turn.turn}"
    question = prompt(transcript.utterances, turn.turn)
    found = await ask(model, name, question, shape, _MOST_TOKENS, read, n_failed_before=n_failed_before)
    told = {"model": model.name, "prompt": prompt_digest()}
    return TurnLabels(**turn._asdict(), **told, labels=found.read, calls=found.calls, failure=found.failure)


def own_quotes(text: str) -> list[str]:
    """What an embedded model may quote: the sentences of the turn, or their beginnings, as far as they have a word."""
    said = re.split(r"(?<=[.!?])\s+", " ".join(text.split()))
    offered = (one if len(one) <= _LONGEST_OFFERED else one[:_LONGEST_OFFERED].rpartition(" ")[0] for one in said)
    return [one for one in offered if spans_of(one, text)]


def of_model(folder: RunFolder, model: str | None) -> tuple[str, dict[TurnId, TurnLabels]]:
    """Who labelled a folder, and its labels.

    Args:
        folder: that was labelled.
        model: the model; None for the only one there is.

    Raises:
        InputError: if the folder is not labelled, or not by this model, or several have and none is named.
    """
    found = labelled(folder)
    how = f"vs-sim strategies label {folder.path} --model {model or 'PROVIDER:MODEL'}"
    if not found:
        raise InputError(f"{folder.path}: no turn is labelled with strategies; label them first: {how}")
    if model is None and len(found) > 1:
        raise InputError(f"{folder.path}: {', '.join(found)} labelled its turns; say which to take with --model")
    name = model or next(iter(found))
    if name not in found:
        raise InputError(f"{folder.path}: {name} labelled no turn, only {', '.join(found)} did; label them first: {how}")
    return name, found[name]
