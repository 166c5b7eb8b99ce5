import numpy as np
import pytest

from analysis.diversity import diversities
from analysis.levels import Level, of_diversity
from analysis.replies import Replies
from analysis.sweep_effects import Panel, sweep
from analysis.sweep_table import render, sentence, tidy, tidy_effects
from analysis.uncertainty import Interval
from tests.analysis.measured import MODEL, level
from vs_sim.condition import Condition


def condition(method: str, **keys: object) -> Condition:
    name = " ".join([method, *(f"{key}={value}" for key, value in keys.items())])
    if method not in ("direct", "cot"):
        keys = {"k": 5, **keys}
    return Condition.model_validate({"name": name, "method": method, **keys})


def swept(conditions: list[Condition], levels: list[Level]) -> list[Panel]:
    return sweep(levels, conditions, temperature=0.7, top_p=1.0)


HEAT = [condition(method, temperature=t) for method in ("direct", "vs_standard") for t in (0.5, 1.0)]


def test_the_difference_of_differences_is_that_worked_out_by_hand() -> None:
    (panel,) = swept(HEAT, [level(one.name, value) for one, value in zip(HEAT, (0.2, 0.5, 0.6, 0.7), strict=True)])
    own, gain = panel.effects
    assert (own.method, own.base, own.change) == ("direct", None, pytest.approx(0.3))
    assert (gain.method, gain.base, gain.at) == ("vs_standard", "direct", (0.5, 1.0))
    assert gain.differences == pytest.approx((0.4, 0.2))
    assert gain.change == pytest.approx(-0.2)
    assert gain.interval == pytest.approx((-0.2 - 0.2, -0.2 + 0.2)), "four numbers of +-.1"
    assert gain.intervals[0] == pytest.approx((0.4 - 0.02**0.5, 0.4 + 0.02**0.5))
    assert (gain.n_askings, gain.n_replies, gain.n_prompts) == (40, 200, 1)


def test_over_three_settings_the_change_is_that_of_the_least_squares_line() -> None:
    three = [condition(method, temperature=t) for method in ("direct", "sequence") for t in (0.0, 0.5, 2.0)]
    values = [0.1, 0.2, 0.3, 0.5, 0.9, 0.6]
    (panel,) = swept(three, [level(one.name, value) for one, value in zip(three, values, strict=True)])
    slope = np.polyfit([0.0, 0.5, 2.0], np.array(values[3:]) - np.array(values[:3]), 1)[0]
    assert panel.effects[1].change == pytest.approx(2.0 * slope)


def test_methods_without_the_axis_stand_level_and_the_change_is_the_other_ones_own() -> None:
    conditions = [condition("direct"), condition("vs_standard", tau=0.1), condition("vs_standard", tau=0.5)]
    (panel,) = swept(conditions, [level(one.name, 0.1 * i) for i, one in enumerate(conditions)])
    assert (panel.axis, panel.held) == ("tau", "")
    assert [[point.at for point in line.points] for line in panel.lines] == [[None], [0.1, 0.5]]
    assert [(one.method, one.base, one.change) for one in panel.effects] == [("vs_standard", None, pytest.approx(0.1))]


def test_other_swept_settings_are_held_and_direct_replies_are_in_all_of_them() -> None:
    conditions = [condition("direct", temperature=t) for t in (0.5, 1.0)]
    conditions += [condition("vs_standard", temperature=t, tau=tau) for t in (0.5, 1.0) for tau in (0.1, 0.5)]
    panels = swept(conditions, [level(one.name, 0.5) for one in conditions])
    assert [(one.axis, one.held) for one in panels] == [
        ("temperature", "tau = 0.1"),
        ("temperature", "tau = 0.5"),
        ("tau", "temperature = 0.5"),
        ("tau", "temperature = 1.0"),
    ]
    assert all([line.method for line in one.lines] == ["direct", "vs_standard"] for one in panels)
    told = render(panels)
    assert told.count("direct: .500 [.400, .600] at temperature 0.5") == 1, "what is the same at every tau is told once"


def test_conditions_of_one_method_are_told_apart_by_their_words() -> None:
    conditions = [condition("vs_standard", temperature=t, select=s) for s in ("weighted", "uniform") for t in (0.5, 1.0)]
    (panel,) = swept(conditions, [level(one.name, 0.5) for one in conditions])
    assert [line.method for line in panel.lines] == ["vs_standard select=weighted", "vs_standard select=uniform"]


@pytest.mark.parametrize(
    "conditions",
    [
        [condition("direct"), condition("sequence"), condition("vs_standard", k=7)],
        [condition("direct", temperature=0.5), condition("vs_standard", temperature=1.0)],
        [condition("direct", temperature="default"), condition("direct", temperature=1.0)],
    ],
)
def test_without_two_settings_of_a_method_there_is_no_sweep(conditions: list[Condition]) -> None:
    assert swept(conditions, [level(one.name, 0.5) for one in conditions]) == []
    assert render([]) == ""


def test_the_studys_temperature_is_that_of_conditions_without_their_own() -> None:
    conditions = [condition("direct"), condition("direct", temperature=1.2)]
    (panel,) = swept(conditions, [level(one.name, 0.5) for one in conditions])
    assert [point.at for point in panel.lines[0].points] == [0.7, 1.2]


def test_a_condition_that_gave_nothing_is_missing_not_zero() -> None:
    (panel,) = swept(HEAT, [level(one.name, 0.5) for one in HEAT[:3]])
    assert [[point.at for point in line.points] for line in panel.lines] == [[0.5, 1.0], [0.5]]
    assert [one.method for one in panel.effects] == ["direct"]


def test_an_effect_says_what_was_found_and_of_how_many() -> None:
    def said(values: tuple[float, ...], half: float | None = 0.01, **keys: object) -> str:
        levels = [level(one.name, value, half) for one, value in zip(HEAT, values, strict=True)]
        (panel,) = swept(HEAT, [*levels[:3], levels[3].model_copy(update=keys)])
        return sentence(panel, panel.effects[1])

    assert said((0.2, 0.5, 0.6, 0.7)) == (
        "vs_standard minus direct: +.400 [+.386, +.414] at temperature 0.5, +.200 [+.186, +.214] at 1: changes by "
        "-.200 [-.220, -.180], an interval of 40 askings that speaks against adding up (n = 40 askings, 10 or more a condition, 1 prompt)."
    )
    assert "no departure from adding up is seen in 40 askings (" in said((0.2, 0.5, 0.6, 0.9))
    assert "changes by -.200, no interval: vs_standard has none at temperature 0.5, 1 and direct has none at temperature 0.5, 1 (n" in said(
        (0.2, 0.5, 0.6, 0.7), None
    )
    assert "no interval: vs_standard has none at temperature 1 (n" in said((0.2, 0.5, 0.6, 0.7), interval=None)
    assert "cannot be told from temperature 0.5 to 1, since the conditions have replies to different prompts" in said(
        (0.2, 0.5, 0.6, 0.7), prompts=("p", "q")
    )
    assert "(n = 200 replies, 50 or more a condition, 1 prompt)" in said((0.2, 0.5, 0.6, 0.7), n_askings=None)


def test_an_effect_without_an_interval_is_told_and_no_interval_is_claimed() -> None:
    values = zip(HEAT, (0.2, 0.5, 0.6, 0.7), strict=True)
    said = " ".join(render(swept(HEAT, [level(one.name, value, None) for one, value in values])).split())
    assert "changes by +.300, no interval: direct has none" in said and "changes by -.200, no interval:" in said
    assert "95 %" not in said and "A condition has no interval where one of its prompts has none" in said


def test_what_does_not_change_changes_by_nothing() -> None:
    (panel,) = swept(HEAT, [level(one.name, value) for one, value in zip(HEAT, (0.3, 0.1 + 0.2, 0.7, 0.7), strict=True)])
    assert all("changes by +.000 [" in sentence(panel, one) for one in panel.effects)


def test_how_many_effects_were_looked_at_is_said_and_that_they_are_not_corrected() -> None:
    levels = [level(one.name, 0.5) for one in HEAT]
    many = " ".join(render(swept(HEAT, levels)).split())
    assert "2 changes with an interval were looked at, and the intervals are not corrected for their number" in many
    assert "not corrected" not in render(swept(HEAT[:2], levels[:2]))


def test_many_effects_are_told_in_part_and_stand_in_the_table() -> None:
    conditions = [condition("vs_standard", temperature=t, tau=tau / 40) for t in (0.5, 1.0) for tau in range(1, 30)]
    panels = swept(conditions, [level(one.name, 0.5 + i / 100) for i, one in enumerate(conditions)])
    assert max(map(len, render(panels).splitlines())) <= 100
    assert "19 more paragraphs of this kind stand in sweep_effects.csv." in render(panels)
    assert len(tidy_effects(panels)) == 29 + 2
    assert tidy(panels)["value"].notna().all()
    assert list(tidy_effects([]).columns)[:5] == ["measure", "model", "axis", "held", "method"]


def _interval_of_one_study(rng: np.random.Generator) -> Interval | None:
    """Direct replies and lists of five, at two temperatures, in a world in which nothing depends on temperature."""
    conditions = [condition(method, temperature=t) for method in ("direct", "sequence") for t in (0.5, 1.0)]
    found = []
    for one in conditions:
        k = one.k if isinstance(one.k, int) else 1
        drawn = rng.choice(6, 60, p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05])
        weights, asking = np.full(60, 1 / k), np.repeat(np.arange(60 // k), k)
        found.append(Replies("p", one.name, MODEL, tuple(map(str, drawn)), weights, asking, np.arange(0, 60, k), 60 // k))

    def unequal(texts: object) -> np.ndarray:
        array = np.array(texts)
        return np.asarray(array[:, None] != array[None, :], dtype=np.float64)

    levels = of_diversity(diversities("words", found, unequal, n=60, seed=1, n_resamples=200))
    return swept(conditions, levels)[0].effects[1].interval


@pytest.mark.slow
def test_the_interval_of_the_interaction_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    intervals = [_interval_of_one_study(rng) for _ in range(150)]
    held = np.mean([one is not None and one.low <= 0 <= one.high for one in intervals])
    assert 0.90 <= held <= 1.0
    assert np.mean([one.high - one.low for one in intervals if one is not None]) < 0.5, "it is no empty statement"
