"""Accuracy of top-1 and of any reply, against cases by hand."""

import numpy as np
import pytest

from analysis.accuracy import accuracies
from analysis.accuracy_table import render_accuracy, tidy
from analysis.replies import Replies
from vs_sim.answer_match import Matcher
from vs_sim.terminal import columns


def of(prompt, askings, condition="arm", n_planned=None):
    """Replies of askings: text -> weight."""
    starts = np.cumsum([0, *(len(one) for one in askings)])[:-1]
    return Replies(
        prompt,
        condition,
        "m:x",
        tuple(text for one in askings for text in one),
        np.array([weight for one in askings for weight in one.values()]),
        np.array([i for i, one in enumerate(askings) for _ in one], dtype=int),
        np.array(starts, dtype=int),
        len(askings) if n_planned is None else n_planned,
    )


MATCH = {name: Matcher({"Paris": ("Lutetia",)}) for name in ("p", "q", "r")}


def found(*given, n=5):
    return accuracies(given, MATCH, n=n, seed=1, n_resamples=200)


def test_top_1_is_the_candidate_of_the_highest_weight_wherever_it_stands():
    (one,) = found(
        of("p", [{"Rome": 0.2, "It is Paris.": 0.7, "Bonn": 0.1}]),
        of("q", [{"Paris": 0.4, "Rome": 0.6}]),
        of("r", [{"Rome": 1.0}]),
    )
    assert one.top_1.by_prompt == {"p": 1, "q": 0, "r": 0}
    assert one.any_right.by_prompt == {"p": 1, "q": 1, "r": 0}
    assert (one.n_tied, one.n_replies, one.n_prompts, one.n_without) == (0, 6, 3, 0)


def test_what_was_given_twice_is_one_candidate_with_both_of_its_weights():
    """As `analysis.replies` spreads it: Paris .6 against Rome .4."""
    twice = Replies("p", "arm", "m:x", ("Paris", "Paris", "Rome"), np.array([0.3, 0.3, 0.4]), np.zeros(3, dtype=int), np.array([0]), 1)
    (one,) = found(twice)
    assert (one.top_1.mean, one.n_tied) == (1.0, 0)


def test_of_tied_candidates_the_share_counts_whatever_their_order():
    for tied in ({"Paris": 0.4, "Rome": 0.4, "Bonn": 0.2}, {"Rome": 0.4, "Bonn": 0.2, "Paris": 0.4}):
        (one,) = found(of("p", [tied]))
        assert (one.top_1.mean, one.n_tied) == (0.5, 1)
    third = 1 / 3
    assert found(of("p", [{"Paris": third, "Rome": 1 - 2 * third, "Bonn": third}]))[0].top_1.mean == pytest.approx(third)


def test_askings_of_a_prompt_are_averaged_before_the_prompts():
    (one,) = found(of("p", [{"Paris": 1.0}] * 3 + [{"Rome": 1.0}]), of("q", [{"Rome": 1.0}]))
    assert one.top_1.mean == pytest.approx((0.75 + 0) / 2)
    assert one.any_right.mean == pytest.approx(0.5)


def test_any_looks_at_as_many_candidates_as_the_study_asks_for():
    late = of("p", [{"Rome": 1.0}, {"Bonn": 1.0}, {"Paris": 1.0}])
    assert found(late, n=2)[0].any_right.mean == 0
    assert found(late, n=3)[0].any_right.mean == 1


def test_prompts_without_a_reply_are_left_out_and_counted():
    (one,) = found(of("p", [], n_planned=2), of("q", [{"Paris": 1.0}], n_planned=3))
    assert (one.n_planned, one.n_askings, one.n_prompts, one.n_without) == (5, 1, 1, 1)
    assert one.top_1.mean == 1
    (none,) = found(of("p", [], n_planned=2))
    assert (none.top_1.mean, none.any_right.mean) == (None, None)


def test_conditions_are_compared_with_the_first_of_their_model():
    first, second = found(of("p", [{"Paris": 1.0}]), of("p", [{"Rome": 0.9, "Paris": 0.1}], condition="vs"))
    assert (first.top_1.difference, second.top_1.difference, second.any_right.difference) == (None, -1, 0)


def test_the_table_says_what_is_missing_and_fits():
    text = render_accuracy(found(of("p", [], n_planned=2), of("q", [{"Paris": 1.0}]), of("q", [{"Rome": 1.0}], condition="v" * 60)))
    assert "Missing, arm, m:x: 2 of 3 askings." in text
    assert "arm, m:x: prompts without a reply, which are left out: 1." in text
    assert "-1.00" in text
    assert max(map(columns, text.split("\n"))) <= 100


def test_the_tidy_table_has_means_and_prompts():
    table = tidy(found(of("p", [{"Paris": 1.0}]), of("q", [{"Rome": 1.0}])))
    means = table[table["prompt"].isna()].set_index("measure")
    assert means.loc["top_1", "mean"] == 0.5
    assert means.loc["any_right", "n_prompts"] == 2
    assert table[table["prompt"].notna()].groupby("measure")["mean"].agg(list).to_dict() == {"any_right": [1, 0], "top_1": [1, 0]}
