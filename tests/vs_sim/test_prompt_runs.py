"""What the verbs make of a run of single prompts: its own words for it, and a sentence where a verb or an option is for dialogues."""

import asyncio
import json

import pytest

from tests.prompt_studies import RULES
from vs_sim.kinds import load_any
from vs_sim.run import run_study
from vs_sim.store import RunFolder


@pytest.fixture
def done(prompt_study, tmp_path):
    """A run of 18 askings, complete."""
    asyncio.run(run_study(load_any(prompt_study.write()), RunFolder(tmp_path / "run")))
    return tmp_path / "run"


@pytest.mark.slow
def test_a_run_of_prompts_speaks_of_askings(prompt_study, command, tmp_path):
    broken = RULES.replace('{"reply": "It is Paris."}', "{")
    study, out = prompt_study.write(rules=broken, n_reasks=0, run={"cap_tokens": 1e9}), tmp_path / "run"
    said = [command("plan", study, "--cap-tokens", "1000"), command("run", study, "--out", out, "--watch")]
    said += [command(*line) for line in (["status", out], ["show", out, "--failed"], ["show", out, "--failed", "--condition", "vs"])]
    prompt_study.write(n_reasks=0)
    said += [command("run", study, "--out", out, "--watch"), command("status", out), command("show", out, "zz"), command("show", out)]
    text = "\n".join(out + err for _, out, err in said)
    assert "ends the run after about " in text and " of 18 askings\n" in text
    assert "askings are missing; give the same command again" in text
    assert "of 18 askings are complete already" in text
    assert "18 of 18 askings are complete in" in text
    assert " askings in " in text and "none of 18 askings" in text and "0 askings have an id that begins with 'zz'" in text
    assert "conversation" not in text and "turns" not in text and "dialogue" not in text


def test_repairs_are_counted_in_replies(prompt_study, command, tmp_path):
    fenced = RULES.replace("replies = ['''{\"reply\"", "replies = ['''```json\n{\"reply\"").replace('Paris."}', 'Paris."}\n```')
    assert command("run", prompt_study.write(rules=fenced), "--out", tmp_path / "run")[0] == 0
    said = command("status", tmp_path / "run")[1]
    assert "replies read without repair: " in said and " replies\n" in said
    assert json.loads(command("status", tmp_path / "run", "--json")[1])["noun"] == "asking"


def test_an_option_that_has_no_meaning_is_refused_by_name(done, command):
    code, _, err = command("show", done, "--persona", "ann")
    assert code == 2
    assert "--persona 'ann'" in err and "run of single prompts" in err


def test_an_asking_that_is_not_planned_is_named(done, command):
    manifest = done / "manifest.json"
    content = json.loads(manifest.read_text("utf-8"))
    removed = content["conversations"].pop()["id"]
    manifest.write_text(json.dumps(content), "utf-8")
    code, _, err = command("status", done)
    assert code == 2
    assert f"asking {removed!r} is not in the plan" in err
    assert RunFolder(done).noun == "asking"


@pytest.mark.parametrize(
    "verb",
    [
        *(["language"], ["dynamics"], ["probabilities"], ["reask", "-n", "1"], ["reselect", "--select", "uniform"]),
        *(["strategies", "label", "--model", "scripted:x"], ["strategies", "compare", "--human", "x"], ["strategies", "agreement"]),
        *(["strategies", "sheet", "--out", "s.csv"], ["outcome", "read", "--model", "scripted:x"], ["outcome", "sheet", "--out", "o.csv"]),
        *(["outcome", "agreement"], ["outcome", "audit"]),
    ],
    ids=" ".join,
)
def test_verbs_for_dialogues_refuse_it_in_one_sentence(done, command, verb):
    words = verb[: 1 if verb[0] not in ("strategies", "outcome") else 2]
    code, out, err = command(*words, done, *verb[len(words) :])
    assert (code, out) == (2, "")
    assert err.startswith(f"vs-sim: {done} is a run of single prompts, expected one of dialogues; ") and err.count("\n") == 1


def test_prompts_and_dialogues_do_not_mix(done, run, prompt_study, command, tmp_path):
    study = prompt_study.path / "study.toml"
    for verb in (
        ["compare", run, "--human", done],
        ["human", "sample", done, "--out", tmp_path / "sample"],
        ["language", run, done],
        ["run", study, "--out", run],
        ["play", study, "--as", "persuadee", "--out", tmp_path / "played"],
        ["personas", "show", tmp_path / "prompts.toml"],
        ["plan", study, "--half-width", "mean=10"],
        ["run", study, "--personas", tmp_path / "prompts.toml"],
    ):
        code, _, err = command(*verb)
        assert code == 2, verb
        assert err.startswith("vs-sim: ") and err.count("\n") == 1, verb
    assert "another study" in command("run", study, "--out", run)[2]
    assert "is a run of single prompts" in command("compare", run, "--human", done)[2]


def test_a_candidate_that_was_given_five_times_is_no_bare_text(prompt_study, command, tmp_path):
    one = '{"reply": "4", "probability": 0.2}'
    rules = f"[[rule]]\nwhen = '.'\nreplies = ['{{\"candidates\": [{', '.join([one] * 5)}]}}']\n"
    study = prompt_study.write(rules=rules, conditions=[{"name": "vs", "method": "vs_standard", "k": 5}], n_replies=5)
    code, _, err = command("run", study, "--out", tmp_path / "run", "--watch")
    assert code == 0
    assert "r0  1 candidate, given 5 times: 4  " in err
    assert "r0  1 candidate, given 5 times: 4\n" in command("show", tmp_path / "run")[1]
    id = json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))["conversations"][0]["id"]
    assert "> 1.000 4 [given 5 times, merged_duplicate]" in " ".join(command("show", tmp_path / "run", id)[1].split())


def test_a_plan_of_prompts_is_of_askings_in_json_too(prompt_study, command):
    found = json.loads(command("plan", prompt_study.write(), "--json")[1])
    assert found["n_askings"] == len(found["askings"]) == 18
    assert not [key for key in found if "conversation" in key]
