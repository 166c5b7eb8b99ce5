"""vs-sim completion: what a shell needs to complete the command's words."""

from __future__ import annotations

import argparse
from pathlib import Path

from vs_sim.commands import Verbs, verb

_HOW = """in bash, for good (takes effect in the next shell):
  vs-sim completion bash > ~/.local/share/bash-completion/completions/vs-sim     (needs the package bash-completion)
in bash without that package, in ~/.bashrc:
  eval "$(vs-sim completion bash)"
in zsh, in a folder that stands in fpath before compinit is called:
  vs-sim completion zsh > ~/.zfunc/_vs-sim
in fish:
  vs-sim completion fish > ~/.config/fish/completions/vs-sim.fish

The script is fixed: write it again after an update of vs-sim.
"""


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    completion = verb(verbs, "completion", _completion, "print a script that completes verbs, options and files in a shell")
    completion.add_argument("shell", choices=("bash", "zsh", "fish"), help="the shell")
    completion.formatter_class = argparse.RawDescriptionHelpFormatter
    completion.epilog = _HOW


def _completion(arguments: argparse.Namespace) -> int:
    import shtab

    from vs_sim.cli import parser

    whole = parser()
    _complete_files(whole)
    print(shtab.complete(whole, shell=arguments.shell), end="")
    return 0


def _complete_files(parser: argparse.ArgumentParser) -> None:
    """Every argument that is a path is completed as one."""
    import shtab

    for action in parser._actions:  # argparse has no public way through its arguments
        if isinstance(action, argparse._SubParsersAction):
            for one in action.choices.values():
                _complete_files(one)
        elif action.type is Path:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
