"""Precision, recall and F1 from counts by hand, and when they and their intervals do not exist."""

import numpy as np
import pytest

from analysis.scores import cell, scores


def test_scores_by_hand():
    counts = np.array([[3, 4, 5, 10], [1, 4, 1, 10], [0, 0, 2, 10]])  # right, found, annotated, all
    found = scores(counts, ["a", "b", "c"], seed=1)
    assert (found.n_units, found.n_dialogues, found.n_annotated, found.n_found) == (30, 3, 8, 8)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert 0 <= found.precision_low < 0.5 < found.precision_high <= 1


def test_what_is_never_found_has_no_precision_and_an_exact_recall():
    found = scores(np.array([[0, 0, 2, 5], [0, 0, 1, 5]]), ["a", "b"], seed=1)
    assert (found.precision, found.recall, found.f1) == (None, 0.0, 0.0)
    assert found.precision_low is None and (found.recall_low, found.recall_high) == (0.0, pytest.approx(1 - 0.025**0.5))


def test_one_person_has_no_interval():
    found = scores(np.array([[1, 2, 2, 5], [1, 2, 2, 5]]), ["a", "a"], seed=1)
    assert (found.f1, found.f1_low, found.f1_high) == (0.5, None, None)


def test_cells():
    assert (cell(0.5, 0.254, 1.0), cell(None, None, None), cell(0.0, None, None)) == (".50 [.25, 1.00]", "-", ".00")
