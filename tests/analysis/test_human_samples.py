"""Donations of the humans of a reference, actual and stated, with those that cannot be told left out and counted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analysis.samples import human_donations
from tests.human_data import TALKS, Talk, write_csv
from vs_sim.human.importer import import_human
from vs_sim.records import Transcript

ASKED = "Would you give some of your $2 to the children?"


@pytest.fixture
def transcripts(tmp_path: Path) -> tuple[Transcript, ...]:
    talks: list[Talk] = [
        replace(TALKS[0], id="a", turns=(ASKED, "Yes, I will donate $1."), dollars=(0.0, 0.5)),
        replace(TALKS[0], id="b", turns=(ASKED, "No, I won't donate anything."), dollars=(0.0, 0.0)),
        replace(TALKS[0], id="c", turns=(ASKED, "How are the children?"), dollars=(0.0, float("nan"))),
        replace(TALKS[0], id="d", turns=(ASKED, "Yes, I will donate $25."), dollars=(0.0, 30.0)),
    ]
    return import_human(write_csv(tmp_path / "data", [replace(t, annotated=False) for t in talks]), tmp_path / "human").transcripts


def test_actual_donations_are_those_given(transcripts: tuple[Transcript, ...]) -> None:
    found = human_donations(transcripts, "actual", "all", "four people")
    assert (found.cents.tolist(), found.n, found.n_missing, found.which, found.source) == ([0, 50, 3000], 3, 1, "actual", "four people")


def test_stated_donations_are_read_from_the_words(transcripts: tuple[Transcript, ...]) -> None:
    found = human_donations(transcripts, "stated", "all", "four people")
    assert (found.cents.tolist(), found.n_missing, found.which) == ([0, 100, 2500], 1, "stated")


def test_the_cleaning_rule_holds_for_both(transcripts: tuple[Transcript, ...]) -> None:
    dropped = human_donations(transcripts, "stated", "drop", "four people")
    capped = human_donations(transcripts, "actual", "cap", "four people")
    assert (dropped.cents.tolist(), dropped.n_dropped, dropped.n_missing) == ([0, 100], 1, 1)
    assert (capped.cents.tolist(), capped.n_capped, capped.n_missing) == ([0, 50, 200], 1, 1)


def test_an_unknown_donation_is_refused(transcripts: tuple[Transcript, ...]) -> None:
    with pytest.raises(ValueError, match="unknown donation 'given', expected 'actual' or 'stated'"):
        human_donations(transcripts, "given", "all", "four people")  # type: ignore[arg-type]
