"""vs-sim status: what it says of tokens, of those that a provider had cached, of dollars and caps."""

import json
from typing import Any

import pytest

from tests.conftest import DIRECT
from tests.runs import scripted
from vs_sim.locks import RunLock
from vs_sim.shard import WHOLE, Shard
from vs_sim.status import status


@pytest.fixture
def said(study_folder, tmp_path):
    """A run of one conversation of three rounds whose requests have 100 tokens each; `said(*cached)` writes what is said of each."""
    study_folder.people(["ann"])
    folder = scripted(study_folder, tmp_path / "run", conditions=[DIRECT], rounds=3)
    journal = folder / "journal" / "00001.jsonl"
    rows = [json.loads(line) for line in journal.read_text("utf-8").splitlines()]
    assert [row["call"]["step"].split(".")[0] for row in rows] == [*(f"t{n:03d}" for n in range(6)), "decide"]

    def write(*cached: int | None) -> Any:
        for row, n in zip(rows, cached, strict=True):
            row["call"]["usage"].update(prompt_tokens=100, cached_tokens=n)
        journal.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        return status(folder)

    return write


def test_cached_tokens_are_summed_over_all_and_over_what_comes_after_the_first_round(said):
    found = said(0, 4, 70, 75, 80, 85, 90)
    assert found.to_dict()["cache"] == {"n_calls": 7, "prompt_tokens": 700, "cached_tokens": 404}
    assert found.to_dict()["cache_from_round_2"] == {"n_calls": 5, "prompt_tokens": 500, "cached_tokens": 400}
    assert "  404 of 700 prompt tokens came from the cache (58 %, 80 % from round 2 on)" in str(found).splitlines()


def test_a_provider_that_does_not_say_is_none_and_not_0(said):
    found = said(*[None] * 7)
    assert (found.cache, found.cache_from_round_2) == (None, None)
    assert "cache" not in str(found)
    assert "  0 of 700 prompt tokens came from the cache (0 %, 0 % from round 2 on)" in str(said(*[0] * 7)).splitlines()


def test_the_share_is_of_those_who_say_and_their_number_is_named(said):
    found = said(0, None, 60, None, 80, None, None)
    assert found.to_dict()["cache"] == {"n_calls": 3, "prompt_tokens": 300, "cached_tokens": 140}
    assert "  140 of 300 prompt tokens came from the cache (47 %, 70 % from round 2 on; known of 3 calls)" in str(found).splitlines()
    found = said(0, 3, *[None] * 5)
    assert found.cache_from_round_2 is None
    assert "  3 of 200 prompt tokens came from the cache (2 %; known of 2 calls)" in str(found).splitlines()


def with_last_run(folder, **run):
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["starts"][-1]["run"].update(run)
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_dollars_are_told_where_all_prices_are_known_and_the_cap_beside_them(study_folder, tmp_path):
    study_folder.people(["ann"])
    folder = scripted(study_folder, tmp_path / "run", conditions=[DIRECT], rounds=3)
    assert (status(folder).dollars, status(folder).cap_tokens, status(folder).cap_dollars) == (None, None, None)
    assert "$" not in str(status(folder))
    with_last_run(folder, prices={"scripted:donation": {"input": 100, "output": 1000}}, cap_dollars=5, cap_tokens=90000)
    found = status(folder)
    assert found.dollars == pytest.approx((found.prompt_tokens * 100 + found.completion_tokens * 1000) / 1e6)
    assert (found.cap_tokens, found.cap_dollars) == (90000, 5)
    assert f"{found.completion_tokens:,} out, $0." in str(found)
    assert "  spend cap of the last start: 90,000 tokens and $5.00" in str(found).splitlines()
    with_last_run(folder, prices={"scripted:another": {"input": 100, "output": 1000}})
    assert status(folder).dollars is None, "an unknown price is not nothing"


@pytest.mark.parametrize(
    "prices", [{"scripted:donation": {"input": "much"}}, {"scripted:donation": 3}, "cheap", {"m": {"input": -1, "output": 1}}]
)
def test_damaged_prices_are_a_sentence(study_folder, tmp_path, command, prices):
    study_folder.people(["ann"])
    folder = scripted(study_folder, tmp_path / "run", conditions=[DIRECT], rounds=1)
    with_last_run(folder, prices=prices)
    code, _, err = command("status", folder)
    assert code == 2
    assert "starts.0.run.prices" in err


def test_what_the_cache_held_reaches_the_journal_and_the_status(study_folder, endpoint, command):
    study = study_folder.write(persuader_model="openai:fake", persuadee_models=["openai:fake"], run={"base_url": endpoint.url})
    assert command("run", study, "--out", "run")[0] == 0
    found = json.loads(command("status", "run", "--json")[1])
    assert found["cache"] == {"n_calls": found["n_calls"], "prompt_tokens": found["prompt_tokens"], "cached_tokens": 7 * found["n_calls"]}


@pytest.mark.parametrize("shard", [WHOLE, Shard(2, 8)])
def test_a_run_that_holds_its_folder_and_has_no_manifest_yet_is_just_starting(tmp_path, command, shard):
    folder = tmp_path / "r"
    folder.mkdir()
    lock = RunLock(folder, shard)
    lock.take()
    try:
        code, out, err = command("status", "r")
    finally:
        lock.release()
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert err.startswith("vs-sim: r is just starting: a run holds it and has not written its manifest.json yet; ask again")
    assert command("status", "r")[2].startswith("vs-sim: r is no run folder: it has no manifest.json")
