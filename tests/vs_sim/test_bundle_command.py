"""vs-sim bundle: what stands in the folder is what the records and the grid say, whatever names they hold."""

import csv
import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from analysis import methods_text, prose, results_text
from analysis.bundle import alike_in_grey, fenced, references
from analysis.grid import Grid
from analysis.latex import table
from analysis.numbers import number
from analysis.paper_tables import tables
from analysis.run_facts import run_facts
from analysis.tables import write_csv
from tests.conftest import DIRECT, StudyFolder
from tests.runs import HOSTILE, scripted, spoilt
from vs_sim.commands.people import grid_of, machinery_note
from vs_sim.reask import recorded_study
from vs_sim.replay import read_journal, replay
from vs_sim.store import RunFolder

Command = Callable[..., tuple[int, str, str]]
TAU = {"name": "vs tau, k = 4", "method": "vs_standard", "k": 4, "tau": 0.3}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    return scripted(StudyFolder(folder), folder / "run", conditions=[DIRECT, TAU])


@pytest.fixture(scope="module")
def hostile(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run of a model with a hostile name; one conversation failed and one was not run."""

    def spoil(rows: list[dict[str, Any]]) -> None:
        failed = {"kind": "ReplyError:no_candidates", "message": "none", "step": "t001", "raw": None}
        rows[0] |= {"decision": None, "stop_reason": "error", "failure": failed}

    return spoilt(run, tmp_path_factory.mktemp("hostile") / "run", "scripted:donation", spoil)


@pytest.fixture(scope="module")
def bundle(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from vs_sim.cli import main

    out = tmp_path_factory.mktemp("out") / "bundle"
    assert main(["bundle", str(hostile), "--incomplete", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def grid(hostile: Path) -> Grid:
    """The comparison, computed anew."""
    return grid_of(RunFolder(hostile))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _numbers(tex: str) -> list[float]:
    plain = tex.replace(r"$-$", "-")
    return [float(text) for text in re.findall(r"(?<![\w.])[-+]?\d*\.?\d+(?![\w.])", plain)]


def test_the_tables_hold_the_numbers_of_the_grid(bundle: Path, grid: Grid) -> None:
    lines = (bundle / "tables" / "summary.tex").read_text("utf-8").splitlines()
    for c in grid.comparisons:
        (row,) = [line for line in lines if f"raggedright {c.condition} &" in line]
        after = row.partition(" & ")[2]
        metrics = [c.metric(name) for name in ("share_zero", "mean", "mean_positive", "median")]
        values = [float(number(m.unit, m.value, m.name)) for m in metrics if m.value is not None]
        assert _numbers(after) == [c.n, c.n_missing, *values]
    rows = _rows(bundle / "tables" / "comparison.csv")
    for c in grid.comparisons:
        (own,) = [row for row in rows if row["arm"] == c.arm and row["versus"] == "humans" and row["metric"] == "ks"]
        assert float(own["value"]) == c.metric("ks").value
        assert float(own["floor_q95"]) == c.metric("ks").floor_q95
    missing = _rows(bundle / "tables" / "missing.csv")
    found = [(row["condition"], row["reason"], row["n"]) for row in missing if row["reason"]]
    assert found == [("direct", "ReplyError:no_candidates", "1"), ("vs tau, k = 4", "not run", "1")]


def test_the_methods_say_what_the_records_say_and_what_is_missing(bundle: Path, hostile: Path) -> None:
    text = (bundle / "methods.md").read_text("utf-8").replace("\\", "")
    manifest = json.loads((hostile / "manifest.json").read_text("utf-8"))
    study = manifest["study"]
    transcripts = RunFolder(hostile).transcripts()
    started = sorted(t.started for t in transcripts)
    for said in (
        "We planned 8 conversations: 2 conditions, 1 persuadee model",
        "4 of 4 persuadee personas were matched",
        "Of 8 planned conversations 6 are complete.",
        "INCOMPLETE: conversations are missing, which may bias every number: direct",
        "1 of 4 (ReplyError:no_candidates 1)",
        "1 of 4 (not run 1)",
        f"between {started[0]} and {started[-1]}",
        f"Temperature {study['temperature']}, top-p {study['top_p']}; at most {study['rounds']} rounds",
        f"study's seed ({study['seed']})",
        "vs tau, k = 4: k = 4 candidates with their probabilities were asked for (method vs_standard, selection weighted, "
        "wording of the probability explicit, tau 0.3, format json).",
        f"vs-sim {manifest['starts'][0]['versions']['vs-sim']}",
        "982 donations of 747 people, worth 530 independent ones [@kish1965survey]",
        "Cleaning rule drop, on both sides: amounts above $2 are left out (35 human, 0 simulated).",
        f"2,000 resamples and seed {study['seed']}",
        "Small or scripted model",
    ):
        assert said in text
    assert f"returned as {next(t for t in transcripts if t.complete).turns[0].calls[0].model_returned}" in text


def test_every_number_of_the_results_is_one_of_the_grid(bundle: Path, grid: Grid) -> None:
    text = (bundle / "results.md").read_text("utf-8").replace("\\", "").replace(HOSTILE.replace("\\", ""), "")
    known = {
        number(m.unit, v, m.name).lstrip("$")
        for c in grid.comparisons
        for m in c.metrics
        for v in m.model_dump().values()
        if isinstance(v, float)
    }
    for pair in grid.pairs:
        known |= {number(d.unit, v, signed=s) for d in pair.differences for v in (d.value, d.low, d.high) for s in (True, False)}
    tests = [*grid.tests, *grid.pair_tests]
    known |= {f"{p:.3f}"[1:] if p < 0.9995 else "1.00" for test in tests for p in (*test.p, *test.holm) if p is not None}
    known |= {str(v) for c in grid.comparisons for v in (c.n, c.n_missing, c.n_planned, c.n_human, 95, 0, *c.missing.values())}
    known |= {str(pair.n_pairs) for pair in grid.pairs} | {"4"}  # k = 4 is a name here
    body = re.sub(r"([-+])\$", r"\1", text.partition("## Results")[2])
    assert len(found := re.findall(r"(?<![\w.])[-+]?\d*\.?\d+(?![\w.]*\w)", body)) > 30
    assert [one for one in found if one not in known] == []


def test_hostile_names_command_nothing_and_missing_ones_are_in_every_caption(bundle: Path) -> None:
    for path in [*bundle.glob("tables/*.tex"), bundle / "methods.tex", bundle / "results.tex"]:
        text = path.read_text("utf-8")
        assert text.isascii()
        assert "do$na" not in text and r"i\on" not in text and r"\cite{x}" not in text
    captions = [
        line for path in bundle.glob("tables/*.tex") for line in path.read_text("utf-8").splitlines() if line.startswith(r"\caption")
    ]
    captions += [line for line in (bundle / "supplement.tex").read_text("utf-8").splitlines() if line.startswith(r"\caption")]
    assert len(captions) > 10 and all("INCOMPLETE: 2 of 8 conversations are missing." in caption for caption in captions)


def test_prompts_requests_and_sums(bundle: Path, hostile: Path) -> None:
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    assert (bundle / "manifest.json").read_bytes() == (hostile / "manifest.json").read_bytes()
    prompts = {**manifest["prompts"], **{f"scenario/{k}": v for k, v in manifest["study"]["scenario"]["prompts"].items()}}
    written = {path.relative_to(bundle / "prompts").as_posix()[:-3]: path.read_text("utf-8") for path in (bundle / "prompts").rglob("*.md")}
    assert written == prompts
    assert sorted(path.name for path in (bundle / "requests").iterdir()) == ["01-direct.md", "02-vs-tau-k-4.md"]
    worked = (bundle / "requests" / "02-vs-tau-k-4.md").read_text("utf-8")
    assert "## t001.0: persuadee" in worked and "## decide.0: persuadee" in worked and "must be below 0.3" in worked
    assert "2 of 2 conditions have a worked request; 0 of 10" in (bundle / "README.md").read_text("utf-8")  # another model than journalled
    for line in (bundle / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    listed = (bundle / "README.md").read_text("utf-8")
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert all(f"| {name} |" in listed for name in files)
    assert len(files) == len((bundle / "SHA256SUMS").read_text("utf-8").splitlines()) + 1


def test_the_same_run_gives_the_same_tables_and_texts(bundle: Path, hostile: Path, grid: Grid, tmp_path: Path) -> None:
    folder = RunFolder(hostile)
    facts = run_facts(folder.manifest(), folder.planned(), folder.transcripts(), folder.journal_rows())
    note = machinery_note(facts.study["persuadee_models"])
    said = methods_text.methods(grid, facts, note, methods_text.FURTHER)
    assert (bundle / "methods.md").read_text("utf-8") == prose.markdown("Methods", said)
    assert (bundle / "results.tex").read_text("utf-8") == prose.latex("Results", results_text.results(grid, facts, note))
    for one in tables(grid, facts):
        captioned = one.model_copy(update={"caption": f"{one.caption} {note}".strip()})
        assert (bundle / "tables" / f"{one.name}.tex").read_text("utf-8") == table(captioned)
    write_csv(grid, tmp_path / "comparison.csv")
    assert (bundle / "tables" / "comparison.csv").read_bytes() == (tmp_path / "comparison.csv").read_bytes()


@pytest.mark.long
def test_the_same_run_gives_the_same_bytes(bundle: Path, hostile: Path, command: Command, tmp_path: Path) -> None:
    assert command("bundle", hostile, "--incomplete", "--out", tmp_path / "again")[0] == 0
    assert (tmp_path / "again" / "SHA256SUMS").read_bytes() == (bundle / "SHA256SUMS").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["again"]  # nothing unfinished is left


def test_refusals(run: Path, hostile: Path, bundle: Path, command: Command, tmp_path: Path) -> None:
    code, _, err = command("bundle", hostile)
    assert code == 2
    assert f"conversations are missing: direct ({HOSTILE}) 1 of 4, vs tau, k = 4 ({HOSTILE}) 1 of 4; give the command of the run" in err
    assert not (hostile / "bundle").exists()
    assert "is there already and is not overwritten" in command("bundle", run, "--out", bundle)[2]
    empty = tmp_path / "empty"
    shutil.copytree(run, empty)
    shutil.rmtree(empty / "transcripts")
    assert "none of 8 conversations is complete (0 failed)" in command("bundle", empty, "--incomplete")[2]
    manifest: dict[str, Any] = json.loads((run / "manifest.json").read_text("utf-8"))
    (empty / "manifest.json").write_text(json.dumps(manifest | {"format": 99}), "utf-8")
    assert "format 99, expected" in command("bundle", empty)[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_rebuilt_requests_are_those_of_the_journal(run: Path) -> None:
    folder = RunFolder(run)
    study, journal = recorded_study(folder), read_journal(folder)
    digest = folder.manifest()["study"]["prompts_sha256"]
    shown = [one for t in folder.transcripts() for one in replay(study, t, digest, journal)]
    assert len(shown) == 8 * 5 and all(one.checked for one in shown)
    warmer = study.model_copy(update={"temperature": 0.1})
    assert not any(one.checked for one in replay(warmer, folder.transcripts()[0], digest, journal))
    with pytest.raises(Exception, match="prompts of this version of vs_sim are not those of the run"):
        replay(study, folder.transcripts()[0], "0" * 64, journal)


def test_what_only_colour_tells_apart_is_named() -> None:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from analysis.plots import STYLES

    figure = Figure()
    handles = [Line2D([], [], color=s.color, marker=s.marker, linestyle=s.dashes) for s in STYLES]
    figure.legend(handles, [str(i) for i in range(len(STYLES))])
    assert alike_in_grey(figure) == []
    same = [Line2D([], [], color=c, marker="o", linestyle="-") for c in ("red", "blue")]
    figure.legend(same, ["red", "blue"])
    assert ("red", "blue") in alike_in_grey(figure)
    other = Figure()
    lines = [Line2D([], [], color="red", marker="o", linestyle=style) for style in ("-", "")]
    other.legend(lines, ["with a line", "without"])
    assert alike_in_grey(other) == []


def test_small_parts() -> None:
    assert fenced("a ```` b").startswith("`````text\n")
    assert references(["kish1965survey"]).startswith("@book{kish1965survey,")
    with pytest.raises(KeyError):
        references(["nobody2000"])
