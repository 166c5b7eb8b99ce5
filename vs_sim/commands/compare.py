"""vs-sim compare: donations of a run against those of humans."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vs_sim.commands import Verbs, verb

if TYPE_CHECKING:
    from analysis.grid import Grid
    from analysis.samples import HumanSample
    from vs_sim.second_reader import Reading
    from vs_sim.store import RunFolder


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    compare = verb(verbs, "compare", _compare, "compare a run's donations with the humans', print the table, draw the figure")
    compare.add_argument("run", type=Path, metavar="RUN", help="run folder")
    compare.add_argument("--json", action="store_true", help="print JSON")
    compare.add_argument(
        "--cleaning", choices=("drop", "cap", "all"), default="drop", help="human amounts above $2: drop (default), cap at $2, or keep"
    )
    compare.add_argument(
        "--human", type=Path, metavar="REF", help="imported humans (vs-sim human import; default: frequencies shipped here)"
    )
    compare.add_argument("--outcome", choices=("actual", "stated"), help="which donation (default: the study's)")


def _compare(arguments: argparse.Namespace) -> int:
    grid = _grid(arguments.run, arguments.cleaning, arguments.outcome, arguments.human)
    if arguments.json:
        print(json.dumps(grid.to_dict(), indent=2))
    else:
        _print_and_draw(arguments.run, grid, arguments.human)
    return 0


def _grid(run: Path, cleaning: Any, outcome: Any, human: Path | None) -> Grid:
    from analysis.grid import compare_all
    from analysis.samples import donations
    from vs_sim.store import RunFolder

    folder = RunFolder(run)
    study = folder.manifest()["study"]
    which = outcome or study["outcome"]
    transcripts = folder.transcripts()
    arms = donations(transcripts, which, folder.planned(), _second(folder, study))
    people = _people(human, which, cleaning, study, [transcript.spec.id for transcript in transcripts])
    return compare_all(arms, people, seed=study["seed"], margins=study.get("margins"))


def _second(folder: RunFolder, study: dict[str, Any]) -> dict[str, Reading]:
    """What the study's second reader read in a folder; nothing if the study has none."""
    if study.get("second_reader") is None:
        return {}
    from vs_sim.second_reader import readings

    return readings(folder).get(study["second_reader"], {})


def _people(reference: Path | None, which: Any, cleaning: Any, study: dict[str, Any], own: list[str]) -> HumanSample:
    """The humans of a reference folder, read as the study's persuadees are; the shipped actual donations without one."""
    if reference is None:
        from analysis.samples import human_cents

        return human_cents(cleaning)
    from analysis.samples import human_donations
    from vs_sim.commands.people import humans
    from vs_sim.errors import InputError
    from vs_sim.store import RunFolder

    transcripts, source = humans(reference, own)
    people = human_donations(transcripts, which, cleaning, source=source, readings=_second(RunFolder(reference), study))
    if people.n == 0:
        left_out = f"{people.n_missing} cannot be told, {people.n_dropped} are above $2"
        raise InputError(
            f"{reference}: no dialogue has a donation to compare with ({which}; {left_out}); give another --human or --outcome"
        )
    return people


def compare_and_draw(run: Path) -> None:
    """The tables on the terminal, the figure and the tidy table in the run folder."""
    _print_and_draw(run, _grid(run, "drop", None, None), None)


def _print_and_draw(run: Path, grid: Grid, human: Path | None) -> None:
    from analysis.plots import MAX_ARMS, figure, save
    from analysis.tables import render, write_csv
    from vs_sim.commands.people import machinery_note, writing
    from vs_sim.store import RunFolder

    print(render(grid))
    study = RunFolder(run).manifest()["study"]
    note = machinery_note(study["persuadee_models"])
    if note:
        print(note)
    comparisons = grid.comparisons
    first = comparisons[0]
    # The study's own outcome, the default rule and the shipped humans keep the plain name; other views stand beside it.
    name = "comparison" + ("" if first.which == study["outcome"] else f"-{first.which}")
    name += ("" if first.cleaning == "drop" else f"-{first.cleaning}") + (f"-with-{human.resolve().name}" if human else "")
    rule = {"drop": "amounts above $2 dropped", "cap": "amounts above $2 set to $2", "all": "all amounts kept"}[first.cleaning]
    what = f"{first.which.capitalize()} donations against the humans' {first.human_which} ones; {rule}."
    drawn: list[Path] = []
    with writing(run):
        write_csv(grid, run / f"{name}.csv")
        for i in range(0, len(comparisons), MAX_ARMS):
            page = f"{name}-{i // MAX_ARMS + 1}" if len(comparisons) > MAX_ARMS else name
            drawn += save(figure(comparisons[i : i + MAX_ARMS], note=f"{what} {note}".strip()), run / page)
    print(f"table: {run / name}.csv   figure: {', '.join(map(str, drawn))}")
