"""A folder that appears whole or not at all, in the place of nothing but an empty one."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vs_sim.errors import InputError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to write into, which gets its name when all has been written.

    It is made beside its place, under a name that no other process uses; if this one is killed it stays there and stands in nobody's way.

    Args:
        out: the folder to make, with those above it; one that is there must be empty.

    Raises:
        InputError: `out` is there already, or cannot be written.
    """
    try:
        if out.is_symlink() or (out.exists() and not (out.is_dir() and not any(out.iterdir()))):
            raise _is_there(out)
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name[:40]}.", dir=out.absolute().parent) as scratch:
            new = Path(scratch) / "new"
            new.mkdir()
            yield new
            if out.is_dir():
                out.rmdir()  # empty
            new.rename(out)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST) and out.is_dir():  # another process was faster
            raise _is_there(out) from None
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        hint = "make room, or give another place" if full else "expected a folder that can be made; check the path"
        raise InputError(f"{str(out)!r:.200}: cannot be written: {error.strerror}; {hint}") from None


def _is_there(out: Path) -> InputError:
    return InputError(f"{out}: is there already and is not overwritten; give another folder, or remove it")
