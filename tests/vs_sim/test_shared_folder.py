"""Several workers write one run folder at once: who may, what each holds, and that nothing of any of them is lost."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from tests.runs import STUDY, call, spec, transcript
from vs_sim.errors import RunFolderError
from vs_sim.locks import RunLock
from vs_sim.plan import plan
from vs_sim.shard import WHOLE, Shard
from vs_sim.status import status
from vs_sim.store import RunFolder
from vs_sim.study import load_study
from vs_sim.writer import Writer

PLAN = [f"c{i:02d}" for i in range(24)]

WORKER = """
import asyncio, json, os, sys, time
from vs_sim.records import Call, Usage
from vs_sim.shard import parse_shard
from vs_sim.store import RunFolder
from vs_sim.writer import Writer

path, shard, ids, job = sys.argv[1], parse_shard(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
folder = RunFolder(path)
study = json.loads(sys.argv[5])

def started():
    starts = folder.manifest()["starts"] if folder.manifest_path.exists() else []
    return {"study": study, "conversations": [{"id": one} for one in ids], "starts": [*starts, {"shard": str(shard)}]}

async def work():
    async with Writer(folder, shard, ids) as writer:
        if job == "hold":
            print("held", flush=True)
            await asyncio.to_thread(sys.stdin.read)
            return
        writer.update_manifest(started)
        for id in shard.part(ids):
            for step in ("t000.0", "t001.0"):
                rest = dict(model_returned=None, finish_reason=None, usage=Usage(), seconds=0, tries=1)
                await writer.add_call(id, str(shard), Call(step=step, model="a:b", text="x" * 300, **rest))

if job == "go":
    print("ready", flush=True)
    sys.stdin.readline()
asyncio.run(work())
"""


def worker(path, shard, job, ids=PLAN):
    arguments = [str(path), shard, json.dumps(ids), job, json.dumps(STUDY)]
    return subprocess.Popen([sys.executable, "-c", WORKER, *arguments], stdin=-1, stdout=-1, stderr=-1, text=True)


@contextmanager
def held(path, shard, ids=PLAN):
    with worker(path, shard, "hold", ids) as process:
        try:
            assert process.stdout.readline() == "held\n", process.stderr.read()
            yield process
        finally:
            process.kill()


def enter(path, shard=WHOLE, ids=PLAN, look=lambda writer: None):
    async def start():
        async with Writer(RunFolder(path), shard, ids) as writer:
            return look(writer)

    return asyncio.run(start())


@pytest.mark.slow
def test_eight_workers_that_start_at_once_lose_nothing_of_each_other(tmp_path):
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(tmp_path, f"{k}/8", "go")) for k in range(1, 9)]
        for one in workers:
            assert one.stdout.readline() == "ready\n"
        for one in workers:
            one.stdin.write("\n")
            one.stdin.flush()
        assert [(one.communicate()[1], one.returncode) for one in workers] == [("", 0)] * 8
    folder = RunFolder(tmp_path)
    assert sorted(start["shard"] for start in folder.manifest()["starts"]) == [f"{k}/8" for k in range(1, 9)]
    rows = Counter((row["conversation"], row["call"]["step"]) for row in folder.journal_rows())
    assert rows == {(id, step): 1 for id in PLAN for step in ("t000.0", "t001.0")}
    assert sorted(p.name for p in (tmp_path / "journal").iterdir()) == [f"{i:05d}.jsonl" for i in range(1, 9)]
    assert not list(tmp_path.glob("*.tmp"))
    assert folder.in_use() is False


@pytest.mark.slow
def test_who_may_join_a_worker_and_who_may_not(tmp_path):
    with held(tmp_path, "2/4") as process:
        enter(tmp_path, Shard(1, 4))
        enter(tmp_path, Shard(4, 4))
        refused = {
            WHOLE: "is in use by shard 2/4; wait for it .*, or run what nobody runs with --shard K/4; process ",
            Shard(2, 4): "shard 2/4 is in use by another run; wait for it .*, or give another --shard of 4; process ",
            Shard(2, 8): "is in use by shard 2/4, with which shard 2/8 overlaps; wait for it .*, or give --shard K/4; process ",
        }
        for shard, sentence in refused.items():
            with pytest.raises(RunFolderError, match=f"{sentence}{process.pid} on .* holds it$"):
                enter(tmp_path, shard)
        with pytest.raises(RunFolderError, match="is in use by shard 2/4 of another plan: the study was added to since, so that shard 1/4"):
            enter(tmp_path, Shard(1, 4), [*PLAN, "new"])
        assert RunFolder(tmp_path).in_use() is True
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert RunFolder(tmp_path).in_use() is False
        for shard in refused:
            enter(tmp_path, shard)


def test_of_those_that_exclude_each_other_one_at_a_time_holds_the_folder(tmp_path):
    """Many that come and go at the same moments; a lock belongs to whoever opened it, so that threads stand in for processes."""
    shards = [WHOLE, Shard(1, 2), Shard(2, 2), Shard(1, 3), Shard(2, 2), WHOLE]
    inside, together, n_held = [], [], Counter()

    def come_and_go(shard):
        for _ in range(8):
            lock = RunLock(tmp_path, shard)
            try:
                lock.take()
            except RunFolderError:
                continue
            inside.append(shard)
            together.append(tuple(inside))
            time.sleep(0.002)
            inside.remove(shard)
            n_held[shard] += 1
            lock.release()

    with ThreadPoolExecutor(len(shards)) as pool:
        list(pool.map(come_and_go, shards))
    assert {frozenset(Counter(held).items()) for held in together} <= {
        *(frozenset({(shard, 1)}) for shard in shards),
        frozenset({(Shard(1, 2), 1), (Shard(2, 2), 1)}),
    }
    assert set(n_held) == set(shards), "nobody is kept out for long"


@pytest.mark.slow
def test_nobody_joins_a_run_of_the_whole_plan(tmp_path):
    with held(tmp_path, "1/1") as process:
        with pytest.raises(RunFolderError, match=f"in use by a run of the whole plan, so that shard 2/4 cannot .*process {process.pid} on"):
            enter(tmp_path, Shard(2, 4))
        with pytest.raises(RunFolderError, match=r"is in use by another run; wait for it \(vs-sim status .*\), or give another folder"):
            enter(tmp_path)
    enter(tmp_path, Shard(2, 4))


def test_the_words_in_a_lock_that_is_not_held_count_for_nothing(tmp_path):
    (tmp_path / "lock").write_text("process 1 on elsewhere\n\x1b[2J\n")
    (tmp_path / "lock.1-of-3").write_bytes(b"\xff" * 1000)
    (tmp_path / "lock.0-of-0").write_text("")
    assert RunFolder(tmp_path).in_use() is False
    enter(tmp_path)
    assert (tmp_path / "lock").read_text() == ""


def test_links_in_a_folder_lead_to_no_writing_elsewhere(tmp_path):
    run, mine = tmp_path / "run", tmp_path / "mine"
    run.mkdir()
    mine.write_text("kept")
    (run / "manifest.tmp").symlink_to(mine)
    enter(run, look=lambda writer: writer.write_manifest({"study": STUDY, "conversations": [], "starts": []}))
    for name in ("lock", "lock.manifest"):
        (run / name).unlink()
        (run / name).symlink_to(mine)
        with pytest.raises(RunFolderError, match="cannot be written: Too many levels of symbolic links"):
            enter(run, look=lambda writer: writer.write_manifest({}))
        (run / name).unlink()
    assert mine.read_text() == "kept" and RunFolder(run).manifest()["starts"] == []


def test_a_lock_with_another_name_is_neither_emptied_nor_written_into(tmp_path):
    run, mine = tmp_path / "run", tmp_path / "mine"
    run.mkdir()
    mine.write_text("kept")
    for name, shard in (("lock", WHOLE), ("lock.1-of-2", Shard(1, 2)), ("lock.manifest", WHOLE)):
        (run / name).unlink(missing_ok=True)
        os.link(mine, run / name)
        with pytest.raises(RunFolderError, match=rf"{name}: is a hard link: .* remove .*{name}, which leaves the file under"):
            enter(run, shard, look=lambda writer: writer.write_manifest({"study": STUDY, "conversations": [], "starts": []}))
        assert mine.read_text() == "kept" and RunFolder(run).in_use() is False
        (run / name).unlink()
    enter(run)


def test_a_worker_holds_the_answers_of_its_own_owed_conversations_only(tmp_path):
    ids = [f"c{i}" for i in range(6)]

    async def write():
        async with Writer(RunFolder(tmp_path)) as writer:
            writer.write_manifest({"study": STUDY, "conversations": [{"id": id} for id in ids], "starts": []})
            for id in ids:
                await writer.add_call(id, "r", call("t000.0"))
            await writer.add_transcript(transcript(spec("c0"), "Hi."))

    asyncio.run(write())
    # What is not read deeply is not judged either; what is owed to this worker is.
    (tmp_path / "journal" / "00002.jsonl").write_text('{"conversation":"c1","request":\n{"conversation":"c0","call":3}\n')

    def kept(writer):
        return [id for id in ids if writer.answered(id, "t000.0", "r") is not None]

    assert enter(tmp_path, Shard(2, 2), ids, kept) == ["c3", "c4", "c5"]
    assert enter(tmp_path, Shard(2, 2), ids, lambda writer: writer.complete) == {"c0"}
    with pytest.raises(RunFolderError, match=r"00002\.jsonl, line 1: is no JSON"):
        enter(tmp_path, Shard(1, 2), ids)
    with pytest.raises(RunFolderError, match=r"00002\.jsonl, line 1: is no JSON"):
        list(RunFolder(tmp_path).journal_rows())


def test_what_is_complete_is_found_as_the_transcripts_say_it(tmp_path):
    run = tmp_path / "run"

    async def write():
        async with Writer(RunFolder(run)) as writer:
            for one in (transcript(spec("a"), "Hi."), transcript(spec("b"), failure={"kind": "k", "message": "m", "step": "t000"})):
                await writer.add_transcript(one)

    asyncio.run(write())
    folder = RunFolder(run)
    assert folder.complete() == {t.spec.id for t in folder.transcripts() if t.complete} == {"a"}
    (segment,) = (run / "transcripts").iterdir()
    lines = segment.read_bytes().splitlines(keepends=True)
    for damaged, sentence in (
        (b'{"spec":{"id":"a"}}\n', r"line 1: is no transcript: [a-z.]+: field required; .*put it back from a copy"),
        (lines[0].replace(b'"Hi."', b'"Hi.'), "line 1: is no transcript: [Ii]nvalid JSON"),
    ):
        segment.write_bytes(damaged + lines[1])
        for read in (folder.complete, folder.transcripts):
            with pytest.raises(RunFolderError, match=rf"00001\.jsonl, {sentence}"):
                read()
    segment.write_bytes(lines[0][:-1])  # torn: as if it were not there
    assert folder.complete() == set()
    segment.write_bytes(lines[0])
    folder.manifest_path.write_text(json.dumps({"format": 2, "study": STUDY, "conversations": [], "starts": []}))
    with pytest.raises(RunFolderError, match=r"line 1: conversation 'a' is not in the plan of manifest\.json"):
        folder.complete()


def test_the_order_of_files_is_that_of_their_numbers_whatever_the_clock_says(tmp_path):
    async def write(text):
        async with Writer(RunFolder(tmp_path)) as writer:
            await writer.add_call("c", "r", call("t000.0", text))

    for i, number in enumerate((99_999, 100_000, 100_001)):
        asyncio.run(write(f"{i}"))
        (newest,) = [p for p in (tmp_path / "journal").iterdir() if i == 0 or int(p.stem) == 1 + 99_998 + i]
        newest = newest.rename(newest.with_name(f"{number}.jsonl"))
        os.utime(newest, (10**9 - i, 10**9 - i))
    assert [row["call"]["text"] for row in RunFolder(tmp_path).journal_rows()] == ["0", "1", "2"]
    assert enter(tmp_path, ids=["c"], look=lambda writer: writer.answered("c", "t000.0", "r").text) == "2"


@pytest.mark.slow
def test_shards_of_a_study_give_what_the_whole_would(study_folder, tmp_path):
    """Two workers, each the run of its part in a process of its own, one folder."""
    study = study_folder.write()
    script = (
        "import asyncio, sys; from vs_sim.run import run_study; from vs_sim.shard import parse_shard; from vs_sim.store import RunFolder; "
        "from vs_sim.study import load_study; "
        "asyncio.run(run_study(load_study(sys.argv[1]), RunFolder(sys.argv[2]), shard=parse_shard(sys.argv[3])))"
    )
    workers = [
        subprocess.Popen([sys.executable, "-c", script, str(study), str(tmp_path / "run"), f"{k}/2"], stderr=-1, text=True) for k in (1, 2)
    ]
    assert [(one.communicate()[1], one.returncode) for one in workers] == [("", 0)] * 2
    folder, ids = RunFolder(tmp_path / "run"), [one.id for one in plan(load_study(study))]
    assert [one["id"] for one in folder.manifest()["conversations"]] == ids
    assert sorted(t.spec.id for t in folder.transcripts() if t.complete) == sorted(ids)
    assert sum(1 for _ in folder.lines("transcripts")) == len(ids)
    assert sorted(start["shard"] for start in folder.manifest()["starts"]) == ["1/2", "2/2"]
    assert status(folder.path).n_owed == 0 and status(folder.path).running is False
