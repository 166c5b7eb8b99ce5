"""What a person types in place of a model: which amounts can be read, and what reaches record and screen."""

import asyncio
import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conftest import DIRECT
from tests.played import by_person, one
from vs_sim.play import Left, play, read_amount
from vs_sim.scenario import Scale
from vs_sim.store import RunFolder
from vs_sim.study import load_study

OPENAI = {"persuader_model": "openai:fake", "persuadee_models": ["openai:fake"]}


@pytest.mark.parametrize("typed", ["$0.50", "0.50", "50 cents", "50¢", " 50c ", "USD 0.50"])
def test_amounts_that_can_mean_one_thing_only_are_read(sit, study_folder, typed):
    assert sit(study_folder.write(rounds=1), ["Hello.", typed, ""])[0] == 0
    assert one().decision.amount == 50


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("1.0", "'1.0' cannot be read as an amount: type cents or dollars, such as 50 cents or $0.50, from $0.00 to $2.00."),
        ("1", "1 could be dollars or cents. Say it with its unit: $1 or 1 cent."),
        ("2", "2 could be dollars or cents. Say it with its unit: $2 or 2 cents."),
        ("3", "3 could be dollars or cents. Say it with its unit: $0.03 or 3 cents."),
        ("50", "50 could be dollars or cents. Say it with its unit: $0.50 or 50 cents."),
        ("201", "'201' lies outside $0.00 to $2.00"),
        ("3.00", "'$3.00' lies outside $0.00 to $2.00"),
        ("a bit", "'a bit' cannot be read"),
        ("-5", "'-5' cannot be read"),
        ("$2.01", "'$2.01' lies outside $0.00 to $2.00"),
        ("9" * 5000, "cannot be read"),
        ("²", "'²' cannot be read"),
        ("", "There is nothing in this message yet"),
    ],
)
def test_other_amounts_are_asked_for_again_with_the_reason(sit, study_folder, typed, told):
    code, out, _ = sit(study_folder.write(rounds=1), ["Hello.", typed, "50 cents", ""])
    assert code == 0
    assert told in out
    assert one().decision.amount == 50
    assert list(RunFolder("played").journal_rows())[-1]["call"]["tries"] == 2


def test_an_amount_counts_once_it_is_confirmed(sit, study_folder):
    study = study_folder.write(rounds=1)
    code, out, _ = sit(study, ["Hello.", "$2"])
    assert code == 1
    assert "You give $2.00. Press Enter to confirm, or type another amount." in out
    assert [row["call"]["step"] for row in RunFolder("played").journal_rows()] == ["t000.0", "t001.0"], "what is not confirmed is not kept"
    code, out, _ = sit(study, ["20 cents", "3", "", "0", ""])
    assert code == 0
    said = [out.index(text) for text in ("Type an amount from $0.00 to $2.00, with $ or cents.", "You give $0.20.", "You give $0.00.")]
    assert said == sorted(said)
    assert "There is nothing in this message yet" in out, "what was refused is not confirmed, nor the amount before it"
    assert one().decision.amount == 0


def test_amounts_on_another_scale():
    scale = Scale(name="pledge", one="number", many="numbers", unit="points", low=0, high=100, edges=(0, 50))
    assert [read_amount(typed, scale) for typed in ("1", "70 points", "70%")] == ["1", "70 points", "70%"]
    with pytest.raises(ValueError, match=r"'\$1' cannot be read as an amount: type a whole number of points from 0 to 100\."):
        read_amount("$1", scale)


class Typist:
    """A person who types given texts, and "fine" behind them."""

    def __init__(self, *texts):
        self.texts, self.problems = list(texts), []

    def say(self, line): ...

    def begins(self, play): ...

    def turn(self, spec, turn): ...

    def answer(self, question):
        self.problems.append(question.problem)
        if question.step == "decide":
            return "" if "Press Enter" in (question.problem or "") else "0"
        return self.texts.pop(0) if self.texts else "fine"


@pytest.mark.slow
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec=None)))
@example("half a pair \udc00")
@example("\x00 \u2028 \x1b[2J \U0001f600 \u202e")
def test_what_is_typed_is_recorded_word_for_word(study_folder, tmp_path, typed):
    study = load_study(study_folder.write(rounds=1, conditions=[DIRECT]))
    folder, typist = RunFolder(tmp_path / str(len(list(tmp_path.iterdir())))), Typist(typed)
    told = asyncio.run(play(study, folder, "persuadee", typist))
    (stored,) = folder.transcripts()
    good = bool(typed.strip()) and not any("\ud800" <= c <= "\udfff" for c in typed)
    assert stored == told
    assert stored.turns[1].text == (typed.strip() if good else "fine")
    assert (stored.turns[1].calls[0].tries, typist.problems[1] is None) == ((1, True) if good else (2, False))


def test_a_line_that_is_no_text_is_refused(sit, study_folder):
    _, out, _ = sit(study_folder.write(rounds=1), [b"Caf\xe9", "Café", "0", ""])
    assert "Some characters did not arrive as text" in out
    assert by_person(one(), "persuadee") == ["Café"]


def test_escapes_in_what_a_model_says_do_not_reach_the_terminal(sit, study_folder, endpoint):
    endpoint.reply = lambda body: json.dumps({"reply": "Hi \x1b[2J there \x07"})
    _, out, _ = sit(study_folder.write(rounds=1, run={"base_url": endpoint.url}, **OPENAI), ["Hello.", "0", ""])
    assert "Hi" in out
    assert "\x1b" not in out
    assert "\x07" not in out


def test_leaving_is_told_by_the_one_who_sits_there(study_folder, tmp_path):
    class Gone(Typist):
        def answer(self, question):
            assert question.asked == "What do you write next? At most 60 words."
            raise Left

    study = load_study(study_folder.write(rounds=1))
    assert asyncio.run(play(study, RunFolder(tmp_path / "left"), "persuadee", Gone())) is None
