"""A text's probability is the product of what the model says of each of its tokens; scores are kept as they come."""

import http.server
import json
import math
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vs_sim import fetch
from vs_sim.embedded import EmbeddedServer
from vs_sim.errors import ContextFull, EndpointError, InputError
from vs_sim.text_score import TextScore, read_scores, score_all, score_text

PIECES: dict[str, list[dict[str, object]]] = {
    "ab": [{"id": 1, "piece": "a"}, {"id": 2, "piece": "b"}],
    "é": [{"id": 3, "piece": [195]}, {"id": 4, "piece": [169]}],
    "wrong": [{"id": 9, "piece": "wrong"}],
}


class Canned(http.server.BaseHTTPRequestHandler):
    """A server that knows three texts: token i has log-probability -i; it generates token 8 in place of 9."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, {}
        if self.headers["Authorization"] != "Bearer key":
            status = 401
        elif self.path == "/apply-template":
            answer = {"prompt": f"<{asked['messages'][0]['content']}>"}
        elif self.path == "/tokenize":
            answer = {"tokens": PIECES[asked["content"]] if asked["with_pieces"] else [100] * len(asked["content"])}
        elif asked["n_predict"] == 1 and asked["n_probs"] > 1:  # the whole vocabulary
            answer = {
                "completion_probabilities": [{"id": 1, "logprob": 0, "top_logprobs": [{"id": i, "logprob": -i} for i in range(4, 0, -1)]}]
            }
        else:
            ids = [int(part[2:-2]) for part in asked["grammar"].removeprefix("root ::= ").split()]
            answer = {"completion_probabilities": [{"id": 8 if i == 9 else i, "logprob": -i} for i in ids]}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def canned() -> Iterator[EmbeddedServer]:
    server = EmbeddedServer(fetch.Weights("tiny", Path("tiny.gguf"), "0"), n_ctx=50)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Canned) as endpoint:
        threading.Thread(target=endpoint.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        server.base_url, server.api_key = f"http://127.0.0.1:{endpoint.server_port}/v1", "key"
        yield server
        endpoint.shutdown()


def test_log_probabilities_of_tokens_are_summed(canned: EmbeddedServer) -> None:
    assert score_text(canned, "Say.", "ab") == TextScore(model="tiny", prompt="Say.", text="ab", log_pi=-3.0, n_tokens=2)


def test_tokens_that_end_within_a_character_are_looked_up(canned: EmbeddedServer) -> None:
    assert score_text(canned, "Say.", "é").log_pi == -7.0


def test_a_server_that_generates_something_else_is_refused(canned: EmbeddedServer) -> None:
    with pytest.raises(EndpointError, match="generated other tokens than it was held to"):
        score_text(canned, "Say.", "wrong")


def test_a_server_that_refuses_or_is_gone_is_named(canned: EmbeddedServer) -> None:
    canned.api_key = "other"
    with pytest.raises(EndpointError, match="the server of 'tiny' refused /apply-template") as error:
        score_text(canned, "Say.", "ab")
    assert error.value.status == 401
    canned.base_url = "http://127.0.0.1:9/v1"
    with pytest.raises(EndpointError, match="the server of 'tiny' did not answer /apply-template"):
        score_text(canned, "Say.", "ab")


def test_what_does_not_fit_or_is_no_text_is_refused(canned: EmbeddedServer) -> None:
    with pytest.raises(ContextFull, match="prompt and text have 64 tokens, expected fewer than the 50 of the context: leave out 'ab'"):
        score_text(canned, "x" * 60, "ab")
    with pytest.raises(ValueError, match="text is empty"):
        score_text(canned, "Say.", "")


def test_scores_are_kept_one_by_one_and_a_torn_line_is_cut_off(canned: EmbeddedServer, tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    given = score_all(canned, [("A", "ab"), ("B", "é"), ("C", "wrong")], path)
    assert next(given).prompt == "A"
    assert list(read_scores(path)) == [("tiny", "A", "ab")], "kept before the next is asked"
    assert next(given).prompt == "B"
    with pytest.raises(EndpointError):
        next(given)
    path.write_bytes(path.read_bytes()[:-5])
    assert list(read_scores(path)) == [("tiny", "A", "ab")]
    assert len(list(score_all(canned, [("B", "é")], path))) == 1
    assert [key[1] for key in read_scores(path)] == ["A", "B"]


def test_a_file_that_holds_something_else_is_refused(canned: EmbeddedServer, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("notes\n")
    with pytest.raises(InputError, match=r"notes\.txt, line 1: b'notes' is no score"):
        read_scores(path)
    with pytest.raises(InputError, match="cannot be written"):
        list(score_all(canned, [("A", "ab")], tmp_path / "nowhere" / "scores.jsonl"))
    assert read_scores(tmp_path / "none.jsonl") == {}


@pytest.fixture(scope="module")
def smollm2() -> Iterator[EmbeddedServer]:
    path = fetch.cache_folder() / "smollm2-135m.gguf"
    assert path.exists(), "fetch the weights first: vs-sim model fetch smollm2-135m (or leave these tests out: -m 'not embedded')"
    with EmbeddedServer(fetch.resolve("smollm2-135m"), n_parallel=1, n_ctx=1024) as server:
        yield server


@pytest.mark.slow
@pytest.mark.embedded
def test_a_real_model_finds_the_usual_more_probable_than_the_same_words_shuffled(smollm2: EmbeddedServer) -> None:
    usual = score_text(smollm2, "What is the capital of France?", "The capital of France is Paris.")
    shuffled = score_text(smollm2, "What is the capital of France?", "capital The of is France Paris.")
    assert shuffled.log_pi < usual.log_pi - 20 < 0
    assert score_text(smollm2, usual.prompt, usual.text).log_pi == pytest.approx(usual.log_pi, abs=0.01), "the cache changes nothing"


@pytest.mark.slow
@pytest.mark.embedded
def test_a_real_model_s_score_is_the_product_of_its_full_distributions(smollm2: EmbeddedServer) -> None:
    text = "A 🎉"  # whole characters, and tokens that end within one
    # Each token's log-probability once more, from a softmax over the whole vocabulary after the tokens before it.
    from vs_sim.text_score import _post, _tokens

    asked = _post(smollm2, "/apply-template", {"messages": [{"role": "user", "content": "Hello!"}]})["prompt"]
    before = _tokens(smollm2, asked, add_special=True, parse_special=True, with_pieces=False)
    ids = _tokens(smollm2, text, add_special=False, parse_special=False, with_pieces=False)
    total = 0.0
    for i, token in enumerate(ids):
        how = {"n_predict": 1, "n_probs": 100_000, "grammar": 'root ::= "b"', "cache_prompt": False}
        (first,) = _post(smollm2, "/completion", {"prompt": before + ids[:i], **how})["completion_probabilities"]
        known = {one["id"]: one["logprob"] for one in first["top_logprobs"]}
        assert math.fsum(map(math.exp, known.values())) == pytest.approx(1, abs=0.01)
        total += known[token]
    assert score_text(smollm2, "Hello!", text).log_pi == pytest.approx(total, abs=0.01)
