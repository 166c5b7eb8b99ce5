"""How long the command takes to say its help, as a ratio to starting Python and to importing the graph library.

Run in the environment that vs-sim is installed in: python tests/benchmarks/startup.py
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMANDS = {
    "vs-sim --help": [str(Path(sys.executable).parent / "vs-sim"), "--help"],
    "python -c pass": [sys.executable, "-c", "pass"],
    "import vs_sim": [sys.executable, "-c", "import vs_sim"],
    "import langgraph.graph": [sys.executable, "-c", "import langgraph.graph"],
}
ROUNDS = 7


def seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


def main() -> None:
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(ROUNDS):  # in turn, so that a busy moment meets all of them
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = statistics.median(times["python -c pass"])
    print(f"{'command':<24} {'median s':>9} {'x python':>9}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:<24} {median:>9.3f} {median / base:>9.1f}")


if __name__ == "__main__":
    main()
