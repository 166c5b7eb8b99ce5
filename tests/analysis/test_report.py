"""What stands in a report, and that nothing in it does anything."""

import base64
import hashlib
import json
import re
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.figure_files import Picture
from analysis.grid import compare_all
from analysis.latex import Table
from analysis.report import Block, Report, RunPart, comparison_lines
from analysis.report_facts import alerts
from analysis.report_page import page, table_rows, visible, write
from analysis.report_transcripts import PER_PART, Packed, Recorded, pack, packed
from analysis.run_facts import Cell, Ran, RunFacts
from analysis.samples import Arm, no_humans
from tests.report_runs import HOSTILE, Page, hostile, unpacked
from vs_sim.errors import InputError
from vs_sim.records import Call, Candidate, ConversationSpec, Decision, StopReason, Transcript, Turn, Usage, VerbalizedDistribution
from vs_sim.scenario import DEFAULT, Scale, load_scenario

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from([text[:200] for text in HOSTILE])
"""Any text, half characters included."""
STUDY = {
    "scenario": load_scenario(DEFAULT).model_dump(mode="json"),
    "persuadees": [{"id": "<b>ann</b>", "text": HOSTILE[0], "facts": {"<i>": HOSTILE[1]}, "age": 33}],
    "persuaders": [],
}


def transcript(number: int = 0, *, text: str = "I could give 50 cents.", amount: int = 50) -> Transcript:
    call = Call(step="t001.0", model="m", model_returned=None, text=text, finish_reason="stop", usage=Usage(), seconds=0.1, tries=1)
    replies = (
        Candidate(text=text, stated="80 %", probability=0.8, repairs=("percent",), above_tau=True),
        Candidate(text="No.", stated=0.2, probability=0.2),
    )
    amounts = (Candidate(text=str(amount), stated=1, probability=0.75), Candidate(text="0", stated=None, probability=0.25))
    return Transcript(
        spec=ConversationSpec(
            id=f"{number:016x}",
            seed=2**63 - 1 - number,
            condition="vs",
            persuader_model="m",
            persuadee_model="m",
            persuader="asker",
            persuadee="<b>ann</b>",
            replicate=0,
        ),
        turns=(
            Turn(index=0, role="persuader", text="Would you give?", calls=(call,)),
            Turn(index=1, role="persuadee", text=text, drawn=0, distribution=VerbalizedDistribution(candidates=replies, calls=(call,))),
        ),
        decision=Decision(amount=amount, drawn=0, distribution=VerbalizedDistribution(candidates=amounts)),
        stop_reason=StopReason.ROUNDS_DONE,
        failure=None,
        started="2026-01-01T00:00:00+00:00",
        seconds=1.5,
        vs_sim="0.1.0",
    )


def recorded(*transcripts: Transcript, name: str = "mine") -> Recorded:
    return Recorded(name, transcripts, STUDY, {t.spec.id: t.decision.amount if t.decision else None for t in transcripts})


def report(text: str = "words") -> Report:
    cell = text.encode("utf-8", "replace").decode()  # tables hold sound text alone
    table = Table(name="t", caption=cell, columns=("", cell), rows=((cell, cell), (), (cell,), (cell, "1"), ("", cell)), notes=(cell,))
    block = Block(
        id="run-1-x", heading="Results", warnings=(text,), paragraphs=(text,), tables=(table,), preformatted=((text, text),), notes=(text,)
    )
    part = RunPart(
        id="run-1",
        name=text,
        question=text,
        prediction=text,
        alerts=(text,),
        facts=((text, text),),
        conditions=table,
        blocks=(block,),
        prompts={text: text},
        comparison=((cell, cell, "1", "0", ".5", "0.5", ".1"),),
    )
    other = replace(part, id="run-2", blocks=(replace(block, id="run-2-x"),))
    return Report(title=text, made=text, runs=(part, other), unreadable=((text, text),))


def shape(html: str) -> tuple[list[str], set[str]]:
    """The elements, but for the marks of what cannot be seen, and the names of all attributes."""
    elements = [(tag, attributes) for tag, attributes in Page(html).elements if attributes.get("class") != "mark"]
    return [tag for tag, _ in elements], {name for _, attributes in elements for name in attributes}


NOTHING = Packed(index=packed({"rows": []}), parts=(), n=0)


@pytest.fixture(scope="module")
def plain() -> tuple[list[str], set[str]]:
    """The shape of a page whose texts are plain words."""
    return shape(page(report(), NOTHING))


@given(ANYTHING)
def test_text_makes_no_element(text: str) -> None:
    found = Page(str(visible(text)))
    assert found.elements[0] == ("bdi", {})
    assert all(tag == "span" and set(a) == {"class", "title"} and a["class"] == "mark" for tag, a in found.elements[1:])
    shown = "".join(found.text)
    assert not re.search("[\x00-\x08\x0b\x0e-\x1f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown)
    shown.encode("utf-8")


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs")), max_size=60))
def test_plain_text_is_shown_as_it_is(text: str) -> None:
    assert "".join(Page(str(visible(text))).text) == text


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(ANYTHING.filter(bool))
def test_a_report_has_the_same_elements_whatever_its_texts_are(plain: tuple[list[str], set[str]], text: str) -> None:
    html = page(report(text), NOTHING)
    assert shape(html) == plain
    html.encode("utf-8")


def test_what_cannot_be_seen_is_named() -> None:
    assert "".join(Page(str(visible("a\u202eb\x00c\ud800"))).text) == "aU+202EbU+0000cU+D800"


@given(st.recursive(ANYTHING | st.none() | st.integers(), lambda x: st.lists(x, max_size=3) | st.dictionaries(ANYTHING, x, max_size=3)))
def test_packed_data_come_back_as_they_were_and_hold_nothing_for_html(data: Any) -> None:
    text = packed(data)
    assert re.fullmatch("[A-Za-z0-9+/=]*", text)
    assert unpacked(text) == data


def test_hostile_transcripts_come_back_as_they_were() -> None:
    one, two = hostile([transcript(0), transcript(1)])
    assert two.failure is not None
    found = Page(page(report(), pack([recorded(one, two)])))
    index, part = found.data("index"), found.data("part-0")
    assert [turn["text"] for turn in part[0]["turns"]] == [turn.text for turn in one.turns]
    assert one.turns[1].distribution is not None
    assert [c["text"] for c in part[0]["turns"][1]["candidates"]] == [c.text for c in one.turns[1].distribution.candidates]
    assert part[0]["turns"][1]["raw"][0]["text"] == one.turns[1].distribution.calls[0].text
    assert part[1]["failure"]["message"] == two.failure.message
    assert index["rows"][1]["failure"] == "ReplyError:no_candidates" and index["rows"][1]["amount"] is None
    assert index["runs"][0]["personas"]["persuadee"]["<b>ann</b>"][0] == ["text", HOSTILE[0]]
    assert len([tag for tag, _ in found.elements if tag == "script"]) == 3


def test_a_conversation_keeps_what_was_stated_normalised_repaired_and_above_tau() -> None:
    index, part = (unpacked(text) for text in (pack([recorded(transcript())]).index, pack([recorded(transcript())]).parts[0]))
    said = part[0]["turns"][1]
    assert said["candidates"][0] == {
        "text": "I could give 50 cents.", "stated": "80 %", "probability": 0.8, "repairs": ["percent"], "above_tau": True, "n_given": 1,
    }  # fmt: skip
    assert said["drawn"] == 0
    assert [(c["text"], c["stated"]) for c in part[0]["decision"]["candidates"]] == [("$0.50", "1"), ("$0.00", None)]
    assert (index["rows"][0]["shown"], index["rows"][0]["seed"], index["runs"][0]["unit"]) == ("$0.50", str(2**63 - 1), "dollars")


def test_people_have_no_roads_not_taken() -> None:
    base = transcript()
    said = base.turns[1].model_copy(update={"distribution": None, "drawn": None})
    person = base.model_copy(update={"turns": (base.turns[0], said), "decision": Decision(amount=25)})
    part = unpacked(pack([recorded(person)]).parts[0])
    assert part[0]["decision"] == {"text": "$0.25"}
    assert "candidates" not in part[0]["turns"][1] and part[0]["turns"][1]["raw"] == []


def test_amounts_are_on_the_scale_of_the_study() -> None:
    scale = {"name": "pledge", "one": "number", "many": "numbers", "unit": "points", "low": 0, "high": 10, "edges": [0, 5]}
    run = Recorded("r", [transcript(amount=7)], {"scenario": {"scale": scale}}, {f"{0:016x}": 7})
    found = unpacked(pack([run]).index)
    assert (found["rows"][0]["shown"], found["runs"][0]["unit"]) == ("7 points", "points")


def test_a_page_loads_nothing_and_runs_only_its_own_script() -> None:
    found = Page(page(report(HOSTILE[0]), pack([recorded(transcript(text=HOSTILE[0]))])))
    for _tag, attributes in found.elements:
        assert "style" not in attributes and not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "action", "data"):
            assert not re.match("(?!#|data:)", attributes.get(name) or "#"), attributes
    policy = next(a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'") and "unsafe" not in policy and "file:" not in policy
    run = [text for attributes, text in found.scripts if "type" not in attributes]
    assert len(run) == 2  # the style and the script
    for text in run:
        assert f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" in policy
    assert "innerHTML" not in run[1] and "eval(" not in run[1] and "fetch(" not in run[1]


def test_large_reports_keep_their_transcripts_beside_them(tmp_path: Path) -> None:
    transcripts = [transcript(i) for i in range(PER_PART + 1)]
    packs = pack([recorded(*transcripts)])
    path, folder = write(report(), packs, tmp_path / "out" / "r.html", largest=100)
    assert folder == tmp_path / "out" / "r-data" and sorted(p.name for p in folder.iterdir()) == ["part-0.js", "part-1.js"]
    called = re.fullmatch(r'vsSimPart\(1,"([A-Za-z0-9+/=]+)"\);\n', (folder / "part-1.js").read_text("ascii"))
    assert called is not None and [one["id"] for one in unpacked(called[1])] == [f"{PER_PART:016x}"]
    found = Page(path.read_text("utf-8"))
    assert len(found.data("index")["rows"]) == PER_PART + 1 and not any(a.get("id") == "part-0" for _, a in found.elements)
    assert any(a.get("data-folder") == "r-data" for _, a in found.elements)
    assert write(report(), packs, path) == [path] and not folder.exists()


def test_an_earlier_report_is_replaced_when_the_new_one_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "r.html"
    write(report(), NOTHING, path)
    earlier = path.read_text("utf-8")
    write(replace(report(), title="Another"), NOTHING, path)
    later = path.read_text("utf-8")
    assert "Another" in later and "Another" not in earlier
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))  # as on a full disk, a file ends before it is whole
    try:
        with pytest.raises(OSError, match="large"):
            write(report(), NOTHING, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert path.read_text("utf-8") == later and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("inside", [{}, {"mine.txt": "keep"}, {"part-1.js": "let mine;"}, {"part-0.js": "vsSimPart(0", "mine.txt": ""}])
def test_a_folder_that_no_report_made_is_left_alone(tmp_path: Path, inside: dict[str, str]) -> None:
    folder = tmp_path / "r-data"
    folder.mkdir()
    for name, text in inside.items():
        (folder / name).write_text(text, "utf-8")
    write(report(), NOTHING, tmp_path / "r.html")
    with pytest.raises(InputError, match="r-data: is there already and holds no parts of an earlier report"):
        write(report(), pack([recorded(transcript())]), tmp_path / "r.html", largest=1)
    assert {path.name: path.read_text("utf-8") for path in folder.iterdir()} == inside


def test_contents_point_to_what_is_there() -> None:
    found = Page(page(report(), NOTHING))
    ids = [a["id"] for _, a in found.elements if "id" in a]
    assert len(ids) == len(set(ids))
    links = [str(a["href"]) for tag, a in found.elements if tag == "a"]
    assert links and all(link[1:] in ids for link in links)


def test_amounts_are_filtered_by_as_they_are_shown() -> None:
    percent = {"name": "chance", "one": "a percentage", "many": "percentages", "unit": "%", "low": 0, "high": 100, "edges": [0, 50]}
    other = {**STUDY, "scenario": {**STUDY["scenario"], "humans": None, "scale": percent}}  # type: ignore[dict-item]
    found = unpacked(pack([Recorded("a", [transcript()], study, {}) for study in (STUDY, other)]).index)
    assert [(run["unit"], run["per"]) for run in found["runs"]] == [("dollars", 100), ("%", 1)]
    (index,) = [text for attributes, text in Page(page(report(), NOTHING)).scripts if "index.runs[row.run].per" in text]
    assert "row.amount >= low" in index


def test_runs_of_several_scales_stand_beside_each_other_in_their_own_units() -> None:
    rating = Scale(name="rating", one="a rating", many="ratings", unit="points", low=10, high=50, edges=(10, 30))
    chance = Scale(name="chance", one="a percentage", many="percentages", unit="%", low=0, high=100, edges=(0, 50))
    donation = load_scenario(DEFAULT).scale
    cells = []
    for scale in (rating, chance, donation):
        none = Arm("vs", "vs", "m", "actual", np.array([], dtype=np.int64), (), (), (), 2, {"not run": 2})
        some = replace(none, cents=np.array([10, 50]), personas=("a", "b"), seeds=(1, 2), human_cents=(None, None), missing={})
        grid = compare_all([replace(none, label="none", condition="none"), some], no_humans(scale, "drop"), seed=1, n_resamples=5)
        lines = comparison_lines(grid)
        assert lines[0][4:] == ("-", "-", "-")
        cells.append(lines[2][4:6])
    assert cells == [(".500 of 10", "30.0 points"), (".000 of 0", "30.0 %"), (".000 of $0", "$0.30")]
    whole = report()
    overview = replace(whole, runs=(whole.runs[0], whole.runs[0])).overviews[0]
    assert overview.columns[4] == "share of the lowest"


def test_no_words_of_giving_or_of_people_stand_where_there_may_be_none() -> None:
    html = page(report(), pack([recorded(transcript())]))
    for words in ("gave nothing", "gave something", "what people did", "Dialogues of simulated people"):
        assert words not in html
    assert "more than the lowest" in html
    rating = {"name": "r", "one": "a rating", "many": "ratings", "unit": "points", "low": 10, "high": 50, "edges": [10, 30]}
    other = {**STUDY, "scenario": {**STUDY["scenario"], "humans": None, "scale": rating}}  # type: ignore[dict-item]
    assert unpacked(pack([Recorded("a", [transcript()], other, {})]).index)["runs"][0]["low"] == 10


def test_figures_are_never_narrower_than_their_labels_can_be_read() -> None:
    wide = Picture(title="Wide", uri="data:,", alt="w", width=500, height=200)
    tall = wide.model_copy(update={"title": "Tall", "height": 500})
    whole = report()
    block = replace(whole.runs[0].blocks[0], pictures=(wide, tall))
    html = page(replace(whole, runs=(replace(whole.runs[0], blocks=(block,)),)), NOTHING)
    figures = [attributes.get("class") for tag, attributes in Page(html).elements if tag == "figure"]
    assert figures == ["low", None]  # only a low one is kept on one sheet of paper with its caption
    panes = [a for tag, a in Page(html).elements if a.get("class") == "pane"]
    assert len(panes) == 2 and all(a["tabindex"] == "0" for a in panes)  # which the keyboard reaches
    style = next(text for _, text in Page(html).scripts if ".pane" in text)
    assert "min-width: 40rem" in style.partition("@media print")[0] and "min-width: 0" in style.partition("@media print")[2]


def test_intervals_stand_below_their_numbers() -> None:
    table = Table(name="t", caption="c", columns=("", "n", "mean"), rows=(("m",), ("a", "3", "1"), ("", "", "[0, 2]"), (), ("b", "1", "-")))
    assert [tuple(row) for row in table_rows(table)] == [(("m",), False), (("a", "3", "1\n[0, 2]"), False), (("b", "1", "-"), True)]


def facts(n: int, complete: int, missing: dict[str, int], first: str | None = "2026-01-01T00:00:00+00:00") -> RunFacts:
    nothing: dict[str, Any] = dict.fromkeys(
        ("n_persuaders", "n_persuadees", "n_matched"),
        0,
    )
    cell = Cell(condition="vs", model="m", n_planned=n, n_complete=complete, missing=missing)
    of = Ran(first=first, last=first, n_starts=0, versions={}, commits=(), n_without_commit=0, endpoints=())
    return RunFacts(study={}, cells=(cell,), asked=(), returned={}, ended={}, ran=of, **nothing)


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (facts(4, 4, {}), ""),
        (facts(4, 0, {"not run": 4}, None), "This run is empty: 4 conversations are planned, none has been recorded."),
        (
            facts(4, 0, {"EndpointError": 3, "not run": 1}),
            "No conversation of this run is complete: of 4 planned, EndpointError 3, not run 1.",
        ),
        (facts(4, 1, {"EndpointError": 3}), "1 of 4 conversations are complete, 3 missing (EndpointError 3)"),
    ],
)
def test_what_is_wrong_with_a_run_is_said(of: RunFacts, expected: str) -> None:
    said = " ".join(alerts(of))
    assert expected in said and bool(said) == bool(expected)


def test_nothing_that_is_no_number_reaches_the_page_as_one() -> None:
    odd = Candidate(text="x", stated=float("nan"), probability=1.0)
    turn = Turn(
        index=1, role="persuadee", text="x", drawn=0, distribution=VerbalizedDistribution(candidates=(odd,), stated_sum=float("inf"))
    )
    base = transcript()
    part = unpacked(pack([recorded(base.model_copy(update={"turns": (base.turns[0], turn)}))]).parts[0])
    said = part[0]["turns"][1]
    assert (said["candidates"][0]["stated"], said["sum"]) == ("nan", "inf")
    json.dumps(part, allow_nan=False)
