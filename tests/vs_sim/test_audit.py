"""Readings against labels, from every kind of file that has some; and the command that prints them."""

from __future__ import annotations

import asyncio
import csv
import json
from pathlib import Path

import pytest

from tests.dialogues import folder_of
from tests.human_data import LABELS, Talk, label_rows, stated_rows, write_csv, write_rows, write_xlsx
from tests.runs import STUDY
from vs_sim.audit import ANNOTATED, DECIDED, LABELLED, Count, audit
from vs_sim.cli import main
from vs_sim.errors import InputError
from vs_sim.human.importer import import_human
from vs_sim.label_sheet import write_sheet
from vs_sim.records import ConversationSpec, Decision, Failure, StopReason, Transcript, Turn
from vs_sim.store import RunFolder
from vs_sim.writer import Writer

ASK = "How much would you like to donate?"
SAID: dict[str, tuple[str, float | None]] = {
    # id -> what the persuadee says, what people say that this states, in dollars
    "same": ("I will give 50 cents.", 0.5),
    "other": ("I will give 50 cents.", 5.0),
    "unread": ("It depends on many things.", 1.0),
    "unwilling": ("No, I will not donate anything.", 0.25),
    "zero": ("No, I will not donate anything.", 0.0),
    "kind": ("Well then, let it be 20 cents.", None),
    "nothing": ("What a rainy day.", None),
}
CONFUSION = {
    ("same amount", "amount"): 1,
    ("other amount", "amount"): 1,
    ("undetermined", "amount"): 1,
    ("refused", "amount"): 1,
    ("refused", "zero"): 1,
    ("other amount", "none"): 1,
    ("undetermined", "none"): 1,
}
SHARES = {"found": Count(2, 5), "right": Count(2, 4), "right_of_all_read": Count(2, 5), "agree": Count(3, 7)}


def talks() -> list[Talk]:
    return [
        Talk(
            id=f"2018010{number}-100000_{number}_{name}",
            users=(f"user_{2 * number}", f"user_{2 * number + 1}"),
            turns=(ASK, said),
            annotated=True,
            stated=stated,
            acts=((0, ASK, "x", ""), (1, said, "y", "")),
        )
        for number, (name, (said, stated)) in enumerate(SAID.items(), 1)
    ]


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    return write_csv(tmp_path / "p4g", talks(), "annotated_dev_")


@pytest.fixture
def sheet(tmp_path: Path) -> Path:
    """A labelled sheet; the last dialogue is left without a label."""
    folder = folder_of(tmp_path / "chat", {name: said for name, (said, _) in SAID.items()} | {"12e34": "I will give $1."})
    path = tmp_path / "sheet.csv"
    write_sheet(path, folder.transcripts(), seed=3)
    with path.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    for row in rows:
        stated = SAID[row[0]][1] if row[0] in SAID else None
        row[2] = "none" if stated is None else f"{stated * 100:.0f}" if stated else "refused"
        row[2] = row[2] if row[0] in SAID else ""
    write_rows(path, header, rows)
    return path


def test_tables_of_annotated_dialogues(tables: Path) -> None:
    for path in (tables, tables / "annotated_dev_info.csv"):
        found = audit(path)
        assert found.against == ANNOTATED
        assert {pair: n for pair, n in found.confusion().items() if n} == CONFUSION
        assert found.shares() == SHARES
        assert found.n_missing == 0


def test_a_reference_gives_what_its_tables_give(tables: Path, tmp_path: Path) -> None:
    more = write_csv(tmp_path / "more", [*talks(), Talk("20180719-100000_99_live", ("user_98", "user_99"))], "annotated_dev_")
    import_human(more, tmp_path / "human")
    found = audit(tmp_path / "human")
    assert (found.against, found.n_missing) == (ANNOTATED, 1)
    assert found.rows == audit(tables).rows


def test_a_labelled_sheet(sheet: Path) -> None:
    found = audit(sheet)
    assert (found.against, found.n_missing) == (LABELLED, 1)
    assert {pair: n for pair, n in found.confusion().items() if n} == CONFUSION
    assert found.shares() == SHARES


def test_a_run_has_its_private_decisions_in_place_of_labels(tmp_path: Path) -> None:
    decided = {"a": ("I will give 50 cents.", 50), "b": ("I will give 50 cents.", 0), "c": ("Hello.", 0), "d": ("$1", None)}

    async def write() -> None:
        async with Writer(RunFolder(tmp_path)) as writer:
            specs = [
                ConversationSpec(
                    id=id, seed=1, condition="c", persuader_model="m", persuadee_model="m", persuader="p", persuadee="q", replicate=0
                )
                for id in [*decided, "not-run"]
            ]
            plan = [spec.model_dump(mode="json") for spec in specs]
            writer.write_manifest({"study": STUDY, "conversations": plan, "starts": []})
            for spec, (said, cents) in zip(specs, decided.values(), strict=False):
                failure = Failure(kind="EndpointError", message="down", step="decide") if cents is None else None
                await writer.add_transcript(
                    Transcript(
                        spec=spec,
                        turns=(Turn(index=0, role="persuader", text=ASK), Turn(index=1, role="persuadee", text=said)),
                        decision=None if cents is None else Decision(amount=cents),
                        stop_reason=StopReason.ROUNDS_DONE,
                        failure=failure,
                        started="2026-01-01",
                        seconds=1.0,
                        vs_sim="0",
                    )
                )

    asyncio.run(write())
    found = audit(tmp_path)
    assert found.against == DECIDED
    assert [(row.conversation, row.kind, row.label) for row in found.rows] == [
        ("a", "same amount", "amount"),
        ("b", "other amount", "zero"),
        ("c", "undetermined", "zero"),
    ]
    assert found.n_missing == 2


def test_the_words_that_were_read_stand_in_their_place(tmp_path: Path) -> None:
    long = "Thank you for telling me of your work. \x1b[0m I’ll donate **fifty cents** today, and I wish you a very good evening indeed."
    talk = Talk("20180101-000000_1_live", turns=(ASK, long), annotated=True, stated=0.5, acts=((0, ASK, "", ""), (1, long, "", "")))
    (row,) = audit(write_csv(tmp_path, [talk], "annotated_dev_")).rows
    assert row.agrees
    assert row.role == "persuadee"
    assert row.words is not None
    assert "donate **[[fifty cents]]** today" in row.words
    assert row.words.startswith("...")
    assert row.words.endswith("...")
    assert row.words.isprintable()


def test_half_a_cent_is_no_label(tmp_path: Path) -> None:
    talk = Talk("20180101-000000_1_live", turns=(ASK, "$1"), annotated=True, stated=0.005, acts=((0, ASK, "", ""), (1, "$1", "", "")))
    found = audit(write_csv(tmp_path, [talk], "annotated_dev_"))
    assert (found.rows, found.n_missing) == ((), 1)
    assert found.shares()["found"] == Count(0, 0)


def test_rows_of_persuaders_are_left_out(tmp_path: Path) -> None:
    rows = [[*row[:1], role, *row[1:]] for row in stated_rows(talks()) for role in (0, 1)]
    write_rows(tmp_path / "300_info.csv", ["B2", "B4", "B5", "B6"], rows)
    write_rows(tmp_path / "300_dialog.csv", LABELS, label_rows(talks()))
    assert audit(tmp_path).shares() == SHARES


def test_what_cannot_be_audited_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a run folder, a reference of human dialogues, a labelled sheet"):
        audit(tmp_path / "nowhere")
    with pytest.raises(InputError, match="cannot be read: File name too long; check the path"):
        audit(tmp_path / ("x" * 300))
    (tmp_path / "table.csv").write_text("conversation,dialogue,label\n,Persuadee: hi,5\n")
    with pytest.raises(InputError, match=r"table\.csv, row 2, column conversation: is empty, expected the id"):
        audit(tmp_path / "table.csv")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"table\.csv: column 'conversation' stands 0 times in the first row, expected once"):
        audit(tmp_path / "table.csv")
    write_rows(tmp_path / "300_info.csv", ["B2", "B5"], [["one", 1]])
    with pytest.raises(InputError, match=r"300_dialog\.csv: the file is missing"):
        audit(tmp_path)
    write_rows(tmp_path / "300_dialog.csv", LABELS, [["two", 0, 0, "Hi.", "x", "", "", ""]])
    with pytest.raises(InputError, match=r"300_info\.csv: dialogue 'one' has no sentences in 300_dialog\.csv"):
        audit(tmp_path)


@pytest.mark.parametrize(
    ("table", "row", "sentence"),
    [
        ("info", ["{id}", "1"], r"annotated_dev_info\.csv, line 9: the row has 2 cells, expected 3 as in the header"),
        ("info", ["{id}", "1", "0"], r"annotated_dev_info\.csv, line 9: dialogue '.*_same' is annotated twice"),
        ("info", ["new", "-1", "0"], r"annotated_dev_info\.csv, line 9, column B5: \$-1.0 is below 0"),
        ("info", ["new", "1e307", "0"], r"annotated_dev_info\.csv, line 9, column B5: '1e307' is too large"),
        ("info", ["new", "1_0", "0"], r"annotated_dev_info\.csv, line 9, column B5: '1_0' is no number"),
        (
            "dialog",
            ["{id}", "0", "", "Hi.", "x", "", "", ""],
            r"annotated_dev_dialog\.csv, line 16, column Turn: turn '', expected a whole",
        ),
        ("dialog", ["{id}", "0", "1", "Hi."], r"annotated_dev_dialog\.csv, line 16: the row has 4 cells, expected 8"),
    ],
)
def test_a_damaged_table_is_refused_and_not_counted(tables: Path, table: str, row: list[str], sentence: str) -> None:
    with (tables / f"annotated_dev_{table}.csv").open("a", encoding="utf-8", newline="") as file:
        csv.writer(file).writerow([cell.format(id=talks()[0].id) for cell in row])
    with pytest.raises(InputError, match=sentence):
        audit(tables)


def test_tables_in_excel_files_are_read_alike(tables: Path, tmp_path: Path) -> None:
    rows = [[id_, "" if stated is None else stated, dollars] for id_, stated, dollars in stated_rows(talks())]
    write_xlsx(tmp_path / "300_info.xlsx", [["B2", "B5", "B6"], *rows])
    write_xlsx(tmp_path / "300_dialog.xlsx", [LABELS, *label_rows(talks())])
    assert audit(tmp_path).rows == audit(tables).rows


def test_dialogues_that_lost_their_line_breaks_are_refused(sheet: Path) -> None:
    text = sheet.read_text("utf-8")
    assert "\nPersuadee: " in text
    sheet.write_text(text.replace("\nPersuadee: ", " Persuadee: "), "utf-8")
    with pytest.raises(InputError, match=r"sheet\.csv, row \d+, column dialogue: has no line that begins with 'Persuadee: '"):
        audit(sheet)


def test_a_sheet_is_read_in_the_same_way_as_labels_are(sheet: Path) -> None:
    before = audit(sheet).rows
    sheet.write_bytes(("sep=,\n" + sheet.read_text("utf-8")).replace("\n", "\r\n").encode("utf-16"))
    assert audit(sheet).rows == before


def test_the_command_prints_shares_and_what_differs(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outcome", "audit", str(tables)]) == 0
    text = capsys.readouterr().out
    assert "against people's annotations (B5): 7 dialogues." in text
    assert "2 of 5     40.0% (5.3% to 85.3%)" in text
    assert "the figures are in-sample: expect less elsewhere" in " ".join(text.split())
    assert "other: $5.00 labelled, $0.50 read\n  turn 1, persuadee: I will give [[50 cents]]." in text
    assert "unread: $1.00 labelled, undetermined read" in text
    assert "_same: " not in text
    assert max(map(len, text.splitlines())) <= 100
    assert main(["outcome", "audit", str(tables), "--all"]) == 0
    assert "_same: $0.50 labelled, $0.50 read" in capsys.readouterr().out


def test_a_sheet_of_other_dialogues_is_not_called_in_sample(sheet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outcome", "audit", str(sheet)]) == 0
    assert "in-sample" not in capsys.readouterr().out
    assert main(["outcome", "audit", str(sheet), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["note"] is None


def test_the_command_prints_json(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outcome", "audit", str(tables), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n"] == 7 and "in-sample" in found["note"]
    assert found["shares"]["found"]["n_yes"] == 2
    assert found["shares"]["found"]["low"] < 0.4 < found["shares"]["found"]["high"]
    assert {"read": "refused", "label": "zero", "n": 1} in found["confusion"]
    assert [d["agrees"] for d in found["dialogues"]] == [False] * 4
    (other,) = [d for d in found["dialogues"] if d["conversation"].endswith("other")]
    assert (other["label_cents"], other["cents"], other["turn"], other["span"]) == (500, 50, 1, [12, 20])
