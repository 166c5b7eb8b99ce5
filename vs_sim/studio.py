"""One conversation's graph for LangGraph Studio (`langgraph dev` in the checkout; langgraph.json names `dialogue`).

Environment: VS_SIM_STUDY, a study file (default: the quickstart); VS_SIM_MODEL, in place of its models (default: scripted:donation);
VS_SIM_CONDITION, name of the condition (default: the study's last). Start it with the input {}.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator

from langgraph.graph.state import CompiledStateGraph

from vs_sim.conversation import SpeakerVoice
from vs_sim.errors import StudyError
from vs_sim.graph import Conversation, State, build_graph
from vs_sim.plan import plan
from vs_sim.providers import open_models
from vs_sim.study import load_study


@contextlib.asynccontextmanager
async def dialogue() -> AsyncIterator[CompiledStateGraph[State, None, State, State]]:
    """The graph of the first conversation of a condition, with its models open for as long as the context lasts.

    Raises:
        StudyError: the study or its condition does not exist; other errors as for a run.
    """
    path = os.environ.get("VS_SIM_STUDY", "experiments/quickstart/study.toml")
    study = load_study(path, model=os.environ.get("VS_SIM_MODEL", "scripted:donation"))
    condition = os.environ.get("VS_SIM_CONDITION", study.conditions[-1].name)
    spec = next((s for s in plan(study) if s.condition == condition), None)
    if spec is None:
        raise StudyError(f"{path} has no condition {condition!r} (VS_SIM_CONDITION); it has {', '.join(c.name for c in study.conditions)}")
    async with open_models(
        study.models, run=study.run, temperature=study.temperature, top_p=study.top_p, json_schema=study.json_schema
    ) as models:
        yield build_graph(
            Conversation(
                spec=spec,
                study=study,
                persuader=next(p for p in study.persuaders if p.id == spec.persuader),
                persuadee=next(p for p in study.persuadees if p.id == spec.persuadee),
                voices={
                    "persuader": SpeakerVoice(models[spec.persuader_model], None, spec),
                    "persuadee": SpeakerVoice(models[spec.persuadee_model], None, spec),
                },
            )
        )
