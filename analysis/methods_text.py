"""The methods paragraphs of a paper, filled from a run's records and its grid: neutral words, no number of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from analysis.compare import exact_shares
from analysis.grid import Grid
from analysis.numbers import FEW_ON_ONE_SIDE, amount, cleaning_rule, share, zero
from analysis.prose import Paragraph, cite, counted, listed, named
from analysis.results_text import incomplete
from analysis.run_facts import Asked, Ran, RunFacts, schemas
from vs_sim.export.markdown import first_few
from vs_sim.records import is_person

ENDED = {
    "rounds_done": "the last round was reached",
    "mutual_goodbye": "both said goodbye",
    "refused_to_continue": "the persuadee refused to go on",
    "context_full": "the context window was full",
    "error": "an error",
}

FURTHER = {
    "language": "The language of the persuadees' messages is described by means over conversations, each counted in one way for people and "
    "models (analysis.language); intervals resample people, and of a share that is 0 or 1 in every conversation are exact.",
    "dynamics": "When persuadees name an amount, agree or refuse is read from the messages by rules (analysis.dynamics), which err; shares "
    "are of conversations, with intervals that resample people, exact for a share that is 0 or 1 in every conversation.",
    "probabilities": "Stated probabilities are described by the sum as stated and, after division by their sum, by entropy and by the rank "
    "of the drawn candidate; whether the draws follow the rule of drawing is tested by chi-square (analysis.probabilities).",
}
"""Name of a figure or table of the supplement -> what it was computed from."""


def methods(grid: Grid, facts: RunFacts, note: str = "", shown: Collection[str] = ()) -> list[Paragraph]:
    """What was planned, asked, drawn, read and compared.

    Args:
        grid: the comparisons of the run.
        facts: of the run.
        note: what the numbers must not be read as; empty for nothing.
        shown: what else the supplement shows of the run: keys of `FURTHER`.
    """
    found = [
        Paragraph(heading="Design", text=" ".join(_design(facts))),
        Paragraph(heading="Conditions", text=_conditions(facts.study)),
        Paragraph(heading="Generation", text=" ".join(_generation(facts))),
        Paragraph(heading="Reading of replies", text=" ".join(_reading(facts))),
        Paragraph(heading="Outcome", text=" ".join(_outcome(facts, grid))),
        Paragraph(heading="Conversations", text=" ".join([*([note] if note else []), *_conversations(facts)])),
        Paragraph(heading="Comparison", text=" ".join(_comparison(grid))),
        *(Paragraph(heading=name.capitalize(), text=text) for name, text in FURTHER.items() if name in shown),
        Paragraph(heading="Software", text=software_sentence(facts.ran)),
    ]
    unknown = _unknown(facts)
    text = f"The records do not hold: {'; '.join(unknown)}. " if unknown else ""
    return [*found, Paragraph(heading="Not recorded", text=text + _to_add(facts))]


def _design(facts: RunFacts) -> list[str]:
    study = facts.study
    models = study["persuadee_models"]
    scenario = study["scenario"]
    about = scenario["about"]
    return [
        f"Scenario: {named(about)}{'' if about.endswith('.') else '.'}",
        f"Question, as written before the run: {named(study['question'])} Prediction: {named(study['prediction'])}",
        f"We planned {facts.n_planned:,} conversations: {counted(len(study['conditions']), 'condition')}, "
        f"{counted(len(models), 'persuadee model')} "
        f"({listed(models)}), {counted(facts.n_persuadees, 'persuadee persona')} and {counted(study.get('replicates', 1), 'replicate')}; "
        f"the persuader was {named(study['persuader_model'])} with {counted(facts.n_persuaders, 'persona')}.",
        *([facts.grown] if facts.grown else []),
        *(_as_humans(facts) if scenario.get("humans") else []),
    ]


def _as_humans(facts: RunFacts) -> list[str]:
    """What ties a scenario of which there are humans to them."""
    return [
        f"{facts.n_matched} of {facts.n_persuadees} persuadee personas were matched to a human whose donation is known.",
        "The task follows PersuasionForGood" + cite("wang2019persuasion") + ".",
    ]


def _conditions(study: Mapping[str, Any]) -> str:
    if all(map(is_person, study["persuadee_models"])):
        return "The persuadees were people, who answered in their own words: no method applies."
    return " ".join(condition_sentence(one, "turn") for one in study["conditions"]) + _conditions_note()


def condition_sentence(condition: Mapping[str, Any], what: str) -> str:
    """What a condition asks for, for a turn or an asking."""
    k = condition.get("k")
    how_many = "as many candidates as the model found fitting" if k == "model" else f"k = {k} candidates"
    said = {
        "direct": "one reply was asked for",
        "cot": "reasoning and then one reply were asked for",
        "sequence": f"a list of {how_many} was asked for, without probabilities",
        "multi_turn": f"{how_many} were asked for, one call each",
        "vs_standard": f"{how_many} with their probabilities were asked for",
        "vs_cot": f"reasoning and then {how_many} with their probabilities were asked for",
        "vs_multi": f"{how_many} per call with their probabilities were asked for, in {condition.get('calls')} calls per {what}",
    }.get(str(condition["method"]), "")
    details = [f"method {named(condition['method'])}"]
    for key, title in (
        ("select", "selection"),
        ("wording", "wording of the probability"),
        ("tau", "tau"),
        ("format", "format"),
        ("temperature", "temperature"),
        ("top_p", "top-p"),
    ):
        if condition.get(key) is not None:
            details.append(f"{title} {named(condition[key])}")
    return f"{named(condition['name'])}: {said} ({', '.join(details)})."


def _conditions_note() -> str:
    return (
        " Methods follow Verbalized Sampling" + cite("zhang2025verbalized") + "; the prompts are our own. All conditions share one base "
        "prompt and differ in the request for the reply only; tau is an upper bound that the request states, and candidates above it are "
        "marked, not removed."
    )


def _generation(facts: RunFacts) -> list[str]:
    study = facts.study
    sentences = [
        models_sentence(facts.returned),
        f"Conversations were generated in {starts(facts.ran)}.",
        f"Temperature {sampling(study, 'temperature')}, top-p {sampling(study, 'top_p')}; "
        f"at most {study['rounds']} rounds (a message of each), "
        f"at least {study.get('min_rounds', 'an unrecorded number of')} before a mutual goodbye ends a dialogue; messages of at most "
        f"{study.get('reply_words', 'an unrecorded number of')} words were asked for.",
        f"The chat was shown {'in chat roles' if study.get('form') == 'chat' else 'written out in one message'}. {schemas(study)}.",
        "One candidate of each turn was drawn with a generator of its own, seeded with SHA-256 of the conversation's seed and the turn; "
        f"conversation seeds are SHA-256 of the study's seed ({study['seed']}) with personas and replicate, so that conditions share them.",
    ]
    return sentences


def models_sentence(returned: Mapping[str, Sequence[str]]) -> str:
    """Model as named in the study -> names that the provider returned for it, as a sentence."""
    found = []
    for model, names in returned.items():
        said = f"returned as {first_few([*map(named, names)])}" if names else "no name was returned"
        found.append(f"{named(model)} ({said})")
    return f"Models, as named in the study and as returned by the provider: {'; '.join(found)}."


def sampling(study: Mapping[str, Any], key: str) -> str:
    """Temperature or top-p of a study or a condition, in words."""
    value = study.get(key)
    return "not recorded" if value is None else "the provider's default" if value == "default" else str(value)


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
    repaired = [one for one in facts.asked if one.n_turns]
    if repaired:
        texts = []
        for one in repaired:
            names = ", ".join(f"{named(name)} {n:,}" for name, n in one.repairs.items())
            texts.append(
                f"{_asked(one)} {one.n_repaired:,} of {one.n_turns:,} ({share(one.n_repaired / one.n_turns)})" + f": {names}" * bool(names)
            )
        sentences.append(f"Persuadee turns that were read after a repair, with its names: {'; '.join(texts)}.")
    above = []
    for one in facts.asked:
        if one.n_turns_tau or one.n_decisions_tau:
            turns = f"{one.n_turns_above:,} of {one.n_turns_tau:,} turns"
            above.append(f"{_asked(one)} {turns} and {one.n_decisions_above:,} of {one.n_decisions_tau:,} decisions")
    if above:
        sentences.append(f"Where a tau was asked for, these hold a candidate whose stated probability exceeds it: {'; '.join(above)}.")
    return sentences


def _asked(one: Asked) -> str:
    return f"{named(one.condition)} ({named(one.model)})"


def _outcome(facts: RunFacts, grid: Grid) -> list[str]:
    study, first = facts.study, grid.comparisons[0]
    scale = first.scale
    whole = (
        f"in whole cents, from {scale.text(scale.low)} to {scale.text(scale.high)}"
        if scale.money
        else f"a whole number from {scale.low} to {scale.text(scale.high)}"
    )
    if first.which == "actual":
        return [
            f"The outcome is the {scale.name} that the persuadee decided on in private after the chat, {whole}, asked for by the method of "
            "its condition."
        ]
    found = ["The outcome is the donation that the persuadee said in the chat, read by rules (vs_sim.outcome); undetermined is missing."]
    if study.get("second_reader"):
        n = sum(c.n_second for c in grid.comparisons)
        found.append(
            f"What the rules leave open was read by {named(study['second_reader'])}, held to quotations: {n} simulated and "
            f"{first.n_human_second} human donations."
        )
    return found


def _conversations(facts: RunFacts) -> list[str]:
    sentences = [f"Of {facts.n_planned:,} planned conversations {facts.n_complete:,} are complete."]
    if facts.incomplete:
        sentences.append(incomplete(facts))
    ended = [f"{ENDED.get(reason, reason)} {n:,}" for reason, n in facts.ended.items()]
    if ended:
        sentences.append(f"Complete dialogues ended because: {'; '.join(ended)}.")
    return sentences


def _comparison(grid: Grid) -> list[str]:
    first = grid.comparisons[0]
    lost = {"drop": first.n_human_dropped, "cap": first.n_human_capped, "all": 0}[first.cleaning]
    sentences = []
    if first.n_human:
        people = "an unknown number of" if first.n_human_people is None else f"{first.n_human_people:,}"
        sentences += [
            f"Humans: {named(first.human_source)}; {first.n_human:,} {first.scale.name}s of {people} people, worth "
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
        + f", but for shares near 0 or 1: where fewer than {FEW_ON_ONE_SIDE} of the persuadees, counted as what they are worth, give "
        f"{zero(first.scale)}, or fewer than {FEW_ON_ONE_SIDE} give more, the share of {zero(first.scale)} has the exact interval"
        + cite("clopper1934use")
        + (", and its difference from the humans' is bounded by both intervals" + cite("zou2008construction") if first.n_human else "")
        + (f"; this holds for {listed(few)}." if (few := exact_shares(grid.comparisons)) else "; this holds for no condition here."),
    ]
    sentences += _against_humans(grid) if first.n_human else ["There are no human data: nothing here says how people would decide."]
    if grid.pairs:
        sentences.append(
            f"Conditions of one model were compared on the same personas and seeds ({counted(len(grid.pairs), 'pair')} of conditions), "
            "with p by swapping conditions within personas."
        )
    margins = {e.metric: (e.unit, e.margin) for c in grid.comparisons for e in c.equivalences}
    if margins:
        declared = ", ".join(f"{name.replace('_', ' ')} {amount(unit, margin, name)}" for name, (unit, margin) in margins.items())
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
        + f" and are adjusted over {counted(n_tested, 'arm')} by Holm"
        + cite("holm1979simple")
        + " and by Benjamini and Hochberg"
        + cite("benjamini1995controlling")
        + ", each distance by itself.",
        "The noise floor is what as many humans as there are personas score against the humans, with mean and 95 % quantile.",
    ]


def starts(ran: Ran) -> str:
    """How often a run was started, and when, for the end of a sentence."""
    when = "no attempt is recorded" if ran.first is None else f"attempts were started between {ran.first} and {ran.last} (UTC)"
    return f"{counted(ran.n_starts, 'start')} of the run; {when}"


def software_sentence(ran: Ran) -> str:
    """Packages with their versions, and the commits of the code, as a sentence."""
    used = [f"{named(package)} {listed(found)}" for package, found in ran.versions.items()]
    changed = [commit.replace("-dirty", " with uncommitted changes") for commit in ran.commits]
    said = f"git commit {listed(changed)}" if changed else "no git commit is recorded"
    return f"Versions: {', '.join(used) or 'none recorded'}; {said}."


def _unknown(facts: RunFacts) -> list[str]:
    found = [f"the name that the provider returned for {named(model)}" for model, names in facts.returned.items() if not names]
    if not facts.ran.commits or facts.ran.n_without_commit:
        found.append(f"the git commit of {facts.ran.n_without_commit} of {facts.ran.n_starts} starts")
    if not facts.ran.endpoints and any(not model.startswith(("embedded:", "scripted:", "human:")) for model in facts.returned):
        found.append("the address of an endpoint (the provider's own, or an environment variable's)")
    found += [f"temperature and top-p, where {key} is the provider's default" for key in _defaults(facts.study)]
    return found


def _to_add(facts: RunFacts) -> str:
    """What no record of a run can know."""
    things = [
        f"where the {facts.n_persuadees:,} persuadee and {facts.n_persuaders:,} persuader personas come from, and whether they were drawn "
        "from people, synthesized or invented",
        "who wrote the prompts, and how they were chosen",
        "the licences of the data and of the models",
        "ethics: review, and the consent of the people whose data or words were used",
        "what else was tried and is not reported",
    ]
    return f"The author must add: {'; '.join(things)}."


def _defaults(study: Mapping[str, Any]) -> list[str]:
    return [key for key in ("temperature", "top_p") if study.get(key) == "default"]
