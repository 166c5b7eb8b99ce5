"""TOML that a person wrote -> plain data: the one place where it is decoded, and where what is wrong with it becomes a sentence."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from vs_sim.errors import InputError, StudyError


def read_toml(path: Path, what: str = "a study.toml", error: type[InputError] = StudyError) -> dict[str, Any]:
    """The content of a file.

    Args:
        path: of the file, in UTF-8 with or without a byte order mark.
        what: it is expected to be.
        error: that refuses it.

    Raises:
        InputError: of the type `error`: a sentence with the file.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise error(f"{path}: there is no such file; expected {what}") from None
    except OSError as problem:
        raise error(f"{path}: cannot be read: {problem.strerror}; expected {what}") from None
    except UnicodeDecodeError as problem:
        at = problem.start
        raise error(f"{path}: byte {problem.object[at]:#04x} at offset {at} is not UTF-8; save the file as UTF-8") from None
    except ValueError as problem:  # a name that no file can have
        raise error(f"{str(path)!r}: cannot be read: {problem}; expected {what}") from None
    try:
        return content_of(text)
    except ValueError as problem:
        raise error(f"{path}: is no valid TOML: {problem}") from None


def content_of(text: str) -> dict[str, Any]:
    """The content of a text in TOML.

    Raises:
        ValueError: with a short reason.
    """
    try:
        content = tomllib.loads(text)
        repr(content)  # what cannot be written out could not be shown in any sentence about it
        return content
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError("brackets or keys are nested too deeply") from None
    except ValueError as problem:  # Python does not convert so many digits
        raise ValueError(f"it holds a whole number of more digits than can be read ({str(problem).partition(';')[0]})") from None
