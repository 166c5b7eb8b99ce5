"""A folder in which a person took part, under every verb that takes a run: it works, or says in a sentence why not."""

import argparse
import io
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StudyFolder
from vs_sim.cli import main, parser

OPTIONS = {
    "export": ["--to", "jsonl"],
    "judge": ["--model", "scripted:donation"],
    "outcome read": ["--model", "scripted:donation"],
    "outcome sheet": ["--out", "sheet.csv"],
    "reask": ["--times", "1"],
    "reselect": ["--select", "uniform"],
    "strategies compare": ["--human", "played"],
    "strategies label": ["--model", "scripted:donation"],
    "strategies sheet": ["--out", "sheet.csv"],
}
"""What a verb cannot do without."""


def verbs(of: argparse.ArgumentParser, name: str = "") -> Iterator[str]:
    """Names of all verbs that take a run folder which is there."""
    for action in of._actions:
        if isinstance(action, argparse._SubParsersAction):
            for part, inner in action.choices.items():
                yield from verbs(inner, f"{name} {part}".strip())
        elif not action.option_strings and "RUN" in str(action.metavar).split("|"):
            yield name


VERBS = sorted(verbs(parser()))


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("played")
    study = StudyFolder(folder).write(rounds=1)
    typed = b"Hello, would you give something?\n50 cents\n\n"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8"))
        assert main(["play", str(study), "--as", "persuadee", "--out", str(folder / "played")]) == 0
    return folder / "played"


def test_the_verbs_that_take_a_run_are_found():
    assert {"compare", "show", "report", "outcome audit", "strategies label"} <= set(VERBS)
    assert set(OPTIONS) <= set(VERBS)


@pytest.mark.slow
@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_reads_a_folder_in_which_a_person_took_part(played, command, verb):
    shutil.copytree(played, "played")
    code, out, err = command(*verb.split(), "played", *OPTIONS.get(verb, []))
    assert "its study cannot be read" not in err
    if code == 0:
        assert out
    else:
        assert code in (1, 2, 3)
        assert err.startswith("vs-sim: ") or "\nvs-sim: " in err
