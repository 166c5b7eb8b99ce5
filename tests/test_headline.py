"""The headline table is what the recorded runs say, in the README and in the study's own page; the README's commands run."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.headline.table import RECORDED, markdown
from tests.endpoint import serving
from tests.test_prompt_experiments import reply

HERE = Path(__file__).parent.parent
READMES = (HERE / "README.md", HERE / "experiments" / "headline" / "README.md")


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_each_row_stands_in_the_readmes(readme: Path) -> None:
    text = readme.read_text("utf-8").splitlines()
    rows = markdown(RECORDED, ["words"])  # embeddings take an extra, and differ in the last digit from machine to machine
    assert len(rows) == 11
    for row in rows:
        assert row in text


def in_shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    return subprocess.run(command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False)


@pytest.mark.slow
def test_the_commands_of_the_readme_run(tmp_path: Path) -> None:
    shutil.copytree(HERE / "experiments", tmp_path / "experiments")
    (found,) = re.findall(r"<!-- headline-command -->\n```bash\n(.*?)```", READMES[0].read_text("utf-8"), re.DOTALL)
    ask, table = (line.partition("  #")[0].strip() for line in found.splitlines())
    with serving() as endpoint:
        endpoint.reply = reply
        done = in_shell(f"{ask} --model openai:gpt-x --base-url {endpoint.url} --concurrency 16", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "102 of 102 askings are complete in runs/states" in done.stdout
    done = in_shell(table, tmp_path)
    if importlib.util.find_spec("onnxruntime") is None:
        assert done.returncode == 3
        assert "run pip install 'vs-sim[semantic]'" in done.stderr
    else:
        assert done.returncode == 0, done.stderr
        assert "| jokes: diversity of meaning, times direct |" in done.stdout


@pytest.mark.slow
def test_a_run_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = in_shell(f"python {HERE / 'experiments' / 'headline' / 'table.py'} {tmp_path}", tmp_path)
    assert done.returncode == 2
    assert f"{tmp_path / 'dice'} is no run folder" in done.stderr
