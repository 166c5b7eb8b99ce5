"""Replies packed for a page: all of them, each where the index says."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from analysis.diversity import Diversity
from analysis.report_replies import PART, SEARCHED, Asked, with_replies
from analysis.report_transcripts import Packed
from tests.prompt_runs import CITY, STUDY, asking, replied
from tests.report_runs import HOSTILE, unpacked
from tests.runs import MODEL

NOTHING = Packed(index="", parts=("conversations",), n=50)
ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40) | st.sampled_from([text[:200] for text in HOSTILE])


def asked(*texts: str, prompts: Any = None, **keys: Any) -> Asked:
    prompts = prompts or [{"id": f"p{i}", "text": text} for i, text in enumerate(texts)]
    records = [replied(asking(str(i), prompt=prompt["id"]), text) for i, (prompt, text) in enumerate(zip(prompts, texts, strict=True))]
    given = {"planned": [one.spec for one in records], "records": records, "distances": (), "marks": lambda prompt, reply: [], **keys}
    return Asked("run", {**STUDY, "prompts": prompts}, **given)


def test_large_replies_fill_several_parts_behind_the_conversations() -> None:
    texts = [f"{i}" + "x" * (PART // 2) for i in range(5)]
    packed = with_replies(NOTHING, [asked(*texts), asked(*texts[:1])])
    index = unpacked(packed.prompts)
    assert (packed.parts[0], packed.n, packed.n_prompts) == ("conversations", 50, 6)
    assert len(packed.parts) > 3
    for row, text in zip(index["rows"], [*texts, texts[0]], strict=True):
        content = unpacked(packed.parts[row["part"]])[row["place"]]
        assert content["text"] == text
        assert content["columns"][0]["askings"][0]["candidates"][0]["text"] == text
        assert row["text"] == text[:SEARCHED]
    assert [row["run"] for row in index["rows"]] == [0] * 5 + [1]


@given(text=ANYTHING)
def test_any_text_survives(text: str) -> None:
    packed = with_replies(NOTHING, [asked(text)])
    (content,) = unpacked(packed.parts[1])
    assert content["columns"][0]["askings"][0]["candidates"][0]["text"] == text
    assert unpacked(packed.prompts)["rows"][0]["text"] == text


def test_askings_stand_in_their_order_with_the_numbers_of_their_arm() -> None:
    last, first = (replied(asking(name, replicate=i), "Paris", "Lyon") for name, i in (("b", 1), ("a", 0)))
    other = replied(asking("c", condition="direct"), "Rome")
    distance = Diversity(
        measure="words",
        condition="vs",
        model=MODEL,
        n_planned=2,
        n_askings=2,
        n_replies=4,
        n_prompts=1,
        n_without=0,
        by_prompt={"city": 0.25},
        mean=0.25,
        interval=None,
        ratio=None,
        ratio_interval=None,
    )
    run = asked("", prompts=[CITY], planned=[last.spec, first.spec, other.spec], records=[other, last, first], distances=[distance])
    packed = with_replies(NOTHING, [run])
    index, (content,) = unpacked(packed.prompts), unpacked(packed.parts[1])
    assert [(arm["condition"], arm["stated"]) for arm in index["runs"][0]["arms"]] == [("vs", True), ("direct", False)]
    assert [one["id"] for one in content["columns"][0]["askings"]] == ["a", "b"]
    assert index["rows"][0]["replies"] == [4, 1]
    assert index["rows"][0]["distances"] == [[".250", "-"]]
