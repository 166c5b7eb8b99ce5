"""The distribution over right answers."""

import pytest

from analysis.plots_coverage import MOST_ANSWERS, answer_pages, answers_figure
from tests.analysis.measured import LONG, LONG_MODEL, apart, covered

COUNTRIES = [f"{'Very ' * (i % 3)}long country {i}" for i in range(27)]


def test_bars_are_the_shares_and_lines_the_reference_most_frequent_first() -> None:
    drawn = answers_figure([covered()], {"2": 0.3, "1": 0.7}, [0])
    (ax,) = drawn.axes
    assert [bar.get_height() for bar in ax.patches] == [0.75, 0.25]  # type: ignore[attr-defined]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "2"]
    assert [line[0][1] for line in ax.collections[0].get_segments()] == [0.7, 0.3]  # type: ignore[attr-defined]
    assert ax.get_title(loc="left") == "direct: 20 replies, right .800, KL .131"


def test_without_a_reference_there_are_bars_alone_in_the_order_of_the_file() -> None:
    drawn = answers_figure([covered(kl=None)], {"2": None, "1": None}, [0])
    (ax,) = drawn.axes
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "1"]
    assert not ax.collections
    assert [text.get_text() for text in drawn.legends[0].get_texts()] == ["share among right answers, as a reply is drawn"]


def test_prompts_of_too_many_answers_and_conditions_without_a_right_one_are_not_drawn() -> None:
    many = {str(i): None for i in range(MOST_ANSWERS + 1)}
    found = [covered(prompt="many"), covered(prompt="one"), covered(), covered("nothing", shares={})]
    pages = answer_pages(found, {"many": many, "one": {"1": 1.0}, "die": {"1": 0.5, "2": 0.5}})
    assert [[one.condition for one in page] for page in pages] == [["direct"]]


@pytest.mark.slow
@pytest.mark.parametrize(("n_conditions", "answers"), [(1, COUNTRIES), (3, ["1", "2", "3"]), (7, COUNTRIES), (12, ["1", "2", "3"])])
def test_answers_stay_on_their_pages_and_apart(n_conditions: int, answers: list[str]) -> None:
    names = ["direct", LONG, *(f"vs_standard temperature=0.{i} k=5" for i in range(10))][:n_conditions]
    shares = {answer: 1 / len(answers) for answer in answers}
    found = [covered(name, shares=shares, model=LONG_MODEL) for name in names]
    pages = answer_pages(found, {"die": dict(shares)})
    assert [one for page in pages for one in page] == found
    for page in pages:
        drawn = answers_figure(page, dict(shares), list(range(len(page))), "Of small models.")
        assert drawn.texts[-1].get_text() == "Of small models."
        assert drawn.get_figheight() < 10
        apart(drawn)
