from __future__ import annotations

import asyncio
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from vs_sim.errors import StudyError

ROOT = Path(__file__).parents[2]


async def _run() -> dict[str, Any]:
    """Open the graph that langgraph.json names, as LangGraph's server does, and run it with the input {}."""
    path, _, name = json.loads((ROOT / "langgraph.json").read_text())["graphs"]["dialogue"].partition(":")
    spec = importlib.util.spec_from_file_location("studio_graph", ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    async with getattr(module, name)() as graph:
        assert set(graph.get_graph().nodes) == {"__start__", "persuader", "propose", "draw", "decide", "__end__"}
        state: dict[str, Any] = await graph.ainvoke({})
        return state


def test_langgraph_json_opens_a_conversation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    state = asyncio.run(_run())
    assert [t.role for t in state["turns"]] == ["persuader", "persuadee"] * 2
    assert len(state["turns"][1].distribution.candidates) == 5
    assert 0 <= state["decision"].amount <= 200


def test_unknown_condition_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("VS_SIM_CONDITION", "nothing")
    with pytest.raises(StudyError, match=r"has no condition 'nothing' \(VS_SIM_CONDITION\); it has direct, vs_standard"):
        asyncio.run(_run())
