"""A judge model: rates the replies of a run of prompts on a stated rubric, several times each, so that its agreement with itself is known.

    RUN/judgements/00001.jsonl         every rating of a reply with its calls, one line each; a new file for every start
    RUN/judgements/prompt-DIGEST.md    what the judge is told, rubric included

The judge sees the prompt and one reply: not the condition, the probability or any other reply. What cannot be read is asked for again and
then fails by name; it is missing, never the lowest rating. Replies to a prompt that are the same text are rated once. Repeats are asked
with other seeds at temperature 1, since at 0 a model agrees with itself whatever it is worth.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, zip_longest
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from pydantic import Field, model_validator

from vs_sim import parse, prompts
from vs_sim.asking import Answer, Part, ReadResult, ask, by_instrument, read_all
from vs_sim.errors import InputError, ReplyError, RunFolderError
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.rubric import HIGHEST, LOWEST, Rubric
from vs_sim.store import RunFolder

if TYPE_CHECKING:
    from vs_sim.budget import Budget
    from vs_sim.models import Model
    from vs_sim.run_options import RunOptions

MOST_REPEATS = 100
"""How often a reply may be rated: more are a slip."""
TEMPERATURE = 1.0
_MOST_TOKENS = 200


class Reply(NamedTuple):
    """A candidate of a run that is to be rated: where it comes from (id of its asking), and the text."""

    prompt: str
    condition: str
    model: str
    asking: str
    text: str


class RatingId(NamedTuple):
    """What one rating is of: id of the prompt, the reply, and the number of the repeat, from 0."""

    prompt: str
    text: str
    repeat: int


class Judgement(Answer):
    """What a judge made of one reply at one repeat; `prompt`, as of every answer, is the digest of what the judge is told.

    Attributes:
        of_prompt: id of the prompt.
        text: the reply.
        repeat: from 0.
        rubric: name of the rubric.
        n_replies: replies of each prompt, condition and model that the study asked for by then.
        n_chosen: those of them that were to be rated.
        ratings: criterion -> 1 to 5; None if the rating failed.
    """

    of_prompt: str
    text: str
    repeat: int = Field(ge=0, lt=MOST_REPEATS, strict=True)
    rubric: str
    n_replies: int = Field(ge=1, strict=True)
    n_chosen: int = Field(ge=1, strict=True)
    ratings: dict[str, Annotated[int, Field(ge=LOWEST, le=HIGHEST, strict=True)]] | None = Field(min_length=1)

    @model_validator(mode="after")
    def _rated_or_failed(self) -> Self:
        if (self.ratings is None) != (self.failure is not None):
            raise ValueError("ratings or a failure are expected, one of the two")
        return self

    @property
    def id(self) -> RatingId:
        """What it is of."""
        return RatingId(self.of_prompt, self.text, self.repeat)


_JUDGEMENTS = Part("judgements", Judgement, "judgement", "ratings", lambda judgement: judgement.id)


class Instrument(NamedTuple):
    """Who judged and by what: model, and digest of all that it is told. Ratings of two instruments are never mixed."""

    model: str
    prompt: str


def judgements(folder: RunFolder) -> dict[Instrument, dict[RatingId, Judgement]]:
    """The ratings in a run folder by instrument, in the order in which they were first used; a failure never replaces a rating.

    Raises:
        RunFolderError: if a line is no judgement, or rates other criteria than the lines before it that are by the same instrument.
    """
    rows, first = _JUDGEMENTS.rows(folder), dict[Instrument, tuple[list[str], str]]()
    for row, (path, number, _) in zip(rows, folder.lines(_JUDGEMENTS.name), strict=False):  # a judge at work may add lines
        if row.ratings is None:
            continue
        criteria, where = first.setdefault(Instrument(row.model, row.prompt), (sorted(row.ratings), f"{path}, line {number}"))
        if sorted(row.ratings) != criteria:
            raise RunFolderError(
                f"{path}, line {number}: is no judgement of its rubric: it rates {', '.join(map(repr, sorted(row.ratings)))}, but {where} "
                f"rates {', '.join(map(repr, criteria))}; put the names right, or remove the line to have it rated anew"
            )
    return {Instrument(*key): found for key, found in by_instrument(rows, _JUDGEMENTS).items()}


def schema(rubric: Rubric) -> dict[str, Any]:
    """JSON schema of an answer; ratings are listed, since decoding by a schema does not keep to a minimum and a maximum."""
    rating = {"type": "integer", "enum": [*range(LOWEST, HIGHEST + 1)]}
    return {"type": "object", "properties": {n: rating for n in rubric.names}, "required": [*rubric.names], "additionalProperties": False}


def question(rubric: Rubric, task: str, reply: str) -> str:
    """What the judge is asked about one reply.

    Args:
        rubric: what it is rated on.
        task: the prompt that it replies to.
        reply: its text. Each of its lines is marked as quoted, so that no line of it can pass for one of ours.
    """
    criteria = [(one.name, one.description) for one in rubric.criteria]
    return prompts.render("judge", criteria=criteria, task=task.splitlines() or [""], reply=reply.splitlines() or [""])


def prompt_digest(rubric: Rubric) -> str:
    """sha256 (64 hexadecimal digits) of all that a judge is told besides prompt and reply, and of how it is asked."""
    criteria = [[one.name, one.description] for one in rubric.criteria]
    told = [*(prompts.text(name) for name in ("judge", "ask_again")), json.dumps([criteria, schema(rubric), TEMPERATURE])]
    return hashlib.sha256("\0".join(told).encode()).hexdigest()


def read_answer(raw: str, rubric: Rubric) -> dict[str, int]:
    """The ratings of one answer: criterion -> 1 to 5.

    Raises:
        ReplyError: if the answer is not of the form that was asked for, or a rating is none of the five.
    """
    found = parse.parse_object(raw, rubric.names)
    for name in rubric.names:
        if type(found[name]) is not int or not LOWEST <= found[name] <= HIGHEST:
            problem = f"{name} is {found[name]!r:.60}, expected a whole number from {LOWEST} to {HIGHEST}"
            raise ReplyError(problem, reason="no_rating", raw=raw)
    return {name: found[name] for name in rubric.names}


def to_judge(folder: RunFolder, n: int | None = None, before: Iterable[Judgement] = ()) -> list[Reply]:
    """The replies of a run of prompts that are to be rated, in an order in which judging that is cut short is balanced.

    Args:
        folder: of the run.
        n: replies of each prompt, condition and model, at least 1, by a lot that is always the same: a larger number adds to a smaller
            one. None for all that the study's measures look at. A reply that was given twice in an asking counts twice.
        before: what the same judge rated before: its choices come first, also where the study has grown since and there is more to
            choose from.

    Raises:
        RunFolderError: it is a run of dialogues, damaged, or has no reply yet.
    """
    n_replies = n_to_judge(folder, None)
    lots = [*sorted({(one.n_replies, one.n_chosen) for one in before}), (n_replies, n_to_judge(folder, n))]
    cells: dict[tuple[str, str, str], list[tuple[PromptSpec, Responses]]] = {}
    for spec in folder.planned_askings():
        cells.setdefault((spec.prompt, *spec.arm), [])
    for record in folder.responses():
        if record.complete and (key := (record.spec.prompt, *record.spec.arm)) in cells:
            cells[key].append((record.spec, record))
    chosen = [_lot(sorted(found, key=lambda one: one[0].replicate), lots) for found in cells.values()]
    if not any(chosen):
        raise RunFolderError(f"{folder.path}: no asking is complete; run the study first, then have its replies judged")
    return [reply for rank in zip_longest(*chosen) for reply in rank if reply is not None]


def n_to_judge(folder: RunFolder, n: int | None) -> int:
    """Replies of each prompt, condition and model that are to be rated: `n`, but no more than the study asks for."""
    folder.planned_askings()  # of dialogues: said in a sentence
    n_replies = int(folder.any_manifest()["study"]["n_replies"])
    return n_replies if n is None else min(n, n_replies)


def _lot(found: Sequence[tuple[PromptSpec, Responses]], lots: Sequence[tuple[int, int]]) -> list[Reply]:
    """What is rated of one prompt, condition and model: random, but always the same, and with what earlier lots chose in front.

    Args:
        found: its askings in order.
        lots: (replies that the measures look at, those of them that are rated), the present one last.
    """

    def candidates() -> Iterator[tuple[bytes, Reply]]:
        for spec, record in found:
            given = [one.text for one in record.distribution.candidates for _ in range(one.n_given)] if record.distribution else []
            for i, text in enumerate(given):
                yield hashlib.sha256(f"{spec.id}:{i}".encode()).digest(), Reply(spec.prompt, *spec.arm, spec.id, text)

    all_of_them = [*islice(candidates(), max(n_replies for n_replies, _ in lots))]
    ranked = sorted(range(len(all_of_them)), key=lambda i: all_of_them[i][0])
    order: dict[int, None] = {}
    for n_replies, n in lots:
        n_more = n - sum(i < n_replies for i in order)
        order.update(dict.fromkeys([i for i in ranked if i < n_replies and i not in order][: max(0, n_more)]))
    n_replies, n = lots[-1]
    return [all_of_them[i][1] for i in order if i < n_replies][:n]


def ratings_wanted(replies: Sequence[Reply], n_repeats: int) -> list[RatingId]:
    """What is to be rated, each once: all first ratings, then all second ones, and so on."""
    return list(dict.fromkeys(RatingId(reply.prompt, reply.text, repeat) for repeat in range(n_repeats) for reply in replies))


def judging_budget(folder: RunFolder, model: str, run: RunOptions) -> Budget | None:
    """What a judge may spend on a run, less what it spent on it before; None if nothing caps it.

    Raises:
        InputError: dollars are capped and the model's price is unknown.
    """
    from vs_sim.budget import Budget, expected_of

    if run.cap_tokens is None and run.cap_dollars is None:
        return None
    if run.cap_dollars is not None and model not in run.prices:
        raise InputError(
            f"--cap-dollars {run.cap_dollars:g}: the price of {model} is unknown; give "
            f'[run.prices."{model}"] input = ..., output = ... in the study and vs-sim run it once more, or use --cap-tokens'
        )
    budget = Budget(tokens=run.cap_tokens, dollars=run.cap_dollars, prices=run.prices)
    for call in (call for row in _JUDGEMENTS.rows(folder) if row.model == model for call in row.calls):
        budget.count("", model, call.usage, expected_of(call.text))
    return budget


async def judge(
    folder: RunFolder,
    model: str,
    rubric: Rubric,
    *,
    run: RunOptions,
    n_repeats: int = 2,
    n: int | None = None,
    say: Callable[[str], None] = lambda line: None,
    budget: Budget | None = None,
    drain: asyncio.Event | None = None,
) -> ReadResult:
    """Have a model rate the replies of a run of prompts; the same call again goes on where this one ended.

    Args:
        folder, n: as in `to_judge`.
        model: the judge, ``"provider:model"``.
        rubric: what it rates them on.
        run: endpoints and limits.
        n_repeats: how often each reply is rated, at least 1.
        say: told in a line what takes long.
        budget: what the calls are counted in; None for no cap.
        drain: set it to have no further request made; what is under way is waited for and kept.

    Raises:
        RunFolderError: the folder cannot be read or written, has nothing to judge, or another process judges it.
        ModelUnavailable, WeightsError, EndpointError: the model cannot be used.
    """
    tasks = {one["id"]: one["text"] for one in folder.any_manifest()["study"]["prompts"]}
    n_replies, n_chosen = n_to_judge(folder, None), n_to_judge(folder, n)
    digest, shape = prompt_digest(rubric), schema(rubric)
    before = judgements(folder).get(Instrument(model, digest), {}).values()

    async def rate(which: RatingId, opened: Model, n_failed_before: int) -> Judgement:
        name = f"{hashlib.sha256(json.dumps(which).encode()).hexdigest()}:judge"
        asked = question(rubric, tasks[which.prompt], which.text)
        found = await ask(opened, name, asked, shape, _MOST_TOKENS, lambda raw: read_answer(raw, rubric), n_failed_before=n_failed_before)
        return Judgement(
            of_prompt=which.prompt,
            text=which.text,
            repeat=which.repeat,
            rubric=rubric.name,
            n_replies=n_replies,
            n_chosen=n_chosen,
            model=opened.name,
            prompt=digest,
            ratings=found.read,
            calls=found.calls,
            failure=found.failure,
        )

    return await read_all(
        folder,
        _JUDGEMENTS,
        ratings_wanted(to_judge(folder, n, before), n_repeats),
        rate,
        model=model,
        digest=digest,
        prompt=question(rubric, "(the prompt)", "(the reply)"),
        run=run,
        say=say,
        begun=lambda missing: f"{model} gives {len(missing)} ratings",
        budget=budget,
        drain=drain,
        temperature=TEMPERATURE,
    )
