"""vs-sim compare: donations of a run against those of humans."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, verb

if TYPE_CHECKING:
    from analysis.grid import Grid


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    compare = verb(
        verbs, "compare", _compare, "compare a run's donations with the humans', or measure replies to prompts: tables and figures"
    )
    compare.add_argument("run", type=Path, metavar="RUN", help="run folder")
    compare.add_argument("--json", action="store_true", help="print JSON")
    compare.add_argument(
        "--cleaning", choices=("drop", "cap", "all"), help="of dialogues: human amounts above $2: drop (default), cap at $2, or keep"
    )
    compare.add_argument(
        "--human", type=Path, metavar="REF", help="of dialogues: imported humans (vs-sim human import; default: frequencies shipped here)"
    )
    compare.add_argument("--outcome", choices=("actual", "stated"), help="of dialogues: which donation (default: the study's)")


def _compare(arguments: argparse.Namespace) -> int:
    from vs_sim.commands.people import grid_of, without_people
    from vs_sim.commands.results import ReadOnce

    folder = ReadOnce(arguments.run)
    if folder.of_prompts:
        from vs_sim.commands.measures import compare_prompts

        without_people(folder, arguments, "human", "cleaning", "outcome")
        compare_prompts(folder, as_json=arguments.json)
        return 0
    grid = grid_of(folder, arguments.cleaning or "drop", arguments.outcome, arguments.human)
    if arguments.json:
        print(json.dumps(grid.to_dict(), indent=2))
    else:
        _print_and_draw(arguments.run, grid, arguments.human)
    return 0


def compare_and_draw(run: Path) -> None:
    """The tables on the terminal, the figure and the tidy table in the run folder."""
    from vs_sim.commands.people import grid_of
    from vs_sim.commands.results import ReadOnce

    folder = ReadOnce(run)
    if folder.of_prompts:
        from vs_sim.commands.measures import compare_prompts

        compare_prompts(folder)
    else:
        _print_and_draw(run, grid_of(folder), None)


def _print_and_draw(run: Path, grid: Grid, human: Path | None) -> None:
    from analysis.figure_files import save
    from analysis.numbers import cleaning_rule
    from analysis.plots import MAX_ARMS, figure, pages
    from analysis.tables import render, write_csv
    from vs_sim.commands.people import machinery_note, writing
    from vs_sim.store import RunFolder

    print(render(grid))
    study = RunFolder(run).manifest()["study"]
    note = machinery_note(study["persuadee_models"])
    if note:
        print(note)
    first = grid.comparisons[0]
    # The study's own outcome, the default rule and the shipped humans keep the plain name; other views stand beside it.
    name = "comparison" + ("" if first.which == study["outcome"] else f"-{first.which}")
    name += ("" if first.cleaning == "drop" else f"-{first.cleaning}") + (f"-with-{human.resolve().name}" if human else "")
    what = f"{first.which.capitalize()} {first.scale.name}s"
    what += f" against the humans' {first.human_which} ones; {cleaning_rule(first)}." if first.n_human else "; no human data."
    drawn: list[Path] = []
    with writing(run):
        write_csv(grid, run / f"{name}.csv")
        for page, chosen in pages(name, grid.comparisons, MAX_ARMS):
            drawn += save(figure(chosen, note=f"{what} {note}".strip()), run / page)
    print(f"table: {run / name}.csv   figure: {', '.join(map(str, drawn))}")
