"""The paragraphs of a paper say of a study what holds for it, and no more."""

from pathlib import Path
from typing import Any

import pytest

from analysis.compare import exact_shares
from analysis.comparison import Comparison
from analysis.grid import Grid, compare_all
from analysis.measure import Quantity, measure
from analysis.measure import render as render_measured
from analysis.methods_text import FURTHER, methods
from analysis.numbers import FEW_ON_ONE_SIDE, amount
from analysis.paper_tables import design_table, tables
from analysis.prose import cited, latex, markdown
from analysis.report import measured_block
from analysis.report_facts import design
from analysis.results_text import results
from analysis.run_facts import RunFacts, ran, run_facts, schemas
from analysis.samples import donations, human_cents, no_humans
from analysis.tables import render
from tests.runs import DONATION, MODEL, call, spec, transcript, written
from vs_sim.scenario import scale_of
from vs_sim.store import RunFolder

TAU = {"name": "tau", "method": "vs_standard", "k": 2, "select": "weighted", "tau": 0.3}
PLAIN = {"name": "plain", "method": "vs_standard", "k": 2, "select": "weighted"}
PERCENT = {"name": "chance", "one": "a percentage", "many": "percentages", "unit": "%", "low": 0, "high": 100, "edges": [0, 50]}
OTHER = {**DONATION, "about": "One person asks another to vote.", "humans": None, "scale": PERCENT}


def said(tmp_path: Path, **study: Any) -> tuple[str, str, Grid, RunFacts]:
    """Methods and results of a small run, its grid and its facts."""
    of = [spec(f"{i:016x}", condition=c, persuadee=f"p{i % 6}") for i, c in enumerate(["tau"] * 6 + ["plain"] * 6)]
    given = [transcript(one, "Hi.", "I give.", amount=10 * (i % 5)) for i, one in enumerate(of)]
    rows = [(of[0].id, call("t001.0")), (of[0].id, call("t001.0.again1"))]
    written(tmp_path / "run", given, (), rows, conditions=[TAU, PLAIN], prediction="None.", rounds=1, json_schema=True, **study)
    folder = RunFolder(tmp_path / "run")
    manifest = folder.manifest()
    facts = run_facts(manifest, folder.planned(), folder.transcripts(), folder.journal_rows())
    scale = scale_of(manifest["study"])
    human = human_cents() if manifest["study"]["scenario"]["humans"] else no_humans(scale)
    grid = compare_all(
        donations(folder.transcripts(), "actual", folder.planned()), human, seed=1, margins=study.get("margins"), n_resamples=50
    )
    texts = [markdown(name, text) for name, text in (("M", methods(grid, facts)), ("R", results(grid, facts)))]
    return texts[0].replace("\\", ""), texts[1].replace("\\", ""), grid, facts


@pytest.fixture(scope="module")
def donation(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Grid, RunFacts]:
    return said(tmp_path_factory.mktemp("donation"), margins={"mean": 10.0, "ks": 0.15})


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, Grid, RunFacts]:
    return said(tmp_path_factory.mktemp("other"), scenario=OTHER)


def test_only_the_task_of_the_humans_follows_theirs(donation: Any, other: Any) -> None:
    assert "The task follows PersuasionForGood [@wang2019persuasion]." in donation[0]
    assert "0 of 6 persuadee personas were matched to a human" in donation[0]
    assert "Scenario: One person asks another to vote." in other[0]
    assert "PersuasionForGood" not in other[0] and "matched to a human" not in other[0]


def test_the_outcome_is_called_what_it_is(donation: Any, other: Any) -> None:
    assert (
        "The outcome is the donation that the persuadee decided on in private after the chat, in whole cents, from $0.00 to $2.00"
        in donation[0]
    )
    assert "The outcome is the chance that the persuadee decided on in private after the chat, a whole number from 0 to 100 %" in other[0]


def test_asking_again_and_repairs_are_said_by_condition(donation: Any) -> None:
    text = donation[0]
    assert f"of all answers in the journal: tau ({MODEL}) 1 of 2 (.500)." in text
    assert f"with its names: tau ({MODEL}) 0 of 6 (.000); plain ({MODEL}) 0 of 6 (.000)." in text
    assert "exceeds it" not in text  # no candidate of these turns says whether it is above tau


def test_exact_intervals_are_named_where_they_are(donation: Any) -> None:
    text, _, grid, _ = donation
    assert exact_shares(grid.comparisons) == [c.arm for c in grid.comparisons]
    assert "has the exact interval [@clopper1934use], and its difference from the humans' is bounded by both intervals" in text
    many: Comparison = grid.comparisons[0].model_copy(update={"n_effective": 10 * FEW_ON_ONE_SIDE})
    assert exact_shares([many]) == []


def test_what_no_record_knows_is_left_to_the_author(donation: Any) -> None:
    text, _, grid, facts = donation
    assert "The author must add: where the 6 persuadee and 1 persuader personas come from" in text and "ethics" in text
    assert "Nothing that is named above" not in text
    assert "## Dynamics" not in text
    assert [p.heading for p in methods(grid, facts, shown=FURTHER)][-5:-2] == ["Language", "Dynamics", "Probabilities"]


def test_equivalence_is_told_of_every_declared_margin(donation: Any, other: Any) -> None:
    _, text, grid, _ = donation
    for c in grid.comparisons:
        assert f"Equivalence of {c.arm}: mean within +- $0.10 of the humans: " in text
        assert f"Equivalence of {c.arm}: ks below .150 of the humans: not shown, upper 95 % bound " in text
    assert "Equivalence" not in other[1]


def test_numbers_stand_before_one_pair_of_brackets_and_money_has_its_sign(donation: Any) -> None:
    _, text, grid, _ = donation
    assert "([" not in text
    (pair,) = grid.pairs
    mean = next(d for d in pair.differences if d.metric == "mean")
    assert mean.value and f"mean {amount('cents', mean.value, signed=True)} [" in text
    assert (amount("cents", -8, signed=True), amount("cents", 8, signed=True), amount("share", -0.5)) == ("-$0.08", "+$0.08", "-.500")
    assert "mean $-$\\$0.0" in latex("R", results(grid, donation[3])) or "+\\$0." in latex("R", results(grid, donation[3]))


def test_schemas_and_margins_are_said_as_they_were(donation: Any) -> None:
    facts = dict(design(donation[3]))
    assert facts["JSON schema"] == f"JSON schemas were sent with requests for JSON to {MODEL}; whether they were enforced is not recorded"
    assert facts["JSON schema"] in donation[0]
    assert facts["Margins of equivalence"] == "mean $0.10, ks .150"
    scripted = {"json_schema": True, "persuadee_models": ["scripted:donation"]}
    assert schemas(scripted) == "No JSON schemas were sent: none of the persuadee models takes them"
    assert schemas({"json_schema": False}) == "No JSON schemas were sent"


def test_every_reference_has_its_entry(donation: Any) -> None:
    from analysis.bundle import references

    keys = cited(methods(donation[2], donation[3]))
    assert references(keys).count("\n@") + 1 == len(keys)


def test_of_many_names_that_a_provider_returned_the_first_few_stand_in_report_and_methods(donation: Any) -> None:
    *_, grid, facts = donation
    for n, expected in ((1, "served-0"), (3, "served-0, served-1, served-2"), (780, "served-0, served-1, served-2 and 777 more")):
        many = facts.model_copy(update={"returned": {MODEL: tuple(f"served-{i}" for i in range(n))}})
        assert dict(design(many))["Returned as"] == f"{MODEL}: {expected}"
        assert f"{MODEL} (returned as {expected})." in markdown("M", methods(grid, many)).replace("\\", "")


def test_a_library_that_no_model_of_the_run_used_is_not_named() -> None:
    starts = [{"versions": {"scipy": "1.15.0", "xllamacpp": "1"}}]
    assert ran(starts, [], [MODEL]).versions == {"scipy": ("1.15.0",)}
    assert ran(starts, [], [MODEL, "embedded:small"]).versions == {"scipy": ("1.15.0",), "xllamacpp": ("1",)}


def test_tables_name_the_shares_with_exact_intervals(donation: Any, other: Any) -> None:
    for (_, _, grid, facts), zero in ((donation, "$0"), (other, "0")):
        conditions = ", ".join(c.arm for c in grid.comparisons)
        note = f"Fewer than 10 on one side: the share of {zero} has the exact interval (Clopper-Pearson) in {conditions}."
        assert note in tables(grid, facts)[0].notes
        assert note in " ".join(render(grid).split())


def test_tau_is_called_what_was_asked_for(donation: Any) -> None:
    assert "tau: what every stated probability was asked to be below" in " ".join(design_table(donation[3]).notes)


def test_a_report_says_what_a_number_cannot_be_computed_for() -> None:
    quantity = Quantity("amount_named", "names an amount", "share")
    one = measure(quantity, "vs", "m", [1.0, None, 0.0], ["a", "b", "c"], [], [], seed=1, n_resamples=20)
    notes = measured_block("run-1", "dynamics", "Course", [one], [], []).notes
    assert notes[1] == "Conversations that a number cannot be computed for are in no mean (names an amount, vs: 1 of 3)."
    assert notes[1] in " ".join(render_measured([one], "Course").split())
    full = measure(quantity, "vs", "m", [1.0, 0.0], ["a", "b"], [], [], seed=1, n_resamples=20)
    assert len(measured_block("run-1", "dynamics", "Course", [full], [], []).notes) == 1
