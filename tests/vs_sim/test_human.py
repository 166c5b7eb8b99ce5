"""Human dialogues become a reference that every reader of runs reads, the same from every layout, and samples of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.human_data import TALKS, Talk, write_convokit, write_csv, write_official
from vs_sim.cli import main
from vs_sim.errors import HumanDataError, RunFolderError
from vs_sim.human.filters import FILTERS
from vs_sim.human.importer import import_human, sample_human
from vs_sim.human.reference import HumanReference, load_human, person
from vs_sim.personas import load_personas
from vs_sim.store import RunFolder


@pytest.fixture
def reference(tmp_path: Path) -> HumanReference:
    return import_human(write_csv(tmp_path / "data", annotated="annotated_dev_"), tmp_path / "human")


def test_transcripts_hold_what_was_said_and_given(reference: HumanReference) -> None:
    first, second, third, fourth = RunFolder(reference.path).transcripts()
    assert [t.role for t in first.turns] == ["persuader", "persuadee"] * 2
    assert [t.text for t in first.turns] == list(TALKS[0].turns)
    assert [t.decision.amount for t in (first, second, third, fourth) if t.decision] == [50, 0, 2500, 107]
    assert first.started == "2018-07-19T10:00:00"
    assert all(t.complete and t.spec.condition == "humans" and t.spec.persuadee_model == "human:persuasionforgood" for t in (first, fourth))
    assert first.turns[1].distribution is None and first.decision is not None and first.decision.distribution is None
    assert RunFolder(reference.path).planned() == [t.spec for t in (first, second, third, fourth)]


def test_personas_stand_in_the_order_of_the_dialogues_with_ids_of_their_own(reference: HumanReference) -> None:
    persuadees = load_personas(reference.path / "persuadees.jsonl")
    persuaders = load_personas(reference.path / "persuaders.jsonl")
    assert [p.id for p in persuadees] == ["user_2-d1", "user_2-d2", "user_4-d1", "user_6-d1"]
    assert [p.id for p in persuaders] == ["user_1-d1", "user_3-d1", "user_8-d1", "user_2-d3"]
    assert [p.human_cents for p in persuadees] == [50, 0, 2500, 107]
    assert [p.human_cents for p in persuaders] == [None] * 4
    assert (persuadees[0].age, persuadees[0].sex, persuadees[0].income, persuadees[0].care) == (41, "Female", 5, 4.333333333)
    assert persuadees[0].race is None
    assert [t.spec.persuadee for t in reference.transcripts] == [p.id for p in persuadees]


def test_the_same_person_is_found_behind_every_persona(reference: HumanReference) -> None:
    assert [person(p.id) for p in reference.persuadees] == ["user_2", "user_2", "user_4", "user_6"]
    assert [a.persuadee_person for a in reference.annotations] == ["user_2", "user_2", "user_4", "user_6"]
    assert person("made-up-1") == "made-up-1"
    assert (reference.facts.n_persuadees, reference.facts.n_persuadees_again) == (3, 1)


def test_a_person_of_whom_nothing_was_measured_stays_in(reference: HumanReference) -> None:
    assert reference.persuadees[2].text is not None and reference.persuadees[2].age is None
    assert reference.facts.n_without_attributes == 2


def test_annotations_hold_stated_donation_and_acts(reference: HumanReference) -> None:
    first, second, _, fourth = reference.annotations
    assert (first.annotated, first.stated_cents, first.row, first.pay_cents) == (True, 25, 0, None)
    assert [(s.turn, s.role, s.text, s.acts) for s in first.sentences] == [
        (0, "persuader", "Hi.", ("greeting",)),
        (1, "persuadee", "I would.", ("agree-donation", "thank")),
    ]
    assert (second.annotated, second.stated_cents, second.row, second.pay_cents) == (False, None, 4, 30)
    assert (fourth.annotated, fourth.stated_cents, fourth.sentences) == (True, None, ())


def test_amounts_that_are_no_whole_cents_are_counted_and_left_out(tmp_path: Path) -> None:
    talk = replace(TALKS[0], stated=0.005)
    made = import_human(write_csv(tmp_path / "data", [talk], annotated="300_"), tmp_path / "human")
    assert made.annotations[0].stated_cents is None
    assert (made.facts.n_stated, made.facts.n_stated_not_whole) == (0, 1)


def test_a_donation_that_is_not_known_is_missing_and_never_zero(tmp_path: Path) -> None:
    made = import_human(write_csv(tmp_path / "data", [replace(TALKS[0], dollars=(0.0, float("nan")))]), tmp_path / "human")
    assert made.transcripts[0].decision is None and made.persuadees[0].human_cents is None
    assert made.facts.n_without_donation == 1 and made.facts.filters["all"].n_zero == 0


def test_every_layout_gives_the_same_version(tmp_path: Path) -> None:
    folders = {
        "csv": write_csv(tmp_path / "csv", annotated="annotated_dev_"),
        "csv 300": write_csv(tmp_path / "csv300", annotated="300_"),
        "repository": write_official(tmp_path / "repository"),
        "its data folder": write_official(tmp_path / "again") / "data",
        "convokit": write_convokit(tmp_path / "corpus"),
        "first convokit": write_convokit(tmp_path / "old", first_version=True),
    }
    made = {name: import_human(folder, tmp_path / f"human-{i}") for i, (name, folder) in enumerate(folders.items())}
    assert {r.facts.version for r in made.values()} == {made["csv"].facts.version}
    assert made["convokit"].transcripts == made["csv"].transcripts
    assert made["convokit"].annotations == made["csv"].annotations == made["repository"].annotations
    assert (made["convokit"].facts.layout, made["csv"].facts.layout) == ("convokit", "csv")
    assert [f.name for f in made["repository"].facts.inputs] == ["full_info.csv", "full_dialog.csv", "300_info.xlsx", "300_dialog.xlsx"]


def test_the_order_of_the_dialogues_does_not_change_the_version(tmp_path: Path) -> None:
    forth = import_human(write_csv(tmp_path / "a", TALKS[2:]), tmp_path / "human-a")
    back = import_human(write_csv(tmp_path / "b", TALKS[:1:-1]), tmp_path / "human-b")
    assert forth.facts.version == back.facts.version
    assert [a.dialogue for a in forth.annotations] == [a.dialogue for a in back.annotations][::-1]


@pytest.mark.parametrize(
    "change",
    [
        {"turns": ("Hi!", "No.")},
        {"dollars": (0.0, 0.51)},
        {"users": ("user_1", "user_9")},
        {"attributes": {"age": 42.0}},
        {"stated": 0.3},
        {"acts": ((0, "Hi.", "other", ""),)},
    ],
)
def test_any_change_of_the_data_changes_the_version(tmp_path: Path, change: dict[str, object]) -> None:
    versions = [
        import_human(write_csv(tmp_path / str(i), [talk], annotated="300_"), tmp_path / f"human-{i}").facts.version
        for i, talk in enumerate((TALKS[0], replace(TALKS[0], **change)))
    ]
    assert versions[0] != versions[1]


def test_importing_again_leaves_the_same_reference_alone(tmp_path: Path, reference: HumanReference) -> None:
    stamp = (reference.path / "manifest.json").stat().st_mtime_ns
    again = import_human(tmp_path / "data", tmp_path / "human")
    assert again.facts == reference.facts
    assert (reference.path / "manifest.json").stat().st_mtime_ns == stamp


def test_another_reference_is_not_overwritten(tmp_path: Path, reference: HumanReference) -> None:
    write_csv(tmp_path / "data", TALKS[:3], annotated="annotated_dev_")
    with pytest.raises(HumanDataError, match=r"holds another reference \(version .*4 dialogues.*give another folder with --out"):
        import_human(tmp_path / "data", tmp_path / "human")
    assert load_human(tmp_path / "human").facts == reference.facts


def test_a_folder_with_other_things_is_not_touched(tmp_path: Path) -> None:
    write_csv(tmp_path / "data")
    with pytest.raises(HumanDataError, match="is there already and holds no reference"):
        import_human(tmp_path / "data", tmp_path / "data")
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["full_dialog.csv", "full_info.csv"]


def test_nothing_half_made_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_csv(tmp_path / "data")
    monkeypatch.setattr(Path, "rename", _no_room)
    with pytest.raises(HumanDataError, match="cannot be written: No space left"):
        import_human(tmp_path / "data", tmp_path / "human")
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_several_may_make_the_same_reference_at_once(tmp_path: Path) -> None:
    write_csv(tmp_path / "data")
    (tmp_path / ".human.1.new" / "transcripts").mkdir(parents=True)  # as one leaves it that is killed
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: import_human(tmp_path / "data", tmp_path / "human"), range(8)))
    assert all(one == made[0] for one in made)
    assert load_human(tmp_path / "human") == made[0]
    assert sorted(p.name for p in tmp_path.iterdir()) == [".human.1.new", "data", "human"]


def test_a_name_that_no_folder_can_have_is_said(tmp_path: Path) -> None:
    with pytest.raises(HumanDataError, match=r"cannot be written: File name too long; give another folder with --out"):
        import_human(write_csv(tmp_path / "data"), tmp_path / ("x" * 300))


def _no_room(self: Path, target: Path) -> None:
    raise OSError(28, "No space left on device")


def test_git_does_not_see_the_rows(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    import_human(write_csv(tmp_path / "data"), tmp_path / "human")
    seen = subprocess.run(["git", "-C", str(tmp_path), "status", "--short"], check=True, capture_output=True, text=True).stdout
    assert "human" not in seen.replace("?? data/", "")


def test_a_reference_is_loaded_as_it_was_made(reference: HumanReference) -> None:
    assert load_human(reference.path) == reference


def _one_more(path: Path) -> None:
    line = (path / "transcripts" / "00001.jsonl").read_text("utf-8").splitlines()[0]
    (path / "transcripts" / "00002.jsonl").write_text(line.replace('"id":"', '"id":"0', 1) + "\n", "utf-8")


def test_what_is_made_of_a_reference_may_lie_in_it(reference: HumanReference) -> None:
    (reference.path / "readings").mkdir()
    for name in ("readings/00001.jsonl", "dynamics.csv", "comparison.png", "comparison.pdf"):
        (reference.path / name).write_text("{}", "utf-8")
    assert load_human(reference.path) == reference


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda p: (p / "reference.json").unlink(), "is no reference of human dialogues: reference.json is missing"),
        (lambda p: (p / "annotations.jsonl").unlink(), "is no reference of human dialogues: annotations.jsonl is missing"),
        (lambda p: (p / "reference.json").write_text("{}"), r"the reference is damaged \(Field required\); import the data again"),
        (
            lambda p: _edit(p / "transcripts" / "00001.jsonl", '"amount":50', '"amount":51'),
            "version .*: transcripts/00001.jsonl was changed",
        ),
        (lambda p: _edit(p / "persuadees.jsonl", '"age":41', '"age":42'), "the content is not that of version .*: persuadees.jsonl was"),
        (lambda p: _edit(p / "persuadees.jsonl", "user_2-d1", "user_2-d9"), "the content is not that of version .*: persuadees.jsonl was"),
        (lambda p: _edit(p / "annotations.jsonl", '"stated_cents":25', '"stated_cents":26'), "version .*: annotations.jsonl was changed"),
        (lambda p: _edit(p / "annotations.jsonl", '"pay_cents":30', '"pay_cents":null'), "version .*: annotations.jsonl was changed"),
        (lambda p: _edit(p / "annotations.jsonl", '"row":4', '"row":5'), "version .*: annotations.jsonl was changed"),
        (lambda p: _edit(p / "manifest.json", '"replicates": 1', '"replicates": 2'), "version .*: manifest.json was changed"),
        (_one_more, "is not in the plan of manifest.json"),
    ],
)
def test_a_changed_reference_is_refused(reference: HumanReference, spoil: Callable[[Path], None], sentence: str) -> None:
    spoil(reference.path)
    with pytest.raises((HumanDataError, RunFolderError), match=sentence):
        load_human(reference.path)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")


def many(n: int) -> list[Talk]:
    return [replace(TALKS[0], id=f"2018-{i:04d}", users=(f"user_{i}", f"user_{i % 7}"), dollars=(0.0, i / 100)) for i in range(n)]


def test_sample_and_rest_share_out_the_dialogues(tmp_path: Path) -> None:
    whole = import_human(write_csv(tmp_path / "data", many(40)), tmp_path / "human")
    sample, rest = sample_human(whole, tmp_path / "sample", n=15, seed=3, rest=tmp_path / "rest")
    assert (sample.facts.n_dialogues, rest.facts.n_dialogues) == (15, 25)
    assert {a.dialogue for a in sample.annotations} | {a.dialogue for a in rest.annotations} == {a.dialogue for a in whole.annotations}
    of_whole = {t.spec.id: (t, a, p, q) for t, a, p, q in _dialogues(whole)}
    for one in (*_dialogues(load_human(tmp_path / "sample")), *_dialogues(load_human(tmp_path / "rest"))):
        assert of_whole[one[0].spec.id] == one
    assert rest.facts.drawn is not None and rest.facts.drawn.model_dump() == {
        "version": whole.facts.version,
        "filter": "all",
        "n_filtered": 40,
        "n": 25,
        "seed": 3,
        "part": "rest",
    }


def _dialogues(r: HumanReference) -> list[tuple[object, ...]]:
    return list(zip(r.transcripts, r.annotations, r.persuaders, r.persuadees, strict=True))


def test_a_seed_draws_the_same_dialogues_whatever_their_order(tmp_path: Path) -> None:
    talks = many(30)
    forth = import_human(write_csv(tmp_path / "a", talks), tmp_path / "human-a")
    back = import_human(write_csv(tmp_path / "b", talks[::-1]), tmp_path / "human-b")
    drawn = [sample_human(r, tmp_path / f"sample-{i}", n=10, seed=5)[0] for i, r in enumerate((forth, back))]
    assert {a.dialogue for a in drawn[0].annotations} == {a.dialogue for a in drawn[1].annotations}
    assert drawn[0].facts.version == drawn[1].facts.version
    (other,) = sample_human(forth, tmp_path / "sample-2", n=10, seed=6)
    assert other.facts.version != drawn[0].facts.version


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"n": 5}, r"5 dialogues cannot be drawn, expected 1 to 4 \(filter 'all'\)"),
        ({"n": 4, "filter": "paid_2"}, r"4 dialogues cannot be drawn, expected 1 to 3 \(filter 'paid_2'\)"),
        ({"n": 0}, "0 dialogues cannot be drawn"),
        ({"filter": "paid2"}, "there is no filter 'paid2' of human dialogues, expected one of all, paid_2, paper, paper_test"),
        ({"filter": "paper_test"}, "the filter 'paper_test' cannot be told here: it is defined in the full PersuasionForGood only"),
        ({"rest": "rest"}, "no rest is left of 4 dialogues"),
    ],
)
def test_what_cannot_be_drawn_is_said(tmp_path: Path, reference: HumanReference, given: dict[str, object], sentence: str) -> None:
    if "rest" in given:
        given = {"rest": tmp_path / "rest"}
    with pytest.raises(HumanDataError, match=sentence):
        sample_human(reference, tmp_path / "sample", **given)  # type: ignore[arg-type]
    assert not (tmp_path / "sample").exists()


def test_sample_and_rest_are_both_made_or_none(tmp_path: Path, reference: HumanReference) -> None:
    with pytest.raises(HumanDataError, match="cannot hold both the sample and the rest; give another folder with --rest"):
        sample_human(reference, tmp_path / "sample", n=2, rest=tmp_path / "data" / ".." / "sample")
    with pytest.raises(HumanDataError, match="data: is there already and holds no reference"):
        sample_human(reference, tmp_path / "sample", n=2, rest=tmp_path / "data")
    assert not (tmp_path / "sample").exists()


def test_filters_are_counted(reference: HumanReference) -> None:
    counts = {name: (c.n, c.n_zero, c.n_above_200) for name, c in reference.facts.filters.items()}
    assert counts == {"all": (4, 1, 1), "paid_2": (3, 0, 1), "paper": (3, 0, 1), "paper_test": (None, None, None)}
    assert set(counts) == set(FILTERS)


def test_the_commands_print_what_they_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = write_csv(tmp_path / "data", annotated="300_")
    assert main(["human", "import", str(data), "--out", str(tmp_path / "human")]) == 0
    printed = capsys.readouterr().out
    table = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert table["all"][:4] == ["all", "4", "1", "1"]
    assert table["all"][4:] == ["$0.523", "(3)", "$0.892", "(4)", "$6.643", "(4)"]
    assert "paper_test        -   cannot be told in these data" in printed
    assert "measured of nobody: race, marital, " in printed
    assert max(map(len, printed.splitlines()[1:])) <= 100
    assert main(["human", "sample", str(tmp_path / "human"), "--out", str(tmp_path / "two"), "-n", "2", "--seed", "9", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["n_dialogues"], facts["drawn"]["n"], facts["drawn"]["seed"]) == (2, 2, 9)
    assert main(["human", "import", str(tmp_path / "none")]) == 2
    assert "there is no such folder" in capsys.readouterr().err


def test_a_reference_is_read_like_a_run(reference: HumanReference, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(reference.path)
    assert main(["status", run]) == 0
    assert "humans / human:persuasionforgood: 4 of 4 complete" in capsys.readouterr().out
    assert main(["show", run]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert main(["show", run, reference.transcripts[0].spec.id]) == 0
    shown = capsys.readouterr().out
    assert "between people" in shown and "decision in private: $0.50" in shown and f"persuadee: {TALKS[0].turns[1]}" in shown
    assert main(["compare", run, "--json"]) == 0  # without the figure, which takes seconds
    assert '"n": 3' in capsys.readouterr().out
