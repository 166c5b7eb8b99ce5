"""Every study of prompts that ships is run, cut down, against an OpenAI-compatible endpoint."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.endpoint import Body, Endpoint

EXPERIMENTS = Path(__file__).parent.parent / "experiments"
STUDIES = sorted(
    path
    for path in EXPERIMENTS.glob("*/*.toml")
    if "conditions" in (content := tomllib.loads(path.read_text("utf-8"))) and content.get("kind") == "prompt"
)


def reply(body: Body) -> str:
    """Two candidates (or one reply) of the outline that the request shows, which differ from seed to seed."""
    shown = body["messages"][-1]["content"]
    seed = len(json.dumps(body["messages"])) + int(body.get("seed") or 0)
    texts = [f"{(seed + i) % 6 + 1} California Paris, a story of {seed % 5} bears" for i in range(2)]
    if '"candidates"' not in body["messages"][0]["content"]:
        return json.dumps({"reply": texts[0]})
    number = re.search(r'"(probability|percentage|confidence)"', shown + body["messages"][0]["content"])
    items: list[dict[str, Any]] = [{"reply": text, **({number[1]: 0.4} if number else {})} for text in texts]
    return json.dumps({"reasoning": "Several fit.", "candidates": items})


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_shipped_study_runs_and_is_compared(path: Path, tmp_path: Path, endpoint: Endpoint, command: Any) -> None:
    shutil.copytree(EXPERIMENTS, tmp_path / "experiments", ignore=shutil.ignore_patterns("paper_dialogue", "recorded", "*.png"))
    study = tmp_path / "experiments" / path.relative_to(EXPERIMENTS)
    content = study.read_text("utf-8")
    content = re.sub(r"^n_replies = \d+", "n_replies = 2", content, flags=re.MULTILINE)
    content = content.replace('"meaning", ', "")  # its model of embeddings is an extra
    study.write_text(content, "utf-8")
    endpoint.reply = reply
    out = tmp_path / "run"
    code, _, err = command("run", study, "--model", "openai:gpt-x", "--base-url", endpoint.url, "--out", out, "--concurrency", "8")
    assert code == 0, err
    code, said, err = command("compare", out, "--json")
    assert code == 0, err
    measured = tomllib.loads(content)["measures"]
    found = json.loads(said)
    assert all(found[{"words": "diversity"}.get(measure, measure)] for measure in measured)
    assert any(out.glob("*.csv"))


def test_there_are_studies_for_everything_that_single_prompts_are_used_for() -> None:
    assert {path.parent.name for path in STUDIES} >= {
        "accuracy",
        "creative_writing",
        "dice",
        "headline",
        "open_answers",
        "refusals",
        "synthetic_data",
    }
