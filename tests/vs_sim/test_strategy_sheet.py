"""The sheet of turns: blind, in random order, harmless in a spreadsheet, and read back as spreadsheets leave it."""

import csv
import io
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategy_runs import ASK, PITY, SAID, THANKS, transcript
from vs_sim.errors import InputError
from vs_sim.label_sheet import bare, instructions_path
from vs_sim.records import printable
from vs_sim.strategies import Strategy, TurnId
from vs_sim.strategy_sheet import COLUMNS, read_sheet, write_sheet

RUN = [transcript(f"c{i:02}", number=i) for i in range(6)]


def rows(path):
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def mark(path, marks, delimiter=","):
    """Fill in marks by turn (name -> column -> mark) and save the sheet, as a spreadsheet may."""
    out = io.StringIO(newline="")
    table = csv.DictWriter(out, COLUMNS, delimiter=delimiter)
    table.writeheader()
    for row in rows(path):
        table.writerow({**row, **marks.get(bare(row["turn"]), {})})
    path.write_bytes(out.getvalue().encode("utf-8"))


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "labels.csv"
    assert write_sheet(path, RUN, seed=4) == 18
    return path


def test_a_sheet_shows_words_and_nothing_else(sheet):
    found = {row["turn"]: row for row in rows(sheet)}
    assert sorted(found) == sorted(f"c{i:02}-t{turn:03}" for i in range(6) for turn in (0, 2, 4))
    assert list(found["c00-t000"]) == ["turn", "before", "message", *Strategy, "none", "note"]
    assert (found["c00-t000"]["before"], found["c00-t000"]["message"]) == ("", ASK)
    assert found["c01-t004"]["before"] == f"Persuader: {ASK}\nPersuadee: I have.\nPersuader: {PITY}\nPersuadee: How sad."
    assert found["c01-t004"]["message"] == THANKS
    assert {row[column] for row in found.values() for column in (*Strategy, "none", "note")} == {""}
    assert "secret" not in sheet.read_text("utf-8")
    text = instructions_path(sheet).read_text("utf-8")
    assert text.startswith("# How to label labels.csv") and all(f"* {strategy}: " in text for strategy in Strategy)


def test_order_and_draw_depend_on_the_seed_alone(tmp_path):
    def turns(name, transcripts, **options):
        write_sheet(tmp_path / name, transcripts, **options)
        return [row["turn"] for row in rows(tmp_path / name)]

    first = turns("a.csv", RUN, seed=1)
    assert turns("b.csv", RUN[::-1], seed=1) == first
    assert turns("c.csv", RUN, seed=2) != first != sorted(first)
    assert turns("d.csv", [*RUN, transcript("x", failed=True)], seed=1, n=5) == first[:5]


def test_marks_are_read_and_rows_without_are_missing(sheet):
    mark(
        sheet,
        {
            "c00-t000": {"source-related-inquiry": "x", "note": "sure"},
            "c00-t002": {"emotion-appeal": " X ", "logical-appeal": "1"},
            "c00-t004": {"none": "x"},
            "c01-t000": {"note": "cannot decide"},
        },
        delimiter=";",
    )
    assert read_sheet(sheet, RUN) == {
        TurnId("c00", 0): {Strategy.SOURCE_INQUIRY},
        TurnId("c00", 2): {Strategy.EMOTION_APPEAL, Strategy.LOGICAL_APPEAL},
        TurnId("c00", 4): frozenset(),
    }


@given(
    said=st.lists(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
        | st.sampled_from(['=HYPERLINK("http://x")', "+1", "-2", "@SUM(A1)", "\t=1", 'a "b", c;\nd\r\n', "'x", "12e34", "sep=;", "\ufeff"]),
        min_size=1,
        max_size=6,
    ),
    id=st.sampled_from(["12e34", "00112233aabbccdd", "=1+1", "-5", "c;1"]),
    delimiter=st.sampled_from([",", ";", "\t"]),
    data=st.data(),
)
def test_hostile_turns_come_back_with_their_labels(said, id, delimiter, data):
    run = [transcript(id, said)]
    turns = range(0, len(said), 2)
    given_ = {turn: data.draw(st.none() | st.frozensets(st.sampled_from(Strategy)), label=f"turn {turn}") for turn in turns}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.csv"
        assert write_sheet(path, run, seed=0) == len(turns)
        for row in rows(path):
            assert not row["message"].startswith(("=", "+", "-", "@", "\t", "\r")) and not row["turn"].startswith(("=", "-"))
            assert bare(row["message"]) == printable(said[int(bare(row["turn"])[-3:])])
        marks = {f"{id}-t{turn:03}": dict.fromkeys(found or ["none"], "x") for turn, found in given_.items() if found is not None}
        mark(path, marks, delimiter)
        assert read_sheet(path, run) == {TurnId(id, turn): found for turn, found in given_.items() if found is not None}


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            {"emotion-appeal": "maybe"},
            "row 2, column emotion-appeal: 'maybe' is no mark; expected 'x' for a message that has it, or nothing",
        ),
        ({"none": "emotion-appeal"}, "row 2, column none: 'emotion-appeal' is no mark; expected 'x'"),
        ({"none": "x", "logical-appeal": "x"}, "row 2, column none: is marked beside logical-appeal; expected 'none' alone or not at all"),
        (
            {"turn": "other-t000"},
            "row 2, column turn: 'other-t000' is no turn of this run; is it the sheet of another run",
        ),
    ],
)
def test_a_wrong_row_says_where_and_what_was_expected(sheet, cells, sentence):
    mark(sheet, {rows(sheet)[0]["turn"]: cells})
    with pytest.raises(InputError, match=re.escape(sentence)) as caught:
        read_sheet(sheet, RUN)
    assert str(caught.value).startswith(str(sheet))


def test_a_turn_that_stands_twice_and_a_lost_column_are_refused(sheet):
    lines = sheet.read_text("utf-8-sig").splitlines(keepends=True)
    first = next(line for line in csv.reader(io.StringIO("".join(lines), newline="")) if line[0] == "c00-t000")
    sheet.write_text("".join(lines) + ",".join([first[0], *[""] * (len(COLUMNS) - 1)]) + "\n", "utf-8")
    with pytest.raises(InputError, match=r"column turn: 'c00-t000' stands in row \d+ already; delete one of them"):
        read_sheet(sheet, RUN)
    sheet.write_text("turn,none\nc00-t000,x\n", "utf-8")
    with pytest.raises(InputError, match="column 'logical-appeal' stands 0 times in the first row, expected once"):
        read_sheet(sheet, RUN)


def test_a_sheet_is_never_written_over(sheet):
    with pytest.raises(InputError, match=r"labels\.csv is there already and may hold labels; give another name with --out"):
        write_sheet(sheet, [transcript("z", SAID)])
