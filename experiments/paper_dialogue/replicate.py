"""The paper's dialogue study in one command: people, run, and Tables 21 and 22 beside the published values.

    python experiments/paper_dialogue/replicate.py --p4g PATH

PATH is PersuasionForGood as you have it (CSV files or ConvoKit's corpus) or a reference made of it by `vs-sim human import`. The same
command again goes on where it stopped. What it writes: people/ beside this file (the 200 matched pairs; ignored by git), the run folder,
and in it table21.csv, table22.csv and figure.png / .pdf.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from analysis.comparison import Comparison
from analysis.grid import Grid, compare_all
from analysis.language import Speech, language, speeches
from analysis.measure import Measured
from analysis.numbers import share
from analysis.samples import HumanSample, donations, human_donations
from vs_sim.cli import exit_code
from vs_sim.commands import at_least_1, run_options
from vs_sim.commands.people import machinery_note, writing
from vs_sim.errors import RunFolderError
from vs_sim.human.reference import HumanReference, load_human
from vs_sim.store import RunFolder
from vs_sim.study import Study, load_study

HERE = Path(__file__).resolve().parent
FILTER = "paper_test"
TABLE_22 = ("distinct_1", "distinct_2", "distinct_3", "semantic_diversity", "flesch_kincaid")


class Published(NamedTuple):
    """One figure of the paper: published.csv, a row."""

    table: str
    model: str
    model_in_paper: str
    condition: str
    metric: str
    value: float


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code of `vs-sim`."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--p4g", type=Path, metavar="PATH", help="PersuasionForGood, or a reference made of it; needed once")
    parser.add_argument("--out", type=Path, default=Path("runs/paper_dialogue"), metavar="RUN", help="run folder (default: %(default)s)")
    parser.add_argument("-n", type=at_least_1, metavar="N", help="only the first N of the 200 pairs")
    parser.add_argument("--rounds", type=at_least_1, metavar="N", help="fewer rounds than the study has")
    parser.add_argument("--model", metavar="PROVIDER:MODEL", help="one model in place of all")
    parser.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for all models")
    parser.add_argument("--concurrency", type=at_least_1, metavar="N", help="conversations at a time")
    parser.add_argument("--only-tables", action="store_true", help="ask no model: print what has been run")
    parser.add_argument("--semantic", action="store_true", help="semantic diversity too (needs the extra 'semantic')")
    arguments = parser.parse_args(argv)
    return exit_code("replicate", lambda: replicate(arguments))


def replicate(arguments: argparse.Namespace) -> int:
    """Run what is missing, then print the tables; 1 if conversations are missing still."""
    run_options({}, arguments)  # what cannot be used is said before anything is made
    folder = RunFolder(arguments.out)
    this_study(folder)
    people = matched_people(arguments.p4g)
    done = arguments.only_tables or run(the_study(arguments), folder)
    these_people(folder, people)
    report(folder, people, semantic=arguments.semantic)
    return 0 if done else 1


def this_study(folder: RunFolder) -> None:
    """Refuse a folder of people, or of another study; a smaller run of this one has fewer people, rounds or models, and is this study's."""
    if not folder.manifest_path.exists():
        return
    manifest = folder.manifest()
    if folder.is_reference:
        raise RunFolderError(f"{folder.path} holds people, expected a run of this study or a new folder; give another --out")
    own, held = tomllib.loads((HERE / "study.toml").read_text("utf-8")), manifest["study"]
    differing = [key for key in ("question", "seed", "temperature", "top_p") if held.get(key) != own[key]]
    if [c.get("name") for c in held.get("conditions", [])] != [c["name"] for c in own["conditions"]]:
        differing.append("conditions")
    if differing:
        raise RunFolderError(f"{folder.path} holds a run of another study: {', '.join(differing)} differ; give another --out")


def these_people(folder: RunFolder, people: HumanReference) -> None:
    """Refuse a run whose persuadees are not among the people that it would be held against."""
    strangers = {t.persuadee for t in folder.planned()} - {t.spec.persuadee for t in people.transcripts}
    if strangers:
        raise RunFolderError(
            f"{folder.path} was run with other people than {people.path}: {len(strangers)} are not in it; give another --out"
        )


def matched_people(p4g: Path | None) -> HumanReference:
    """The 200 test dialogues of the paper as a reference of their own, made if it is not there yet."""
    from vs_sim.human.importer import import_human, sample_human

    folder = HERE / "people"
    if p4g is None:
        return load_human(folder)
    with tempfile.TemporaryDirectory() as scratch:
        whole = load_human(p4g) if (p4g / "reference.json").is_file() else import_human(p4g, Path(scratch) / "all")
        (sample,) = sample_human(whole, folder, filter=FILTER)
    return sample


def the_study(arguments: argparse.Namespace) -> Study:
    """The study file, cut down as the command line says."""
    study = load_study(HERE / "study.toml", model=arguments.model)
    changes: dict[str, Any] = {}
    if arguments.n is not None:
        changes["persuadees"] = study.persuadees[: arguments.n]
    if arguments.rounds is not None:
        changes |= {"rounds": arguments.rounds, "min_rounds": min(study.min_rounds, arguments.rounds)}
    if arguments.model is not None and arguments.model.startswith("embedded:"):
        # What a small model needs to keep to its role and to the shape of the answer, for all arms alike.
        changes |= {"form": "transcript", "json_schema": True, "reply_words": 30}
    changes["run"] = run_options({**study.run.model_dump(), **({"endpoints": {}} if arguments.base_url else {})}, arguments)
    return Study.model_validate({**study.model_dump(), **changes})


def run(study: Study, folder: RunFolder) -> bool:
    """Run what is missing; True if every conversation is complete."""
    from vs_sim.commands.model import fetch_weights
    from vs_sim.display import RunDisplay
    from vs_sim.run import run_study

    fetch_weights(study.models)
    with RunDisplay(watch=False, scale=study.scenario.scale) as display:
        result = asyncio.run(run_study(study, folder, display))
    print(f"{result.n_complete} of {result.n_planned} conversations are complete in {folder.path}\n")
    return result.n_complete == result.n_planned


def report(folder: RunFolder, people: HumanReference, *, semantic: bool) -> None:
    """Both tables on the terminal and in the run folder, and the figure."""
    from analysis.figure_files import save
    from analysis.tables import write_csv

    transcripts, planned, study = folder.transcripts(), folder.planned(), folder.manifest()["study"]
    source = f"the {len(people.transcripts)} test dialogues of PersuasionForGood"
    human = human_donations(people.transcripts, "actual", "drop", source=source)
    grid = compare_all(donations(transcripts, "actual", planned), human, seed=study["seed"], margins=study.get("margins"))
    published = read_published()
    size = f"{len(study['persuadees'])} of the {len(people.transcripts)} pairs, at most {study['rounds']} rounds."
    note = f"{size} {machinery_note(study['persuadee_models'])}".strip()
    print(table_21(grid, human, published, note))
    spoken = speeches(transcripts, planned)
    measured = measure_language(spoken, people, study, semantic=semantic) if spoken else []
    if measured:
        print(table_22(measured, grid, published))
    tables = [folder.path / "table21.csv"]
    with writing(folder.path):
        write_csv(grid, tables[0])
        if measured:
            tables.append(folder.path / "table22.csv")
            with tables[1].open("w", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(Measured.model_fields)
                writer.writerows(["" if v is None else v for v in json.loads(m.model_dump_json()).values()] for m in measured)
        paths = save(draw(grid, published, note), folder.path / "figure")
    print(f"tables: {', '.join(map(str, tables))}   figure: {', '.join(map(str, paths))}")


def read_published() -> list[Published]:
    """The paper's figures."""
    with (HERE / "published.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        return [Published(r["table"], r["model"], r["model_in_paper"], r["condition"], r["metric"], float(r["value"])) for r in rows]


def table_21(grid: Grid, human: HumanSample, published: Sequence[Published], note: str) -> str:
    """KS and L1 per dialogue by model and condition, ours beside the paper's, with floor and baselines."""
    printed = {(p.model, p.condition, p.metric): p.value for p in published if p.table == "21"}
    names = {p.model: p.model_in_paper for p in published if p.model}
    lines = ["Table 21: distance of the simulated donations from those of the matched humans (paper: GPT-4.1 as persuader)", ""]
    lines += [_line("", "", "KS", "", "L1 per dialogue, $"), _line("", "n", "ours", "paper", "ours", "paper")]
    model = ""
    for c in grid.comparisons:
        if c.model != model:
            model = c.model
            lines.append(names.get(model, model))
        ours = [_own(c, name) for name in ("ks", "l1_per_dialogue")]
        theirs = [share(printed.get((c.model, c.condition, name))) for name in ("ks", "l1_per_dialogue")]
        n = f"{c.n} ({c.n_missing} missing)" if c.n_missing else str(c.n)
        lines.append(_line(f"  {c.condition}", n, ours[0], theirs[0], ours[1], theirs[1]))
    lines += ["mean over the models", *_means(grid, published)]
    one = next((c for c in grid.comparisons if c.n), None)
    if one is not None:
        ks, l1 = one.metric("ks"), one.metric("l1_per_dialogue")
        lines.append("for comparison")
        lines.append(_line(f"  humans at n = {one.n_effective}", "", f"{share(ks.floor_mean)}, 95 % {share(ks.floor_q95)}", "", "", ""))
        lines.append(_line("  humans shuffled", "", "", "", share(l1.baseline_shuffled), ""))
        lines.append(_line("  all give $0", "", share(ks.baseline_zero), "", share(l1.baseline_zero), ""))
        lines.append(_line("  all give median", "", share(ks.baseline_median), "", share(l1.baseline_median), ""))
    tuned = {p.metric: p for p in published if p.table == "21" and not p.model and p.model_in_paper.startswith("fine-tuned")}
    if tuned:
        name = tuned["ks"].model_in_paper.removeprefix("fine-")
        lines.append(_line(f"  {name}", "", "", share(tuned["ks"].value), "", share(tuned["l1_per_dialogue"].value)))
    lines += [
        "",
        f"Humans: {human.n} actual donations up to $2 ({human.n_dropped} above it dropped), mean ${human.cents.mean() / 100:.2f}.",
        note,
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _means(grid: Grid, published: Sequence[Published]) -> list[str]:
    """Means over the models of a condition; the paper's over all nine rows (as printed it averages the first seven)."""
    lines = []
    for condition in dict.fromkeys(c.condition for c in grid.comparisons):
        cells = []
        for name in ("ks", "l1_per_dialogue"):
            own = [c.metric(name).value for c in grid.comparisons if c.condition == condition]
            theirs = [p.value for p in published if p.table == "21" and p.model and (p.condition, p.metric) == (condition, name)]
            cells += [share(_mean(own)), share(_mean(theirs))]
        lines.append(_line(f"  {condition}", "", cells[0], cells[1], cells[2], cells[3]))
    return lines


def measure_language(spoken: Sequence[Speech], people: HumanReference, study: dict[str, Any], *, semantic: bool) -> list[Measured]:
    """Table 22's metrics of every condition and model, and of the matched humans by the same code in as many rounds."""
    human = [replace(s, turns=s.turns[: study["rounds"]]) for s in speeches(people.transcripts, [t.spec for t in people.transcripts])]
    found = language(spoken, human, seed=study["seed"])
    if semantic:
        from analysis.semantic import minilm
        from analysis.semantic import semantic as meaning

        found += meaning(spoken, human, minilm(), seed=study["seed"])
    return [m for m in found if m.name in TABLE_22]


def table_22(measured: Sequence[Measured], grid: Grid, published: Sequence[Published]) -> str:
    """Language by condition, averaged over the models, ours beside the paper's and the humans'."""
    printed = {
        (p.condition, p.metric): p.value for p in published if p.table == "22" and p.model_in_paper in ("mean over models", "humans")
    }
    condition_of = {c.arm: c.condition for c in grid.comparisons}
    names = [name for name in TABLE_22 if any(m.name == name for m in measured)]
    titles = {m.name: m.title for m in measured}
    lines = ["Table 22: language of the persuadees, mean over the models (ours | paper)", ""]
    lines.append(f"{'':<20}" + "".join(f"{titles[name]:>22}" for name in names[:3]))
    rows: list[list[str]] = []
    for condition in dict.fromkeys(condition_of.values()):
        cells = [condition]
        for name in names:
            own = [m.value for m in measured if m.name == name and condition_of[m.label] == condition]
            cells.append(f"{share(_mean(own))} | {share(printed.get((condition, name)))}")
        rows.append(cells)
    humans = ["humans"]
    for name in names:
        value = next((m.human for m in measured if m.name == name), None)
        humans.append(f"{share(value)} | {share(printed.get(('humans', name)))}")
    rows.append(humans)
    lines += [f"{row[0]:<20}" + "".join(f"{cell:>22}" for cell in row[1:4]) for row in rows]
    if len(names) > 3:
        lines += ["", f"{'':<20}" + "".join(f"{titles[name]:>22}" for name in names[3:])]
        lines += [f"{row[0]:<20}" + "".join(f"{cell:>22}" for cell in row[4:]) for row in rows]
    lines += ["", "The paper does not state its tokeniser, and its human values cannot be reproduced with the usual definitions:"]
    lines.append("compare our columns with our humans, never with the printed ones. Near the humans is good, high is not.")
    if "semantic_diversity" not in names:
        lines.append("Semantic diversity is not measured: give --semantic.")
    return "\n".join(line.rstrip() for line in lines) + "\n"


def draw(grid: Grid, published: Sequence[Published], note: str) -> Any:
    """KS by model and condition: ours filled with its interval, the paper's hollow, the humans' noise floor as a band."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from analysis.plots import STYLES

    models = list(dict.fromkeys(c.model for c in grid.comparisons))
    conditions = list(dict.fromkeys(c.condition for c in grid.comparisons))
    printed = {(p.model, p.condition): p.value for p in published if p.table == "21" and p.metric == "ks" and p.model}
    names = {p.model: p.model_in_paper for p in published if p.model}
    figure = Figure(figsize=(7.2, 1.5 + 0.62 * len(models)), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.add_subplot()
    one = next((c for c in grid.comparisons if c.metric("ks").floor_q95 is not None), None)
    floor = None if one is None else one.metric("ks").floor_q95
    if floor is not None:
        ax.axvspan(0, floor, color="#e3e3e3", linewidth=0, zorder=0)
    for c in grid.comparisons:
        i = conditions.index(c.condition)
        y = models.index(c.model) + (i - (len(conditions) - 1) / 2) * 0.13
        ks, style = c.metric("ks"), STYLES[i]
        if ks.low is not None and ks.high is not None:
            ax.plot([ks.low, ks.high], [y, y], color=style.color, linewidth=1.1, zorder=2)
        if ks.value is not None:
            ax.plot(ks.value, y, marker=style.marker, markersize=4.5, color=style.color, linestyle="", zorder=3)
        if (c.model, c.condition) in printed:
            hollow: dict[str, Any] = {"markersize": 5.5, "linestyle": "", "zorder": 4, "color": style.color, "fillstyle": "none"}
            ax.plot(printed[c.model, c.condition], y, marker=style.marker, **hollow)
    ax.set_yticks(range(len(models)), [names.get(m, m.partition(":")[2]) for m in models], fontsize=8)
    ax.set_ylim(len(models) - 0.5, -0.5)
    ax.set_xlim(0, 1)
    band = "" if one is None else f" (band: 95 % of humans against humans at n = {one.n_effective})"
    ax.set_xlabel(f"KS distance from the matched humans{band}", fontsize=8)
    figure.suptitle(note, fontsize=7.5)
    ax.tick_params(axis="x", labelsize=7.5)
    ax.spines[["top", "right"]].set_visible(False)
    handles = [Line2D([], [], color=s.color, marker=s.marker, markersize=4.5, linewidth=1.1) for s in STYLES[: len(conditions)]]
    labels = list(conditions)
    if any((c.model, c.condition) in printed for c in grid.comparisons):
        handles.append(Line2D([], [], color="#444444", marker="o", markersize=5.5, fillstyle="none", linestyle=""))
        labels.append("published")
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=7.5, frameon=False)
    return figure


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _own(c: Comparison, name: str) -> str:
    metric = c.metric(name)
    ends = "" if metric.low is None or metric.high is None else f" [{share(metric.low)}, {share(metric.high)}]"
    return share(metric.value) + ends


def _line(label: str, n: str, ks: str, ks_paper: str, l1: str, l1_paper: str = "") -> str:
    return f"{label:<22}{n:>16}{ks:>19}{ks_paper:>8}{l1:>19}{l1_paper:>8}"


if __name__ == "__main__":
    sys.exit(main())
