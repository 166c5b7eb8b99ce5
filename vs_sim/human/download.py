"""The human dialogues from their public homes: ConvoKit's corpus in one zip file, or the original project's files.

Files come into the user's cache, where an interrupted download goes on behind its last byte; nothing of an archive is written under a
name that the archive chooses.
"""

from __future__ import annotations

import hashlib
import http.client
import re
import shutil
import ssl
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO, Literal

import filelock

from vs_sim.errors import DownloadError, HumanDataError
from vs_sim.fetch import cache_folder
from vs_sim.human.corpus import MAX_BYTES, UNREADABLE
from vs_sim.human.importer import is_there, reference_of, write
from vs_sim.human.reference import HumanReference
from vs_sim.records import printable
from vs_sim.sources import BLOCK, length

Home = Literal["convokit", "official"]
HOMES: dict[Home, str] = {
    "convokit": "https://zissou.infosci.cornell.edu/convokit/datasets/persuasionforgood-corpus/persuasionforgood-corpus.zip",
    "official": "https://gitlab.com/ucdavisnlp/persuasionforgood/-/raw/master",
}
"""The address of ConvoKit's archive, and the address under which the original project's files lie."""
OFFICIAL = (
    "data/FullData/full_info.csv",
    "data/FullData/full_dialog.csv",
    "data/AnnotatedData/300_info.xlsx",
    "data/AnnotatedData/300_dialog.xlsx",
)
IN_ARCHIVE = ("utterances.jsonl", "speakers.json", "users.json", "conversations.json", "corpus.json", "index.json")
N_TRIES = 3


def fetch_human(home: Home = "convokit", out: str | Path = "human", url: str | None = None) -> HumanReference:
    """Downloads PersuasionForGood and makes a reference of it.

    Args:
        home: where from.
        out: the reference to make; see `vs_sim.human.importer.import_human`.
        url: address in place of that of `HOMES`, ``http`` or ``https``.

    Raises:
        DownloadError: if a file cannot be had; what came of it stays for the next try.
        HumanDataError: if `out` holds something else, or what came cannot be read as it should be; it is removed.
    """
    address, out = _address(url or HOMES[home]), Path(out)
    is_there(out)  # what stands in the way is said before anything is fetched
    # By digest, so that no two addresses share a folder.
    folder = cache_folder().with_name("human") / f"{home}-{hashlib.sha256(address.encode()).hexdigest()[:16]}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):  # another process that fetches the same is waited for
            made = _fetch(home, address, folder, out)
            write(made)
            shutil.rmtree(folder, ignore_errors=True)  # the reference is what is kept
            return made
    except OSError as error:
        raise DownloadError(f"{folder}: cannot be written: {error.strerror}; set VS_SIM_CACHE to a folder with room") from None


def _address(url: str) -> str:
    """The address as it is fetched from.

    Raises:
        HumanDataError: if nothing can be fetched from it, or it holds what should stand in no message: a user, a password, a query.
    """
    if any(c in url for c in "@?#"):
        raise HumanDataError("--url holds @, ? or #, expected an address without user, password, query or fragment; leave them out")
    wanted = "http:// or https:// and a host, in plain ASCII; write other characters as %XX"
    if not re.fullmatch(r"https?://[!-~]+", url):
        raise HumanDataError(f"the address {url!r:.80} cannot be fetched from, expected one that begins with {wanted}")
    try:
        parts = urllib.parse.urlsplit(url)
        host = (parts.hostname or "").encode("idna")
        parts.port  # noqa: B018  ValueError if it is none
    except ValueError as error:
        raise HumanDataError(f"the address {url!r:.80} cannot be fetched from ({error}), expected {wanted}") from None
    if not host:
        raise HumanDataError(f"the address {url!r:.80} cannot be fetched from, expected one that begins with {wanted}")
    return url.rstrip("/")


def _fetch(home: Home, address: str, folder: Path, out: Path) -> HumanReference:
    """The reference of what lies at an address, not yet written; what came is removed if it is damaged."""
    try:
        if home == "official":
            for name in OFFICIAL:
                _download(f"{address}/{name}", folder / name, home)
        else:
            archive = folder / "persuasionforgood-corpus.zip"
            _download(address, archive, home)
            unpack(archive, folder / "persuasionforgood-corpus")
        return reference_of(folder, out)
    except HumanDataError:
        shutil.rmtree(folder, ignore_errors=True)  # what is damaged would be taken for whole the next time
        raise


def unpack(archive: Path, folder: Path) -> None:
    """Takes the files of a ConvoKit corpus out of its zip file, by their names alone, into `folder`.

    Raises:
        HumanDataError: if it is no zip file, has a file that would lie outside of its folder, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(archive) as inside:
            for entry in inside.infolist():
                path = PurePosixPath(entry.filename.replace("\\", "/"))
                if path.is_absolute() or ".." in path.parts or any(":" in part for part in path.parts[:1]):
                    raise HumanDataError(
                        f"{archive}: {entry.filename!r} would be unpacked outside of the folder; the archive is not to be trusted"
                    )
            folder.mkdir(parents=True, exist_ok=True)
            room = MAX_BYTES
            for name in IN_ARCHIVE:
                found = [e for e in inside.infolist() if PurePosixPath(e.filename).name == name and "__MACOSX" not in e.filename]
                if len(found) > 1:
                    raise HumanDataError(f"{archive}: has {name} {len(found)} times, expected once; is it the right archive?")
                for entry in found:
                    with inside.open(entry) as source, (folder / name).open("wb") as target:
                        room = _copy(source, target, room, archive)
    except (*UNREADABLE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's; without a number it is a damaged stream's
            raise
        raise HumanDataError(f"{archive}: is no readable zip file ({error}); give the same command again") from None


def _copy(source: IO[bytes], target: IO[bytes], room: int, archive: Path) -> int:
    """Copies all of a file; returns the bytes that may still come. The sizes that an archive states are not relied on."""
    while block := source.read(BLOCK):
        room -= len(block)
        if room < 0:
            raise HumanDataError(f"{archive}: unpacks to more than {MAX_BYTES} bytes; is it the right archive?")
        target.write(block)
    return room


def _download(url: str, path: Path, home: Home) -> None:
    """Makes `path` the file at an address; a connection that is cut off is opened again for the rest."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    why, tries = "it sent nothing", 0
    while tries < N_TRIES:
        time.sleep(0.5 * tries)
        start = length(part)
        request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310  checked above
        try:
            with urllib.request.urlopen(request, timeout=30) as reply, part.open("ab") as file:  # noqa: S310  see above
                if reply.status != 206:  # no part of the file, but all of it
                    file.truncate(0)
                total = _total(reply, length(part))
                _receive(reply, file, total, path.name)
            if total is None or length(part) == total:
                part.replace(path)
                return
            why = f"it sent {length(part)} of {total} bytes"
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing lies behind our last byte: another file than before
                part.unlink(missing_ok=True)
            why = printable(f"it answered {error.code} {error.reason}")
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
            why = printable(f"it cannot be reached ({getattr(error, 'reason', error)})")
        tries = 0 if length(part) > start else tries + 1
    other: Home = "official" if home == "convokit" else "convokit"
    raise DownloadError(
        f"{url} could not be fetched: {why}; tried {N_TRIES} times. Give the same command again to go on, try --from {other}, or get the "
        f"data on another machine (in a browser: {HOMES['convokit']}), unpack them and give: vs-sim human import FOLDER"
    )


def _total(reply: http.client.HTTPResponse, start: int) -> int | None:
    """Bytes that the whole file has; None if the server does not say."""
    stated = reply.headers.get("Content-Length", "")
    return start + int(stated) if re.fullmatch("[0-9]{1,15}", stated) else None


def _receive(reply: http.client.HTTPResponse, file: IO[bytes], total: int | None, name: str) -> None:
    """Appends what comes, with a line for every tenth, or for every ten megabytes where the length is not known."""
    said = -1
    while block := reply.read(BLOCK):
        file.write(block)
        done = file.tell()
        if done > MAX_BYTES:
            raise HumanDataError(f"{name}: more than {MAX_BYTES} bytes came, expected a few million; is it the right address?")
        step = 10 * done // total if total else done // 10_000_000
        if step != said:
            of = f" of {total / 1e6:.1f}" if total else ""
            print(f"fetching {name}: {done / 1e6:.1f}{of} MB", file=sys.stderr, flush=True)
            said = step
