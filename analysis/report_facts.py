"""What a report says of a run before any result: what is wrong with it as a whole, and its design."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from analysis.compare import unit_of
from analysis.numbers import amount
from analysis.run_facts import Ran, RunFacts, schemas
from vs_sim.export.markdown import first_few
from vs_sim.scenario import scale_of


def alerts(facts: RunFacts) -> tuple[str, ...]:
    """What is wrong with a run as a whole, in plain sentences; empty if every conversation is complete."""
    n, complete = facts.n_planned, facts.n_complete
    why: Counter[str] = Counter()
    for cell in facts.cells:
        why.update(cell.missing)
    reasons = ", ".join(f"{kind} {count:,}" for kind, count in why.most_common())
    if n and complete == n:
        return ()
    if facts.ran.first is None:
        return (f"This run is empty: {n:,} conversations are planned, none has been recorded. There is nothing to compare.",)
    if complete == 0:
        return (f"No conversation of this run is complete: of {n:,} planned, {reasons}. There is nothing to compare.",)
    return (
        f"This run is unfinished: {complete:,} of {n:,} conversations are complete, {n - complete:,} missing ({reasons}). "
        "All numbers are of the complete ones; a missing conversation is never counted as giving nothing.",
    )


def design(facts: RunFacts) -> tuple[tuple[str, str], ...]:
    """The design of a run: who spoke with whom, by which models, when, with which versions."""
    study = facts.study
    others = {name: [found for found in names if found != name.partition(":")[2]] for name, names in facts.returned.items()}
    shown = {
        "Scenario": study["scenario"]["about"],
        "Persuader": study.get("persuader_model"),
        "Persuadee": ", ".join(map(str, study.get("persuadee_models", ()))),
        "Returned as": "; ".join(f"{name}: {first_few(found)}" for name, found in others.items() if found),
        "Personas": f"{facts.n_persuaders:,} persuaders, {facts.n_persuadees:,} persuadees, {facts.n_matched:,} of them matched to humans",
        "Conversations": f"{facts.n_planned:,} planned, {facts.n_complete:,} complete",
        "Plan": facts.grown,
        "Rounds": f"at most {study['rounds']}" + f", at least {study.get('min_rounds')}" * ("min_rounds" in study)
        if "rounds" in study
        else None,
        "Form of the chat": {"chat": "in chat roles", "transcript": "written out in one message"}.get(str(study.get("form"))),
        "Replicates": f"{study['replicates']} per condition and persona" if "replicates" in study else None,
        "Outcome": {"actual": "decided in private after the chat", "stated": "said in the chat"}.get(str(study.get("outcome"))),
        "Dialogues ended by": ", ".join(f"{reason.replace('_', ' ')} {n:,}" for reason, n in facts.ended.items()),
        **{name: study.get(key) for key, name in _KEYS.items()},
        "JSON schema": schemas(study) if "json_schema" in study else None,
        "Margins of equivalence": ", ".join(_margin(study, name, value) for name, value in (study.get("margins") or {}).items()),
        "Answers of models": _answers(facts),
        **rows_of(facts.ran, study),
    }
    return tuple((name, str(value)) for name, value in shown.items() if value not in (None, ""))


def rows_of(ran: Ran, study: Mapping[str, Any]) -> dict[str, str | None]:
    """What the design of any run ends with: when it ran, and on which software."""
    when = None if ran.first is None else _when(ran.first) + ("" if ran.first == ran.last else f" to {_when(str(ran.last))}")
    return {
        "Run": when,
        "Versions": ", ".join(f"{package} {' and '.join(found)}" for package, found in ran.versions.items()),
        "Commit of the software": ", ".join(ran.commits) or "not known",
        "Digest of the prompts": study.get("prompts_sha256"),
    }


_KEYS = {
    "seed": "Seed",
    "temperature": "Temperature",
    "top_p": "Top-p",
    "reply_words": "Words allowed in a message",
    "n_reasks": "Unreadable replies asked for again",
    "second_reader": "Second reader of donations",
}


def _margin(study: Mapping[str, Any], name: str, value: float) -> str:
    """A margin with its unit."""
    unit = unit_of(name, scale_of(study))
    return f"{name.replace('_', ' ')} {amount(unit, value, name)}" + ("" if unit in ("share", "cents") else f" {unit}")


def _answers(facts: RunFacts) -> str | None:
    """Answers in the journal, and how many of each condition were to a request that was made again."""
    asked = [one for one in facts.asked if one.n_answers]
    if not asked:
        return None
    again = ", ".join(f"{one.condition} ({one.model}) {one.n_again:,} of {one.n_answers:,}" for one in asked)
    return (
        f"{sum(one.n_answers for one in asked):,}, {sum(one.n_given_up for one in asked):,} of them of turns that were given up; to a "
        f"repeated request: {again}"
    )


def _when(iso: str) -> str:
    return iso[:16].replace("T", " ") + " UTC"
