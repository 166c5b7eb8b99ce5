"""vs_sim: dialogue studies with simulated people, each turn drawn from a verbalized distribution.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vs_sim.load import Run, load_run
    from vs_sim.outcome import read_outcome, stated_donation
    from vs_sim.personas import load_personas
    from vs_sim.records import Candidate, Transcript, VerbalizedDistribution
    from vs_sim.run import run_study
    from vs_sim.single_prompt import verbalize
    from vs_sim.store import RunFolder
    from vs_sim.study import Study, load_study

_HOME = {
    "Candidate": "records",
    "Run": "load",
    "RunFolder": "store",
    "Study": "study",
    "Transcript": "records",
    "VerbalizedDistribution": "records",
    "load_personas": "personas",
    "load_run": "load",
    "load_study": "study",
    "read_outcome": "outcome",
    "run_study": "run",
    "stated_donation": "outcome",
    "verbalize": "single_prompt",
}

__all__ = [
    "Candidate",
    "Run",
    "RunFolder",
    "Study",
    "Transcript",
    "VerbalizedDistribution",
    "load_personas",
    "load_run",
    "load_study",
    "read_outcome",
    "run_study",
    "stated_donation",
    "verbalize",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vs_sim' has no attribute {name!r}")
    return getattr(import_module(f"vs_sim.{_HOME[name]}"), name)
