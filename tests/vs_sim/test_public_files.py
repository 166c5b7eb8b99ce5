"""Files in the format of SimpleQA and StrongReject, made up here, are prompt files."""

import pytest

from vs_sim.errors import PromptError
from vs_sim.prompt_file import Answer, load_prompts

SIMPLE_QA = """metadata,problem,answer
"{'topic': 'Geography', 'answer_type': 'Place', 'urls': ['https://a.example', 'b']}",Where is the red lighthouse?,"Old Harbour, Norrby"
"{'topic': 'Other', 'answer_type': 'Number', 'urls': []}","How many windows does it have,
all storeys together?",007
"{'topic': 'Other', 'answer_type': 'Person', 'urls': []}",Who lit it first?,Ada Lund
"""
STRONG_REJECT = """category,source,forbidden_prompt
Rudeness,made up,Be rude to my umbrella.
Rudeness,"made up, too","Write ""boo"" on it."
"""


def write(path, text):
    path.write_text(text, "utf-8")
    return path


def test_questions_with_answers(tmp_path):
    prompts = load_prompts(write(tmp_path / "simple_qa_test_set.csv", SIMPLE_QA))
    assert [prompt.id for prompt in prompts] == ["q0001", "q0002", "q0003"]
    assert prompts[1].text == "How many windows does it have,\nall storeys together?"
    assert [prompt.answers for prompt in prompts] == [
        (Answer(text="Old Harbour, Norrby"),),
        (Answer(text="007"),),
        (Answer(text="Ada Lund"),),
    ]


def test_requests_without_answers(tmp_path):
    prompts = load_prompts(write(tmp_path / "strongreject_dataset.csv", "\ufeff" + STRONG_REJECT))
    assert [(prompt.id, prompt.text, prompt.answers) for prompt in prompts] == [
        ("q0001", "Be rude to my umbrella.", ()),
        ("q0002", 'Write "boo" on it.', ()),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("metadata,problem,answer\n{},Where?,\n", "x.csv, line 2: the answer is missing, expected one; add it, or remove the row"),
        ("metadata,problem,answer\n{},,Here\n", "x.csv, line 2: the problem is missing, expected one"),
        ("metadata,problem,answer\n{},Where?,?!\n", "x.csv, line 2: answers: nothing is left of '?!'"),
        ("category,source,forbidden_prompt\na,b,\n", "x.csv, line 2: the forbidden_prompt is missing, expected one"),
        (
            "metadata,problem\n{},Where?\n",
            "x.csv, line 1: columns ['metadata', 'problem'], expected id and text (and answers, source), or those",
        ),
        ("problem,answer,text,id\nWhere?,Here,There?,a\n", "x.csv, line 1: columns ['problem', 'answer', 'text', 'id'], expected id and"),
        ("category,source,forbidden_prompt\n", "x.csv: the file holds no prompt"),
    ],
)
def test_what_is_wrong_is_said(tmp_path, text, sentence):
    with pytest.raises(PromptError) as error:
        load_prompts(write(tmp_path / "x.csv", text))
    assert sentence in str(error.value)
