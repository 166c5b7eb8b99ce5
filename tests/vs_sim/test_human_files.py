"""Every mistake in the files of human dialogues is one sentence that says where it is; what can be read is read to the letter."""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.human_data import TALKS, Talk, write_convokit, write_csv, write_official, write_rows
from vs_sim.errors import HumanDataError
from vs_sim.human.corpus import RawDialogue
from vs_sim.human.files import read_corpus

Spoil = Callable[[Path], None]


def edit(name: str, old: str, new: str) -> Spoil:
    def change(folder: Path) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new, 1), "utf-8")

    return change


def remove(name: str) -> Spoil:
    return lambda folder: (folder / name).unlink()


def write(name: str, content: bytes) -> Spoil:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def append(name: str, content: str) -> Spoil:
    def change(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(content)

    return change


FIRST = TALKS[0].id
CSV_MISTAKES: dict[str, tuple[Spoil, str]] = {
    "no info": (remove("full_info.csv"), r"full_info.csv is missing, though full_dialog.csv is there"),
    "no dialog": (remove("full_dialog.csv"), r"full_dialog.csv is missing, though full_info.csv is there"),
    "half annotated": (remove("300_dialog.csv"), r"300_dialog.csv is missing, though 300_info.csv is there"),
    "other half": (remove("300_info.csv"), r"300_info.csv is missing, though 300_dialog.csv is there"),
    "empty": (write("full_info.csv", b""), r"full_info.csv: the file holds nothing"),
    "only a header": (write("full_dialog.csv", b"B2,B4,Turn,Unit\n"), r"full_dialog.csv: the file holds only a header"),
    "column": (edit("full_info.csv", "B6", "gave"), r"full_info.csv, line 1: column 'B6' is missing, expected B2, B3, B4, B6"),
    "column twice": (edit("full_info.csv", "B7", "B6"), r"full_info.csv, line 1: column 'B6' is there twice"),
    "label column": (edit("300_dialog.csv", "ee_label_1", "act"), r"300_dialog.csv, line 1: column 'ee_label_1' is missing"),
    "amount": (edit("full_info.csv", ",0.5,", ",half,"), r"full_info.csv, line 3, column B6: 'half' is no number"),
    "infinite": (edit("full_info.csv", ",0.5,", ",inf,"), r"full_info.csv, line 3, column B6: 'inf' is no number"),
    "below a cent": (edit("full_info.csv", ",0.5,", ",0.005,"), r"line 3, column B6: \$0.005 is no donation in whole cents"),
    "negative": (edit("full_info.csv", ",0.5,", ",-0.5,"), r"line 3, column B6: \$-0.5 is no donation in whole cents"),
    "stated": (edit("300_info.csv", "0.25", "a bit"), r"300_info.csv, line 2, column B5: 'a bit' is no number"),
    "stated below 0": (edit("300_info.csv", "0.25", "-0.25"), r"300_info.csv, line 2, column B5: \$-0.25 is below 0"),
    "stated far too much": (edit("300_info.csv", "0.25", "1e307"), r"300_info.csv, line 2, column B5: '1e307' is too large"),
    "far too much": (edit("full_info.csv", ",0.5,", ",1e307,"), r"full_info.csv, line 3, column B6: '1e307' is too large"),
    "underscore": (edit("full_info.csv", ",0.5,", ",1_0,"), r"full_info.csv, line 3, column B6: '1_0' is no number"),
    "other digits": (
        edit("full_info.csv", ",41.0,", ",\u0664\u0661,"),
        r"full_info.csv, line 2, column age.x: '\u0664\u0661' is no number",
    ),
    "attribute": (edit("full_info.csv", ",age.x,", ",Age.x,"), r"full_info.csv: column 'Age.x' is no attribute, expected 'age.x'"),
    "semicolons": (
        write("full_info.csv", b"B2;B3;B4;B6\nd;u;0;0\n"),
        r"full_info.csv, line 1: cells are separated by semicolons, expected commas",
    ),
    "role": (edit("full_info.csv", "user_2,1,", "user_2,2,"), r"full_info.csv, line 3, column B4: role '2', expected 0 \(persuader\) or 1"),
    "two of a role": (edit("full_info.csv", "user_2,1,", "user_2,0,"), rf"line 3: dialogue '{FIRST}' has a second persuader"),
    "person": (edit("full_info.csv", "user_2,1,", ",1,"), r"full_info.csv, line 3: column B3 is empty"),
    "no participants": (
        edit("full_info.csv", FIRST, "else"),
        rf"full_dialog.csv, line 2: dialogue '{FIRST}' has no persuader in full_info",
    ),
    "silent": (
        append("full_info.csv", "new,u,0,0,2" + "," * 7 + "\n"),
        r"full_info.csv, line 10: dialogue 'new' has no row in full_dialog",
    ),
    "id twice": (append("full_dialog.csv", f"99,Hi,0,0,{FIRST}\n"), rf"full_dialog.csv, line 16: dialogue '{FIRST}' begins a second time"),
    "order": (
        edit("full_dialog.csv", "Thanks!,1,", "Thanks!,-1,"),
        r"full_dialog.csv, line 4, column Turn: turn '-1', expected a whole number",
    ),
    "falling": (edit("full_dialog.csv", "Bye.,1,", "Bye.,0,"), r"full_dialog.csv, line 5: turn 0 follows turn 1, expected turns that rise"),
    "persuadee first": (edit("full_dialog.csv", 'pay?",0,0', 'pay?",0,1'), rf"line 2: dialogue '{FIRST}' begins with the persuadee"),
    "cells": (append("full_dialog.csv", "99,Hi,0,0\n"), r"full_dialog.csv, line 16: the row has 4 cells, expected 5 as in the header"),
    "cut off": (append("full_dialog.csv", '99,"Hi'), r"full_dialog.csv, line 16: not valid CSV \(unexpected end of data\)"),
    "annotated twice": (append("300_info.csv", f"{FIRST},1,0\n"), rf"300_info.csv, line 4: dialogue '{FIRST}' is annotated twice"),
    "not in the table": (
        edit("300_info.csv", FIRST, TALKS[1].id),
        rf"300_dialog.csv, line 2: dialogue '{FIRST}' has annotated sentences, but no",
    ),
}


@pytest.mark.parametrize("name", CSV_MISTAKES)
def test_a_mistake_in_the_original_files_is_named_with_its_place(tmp_path: Path, name: str) -> None:
    spoil, sentence = CSV_MISTAKES[name]
    write_csv(tmp_path, annotated="300_")
    spoil(tmp_path)
    with pytest.raises(HumanDataError, match=sentence):
        read_corpus(tmp_path)


def test_bytes_that_are_not_utf8_are_named_with_their_line(tmp_path: Path) -> None:
    write_csv(tmp_path)
    path = tmp_path / "full_dialog.csv"
    path.write_bytes(path.read_bytes().replace(b"Thanks!", b"Merci, caf\xe9!"))
    with pytest.raises(HumanDataError, match=r"full_dialog.csv, line 4: byte b'\\xe9' is not UTF-8"):
        read_corpus(tmp_path)


def test_what_is_no_corpus_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        HumanDataError, match=r"holds no PersuasionForGood: expected full_info.csv and full_dialog.csv .*vs-sim human fetch"
    ):
        read_corpus(tmp_path)
    with pytest.raises(HumanDataError, match="cannot be read: File name too long; give the folder that holds"):
        read_corpus(tmp_path / ("x" * 300))
    (tmp_path / "file").write_text("x")
    with pytest.raises(HumanDataError, match="file: is a file, expected a folder"):
        read_corpus(tmp_path / "file")
    write_csv(tmp_path)
    write_convokit(tmp_path / "persuasionforgood-corpus")
    with pytest.raises(HumanDataError, match=r"holds both full_\*.csv and ConvoKit's utterances.jsonl"):
        read_corpus(tmp_path)


CONVOKIT_MISTAKES: dict[str, tuple[Spoil, str]] = {
    "no speakers": (remove("speakers.json"), r"speakers.json: the file is missing"),
    "no conversations": (remove("conversations.json"), r"conversations.json: the file is missing"),
    "no JSON": (write("conversations.json", b'{"0": '), r"conversations.json: not valid JSON \(.*was the file cut off"),
    "no table": (write("speakers.json", b'["user_1"]'), r"speakers.json: holds no table of objects"),
    "empty": (write("utterances.jsonl", b"\n"), r"utterances.jsonl: the file holds nothing"),
    "cut off": (append("utterances.jsonl", '{"id": "99", "te'), r"utterances.jsonl, line 15: not valid JSON"),
    "no object": (append("utterances.jsonl", "17\n"), r"utterances.jsonl, line 15: 17 is no utterance"),
    "key": (edit("conversations.json", "donation_ee", "gave"), r"conversations.json, conversation '0': 'donation_ee' is missing"),
    "amount": (edit("conversations.json", '"donation_ee": 0.5', '"donation_ee": "x"'), r"conversation '0', donation_ee: 'x' is no number"),
    "far too much": (
        edit("conversations.json", '"donation_ee": 0.5', '"donation_ee": 1' + "0" * 400),
        r"conversation '0', donation_ee: 10{50,60} is too large",
    ),
    "not a number": (edit("conversations.json", '"donation_ee": 0.5', '"donation_ee": true'), r"donation_ee: True is no number"),
    "attribute": (
        edit("speakers.json", '"care": 4.333333333', '"care": true'),
        r"speakers.json, speaker 'user_1', care: True is no number",
    ),
    "too many digits": (
        edit("conversations.json", '"donation_ee": 0.5', '"donation_ee": 1' + "0" * 5000),
        r"conversations.json: not valid",
    ),
    "no id": (edit("conversations.json", f'"dialogue_id": "{FIRST}"', '"dialogue_id": null'), r"'0': dialogue_id None is no id"),
    "a list for an id": (edit("conversations.json", f'"dialogue_id": "{FIRST}"', '"dialogue_id": []'), r"'0': dialogue_id \[\] is no id"),
    "an object for an id": (edit("conversations.json", f'"dialogue_id": "{FIRST}"', '"dialogue_id": {}'), r"'0': dialogue_id {} is no id"),
    "half a character": (edit("utterances.jsonl", "Thanks!", "\\ud800"), r"utterances.jsonl, line 3: has half a character"),
    "deep": (write("conversations.json", b'{"a":' * 100_000), r"conversations.json: JSON nested too deep to be read"),
    "deep line": (append("utterances.jsonl", "[" * 100_000), r"utterances.jsonl, line 15: JSON nested too deep to be read"),
    "stated below 0": (edit("conversations.json", '"intended": 0.25', '"intended": -1'), r"conversation '0', intended: \$-1.0 is below 0"),
    "person": (
        edit("conversations.json", '"user_ee": "user_2"', '"user_ee": "u"'),
        r"conversation '0': user_ee 'u' is not in speakers.json",
    ),
    "id twice": (edit("conversations.json", TALKS[1].id, FIRST), rf"conversation '4': dialogue_id '{FIRST}' is used by .*'0' too"),
    "role": (edit("utterances.jsonl", '"role": 0', '"role": 7'), r"utterances.jsonl, line 1, meta, role: role 7, expected 0"),
    "no role": (edit("utterances.jsonl", '"role": 0', '"rule": 0'), r"utterances.jsonl, line 1, meta: 'role' is missing"),
    "no text": (edit("utterances.jsonl", '"text": "Thanks!"', '"text": null'), r"utterances.jsonl, line 3: text None is no text"),
    "unknown": (edit("utterances.jsonl", '"conversation_id": "0"', '"conversation_id": "x"'), r"line 1: conversation 'x' is not in"),
    "persuadee first": (edit("utterances.jsonl", '"role": 0', '"role": 1'), rf"line 1: dialogue '{FIRST}' begins with the persuadee"),
    "silent": (
        edit(
            "conversations.json",
            "{",
            '{"99": ' + json.dumps({"dialogue_id": "d", "user_er": "user_1", "user_ee": "user_2", "donation_ee": 0}) + ",",
        ),
        r"conversations.json, conversation '99': has no line in utterances.jsonl",
    ),
}


@pytest.mark.parametrize("name", CONVOKIT_MISTAKES)
def test_a_mistake_in_a_convokit_folder_is_named_with_its_place(tmp_path: Path, name: str) -> None:
    spoil, sentence = CONVOKIT_MISTAKES[name]
    write_convokit(tmp_path)
    spoil(tmp_path)
    with pytest.raises(HumanDataError, match=sentence):
        read_corpus(tmp_path)


@pytest.mark.parametrize("how", ["no zip", "stream", "encrypted", "column"])
def test_a_damaged_excel_file_is_named(tmp_path: Path, how: str) -> None:
    root = write_official(tmp_path)
    path = root / "data" / "AnnotatedData" / "300_info.xlsx"
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    if how == "column":
        parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace(b'r="A2"', b'r="ZZZZZZZZ2"')
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    data = bytearray(path.read_bytes())
    if how == "no zip":
        data[:] = b"PK no zip"
    if how == "stream":
        start = 30 + len("xl/worksheets/sheet1.xml")
        data[start : start + 40] = b"\xff" * 40
    if how == "encrypted":
        entry = 0
        while (entry := data.find(b"PK\x01\x02", entry)) >= 0:
            data[entry + 8] |= 1
            entry += 4
    path.write_bytes(data)
    with pytest.raises(HumanDataError, match=r"300_info.xlsx: not a readable Excel file \(.*save it as 300_info.csv"):
        read_corpus(root)


def test_annotated_dialogues_that_the_data_do_not_have_are_counted(tmp_path: Path) -> None:
    write_csv(tmp_path, TALKS, annotated="300_")
    write_csv(tmp_path, TALKS[1:])
    corpus = read_corpus(tmp_path)
    assert corpus.n_annotated_unknown == 1
    assert [d.annotated for d in corpus.dialogues] == [False, False, True]


def test_rows_of_one_speaker_are_one_turn(tmp_path: Path) -> None:
    write_csv(tmp_path, TALKS[:1])
    rows = [[0, "Hello  there.", 0, 0, FIRST], [1, " How are you?\n", 0, 0, FIRST], [2, "Fine", 0, 1, FIRST]]
    write_rows(tmp_path / "full_dialog.csv", ["", "Unit", "Turn", "B4", "B2"], rows)
    assert read_corpus(tmp_path).dialogues[0].turns == [("persuader", "Hello there. How are you?"), ("persuadee", "Fine")]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    write_csv(tmp_path)
    path = tmp_path / "full_info.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(read_corpus(tmp_path).dialogues) == 4


@pytest.mark.parametrize("key", ["\u00b2", "1" * 5000, "x"])
def test_a_conversation_whose_id_is_no_row_has_none(tmp_path: Path, key: str) -> None:
    write_convokit(tmp_path, TALKS[:1])
    for name, old, new in (
        ("conversations.json", '"0":', f'"{key}":'),
        ("utterances.jsonl", '"conversation_id": "0"', f'"conversation_id": "{key}"'),
    ):
        path = tmp_path / name
        path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    assert [d.row for d in read_corpus(tmp_path).dialogues] == [None]


SAID = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
SCORES = st.one_of(st.none(), st.integers(10, 50).map(lambda n: n / 10))


@st.composite
def talks(draw: st.DrawFn) -> list[Talk]:
    found = []
    for i in range(draw(st.integers(1, 4))):
        turns = draw(st.lists(SAID, min_size=1, max_size=5))
        acts = [
            (t, f"said {t}.{n}", draw(st.sampled_from(["thank", "other"])), draw(st.sampled_from(["", "closing"])))
            for t in range(len(turns))
            for n in range(draw(st.integers(0, 2)))
        ]
        found.append(
            Talk(
                id=f"d{i}",
                users=(f"user_{2 * i}", f"user_{2 * i + 1}"),
                turns=turns,
                dollars=(0.0, draw(st.integers(0, 70_000)) / 100),
                attributes={name: value for name in ("open", "rational") if (value := draw(SCORES)) is not None},
                annotated=True,
                stated=draw(st.one_of(st.none(), st.integers(0, 1000).map(lambda n: n / 100))),
                acts=[(0, "Hi", "greeting", ""), *acts],
            )
        )
    return found


@settings(deadline=None, max_examples=40)
@given(talks())
def test_both_layouts_give_what_was_written(made: list[Talk]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        original = read_corpus(write_csv(Path(folder) / "csv", made, annotated="300_")).dialogues
        convokit = read_corpus(write_convokit(Path(folder) / "convokit", made)).dialogues
    assert [content(d) for d in original] == [content(d) for d in convokit]
    for talk, dialogue in zip(made, original, strict=True):
        assert [" ".join(t.split()) for t in talk.turns] == [text for _, text in dialogue.turns]
        assert dialogue.cents is not None and math.isclose(dialogue.cents, 100 * talk.dollars[1], abs_tol=1e-6)
        assert dialogue.stated_dollars == talk.stated
        assert {name: value for name, value in dialogue.people["persuadee"].attributes.items()} == talk.attributes
        assert sorted(s.acts for s in dialogue.sentences) == sorted(tuple(filter(None, act[2:])) for act in talk.acts)


def content(dialogue: RawDialogue) -> dict[str, Any]:
    """A dialogue without the places where it stands in the files."""
    people = {role: replace(who, place="") for role, who in dialogue.people.items()}
    sentences = sorted(dialogue.sentences, key=lambda s: (s.round, s.role == "persuadee"))
    return {**vars(dialogue), "people": people, "sentences": sentences}
