"""The second reader: what it is asked, what is asked again, what is paid for once, what is missing."""

import asyncio
import re

import pytest

from tests.dialogues import OPEN, PROMISE, REFUSAL, answer, fits, folder_of
from tests.endpoint import CUT_OFF, RESET, refusal
from vs_sim import prompts, second_reader
from vs_sim.errors import ModelUnavailable, RunFolderError
from vs_sim.evidence import read_answer
from vs_sim.run_options import RunOptions
from vs_sim.second_reader import own_schema, prompt, prompt_digest, read_stated, readings
from vs_sim.writer import appending


def test_an_embedded_model_chooses_among_quotes_that_stand_in_the_dialogue():
    said = ["Well,  I’ll not\ngive anything.", "never a word " * 200, "Sorry, no.", "Sorry, no."]
    dialogue = [("persuader", "Would you give $1?"), *(("persuadee", text) for text in said)]
    offered = own_schema(dialogue)["properties"]["quote"]["enum"]
    assert (offered[0], offered[1], offered[3]) == ("", "Well, I’ll not give anything.", "Sorry, no.")
    assert len(offered) == 4 and len(offered[2]) <= 300
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


def test_a_link_in_place_of_the_kept_prompt_is_not_written_through(read, tmp_path):
    folder, mine = folder_of(tmp_path / "run", {"a": OPEN}), tmp_path / "mine"
    mine.write_text("kept")
    kept = folder.path / "readings" / f"prompt-{prompt_digest()[:16]}.md"
    kept.parent.mkdir()
    kept.symlink_to(mine)
    kept.with_suffix(".tmp").symlink_to(mine)
    assert read(folder).n_read == 1
    assert mine.read_text() == "kept" and not kept.is_symlink() and kept.read_text("utf-8").startswith(second_reader.prompt([])[:40])
    assert sorted(p.suffix for p in kept.parent.iterdir()) == ["", ".jsonl", ".md"], "nothing half-written is left"


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


@pytest.mark.slow
def test_an_endpoint_that_is_gone_stops_the_reading(read, endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {f"c{i}": OPEN for i in range(10)})
    endpoint.fault = lambda n, body: RESET
    result = read(folder, concurrency=1)
    assert (result.n_read, result.failures) == (0, {"EndpointError": 3})
    assert result.stopped.startswith("3 readings in a row failed at the endpoint; the last: openai:reader at ")
    endpoint.fault = lambda n, body: CUT_OFF if n % 2 else None
    assert read(folder, max_tries=12).n_read == 10


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
    with pytest.raises(RunFolderError, match=r"00001\.jsonl, line 1: is no reading: key is missing "):
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


def test_a_reader_that_is_told_to_stop_keeps_what_was_asked_and_asks_nothing_more(endpoint, tmp_path):
    folder = folder_of(tmp_path / "run", {f"c{i}": OPEN for i in range(20)})

    async def told():
        drain, loop = asyncio.Event(), asyncio.get_running_loop()

        def reply(body):
            loop.call_soon_threadsafe(drain.set)
            return fits(body)

        endpoint.reply = reply
        return await read_stated(folder, "openai:reader", run=RunOptions(base_url=endpoint.url, concurrency=2), drain=drain)

    result = asyncio.run(told())
    assert (result.drained, result.capped, result.stopped) == (True, False, "told to stop; what was under way is kept")
    assert 0 < result.n_read == len(endpoint.bodies) == len(readings(folder)["openai:reader"]) < 20
