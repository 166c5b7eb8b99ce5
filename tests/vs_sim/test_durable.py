"""Faults of the disk: one sentence, nothing lost that was said to be stored, nothing doubled, nothing behind a torn line."""

import asyncio
import platform
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from tests.runs import STUDY, call, spec, transcript
from vs_sim.errors import RunFolderError
from vs_sim.store import FORMAT, RunFolder
from vs_sim.writer import Writer

MANIFEST = {"study": STUDY, "conversations": [{"id": "one"}], "starts": []}


def mount(*arguments):
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True).returncode == 0


@pytest.fixture
def disk(tmp_path):
    """A disk of 64 KiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if not (sys.platform == "linux" and shutil.which("mount") and mount("-t", "tmpfs", "-o", "size=64k", "none", place)):
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def write(path, *jobs):
    async def start():
        async with Writer(RunFolder(path)) as writer:
            for job in jobs:
                await job(writer)

    asyncio.run(start())


def manifest(content):
    async def job(writer):
        writer.write_manifest(content)

    return job


def test_a_full_disk_ends_in_a_sentence_and_the_next_start_goes_on(disk):
    stored, sentences = [], []

    async def fill():
        async with Writer(RunFolder(disk / "run")) as writer:
            writer.write_manifest(MANIFEST)

            async def one(i):
                try:
                    await writer.add_call(f"c{i}", "r", call("t000.0", "x" * 1000))
                    stored.append(f"c{i}")
                except RunFolderError as error:
                    sentences.append(str(error))

            for i in range(0, 100, 4):
                await asyncio.gather(*(one(i + j) for j in range(4)))
            with pytest.raises(
                RunFolderError, match=r"manifest\.json: cannot be written: No space left on device; free some space and give"
            ):
                writer.write_manifest({**MANIFEST, "prompts": {"persuader": "p" * 60_000}})

    asyncio.run(fill())
    folder, segment = RunFolder(disk / "run"), disk / "run" / "journal" / "00001.jsonl"
    assert stored and sentences and len(stored) + len(sentences) == 100
    assert set(sentences) == {f"{segment}: cannot be written: No space left on device; free some space and give the same command again"}
    assert folder.manifest() == {"format": FORMAT, **MANIFEST}, "the old one stands"
    assert not list(folder.path.glob("*.tmp"))
    found = [row["conversation"] for row in folder.journal_rows()]
    assert set(stored) <= set(found)
    torn = segment.read_bytes()
    assert mount("-o", "remount,size=1m", disk)
    write(disk / "run", *(lambda w, i=i: w.add_call(f"c{i}", "r", call("t000.0")) for i in range(100) if f"c{i}" not in found))
    assert Counter(row["conversation"] for row in folder.journal_rows()) == {f"c{i}": 1 for i in range(100)}
    assert segment.read_bytes() == torn


def test_a_disk_too_full_to_begin_is_named(disk):
    (disk / "full").write_bytes(b"x" * (64 * 1024 - 4096))
    with pytest.raises(
        RunFolderError, match=r"cannot be written: No space left on device; free some space and give the same command again"
    ):
        write(disk / "run", manifest(MANIFEST))


def test_a_folder_that_is_read_only_is_read_and_not_written(disk):
    write(disk / "run", manifest(MANIFEST), lambda w: w.add_transcript(transcript(spec("one"), "Hi.")))
    assert mount("-o", "remount,ro", disk)
    folder = RunFolder(disk / "run")
    assert folder.complete() == {"one"} and len(folder.transcripts()) == 1 and folder.in_use() is False
    with pytest.raises(RunFolderError, match=r"run: cannot be written: Read-only file system; give another folder with --out"):
        write(disk / "run")


def test_a_folder_that_is_removed_under_a_run_is_missed(tmp_path):
    async def start(begin):
        async with Writer(RunFolder(tmp_path / "run")) as writer:
            if begin:
                await writer.add_call("one", "r", call("t000.0"))
            shutil.rmtree(tmp_path / "run")
            for _ in range(2):
                with pytest.raises(RunFolderError) as caught:
                    await writer.add_call("two", "r", call("t000.0"))
            with pytest.raises(RunFolderError, match=r"manifest\.json: cannot be written: No such file or directory"):
                writer.write_manifest(MANIFEST)
        return str(caught.value)

    assert "00001.jsonl: cannot be written: it was removed while it was written to; once that is mended" in asyncio.run(start(True))
    assert "00001.jsonl: cannot be written: No such file or directory; once that is mended" in asyncio.run(start(False))
    assert not (tmp_path / "run").exists()


REFUSING = """
import asyncio, ctypes, struct, sys
from vs_sim.errors import RunFolderError
from vs_sim.records import Call, Usage
from vs_sim.store import RunFolder
from vs_sim.writer import Writer

number, errno = int(sys.argv[2]), int(sys.argv[3])
# A filter of the kernel: this call of the system fails from now on, all others go through.
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | errno), (0x06, 0, 0, 0x7FFF0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
program = ctypes.create_string_buffer(struct.pack("HL", len(code), ctypes.addressof(filter)))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, program, 0, 0):
    sys.exit("no filter")

async def start():
    async with Writer(RunFolder(sys.argv[1])) as writer:
        try:
            writer.write_manifest({})
        except RunFolderError as error:
            print(error)
        for id in ("one", "two"):
            try:
                call = Call(step="s", model="a:b", model_returned=None, text="", finish_reason=None, usage=Usage(), seconds=0, tries=1)
                await writer.add_call(id, "r", call)
            except RunFolderError as error:
                print(error)

try:
    asyncio.run(start())
except RunFolderError as error:
    print(error)
print(RunFolder(sys.argv[1]).in_use())
"""
CALLS = {"x86_64": {"flock": 73, "fsync": 74}, "aarch64": {"flock": 32, "fsync": 82}}


def refusing(path, name, errno):
    """What a run prints to whom the system refuses a call."""
    if sys.platform != "linux" or platform.machine() not in CALLS:
        pytest.skip("needs a filter of Linux's calls")
    number = CALLS[platform.machine()][name]
    done = subprocess.run([sys.executable, "-c", REFUSING, path, f"{number}", f"{errno}"], capture_output=True, text=True, timeout=60)
    if done.stderr == "no filter\n":
        pytest.skip("no filter of the system's calls can be set here")
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_what_the_disk_does_not_confirm_is_not_taken_for_stored(tmp_path):
    sentence = "cannot be written: Input/output error; once that is mended, give the same command again"
    said = refusing(tmp_path, "fsync", 5)
    assert said == [f"{tmp_path}/{name}: {sentence}" for name in ("manifest.json", "journal/00001.jsonl", "journal/00001.jsonl")] + [
        "False"
    ]
    assert [p.name for p in (tmp_path / "journal").iterdir()] == ["00001.jsonl"]
    assert (tmp_path / "journal" / "00001.jsonl").read_bytes().count(b"\n") <= 1, "nothing is written behind what may be lost"
    assert not [*tmp_path.glob("manifest*")]


@pytest.mark.parametrize(("errno", "why"), [(37, "No locks available"), (95, "Operation not supported"), (38, "Function not implemented")])
def test_a_disk_without_locks_is_refused(tmp_path, errno, why):
    said = refusing(tmp_path, "flock", errno)
    assert said == [
        f"{tmp_path}/lock: cannot be locked ({why}), without which two runs could write one folder at once; give a folder on a file system "
        "that has locks with --out, or mount this one with them",
        "None",
    ]
