"""Stated probabilities of answers against what is right and against direct replies."""

import numpy as np
import pytest

from analysis.accuracy_table import render_reliability, tidy_reliability
from analysis.figure_files import save
from analysis.plots_reliability import figure
from analysis.reliability import reliabilities
from analysis.uncertainty import share_interval
from tests.analysis.test_accuracy import of
from vs_sim.answer_match import Matcher
from vs_sim.condition import Condition

DIRECT = Condition(name="direct", method="direct")
VS = Condition(name="arm", method="vs_standard", k=2)
RIGHT = Matcher({"Paris": ()})


def found(given, conditions=(DIRECT, VS), n_resamples=300, match=None):
    return reliabilities(given, conditions, match or {one.prompt: RIGHT for one in given}, seed=1, n_resamples=n_resamples)


def test_error_by_hand():
    (one,) = found([of("p", [{"Paris": 0.8, "Rome": 0.2}]), of("q", [{"Bonn": 0.8, "Paris": 0.2}])])
    bins = {b.low: b for b in one.bins if b.n_candidates}
    assert {low: (b.n_candidates, b.n_hits, b.stated, b.observed) for low, b in bins.items()} == {
        0.2: (2, 1, pytest.approx(0.2), 0.5),
        0.7: (2, 1, pytest.approx(0.8), 0.5),
    }
    assert one.ece == pytest.approx((2 * 0.3 + 2 * 0.3) / 4)
    assert (one.n_prompts, one.n_askings, one.n_candidates, one.again) == (2, 2, 4, None)


def test_candidates_that_say_the_same_are_one():
    (one,) = found([of("p", [{"Paris": 0.5, "It is Paris.": 0.3, "Rome": 0.1, "rome!": 0.1}])])
    assert one.n_candidates == 2
    assert one.ece == pytest.approx(0.2)


def test_bins_count_prompts_not_askings():
    (one,) = found([of(prompt, [{"Paris": 0.9, "Rome": 0.1}] * 5) for prompt in "pq"])
    last = one.bins[-1]
    assert (last.n_candidates, last.n_hits) == (10, 10)
    assert (last.observed_low, last.observed_high) == share_interval(2, 2)


def test_prompts_without_one_right_answer_and_methods_without_probabilities_are_left_out():
    given = [of("p", [{"Paris": 1.0}]), of("q", [{"Paris": 0.5, "Rome": 0.5}]), of("q", [{"Paris": 1.0}], condition="direct")]
    (one,) = found(given, match={"q": RIGHT})
    assert (one.condition, one.n_prompts) == ("arm", 1)
    assert found(given, conditions=[DIRECT]) == []


def test_direct_replies_are_the_frequencies():
    given = [of("p", [{"Paris": 0.75, "Rome": 0.25}]), of("p", [{"Rome": 1.0}] * 3 + [{"Paris": 1.0}], condition="direct", n_planned=5)]
    again = found(given)[0].again
    assert (again.n_answers, again.n_unreadable, again.condition) == (4, 1, "arm")
    assert again.calibration_error.value == pytest.approx(0.5), "half of the probability is on the wrong one"
    assert again.unlisted.value == 0
    given[1] = of("p", [{"Bonn": 1.0}] * 2, condition="direct")
    assert found(given)[0].again.unlisted.value == 1
    given[1] = of("p", [{"Paris": 1.0}], condition="direct")
    assert found(given)[0].again is None, "one reply is no frequency"


def test_direct_replies_of_another_temperature_are_no_reference():
    hot = Condition(name="hot", method="direct", temperature=1.5)
    given = [of("p", [{"Paris": 0.75, "Rome": 0.25}]), of("p", [{"Rome": 1.0}] * 3, condition="hot")]
    assert found(given, conditions=[hot, VS])[0].again is None


def stated(n, true, said, rng):
    """Two candidates; the first is right as often as `true` says, and stated with the probability `said`."""
    right = rng.random(n) < true
    return [of(f"p{i}", [{"Paris" if is_so else "Bonn": said, "Rome" if is_so else "Paris": 1 - said}]) for i, is_so in enumerate(right)]


@pytest.mark.slow
@pytest.mark.parametrize(("true", "said"), [(0.5, 0.8), (0.4, 0.95), (0.8, 0.8)])
def test_the_interval_covers_the_true_error(true, said):
    rng = np.random.default_rng(8)
    covers, within = [], []
    for _ in range(150):
        (one,) = found(stated(40, true, said, rng), n_resamples=150)
        covers.append(one.ece_interval.low - 1e-9 <= abs(said - true) <= one.ece_interval.high + 1e-9)
        within.append(one.ece <= one.ece_floor.q95 + 1e-9)
    assert np.mean(covers) >= 0.9
    if true == said:
        assert np.mean(within) >= 0.9, "true probabilities are within their floor"
    else:
        assert np.mean(within) < 0.1


def test_table_figure_and_tidy_table_show_the_same(tmp_path):
    rng = np.random.default_rng(1)
    given = stated(20, 0.5, 0.8, rng)
    (alone,) = found(given)
    (one,) = found([*given, *(of(r.prompt, [{"Paris": 1.0}, {"Rome": 1.0}], condition="direct") for r in given)])
    assert "asked again" in render_reliability([one])
    assert "-" in render_reliability([alone]).split("\n")[2]
    assert max(map(len, render_reliability([one]).split("\n"))) <= 100
    table = tidy_reliability([one])
    assert table.groupby("against").size().to_dict() == {"asked again": 7, "right": 7}
    assert table[(table["against"] == "right") & (table["low"] == 0.7)]["observed"].tolist() == [one.bins[-1].observed]
    assert len(figure([alone]).axes) == 1
    shown = figure([one])
    points = shown.axes[0].lines[-1]
    assert list(points.get_ydata()) == [b.observed for b in one.bins if b.n_candidates]
    assert [axes.get_ylabel() for axes in shown.axes] == ["share that is right", "share of direct replies"]
    single = figure([alone.model_copy(update={"n_candidates": 1, "n_prompts": 1})], "Of small models.")
    assert ", 1 candidate of 1 question, ECE" in single.legends[0].get_texts()[0].get_text()
    assert single.texts[-1].get_text().endswith("\nOf small models.")
    (path,) = save(shown, tmp_path / "c", (".png",))
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="0 conditions to draw, expected 1 to 8"):
        figure([])
