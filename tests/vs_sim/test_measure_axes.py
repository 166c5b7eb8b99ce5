"""Figures of a run of prompts: what a sweep and the sizes of several models show; the sweep that ships."""

import json
from pathlib import Path

from tests.conftest import DIRECT
from tests.prompt_studies import VS
from vs_sim.commands.measures import parts_of, prompt_study_of
from vs_sim.store import RunFolder

CREATIVE = Path(__file__).parents[2] / "experiments" / "creative_writing"
WORDS = ["the boss", "my chair", "a lamp", "nobody", "the lift", "a plant", "lunch", "the printer"]


def rules(path: Path, n: int) -> Path:
    """A scripted model of `n` different direct replies that states eight when it states several."""
    stated = json.dumps({"candidates": [{"reply": word, "probability": 0.2} for word in WORDS[:5]]})
    listed = json.dumps({"candidates": [{"reply": word} for word in WORDS[:5]]})
    direct = ", ".join(f"""'{{"reply": "{word}"}}'""" for word in WORDS[:n])
    pairs = (("candidates.*probability", f"'''{stated}'''"), ("candidates", f"'''{listed}'''"), (".", direct))
    path.write_text("".join(f"[[rule]]\nwhen = '''{when}'''\nreplies = [{replies}]\n" for when, replies in pairs), "utf-8")
    return path


def test_the_sweep_that_ships_runs_and_says_whether_it_adds_up(command, tmp_path):
    for name in ("sweep.toml", "sweep_prompts.toml"):
        (tmp_path / name).write_text((CREATIVE / name).read_text("utf-8").replace('["meaning", "words"]', '["words"]'), "utf-8")
    run = tmp_path / "run"
    code, said, err = command("run", tmp_path / "sweep.toml", "--model", f"scripted:{rules(tmp_path / 'rules.toml', 4)}", "--out", run)
    assert code == 0, err
    assert "252 of 252" in said
    assert "Along temperature: diversity of words, scripted:" in said
    assert "sequence minus direct: +" in said and "vs_standard minus direct: +" in said
    assert "(n = 216 askings, 12 or more a condition, 3 prompts)." in " ".join(said.split())
    for name in ("sweep.csv", "sweep_effects.csv", "sweep.png", "diversity.png"):
        assert name in said and (run / name).is_file()
    (panel,) = json.loads(command("compare", run, "--json")[1])["sweep"]
    assert [[point["at"] for point in line["points"]] for line in panel["lines"]] == [[0.4, 0.8, 1.2]] * 3
    assert [(one["method"], one["base"]) for one in panel["effects"]] == [
        ("direct", None),
        ("sequence", "direct"),
        ("vs_standard", "direct"),
    ]


def test_gains_stand_by_the_sizes_that_are_known_and_sizes_may_be_given_later(prompt_study, command, tmp_path):
    models = [f"scripted:{rules(tmp_path / f'{name}.toml', n)}" for name, n in (("large", 3), ("small", 2), ("other", 2))]
    keys = {"models": models, "measures": ["words"], "conditions": [DIRECT, {**VS, "k": 5}], "n_replies": 10}
    run = tmp_path / "run"
    code, said, err = command("run", prompt_study.write(**keys), "--out", run)
    assert code == 0, err
    assert "no number of parameters is known; state it in [sizes]" in " ".join(said.split())
    assert not (run / "sizes.png").exists()
    code, said, err = command("run", prompt_study.write(**keys, sizes={models[0]: 70.0, models[1]: 8.0}), "--out", run)
    assert code == 0, err
    assert "Gain by model size: diversity of words, times direct" in said
    assert "other.toml" in said.partition("Not by model size")[2]
    assert (run / "sizes.csv").is_file() and (run / "sizes.png").is_file()
    found = [one for part in parts_of(RunFolder(run), prompt_study_of(RunFolder(run))) for one in part.figures.items()]
    sizes = dict(found)["sizes"].draw()
    assert "Small or scripted model: shows the machinery" in sizes.texts[-1].get_text()
    gains = json.loads(command("compare", run, "--json")[1])["sizes"]
    assert [(one["model"], one["billions"], one["condition"]) for one in gains] == [(models[0], 70.0, "vs"), (models[1], 8.0, "vs")]


def test_a_size_is_a_number_of_billions(prompt_study, command):
    code, _, err = command("plan", prompt_study.write(sizes={"openai:x": 0}))
    assert code == 2
    assert "sizes.openai:x = 0: " in err


def test_a_size_of_a_model_that_is_not_in_the_study_is_refused_but_a_study_may_be_tried_with_another_model(prompt_study, command, tmp_path):
    code, _, err = command("plan", prompt_study.write(models=["openai:x", "openai:y"], sizes={"openai:z": 8.0}))
    assert code == 2
    assert "study.toml: sizes.openai:z: is no model of this study; known here are openai:x, openai:y; rename or remove it" in err
    scripted = f"scripted:{rules(tmp_path / 'rules.toml', 2)}"
    assert command("plan", prompt_study.write(models=["openai:x"], sizes={"openai:x": 8.0}), "--model", scripted)[0] == 0


def test_one_model_without_a_sweep_has_neither(prompt_study, command, tmp_path):
    code, said, err = command("run", prompt_study.write(measures=["coverage", "words"]), "--out", tmp_path / "run")
    assert code == 0, err
    assert "Along" not in said and "model size" not in said
    assert {path.name for path in (tmp_path / "run").glob("*.png")} == {"coverage.png", "answers-1.png", "answers-2.png", "diversity.png"}
    found = json.loads(command("compare", tmp_path / "run", "--json")[1])
    assert "sweep" not in found and "sizes" not in found
    assert {one["prompt"]: one["shares"]["Paris"] for one in found["coverage"] if one["condition"] == "vs"} == {"city": 0.6, "other": 0.6}
    table = (tmp_path / "run" / "answers.csv").read_text("utf-8").splitlines()
    assert table[0] == "prompt,condition,model,answer,share,reference"
    assert any(line.startswith("city,vs,scripted:") and line.endswith("rules.toml,Nice,0.0,") for line in table)
