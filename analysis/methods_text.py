"""The methods and results paragraphs of a paper, filled from a run's records and its grid: neutral words, no number of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.compare import Comparison
from analysis.grid import Grid
from analysis.numbers import cleaning_rule, interval, number, p_value, share, zero
from analysis.prose import Paragraph, cite
from analysis.run_facts import Asked, RunFacts
from vs_sim.records import is_person, printable

ENDED = {
    "rounds_done": "the last round was reached",
    "mutual_goodbye": "both said goodbye",
    "refused_to_continue": "the persuadee refused to go on",
    "context_full": "the context window was full",
    "error": "an error",
}


def methods(grid: Grid, facts: RunFacts, note: str = "") -> list[Paragraph]:
    """What was planned, asked, drawn, read and compared.

    Args:
        grid: the comparisons of the run.
        facts: of the run.
        note: what the numbers must not be read as; empty for nothing.
    """
    found = [
        Paragraph(heading="Design", text=" ".join(_design(facts))),
        Paragraph(heading="Conditions", text=_conditions(facts.study)),
        Paragraph(heading="Generation", text=" ".join(_generation(facts))),
        Paragraph(heading="Reading of replies", text=" ".join(_reading(facts))),
        Paragraph(heading="Outcome", text=" ".join(_outcome(facts, grid))),
        Paragraph(heading="Conversations", text=" ".join([*([note] if note else []), *_conversations(facts)])),
        Paragraph(heading="Comparison", text=" ".join(_comparison(grid))),
        Paragraph(heading="Software", text=" ".join(_software(facts))),
    ]
    unknown = _unknown(facts)
    text = f"The records do not hold: {'; '.join(unknown)}." if unknown else "Nothing that is named above is missing from the records."
    return [*found, Paragraph(heading="Not recorded", text=text)]


def results(grid: Grid, facts: RunFacts, note: str = "") -> list[Paragraph]:
    """What was found, arm by arm, in the numbers of the tables."""
    head = [note] if note else []
    if facts.incomplete:
        head.append(_incomplete(facts))
    first = grid.comparisons[0]
    if first.n_human:
        parts = [f"{title} {_human(first, name)}" for name, title in (("share_zero", f"share of {zero(first.scale)}"), ("mean", "mean"))]
        head.append(f"Humans (n = {first.n_human}): {', '.join(parts)}.")
    found = [Paragraph(heading="Results", text=" ".join([*head, *(_arm(grid, i) for i in range(len(grid.comparisons)))]))]
    if grid.pairs:
        found.append(Paragraph(heading="Differences between conditions", text=" ".join(_pair(grid, i) for i in range(len(grid.pairs)))))
    return found


def _design(facts: RunFacts) -> list[str]:
    study = facts.study
    models = study["persuadee_models"]
    scenario = study["scenario"]
    about = scenario["about"]
    return [
        f"Scenario: {_name(about)}{'' if about.endswith('.') else '.'}",
        f"Question, as written before the run: {_name(study['question'])} Prediction: {_name(study['prediction'])}",
        f"We planned {facts.n_planned:,} conversations: {_n(len(study['conditions']), 'condition')}, {_n(len(models), 'persuadee model')} "
        f"({_list(models)}), {_n(facts.n_persuadees, 'persuadee persona')} and {_n(study.get('replicates', 1), 'replicate')}; "
        f"the persuader was {_name(study['persuader_model'])} with {_n(facts.n_persuaders, 'persona')}.",
        f"{facts.n_matched} of {facts.n_persuadees} persuadee personas were matched to a human whose donation is known.",
        "The task follows PersuasionForGood" + cite("wang2019persuasion") + "." if scenario.get("humans") == "persuasionforgood" else "",
    ]


def _conditions(study: Mapping[str, Any]) -> str:
    if all(map(is_person, study["persuadee_models"])):
        return "The persuadees were people, who answered in their own words: no method applies."
    return " ".join(map(_condition, study["conditions"])) + _conditions_note()


def _condition(condition: Mapping[str, Any]) -> str:
    k = condition.get("k")
    how_many = "as many candidates as the model found fitting" if k == "model" else f"k = {k} candidates"
    said = {
        "direct": "one reply was asked for",
        "cot": "reasoning and then one reply were asked for",
        "sequence": f"a list of {how_many} was asked for, without probabilities",
        "multi_turn": f"{how_many} were asked for, one call each",
        "vs_standard": f"{how_many} with their probabilities were asked for",
        "vs_cot": f"reasoning and then {how_many} with their probabilities were asked for",
        "vs_multi": f"{how_many} per call with their probabilities were asked for, in {condition.get('calls')} calls per turn",
    }.get(str(condition["method"]), "")
    details = [f"method {_name(condition['method'])}"]
    for key, title in (("select", "selection"), ("wording", "wording of the probability"), ("tau", "tau"), ("format", "format")):
        if condition.get(key) is not None:
            details.append(f"{title} {_name(condition[key])}")
    return f"{_name(condition['name'])}: {said} ({', '.join(details)})."


def _conditions_note() -> str:
    return (
        " Methods follow Verbalized Sampling" + cite("zhang2025verbalized") + "; the prompts are our own. All conditions share one base "
        "prompt and differ in the request for the reply only; tau is an upper bound that the request states, and candidates above it are "
        "marked, not removed."
    )


def _generation(facts: RunFacts) -> list[str]:
    study = facts.study

    def sampling(key: str) -> str:
        value = study.get(key)
        return "not recorded" if value is None else "the provider's default" if value == "default" else str(value)

    returned = []
    for model, names in facts.returned.items():
        said = f"returned as {_list(names)}" if names else "no name was returned"
        returned.append(f"{_name(model)} ({said})")
    when = "no attempt is recorded" if facts.first is None else f"attempts were started between {facts.first} and {facts.last} (UTC)"
    sentences = [
        f"Models, as named in the study and as returned by the provider: {'; '.join(returned)}.",
        f"Conversations were generated in {_n(facts.n_starts, 'start')} of the run; {when}.",
        f"Temperature {sampling('temperature')}, top-p {sampling('top_p')}; at most {study['rounds']} rounds (a message of each), "
        f"at least {study.get('min_rounds', 'an unrecorded number of')} before a mutual goodbye ends a dialogue; messages of at most "
        f"{study.get('reply_words', 'an unrecorded number of')} words were asked for.",
        f"The chat was shown {'in chat roles' if study.get('form') == 'chat' else 'written out in one message'}; JSON schemas were "
        f"{'asked for where the endpoint takes them' if study.get('json_schema') else 'not asked for'}.",
        "One candidate of each turn was drawn with a generator of its own, seeded with SHA-256 of the conversation's seed and the turn; "
        f"conversation seeds are SHA-256 of the study's seed ({study['seed']}) with personas and replicate, so that conditions share them.",
    ]
    return sentences


def _reading(facts: RunFacts) -> list[str]:
    """How replies could be read."""
    again = [
        f"{_asked(one)} {one.n_again:,} of {one.n_answers:,} ({share(one.n_again / one.n_answers)})" for one in facts.asked if one.n_answers
    ]
    given_up = sum(one.n_given_up for one in facts.asked)
    sentences = [
        f"An unreadable reply was asked for again up to {facts.study.get('n_reasks', 'an unrecorded number of')} times. "
        + (
            f"Answers to such a repeated request, of all answers in the journal: {'; '.join(again)}."
            if again
            else "The journal holds no answer."
        ),
    ]
    if given_up:
        sentences.append(f"{given_up:,} answers belong to turns that failed and were given up; they are counted here and used nowhere.")
    above = []
    for one in facts.asked:
        if one.n_turns_tau or one.n_decisions_tau:
            turns = f"{one.n_turns_above:,} of {one.n_turns_tau:,} turns"
            above.append(f"{_asked(one)} {turns} and {one.n_decisions_above:,} of {one.n_decisions_tau:,} decisions")
    if above:
        sentences.append(f"Where a tau was asked for, these hold a candidate whose stated probability exceeds it: {'; '.join(above)}.")
    return sentences


def _asked(one: Asked) -> str:
    return f"{_name(one.condition)} ({_name(one.model)})"


def _outcome(facts: RunFacts, grid: Grid) -> list[str]:
    study, first = facts.study, grid.comparisons[0]
    scale = first.scale
    whole = f", from {scale.text(scale.low)} to {scale.text(scale.high)} in whole {scale.unit}"
    if first.which == "actual":
        return [
            f"The outcome is the amount that the persuadee decided on in private after the chat, asked for by the method of its condition"
            f"{whole}."
        ]
    found = ["The outcome is the donation that the persuadee said in the chat, read by rules (vs_sim.outcome); undetermined is missing."]
    if study.get("second_reader"):
        n = sum(c.n_second for c in grid.comparisons)
        found.append(
            f"What the rules leave open was read by {_name(study['second_reader'])}, held to quotations: {n} simulated and "
            f"{first.n_human_second} human donations."
        )
    return found


def _conversations(facts: RunFacts) -> list[str]:
    sentences = [f"Of {facts.n_planned:,} planned conversations {facts.n_complete:,} are complete."]
    if facts.incomplete:
        sentences.append(_incomplete(facts))
    ended = [f"{ENDED.get(reason, reason)} {n:,}" for reason, n in facts.ended.items()]
    if ended:
        sentences.append(f"Complete dialogues ended because: {'; '.join(ended)}.")
    return sentences


def _incomplete(facts: RunFacts) -> str:
    cells = []
    for cell in facts.incomplete:
        reasons = ", ".join(f"{printable(reason)} {n}" for reason, n in cell.missing.items())
        cells.append(f"{_name(cell.condition)} ({_name(cell.model)}) {cell.n_missing} of {cell.n_planned} ({reasons})")
    return f"INCOMPLETE: conversations are missing, which may bias every number: {'; '.join(cells)}."


def _comparison(grid: Grid) -> list[str]:
    first = grid.comparisons[0]
    lost = {"drop": first.n_human_dropped, "cap": first.n_human_capped, "all": 0}[first.cleaning]
    sentences = []
    if first.n_human:
        people = "an unknown number of" if first.n_human_people is None else f"{first.n_human_people:,}"
        sentences += [
            f"Humans: {_name(first.human_source)}; {first.n_human:,} {first.scale.name}s of {people} people, worth "
            f"{first.n_human_effective:,} independent ones" + cite("kish1965survey") + ".",
            f"Cleaning rule {first.cleaning}, on both sides: {cleaning_rule(first)} ({lost} human, "
            f"{sum(c.n_cleaned for c in grid.comparisons)} simulated).",
        ]
    if first.which != first.human_which:
        sentences.append(
            f"WARNING: {first.which} {first.scale.name}s are held against the humans' {first.human_which} ones, for which there is neither "
            "p nor equivalence."
        )
    sentences += [
        f"All resampling uses {first.n_resamples:,} resamples and seed {first.seed}.",
        "Intervals are 95 % expanded percentile intervals of a bootstrap that resamples personas with all their conversations"
        + (", and humans" if first.n_human else "")
        + cite("hesterberg2015teachers")
        + ".",
    ]
    sentences += _against_humans(grid) if first.n_human else ["There are no human data: nothing here says how people would decide."]
    if grid.pairs:
        sentences.append(
            f"Conditions of one model were compared on the same personas and seeds ({_n(len(grid.pairs), 'pair')} of conditions), with p "
            "by swapping conditions within personas."
        )
    margins = {e.metric: (e.unit, e.margin) for c in grid.comparisons for e in c.equivalences}
    if margins:
        declared = ", ".join(f"{name.replace('_', ' ')} {_amount(unit, margin, name)}" for name, (unit, margin) in margins.items())
        sentences.append(
            "Equivalence is two one-sided tests at the 5 % level" + cite("schuirmann1987comparison") + f"; margins declared: {declared}."
        )
    elif first.n_human:
        sentences.append("No margins were declared, so that nothing here shows equivalence.")
    return sentences


def _against_humans(grid: Grid) -> list[str]:
    n_tested = sum(p is not None for test in grid.tests if test.metric == "ks" for p in test.p)
    return [
        "Distances are Kolmogorov-Smirnov (KS), Cramer-von Mises, L1 of bins that begin at "
        + ", ".join(map(str, grid.comparisons[0].bin_edges))
        + f" {grid.comparisons[0].scale.unit}, Wasserstein-1, and, for matched personas, the mean absolute difference per dialogue (L1 per "
        "dialogue); their intervals are corrected for what resampling adds.",
        "Permutation p of the distances are never 0"
        + cite("phipson2010permutation")
        + f" and are adjusted over {_n(n_tested, 'arm')} by Holm"
        + cite("holm1979simple")
        + " and by Benjamini and Hochberg"
        + cite("benjamini1995controlling")
        + ", each distance by itself.",
        "The noise floor is what as many humans as there are personas score against the humans, with mean and 95 % quantile.",
    ]


def _software(facts: RunFacts) -> list[str]:
    versions = [f"{_name(package)} {_list(found)}" for package, found in facts.versions.items() if found]
    changed = [commit.replace("-dirty", " with uncommitted changes") for commit in facts.commits]
    commits = f"git commit {_list(changed)}" if changed else "no git commit is recorded"
    return [f"Versions: {', '.join(versions) or 'none recorded'}; {commits}."]


def _unknown(facts: RunFacts) -> list[str]:
    found = [f"the name that the provider returned for {_name(model)}" for model, names in facts.returned.items() if not names]
    if not facts.commits or facts.n_without_commit:
        found.append(f"the git commit of {facts.n_without_commit} of {facts.n_starts} starts")
    if not facts.endpoints and any(not model.startswith(("embedded:", "scripted:", "human:")) for model in facts.returned):
        found.append("the address of an endpoint (the provider's own, or an environment variable's)")
    found += [f"temperature and top-p, where {key} is the provider's default" for key in _defaults(facts.study)]
    return found


def _defaults(study: Mapping[str, Any]) -> list[str]:
    return [key for key in ("temperature", "top_p") if study.get(key) == "default"]


def _human(first: Comparison, name: str) -> str:
    m = first.metric(name)
    return f"{_amount(m.unit, m.human)} {interval(m.unit, m.human_low, m.human_high)}".strip()


def _arm(grid: Grid, i: int) -> str:
    c = grid.comparisons[i]
    if c.n == 0:
        return f"{_name(c.arm)}: no {c.scale.name} ({c.n_missing} missing)."
    parts = []
    for name, title in _shown(grid):
        m = c.metric(name)
        if m.value is None:
            continue
        bounds = interval(m.unit, m.low, m.high) or "no interval"
        floor = f", noise floor at 95 % {number(m.unit, m.floor_q95)}" if name == "ks" and m.floor_q95 is not None else ""
        parts.append(f"{title} {_amount(m.unit, m.value)} ({bounds}{floor})")
    test = next(test for test in grid.tests if test.metric == "ks")
    if test.p[i] is not None:
        parts.append(f"p of KS {p_value(test.p[i])}, by Holm {p_value(test.holm[i])}")
    missing = f", {c.n_missing} missing" if c.n_missing else ""
    return f"{_name(c.arm)} (n = {c.n}{missing}): {'; '.join(parts)}."


def _shown(grid: Grid) -> tuple[tuple[str, str], ...]:
    """Metrics of the results, and how they are called."""
    share = f"share of {zero(grid.comparisons[0].scale)}"
    return (("share_zero", share), ("mean", "mean"), ("ks", "KS"), ("l1_per_dialogue", "L1 per dialogue"))


def _pair(grid: Grid, i: int) -> str:
    pair = grid.pairs[i]
    if not pair.n_pairs:
        return f"{_name(pair.second)} minus {_name(pair.first)}: no shared pairs."
    tests = {test.metric: test for test in grid.pair_tests}
    parts = []
    for name, title in _shown(grid):
        d = next((d for d in pair.differences if d.metric == name), None)
        if d is None or d.value is None:
            continue
        bounds = interval(d.unit, d.low, d.high, signed=True) or "no interval"
        p = f", p {p_value(d.p)}, by Holm {p_value(tests[name].holm[i])}" if d.p is not None else ""
        parts.append(f"{title} {number(d.unit, d.value, signed=True)} ({bounds}{p})")
    return f"{_name(pair.second)} minus {_name(pair.first)} ({_n(pair.n_pairs, 'pair')}): {'; '.join(parts)}."


def _amount(unit: str, value: float | None, metric: str = "") -> str:
    return ("$" if unit in ("cents", "dollars") and value is not None else "") + number(unit, value, metric)


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def _name(text: object) -> str:
    return printable(str(text))


def _list(names: Sequence[object]) -> str:
    return ", ".join(map(_name, names))
