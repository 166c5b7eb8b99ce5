"""The data dictionary: every column of every table that `vs_sim.load` makes of a run, and `vs_sim.export` writes.

Frames are built from these lines (`frame`), so that a table cannot have a column that is not described here, nor lack one that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from vs_sim.personas import DEMOGRAPHICS, SCALES

if TYPE_CHECKING:
    import pandas as pd

Dtype = Literal["string", "Int64", "Float64", "boolean"]
"""pandas' nullable types: a missing value is pandas.NA in each of them."""

Kind = Literal["dialogue", "prompt"]
"""What a run is of: dialogues, of people too, or single prompts."""


class Column(NamedTuple):
    """One column.

    Attributes:
        name: its name in every format.
        dtype: pandas' nullable type.
        unit: what a number counts; "" for what has no unit.
        meaning: what it says.
        missing: when there is no value; "never" if there always is one.
    """

    name: str
    dtype: Dtype
    unit: str
    meaning: str
    missing: str = "never"


_CONVERSATION = Column("conversation", "string", "", "id of the conversation; joins the tables")
_ASKING = Column("asking", "string", "", "id of the asking (a prompt, put once to a model); joins the tables")
_UNREAD = "not complete, or the study's scale is not money"
_NO_VS = "the condition has none"
_NOT_RUN = "not run"
_SILENT = "the provider did not say of every call, or there was none"

_CONDITION = Column("condition", "string", "", "name of the condition (the arm of the study)")
_VS = (
    Column("select", "string", "", "how one candidate was drawn: weighted, uniform or argmax", _NO_VS),
    Column("tau", "Float64", "probability", "upper bound that was asked for of every stated probability", _NO_VS),
    Column("wording", "string", "", "how the probability was asked for", _NO_VS),
)
_K = (
    Column("k", "Int64", "candidates", "candidates asked for per call", "one reply is asked for, or the model decides how many"),
    Column("k_by_model", "boolean", "", "whether the model decided how many candidates to give", "one reply is asked for"),
)
_STATUS = Column(
    "status", "string", "", '"complete", "failed" (tried, nothing usable came of it) or "not run" (planned, or not finished yet)'
)
_FAILURE_MESSAGE = Column("failure_message", "string", "", "the error in a sentence", "not failed")
_TOKENS = (
    Column("prompt_tokens", "Int64", "tokens", "tokens of the requests of all its calls, as the provider counted them", _SILENT),
    Column("completion_tokens", "Int64", "tokens", "tokens of the answers of all its calls, as the provider counted them", _SILENT),
)

CONVERSATIONS = (
    _CONVERSATION,
    _CONDITION,
    Column("method", "string", "", "how each reply of the persuadee was produced", "people spoke"),
    *_K,
    *_VS,
    Column("format", "string", "", "format of replies that was asked for: json or xml", "people spoke"),
    Column("calls_per_turn", "Int64", "calls", "calls that give the candidates of one turn (method vs_multi)", _NO_VS),
    Column("persuader_model", "string", "", 'model of the persuader, "provider:model"; "human:..." is a person'),
    Column("persuadee_model", "string", "", 'model of the persuadee, "provider:model"; "human:..." is a person'),
    Column("persuader", "string", "", "id of the persuader's persona, as in the table personas"),
    Column("persuadee", "string", "", "id of the persuadee's persona, as in the table personas"),
    Column("replicate", "Int64", "", "number of the repetition, from 0"),
    Column("seed", "Int64", "", "seed of the draws, shared by conditions and models of the same personas and replicate; up to 2^63"),
    _STATUS,
    Column("stop_reason", "string", "", "why the dialogue ended", _NOT_RUN),
    Column("failure_kind", "string", "", "kind of error that ended a failed conversation", "not failed"),
    _FAILURE_MESSAGE,
    Column("failure_step", "string", "", "step at which it failed, as in the other tables", "not failed"),
    Column("n_turns", "Int64", "turns", "turns that were said, those of a failed conversation included", _NOT_RUN),
    Column("n_rounds", "Int64", "rounds", "rounds begun; a round is a turn of the persuader and one of the persuadee", _NOT_RUN),
    Column(
        "decided",
        "Int64",
        "see unit",
        "amount that the persuadee decided on in private after the chat (P4G's B6)",
        "not complete or unknown",
    ),
    Column("unit", "string", "", "unit of decided: cents for donations, else that of the study's scale"),
    Column("stated_status", "string", "", "what the persuadee says in the chat to give, by rules: amount, refused, undetermined", _UNREAD),
    Column("stated", "Int64", "cents", "that amount (P4G's B5); 0 for an explicit refusal", f"undetermined; {_UNREAD}"),
    Column("stated_turn", "Int64", "", "index of the turn that it was read from", f"no evidence; {_UNREAD}"),
    Column(
        "second_status", "string", "", "the same by the study's second reader, a language model", "the study has none, or it read no result"
    ),
    Column("second_stated", "Int64", "cents", "its amount; 0 for an explicit refusal", "undetermined, or no second reading"),
    Column("second_failure", "string", "", "kind of error for which the second reader has no result", "it has one, or was not asked"),
    Column("human_cents", "Int64", "cents", "what the human gave whom the persuadee's persona is matched to", "no match"),
    Column(
        "started", "string", "ISO 8601", "when this attempt started: UTC; for dialogues of people without a zone", "not run, or unknown"
    ),
    Column("seconds", "Float64", "s", "wall time of this attempt", "not run, or people spoke"),
    Column(
        "n_calls",
        "Int64",
        "calls",
        "answers of models to a speaker's request, those given up included; neither the second reader's nor people's",
        "people spoke",
    ),
    *_TOKENS,
    Column("vs_sim", "string", "", "version of vs_sim that wrote the transcript", _NOT_RUN),
)

_STEP = Column("step", "string", "", 'place in the conversation: "t003" is turn 3, "decide" the private decision')
_ONE_PERSON = "it was not drawn from candidates"

TURNS = (
    _CONVERSATION,
    Column("turn", "Int64", "", "index in the dialogue, from 0"),
    _STEP,
    Column("round", "Int64", "", "number of the round, from 1"),
    Column("role", "string", "", "persuader or persuadee"),
    Column("text", "string", "", "what was said"),
    Column("drawn", "Int64", "", "index of the candidate that was said", _ONE_PERSON),
    Column("n_candidates", "Int64", "candidates", "candidates that it was drawn from, equal ones merged", _ONE_PERSON),
    Column("entropy", "Float64", "bits", "entropy of their normalised probabilities", _ONE_PERSON),
    Column("repairs", "string", "", "repairs made on the candidates as a whole, separated by spaces; empty if none", _ONE_PERSON),
)

_STATED = (
    Column("stated", "string", "", "the probability (or what the wording asks for) as the model gave it", "not asked for, or not given"),
    Column("stated_number", "Float64", "", "the same as a number, as stated: 30 for 30 or 30%", "not a number"),
    Column("probability", "Float64", "probability", "normalised; those that were drawn from together sum to 1"),
    Column("n_given", "Int64", "times", "how often the model gave it; equal ones are merged, and their probabilities added"),
    Column("above_tau", "boolean", "", "whether the probability as read exceeds tau", "no tau, or no probability could be read"),
    Column("drawn", "boolean", "", "whether this candidate was drawn"),
    Column("repairs", "string", "", "repairs needed to read this candidate, separated by spaces; empty if none"),
)

CANDIDATES = (
    _CONVERSATION,
    _STEP,
    Column("turn", "Int64", "", "index of the turn", "a candidate of the private decision"),
    Column("candidate", "Int64", "", "index among the candidates of the step, from 0, in the order of the model"),
    Column("text", "string", "", "the possible reply; for the private decision an amount in whole units"),
    *_STATED,
)

_NOT_SAID = "the provider did not say"

_CALL = (
    Column("attempt", "Int64", "", "from 0; one more each time that the step was asked again after it had been given up"),
    Column("given_up", "boolean", "", "whether the answers of this step could not be used and the step was, or is to be, asked again"),
    Column("model", "string", "", 'model asked, as named in the study; "human:..." is a person'),
    Column("model_returned", "string", "", "name of the model as the provider returned it", _NOT_SAID),
    Column("finish_reason", "string", "", "why the model stopped, in the provider's word", _NOT_SAID),
    Column("prompt_tokens", "Int64", "tokens", "tokens of the request", _NOT_SAID),
    Column("completion_tokens", "Int64", "tokens", "tokens of the answer", _NOT_SAID),
    Column("cached_tokens", "Int64", "tokens", "tokens of the request that the provider had cached", _NOT_SAID),
    Column("seconds", "Float64", "s", "wall time of the answered request; of a person, until the answer was given"),
    Column("tries", "Int64", "requests", "requests made until this answer came"),
    Column("service_tier", "string", "", "the tier that answered, in the provider's word", _NOT_SAID),
    Column("text", "string", "", "the answer, raw"),
)

CALLS = (
    _CONVERSATION,
    Column("step", "string", "", 'step of the conversation and, behind a dot, which question of it; "read.0" is the second reader'),
    *_CALL,
)

PERSONAS = (
    Column("persona", "string", "", "id of the persona: conversations.persuader or conversations.persuadee"),
    Column("role", "string", "", "persuader or persuadee"),
    Column("person", "string", "", "who resembles themselves: the person whom several personas describe, else the persona; cluster by it"),
    Column("text", "string", "", "prose of the persona", "it has none"),
    Column("facts", "string", "", "further facts as a JSON object, in their order", "it has none"),
    Column(
        "human_cents", "Int64", "cents", "what the matched human gave (for people: they themselves); never shown to a model", "no match"
    ),
    *(
        Column(name, "Int64" if name == "age" else "string", "years" if name == "age" else "", words, "unknown")
        for name, words in DEMOGRAPHICS.items()
    ),
    *(
        Column(name, "Float64", f"score, {scale.low} to {scale.high}", f"{scale.title}: {words}", "unknown")
        for scale in SCALES
        for name, words in scale.attributes.items()
    ),
    Column("shown", "string", "", "the persona as models are shown it (of people: as a model would be shown them)"),
)

_NO_RESPONSES = "not complete"

ASKINGS = (
    _ASKING,
    _CONDITION,
    Column("method", "string", "", "how the candidates were asked for"),
    *_K,
    *_VS,
    Column("format", "string", "", "format of replies that was asked for: json or xml"),
    Column("calls_per_asking", "Int64", "calls", "calls that give the candidates of one asking (method vs_multi)", _NO_VS),
    Column("temperature", "Float64", "", "of the condition, else of the study", "the provider's own"),
    Column("top_p", "Float64", "", "likewise", "the provider's own"),
    Column("model", "string", "", 'model asked, "provider:model"'),
    Column("prompt", "string", "", "id of the prompt, as in the table prompts"),
    Column("replicate", "Int64", "", "number of the asking among those of its prompt, condition and model, from 0"),
    Column("seed", "Int64", "", "seed of the draw, shared by conditions and models of the same prompt and replicate; up to 2^63"),
    _STATUS,
    Column("failure_kind", "string", "", "kind of error for which the asking failed", "not failed"),
    _FAILURE_MESSAGE,
    Column("text", "string", "", "the response that was drawn", _NO_RESPONSES),
    Column("drawn", "Int64", "", "index of the candidate that was drawn", _NO_RESPONSES),
    Column("n_candidates", "Int64", "candidates", "candidates that it was drawn from, equal ones merged", _NO_RESPONSES),
    Column("entropy", "Float64", "bits", "entropy of their normalised probabilities", _NO_RESPONSES),
    Column("repairs", "string", "", "repairs made on the candidates as a whole, separated by spaces; empty if none", _NO_RESPONSES),
    Column("started", "string", "ISO 8601", "when this attempt started, UTC", _NOT_RUN),
    Column("seconds", "Float64", "s", "wall time of this attempt", _NOT_RUN),
    Column("n_calls", "Int64", "calls", "answers of the model, those given up included"),
    *_TOKENS,
    Column("vs_sim", "string", "", "version of vs_sim that wrote the record", _NOT_RUN),
)

RESPONSES = (
    _ASKING,
    Column("candidate", "Int64", "", "index among the candidates of the asking, from 0, in the order of the model"),
    Column("text", "string", "", "the possible response"),
    Column("answer", "string", "", "right answer of the prompt that it gives, by rules (vs_sim.answer_match)", "none, or not one alone"),
    *_STATED,
)

CALLS_OF_ASKINGS = (
    _ASKING,
    Column("step", "string", "", 'always "t000" and, behind a dot, which question of the asking'),
    *_CALL,
)

PROMPTS = (
    Column("prompt", "string", "", "id of the prompt: askings.prompt"),
    Column("text", "string", "", "what the model is asked; the request for the form of the reply stands behind it"),
    Column("n_answers", "Int64", "answers", "right answers that there are; 0 if the study names none"),
    Column("answers", "string", "", "these as a JSON list: text, also (other ways to say it), share of the reference distribution", "none"),
    Column("source", "string", "", "where the answers and their shares come from", "not stated"),
)


class Dictionary(NamedTuple):
    """The tables of runs of a kind.

    Attributes:
        tables: name of each table -> its columns, in order.
        about: name -> what a row of it is.
    """

    tables: dict[str, tuple[Column, ...]]
    about: dict[str, str]


DICTIONARIES: dict[Kind, Dictionary] = {
    "dialogue": Dictionary(
        {"conversations": CONVERSATIONS, "turns": TURNS, "candidates": CANDIDATES, "calls": CALLS, "personas": PERSONAS},
        {
            "conversations": "One row for each planned conversation, run or not.",
            "turns": "One row for each turn that was said.",
            "candidates": "One row for each candidate reply of a turn, or candidate amount of a private decision.",
            "calls": "One row for each answer of a model (or of a person who plays a role), those that could not be used included.",
            "personas": "One row for each persona and role.",
        },
    ),
    "prompt": Dictionary(
        {"askings": ASKINGS, "candidates": RESPONSES, "calls": CALLS_OF_ASKINGS, "prompts": PROMPTS},
        {
            "askings": "One row for each planned asking, run or not: a prompt, put once to a model by a condition's method.",
            "candidates": "One row for each candidate response of an asking.",
            "calls": "One row for each answer of a model, those that could not be used included.",
            "prompts": "One row for each prompt.",
        },
    ),
}


def frame(table: str, rows: Iterable[Mapping[str, Any]], kind: Kind = "dialogue") -> pd.DataFrame:
    """A table of runs of that kind from rows that have exactly its columns; None is missing.

    Raises:
        ValueError: if a row has other columns.
    """
    import pandas as pd

    columns = DICTIONARIES[kind].tables[table]
    names = [c.name for c in columns]
    values: dict[str, list[Any]] = {name: [] for name in names}
    for row in rows:
        if row.keys() != values.keys():
            raise ValueError(f"a row of {table} differs from its dictionary in {sorted(row.keys() ^ values.keys())}")
        for name in names:
            value = row[name]
            values[name].append(whole_characters(value) if isinstance(value, str) else value)
    return pd.DataFrame({c.name: pd.array([pd.NA if v is None else v for v in values[c.name]], dtype=c.dtype) for c in columns})


def rows_of(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows as plain values; what is missing is None."""
    import pandas as pd

    names = [str(name) for name in frame.columns]
    columns = [[None if value is pd.NA else value for value in frame[name].tolist()] for name in names]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def whole_characters(text: str) -> str:
    """The text with U+FFFD in place of half characters (lone surrogates); halves that stand together are one character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def dictionary(kind: Kind = "dialogue") -> str:
    """The data dictionary of runs of that kind as Markdown."""
    tables, about = DICTIONARIES[kind]
    parts = ["# Data dictionary\n\nMissing values are missing: they are never written as 0 or as empty text.\n"]
    for table, columns in tables.items():
        rows = [f"| `{c.name}` | {c.dtype} | {c.unit} | {c.meaning} | {c.missing} |" for c in columns]
        parts.append(
            "\n".join(
                [f"## {table}\n\n{about[table]}\n", "| column | type | unit | meaning | missing if |", "|---|---|---|---|---|", *rows, ""]
            )
        )
    return "\n".join(parts)
