"""The second reader: what an answer is held to, what is asked again, what is paid for once, what is missing."""

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialogues import OPEN, PROMISE, REFUSAL, answer, fits, folder_of
from tests.endpoint import CUT_OFF, RESET, refusal
from vs_sim import prompts, second_reader
from vs_sim.errors import ModelUnavailable, ReplyError, RunFolderError
from vs_sim.second_reader import own_schema, prompt, prompt_digest, read_answer, read_stated, readings
from vs_sim.store import appending
from vs_sim.study import RunOptions

SAID = (
    ("persuader", "Would you give $1 of your payment?"),
    ("persuadee", "Well,  I’ll see. Put me\ndown for 50 cents."),
    ("persuader", "Put me down for $2 as well. Is 75 cents fine?"),
    ("persuadee", "Sure, that is fine."),
)


def quoted(stated):
    return SAID[stated.turn][1][slice(*stated.span)]


@pytest.mark.parametrize(
    "raw",
    [
        answer(),
        f"```json\n{answer()}\n```",
        f"Let me see.\n{answer()} That is it.",
        f'<think>{{"quote": "x", "status": "none", "cents": null}}</think>{answer()}',
        answer(quote="  put ME down   for 50 cents. "),
        answer(quote="Persuadee: Put me down for 50 cents."),
        answer(quote='"Put me down for 50 cents."'),
        json.dumps({**json.loads(answer()), "why": "said so"}),
    ],
)
def test_an_amount_is_read_with_the_place_of_its_words(raw):
    stated, quote = read_answer(raw, SAID)
    assert (stated.status, stated.cents, stated.turn) == ("amount", 50, 1)
    assert quoted(stated) == "Put me\ndown for 50 cents"
    assert quote is not None


def test_an_accepted_amount_needs_the_words_that_accept_it():
    stated, quote = read_answer(answer("sure, that is fine", cents=75), SAID)
    assert (stated.cents, quoted(stated), quote) == (75, "Sure, that is fine", "sure, that is fine")


@pytest.mark.parametrize(
    ("said", "cents"),
    [("Half of that is mine to give.", 25), ("Then I add 10 cents more.", 60), ("I will give 3.", 300), ("I will give 3.", 3)],
)
def test_amounts_that_follow_from_named_ones_are_read(said, cents):
    dialogue = [("persuader", "Would you give 50 cents?"), ("persuadee", said)]
    assert read_answer(answer(said, cents=cents), dialogue)[0].cents == cents


def test_typed_and_typographic_signs_are_the_same():
    assert quoted(read_answer(answer("I'll see", status="refused", cents=None), SAID)[0]) == "I’ll see"


def test_a_refusal_has_no_amount_and_an_open_dialogue_no_evidence():
    stated, _ = read_answer(answer("Sure", "refused", 0), SAID)
    assert (stated.status, stated.cents) == ("refused", None)
    stated, quote = read_answer(answer("whatever", "none", 12), SAID)
    assert (stated.status, stated.cents, stated.turn, stated.span, quote) == ("undetermined", None, None, None, None)


@pytest.mark.parametrize(
    ("raw", "reason", "sentence"),
    [
        ("50 cents", "not_one_object", "one JSON object with quote, status, cents was asked for, 0 were given"),
        ("", "not_one_object", "0 were given"),
        (answer() + answer(), "not_one_object", "2 were given"),
        ('{"status": "amount", "cents": 50}', "not_one_object", "0 were given"),
        (answer()[:-3], "not_one_object", "0 were given"),
        ("<think>hm", "unfinished_thinking", "ends within its thinking"),
        (answer(status="maybe"), "unknown_status", """status is 'maybe', expected "amount", "refused" or "none\""""),
        (answer(status=["amount"]), "unknown_status", "status is ['amount']"),
        (answer(cents=None), "no_amount", "cents is None, expected a whole number of cents"),
        (answer(cents="50"), "no_amount", "cents is '50'"),
        (answer(cents=0.5), "no_amount", "cents is 0.5"),
        (answer(cents=True), "no_amount", "cents is True"),
        (answer(cents=-5), "no_amount", "cents is -5"),
        (answer(cents=10**16), "amount_not_named", "nobody names 10000000000000000 cents"),
        (answer(cents=0), "no_amount", 'an amount of 0 cents is no amount, expected the status "refused" or "none"'),
        (answer(quote="I will give 50 cents"), "no_quote", "does not stand in any message of the persuadee"),
        (answer(quote="Put me down for $2", cents=200), "no_quote", "does not stand in any message of the persuadee"),
        (answer(quote="cent"), "no_quote", "does not stand in any message of the persuadee"),
        (answer(quote=""), "no_quote", "the quote is not usable (empty)"),
        (answer(quote=", ."), "no_quote", "does not stand in any message"),
        (answer(quote=None, status="refused"), "no_quote", "the quote is not usable (not_text)"),
        (answer(cents=5000), "amount_not_named", "nobody names 5000 cents in the chat ($1 is 100 cents)"),
        (answer(cents=1), "amount_not_named", "nobody names 1 cents in the chat"),
    ],
)
def test_what_cannot_be_used_fails_by_name(raw, reason, sentence):
    with pytest.raises(ReplyError, match=re.escape(sentence)) as failed:
        read_answer(raw, SAID)
    assert (failed.value.reason, failed.value.raw) == (reason, raw)


@given(text=st.text(max_size=300), cents=st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=9)))
def test_any_answer_is_read_or_fails_by_name(text, cents):
    for raw in (text, answer(text, cents=cents), answer(text, "refused", cents)):
        try:
            stated, quote = read_answer(raw, SAID)
        except ReplyError:
            continue
        assert quote is not None and stated.turn in (1, 3) and (stated.cents is None) == (stated.status == "refused")


@given(st.data())
def test_every_run_of_words_of_the_persuadee_is_found_where_it_stands(data):
    words = [m.span() for m in re.finditer(r"\w[^ ]*\w|\w", SAID[1][1])]
    first = data.draw(st.integers(0, len(words) - 1))
    last = data.draw(st.integers(first, len(words) - 1))
    quote = SAID[1][1][words[first][0] : words[last][1]]
    stated, _ = read_answer(answer(" ".join(quote.split()).upper(), "refused", None), SAID)
    assert quoted(stated) == quote


def test_an_embedded_model_chooses_among_quotes_that_stand_in_the_dialogue():
    dialogue = [*SAID, ("persuadee", "a word " * 200), ("persuadee", "Sure, that is fine.")]
    offered = own_schema(dialogue)["properties"]["quote"]["enum"]
    assert offered[:3] == ["", "Well, I’ll see. Put me down for 50 cents.", "Sure, that is fine."]
    assert len(offered) == 4 and len(offered[3]) <= 300
    for quote in offered[1:]:
        assert read_answer(answer(quote, "refused", None), dialogue)[1] == quote


def test_the_prompt_shows_the_dialogue_and_shapes_no_conversation():
    text = prompt([("persuader", "Hi {{ lines }}"), ("persuadee", "No\nthanks.")])
    assert "\nPersuader: Hi {{ lines }}\nPersuadee: No thanks.\n" in text
    assert prompts.text("stated_rules").strip() in text
    assert not {"second_reader", "stated_rules"} & prompts.texts().keys()
    assert re.fullmatch("[0-9a-f]{64}", prompt_digest()) and prompt_digest() != prompts.digest()


@pytest.fixture
def read(endpoint, tmp_path):
    """One start of the reader against the loopback server."""
    endpoint.reply = fits

    def read(folder, concurrency=2, max_tries=1, **options):
        run = RunOptions(base_url=endpoint.url, concurrency=concurrency, max_tries=max_tries)
        return asyncio.run(read_stated(folder, "openai:reader", run=run, **options))

    return read


def test_only_what_the_rules_leave_open_is_read_unless_all_is_asked_for(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": OPEN, "b": PROMISE, "c": REFUSAL})
    result = read(folder)
    assert (result.n_wanted, result.n_read, result.failures, result.stopped, len(endpoint.bodies)) == (1, 1, {}, None, 1)
    result = read(folder, everything=True)
    assert (result.n_wanted, result.n_read, len(endpoint.bodies)) == (3, 3, 3), "what was read is not paid again"
    found = readings(folder)["openai:reader"]
    assert {id: (r.stated.status, r.stated.cents) for id, r in found.items()} == {
        "a": ("undetermined", None),
        "b": ("amount", 30),
        "c": ("refused", None),
    }
    assert found["b"].quote == PROMISE and found["b"].prompt == prompt_digest()
    (call,) = found["b"].calls
    assert call.usage.prompt_tokens > 100 and call.model_returned.startswith("served-")
    body = endpoint.bodies[0]
    assert body["temperature"] == 0 and body["response_format"]["json_schema"]["schema"]["required"] == ["quote", "status", "cents"]
    assert "talker" not in body["messages"][0]["content"]
    kept = list((tmp_path / "run" / "readings").glob("prompt-*.md"))
    assert [k.name for k in kept] == [f"prompt-{prompt_digest()[:16]}.md"]


def test_an_unusable_answer_is_asked_again_with_the_problem(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": PROMISE})
    endpoint.reply = lambda body: answer("I will donate $30", cents=30) if len(body["messages"]) == 1 else fits(body)
    assert read(folder, everything=True).n_read == 1
    reading = readings(folder)["openai:reader"]["a"]
    assert [c.step for c in reading.calls] == ["read.0", "read.1"]
    again = endpoint.bodies[1]["messages"]
    assert [m["role"] for m in again] == ["user", "assistant", "user"]
    assert "the quote does not stand in any message of the persuadee" in again[2]["content"]


def test_a_reading_that_fails_is_missing_and_asked_for_at_the_next_start(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": PROMISE, "b": REFUSAL})
    endpoint.reply = lambda body: "30" if PROMISE in body["messages"][0]["content"] else fits(body)
    result = read(folder, everything=True)
    assert (result.n_read, result.failures, result.stopped) == (1, {"ReplyError:not_one_object": 1}, None)
    failed = readings(folder)["openai:reader"]["a"]
    assert (failed.stated, failed.quote, len(failed.calls)) == (None, None, 3)
    assert (failed.failure.step, failed.failure.raw) == ("read.2", "30")
    endpoint.reply = fits
    n = len(endpoint.bodies)
    result = read(folder, everything=True)
    assert (result.n_read, len(endpoint.bodies)) == (2, n + 1)
    assert readings(folder)["openai:reader"]["a"].stated.cents == 30


def test_a_model_that_repeats_itself_gets_another_seed_at_the_next_start(tmp_path):
    rules = tmp_path / "rules.toml"
    replies = ", ".join(f'\'\'\'{{"quote": "", "status": "none", "cents": null, "n": {n}}}\'\'\'' for n in range(8))
    rules.write_text(f"[[rule]]\nwhen = 'persuadee'\nreplies = ['nonsense', {replies}]\n", "utf-8")
    folder = folder_of(tmp_path / "run", {f"c{i}": OPEN for i in range(30)})
    model = f"scripted:{rules}"
    for _ in range(2):
        result = asyncio.run(read_stated(folder, model, run=RunOptions()))
    assert result.n_read == 30
    seen = {r.calls[-1].text for r in readings(folder)[model].values()}
    assert len(seen) > 3, "conversations share no seed"


def test_an_endpoint_that_is_gone_stops_the_reading(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {f"c{i}": OPEN for i in range(10)})
    endpoint.fault = lambda n, body: RESET
    result = read(folder, concurrency=1)
    assert (result.n_read, result.failures) == (0, {"EndpointError": 3})
    assert result.stopped.startswith("3 readings in a row failed at the endpoint; the last: openai:reader at ")
    endpoint.fault = lambda n, body: CUT_OFF if n % 2 else None
    assert read(folder, max_tries=3).n_read == 10


def test_a_refused_request_ends_with_one_sentence(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {f"c{i}": OPEN for i in range(4)})
    endpoint.fault = lambda n, body: refusal(401, "bad key")
    with pytest.raises(ModelUnavailable, match=r"refused the key \(HTTP 401\)"):
        read(folder)
    assert readings(folder) == {}


def test_what_is_too_long_or_filtered_is_a_failure_of_that_dialogue(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": OPEN, "b": OPEN, "c": OPEN})
    faults = [refusal(400, "maximum context length is 10"), refusal(400, "content_filter"), None]
    endpoint.fault = lambda n, body: faults[n]
    result = read(folder, concurrency=1)
    assert (result.n_read, result.failures) == (1, {"ContextFull": 1, "ReplyError:content_filter": 1})


def test_a_torn_last_line_is_read_again_and_nothing_else(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": OPEN, "b": OPEN, "c": OPEN})
    read(folder, concurrency=1)
    (segment,) = (tmp_path / "run" / "readings").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes()[:-20])
    assert len(readings(folder)["openai:reader"]) == 2
    assert read(folder).n_read == 3
    assert len(endpoint.bodies) == 4
    assert [p.name for p in sorted(segment.parent.glob("*.jsonl"))] == ["00001.jsonl", "00002.jsonl"]


def test_a_changed_line_is_named(read, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": OPEN})
    read(folder)
    segment = tmp_path / "run" / "readings" / "00001.jsonl"
    segment.write_text('{"conversation": "a"}\n', "utf-8")
    with pytest.raises(RunFolderError, match=r"00001\.jsonl, line 1: is no reading: Field required"):
        readings(folder)


def test_readings_under_another_prompt_are_not_mixed_in(read, endpoint, tmp_path, monkeypatch):
    folder = folder_of(tmp_path / "run", {"a": OPEN, "b": PROMISE})
    read(folder, everything=True)
    monkeypatch.setattr(second_reader, "prompt_digest", lambda: "f" * 64)
    assert set(readings(folder)["openai:reader"]) == {"a", "b"}
    assert read(folder).n_read == 1
    assert len(endpoint.bodies) == 3
    assert set(readings(folder)["openai:reader"]) == {"a"}


def test_two_readers_do_not_write_at_the_same_time(read, tmp_path):
    folder = folder_of(tmp_path / "run", {"a": OPEN})

    async def both():
        async with appending(folder, "readings"):
            await read_stated(folder, "scripted:donation", run=RunOptions())

    with pytest.raises(RunFolderError, match=r"readings is in use by another command; wait for it, then give this one again"):
        asyncio.run(both())
