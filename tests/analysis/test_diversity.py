"""Diversity of replies, against pairs counted by hand."""

import itertools

import numpy as np
import pytest

from analysis.diversity import diversities, in_meaning, in_words, mean_distance
from analysis.replies import Replies


def arm(condition: str, *askings: list[str], prompt: str = "p") -> Replies:
    texts = [text for one in askings for text in one]
    return Replies(
        prompt,
        condition,
        "m",
        tuple(texts),
        np.ones(len(texts)),
        np.array([i for i, one in enumerate(askings) for _ in one], dtype=np.int64),
        np.zeros(len(askings), dtype=np.int64),
        len(askings),
    )


def test_rouge_l_by_hand():
    table = in_words(["the cat sat", "The cat ran.", "dogs", "", "..."])
    assert table[0, 1] == pytest.approx(1 - 2 * 2 / 6)
    assert table[0, 2] == 1
    assert table[0, 3] == 1
    assert table[3, 4] == 0
    assert (table == table.T).all()


def test_the_order_of_words_counts():
    assert in_words(["a b c", "c b a"])[0, 1] == pytest.approx(1 - 2 * 1 / 6)


def test_equal_texts_are_at_distance_0_exactly():
    """Of vectors whose length is 1 up to the last digit only, as embeddings come, or not the same in every batch."""
    rng = np.random.default_rng(3)
    unit = rng.normal(size=384)
    unit = (unit / np.linalg.norm(unit)).astype(np.float32)
    table = in_meaning(lambda texts: np.array([unit + np.float32(1e-7) * i for i, _ in enumerate(texts)]))(["x", "x", "y"])
    assert table[0, 1] == 0 and (np.diag(table) == 0).all() and (table >= 0).all()
    found = [arm("direct", *[["x"]] * 4), arm("vs", ["x", "y"], ["x", "z"])]
    direct, vs = diversities("meaning", found, in_meaning(lambda texts: np.eye(384)[: len(texts)]), n=4, seed=1)
    assert (direct.mean, direct.interval, vs.ratio, vs.ratio_interval) == (0, None, None, None)
    assert vs.mean is not None and vs.mean > 0


def test_meaning_is_one_minus_the_cosine():
    vectors = {"x": [1.0, 0.0], "y": [0.0, 1.0], "z": [0.6, 0.8]}
    table = in_meaning(lambda texts: np.array([vectors[t] for t in texts], dtype=np.float32))(["x", "y", "z"])
    assert table[0, 1] == pytest.approx(1)
    assert table[0, 2] == pytest.approx(0.4)


def test_resampled_means_are_those_of_all_pairs_but_copies_of_an_asking():
    rng = np.random.default_rng(2)
    points = rng.normal(size=(7, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    asking = np.array([0, 0, 1, 2, 2, 2, 3])
    for times in ([1, 1, 1, 1], [2, 0, 1, 1], [0, 3, 1, 0]):
        copies = [(a, c, i) for a, n in enumerate(times) for c in range(n) for i in np.flatnonzero(asking == a)]
        pairs = [
            distances[i, j]
            for (a, c, i), (b, d, j) in itertools.combinations(copies, 2)
            if a != b or c == d  # of another asking, or of the same copy of the same one
        ]
        assert mean_distance(distances, asking, np.array([times], dtype=float))[0] == pytest.approx(np.mean(pairs))


def test_a_resample_without_pairs_is_missing():
    assert np.isnan(mean_distance(np.zeros((2, 2)), np.array([0, 1]), np.array([[2.0, 0.0]]))[0])


def test_resamples_of_lists_vary_around_their_diversity():
    table = 1 - np.eye(8)
    rng = np.random.default_rng(3)
    chosen = np.concatenate([rng.choice(8, 5, replace=False) for _ in range(4)])  # lists do not repeat themselves: within they are diverse
    distances, asking = table[np.ix_(chosen, chosen)], np.repeat(np.arange(4), 5)
    own = mean_distance(distances, asking, np.ones((1, 4)))[0]
    times = rng.multinomial(4, np.full(4, 1 / 4), 20_000).astype(float)
    assert np.mean(mean_distance(distances, asking, times, between=4 / 3)) == pytest.approx(own, abs=0.003)
    assert np.mean(mean_distance(distances, asking, times)) > own + 0.005, "without the weight they would not"


def test_lists_that_are_all_alike_have_an_interval_that_holds_their_diversity():
    (one,) = diversities("words", [arm("s", *[["a", "b", "c", "d", "e"]] * 4)], in_words, n=20, seed=1)
    assert one.mean == pytest.approx(1 - 6 * 5 / 190)
    assert one.interval is not None and one.interval.low <= one.mean <= one.interval.high


def test_ratio_to_the_first_condition_over_the_prompts_that_both_have():
    same, different = ["a b", "a b"], ["a b", "c d"]
    found = [
        arm("direct", same[:1], different[1:], same[:1]),  # 1 of 3 pairs alike
        arm("vs", ["a b", "c d", "e f"]),
        arm("direct", ["x"], prompt="q"),
        arm("vs", different, prompt="q"),
    ]
    direct, vs = diversities("words", found, in_words, n=10, seed=1, n_resamples=200)
    assert (direct.mean, direct.ratio, direct.n_prompts, direct.n_without) == (pytest.approx(2 / 3), None, 1, 1)
    assert (vs.mean, vs.n_prompts) == (1.0, 2)
    assert vs.ratio == pytest.approx(1.5)
    assert vs.by_prompt == {"p": 1.0, "q": 1.0}


def test_all_the_same_has_no_ratio_and_one_reply_no_diversity():
    found = [arm("direct", ["a"], ["a"]), arm("vs", ["a", "b"]), arm("one", ["a"])]
    direct, vs, one = diversities("words", found, in_words, n=10, seed=1, n_resamples=200)
    assert (direct.mean, direct.interval) == (0.0, None)
    assert (vs.ratio, vs.ratio_interval) == (None, None), "a ratio to 0"
    assert (one.mean, one.interval, one.n_without) == (None, None, 1)


def test_only_as_many_replies_as_asked_for_are_looked_at():
    (found,) = diversities("words", [arm("direct", ["a"], ["a"], ["b"])], in_words, n=2, seed=1, n_resamples=50)
    assert (found.n_replies, found.mean) == (2, 0.0)


def test_two_lists_a_prompt_have_an_interval_that_covers_their_diversity():
    rng, inside = np.random.default_rng(6), 0
    shares = 1 / np.arange(1, 31)
    shares /= shares.sum()

    def unequal(texts):
        return (np.array(texts)[:, None] != np.array(texts)).astype(float)

    def lists():
        return [[str(i) for i in rng.choice(30, 10, replace=False, p=shares)] for _ in range(2)]

    truth = np.mean([unequal([*itertools.chain(*lists())]).sum() / (20 * 19) for _ in range(3000)])
    for seed in range(120):
        of = [arm("s", *lists(), prompt=str(prompt)) for prompt in range(8)]
        (found,) = diversities("words", of, unequal, n=20, seed=seed, n_resamples=200)
        inside += found.interval.low <= truth <= found.interval.high
    assert inside >= 114


def test_a_prompt_with_a_single_asking_leaves_the_interval_unknown():
    several, single = [arm("s", ["a", "b"], ["a", "c"], ["d", "e"], ["a", "f"])], [arm("s", ["a", "b", "c"], prompt="q")]
    assert diversities("words", several, in_words, n=10, seed=1)[0].interval is not None
    assert diversities("words", several + single, in_words, n=10, seed=1)[0].interval is None


def test_two_or_three_lists_are_too_few_for_an_interval():
    lists = [["a", "b"], ["a", "c"], ["d", "e"], ["a", "f"]]
    first = arm("direct", *([word] for word in "abcdefghijkl"))
    for n in (2, 3, 4):
        _, few = diversities("words", [first, arm("s", *lists[:n])], in_words, n=10, seed=1)
        assert (few.interval is not None, few.ratio_interval is not None) == (n == 4, n == 4)


def test_the_interval_covers_the_diversity_of_the_source():
    rng, inside = np.random.default_rng(4), 0
    for seed in range(200):
        askings = [[word] for word in rng.choice(["a", "b", "c", "d"], 30, p=[0.4, 0.3, 0.2, 0.1])]
        (found,) = diversities("words", [arm("direct", *askings)], in_words, n=30, seed=seed, n_resamples=300)
        inside += found.interval.low <= 1 - (0.16 + 0.09 + 0.04 + 0.01) <= found.interval.high
    assert 175 <= inside <= 199
