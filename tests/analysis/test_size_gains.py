import pytest

from analysis.size_gains import gains
from analysis.size_table import render, tidy
from tests.analysis.measured import diverse, level

SIZES = {"a:small": 0.5, "a:large": 70.0}
KL = "KL from the reference, nats"


def test_diversity_is_gained_in_times_and_the_rest_in_differences() -> None:
    levels = [level(c, value, measure=KL, model=m) for m in SIZES for c, value in (("direct", 0.9), ("vs", 0.4))]
    found, _ = gains([diverse(c, m) for m in ("a:large", "a:small") for c in ("direct", "vs")], levels, SIZES)
    assert [(one.measure, one.how, one.condition, one.base, one.billions) for one in found] == [
        ("diversity of words", "times", "vs", "direct", 70.0),
        ("diversity of words", "times", "vs", "direct", 0.5),
        (KL, "minus", "vs", "direct", 0.5),
        (KL, "minus", "vs", "direct", 70.0),
    ]
    assert (found[0].value, found[0].interval) == (1.5, (1.2, 1.9))
    assert found[2].value == pytest.approx(-0.5)
    assert found[2].interval == pytest.approx((-0.5 - 0.02**0.5, -0.5 + 0.02**0.5))


def test_a_model_without_a_size_is_left_out_and_named() -> None:
    found, _ = gains([diverse(c, m, ratio=0.99) for m in (*SIZES, "a:unknown") for c in ("direct", "vs")], [], SIZES)
    assert {one.model for one in found} == set(SIZES)
    said = render(found, ["a:unknown"], {})
    assert "Not by model size: a:unknown: no number of parameters is known; state it in [sizes]" in " ".join(said.split())
    assert [line.split() for line in said.splitlines() if line.startswith("vs ")] == [
        ["vs", "a:small", "0.5", "0.99", "[1.20,", "1.90]"],
        ["vs", "a:large", "70", "0.99", "[1.20,", "1.90]"],
    ], "by size, not in the order of the study"


def test_one_size_alone_shows_nothing() -> None:
    assert gains([diverse(c, m) for m in SIZES for c in ("direct", "vs")], [], {"a:small": 0.5}) == ([], {})
    assert render([], [], {}) == ""


def test_conditions_of_other_prompts_than_the_first_are_not_held_against_it() -> None:
    sizes = {**SIZES, "a:third": 8.0}
    levels = [level(c, 0.5, model=m, prompts=("q",) if (c, m) == ("vs", "a:small") else ("p",)) for m in sizes for c in ("direct", "vs")]
    found, lacking = gains([], levels, sizes)
    assert ([one.model for one in found], lacking) == (["a:large", "a:third"], {"diversity of words": ["a:small"]})
    said = " ".join(render(found, [], lacking).split())
    assert said.endswith("No gain in diversity of words: a:small: no condition could be held against the first one.")


def test_a_model_of_which_nothing_is_known_is_no_second_size_and_is_named() -> None:
    none = [diverse(c, m, mean=None, ratio=None) for m in SIZES for c in ("direct", "vs")]
    assert gains(none, [], SIZES) == ([], {})
    known = [diverse(c, "a:large") for c in ("direct", "vs")]
    others = [level(c, 0.5, measure=KL, model=m) for m in SIZES for c in ("direct", "vs")]
    found, lacking = gains([*known, *none[:2]], others, SIZES)
    assert ([one.measure for one in found], lacking) == ([KL, KL], {"diversity of words": ["a:small"]})
    said = " ".join(render([], [], lacking).split())
    assert said == (
        "No gain in diversity of words: a:small: no condition could be held against the first one, so that only one size is left, which is "
        "not shown."
    )


def test_what_the_numbers_are_is_said_and_names_are_whole() -> None:
    name = "vs_standard wording=explicit temperature=0.7 tau=0.1 k=5"
    levels = [level(c, 0.5, None, measure=KL, model=m) for m in SIZES for c in ("direct", name)]
    times = render(gains([diverse(c, m) for m in SIZES for c in ("direct", name)], [], SIZES)[0], [], {})
    assert name in times.splitlines()
    said = " ".join(times.split())
    assert "billions: parameters of the model" in said and "times: the condition's value as a multiple of the first one's" in said
    assert "In brackets: 95 % intervals" in said and "minus:" not in said and "no interval" not in said
    both = " ".join(render(gains([], levels, SIZES)[0], [], {}).split())
    assert "minus: the condition's value less the first one's" in both and "times:" not in both
    assert "A gain has no interval where" in both and "95 %" not in both


def test_many_conditions_are_told_in_part_and_stand_in_the_table() -> None:
    names = ["direct", *(f"vs_standard temperature=0.{i} and more of a long name $" for i in range(12))]
    found, _ = gains([diverse(c, m) for m in SIZES for c in names], [], SIZES)
    said = render(found, [], {})
    assert "4 more conditions stand in sizes.csv." in said
    assert max(map(len, said.splitlines())) <= 100
    assert len(tidy(found)) == 24 and tidy(found)["low"].notna().all()
