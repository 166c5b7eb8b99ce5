"""What is said of a condition's distributions: known answers, and a test of the draws that finds false ones."""

from dataclasses import replace

import numpy as np
import pytest

from analysis.draws import Draw
from analysis.probabilities import check_sampler, diagnose
from tests.analysis.draws import distribution, draw, group, seeded
from vs_sim.plan import turn_rng
from vs_sim.records import Candidate, VerbalizedDistribution


def of(name, draws, part="turns", **keys):
    one = group(turns=draws, **keys) if part == "turns" else group(decisions=draws, **keys)
    return diagnose(one, part, seed=1, n_resamples=200).number(name)


def test_sizes_of_known_distributions():
    draws = [draw([1, 1, 1, 1], persona="a"), draw([1, 1], persona="b")]
    assert of("candidates", draws).value == 3
    assert of("entropy_bits", draws).value == 1.5
    assert of("entropy_normalised", draws).value == 1
    assert of("effective_k", draws).value == pytest.approx(3)
    assert of("inverse_simpson", draws).value == pytest.approx(3)
    assert of("entropy_bits", draws).low == 1
    assert of("entropy_bits", draws).high == 2


def test_effective_numbers_lie_between_one_and_the_number_of_candidates():
    draws = seeded(60, "weighted")
    simpson, effective, n = (of(name, draws).value for name in ("inverse_simpson", "effective_k", "candidates"))
    assert 1 < simpson < effective < n


def test_there_is_nothing_to_say_without_distributions():
    assert diagnose(group(), "turns", seed=1) is None


def test_an_entropy_needs_two_candidates():
    found = diagnose(group(turns=[draw([1.0])]), "turns", seed=1, n_resamples=50)
    assert found.number("entropy_normalised").value is None
    assert found.entropy_shares is None
    assert found.number("entropy_bits").value == 0


@pytest.mark.parametrize(("wording", "asked"), [("explicit", True), ("percentage", True), ("relative", False), ("nll", False)])
def test_sums_are_shown_where_the_wording_asks_for_a_sum_of_1(wording, asked):
    draws = [draw([0.5, 0.5], stated_sum=s, persona=str(s)) for s in (0.94, 0.95, 1.0, 1.05, 1.2)]
    found = diagnose(group(turns=draws, wording=wording), "turns", seed=1, n_resamples=50)
    if asked:
        assert found.number("stated_sum").value == pytest.approx(1.028)
        assert found.number("sums_to_one").value == pytest.approx(0.6)
        assert found.sum_quantiles[1] == 1.0
    else:
        assert found.number("stated_sum").value is None
        assert found.number("sums_to_one").value is None
        assert found.sum_quantiles is None


def test_missing_sums_are_not_zero():
    draws = [draw([0.5, 0.5], stated_sum=1.0), draw([0.5, 0.5], stated_sum=None)]
    assert of("stated_sum", draws).value == 1.0


def test_repairs_are_counted_once_a_turn():
    twice = VerbalizedDistribution(
        candidates=tuple(Candidate(text=t, stated=None, probability=0.5, repairs=("percent", "merged_duplicate")) for t in "ab"),
        repairs=("code_fence",),
    )
    draws = [draw([0.5, 0.5]), draw([0.5, 0.5])]
    draws[0] = replace(draws[0], distribution=twice)
    found = diagnose(group(turns=draws), "turns", seed=1, n_resamples=50)
    assert found.repairs == {"percent": 0.5, "merged_duplicate": 0.5, "code_fence": 0.5}
    assert found.number("merged_duplicates").value == 0.5


def test_near_duplicates_share_four_of_five_words():
    near = ["I would give a dollar", "I would give a dollar, maybe!"]  # 5 of 6 words
    far = ["I would give a dollar", "I would give two dollars"]
    draws = [draw([0.5, 0.5], texts=near), draw([0.5, 0.5], texts=far)]
    assert of("near_duplicates", draws).value == 0.5
    assert of("near_duplicates", [draw([0.5, 0.5], texts=["0", "50"])], part="decision").value is None


def test_turns_above_tau_are_a_share_of_those_that_were_asked_for_one():
    def told(*above):
        one = distribution([0.5, 0.5])
        marked = tuple(c.model_copy(update={"above_tau": a}) for c, a in zip(one.candidates, above, strict=True))
        return replace(draw([0.5, 0.5]), distribution=one.model_copy(update={"candidates": marked}))

    assert of("above_tau", [told(True, False), told(False, False), told(None, True), told(None, None)]).value == pytest.approx(2 / 3)
    assert of("above_tau", [told(None, None)]).value is None


def test_ties_and_uniform_turns():
    draws = [draw([0.2, 0.2, 0.6]), draw([1 / 3] * 3), draw([0.5, 0.3, 0.2]), draw([0.1 + 0.2, 0.3, 0.4])]
    assert of("tied", draws).value == 0.75
    assert of("uniform", draws).value == 0.25


def test_rank_and_probability_of_the_drawn_with_their_expectation():
    draws = [draw([0.6, 0.3, 0.1], drawn=0), draw([0.2, 0.4, 0.4], drawn=0)]
    assert of("drawn_rank", draws).value == 2.0  # first, and third behind two that share 1.5
    assert of("drawn_rank", draws).expected == pytest.approx(((0.6 + 0.6 + 0.3) + (0.2 * 3 + 0.8 * 1.5)) / 2)
    assert of("drawn_probability", draws).value == pytest.approx(0.4)
    assert of("drawn_probability", draws).expected == pytest.approx((0.46 + 0.36) / 2)
    assert of("drew_most_probable", draws).value == 0.5
    assert of("drew_most_probable", draws).expected == pytest.approx((0.6 + 0.8) / 2)


def test_expectations_follow_the_rule_of_drawing():
    draws = [draw([0.6, 0.3, 0.1], drawn=2)]
    assert of("drawn_rank", draws, select="uniform").expected == pytest.approx(2)
    assert of("drawn_rank", draws, select="argmax").expected == 1


def test_places_ranks_and_stated_values():
    draws = [draw([0.1, 0.9], drawn=1), draw([0.5, 0.25, 0.25], drawn=2)]
    found = diagnose(group(turns=draws), "turns", seed=1, n_resamples=50)
    assert found.position_n == (2, 2, 1)
    assert found.position_probability == pytest.approx((0.3, 0.575, 0.25))
    assert found.rank_observed == (0.5, 0.0, 0.5)
    assert found.rank_expected == pytest.approx((0.7, 0.175, 0.125))
    assert found.n_stated_values == 4
    assert found.top_stated[0] == ("0.25", 0.4)


def test_one_value_written_in_two_ways_is_one_value():
    one = VerbalizedDistribution(
        candidates=(Candidate(text="a", stated="0.50", probability=0.5), Candidate(text="b", stated=0.5, probability=0.5))
    )
    draws = [Draw("p", "c", one, 0)]
    assert diagnose(group(turns=draws), "turns", seed=1, n_resamples=50).n_stated_values == 1


def test_methods_without_stated_probabilities_have_no_stated_values():
    found = diagnose(group(turns=[draw([0.5, 0.5])], method="sequence", select="uniform"), "turns", seed=1, n_resamples=50)
    assert found.n_stated_values is None


@pytest.mark.slow
@pytest.mark.parametrize("select", ["weighted", "uniform"])
def test_true_draws_pass_about_as_often_as_they_should(select):
    found = [check_sampler(seeded(60, select, seed=s), select) for s in range(150)]
    ps, zs = np.array([f.p for f in found]), np.array([f.z for f in found])
    assert 0.005 < (ps < 0.05).mean() < 0.12
    assert 0.4 < ps.mean() < 0.6
    assert abs(zs.mean()) < 0.25
    assert zs.std() == pytest.approx(1, abs=0.15)


def test_the_generator_of_the_turns_draws_as_it_says():
    one = distribution([0.5, 0.3, 0.15, 0.05])
    draws = [Draw("p", "c", one, one.draw(turn_rng(seed, turn))) for seed in range(500) for turn in (1, 3, "decide")]
    found = check_sampler(draws, "weighted")
    assert found.p > 0.001
    assert abs(found.z) < 3.3
    assert found.n_impossible == 0


def test_false_draws_are_found():
    sharpened = [replace(d, drawn=int(np.argmax(d.distribution.probabilities))) for d in seeded(60, "weighted")]
    assert check_sampler(sharpened, "weighted").z > 4
    always_first = [replace(d, drawn=0) for d in seeded(60, "weighted")]
    assert check_sampler(always_first, "weighted").p < 1e-6
    assert check_sampler(seeded(60, "weighted"), "argmax").n_impossible > 10


def test_a_rule_without_chance_has_nothing_to_test():
    found = check_sampler(seeded(20, "argmax"), "argmax")
    assert (found.chi_square, found.df, found.p, found.z, found.z_p, found.n_impossible) == (None, 0, None, None, None, 0)
    assert check_sampler([draw([0.5, 0.5])] * 30, "weighted").z is None


@pytest.mark.parametrize(
    ("probabilities", "n", "df"),
    [
        ([0.4, 0.4, 0.1, 0.1], 60, 3),  # all are expected 6 times or more
        ([0.4, 0.4, 0.05, 0.15], 60, 2),  # 3 join 9
        ([0.45, 0.45, 0.05, 0.05], 60, 2),  # 3 join 3
        ([0.49, 0.49, 0.01, 0.01], 60, 1),  # 1.2 are still too few, and join 29.4
        ([0.3, 0.06, 0.06, 0.06, 0.52], 50, 2),  # 3 join 3, and the third 3 may not be left over
        ([0.5, 0.5], 8, 0),
    ],
)
def test_rare_places_are_taken_together_until_the_test_holds(probabilities, n, df):
    draws = [draw(probabilities, drawn=i % 2) for i in range(n)]
    found = check_sampler(draws, "weighted")
    assert found.df == df
    assert (found.p is None) == (df == 0)


def test_true_draws_of_rare_places_are_not_suspected():
    def p_of(seed):
        rng = np.random.default_rng(seed)
        one = distribution([0.98, 0.01, 0.005, 0.005])
        return check_sampler([Draw("p", "c", one, one.draw(rng, "weighted")) for _ in range(40)], "weighted").p

    assert [p_of(seed) for seed in range(20)] == [None] * 20, "0.8 are expected at the rare places together"
