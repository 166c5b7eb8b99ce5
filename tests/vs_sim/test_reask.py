"""Asking recorded decisions again: what is asked, what is kept, what is refused."""

import asyncio
import json

import pytest

from tests.conftest import DIRECT, VS
from tests.endpoint import HTML, refusal
from vs_sim.errors import InputError, ModelUnavailable, RunFolderError
from vs_sim.reask import choose, decision_messages, read_reasked, reask, recorded_study
from vs_sim.run import run_study
from vs_sim.run_options import RunOptions
from vs_sim.store import RunFolder
from vs_sim.study import load_study

XML = {"name": "vs xml", "method": "vs_cot", "k": 5, "format": "xml", "wording": "percentage"}


def run(study_folder, path, **keys):
    """A small run in a folder of its own."""
    study = load_study(study_folder.write(**keys))
    folder = RunFolder(path)
    asyncio.run(run_study(study, folder))
    return folder


def again(folder, *, run=None, **keys):
    """What asking again comes to; `run` is what takes the place of the options of the run's last start."""
    options = RunOptions.model_validate({**recorded_study(folder).run.model_dump(), **run}) if run else None
    return asyncio.run(reask(folder, run=options, **keys))


@pytest.fixture
def served(study_folder, tmp_path, endpoint):
    """A run on an endpoint, with a direct arm and a VS arm."""
    run_options = {"base_url": endpoint.url, "max_tries": 2, "concurrency": 4}
    models = {"persuader_model": "openai:made-up", "persuadee_models": ["openai:made-up"]}
    folder = run(study_folder, tmp_path / "run", conditions=[DIRECT, VS], run=run_options, **models)
    return folder, endpoint


def pairs(messages):
    return [(m["role"], m["content"]) for m in messages]


def decisions(bodies):
    """Requests of one amount in private."""
    return [b for b in bodies if "decide in private" in str(b["messages"]) and "candidates" not in str(b["messages"][-1])]


def test_the_decision_is_asked_as_the_direct_arm_was_asked_with_the_chat_of_the_vs_arm(served):
    folder, endpoint = served
    direct = {b["messages"][0]["content"]: b for b in decisions(endpoint.bodies)}
    assert len(direct) == 4, "the base prompts of four personas"
    before = len(endpoint.bodies)
    result = again(folder, times=1)
    assert (result.n_decisions, result.n_answers, result.n_asked, result.n_owed) == (4, 4, 4, 0)
    for body in endpoint.bodies[before:]:
        twin = direct.pop(body["messages"][0]["content"])
        assert body["messages"][-1] == twin["messages"][-1]
        for key in ("model", "temperature", "top_p", "response_format"):
            assert body[key] == twin[key]
        assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
    shown = sorted(pairs(b["messages"])[1:-1] for b in endpoint.bodies[before:])
    roles = {"persuader": "user", "persuadee": "assistant"}
    assert shown == sorted([(roles[r], text) for r, text in t.utterances] for t in folder.transcripts() if t.spec.condition == "vs")


@pytest.mark.parametrize("form", ["chat", "transcript"])
def test_a_recorded_decision_is_rebuilt_word_for_word(study_folder, tmp_path, endpoint, form):
    models = {"persuader_model": "openai:made-up", "persuadee_models": ["openai:made-up"]}
    folder = run(study_folder, tmp_path / "run", conditions=[DIRECT], run={"base_url": endpoint.url}, form=form, **models)
    study = recorded_study(folder)
    personas = {p.id: p for p in study.persuadees}
    rebuilt = [pairs(decision_messages(study, personas[t.spec.persuadee], t, study.conditions[0])) for t in folder.transcripts()]
    asked = [pairs(b["messages"]) for b in decisions(endpoint.bodies)]
    assert sorted(rebuilt) == sorted(asked)
    assert len(asked) == 4


def test_answers_are_kept_and_never_asked_for_twice(study_folder, tmp_path):
    folder = run(study_folder, tmp_path / "run", conditions=[DIRECT, VS, XML])
    assert again(folder, times=3, n_decisions=2).n_asked == 12
    first = read_reasked(folder)
    assert {a.number for a in first} == {1, 2, 3}
    assert all(a.amount is not None and a.failure is None and len(a.calls) == 1 and a.tokens is None for a in first)
    assert {a.conversation for a in first} <= {t.spec.id for t in folder.transcripts() if t.spec.condition != "direct"}
    assert again(folder, times=3, n_decisions=2).n_asked == 0
    more = again(folder, times=5, n_decisions=3)
    assert (more.n_decisions, more.n_answers, more.n_asked) == (6, 30, 18)
    later = {(a.conversation, a.number): a for a in read_reasked(folder)}
    assert all(later[a.conversation, a.number] == a for a in first)
    assert [p.name for p in sorted((folder.path / "reask").glob("*.jsonl"))] == ["00001.jsonl", "00002.jsonl"]


def test_answers_to_one_decision_differ(study_folder, tmp_path):
    folder = run(study_folder, tmp_path / "run", conditions=[VS])
    again(folder, times=20, n_decisions=1)
    assert len({a.amount for a in read_reasked(folder)}) > 1


def test_a_torn_last_line_is_asked_for_again(study_folder, tmp_path):
    folder = run(study_folder, tmp_path / "run", conditions=[VS])
    again(folder, times=2, n_decisions=1)
    path = folder.path / "reask" / "00001.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert len(read_reasked(folder)) == 1
    assert again(folder, times=2, n_decisions=1).n_asked == 1
    path.write_text('{"conversation": "x"}\n')
    with pytest.raises(RunFolderError, match=r"00001\.jsonl, line 1: is no answer of vs-sim reask"):
        read_reasked(folder)


def test_the_choice_grows_with_n_and_changes_with_the_seed(study_folder, tmp_path):
    study_folder.people([f"p{i}" for i in range(20)])
    folder = run(study_folder, tmp_path / "run", conditions=[DIRECT, VS], rounds=1)
    study, transcripts = recorded_study(folder), folder.transcripts()

    def chosen(n, seed):
        return [t.spec.persuadee for t in choose(transcripts, study, study.persuadee_models, n, seed)]

    assert chosen(5, 1) == chosen(20, 1)[:5]
    assert len(set(chosen(None, 1))) == 20
    assert chosen(5, 1) != chosen(5, 2)
    assert choose(transcripts, study, ["scripted:other"], 5, 1) == []


def test_the_tokens_of_a_reply_are_kept(served):
    folder, endpoint = served

    def tokens(body, text):
        return [{"token": text, "bytes": None, "logprob": -0.1, "top_logprobs": [{"token": "{", "bytes": None, "logprob": -2.0}]}]

    endpoint.logprobs = tokens
    again(folder, times=1, n_decisions=1)
    (answer,) = read_reasked(folder)
    (token,) = answer.tokens
    assert (token.text, token.logprob, token.top) == (answer.calls[0].text, -0.1, (("{", -2.0),))


@pytest.mark.slow
@pytest.mark.parametrize(
    "tokens",
    [
        "many",
        ["{"],
        [{"token": "{"}],
        [{"token": "{", "logprob": "small"}],
        [{"token": "{", "logprob": -1.0, "top_logprobs": [3]}],
    ],
)
def test_tokens_of_another_form_are_none(served, capfd, tokens):
    folder, endpoint = served
    endpoint.logprobs = lambda body, text: tokens
    assert again(folder, times=1, n_decisions=1).n_asked == 1
    (answer,) = read_reasked(folder)
    assert answer.tokens is None and answer.amount is not None
    assert "rror" not in capfd.readouterr().err


def test_half_a_surrogate_pair_in_a_token_is_replaced(served):
    folder, endpoint = served
    endpoint.logprobs = lambda body, text: [{"token": "\ud83d", "logprob": -1.0, "top_logprobs": [{"token": "\ude00", "logprob": -2.0}]}]
    again(folder, times=1, n_decisions=1)
    (token,) = read_reasked(folder)[0].tokens
    assert (token.text, token.top) == ("\ufffd", (("\ufffd", -2.0),))


def test_an_endpoint_that_refuses_log_probabilities_is_asked_without(served):
    folder, endpoint = served
    endpoint.fault = lambda n, body: refusal(400, "logprobs is not supported by this model") if body.get("logprobs") else None
    before = len(endpoint.bodies)
    result = again(folder, times=3, n_decisions=2, run={"concurrency": 1})
    assert (result.n_asked, result.n_owed) == (6, 0)
    assert len(endpoint.bodies) - before == 7, "refused once, and never tried again"
    assert all(a.tokens is None for a in read_reasked(folder))


def test_an_unreadable_answer_is_kept_as_such(served):
    folder, endpoint = served
    endpoint.reply = lambda body: '{"reply": 999}'
    result = again(folder, times=2, n_decisions=1)
    assert (result.n_asked, result.n_owed) == (2, 0)
    answer = read_reasked(folder)[0]
    assert (answer.amount, answer.failure, len(answer.calls), answer.tokens) == (None, "ReplyError:amount_out_of_range", 3, None)
    assert again(folder, times=2, n_decisions=1).n_asked == 0


def test_a_dead_endpoint_leaves_answers_owed(served):
    folder, endpoint = served
    endpoint.fault = lambda n, body: HTML
    result = again(folder, times=5, n_decisions=2, run={"concurrency": 1, "max_tries": 1})
    assert (result.n_asked, result.n_answers, result.n_owed) == (0, 0, 10)
    assert result.stopped.startswith("3 requests in a row failed at the endpoint; the last: openai:made-up at ")
    endpoint.fault = lambda n, body: None
    assert again(folder, times=5, n_decisions=2).n_asked == 10


def test_a_refused_key_ends_it(served):
    folder, endpoint = served
    endpoint.fault = lambda n, body: refusal(401, "no")
    with pytest.raises(ModelUnavailable, match="refused the key"):
        again(folder, times=5)


def test_what_cannot_be_asked_is_refused_with_a_sentence(study_folder, tmp_path):
    folder = run(study_folder, tmp_path / "run", conditions=[DIRECT, VS])
    with pytest.raises(InputError, match=r"model 'openai:other' made no decision of .*only the model that stated the probabilities"):
        again(folder, times=1, model="openai:other")
    manifest = json.loads(folder.manifest_path.read_text("utf-8"))

    def rewritten(**changes):
        folder.manifest_path.write_text(json.dumps({**manifest, **changes}), "utf-8")
        return folder

    with pytest.raises(RunFolderError, match="the prompts method/direct changed since the run"):
        again(rewritten(prompts={**manifest["prompts"], "method/direct": "Well?"}), times=1)
    with pytest.raises(RunFolderError, match="its study cannot be read by this version of vs_sim"):
        again(rewritten(study={**manifest["study"], "reply_words": "many"}), times=1)
    with pytest.raises(RunFolderError, match=r"manifest.json: study.rounds: .* the file was changed after it was written"):
        again(rewritten(study={**manifest["study"], "rounds": "many"}), times=1)
    (folder.path / "reference.json").touch()
    with pytest.raises(RunFolderError, match="holds people, who state no probabilities"):
        again(rewritten(), times=1)


def test_a_run_without_verbalized_decisions_has_nothing_to_ask(study_folder, tmp_path):
    folder = run(study_folder, tmp_path / "run", conditions=[DIRECT, {"name": "list", "method": "sequence", "k": 5}])
    with pytest.raises(RunFolderError, match="has no decision of a complete conversation of a VS condition"):
        again(folder, times=1)


def test_the_recorded_study_is_the_study(study_folder, tmp_path):
    study = load_study(study_folder.write(conditions=[DIRECT, VS, XML], run={"concurrency": 3}, temperature=0.4))
    folder = RunFolder(tmp_path / "run")
    asyncio.run(run_study(study, folder))
    assert recorded_study(folder) == study
