from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.compare import compare
from analysis.comparison import Comparison
from analysis.figure_files import GREY, save
from analysis.plots import STYLES, figure, pages
from analysis.samples import Arm, human_cents

MakeArm = Callable[..., Arm]


def several(make_arm: MakeArm, n_arms: int, n: int = 40, cleaning: str = "drop") -> list[Comparison]:
    rng = np.random.default_rng(0)
    arms = [make_arm(rng.choice([0, 25, 50, 100, 200], size=n).tolist(), label=f"condition_{i}") for i in range(n_arms)]
    return [compare(arm, human_cents(cleaning), seed=0, n_resamples=50) for arm in arms]  # type: ignore[arg-type]


@pytest.mark.parametrize("n_arms", [1, 2, 8])
def test_figure_names_every_condition_with_n_and_ks(make_arm: MakeArm, n_arms: int) -> None:
    comparisons = several(make_arm, n_arms)
    drawn = figure(comparisons)
    drawn.canvas.draw()
    labels = [text.get_text() for text in drawn.legends[0].get_texts()]
    assert labels[0] == "humans, n = 982 (747 people)"
    for c, label in zip(comparisons, labels[2:], strict=True):
        assert label.startswith(f"{c.arm}, n = 40, KS .")


@pytest.mark.parametrize("cleaning", ["drop", "cap", "all"])
def test_marks_stand_where_the_computed_shares_are(make_arm: MakeArm, cleaning: str) -> None:
    comparisons = several(make_arm, 2, cleaning=cleaning)
    left, right = figure(comparisons).axes
    assert [patch.get_height() for patch in left.patches] == list(comparisons[0].human_bin_shares)
    for c, line in zip(comparisons, left.lines, strict=True):
        assert list(np.asarray(line.get_ydata())) == list(c.bin_shares or ())
    for c, line in zip(comparisons, right.lines[1:], strict=True):
        assert list(np.asarray(line.get_ydata()))[1:-1] == list(c.ecdf or ())


def test_nothing_of_legend_and_note_leaves_the_page_or_covers_the_axes(make_arm: MakeArm) -> None:
    drawn = figure(several(make_arm, 8), note="Machinery demonstration. " * 20)
    drawn.canvas.draw()
    legend, note = drawn.legends[0].get_window_extent(), drawn.texts[0].get_window_extent()
    assert note.y0 >= 0
    assert legend.y0 >= note.y1
    for ax in drawn.axes:
        box = ax.get_tightbbox()
        assert box is not None
        assert box.y0 >= legend.y1
        assert box.x0 >= 0
        assert box.x1 <= drawn.bbox.x1


def test_condition_without_donations_is_named_and_not_drawn(make_arm: MakeArm) -> None:
    empty = compare(make_arm([], label="vs_cot", missing={"not run": 4}), human_cents(), seed=0, n_resamples=10)
    for comparisons in ([empty], [*several(make_arm, 1), empty]):
        drawn = figure(comparisons)
        drawn.canvas.draw()
        assert drawn.legends[0].get_texts()[-1].get_text() == "vs_cot: no donation (4 missing)"
        assert len(drawn.axes[0].lines) == len(comparisons) - 1


def test_styles_differ_without_colour() -> None:
    assert len({style.marker for style in STYLES}) == len({str(style.dashes) for style in STYLES}) == len(STYLES)


@pytest.mark.slow
def test_saved_files_are_the_same_bytes_each_time(make_arm: MakeArm, tmp_path: Path) -> None:
    ends = (".pdf", ".svg", ".png", GREY)
    first = save(figure(several(make_arm, 2)), tmp_path / "first.run", ends)
    second = save(figure(several(make_arm, 2)), tmp_path / "second", ends)
    assert [path.name for path in first] == ["first.run.pdf", "first.run.svg", "first.run.png", "first.run-grey.png"]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_more_conditions_than_styles_are_refused(make_arm: MakeArm) -> None:
    with pytest.raises(ValueError, match=r"9 conditions to draw, expected 1 to 8: draw fewer in one figure"):
        figure(several(make_arm, 9))
    with pytest.raises(ValueError, match=r"0 conditions to draw"):
        figure([])


def test_pages_are_numbered_where_there_are_several_and_nothing_is_lost() -> None:
    assert pages("comparison", "abc", 3) == [("comparison", ["a", "b", "c"])]
    assert pages("comparison", "abcd", 3) == [("comparison-1", ["a", "b", "c"]), ("comparison-2", ["d"])]
    assert pages("comparison", "", 3) == []
