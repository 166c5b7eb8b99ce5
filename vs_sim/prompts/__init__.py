"""The words that models are given: one Markdown file (a Jinja template) per prompt, rendered strictly, and their digest."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent
READERS = ("judge", "second_reader", "stated_rules", "strategies", "strategy_labels")
"""Prompts of models and people who read what was said: they shape no conversation, so a conversation's identity is free of them."""


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Prompts are plain text for a model, not HTML: nothing is escaped.
    return Environment(loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=False, auto_reload=False)  # noqa: S701


def render(name: str, /, **values: object) -> str:
    """The prompt `name` (path without `.md`) with `values` filled in; a value is never itself read as a template.

    Raises:
        jinja2.UndefinedError: if the prompt needs a value that is not given.
    """
    return _environment().get_template(f"{name}.md").render(**values).strip()


def texts() -> dict[str, str]:
    """Every prompt file of a conversation as it stands: name (path without `.md`) -> text, sorted by name; those of `READERS` left out."""
    names = (path.relative_to(_FOLDER).with_suffix("").as_posix() for path in sorted(_FOLDER.rglob("*.md")))
    return {name: text(name) for name in names if name not in READERS}


def text(name: str) -> str:
    """The prompt file `name` as it stands."""
    return (_FOLDER / f"{name}.md").read_text("utf-8")


@lru_cache(maxsize=1)
def digest() -> str:
    """sha256 (64 hexadecimal digits) over the names and texts of all prompts of `texts`: part of every conversation's identity."""
    content = hashlib.sha256()
    for name, words in texts().items():
        content.update(f"{name}\0{words}\0".encode())
    return content.hexdigest()
