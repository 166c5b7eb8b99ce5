"""Study files: what is refused, with which sentence, and what holds where a file is silent."""

from pathlib import Path

import pytest

from tests.conftest import DIRECT, VS, StudyFolder
from vs_sim.errors import PersonaError, StudyError
from vs_sim.study import load_study

SHIPPED = Path(__file__).parents[2] / "experiments" / "quickstart" / "study.toml"


def refused(path: Path, error: type[Exception] = StudyError, **options: object) -> str:
    with pytest.raises(error) as caught:
        load_study(path, **options)  # type: ignore[arg-type]
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence.removeprefix(f"{path}: ")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"ronds": 3}, "unknown key 'ronds'; did you mean 'rounds'?"),
        ({"question": " "}, "question: ' ' says nothing; write a sentence"),
        ({"persuader_model": "openai: "}, "persuader_model = 'openai: ': expected provider:model, such as"),
        ({"run": {"concurency": 3}}, "unknown key 'run.concurency'; did you mean 'concurrency'?"),
        (
            {"run": {"prices": {"a:b": {"inputs": 1, "output": 1, "input": 1}}}},
            "unknown key 'run.prices.a:b.inputs'; did you mean 'input'?",
        ),
        ({"conditions": [DIRECT, {**VS, "selct": "uniform"}]}, "unknown key 'conditions[2].selct'; did you mean 'select'?"),
        (
            {"personas": {"persuader": "persuaders.toml", "persuade": "x", "persuadee": "people.toml"}},
            "unknown key 'personas.persuade'; did",
        ),
        ({"persuadees": []}, "unknown key 'persuadees'; personas are named in the table [personas]"),
        ({"conditions": [{**VS, "k": 1}]}, "conditions[1]: k = 1 is impossible; expected 2 to 20"),
        ({"conditions": [{**VS, "k": 21}]}, "conditions[1]: k = 21 is impossible"),
        ({"conditions": [{**VS, "k": "five"}]}, "conditions[1].k"),
        ({"conditions": [{**VS, "k": None} | {"method": "multi_turn", "k": "model"}]}, 'conditions[1]: k = "model" is impossible'),
        ({"conditions": [{"name": "v", "method": "vs_standard"}]}, "conditions[1]: method 'vs_standard' needs k"),
        ({"conditions": [{**DIRECT, "k": 5}]}, "conditions[1]: k = 5 has no meaning for method 'direct'; remove it"),
        ({"conditions": [DIRECT, DIRECT]}, "conditions: name 'direct' stands there 2 times; each may stand there once"),
        ({"conditions": []}, "conditions = []: "),
        ({"persuadee_models": ["scripted:donation"] * 2}, "persuadee_models: 'scripted:donation' stands there 2 times"),
        ({"persuadee_models": []}, "persuadee_models = []: "),
        ({"persuader_model": "gpt-4.1"}, "persuader_model = 'gpt-4.1': "),
        ({"rounds": "two"}, "rounds = 'two': "),
        ({"rounds": 0}, "rounds = 0: "),
        ({"rounds": None}, "key 'rounds' is missing"),
        ({"question": None}, "key 'question' is missing"),
        ({"personas": None}, "key 'personas' is missing"),
        ({"seed": -1}, "seed = -1: "),
        ({"temperature": 2.5}, 'temperature: 2.5 is out of range; expected 0 to 2 or "default"'),
        ({"top_p": 1.5}, 'top_p: 1.5 is out of range; expected 0 to 1 or "default"'),
        ({"temperature": "hot"}, "temperature = 'hot': "),
        ({"min_rounds": 3}, "min_rounds = 3 is more than rounds = 2"),
        ({"outcome": "both"}, "outcome = 'both': "),
        ({"run": {"concurrency": 0}}, "run.concurrency = 0: "),
        ({"run": {"base_url": "localhost:8000"}}, "run.base_url: expected an address such as"),
        ({"run": {"base_url": "http://user:secret@localhost/v1"}}, "run.base_url: expected an address such as"),
        ({"run": {"api_key_env": "sk-proj-0123456789"}}, "run.api_key_env: expected the name of an environment variable"),
        (
            {"personas": {"persuader": "nobody.toml", "persuadee": "people.toml"}},
            "personas.persuader = 'nobody.toml': there is no such file",
        ),
        (
            {"personas": {"persuader": "persuaders.toml", "persuadee": "people.toml", "n_persuadees": 5}},
            "personas.n_persuadees = 5, but people.toml has only 4 personas",
        ),
        (
            {"personas": {"persuader": "persuaders.toml", "persuadee": "people.toml", "n_persuadees": 0}},
            "personas.n_persuadees = 0: ",
        ),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_file_is_refused_with_one_sentence(study_folder: StudyFolder, changes: dict[str, object], sentence: str) -> None:
    assert refused(study_folder.write(**changes)).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"question = ", "is no valid TOML: "),
        (b"seed = 1\nseed = 2\n", "is no valid TOML: "),
        (b"seed = " + b"9" * 5000, "is no valid TOML: it holds a whole number of more digits than can be read"),
        (b"seed = 0x" + b"f" * 5000, "is no valid TOML: it holds a whole number of more digits than can be read"),
        (b"x = " + b"[" * 5000, "is no valid TOML: brackets or keys are nested too deeply"),
        (b'question = "caf\xe9"\n', "byte 0xe9 at offset 15 is not UTF-8; save the file as UTF-8"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "study.toml"
    path.write_bytes(content)
    assert refused(path).startswith(sentence)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "study.toml") == "there is no such file; expected a study.toml"
    assert refused(tmp_path).endswith("study.toml: there is no such file; expected a study.toml")


def test_further_problems_are_counted(study_folder: StudyFolder) -> None:
    assert refused(study_folder.write(rounds=0, seed=-1)).endswith("(and 1 more)")
    assert "more)" not in refused(study_folder.write(temperature="hot"))


def test_repeated_personas_are_refused(study_folder: StudyFolder) -> None:
    study_folder.people(["ann", "ben", "ann"])
    assert "'ann'" in refused(study_folder.write(), PersonaError)


def test_a_model_without_provider_is_refused(study_folder: StudyFolder) -> None:
    path = study_folder.write()
    assert refused(path, model="gpt-4.1").startswith("model 'gpt-4.1' has no provider; write provider:model")


def test_a_question_cannot_steer_a_terminal(study_folder: StudyFolder) -> None:
    path = study_folder.write(question="COLOUR")
    path.write_text(path.read_text("utf-8").replace("COLOUR", "\\u001b[31mred"), "utf-8")
    assert refused(path).startswith("question: holds the control character '\\x1b', which a terminal would obey; remove it")


@pytest.mark.parametrize("model", [":gpt-4.1", "openai:", "OpenAI:gpt-4.1", "scripted:\x1b]0;pwn\x07x", "openai:x\u202ey"])
def test_a_model_given_by_hand_is_held_to_the_same_form(study_folder: StudyFolder, model: str) -> None:
    sentence = refused(study_folder.write(), model=model)
    assert repr(model) in sentence


def test_what_a_silent_file_means(study_folder: StudyFolder) -> None:
    study = load_study(study_folder.write(rounds=12))
    assert (study.min_rounds, study.replicates, study.temperature, study.top_p) == (10, 1, 0.7, 1.0)
    assert (study.outcome, study.form, study.json_schema, study.n_reasks) == ("actual", "chat", True, 2)
    assert (study.run.concurrency, study.run.max_tries, study.run.base_url) == (None, 6, None)
    vs = study.condition("vs")
    assert (vs.select, vs.wording, vs.format, vs.tau, vs.n_calls) == ("weighted", "explicit", "json", None, 1)
    assert load_study(study_folder.write(rounds=3)).min_rounds == 3


def test_a_file_with_byte_order_mark_is_read(study_folder: StudyFolder) -> None:
    path = study_folder.write()
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert load_study(path).rounds == 2


def test_one_persuadee_model_may_stand_without_brackets(study_folder: StudyFolder) -> None:
    assert load_study(study_folder.write(persuadee_models="scripted:donation")).persuadee_models == ("scripted:donation",)


def test_model_takes_the_place_of_every_model(study_folder: StudyFolder) -> None:
    study = load_study(study_folder.write(persuadee_models=["openai:a", "openai:b"]), model="scripted:x")
    assert study.models == ("scripted:x",)


def test_personas_take_the_place_of_all_persuadees(study_folder: StudyFolder) -> None:
    other = study_folder.people(["eve", "fay", "gus"], "others.toml")
    path = study_folder.write(personas={"persuader": "persuaders.toml", "persuadee": "people.toml", "n_persuadees": 2})
    assert [p.id for p in load_study(path).persuadees] == ["ann", "ben"]
    swapped = load_study(path, personas=other)
    assert [p.id for p in swapped.persuadees] == ["eve", "fay", "gus"]
    assert [p.id for p in swapped.persuaders] == ["asker", "teller"]


def test_a_missing_file_of_personas_given_by_hand_is_named(study_folder: StudyFolder, tmp_path: Path) -> None:
    assert str(tmp_path / "none.toml") in refused(study_folder.write(), PersonaError, personas=tmp_path / "none.toml")


def test_personas_are_found_from_another_working_directory(study_folder: StudyFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    study_folder.write()
    monkeypatch.chdir("/")
    assert len(load_study(study_folder.path).persuadees) == 4


def test_the_shipped_study_loads() -> None:
    study = load_study(SHIPPED)
    assert [c.name for c in study.conditions] == ["direct", "vs_standard"]
    assert len(study.persuadees) == 3
    assert study == load_study(SHIPPED.parent)
