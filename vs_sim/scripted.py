"""A chat model that answers from a file of rules: for tests and documentation, without a key or a network.

A rules file is TOML:

    [[rule]]
    when = "private"              # regular expression, searched in all messages; the first rule that matches answers
    replies = ['{"reply": 50}']   # one is taken by sha256 of the messages and the seed: the same request, the same reply

`<<name>>` in a reply stands for what the group `(?P<name>...)` of `when` matched, so that a reply can quote the request.

`scripted:donation`, the rules that ship with the package, plays both sides of the donation study for every method.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from vs_sim.errors import StudyError
from vs_sim.explain import explain
from vs_sim.toml_file import read_toml

_SHIPPED = Path(__file__).parent / "rules"
_QUOTED = re.compile(r"<<(\w+)>>")


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    when: str
    replies: tuple[str, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _quotes_what_is_matched(self) -> _Rule:
        groups = re.compile(self.when).groupindex
        for name in (name for reply in self.replies for name in _QUOTED.findall(reply)):
            if name not in groups:
                raise ValueError(f"<<{name}>> in a reply: {self.when!r} has no group (?P<{name}>...)")
        return self

    @field_validator("when")
    @classmethod
    def _compiles(cls, when: str) -> str:
        try:
            re.compile(when)
        except re.error as error:
            raise ValueError(f"{when!r} is no regular expression: {error}") from None
        return when


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    rule: tuple[_Rule, ...] = Field(min_length=1)


class ScriptedChatModel(BaseChatModel):
    """A LangChain chat model that answers by rules.

    Attributes:
        name_returned: the model name in its answers.
        rules: (pattern, replies) in order.
    """

    name_returned: str
    rules: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        reply = self._reply(messages, kwargs.get("seed"))
        n_prompt, n_reply = sum(len(m.text) for m in messages) // 4, len(reply) // 4
        answer = AIMessage(
            reply,
            response_metadata={"model_name": self.name_returned, "finish_reason": "stop"},
            usage_metadata={"input_tokens": n_prompt, "output_tokens": n_reply, "total_tokens": n_prompt + n_reply},
        )
        return ChatResult(generations=[ChatGeneration(message=answer)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._generate(messages, stop, None, **kwargs)

    def _reply(self, messages: Sequence[BaseMessage], seed: int | None) -> str:
        shown = "\n".join(m.text for m in messages)
        for pattern, replies in self.rules:
            if match := re.search(pattern, shown, re.DOTALL):
                content = json.dumps([[m.type, m.text] for m in messages] + [["seed", seed]])
                reply = replies[int.from_bytes(hashlib.sha256(content.encode()).digest()[:8], "big") % len(replies)]
                return _quoting(reply, match)
        raise StudyError(f"scripted:{self.name_returned}: no rule matches the request that ends {shown[-80:]!r}; add a [[rule]]")


def _quoting(reply: str, match: re.Match[str]) -> str:
    """A reply with what the groups that it names have matched."""
    said = match.groupdict(default="")
    return _QUOTED.sub(lambda group: said[group[1]], reply)


def _is_file(path: Path) -> bool:
    try:
        return path.expanduser().is_file()
    except (OSError, RuntimeError, ValueError):  # a name that no file can have, or "~" of nobody
        return False


def scripted_model(name: str) -> ScriptedChatModel:
    """The scripted model of a rules file, or of the shipped rules called `name`.

    Raises:
        StudyError: if the file is missing or not of the form above.
    """
    path = next((path for path in (_SHIPPED / f"{name}.toml", Path(name)) if _is_file(path)), None)
    if path is None:
        known = ", ".join(sorted(f"scripted:{p.stem}" for p in _SHIPPED.glob("*.toml")))
        raise StudyError(f"scripted:{name}: there is no such rules file; expected a path or one of {known}")
    try:
        rules = _Rules.model_validate(read_toml(path.expanduser(), "a file of rules"))
    except ValidationError as error:
        raise StudyError(explain(error, path, _Rules)) from None
    return ScriptedChatModel(name_returned=path.stem, rules=tuple((r.when, r.replies) for r in rules.rule))
