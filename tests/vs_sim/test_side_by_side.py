"""Methods side by side, by the command and as tests over prompts."""

import json

import numpy as np
import pytest
from scipy import stats

from analysis.diversity import Diversity
from analysis.replies import Replies
from analysis.side_by_side import method_tests, render, render_tests
from tests.prompt_studies import RULES


def arm(condition: str, **by_prompt: float) -> Diversity:
    return Diversity(
        measure="words",
        condition=condition,
        model="m",
        n_planned=1,
        n_askings=1,
        n_replies=2,
        n_prompts=len(by_prompt),
        n_without=0,
        by_prompt=by_prompt,
        mean=None,
        interval=None,
        ratio=None,
        ratio_interval=None,
    )


def test_tests_are_those_of_scipy_over_the_prompts_that_both_have():
    (one,) = method_tests([arm("direct", a=0.1, b=0.3, c=0.2), arm("vs", a=0.5, b=0.4, c=0.6, d=0.9)])
    x, y = [0.5, 0.4, 0.6], [0.1, 0.3, 0.2]
    assert (one.t, one.t_p) == pytest.approx(tuple(stats.ttest_rel(x, y)))
    assert (one.u, one.u_p) == pytest.approx(tuple(stats.mannwhitneyu(x, y)))
    assert one.n_prompts == 3
    assert one.difference == pytest.approx(0.3)


def test_too_little_for_a_test_has_none():
    (one,) = method_tests([arm("direct", a=0.1), arm("vs", a=0.5)])
    assert (one.t, one.u) == (None, None)
    assert render_tests([one]) == ""
    (same,) = method_tests([arm("direct", a=0.1, b=0.2), arm("vs", a=0.2, b=0.3)])
    assert same.t is None, "all differences are the same"
    assert same.u is not None
    (flat,) = method_tests([arm("direct", a=0.5, b=0.5), arm("vs", a=0.5, b=0.5)])
    assert (flat.u, flat.u_p) == (2.0, None), "nothing varies"
    assert render_tests([flat]).endswith("U 2, p -")


def test_columns_fit_a_terminal_and_hold_every_reply():
    long = "a very long reply that goes on " * 8
    found = [
        Replies("p", name, "m", (long, "\x1b[31mred"), np.array([0.7, 0.3]), np.array([0, 0]), np.array([0]), 1)
        for name in ("one", "two", "three")
    ]
    text = render("Say something.", found, [arm("one", p=0.5)], n=5, with_weights=["two"])
    assert max(map(len, text.splitlines())) <= 100
    assert text.count("goes on") >= 3
    assert "\x1b" not in text
    assert "0.70 a very" in text
    assert "- a very" in text
    assert "distance: words .500" in text


def test_what_an_asking_gave_twice_stands_there_once_with_both_weights():
    given = Replies(
        "p", "vs", "m", ("yes", "yes", "no", "yes"), np.array([0.3, 0.3, 0.4, 1.0]), np.array([0, 0, 0, 1]), np.array([0, 3]), 2
    )
    lines = render("Say something.", [given], [arm("vs", p=0.5)], n=5, with_weights=["vs"]).splitlines()
    assert lines[4:7] == ["0.60 yes (2 times)", "0.40 no", "1.00 yes"]


def test_the_command_prints_columns_and_asks_once(command, tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text(RULES.replace('"probability": 0.4}', '"probability": 0.4}, {"reply": "Nice", "probability": 0.2}'), "utf-8")
    line = ("side-by-side", "Name a city.", "Name a town.", "--methods", "direct,vs_standard", "-k", "3", "--model", f"scripted:{rules}")
    code, said, err = command(*line, "--out", tmp_path / "run")
    assert code == 0, err
    assert "Name a city." in said
    assert "0.50 Paris" in said
    assert "over 2 prompts" in said
    before = len(list((tmp_path / "run" / "journal").iterdir()))
    assert before == 1
    code, said, _ = command(*line, "--out", tmp_path / "run", "--json")
    assert code == 0
    assert [one["condition"] for one in json.loads(said)["replies"]] == ["direct", "vs_standard"] * 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--methods", "direct"], "expected 2 to 5 methods"),
        (["--methods", "direct,magic"], "magic"),
        (["-k", "1"], "-k 1: expected 2 to 20 replies"),
        (["--temperature", "9"], "9.0 is out of range"),
        (["--base-url", "nowhere"], "--base-url: expected an address"),
    ],
)
def test_what_is_wrong_is_said(command, options, sentence):
    code, _, err = command("side-by-side", "Name a city.", "--model", "scripted:donation", *options)
    assert code == 2
    assert sentence in err


def test_what_is_more_than_wanted_stands_apart_and_is_in_no_distance(command, tmp_path):
    given = Replies("p", "vs", "m", ("a", "b", "b", "c"), np.array([0.4, 0.2, 0.2, 0.2]), np.zeros(4, dtype=int), np.array([0]), 1)
    lines = render("Say something.", [given], [arm("vs", p=0.5)], n=2, with_weights=["vs"]).splitlines()
    assert lines[4:] == ["0.40 a", "0.20 b", "more than the 2 wanted, in no distance:", "0.20 b", "0.20 c", "distance: words .500"]
    rules = tmp_path / "rules.toml"
    three = RULES.replace('"probability": 0.4}', '"probability": 0.3}, {"reply": "Nice", "probability": 0.1}')
    rules.write_text(three, "utf-8")
    line = ("side-by-side", "Name a city.", "--methods", "vs_standard,direct", "-k", "2", "--model", f"scripted:{rules}")
    code, said, _ = command(*line)
    assert code == 0
    assert said.index("Paris") < said.index("more than the 2 wanted") < said.index("Nice")
    first = json.loads(command(*line, "--json")[1])["replies"][0]
    assert (len(first["replies"]), first["n_in_distance"]) == (3, 2)
