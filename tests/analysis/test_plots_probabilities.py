"""The figure shows what was computed, and can be saved."""

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from analysis.calibration import Again, calibrate
from analysis.figure_files import save
from analysis.plots import STYLES
from analysis.plots_probabilities import draw_entropies, draw_ranks, draw_reliability, figure
from analysis.probabilities import ENTROPY_BINS, diagnose
from tests.analysis.draws import draw, group, seeded

STYLE = {"arm": STYLES[0]}


def turns(*names):
    return [
        diagnose(replace(group(turns=seeded(40, "weighted", seed=i)), arm=name), "turns", seed=1, n_resamples=20)
        for i, name in enumerate(names)
    ]


def calibration():
    decided = [Again(f"p{i}", {0: 0.6, 50: 0.4}, {0: 3 + i, 50: 4}, 0, None) for i in range(4)]
    return calibrate(group(), decided, seed=1, n_resamples=20)


def test_reliability_points_stand_at_stated_and_observed():
    ax, c = Figure().subplots(), calibration()
    draw_reliability(ax, [c], STYLE)
    points = ax.lines[-1]
    known = [b for b in c.bins if b.n_answers]
    assert list(points.get_xdata()) == [b.stated for b in known]
    assert list(points.get_ydata()) == [b.observed for b in known]
    assert [list(line.get_ydata()) for line in ax.lines[1:-1]] == [[b.observed_low, b.observed_high] for b in known]


def test_ranks_stand_on_their_expectation():
    ax, (d,) = Figure().subplots(), turns("arm")
    draw_ranks(ax, [d], STYLE)
    assert [p.get_height() for p in ax.patches] == list(d.rank_expected)
    assert list(ax.lines[0].get_ydata()) == list(d.rank_observed)


def test_entropies_rise_from_0_to_1():
    ax, (d,) = Figure().subplots(), turns("arm")
    draw_entropies(ax, [d], STYLE)
    heights = ax.lines[0].get_ydata()
    assert len(heights) == ENTROPY_BINS + 1
    assert (heights[0], heights[-1]) == (0, pytest.approx(1))
    assert list(heights) == sorted(heights)


@pytest.mark.parametrize(("calibrations", "n_panels"), [([], 2), ([calibration()], 3)])
def test_the_reliability_panel_is_there_if_decisions_were_asked_again(calibrations, n_panels):
    assert len(figure(turns("arm", "other"), calibrations).axes) == n_panels


def test_every_condition_has_its_line_in_the_legend():
    names = [t.get_text() for t in figure(turns("one", "two"), []).legends[0].get_texts()]
    assert names == ["observed", "expected by the rule of drawing", "one, 40 turns, drawn weighted", "two, 40 turns, drawn weighted"]


def test_decisions_are_drawn_where_there_are_no_turns():
    one = diagnose(group(decisions=[draw([0.6, 0.4])]), "decision", seed=1, n_resamples=20)
    assert "1 decisions, drawn weighted" in [t.get_text() for t in figure([one], []).legends[0].get_texts()][-1]


def test_it_is_saved_as_the_same_bytes_twice(tmp_path):
    first = [p.read_bytes() for p in save(figure(turns("arm"), [calibration()]), tmp_path / "a")]
    assert first == [p.read_bytes() for p in save(figure(turns("arm"), [calibration()]), tmp_path / "b")]
    assert first[0].startswith(b"\x89PNG")


def test_too_many_conditions_are_refused():
    with pytest.raises(ValueError, match="9 conditions to draw, expected 1 to 8: draw fewer in one figure"):
        figure(turns(*"abcdefghi"), [])
    with pytest.raises(ValueError, match="0 conditions"):
        figure([], [])
