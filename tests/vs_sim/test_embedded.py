"""The embedded server starts, says who it is, and is gone when it should be, even after kill -9 of its parent."""

from __future__ import annotations

import asyncio
import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

from vs_sim import fetch
from vs_sim.chat import messages
from vs_sim.condition import Condition
from vs_sim.embedded import EmbeddedServer, check_model, usable_cores, why_it_ended
from vs_sim.errors import EndpointError, ModelUnavailable, WeightsError
from vs_sim.graph import PERSUADER
from vs_sim.models import Request
from vs_sim.personas import load_personas, render
from vs_sim.propose import MESSAGE, Thing, amount_on
from vs_sim.providers import open_models
from vs_sim.records import Role, Turn
from vs_sim.run_options import RunOptions
from vs_sim.scenario import DEFAULT, load_scenario


class Named(http.server.BaseHTTPRequestHandler):
    """An endpoint that says it serves the model `other`."""

    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": "other", "meta": {"n_ctx": 4096}}]}).encode()
        self.send_response(200 if self.headers["Authorization"] == "Bearer key" else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def other() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Named) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


@pytest.fixture(scope="module")
def smollm2() -> fetch.Weights:
    path = fetch.cache_folder() / "smollm2-135m.gguf"
    assert path.exists(), "fetch the weights first: vs-sim model fetch smollm2-135m (or leave these tests out: -m 'not embedded')"
    return fetch.resolve("smollm2-135m")


@pytest.fixture(scope="module")
def server(smollm2: fetch.Weights) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(smollm2, n_ctx=2048) as running:
        yield running


def ask(server: EmbeddedServer, content: str = "", *, key: str | None = None, **more: Any) -> dict[str, Any]:
    body = {"model": server.model, "messages": [{"role": "user", "content": content}], "max_tokens": 8, **more}
    request = urllib.request.Request(
        f"{server.base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key or server.api_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        answer: dict[str, Any] = json.load(reply)
    return answer


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    give_up = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up, "waited in vain"
        time.sleep(0.02)


def test_a_server_that_answers_for_another_model_is_refused(other: str) -> None:
    assert check_model(other, "key", "other") == 4096
    with pytest.raises(ModelUnavailable, match="answers as 'other', expected 'mine': another server holds its port"):
        check_model(other, "key", "mine")
    with pytest.raises(ModelUnavailable, match=r"cannot say which model it serves: .*401"):
        check_model(other, "wrong key", "other")


@pytest.mark.parametrize(
    ("returncode", "log", "said"),
    [
        (-signal.SIGILL, "", "lacks instructions that the library needs (AVX2 on x86-64)"),
        (-signal.SIGKILL, "", "the system killed it, most likely for lack of memory"),
        (1, "ImportError: libgomp.so.1: cannot open shared object file", "the system library libgomp is missing"),
        (1, "Traceback\n  line\n\nRuntimeError: no", "(exit status 1); it last said: Traceback / line / RuntimeError: no"),
        (3, "", "(exit status 3); it last said: nothing"),
    ],
)
def test_the_reason_why_a_server_ended_is_one_sentence(returncode: int, log: str, said: str) -> None:
    sentence = why_it_ended("mine", returncode, log)
    assert sentence.startswith("the server of the embedded model 'mine' ended while starting")
    assert said in sentence


@pytest.mark.parametrize("size", ["n_parallel", "n_ctx", "n_threads"])
def test_sizes_below_one_are_refused(size: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"{size} is 0, expected a whole number of at least 1"):
        EmbeddedServer(fetch.Weights("mine", tmp_path / "mine.gguf", ""), **{size: 0})


def test_at_least_one_core_is_used() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_without_the_package_the_command_that_installs_it_is_named() -> None:
    code = """
        import sys
        from pathlib import Path
        from vs_sim.embedded import EmbeddedServer
        from vs_sim.fetch import Weights
        sys.path[:] = [p for p in sys.path if "site-packages" not in p]
        try:
            EmbeddedServer(Weights("mine", Path("mine.gguf"), "")).start()
        except Exception as error:
            print(type(error).__name__, error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("ModelUnavailable the embedded model 'mine' needs the package xllamacpp, which is not installed")
    assert "pip install 'vs-sim[embedded]'" in done.stdout


@pytest.mark.embedded
def test_the_server_answers_under_the_name_of_the_model(server: EmbeddedServer) -> None:
    assert server.base_url.startswith("http://127.0.0.1:")
    assert server.n_ctx_per_slot == 2048
    assert check_model(server.base_url, server.api_key, "smollm2-135m") == 2048
    answer = ask(server, "Say one word.")
    assert answer["model"] == "smollm2-135m"
    assert answer["usage"]["completion_tokens"] > 0
    with pytest.raises(ModelUnavailable, match="answers as 'smollm2-135m', expected 'another'"):
        check_model(server.base_url, server.api_key, "another")


@pytest.mark.embedded
def test_a_request_without_the_key_is_refused(server: EmbeddedServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401") as caught:
        ask(server, "Say one word.", key="no key")
    caught.value.close()
    assert server.pid is not None
    assert server.api_key not in Path(f"/proc/{server.pid}/cmdline").read_text()
    assert server.api_key.encode() not in Path(f"/proc/{server.pid}/environ").read_bytes()


@pytest.mark.embedded
def test_each_speaker_keeps_its_prompt_cached(server: EmbeddedServer) -> None:
    prompts = {who: f"You are {who}. " + f"{who} talks about what {who} likes. " * 8 for who in ("Ada the nurse", "Bob the baker")}
    for turn in range(2):
        for prompt in prompts.values():
            usage = ask(server, prompt + "And so on. " * turn)["usage"]
            if turn:
                assert usage["prompt_tokens_details"]["cached_tokens"] > 0.8 * usage["prompt_tokens"]


PERSONAS = Path(__file__).parents[2] / "personas"

SAID = (
    "Hi there! How is your week going so far?",
    "Busy, but fine. My daughter starts school on Monday.",
    "Lovely! Have you heard of Save the Children? They pay for books and meals.",
    "I know the name, yes. I gave to a food bank last winter.",
    "Would you give fifty cents of your payment to them today?",
    "Perhaps. What do they do with it, and how much reaches the children?",
)


@pytest.mark.slow
@pytest.mark.embedded
def test_from_round_2_on_most_of_a_request_comes_from_the_cache(server: EmbeddedServer) -> None:
    """Of every speaker's turns, and of an arm's requests together with the private decision, which is asked for in other words."""
    scenario, condition = load_scenario(DEFAULT), Condition(name="vs", method="vs_standard", k=5)  # the longest request
    people = {role: load_personas(PERSONAS / f"{role}s.toml")[0] for role in get_args(Role)}  # a persona of usual length
    base = {role: scenario.render(role, persona=render(people[role]), rounds=3) for role in get_args(Role)}
    said = [Turn(index=i, role="persuadee" if i % 2 else "persuader", text=text) for i, text in enumerate(SAID)]

    def asked(n: int, role: Role, own: Condition, thing: Thing, situation: str) -> tuple[int, int]:
        question, speakers = scenario.render(situation, reply_words=30), scenario.speakers
        what: Any = {"question": question, "condition": own, "thing": thing}
        shown = messages(base=base[role], role=role, turns=said[:n], form="transcript", speakers=speakers, **what)
        usage = ask(server, messages=shown, max_tokens=1)["usage"]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

    tokens: dict[Role, list[tuple[int, int]]] = {"persuader": [], "persuadee": []}
    for turn in said:
        own = PERSUADER if turn.role == "persuader" else condition
        tokens[turn.role].append(asked(turn.index, turn.role, own, MESSAGE, f"next_{turn.role}"))
    decision = asked(len(said), "persuadee", condition, amount_on(scenario.scale), "decide")
    for role, counts in tokens.items():
        for prompt, cached in counts[1:]:
            assert cached >= 0.7 * prompt, role
    later = [*tokens["persuader"][1:], *tokens["persuadee"][1:], decision]
    assert sum(cached for _, cached in later) >= 0.7 * sum(prompt for prompt, _ in later)


@pytest.mark.embedded
def test_replies_keep_to_a_schema_with_listed_probabilities(server: EmbeddedServer) -> None:
    candidate = {
        "type": "object",
        "additionalProperties": False,
        "required": ["text", "probability"],
        "properties": {"text": {"type": "string", "maxLength": 20}, "probability": {"type": "number", "enum": [0.1, 0.3, 0.6]}},
    }
    schema = {"type": "array", "items": candidate, "minItems": 2, "maxItems": 2}
    wanted = {"type": "json_schema", "json_schema": {"name": "candidates", "strict": True, "schema": schema}}
    answer = ask(server, "Two replies with probabilities, as JSON.", response_format=wanted, max_tokens=200, temperature=1.0, seed=1)
    candidates = json.loads(answer["choices"][0]["message"]["content"])
    assert len(candidates) == 2
    assert all(c["probability"] in (0.1, 0.3, 0.6) for c in candidates)


@pytest.mark.embedded
def test_a_prompt_that_is_too_long_is_named_by_its_type(server: EmbeddedServer) -> None:
    with pytest.raises(urllib.error.HTTPError, match="400") as caught:
        ask(server, "word " * 3000)
    error = json.load(caught.value)["error"]
    caught.value.close()
    assert error["type"] == "exceed_context_size_error"
    assert error["n_prompt_tokens"] > error["n_ctx"] == 2048


@pytest.mark.embedded
def test_the_server_stops_when_its_context_fails(smollm2: fetch.Weights) -> None:
    running = EmbeddedServer(smollm2, n_ctx=512, n_parallel=1)
    pids: list[int | None] = []

    def fail() -> None:
        with running:
            pids.append(running.pid)
            raise RuntimeError("something else went wrong")

    with pytest.raises(RuntimeError, match="something else went wrong"):
        fail()
    assert pids[0] is not None
    assert not alive(pids[0])
    assert running.pid is None
    running.stop()  # once more does nothing


def our_servers() -> set[int]:
    """Process ids of the servers that this process has started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            ours = f"\nPPid:\t{os.getpid()}\n" in (folder / "status").read_text()
            if ours and b"vs_sim.embedded" in (folder / "cmdline").read_bytes():
                found.add(int(folder.name))
    return found


@pytest.mark.embedded
@pytest.mark.skipif(not Path("/proc").exists(), reason="asks the Linux kernel for the server's process")
def test_a_server_that_died_is_not_taken_for_a_wrong_address() -> None:
    async def ask() -> None:
        run, others = RunOptions(max_tries=1), our_servers()
        async with open_models(["embedded:smollm2-135m"], run=run, temperature=0.7, top_p=1.0) as models:
            (server,) = our_servers() - others
            os.kill(server, signal.SIGKILL)
            await models["embedded:smollm2-135m"].answer("t000.0", Request([{"role": "user", "content": "Hello."}], None, 20, 1))

    with pytest.raises(EndpointError, match="the server that this command started for it has ended or hangs"):
        asyncio.run(ask())


@pytest.mark.embedded
def test_a_file_that_is_no_model_ends_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(1000))
    running = EmbeddedServer(fetch.resolve(str(path)))
    ended = r"server of the embedded model 'broken' ended while starting \(exit status 1\); it last said: .*failed to load model"
    with pytest.raises(WeightsError, match=ended):
        running.start()
    assert running.pid is None


@pytest.mark.embedded
def test_a_server_that_does_not_load_in_time_is_given_up(smollm2: fetch.Weights) -> None:
    running = EmbeddedServer(smollm2, start_timeout=0.01)
    with pytest.raises(WeightsError, match=r"'smollm2-135m' was not loaded within 0\.01 s"):
        running.start()
    assert running.pid is None


@pytest.mark.slow
@pytest.mark.embedded
@pytest.mark.parametrize("fork", [False, True])
def test_the_server_ends_when_its_parent_is_killed(smollm2: fetch.Weights, fork: bool) -> None:
    """Also when a fork of the parent lives on and holds the pipe to the server open."""
    code = f"""
        import os, sys, time
        from pathlib import Path
        from vs_sim.embedded import EmbeddedServer
        from vs_sim.fetch import Weights
        server = EmbeddedServer(Weights("smollm2-135m", Path({str(smollm2.path)!r}), ""), n_ctx=512, n_parallel=1).start()
        forked = 0
        if {fork}:
            forked = os.fork()
            if forked == 0:
                time.sleep(60)
                os._exit(0)
        print(server.pid, forked, flush=True)
        time.sleep(60)
    """
    with subprocess.Popen([sys.executable, "-W", "ignore", "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, forked = map(int, parent.stdout.readline().split())
        assert alive(pid)
        parent.kill()
        parent.wait()
        try:
            until(lambda: not alive(pid), seconds=10)
        finally:
            if fork:
                os.kill(forked, signal.SIGKILL)
