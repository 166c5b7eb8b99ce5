"""Another rule of drawing, on simulated conversations whose true answer is known."""

from itertools import product

import numpy as np
import pytest

from analysis.draws import Draw
from analysis.reselect import effective_number, path_weights, reselect
from analysis.samples import human_sample
from tests.analysis.draws import distribution, draw, group
from vs_sim.records import Candidate, VerbalizedDistribution

HUMAN = human_sample([0] * 50 + [50] * 20 + [100] * 30, "all", "people made up here")
OTHER_RULE = "all draws, other rule"

# A toy: two turns of two candidates, whose draws shape the amounts that are stated afterwards.
TURNS = {(): (0.7, 0.3), (0,): (0.6, 0.4), (1,): (0.2, 0.8)}
AMOUNTS = {
    (0, 0): {0: 0.9, 100: 0.1},
    (0, 1): {0: 0.5, 50: 0.5},
    (1, 0): {0: 0.2, 200: 0.8},
    (1, 1): {50: 0.3, 100: 0.7},
}


def q(probabilities, select):
    if select == "uniform":
        return [1 / len(probabilities)] * len(probabilities)
    if select == "argmax":
        return [float(i == int(np.argmax(probabilities))) for i in range(len(probabilities))]
    return list(probabilities)


def truth(select):
    """Mean and share of $0 of the toy under a rule, by enumeration."""
    mean = zero = 0.0
    for first, second in product((0, 1), repeat=2):
        way = q(TURNS[()], select)[first] * q(TURNS[first,], select)[second]
        amounts = AMOUNTS[first, second]
        for cents, p in zip(amounts, q(list(amounts.values()), select), strict=True):
            mean += way * p * cents
            zero += way * p * (cents == 0)
    return mean, zero


ASKED = {way: distribution(probabilities) for way, probabilities in TURNS.items()}
DECIDED = {way: distribution(list(amounts.values()), [str(c) for c in amounts]) for way, amounts in AMOUNTS.items()}


def simulated(n, select, seed):
    """A run of the toy; what it drew is stored as a run stores it."""
    rng = np.random.default_rng(seed)
    turns, decisions = [], []
    for i in range(n):
        drawn = []
        for _ in range(2):
            one = ASKED[tuple(drawn)]
            drawn.append(one.draw(rng, select))
            turns.append(Draw(f"p{i}", f"c{i}", one, drawn[-1]))
        one = DECIDED[tuple(drawn)]
        decisions.append(Draw(f"p{i}", f"c{i}", one, one.draw(rng, select)))
    return group(turns, decisions, select=select)


@pytest.mark.slow
@pytest.mark.parametrize(("recorded", "other"), [("weighted", "uniform"), ("uniform", "weighted"), ("uniform", "argmax")])
def test_weighted_conversations_give_the_truth_of_the_other_rule(recorded, other):
    mean, zero = truth(other)
    assert abs(mean - truth(recorded)[0]) > 10, "the rules must differ for the test to say anything"
    estimates = [reselect(simulated(250, recorded, seed), other, HUMAN, seed=1, n_resamples=1).estimate(OTHER_RULE) for seed in range(24)]
    for values, expected in (([e.mean.value for e in estimates], mean), ([e.share_zero.value for e in estimates], zero)):
        standard_error = np.std(values, ddof=1) / np.sqrt(len(values))
        assert abs(np.mean(values) - expected) < 4 * standard_error + 1e-9


def test_weights_have_mean_1():
    weights = np.concatenate(
        [
            path_weights([one.turns[i : i + 2] for i in range(0, 600, 2)], "weighted", "uniform")
            for one in (simulated(300, "weighted", s) for s in range(10))
        ]
    )
    assert abs(weights.mean() - 1) < 4 * weights.std() / np.sqrt(len(weights))


@pytest.mark.parametrize("rule", ["weighted", "uniform"])
def test_the_recorded_rule_gives_its_own_expectation_again(rule):
    found = reselect(simulated(1000, rule, 3), rule, HUMAN, seed=1, n_resamples=100)
    recorded, expected, *others = found.estimates
    for other in others:
        assert (other.mean.value, other.ks.value, other.ess) == (expected.mean.value, expected.ks.value, 1000)
    assert found.mean_weight.value == 1
    assert (found.rules_apart_first.value, found.rules_apart_decision.value) == (0, 0)
    half_width = (recorded.mean.high - recorded.mean.low) / 2
    assert abs(recorded.mean.value - expected.mean.value) < 2 * half_width
    assert abs(expected.mean.value - truth(rule)[0]) < 2 * half_width
    assert expected.mean.high - expected.mean.low < 2 * half_width, "an expectation has less noise than a draw"


def test_the_last_draw_is_exact():
    decisions = [
        draw([0.6, 0.4], persona="a", conversation="1", drawn=1, texts=["0", "100"]),
        draw([0.1, 0.2, 0.7], persona="b", conversation="2", drawn=0, texts=["0", "50", "100"]),
    ]
    found = reselect(group(decisions=decisions), "uniform", HUMAN, seed=1, n_resamples=50)
    assert found.estimate("recorded").mean.value == pytest.approx(50)
    assert found.estimate("recorded").share_zero.value == pytest.approx(0.5)
    assert found.estimate("last draw, recorded rule").mean.value == pytest.approx((40 + 80) / 2)
    assert found.estimate("last draw, other rule").mean.value == pytest.approx((50 + 50) / 2)
    assert found.estimate("last draw, other rule").share_zero.value == pytest.approx((1 / 2 + 1 / 3) / 2)
    # shares of $0, 50 and 100 cents: .4167, .1667, .4167 against the people's .5, .2, .3
    assert found.estimate("last draw, other rule").ks.value == pytest.approx(0.7 - (5 / 12 + 1 / 6))
    assert found.rules_apart_decision.value == pytest.approx((0.1 + (2 / 3 - 0.3)) / 2)
    most_probable = reselect(group(decisions=decisions), "argmax", HUMAN, seed=1, n_resamples=50)
    assert most_probable.estimate("last draw, other rule").mean.value == pytest.approx((0 + 100) / 2)


def test_the_first_turn_is_exact():
    turn = draw([0.75, 0.25], texts=["one two three four", "one two"])
    found = reselect(group([turn], [draw([1.0], texts=["0"])]), "uniform", HUMAN, seed=1, n_resamples=50)
    assert (found.first_words_recorded.value, found.first_words_other.value) == (3.5, 3.0)
    assert found.rules_apart_first.value == 0.25


def test_no_estimate_where_few_conversations_carry_the_weight():
    found = reselect(simulated(9, "weighted", 1), "uniform", HUMAN, seed=1, n_resamples=50).estimate(OTHER_RULE)
    assert found.mean.value is None
    assert found.ks.value is None
    assert found.ess < 10
    assert found.refused == f"9 conversations weigh as much as {found.ess:.1f}, less than the 10 needed"


def test_a_tenth_of_the_conversations_must_count():
    n = 400
    turns = [draw([0.01, 0.99], drawn=int(i > 7), conversation=f"c{i}", persona=f"p{i}") for i in range(n)]
    decisions = [draw([1.0], conversation=f"c{i}", persona=f"p{i}", texts=["0"]) for i in range(n)]
    found = reselect(group(turns, decisions), "uniform", HUMAN, seed=1, n_resamples=50).estimate(OTHER_RULE)
    assert 10 < found.ess < 40
    assert found.refused == f"400 conversations weigh as much as {found.ess:.1f}, less than the 40 needed"


def test_no_estimate_where_the_other_rule_goes_where_the_recorded_one_never_went():
    candidates = (Candidate(text="yes", stated=1.0, probability=1.0), Candidate(text="no", stated=None, probability=0.0))
    never = Draw("p", "c", VerbalizedDistribution(candidates=candidates), 0)
    assert path_weights([[never]], "weighted", "uniform") is None
    assert path_weights([[never]], "weighted", "argmax") == pytest.approx([1.0])
    found = reselect(group([never], [draw([1.0], texts=["0"])]), "uniform", HUMAN, seed=1, n_resamples=50)
    assert found.mean_weight is None
    assert found.estimate(OTHER_RULE).refused == "uniform can draw candidates that weighted, by which the run drew, never draws"


def test_a_condition_drawn_by_argmax_says_nothing_of_other_rules():
    found = reselect(simulated(40, "argmax", 1), "weighted", HUMAN, seed=1, n_resamples=50)
    assert found.estimate(OTHER_RULE).refused is not None
    assert found.estimate("last draw, other rule").mean.value is not None


def test_without_decisions_there_is_nothing_to_draw_again():
    assert reselect(group(), "uniform", HUMAN, seed=1) is None


def test_effective_number():
    assert effective_number(np.ones(7)) == pytest.approx(7)
    assert effective_number(np.array([1.0, 0, 0])) == 1
    assert effective_number(np.array([1e-300, 1e-300])) == pytest.approx(2)
    assert effective_number(np.zeros(3)) == 0


def test_intervals_resample_personas():
    one = reselect(simulated(200, "weighted", 4), "uniform", HUMAN, seed=1, n_resamples=300)
    same = group(one_persona(simulated(200, "weighted", 4).turns), one_persona(simulated(200, "weighted", 4).decisions))
    assert one.estimate(OTHER_RULE).mean.low < one.estimate(OTHER_RULE).mean.value < one.estimate(OTHER_RULE).mean.high
    assert reselect(same, "uniform", HUMAN, seed=1, n_resamples=300).estimate(OTHER_RULE).mean.low is None


def like_people(n, seed, p_drawn=1.0, like=HUMAN.cents):
    """Decisions of personas who give what people gave; `p_drawn` is what each says of its own amount, the rest goes to $1 and nothing."""
    amounts = np.random.default_rng(seed).choice(like, size=n)
    said = [({str(cents): p_drawn} | ({} if p_drawn == 1 else {"0" if cents else "100": 1 - p_drawn})) for cents in amounts]
    return [draw(list(s.values()), texts=list(s), persona=f"p{i}", conversation=f"c{i}") for i, s in enumerate(said)]


@pytest.mark.slow
def test_ks_of_donations_drawn_from_the_people_is_not_said_to_differ():
    people = human_sample(np.repeat([0, 10, 25, 50, 75, 100, 150, 200], [450, 40, 60, 170, 20, 200, 20, 40]).tolist(), "all", "made up")
    found = [
        reselect(group(decisions=like_people(200, s, like=people.cents)), "uniform", people, seed=1, n_resamples=200) for s in range(40)
    ]
    beyond = [r.estimate("recorded").ks.low > 0 for r in found]
    assert sum(beyond) <= 6, "2 of 40 expected"
    expected = [r.estimate("last draw, recorded rule").ks for r in found]
    assert sum(e.low > 0 for e in expected) <= 6
    assert all((e.low == 0) == (e.value <= r.ks_floor.q95) for e, r in zip(expected, found, strict=True))


def test_ks_of_donations_unlike_the_people_is_said_to_differ():
    decisions = like_people(100, 1, 0.8, like=[0, 100, 100, 100])
    found = reselect(group(decisions=decisions), "uniform", HUMAN, seed=1, n_resamples=200)
    for estimate in found.estimates[:2]:
        assert 0 < estimate.ks.low < estimate.ks.value < estimate.ks.high


def test_where_all_give_the_same_the_people_alone_make_no_interval():
    collapsed = [draw([0.7, 0.3], texts=["100", "0"], persona=f"p{i}", conversation=f"c{i}") for i in range(40)]
    found = reselect(group(decisions=collapsed), "uniform", HUMAN, seed=1, n_resamples=50)
    for estimate in found.estimates:
        assert estimate.ks.value > 0
        assert (estimate.ks.low, estimate.ks.high) == (None, None)


def one_persona(draws):
    return [Draw("p", d.conversation, d.distribution, d.drawn) for d in draws]
