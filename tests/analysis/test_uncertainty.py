import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from analysis import uncertainty
from analysis.distance import ks_of, mean_of, tabulate, wasserstein_of
from analysis.samples import human_cents
from analysis.uncertainty import (
    Interval,
    bootstrap_clusters,
    bootstrap_ratio,
    bootstrap_table,
    difference_of_intervals,
    distance_interval,
    matched_floor,
    noise_floor,
    percentile_interval,
    permutation_ps,
    share_interval,
)


def ks_p(a: npt.ArrayLike, b: npt.ArrayLike, rng: np.random.Generator, n_resamples: int) -> float:
    return permutation_ps(a, b, {"ks": ks_of}, rng=rng, n_resamples=n_resamples)["ks"]


def test_permutation_p_rejects_true_nulls_at_its_level_despite_ties() -> None:
    human = human_cents().cents
    rng = np.random.default_rng(11)
    ps = np.array([ks_p(rng.choice(human, 60), rng.choice(human, 300), rng, 199) for _ in range(600)])
    for level in (0.05, 0.2):
        rejected = np.mean(ps <= level)
        # With ties a p is at most as often below a level as the level says; far below would be the fault of the textbook p.
        assert level * 0.55 < rejected < level + 3 * np.sqrt(level * (1 - level) / len(ps))
    assert np.mean(ps) == pytest.approx(0.5, abs=0.06)


def test_permutation_p_of_a_tiny_sample_is_the_exact_one() -> None:
    # [1] against [0, 0, 0]: only one of four labellings is as far apart.
    p = ks_p([1], [0, 0, 0], np.random.default_rng(0), 20_000)
    assert p == pytest.approx(0.25, abs=0.01)


def test_permutation_p_agrees_with_scipys_permutation_test() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.choice([0, 0, 50, 100], 25), rng.choice([0, 0, 0, 50, 100], 40)
    ours = ks_p(a, b, rng, 5000)
    theirs = stats.permutation_test(
        (a, b), lambda x, y: stats.ks_2samp(x, y, method="asymp").statistic, n_resamples=1500, rng=rng, alternative="greater"
    ).pvalue
    assert ours == pytest.approx(theirs, abs=0.05)


def test_permutation_p_is_one_for_equal_samples_and_never_zero() -> None:
    rng = np.random.default_rng(0)
    assert ks_p([0, 0, 100], [0, 0, 100], rng, 99) == 1.0
    assert ks_p([200] * 50, [0] * 50, rng, 99) == 0.01


def test_floor_at_200_against_200_is_the_published_one() -> None:
    human = human_cents("all").cents
    floor = noise_floor(human, ks_of, 200, 200, rng=np.random.default_rng(5), n_resamples=5000)
    assert floor.mean == pytest.approx(0.068, abs=0.0015)
    assert floor.q95 == pytest.approx(0.120, abs=0.005)


def test_two_disjoint_groups_of_real_humans_give_that_floor_too() -> None:
    human = human_cents("all").cents
    support = np.unique(human)
    rng = np.random.default_rng(6)
    values = []
    for _ in range(3000):
        drawn = rng.permutation(human)[:400]
        values.append(ks_of(support, tabulate(drawn[:200], support), tabulate(drawn[200:], support)))
    assert np.mean(values) == pytest.approx(0.068, abs=0.0015)
    assert np.quantile(values, 0.95) == pytest.approx(0.120, abs=0.005)


def test_floor_falls_with_n_and_with_a_larger_reference() -> None:
    human = human_cents().cents

    def mean(n: int, n_reference: int) -> float:
        return noise_floor(human, ks_of, n, n_reference, rng=np.random.default_rng(0), n_resamples=500).mean

    assert mean(8, 982) > mean(50, 982) > mean(200, 982)
    assert mean(200, 200) > mean(200, 982)


def test_floor_and_p_agree_on_what_is_too_far() -> None:
    human = human_cents().cents
    floor = noise_floor(human, ks_of, 100, len(human), rng=np.random.default_rng(1))
    support = np.unique(human)
    rng = np.random.default_rng(2)
    ps, beyond = [], []
    for _ in range(200):
        sample = rng.choice(human, 100)
        beyond.append(float(ks_of(support, tabulate(sample, support), tabulate(human, support))) > floor.q95)
        ps.append(ks_p(sample, human, rng, 199))
    # The reference is the fixed human sample here, so fewer than 5 % lie beyond; the two rules may differ only on the edge.
    assert abs(np.mean(beyond) - np.mean(np.array(ps) <= 0.05)) < 0.03


def test_matched_floor_is_the_mean_of_shuffled_humans() -> None:
    human = human_cents("cap").cents
    floor = matched_floor(human, rng=np.random.default_rng(0), n_resamples=400)
    assert floor.mean == pytest.approx(0.586, abs=0.004)
    assert floor.q95 > floor.mean


def test_clusters_are_drawn_whole() -> None:
    support = np.array([0, 100])
    drawn = bootstrap_clusters([0, 0, 0, 100], ["a", "a", "a", "b"], support, rng=np.random.default_rng(0), n_resamples=500)
    assert drawn is not None
    assert {tuple(row) for row in drawn.tolist()} == {(6, 0), (3, 1), (0, 2)}


def test_one_persona_gives_no_interval() -> None:
    rng = np.random.default_rng(0)
    assert bootstrap_clusters([0, 50, 100], ["a", "a", "a"], np.array([0, 50, 100]), rng=rng, n_resamples=100) is None
    assert bootstrap_ratio([0.1, 0.5], ["a", "a"], rng=rng, n_resamples=100) is None


def test_resamples_that_never_differ_give_no_interval() -> None:
    assert percentile_interval([0.25] * 100) is None
    assert percentile_interval(range(1001)) == (pytest.approx(25), pytest.approx(975))


def test_repeated_personas_widen_the_interval() -> None:
    cents = np.repeat([0, 20, 50, 100, 200, 0, 0, 100], 25)
    support = np.unique(cents)
    persona = [str(i) for i in np.repeat(range(8), 25)]
    clustered = bootstrap_clusters(cents, persona, support, rng=np.random.default_rng(0), n_resamples=1000)
    single = bootstrap_clusters(cents, [str(i) for i in range(200)], support, rng=np.random.default_rng(0), n_resamples=1000)
    assert clustered is not None
    assert single is not None
    wide, narrow = percentile_interval(mean_of(support, clustered)), percentile_interval(mean_of(support, single))
    assert wide is not None
    assert narrow is not None
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_interval_of_the_mean_covers_it_as_often_as_it_says_when_personas_repeat() -> None:
    rng = np.random.default_rng(21)
    support = np.arange(201)
    covered = []
    for _ in range(250):
        taste = rng.beta(0.6, 1.4, size=40)  # mean .3 of $2
        cents = rng.binomial(200, np.repeat(taste, 4))
        personas = [str(i) for i in np.repeat(range(40), 4)]
        drawn = bootstrap_clusters(cents, personas, support, rng=rng, n_resamples=300)
        assert drawn is not None
        interval = percentile_interval(mean_of(support, drawn))
        assert interval is not None
        covered.append(interval.low <= 60 <= interval.high)
    assert 0.88 <= np.mean(covered) <= 0.99


def test_interval_of_a_distance_well_above_the_floor_covers_it() -> None:
    human = human_cents().cents
    support, counts = np.unique(human, return_counts=True)
    p = counts / counts.sum()
    q = 0.7 * p
    q[support == 100] += 0.18
    q[support == 200] += 0.12
    rng = np.random.default_rng(22)
    for distance in (ks_of, wasserstein_of):
        truth, covered = float(distance(support, q, p)), []
        for _ in range(200):
            x, y = rng.multinomial(100, q), rng.multinomial(982, p)
            interval = percentile_interval(distance(support, *(bootstrap_table(z, int(z.sum()), rng=rng, n_resamples=300) for z in (x, y))))
            assert interval is not None
            covered.append(interval.low <= truth <= interval.high)
        assert 0.88 <= np.mean(covered) <= 0.99


def test_floor_of_no_donations_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"a sample of 0 donations has no noise floor, expected at least 1"):
        noise_floor([0, 1], ks_of, 0, 5, rng=rng)
    with pytest.raises(ValueError, match=r"the human sample has no donations, expected at least one"):
        noise_floor([], ks_of, 5, 5, rng=rng)


@pytest.mark.slow
def test_p_with_replicates_is_cautious_under_the_null_and_sees_a_difference() -> None:
    human = human_cents().cents
    rng = np.random.default_rng(8)
    personas = [f"p{i // 5}" for i in range(150)]

    def p(share: float) -> float:
        # Five conversations of a persona give the same: the strongest dependence there is.
        own = np.where(rng.random(30) < share, 200, rng.choice(human, 30))
        return permutation_ps(np.repeat(own, 5), human, {"ks": ks_of}, rng=rng, n_resamples=99, clusters=personas)["ks"]

    assert np.mean([p(0.0) <= 0.05 for _ in range(120)]) <= 0.06
    assert np.mean([p(0.7) <= 0.05 for _ in range(20)]) > 0.9


def test_replicates_counted_as_independent_would_reject_far_too_often() -> None:
    human = human_cents().cents
    rng = np.random.default_rng(9)
    wrong = [ks_p(np.repeat(rng.choice(human, 30), 5), human, rng, 99) <= 0.05 for _ in range(100)]
    assert np.mean(wrong) > 0.2


def test_interval_of_a_distance_is_corrected_for_what_resampling_adds() -> None:
    resampled = np.linspace(0.1, 0.5, 401)  # mean .3
    low, high = distance_interval(resampled, 0.2, p=0.01) or (None, None)
    assert (low, high) == (pytest.approx(0.01), pytest.approx(0.39))
    assert distance_interval(resampled, 0.2, p=0.2) == (0.0, pytest.approx(0.39)), "equality is not rejected"
    assert distance_interval(resampled, 0.4, p=0.01) == (pytest.approx(0.11), pytest.approx(0.49)), "never moved up"
    assert distance_interval([0.3] * 10, 0.3, p=None) is None


def test_share_interval_is_the_exact_one() -> None:
    assert share_interval(0, 10) == (0.0, pytest.approx(0.3084971))  # R: binom.test(0, 10)
    assert share_interval(7, 10) == (pytest.approx(0.3475471), pytest.approx(0.9332605))  # R: binom.test(7, 10)


def test_difference_of_intervals_agrees_with_newcombe() -> None:
    # Newcombe (1998), method 10, example (a): 56/70 - 48/80, Wilson intervals: .0524 to .3339.
    a, b = stats.binomtest(56, 70).proportion_ci(method="wilson"), stats.binomtest(48, 80).proportion_ci(method="wilson")
    found = difference_of_intervals(0.8, Interval(a.low, a.high), 0.6, Interval(b.low, b.high))
    assert found == (pytest.approx(0.0524, abs=5e-5), pytest.approx(0.3339, abs=5e-5))
    assert difference_of_intervals(0.8, Interval(0.7, 0.9), None, None) is None


def test_intervals_of_few_people_are_wider() -> None:
    rng = np.random.default_rng(0)
    people = rng.normal(size=(2000, 8))
    covered: dict[int | None, list[bool]] = {None: [], 8: []}
    for sample in people:
        means = sample[rng.integers(8, size=(400, 8))].mean(axis=1)
        for n, hits in covered.items():
            low, high = percentile_interval(means, n=n) or (1.0, -1.0)
            hits.append(low <= 0 <= high)
    assert np.mean(covered[None]) < 0.90
    assert np.mean(covered[8]) == pytest.approx(0.95, abs=0.015)


def test_p_reckons_with_people_who_took_part_more_than_once() -> None:
    human = human_cents().cents
    rng = np.random.default_rng(10)

    def p(n_effective: int | None) -> float:
        b = np.repeat(rng.choice(human, 60), 5)  # each of 60 people five times with the same donation
        return permutation_ps(rng.choice(human, 150), b, {"ks": ks_of}, rng=rng, n_resamples=99, n_effective=n_effective)["ks"]

    assert np.mean([p(60) <= 0.05 for _ in range(150)]) < 0.10
    assert np.mean([p(None) <= 0.05 for _ in range(150)]) > 0.20


def test_many_clusters_are_resampled_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    support = np.array([0, 50, 100])
    people = [f"p{i // 2}" for i in range(600)]
    cents = rng.choice(support, 600)

    def spread(many: int) -> tuple[npt.NDArray[np.float64], Interval]:
        monkeypatch.setattr(uncertainty, "MANY", many)
        tables = bootstrap_clusters(cents, people, support, rng=np.random.default_rng(5), n_resamples=4000)
        ratio = bootstrap_ratio(cents, people, rng=np.random.default_rng(6), n_resamples=4000)
        assert tables is not None
        assert ratio is not None
        assert (tables.sum(axis=1) == 600).all()
        return np.concatenate([tables.mean(axis=0), np.cov(tables.T).ravel()]), ratio

    (few, few_ratio), (many, many_ratio) = spread(10**9), spread(1000)
    assert many == pytest.approx(few, rel=0.12, abs=4)
    assert many_ratio == pytest.approx(few_ratio, abs=0.6)


def test_many_matched_humans_have_the_floor_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    human = human_cents("cap").cents
    drawn = matched_floor(human, rng=np.random.default_rng(0), n_resamples=400)
    monkeypatch.setattr(uncertainty, "MANY", 1000)
    assert matched_floor(human, rng=np.random.default_rng(0), n_resamples=400) == pytest.approx(drawn, abs=0.004)


def test_thinning_many_tables_keeps_what_thinning_few_does(monkeypatch: pytest.MonkeyPatch) -> None:
    tables = np.tile([40, 9, 1, 0, 50], (4000, 1))
    few = uncertainty._thinned(tables, 30, np.random.default_rng(1))
    monkeypatch.setattr(uncertainty, "MANY", 1000)
    many = uncertainty._thinned(tables, 30, np.random.default_rng(1))
    for kept in (few, many):
        assert (kept.sum(axis=1) == 30).all()
        assert (kept <= tables).all()
    assert many.mean(axis=0) == pytest.approx(few.mean(axis=0), abs=0.1)
    assert many.std(axis=0) == pytest.approx(few.std(axis=0), rel=0.06)


@pytest.mark.parametrize("shift", [0, 200])
def test_p_with_replicates_that_is_settled_early_is_that_of_all_draws(shift: int, monkeypatch: pytest.MonkeyPatch) -> None:
    human = human_cents().cents
    own = np.repeat(np.maximum(np.random.default_rng(3).choice(human, 40), shift), 2)
    people = [f"p{i // 2}" for i in range(80)]

    def p() -> dict[str, float]:
        return permutation_ps(own, human, {"ks": ks_of}, rng=np.random.default_rng(7), n_resamples=99, clusters=people)

    early = p()
    monkeypatch.setattr(uncertainty, "_settled", lambda ps, least: False)
    assert p() == early
