"""Scenarios: a folder of data makes another dialogue, and what is wrong in it is said with file and key."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategy_runs import reference_of
from tests.vs_sim.test_parse import read_cents
from vs_sim.cli import main
from vs_sim.errors import StudyError
from vs_sim.propose import message_among
from vs_sim.read_amount import AmountReader
from vs_sim.scenario import DEFAULT, PROMPTS, Scenario, load_scenario
from vs_sim.store import RunFolder
from vs_sim.study import load_study

DONATION = load_scenario(DEFAULT)
FOLDER = Path(__file__).parents[2] / "vs_sim" / "scenarios" / "donation"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "mine"
    shutil.copytree(FOLDER, copy)
    return copy


def test_the_donation_is_the_default() -> None:
    scale = DONATION.scale
    assert (scale.low, scale.high, scale.unit, DONATION.humans) == (0, 200, "cents", "persuasionforgood")
    assert scale.text(50) == "$0.50" and scale.read == read_cents
    assert set(DONATION.prompts) == set(PROMPTS)


def test_a_folder_is_a_scenario(folder: Path, tmp_path: Path) -> None:
    assert load_scenario("mine", tmp_path) == load_scenario(str(folder)) == DONATION


@pytest.mark.parametrize(
    "persona", ["{{ x }}", "{% if y %}z{% endif %}", "{# gone? #}", "{{ persona }}", "a < b & 'c' > \"d\"", "{{", "1\n\n\n2"]
)
def test_a_persona_stays_verbatim(persona: str) -> None:
    for name in ("persuader", "persuadee"):
        assert persona in DONATION.render(name, persona=persona, rounds=3)


@given(persona=st.text(min_size=1).filter(lambda t: t == t.strip()))
def test_any_persona_stays_verbatim(persona: str) -> None:
    assert DONATION.render("persuadee", persona=persona, rounds=3).count(persona) >= 1


def _write(name: str, text: str) -> Any:
    return lambda folder: (folder / name).write_text(text, "utf-8")


def _edit(old: str, new: str) -> Any:
    def edit(folder: Path) -> None:
        text = (folder / "scenario.toml").read_text("utf-8")
        assert old in text
        (folder / "scenario.toml").write_text(text.replace(old, new), "utf-8")

    return edit


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda folder: (folder / "decide.md").unlink(), r"scenario.toml: decide\.md is missing or empty; a scenario has the prompts"),
        (_write("decide.md", "  \n"), r"decide\.md is missing or empty"),
        (_write("persuadee.md", "You are paid."), r"persuadee\.md does not use \{\{ persona \}\}, so that the model would not be told"),
        (_write("persuadee.md", "{{ persona }} {{ money }}"), r"persuadee\.md, line 1 uses \{\{ money \}\}; known there: persona, rounds"),
        (_write("decide.md", "{{ persona }} decides"), r"decide\.md, line 1 uses \{\{ persona \}\}; known there: nothing"),
        (_write("decide.md", "{% if %}"), r"decide\.md is no sound template"),
        (
            _write("persuader.md", "{{ persona.__class__.__mro__ }}"),
            r"persuader\.md, line 1: a prompt cannot have the template construct 'getattr'",
        ),
        (_write("persuadee.md", "{% if persona %}You are paid.{% endif %}"), r"persuadee\.md does not use \{\{ persona \}\}, so that"),
        (
            _write("next_persuader.md", "{% if reply_words > 50 %}Hm?{% endif %}"),
            r"next_persuader\.md says nothing where its conditions are not",
        ),
        (_write("persuader.md", "{{ persona }}{% if persona > 5 %}!{% endif %}"), r"line 1: only numbers can be compared by size"),
        (_edit("high = 200", "high = 0"), r"low = 0 is not below high = 0"),
        (_edit("high = 200", "high = 5000"), r"scale\.high = 5000: expected at most 1,000"),
        (_edit("edges = [0, 1", "edges = [1, 1"), r"edges = \[1, 1, 25.*expected whole numbers that rise from low = 0 to at most 200"),
        (_edit('unit = "cents"', 'unit = "points"'), r"humans = 'persuasionforgood' gave cents, but scale\.unit = 'points'"),
        (_edit('unit = "cents"', 'units = "cents"'), r"unknown key 'scale\.units'; did you mean 'unit'\?"),
        (_edit("[speakers]", "[speaker]"), r"unknown key 'speaker'; did you mean 'speakers'\?"),
        (_edit('persuadee = "Other participant"', ""), r"speakers\.persuadee is missing"),
        (_edit("[scale]", "[scale"), r"is no valid TOML"),
        (lambda folder: (folder / "scenario.toml").unlink(), r"there is no '.*scenario\.toml'; expected 'donation' or a folder"),
    ],
)
def test_what_is_wrong_is_said(folder: Path, spoil: Any, sentence: str) -> None:
    spoil(folder)
    with pytest.raises(StudyError, match=sentence):
        load_scenario(str(folder))


@pytest.mark.parametrize("text", ["{% if reply_words > 5 %}Long.{% elif not reply_words == 3 %}Short.{% else %}-{% endif %}", "{{ '{{' }}"])
def test_a_prompt_may_have_names_and_conditions(folder: Path, text: str) -> None:
    _write("next_persuader.md", text)(folder)
    assert load_scenario(str(folder)).render("next_persuader", reply_words=9) in ("Long.", "{{")


@pytest.mark.parametrize(
    ("text", "construct"),
    [
        ("{{ 1/0 }}", "div"),
        ('{% include "x" %}', "include"),
        ("{{ range(999999999) }}", "call"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "macro"),
        ("{% for a in [1] %}{% endfor %}", "for"),
        ('{{ "x" * 3000000000 }}', "mul"),
        ('{{ "a"|center(9999999999) }}', "filter"),
        ("{{ 10**(10**8) }}", "pow"),
        ("{{ [1,2]|random }}", "filter"),
        ("{{ lipsum() }}", "call"),
    ],
)
def test_a_prompt_cannot_compute(folder: Path, text: str, construct: str) -> None:
    _write("decide.md", f"Well?\n{text}")(folder)
    with pytest.raises(StudyError, match=rf"decide\.md, line 2: a prompt cannot have the template construct '{construct}'; expected"):
        load_scenario(str(folder))


@pytest.mark.parametrize("text", ["{{" + "(" * 5000, "{% if 1 %}" * 150 + "x" + "{% endif %}" * 150, "{{ " + "9" * 5000 + " }}"])
def test_a_prompt_without_end_is_refused(folder: Path, text: str) -> None:
    _write("decide.md", text)(folder)
    with pytest.raises(StudyError, match=r"decide\.md is no sound template"):
        load_scenario(str(folder))


@pytest.mark.parametrize("name", ["x" * 300, "~nosuchuser/x"])
def test_a_folder_that_cannot_be_looked_for_is_named(name: str) -> None:
    with pytest.raises(StudyError, match=r"scenario = '.*': the folder cannot be read"):
        load_scenario(name)


POINTS = AmountReader("points", 0, 100)


@pytest.mark.parametrize(
    ("value", "text", "repaired"),
    [(70, "70", False), (1.0, "1", False), ("70", "70", True), ("70 points", "70", True), ("1 Point", "1", True), ("70 %", "70", True)],
)
def test_amounts_of_another_unit(value: Any, text: str, repaired: bool) -> None:
    assert POINTS(value) == (text, ("amount_as_text",) if repaired else ())


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (101, "amount_out_of_range"),
        (-1, "amount_out_of_range"),
        (0.5, "not_an_amount"),
        (True, "not_an_amount"),
        ("$0.70", "not_an_amount"),
        ("70 cents", "not_an_amount"),
        ("seventy", "not_an_amount"),
        (None, "not_an_amount"),
        ("9" * 50, "not_an_amount"),
    ],
)
def test_what_is_no_amount_is_refused(value: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        POINTS(value)


@given(value=st.one_of(st.integers(), st.floats(allow_nan=True), st.text(max_size=50), st.booleans(), st.none()))
def test_an_amount_is_on_the_scale_or_refused(value: Any) -> None:
    for reader in (POINTS, read_cents):
        try:
            text, _ = reader(value)
        except ValueError:
            continue
        assert reader.low <= int(text) <= reader.high


def test_names_of_the_speakers_are_no_part_of_what_is_said() -> None:
    read = message_among(["Nurse", "Dr. (Who)"]).read
    assert read("Nurse: Hello.") == ("Hello.", ("speaker_label",)) and read("dr. (who): Yes") == ("Yes", ("speaker_label",))
    assert read("You: Hi") == ("Hi", ("speaker_label",))
    assert read("Neighbour: Hi") == ("Neighbour: Hi", ()) and read("Nurses: all") == ("Nurses: all", ())


def test_a_scenario_survives_json() -> None:
    assert Scenario.model_validate_json(DONATION.model_dump_json()) == DONATION


RECYCLING = Path(__file__).parents[2] / "experiments" / "recycling"


@pytest.fixture(scope="module")
def pledges(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the study beside which another scenario ships."""
    out = tmp_path_factory.mktemp("pledges") / "run"
    assert main(["run", str(RECYCLING), "--model", f"scripted:{RECYCLING / 'rules.toml'}", "--out", str(out)]) == 0
    return out


def test_another_scenario_runs_without_touching_code(pledges: Path) -> None:
    folder = RunFolder(pledges)
    transcripts = folder.transcripts()
    assert len(transcripts) == 6 and all(t.complete for t in transcripts)
    assert all(t.decision and 0 <= t.decision.amount <= 100 for t in transcripts)
    scenario = Scenario.model_validate(folder.manifest()["study"]["scenario"])
    assert scenario == load_scenario("scenario", RECYCLING) and scenario.scale.text(50) == "50 %"


@pytest.mark.parametrize(
    "verb", [["compare"], ["language"], ["probabilities"], ["reselect", "--select", "uniform"], ["reask", "--times", "2"]]
)
def test_no_verb_speaks_of_money(pledges: Path, verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb[0], str(pledges), *verb[1:]]) == 0
    out, _ = capsys.readouterr()
    assert out and not any(word in out for word in ("$", "dollar", "cents"))


@pytest.mark.slow
def test_a_supplement_leaves_out_what_is_read_of_money_alone(pledges: Path, tmp_path: Path) -> None:
    out = tmp_path / "bundle"
    assert main(["bundle", str(pledges), "--out", str(out)]) == 0
    files = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    assert {"tables/comparison.csv", "tables/language.csv", "figures/comparison.pdf"} <= files
    assert not [name for name in files if "dynamics" in name]
    text = "".join((out / name).read_text("utf-8") for name in ("README.md", "methods.md", "results.md", "supplement.tex"))
    assert not any(word in text for word in ("$", "dollar", "cents", "dynamics"))
    assert "The course of the dialogues is left out: the rules" in text


@pytest.mark.parametrize(
    "verb",
    [
        ["compare", "--outcome", "stated"],
        ["dynamics"],
        ["audit"],
        ["read", "--model", "scripted:donation"],
        ["sheet", "--out", "x.csv"],
        ["agreement"],
    ],
)
def test_what_is_said_is_read_of_money_alone(pledges: Path, verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    before = [] if verb[0] in ("compare", "dynamics") else ["outcome"]
    assert main([*before, verb[0], str(pledges), *verb[1:]]) == 2
    assert "read by rules that know money only; this scenario's unit is '%'" in capsys.readouterr().err


def test_a_study_that_reads_what_is_said_is_about_money(tmp_path: Path) -> None:
    text = (RECYCLING / "study.toml").read_text("utf-8").replace('scenario = "scenario"', f'scenario = "{RECYCLING / "scenario"}"')
    text = text.replace('"../../personas/persuadees.toml"', f'"{RECYCLING.parents[1] / "personas" / "persuadees.toml"}"')
    text = text.replace('"persuaders.toml"', f'"{RECYCLING / "persuaders.toml"}"')
    (tmp_path / "study.toml").write_text('outcome = "stated"\n' + text, "utf-8")
    with pytest.raises(StudyError, match=r"study\.toml: outcome = 'stated' is read by rules that know money only, but the scenario's unit"):
        load_study(tmp_path)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """People who gave money."""
    return reference_of(tmp_path_factory.mktemp("people") / "reference")


@pytest.mark.parametrize("verb", ["compare", "language", "report", "bundle", "strategies compare"])
def test_people_who_gave_money_are_no_reference_for_another_scale(
    pledges: Path, people: Path, verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb.split(), str(pledges), "--human", str(people)]) == 2
    said = capsys.readouterr().err
    assert (
        "these people gave money, but this study's scenario has the unit '%'" in said
        or "the strategies are defined for a persuader who asks for a donation" in said
    )
    assert not (pledges / "bundle").exists() and not (pledges / "report.html").exists()
