"""The sheet for labelling by hand: blind, in random order, harmless in a spreadsheet, and read back as spreadsheets leave it."""

import csv
import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vs_sim.errors import InputError
from vs_sim.label_sheet import armoured, bare, instructions_path, read_label, read_sheet, write_sheet
from vs_sim.records import ConversationSpec, Decision, Failure, StopReason, Transcript, Turn


def transcript(id, said='Maybe; I\'d say "50 cents",\nyes.', failed=False):
    spec = ConversationSpec(
        id=id,
        seed=1,
        condition="secret-arm",
        persuader_model="openai:secret-model",
        persuadee_model="openai:secret-model",
        persuader="secret-asker",
        persuadee="secret-person",
        replicate=0,
        human_cents=4321,
    )
    turns = (Turn(index=0, role="persuader", text="Hi, grüß dich \x1b[31m€"), Turn(index=1, role="persuadee", text=said))
    failure = Failure(kind="EndpointError", message="down", step="t002") if failed else None
    return Transcript(
        spec=spec,
        turns=turns,
        decision=Decision(amount=1234),
        stop_reason=StopReason.ROUNDS_DONE,
        failure=failure,
        started="2026-01-01",
        seconds=1.0,
        vs_sim="0",
    )


IDS = [f"c{i:02}" for i in range(20)]


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def label(path, labels, **how):
    """Fill in labels by conversation and save the sheet, as a spreadsheet may."""
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, ["conversation", "dialogue", "label", "note"], **how)
    table.writeheader()
    for row in rows(path):
        table.writerow({**row, "label": labels.get(bare(row["conversation"]), "")})
    path.write_bytes(out.getvalue().encode("utf-8"))


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "labels.csv"
    assert write_sheet(path, [transcript(i) for i in IDS], seed=4) == 20
    return path


def test_a_sheet_shows_the_dialogue_and_nothing_else(sheet):
    found = rows(sheet)
    assert list(found[0]) == ["conversation", "dialogue", "label", "note"]
    assert sorted(r["conversation"] for r in found) == IDS
    assert {r["dialogue"] for r in found} == {'Persuader: Hi, grüß dich  [31m€\nPersuadee: Maybe; I\'d say "50 cents", yes.'}
    assert {(r["label"], r["note"]) for r in found} == {("", "")}
    assert not re.search("secret|1234|4321", sheet.read_text("utf-8"))
    assert sheet.read_bytes().startswith(b"\xef\xbb\xbf"), "spreadsheets know UTF-8 by its mark"


def test_the_instructions_stand_beside_it(sheet):
    text = instructions_path(sheet).read_text("utf-8")
    assert instructions_path(sheet).name == "labels-instructions.md"
    assert text.startswith("# How to label labels.csv")
    for needed in ("`150` for $1.50", "`refused`", "`none`", "What counts is the gift"):
        assert needed in text


def test_order_and_draw_depend_on_the_seed_alone(tmp_path):
    people = [transcript(i) for i in IDS]

    def ids(name, transcripts, **options):
        write_sheet(tmp_path / name, transcripts, **options)
        return [r["conversation"] for r in rows(tmp_path / name)]

    first = ids("a.csv", people, seed=1)
    assert ids("b.csv", people[::-1], seed=1) == first
    assert ids("c.csv", people, seed=2) != first != sorted(first)
    assert ids("d.csv", people, seed=1, n=5) == first[:5]
    assert len(ids("e.csv", people, n=100)) == 20


def test_failed_conversations_are_left_out(tmp_path):
    assert write_sheet(tmp_path / "s.csv", [transcript("a", failed=True), transcript("b")]) == 1


def test_a_sheet_is_never_written_over(sheet):
    with pytest.raises(InputError, match=r"labels\.csv is there already and may hold labels; give another name with --out"):
        write_sheet(sheet, [])
    assert len(rows(sheet)) == 20


def test_other_instructions_are_not_written_over(tmp_path):
    (tmp_path / "s-instructions.md").write_text("Mine.", "utf-8")
    with pytest.raises(InputError, match=r"s-instructions\.md is there already and says something else; give another name with --out"):
        write_sheet(tmp_path / "s.csv", [transcript("a")])
    assert [p.name for p in tmp_path.iterdir()] == ["s-instructions.md"]
    assert (tmp_path / "s-instructions.md").read_text("utf-8") == "Mine."


def test_a_sheet_that_cannot_be_written_whole_is_not_there(tmp_path, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as no_room:
        no_room.setattr(Path, "replace", full)
        with pytest.raises(InputError, match=r"s\.csv: cannot be written: No space left"):
            write_sheet(tmp_path / "s.csv", [transcript("a")])
    assert not list(tmp_path.iterdir())
    assert write_sheet(tmp_path / "s.csv", [transcript("a")]) == 1
    (tmp_path / "s.csv").unlink()
    assert write_sheet(tmp_path / "s.csv", [transcript("a")]) == 1, "the same instructions may stay"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match=r"nowhere/s\.csv: cannot be written: No such file"):
        write_sheet(tmp_path / "nowhere" / "s.csv", [])


@pytest.mark.parametrize("id", ["=1+1", "+49", "-3", "@SUM(A1)", "1234567890123456", "12e34", "1E5", "1.5", "3/4", "2-1", "'x", "\tx"])
def test_what_a_spreadsheet_would_change_is_marked_and_comes_back(tmp_path, id):
    path = tmp_path / "s.csv"
    write_sheet(path, [transcript(id)])
    assert rows(path)[0]["conversation"] == f"'{id}"
    label(path, {id: "50"})
    assert read_sheet(path, {id})[id].cents == 50


@pytest.mark.parametrize("id", ["4bebbe46827596aa", "c01", "20180101-010203_4_live", "12ef", "e", ""])
def test_ordinary_ids_stand_as_they_are(id):
    assert armoured(id) == id


@given(st.text())
def test_any_cell_comes_back(cell):
    assert bare(armoured(cell)) == cell
    assert not armoured(cell).startswith(("=", "+", "-", "@", "\t", "\r"))


def test_no_cell_begins_like_a_formula_whatever_a_model_says(tmp_path):
    path = tmp_path / "s.csv"
    write_sheet(path, [transcript(str(i), said) for i, said in enumerate(['=HYPERLINK("x")', "\n=1", "@a", "-1", '","=1'])])
    for row in rows(path):
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())
        assert row["dialogue"].startswith("Persuader: Hi")


def test_a_dialogue_too_long_for_a_cell_keeps_its_end(tmp_path):
    path = tmp_path / "s.csv"
    write_sheet(path, [transcript("a", "word " * 20_000 + "50 cents it is")])
    cell = rows(path)[0]["dialogue"]
    assert len(cell) < 32_767
    assert cell.startswith("(the beginning is too long for a cell) ... ") and cell.endswith("50 cents it is")


LABELS = {"c00": "150", "c01": "refused", "c02": "none", "c03": " Refused ", "c04": "NONE", "c05": "7"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("lineterminator", ["\n", "\r\n"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_labels_come_back_however_a_spreadsheet_saved_them(sheet, delimiter, lineterminator, quoting, mark):
    label(sheet, LABELS, delimiter=delimiter, lineterminator=lineterminator, quoting=quoting)
    sheet.write_bytes(mark + sheet.read_bytes() + b"\r\n" + delimiter.encode() * 3 + b"\r\n")
    found = read_sheet(sheet, IDS)
    assert {i: (d.status, d.cents) for i, d in found.items()} == {
        "c00": ("amount", 150),
        "c01": ("refused", None),
        "c02": ("undetermined", None),
        "c03": ("refused", None),
        "c04": ("undetermined", None),
        "c05": ("amount", 7),
    }, "rows without a label are missing"


def test_a_sheet_saved_in_a_windows_encoding_is_read(sheet):
    label(sheet, LABELS)
    sheet.write_bytes(sheet.read_text("utf-8").encode("cp1252"))
    assert len(read_sheet(sheet, IDS)) == 6


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8"])
@pytest.mark.parametrize("first", ["", "sep=;\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_sheet_in_another_encoding_or_with_other_line_ends_is_read(sheet, encoding, first, end):
    label(sheet, LABELS, delimiter=";", lineterminator="\n")
    text = first + sheet.read_text("utf-8")
    sheet.write_bytes(text.replace("\n", end).encode(encoding))
    assert {i: d.cents for i, d in read_sheet(sheet, IDS).items() if d.cents} == {"c00": 150, "c05": 7}


def test_rows_are_counted_with_the_line_that_names_the_separator(tmp_path):
    (tmp_path / "s.csv").write_text("sep=;\nconversation;label\nc00;5\nc01;x\n", "utf-8")
    with pytest.raises(InputError, match=r"row 4, column label: 'x' is no label"):
        read_sheet(tmp_path / "s.csv", IDS)


def test_columns_may_be_moved_and_added(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("Label,who,Conversation\n50,kim,c00\n,kim,c01\n", "utf-8")
    assert {i: d.cents for i, d in read_sheet(path, IDS).items()} == {"c00": 50}


@pytest.mark.parametrize("bad", ["1.50", "$1", "50 cents", "-5", "yes", "refuse", "50,00", "١٢", "1e2", "123456789"])
def test_a_bad_label_is_named_with_its_row(sheet, bad):
    conversation = rows(sheet)[2]["conversation"]
    label(sheet, {conversation: bad}, delimiter=";")
    with pytest.raises(InputError) as failed:
        read_sheet(sheet, IDS)
    assert str(failed.value) == (
        f"{sheet}, row 4, column label: {bad!r} is no label; expected whole cents above 0 (digits only), 'refused' or 'none', or nothing"
    )
    assert read_label(bad) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("conversation,label\nc00,5\nother,5\n", "row 3, column conversation: 'other' is no conversation of this run; is it the sheet of"),
        ("conversation,label\n,5\n", "row 2, column conversation: '' is no conversation of this run"),
        ("conversation,label\nc00,5\nc01,\nc00,5\n", "row 4, column conversation: 'c00' stands in row 2 already; delete one of them"),
        ("conversation,note\nc00,5\n", "column 'label' stands 0 times in the first row, expected once"),
        ("conversation,label,label\nc00,5,5\n", "column 'label' stands 2 times in the first row"),
        ("", "column 'conversation' stands 0 times"),
        ("PK\x03\x04", "is a spreadsheet's own format, expected CSV; save it as CSV"),
        ('conversation,label\n"' + "x" * 200_000 + '",5\n', "row 2: is no CSV that can be read: field larger than field limit"),
        (
            "conversation,label\nc00,0\n",
            "row 2, column label: '0' is no label; expected whole cents above 0 (digits only), 'refused' or 'none', "
            "or nothing; write 'refused' for a refusal to give",
        ),
        ("c\0o\0n\0", "is in no encoding that can be told (UTF-16 without its mark?); save it as CSV UTF-8"),
    ],
)
def test_a_sheet_that_cannot_be_read_says_where(tmp_path, text, sentence):
    path = tmp_path / "s.csv"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError, match=re.escape(sentence)):
        read_sheet(path, IDS)


def test_a_missing_sheet_is_named(tmp_path):
    with pytest.raises(InputError, match=r"s\.csv: cannot be read: No such file"):
        read_sheet(tmp_path / "s.csv", IDS)
