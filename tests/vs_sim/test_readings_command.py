"""vs-sim outcome read, sheet and agreement, and a study that has a second reader: from the dialogues to the table."""

import asyncio
import csv
import io
import json
import time

import pytest

from tests.dialogues import OPEN, PROMISE, REFUSAL, fits, folder_of
from tests.endpoint import refusal
from tests.human_data import Talk, write_csv
from vs_sim.cli import main
from vs_sim.label_sheet import bare
from vs_sim.plan import plan
from vs_sim.run import run_study
from vs_sim.second_reader import readings
from vs_sim.store import RunFolder
from vs_sim.study import load_study

SAID = {"a": OPEN, "b": PROMISE, "c": REFUSAL, "d": "I will donate 75 cents.", "e": OPEN, "f": "Put down 20 cents or 30 cents."}


@pytest.fixture
def run(tmp_path, endpoint):
    endpoint.reply = fits
    folder_of(tmp_path / "run", SAID)
    return tmp_path / "run"


@pytest.fixture
def read(command, run, endpoint):
    def read(*options):
        return command("outcome", "read", run, "--model", "openai:reader", "--base-url", endpoint.url, *options)

    return read


def test_read_says_how_many_and_what(read, endpoint):
    code, out, err = read()
    assert (code, len(endpoint.bodies)) == (0, 3)
    assert out == (
        "3 of 3 dialogues that the rules leave open are read by openai:reader\nall its readings: 1 amount, 0 refused, 2 undetermined\n"
    )
    assert err == "openai:reader reads 3 dialogues\n"
    code, out, err = read("--all", "--concurrency", "1")
    assert (code, len(endpoint.bodies), err) == (0, 6, "openai:reader reads 3 dialogues\n")
    assert out.startswith("6 of 6 complete dialogues are read by openai:reader\nall its readings: 3 amount, 1 refused, 2 undetermined")


def test_the_scripted_reader_of_the_documentation_leaves_all_open(command, run):
    code, out, _ = command("outcome", "read", run, "--model", "scripted:donation")
    assert (code, out.splitlines()[1]) == (0, "all its readings: 0 amount, 0 refused, 3 undetermined")


def test_what_is_missing_ends_with_1_and_is_read_by_the_same_command(read, endpoint):
    endpoint.reply = lambda body: "no idea" if "20 cents" in str(body["messages"]) else fits(body)
    code, out, err = read()
    assert code == 1
    assert out.startswith("2 of 3 ")
    assert "1 failed: ReplyError:not_one_object\nvs-sim: readings are missing; give the same command again to go on\n" in err
    endpoint.reply = fits
    assert read()[0] == 0


@pytest.mark.slow
def test_after_kill_9_only_what_was_in_flight_is_read_again(vs_sim, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {f"c{i:02}": OPEN for i in range(30)})
    endpoint.reply, endpoint.delay_s = fits, 0.05
    arguments = ("outcome", "read", "run", "--model", "openai:reader", "--base-url", endpoint.url, "--concurrency", "3")
    with vs_sim.start(*arguments) as process:
        while len(endpoint.bodies) < 15:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
        process.communicate()
    time.sleep(0.1)
    n_asked, n_read = len(endpoint.bodies), len(readings(folder)["openai:reader"])
    assert 0 <= n_asked - n_read <= 3 + 3, "those in flight, and those answered but not yet on the disk"
    endpoint.delay_s = 0
    done = vs_sim(*arguments)
    assert (done.returncode, len(endpoint.bodies)) == (0, n_asked + 30 - n_read)
    assert len(readings(folder)["openai:reader"]) == 30


def test_an_endpoint_that_fails_ends_with_3(read, endpoint, run):
    endpoint.fault = lambda n, body: refusal(400, "maximum context length") if n else refusal(404, "no such model")
    code, _, err = read("--concurrency", "1")
    assert (code, err.count("\n")) == (3, 2)
    assert "vs-sim: openai:reader at" in err and "does not know the model" in err


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["read", "nowhere", "--model", "openai:x"], 2, "vs-sim: nowhere is no run folder"),
        (["read", "RUN"], 2, "usage: vs-sim outcome read"),
        (["read", "RUN", "--model", "gpt"], 2, "vs-sim: model 'gpt': expected provider:model"),
        (["read", "RUN", "--model", "openai:x"], 3, "vs-sim: openai:x needs a key"),
        (["read", "RUN", "--model", "openai:x", "--concurrency", "5000"], 2, "vs-sim: --concurrency '5000': expected at most 4,096"),
        (["read", "RUN", "--model", "openai:x", "--base-url", "localhost"], 2, "vs-sim: --base-url: expected an address"),
        (["sheet", "RUN"], 2, "usage: vs-sim outcome sheet"),
        (["sheet", "RUN", "--out", "s.csv", "-n", "0"], 2, "usage: vs-sim outcome sheet"),
        (["sheet", "nowhere", "--out", "s.csv"], 2, "vs-sim: nowhere is no run folder"),
        (["agreement", "nowhere"], 2, "vs-sim: nowhere is no run folder"),
        (["agreement", "RUN", "--labels", "none.csv", "./none.csv"], 2, "vs-sim: none.csv: is given twice, expected each sheet once"),
        (["agreement", "RUN", "--labels", "none.csv"], 2, "vs-sim: none.csv: cannot be read"),
    ],
)
def test_each_mistake_ends_with_a_sentence(command, run, arguments, code, sentence):
    found, out, err = command("outcome", *(run if a == "RUN" else a for a in arguments))
    assert (found, out) == (code, "")
    assert err.startswith(sentence)


def labelled(path, labels):
    """Fill in a sheet as a spreadsheet with semicolons would save it."""
    rows = list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]), delimiter=";")
        table.writeheader()
        table.writerows({**row, "label": labels.get(bare(row["conversation"]), "")} for row in rows)


def test_from_a_sheet_to_agreement(command, run, read, tmp_path):
    read("--all")
    code, out, _ = command("outcome", "sheet", run, "--out", "kim.csv", "--seed", "3")
    assert (code, out) == (0, "6 dialogues in kim.csv, how to label them in kim-instructions.md\n")
    labelled(tmp_path / "kim.csv", {"a": "none", "b": "30", "c": "refused", "d": "70", "e": "none"})
    code, out, _ = command("outcome", "agreement", run, "--labels", "kim.csv")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 100
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert {"A rules 2 1 3 0", "B openai:reader 3 1 2 0", "C kim 2 1 2 1"} <= set(lines)
    pairs = {line[:7]: line for line in lines if " and " in line[:7]}
    assert pairs["A and B"].startswith("A and B 6 0.83 [")
    assert pairs["A and C"].startswith("A and C 5 1.00 1.00 2 0.50 [")
    code, out, _ = command("outcome", "agreement", run, "--labels", "kim.csv", "--json")
    found = json.loads(out)
    assert [(p["first"], p["second"], p["kind"]["n"]) for p in found["pairs"]] == [
        ("rules", "openai:reader", 6),
        ("rules", "kim", 5),
        ("openai:reader", "kim", 5),
    ]
    assert found["pairs"][0]["kind"]["confusion"] == [[2, 0, 0], [0, 1, 0], [1, 0, 2]]
    # 5 of 6 the same; by chance (2 * 3 + 1 * 1 + 3 * 2) / 36
    assert found["pairs"][0]["kind"]["value"] == pytest.approx((5 / 6 - 13 / 36) / (1 - 13 / 36))
    assert found["kind"]["n_units"] == 6


def test_agreement_says_when_it_cannot_be_told(command, run, read):
    _, out, _ = command("outcome", "agreement", run)
    assert "Only the rules have read this run" in out
    read()
    _, out, _ = command("outcome", "agreement", run)
    assert "openai:reader read only dialogues that the rules leave open;\nits agreement with the rules says nothing" in out


ACTS = ((0, "Would you give?", "inquiry", ""),)


def test_people_are_read_like_a_run_and_held_against_their_annotators(command, endpoint, tmp_path):
    talks = (
        Talk("20180719-100000_1_live", ("u1", "u2"), ("Would you give?", PROMISE), annotated=True, stated=0.3, acts=ACTS),
        Talk("20180719-100000_2_live", ("u1", "u2"), ("Would you give?", REFUSAL), annotated=True, stated=0.0),
        Talk("20180719-100000_3_live", ("u3", "u4"), ("Would you give?", OPEN), annotated=True),
        Talk("20180719-100000_4_live", ("u3", "u5"), ("Would you give?", PROMISE)),
    )
    assert command("human", "import", write_csv(tmp_path / "data", talks, "annotated_dev_"), "--out", "people")[0] == 0
    endpoint.reply = fits
    options = ("--model", "openai:reader", "--base-url", endpoint.url, "--all")
    code, out, _ = command("outcome", "read", "people", *options)
    assert (code, out.splitlines()[0]) == (0, "4 of 4 complete dialogues are read by openai:reader")
    _, out, _ = command("outcome", "agreement", "people", "--json")
    found = json.loads(out)
    assert found["readers"]["annotators"] == {"amount": 1, "refused": 1, "undetermined": 1, "missing": 1}
    assert {(p["first"], p["second"]): (p["kind"]["n"], p["kind"]["value"], p["same_cents"]) for p in found["pairs"]} == {
        ("rules", "openai:reader"): (4, 1.0, 1.0),
        ("rules", "annotators"): (3, 1.0, 1.0),
        ("openai:reader", "annotators"): (3, 1.0, 1.0),
    }


READER = "openai:reader"


def said_by_reader(body):
    """Speakers say things that the rules leave open; the reader reads 40 cents from some of it."""
    shown = body["messages"][0]["content"] + body["messages"][-1]["content"]
    if body["model"] in ("reader", "other"):
        quote = "I might, 40 cents or 50 cents" if "40 cents" in shown else ""
        return json.dumps({"quote": quote, "status": "amount" if quote else "none", "cents": 40 if quote else None})
    if "decide in private" in shown:
        return '{"reply": 10}'
    return '{"reply": "I might, 40 cents or 50 cents"}' if "You are ann" in shown else '{"reply": "Nice weather."}'


def test_people_are_compared_as_the_same_reader_reads_them(tmp_path, read):
    from analysis.samples import human_donations

    folder = RunFolder(tmp_path / "run")
    without = human_donations(folder.transcripts(), "stated", "all", "six people")
    assert (without.cents.tolist(), without.n_missing, without.n_second) == ([0, 30, 75], 3, 0)
    read()
    found = human_donations(folder.transcripts(), "stated", "all", "six people", readings(folder)[READER])
    assert (found.cents.tolist(), found.n_missing, found.n_second) == ([0, 20, 30, 75], 2, 1)


@pytest.fixture
def start(study_folder, tmp_path, endpoint):
    endpoint.reply = said_by_reader

    def start(out="run", **changes):
        keys = {"persuader_model": "openai:fake", "persuadee_models": ["openai:fake"], "outcome": "stated", **changes}
        study = load_study(study_folder.write(conditions=[{"name": "direct", "method": "direct"}], run={"base_url": endpoint.url}, **keys))
        folder = RunFolder(tmp_path / out)
        return asyncio.run(run_study(study, folder)), folder, study

    return start


def test_a_study_with_a_second_reader_reads_at_the_end_and_compares_with_it(start, endpoint, command):
    result, folder, study = start(second_reader=READER)
    assert (result.n_complete, result.unread, result.stopped) == (4, {}, None)
    asked = [b["model"] for b in endpoint.bodies]
    assert asked.count("reader") == 4 and set(asked[-4:]) == {"reader"}
    from analysis.samples import donations

    (without,) = donations(folder.transcripts(), "stated", plan(study))
    assert (without.cents.tolist(), without.missing, without.n_second) == ([], {"undetermined": 4}, 0)
    (arm,) = donations(folder.transcripts(), "stated", plan(study), readings(folder)[READER])
    assert (arm.cents.tolist(), arm.personas, arm.missing, arm.n_second) == ([40], ("ann",), {"undetermined": 3}, 1)
    (actual,) = donations(folder.transcripts(), "actual", plan(study), readings(folder)[READER])
    assert (actual.cents.tolist(), actual.n_second) == ([10] * 4, 0)
    code, out, _ = command("compare", folder.path, "--json")
    assert code == 0
    (comparison,) = json.loads(out)["comparisons"]
    assert (comparison["n"], comparison["missing"]) == (1, {"undetermined": 3})


def test_a_second_reader_may_come_and_go_without_touching_the_conversations(start, endpoint):
    _, folder, study = start()
    ids, n = [s.id for s in plan(study)], len(endpoint.bodies)
    _, _, with_reader = start(second_reader=READER)
    assert [s.id for s in plan(with_reader)] == ids
    assert len(endpoint.bodies) == n + 4
    assert folder.manifest()["study"]["second_reader"] == READER
    result, _, _ = start(second_reader="openai:other")
    assert (result.n_complete, len(endpoint.bodies)) == (4, n + 8)
    start()
    assert len(endpoint.bodies) == n + 8
    assert "second_reader" not in folder.manifest()["study"]


def test_without_stated_donations_nobody_reads(start, endpoint):
    start(second_reader=READER, outcome="actual")
    assert "reader" not in [b["model"] for b in endpoint.bodies]


def test_a_reader_that_cannot_be_asked_is_found_out_before_anything_is_spent(start, endpoint):
    from vs_sim.errors import InputError

    with pytest.raises(InputError, match=r"scripted:nowhere: there is no such rules file"):
        start(second_reader="scripted:nowhere")
    assert endpoint.bodies == []


def test_readings_that_fail_are_missing_by_name_and_read_by_the_same_command(start, endpoint):
    def unreadable(body):
        return "?" if body["model"] == "reader" and "40 cents" in str(body["messages"]) else said_by_reader(body)

    endpoint.reply = unreadable
    result, folder, study = start(second_reader=READER)
    assert (result.n_complete, result.unread) == (4, {"ReplyError:not_one_object": 1})
    from analysis.samples import donations

    (arm,) = donations(folder.transcripts(), "stated", plan(study), readings(folder)[READER])
    assert (arm.cents.tolist(), arm.n_second) == ([], 0)
    assert arm.missing == {"undetermined": 3, "second reader: ReplyError:not_one_object": 1}
    endpoint.reply = said_by_reader
    result, folder, study = start(second_reader=READER)
    assert result.unread == {}
    assert donations(folder.transcripts(), "stated", plan(study), readings(folder)[READER])[0].n_second == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["outcome", "read", "RUN", "--model", "a:b", "--concurrency", "0"], "--concurrency: 0 is too small; expected 1 or more"),
        (["outcome", "sheet", "RUN", "--out", "a.csv", "-n", "few"], "-n: 'few' is no whole number; expected 1 or more"),
        (["reask", "RUN", "--concurrency", "-3"], "--concurrency: -3 is too small; expected 1 or more"),
    ],
)
def test_numbers_of_things_are_1_or_more(capsys, arguments, sentence):
    with pytest.raises(SystemExit):
        main(arguments)
    assert sentence in capsys.readouterr().err
