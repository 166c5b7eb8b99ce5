"""Runs: the same conversations however they are scheduled, interrupted and resumed; failures as data; what may change and what not."""

import asyncio
import json
from collections import Counter

import pytest

from tests.conftest import DIRECT, VS
from tests.endpoint import donation_reply, refusal
from vs_sim.conversation import SpeakerVoice
from vs_sim.errors import EndpointError, JournalMismatch, ModelUnavailable, RunFolderError
from vs_sim.plan import plan
from vs_sim.records import Call, Usage
from vs_sim.run import RunResult, Watcher, run_study
from vs_sim.status import status
from vs_sim.store import RunFolder
from vs_sim.study import load_study
from vs_sim.writer import Writer

OPENAI = {"persuader_model": "openai:fake", "persuadee_models": ["openai:fake"]}


def said(folder):
    """All that was said and drawn, by conversation; times and what the provider calls itself left out."""
    return {
        t.spec.id: (
            t.spec,
            t.utterances,
            [turn.drawn for turn in t.turns],
            [turn.distribution and turn.distribution.candidates for turn in t.turns],
            t.decision and (t.decision.amount, t.decision.drawn, t.decision.distribution.candidates),
            t.stop_reason,
            t.failure,
        )
        for t in folder.transcripts()
    }


@pytest.fixture
def start(study_folder, tmp_path):
    """One start of a run in this process; returns its result and its folder."""

    def start(out="run", watcher=None, **changes):
        folder = RunFolder(tmp_path / out)
        return asyncio.run(run_study(load_study(study_folder.write(**changes)), folder, watcher)), folder

    return start


@pytest.fixture
def served(endpoint, start):
    """The same against the loopback server."""

    def served(out="run", concurrency=4, max_tries=1, **changes):
        run = {"base_url": endpoint.url, "concurrency": concurrency, "max_tries": max_tries}
        return start(out, **{**OPENAI, "run": run, **changes})

    return served


def test_the_same_transcripts_at_any_concurrency(start):
    one, folder_1 = start("one", replicates=2, run={"concurrency": 1})
    many, folder_16 = start("many", replicates=2, run={"concurrency": 16})
    assert one.n_complete == many.n_complete == 16
    assert said(folder_1) == said(folder_16)
    assert len({str(v[1:]) for v in said(folder_1).values()}) > 8, "the conversations should differ from one another"


def test_a_finished_run_asks_nothing_again(served, endpoint):
    served()
    n = len(endpoint.bodies)
    result, folder = served()
    assert (result.n_complete, len(endpoint.bodies)) == (8, n)
    assert len(folder.manifest()["starts"]) == 2


def test_200_conversations_with_16_at_a_time(served, endpoint, study_folder):
    study_folder.people([f"p{i:03}" for i in range(100)])
    endpoint.delay_s = 0.02
    result, folder = served(rounds=1, concurrency=16)
    assert (result.n_planned, result.n_complete, result.failures, result.stopped) == (200, 200, {}, None)
    assert 8 < endpoint.most_in_flight <= 16
    rows = Counter((row["conversation"], row["call"]["step"]) for row in folder.journal_rows())
    assert len(endpoint.bodies) == len(rows) == 200 * 3
    assert {row["call"]["model_returned"] for row in folder.journal_rows()} == {f"served-{i}" for i in range(600)}


def test_a_replay_from_the_journal_needs_no_model(served, endpoint, tmp_path):
    _, folder = served()
    before = said(folder)
    for segment in (tmp_path / "run" / "transcripts").iterdir():
        segment.unlink()
    endpoint.fault = lambda n, body: pytest.fail("nothing may be asked")
    result, folder = served()
    assert (result.n_complete, said(folder)) == (8, before)


class Malformed:
    """Unreadable replies to one persona's requests, until told to stop."""

    def __init__(self, persona):
        self.persona, self.on = persona, True

    def __call__(self, body):
        shown = json.dumps(body["messages"])
        bad = self.on and f"You are {self.persona}." in shown and "in private" in shown
        return '{"candidates": [{"repl' if bad else donation_reply(body)


def test_an_unreadable_reply_fails_one_conversation_and_is_asked_again_at_the_next_start(served, endpoint, tmp_path):
    endpoint.reply = malformed = Malformed("ben")
    result, folder = served(n_reasks=1)
    assert (result.n_planned, result.n_complete, result.stopped) == (8, 6, None)
    failed = [t for t in folder.transcripts() if not t.complete]
    assert {t.spec.persuadee for t in failed} == {"ben"}
    for t in failed:
        assert (len(t.turns), t.decision, t.stop_reason, t.failure.step) == (4, None, "error", "decide")
        assert t.failure.kind.startswith("ReplyError:")
        assert t.failure.raw == '{"candidates": [{"repl'
    assert result.failures == dict(Counter(t.failure.kind for t in failed))
    found = status(tmp_path / "run")
    assert [(a.n_planned, a.n_complete, a.n_failed) for a in found.arms] == [(4, 3, 1), (4, 3, 1)]
    # Asked again as often as the study says, with what was wrong in between; all of it was paid for and is counted.
    assert found.n_calls == len(endpoint.bodies) == 8 * 5 + 2

    n = len(endpoint.bodies)
    malformed.on = False
    result, folder = served(n_reasks=1)
    assert (result.n_complete, len(endpoint.bodies) - n) == (8, 2), "only the two decisions are owed"
    assert all(t.complete for t in folder.transcripts())

    _, other = served("other", n_reasks=1)
    assert said(folder) == said(other)


def test_an_endpoint_that_is_gone_stops_the_run_and_nothing_is_lost(served, endpoint):
    endpoint.fault = lambda n, body: refusal(500, "out of order") if n >= 12 else None
    result, folder = served(concurrency=1)
    assert result.stopped.startswith("3 conversations in a row failed at the endpoint; the last: openai:fake at ")
    assert "answered HTTP 500" in result.stopped
    assert len(endpoint.bodies) == 12 + 3
    rows = list(folder.journal_rows())
    assert len(rows) == 12
    endpoint.fault = lambda n, body: None
    result, folder = served(concurrency=1)
    assert result.n_complete == 8
    assert len(endpoint.bodies) == 12 + 3 + (8 * 5 - 12)


def test_what_would_fail_for_all_ends_the_run_with_one_error(served, endpoint):
    endpoint.fault = lambda n, body: refusal(401, "bad key") if n >= 12 else None
    with pytest.raises(ModelUnavailable, match=r"refused the key \(HTTP 401\)"):
        served()
    assert len(endpoint.bodies) <= 12 + 4
    endpoint.fault = lambda n, body: None
    result, folder = served()
    assert result.n_complete == 8
    assert len(list(folder.journal_rows())) == 8 * 5


def test_a_context_that_is_full_is_a_reason_of_its_own(served, endpoint):
    full = refusal(400, "This model's maximum context length is 10 tokens", "context_length_exceeded")
    endpoint.fault = lambda n, body: full if len(json.dumps(body["messages"])) > 1900 else None
    result, folder = served(rounds=4)
    failed = [t for t in folder.transcripts() if not t.complete]
    assert failed
    assert {(t.stop_reason, t.failure.kind) for t in failed} == {("context_full", "ContextFull")}
    assert result.stopped is None


@pytest.mark.slow
def test_a_run_is_extended_and_nothing_of_it_is_asked_again(served, endpoint, study_folder):
    served(conditions=[DIRECT])
    n = len(endpoint.bodies)
    assert n == 4 * 5
    study_folder.people(["ann", "ben", "cem", "dot", "eve"])
    result, folder = served(conditions=[VS, DIRECT], replicates=2)
    assert result.n_complete == 2 * 5 * 2
    assert len(endpoint.bodies) == result.n_complete * 5
    result, folder = served(conditions=[VS, DIRECT], replicates=2, persuadee_models=["openai:other", "openai:fake"])
    assert result.n_complete == len(said(folder)) == 40


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"rounds": 3}, "min_rounds, rounds"),
        ({"seed": 8}, "seed"),
        ({"temperature": 0.5}, "temperature"),
        ({"question": "Another?"}, "question"),
        ({"outcome": "stated"}, "outcome"),
        ({"persuader_model": "scripted:x"}, "persuader_model"),
        ({"persuadee_models": ["scripted:x"]}, "persuadee_models"),
        ({"replicates": 1}, "replicates"),
        ({"conditions": [VS]}, "conditions.direct (removed)"),
        ({"conditions": [DIRECT, {**VS, "k": 4, "select": "uniform"}]}, "conditions.vs (k, select)"),
        ({"personas": {"persuader": "persuaders.toml", "persuadee": "people.toml", "n_persuadees": 3}}, "persuadees.dot (removed)"),
    ],
    ids=str,
)
def test_every_other_change_is_refused_with_the_names_of_its_keys(start, changes, names):
    _, folder = start(replicates=2)
    manifest = folder.manifest_path.read_bytes()
    with pytest.raises(RunFolderError, match="holds a run of another study; changed since: ") as caught:
        start(**{"replicates": 2, **changes})
    assert f"changed since: {names}. " in str(caught.value)
    assert folder.manifest_path.read_bytes() == manifest


def test_changed_and_inserted_personas_are_refused(start, study_folder):
    start()
    for ids, texts, names in (
        (["ann", "ben", "cem", "dot"], {"ben": "You changed."}, "persuadees.ben (text)"),
        (["eve", "ann", "ben", "cem", "dot"], {}, "persuadees."),
        (["ann", "ben", "cem"], {}, "persuadees.dot (removed)"),
    ):
        study_folder.people(ids, **texts)
        with pytest.raises(RunFolderError) as caught:
            start()
        assert f"changed since: {names}" in str(caught.value)


def test_a_persona_put_in_front_is_refused_for_the_order(start, study_folder):
    start()
    people = (study_folder.path / "people.toml").read_text()
    (study_folder.path / "people.toml").write_text('[[persona]]\nid = "eve"\ntext = "You are eve."\n\n' + people)
    with pytest.raises(RunFolderError, match=r"changed since: persuadees \(order\)\. "):
        start()


def test_how_a_run_is_done_may_change(start):
    start(run={"concurrency": 1})
    result, _ = start(run={"concurrency": 3, "timeout_s": 9.0})
    assert result.n_complete == 8


def test_an_answer_to_another_request_is_not_taken(served, tmp_path):
    served()
    for segment in (tmp_path / "run" / "transcripts").iterdir():
        segment.unlink()
    for segment in (tmp_path / "run" / "journal").iterdir():
        rows = [json.loads(line) for line in segment.read_text().splitlines()]
        segment.write_text("".join(json.dumps({**row, "request": "0" * 16}) + "\n" for row in rows))
    with pytest.raises(JournalMismatch, match="the journal answers another request"):
        served()


def test_an_endpoint_that_is_not_there_is_found_before_anything_is_asked(start, tmp_path):
    run = {"base_url": "http://127.0.0.1:9/v1", "max_tries": 1}
    with pytest.raises(EndpointError, match=r"openai:fake at http://127\.0\.0\.1:9/v1 cannot be reached"):
        start(**OPENAI, run=run)
    assert RunFolder(tmp_path / "run").transcripts() == []


def test_the_watcher_is_told_everything_in_order(start):
    class Log(Watcher):
        def __init__(self):
            self.lines = []

        def planned(self, specs, complete):
            self.lines.append(("planned", len(specs), len(complete)))

        def started(self, spec):
            self.lines.append(("started", spec.id))

        def turn(self, spec, turn):
            self.lines.append(("turn", spec.id))

        def finished(self, transcript):
            self.lines.append(("finished", transcript.spec.id))

    log = Log()
    _, folder = start(watcher=log, run={"concurrency": 1})
    ids = list(said(folder))
    expected = [("planned", 8, 0)]
    for id in ids:
        expected += [("started", id), *[("turn", id)] * 5, ("finished", id)]
    assert log.lines == expected


def test_the_manifest_says_what_was_run(start, study_folder):
    _, folder = start()
    manifest = folder.manifest()
    specs = plan(load_study(study_folder.path))
    assert manifest["conversations"] == [s.model_dump(mode="json") for s in specs]
    assert manifest["study"]["question"] == "Does it?"
    assert "Save the Children" in manifest["study"]["scenario"]["prompts"]["persuader"]
    assert "JSON object" in manifest["prompts"]["format/json"]
    assert manifest["starts"][0]["versions"]["vs-sim"]
    assert set(manifest["reproducible"]) == {"yes", "no"}


def test_a_run_whose_manifest_is_gone_is_not_mixed_with_another(study_folder, tmp_path):
    study = load_study(study_folder.write())
    folder = RunFolder(tmp_path / "run")
    asyncio.run(run_study(study, folder))
    folder.manifest_path.unlink()
    with pytest.raises(RunFolderError, match=r"holds a run whose manifest\.json is gone; put it back, or give another folder"):
        asyncio.run(run_study(study, folder))


def test_content_that_an_endpoint_refuses_costs_one_conversation_not_the_run(study_folder, endpoint, tmp_path):
    study_folder.people(["fine", "filtered"])
    study = load_study(study_folder.write(**OPENAI, run={"base_url": endpoint.url, "max_tries": 1, "concurrency": 1}))
    refused = refusal(400, "The response was filtered", "content_filter")
    endpoint.fault = lambda n, body: refused if "filtered" in json.dumps(body["messages"]) else None
    result = asyncio.run(run_study(study, RunFolder(tmp_path / "run")))
    assert result.stopped is None
    assert 0 < result.n_complete < result.n_planned
    assert set(result.failures) == {"ReplyError:content_filter"}


def test_a_seeded_model_is_not_asked_the_same_again_after_it_failed(study_folder, tmp_path):
    spec = plan(load_study(study_folder.write()))[0]
    seeds = []

    class Model:
        name = "scripted:x"

        def digest(self, request):
            seeds.append(request.seed)
            return f"{request.seed}"

        async def answer(self, step, request, conversation):
            return Call(step=step, model=self.name, model_returned=None, text="?", finish_reason=None, usage=Usage(), seconds=0.0, tries=1)

    async def start():
        async with Writer(RunFolder(tmp_path)) as writer:
            await SpeakerVoice(Model(), writer, spec)("t001.0", [], None, 10)
            await writer.void(spec.id, "t001")

    for _ in range(3):
        asyncio.run(start())
    assert len(set(seeds)) == 3


def test_a_run_that_is_told_to_stop_before_it_began_asks_nothing_and_goes_on(study_folder, tmp_path):
    study, folder = load_study(study_folder.write()), RunFolder(tmp_path / "run")

    async def told() -> RunResult:
        drain = asyncio.Event()
        drain.set()
        return await run_study(study, folder, drain=drain)

    result = asyncio.run(told())
    assert (result.n_complete, result.drained, result.stopped) == (0, True, "told to stop; what was under way is kept")
    assert list(folder.journal_rows()) == []
    assert asyncio.run(run_study(study, folder)).n_complete == 8
