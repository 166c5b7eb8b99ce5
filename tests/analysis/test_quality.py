"""Quality of replies and the agreement of their judge, against numbers counted by hand and known ones; table and CSV."""

import io
import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.agreement import krippendorff_alpha
from analysis.quality import Rated, alpha_of_repeats, judged, qualities, variance_of_mean
from analysis.quality_table import page_tables, render, tidy, tidy_agreement
from vs_sim.judge import Judgement, RatingId, Reply
from vs_sim.prompt_records import PromptSpec
from vs_sim.records import Failure
from vs_sim.terminal import columns

JUDGE, MODEL = "openai:judge", "openai:writer"


def reply(text, asking="x", condition="direct", prompt="p"):
    return Reply(prompt, condition, MODEL, asking, text)


def spec(condition, prompt="p"):
    return PromptSpec(id=f"{condition}-{prompt}", seed=1, condition=condition, model=MODEL, prompt=prompt, replicate=0)


def answers(given):
    """(prompt, text) -> the ratings of each repeat on a and b; None for one that failed, and nothing for one that was not asked."""
    found = {}
    for (prompt, text), repeats in given.items():
        for repeat, ratings in enumerate(repeats):
            if ratings == ():
                continue
            said = None if ratings is None else dict(zip("ab", ratings, strict=True))
            failure = Failure(kind="ReplyError:no_rating", message="No.", step="read.2") if ratings is None else None
            told = {"model": JUDGE, "prompt": "0" * 64, "rubric": "fun", "n_replies": 4, "n_chosen": 4}
            found[RatingId(prompt, text, repeat)] = Judgement(
                of_prompt=prompt, text=text, repeat=repeat, ratings=said, failure=failure, **told
            )
    return found


PLANNED = [spec("direct"), spec("vs"), spec("direct", "q"), spec("vs", "q")]
CHOSEN = [
    reply("good", "d1"),
    reply("good", "d2"),
    reply("bad", "d3"),
    reply("good", "v1", "vs"),
    reply("best", "v2", "vs"),
    reply("other", "e1", "vs", "q"),
    reply("lost", "e2", "vs", "q"),
]
GIVEN = answers(
    {
        ("p", "good"): [(5, 3), (3, 3)],  # quality .75, .5
        ("p", "bad"): [(1, 1), (1, 3)],  # 0, .25
        ("p", "best"): [(5, 5), None],  # 1
        ("q", "other"): [(1, 5), ()],  # .5
        ("q", "lost"): [None, None],
    }
)


def test_quality_by_hand():
    found = judged(PLANNED, CHOSEN, GIVEN, seed=1, n_resamples=200)
    direct, vs = found.qualities
    assert direct.by_prompt == {"p": pytest.approx((0.625 + 0.625 + 0.125) / 3)}
    assert vs.by_prompt == {"p": pytest.approx((0.625 + 1) / 2), "q": 0.5}
    assert vs.mean == pytest.approx((0.8125 + 0.5) / 2)
    assert vs.by_criterion == {"a": pytest.approx(((0.75 + 1) / 2 + 0) / 2), "b": pytest.approx(((0.5 + 1) / 2 + 1) / 2)}
    assert (direct.difference, direct.n_without, direct.n_chosen, direct.n_replies) == (None, 1, 3, 3)
    assert vs.difference == pytest.approx(0.8125 - direct.by_prompt["p"]), "over the prompts that both have"
    assert (vs.n_chosen, vs.n_replies, vs.n_prompts, vs.n_single) == (4, 3, 2, 1)
    assert vs.interval is None, "one asking of a prompt says nothing about how askings vary"
    assert vs.difference_interval is not None and direct.interval is not None


def test_agreement_and_what_is_missing_by_hand():
    found = judged(PLANNED, CHOSEN, GIVEN, seed=1, n_resamples=200)
    assert (found.judge, found.rubric, found.criteria, found.n_repeats, found.n_texts) == (JUDGE, "fun", ("a", "b"), 2, 5)
    assert (found.n_ratings, found.missing) == (6, {"ReplyError:no_rating": 3, "not asked": 1})
    assert (found.n_pairs, found.mean_difference) == (2, 0.25)
    # 4 values .75 .5 0 .25: off 2 * .0625 * 2 of 2 pairs; expected: all ordered pairs of 4 values.
    values = [0.75, 0.5, 0.0, 0.25]
    expected = np.mean([(x - y) ** 2 for x, y in itertools.permutations(values, 2)])
    assert found.alpha.value == pytest.approx(1 - 0.0625 / expected)
    assert (found.alpha.n_units, found.alpha.interval) == (2, None), "one prompt alone has any"


def test_a_judge_that_gave_nothing_leaves_everything_missing():
    found = judged(PLANNED, CHOSEN[:1], answers({("p", "good"): [None]}), seed=1, n_resamples=50)
    assert (found.criteria, found.n_ratings, found.missing, found.mean_difference) == ((), 0, {"ReplyError:no_rating": 1}, None)
    assert [one.mean for one in found.qualities] == [None, None]
    assert "openai:writer: 1 of 1 replies have no rating." in " ".join(render([found]).split())
    assert len(tidy([found])) == 2


def test_the_first_condition_is_the_plans_first_even_if_its_first_prompt_has_no_reply():
    chosen = [reply("good", "v", "vs"), reply("good", "w", "vs", "q"), reply("bad", "d", prompt="q")]
    given = answers({("p", "good"): [(3, 3)], ("q", "good"): [(5, 5)], ("q", "bad"): [(1, 1)]})
    direct, vs = judged(PLANNED, chosen, given, seed=1, n_resamples=50).qualities
    assert (direct.condition, direct.difference, vs.difference) == ("direct", None, 1.0)


def test_alpha_is_that_of_all_readers_and_recovers_a_known_agreement():
    rng = np.random.default_rng(3)
    true, error = rng.normal(0, 2, 4000), rng.normal(0, 1, (4000, 3))
    table = true[:, None] + error  # share of the variance that is not error: 4 / 5
    clusters = [str(i % 40) for i in range(4000)]
    found = alpha_of_repeats(table, clusters, seed=1, n_resamples=500)
    assert found.value == pytest.approx(0.8, abs=0.015)
    assert found.interval.low < 0.8 < found.interval.high and found.interval.high - found.interval.low < 0.05
    part = np.where(rng.random((60, 3)) < 0.3, np.nan, np.round(table[:60]))
    known = [[None if np.isnan(value) else value for value in repeat] for repeat in part.T]
    theirs = krippendorff_alpha(known, "interval", rng=rng, n_resamples=20)
    ours = alpha_of_repeats(part, clusters[:60], seed=1, n_resamples=20)
    assert ours.value == pytest.approx(theirs.value)
    assert (ours.n_units, ours.n_readers) == (theirs.n_units, theirs.n_readers)


def test_alpha_does_not_exist_where_all_ratings_are_the_same():
    assert alpha_of_repeats(np.full((5, 2), 0.5), list("abcde"), seed=1, n_resamples=20).value is None
    assert alpha_of_repeats(np.array([[0.1, np.nan], [np.nan, 0.3]]), ["a", "b"], seed=1, n_resamples=20).n_units == 0


def test_intervals_of_replies_by_themselves_are_those_of_student_and_welch():
    rng = np.random.default_rng(5)
    of = {"direct": rng.uniform(0.3, 0.5, 4), "vs": rng.uniform(0.4, 0.9, 6)}
    direct, vs = qualities([Rated("p", name, MODEL, np.arange(len(one)), one[:, None, None]) for name, one in of.items()], ["a"])
    alone = stats.ttest_1samp(of["direct"], 0).confidence_interval()
    assert direct.interval == pytest.approx((alone.low, alone.high))
    welch = stats.ttest_ind(of["vs"], of["direct"], equal_var=False).confidence_interval()
    assert vs.difference_interval == pytest.approx((welch.low, welch.high))


def test_replies_of_the_same_asking_count_as_one_and_a_single_asking_shows_no_variance():
    values, asking = np.array([0.1, 0.3, 0.5]), np.arange(3)
    assert variance_of_mean(values.repeat(4), asking.repeat(4)) == pytest.approx(variance_of_mean(values, asking))
    assert variance_of_mean(np.array([0.1, 0.9]), np.zeros(2, dtype=np.int64)) is None


def test_an_interval_stays_within_what_ratings_can_be():
    (one,) = qualities([Rated("p", "direct", MODEL, np.arange(2), np.array([0.9, 1.0])[:, None, None])], ["a"])
    assert one.interval.high == 1 and 0 <= one.interval.low < 0.9


def simulated(condition, mean, rng):
    """3 prompts, 4 askings of 3 replies each that resemble each other."""
    asking = np.repeat(np.arange(4), 3)
    for prompt in range(3):
        quality = mean + 0.1 * prompt + rng.normal(0, 0.08, 4)[asking] + rng.normal(0, 0.08, 12)
        yield Rated(str(prompt), condition, MODEL, asking, quality[:, None, None])


def test_intervals_cover_what_they_should():
    inside, n = np.zeros(2), 200
    for seed in range(n):
        rng = np.random.default_rng(seed)
        direct, vs = qualities([*simulated("direct", 0.3, rng), *simulated("vs", 0.4, rng)], ["a"])
        inside += [direct.interval.low <= 0.4 <= direct.interval.high, vs.difference_interval.low <= 0.1 <= vs.difference_interval.high]
    assert (inside >= 0.91 * n).all() and (inside < n).all(), inside / n


LONG = GIVEN | answers({("q", "other"): [(1, 5), (2, 5)]})


def test_the_table_names_each_judge_and_fits_a_terminal():
    one = judged(PLANNED, CHOSEN, GIVEN, seed=1, n_resamples=100)
    long = {"judge": "模型" * 30, "rubric": "a rubric whose name is as long as it may be"}
    wide = one.model_copy(update={**long, "qualities": tuple(q.model_copy(update={"model": MODEL * 9}) for q in one.qualities)})
    once = one.model_copy(update={"n_repeats": 1, "judge": "scripted:a", "digest": "1" * 8})
    said = render([one, wide, once])
    assert max(map(columns, said.splitlines())) <= 100
    joined = " ".join(said.split())
    assert f"Quality by {JUDGE} on the rubric fun (00000000), 0 to 1" in joined
    assert "Agreement over 2 repeats of 2 different texts: alpha .700, mean absolute difference .250." in joined
    assert "Missing: 4 of 10 ratings (3 ReplyError:no_rating, 1 not asked)." in joined
    assert "vs, openai:writer: 1 prompts have a single asking, so that there is no interval." in joined
    assert "each rated once: how far the judge agrees with itself is not known (--repeats 2)." in joined
    assert "scripted:a is a small or scripted judge" in joined and "judges replies of its own" not in joined
    (table,) = page_tables([one])
    assert table.rows[0] == (f"Quality by {JUDGE} on the rubric fun (00000000)",) and len(table.rows) == 3
    assert {len(row) for row in table.rows[1:]} == {len(table.columns)}


def test_the_tidy_tables_have_a_row_for_each_mean():
    found = judged(PLANNED, CHOSEN, LONG, seed=1, n_resamples=100)
    table = pd.read_csv(io.StringIO(tidy([found]).to_csv(index=False)))
    whole = table[table["prompt"].isna() & table["criterion"].isna()].set_index("condition")
    assert whole.loc["vs", "mean"] == pytest.approx(found.qualities[1].mean)
    assert np.isnan(whole.loc["vs", "low"]) and whole.loc["direct", "low"] == pytest.approx(found.qualities[0].interval.low)
    assert len(table[table["criterion"] == "a"]) == 2 and len(table[table["prompt"] == "p"]) == 2
    (row,) = tidy_agreement([found]).to_dict("records")
    assert (row["judge"], row["n_missing"], row["n_pairs"]) == (JUDGE, 3, 3)
