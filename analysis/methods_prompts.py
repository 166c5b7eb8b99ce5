"""The methods paragraphs of a paper on single prompts, filled from a run's records: neutral words, no number of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from analysis.diversity import LEAST_FREEDOM
from analysis.methods_text import condition_sentence, models_sentence, sampling, software_sentence, starts
from analysis.numbers import FEW_ON_ONE_SIDE, share
from analysis.prompt_facts import PromptFacts
from analysis.prose import Paragraph, cite, counted, listed, named
from analysis.quality import Judged
from analysis.run_facts import schemas
from vs_sim.judge import TEMPERATURE
from vs_sim.prompt_records import Responses
from vs_sim.records import Record
from vs_sim.rubric import HIGHEST, LOWEST

N_RESAMPLES = 2000
"""Resamples of every measure."""


def methods(
    facts: PromptFacts, found: Mapping[str, Sequence[Record]], records: Sequence[Responses], n_askings: Mapping[str, int], note: str = ""
) -> list[Paragraph]:
    """What was planned, asked, drawn, read and measured.

    Args:
        facts: of the run.
        found: name of what was computed -> its records, see `vs_sim.commands.measures`.
        records: the askings that ended.
        n_askings: condition -> askings of each prompt that the plan has.
        note: what the numbers must not be read as; empty for nothing.
    """
    measured = {name: of for name, of in found.items() if of}
    return [
        Paragraph(heading="Design", text=" ".join(_design(facts, n_askings))),
        Paragraph(heading="Conditions", text=_conditions(facts.study)),
        Paragraph(heading="Generation", text=" ".join(_generation(facts))),
        Paragraph(heading="Reading of replies", text=" ".join(_reading(facts, records))),
        Paragraph(heading="Askings", text=" ".join([*([note] if note else []), *_askings(facts)])),
        *(Paragraph(heading=name.capitalize(), text=SAID[name](facts, of)) for name, of in measured.items() if name in SAID),
        Paragraph(heading="Resampling", text=f"All resampling uses {N_RESAMPLES:,} resamples and seed {facts.study['seed']}."),
        Paragraph(heading="Software", text=software_sentence(facts.ran)),
        Paragraph(heading="Not recorded", text=_unknown(facts)),
    ]


def incomplete(facts: PromptFacts) -> str:
    """Which askings are missing, and why; empty if none is."""
    cells = []
    for cell in facts.cells:
        if cell.n_missing:
            reasons = ", ".join(f"{named(reason)} {n}" for reason, n in cell.missing.items())
            cells.append(f"{named(cell.condition)} ({named(cell.model)}) {cell.n_missing} of {cell.n_planned} ({reasons})")
    return f"INCOMPLETE: askings are missing, which may bias every number: {'; '.join(cells)}." if cells else ""


def _design(facts: PromptFacts, n_askings: Mapping[str, int]) -> list[str]:
    study = facts.study
    prompts = study["prompts"]
    n_answers = sum(bool(prompt.get("answers")) for prompt in prompts)
    sources = list(dict.fromkeys(named(prompt["source"]) for prompt in prompts if prompt.get("source")))
    times = ", ".join(f"{named(name)} {n:,}" for name, n in n_askings.items())
    answers = f"Prompts with right answers: {n_answers:,}" + (f" (sources: {'; '.join(sources)})" if sources else "")
    return [
        f"Question, as written before the run: {named(study['question'])} Prediction: {named(study['prediction'])}",
        f"We planned {counted(facts.n_planned, 'asking')} of single prompts: {counted(len(prompts), 'prompt')}, "
        f"{counted(len(study['conditions']), 'condition')} and {counted(len(study['models']), 'model')} ({listed(study['models'])}).",
        *([facts.grown] if facts.grown else []),
        f"Each prompt was to be asked as often as a condition needs for {study['n_replies']:,} candidate replies if every answer is read "
        f"as asked (askings of a prompt: {times}).",
        *([f"{answers}."] if n_answers else []),
    ]


def _conditions(study: Mapping[str, Any]) -> str:
    tau = any(one.get("tau") is not None for one in study["conditions"])
    return (
        " ".join(condition_sentence(one, "asking") for one in study["conditions"])
        + " Methods follow Verbalized Sampling"
        + cite("zhang2025verbalized")
        + "; the requests are our own. A request is one user message: the prompt and, behind it, what the method asks for. Conditions "
        + ("differ in the latter, and in temperature or top-p where they name their own." if _own(study) else "differ in the latter only.")
        + " Tau is an upper bound that the request states, and candidates above it are marked, not removed." * tau
    )


def _own(study: Mapping[str, Any]) -> bool:
    """Whether a condition has a temperature or top-p of its own."""
    return any(one.get(key) is not None for one in study["conditions"] for key in ("temperature", "top_p"))


def _generation(facts: PromptFacts) -> list[str]:
    study = facts.study
    return [
        models_sentence(facts.returned),
        f"Replies were generated in {starts(facts.ran)}.",
        f"Temperature {sampling(study, 'temperature')}, top-p {sampling(study, 'top_p')}"
        + (", unless a condition names its own; " if _own(study) else "; ")
        + f"an answer was cut off at a number of tokens computed from {study.get('reply_words', 'an unrecorded number of')} words a reply.",
        f"{schemas(study)}.",
        "One candidate of each asking was drawn with a generator of its own, seeded with SHA-256 of the asking's seed; these seeds are "
        f"SHA-256 of the study's seed ({study['seed']}) with the prompt and the number of the asking, so that conditions and models share "
        "them.",
    ]


def _reading(facts: PromptFacts, records: Sequence[Responses]) -> list[str]:
    spent = facts.spent
    again = (
        f"Answers to such a repeated request: {spent.n_again:,} of {spent.n_calls:,} ({share(spent.n_again / spent.n_calls)})."
        if spent.n_calls
        else "The journal holds no answer."
    )
    sentences = [
        f"An unreadable reply was asked for again up to {facts.study.get('n_reasks', 'an unrecorded number of')} times. {again}",
        "Stated probabilities were divided by their sum; where none were asked for, candidates have equal shares. For a draw, equal "
        "ones are merged and their shares added; measures of variety look at each as often as it was given.",
    ]
    if facts.n_read:
        names = ", ".join(f"{named(name)} {n:,}" for name, n in facts.repairs.items())
        done = f"{facts.n_repaired:,} of {facts.n_read:,} ({share(facts.n_repaired / facts.n_read)})"
        sentences.append(f"Askings that were read after a repair, with its names: {done}" + f": {names}" * bool(names) + ".")
    above = [one.distribution.above_tau for one in records if one.distribution is not None]
    known = [one for one in above if one is not None]
    if known:
        sentences.append(f"Of the {len(known):,} askings with a tau, {sum(known):,} hold a candidate whose stated probability exceeds it.")
    return sentences


def _askings(facts: PromptFacts) -> list[str]:
    said = f"Of {counted(facts.n_planned, 'planned asking')} {facts.n_complete:,} gave candidates."
    return [said, *([missing] if (missing := incomplete(facts)) else [])]


_MATCH = (
    "A reply gives a right answer if, without case, punctuation, a leading article and spacing, the two are the same, or if of all right "
    "answers exactly one stands in it as whole words (vs_sim.answer_match); any other reply is wrong, and none is dropped."
)
_OVER_ASKINGS = "Intervals are 95 % percentile intervals of a bootstrap that resamples the askings of each prompt"
_OVER_PROMPTS = (
    "Means are over the prompts; 95 % intervals resample the prompts"
    + cite("hesterberg2015teachers")
    + f", and are exact where fewer than {FEW_ON_ONE_SIDE} prompts are above 0, or below 1"
    + cite("clopper1934use")
    + "; differences are from the first condition of the same model, on the same prompts."
)


def _first(facts: PromptFacts) -> str:
    return f"the first {counted(facts.study['n_replies'], 'candidate')} of each prompt, condition and model"


def _coverage(facts: PromptFacts, found: Sequence[Any]) -> str:
    sentences = [
        _MATCH,
        f"Of {_first(facts)} we count the different right answers, beside how many as many independent draws from the reference (from "
        "equal shares where there is none) find, and the share that gives a right answer.",
    ]
    if any(one.kl is not None for one in found):
        sentences += [
            "The divergence from the reference is that of Kullback and Leibler, in nats, of the mean of the askings' normalised "
            "probabilities over the replies that give a right answer, from the reference. There is no smoothing: the sum runs over the "
            "answers that were given, since one that was not given adds nothing, and every answer of the reference has a share above 0.",
            "It stands beside the divergence of as many independent draws from the reference as there are such replies (mean and 95 % "
            "quantile), which is not 0.",
        ]
    if any(one.chi_square is not None for one in found):
        sentences.append(
            "Drawn replies that give a right answer, one an asking, are tested against the reference by Pearson's chi-square; its p is the "
            "share of as many draws from the reference with a statistic as large, and is never 0" + cite("phipson2010permutation") + "."
        )
    how = "those of the number of different answers are by Student's t with the jackknife over the askings"
    if any(one.kl_interval is not None for one in found):
        how += ", and so are those of the divergence, whose lower end is lowered by what few replies add to it"
    return " ".join([*sentences, f"{_OVER_ASKINGS}; {how}."])


def _diversity(facts: PromptFacts, found: Sequence[Any]) -> str:
    how = {
        "words": "1 - ROUGE-L (F-measure over words)" + cite("lin2004rouge"),
        "meaning": "1 - the cosine similarity of sentence embeddings (all-MiniLM-L6-v2 with 8-bit weights)" + cite("reimers2019sentence"),
    }
    kinds = [f"diversity of {name}: {how[name]}" for name in dict.fromkeys(one.measure for one in found)]
    return (
        f"Diversity is the mean distance of all pairs of {_first(facts)}, and of that the mean over the prompts ({'; '.join(kinds)}). Its "
        f"ratio is to the first condition of the same model, over the prompts that both have. {_OVER_ASKINGS}; there are none where all "
        f"prompts together have fewer than {LEAST_FREEDOM} askings beyond one each."
    )


def _accuracy(facts: PromptFacts, found: Sequence[Any]) -> str:
    return (
        f"{_MATCH} Top-1 is the share of the askings whose most probable candidate is right (of tied ones, the share of them that is); any "
        f"is whether one of {_first(facts)} is right. {_OVER_PROMPTS}"
    )


def _calibration(facts: PromptFacts, found: Sequence[Any]) -> str:
    again = (
        "Where prompts were asked directly too, the same probabilities are held against the frequencies of the direct replies. "
        if any(one.again is not None for one in found)
        else ""
    )
    return (
        "Stated probabilities of answers to prompts with exactly one right answer are held against whether they are right: expected "
        "calibration error"
        + cite("guo2017calibration")
        + ", the mean over the candidates of the gap between stated probability and share of right ones in their bin, beside what as many "
        f"true probabilities score (mean and 95 % quantile). {again}Intervals resample the prompts, corrected for what resampling adds."
    )


def _refusals(facts: PromptFacts, found: Sequence[Any]) -> str:
    return (
        "Whether a reply refuses is a declared rule on its first sentences (analysis.refusals), which errs. Counted are the askings whose "
        "drawn reply refuses, and those in which every candidate does; an asking that the provider, or the model in its own words, refused "
        f"as a whole counts in both. {_OVER_PROMPTS}"
    )


def _quality(facts: PromptFacts, found: Sequence[Any]) -> str:
    sentences = []
    for one in (one for one in found if isinstance(one, Judged)):
        sentences.append(
            f"{named(one.judge)} rated {counted(one.n_texts, 'different reply').replace('replys', 'replies')} on the rubric "
            f"{named(one.rubric)} ({listed(one.criteria)}), each {counted(one.n_repeats, 'time')}, in whole numbers from {LOWEST} to "
            f"{HIGHEST}, at temperature {TEMPERATURE:g}; it was shown the prompt and one reply."
        )
    return " ".join(
        [
            *sentences,
            "Quality is the mean of the criteria, 0 the lowest rating and 1 the highest, and of that the mean over the replies to a prompt "
            "and over the prompts; missing ratings are in no mean. Intervals are 95 % intervals by Student's t over the "
            "askings of each prompt, at Welch's and Satterthwaite's degrees of freedom. The agreement of a judge with itself is "
            "Krippendorff's alpha of its repeats, interval level; it is no proof that the judge is right.",
        ]
    )


def _sweep(facts: PromptFacts, found: Sequence[Any]) -> str:
    return (
        "Along what was swept, methods are held against each other at every setting; two factors add up if the difference is the same "
        "whatever the other factor, and their interaction is the change of the difference from the lowest to the highest setting, by its "
        "least-squares line."
    )


def _sizes(facts: PromptFacts, found: Sequence[Any]) -> str:
    return (
        "Gains by model size are ratios (of diversity) or differences (of all else) to the first condition of the same model, against the "
        "number of its parameters as the study or the source of its weights states it."
    )


SAID: dict[str, Callable[[PromptFacts, Sequence[Any]], str]] = {
    "coverage": _coverage,
    "diversity": _diversity,
    "accuracy": _accuracy,
    "calibration": _calibration,
    "refusals": _refusals,
    "quality": _quality,
    "sweep": _sweep,
    "sizes": _sizes,
}
"""Name of what was computed -> how, in sentences."""


def _unknown(facts: PromptFacts) -> str:
    study = facts.study
    unknown = [f"the name that the provider returned for {named(model)}" for model, names in facts.returned.items() if not names]
    if not facts.ran.commits:
        unknown.append("the git commit of the software")
    if not facts.ran.endpoints and any(not model.startswith(("embedded:", "scripted:")) for model in facts.returned):
        unknown.append("the address of an endpoint (the provider's own, or an environment variable's)")
    unknown += [
        f"{key.replace('_p', '-p')}, where it is the provider's default" for key in ("temperature", "top_p") if study.get(key) == "default"
    ]
    to_add = (
        "who wrote the prompts, and how they were chosen; the licences of the prompts, the answers and the models; what else was tried and "
        "is not reported"
    )
    return (f"The records do not hold: {'; '.join(unknown)}. " if unknown else "") + f"The author must add: {to_add}."
