"""What a methods section says about a run, read from its manifest and its transcripts; what they do not hold is None, or empty."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from analysis.samples import NOT_RUN
from vs_sim.records import ConversationSpec, Record, Transcript


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


class RunFacts(Record):
    """A run as its records tell it.

    Attributes:
        study: the study, as in the manifest.
        cells: conditions and models in the order of the plan.
        n_persuaders, n_persuadees, n_matched: personas that the plan uses; persuadees of them that are matched to a human.
        returned: model as named in the study -> names that the provider returned for it; empty if it returned none.
        n_calls: answers that the transcripts hold.
        n_asked_again: of these, how many were asked for again because a reply could not be read.
        n_turns, n_above_tau: persuadee turns; how many of those that state probabilities hold one above its tau.
        ended: why dialogues ended -> complete conversations.
        first, last: when the first and the last attempt of a conversation started, ISO 8601, UTC; None if none did.
        n_starts: times the run was started.
        versions: package -> versions, over all starts; a start without it gives none.
        commits: git commits of the code, over all starts.
        n_without_commit: starts that record none.
        endpoints: addresses under which models were reached, over all starts.
    """

    study: dict[str, Any]
    cells: tuple[Cell, ...]
    n_persuaders: int
    n_persuadees: int
    n_matched: int
    returned: dict[str, tuple[str, ...]]
    n_calls: int
    n_asked_again: int
    n_turns: int
    n_above_tau: int
    ended: dict[str, int]
    first: str | None
    last: str | None
    n_starts: int
    versions: dict[str, tuple[str, ...]]
    commits: tuple[str, ...]
    n_without_commit: int
    endpoints: tuple[str, ...]

    @property
    def n_planned(self) -> int:
        """Conversations planned."""
        return sum(cell.n_planned for cell in self.cells)

    @property
    def n_complete(self) -> int:
        """Conversations of which nothing is owed."""
        return sum(cell.n_complete for cell in self.cells)

    @property
    def incomplete(self) -> list[Cell]:
        """Cells with conversations that are missing."""
        return [cell for cell in self.cells if cell.n_missing]


def run_facts(manifest: Mapping[str, Any], planned: Sequence[ConversationSpec], transcripts: Sequence[Transcript]) -> RunFacts:
    """Reads the facts.

    Args:
        manifest: of the run.
        planned: every conversation of the plan.
        transcripts: what was run; each conversation once.
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
    starts = manifest["starts"]
    persuadees = {spec.persuadee: spec.human_cents for spec in planned}
    turns = [turn for t in transcripts for turn in t.turns if turn.role == "persuadee"]
    began = sorted(t.started for t in transcripts)
    commits = [start.get("git_commit") for start in starts]
    return RunFacts(
        study=dict(manifest["study"]),
        cells=tuple(_cell(condition, model, specs, done) for (condition, model), specs in groups.items()),
        n_persuaders=len({spec.persuader for spec in planned}),
        n_persuadees=len(persuadees),
        n_matched=sum(cents is not None for cents in persuadees.values()),
        returned={name: tuple(sorted(names)) for name, names in returned.items()},
        n_calls=len(calls),
        n_asked_again=sum(".again" in call.step for call in calls),
        n_turns=len(turns),
        n_above_tau=sum(turn.distribution is not None and any(c.above_tau for c in turn.distribution.candidates) for turn in turns),
        ended=dict(sorted(Counter(t.stop_reason.value for t in complete).items())),
        first=began[0] if began else None,
        last=began[-1] if began else None,
        n_starts=len(starts),
        versions=_versions(starts),
        commits=tuple(dict.fromkeys(commit for commit in commits if commit)),
        n_without_commit=sum(not commit for commit in commits),
        endpoints=tuple(dict.fromkeys(_addresses(starts))),
    )


def _cell(condition: str, model: str, specs: Sequence[ConversationSpec], done: Mapping[str, Transcript]) -> Cell:
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


def _versions(starts: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for start in starts:
        for package, version in (start.get("versions") or {}).items():
            found.setdefault(package, {})
            if version is not None:
                found[package][str(version)] = None
    return {package: tuple(versions) for package, versions in found.items()}


def _addresses(starts: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for start in starts:
        run = start.get("run") or {}
        for options in (run, *(run.get("endpoints") or {}).values()):
            if options.get("base_url"):
                yield str(options["base_url"])
