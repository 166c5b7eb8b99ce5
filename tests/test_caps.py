"""Spend caps, rates and tiers of a run, by the real command against an endpoint that counts what it is asked."""

import asyncio
import json
import time

import pytest

from tests.conftest import DIRECT, VS
from tests.load_endpoint import serving
from tests.prompt_studies import SEQUENCE
from tests.prompt_studies import VS as VS_OF_TWO
from tests.test_endtoend import OPENAI
from vs_sim.models import Request
from vs_sim.providers import open_models
from vs_sim.run_options import RunOptions
from vs_sim.store import RunFolder

PRICE = {"openai:fake": {"input": 100.0, "output": 1000.0}}
"""Dollars per million tokens."""


def spent(folder: RunFolder) -> tuple[int, float]:
    """Tokens and dollars, counted from the journal by hand."""
    usages = [row["call"]["usage"] for row in folder.journal_rows()]
    n_in, n_out = sum(u["prompt_tokens"] for u in usages), sum(u["completion_tokens"] for u in usages)
    return n_in + n_out, (n_in * 100.0 + n_out * 1000.0) / 1e6


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--cap-tokens", "--cap-dollars"])
def test_a_capped_run_keeps_within_the_cap_and_goes_on_with_a_higher_one(study_folder, endpoint, command, tmp_path, option):
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url, "concurrency": 3, "prices": PRICE})
    whole = RunFolder(tmp_path / "whole")
    assert command("run", study, "--out", whole.path)[0] == 0
    total = spent(whole)[option == "--cap-dollars"]
    endpoint.bodies.clear()

    folder, n_complete = RunFolder(tmp_path / "run"), 0
    for share in (0.3, 0.6):
        code, out, err = command("run", study, "--out", folder.path, option, f"{share * total:.6f}".rstrip("0").rstrip("."))
        assert code == 5, err
        assert "spend cap" in err and "give the same command again with a higher cap" in err
        assert spent(folder)[option == "--cap-dollars"] <= share * total
        assert len(list(folder.transcripts())) > n_complete, "each stage comes further"
        n_complete = len(list(folder.transcripts()))
        assert f"{n_complete} of 8 conversations are complete" in out
    code, out, err = command("run", study, "--out", folder.path, option, f"{1.5 * total:.6f}")
    assert (code, "8 of 8 conversations" in out) == (0, True), err
    assert len(endpoint.bodies) == len(list(folder.journal_rows())) == len(list(whole.journal_rows())), "nothing was paid for twice"


def test_dollars_are_not_capped_where_a_price_is_unknown(study_folder, endpoint, command):
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url})
    code, _, err = command("run", study, "--out", "run", "--cap-dollars", "5")
    assert code == 2
    assert "the price of openai:fake is unknown" in err
    assert '[run.prices."openai:fake"]' in err
    assert endpoint.bodies == []


@pytest.mark.parametrize("option", ["--cap-tokens", "--cap-dollars", "--requests-per-minute", "--tokens-per-minute"])
@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "many"])
def test_a_limit_that_is_none_is_refused(study_folder, command, option, value):
    code, _, err = command("run", study_folder.write(), option, value)
    assert code == 2
    assert option in err
    assert value in err


@pytest.mark.slow
def test_the_tier_reaches_the_endpoint_and_changes_no_conversation(study_folder, endpoint, command, tmp_path):
    study = study_folder.write(**{**OPENAI, "conditions": [DIRECT]}, run={"base_url": endpoint.url})
    assert command("run", study, "--out", tmp_path / "a", "--service-tier", "flex")[0] == 0
    assert {body["service_tier"] for body in endpoint.bodies} == {"flex"}
    assert command("run", study, "--out", tmp_path / "b")[0] == 0
    assert "service_tier" not in endpoint.bodies[-1]
    assert RunFolder(tmp_path / "a").planned() == RunFolder(tmp_path / "b").planned()


def test_a_models_own_limit_holds_beside_the_run_s(study_folder, endpoint, command, tmp_path):
    models = {"persuader_model": "openai:fast", "persuadee_models": ["openai:slow"], "conditions": [VS]}
    run = {"base_url": endpoint.url, "concurrency": 8, "endpoints": {"openai:slow": {"concurrency": 1}}}
    open_now, most = {"openai:slow": 0, "openai:fast": 0}, {"openai:slow": 0, "openai:fast": 0}
    study_folder.people([f"p{i}" for i in range(8)])
    study = study_folder.write(**models, rounds=1, run=run)
    reply = endpoint.reply

    def counting(body):
        name = "openai:" + body["model"]
        open_now[name] += 1
        most[name] = max(most[name], open_now[name])
        try:
            time.sleep(0.03)
            return reply(body)
        finally:
            open_now[name] -= 1

    endpoint.reply = counting
    assert command("run", study, "--out", tmp_path / "run")[0] == 0
    assert most["openai:slow"] == 1 < most["openai:fast"]


@pytest.mark.slow
def test_hundreds_of_requests_are_in_flight_at_once():
    """The client's own limit, 100 connections, does not hold."""

    async def ask(url: str) -> None:
        async with open_models(["openai:x"], run=RunOptions(base_url=url, concurrency=300), temperature=0.7, top_p=1.0) as models:
            request = Request([{"role": "user", "content": '"reply": ...'}], None, 99, 5)
            await asyncio.gather(*(models["openai:x"].answer("t000.0", request) for _ in range(300)))

    with serving(reply="fixed", latency=2.0) as endpoint:
        asyncio.run(ask(endpoint.url))
        assert endpoint.stats()["most_in_flight"] == 300


@pytest.mark.slow
def test_a_cap_holds_over_starts_that_divide_the_plan_differently(study_folder, endpoint, command, tmp_path):
    study_folder.people([f"p{i}" for i in range(12)])
    study = study_folder.write(**OPENAI, rounds=1, run={"base_url": endpoint.url, "concurrency": 4})
    whole = RunFolder(tmp_path / "whole")
    assert command("run", study, "--out", whole.path)[0] == 0
    cap = int(0.6 * spent(whole)[0])
    folder = RunFolder(tmp_path / "run")
    for options in ([], ["--workers", "2"], ["--shard", "1/3"], ["--shard", "3/3"], []):
        code, _, err = command("run", study, "--out", folder.path, "--cap-tokens", str(cap), *options)
        assert code == 5 or (options and code == 0), err
        assert spent(folder)[0] <= cap
    assert "part" not in err
    assert spent(folder)[0] > 0.8 * cap, "little is left unspent: conversations wait for those under way instead of ending the run"


def test_the_sentence_of_a_cap_says_what_is_spent_and_what_the_next_one_takes(study_folder, endpoint, command):
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url, "concurrency": 3})
    code, out, err = command("run", study, "--out", "run", "--cap-tokens", "100")
    assert code == 5
    assert "goes past the spend cap; 0 of 100 tokens spent" in err
    assert "the next conversation may take" in err
    assert "table:" not in out, "there is nothing to compare"
    assert endpoint.bodies == []


def test_more_workers_than_requests_at_a_time_are_refused(study_folder, endpoint, command):
    study = study_folder.write(**OPENAI, run={"base_url": endpoint.url, "concurrency": 2})
    code, _, err = command("run", study, "--shard", "1/3")
    assert code == 2
    assert "concurrency = 2: 3 workers would have a request in flight each; start no more than 2" in err


def test_a_plan_says_where_the_cap_ends_it(study_folder, command):
    study = study_folder.write(run={"prices": {"scripted:donation": {"input": 1, "output": 1}}})
    code, out, _ = command("plan", study, "--cap-tokens", "3000")
    assert code == 0
    assert "the cap of 3,000 tokens ends the run after about 1 of 8 conversations" in out
    assert "the cap of 0.001 dollars ends the run after" in command("plan", study, "--cap-dollars", "0.001")[1]
    assert "ends the run" not in command("plan", study, "--cap-tokens", "3000000")[1]


@pytest.mark.slow
def test_what_a_model_without_a_price_took_earlier_is_not_taken_for_nothing(study_folder, endpoint, command, tmp_path):
    run = {"base_url": endpoint.url, "prices": PRICE}
    study, out = study_folder.write(**{**OPENAI, "conditions": [DIRECT]}, run=run), tmp_path / "run"
    assert command("run", study, "--out", out)[0] == 0
    assert command("outcome", "read", out, "--all", "--model", "scripted:donation")[0] == 0
    n = len(endpoint.bodies)
    study = study_folder.write(**{**OPENAI, "conditions": [DIRECT]}, replicates=2, run=run)
    code, _, err = command("run", study, "--out", out, "--cap-dollars", "5")
    assert code == 2
    assert f"cap_dollars = 5: the price of scripted:donation, which has answered in {out}, is unknown" in err
    assert '[run.prices."scripted:donation"]' in err
    assert len(endpoint.bodies) == n
    assert command("run", study, "--out", out, "--cap-tokens", "1e9")[0] == 0, "tokens are known"


@pytest.mark.slow
@pytest.mark.parametrize("options", [[], ["--workers", "2"]])
def test_a_study_of_prompts_keeps_within_its_cap_and_goes_on(prompt_study, endpoint, command, tmp_path, options):
    endpoint.reply = lambda body: json.dumps({"candidates": [{"reply": "Paris", "probability": 1}, {"reply": "Lyon", "probability": 1}]})
    run = {"base_url": endpoint.url, "prices": PRICE, "concurrency": 2}
    study = prompt_study.write(models="openai:fake", conditions=[SEQUENCE, VS_OF_TWO], n_replies=40, run=run)
    whole, folder = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "run")
    assert command("run", study, "--out", whole.path)[0] == 0
    total = spent(whole)[1]
    code, _, err = command("run", study, "--out", folder.path, "--cap-tokens", "100", *options)
    assert (code, folder.responses()) == (5, [])
    assert "the next asking may take" in err and "past the spend cap" in err
    code, out, err = command("run", study, "--out", folder.path, "--cap-dollars", f"{total / 2:.6f}", *options)
    assert (code, "past the spend cap" in err) == (5, True)
    assert total / 4 < spent(folder)[1] <= total / 2
    assert f"{len(folder.responses())} of 80 askings are complete" in out
    assert command("run", study, "--out", folder.path, "--cap-dollars", f"{2 * total:.6f}", *options)[0] == 0
    assert spent(folder)[1] == total, "nothing was paid for twice"
