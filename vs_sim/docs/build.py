"""Build the documentation site: `python vs_sim/docs/build.py DIR`, then open DIR/site/index.html. Needs the extra `docs`.

Pages open from the folder; the search box needs a server: `python -m http.server -b 127.0.0.1 -d DIR/site`.

The pages are the Markdown files in `pages`, and a page for each study that ships: its README. The reference is written here, from what the
code says of itself, so that it is never behind: one page per public module from its docstrings, and the command line from its `--help`.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from vs_sim.errors import InputError

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
COLUMNS = 100
MARK = ".vs-sim-docs"
"""File in a folder in which a site was built: what is there may be replaced."""


def modules() -> list[str]:
    """Names of the public modules of vs_sim and analysis, packages before what is in them; the command line has a page of its own."""
    found = []
    for package in ("vs_sim", "analysis"):
        for path in sorted((CHECKOUT / package).rglob("*.py")):
            parts = path.relative_to(CHECKOUT).with_suffix("").parts
            own = parts[:-1] if parts[-1] == "__init__" else parts
            if not any(part.startswith("_") for part in own) and own[:2] not in (("vs_sim", "commands"), ("vs_sim", "docs")):
                found.append(".".join(own))
    return sorted(found, key=lambda name: (name.partition(".")[0] != "vs_sim", name))


def first_line(module: str) -> str:
    """The first line of a module's docstring."""
    path = CHECKOUT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def commands() -> str:
    """The page of the command line: what every verb says with `--help`."""
    from vs_sim.cli import parser

    os.environ["COLUMNS"] = str(COLUMNS)  # argparse wraps its help at the terminal's width
    parts = ["# The command line\n\nWhat every command says with `--help`.\n"]
    for one in _with_verbs(parser()):
        parts.append(f"## {one.prog}\n\n```text\n{one.format_help().strip()}\n```\n")
    return "\n".join(parts)


def _with_verbs(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                yield from _with_verbs(verb)


def studies(pages: Path) -> list[str]:
    """Put the README of every study that ships among the pages; returns their entries of the navigation.

    A link to another study leads to its page; one to a file of the checkout, which is no part of the site, becomes the file's path.
    """
    pages.mkdir()
    entries = []
    for readme in sorted((CHECKOUT / "experiments").glob("*/README.md")):
        text, folder = readme.read_text("utf-8"), readme.parent
        title = text.partition("\n")[0].removeprefix("# ")

        def place(link: re.Match[str], folder: Path = folder) -> str:
            target = Path(os.path.normpath(folder / link[2]))
            if (target / "README.md").is_file() and target.parent == CHECKOUT / "experiments":
                return f"[{link[1]}]({target.name}.md)"
            return f"`{target.relative_to(CHECKOUT).as_posix()}`"

        (pages / f"{folder.name}.md").write_text(re.sub(r"\[([^]]+)\]\((?!https?:)([^)]+)\)", place, text), "utf-8")
        entries.append(f"{{ {json.dumps(title)} = {json.dumps(f'studies/{folder.name}.md')} }},")
    return entries


def write(folder: Path) -> Path:
    """Put everything that the site is built from into a folder: pages, reference and configuration; returns the configuration.

    Args:
        folder: made if it is not there; an older build in it is replaced.

    Raises:
        InputError: the folder holds something else.
    """
    if folder.exists() and not (folder / MARK).is_file() and not (folder.is_dir() and not any(folder.iterdir())):
        raise InputError(f"{folder}: is there already and holds no earlier site, so nothing is put into it; give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    pages = folder / "pages"
    if pages.exists():
        shutil.rmtree(pages)
    shutil.copytree(HERE / "pages", pages)
    shipped = studies(pages / "studies")
    reference = pages / "reference"
    reference.mkdir()
    (reference / "commands.md").write_text(commands(), "utf-8")
    entries: dict[str, list[str]] = {}
    for module in modules():
        (reference / f"{module}.md").write_text(f"# {module}\n\n::: {module}\n", "utf-8")
        entries.setdefault(module.partition(".")[0], []).append(module)
    listed = [
        "# The modules\n",
        "Read from the docstrings. `analysis` knows nothing of how a dialogue is run; `vs_sim` never imports it.\n",
    ]
    listed += ["| module | what it is |", "|---|---|"]
    listed += [f"| [{module}]({module}.md) | {first_line(module).replace('|', chr(92) + '|')} |" for module in modules()]
    (reference / "modules.md").write_text("\n".join(listed) + "\n", "utf-8")
    nav = ['{ "The modules" = "reference/modules.md" },']
    for package, names in entries.items():
        nav.append(f'{{ "{package}" = [' + ", ".join(f'{{ "{name}" = "reference/{name}.md" }}' for name in names) + "] },")
    settings = (HERE / "zensical.toml").read_text("utf-8")
    settings = settings.replace("MODULES", "\n    ".join(nav)).replace("STUDIES", "\n    ".join(shipped))
    settings = settings.replace("CHECKOUT", CHECKOUT.as_posix())
    configuration = folder / "zensical.toml"
    configuration.write_text(settings, "utf-8")
    return configuration


def main() -> int:
    """Build the site; returns the exit code of the builder, which ends with an error on every broken link."""
    parser = argparse.ArgumentParser(description="Build the documentation site.")
    parser.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or that of an earlier build; the site is in DIR/site")
    folder: Path = parser.parse_args().folder.resolve()
    try:
        configuration = write(folder)
    except InputError as error:
        print(f"build.py: {error}", file=sys.stderr)
        return error.exit_code
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(configuration)]
    return subprocess.run(command, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
