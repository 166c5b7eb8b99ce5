"""What is wrong with a file that a person wrote, as one sentence."""

from __future__ import annotations

import difflib
import types
import typing
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

if typing.TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def explain(error: ValidationError, path: Path, model: type[BaseModel]) -> str:
    """The first problem of a file as one sentence: file, key, value, what was expected; "(and n more)" behind it."""
    # A misspelt key comes first: it explains the missing one. Where a list or a single value may stand, more is said of the value.
    first, *others = sorted(error.errors(), key=lambda one: (one["type"] != "extra_forbidden", one["type"] == "list_type"))
    key = place(first["loc"])
    kind = first["type"]
    if kind == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        close = difflib.get_close_matches(str(first["loc"][-1]), known, 1)
        hint = f"did you mean {close[0]!r}?" if close else f"known here are {', '.join(known)}"
        sentence = f"unknown key {key!r}; {hint}"
    elif kind == "missing":
        sentence = f"key {key!r} is missing"
    elif kind == "value_error":
        reason = str(first["ctx"]["error"])
        sentence = f"{key}: {reason}" if key else reason
    elif key.endswith("api_key_env"):
        sentence = f"{key}: expected the name of an environment variable, such as OPENAI_API_KEY, never the key itself"
    elif key.endswith("base_url"):
        sentence = f"{key}: expected an address such as http://localhost:8000/v1, without user, password or query"
    elif kind == "string_pattern_mismatch" and ("model" in key or key.startswith("sizes.")):
        key = key.split(".")[0] if key.startswith("sizes.") else key
        sentence = f"{key} = {first['input']!r}: expected provider:model, such as openai:gpt-4.1 or embedded:smollm2-135m"
    else:
        sentence = f"{key} = {first['input']!r}: {expected(first)}"
    # A value that fits none of several types is listed once for each, and a list of which an entry is wrong beside that entry.
    keys = {key, *(place(e["loc"]) for e in others)}
    n_more = sum(not any(one.startswith((f"{other}.", f"{other}[")) for one in keys) for other in keys - {key})
    return f"{path}: {sentence}" + (f" (and {n_more} more)" if n_more else "")


_EXPECTED = {
    "too_short": "expected at least one",
    "string_too_short": "expected at least one character",
    **dict.fromkeys(("tuple_type", "list_type"), "expected a list"),
    **dict.fromkeys(("model_type", "dict_type"), "expected a table"),
    "string_type": "expected text in quotes",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "bool_type": "expected true or false",
    "finite_number": "expected a finite number",
    "missing": "key is missing",
    "extra_forbidden": "unknown key",
}
"""Type of a problem -> what a person who wrote a TOML file is told."""


_PATTERNS = {
    r"^[A-Za-z0-9][A-Za-z0-9 ._,=-]*$": "expected letters, digits, spaces and . _ , = -, of which the first is a letter or a digit",
    r"^[a-z][a-z0-9_ -]{0,29}$": "expected up to 30 lower-case letters, digits, spaces, _ and -, of which the first is a letter",
    r"^[A-Za-z0-9._-]{1,64}$": "expected 1 to 64 letters, digits, '.', '_' or '-'",
}
"""Spelling of a name -> the same in words."""


def expected(error: ErrorDetails) -> str:
    """What a person who wrote a file is told of a value that was refused."""
    limits = error.get("ctx", {})
    match error["type"]:
        case "greater_than":
            return f"expected more than {limits['gt']:,}"
        case "greater_than_equal":
            return f"expected at least {limits['ge']:,}"
        case "less_than":
            return f"expected less than {limits['lt']:,}"
        case "less_than_equal":
            return f"expected at most {limits['le']:,}"
        case "literal_error":
            return f"expected {limits['expected']}"
        case "string_too_long":
            return f"expected at most {limits['max_length']:,} characters"
        case "string_pattern_mismatch" if limits["pattern"] in _PATTERNS:
            return _PATTERNS[limits["pattern"]]
    return _EXPECTED.get(error["type"], error["msg"][0].lower() + error["msg"][1:])


def problem_of(error: ValidationError) -> str:
    """What is wrong with a line that a program wrote: key, value and what was expected."""
    first = error.errors()[0]
    key = place(first["loc"])
    if first["type"] == "value_error":
        return f"{key}: {first['ctx']['error']}" if key else str(first["ctx"]["error"])
    if first["type"] in ("missing", "extra_forbidden"):
        return f"{expected(first)} {key!r}"
    return f"{key} = {first['input']!r:.80}: {expected(first)}" if key else expected(first)


def place(loc: tuple[int | str, ...]) -> str:
    """("conditions", 1, "k") -> "conditions[2].k": entries are counted from 1, as a person counts them."""
    key = ""
    for part in loc:
        if isinstance(part, int):
            key += f"[{part + 1}]"
        elif part not in ("str", "float", "int") and not part.startswith(("literal[", "list[", "constrained-", "function-")):
            key += f".{part}" if key else part
    return key


def _keys_at(model: type[BaseModel], loc: tuple[int | str, ...]) -> list[str]:
    """Names of the keys that are known at a place of a file."""
    here: Any = model
    for part in loc:
        if isinstance(part, str) and isinstance(here, type) and issubclass(here, BaseModel) and part in here.model_fields:
            here = _record_in(here.model_fields[part].annotation)
    names = list(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []
    if "persuaders" in names:  # a study's file names the files that they stand in
        names = ["personas", *(n for n in names if n not in ("persuaders", "persuadees"))]
    return names


def _record_in(annotation: Any) -> Any:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation
    found = (_record_in(a) for a in typing.get_args(annotation))
    return next((f for f in found if isinstance(f, type) and issubclass(f, BaseModel)), None)
