"""Files of prompts and of right answers."""

import json

import pytest

from vs_sim.errors import PromptError
from vs_sim.prompt_file import Answer, load_prompts


def test_three_formats_hold_the_same(tmp_path):
    (tmp_path / "cities.csv").write_text("answer,also,weight\nParis,City of Light|Lutetia,3\nLyon,,1\n", "utf-8")
    (tmp_path / "p.toml").write_text('[[prompt]]\nid = "c"\ntext = "Name a city."\nanswers = "cities.csv"\nsource = "made up"\n', "utf-8")
    row = {"id": "c", "text": "Name a city.", "answers": "cities.csv", "source": "made up"}
    (tmp_path / "p.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    (tmp_path / "p.csv").write_text("id,text,answers,source\nc,Name a city.,cities.csv,made up\n", "utf-8")
    one, two, three = (load_prompts(tmp_path / f"p.{end}") for end in ("toml", "jsonl", "csv"))
    assert one == two == three
    assert one[0].answers == (
        Answer(text="Paris", also=("City of Light", "Lutetia"), share=0.75),
        Answer(text="Lyon", share=0.25),
    )


def test_answers_may_stand_in_the_file_itself(tmp_path):
    (tmp_path / "p.toml").write_text(
        '[[prompt]]\nid = "c"\ntext = "Name one."\nanswers = ["Paris", { text = "Lyon", also = ["Lugdunum"] }]\n'
    )
    assert load_prompts(tmp_path / "p.toml")[0].answers == (Answer(text="Paris"), Answer(text="Lyon", also=("Lugdunum",)))


HEAD = '[[prompt]]\nid = "c"\ntext = "Name one."\n'


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "p.toml: the file holds no prompt, expected at least one"),
        ('[[prompt]]\nid = "c"\n', "p.toml, line 1: the text is missing"),
        (HEAD + 'answer = "x"\n', "p.toml, line 4: unknown key 'answer', expected id, text, answers or source"),
        (HEAD + HEAD, "p.toml, line 5: id 'c' is used in line 2 too"),
        (HEAD.replace('"c"', '"a b"'), "p.toml, line 2: id is 'a b'"),
        (HEAD + 'answers = ["Paris", "paris!"]\n', "answers: 'paris!' is a way to say 'Paris' and 'paris!'"),
        (HEAD + 'answers = ["Paris", "Paris"]\n', "answers: one stands there twice"),
        (HEAD + 'answers = ["?!"]\n', "nothing is left of '?!' without its signs"),
        (HEAD + 'answers = [{ text = "a", share = 0.5 }, { text = "b" }]\n', "some have a share and some have none"),
        (HEAD + 'answers = [{ text = "a", share = 0.5 }, { text = "b", share = 0.4 }]\n', "shares sum to 0.9, expected 1"),
        (
            HEAD + 'answers = "none.csv"\n',
            "p.toml, line 4: answers is 'none.csv': a text names a CSV file beside this one",
        ),
        (HEAD + 'answers = "Paris"\n', """there is none of that name; write ["Paris"] for the answer itself"""),
        ('[[prompt]]\nid = "c"\ntext = "  "\n', "p.toml, line 3: text: '  ' is blank, expected text"),
        (HEAD + 'answers = ["a", { text = "b", share = true }]\n', "line 4: answers[2].share is 'True': expected a number"),
        (
            HEAD + 'answers = ["a", { text = "b", share = 1e308 }]\n',
            "answers[2].share is '1e+308': expected at most 1",
        ),
        (HEAD + 'answers = ["a", { text = "b", also = "c" }]\n', "line 4: answers[2].also is 'c': expected a list"),
        (HEAD + 'answers = [{ text = "b", weight = 3 }]\n', "line 4: unknown key 'answers[1].weight', expected text, also or share"),
        (HEAD + 'answers = [{ also = ["b"] }]\n', "line 4: the answers[1].text is missing"),
        ('[[persona]]\nid = "c"\n', "'persona' is not part of a prompt, expected [[prompt]] first"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, sentence):
    (tmp_path / "p.toml").write_text(text, "utf-8")
    with pytest.raises(PromptError) as error:
        load_prompts(tmp_path / "p.toml")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("csv", "sentence"),
    [
        ("city\nParis\n", "line 1: columns ['city'], expected answer"),
        ("answer,weight\nParis,0\n", "line 2: weight is '0', expected a number above 0"),
        ("answer,weight\nParis,many\n", "line 2: weight is 'many', expected a number above 0"),
        ("answer,weight\nParis,1\nLyon,\n", "some have a share and some have none"),
        ('answer\n"Paris\n', "not valid CSV"),
        ("answer,weight\nParis,1e308\nLyon,1e308\nNice,1e308\n", "a.csv: the weights sum to more than a number can hold"),
        ("answer,weight\nParis,1e-300\nLyon,1e300\n", "a.csv, line 2: weight is 1e-300, which is no share of 1e+300"),
        ("answer,weight\nParis,1\nLyon, the city,2\n", "a.csv, line 3: the row has 3 cells, expected 2 as in the header"),
        ("answer,weight\nParis,1\nLyon\n", "a.csv, line 3: the row has 1 cells, expected 2 as in the header"),
        ("answer,answer\nParis,Lyon\n", "a.csv, line 1: column 'answer' is there twice"),
        ("answer,note\nParis,\n", "a.csv, line 1: columns ['answer', 'note'], expected answer, and also or weight"),
        ("answer,also\nParis,\n,Lugdunum\n", "a.csv, line 3: the answer is missing, expected one"),
        ("answer\n", "a.csv: the file holds no answer, expected at least one"),
        ("answer\n" + "a" * 140_000 + "\n", "a.csv, line 2: a cell holds more than the 131,072 characters that a cell in CSV can hold"),
    ],
)
def test_what_is_wrong_with_answers_is_said(tmp_path, csv, sentence):
    (tmp_path / "p.toml").write_text(HEAD + 'answers = "a.csv"\n', "utf-8")
    (tmp_path / "a.csv").write_text(csv, "utf-8")
    with pytest.raises(PromptError) as error:
        load_prompts(tmp_path / "p.toml")
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("csv", "sentence"),
    [
        (
            "id,question\nc,Name one.\n",
            "p.csv, line 1: columns ['id', 'question'], expected id and text (and answers, source), or those of SimpleQA",
        ),
        ("text\nName one.\n", "p.csv, line 1: columns ['text'], expected id and text"),
        (
            "id,text,note\nc,Name one.,\n",
            "p.csv, line 1: columns ['id', 'text', 'note'], expected id and text (and answers, source), or those of SimpleQA",
        ),
        ("id,text,fact.x\nc,Name one.,\n", "p.csv, line 1: columns ['id', 'text', 'fact.x'], expected id and text"),
        ("id,text\nc,\n", "p.csv, line 2: the text is missing"),
        ("id,text,answers\nc,Name one.,Paris\n", "p.csv, line 2: answers is 'Paris': a text names a CSV file beside this one"),
    ],
)
def test_what_is_wrong_with_a_table_of_prompts_is_said(tmp_path, csv, sentence):
    (tmp_path / "p.csv").write_text(csv, "utf-8")
    with pytest.raises(PromptError) as error:
        load_prompts(tmp_path / "p.csv")
    assert sentence in str(error.value)
