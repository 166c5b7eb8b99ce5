"""The methods and results paragraphs of a paper, filled from a run's records and its grid: neutral words, no number of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from analysis.compare import Comparison
from analysis.grid import Grid
from analysis.latex import escape
from analysis.paper_tables import interval, number, p_value
from analysis.run_facts import RunFacts
from vs_sim.records import Record, printable
from vs_sim.scenario import Scale

_OPEN, _CLOSE = "\ue000", "\ue001"
"""Around the key of a reference; private characters, which no name in a record keeps."""

ENDED = {
    "rounds_done": "the last round was reached",
    "mutual_goodbye": "both said goodbye",
    "refused_to_continue": "the persuadee refused to go on",
    "context_full": "the context window was full",
    "error": "an error",
}


class Paragraph(Record):
    """A paragraph with a heading; references stand in it as `cite` writes them."""

    heading: str
    text: str


def cite(*keys: str) -> str:
    """References to entries of references.bib."""
    return "".join(f"{_OPEN}{key}{_CLOSE}" for key in keys)


def cited(paragraphs: Sequence[Paragraph]) -> list[str]:
    """Keys of the references, each once, in the order of the text."""
    return list(dict.fromkeys(key.partition(_CLOSE)[0] for p in paragraphs for key in p.text.split(_OPEN)[1:]))


def markdown(title: str, paragraphs: Sequence[Paragraph]) -> str:
    """The paragraphs as Markdown, with references as Pandoc reads them (``[@key]``)."""
    body = "\n\n".join(f"## {p.heading}\n\n{_references(_markdown(p.text), '[@', ']')}" for p in paragraphs)
    return f"# {title}\n\n{body}\n"


def latex(title: str, paragraphs: Sequence[Paragraph]) -> str:
    """The paragraphs as LaTeX, with references as ``\\cite``."""
    body = "\n\n".join(rf"\paragraph{{{escape(p.heading)}.}} {_latex(p.text)}" for p in paragraphs)
    return f"\\subsection*{{{escape(title)}}}\n\n{body}\n"


def methods(grid: Grid, facts: RunFacts, note: str = "") -> list[Paragraph]:
    """What was planned, asked, drawn, read and compared.

    Args:
        grid: the comparisons of the run.
        facts: of the run.
        note: what the numbers must not be read as; empty for nothing.
    """
    found = [
        Paragraph(heading="Design", text=" ".join(_design(facts))),
        Paragraph(heading="Conditions", text=" ".join(map(_condition, facts.study["conditions"])) + _conditions_note()),
        Paragraph(heading="Generation", text=" ".join(_generation(facts))),
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
        parts = [f"{title} {_human(first, name)}" for name, title in (("share_zero", "share of $0"), ("mean", "mean"))]
        head.append(f"Humans (n = {first.n_human}): {', '.join(parts)}.")
    found = [Paragraph(heading="Results", text=" ".join([*head, *(_arm(grid, i) for i in range(len(grid.comparisons)))]))]
    if grid.pairs:
        found.append(Paragraph(heading="Differences between conditions", text=" ".join(_pair(grid, i) for i in range(len(grid.pairs)))))
    return found


def _design(facts: RunFacts) -> list[str]:
    study = facts.study
    models = study["persuadee_models"]
    scenario = study.get("scenario") or {}
    about = scenario.get("about")
    return [
        *([f"Scenario: {_name(about)}{'' if str(about).endswith('.') else '.'}"] if about else []),
        f"Question, as written before the run: {_name(study['question'])} Prediction: {_name(study['prediction'])}",
        f"We planned {facts.n_planned:,} conversations: {_n(len(study['conditions']), 'condition')}, {_n(len(models), 'persuadee model')} "
        f"({_list(models)}), {_n(facts.n_persuadees, 'persuadee persona')} and {_n(study.get('replicates', 1), 'replicate')}; "
        f"the persuader was {_name(study['persuader_model'])} with {_n(facts.n_persuaders, 'persona')}.",
        f"{facts.n_matched} of {facts.n_persuadees} persuadee personas were matched to a human whose donation is known.",
        "The task follows PersuasionForGood" + cite("wang2019persuasion") + "."
        if scenario.get("humans", "persuasionforgood") == "persuasionforgood"
        else "",
    ]


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
        f"An unreadable reply was asked for again up to {study.get('n_reasks', 'an unrecorded number of')} times "
        f"({facts.n_asked_again:,} of {facts.n_calls:,} recorded answers were such).",
    ]
    if any(condition.get("tau") is not None for condition in study["conditions"]):
        sentences.append(f"{facts.n_above_tau:,} of {facts.n_turns:,} persuadee turns hold a candidate whose probability exceeds its tau.")
    return sentences


def _outcome(facts: RunFacts, grid: Grid) -> list[str]:
    study, first = facts.study, grid.comparisons[0]
    scale = (study.get("scenario") or {}).get("scale")
    whole = ""
    if scale is not None:
        on = Scale.model_validate(scale)
        whole = f", from {on.text(on.low)} to {on.text(on.high)} in whole {on.unit}"
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
    rule = {"drop": "amounts above $2 are left out", "cap": "amounts above $2 are set to $2", "all": "all amounts are kept"}
    lost = {"drop": first.n_human_dropped, "cap": first.n_human_capped, "all": 0}[first.cleaning]
    sentences = []
    if first.n_human:
        people = "an unknown number of" if first.n_human_people is None else f"{first.n_human_people:,}"
        sentences += [
            f"Humans: {_name(first.human_source)}; {first.n_human:,} donations of {people} people, worth {first.n_human_effective:,} "
            f"independent ones" + cite("kish1965survey") + ".",
            f"Cleaning rule {first.cleaning}, on both sides: {rule[first.cleaning]} ({lost} human and "
            f"{sum(c.n_cleaned for c in grid.comparisons)} simulated donations).",
        ]
    if first.which != first.human_which:
        sentences.append(
            f"WARNING: {first.which} donations are held against the humans' {first.human_which} ones, for which there is neither p nor "
            "equivalence."
        )
    sentences += [
        f"All resampling uses {first.n_resamples:,} resamples and seed {first.seed}.",
        "Intervals are 95 % expanded percentile intervals of a bootstrap that resamples personas with all their conversations, and humans"
        + cite("hesterberg2015teachers")
        + "; those of distances are corrected for what resampling adds.",
        "Distances are Kolmogorov-Smirnov (KS), Cramer-von Mises, L1 of bins that begin at "
        + ", ".join(map(str, first.bin_edges))
        + ", Wasserstein-1, and, for matched personas, the mean absolute difference per dialogue (L1 per dialogue).",
        "Permutation p of the distances are never 0"
        + cite("phipson2010permutation")
        + f" and are adjusted over {len(grid.comparisons)} arms by Holm"
        + cite("holm1979simple")
        + " and by Benjamini and Hochberg"
        + cite("benjamini1995controlling")
        + ", each distance by itself.",
        "The noise floor is what as many humans as there are personas score against the humans, with mean and 95 % quantile.",
    ]
    if grid.pairs:
        sentences.append(
            f"Conditions of one model were compared on the same personas and seeds ({_n(len(grid.pairs), 'pair')} of conditions), with p by "
            "swapping conditions within personas."
        )
    margins = {e.metric: (e.unit, e.margin) for c in grid.comparisons for e in c.equivalences}
    if margins:
        declared = ", ".join(f"{name.replace('_', ' ')} {_amount(unit, margin)}" for name, (unit, margin) in margins.items())
        sentences.append(
            "Equivalence is two one-sided tests at the 5 % level" + cite("schuirmann1987comparison") + f"; margins declared: {declared}."
        )
    else:
        sentences.append("No margins were declared, so that nothing here shows equivalence.")
    return sentences


def _software(facts: RunFacts) -> list[str]:
    versions = [f"{_name(package)} {_list(found)}" for package, found in facts.versions.items() if found]
    commits = f"git commit {_list(facts.commits)}" if facts.commits else "no git commit is recorded"
    return [f"Versions: {', '.join(versions) or 'none recorded'}; {commits}."]


def _unknown(facts: RunFacts) -> list[str]:
    found = [f"the name that the provider returned for {_name(model)}" for model, names in facts.returned.items() if not names]
    if not facts.commits or facts.n_without_commit:
        found.append(f"the git commit of {facts.n_without_commit} of {facts.n_starts} starts")
    if not facts.endpoints:
        found.append("an address of an endpoint (the provider's own, a local server or an environment variable was used)")
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
        return f"{_name(c.arm)}: no donation ({c.n_missing} missing)."
    parts = []
    for name, title in (("share_zero", "share of $0"), ("mean", "mean"), ("ks", "KS"), ("l1_per_dialogue", "L1 per dialogue")):
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


def _pair(grid: Grid, i: int) -> str:
    pair = grid.pairs[i]
    if not pair.n_pairs:
        return f"{_name(pair.second)} minus {_name(pair.first)}: no shared pairs."
    tests = {test.metric: test for test in grid.pair_tests}
    parts = []
    for name, title in (("share_zero", "share of $0"), ("mean", "mean"), ("ks", "KS"), ("l1_per_dialogue", "L1 per dialogue")):
        d = next((d for d in pair.differences if d.metric == name), None)
        if d is None or d.value is None:
            continue
        bounds = interval(d.unit, d.low, d.high, signed=True) or "no interval"
        p = f", p {p_value(d.p)}, by Holm {p_value(tests[name].holm[i])}" if d.p is not None else ""
        parts.append(f"{title} {number(d.unit, d.value, signed=True)} ({bounds}{p})")
    return f"{_name(pair.second)} minus {_name(pair.first)} ({_n(pair.n_pairs, 'pair')}): {'; '.join(parts)}."


def _amount(unit: str, value: float | None) -> str:
    return ("$" if unit in ("cents", "dollars") and value is not None else "") + number(unit, value)


def _n(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")


def _name(text: object) -> str:
    return printable(str(text))


def _list(names: Sequence[object]) -> str:
    return ", ".join(map(_name, names))


def _markdown(text: str) -> str:
    """Text that Markdown shows as it is; an underscore within a word means nothing there."""
    escaped = ""
    for i, c in enumerate(text):
        within = c == "_" and 0 < i < len(text) - 1 and text[i - 1].isalnum() and text[i + 1].isalnum()
        escaped += f"\\{c}" if c in "\\`*_[]<>#|$~^@{}!&" and not within else c
    return escaped


def _latex(text: str) -> str:
    pieces = text.replace(_CLOSE + _OPEN, ",").split(_OPEN)
    found = [escape(pieces[0], breakable=True)]
    for piece in pieces[1:]:
        keys, _, rest = piece.partition(_CLOSE)
        found.append(rf"~\cite{{{keys}}}" + escape(rest, breakable=True))
    return "".join(found)


def _references(text: str, before: str, after: str) -> str:
    return text.replace(_CLOSE + _OPEN, "; @").replace(_OPEN, f" {before}").replace(_CLOSE, after)
