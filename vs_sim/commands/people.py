"""What the verbs that compare share: a run's grid, the humans that it is held against, and how a run's files are written."""

from __future__ import annotations

import argparse
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analysis.grid import Grid
    from analysis.samples import Cleaning, HumanSample, Which
    from vs_sim.records import Transcript
    from vs_sim.second_reader import Reading
    from vs_sim.store import RunFolder


def grid_of(folder: RunFolder, cleaning: Cleaning = "drop", outcome: Which | None = None, human: Path | None = None) -> Grid:
    """All conditions and models of a run folder against the humans and against each other.

    Args:
        folder: the run.
        cleaning: what is done with amounts above $2, on both sides.
        outcome: which donation; None for the study's.
        human: reference folder of human dialogues; None for the frequencies shipped here.

    Raises:
        InputError: a folder that cannot be read, or humans without a donation to compare with.
    """
    from analysis.grid import compare_all
    from analysis.samples import donations

    study = folder.manifest()["study"]
    which = outcome or study["outcome"]
    if which == "stated":
        from vs_sim.scenario import money_only

        money_only(folder)
    transcripts = folder.transcripts()
    arms = donations(transcripts, which, folder.planned(), second_readings(folder, study))
    people = people_of(human, which, cleaning, study, [transcript.spec.id for transcript in transcripts])
    return compare_all(arms, people, seed=study["seed"], margins=study.get("margins"))


def people_of(reference: Path | None, which: Which, cleaning: Cleaning, study: dict[str, Any], own: Collection[str]) -> HumanSample:
    """The humans of a reference folder, read as the study's persuadees are; the shipped actual donations without one.

    A scenario of which no humans are shipped has none unless a reference is given (`analysis.samples.no_humans`).

    Args:
        reference: reference folder; None for the frequencies shipped here.
        which: the donation that is compared.
        cleaning: what is done with amounts above $2.
        study: the study as in the manifest.
        own: ids of the conversations that are compared, which are no reference for themselves.

    Raises:
        InputError: no dialogue has a donation to compare with.
        HumanDataError: the folder is no reference, or was changed after it was made.
    """
    from vs_sim.scenario import Scenario

    scenario = Scenario.model_validate(study["scenario"])
    if reference is None:
        from analysis.samples import human_cents, no_humans

        return human_cents(cleaning) if scenario.humans else no_humans(scenario.scale, cleaning)
    from analysis.numbers import most
    from analysis.samples import human_donations
    from vs_sim.errors import InputError
    from vs_sim.store import RunFolder

    transcripts, source = humans(reference, own, study["scenario"])
    readings = second_readings(RunFolder(reference), study)
    people = human_donations(transcripts, which, cleaning, source=source, readings=readings, scale=scenario.scale)
    if people.n == 0:
        left_out = f"{people.n_missing} cannot be told, {people.n_dropped} are above {most(scenario.scale)}"
        raise InputError(
            f"{reference}: no dialogue has a {scenario.scale.name} to compare with ({which}; {left_out}); give another --human or --outcome"
        )
    return people


def second_readings(folder: RunFolder, study: dict[str, Any]) -> dict[str, Reading]:
    """What the study's second reader read in a folder; nothing if the study has none."""
    if study.get("second_reader") is None:
        return {}
    from vs_sim.second_reader import readings

    return readings(folder).get(study["second_reader"], {})


def humans(reference: Path, own: Collection[str], scenario: dict[str, Any]) -> tuple[list[Transcript], str]:
    """The dialogues of a reference, checked, and what they are; those that are themselves compared (`own` ids) are left out.

    Where nobody else is in the reference, all stay: humans against themselves.

    Args:
        reference: a reference of human dialogues, or a folder of people who played the persuadee (`vs_sim.play`).
        own: ids of the conversations that are compared.
        scenario: of the study that is compared, as in its manifest.

    Raises:
        HumanDataError: if the folder is no reference, was changed after it was made, or its people decided on something else.
    """
    from vs_sim.errors import HumanDataError
    from vs_sim.human.reference import load_human
    from vs_sim.players import people_who_played

    played = people_who_played(reference, scenario)
    if played is None:
        found = load_human(reference)
        unit = scenario["scale"]["unit"]
        if unit != "cents":
            raise HumanDataError(
                f"{reference}: these people gave money, but this study's scenario has the unit {unit!r}; give people who played it, or none"
            )
        transcripts, source = list(found.transcripts), f"{found.facts.source}, {reference}, version {found.facts.version[:12]}"
    else:
        transcripts, source = played
    others = [transcript for transcript in transcripts if transcript.spec.id not in own]
    if others and len(others) < len(transcripts):
        source += f" without the {len(transcripts) - len(others)} dialogues that are compared with it"
    return others or transcripts, source


def without_people(folder: RunFolder, arguments: argparse.Namespace, *names: str) -> None:
    """Looks that nothing is asked of a run of single prompts that only dialogues have.

    Args:
        folder: the run.
        arguments: of the command.
        names: of the options that are for dialogues.

    Raises:
        InputError: one of them is given.
    """
    from vs_sim.errors import InputError

    given = [f"--{name}" for name in names if getattr(arguments, name) is not None]
    if given:
        raise InputError(f"{folder.path} is a run of single prompts, which are compared with no people; leave out {' and '.join(given)}")


def prompts_of(manifest: dict[str, Any]) -> dict[str, str]:
    """Every prompt that a run's models were given, by its name; those of the scenario begin with ``"scenario/"``."""
    return {**manifest["prompts"], **{f"scenario/{name}": text for name, text in manifest["study"]["scenario"]["prompts"].items()}}


def without_path(grid: Grid, human: Path | None) -> Grid:
    """The grid with the reference named as a folder, not as a place on this machine."""
    if human is None:
        return grid
    named = [c.model_copy(update={"human_source": c.human_source.replace(str(human), human.resolve().name)}) for c in grid.comparisons]
    return grid.model_copy(update={"comparisons": tuple(named)})


def machinery_note(models: Sequence[str]) -> str:
    """The sentence that must stand beside every result of models that are no evidence; empty for others."""
    from vs_sim.records import machinery_only

    if machinery_only(models):
        return "Small or scripted model: shows the machinery, no evidence about the method."
    return ""


@contextmanager
def writing(run: Path) -> Iterator[None]:
    """Says what cannot be written, and that nothing of what the run recorded is lost: it stands in other files."""
    from vs_sim.errors import RunFolderError

    try:
        yield
    except OSError as error:
        raise RunFolderError(
            f"{error.filename or run}: cannot be written: {error.strerror}; what the run recorded is kept: make room or mend that, and "
            "give the same command again"
        ) from None
