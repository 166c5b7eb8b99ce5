"""What the tables say, and that they fit on a terminal."""

import pytest

from analysis.calibration import Again, calibrate
from analysis.probabilities import diagnose
from analysis.reselect import reselect
from analysis.samples import human_sample
from analysis.tables_probabilities import render_calibration, render_diagnostics, render_reselection
from tests.analysis.draws import draw, group, seeded

HUMAN = human_sample([0] * 50 + [50] * 20 + [100] * 30, "all", "people made up here")
LONG = "a condition with a name as long as names of conditions may ever be"[:64]


def diagnostics(names, **keys):
    one = group(turns=seeded(40, "weighted"), decisions=[draw([0.6, 0.4], texts=["0", "50"], stated_sum=1.0)], **keys)
    found = [diagnose(one, part, seed=1, n_resamples=50) for part in ("turns", "decision")]
    return [d.model_copy(update={"arm": name}) for d in found for name in names]


def row(text, label):
    return next(line for line in text.splitlines() if line.startswith(label))


def fits(text):
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("\n")
    return text


def test_both_tables_of_the_distributions_stand_there():
    text = fits(render_diagnostics(diagnostics(["one", "two"]), ["direct", "cot"]))
    assert text.index("Candidates of the persuadee's turns") < text.index("Candidates of the private decision")
    assert row(text, "distributions").split() == ["distributions", "40", "40"]
    assert row(text, "candidates").split() == ["candidates", "4.00", "4.00"]
    assert "[" in row(text, "entropy, bits")
    assert row(text, "  against the rule").split()[-1] == "0"
    assert "Left out, since they ask for a single reply and have no distribution: direct, cot." in " ".join(text.split())
    assert "WARNING: fewer than 30 personas in one, two" in text


def test_more_conditions_than_fit_go_on_below():
    text = fits(render_diagnostics(diagnostics([LONG, "b", "c", "d"]), []))
    assert text.count("Candidates of the persuadee's turns, continued") == 1
    assert "a condition with a" in text


def test_what_cannot_be_computed_is_a_dash():
    text = render_diagnostics(diagnostics(["one"], wording="nll"), [])
    assert row(text, "sum as stated").split()[-1] == "-"
    assert row(text, "  share near 1").split()[-1] == "-"


def test_a_run_without_candidates_says_so():
    assert render_diagnostics([], ["direct"]).startswith("No condition of this run has candidates: nothing to show.")
    assert render_reselection([], ["direct"]).startswith("No condition of this run has candidates: nothing to draw again.")


def test_a_stated_value_cannot_steer_the_terminal():
    (one, _) = diagnostics(["one"])
    text = render_diagnostics([one.model_copy(update={"top_stated": (("\x1b[2J.5", 1.0),)})], [])
    assert "\x1b" not in text
    assert "[2J.5 (1.00)" in text


@pytest.mark.parametrize(("tokens", "said"), [(None, "the endpoint gives no log-probabilities"), ({0: 0.5, 50: 0.2}, "of 4 decisions")])
def test_the_reliability_table(tokens, said):
    decided = [Again(f"p{i}", {0: 0.6, 50: 0.4}, {0: 3 + i, 50: 4, 20: 1}, 2, tokens) for i in range(4)]
    text = fits(render_calibration([calibrate(group(), decided, seed=1, n_resamples=50)]))
    assert "arm: 4 decisions, 38 answers, 8 more could not be read" in text
    assert row(text, "  .500 to below .700").split()[4:7] == ["4", "38", ".600"]
    assert ".000 to below" not in text, "empty bins are left out"
    assert "floor" in row(text, "  calibration error")
    assert "0 to 1 whatever the number of candidates" in " ".join(text.split())
    assert said in text


def test_the_other_rule_stands_below_the_recorded_one():
    one = group(turns=seeded(40, "weighted"), decisions=seeded_amounts(40))
    text = fits(render_reselection([reselect(one, "uniform", HUMAN, seed=1, n_resamples=50)], ["direct"]))
    labels = ["  recorded ", "  last draw, weighted", "  last draw, uniform", "  all draws, uniform", "  floor"]
    assert [text.index(label) for label in labels] == sorted(text.index(label) for label in labels)
    assert "arm: drawn weighted, asked for uniform; n = 40, 20 personas" in text
    assert "mean weight of a conversation" in " ".join(text.split())
    assert "Left out, since a single reply leaves nothing to draw: direct." in text


def test_a_refusal_is_said_plainly():
    one = group(turns=seeded(6, "weighted"), decisions=seeded_amounts(6))
    text = fits(render_reselection([reselect(one, "uniform", HUMAN, seed=1, n_resamples=50)], []))
    assert row(text, "  all draws, uniform").split()[-3:] == ["not", "at", "all"]
    assert "(6 conversations weigh as much as " in text


def test_one_and_the_same_rule_is_shown_once():
    one = group(turns=seeded(40, "weighted"), decisions=seeded_amounts(40))
    text = render_reselection([reselect(one, "weighted", HUMAN, seed=1, n_resamples=50)], [])
    assert text.count("last draw, weighted") == 1
    assert "all draws, weighted" not in text


def seeded_amounts(n):
    """A decision for each conversation of `seeded`."""
    turns = seeded(n, "weighted")
    return [
        draw([0.6, 0.3, 0.1], drawn=i % 3, persona=d.persona, conversation=d.conversation, texts=["0", "50", "200"])
        for i, d in enumerate(turns)
    ]
