"""Whatever names a study has, what a verb prints for a terminal fits 100 columns."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.conftest import StudyFolder
from tests.strategy_runs import reference_of
from vs_sim.run import run_study
from vs_sim.run_options import RunOptions
from vs_sim.second_reader import read_stated
from vs_sim.store import RunFolder
from vs_sim.strategies import label_strategies
from vs_sim.study import load_study
from vs_sim.terminal import columns

RULES = Path(__file__).parent.parent.parent / "vs_sim" / "rules" / "donation.toml"
METHODS = {"direct": None, "sequence": 5, "vs_standard": 5, "vs_cot": 5}
MODELS = ["模型的名字很长很长而且没有空格_一二三四五六七八九十", "a-model-with-a-very-long-name-without-any-space-2026-01-01"]
CROWD = "a-file-of-personas-人物-whose-name-is-so-long-that-it-cannot-stand-in-one-line-with-what-is-said-of-it.csv"
PERSON = "a-persona-whose-name-is-as-long-as-a-name-may-be-and-has-no-end"


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """The folder of a study with the longest of names, and its run in it."""
    folder = tmp_path_factory.mktemp("wide")
    for name in MODELS:
        (folder / f"{name}.toml").write_bytes(RULES.read_bytes())
    conditions = [
        {"name": f"{method}_a_condition_whose_name_has_no_space_and_is_as_long_as_may_be"[:64], "method": method} | ({"k": k} if k else {})
        for method, k in METHODS.items()
    ]
    crowd = "id,age,sex,agreeable\n" + "".join(f"p{n},{20 + n},{'Female' if n % 2 else 'Male'},{n % 5 + 1}\n" for n in range(20))
    (folder / CROWD).write_text(crowd, "utf-8")
    study = StudyFolder(folder)
    study.people([f"{PERSON}{n}"[-64:] for n in range(2)])
    before = os.getcwd()
    os.chdir(folder)  # rules are found where the command is given
    try:
        path = study.write(conditions=conditions, persuadee_models=[f"scripted:{name}.toml" for name in MODELS], rounds=1)
        run, people = RunFolder(folder / "run"), RunFolder(reference_of(folder / "people"))
        asyncio.run(run_study(load_study(path), run))
        for name in MODELS:
            asyncio.run(read_stated(run, f"scripted:{name}.toml", run=RunOptions(), everything=True))
            for labelled in (run, people):
                asyncio.run(label_strategies(labelled, f"scripted:{name}.toml", run=RunOptions()))
    finally:
        os.chdir(before)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        "plan study.toml --half-width mean=10",
        "status run",
        "show run",
        "compare run",
        "language run",
        "dynamics run",
        "probabilities run",
        "reselect run --select uniform",
        "outcome audit run",
        "outcome agreement run",
        f"personas check {CROWD}",
        f"strategies label run --model scripted:{MODELS[0]}.toml",
        *(f"strategies compare run --human people --model scripted:{name}.toml" for name in MODELS),
        *(f"strategies check people --model scripted:{name}.toml" for name in MODELS),
        "strategies agreement run",
        "strategies agreement people",
    ],
)
def test_what_is_printed_fits_100_columns(command, studied, monkeypatch, arguments):
    monkeypatch.chdir(studied)
    code, out, err = command(*arguments.split())
    assert code == 0, err
    lines = [line for line in out.splitlines() if not line.startswith(("table: ", "tables: "))]  # paths are there to be copied
    assert lines
    assert [line for line in lines if columns(line) > 100] == []
