"""What a methods section says about a run, read from its manifest and its transcripts; what they do not hold is None, or empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from analysis.samples import NOT_RUN
from vs_sim.prompt_records import AnyRecord, AnySpec, PromptSpec
from vs_sim.records import ConversationSpec, Record, Transcript, printable
from vs_sim.store import turn_of


class Cell(Record):
    """The conversations of one condition and persuadee model.

    Attributes:
        condition, model: which.
        n_planned, n_complete: conversations.
        missing: why one is missing -> how many: kinds of `vs_sim.records.Failure`, or ``"not run"``.
    """

    condition: str
    model: str
    n_planned: int
    n_complete: int
    missing: dict[str, int]

    @property
    def n_missing(self) -> int:
        """Conversations that are owed."""
        return self.n_planned - self.n_complete


class Asked(Record):
    """How one condition and persuadee model answered.

    Attributes:
        condition, model: which.
        n_answers: answers to both speakers' requests in the journal, whatever became of their conversation; 0 where there is no journal.
        n_again: of these, answers to a request that was made again because a reply could not be read.
        n_given_up: of these, answers of turns that failed and were given up.
        n_turns: persuadee turns that were drawn from candidates, a single one included; n_decisions: private decisions likewise.
        n_repaired: turns of which something was repaired to read them.
        repairs: name of a repair -> turns that needed it.
        n_turns_tau, n_decisions_tau: turns and decisions that state a probability of which a tau was asked for.
        n_turns_above, n_decisions_above: of these, with a candidate above tau.
    """

    condition: str
    model: str
    n_answers: int
    n_again: int
    n_given_up: int
    n_turns: int
    n_decisions: int
    n_repaired: int
    repairs: dict[str, int]
    n_turns_tau: int
    n_turns_above: int
    n_decisions_tau: int
    n_decisions_above: int


class Ran(Record):
    """When and on what a run ran.

    Attributes:
        first, last: when the first and the last attempt of what was planned started, ISO 8601, UTC; None if none did.
        n_starts: times the run was started.
        sizes: conversations, or askings, that were planned at each start that records it, in order.
        versions: package -> versions, over all starts, without what the run did not use: the library of embedded models.
        commits: git commits of the code, over all starts.
        n_without_commit: starts that record none.
        endpoints: addresses under which models were reached, over all starts.
    """

    first: str | None
    last: str | None
    n_starts: int
    sizes: tuple[int, ...] = ()
    versions: dict[str, tuple[str, ...]]
    commits: tuple[str, ...]
    n_without_commit: int
    endpoints: tuple[str, ...]


def ran(starts: Sequence[Mapping[str, Any]], began: Iterable[str], models: Iterable[str]) -> Ran:
    """Reads it.

    Args:
        starts: of the run, as in its manifest.
        began: when each attempt that is recorded started.
        models: that were asked.
    """
    times = sorted(began)
    embedded = any(model.startswith("embedded:") for model in models)
    commits = [start.get("git_commit") for start in starts]
    return Ran(
        first=times[0] if times else None,
        last=times[-1] if times else None,
        n_starts=len(starts),
        sizes=tuple(size for start in starts if (size := start.get("n_planned")) is not None),
        versions={package: found for package, found in _versions(starts).items() if found and (embedded or package != "xllamacpp")},
        commits=tuple(dict.fromkeys(commit for commit in commits if commit)),
        n_without_commit=sum(not commit for commit in commits),
        endpoints=tuple(dict.fromkeys(_addresses(starts))),
    )


class Facts(Record):
    """What the records of a run of either kind tell of it.

    Attributes:
        study: the study, as in the manifest.
        cells: conditions and models in the order of the plan.
        returned: model as named in the study -> names that the provider returned for it; empty if it returned none.
        ran: when and on what it ran.
    """

    study: dict[str, Any]
    cells: tuple[Cell, ...]
    returned: dict[str, tuple[str, ...]]
    ran: Ran

    @property
    def n_planned(self) -> int:
        """Conversations, or askings, planned."""
        return sum(cell.n_planned for cell in self.cells)

    @property
    def n_complete(self) -> int:
        """Those of them of which nothing is owed."""
        return sum(cell.n_complete for cell in self.cells)

    @property
    def grown(self) -> str:
        """That the plan grew after the run had begun, as a sentence; empty where it did not, or its starts do not say."""
        sizes = self.ran.sizes
        if len(set(sizes)) < 2:
            return ""
        noun = (PromptSpec if self.study.get("kind") == "prompt" else ConversationSpec).noun
        return f"The plan grew from {sizes[0]:,} to {sizes[-1]:,} {noun}s over {self.ran.n_starts:,} starts."


class RunFacts(Facts):
    """A run of dialogues as its records tell it.

    Attributes:
        n_persuaders, n_persuadees, n_matched: personas that the plan uses; persuadees of them that are matched to a human.
        asked: how each condition and model answered, in the order of the plan.
        ended: why dialogues ended -> complete conversations.
    """

    n_persuaders: int
    n_persuadees: int
    n_matched: int
    asked: tuple[Asked, ...]
    ended: dict[str, int]

    @property
    def incomplete(self) -> list[Cell]:
        """Cells with conversations that are missing."""
        return [cell for cell in self.cells if cell.n_missing]


def run_facts(
    manifest: Mapping[str, Any],
    planned: Sequence[ConversationSpec],
    transcripts: Sequence[Transcript],
    journal: Iterable[Mapping[str, Any]],
) -> RunFacts:
    """Reads the facts.

    Args:
        manifest: of the run.
        planned: every conversation of the plan.
        transcripts: what was run; each conversation once.
        journal: rows of the journal (`vs_sim.store.RunFolder.journal_rows`), in their order.
    """
    done = {t.spec.id: t for t in transcripts}
    groups: dict[tuple[str, str], list[ConversationSpec]] = {}
    for spec in planned:
        groups.setdefault((spec.condition, spec.persuadee_model), []).append(spec)
    complete = [t for t in transcripts if t.complete]
    returned: dict[str, set[str]] = {name: set() for spec in planned for name in (spec.persuader_model, spec.persuadee_model)}
    calls = [call for t in transcripts for call in t.calls]
    for call in calls:
        if call.model_returned is not None:
            returned.setdefault(call.model, set()).add(call.model_returned)
    persuadees = {spec.persuadee: spec.human_cents for spec in planned}
    answers = _answers(journal)
    return RunFacts(
        study=dict(manifest["study"]),
        cells=tuple(cell_of(condition, model, specs, done) for (condition, model), specs in groups.items()),
        n_persuaders=len({spec.persuader for spec in planned}),
        n_persuadees=len(persuadees),
        n_matched=sum(cents is not None for cents in persuadees.values()),
        returned={name: tuple(sorted(names)) for name, names in returned.items()},
        asked=tuple(_asked(condition, model, specs, done, answers) for (condition, model), specs in groups.items()),
        ended=dict(sorted(Counter(t.stop_reason.value for t in complete).items())),
        ran=ran(manifest["starts"], (t.started for t in transcripts), returned),
    )


def cell_of(condition: str, model: str, specs: Sequence[AnySpec], done: Mapping[str, AnyRecord]) -> Cell:
    """What became of the conversations, or askings, of one condition and model.

    Args:
        condition, model: which.
        specs: those planned.
        done: id -> those that ended, of this cell and of others.
    """
    missing: Counter[str] = Counter()
    for spec in specs:
        found = done.get(spec.id)
        if found is None:
            missing[NOT_RUN] += 1
        elif found.failure is not None:
            missing[found.failure.kind] += 1
    return Cell(
        condition=condition,
        model=model,
        n_planned=len(specs),
        n_complete=len(specs) - sum(missing.values()),
        missing=dict(sorted(missing.items())),
    )


def schemas(study: Mapping[str, Any]) -> str:
    """Whether JSON schemas were sent with the requests for JSON, which only some endpoints take, as a sentence without its full stop."""
    if not study.get("json_schema"):
        return "No JSON schemas were sent"
    models = study.get("persuadee_models") or study.get("models") or ()
    takers = [printable(model) for model in models if model.startswith(("embedded:", "openai:"))]
    if not takers:
        return f"No JSON schemas were sent: none of the {'persuadee ' if 'persuadee_models' in study else ''}models takes them"
    return f"JSON schemas were sent with requests for JSON to {', '.join(takers)}; whether they were enforced is not recorded"


class _Answers(NamedTuple):
    """Numbers of answers of one conversation, as in `Asked`."""

    n: int
    n_again: int
    n_given_up: int


def _answers(journal: Iterable[Mapping[str, Any]]) -> dict[str, _Answers]:
    """The answers of each conversation."""
    steps: dict[str, list[str]] = {}
    n_given_up: Counter[str] = Counter()
    kept: dict[str, list[str]] = {}
    for row in journal:
        id_ = row["conversation"]
        if "call" in row:
            steps.setdefault(id_, []).append(row["call"]["step"])
            kept.setdefault(id_, []).append(row["call"]["step"])
        else:
            left = [step for step in kept.get(id_, []) if turn_of(step) != turn_of(row["void"])]
            n_given_up[id_] += len(kept.get(id_, [])) - len(left)
            kept[id_] = left
    return {id_: _Answers(len(own), sum(".again" in step for step in own), n_given_up[id_]) for id_, own in steps.items()}


def _asked(
    condition: str, model: str, specs: Sequence[ConversationSpec], done: Mapping[str, Transcript], answers: Mapping[str, _Answers]
) -> Asked:
    found = [done[spec.id] for spec in specs if spec.id in done]
    turns = [turn.distribution for t in found for turn in t.turns if turn.distribution is not None]
    decisions = [t.decision.distribution for t in found if t.decision is not None and t.decision.distribution is not None]
    repairs = [sorted(d.mended) for d in turns]
    own = [answers[spec.id] for spec in specs if spec.id in answers]
    return Asked(
        condition=condition,
        model=model,
        n_answers=sum(one.n for one in own),
        n_again=sum(one.n_again for one in own),
        n_given_up=sum(one.n_given_up for one in own),
        n_turns=len(turns),
        n_decisions=len(decisions),
        n_repaired=sum(map(bool, repairs)),
        repairs=dict(Counter(name for names in repairs for name in names).most_common()),
        n_turns_tau=sum(d.above_tau is not None for d in turns),
        n_turns_above=sum(bool(d.above_tau) for d in turns),
        n_decisions_tau=sum(d.above_tau is not None for d in decisions),
        n_decisions_above=sum(bool(d.above_tau) for d in decisions),
    )


def _versions(starts: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Package -> its versions over the starts of a run; a start without it gives none."""
    found: dict[str, dict[str, None]] = {}
    for start in starts:
        for package, version in (start.get("versions") or {}).items():
            found.setdefault(package, {})
            if version is not None:
                found[package][str(version)] = None
    return {package: tuple(versions) for package, versions in found.items()}


def _addresses(starts: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    """Addresses under which models were reached, as the starts of a run name them."""
    for start in starts:
        run = start.get("run") or {}
        for options in (run, *(run.get("endpoints") or {}).values()):
            if options.get("base_url"):
                yield str(options["base_url"])
