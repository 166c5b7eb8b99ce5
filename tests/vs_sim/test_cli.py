"""The vs-sim command: what each verb prints, and how each mistake ends."""

import json
import signal

import pytest

from tests.conftest import DIRECT, VS


def test_help_lists_the_verbs(vs_sim):
    done = vs_sim("--help")
    assert done.returncode == 0
    for verb in ("run", "plan", "status", "show", "compare", "verbalize", "personas", "model"):
        assert f"\n    {verb}" in done.stdout
    assert "Exit codes: 0 done;" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "nowhere.toml"], "vs-sim: nowhere.toml: there is no such file; expected a study.toml\n"),
        (["plan", "STUDY", "--model", "gpt"], "vs-sim: model 'gpt' has no provider; write provider:model"),
        (["plan", "STUDY", "--concurrency", "0"], "usage: vs-sim plan"),
        (["plan", "STUDY", "--base-url", "localhost"], "vs-sim: --base-url: expected an address such as"),
        (["plan", "STUDY", "--cap-tokens", "0"], "vs-sim: --cap-tokens '0': expected a number above 0\n"),
        (["plan", "STUDY", "--cap-dollars", "-2500000.5"], "vs-sim: --cap-dollars '-2500000.5': expected a number above 0\n"),
        (["plan", "STUDY", "--requests-per-minute", "nan"], "vs-sim: --requests-per-minute 'nan': expected a number above 0\n"),
        (["plan", "STUDY", "--tokens-per-minute", "inf"], "vs-sim: --tokens-per-minute 'inf': expected a number above 0\n"),
        (["plan", "STUDY", "--concurrency", "5000"], "vs-sim: --concurrency '5000': expected at most 4,096\n"),
        (["plan", "STUDY", "--service-tier", "cheap"], "vs-sim: --service-tier 'cheap': expected auto, default, flex or priority\n"),
        (["plan", "STUDY", "--personas", "none.toml"], "vs-sim: none.toml"),
        (["status", "nowhere"], "vs-sim: nowhere is no run folder: it has no manifest.json"),
        (["show", "nowhere"], "vs-sim: nowhere is no run folder"),
        (["compare", "nowhere"], "vs-sim: nowhere is no run folder"),
        (["personas", "show", "none.csv"], "vs-sim: none.csv"),
        (["verbalize", "Hello", "-k", "1", "--model", "scripted:donation"], "vs-sim: verbalize: k = 1 is impossible"),
        (["verbalize", "Hello", "--tau", "2", "--model", "scripted:donation"], "vs-sim: verbalize: tau = 2.0: "),
        (["model", "fetch"], "usage: vs-sim model fetch"),
        (["verbalize", "Hello", "--model", "scripted:nowhere"], "vs-sim: scripted:nowhere: there is no such rules file"),
        (["nonsense"], "usage: vs-sim"),
        ([], "usage: vs-sim"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_each_mistake_ends_with_a_sentence(command, study_folder, arguments, sentence):
    study = study_folder.write()
    code, out, err = command(*(study if a == "STUDY" else a for a in arguments))
    assert code == 2
    assert err.startswith(sentence)
    assert out == ""
    assert err.startswith("usage") or err.count("\n") == 1, "one sentence"


def test_a_model_without_key_exits_with_3(command, study_folder):
    code, _, err = command("run", study_folder.write(), "--model", "openai:gpt-4.1")
    assert code == 3
    assert "vs-sim: openai:gpt-4.1 needs a key: set OPENAI_API_KEY" in err


def test_plan_says_what_it_would_cost(command, study_folder):
    code, out, _ = command("plan", study_folder.write())
    assert code == 0
    said = " ".join(out.split())
    assert "8 conversations = 2 conditions x 1 persuadee models x 4 persuadees x 1 replicates; at most 2 rounds each" in said
    assert "scripted:donation: 40 calls" in said
    assert "cost: unknown; no price for scripted:donation" in said
    code, out, _ = command("plan", study_folder.path, "--json")
    found = json.loads(out)
    assert (found["n_conversations"], found["dollars"], len(found["conversations"])) == (8, None, 8)


def test_a_run_from_plan_to_figure(command, study_folder, tmp_path):
    study = study_folder.write(conditions=[DIRECT, VS])
    code, out, err = command("run", study, "--watch")
    run = tmp_path / "runs" / "mystudy"
    assert code == 0
    assert "8 of 8 conversations are complete in runs/mystudy" in out
    assert "no evidence about the method" in out
    assert "decision in private: " in err, "--watch shows the dialogues"
    for name in ("comparison.png", "comparison.pdf", "comparison.csv", "manifest.json"):
        assert (run / name).stat().st_size > 0

    code, out, _ = command("status", run, "--json")
    found = json.loads(out)
    assert code == 0
    assert [(a["n_planned"], a["n_complete"], a["n_failed"]) for a in found["arms"]] == [(4, 4, 0)] * 2
    assert found["n_calls"] == 40
    assert "direct / scripted:donation: 4 of 4 complete" in command("status", run)[1]

    listed = json.loads(command("show", run, "--json")[1])
    assert len(listed) == 8
    assert len(command("show", run)[1].splitlines()) == 8
    id = listed[1]["spec"]["id"]
    shown = command("show", run, id[:10])[1]
    assert shown.startswith(f"conversation {id}: ")
    assert listed[1]["turns"][0]["text"] in shown
    assert json.loads(command("show", run, id, "--json")[1]) == listed[1]
    code, _, err = command("show", run, "xyz")
    assert (code, "0 conversations have an id that begins with 'xyz'" in err) == (2, True)

    code, out, _ = command("compare", run, "--json", "--outcome", "stated", "--cleaning", "cap")
    assert (code, [c["which"] for c in json.loads(out)["comparisons"]]) == (0, ["stated", "stated"])

    code, out, err = command("run", study)
    assert (code, "8 of 8 conversations are complete already" in err) == (0, True)
    study_folder.write(conditions=[DIRECT, VS], seed=8)
    code, _, err = command("run", study)
    assert (code, err.splitlines()[-1].startswith("vs-sim: runs/mystudy holds a run of another study; changed since: seed.")) == (2, True)


def test_swapped_personas_are_a_run_of_their_own(command, study_folder, tmp_path):
    others = study_folder.people(["eve"], "others.toml")
    code, out, _ = command("run", study_folder.write(), "--personas", others)
    assert (code, "2 of 2 conversations are complete in runs/mystudy-others" in out) == (0, True)


def test_verbalize_prints_a_distribution(command, tmp_path):
    reply = '{"candidates": [{"reply": "tea", "probability": 0.6}, {"reply": "mate", "probability": 0.4}]}'
    (tmp_path / "drinks.toml").write_text(f"[[rule]]\nwhen = 'drink'\nreplies = ['{reply}']\n")
    asked = ("verbalize", "Name a drink", "-k", 2, "--model", "scripted:drinks.toml", "--seed", 3)
    code, out, _ = command(*asked)
    assert code == 0
    assert "0.600 0.6" in out and "tea" in out and "drawn with seed 3: " in out
    found = json.loads(command(*asked, "--json")[1])
    assert [c["text"] for c in found["candidates"]] == ["tea", "mate"]
    assert found["drawn"] in ("tea", "mate")


def test_personas_are_shown_as_the_model_sees_them(command, study_folder):
    code, out, _ = command("personas", "show", study_folder.path / "people.toml")
    assert code == 0
    assert "--- ben (matched to a human who gave 10 cents; not shown to the model)" in out
    assert out.endswith("4 personas\n")
    found = json.loads(command("personas", "show", study_folder.path / "people.toml", "--json")[1])
    assert [p["id"] for p in found] == ["ann", "ben", "cem", "dot"]


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        ("export", "nothing is half written: give the same command again"),
        ("judge", "nothing that was answered is lost: give the same command again to go on"),
    ],
)
def test_what_is_interrupted_says_what_is_there(command, monkeypatch, module, sentence):
    def interrupted(arguments):
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(f"vs_sim.commands.{module}._{module}", interrupted)
    line = {"export": ("--to", "csv"), "judge": ("--model", "scripted:x")}[module]
    assert command(module, "run", *line) == (130, "", f"vs-sim: interrupted; {sentence}\n")
