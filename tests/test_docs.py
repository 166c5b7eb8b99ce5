"""The pages of the documentation: every block runs as it stands, and prints what the page says that it prints.

Blocks of a page run in order, in a folder with the checkout's experiments and personas; a block with a title is a file that is written
there. A `text` block behind one that runs is what it prints; a last line `...` leaves the rest open. Marks in front of a block:

    <!-- exit 2 -->    it ends with this code, and the sentence on standard error is what is quoted
    <!-- human -->     it needs human dialogues: made-up ones here, so what it prints is not compared
    <!-- endpoint -->  it needs an endpoint: one on loopback takes its place
    <!-- cluster -->   a job script, or what takes more than one machine: its syntax and its vs-sim commands are checked, it is not run
    <!-- sketch -->    a piece of code that shows a form; it is read, not run

After a change of what is printed on purpose: UPDATE_DOCS=1 pytest tests/test_docs.py -n 0, then read the difference.
"""

from __future__ import annotations

import contextlib
import io
import os
import pkgutil
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.endpoint import serving
from tests.human_data import Talk, write_csv
from vs_sim.cli import main, parser

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "vs_sim" / "docs"
PAGES = sorted((DOCS / "pages").rglob("*.md"))
NAMES = [page.relative_to(DOCS / "pages").as_posix() for page in PAGES]
_BLOCK = re.compile(r'(?:^<!-- ([\w ]+) -->\n)?^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.DOTALL | re.MULTILINE)
_TIMES = ((r"\d{4}-\d\d-\d\dT[\d:]+\+00:00", "2026-11-21T12:00:00+00:00"), (r"\b\d+ s\b", "0 s"), (r"[\d.]+ a minute", "200 a minute"))


class Block(NamedTuple):
    mark: str
    language: str
    title: str
    text: str
    span: tuple[int, int]


def blocks(page: Path) -> list[Block]:
    return [Block(m[1] or "", m[2], m[3] or "", m[4], m.span(4)) for m in _BLOCK.finditer(page.read_text("utf-8"))]


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for folder in ("experiments", "personas"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield tmp_path
    for number, handler in handlers.items():
        signal.signal(number, handler)


def printed(block: Block, exit_code: int) -> str:
    """What a block prints; vs-sim commands run in this process, since starting one takes longer than most of them do."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        if block.language == "python":
            exec(compile(block.text, "a page", "exec"), {"__name__": "__main__"})
        else:
            code = 0
            for line in block.text.replace("\\\n", " ").splitlines():
                words = shlex.split(line, comments=True)
                if words[:1] == ["vs-sim"]:
                    code = main(words[1:])
                elif words:
                    done = subprocess.run(["bash", "-euo", "pipefail", "-c", line], capture_output=True, text=True, check=False)
                    code = done.returncode
                    out.write(done.stdout)
                assert code == exit_code, f"{line}: exit {code}\n{out.getvalue()}{err.getvalue()}"
    text = err.getvalue() if exit_code else out.getvalue()
    for pattern, fixed in _TIMES:
        text = re.sub(pattern, fixed, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines()).strip("\n") + "\n"


def made_up_dialogues(folder: Path) -> None:
    said = ("Hello, would you give to children?", "I will give 50 cents.", "Thank you.", "You are welcome, bye.")
    acts = tuple((turn, text, "other", "") for turn, text in enumerate(said))
    talks = [
        Talk(f"20180901-12000{i}_{i}_live", (f"a{i}", f"b{i}"), said, (0.0, 0.5 * i), annotated=True, stated=0.5, acts=acts)
        for i in range(4)
    ]
    write_csv(folder / "p4g", talks, annotated="annotated_dev_")


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", NAMES)
def test_page_runs_and_prints_what_it_says(name: str, checkout: Path) -> None:
    page = DOCS / "pages" / name
    found = blocks(page)
    made_up_dialogues(checkout)
    updating = bool(os.environ.get("UPDATE_DOCS"))
    expected: list[tuple[Block, str]] = []
    renamed: dict[str, str] = {}  # beginnings of conversation ids, which follow from the content of prompts and personas
    ran, compared = "", False
    for block in found:
        for old, new in renamed.items():
            block = block._replace(text=block.text.replace(f" {old}\n", f" {new}\n"))
        if block.title and block.mark != "sketch":
            path = checkout / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, "utf-8")
        elif block.language == "text":
            if compared:
                expected.append((block, ran))
                if updating:
                    renamed |= dict(zip(_ids(block.text), _ids(ran), strict=False))
        elif block.mark == "cluster":
            assert subprocess.run(["bash", "-n"], input=block.text, text=True, check=False).returncode == 0
            script = block.text.replace("\\\n", " ").replace("$SLURM_ARRAY_TASK_ID", "2")
            commands = re.findall(r"^ *vs-sim (.*?)(?: &)?$", script, re.MULTILINE)
            assert commands
            for command in commands:
                parser().parse_args(shlex.split(command))
        elif block.language in ("bash", "python") and block.mark != "sketch":
            if block.mark == "endpoint":
                with serving() as endpoint:
                    ran = printed(block._replace(text=re.sub(r"http://[\w.:-]+/v1", endpoint.url, block.text)), 0)
            else:
                ran = printed(block, int(block.mark.removeprefix("exit ")) if block.mark.startswith("exit") else 0)
        if block.language != "text":
            compared = block.mark == "" or block.mark.startswith("exit")
    if updating:
        text = page.read_text("utf-8")
        for block, output in reversed(expected):
            text = text[: block.span[0]] + _cut(block.text, output) + text[block.span[1] :]
        for old, new in renamed.items():
            text = re.sub(rf"(?m)^(vs-sim show .*) {old}$", rf"\1 {new}", text)
        page.write_text(text, "utf-8")
        return
    for block, output in expected:
        assert block.text == _cut(block.text, output), f"{name} says otherwise; see the first lines of {Path(__file__).name}"


def _ids(text: str) -> list[str]:
    return [one[:4] for one in re.findall(r"(?m)^([0-9a-f]{16}) ", text)]


def _cut(quoted: str, output: str) -> str:
    """The output, as far as it is quoted."""
    lines = quoted.splitlines()
    if lines and lines[-1] == "...":
        return "".join(line + "\n" for line in [*output.splitlines()[: len(lines) - 1], "..."])
    return output


@pytest.mark.parametrize("name", NAMES)
def test_what_a_page_names_exists(name: str) -> None:
    page = DOCS / "pages" / name
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\((?!http|#)([^)#]+)(?:#[^)]*)?\)", text):
        if "reference/" not in target:  # written when the site is built
            assert (page.parent / target).is_file(), target
    for path in re.findall(r"`((?:vs_sim|analysis|tests|experiments|personas)/[\w./-]+)`", text):
        assert "mine" in path or "first" in path or (ROOT / path).exists(), path
    for dotted in re.findall(r"`((?:vs_sim|analysis)(?:\.\w+)+)`", text):
        pkgutil.resolve_name(dotted)
    for mark in re.findall(r"(.*)\n +```\w", text):  # a block within a list is not run
        assert mark.strip() == "<!-- sketch -->", text
    for address in re.findall(r"(?:\]\(|<)(https?://[^)>]+)", text):
        assert address.startswith(("https://doi.org/", "https://arxiv.org/", "https://aclanthology.org/")), address


def test_every_page_is_in_the_navigation() -> None:
    assert set(re.findall(r'"([\w/]+\.md)"', (DOCS / "zensical.toml").read_text("utf-8"))) == {*NAMES, "reference/commands.md"}


def test_the_reference_is_written_from_the_code(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", f"import build, pathlib; build.write(pathlib.Path({str(tmp_path)!r}))"], cwd=DOCS, check=True)
    reference = tmp_path / "pages" / "reference"
    commands = (reference / "commands.md").read_text("utf-8")
    for verb in ("run", "plan", "compare", "human sample", "personas show"):
        assert f"## vs-sim {verb}\n" in commands
    assert "--base-url URL" in commands
    assert max(map(len, commands.splitlines())) <= 140
    for module in ("vs_sim.study", "vs_sim.human.reference", "analysis.compare"):
        assert (reference / f"{module}.md").read_text("utf-8") == f"# {module}\n\n::: {module}\n"
    assert not list(reference.glob("*commands.[a-z]*.md"))
    assert "(vs_sim.study.md) | study.toml -> Study" in (reference / "modules.md").read_text("utf-8")


def test_each_study_that_ships_has_a_page_with_question_protocol_command_and_result(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", f"import build, pathlib; build.write(pathlib.Path({str(tmp_path)!r}))"], cwd=DOCS, check=True)
    pages = {page.stem: page.read_text("utf-8") for page in (tmp_path / "pages" / "studies").glob("*.md")}
    folders = {path.parent.name for path in (DOCS.parent.parent / "experiments").glob("*/study.toml")}
    assert set(pages) >= folders
    for name, text in pages.items():
        assert f'"studies/{name}.md"' in (tmp_path / "zensical.toml").read_text("utf-8")
        for _, target in re.findall(r"\[([^]]+)\]\(([^)]+)\)", text):
            assert target.startswith("https://") or (tmp_path / "pages" / "studies" / target).is_file(), f"{name}: {target}"
        for part in ("Question", "Command", "Result"):
            assert part in text, f"{name}: no {part.lower()}"


def test_nothing_is_built_where_something_else_lies(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "pages").mkdir(parents=True)
    (mine / "zensical.toml").write_text("mine", "utf-8")
    done = subprocess.run([sys.executable, DOCS / "build.py", mine], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "mine: is there already and holds no earlier site, so nothing is put into it; give a new folder" in done.stderr
    assert sorted(path.name for path in mine.rglob("*")) == ["pages", "zensical.toml"]
    assert (mine / "zensical.toml").read_text("utf-8") == "mine"


def test_an_earlier_build_is_replaced(tmp_path: Path) -> None:
    twice = "import build, pathlib; p = pathlib.Path('site'); build.write(p); (p / 'pages' / 'old.md').touch(); build.write(p)"
    subprocess.run([sys.executable, "-c", twice], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(DOCS)})
    assert (tmp_path / "site" / "pages" / "index.md").is_file() and not (tmp_path / "site" / "pages" / "old.md").exists()


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_site_builds_strictly_and_asks_no_other_server_for_anything(tmp_path: Path) -> None:
    pytest.importorskip("zensical", reason="needs the extra docs")
    done = subprocess.run([sys.executable, DOCS / "build.py", tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site = tmp_path / "site"
    pages = [page.read_text("utf-8") for page in site.rglob("*.html")]
    assert len(pages) > len(PAGES) + 60
    for page in pages:
        assert re.findall(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>", page) == []
    for style in site.rglob("*.css"):
        assert re.findall(r"url\([\"']?(?:https?:)?//|@import", style.read_text("utf-8")) == []
    assert "load_study" in (site / "reference" / "vs_sim.study.html").read_text("utf-8")
