"""The run folder: what survives a kill, who may write, and what is read back."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys

import pytest

from tests.runs import DONATION, STUDY
from vs_sim.errors import JournalMismatch, RunFolderError
from vs_sim.records import Call, ConversationSpec, Failure, StopReason, Transcript, Usage
from vs_sim.store import FORMAT, RunFolder
from vs_sim.writer import Writer

HOLDER = """
import asyncio, sys
from vs_sim.store import RunFolder
from vs_sim.writer import Writer
async def hold():
    async with Writer(RunFolder(sys.argv[1])):
        print("held", flush=True)
        await asyncio.to_thread(sys.stdin.read)
asyncio.run(hold())
"""


MANIFEST = {"format": FORMAT, "study": STUDY, "conversations": [], "starts": []}


def without(key):
    return {"study": {k: v for k, v in STUDY.items() if k != key}}


DAMAGED = [
    *((without(key), f"study.{key}: field required") for key in STUDY if key != "question"),
    ({"study": {**STUDY, "seed": float("nan")}}, "study.seed: input should be a valid integer"),
    ({"study": {**STUDY, "seed": "7"}}, "study.seed: input should be a valid integer"),
    ({"study": {**STUDY, "seed": -1}}, "study.seed: input should be greater than or equal to 0"),
    ({"study": {**STUDY, "margins": 3}}, "study.margins: input should be a valid dictionary"),
    ({"study": {**STUDY, "scenario": {**DONATION, "humans": [1]}}}, "study.scenario.humans: input should be 'persuasionforgood'"),
    ({"study": {**STUDY, "conditions": ["vs"]}}, "study.conditions.0: input should be"),
    (
        {"study": {**STUDY, "scenario": {**DONATION, "scale": {**DONATION["scale"], "low": 500}}}},
        "study.scenario.scale: low = 500",
    ),
    ({"prompts": ["Ask."]}, "prompts: input should be a valid dictionary"),
    ({"starts": ["yesterday"]}, "starts.0: input should be"),
    ({"conversations": [{}]}, "conversations.0.id: field required"),
]


def call(step, text="hello"):
    return Call(step=step, model="a:b", model_returned=None, text=text, finish_reason=None, usage=Usage(), seconds=0.1, tries=1)


def transcript(id, failed=False, seconds=1.0):
    spec = ConversationSpec(
        id=id, seed=1, condition="c", persuader_model="a:b", persuadee_model="a:b", persuader="p", persuadee="q", replicate=0
    )
    failure = Failure(kind="EndpointError", message="down", step="t001") if failed else None
    reason = StopReason.ERROR if failed else StopReason.ROUNDS_DONE
    return Transcript(
        spec=spec, turns=(), decision=None, stop_reason=reason, failure=failure, started="2026-01-01", seconds=seconds, vs_sim="0"
    )


def write(path, *jobs):
    """One start of a run: each job is called with the writer and awaited."""

    async def start():
        async with Writer(RunFolder(path)) as writer:
            for job in jobs:
                await job(writer)

    asyncio.run(start())


def answered(path, conversation, step, request):
    found = []

    async def look(writer):
        found.append(writer.answered(conversation, step, request))

    write(path, look)
    return found[0]


def test_what_was_awaited_stands_in_the_file(tmp_path):
    """200 writers at a time; each sees its own row on the disk as soon as it may go on."""

    async def start():
        async with Writer(RunFolder(tmp_path)) as writer:

            async def one(i):
                await writer.add_call(f"c{i}", "r", call("t000.0", f"line\n{i} \u2028 ü"))
                assert any(row["conversation"] == f"c{i}" for row in RunFolder(tmp_path).journal_rows())

            await asyncio.gather(*(one(i) for i in range(200)))

    asyncio.run(start())
    assert [row["call"]["text"] for row in RunFolder(tmp_path).journal_rows()] == [f"line\n{i} \u2028 ü" for i in range(200)]


@pytest.mark.parametrize("part", ["journal", "transcripts"])
def test_a_last_line_torn_anywhere_loses_nothing_else(tmp_path, part):
    def add(id):
        return (lambda w: w.add_call(id, "r", call("t000.0"))) if part == "journal" else (lambda w: w.add_transcript(transcript(id)))

    def ids(path):
        folder = RunFolder(path)
        return [row["conversation"] for row in folder.journal_rows()] if part == "journal" else [t.spec.id for t in folder.transcripts()]

    run = tmp_path / "run"
    write(run, add("one"), add("two"), add("three"))
    (segment,) = (run / part).glob("*.jsonl")
    whole = segment.read_bytes()
    start_of_last = whole[:-1].rindex(b"\n") + 1
    for end in range(start_of_last, len(whole)):
        segment.write_bytes(whole[:end])
        assert ids(run) == ["one", "two"]
    # What comes after a kill never touches the torn line.
    segment.write_bytes(whole[:-10])
    write(run, add("three"), add("four"))
    assert ids(run) == ["one", "two", "three", "four"]
    assert segment.read_bytes() == whole[:-10]


def test_a_damaged_line_in_the_middle_is_named(tmp_path):
    write(tmp_path, lambda w: w.add_call("one", "r", call("t000.0")), lambda w: w.add_transcript(transcript("one")))
    for part, sentence in (("journal", "line 1: is no JSON"), ("transcripts", "line 1: is no transcript: ")):
        (segment,) = (tmp_path / part).glob("*.jsonl")
        segment.write_bytes(b"xx" + segment.read_bytes())
        with pytest.raises(RunFolderError, match=sentence):
            list(RunFolder(tmp_path).journal_rows() if part == "journal" else RunFolder(tmp_path).transcripts())


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("{}", "is no row of a journal"),
        ("[]", "is no row of a journal"),
        ('{"conversation": "c", "call": {"step": "t000.0"}}', "is no row of a journal"),
        ('{"conversation": "c", "request": "r", "call": {}}', "is no row of a journal"),
        ('{"conversation": "c", "request": "r", "call": 3}', "is no row of a journal"),
        ('{"conversation": [], "void": "t001"}', "is no row of a journal: .*conversation: input should be a valid string"),
        ("[" * 100_000, r"is no JSON \(it is nested too deeply\)"),
    ],
)
def test_a_journal_row_of_another_form_is_refused(tmp_path, row, sentence):
    (tmp_path / "journal").mkdir()
    (tmp_path / "journal" / "00001.jsonl").write_text(f"{row}\n")
    with pytest.raises(RunFolderError, match=rf"00001\.jsonl, line 1: {sentence}.*: put it back from a copy"):
        write(tmp_path)


def test_a_transcript_that_is_not_in_the_plan_is_named(tmp_path):
    async def start(writer):
        writer.write_manifest({**MANIFEST, "conversations": [{"id": "one"}]})

    write(tmp_path, start, lambda w: w.add_transcript(transcript("one")))
    assert len(RunFolder(tmp_path).transcripts()) == 1
    write(tmp_path, lambda w: w.add_transcript(transcript("other")))
    with pytest.raises(RunFolderError, match=r"00002\.jsonl, line 1: conversation 'other' is not in the plan of manifest\.json"):
        RunFolder(tmp_path).transcripts()


@pytest.mark.parametrize("part", ["journal", "transcripts"])
def test_what_is_there_but_cannot_be_read_is_not_taken_for_nothing(tmp_path, part):
    def read():
        return list(RunFolder(tmp_path).journal_rows() if part == "journal" else RunFolder(tmp_path).transcripts())

    assert read() == []
    (tmp_path / part).write_text("")
    with pytest.raises(RunFolderError, match=f"{part}: cannot be read: Not a directory"):
        read()
    (tmp_path / part).unlink()
    (tmp_path / part / "00007.jsonl").mkdir(parents=True)
    with pytest.raises(RunFolderError, match=r"00007\.jsonl: cannot be read: Is a directory"):
        read()


def test_an_answer_is_found_again_and_only_for_the_same_request(tmp_path):
    write(tmp_path, lambda w: w.add_call("c", "r1", call("t000.0", "first")))
    assert answered(tmp_path, "c", "t000.0", "r1") == call("t000.0", "first")
    assert answered(tmp_path, "c", "t001.0", "r1") is None
    assert answered(tmp_path, "d", "t000.0", "r1") is None
    with pytest.raises(JournalMismatch, match=r"conversation c, step t000\.0: the journal answers another request than the one made now"):
        answered(tmp_path, "c", "t000.0", "r2")


def test_the_calls_of_a_void_turn_are_owed_and_stay_in_the_journal(tmp_path):
    steps = ("t001.0", "t003.0", "t003.0.again1", "t003.1", "t0030.0")
    write(tmp_path, *(lambda w, s=s: w.add_call("c", "r", call(s)) for s in steps), lambda w: w.void("c", "t003"))
    found = {step: answered(tmp_path, "c", step, "r") is not None for step in steps}
    assert found == {"t001.0": True, "t003.0": False, "t003.0.again1": False, "t003.1": False, "t0030.0": True}
    assert sum("call" in row for row in RunFolder(tmp_path).journal_rows()) == len(steps)
    write(tmp_path, lambda w: w.add_call("c", "r", call("t003.0", "better")))
    assert answered(tmp_path, "c", "t003.0", "r").text == "better"


def test_a_complete_transcript_is_never_replaced_by_a_failed_one(tmp_path):
    rows = [transcript("a", failed=True), transcript("b"), transcript("a"), transcript("a", failed=True), transcript("b", failed=True)]
    write(tmp_path, *(lambda w, t=t: w.add_transcript(t) for t in rows))
    assert [(t.spec.id, t.complete) for t in RunFolder(tmp_path).transcripts()] == [("a", True), ("b", True)]


def test_of_two_failures_the_last_is_kept(tmp_path):
    rows = [transcript("a", failed=True, seconds=1), transcript("a", failed=True, seconds=2)]
    write(tmp_path, *(lambda w, t=t: w.add_transcript(t) for t in rows))
    assert [t.seconds for t in RunFolder(tmp_path).transcripts()] == [2]


def test_each_start_writes_files_of_its_own_in_order(tmp_path):
    for i in range(12):
        write(tmp_path, lambda w, i=i: w.add_call(f"c{i}", "r", call("t000.0")))
    assert [row["conversation"] for row in RunFolder(tmp_path).journal_rows()] == [f"c{i}" for i in range(12)]
    assert [p.name for p in sorted((tmp_path / "journal").iterdir())] == [f"{i:05d}.jsonl" for i in range(1, 13)]


def test_a_start_that_writes_nothing_leaves_no_file(tmp_path):
    write(tmp_path)
    assert not [p for p in tmp_path.rglob("*.jsonl")]


def test_only_one_process_writes_and_a_killed_one_holds_nothing(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path], stdin=-1, stdout=-1, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=r"is in use by another run; wait for it"):
            write(tmp_path)
        assert list(RunFolder(tmp_path).journal_rows()) == []  # reading is free
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    write(tmp_path)


def test_a_folder_that_could_not_be_opened_is_free_again(tmp_path):
    """As in a notebook, where the process lives on after the error."""
    (tmp_path / "journal").mkdir()
    bad = tmp_path / "journal" / "00001.jsonl"
    bad.write_bytes(b"no json\n")
    writer = Writer(RunFolder(tmp_path))
    with pytest.raises(RunFolderError, match="is no JSON"):
        asyncio.run(writer.__aenter__())
    bad.unlink()
    write(tmp_path)


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match=r"file: cannot be written: .*; give another folder with --out"):
        write(tmp_path / "file")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "journal").write_text("")
    with pytest.raises(RunFolderError, match=r"cannot be written: .*; give another folder with --out"):
        write(tmp_path / "run")


def test_nothing_follows_a_line_that_could_not_be_written(tmp_path):
    """A file size limit stands in for a full disk: the torn line stays the last one of its file."""
    script = f"""
import asyncio, resource, sys
sys.path.insert(0, {str(tmp_path)!r})
from vs_sim.errors import RunFolderError
from vs_sim.records import Call, Usage
from vs_sim.store import RunFolder
from vs_sim.writer import Writer
def call(text): return Call(step="s", model="a:b", model_returned=None, text=text, finish_reason=None, usage=Usage(), seconds=0, tries=1)
async def start():
    async with Writer(RunFolder({str(tmp_path / "run")!r})) as writer:
        await writer.add_call("first", "r", call("x"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (600, 2**30))
        for text in ("y" * 1000, "z"):
            try:
                await writer.add_call("second", "r", call(text))
            except RunFolderError as error:
                print(error)
            resource.setrlimit(resource.RLIMIT_FSIZE, (2**30, 2**30))
asyncio.run(start())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    sentence = "journal/00001.jsonl: cannot be written: File too large; once that is mended, give the same command again"
    assert [line.endswith(sentence) for line in done.stdout.splitlines()] == [True, True], done.stderr
    assert [row["conversation"] for row in RunFolder(tmp_path / "run").journal_rows()] == ["first"]


def test_the_manifest_is_read_back_and_replaced_whole(tmp_path):
    async def twice(writer):
        for question in ("ä?", "second"):
            writer.write_manifest({"study": {**STUDY, "question": question}, "conversations": [], "starts": []})

    write(tmp_path, twice)
    assert RunFolder(tmp_path).manifest() == {**MANIFEST, "study": {**STUDY, "question": "second"}}
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "is no run folder: it has no manifest.json; a run makes one"),
        ("{", "manifest.json: cannot be read: "),
        ("[]", f"manifest.json: format None, expected {FORMAT}; it was written by another version of vs_sim"),
        (json.dumps({"format": FORMAT, "study": 3}), "manifest.json: study: input should be"),
        ("[" * 100_000, "manifest.json: cannot be read: it is nested too deeply"),
        *((json.dumps({**MANIFEST, **changed}), f"manifest.json: {sentence}") for changed, sentence in DAMAGED),
        (json.dumps({"format": 99}), f"manifest.json: format 99, expected {FORMAT}"),
    ],
)
def test_a_manifest_that_is_not_ours_is_refused(tmp_path, content, sentence):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(RunFolderError) as caught:
        RunFolder(tmp_path).manifest()
    assert sentence in str(caught.value)


def test_a_run_folder_may_be_moved(tmp_path):
    write(tmp_path / "a", lambda w: w.add_call("c", "r", call("t000.0")))
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert answered(tmp_path / "b", "c", "t000.0", "r") is not None
