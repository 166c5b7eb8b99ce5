"""Small made-up human dialogues in the layouts in which researchers have PersuasionForGood."""

from __future__ import annotations

import csv
import json
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

WORDS = {"age": 41.0, "sex": "Female", "edu": "Postgraduate", "income": 5.0, "extrovert": 3.2, "care": 4.333333333, "rational": 2.0}


@dataclass
class Talk:
    """One dialogue: turns begin with the persuader; acts hold (turn, sentence, label, second label)."""

    id: str
    users: tuple[str, str] = ("user_1", "user_2")
    turns: Sequence[str] = ("Hi, would you give some of your pay?", "I would, a little.", "Thanks!", "Bye.")
    dollars: tuple[float, float] = (0.0, 0.5)
    attributes: dict[str, Any] = field(default_factory=lambda: dict(WORDS))
    annotated: bool = False
    stated: float | None = None
    acts: Sequence[tuple[int, str, str, str]] = ()


TALKS = (
    Talk(
        "20180719-100000_1_live", annotated=True, stated=0.25, acts=((0, "Hi.", "greeting", ""), (1, "I would.", "agree-donation", "thank"))
    ),
    Talk("20180824-101500_2_live", ("user_3", "user_2"), dollars=(1.0, 0.0), turns=("Hello. It pays $0.30.", "Yes, only .30 for this HIT")),
    Talk("20180901-120000_3_live", ("user_8", "user_4"), dollars=(0.0, 25.0), attributes={}),
    Talk("20180902-130000_4_live", ("user_2", "user_6"), dollars=(0.0, 1.07), annotated=True),
)


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def write_csv(folder: Path, talks: Sequence[Talk] = TALKS, annotated: str | None = None) -> Path:
    """full_info.csv and full_dialog.csv, with the annotated part under the names that begin with `annotated`."""
    names = sorted({name for talk in talks for name in talk.attributes} | set(WORDS))
    info = [
        [t.id, t.users[role], role, t.dollars[role], len(t.turns) // 2, *(t.attributes.get(name, "") for name in names)]
        for t in talks
        for role in (0, 1)
    ]
    write_rows(folder / "full_info.csv", ["B2", "B3", "B4", "B6", "B7", *(f"{name}.x" for name in names)], info)
    said = [[text, i // 2, i % 2, t.id] for t in talks for i, text in enumerate(t.turns)]
    write_rows(folder / "full_dialog.csv", ["", "Unit", "Turn", "B4", "B2"], [[n, *row] for n, row in enumerate(said)])
    if annotated is not None:
        write_rows(folder / f"{annotated}info.csv", ["B2", "B5", "B6"], stated_rows(talks))
        write_rows(folder / f"{annotated}dialog.csv", LABELS, label_rows(talks))
    return folder


LABELS = ("B2", "B4", "Turn", "Unit", "er_label_1", "ee_label_1", "er_label_2", "ee_label_2")


def stated_rows(talks: Sequence[Talk]) -> list[list[Any]]:
    return [[t.id, "" if t.stated is None else t.stated, t.dollars[1]] for t in talks if t.annotated]


def label_rows(talks: Sequence[Talk]) -> list[list[Any]]:
    rows = []
    for t in talks:
        for turn, text, first, second in t.acts:
            labels = ("", first, "", second) if turn % 2 else (first, "", second, "")
            rows.append([t.id, turn % 2, turn // 2, text, *labels])
    return rows


def write_xlsx(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """The smallest Excel file that holds these rows: text in shared strings, numbers in place, empty cells left out."""
    path.parent.mkdir(parents=True, exist_ok=True)
    texts: list[str] = []
    lines = []
    for r, row in enumerate(rows, 1):
        cells = ""
        for c, value in enumerate(row):
            where = f'r="{chr(ord("A") + c)}{r}"'
            if isinstance(value, str) and value:
                texts.append(value)
                cells += f'<c {where} t="s"><v>{len(texts) - 1}</v></c>'
            elif not isinstance(value, str):
                cells += f"<c {where}><v>{value!r}</v></c>"
        lines.append(f'<row r="{r}">{cells}</row>')
    space = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/worksheets/sheet1.xml", f"<worksheet {space}><sheetData>{''.join(lines)}</sheetData></worksheet>")
        shared = "".join(f"<si><t>{escape(text)}</t></si>" for text in texts)
        archive.writestr("xl/sharedStrings.xml", f"<sst {space}>{shared}</sst>")


def write_official(root: Path, talks: Sequence[Talk] = TALKS) -> Path:
    """The original repository: data/FullData in CSV, data/AnnotatedData in Excel, where both participants have a row."""
    write_csv(root / "data" / "FullData", talks)
    rows: list[list[Any]] = [["B2", "B4", "B5", "B6"]]
    for id_, stated, dollars in stated_rows(talks):
        rows += [[id_, 0, "", 0.0], [id_, 1, stated, dollars]]
    write_xlsx(root / "data" / "AnnotatedData" / "300_info.xlsx", rows)
    write_xlsx(root / "data" / "AnnotatedData" / "300_dialog.xlsx", [LABELS, *label_rows(talks)])
    return root


def write_convokit(folder: Path, talks: Sequence[Talk] = TALKS, *, first_version: bool = False) -> Path:
    """A ConvoKit corpus folder; `first_version` as its first releases wrote it."""
    folder.mkdir(parents=True, exist_ok=True)

    def entry(meta: dict[str, Any]) -> dict[str, Any]:
        return meta if first_version else {"meta": meta, "vectors": []}

    speakers = {user: entry(t.attributes or dict.fromkeys(WORDS, math.nan)) for t in talks for user in t.users}
    conversations, lines, row = {}, [], 0
    for t in talks:
        root = str(row)
        conversations[root] = entry(
            {
                "dialogue_id": t.id,
                "user_er": t.users[0],
                "user_ee": t.users[1],
                "donation_er": t.dollars[0],
                "donation_ee": t.dollars[1],
                "is_annotated": t.annotated,
                "intended": math.nan if t.stated is None else t.stated,
            }
        )
        for i, text in enumerate(t.turns):
            acts = [act for act in t.acts if act[0] == i]
            meta = {
                "role": i % 2,
                "user_turn_id": i // 2,
                "label_1": [act[2] for act in acts] if acts else math.nan,
                "label_2": [act[3] or math.nan for act in acts] if acts else math.nan,
                "text_by_sent": " <s> ".join(act[1] for act in acts) if acts else math.nan,
            }
            keys = ("root", "user") if first_version else ("conversation_id", "speaker")
            said = {"id": str(row), keys[0]: root, keys[1]: t.users[i % 2], "text": text, "meta": meta}
            lines.append(json.dumps({**said, "reply-to": None if i == 0 else str(row - 1), "timestamp": None}))
            row += 1
    (folder / ("users.json" if first_version else "speakers.json")).write_text(json.dumps(speakers), "utf-8")
    (folder / "conversations.json").write_text(json.dumps(conversations), "utf-8")
    (folder / "utterances.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    for name in ("corpus.json", "index.json"):
        (folder / name).write_text("{}", "utf-8")
    return folder
