"""Labelling strategies: what is asked, what an answer is held to, what is paid for once, what is missing."""

import asyncio
import json
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.endpoint import RESET
from tests.runs import DONATION
from tests.strategy_runs import ASK, PITY, SAID, THANKS, fits, labels, reference_of, run_of, transcript
from vs_sim import prompts, second_reader
from vs_sim.errors import InputError, ReplyError, RunFolderError, StudyError
from vs_sim.run_options import RunOptions
from vs_sim.scripted import scripted_model
from vs_sim.store import RunFolder
from vs_sim.strategies import (
    Strategy,
    TurnId,
    label_strategies,
    labelled,
    of_model,
    own_quotes,
    prompt,
    prompt_digest,
    read_answer,
    schema,
    to_label,
)
from vs_sim.wire import shows_the_wire


def test_every_strategy_is_defined_once_with_an_example():
    text = prompts.text("strategy_labels")
    defined = re.findall(r'^\* ([a-z-]+): .+?Example: "[^"]+"$', text, re.MULTILINE | re.DOTALL)
    assert defined == [*Strategy] and len(defined) == 10


def test_the_prompt_shows_the_message_and_what_came_before_and_shapes_no_conversation():
    said = [("persuader" if i % 2 == 0 else "persuadee", f"Line {i} {{{{ x }}}}\nand more.") for i in range(8)]
    text = prompt(said, 6)
    assert "\nThe message to label:\n\nPersuader: Line 6 {{ x }} and more.\n" in text
    assert re.findall(r"^(\w+): Line (\d)", text.partition("The message to label")[0], re.MULTILINE) == [
        ("Persuader", "2"),
        ("Persuadee", "3"),
        ("Persuader", "4"),
        ("Persuadee", "5"),
    ]
    assert "Line 7" not in text
    assert "The chat begins with the message." in prompt(said, 0) and "What was said before" not in prompt(said, 0)
    assert prompts.text("strategy_labels").strip() in text
    assert not {"strategies", "strategy_labels"} & prompts.texts().keys()
    assert len({prompt_digest(), prompts.digest(), second_reader.prompt_digest()}) == 3


def test_an_answer_is_read_with_the_place_of_its_words():
    turn = "Well — it’s known:  they helped\n9 of 10 kids. Even a dime helps!"
    found = read_answer(labels(("credibility-appeal", "THEY helped 9 of 10 kids."), ("foot-in-the-door", "Even a dime")), turn)
    assert [(one.strategy, turn[slice(*one.span)]) for one in found] == [
        ("credibility-appeal", "they helped\n9 of 10 kids"),
        ("foot-in-the-door", "Even a dime"),
    ]
    assert [one.quote for one in read_answer(labels(("logical-appeal", "it's known"), ("logical-appeal", "kids")), turn)] == ["it's known"]
    assert read_answer(f"Sure! ```json\n{labels()}\n```", turn) == ()
    assert read_answer(labels(("none", ""), ("none", "helped")), turn) == ()


@pytest.mark.parametrize(
    ("answer", "reason", "sentence"),
    [
        ("none", "not_one_object", "one JSON object with strategies was asked for, 0 were given"),
        ('{"strategies": []}', "no_labels", 'strategies is no list with entries, expected at least one; "none" for a message without'),
        ('{"strategies": "none"}', "no_labels", "strategies is no list with entries"),
        ('{"strategies": ["none"]}', "no_entry", "'none' is no entry, expected an object with quote and strategy"),
        (labels(("charm", "helps")), "unknown_strategy", "strategy is 'charm', expected one of logical-appeal, emotion-appeal, "),
        (labels((["logical-appeal"], "helps")), "unknown_strategy", "strategy is ['logical-appeal'], expected one of"),
        (labels(("logical-appeal", "")), "no_quote", "the quote for logical-appeal is not usable (empty), expected words of the message"),
        (labels(("logical-appeal", 7)), "no_quote", "the quote for logical-appeal is not usable (not_text)"),
        (labels(("logical-appeal", "it help")), "no_quote", "the quote for logical-appeal does not stand in the message to label"),
        (labels(("logical-appeal", "...")), "no_quote", "does not stand in the message to label, expected its exact words"),
        (labels(("logical-appeal", "It helps"), ("none", "")), "none_and_others", '"none" stands beside logical-appeal, expected it alone'),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(answer, reason, sentence):
    with pytest.raises(ReplyError, match=re.escape(sentence)) as caught:
        read_answer(answer, "It helps.")
    assert caught.value.reason == reason and caught.value.raw == answer


@given(
    raw=st.text()
    | st.recursive(st.none() | st.text() | st.integers(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)).map(json.dumps)
)
def test_any_text_is_read_or_refused(raw):
    with pytest.raises(ReplyError):
        read_answer(raw, "It helps.")


# Markup is refused in a quote as everywhere.
PLAIN = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}[]<>`:")).filter(lambda text: "null" not in text)


@given(text=PLAIN, strategy=st.sampled_from(Strategy))
def test_what_an_embedded_model_may_quote_stands_in_the_turn(text, strategy):
    offered = own_quotes(text)
    assert bool(offered) == bool(re.search(r"[^\W_]", text)) or "_" in text
    for quote in offered:
        assert [one.strategy for one in read_answer(labels((strategy, quote)), text)] == [strategy]
    answers = schema(offered)["properties"]["strategies"]
    *some, none = answers["anyOf"] if offered else [answers]
    assert [one["items"]["properties"]["quote"]["enum"] for one in some] == ([[*dict.fromkeys(offered)]] if offered else [])
    assert none["maxItems"] == 1 and none["items"]["properties"] == {
        "quote": {"type": "string", "enum": [*dict.fromkeys(["", *offered])]},
        "strategy": {"type": "string", "enum": ["none"]},
    }


@pytest.fixture
def label(endpoint):
    """One start of the labelling against the loopback server."""
    endpoint.reply = fits

    def label(folder, concurrency=2, **options):
        run = RunOptions(base_url=endpoint.url, concurrency=concurrency, max_tries=1)
        return asyncio.run(label_strategies(folder, "openai:reader", run=run, **options))

    return label


def test_every_turn_is_labelled_once(label, endpoint, tmp_path):
    folder = run_of(tmp_path / "run", [transcript("a"), transcript("b", failed=True), transcript("c", SAID[:3])])
    result = label(folder)
    assert (result.n_wanted, result.n_read, result.failures, result.stopped) == (5, 5, {}, None)
    found = labelled(folder)["openai:reader"]
    assert {(id_.conversation, id_.turn): set(one.strategies) for id_, one in found.items()} == {
        ("a", 0): {"source-related-inquiry"},
        ("a", 2): {"emotion-appeal"},
        ("a", 4): set(),
        ("c", 0): {"source-related-inquiry"},
        ("c", 2): {"emotion-appeal"},
    }
    body = endpoint.bodies[0]
    assert body["temperature"] == 0
    entry = body["response_format"]["json_schema"]["schema"]["properties"]["strategies"]["items"]
    assert entry["properties"]["strategy"]["enum"] == [*Strategy, "none"]
    assert "secret" not in body["messages"][0]["content"]
    assert label(folder).n_read == 5 and len(endpoint.bodies) == 5, "what is labelled is not paid again"
    assert [p.name for p in (tmp_path / "run" / "strategies").glob("*.md")] == [f"prompt-{prompt_digest()[:16]}.md"]


def test_more_dialogues_add_to_fewer(label, endpoint, tmp_path):
    folder = run_of(tmp_path / "run", [transcript(f"c{i}") for i in range(6)])
    assert label(folder, n=2).n_wanted == 6
    first = {id_.conversation for id_ in labelled(folder)["openai:reader"]}
    assert label(folder, n=4).n_wanted == 12
    assert len(endpoint.bodies) == 12
    assert first < {id_.conversation for id_ in labelled(folder)["openai:reader"]}


def test_an_unusable_answer_is_asked_again_then_missing_then_owed(label, endpoint, tmp_path):
    folder = run_of(tmp_path / "run", [transcript("a")])
    endpoint.reply = lambda body: labels(("emotion-appeal", "a sad child")) if PITY in _message(body) else fits(body)
    result = label(folder)
    assert (result.n_wanted, result.n_read, result.failures) == (3, 2, {"ReplyError:no_quote": 1})
    failed = labelled(folder)["openai:reader"][TurnId("a", 2)]
    assert (failed.labels, failed.strategies, failed.failure.step) == (None, None, "read.2")
    assert [c.step for c in failed.calls] == ["read.0", "read.1", "read.2"]
    again = [body["messages"] for body in endpoint.bodies if len(body["messages"]) == 3]
    assert "the quote for emotion-appeal does not stand in the message to label" in again[0][2]["content"]
    endpoint.reply, n = fits, len(endpoint.bodies)
    assert label(folder).n_read == 3 and len(endpoint.bodies) == n + 1
    assert labelled(folder)["openai:reader"][TurnId("a", 2)].strategies == {"emotion-appeal"}


def _message(body):
    return body["messages"][0]["content"].partition("The message to label:")[2]


def test_an_endpoint_that_is_gone_stops_the_labelling(label, endpoint, tmp_path):
    folder = run_of(tmp_path / "run", [transcript(f"c{i}") for i in range(3)])
    endpoint.fault = lambda n, body: RESET
    result = label(folder, concurrency=1)
    assert (result.n_read, result.failures) == (0, {"EndpointError": 3})
    assert result.stopped.startswith("3 turns in a row failed at the endpoint; the last: openai:reader at ")


def test_a_torn_last_line_is_labelled_again_and_a_changed_one_named(label, endpoint, tmp_path):
    folder = run_of(tmp_path / "run", [transcript("a")])
    label(folder, concurrency=1)
    segment = tmp_path / "run" / "strategies" / "00001.jsonl"
    segment.write_bytes(segment.read_bytes()[:-9])
    assert label(folder).n_read == 3 and len(endpoint.bodies) == 4
    segment.write_text('{"conversation": "a"}\n', "utf-8")
    with pytest.raises(RunFolderError, match=r"00001\.jsonl, line 1: is no labelled turn: key is missing"):
        labelled(folder)


def test_what_cannot_be_labelled_is_said(tmp_path):
    unfinished = run_of(tmp_path / "a", [transcript("a", failed=True)])
    with pytest.raises(RunFolderError, match="a: no conversation is complete; run the study first, then label its persuader's turns"):
        to_label(unfinished)
    silent = run_of(tmp_path / "b", [transcript("a", ())])
    with pytest.raises(RunFolderError, match="b: no complete conversation has a turn of the persuader; there is nothing to label"):
        to_label(silent)


def test_another_scenario_than_a_donation_is_refused(tmp_path):
    folder = run_of(tmp_path / "run", [transcript("a")], scenario={**DONATION, "scale": {**DONATION["scale"], "unit": "points"}})
    with pytest.raises(
        RunFolderError, match="run: the strategies are defined for a persuader who asks for a donation; this scenario's unit is 'points'"
    ):
        to_label(folder)


def test_of_a_reference_the_annotated_dialogues_are_labelled(tmp_path):
    folder = RunFolder(reference_of(tmp_path / "ref"))
    assert len(to_label(folder)) == 2 and len(to_label(folder, everything=True)) == 3
    bare = RunFolder(reference_of(tmp_path / "bare", annotated=False))
    with pytest.raises(RunFolderError, match="bare: no dialogue of this reference is annotated; label the others with --all"):
        to_label(bare)


def test_whose_labels_are_meant_is_said_or_asked(label, tmp_path):
    folder = run_of(tmp_path / "run", [transcript("a")])
    with pytest.raises(
        InputError, match=r"run: no turn is labelled with strategies; label them first: vs-sim strategies label .*run --model"
    ):
        of_model(folder, None)
    label(folder)
    assert of_model(folder, None)[0] == "openai:reader"
    with pytest.raises(InputError, match="openai:other labelled no turn, only openai:reader did"):
        of_model(folder, "openai:other")
    asyncio.run(label_strategies(folder, "scripted:donation", run=RunOptions()))
    with pytest.raises(InputError, match="openai:reader, scripted:donation labelled its turns; say which to take with --model"):
        of_model(folder, None)
    assert len(of_model(folder, "scripted:donation")[1]) == 3


@given(message=st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
@example("_0")
@example("_")
def test_canned_labels_are_well_formed_whatever_is_said(message):
    text = " ".join(message.split()) or "?"
    assume(not shows_the_wire(text))  # words of the answer's own form are nobody's words
    said = [("persuader", ASK), ("persuadee", THANKS), ("persuader", text)]
    reply = scripted_model("donation").invoke([("user", prompt(said, 2))]).content
    assert isinstance(read_answer(str(reply), text), tuple)


def test_a_reply_that_quotes_a_group_that_is_not_there_is_refused(tmp_path):
    rules = tmp_path / "rules.toml"
    rules.write_text("[[rule]]\nwhen = '(?P<name>Ann|Ben)'\nreplies = ['Hi <<name>>!']\n", "utf-8")
    assert scripted_model(str(rules)).invoke("I am Ben").content == "Hi Ben!"
    rules.write_text("[[rule]]\nwhen = 'Ann|Ben'\nreplies = ['Hi <<name>>!']\n", "utf-8")
    with pytest.raises(StudyError, match=r"<<name>> in a reply: 'Ann\|Ben' has no group \(\?P<name>\.\.\.\)"):
        scripted_model(str(rules))
