"""The manifest of a run folder: what it is a run of, and what may be added to that later."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from vs_sim import prompts
from vs_sim.errors import RunFolderError
from vs_sim.prompt_records import AnySpec
from vs_sim.prompt_study import EitherStudy
from vs_sim.records import is_person
from vs_sim.run_options import RunOptions
from vs_sim.shard import WHOLE, Shard
from vs_sim.store import RunFolder


def manifest_of(
    content: dict[str, Any], run: RunOptions, folder: RunFolder, specs: Sequence[AnySpec], shard: Shard = WHOLE
) -> dict[str, Any]:
    """The manifest of this start; a folder's earlier manifest must be of the same study, to which entries may have been added.

    Args:
        content: of the study, see `study_content`.
        run: how models are reached at this start.
        folder: the run folder, new or with an earlier manifest.
        specs: every conversation of the plan.
        shard: the part of it that this start runs.

    Raises:
        RunFolderError: the folder holds a run of another study; the sentence names what changed.
    """
    starts: list[dict[str, Any]] = []
    # Looked for before the manifest: another worker may write both just now, the manifest first.
    begun = any(True for part in ("transcripts", "journal") for _ in folder.lines(part))
    if folder.manifest_path.exists():
        earlier = folder.any_manifest()
        changed = changed_keys(earlier["study"], content)
        if changed:
            raise RunFolderError(
                f"{folder.path} holds a run of another study; changed since: {', '.join(changed)}. {_MAY_BE_ADDED[content.get('kind')]} "
                "may be added, nothing else may change: undo the change, or give another folder with --out"
            )
        starts = earlier["starts"]
    elif begun:
        raise RunFolderError(f"{folder.path} holds a run whose manifest.json is gone; put it back, or give another folder with --out")
    return {
        "study": content,
        "conversations": [spec.model_dump(mode="json") for spec in specs],
        "prompts": prompts.texts(),
        "starts": [*starts, _start(run, shard, len(specs))],
        "reproducible": {
            "yes": [
                "the plan: conversation ids and seeds are sha256 of the study's content",
                "the draws: each turn's generator is seeded by sha256(conversation seed, turn), whatever the order of arrival",
                "replay: the journal answers every request of this run again, without a model",
            ],
            "no": [
                "the replies of an API: providers do not promise equal samples for equal requests",
                "the replies of an embedded model at a concurrency above 1, or on another processor or library version",
            ],
        },
    }


_MAY_BE_ADDED = {
    None: "Conditions, persuadee models, persuadees and replicates",
    "prompt": "Conditions, models, prompts and replies",
}
"""By the kind of the study."""


def study_content(study: EitherStudy) -> dict[str, Any]:
    """A study as plain data, with the digest of the prompts and without [run]: what a run folder is held to."""
    return {**study.model_dump(mode="json", exclude={"run"}, exclude_none=True), "prompts_sha256": prompts.digest()}


_GROWING = {"conditions": "name", "persuadees": "id", "prompts": "id"}
_FREE = {"second_reader", "measures", "sizes"}
"""Keys that shape no conversation: they may be added, changed or taken away at any time."""
_FREE_OF_ENTRIES = {"answers", "source"}
"""Likewise of a prompt."""


def changed_keys(earlier: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Names of the keys in which two study contents differ, beyond added conditions, persuadee models, persuadees and replicates.

    People who play the persuader may be added, too (`vs_sim.play`): whom each met is written down when they begin.
    """
    changed = []
    growing = _GROWING | ({"persuaders": "id"} if is_person(str(now.get("persuader_model"))) else {})
    for key in sorted({*earlier, *now}):
        old, new = earlier.get(key), now.get(key)
        if old == new or key in _FREE:
            continue
        if key in growing:
            name = growing[key]
            entries = {entry[name]: entry for entry in new or []}
            for entry in old or []:
                if entry[name] not in entries:
                    changed.append(f"{key}.{entry[name]} (removed)")
                    continue
                both = {*entry, *entries[entry[name]]} - (_FREE_OF_ENTRIES if key == "prompts" else set())
                if keys := sorted(k for k in both if entry.get(k) != entries[entry[name]].get(k)):
                    changed.append(f"{key}.{entry[name]} ({', '.join(keys)})")
        elif (key in ("persuadee_models", "models") and set(old or []) <= set(new or [])) or (
            key in ("replicates", "n_replies") and isinstance(old, int) and isinstance(new, int) and new > old
        ):
            continue
        else:
            changed.append(key)
    # Which persuader a persuadee meets depends on the order of both: an insertion in front would change the partners of the rest.
    old_ids, new_ids = ([p["id"] for p in content.get("persuadees", [])] for content in (earlier, now))
    if new_ids[: len(old_ids)] != old_ids and not any(c.startswith("persuadees") for c in changed):
        changed.append("persuadees (order)")
    return changed


def _start(run: RunOptions, shard: Shard, n_planned: int) -> dict[str, Any]:
    packages = ("vs-sim", "langgraph", "langchain-openai", "openai", "numpy", "scipy", "pandas", "statsmodels", "xllamacpp")
    versions: dict[str, str | None] = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = None
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "n_planned": n_planned,
        "run": json.loads(run.model_dump_json(exclude_none=True)),
        "versions": {"python": platform.python_version(), **versions},
        "git_commit": _git_commit(),
        **({} if shard == WHOLE else {"shard": str(shard)}),
    }


def _git_commit() -> str | None:
    """Commit of the checkout that this package runs from, with "-dirty" behind it if files differ; None outside a checkout."""
    here = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],  # noqa: S607
            cwd=here,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None if found.returncode == 0 else None
