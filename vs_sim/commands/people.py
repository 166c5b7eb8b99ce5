"""What compare, language and dynamics share: the humans that a run is held against, and how a run's files are written."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vs_sim.records import Transcript


def humans(reference: Path, own: Collection[str]) -> tuple[list[Transcript], str]:
    """The dialogues of a reference, checked, and what they are; those that are themselves compared (`own` ids) are left out.

    Where nobody else is in the reference, all stay: humans against themselves.

    Raises:
        HumanDataError: if the folder is no reference, or was changed after it was made.
    """
    from vs_sim.human.reference import load_human

    found = load_human(reference)
    others = [transcript for transcript in found.transcripts if transcript.spec.id not in own]
    source = f"{found.facts.source}, {reference}, version {found.facts.version[:12]}"
    if others and len(others) < len(found.transcripts):
        source += f" without the {len(found.transcripts) - len(others)} dialogues that are compared with it"
    return others or list(found.transcripts), source


def machinery_note(models: Sequence[str]) -> str:
    """The sentence that must stand beside every result of models that are no evidence; empty for others."""
    if all(model.startswith(("embedded:", "scripted:")) for model in models):
        return "Small or scripted model: shows the machinery, no evidence about the method."
    return ""


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Says which table or figure cannot be written, and that nothing of the run is lost."""
    from vs_sim.errors import RunFolderError

    try:
        yield
    except OSError as error:
        raise RunFolderError(f"{error.filename or run}: cannot be written: {error.strerror}; the run itself is complete and kept") from None
