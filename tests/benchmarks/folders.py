"""Studies of any size, and run folders as if they had been run."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.conftest import StudyFolder
from vs_sim.manifest import manifest_of, study_content
from vs_sim.plan import plan
from vs_sim.records import ConversationSpec
from vs_sim.run import run_study
from vs_sim.run_options import RunOptions
from vs_sim.store import RunFolder
from vs_sim.study import Study, load_study
from vs_sim.writer import Writer

ROUNDS = 10
PEOPLE = 100
FACTS = "You are a careful person of middle age who teaches at a school, likes to walk, and gives when the cause is near to you. " * 6


def study_of(
    folder: Path,
    n: int,
    *,
    arms: Sequence[str],
    model: str = "scripted:donation",
    run: RunOptions | None = None,
    rounds: int = ROUNDS,
    n_people: int = PEOPLE,
) -> Study:
    """A study of at least `n` conversations: these methods, up to `n_people` persuadees, and as many replicates as it takes."""
    folder.mkdir(exist_ok=True)
    files = StudyFolder(folder)
    n_people = min(n_people, -(-n // len(arms)))
    files.people([f"person{i:03d}" for i in range(n_people)], **{f"person{i:03d}": FACTS for i in range(n_people)})
    conditions = [{"name": arm, "method": arm, **({} if arm == "direct" else {"k": 5})} for arm in arms]
    path = files.write(
        conditions=conditions,
        rounds=rounds,
        replicates=-(-n // (n_people * len(arms))),
        persuader_model=model,
        persuadee_models=[model],
    )
    return load_study(path).model_copy(update={"run": run or RunOptions()})


@lru_cache(maxsize=1)
def _samples(arms: tuple[str, ...], rounds: int) -> dict[str, list[tuple[dict[str, Any], list[dict[str, Any]]]]]:
    """Condition -> (transcript, rows of the journal) of a few conversations that were really run."""
    found: dict[str, list[tuple[dict[str, Any], list[dict[str, Any]]]]] = {}
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder(Path(path) / "run")
        asyncio.run(run_study(study_of(Path(path), 6 * len(arms), arms=arms, rounds=rounds), folder))
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in folder.journal_rows():
            rows.setdefault(row["conversation"], []).append(row)
        for transcript in folder.transcripts():
            found.setdefault(transcript.spec.condition, []).append((transcript.model_dump(mode="json"), rows[transcript.spec.id]))
    return found


def as_if_run(folder: Path, n: int, arms: tuple[str, ...], *, rounds: int = ROUNDS, n_owed: int = 0) -> tuple[Study, RunFolder]:
    """A study of `n` conversations and its folder, in which all but the last `n_owed` are finished with the words of a few."""
    study = study_of(folder, n, arms=arms, rounds=rounds)
    run, specs = RunFolder(folder / "run"), plan(study)

    async def begin() -> None:
        async with Writer(run) as writer:
            writer.write_manifest(manifest_of(study_content(study), study.run, run, specs))

    asyncio.run(begin())
    done = specs[: len(specs) - n_owed]
    for part, line in (("transcripts", _transcripts), ("journal", _journal)):
        with (run.path / part / "00001.jsonl").open("x", encoding="utf-8") as file:
            file.writelines(line(done, _samples(arms, rounds)))
    return study, run


def _transcripts(specs: Sequence[ConversationSpec], samples: dict[str, list[tuple[dict[str, Any], list[dict[str, Any]]]]]) -> Iterator[str]:
    rest = {arm: [_line({k: v for k, v in t.items() if k != "spec"})[1:] for t, _ in found] for arm, found in samples.items()}
    for i, spec in enumerate(specs):
        texts = rest[spec.condition]
        yield f'{{"spec":{_line(spec.model_dump(mode="json"))},{texts[i // len(rest) % len(texts)]}\n'


def _journal(specs: Sequence[ConversationSpec], samples: dict[str, list[tuple[dict[str, Any], list[dict[str, Any]]]]]) -> Iterator[str]:
    texts = {arm: ["".join(_line({**row, "conversation": "<>"}) + "\n" for row in rows) for _, rows in f] for arm, f in samples.items()}
    for i, spec in enumerate(specs):
        of = texts[spec.condition]
        yield of[i // len(texts) % len(of)].replace('"conversation":"<>"', f'"conversation":"{spec.id}"')


def _line(data: dict[str, Any]) -> str:
    return json.dumps(data, separators=(",", ":"))
