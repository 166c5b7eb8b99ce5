"""What the software costs, as one table: each figure with its target and whether it is met.

    python -m tests.benchmarks                      all of it, about 15 minutes
    python -m tests.benchmarks client startup       these parts
    python -m tests.benchmarks --size 0.1 client    a tenth of the repetitions and sizes, to see that it works

Every part runs in a process of its own; repetitions of what is compared are taken in turn, and medians are shown. Wall times hold for the
machine and its other work only; ratios, shares of the ideal and processor times carry over. How well intervals and tests keep their
promises is measured by `python -m tests.benchmarks.calibration` and `calibration_prompts`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from tests.benchmarks.row import Row

PARTS = {
    "calls": "throughput.rows",
    "study": "throughput.study_rows",
    "client": "client.rows",
    "memory": "throughput.memory_rows",
    "disk": "recorded.disk_rows",
    "resume": "recorded.resume_rows",
    "report": "recorded.report_rows",
    "compare": "computed.compare_rows",
    "plan": "computed.plan_rows",
    "startup": "startup.rows",
}
"""Name of the part -> function of this package that takes its size and yields its rows."""
LIMIT_S = 600
"""A part that takes longer is stopped."""


def part(name: str) -> Callable[[float], Iterator[Row]]:
    module, _, function = PARTS[name].partition(".")
    found: Callable[[float], Iterator[Row]] = getattr(import_module(f"tests.benchmarks.{module}"), function)
    return found


def machine() -> str:
    """What the figures were taken on, without its name."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        cpu = next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        cpu = platform.processor() or platform.machine()
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    busy = f", load average {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return f"{now}; {os.cpu_count()} cores, {cpu}; {platform.system()}, Python {platform.python_version()}{busy} at the start"


def line(row: Row) -> str:
    met = {None: "", True: "yes", False: "NO"}[row.met]
    digits = 0 if row.value >= 100 else 2
    return f"{row.what:<58} {row.value:>10,.{digits}f} {row.unit:<20} {row.target:>8} {met:<4} {row.beside}".rstrip()


def main() -> None:
    """Print the table, or the rows of one part for it."""
    summary, _, epilog = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=summary, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], metavar="PART", help=f"any of: {', '.join(PARTS)}")
    parser.add_argument("--size", type=float, default=1.0, help="share of the repetitions and sizes, above 0")
    parser.add_argument("--rows", choices=PARTS, help=argparse.SUPPRESS)  # a part in its own process: rows as JSON lines
    arguments = parser.parse_args()
    if arguments.rows:
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
        resource.setrlimit(resource.RLIMIT_AS, (most, most))  # a part that asks for more fails alone
        for row in part(arguments.rows)(arguments.size):
            print(json.dumps(vars(row)), flush=True)
        return
    print(machine(), end="\n\n")
    print(f"{'what':<58} {'measured':>10} {'unit':<20} {'target':>8} {'met':<4} beside")
    for name in arguments.parts or PARTS:
        print(name, flush=True)
        command = [sys.executable, "-m", "tests.benchmarks", "--rows", name, "--size", str(arguments.size)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            limit = threading.Timer(LIMIT_S, process.kill)
            limit.start()
            for data in process.stdout or ():
                print("  " + line(Row(**json.loads(data))), flush=True)
        limit.cancel()
        if process.returncode:
            why = f"was stopped after {LIMIT_S} s" if process.returncode < 0 else f"failed with exit code {process.returncode}"
            print(f"  the rest of this part {why}", flush=True)


if __name__ == "__main__":
    main()
