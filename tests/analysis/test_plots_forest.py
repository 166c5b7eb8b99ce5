from collections.abc import Callable, Sequence

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.compare import compare
from analysis.comparison import Comparison
from analysis.plots_forest import draw_forest, forest, metrics, rows
from analysis.samples import Arm, human_sample

MakeArm = Callable[..., Arm]
HUMAN = human_sample([0] * 20 + [50] * 10 + [100] * 6 + [200] * 4, "drop", "some people")


def _comparison(make_arm: MakeArm, cents: Sequence[int], condition: str, model: str = "openai:a", **keys: object) -> Comparison:
    arm = make_arm(cents, label=condition, **keys)
    compared = compare(arm, HUMAN, seed=1, n_resamples=100)
    return compared.model_copy(update={"model": model, "arm": f"{condition} ({model})"})


def test_what_the_numbers_behind_the_names_are_is_said(make_arm: MakeArm) -> None:
    def notes(**keys: object) -> str:
        return " ".join(text.get_text() for text in forest([_comparison(make_arm, [0, 50, 100], "direct", **keys)]).texts)

    assert "n behind each name: donations." in notes()
    assert "n behind each name: donations (in brackets: conversations that are missing)." in notes(missing={"x": 1})


@pytest.fixture
def grid(make_arm: MakeArm) -> list[Comparison]:
    """Two models; of the second one condition gives one amount alone and one nothing at all."""
    return [
        _comparison(make_arm, [0, 50, 100, 0, 20], "direct"),
        _comparison(make_arm, [0, 0, 100, 200, 20, 10], "vs", missing={"EndpointError": 2}),
        _comparison(make_arm, [50] * 12, "direct", "openai:b"),
        _comparison(make_arm, [], "vs", "openai:b", missing={"not run": 4}),
    ]


def _lines(ax: object) -> list[list[list[float]]]:
    return [[[float(v) for v in line.get_xdata()], [float(v) for v in line.get_ydata()]] for line in ax.lines]  # type: ignore[attr-defined]


def test_every_interval_point_human_value_and_floor_is_where_its_number_is(grid: list[Comparison]) -> None:
    placed, _ = rows(grid)
    ax = Figure().subplots()
    draw_forest(ax, placed, "mean")
    human = grid[0].metric("mean")
    (band,) = ax.patches
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((human.human_low, human.human_high))  # type: ignore[attr-defined]
    drawn = _lines(ax)
    assert drawn[0][0] == [human.human, human.human]
    for row in placed[:2]:
        m = row.comparison.metric("mean")
        assert [[m.low, m.high], [row.place, row.place]] in drawn
        assert [[m.value], [row.place]] in drawn
    assert len(drawn) == 1 + 2 + 2 + 1  # people, two with interval and point, one with a point alone, one with nothing

    ax = Figure().subplots()
    draw_forest(ax, placed, "ks")
    floors = [x[0] for x, y in _lines(ax) if len(x) == 2 and x[0] == x[1]]
    assert floors == [c.metric("ks").floor_q95 for c in grid if c.n]
    assert not ax.patches


def test_a_point_without_interval_is_hollow_and_the_legend_says_so(grid: list[Comparison]) -> None:
    placed, _ = rows(grid)
    ax = Figure().subplots()
    draw_forest(ax, placed, "mean")
    faces = {float(line.get_ydata()[0]): line.get_markerfacecolor() for line in ax.lines if len(line.get_xdata()) == 1}  # type: ignore[index, arg-type]
    assert [faces[row.place] == "white" for row in placed[:3]] == [False, False, True]
    assert [text.get_text() for text in ax.texts] == []
    draw_forest(ax, placed, "share_zero")
    assert [text.get_text() for text in ax.texts] == ["no donation"]

    def legend(of: list[Comparison]) -> list[str]:
        return [text.get_text() for text in forest(of).legends[0].get_texts()]

    assert "no interval (too little data)" in legend(grid)
    assert "no interval (too little data)" not in legend(grid[:2])


def test_rows_are_grouped_by_model_and_a_condition_looks_the_same_in_all(grid: list[Comparison]) -> None:
    placed, heads = rows([grid[0], grid[2], grid[1], grid[3]])  # models mixed
    assert [(r.comparison.model, r.comparison.condition) for r in placed] == [
        ("openai:a", "direct"), ("openai:a", "vs"), ("openai:b", "direct"), ("openai:b", "vs"),
    ]  # fmt: skip
    assert placed[0].style == placed[2].style != placed[1].style == placed[3].style
    assert heads["openai:a"] < placed[0].place < placed[1].place < heads["openai:b"] < placed[2].place


def test_matched_personas_show_their_l1_and_what_all_zero_would_score(make_arm: MakeArm, grid: list[Comparison]) -> None:
    matched = _comparison(make_arm, [0, 50, 100, 0], "direct", human_cents=[0, 0, 50, 100])
    assert metrics(grid)[-1] == "wasserstein"
    assert metrics([matched])[-1] == "l1_per_dialogue"
    ax = Figure().subplots()
    draw_forest(ax, rows([matched])[0], "l1_per_dialogue")
    m = matched.metric("l1_per_dialogue")
    marks = [line.get_linestyle() for line in ax.lines if np.asarray(line.get_xdata()).tolist() == [m.baseline_zero] * 2]
    assert len(marks) == 1 and marks != ["-"]
    assert "all give $0" in [text.get_text() for text in forest([matched]).legends[0].get_texts()]


def test_24_arms_with_hostile_names_stay_on_the_page_and_apart(make_arm: MakeArm) -> None:
    conditions = ["direct", "vs_human_probability_with, tau = 0.10 and more words", *(f"condition_{i}" for i in range(6))]
    models = ["openai:$\\alpha$ {x}_%", "deepseek:deepseek-reasoner", "embedded:" + "m" * 40]
    few = [_comparison(make_arm, [0, 50, 100], c, m, missing={"x": 100}) for c in conditions[:2] for m in models]
    of = {c.condition: c for c in few}
    all_24 = [of.get(c, few[0]).model_copy(update={"condition": c, "model": m, "arm": f"{c} ({m})"}) for m in models for c in conditions]
    drawn = forest(all_24, note="Small model: no evidence, and costs of $5 or $6. " * 8)
    drawn.canvas.draw()
    page = drawn.bbox
    texts = [text.get_window_extent() for text in drawn.texts]
    axes = [ax.get_tightbbox() for ax in drawn.axes]
    for box in [*axes, *texts, drawn.legends[0].get_window_extent()]:
        assert box is not None and box.x0 >= page.x0 and box.y0 >= page.y0 and box.x1 <= page.x1 and box.y1 <= page.y1
    for boxes in (texts, axes):
        for i, one in enumerate(boxes):
            assert not any(one.overlaps(other) for other in boxes[:i] if other is not None)  # type: ignore[union-attr]
    assert drawn.get_figheight() < 11


def test_nothing_or_other_humans_are_refused(grid: list[Comparison]) -> None:
    with pytest.raises(ValueError, match="no conditions to draw, expected at least 1"):
        forest([])
    other = grid[1].model_copy(update={"cleaning": "cap"})
    with pytest.raises(ValueError, match="compared with different humans, expected the same in one figure"):
        forest([grid[0], other])
