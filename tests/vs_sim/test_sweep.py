"""Conditions written compactly."""

import json

import pytest

from vs_sim.kinds import load_any

SWEEP = """
[[sweep]]
method = ["direct", "sequence", "vs_standard"]
k = 2
temperature = [0.4, 1.0]
tau = [0.1, 0.9]
"""


MANY = [n / 200 for n in range(200)]


def test_every_combination_that_is_possible_is_a_condition_once(prompt_study):
    path = prompt_study.write(SWEEP)
    names = [c.name for c in load_any(path).conditions]
    assert names == [
        "direct",
        "vs",
        "direct temperature=0.4",
        "direct temperature=1.0",
        "sequence temperature=0.4",
        "sequence temperature=1.0",
        "vs_standard temperature=0.4 tau=0.1",
        "vs_standard temperature=0.4 tau=0.9",
        "vs_standard temperature=1.0 tau=0.1",
        "vs_standard temperature=1.0 tau=0.9",
    ]


@pytest.mark.slow
def test_each_condition_is_asked_at_its_own_temperature(prompt_study, command, endpoint, tmp_path):
    endpoint.reply = lambda body: '{"reply": "Paris"}'
    sweep = '[[sweep]]\nmethod = "direct"\ntemperature = [0.1, 1.5, "default"]\ntop_p = 0.5\n'
    path = prompt_study.write(sweep, models="openai:x", n_replies=1, conditions=None, run={"base_url": endpoint.url})
    code, _, err = command("run", path, "--out", tmp_path / "run")
    assert code == 0, err
    assert sorted(str(body.get("temperature")) for body in endpoint.bodies) == ["0.1", "0.1", "1.5", "1.5", "None", "None"]
    assert {body["top_p"] for body in endpoint.bodies} == {0.5}
    code, _, err = command("run", path, "--out", tmp_path / "run")
    assert code == 0, "the same command finds its own answers again"
    assert len(endpoint.bodies) == 6
    assert "temperature=1.5" in json.dumps(json.loads((tmp_path / "run" / "manifest.json").read_text("utf-8"))["study"]["conditions"])


@pytest.mark.parametrize(
    ("sweep", "sentence"),
    [
        ("[[sweep]]\nk = 5\n", "sweep[1]: key 'method' is missing"),
        ('[[sweep]]\nmethod = "direct"\nheat = 1\n', "sweep[1].heat: unknown key; known here are method, k"),
        ("[[sweep]]\nmethod = []\n", "sweep[1].method = []: expected at least one value"),
        ('[sweep]\nmethod = "direct"\n', "sweep: expected tables [[sweep]]"),
        ('[[sweep]]\nmethod = "direct"\nk = 99\n', "sweep[1].k has no meaning for 'direct'; remove it"),
        (
            '[[sweep]]\nmethod = ["cot", "sequence"]\nk = 3\ntau = "nonsense"\n',
            "sweep[1].tau has no meaning for 'cot' or 'sequence'",
        ),
        ('[[sweep]]\nmethod = ["direct", "vs_standard"]\nk = 3\ntau = 2.0\n', "tau = 2.0: expected less than 1"),
        ('[[sweep]]\nmethod = "vs_standard"\nk = [1, 5]\n', "1 is impossible; expected 2 to 20"),
        ('[[sweep]]\nmethod = ["direct", ["cot"]]\n', "sweep[1].method: ['cot'] is no value that a condition can have"),
        ('[[sweep]]\nmethod = "direct"\n[sweep.temperature]\na = 1\n', "sweep[1].temperature: {'a': 1} is no value"),
        ('[[sweep]]\nmethod = "direct"\ntemperature = [1, 1.0]\n', "sweep[1].temperature: 1 stands there 2 times"),
        (
            '[[sweep]]\nmethod = "vs_multi"\nk = 2\ncalls = [1, 2]\n',
            "sweep[1] gives a condition 'vs_multi calls=1', which is none:",
        ),
        ('[[sweep]]\nmethod = "sequence"\nk = 2\nselect = "weighted"\n', "sweep[1] gives a condition 'sequence', which is none: select"),
        (
            f'[[sweep]]\nmethod = "direct"\ntemperature = {MANY}\ntop_p = {MANY}\n',
            "sweep[1] gives 40,000 conditions, expected at most",
        ),
        ('[[sweep]]\nmethod = "direct"\ntemperature = [3.0]\n', "3.0 is out of range; expected 0 to 2"),
    ],
)
def test_what_is_wrong_is_said(prompt_study, command, sweep, sentence):
    code, _, err = command("plan", prompt_study.write(sweep))
    assert code == 2
    assert sentence in err


def test_conditions_beside_a_sweep_are_a_list(prompt_study, command):
    code, _, err = command("plan", prompt_study.write('[[sweep]]\nmethod = "direct"\n', conditions=3))
    assert (code, "conditions = 3: expected a list" in err) == (2, True)


def test_dialogues_have_sweeps_and_one_temperature(study_folder, command):
    path = study_folder.write()
    path.write_text(path.read_text("utf-8") + '[[sweep]]\nmethod = "vs_standard"\nk = [3, 5]\nselect = ["weighted", "uniform"]\n', "utf-8")
    code, said, err = command("plan", path)
    assert code == 0, err
    assert "6 conditions" in said
    path.write_text(path.read_text("utf-8") + "temperature = 0.1\n", "utf-8")
    code, _, err = command("plan", path)
    assert code == 2
    assert "temperature and top_p are those of the whole study of dialogues" in err
