"""How the reference reads `a, b: what both are` in a docstring: as two entries, where the reader of Google's style sees one odd name."""

import re
from typing import Any

import griffe

_SHARED = re.compile(r"^( +)(\w+(?:, \w+)+)(: .*\n?(?:\1 +.*\n?)*)", re.MULTILINE)


class SharedNames(griffe.Extension):
    """Gives each of several names that share a line an entry of its own."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the object's docstring before it is parsed."""
        if obj.docstring is not None:
            obj.docstring.value = _SHARED.sub(_apart, obj.docstring.value + "\n").rstrip("\n")


def _apart(entry: re.Match[str]) -> str:
    text = entry[3] if entry[3].endswith("\n") else f"{entry[3]}\n"
    return "".join(f"{entry[1]}{name}{text}" for name in entry[2].split(", "))
