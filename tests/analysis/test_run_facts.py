"""What is said of a run: counted where it happened, and nothing that is not so."""

from pathlib import Path

import pytest

from analysis.report_facts import design
from analysis.run_facts import RunFacts, run_facts
from tests.runs import call, spec, transcript, written
from vs_sim.records import Call, Candidate, Transcript, VerbalizedDistribution
from vs_sim.store import RunFolder

TAU = {"name": "tau", "method": "vs_standard", "k": 2, "select": "weighted", "tau": 0.3}
PLAIN = {"name": "plain", "method": "vs_standard", "k": 2, "select": "weighted"}


def facts_of(path: Path) -> RunFacts:
    folder = RunFolder(path)
    return run_facts(folder.manifest(), folder.planned(), folder.transcripts(), folder.journal_rows())


def stating(of: Transcript, above: bool | None, *repairs: str) -> Transcript:
    """The same dialogue, whose first candidates are above tau or not, and were repaired."""

    def marked(d: VerbalizedDistribution) -> VerbalizedDistribution:
        first: Candidate = d.candidates[0].model_copy(update={"above_tau": above, "repairs": repairs})
        return d.model_copy(update={"candidates": (first, *d.candidates[1:])})

    turns = tuple(t if t.distribution is None else t.model_copy(update={"distribution": marked(t.distribution)}) for t in of.turns)
    assert of.decision is not None and of.decision.distribution is not None
    decision = of.decision.model_copy(update={"distribution": marked(of.decision.distribution)})
    return of.model_copy(update={"turns": turns, "decision": decision})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    one, two, three = (spec(c * 16, condition="tau" if c != "c" else "plain") for c in "abc")
    rows: list[tuple[str, Call | str]] = [
        ("a" * 16, call("t000")),
        ("a" * 16, call("t001.0")),
        ("a" * 16, call("t001.0.again1")),
        ("a" * 16, "t001"),
        ("a" * 16, call("t001.0")),
        ("c" * 16, call("t000")),
        ("d" * 16, call("t001.0.again1")),
    ]
    transcripts = [
        stating(transcript(one, "Hi.", "I give.", "Do.", "No."), True, "percent"),
        stating(transcript(two, "Hi.", "I give."), False),
        transcript(three, "Hi.", "I give."),
    ]
    return written(
        tmp_path_factory.mktemp("run") / "run", transcripts, [spec("d" * 16, condition="plain")], rows, conditions=[TAU, PLAIN], rounds=2
    )


def test_answers_are_counted_in_the_journal_whatever_became_of_their_conversation(run: Path) -> None:
    facts = facts_of(run)
    assert [(one.condition, one.n_answers, one.n_again, one.n_given_up) for one in facts.asked] == [("tau", 4, 1, 2), ("plain", 2, 1, 0)]
    shown = dict(design(facts))["Answers of models"]
    assert shown == (
        "6, 2 of them of turns that were given up; to a repeated request: tau (openai:talker) 1 of 4, plain (openai:talker) 1 of 2"
    )


def test_turns_above_tau_are_counted_where_a_tau_was_asked_for(run: Path) -> None:
    tau, plain = facts_of(run).asked
    assert (tau.n_turns_above, tau.n_turns_tau, tau.n_decisions_above, tau.n_decisions_tau) == (2, 3, 1, 2)
    assert (plain.n_turns_tau, plain.n_decisions_tau) == (0, 0) and plain.n_turns == 1
    assert (tau.n_repaired, tau.repairs, plain.repairs) == (2, {"percent": 2}, {})
