"""The words that models are given: one Markdown file (a Jinja template) per prompt, rendered strictly, and their digest."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_FOLDER = Path(__file__).parent


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # Prompts are plain text for a model, not HTML: nothing is escaped.
    return Environment(loader=FileSystemLoader(_FOLDER), undefined=StrictUndefined, autoescape=False)  # noqa: S701


def render(name: str, /, **values: object) -> str:
    """The prompt `name` (path without `.md`) with `values` filled in; a value is never itself read as a template.

    Raises:
        jinja2.UndefinedError: if the prompt needs a value that is not given.
    """
    return _environment().get_template(f"{name}.md").render(**values).strip()


def texts() -> dict[str, str]:
    """Every prompt file as it stands: name (path without `.md`) -> text, sorted by name."""
    return {path.relative_to(_FOLDER).with_suffix("").as_posix(): path.read_text("utf-8") for path in sorted(_FOLDER.rglob("*.md"))}


@lru_cache(maxsize=1)
def digest() -> str:
    """sha256 (64 hexadecimal digits) over the names and texts of all prompt files: part of every conversation's identity."""
    content = hashlib.sha256()
    for name, text in texts().items():
        content.update(f"{name}\0{text}\0".encode())
    return content.hexdigest()
