"""What report and bundle lay out: everything that is computed of a run without asking a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.store import RunFolder

if TYPE_CHECKING:
    from analysis.calibration import Calibration
    from analysis.curves import Curve
    from analysis.grid import Grid
    from analysis.measure import Measured
    from analysis.probabilities import Diagnostics
    from analysis.samples import Cleaning
    from vs_sim.prompt_records import PromptSpec, Responses
    from vs_sim.records import ConversationSpec, Transcript

NO_COURSE = "The course of the dialogues is left out: the rules that read agreement, refusal and amounts know requests for money only."
"""What stands in the place of `Results.course` where there is none."""


class ReadOnce(RunFolder):
    """A run folder whose plan and records are read once, and stay what they were, however many analyses ask for them."""

    def __init__(self, path: str | Path) -> None:
        super().__init__(path)
        self._transcripts: list[Transcript] | None = None
        self._planned: list[ConversationSpec] | None = None
        self._responses: list[Responses] | None = None
        self._askings: list[PromptSpec] | None = None

    def transcripts(self) -> list[Transcript]:
        """As in `RunFolder`."""
        if self._transcripts is None:
            self._transcripts = super().transcripts()
        return self._transcripts

    def planned(self) -> list[ConversationSpec]:
        """As in `RunFolder`."""
        if self._planned is None:
            self.transcripts()  # first, since a plan only grows
            self._planned = super().planned()
        return self._planned

    def responses(self) -> list[Responses]:
        """As in `RunFolder`."""
        if self._responses is None:
            self._responses = super().responses()
        return self._responses

    def planned_askings(self) -> list[PromptSpec]:
        """As in `RunFolder`."""
        if self._askings is None:
            self.responses()  # first, likewise
            self._askings = super().planned_askings()
        return self._askings


@dataclass(frozen=True)
class Course:
    """The course of the dialogues: what happened, over the rounds, and how many ended by which reason, by condition."""

    measured: list[Measured]
    over_rounds: list[Curve]
    stop_reasons: dict[str, dict[str, int]]


@dataclass(frozen=True)
class Results:
    """What is computed of a run.

    Attributes:
        grid: the comparison; humans are named as a folder, not as a place on this machine.
        note: the sentence that must stand beside models that are no evidence; empty for others.
        n_rounds: of the study.
        language: of the persuadees.
        language_notes: what belongs below it.
        course: None where the scenario is not about money, as the rules that read it know nothing else.
        probabilities: as stated, by condition and part.
        calibrations: stated probabilities against frequencies, where decisions were asked for again.
        left_out: conditions without stated probabilities.
    """

    grid: Grid
    note: str
    n_rounds: int
    language: list[Measured]
    language_notes: list[str]
    course: Course | None
    probabilities: list[Diagnostics]
    calibrations: list[Calibration]
    left_out: list[str]


def results_of(folder: RunFolder, human: Path | None, cleaning: Cleaning) -> Results:
    """Everything that is computed of a run of which at least one conversation is complete.

    Args:
        folder: the run, or people.
        human: reference folder of human dialogues; None for the frequencies shipped here.
        cleaning: what is done with amounts above $2, on both sides.

    Raises:
        InputError: a folder that cannot be read, or humans without a donation to compare with.
    """
    from analysis.probabilities import PARTS, diagnose
    from vs_sim.commands.language import measured_language
    from vs_sim.commands.people import grid_of, machinery_note, without_path
    from vs_sim.commands.probabilities import calibrations_of, groups_of

    study = folder.manifest()["study"]
    language, language_notes = measured_language([folder], human, False)
    probabilities: list[Diagnostics] = []
    calibrations: list[Calibration] = []
    left_out: list[str] = []
    if not folder.is_reference:  # people state no probabilities
        recorded, groups, left_out = groups_of(folder)
        probabilities = [d for group in groups for part in PARTS if (d := diagnose(group, part, seed=recorded.seed)) is not None]
        calibrations = calibrations_of(folder, recorded, groups)
    return Results(
        grid=without_path(grid_of(folder, cleaning, None, human), human),
        note=machinery_note(study["persuadee_models"]),
        n_rounds=int(study["rounds"]),
        language=language,
        language_notes=language_notes,
        course=_course(folder, human),
        probabilities=probabilities,
        calibrations=calibrations,
        left_out=left_out,
    )


def _course(folder: RunFolder, human: Path | None) -> Course | None:
    from analysis.curves import curves
    from analysis.dynamics import dynamics, stop_reasons
    from vs_sim.commands.dynamics import courses_of
    from vs_sim.commands.people import humans
    from vs_sim.scenario import scale_of

    study, transcripts = folder.manifest()["study"], folder.transcripts()
    if not scale_of(study).money:
        return None
    n_rounds, seed = int(study["rounds"]), int(study["seed"])
    read, _ = courses_of(transcripts, folder.planned(), n_rounds, folder.path)
    others = [] if human is None else humans(human, [t.spec.id for t in transcripts], study["scenario"])[0]
    people = [] if human is None else courses_of(others, [t.spec for t in others], n_rounds, human)[0]
    return Course(dynamics(read, people, n_rounds, seed=seed), curves(read, people, n_rounds, seed=seed), stop_reasons(read))
