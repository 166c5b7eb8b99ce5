"""vs-sim bundle of single prompts: what stands in the folder is what the records and the measures say, whatever names they hold."""

import asyncio
import csv
import hashlib
import inspect
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from analysis import methods_prompts, results_prompts
from analysis.accuracy import accuracies
from analysis.bundle import references
from analysis.coverage import coverage
from analysis.diversity import diversities
from analysis.latex import Table, table
from analysis.numbers import cell, number, p_value, share
from analysis.paper_prompts import MOST_PARTS, MOST_ROWS, for_paper
from analysis.prose import cited
from analysis.quality import judged
from analysis.refusals import refusals
from analysis.reliability import reliabilities
from tests.prompt_studies import RULES, PromptStudyFolder
from tests.runs import HOSTILE, spoilt
from vs_sim.cli import main
from vs_sim.commands.measures import parts_of, prompt_study_of
from vs_sim.kinds import load_any
from vs_sim.prompt_file import load_prompts
from vs_sim.prompt_study import Measure
from vs_sim.replay import read_journal, replay_asking
from vs_sim.run import run_study
from vs_sim.store import RunFolder

Command = Callable[..., tuple[int, str, str]]
PROMPTS = """
[[prompt]]
id = "city"
text = "Name a city of France.\\n\\\\input{x} <b> $1 & 50 %"
answers = [{ text = "Paris", also = ["Lutetia"], share = 0.7 }, { text = "Lyon", share = 0.3 }]
source = "made & up, 100 %"

[[prompt]]
id = "sky"
text = "Which colour has the sky?"
answers = ["Paris"]
"""
CONDITIONS = [
    {"name": "direct", "method": "direct"},
    {"name": "vs, tau=.5", "method": "vs_standard", "k": 2, "tau": 0.5, "temperature": 0.3},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete run of two models."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "other.toml").write_text(RULES, "utf-8")
    models = [f"scripted:{folder / 'rules.toml'}", f"scripted:{folder / 'other.toml'}"]
    measures = ["words", "coverage", "accuracy", "refusals"]
    path = PromptStudyFolder(folder).write(entries=PROMPTS, models=models, measures=measures, conditions=CONDITIONS, n_replies=4)
    asyncio.run(run_study(load_any(path), RunFolder(folder / "run")))
    return folder / "run"


@pytest.fixture(scope="module")
def hostile(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run with a model of a hostile name; one asking failed and one was not run."""

    def spoil(rows: list[dict[str, Any]]) -> None:
        keys = ("condition", "prompt", "replicate")
        rows.sort(key=lambda row: (row["spec"]["model"] == HOSTILE, *(row["spec"][key] for key in keys)))
        failed = {"kind": "ReplyError:no_candidates", "message": "none", "step": "t000", "raw": None}
        rows[-2] |= {"distribution": None, "drawn": None, "failure": failed}

    name = json.loads((run / "manifest.json").read_text("utf-8"))["study"]["models"][1]
    return spoilt(run, tmp_path_factory.mktemp("hostile") / "run", name, spoil)


@pytest.fixture(scope="module")
def bundle(hostile: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "bundle"
    assert main(["bundle", str(hostile), "--incomplete", "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def found(hostile: Path) -> dict[str, Any]:
    """What is computed of the run, anew."""
    folder = RunFolder(hostile)
    return {name: of for part in parts_of(folder, prompt_study_of(folder)) for name, of in part.found.items() if of}


def _plain(path: Path) -> str:
    return path.read_text("utf-8").replace("\\", "")


def test_the_tables_are_those_of_compare(bundle: Path, hostile: Path, found: dict[str, Any], command: Command, tmp_path: Path) -> None:
    shutil.copytree(hostile, tmp_path / "run")
    assert command("compare", tmp_path / "run")[0] == 0
    written = {path.name for path in (tmp_path / "run").glob("*.csv")}
    assert {"coverage.csv", "diversity.csv", "accuracy.csv", "calibration.csv", "refusals.csv"} <= written
    for name in written:
        assert (bundle / "tables" / name).read_bytes() == (tmp_path / "run" / name).read_bytes(), name
    assert {path.stem for path in (bundle / "figures").glob("*.svg")} == {path.stem for path in (tmp_path / "run").glob("*.png")}
    tex = (bundle / "tables" / "coverage.tex").read_text("utf-8")
    for one in found["coverage"]:
        numbers = f" of {one.n_answers} & {number('answers', one.n_found_by_chance)} & {share(one.precision)}"
        assert (numbers if one.n_replies else "-- & -- & --") in tex


def test_what_is_missing_stands_in_a_table_with_its_reason(bundle: Path) -> None:
    with (bundle / "tables" / "missing.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["condition"], row["model"] == HOSTILE, row["reason"], row["n"], row["n_complete"]) for row in csv.DictReader(file)]
    assert ("vs, tau=.5", True, "ReplyError:no_candidates", "1", "2") in rows
    assert ("vs, tau=.5", True, "not run", "1", "2") in rows
    assert [row for row in rows if not row[2]] == [row for row in rows if row[3] == "0"]
    assert "ReplyError:" in (bundle / "tables" / "missing.tex").read_text("utf-8")


def test_the_methods_say_what_the_records_say(bundle: Path, hostile: Path) -> None:
    text = _plain(bundle / "methods.md")
    manifest = json.loads((hostile / "manifest.json").read_text("utf-8"))
    started = sorted(one.started for one in RunFolder(hostile).responses())
    for said in (
        "We planned 24 askings of single prompts: 2 prompts, 2 conditions and 2 models",
        "for 4 candidate replies if every answer is read as asked (askings of a prompt: direct 4, vs, tau=.5 2).",
        "Prompts with right answers: 2 (sources: made & up, 100 %).",
        "vs, tau=.5: k = 2 candidates with their probabilities were asked for (method vs_standard, selection weighted, wording of the "
        "probability explicit, tau 0.5, format json, temperature 0.3).",
        "and in temperature or top-p where they name their own. Tau is an upper bound",
        ", unless a condition names its own; an answer was cut off at a number of tokens computed from 5 words a reply.",
        f"between {started[0]} and {started[-1]}",
        f"study's seed ({manifest['study']['seed']})",
        "Of the 6 askings with a tau, 6 hold a candidate whose stated probability exceeds it.",
        "Of 24 planned askings 22 gave candidates. INCOMPLETE: askings are missing, which may bias every number: vs, tau=.5",
        "2 of 4 (ReplyError:no_candidates 1, not run 1)",
        "There is no smoothing: the sum runs over the answers that were given",
        "1 - ROUGE-L (F-measure over words) [@lin2004rouge]",
        f"All resampling uses 2,000 resamples and seed {manifest['study']['seed']}.",
        f"vs-sim {manifest['starts'][0]['versions']['vs-sim']}",
        "Small or scripted model",
        "The author must add: who wrote the prompts",
    ):
        assert said in text
    assert not any(word in text for word in ("ersuad", "ersona", "dialogue", "donat", "onversation", "cosine"))


def test_what_does_not_hold_is_not_said(run: Path, tmp_path: Path) -> None:
    folder = RunFolder(run)
    study = prompt_study_of(folder)
    plain = study.model_copy(update={"conditions": study.conditions[:1], "measures": ("words",)})
    content = json.loads((run / "manifest.json").read_text("utf-8"))
    content["study"] |= json.loads(plain.model_dump_json(include={"conditions", "measures"}, exclude_none=True))
    content["conversations"] = [one for one in content["conversations"] if one["condition"] == "direct"]
    from analysis.prompt_facts import prompt_facts

    facts = prompt_facts(content, [one for one in folder.planned_askings() if one.condition == "direct"], [], [])
    text = " ".join(one.text for one in methods_prompts.methods(facts, {}, [], {"direct": 4}))
    assert "differ in the latter only." in text and "Tau" not in text and "unless a condition" not in text
    assert "The journal holds no answer." in text and "smoothing" not in text and "no attempt is recorded" in text


def test_every_number_of_the_results_is_one_of_the_records(bundle: Path, found: dict[str, Any]) -> None:
    text = _plain(bundle / "results.md").replace(HOSTILE.replace("\\", ""), "").replace("tau=.5", "")
    text = re.sub(r"scripted:\S+toml", "", text)
    known = {"95", "2", "1", "4", "0"}
    for of in (one for name in found for one in found[name]):
        for value in _leaves(of.model_dump()):
            known |= {
                number("answers", value),
                p_value(value),
                share(value),
                share(value, signed=True),
                number("times", value),
                f"{value}",
                f"{value:.0f}",
            }
    body = text.partition("## Coverage")[2]
    assert len(numbers := re.findall(r"(?<![\w.])[-+]?\d*\.?\d+(?![\w.]*\w)", body)) > 30
    assert [one for one in numbers if one not in known] == []
    for one in found["coverage"]:
        assert f"divergence {cell('share', one.kl, *(one.kl_interval or (None, None)))} (floor" in text or one.kl is None


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in _leaves(one)]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in _leaves(one)]
    return [value] if isinstance(value, int | float) else []


def test_hostile_names_command_nothing_and_missing_ones_are_in_every_caption(bundle: Path) -> None:
    captions = []
    for path in [*bundle.glob("tables/*.tex"), bundle / "methods.tex", bundle / "results.tex", bundle / "supplement.tex"]:
        text = path.read_text("utf-8")
        assert text.isascii()
        assert "do$na" not in text and r"i\on" not in text and r"\cite{x}" not in text and r"\input{x}" not in text
        captions += [line for line in text.splitlines() if line.startswith(r"\caption")]
    assert len(captions) > 10 and all("INCOMPLETE: 2 of 24 askings are missing." in caption for caption in captions)


def test_prompts_requests_and_sums(bundle: Path, hostile: Path) -> None:
    assert (bundle / "manifest.json").read_bytes() == (hostile / "manifest.json").read_bytes()
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    written = {path.relative_to(bundle / "prompts").as_posix()[:-3]: path.read_text("utf-8") for path in (bundle / "prompts").rglob("*.md")}
    assert written == manifest["prompts"]
    assert load_prompts(bundle / "prompts.jsonl") == prompt_study_of(RunFolder(hostile)).prompts
    assert sorted(path.name for path in (bundle / "requests").iterdir()) == ["01-direct.md", "02-vs-tau-.5.md"]
    worked = (bundle / "requests" / "02-vs-tau-.5.md").read_text("utf-8")
    assert "## t000.0: scripted:" in worked and "Name a city of France.\n\\input{x}" in worked and "must be below 0.5" in worked
    assert "2 of 2 conditions have a worked request; 2 of 2 requests of these askings" in (bundle / "README.md").read_text("utf-8")
    for line in (bundle / "SHA256SUMS").read_text("utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    listed = (bundle / "README.md").read_text("utf-8")
    files = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert all(f"| {name} |" in listed for name in files)
    assert "22 of 24 planned askings gave candidates. INCOMPLETE: the text and every caption say so." in listed


def test_rebuilt_requests_are_those_of_the_journal(run: Path) -> None:
    folder = RunFolder(run)
    study, journal = prompt_study_of(folder), read_journal(folder)
    digest = folder.any_manifest()["study"]["prompts_sha256"]
    shown = [one for record in folder.responses() for one in replay_asking(study, record, digest, journal)]
    assert len(shown) == 24 and all(one.checked and one.role is None for one in shown)
    colder = study.model_copy(update={"temperature": 0.1})
    checked = {record.spec.condition: replay_asking(colder, record, digest, journal)[0].checked for record in folder.responses()}
    assert checked == {"direct": False, "vs, tau=.5": True}, "the second condition has a temperature of its own"
    other = folder.responses()[0].model_copy(update={"drawn": None})
    with pytest.raises(Exception, match="went another way when it was gone through again"):
        replay_asking(study, other, digest, journal)
    with pytest.raises(Exception, match="prompts of this version of vs_sim are not those of the run"):
        replay_asking(study, folder.responses()[0], "0" * 64, journal)


def test_refused(run: Path, hostile: Path, bundle: Path, command: Command, tmp_path: Path) -> None:
    code, _, err = command("bundle", hostile)
    assert code == 2
    assert f"askings are missing: vs, tau=.5 ({HOSTILE}) 2 of 4; give the command of the run again, or --incomplete" in err
    assert not (hostile / "bundle").exists()
    for options in (("--human", tmp_path), ("--cleaning", "cap")):
        for verb in ("bundle", "compare"):
            assert f"which are compared with no people; leave out {options[0]}\n" in command(verb, run, *options)[2]
    assert "is there already and is not overwritten" in command("bundle", run, "--out", bundle)[2]
    empty = tmp_path / "empty"
    shutil.copytree(run, empty)
    shutil.rmtree(empty / "transcripts")
    assert "none of 24 askings is complete (0 failed), so that there is nothing to write" in command("bundle", empty, "--incomplete")[2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty"]


def test_tables_fit_on_paper() -> None:
    rows = [row for i in range(24) for row in ((), (f"model {i}",), (f"a {i}", f"{i}.5 [1, 2]", "3"), (f"b {i}", "-", "[4]"))]
    made = for_paper([Table(name="t", caption="Of it.", columns=("", "x", "y"), rows=tuple(rows[1:]), notes=("Said.",))])
    assert [one.name for one in made] == [f"t-{i}" for i in range(1, len(made) + 1)] and len(made) > 2
    assert [bool(one.notes) for one in made] == [False] * (len(made) - 1) + [True]
    assert made[0].caption == f"Of it. Part 1 of {len(made)}."
    flat = [row for one in made for row in one.rows]
    for i in range(24):
        at = flat.index((f"a {i}", f"{i}.5", "3"))
        assert flat[at + 1] == ("", "[1, 2]", "") and flat[at - 1] == (f"model {i}",)
        assert (f"b {i}", "-", "[4]") in flat
    for one in made:
        assert len(one.rows) <= MOST_ROWS + 4 and len(one.rows[0]) == 1
        assert table(one)
    many = [(f"{'a long name, ' * 10}{i}", "1") for i in range(400)]
    cut = for_paper([Table(name="t", caption="c", columns=("", "x"), rows=(("h " * 80,), *many), notes=tuple(["a note of words"] * 100))])
    assert len(cut) == MOST_PARTS and cut[0].rows[0][0] + " " + cut[0].rows[1][0] == " ".join(["h"] * 80)
    assert cut[-1].notes[0] == "The first 6 of 15 parts; all of it stands in the tidy tables."
    assert cut[-1].notes[-1] == "59 further notes are printed by vs-sim compare."
    (short,) = for_paper([Table(name="t", caption="c", columns=("", "x"), rows=(("a", "1"),), notes=("n",))])
    assert (short.name, short.rows, short.notes) == ("t", (("a", "1"),), ("n",))


def test_every_measure_has_its_sentences_and_references() -> None:
    said = {"meaning": "diversity", "words": "diversity"}
    assert {said.get(name, name) for name in get_args(Measure)} <= methods_prompts.SAID.keys() & results_prompts.SAID.keys()
    of = [accuracies, coverage, diversities, judged, refusals, reliabilities]
    assert {inspect.signature(one).parameters["n_resamples"].default for one in of} == {methods_prompts.N_RESAMPLES}
    assert references(["lin2004rouge", "reimers2019sentence", "guo2017calibration"]).count("@inproceedings") == 3
    assert cited([]) == []


@pytest.mark.long
def test_the_same_run_gives_the_same_bytes_and_latex_takes_them(bundle: Path, hostile: Path, command: Command, tmp_path: Path) -> None:
    assert command("bundle", hostile, "--incomplete", "--out", tmp_path / "again")[0] == 0
    assert (tmp_path / "again" / "SHA256SUMS").read_bytes() == (bundle / "SHA256SUMS").read_bytes()
    if (engine := shutil.which("pdflatex")) is not None:
        done = subprocess.run(
            [engine, "-interaction=nonstopmode", "-halt-on-error", "supplement.tex"],
            cwd=tmp_path / "again",
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0 and b"Overfull \\hbox" not in done.stdout
