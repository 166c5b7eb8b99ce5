"""Study -> [ConversationSpec]: which conversations there are, what identifies them, what they will cost."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vs_sim import prompts
from vs_sim.condition import Condition
from vs_sim.personas import render
from vs_sim.records import ConversationSpec
from vs_sim.run_options import Price
from vs_sim.study import Study


def plan(study: Study) -> list[ConversationSpec]:
    """Every conversation of a study: condition x persuadee model x persuadee x replicate.

    The order lets the conditions of one pair of personas stand together, so that a run that is cut short is balanced.

    Returns:
        Specs with distinct ids; ids and seeds depend on content only, never on the order of the study's entries.
    """
    # What does not change from one conversation to the next is written out once: a plan may have a million.
    shape = {"prompts": prompts.digest(), **study.model_dump(mode="json", include=set(SHAPES_CONVERSATION))}
    shared = {key: content_json(value) for key, value in shape.items()}
    people = (study.persuaders, study.persuadees)
    persuaders, persuadees = ([content_json(one.model_dump(mode="json")) for one in group] for group in people)
    conditions = [content_json(one.content) for one in study.conditions]
    models = {model: content_json([study.persuader_model, model]) for model in study.persuadee_models}
    specs = []
    for replicate in range(study.replicates):
        for i, persuadee in enumerate(study.persuadees):
            j = i % len(study.persuaders)
            pair = {"persuader": persuaders[j], "persuadee": persuadees[i], "replicate": content_json(replicate)}
            # Neither condition nor model enters the seed: arms share the draws of a pair and replicate (common random numbers).
            seed = int.from_bytes(sha256_of({**pair, "seed": shared["seed"]})[:8], "big") >> 1
            for model in study.persuadee_models:
                for condition, content in zip(study.conditions, conditions, strict=True):
                    specs.append(
                        ConversationSpec(
                            id=sha256_of({**pair, **shared, "models": models[model], "condition": content}).hex()[:16],
                            seed=seed,
                            condition=condition.name,
                            persuader_model=study.persuader_model,
                            persuadee_model=model,
                            persuader=study.persuaders[j].id,
                            persuadee=persuadee.id,
                            replicate=replicate,
                            human_cents=persuadee.human_cents if study.scenario.humans else None,
                        )
                    )
    return specs


SHAPES_CONVERSATION = (
    "scenario",
    "rounds",
    "min_rounds",
    "reply_words",
    "temperature",
    "top_p",
    "seed",
    "form",
    "json_schema",
    "n_reasks",
)
"""Keys of the study, besides models, condition and personas, that enter a conversation's id."""


def content_json(content: Any) -> str:
    """Content as it enters an identity."""
    return json.dumps(content, sort_keys=True, ensure_ascii=True)


def sha256_of(content: dict[str, str]) -> bytes:
    """Of an object whose values are given as JSON."""
    return hashlib.sha256(f"{{{', '.join(f'{content_json(key)}: {content[key]}' for key in sorted(content))}}}".encode()).digest()


def turn_rng(seed: int, turn: int | str) -> np.random.Generator:
    """The generator of one turn's draw, from sha256 of the conversation's seed and the turn: independent of any order of arrival.

    Args:
        seed: seed of the conversation.
        turn: index of the turn, or ``"decide"``.
    """
    return np.random.default_rng(int.from_bytes(hashlib.sha256(f"{seed}:{turn}".encode()).digest(), "big"))


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost if every reply is readable and every dialogue goes its full length.

    Attributes:
        n_conversations: conversations planned.
        n_calls: model -> calls.
        input_tokens, output_tokens: model -> tokens, estimated at 4 characters (0.75 words) a token from the study's own prompts.
        dollars: cost at the study's prices; None if a model with calls has no price.
    """

    n_conversations: int
    n_calls: dict[str, int]
    input_tokens: dict[str, int]
    output_tokens: dict[str, int]
    dollars: float | None


_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_WORD = 1.35
_REASONING_TOKENS = 150
_MODEL_DECIDES_K = 5
_FRAME_TOKENS = 150
"""Tokens of a request around the base prompt and the chat: the request for the reply and its format."""


def estimate(study: Study) -> Estimate:
    """Calls, tokens and, where prices are given, dollars of a study, before anything is spent."""
    specs = plan(study)
    calls = dict.fromkeys(study.models, 0)
    tokens_in = dict.fromkeys(study.models, 0.0)
    tokens_out = dict.fromkeys(study.models, 0.0)
    persona_tokens = {p.id: len(render(p)) / _CHARACTERS_PER_TOKEN for group in (study.persuaders, study.persuadees) for p in group}
    base = {role: len(study.scenario.prompts[role]) / _CHARACTERS_PER_TOKEN for role in ("persuader", "persuadee")}
    message = study.reply_words * 0.6 * _TOKENS_PER_WORD  # messages use about 60 % of the words they are allowed
    n_direct = study.rounds
    for spec in specs:
        condition = study.condition(spec.condition)
        size = reply_tokens(condition, message)
        history = message * (study.rounds - 1)  # mean over the rounds of both speakers' earlier messages
        ask_in = _FRAME_TOKENS + base["persuader"] + persona_tokens[spec.persuader] + history
        calls[spec.persuader_model] += n_direct
        tokens_in[spec.persuader_model] += n_direct * ask_in
        tokens_out[spec.persuader_model] += n_direct * message
        reply_in = _FRAME_TOKENS + base["persuadee"] + persona_tokens[spec.persuadee] + history + message
        n_turns = study.rounds + 1  # and the private decision
        calls[spec.persuadee_model] += n_turns * condition.n_calls
        tokens_in[spec.persuadee_model] += n_turns * condition.n_calls * (reply_in + size * (condition.n_calls - 1) / 2)
        tokens_out[spec.persuadee_model] += condition.n_calls * (study.rounds * size + reply_tokens(condition, 3))
    return Estimate(
        n_conversations=len(specs),
        n_calls=calls,
        input_tokens={m: round(t) for m, t in tokens_in.items()},
        output_tokens={m: round(t) for m, t in tokens_out.items()},
        dollars=dollars_of(study.run.prices, tokens_in, tokens_out),
    )


def dollars_of(prices: Mapping[str, Price], tokens_in: Mapping[str, float], tokens_out: Mapping[str, float]) -> float | None:
    """What tokens (by model) cost; None if a model has no price."""
    if any(model not in prices for model in tokens_in):
        return None
    return sum(n * prices[model].input + tokens_out[model] * prices[model].output for model, n in tokens_in.items()) / 1e6


def reply_tokens(condition: Condition, reply: float) -> float:
    """Tokens of one answer whose replies have `reply` tokens each."""
    reasoning = _REASONING_TOKENS if condition.method in ("cot", "vs_cot") else 0
    if condition.method in ("direct", "cot", "multi_turn"):
        return reply + 8 + reasoning
    k = condition.k if isinstance(condition.k, int) else _MODEL_DECIDES_K
    return k * (reply + (16 if condition.wording else 10)) + reasoning
