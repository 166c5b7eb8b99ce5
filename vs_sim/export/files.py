"""The folder of an export: tables in one format, `README.md` (data card), `DICTIONARY.md`, `study.json` (study, prompts, versions).

The folder appears whole or not at all, and nothing that is there is overwritten.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vs_sim.columns import dictionary, rows_of, whole_characters
from vs_sim.errors import InputError
from vs_sim.export.card import card, front_matter
from vs_sim.export.convokit import write_convokit
from vs_sim.load import Run
from vs_sim.new_folder import new_folder

if TYPE_CHECKING:
    import pandas as pd

Format = Literal["parquet", "csv", "jsonl", "convokit", "hf"]


@dataclass(frozen=True)
class Exported:
    """What was written: the folder, and the number of rows of each table (of ConvoKit's parts for that format)."""

    path: Path
    format: Format
    n_rows: dict[str, int]


def export_run(run: Run, to: Format, out: str | Path) -> Exported:
    """Write a run as a folder for other tools.

    Args:
        run: see `vs_sim.load.load_run`.
        to: ``"parquet"``, ``"csv"`` or ``"jsonl"``: one file a table; ``"convokit"``: a corpus that ``convokit.Corpus(filename=...)``
            loads, of dialogues only; ``"hf"``: a folder that ``datasets.load_dataset`` loads, each table as a configuration.
        out: the folder to make; one that is there must be empty.

    Raises:
        InputError: `out` is there already or cannot be written, a package is missing, or the format is not for this kind of run.
    """
    out = Path(out)
    if to == "convokit" and run.kind == "prompt":
        raise InputError(
            f"{run.path} is a run of single prompts, but --to convokit makes a corpus of dialogues; take csv, parquet, jsonl or hf"
        )
    if to in ("parquet", "hf") and find_spec("pyarrow") is None:
        raise InputError(
            f"--to {to} needs the package pyarrow, which is not installed: run pip install 'vs-sim[export]', or take --to jsonl"
        )
    with new_folder(out) as new:
        n_rows = _write(run, to, new)
    return Exported(out, to, n_rows)


def _write(run: Run, to: Format, new: Path) -> dict[str, int]:
    header = ""
    if to == "convokit":
        n_rows = write_convokit(run, new)
    else:
        # `datasets` has no tables without rows: it fails on them.
        tables = {name: frame for name, frame in run.tables.items() if to != "hf" or len(frame)}
        suffix = "parquet" if to == "hf" else to
        for name, frame in tables.items():
            _TABLE_WRITERS[suffix](frame, new / f"{name}.{suffix}")
        n_rows = {name: len(frame) for name, frame in tables.items()}
        if to == "hf":
            header = front_matter(run, list(tables), _sha256(sorted(new.iterdir())))
    _put(new / "README.md", header + card(run, to, n_rows))
    _put(new / "DICTIONARY.md", dictionary(run.kind))
    _put(new / "study.json", json.dumps(_study(run), indent=2, ensure_ascii=False) + "\n")
    return n_rows


def _sha256(paths: Iterable[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _put(path: Path, text: str) -> None:
    path.write_bytes(whole_characters(text).encode())


def _study(run: Run) -> dict[str, Any]:
    """The manifest without what is nobody's business: where endpoints are, and which variable held a key."""
    starts = [{key: start.get(key) for key in ("at", "n_planned", "versions", "git_commit")} for start in run.manifest["starts"]]
    kept: dict[str, Any] = {key: run.manifest[key] for key in ("study", "prompts", "reproducible") if key in run.manifest}
    reference = {} if run.reference is None else {"reference": run.reference.model_dump(mode="json")}
    return {**kept, "starts": starts, **reference}


def _to_csv(frame: pd.DataFrame, path: Path) -> None:
    """RFC 4180 with \\n: all text in quotes, so that an empty text (\"\") is not a missing one (nothing); numbers and true/false bare."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow(frame.columns)
        for row in rows_of(frame):
            file.write(",".join(map(_csv_value, row.values())) + "\n")


def _csv_value(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return json.dumps(value)


_LINE_ENDS = {ord(c): f"\\u{ord(c):04x}" for c in "\x85\u2028\u2029"}
"""Characters that some readers of lines take for the end of one; JSON may spell them out."""


def _to_jsonl(frame: pd.DataFrame, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        for row in rows_of(frame):
            file.write(json.dumps(row, ensure_ascii=False).translate(_LINE_ENDS) + "\n")


def _to_parquet(frame: pd.DataFrame, path: Path) -> None:
    frame.to_parquet(path, engine="pyarrow", index=False)


_TABLE_WRITERS: dict[str, Callable[[pd.DataFrame, Path], None]] = {"csv": _to_csv, "jsonl": _to_jsonl, "parquet": _to_parquet}
