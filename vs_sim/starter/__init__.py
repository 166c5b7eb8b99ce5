"""A study to start from, as ``vs-sim init`` writes it: the quickstart's, with its keys explained, and the personas of the checkout."""

from __future__ import annotations

import errno
import tempfile
from pathlib import Path

from vs_sim.errors import InputError

FILES = ("study.toml", "persuaders.toml", "persuadees.toml", "README.md")


def write_starter(folder: Path) -> tuple[str, ...]:
    """Write the starter study: the whole folder or none.

    Args:
        folder: is made, in a folder that exists; may be there already if it is empty.

    Returns:
        Names of the files.

    Raises:
        InputError: if the folder is not empty, is the one that the command is given in, or cannot be made.
    """
    try:
        target = folder.resolve()
        if target == Path.cwd():  # the whole folder is put in its place, and a shell would stay behind in the old one
            raise InputError(f"{folder}: is the folder that you are in, expected a new one; give its name, such as my-study")
        with tempfile.TemporaryDirectory(prefix=".vs-sim-", dir=target.parent) as scratch:
            made = Path(scratch) / "study"
            made.mkdir()
            for name in FILES:
                (made / name).write_bytes((Path(__file__).parent / name).read_bytes())
            made.rename(target)  # in the place of an empty folder, too, and of nothing else
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            found = ", ".join(sorted(path.name for path in target.iterdir())[:3])
            raise InputError(f"{folder}: is not empty (it holds {found}), expected a new folder; give another name") from None
        if error.errno == errno.ENOTDIR:
            raise InputError(f"{folder}: is a file or lies in one, expected a new folder; give another name") from None
        raise InputError(f"{folder}: cannot be made ({error.strerror}), expected a new folder in one that exists; check the path") from None
    return FILES
