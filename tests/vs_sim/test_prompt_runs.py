"""What the verbs make of a run of single prompts: its own words for it, and a sentence where a verb or an option is for dialogues."""

import json

import pytest

from tests.prompt_studies import RULES
from vs_sim.store import RunFolder


@pytest.fixture
def done(prompt_study, command, tmp_path):
    """A run of 18 askings, complete."""
    assert command("run", prompt_study.write(), "--out", tmp_path / "run")[0] == 0
    return tmp_path / "run"


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
