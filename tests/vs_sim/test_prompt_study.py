"""Studies of prompts: the same runner, journal, resume and errors as dialogues."""

import json
import re

import pytest

from tests.prompt_studies import PROMPTS, RULES, SEQUENCE, VS
from vs_sim.errors import PromptError, StudyError
from vs_sim.kinds import load_any, plan_any
from vs_sim.prompt_file import load_prompts
from vs_sim.prompt_study import plan_prompts
from vs_sim.store import RunFolder
from vs_sim.study import load_study


def test_each_condition_is_asked_as_often_as_its_replies_take(prompt_study):
    specs = plan_prompts(load_any(prompt_study.write()))
    counts = {(s.prompt, s.condition): sum(o.prompt == s.prompt and o.condition == s.condition for o in specs) for s in specs}
    assert counts == {("city", "direct"): 6, ("other", "direct"): 6, ("city", "vs"): 3, ("other", "vs"): 3}
    assert len({s.id for s in specs}) == len(specs)
    assert {s.seed for s in specs if s.prompt == "city" and s.replicate == 0} == {specs[0].seed}, "conditions share their draws"


def test_identity_is_what_is_asked_not_what_is_right(prompt_study):
    before = {s.id for s in plan_any(load_any(prompt_study.write()))}
    assert {s.id for s in plan_any(load_any(prompt_study.write(entries=PROMPTS.replace('"Nice"]', '"Nice", "Brest"]'))))} == before
    assert before < {s.id for s in plan_any(load_any(prompt_study.write(n_replies=8)))}
    assert not before & {s.id for s in plan_any(load_any(prompt_study.write(seed=4)))}
    assert len(before - {s.id for s in plan_any(load_any(prompt_study.write(entries=PROMPTS.replace("another", "one more"))))}) == 9


@pytest.mark.slow
def test_a_run_is_compared_shown_and_goes_on(prompt_study, command, tmp_path):
    path, out = prompt_study.write(), tmp_path / "run"
    code, said, err = command("run", path, "--out", out)
    assert code == 0, err
    assert "18 of 18 askings are complete" in said
    assert re.search(r"\b1( \[.*\])? of 3", said) and "2 of 3" in said
    rows = list(RunFolder(out).journal_rows())
    assert len(rows) == 18
    code, said, _ = command("run", prompt_study.write(n_replies=8), "--out", out)
    assert code == 0
    assert "24 of 24" in said
    assert len(list(RunFolder(out).journal_rows())) == 24, "what was answered is not asked again"

    code, said, _ = command("compare", out, "--json")
    found = {(c["prompt"], c["condition"]): c for c in json.loads(said)["coverage"]}
    assert found["city", "vs"]["n_found"] == 2
    assert found["city", "vs"]["precision"] == 1.0
    assert found["city", "direct"]["n_replies"] == 8
    code, said, _ = command("status", out)
    assert code == 0
    assert "24 calls" in said and "24 of 24 (100 %)" in said
    code, said, _ = command("show", out, "--condition", "vs", "--no-pager")
    assert "2 candidates, drawn: " in said
    code, said, _ = command("show", out, RunFolder(out).planned_askings()[1].id)
    assert "0.600  Paris" in said


@pytest.mark.slow
def test_workers_share_a_study_of_prompts(prompt_study, command, tmp_path, endpoint):
    endpoint.reply = lambda body: '{"candidates": [{"reply": "Paris", "probability": 1}, {"reply": "Lyon", "probability": 1}]}'
    path = prompt_study.write(models="openai:x", run={"base_url": endpoint.url}, conditions=[SEQUENCE, VS])
    code, said, err = command("run", path, "--out", tmp_path / "run", "--workers", "2")
    assert code == 0, err
    assert "12 of 12 askings are complete" in said
    assert len(endpoint.bodies) == 12


@pytest.mark.slow
def test_a_changed_prompt_is_refused_and_changed_answers_are_not(prompt_study, command, tmp_path):
    out = tmp_path / "run"
    assert command("run", prompt_study.write(), "--out", out)[0] == 0
    code, _, err = command("run", prompt_study.write(entries=PROMPTS.replace("Name a city", "Name some city")), "--out", out)
    assert code == 2
    assert "changed since: prompts.city (text)" in err
    assert "prompts and replies may be added" in err
    code, said, _ = command("run", prompt_study.write(entries=PROMPTS.replace('"Lyon", ', "")), "--out", out)
    assert code == 0
    assert "1 of 2" in said


def test_what_cannot_be_read_is_owed_and_counted(prompt_study, command, tmp_path):
    path = prompt_study.write(rules=RULES.replace('{"reply": "Rome"}', "{").replace('{"reply": "It is Paris."}', "{"))
    out = tmp_path / "run"
    code, said, err = command("run", path, "--out", out)
    assert code == 1
    assert "failed: ReplyError" in err
    assert "Missing, city, direct" in said
    assert "6 of 6 askings" in said


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"kind": "poem"}, "kind = 'poem': expected 'dialogue' or 'prompt'"),
        ({"n_replies": 0}, "n_replies = 0"),
        ({"n_reply": 6}, "unknown key 'n_reply'; did you mean 'n_replies'?"),
        ({"measures": ["beauty"]}, "measures[1] = 'beauty'"),
        ({"prompts": None}, "key 'prompts' is missing"),
        ({"models": []}, "models = []: expected at least one"),
        ({"models": "gpt"}, "models = 'gpt': expected provider:model, such as openai:gpt-4.1"),
        ({"models": ["a:b", "gpt"]}, "models[2] = 'gpt': expected provider:model"),
        ({"models": 3}, "models = 3: expected text in quotes"),
        ({"kind": None}, "'prompts' is a key of studies of single prompts, but key 'kind' is missing; add kind = \"prompt\""),
        ({"n_replies": True}, "n_replies = True: expected a whole number"),
        ({"n_replies": "6"}, "n_replies = '6': expected a whole number"),
        ({"seed": 1.0}, "seed = 1.0: expected a whole number"),
        ({"json_schema": "yes"}, "json_schema = 'yes': expected true or false"),
        ({"temperature": True}, "temperature = True: expected a number"),
        ({"measures": []}, "measures = []: expected at least one"),
        ({"measures": "coverage"}, "measures = 'coverage': expected a list"),
        ({"conditions": ["direct"]}, "conditions[1] = 'direct': expected a table"),
        ({"run": 3}, "run = 3: expected a table"),
        ({"prompts": "."}, "prompts = '.': there is no such file"),
        ({"prompts": "x" * 300 + ".toml"}, ".toml': there is no such file; the path is relative to the study file"),
        ({"prompts": ["a.toml"]}, "prompts = ['a.toml']: expected text in quotes"),
        ({"prompts": "no.toml"}, "prompts = 'no.toml': there is no such file ("),
    ],
)
def test_what_is_wrong_is_said(prompt_study, command, keys, sentence):
    code, _, err = command("run", prompt_study.write(**keys))
    assert code == 2
    assert sentence in err


def test_a_file_name_with_a_nul_is_refused(prompt_study, command, tmp_path):
    path = prompt_study.write(prompts=None)
    path.write_text('prompts = "a\\u0000b.toml"\n' + path.read_text("utf-8"), "utf-8")
    code, _, err = command("plan", path)
    assert (code, "prompts = 'a\\x00b.toml': there is no such file" in err) == (2, True)
    with pytest.raises(PromptError, match=r"b\.toml': cannot be read \(embedded null byte\), expected a prompt file"):
        load_prompts("a\0b.toml")


def test_a_model_given_by_hand_names_its_provider(prompt_study, command):
    code, _, err = command("plan", prompt_study.write(), "--model", "gpt")
    assert (code, "model 'gpt' has no provider; write provider:model" in err) == (2, True)


def test_of_several_problems_each_is_counted_once(prompt_study, command):
    err = command("plan", prompt_study.write(measures=["x"], seed=-1, n_replies=0))[2]
    assert "(and 2 more)" in err
    assert "more)" not in command("plan", prompt_study.write(measures=["x"]))[2]


def test_a_measure_needs_what_it_is_computed_from(prompt_study, command):
    code, _, err = command("run", prompt_study.write(entries=PROMPTS.replace('answers = ["Paris", "Lyon", "Nice"]', "", 1)))
    assert code == 2
    assert "'coverage' needs the right answers, but prompt 'city' has none" in err


def test_verbs_for_dialogues_say_that_this_is_none(prompt_study, command, tmp_path):
    out = tmp_path / "run"
    path = prompt_study.write()
    assert command("run", path, "--out", out)[0] == 0
    for verb in (["language", out], ["dynamics", out], ["probabilities", out], ["outcome", "audit", out]):
        code, _, err = command(*verb)
        assert code == 2, verb
        assert "is a run of single prompts, expected one of dialogues" in err
    with pytest.raises(StudyError, match="expected a study of dialogues here"):
        load_study(path)
    code, _, err = command("run", path, "--personas", tmp_path / "x.toml")
    assert code == 2
    assert "has no personas" in err


def test_diversity_of_words_is_printed_as_a_ratio_and_written(prompt_study, command, tmp_path):
    out = tmp_path / "run"
    path = prompt_study.write(measures=["words"], entries=PROMPTS.replace('answers = ["Paris", "Lyon", "Nice"]', ""))
    code, said, err = command("run", path, "--out", out)
    assert code == 0, err
    assert "Diversity of words (1 - mean ROUGE-L)" in said
    assert "times the first" in said
    assert (out / "diversity.csv").read_text("utf-8").startswith("prompt,measure,condition,model")
    found = json.loads(command("compare", out, "--json")[1])["diversity"]
    assert [one["condition"] for one in found] == ["direct", "vs"]
    assert found[0]["ratio"] is None
    assert found[1]["n_replies"] == 12
