"""Coverage and diversity on a terminal."""

import math

from analysis import coverage_table, diversity_table
from tests.analysis.measured import LONG, LONG_MODEL, MODEL, covered, diverse

SWEPT = ["vs_standard k=5 temperature=0.4 tau=0.1", "vs_standard k=5 temperature=0.4 tau=0.5"]


def test_conditions_of_a_sweep_can_be_told_apart_and_lines_fit_the_terminal():
    said = coverage_table.render([covered(name, model=LONG_MODEL) for name in ("direct", *SWEPT, LONG)]).splitlines()
    assert [name for name in (*SWEPT, LONG) if said.count(name) == 1] == [*SWEPT, LONG]
    assert sum(line.startswith("direct") for line in said) == 1
    numbers = [line.split()[-8:] for line in said if ".131 [.050, .300]" in line]
    assert len(numbers) == 4 and all(one == numbers[0] for one in numbers)
    diversity = diversity_table.render([diverse(name, model) for model in ("a:b", LONG_MODEL) for name in ("direct", *SWEPT)]).splitlines()
    assert [sum(line.startswith(f"  {name} ") for line in diversity) for name in SWEPT] == [2, 2]
    assert max(map(len, [*said, *diversity])) <= 100


def test_answers_that_were_not_given_have_a_share_of_0_and_those_of_no_right_reply_have_none():
    answers = {"die": {"1": 0.5, "2": 0.25, "3": 0.25}}
    table = coverage_table.tidy_answers([covered(), covered("nothing", shares={})], answers)
    assert table["share"].tolist()[:3] == [0.75, 0.25, 0.0]
    assert all(math.isnan(share) for share in table["share"].tolist()[3:])
    assert table["reference"].tolist() == [0.5, 0.25, 0.25] * 2


def test_the_list_of_tests_has_whole_names_and_says_what_its_numbers_are():
    name = "vs_standard wording=explicit temperature=0.7 tau=0.1 select=weighted"
    tested = [covered(one, chi_square=3.2, chi_square_p=0.4) for one in ("direct", name)]
    said = coverage_table.chi_squares(tested)
    assert f"  die, {name}, {MODEL}" in said.splitlines()
    assert max(map(len, said.splitlines())) <= 100
    assert "n: drawn replies that give a right answer. p: how often as many independent draws" in " ".join(said.split())
    assert "The p of these 2 tests are not corrected" in " ".join(said.split()) and "not corrected" not in coverage_table.chi_squares(
        tested[:1]
    )
    assert coverage_table.chi_squares([covered()]) == ""
