"""vs-sim play: a person takes a role of a study's conversation, at this terminal.

What the person types and how long it takes are recorded in the run folder, and nothing else about the person: participants are
pseudonyms (P001, P002, ... unless `--participant` says otherwise; use no real names). The first line on the screen says so, and that a
language model answers. Whoever asks people to take part still needs their consent, and an ethics board's where one is in charge.

One line is one message; the private decision counts once it is confirmed. `/quit`, Ctrl-D or Ctrl-C leave; the same command goes on with
the conversation where it was left.
"""

from __future__ import annotations

import argparse
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from vs_sim.commands import Verbs, verb

if TYPE_CHECKING:
    from vs_sim.play import Question
    from vs_sim.players import Play
    from vs_sim.records import ConversationSpec, Decision, Turn

QUIT = "/quit"
_WIDTH = 88
"""Columns of text: longer lines are hard to read."""


def add(verbs: Verbs) -> None:
    """Declare the verb."""
    play = verb(verbs, "play", _play, "take part in a study's conversation yourself, recorded like any other")
    play.add_argument("study", type=Path, metavar="STUDY", help="a study.toml, or its folder")
    play.add_argument("--as", dest="role", choices=("persuadee", "persuader"), required=True, help="the role that you take")
    play.add_argument("--model", metavar="PROVIDER:MODEL", help="the other one's model, in place of the study's")
    play.add_argument("--base-url", metavar="URL", help="address of an OpenAI-compatible server for openai: models")
    play.add_argument("--participant", metavar="NAME", help="a pseudonym, never a real name (default: P001, P002, ...)")
    play.add_argument("--persona", metavar="ID", help="a persona of the study's file for you to play (default: be yourself)")
    play.add_argument("--condition", metavar="NAME", help="as persuader: condition of the persuadee's model (default: the first)")
    play.add_argument("--out", type=Path, metavar="RUN", help="run folder (default: runs/STUDY-played-as-ROLE, here)")


def _play(arguments: argparse.Namespace) -> int:
    import asyncio

    from vs_sim.commands import run_options
    from vs_sim.commands.model import fetch_weights
    from vs_sim.commands.study import run_folder
    from vs_sim.play import play
    from vs_sim.store import RunFolder
    from vs_sim.study import load_study

    arguments.concurrency = arguments.personas = None
    study = load_study(arguments.study, model=arguments.model)
    study = study.model_copy(update={"run": run_options(study.run.model_dump(), arguments)})
    out = run_folder(arguments)
    folder = RunFolder(arguments.out or out.with_name(f"{out.name}-played-as-{arguments.role}"))
    fetch_weights([study.persuader_model if arguments.role == "persuadee" else study.persuadee_models[0]])
    terminal = Terminal()
    given = {name: getattr(arguments, name) for name in ("participant", "persona", "condition")}
    try:
        transcript = asyncio.run(play(study, folder, arguments.role, terminal, **given))
    finally:
        terminal.ends()
    if transcript is None:
        print("vs-sim: left before the end; what was said is kept: give the same command again to go on", file=sys.stderr)
        return 1
    if transcript.failure is not None:
        print(
            f"vs-sim: the conversation stopped: {transcript.failure.message}\n"
            "vs-sim: what was said is kept: give the same command again to go on",
            file=sys.stderr,
        )
        return 3
    print(f"Thank you. The conversation is recorded: vs-sim show {folder.path} {transcript.spec.id}")
    return 0


class Terminal:
    """A person at this terminal, or lines from a file in place of one; see `vs_sim.play.Person`."""

    def __init__(self) -> None:
        from rich.console import Console

        from vs_sim.terminal import redraws

        with suppress(ImportError):  # lines can then be edited while they are typed
            import readline  # noqa: F401
        if hasattr(sys.stdin, "reconfigure"):  # what is no text is refused with a sentence, not with an error
            sys.stdin.reconfigure(errors="surrogateescape")
        self._console = Console(highlight=False)
        self._redraws = redraws(sys.stdout) and sys.stdin.isatty()
        self._waiting = self._typed = False
        self._play: Play | None = None

    def say(self, line: str) -> None:
        """A line about what goes on."""
        print(line, file=sys.stderr)

    def begins(self, play: Play) -> None:
        """What is recorded, how to leave, and the scene.

        The first sentence says that a language model writes the other messages, whatever the scene says of another participant: nobody is
        deceived, but people who know it may act otherwise than those of PersuasionForGood, who talked with people (see `vs_sim.play`).
        """
        from vs_sim.personas import render

        self._play = play
        self._text(
            f"What you type and how long you take are recorded in {play.folder} under the name {play.participant}; "
            "a language model writes the other messages."
        )
        self._text(f"One line is one message. {QUIT} leaves, and the same command goes on with the conversation.")
        if play.goes_on:
            self._text("This conversation was begun before and goes on; another --participant begins a new one.")
        self._rule()
        self._text(play.study.scenario.render(play.role, persona=render(play.who), rounds=play.study.rounds))
        print()
        self._text(play.next)
        self._rule()
        self._waits(f"{self._other} is typing")

    def turn(self, spec: ConversationSpec, turn: Turn | Decision) -> None:
        """What the other one says, and what was typed before this start."""
        from vs_sim.records import Turn

        self._no_longer_waits()
        role = self._begun().role
        if isinstance(turn, Turn) and turn.role == role:
            if not self._typed:
                self._message("You", turn.text)
            self._typed = False
            self._waits(f"{self._other} is typing")
        elif isinstance(turn, Turn):
            self._message(self._other, turn.text)
            self._waits("one moment")  # until it is said what comes next: a model may have to decide in private

    def answer(self, question: Question) -> str:
        """A line as typed; raises `vs_sim.play.Left` where there is none any more, or where it says so."""
        from vs_sim.play import Left
        from vs_sim.records import printable

        self._no_longer_waits()
        scale = self._begun().study.scenario.scale
        if question.problem:
            self._text(question.problem)
        elif question.step == "decide":
            self._rule()
            self._text("What you answer now is private: the other one never sees it.")
            self._text(question.asked)
            unit = ", with $ or cents" if scale.money else ""
            self._text(f"Type an amount from {scale.text(scale.low)} to {scale.text(scale.high)}{unit}.")
        try:
            line = _line("Your decision: " if question.step == "decide" else "You: ")
        except EOFError:
            print()
            raise Left from None
        except KeyboardInterrupt:
            print()
            raise
        if not sys.stdin.isatty():
            self._console.print(printable(line), markup=False)
        if line.strip() == QUIT:
            raise Left
        self._typed = True
        return line

    def ends(self) -> None:
        """Nothing more comes."""
        self._no_longer_waits()

    def _begun(self) -> Play:
        if self._play is None:
            raise ValueError("a conversation begins before anything is said in it")
        return self._play

    def _message(self, name: str, text: str) -> None:
        from rich.text import Text

        from vs_sim.records import printable

        self._console.print(Text.assemble((f"{name}: ", "bold" if name == "You" else "bold cyan"), printable(text)))

    def _text(self, text: str) -> None:
        """Paragraphs, filled anew for this terminal; the lines of a list stay lines."""
        from rich.text import Text

        from vs_sim.records import printable

        for paragraph in re.sub(r"(?<!\n)\n(?![\n*-])", " ", text).split("\n"):
            self._console.print(Text(printable(paragraph)), width=min(self._console.width, _WIDTH))

    def _rule(self) -> None:
        self._console.print("-" * min(self._console.width, _WIDTH), style="dim")

    @property
    def _other(self) -> str:
        """How the other one is called here."""
        from vs_sim.records import printable

        play = self._begun()
        return printable(play.study.scenario.speakers["persuadee" if play.role == "persuader" else "persuader"])

    def _waits(self, what: str) -> None:
        if self._redraws:
            self._waiting = True
            print(f"({what})", end="", flush=True)

    def _no_longer_waits(self) -> None:
        if self._waiting:
            self._waiting = False
            print("\r\x1b[K", end="", flush=True)


def _line(prompt: str) -> str:
    """A line of standard input. Ctrl-C ends the waiting: asyncio would keep it for when the line has come."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return input(prompt)
    finally:
        signal.signal(signal.SIGINT, before)
