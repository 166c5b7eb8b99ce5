"""One asking of a study of prompts: a prompt, put to a model by a condition's method, to the record of its responses."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from vs_sim.condition import Condition
from vs_sim.conversation import failure_of, installed_version
from vs_sim.errors import ContextFull, EndpointError, ReplyError
from vs_sim.graph import Voice
from vs_sim.plan import turn_rng
from vs_sim.prompt_file import Prompt
from vs_sim.prompt_records import PromptSpec, Responses
from vs_sim.prompt_study import PromptStudy
from vs_sim.propose import Message, propose, request, response_of

STEP = "t000"
"""The step under which the calls of an asking are journalled."""


def asked(study: PromptStudy, prompt: Prompt, condition: Condition) -> list[Message]:
    """The first request of an asking, as it is sent."""
    return [{"role": "user", "content": f"{prompt.text}\n\n---\n{request(condition, response_of(study.reply_words))}"}]


async def run_prompt(study: PromptStudy, prompt: Prompt, spec: PromptSpec, voice: Voice) -> Responses:
    """The responses to one asking; a failure of the model is recorded, not raised.

    Args:
        study: of which the asking is a part.
        prompt: of the study, the one that is asked.
        spec: the asking.
        voice: the model, and where its answers are kept.

    Raises:
        ModelUnavailable, JournalMismatch, RunFolderError: what would fail for every asking alike.
        RunStopped: the run drains: the asking is owed.
    """
    started, clock = datetime.now(UTC), time.monotonic()
    condition = study.condition(spec.condition)
    thing, messages = response_of(study.reply_words), asked(study, prompt, condition)
    distribution = drawn = failure = None
    try:
        distribution = await propose(
            voice, STEP, messages, condition, thing, grid=voice.grid, n_reasks=study.n_reasks, reply_words=study.reply_words
        )
        drawn = distribution.draw(turn_rng(spec.seed, 0), condition.select or "argmax")
    except (ReplyError, EndpointError, ContextFull) as error:
        failure = failure_of(error, STEP)
    return Responses(
        spec=spec,
        distribution=distribution,
        drawn=drawn,
        failure=failure,
        started=started.isoformat(timespec="seconds"),
        seconds=round(time.monotonic() - clock, 3),
        vs_sim=installed_version(),
    )
