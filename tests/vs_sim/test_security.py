"""Keys stay in memory, servers on loopback, and files where they were asked for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DIRECT, KEY, PERSUADER, VS, StudyFolder
from tests.endpoint import Body, Endpoint, Fault, donation_reply, refusal
from tests.human_data import write_csv
from vs_sim.errors import VsSimError
from vs_sim.models import Request
from vs_sim.providers import open_models
from vs_sim.run_options import RunOptions
from vs_sim.store import RunFolder

pytestmark = pytest.mark.timeout(300)
MODEL = "openai:fake"
CANARY = "canary-9f8e7d6c5b4a"
"""Value of a variable that is nobody's business."""
FORMATS = ("csv", "jsonl", "parquet", "convokit", "hf")
Run = Callable[..., tuple[int, str, str]]


def echoing(n: int, body: Body) -> Fault | None:
    """Faults of an endpoint that repeats the key wherever it can, apart from what its model says."""
    if n % 9 == 2:
        return refusal(500, f"Authorization was Bearer {KEY}", x_key=KEY)
    if n % 9 == 4:
        return Fault(502, f"<html><title>{KEY}</title><p class='{KEY}'>{KEY}<br>{KEY[:9]}</p></html>", "text/html", {"X-Key": KEY})
    if n % 9 == 6:
        return Fault(200, f"<html>Bearer {KEY}</html>", "text/html")
    if n % 9 == 8:
        return refusal(400, f"content_filter: {KEY}", "content_filter", x_key=KEY)
    return None


def files_with(secret: str, folder: Path) -> list[Path]:
    """Files below a folder whose content or name holds it."""
    held = [p for p in folder.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
    return held + [p for p in folder.rglob("*") if secret in p.name]


def study_at(endpoint: Endpoint, folder: StudyFolder, **run: Any) -> Path:
    where = {"base_url": endpoint.url, "api_key_env": "MY_SECRET", "max_tries": 2, "concurrency": 1, **run}
    return folder.write(persuader_model=MODEL, persuadee_models=[MODEL], rounds=1, conditions=[DIRECT, VS], run=where)


def watched_run(endpoint: Endpoint, study_folder: StudyFolder, command: Run) -> tuple[Path, str]:
    study = study_at(endpoint, study_folder)
    code, out, err = command("run", study, "--watch", "--out", "mine", MY_SECRET=KEY, SOMETHING_ELSE=CANARY)
    assert code in (0, 1, 3), err
    assert any(key == f"Bearer {KEY}" for key in endpoint.keys)
    return study_folder.path.parent / "mine", out + err


@pytest.mark.slow
def test_a_key_that_the_endpoint_repeats_reaches_no_file_and_no_terminal(
    endpoint: Endpoint, study_folder: StudyFolder, command: Run
) -> None:
    study_folder.people(["ann", "ben"])
    endpoint.fault = echoing
    folder, printed = watched_run(endpoint, study_folder, command)
    assert files_with("[key]", folder)  # that it was said, and taken out
    for verb, *rest in (("status",), ("show",), ("report",), ("bundle", "--incomplete"), *(("export", "--to", to) for to in FORMATS)):
        code, out, err = command(verb, folder, *rest)
        assert code in (0, 1), err
        printed += out + err
    assert (folder / "report.html").is_file() and len(list(folder.glob("export-*"))) == len(FORMATS)
    for secret in (KEY, CANARY):
        assert secret not in printed
        assert files_with(secret, folder) == []


@pytest.mark.slow
@pytest.mark.parametrize("where", ["text", "model", "finish_reason", "service_tier"])
def test_a_key_in_an_answer_is_not_recorded(endpoint: Endpoint, study_folder: StudyFolder, command: Run, where: str) -> None:
    def with_key(n: int, body: Body) -> Fault:
        answer = json.loads(sound(n, body).body)
        if where == "text":
            message = answer["choices"][0]["message"]
            message["content"] = donation_reply(body).replace("I ", f"My key is {KEY}, I ", 1)
        elif where == "model":
            answer["model"] = f"fake-{KEY}"
        elif where == "service_tier":
            answer["service_tier"] = KEY
        else:
            answer["choices"][0]["finish_reason"] = KEY
        return Fault(200, json.dumps(answer))

    sound = endpoint.completion
    endpoint.fault = with_key
    folder, printed = watched_run(endpoint, study_folder, command)
    assert KEY not in printed
    assert files_with(KEY, folder) == []


@pytest.mark.parametrize("raised", [RuntimeError, ValueError, KeyError])
def test_an_exception_that_nobody_foresaw_does_not_print_the_key(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch, raised: type[Exception]
) -> None:
    import asyncio
    import traceback

    monkeypatch.setenv("MY_SECRET", KEY)

    async def asking() -> None:
        run = RunOptions(base_url=endpoint.url, api_key_env="MY_SECRET", max_tries=1)
        async with open_models([MODEL], run=run, temperature=0.7, top_p=1.0) as models:
            model = models[MODEL]
            assert KEY not in f"{model!r} {model} {run!r}"

            async def broken(*_: Any, **__: Any) -> None:
                raise raised(f"headers were {{'Authorization': 'Bearer {KEY}'}}")

            object.__setattr__(model.chat, "ainvoke", broken)
            object.__setattr__(model.chat, "_agenerate", broken)
            await model.answer("t000.0", Request([{"role": "user", "content": "?"}], None, 9, 1))

    with pytest.raises(VsSimError) as caught:
        asyncio.run(asking())
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "address",
    [f"http://{KEY}@127.0.0.1:9/v1", f"http://me:{KEY}@127.0.0.1:9/v1", f"http://127.0.0.1:9/v1?key={KEY}", f"http://127.0.0.1:9/#{KEY}"],
)
@pytest.mark.parametrize("by", ["study", "option", "model"])
def test_a_key_in_an_address_is_refused_and_not_repeated(study_folder: StudyFolder, command: Run, address: str, by: str) -> None:
    run = {"study": {"base_url": address}, "option": {}, "model": {"endpoints": {MODEL: {"base_url": address}}}}[by]
    study = study_folder.write(persuader_model=MODEL, persuadee_models=[MODEL], run=run)
    before = sorted(study_folder.path.parent.rglob("*"))
    code, out, err = command("run", study, "--out", "mine", *(("--base-url", address) if by == "option" else ()))
    assert code == 2 and KEY not in out + err and "without user" in err
    assert sorted(study_folder.path.parent.rglob("*")) == before


# --- sockets ----------------------------------------------------------------------------------------------------------------------------


def listening(pid: int | str = "self") -> set[str]:
    """Addresses on which a process listens, as the kernel writes them."""
    inodes = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found = re.match(r"socket:\[(\d+)\]", os.readlink(link))
        except OSError:
            continue
        inodes |= {found[1]} if found else set()
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]]
    return {row[1].rpartition(":")[0] for row in rows if row[3] == "0A" and row[9] in inodes}


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks the Linux kernel")
def test_test_servers_listen_on_loopback_only(endpoint: Endpoint) -> None:
    assert listening() == {"0100007F"}


@pytest.mark.embedded
@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="asks the Linux kernel")
def test_the_server_of_an_embedded_model_listens_on_loopback_only() -> None:
    from vs_sim.embedded import EmbeddedServer
    from vs_sim.fetch import resolve

    with EmbeddedServer(resolve("smollm2-135m")) as server:
        assert listening(server.pid) == {"0100007F"}


# --- names ------------------------------------------------------------------------------------------------------------------------------

LONG = "x" * 300
NAMES = ["../../x", "/tmp/escaped-x", "con", "$(touch x)", "~root", "a\nb", "a\0b"]


def outside(root: Path, inside: Path) -> list[Path]:
    return sorted(p for p in root.rglob("*") if inside != p and inside not in p.parents)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*NAMES, LONG], ids=lambda n: repr(n)[:20])
def test_names_in_a_study_write_nothing_elsewhere(study_folder: StudyFolder, command: Run, name: str, tmp_path: Path) -> None:
    quoted = json.dumps(name)
    (study_folder.path / "persuaders.toml").write_text(PERSUADER.replace('id = "asker"', f"id = {quoted}"), "utf-8")
    person = {"id": name, "text": "You are one."}
    (study_folder.path / "odd.jsonl").write_text(json.dumps(person) + "\n", "utf-8")
    studies = []
    for i, keys in enumerate(
        (
            {},  # the persuader's id
            {"personas": {"persuader": "people.toml", "persuadee": "odd.jsonl"}},
            {"personas": {"persuader": "people.toml", "persuadee": "people.toml"}, "conditions": [{**DIRECT, "name": "NAME"}]},
            {"personas": {"persuader": "people.toml", "persuadee": "people.toml"}, "scenario": "NAME"},
            {"personas": {"persuader": "people.toml", "persuadee": "people.toml"}, "persuadee_models": ["scripted:NAME"]},
            {"personas": {"persuader": "people.toml", "persuadee": "NAME"}},
        )
    ):
        text = study_folder.write(**{"conditions": [DIRECT], "rounds": 1, **keys}).read_text("utf-8")
        studies.append(study_folder.path / f"study-{i}.toml")
        studies[-1].write_text(re.sub(r'"(scripted:)?NAME"', lambda m: json.dumps((m[1] or "") + name), text), "utf-8")
    (study_folder.path / "study.toml").unlink()
    home = tmp_path / "runs"
    before = outside(tmp_path, home)
    escaped = [Path("/tmp/escaped-x"), tmp_path.parent / "x", tmp_path.parent.parent / "x"]
    for i, study in enumerate(studies):
        folder = home / str(i)
        code, _, err = command("run", study, "--out", folder)
        assert code in (0, 2, 3, 4), err
        assert code == 0 or err.startswith("vs-sim: "), err
        if code == 0:
            for verb, *rest in (("report",), ("export", "--to", "csv"), ("export", "--to", "convokit")):
                assert command(verb, folder, *rest)[0] == 0
            assert command("strategies", "sheet", folder, "--out", folder / "sheet.csv")[0] == 0
    assert outside(tmp_path, home) == before
    assert not any(path.exists() for path in escaped)


@pytest.mark.parametrize("name", NAMES[:3], ids=lambda n: repr(n)[:20])
def test_names_in_human_files_write_nothing_elsewhere(command: Run, name: str, tmp_path: Path) -> None:
    from tests.human_data import TALKS

    talks = [type(TALKS[0])(f"{name}{i}", (f"{name}a{i}", f"{name}b{i}")) for i in range(2)]
    write_csv(tmp_path / "p4g", talks)
    before = outside(tmp_path, tmp_path / "human")
    assert command("human", "import", tmp_path / "p4g", "--out", tmp_path / "human")[0] in (0, 2)
    assert outside(tmp_path, tmp_path / "human") == before


@pytest.mark.slow
@pytest.mark.parametrize("model", ["scripted:donation", *(f"openai:{name}" for name in (*NAMES, LONG))], ids=lambda n: repr(n)[:20])
def test_the_default_run_folder_of_any_model_name_lies_below_runs(
    study_folder: StudyFolder, command: Run, endpoint: Endpoint, model: str, tmp_path: Path
) -> None:
    study = study_folder.write(conditions=[DIRECT], rounds=1)
    before = outside(tmp_path, tmp_path / "runs")
    code, _, err = command("run", study, "--model", model, "--base-url", endpoint.url)
    assert code in (0, 2), err
    assert code == 0 or err.startswith("vs-sim: "), err
    assert outside(tmp_path, tmp_path / "runs") == before


@pytest.mark.parametrize(
    "name",
    [
        "../x.jsonl",
        "/x/y.jsonl",
        "a\0b.jsonl",
        f"{LONG}.jsonl",
    ],
    ids=lambda n: repr(n)[:20],
)
def test_what_is_named_on_the_command_line_is_written_there_or_refused(command: Run, name: str, tmp_path: Path) -> None:
    there = tmp_path / "in"
    there.mkdir()
    code, _, err = command("personas", "synthesize", "-n", 3, "--out", there / name if not name.startswith("/") else name)
    assert code == (0 if name == "../x.jsonl" else 2), err
    assert sorted(p.name for p in tmp_path.iterdir()) == (["in", "x.jsonl"] if code == 0 else ["in"])
    assert list(there.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("word", ["EMPTY", "cents", "dummy", "whatever"])
def test_a_word_that_stands_in_for_a_key_stays_in_replies(
    endpoint: Endpoint, study_folder: StudyFolder, command: Run, tmp_path: Path, word: str
) -> None:
    said = f"I like {word} a lot."
    endpoint.reply = lambda body: json.dumps({"reply": 20 if "decide in private" in str(body) else said})
    study = study_folder.write(persuader_model=MODEL, persuadee_models=[MODEL], conditions=[DIRECT], run={"base_url": endpoint.url})
    assert command("run", study, "--out", "run", OPENAI_API_KEY=word)[0] == 0
    assert {turn.text for t in RunFolder(tmp_path / "run").transcripts() for turn in t.turns} == {said}


def test_an_address_in_the_environment_shows_no_password(study_folder: StudyFolder, command: Run) -> None:
    study = study_folder.write(persuader_model=MODEL, persuadee_models=[MODEL])
    code, _, err = command("run", study, OPENAI_API_KEY=KEY, OPENAI_BASE_URL="http://me:hunter2pass@127.0.0.1:9/v1")
    assert code == 3
    assert "OPENAI_BASE_URL: expected an address such as http://localhost:8000/v1, without user, password or query" in err
    assert "hunter2" not in err


def test_prompts_follow_no_redirect(endpoint: Endpoint, study_folder: StudyFolder, command: Run) -> None:
    from tests.endpoint import serving

    with serving() as elsewhere:
        to = {"Location": f"{elsewhere.url}/chat/completions"}
        endpoint.fault = lambda n, body: Fault(307, "", headers=to)
        study = study_folder.write(persuader_model=MODEL, persuadee_models=[MODEL], run={"base_url": endpoint.url})
        code, _, err = command("run", study, OPENAI_API_KEY=KEY)
        assert code == 3
        assert "sends requests elsewhere (HTTP 307)" in err
        assert elsewhere.bodies == []
