from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.measure import Measured, Quantity, effective_number, human_band, measure, render, tidy, write_csv
from vs_sim.terminal import WIDTH

LENGTH = Quantity("words_per_turn", "Words per turn", "words")
SHARE = Quantity("distinct_1", "Distinct-1", "share")


def _of(values: list[float | None], human: list[float | None] | None = None, label: str = "direct") -> Measured:
    personas = [f"p{i}" for i in range(len(values))]
    people = [f"h{i}" for i in range(len(human or []))]
    return measure(LENGTH, label, "scripted:model", values, personas, human or [], people, seed=1, n_resamples=400)


def test_what_cannot_be_computed_is_counted_and_never_taken_for_zero() -> None:
    m = _of([4.0, None, 8.0])
    assert (m.value, m.n, m.n_missing, m.n_personas) == (6.0, 2, 1, 2)


def test_nothing_computed_is_none_everywhere() -> None:
    m = _of([None, None], human=[1.0, 2.0])
    assert (m.value, m.low, m.high, m.n, m.n_missing) == (None, None, None, 0, 2)
    assert m.human == 1.5 and m.human_low is None and m.side is None
    assert _of([1.0, 2.0]).human is None


def test_interval_and_band_hold_their_means() -> None:
    rng = np.random.default_rng(0)
    m = _of(rng.normal(10, 2, 50).tolist(), human=rng.normal(10, 2, 300).tolist())
    assert m.low is not None and m.high is not None and m.value is not None and m.low < m.value < m.high
    assert m.human_low is not None and m.human is not None and m.human_high is not None and m.human_low < m.human < m.human_high
    assert m.high - m.low == pytest.approx(2 * 1.96 * 2 / 50**0.5, rel=0.25)
    assert m.human_high - m.human_low == pytest.approx(2 * 1.96 * 2 * (1 / 50 + 1 / 300) ** 0.5, rel=0.2)


def test_replicates_of_a_persona_narrow_neither_interval_nor_band() -> None:
    rng = np.random.default_rng(0)
    values, human = rng.normal(10, 2, 20).tolist(), rng.normal(10, 2, 300).tolist()
    once = _of(values, human)
    personas = [f"p{i % 20}" for i in range(100)]
    five = measure(LENGTH, "direct", "m", values * 5, personas, human, [f"h{i}" for i in range(300)], seed=1, n_resamples=400)
    assert five.n == 100 and five.n_personas == 20
    assert (five.low, five.high) == pytest.approx((once.low, once.high), rel=1e-9)
    assert (five.human_low, five.human_high) == (once.human_low, once.human_high)


def test_people_with_unequal_numbers_of_conversations_are_worth_fewer() -> None:
    assert [effective_number(people) for people in ([], ["a"] * 9, list("abcd"), list("aabbcc"), list("aaab"))] == [0, 1, 4, 3, 1]
    human = np.random.default_rng(0).normal(10, 2, 300).tolist()
    one_talks_most = measure(
        LENGTH, "d", "m", human[:59], ["p0"] * 40 + list("abcdefghijklmnopqrs"), human, list(map(str, range(300))), seed=1
    )
    assert (one_talks_most.n_personas, one_talks_most.n_effective) == (20, 2)
    two = _of(human[:2], human)
    assert one_talks_most.human_low == pytest.approx(two.human_low, abs=0.3)


def _outside(n: int, n_people: int, n_each: int, spread: float, *, n_tries: int) -> float:
    """How often the mean of n new people leaves the band; people have `n_each` dialogues that differ by 1, and differ by `spread`."""
    rng = np.random.default_rng(8)
    outside = 0
    for _ in range(n_tries):
        human = (rng.normal(0, spread, (n_people, 1)) + rng.normal(0, 1, (n_people, n_each))).ravel()
        people = [str(i) for i in range(n_people) for _ in range(n_each)]
        new = rng.normal(0, spread, n).mean() + rng.normal(0, 1, n).mean()
        band = human_band(human, people, n, rng=rng, n_resamples=400)
        assert band is not None
        outside += not band.low <= new <= band.high
    return outside / n_tries


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_people", "n_each", "spread"), [(40, 200, 1, 1.0), (200, 200, 1, 1.0), (10, 10, 1, 1.0), (40, 30, 5, 2.0)])
def test_new_people_leave_the_band_once_in_twenty(n: int, n_people: int, n_each: int, spread: float) -> None:
    assert 0.02 < _outside(n, n_people, n_each, spread, n_tries=500) < 0.09


def test_a_band_needs_two_people_and_numbers_that_differ() -> None:
    rng = np.random.default_rng(0)
    assert human_band(np.array([1.0, 2.0]), ["a", "a"], 5, rng=rng, n_resamples=50) is None
    assert human_band(np.array([1.0, 1.0]), ["a", "b"], 5, rng=rng, n_resamples=50) is None


def test_a_share_of_none_or_all_has_the_exact_interval_of_as_many_people() -> None:
    people = [f"p{i % 20}" for i in range(60)]
    none, every = (measure(SHARE, "d", "m", [value] * 60, people, [], [], seed=1) for value in (0.0, 1.0))
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert (every.low, every.high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert measure(SHARE, "d", "m", [0.5] * 60, people, [], [], seed=1).low is None
    assert _of([0.0] * 20).low is None  # words, not a share


def test_a_band_ends_where_no_mean_can_be() -> None:
    rare = [float(i % 10 == 0) for i in range(200)]
    m = measure(SHARE, "d", "m", [0.0] * 20, list(map(str, range(20))), rare, list(map(str, range(200))), seed=1)
    assert m.human_low == 0 and m.side == "within"
    few = measure(SHARE, "d", "m", [0.0] * 20, list(map(str, range(20))), [1 - x for x in rare], list(map(str, range(200))), seed=1)
    assert few.human_high == 1 and few.side == "below"


def test_side_of_the_humans() -> None:
    human = np.random.default_rng(0).normal(10, 2, 300).tolist()
    assert _of([20.0, 21.0, 22.0], human).side == "above"
    assert _of([1.0, 2.0, 1.0], human).side == "below"
    assert _of(human[:40], human).side == "within"


def test_the_same_seed_gives_the_same_record() -> None:
    assert _of([1.0, 5.0, 2.0], human=[1.0, 2.0, 9.0]) == _of([1.0, 5.0, 2.0], human=[1.0, 2.0, 9.0])


def test_wrong_input_is_named() -> None:
    with pytest.raises(ValueError, match="words_per_turn: 2 values for 1 people, expected one person for each value"):
        measure(LENGTH, "direct", "m", [1.0, 2.0], ["p"], [], [], seed=0)
    with pytest.raises(ValueError, match="words_per_turn: a value is nan, expected a number, or None if it cannot be computed"):
        _of([float("nan")])
    with pytest.raises(ValueError, match="nothing measured to show"):
        render([], "Language")


def test_table_fits_the_terminal_and_marks_what_leaves_the_band() -> None:
    human = np.random.default_rng(0).normal(10, 2, 300).tolist()
    labels = ["direct", "vs_human_probability (provider:a-model-with-a-very-long-name-2026-01-01)", "sequence", "vs_cot", "vs_multi"]
    every = [_of([1234.5, 1245.6, 1300.1], human, label) for label in labels]
    text = render(every, "Language of the persuadee", ["A note that is long enough to be wrapped. " * 5])
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "About one number in twenty is marked by chance alone." in " ".join(text.split())
    assert text.count("1260^[1234, 1300]") == 5
    for label in labels:
        assert label.split()[0].split("_")[0] in text
    assert "[" not in render([_of([1.0])], "Language").splitlines()[3]


def test_columns_never_run_into_each_other() -> None:
    m = _of([-0.1234, -0.9, 22345.6])
    row = next(line for line in render([m.model_copy(update={"label": x}) for x in "abcd"], "L").splitlines() if line.startswith("Words"))
    assert "]" not in row.replace("] ", "").rstrip("]")


def test_few_people_are_warned_of() -> None:
    enough = measure(Quantity("x", "X", "words"), "vs", "p:m", [1.0, 2.0] * 15, [f"p{i}" for i in range(30)], [], [], seed=0, n_resamples=9)
    text = " ".join(render([_of([1.0, 2.0]), enough], "L").split())
    assert "WARNING: fewer than 30 personas in direct: intervals mean little at such a size." in text
    assert "WARNING" not in render([enough], "L")


def test_missing_is_said_below_the_table() -> None:
    text = " ".join(render([_of([1.0, None])], "Language").split())
    assert "are in no mean (Words per turn, direct: 1 of 2)" in text
    assert "are in no mean" not in render([_of([1.0]), _of([None], label="vs")], "Language")  # the dash in its place says it


def test_csv_has_a_row_per_number_and_empty_fields(tmp_path: Path) -> None:
    measured = [_of([1.0, 2.0], human=[1.0, 3.0]), _of([None])]
    assert list(tidy(measured)["side"])[1] is None or pd.isna(list(tidy(measured)["side"])[1])
    write_csv(measured, tmp_path / "m.csv")
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert (
        lines[0] == "name,title,unit,label,model,value,low,high,n,n_missing,n_personas,n_effective,human,human_low,human_high,n_human,side"
    )
    assert lines[2] == "words_per_turn,Words per turn,words,direct,scripted:model,,,,0,1,0,0,,,,0,"
