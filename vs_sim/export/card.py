"""The data card of an export: what somebody must know who uses the data without having made them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Any, Literal

from vs_sim.columns import DICTIONARIES, whole_characters
from vs_sim.export import card_of_prompts
from vs_sim.export.markdown import first_few, items, one_line, paragraphs, shown
from vs_sim.human.reference import CITATION, LICENCE, SOURCE, ReferenceFacts
from vs_sim.load import Run
from vs_sim.records import is_person, machinery_only
from vs_sim.scenario import scale_of


def card(run: Run, to: str, n_rows: Mapping[str, int]) -> str:
    """The data card as Markdown.

    Args:
        run: what was exported.
        to: format of the export.
        n_rows: name of each table or part -> rows.
    """
    study = run.manifest["study"]
    question = paragraphs(
        shown(study.get("question", "not stated")),
        f"Prediction, written before the run: {shown(study.get('prediction', 'not stated'))}",
    )
    if run.kind == "prompt":
        title = card_of_prompts.TITLE
        sections = {
            "": card_of_prompts.what(study),
            "Question": question,
            "What is there and what is missing": card_of_prompts.counts(run.askings),
            "How it was made": items(*card_of_prompts.asked(study, _returned(run)), *_made(run)),
            "Prompts": card_of_prompts.prompts(run.prompts),
            "Limits": card_of_prompts.limits(study),
            "Licence": card_of_prompts.licence(),
        }
    else:
        title = {"both": "Human dialogues", "neither": "Simulated dialogues"}.get(
            people_in(run), "Dialogues between people and language models"
        )
        sections = {
            "": _what(run),
            "Question": question,
            "What is there and what is missing": _counts(run),
            "How it was made": items(*_generated(run), *_made(run)) if run.reference is None else _imported(run.reference),
            "Personas": _personas(run),
            "Limits": _limits(run),
            "Licence": _licence(run),
        }
    sections["Files"] = _files(run, to, n_rows)
    return f"# {title}\n\n" + "\n".join((f"## {name}\n\n" if name else "") + text for name, text in sections.items())


def people_in(run: Run) -> Literal["both", "persuaders", "persuadees", "neither"]:
    """The roles that people had; a language model had the other."""
    study = run.manifest["study"]
    persuaders = run.reference is not None or is_person(study.get("persuader_model", ""))
    persuadees = run.reference is not None or any(map(is_person, study.get("persuadee_models", [])))
    if persuaders and persuadees:
        return "both"
    return "persuaders" if persuaders else "persuadees" if persuadees else "neither"


def front_matter(run: Run, tables: Sequence[str], content_sha256: str) -> str:
    """The YAML header from which the Hugging Face library `datasets` and its hub read which file is which table.

    `datasets` (5.2) takes two folders of one name with the same header for the same data, and gives what it has cached of the first: the
    digest of the content tells them apart.
    """
    human, of_prompts = run.reference is not None, run.kind == "prompt"
    lines = ["---", f"pretty_name: {_yaml(one_line(run.manifest['study'].get('question', 'replies' if of_prompts else 'dialogues')))}"]
    lines += ["license: apache-2.0"] if human else []
    lines += ["tags:", *(card_of_prompts.TAGS if of_prompts else ("- dialogue", "- persuasion", *_TAGS[people_in(run)])), "configs:"]
    for name in tables:
        lines += [f"- config_name: {name}", f"  description: tables of sha256 {content_sha256}", f"  data_files: {name}.parquet"]
        lines += ["  default: true"] if name == tables[0] else []
    return "\n".join([*(lines if tables else lines[:-1]), "---", "", ""])


_TAGS = {"both": (), "persuaders": ("- human-ai",), "persuadees": ("- human-ai",), "neither": ("- synthetic", "- simulated-participants")}


def _yaml(text: str) -> str:
    """A text in YAML's double quotes: JSON, but for its surrogate pairs, which YAML takes for two characters, and what YAML cannot hold."""
    quoted = json.dumps(whole_characters(text), ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)


def _what(run: Run) -> str:
    study = run.manifest["study"]
    if run.reference is not None:
        return paragraphs(
            f"These are dialogues between people: {run.reference.source}, {run.reference.n_dialogues} dialogues, version "
            f"{run.reference.version[:12]}. One participant was to persuade another to give part of a payment to a charity."
        )
    about = shown(study["scenario"]["about"])
    played = _human_players(study)
    if played:
        return paragraphs(
            f"People took part in these dialogues ({', '.join(map(shown, played))}); language models played the others. What people wrote "
            "and decided is human data: share it only as they agreed to.",
            about,
        )
    return paragraphs(
        "These dialogues were made by language models that play people. No human took part: the turns, the decisions and the people are "
        "simulated, and none of it may be cited as what people said or gave.",
        about,
    )


def _human_players(study: Mapping[str, Any]) -> list[str]:
    models = dict.fromkeys([study.get("persuader_model", ""), *study.get("persuadee_models", [])])
    return [model for model in models if is_person(model)]


def _counts(run: Run) -> str:
    frame = run.conversations
    rows = [
        "| condition | persuadee's model | planned | complete | failed | not run | with a decision |",
        "|---|---|---|---|---|---|---|",
    ]
    for (condition, model), group in frame.groupby(["condition", "persuadee_model"], sort=False):
        numbers = [int((group["status"] == status).sum()) for status in ("complete", "failed", "not run")]
        cells = [_cell(condition), _cell(model), len(group), *numbers, int(group["decided"].notna().sum())]
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    kinds = frame["failure_kind"].dropna().value_counts()
    why = f"Failed: {', '.join(f'{n} {shown(kind)}' for kind, n in kinds.items())}." if len(kinds) else ""
    note = (
        f"What failed or was not run has no decision, which is never one of 0. Leave it out of a comparison and say how many it was. {why}"
    )
    if frame.empty:
        return paragraphs("The plan holds no conversation.")
    return "\n".join(rows) + "\n\n" + paragraphs(note)


def _cell(value: object) -> str:
    return shown(value)


def _imported(reference: ReferenceFacts) -> str:
    return items(f"Imported by vs_sim {reference.vs_sim} from {', '.join(f.name for f in reference.inputs)}.", _exported())


def _exported() -> str:
    return f"Exported by vs_sim {metadata.version('vs-sim')}."


def _returned(run: Run) -> str:
    """The names that providers returned, as the end of a sentence."""
    returned = sorted(set(run.calls["model_returned"].dropna()))
    names = first_few([*map(shown, returned)])
    return f". Names that the providers returned: {names}." if returned else "; providers returned no names."


def _generated(run: Run) -> tuple[str, ...]:
    study = run.manifest["study"]
    return (
        f"Models: persuader {shown(study.get('persuader_model'))}; persuadee {', '.join(map(shown, study.get('persuadee_models', [])))}"
        + _returned(run),
        f"Temperature {study.get('temperature')}, top-p {study.get('top_p')}; at most {study.get('rounds')} rounds; "
        f"{study.get('replicates')} conversation{'' if study.get('replicates') == 1 else 's'} for each condition, model and persona.",
    )


def _made(run: Run) -> tuple[str, ...]:
    """When, from which prompts and by which versions a run of either kind was made, and what of it can be made again."""
    study, starts = run.manifest["study"], run.manifest["starts"]
    versions = sorted({str(start.get("versions", {}).get("vs-sim")) for start in starts})
    commits = list(dict.fromkeys(str(start["git_commit"]) for start in starts if start.get("git_commit")))
    when = [str(start["at"]) for start in starts if start.get("at")]
    reproducible = run.manifest.get("reproducible", {})
    return (
        f"Started {', '.join(when)}." if when else "Never started.",
        f"Prompts: every word is in study.json, keys `prompts` and `study`; sha256 {study.get('prompts_sha256')}.",
        *(f"Reproducible: {one}." for one in reproducible.get("yes", [])),
        *(f"Not reproducible: {one}." for one in reproducible.get("no", [])),
        f"Made by vs_sim {', '.join(versions) or '(unknown)'}"
        + (f", git commit {', '.join(commits)}. " if commits else ". ")
        + _exported(),
    )


def _personas(run: Run) -> str:
    n = {role: int((run.personas["role"] == role).sum()) for role in ("persuader", "persuadee")}
    n_matched = int(run.personas["human_cents"].notna().sum())
    counts = f"{n['persuader']} persuaders and {n['persuadee']} persuadees, in the table personas with the text that the models were shown."
    if run.reference is not None:
        return paragraphs(
            f"{run.reference.n_persuaders} people persuaded and {run.reference.n_persuadees} were persuaded, some more than once: a "
            "persona is a person in one dialogue. Cluster by `person`, not by persona."
        )
    if n_matched:
        return paragraphs(
            counts,
            f"{n_matched} carry `human_cents`, what the human gave whom they are matched to. Unless the author of the run says otherwise "
            f"they derive from the participants of {SOURCE}, {LICENCE}; cite: {CITATION}",
        )
    return paragraphs(counts, "None is matched to a human. Where they come from is not stated: the author of the run must say.")


def _limits(run: Run) -> str:
    stated = "Stated donations are read by rules (`vs_sim.outcome`), which leave open what is not clear and err at times."
    if run.reference is not None:
        return items(
            f"The dialogues were held {_years(run)}by crowd workers who were paid for them; some amounts exceed the payment.",
            f"{stated} The donations that people annotated are not in these tables.",
            "They are public since 2019, so that language models may have been trained on them.",
        )
    return items(
        _EVIDENCE[people_in(run)],
        *(
            ["PersuasionForGood is public since 2019: models may have been trained on its dialogues and donations."]
            if _as_in_p4g(run)
            else []
        ),
        *([card_of_prompts.MACHINERY] if machinery_only(run.manifest["study"]["persuadee_models"]) else []),
        *([stated] if scale_of(run.manifest["study"]).money else []),
        *card_of_prompts.UNCHECKED,
    )


_EVIDENCE = {
    "both": "Persuaders and persuadees are people.",
    "persuaders": "The persuaders are people, who were told that a language model answers; the persuadees are simulated, and what they say "
    "and decide is no evidence about people.",
    "persuadees": "The persuadees are people, who were told that a language model writes the other messages: a difference from people who "
    "talked with people may be what people do with a machine. The persuaders are simulated.",
    "neither": "Simulated people are no evidence about people, unless a comparison with human data says how far they are alike.",
}


def _years(run: Run) -> str:
    years = sorted({started[:4] for started in run.conversations["started"].dropna()})
    return f"in {' and '.join(years)} " if years else ""


def _as_in_p4g(run: Run) -> bool:
    """Whether the scenario is that of PersuasionForGood."""
    return bool(run.manifest["study"]["scenario"].get("humans") == "persuasionforgood")


def _licence(run: Run) -> str:
    if run.reference is not None:
        return paragraphs(f"{run.reference.licence}. Cite: {run.reference.citation}")
    return paragraphs(
        "Not stated: the author of the run must say. The terms of the models' providers may bind what can be done with their output, and "
        "the licence of the personas' source what can be done with them."
    )


_READ = {
    "parquet": "Types are kept; missing values are null. `pandas.read_parquet(FILE)`.",
    "csv": 'UTF-8, lines end in \\n, text is always in quotes: a cell with nothing in it is missing, `""` is an empty text. Texts may hold '
    "line ends, commas and the words NA or None, and are written as they are: one that begins with =, +, - or @ is run as a formula by "
    "spreadsheets if the file is opened by a double click. Import it there with all columns as text; a seed has more digits than a "
    'spreadsheet keeps. `pandas.read_csv(FILE, keep_default_na=False, na_values=[""])` keeps NA a text, but takes an empty text for '
    "missing; parquet and jsonl keep both.",
    "jsonl": "UTF-8, one JSON object a line; every object has every key, null where the value is missing.",
    "convokit": "`convokit.Corpus(filename=FOLDER)`. Timestamps are null: the order is that of `reply-to` and of the metadata key `turn`. "
    "Metadata have the names and meanings of DICTIONARY.md: of speakers those of personas, of conversations those of conversations and "
    "`decision_candidates`, the candidates of the private decision; of utterances those of turns, with `speaker_role` for role, and "
    "`candidates`. A conversation in which nothing was said is counted in corpus.json only. Dialogues of people also carry the keys of "
    "ConvoKit's own persuasionforgood-corpus.",
    "hf": "`datasets.load_dataset(FOLDER, TABLE)`, with the name of a table; everything is in the split train. Tables without rows are "
    "left out, because `datasets` has none.",
}


def _files(run: Run, to: str, n_rows: Mapping[str, int]) -> str:
    about = DICTIONARIES[run.kind].about
    rows = [f"| {name} | {n} | {about.get(name, '') if to != 'convokit' else ''} |" for name, n in n_rows.items()]
    table = "\n".join(["| table | rows | a row is |", "|---|---|---|", *rows])
    return f"{table}\n\n" + paragraphs(
        _READ[to],
        "Half characters (lone surrogates), which no file can hold as text, are written as U+FFFD. DICTIONARY.md describes every column; "
        "study.json holds the study, its prompts and the versions.",
    )
