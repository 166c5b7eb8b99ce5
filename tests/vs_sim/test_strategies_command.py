"""vs-sim strategies: from the dialogues to table, figure and agreement, and how mistakes end."""

import csv
import io
import json
import shutil

import pytest

from tests.endpoint import CUT_OFF
from tests.strategy_runs import PITY, fits, labels, reference_of, run_of, transcript

CONDITIONS = ("direct", "vs")


@pytest.fixture
def run(tmp_path):
    run_of(tmp_path / "run", [transcript(f"c{i}", condition=CONDITIONS[i % 2], number=i // 2) for i in range(6)])
    return tmp_path / "run"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return reference_of(tmp_path_factory.mktemp("made") / "people")


@pytest.fixture
def people(made, tmp_path):
    """A copy of the reference, for a test to label."""
    return shutil.copytree(made, tmp_path / "people")


@pytest.fixture
def label(command, endpoint):
    endpoint.reply = fits

    def label(folder, *options):
        return command("strategies", "label", folder, "--model", "openai:reader", "--base-url", endpoint.url, *options)

    return label


def test_label_says_how_many_and_what(label, run, endpoint):
    code, out, err = label(run, "-n", 2)
    assert code == 0 and "openai:reader labels 6 turns of 2 dialogues" in err
    assert "6 of 6 turns are labelled by openai:reader" in out
    assert {line.split()[0]: line.split()[1] for line in out.splitlines()[2:]}["none"] == "2"
    assert label(run)[1].startswith("18 of 18 turns are labelled") and len(endpoint.bodies) == 18


def test_a_scripted_model_is_no_evidence(command, label, run):
    _, out, _ = command("strategies", "label", run, "-n", 1, "--model", "scripted:donation")
    assert out.splitlines()[-1] == "Small or scripted model: shows the machinery, no evidence about the method."
    assert "Small or scripted" not in label(run)[1]


def test_what_fails_is_said_and_owed(label, run, endpoint):
    def wrong(body):
        _, _, message = body["messages"][0]["content"].partition("The message to label:")
        return labels(("emotion-appeal", "sad")) if PITY in message else fits(body)

    endpoint.reply = wrong
    code, out, err = label(run, "-n", 1)
    assert code == 1 and out.startswith("2 of 3 turns are labelled")
    assert "1 failed: ReplyError:no_quote" in err and "give the same command again to go on" in err
    endpoint.fault = lambda n, body: CUT_OFF
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"starts": [{"run": {"max_tries": 1}}]}))  # six tries wait for half a minute
    assert label(run, "--concurrency", 1)[0] == 3


@pytest.mark.slow
def test_table_figure_and_agreement(command, label, run, people):
    label(run)
    code, out, _ = command("strategies", "compare", run, "--human", people)
    said = " ".join(out.split())
    assert code == 0
    assert "Run labelled by openai:reader, humans annotated by people" in said
    assert "NOT LIKE WITH LIKE: here a model labelled the run, and people annotated the humans" in said
    assert "openai:reader has not labelled the human dialogues; for a comparison of like with like: vs-sim strategies label" in said
    assert "Like with like: run" not in said and "precision" not in said
    label(people)
    code, out, _ = command("strategies", "compare", run, "--human", people)
    table, _, files = out.partition("table: ")
    said = " ".join(table.split())
    assert "Like with like: run and humans both labelled by openai:reader, with the same prompt" in said
    assert "Strategies as openai:reader labels them against the annotators' labels: 6 turns of 2 human dialogues" in said
    assert max(map(len, table.splitlines())) <= 100
    row = next(line for line in table.splitlines() if line.startswith("Source inquiry  "))
    assert row.split()[2] == ".333"
    for name in ("strategies-annotators.png", "strategies-model.pdf"):
        assert (run / name).is_file() and name in files
    rows = list(csv.DictReader(io.StringIO((run / "strategies.csv").read_text("utf-8"))))
    assert len(rows) == 2 * 2 * 22 and {row["humans_labelled_by"] for row in rows} == {"annotators", "model"}
    found = json.loads(command("strategies", "compare", run, "--human", people, "--json")[1])
    assert found["model"] == "openai:reader" and len(found["measured"]["model"]) == 44
    (logical,) = [m for m in found["measured"]["annotators"] if m["name"] == "logical_appeal_turns" and m["label"] == "vs"]
    assert (logical["value"], logical["human"], logical["n"], logical["n_human"]) == (0, pytest.approx(1 / 3), 3, 2)
    assert [one["strategy"] for one in found["agreement"]][:2] == ["logical-appeal", "emotion-appeal"]


def test_check_holds_a_model_against_the_annotators(command, label, people):
    label(people)
    code, out, _ = command("strategies", "check", people)
    assert code == 0 and max(map(len, out.splitlines())) <= 100
    emotion = next(line for line in out.splitlines() if line.startswith("Emotion appeal"))
    assert emotion.split()[2:4] == ["2", "2"] and "1.00" in emotion
    found = json.loads(command("strategies", "check", people, "--json")[1])
    by = {one["strategy"]: one for one in found["strategies"]}
    assert (by["emotion-appeal"]["f1"], by["logical-appeal"]["recall"], by["logical-appeal"]["kappa"]["value"]) == (1.0, 0.0, 0.0)


def test_labels_under_another_prompt_are_another_instrument(command, label, run, people):
    label(run)
    label(people)
    segment = people / "strategies" / "00001.jsonl"
    rows = [json.loads(line) | {"prompt": "0" * 64} for line in segment.read_text("utf-8").splitlines()]
    segment.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    said = " ".join(command("strategies", "compare", run, "--human", people)[1].split())
    assert "openai:reader labelled run and humans with different prompts; label both again" in said and "Like with like: run" not in said


def test_sheet_and_agreement(command, label, run, people):
    code, out, _ = command("strategies", "sheet", run, "--out", "labels.csv", "-n", 5, "--seed", 2)
    assert (code, out) == (0, "5 turns in labels.csv, how to label them in labels-instructions.md\n")
    code, _, err = command("strategies", "agreement", run)
    assert code == 2 and "nobody labelled its turns, expected two at least to agree" in err
    label(run)
    with open("labels.csv", encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    for name, column in (("first.csv", "none"), ("second.csv", "emotion-appeal")):
        with open(name, "w", encoding="utf-8", newline="") as file:
            marked = [[*row[:3], *("x" if c == column else "" for c in header[3:])] for row in rows]
            csv.writer(file).writerows([header, *marked])
    code, out, _ = command("strategies", "agreement", run, "--labels", "first.csv", "--labels", "second.csv")
    assert code == 0 and max(map(len, out.splitlines())) <= 100
    assert all(text in out for text in ("openai:reader (18 turns)", "first (5 turns)", "alpha of all", "kappa B, C"))
    found = json.loads(command("strategies", "agreement", run, "--labels", "first.csv", "second.csv", "--json")[1])
    assert found["pairs"][2]["same_set"] == 0 and found["readers"]["first"]["none"] == 5
    assert command("strategies", "agreement", run, "--labels", "first.csv", "first.csv")[0] == 2
    code, _, err = command("strategies", "agreement", people, "--labels", "first.csv")
    assert code == 2 and "first.csv, row 2, column turn: " in err and "is no turn of this run; is it the sheet of another run" in err


@pytest.mark.slow
def test_mistakes_are_one_sentence(command, label, run, people, tmp_path):
    code, _, err = command("strategies", "compare", run, "--human", people)
    assert code == 2 and "no turn is labelled with strategies; label them first: vs-sim strategies label" in err
    label(run)
    bare = reference_of(tmp_path / "bare", annotated=False)
    for arguments in (("compare", run, "--human", bare), ("check", bare)):
        code, _, err = command("strategies", *arguments)
        assert code == 2 and f"{bare}: no sentence of a persuader is annotated; import the data with the annotated dialogues" in err
    code, _, err = command("strategies", "compare", run, "--human", run)
    assert code == 2 and "is no reference of human dialogues: reference.json is missing" in err
    label(people, "--all")
    run_of(tmp_path / "half", [transcript("a"), transcript("b", failed=True)])
    label(tmp_path / "half")
    said = " ".join(command("strategies", "compare", tmp_path / "half", "--human", people)[1].split())
    assert "Missing, secret-arm: 1 of 2 conversations." in said
    run_of(tmp_path / "none", [transcript("a", failed=True)])
    for arguments in (("label", tmp_path / "none", "--model", "scripted:donation"), ("sheet", tmp_path / "none", "--out", "s.csv")):
        code, _, err = command("strategies", *arguments)
        assert code == 2 and "no conversation is complete; run the study first, then label its persuader's turns" in err
