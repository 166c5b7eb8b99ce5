"""A study to start from, as ``vs-sim init`` writes it: the quickstart's, with its keys explained, and the personas of the checkout."""

from __future__ import annotations

from pathlib import Path

from vs_sim.errors import InputError
from vs_sim.new_folder import new_folder

FILES = ("study.toml", "persuaders.toml", "persuadees.toml", "README.md")


def write_starter(folder: Path) -> tuple[str, ...]:
    """Write the starter study: the whole folder or none.

    Args:
        folder: is made, with those above it; may be there already if it is empty.

    Returns:
        Names of the files.

    Raises:
        InputError: if the folder is not empty, is the one that the command is given in, or cannot be made.
    """
    # The whole folder is put in its place, and a shell would stay behind in the old one.
    if folder.resolve() == Path.cwd():
        raise InputError(f"{folder}: is the folder that you are in, expected a new one; give its name, such as my-study")
    with new_folder(folder) as new:
        for name in FILES:
            (new / name).write_bytes((Path(__file__).parent / name).read_bytes())
    return FILES
