"""The human dialogues are fetched over a server on loopback that breaks where it is told to; archives are not trusted."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.human_data import TALKS, write_convokit, write_official
from vs_sim.cli import main
from vs_sim.errors import DownloadError, HumanDataError
from vs_sim.human import download
from vs_sim.human.download import fetch_human, unpack
from vs_sim.human.importer import import_human
from vs_sim.human.reference import load_human


class Server(ThreadingHTTPServer):
    """Serves files by path; the first `cuts` replies stop at half; `ranges` says whether parts are given."""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that is killed or hangs up is no news, and must not speak in another test's output."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.cuts = 0
        self.ranges = True
        self.announced: int | None = None  # length in place of the true one
        self.reason = "Not Found"
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append((self.path, wanted))
        body = self.server.files.get(self.path)
        if body is None:
            self.send_error(404, self.server.reason)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.ranges else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(self.server.announced or len(body) - start))
        self.end_headers()
        rest = body[start:]
        if self.server.cuts:
            self.server.cuts -= 1
            rest = rest[: len(rest) // 2]
        self.wfile.write(rest)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("VS_SIM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as one:
        thread = threading.Thread(target=one.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield one
        one.shutdown()
        thread.join()


def zipped(folder: Path, prefix: str = "persuasionforgood-corpus/") -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{prefix}{path.name}")
            archive.writestr(f"__MACOSX/{prefix}{path.name}", "not this")
    return memory.getvalue()


def test_convokits_archive_becomes_a_reference(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"))
    assert main(["human", "fetch", "--url", f"{server.url}/corpus.zip", "--out", str(tmp_path / "human")]) == 0
    out, err = capsys.readouterr()
    assert "4 dialogues" in out and "fetching persuasionforgood-corpus.zip" in err
    assert load_human(tmp_path / "human").facts.layout == "convokit"
    assert [p.suffix for p in (tmp_path / "cache" / "human").iterdir()] == [".lock"]


def test_the_original_files_become_the_same_reference(server: Server, tmp_path: Path) -> None:
    root = write_official(tmp_path / "repository")
    server.files = {f"/{p.relative_to(root).as_posix()}": p.read_bytes() for p in root.rglob("*") if p.is_file()}
    made = fetch_human("official", tmp_path / "human", server.url + "/")
    assert [path for path, _ in server.asked] == [f"/{name}" for name in download.OFFICIAL]
    server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"), prefix="")
    assert fetch_human("convokit", tmp_path / "again", f"{server.url}/corpus.zip").facts.version == made.facts.version


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_is_cut_off_goes_on(server: Server, tmp_path: Path, ranges: bool) -> None:
    body = server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"))
    server.cuts, server.ranges = 1, ranges
    assert fetch_human("convokit", tmp_path / "human", f"{server.url}/corpus.zip").facts.n_dialogues == 4
    assert server.asked == [("/corpus.zip", None), ("/corpus.zip", f"bytes={len(body) // 2}-")]


def test_what_came_stays_for_the_next_command(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda s: None)
    body = server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"))
    server.files["/corpus.zip"] = b""
    server.announced = len(body)
    with pytest.raises(DownloadError, match="it sent 0 of"):
        fetch_human("convokit", tmp_path / "human", f"{server.url}/corpus.zip")
    (part,) = (tmp_path / "cache" / "human").glob("convokit-*/persuasionforgood-corpus.zip.part")
    part.write_bytes(body[:100])
    server.files["/corpus.zip"], server.announced = body, None
    server.asked.clear()
    fetch_human("convokit", tmp_path / "human", f"{server.url}/corpus.zip")
    assert server.asked == [("/corpus.zip", "bytes=100-")]


def test_an_address_that_gives_nothing_is_said_with_what_to_do(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda s: None)
    assert main(["human", "fetch", "--url", f"{server.url}/none.zip", "--out", str(tmp_path / "human")]) == 4
    said = capsys.readouterr().err
    assert "/none.zip could not be fetched: it answered 404 Not Found; tried 3 times" in said
    assert "--from official" in said and "vs-sim human import FOLDER" in said
    server.server_close()
    with pytest.raises(DownloadError, match=r"/x.zip could not be fetched: it cannot be reached \(.*refused.*\); tried 3 times"):
        fetch_human("convokit", tmp_path / "human", f"{server.url}/x.zip")
    assert not (tmp_path / "human").exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://a/b", "corpus.zip", "http://"])
def test_only_web_addresses_are_fetched(tmp_path: Path, url: str) -> None:
    with pytest.raises(HumanDataError, match=r"cannot be fetched from, expected one that begins with http:// or https://"):
        fetch_human("convokit", tmp_path / "human", url)


@pytest.mark.parametrize(
    "url", ["http://[::1/x", "http://host/\u00e9.zip", f"http://{'a' * 70}.org/x", "http://h:port/x", "http:///x", "http://h/\x1b[2J"]
)
def test_an_address_that_is_none_is_said(tmp_path: Path, url: str) -> None:
    with pytest.raises(
        HumanDataError, match=r"^the address '.* cannot be fetched from.*http:// or https:// and a host, in plain ASCII"
    ) as said:
        fetch_human("convokit", tmp_path / "human", url)
    assert str(said.value).isprintable()


@pytest.mark.parametrize("url", ["http://me:secret@host/x.zip", "https://host/x.zip?token=secret", "https://host/x.zip#secret"])
def test_what_is_secret_in_an_address_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(HumanDataError, match=r"expected an address without user, password, query or fragment") as said:
        fetch_human("convokit", tmp_path / "human", url)
    assert "secret" not in str(said.value)


def test_what_a_server_says_cannot_steer_the_terminal(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download.time, "sleep", lambda s: None)
    server.reason = "Gone \x1b[2J away"
    with pytest.raises(DownloadError, match=r"it answered 404 Gone  \[2J away; tried 3 times"):
        fetch_human("convokit", tmp_path / "human", f"{server.url}/none.zip")


def test_a_folder_in_the_way_is_said_before_anything_is_fetched(server: Server, tmp_path: Path) -> None:
    server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"))
    with pytest.raises(HumanDataError, match="corpus: is there already and holds no reference"):
        fetch_human("convokit", tmp_path / "corpus", f"{server.url}/corpus.zip")
    assert not server.asked


def test_another_reference_in_the_way_does_not_cost_what_was_fetched(server: Server, tmp_path: Path) -> None:
    import_human(write_convokit(tmp_path / "three", TALKS[:3]), tmp_path / "human")
    server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"))
    with pytest.raises(HumanDataError, match="holds another reference"):
        fetch_human("convokit", tmp_path / "human", f"{server.url}/corpus.zip")
    assert fetch_human("convokit", tmp_path / "again", f"{server.url}/corpus.zip").facts.n_dialogues == 4
    assert len(server.asked) == 1


def test_addresses_that_look_alike_have_folders_of_their_own(server: Server, tmp_path: Path) -> None:
    server.files = {
        "/a-b.zip": zipped(write_convokit(tmp_path / "corpus")),
        "/a_b.zip": zipped(write_convokit(tmp_path / "three", TALKS[:3])),
    }
    import_human(tmp_path / "three", tmp_path / "human")
    with pytest.raises(HumanDataError, match="holds another reference"):
        fetch_human("convokit", tmp_path / "human", f"{server.url}/a-b.zip")
    assert fetch_human("convokit", tmp_path / "again", f"{server.url}/a_b.zip").facts.n_dialogues == 3


def _with_broken_stream(data: bytes) -> bytes:
    """The archive with its first file's packed bytes overwritten."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        first = archive.getinfo("persuasionforgood-corpus/conversations.json")
    start = first.header_offset + 30 + len(first.filename)
    return data[:start] + b"\xff" * 40 + data[start + 40 :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "no archive": lambda data: b"<html>Please log in</html>",
    "cut off": lambda data: data[:-40],
    "stream": _with_broken_stream,
}


@pytest.mark.parametrize("damaged", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_archive_is_fetched_anew_the_next_time(server: Server, tmp_path: Path, damaged: Callable[[bytes], bytes]) -> None:
    server.files["/corpus.zip"] = damaged(zipped(write_convokit(tmp_path / "corpus")))
    with pytest.raises(HumanDataError, match="is no readable zip file"):
        fetch_human("convokit", tmp_path / "human", f"{server.url}/corpus.zip")
    server.files["/corpus.zip"] = zipped(write_convokit(tmp_path / "corpus"))
    assert fetch_human("convokit", tmp_path / "human", f"{server.url}/corpus.zip").facts.n_dialogues == 4


@pytest.mark.parametrize("name", ["../utterances.jsonl", "/tmp/utterances.jsonl", "a/../../speakers.json", "C:\\speakers.json", "..\\x"])
def test_an_archive_that_points_outside_is_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("persuasionforgood-corpus/corpus.json", "{}")
        archive.writestr(name, "evil")
    with pytest.raises(HumanDataError, match="would be unpacked outside of the folder"):
        unpack(tmp_path / "evil.zip", tmp_path / "in" / "folder")
    assert [p.name for p in tmp_path.iterdir()] == ["evil.zip"]


@pytest.mark.parametrize("name", ["./", ""])
def test_an_entry_without_a_name_does_no_harm(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "odd.zip", "w") as archive:
        archive.writestr("persuasionforgood-corpus/corpus.json", "{}")
        archive.writestr(zipfile.ZipInfo(name), b"")
    unpack(tmp_path / "odd.zip", tmp_path / "folder")
    assert [p.name for p in (tmp_path / "folder").iterdir()] == ["corpus.json"]


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("utterances.jsonl", b"0" * 5000)
    with pytest.raises(HumanDataError, match="unpacks to more than 1000 bytes"):
        unpack(tmp_path / "bomb.zip", tmp_path / "folder")


def test_an_archive_with_a_file_twice_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a/speakers.json", "{}")
        archive.writestr("b/speakers.json", "{}")
    with pytest.raises(HumanDataError, match=r"has speakers.json 2 times, expected once"):
        unpack(tmp_path / "two.zip", tmp_path / "folder")
