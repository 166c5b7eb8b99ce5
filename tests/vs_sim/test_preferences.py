"""Files of preferences are read as HelpSteer writes them or as pairs; each mistake names its line; the verb estimates from them."""

import json
from pathlib import Path

import pytest

from vs_sim.errors import InputError
from vs_sim.preferences import load_preferences, with_scores
from vs_sim.text_score import TextScore

RATED = {"prompt": "Name a fruit.", "correctness": 4, "coherence": 4, "complexity": 1, "verbosity": 1}


def rated(response: str, helpfulness: int, **more: object) -> dict[str, object]:
    return {**RATED, "response": response, "helpfulness": helpfulness, **more}


def chosen(prompt: str, log_pi: float, other: float) -> dict[str, object]:
    said = {"chosen": f"yes {log_pi}", "chosen_log_pi_ref": log_pi, "chosen_n_tokens": 2}
    return {"prompt": prompt, **said, "rejected": f"no {other}", "rejected_log_pi_ref": other, "rejected_n_tokens": 4}


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def test_replies_of_equal_correctness_that_differ_in_helpfulness_are_paired(tmp_path: Path) -> None:
    other = {**rated("Blue.", 4), "prompt": "Name a colour."}
    found = load_preferences(
        write(tmp_path / "a.jsonl", rated("Apple.", 2), rated("Pear.", 4), rated("Plum.", 4), rated("Brick.", 0, correctness=0), other)
    )
    assert [(p.prompt, p.preferred.text, p.other.text) for p in found.pairs] == [
        ("Name a fruit.", "Pear.", "Apple."),
        ("Name a fruit.", "Plum.", "Apple."),
    ]
    assert (found.n_rows, found.n_unequal, found.n_tied) == (5, 3, 1)
    assert found.texts() == (("Name a fruit.", "Pear."), ("Name a fruit.", "Apple."), ("Name a fruit.", "Plum."))


def test_a_text_is_not_preferred_to_itself(command, tmp_path: Path) -> None:
    scored = {"log_pi_ref": -2.0, "n_tokens": 2}
    path = write(tmp_path / "a.jsonl", rated("Apple.", 2, **scored), rated("Apple.", 4, **scored), rated("Pear.", 4, **scored))
    found = load_preferences(path)
    assert ([(p.preferred.text, p.other.text) for p in found.pairs], found.n_same, found.n_tied) == ([("Pear.", "Apple.")], 1, 1)
    code, out, _ = command("typicality", path)
    assert code == 0 and "1 equally helpful ones, 1 of the same text twice." in out
    assert "no estimate, since the replies of every pair are equally typical" in out and "always wins" not in out
    assert json.loads(command("typicality", path, "--json")[1])["n_same"] == 1
    pair = {**chosen("p", -1.0, -2.0), "rejected": "yes -1.0"}
    with pytest.raises(InputError, match=r"0 equally helpful, 1 of the same text twice\), expected at least one such pair"):
        load_preferences(write(tmp_path / "b.jsonl", pair))


def test_a_file_of_another_format_is_told_those_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a.toml: the file ends in '.toml', expected .jsonl or .csv; convert or rename it"):
        load_preferences(tmp_path / "a.toml")


def test_csv_is_read_and_a_reply_that_is_a_number_stays_text(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("prompt,response,helpfulness,correctness,log_pi_ref,n_tokens\nName one.,7,3,4,-2.5,1\nName one.,8,2,4,-3.5,1\n")
    (pair,) = load_preferences(path).pairs
    assert (pair.preferred.text, pair.preferred.log_pi, pair.other.log_pi) == ("7", -2.5, -3.5)


def test_probabilities_that_the_file_does_not_say_are_filled_in_and_others_kept(tmp_path: Path) -> None:
    held = load_preferences(write(tmp_path / "a.jsonl", rated("Apple.", 2), rated("Pear.", 4, log_pi_ref=-1.5, n_tokens=2)))
    assert held.texts() == (("Name a fruit.", "Apple."),)
    score = TextScore(model="m", prompt="Name a fruit.", text="Apple.", log_pi=-4.0, n_tokens=3)
    (pair,) = with_scores(held, {("Name a fruit.", "Apple."): score}).pairs
    assert (pair.preferred.log_pi, pair.other.log_pi, pair.other.n_tokens) == (-1.5, -4.0, 3)


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        (rated("", 1), "line 2: the response is '', expected text that is not empty"),
        ({**RATED, "helpfulness": 3}, "line 2: the response is missing, expected text that is not empty"),
        ({**rated("A.", 1), "prompt": 5}, "line 2: the prompt is 5, expected text"),
        ({**rated("A.", 1), "correctness": None}, "line 2: correctness is missing, expected a number"),
        ({**rated("A.", 1), "helpfulness": "high"}, "line 2: helpfulness is 'high', expected a number"),
        ({**rated("A.", 1), "helpfulness": True}, "line 2: helpfulness is True, expected a number"),
        (rated("A.", 1, log_pi_ref=-2), "line 2: log_pi_ref without n_tokens, expected both or none; add it"),
        (rated("A.", 1, n_tokens=2), "line 2: n_tokens without log_pi_ref, expected both or none; add it"),
        (rated("A.", 1, log_pi_ref=0.5, n_tokens=2), "line 2: log_pi_ref is 0.5, expected the logarithm of a probability, at most 0"),
        (rated("A.", 1, log_pi_ref=-2, n_tokens=0), "line 2: n_tokens is 0, expected a whole number from 1 to"),
        (rated("A.", 1, log_pi_ref=-2, n_tokens=10**400), "line 2: n_tokens is 1000000000000000000000000000000000000000, expected"),
        (rated("A.", 1, log_pi_ref=-1e300, n_tokens=1), "line 2: log_pi_ref is -1e+300, expected a number, at most 1,000,000,000 in size"),
        (rated("A.", 10**400), "line 2: helpfulness is 1000000000000000000000000000000000000000, expected a number, at most"),
        ([1], "line 2: the line holds list, expected one JSON object a line"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, row: object, sentence: str) -> None:
    path = write(tmp_path / "a.jsonl", rated("Apple.", 2), row)
    with pytest.raises(InputError) as error:
        load_preferences(path)
    assert str(error.value).startswith(f"{path}, {sentence}")


def test_lines_that_are_neither_and_files_without_a_pair_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"line 1: neither a rated reply .* nor a pair .* but 'question'; name the keys so"):
        load_preferences(write(tmp_path / "a.jsonl", {"question": "x"}))
    with pytest.raises(InputError, match="the file is empty, expected a reply or a pair a line"):
        load_preferences(write(tmp_path / "b.jsonl"))
    with pytest.raises(InputError, match=r"\(2 replies, 0 pairs of different correctness, 1 equally helpful, 0 of the same text twice\)"):
        load_preferences(write(tmp_path / "c.jsonl", rated("Apple.", 2), rated("Pear.", 2)))
    with pytest.raises(InputError, match=r"ends in '\.gz', expected \.jsonl or \.csv"):
        load_preferences(tmp_path / "train.jsonl.gz")


def test_the_verb_prints_alpha_and_gamma_and_the_same_as_json(command, tmp_path: Path) -> None:
    rows = [chosen(f"p{i}", -4.0 + 0.1 * i, -6.0 if i % 3 else -2.0) for i in range(12)]
    path = write(tmp_path / "pairs.jsonl", *rows)
    code, out, _ = command("typicality", path, "--beta", "0.1")
    assert code == 0
    assert out.startswith("Typicality bias: 12 pairs of equal correctness, 12 prompts\n")
    assert "8 of 12" in out
    code, out, _ = command("typicality", path, "--beta", "0.1", "--json")
    found = json.loads(out)
    assert code == 0
    assert [(one["unit"], one["at_equal_length"]) for one in found["alpha"]] == [
        ("text", False),
        ("text", True),
        ("token", False),
        ("token", True),
    ]
    assert found["gamma"][0]["gamma"] == pytest.approx(1 + found["alpha"][0]["alpha"] / 0.1)
    assert json.loads(command("typicality", path, "-n", "5", "--json")[1])["alpha"][0]["n_prompts"] == 5


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "2 replies have no log_pi_ref; add it with n_tokens, or give --model embedded:smollm2-135m"),
        (("--model", "openai:gpt-4.1"), "--model is 'openai:gpt-4.1', expected an embedded model"),
        (("--beta", "0"), "0 is not above 0; expected the weight of the divergence, such as .1"),
    ],
)
def test_mistakes_of_the_verb_end_in_a_sentence(command, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    code, out, err = command("typicality", write(tmp_path / "a.jsonl", rated("Apple.", 2), rated("Pear.", 4)), *arguments)
    assert code == 2
    assert out == ""
    assert sentence in err


@pytest.mark.slow
@pytest.mark.embedded
def test_the_verb_scores_with_an_embedded_model_once(command, tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", rated("An apple.", 2), rated("A loquat.", 4), {**rated("Red.", 4), "prompt": "A colour?"})
    code, first, said = command("typicality", path, "--model", "embedded:smollm2-135m", "--json")
    assert code == 0
    assert "2 of 2 replies scored" in said, "the third reply is in no pair"
    scores = (tmp_path / "a.jsonl.scores.jsonl").read_text()
    code, again, said = command("typicality", path, "--model", "embedded:smollm2-135m", "--json")
    assert (code, again, said) == (0, first, "")
    assert (tmp_path / "a.jsonl.scores.jsonl").read_text() == scores
