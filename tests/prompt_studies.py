"""Small studies of single prompts for the tests of what is done with them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.conftest import DIRECT, toml_lines

RULES = """
[[rule]]
when = '''candidates.*probability'''
replies = ['''{"candidates": [{"reply": "Paris", "probability": 0.6}, {"reply": "Lyon!", "probability": 0.4}]}''']
[[rule]]
when = '''.'''
replies = ['''{"reply": "It is Paris."}''', '''{"reply": "Rome"}''']
"""
PROMPTS = """
[[prompt]]
id = "city"
text = "Name a city of France."
answers = ["Paris", "Lyon", "Nice"]

[[prompt]]
id = "other"
text = "Name another city of France."
answers = ["Paris", "Lyon", "Nice"]
"""
VS = {"name": "vs", "method": "vs_standard", "k": 2}
SEQUENCE = {"name": "s", "method": "sequence", "k": 2}


class PromptStudyFolder:
    """A folder with a study.toml, its prompts and what a scripted model says; `write` takes what shall differ from a small sound study."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, text: str = "", *, entries: str | bytes = PROMPTS, rules: str = RULES, file: str = "prompts.toml", **keys: Any) -> Path:
        """Writes all of it; keys whose value is None are left out, and `text` follows as it is."""
        (self.path / "rules.toml").write_text(rules, "utf-8")
        (self.path / file).write_bytes(entries if isinstance(entries, bytes) else entries.encode())
        content = {
            "kind": "prompt",
            "question": "Does it?",
            "prediction": "It does.",
            "models": f"scripted:{self.path / 'rules.toml'}",
            "prompts": file,
            "n_replies": 6,
            "reply_words": 5,
            "seed": 3,
            "measures": ["coverage"],
            "conditions": [DIRECT, VS],
            **keys,
        }
        path = self.path / "study.toml"
        path.write_text("\n".join([*toml_lines(content), text]) + "\n", "utf-8")
        return path
