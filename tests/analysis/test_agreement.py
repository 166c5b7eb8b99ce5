"""Agreement of readers, held against published worked examples, another package, and what must hold for any ratings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.agreement import KINDS, agreement, cohen_kappa, krippendorff_alpha
from vs_sim.records import StatedDonation


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def table_ratings(table: list[list[int]], names: str = "abc") -> tuple[list[str], list[str]]:
    """Ratings of two readers with a given confusion."""
    pairs = [(names[i], names[j]) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def numbers(row: str) -> list[float | None]:
    """ "1 . 2" -> [1.0, None, 2.0]; letters by their place in the alphabet."""
    return [None if c == "." else float(c) if c.isdigit() else float(ord(c)) for c in row.split()]


@pytest.mark.parametrize(
    ("table", "kappa", "percent"),
    [
        ([[88, 14, 18], [10, 40, 10], [2, 6, 12]], 0.29 / 0.59, 0.70),  # Cohen (1960): observed .70, by chance .41
        ([[20, 5], [10, 15]], 0.4, 0.70),  # by chance .5 * .6 + .5 * .4 = .5
        ([[45, 15], [25, 15]], 0.06 / 0.46, 0.60),  # by chance .6 * .7 + .4 * .3 = .54
        ([[10, 0], [0, 7]], 1.0, 1.0),
        ([[0, 5], [5, 0]], -1.0, 0.0),
        ([[4, 4], [4, 4]], 0.0, 0.5),
    ],
)
def test_kappa_of_published_and_hand_computed_tables(
    table: list[list[int]], kappa: float, percent: float, rng: np.random.Generator
) -> None:
    found = cohen_kappa(*table_ratings(table), "abc"[: len(table)], rng=rng)
    assert found.value == pytest.approx(kappa, abs=1e-12)
    assert found.percent == pytest.approx(percent)
    assert found.n == sum(map(sum, table))
    assert [list(row) for row in found.confusion] == table


@settings(max_examples=50, deadline=None)
@given(cells=st.lists(st.integers(0, 9), min_size=9, max_size=9).filter(lambda cells: sum(cells) > 0))
def test_kappa_is_that_of_statsmodels(cells: list[int]) -> None:
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.array(cells).reshape(3, 3)
    found = cohen_kappa(*table_ratings(table.tolist()), "abc", rng=np.random.default_rng(1), n_resamples=5).value
    if found is None:
        assert np.count_nonzero(table) == 1 and table.trace() > 0, "both used one and the same category only"
    else:
        assert found == pytest.approx(cohens_kappa(table, return_results=False), abs=1e-9)


def test_units_that_one_reader_left_out_do_not_count(rng: np.random.Generator) -> None:
    first, second = table_ratings([[20, 5], [10, 15]])
    found = cohen_kappa([*first, "a", None, None], [*second, None, "b", None], "ab", rng=rng)
    assert (found.n, found.value) == (50, pytest.approx(0.4))


@pytest.mark.parametrize(("first", "second"), [([], []), (["a", None], [None, "b"])])
def test_without_common_units_there_is_no_kappa(first: list[str | None], second: list[str | None], rng: np.random.Generator) -> None:
    found = cohen_kappa(first, second, "ab", rng=rng)
    assert (found.n, found.value, found.interval, found.percent, found.percent_interval) == (0, None, None, None, None)


def test_two_readers_who_never_vary_have_no_kappa_but_a_percentage(rng: np.random.Generator) -> None:
    found = cohen_kappa(["a"] * 9, ["a"] * 9, "ab", rng=rng)
    assert (found.value, found.interval, found.percent, found.percent_interval) == (None, None, 1.0, None)


def test_interval_of_kappa_is_near_its_large_sample_one(rng: np.random.Generator) -> None:
    # Fleiss, Cohen and Everitt (1969), as statsmodels computes it.
    from statsmodels.stats.inter_rater import cohens_kappa

    table = [[88, 14, 18], [10, 40, 10], [2, 6, 12]]
    interval = cohen_kappa(*table_ratings(table), "abc", rng=rng, n_resamples=4000).interval
    known = cohens_kappa(np.array(table))
    assert interval is not None
    assert interval == pytest.approx((known.kappa_low, known.kappa_upp), abs=0.02)


def test_clusters_widen_the_interval(rng: np.random.Generator) -> None:
    first, second = table_ratings([[20, 5], [10, 15]])
    alone = cohen_kappa(first, second, "ab", rng=rng)
    ten_each = cohen_kappa(first * 10, second * 10, "ab", clusters=[str(i) for i in range(50)] * 10, rng=rng)
    assert ten_each.value == alone.value
    assert alone.interval is not None and ten_each.interval is not None
    width = ten_each.interval.high - ten_each.interval.low
    assert width == pytest.approx(alone.interval.high - alone.interval.low, rel=0.15), "500 ratings of 50 people say as much as 50"
    assert cohen_kappa(first, second, "ab", clusters=["one"] * 50, rng=rng).interval is None


def test_few_clusters_widen_intervals_as_students_t_does(rng: np.random.Generator) -> None:
    import krippendorff
    from statsmodels.stats.inter_rater import cohens_kappa

    # Six people with twenty dialogues each, of which 0, 2, ..., 10 are read differently.
    first = np.arange(120) % 2
    second = np.where(np.arange(120) % 20 < np.arange(120) // 20 * 2, 1 - first, first)
    of_person = np.arange(120).reshape(6, 20)
    drawn = [of_person[rng.integers(6, size=6)].ravel() for _ in range(1500)]
    tables = [np.bincount(2 * first[d] + second[d], minlength=4).reshape(2, 2) for d in drawn]
    kappas = [cohens_kappa(table, return_results=False) for table in tables]
    alphas = [krippendorff.alpha([first[d], second[d]], level_of_measurement="nominal") for d in drawn[:300]]
    people = [str(i // 20) for i in range(120)]
    kappa = cohen_kappa(*(["ab"[c] for c in row] for row in (first, second)), "ab", clusters=people, rng=rng).interval
    alpha = krippendorff_alpha([first.tolist(), second.tolist()], "nominal", clusters=people, rng=rng).interval
    for found, values in ((kappa, kappas), (alpha, alphas)):
        assert found is not None
        low, high = np.quantile(values, (0.025, 0.975))
        # 2.57 (Student's t of 6 people) in place of 1.96, and 6/5 for the variance: 1.44 times as wide
        assert 1.2 < (found.high - found.low) / (high - low) < 1.7


def test_wrong_ratings_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(ValueError, match=r"unknown category 'c', expected one of 'a', 'b'"):
        cohen_kappa(["a"], ["c"], "ab", rng=rng)
    with pytest.raises(ValueError, match=r"ratings and clusters have 2, 2, 1 units, expected the same number of each"):
        cohen_kappa(["a", "b"], ["a", "b"], "ab", clusters=["x"], rng=rng)
    with pytest.raises(ValueError, match=r"ratings and clusters have 2, 1 units"):
        krippendorff_alpha([[1, 2], [1]], "nominal", rng=rng)


# Krippendorff (2011), "Computing Krippendorff's alpha-reliability", sections A to C and E.
BINARY = ["0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"]
NOMINAL = ["a a b b d c c c e d d a", "b a b b b c c c e d d d"]
FOUR = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
# Three readers of fifteen units, documented with the package krippendorff.
THREE = [". . . . . 3 4 1 2 1 1 3 3 . 3", "1 . 2 1 3 3 4 3 . . . . . . .", ". . 2 1 3 4 4 . 2 1 1 3 3 . 4"]


@pytest.mark.parametrize(
    ("rows", "level", "alpha", "n_units"),
    [
        (BINARY, "nominal", 0.095, 10),
        (NOMINAL, "nominal", 0.692, 12),
        (FOUR, "nominal", 0.743, 11),
        (FOUR, "ordinal", 0.815, 11),
        (FOUR, "interval", 0.849, 11),
        (FOUR, "ratio", 0.797, 11),
        (THREE, "nominal", 0.691, 12),
        (THREE, "interval", 0.811, 12),
    ],
)
def test_alpha_of_published_examples(rows: list[str], level: str, alpha: float, n_units: int, rng: np.random.Generator) -> None:
    found = krippendorff_alpha([numbers(row) for row in rows], level, rng=rng, n_resamples=200)  # type: ignore[arg-type]
    assert found.value == pytest.approx(alpha, abs=0.0005)
    assert (found.n_units, found.n_readers, found.level) == (n_units, len(rows), level)
    assert found.interval is not None and found.interval.low < alpha < found.interval.high


def test_a_reader_who_rated_nothing_changes_nothing(rng: np.random.Generator) -> None:
    rows = [numbers(row) for row in FOUR]
    found = krippendorff_alpha([*rows, [None] * 12], "nominal", rng=rng, n_resamples=10)
    assert (found.value, found.n_readers) == (pytest.approx(0.743, abs=0.0005), 4)


@pytest.mark.parametrize("rows", [[], [[]], [[1.0, 2.0]], [[1.0, None], [None, 2.0]], [[None], [None]]])
def test_without_pairs_there_is_no_alpha(rows: list[list[float | None]], rng: np.random.Generator) -> None:
    found = krippendorff_alpha(rows, "ratio", rng=rng)
    assert (found.value, found.interval, found.n_units) == (None, None, 0)


def test_all_the_same_value_has_no_alpha(rng: np.random.Generator) -> None:
    found = krippendorff_alpha([[0.0] * 5, [0.0] * 5], "ratio", rng=rng)
    assert (found.value, found.interval, found.n_units) == (None, None, 5)


def test_alpha_of_amounts_looks_at_how_far_they_are_apart(rng: np.random.Generator) -> None:
    near = krippendorff_alpha([[0, 50, 100, 200], [0, 55, 100, 200]], "ratio", rng=rng, n_resamples=10).value
    far = krippendorff_alpha([[0, 50, 100, 200], [0, 5000, 100, 200]], "ratio", rng=rng, n_resamples=10).value
    assert near is not None and far is not None
    assert near > 0.99 > far


def amount(cents: int) -> StatedDonation:
    return StatedDonation(status="amount", cents=cents)


REFUSED, OPEN = StatedDonation(status="refused"), StatedDonation(status="undetermined")
PEOPLE = {f"c{i}": f"p{i}" for i in range(6)}


def test_agreement_of_all_readers_of_a_run() -> None:
    rules = {"c0": amount(50), "c1": amount(100), "c2": REFUSED, "c3": OPEN, "c4": OPEN, "c5": amount(10)}
    model = {"c0": amount(50), "c1": amount(150), "c2": REFUSED, "c3": OPEN, "c4": amount(20)}
    hand = {"c4": amount(20), "c2": REFUSED}
    found = agreement({"rules": rules, "model": model, "ann": hand}, PEOPLE, seed=3)
    assert found.readers["model"] == {"amount": 3, "refused": 1, "undetermined": 1, "missing": 1}
    assert [(p.first, p.second, p.kind.n, p.n_amounts, p.same_cents) for p in found.pairs] == [
        ("rules", "model", 5, 2, 0.5),
        ("rules", "ann", 2, 0, None),
        ("model", "ann", 2, 1, 1.0),
    ]
    # 4 of 5 the same; by chance 2/5 * 3/5 + 1/5 * 1/5 + 2/5 * 1/5 = 9/25
    assert found.pairs[0].kind.value == pytest.approx((0.8 - 0.36) / (1 - 0.36))
    assert found.pairs[0].kind.categories == KINDS
    assert (found.kind.n_units, found.cents.n_units) == (5, 4)
    assert agreement({"rules": rules, "model": model, "ann": hand}, PEOPLE, seed=3) == found
    assert found.to_dict()["pairs"][0]["kind"]["confusion"][0] == [2, 0, 0]


def test_dialogues_of_one_person_are_drawn_together() -> None:
    read = {f"c{i}": REFUSED if i % 2 else amount(10 * i) for i in range(12)}
    other = {**read, "c0": REFUSED, "c3": amount(10)}
    of_one = {id_: f"user_7-d{i + 1}" for i, id_ in enumerate(read)}
    found = agreement({"rules": read, "model": other}, of_one, seed=1)
    assert found.pairs[0].kind.value is not None and found.cents.value is not None
    assert (found.pairs[0].kind.interval, found.kind.interval, found.cents.interval) == (None, None, None)
    of_many = {id_: f"user_{i}-d1" for i, id_ in enumerate(read)}
    assert agreement({"rules": read, "model": other}, of_many, seed=1).pairs[0].kind.interval is not None


def test_undetermined_is_a_kind_and_missing_is_none() -> None:
    all_open = dict.fromkeys(PEOPLE, OPEN)
    found = agreement({"rules": all_open, "model": {}}, PEOPLE, seed=1)
    assert found.readers == {
        "rules": {"amount": 0, "refused": 0, "undetermined": 6, "missing": 0},
        "model": {"amount": 0, "refused": 0, "undetermined": 0, "missing": 6},
    }
    assert found.pairs[0].kind.n == 0
    assert (found.kind.value, found.cents.value) == (None, None)
