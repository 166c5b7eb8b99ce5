import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.endpoint import Endpoint, serving
from vs_sim.cli import main
from vs_sim.run import run_study
from vs_sim.store import RunFolder
from vs_sim.study import load_study

KEY = "sk-test-0123456789abcdefSECRET"
PERSUADER = '[[persona]]\nid = "asker"\ntext = "You ask."\n\n[[persona]]\nid = "teller"\ntext = "You tell."\n'


settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving() as one:
        yield one


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may depend on, or spend, what the environment of the one who runs it holds."""
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.delenv(name, raising=False)


DIRECT = {"name": "direct", "method": "direct"}
VS = {"name": "vs", "method": "vs_standard", "k": 5}


def toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list | tuple):
        return "[" + ", ".join(toml_value(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{toml_value(k)} = {toml_value(v)}" for k, v in value.items()) + "}"
    return repr(value)


def toml_lines(content: dict[str, Any]) -> list[str]:
    """A line for each key; those whose value is None are left out."""
    return [f"{key} = {toml_value(value)}" for key, value in content.items() if value is not None]


class StudyFolder:
    """A folder with a study.toml and its personas; `write` takes what shall differ from a small sound study."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "persuaders.toml").write_text(PERSUADER, "utf-8")
        self.people(["ann", "ben", "cem", "dot"])

    def people(self, ids: list[str], file: str = "people.toml", **texts: str) -> Path:
        entries = [
            f'[[persona]]\nid = "{i}"\ntext = "{texts.get(i, f"You are {i}.")}"\nhuman_cents = {10 * n}\n' for n, i in enumerate(ids)
        ]
        (self.path / file).write_text("\n".join(entries), "utf-8")
        return self.path / file

    def write(self, *, conditions: Any = (DIRECT, VS), run: dict[str, Any] | None = None, drop: Any = (), **keys: Any) -> Path:
        """Writes study.toml; keys whose value is None, or that `drop` names, are left out."""
        content: dict[str, Any] = {
            "question": "Does it?",
            "prediction": "It does.",
            "persuader_model": "scripted:donation",
            "persuadee_models": ["scripted:donation"],
            "rounds": 2,
            "seed": 7,
            "personas": {"persuader": "persuaders.toml", "persuadee": "people.toml"},
            "conditions": list(conditions),
            **({"run": run} if run is not None else {}),
            **keys,
        }
        lines = toml_lines({key: value for key, value in content.items() if key not in drop})
        path = self.path / "study.toml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return path


@pytest.fixture
def study_folder(tmp_path: Path) -> StudyFolder:
    folder = tmp_path / "mystudy"
    folder.mkdir()
    return StudyFolder(folder)


@pytest.fixture
def prompt_study(tmp_path: Path) -> Any:
    """A `tests.prompt_studies.PromptStudyFolder`."""
    from tests.prompt_studies import PromptStudyFolder

    return PromptStudyFolder(tmp_path)


class Command:
    """The real vs-sim command in a process of its own."""

    def __init__(self, cwd: Path) -> None:
        self.cwd = cwd

    def start(self, *arguments: Any, key: str | None = None, **environment: str) -> subprocess.Popen[str]:
        given = {k: v for k, v in os.environ.items() if not k.startswith("OPENAI")} | {"MPLBACKEND": "agg"} | environment
        if key is not None:
            given["OPENAI_API_KEY"] = key
        return subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "vs_sim.cli", *map(str, arguments)],
            cwd=self.cwd,
            env=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(self, *arguments: Any, key: str | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
        with self.start(*arguments, key=key, **environment) as process:
            try:
                out, err = process.communicate(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)


@pytest.fixture
def vs_sim(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """The command in this process, in an empty folder; returns exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")

    def command(*arguments: Any, **environment: str) -> tuple[int, str, str]:
        with monkeypatch.context() as only_here:
            for name, value in environment.items():
                only_here.setenv(name, value)
            try:
                code = main([str(a) for a in arguments])
            except SystemExit as end:
                code = int(end.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return command


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two conditions, four personas and three rounds, which no test may change."""
    folder = tmp_path_factory.mktemp("study")
    study = StudyFolder(folder).write(conditions=[DIRECT, VS], rounds=3)
    asyncio.run(run_study(load_study(study), RunFolder(folder / "mine")))
    return folder / "mine"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, for a test to change."""
    return shutil.copytree(finished, tmp_path / "mine")
