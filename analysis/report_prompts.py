"""What a report says of a run of prompts besides its measures: design, what was asked, what is missing, tests of methods over prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from analysis.accuracy import Accuracy
from analysis.coverage import Coverage
from analysis.diversity import Diversity
from analysis.latex import Table
from analysis.numbers import NONE, interval, p_value, share
from analysis.prompt_facts import PromptFacts
from analysis.quality import Quality
from analysis.refusals import Refusals
from analysis.report import PROMPT_COLUMNS, Block
from analysis.report_facts import rows_of
from analysis.run_facts import schemas
from analysis.side_by_side import MethodTest, u_text
from analysis.uncertainty import Interval
from vs_sim.budget import money
from vs_sim.export.markdown import first_few
from vs_sim.prompt_records import Responses
from vs_sim.records import Record
from vs_sim.spent import Spent


def alerts(facts: PromptFacts, note: str) -> tuple[str, ...]:
    """What is wrong with a run as a whole, in plain sentences.

    Args:
        facts: of the run.
        note: what its results must not be read as; may be empty.
    """
    n, complete = facts.n_planned, facts.n_complete
    reasons = ", ".join(f"{kind} {count:,}" for kind, count in facts.missing.most_common())
    found = [note] if note else []
    if facts.ran.first is None:
        found.append(f"This run is empty: {n:,} askings are planned, none has been recorded. There is nothing to compare.")
    elif complete == 0:
        found.append(f"No asking of this run is complete: of {n:,} planned, {reasons}. Only what counts refusals can be told.")
    elif complete < n:
        found.append(
            f"This run is unfinished: {complete:,} of {n:,} askings are complete, {n - complete:,} missing ({reasons}). All numbers are of "
            "the complete ones; of the others only a refusal counts, where refusals are counted."
        )
    return tuple(found)


def design(facts: PromptFacts) -> tuple[tuple[str, str], ...]:
    """The design of a run: what was asked of which models, what it took, when, with which versions."""
    study = facts.study
    prompts = study["prompts"]
    n_answers = sum(bool(prompt.get("answers")) for prompt in prompts)
    others = {name: [found for found in names if found != name.partition(":")[2]] for name, names in facts.returned.items()}
    not_run = facts.missing["not run"]
    n_failed = facts.n_planned - facts.n_complete - not_run
    shown = {
        "Kind": "single prompts",
        "Models": ", ".join(study["models"]),
        "Returned as": "; ".join(f"{name}: {first_few(found)}" for name, found in others.items() if found),
        "Prompts": f"{len(prompts):,}" + (f", {n_answers:,} of them with right answers" if n_answers else ""),
        "Conditions": f"{len(study['conditions']):,}",
        "Replies wanted": f"{study['n_replies']:,} of each prompt, condition and model",
        "Askings": f"{facts.n_planned:,} planned, {facts.n_complete:,} complete, {n_failed:,} failed, {not_run:,} not run",
        "Plan": facts.grown,
        "Measures": ", ".join(study["measures"]),
        **{name: _set(study, key) for key, name in _KEYS.items()},
        "JSON schema": schemas(study) if "json_schema" in study else None,
        "Calls": _calls(facts.spent),
        "Tokens": _tokens(facts.spent),
        "Dollars": _dollars(facts.spent),
        "Read without repair": _read(facts),
        "Endpoints": ", ".join(facts.ran.endpoints),
        "Starts": f"{facts.ran.n_starts:,}",
        **rows_of(facts.ran, study),
    }
    return tuple((name, str(value)) for name, value in shown.items() if value not in (None, ""))


_KEYS = {
    "seed": "Seed",
    "temperature": "Temperature",
    "top_p": "Top-p",
    "reply_words": "Words allowed in a reply",
    "n_reasks": "Unreadable replies asked for again",
}


def _set(study: Mapping[str, Any], key: str) -> str | None:
    """What the study sets for all conditions but those that set their own, as the table of conditions shows; None if all do."""
    own = [one.get(key) is not None for one in study["conditions"]]
    if key not in study or all(own):
        return None
    return f"{study[key]}{' unless a condition names its own' if any(own) else ''}"


def _calls(spent: Spent) -> str:
    return f"{spent.n_calls:,}" + (f", {spent.n_again:,} of them to a repeated request" if spent.n_again else "")


def _tokens(spent: Spent) -> str:
    if not spent.n_calls:
        return "none"
    if spent.n_uncounted:
        return f"not known: not counted in {spent.n_uncounted:,} of {spent.n_calls:,} answers"
    return f"{spent.prompt_tokens:,} in, {spent.completion_tokens:,} out"


def _dollars(spent: Spent) -> str:
    if not spent.n_calls:
        return "none"
    if spent.without_price:
        return f"not known: no price for {first_few(spent.without_price)}"
    if spent.dollars is None:
        return "not known: tokens are missing"
    return money(spent.dollars)


def _read(facts: PromptFacts) -> str | None:
    if not facts.n_read:
        return None
    repairs = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in facts.repairs.items())
    return f"{facts.n_read - facts.n_repaired:,} of {facts.n_read:,} askings" + (f" (repairs: {repairs})" if repairs else "")


def conditions_table(facts: PromptFacts, n_askings: Mapping[str, int]) -> Table:
    """The arms of a study.

    Args:
        facts: of the run.
        n_askings: condition -> askings of each prompt that the plan has.
    """
    keys = {"method": "method", "k": "k", "select": "selection", "tau": "tau", "wording": "wording", "format": "format", "calls": "calls"}
    conditions = facts.study["conditions"]
    keys |= {
        key: name for key, name in (("temperature", "temperature"), ("top_p", "top-p")) if any(c.get(key) is not None for c in conditions)
    }
    rows = [
        (str(one["name"]), *(NONE if one.get(key) is None else str(one[key]) for key in keys), f"{n_askings.get(one['name'], 0):,}")
        for one in conditions
    ]
    return Table(
        name="design",
        caption="Conditions: how each prompt is asked.",
        columns=("", *keys.values(), "askings of a prompt"),
        rows=tuple(rows),
        notes=(
            "k: candidates of an asking; selection: how one of them is drawn; tau: what every stated probability was asked to be below.",
        ),
    )


def missing_askings(prefix: str, facts: PromptFacts, records: Sequence[Responses]) -> Block:
    """What is missing, by condition and model, and where each reason was met first.

    Args:
        prefix: of the id.
        facts: of the run.
        records: the askings that ended.
    """
    kinds = sorted(facts.missing)
    rows = [
        (f"{cell.condition} ({cell.model})", f"{cell.n_planned:,}", f"{cell.n_complete:,}", *(f"{cell.missing.get(k, 0):,}" for k in kinds))
        for cell in facts.cells
    ]
    made = [Table(name="missing", caption="Askings by condition.", columns=("", "planned", "complete", *kinds), rows=tuple(rows))]
    first: dict[str, tuple[str, str]] = {}
    prompts: dict[str, Counter[str]] = {}
    for one in records:
        if one.failure is not None:
            first.setdefault(one.failure.kind, (f"{one.spec.prompt}, {one.spec.condition}", f"{one.failure.step}: {one.failure.message}"))
            prompts.setdefault(one.failure.kind, Counter())[one.spec.prompt] += 1
    if first:
        reasons = tuple((kind, f"{len(prompts[kind]):,}", *where) for kind, where in sorted(first.items()))
        columns = ("", "prompts", "first of them, condition", "step and sentence")
        made.append(Table(name="reasons", caption="Where each reason was met.", columns=columns, rows=reasons))
    text = "No asking is missing." if not kinds else "A missing asking gave no reply; the same command asks it again."
    return Block(id=f"{prefix}-missing", heading="Failures and missing askings", paragraphs=(text,), tables=tuple(made))


def comparison_lines(facts: PromptFacts, found: Sequence[Record]) -> tuple[tuple[str, ...], ...]:
    """The lines of a run in the table that sets several runs beside each other.

    Args:
        facts: of the run.
        found: what its measures found; of several judges, the last one's quality.
    """
    rows: list[tuple[str, ...]] = []
    for cell in facts.cells:
        own = [one for one in found if (getattr(one, "condition", None), getattr(one, "model", None)) == (cell.condition, cell.model)]
        values: dict[str, tuple[float | None, Interval | None]] = {}
        for one in own:
            if isinstance(one, Diversity):
                values[one.measure] = one.mean, one.interval
            elif isinstance(one, Accuracy):
                values |= {"top-1": (one.top_1.mean, one.top_1.interval), "any": (one.any_right.mean, one.any_right.interval)}
            elif isinstance(one, Quality):
                values["quality"] = one.mean, one.interval
            elif isinstance(one, Refusals):
                values["refused"] = one.drawn.mean, one.drawn.interval
        covered = [one for one in own if isinstance(one, Coverage)]
        if shares := [one.found_share for one in covered if one.found_share is not None]:
            values["answers found"] = sum(shares) / len(shares), None
        if kls := [one.kl for one in covered if one.kl is not None]:
            values["KL"] = sum(kls) / len(kls), covered[0].kl_interval if len(covered) == 1 else None
        both = [values.get(name, (None, None)) for name in PROMPT_COLUMNS[4:]]
        rows.append((cell.condition, cell.model, f"{cell.n_complete:,}", f"{cell.n_missing:,}", *(share(value) for value, _ in both)))
        rows.append(("", "", "", "", *(interval("share", *(ends or (None, None))) for _, ends in both)))
    return tuple(rows)


def tests_block(prefix: str, tests: Sequence[MethodTest], notes: Sequence[str]) -> Block:
    """Whether methods differ in how different their replies to a prompt are, tested over the prompts.

    Args:
        prefix: of the id.
        tests: every condition against the first one of its model.
        notes: what else must be said of the distances.
    """
    rows: list[tuple[str, ...]] = []
    for measure, model in dict.fromkeys((one.measure, one.model) for one in tests):
        rows += [(), (f"{measure}, {model}",)] if rows else [(f"{measure}, {model}",)]
        for one in (one for one in tests if (one.measure, one.model) == (measure, model)):
            rows.append(
                (
                    f"{one.condition} minus {one.first}",
                    f"{one.n_prompts:,}",
                    share(one.difference, signed=True),
                    NONE if one.t is None else f"{one.t:.2f}",
                    p_value(one.t_p),
                    u_text(one.u),
                    p_value(one.u_p),
                )
            )
    table = Table(
        name="methods",
        caption="Distances within a method, over the prompts: paired t-test and Mann-Whitney U, two-sided.",
        columns=("", "prompts", "difference", "t", "p of t", "U", "p of U"),
        rows=tuple(rows),
        notes=(
            "Distance within a method: mean over all pairs of its replies to a prompt, 0 if all are the same. Difference: mean over the "
            "prompts that both have. No test below two prompts; no t where all differences are the same. The p are not corrected for the "
            "number of tests.",
        ),
    )
    text = "Prompt by prompt, with the replies of all methods in columns, below under Side by side."
    return Block(
        id=f"{prefix}-tests",
        heading="Methods against each other, over the prompts",
        paragraphs=(text,) if tests else ("There is one condition, or no distance, so that there is nothing to test.",),
        tables=(table,) if tests else (),
        notes=tuple(notes),
    )
