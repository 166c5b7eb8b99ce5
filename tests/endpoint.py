"""An OpenAI-compatible server on loopback that a test scripts: it counts what it is asked and breaks where it is told to."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from vs_sim.scripted import scripted_model

Body = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """What is sent in place of a chat completion."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    reset: bool = False


def refusal(status: int, message: str, code: str | None = None, **headers: str) -> Fault:
    """An error in the form in which OpenAI sends it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status, json.dumps({"error": {"message": message, "type": "error", "code": code}}), headers=named)


HTML = Fault(200, "<html><body><h1>Welcome to the proxy</h1></body></html>", "text/html")
CUT_OFF = Fault(200, '{"id": "chatcmpl-1", "object": "chat.completion", "choices": [{"index": 0, "mess')
RESET = Fault(reset=True)
NO_CHOICES = Fault(200, json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": []}))
NO_TEXT = Fault(
    200,
    json.dumps(
        {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": None}}],
        }
    ),
)


@lru_cache(maxsize=1)
def _donation() -> Any:
    return scripted_model("donation")


def donation_reply(body: Body) -> str:
    """The reply of the shipped rules `scripted:donation`: the same messages, the same reply."""
    return str(_donation().invoke(body["messages"]).content)


class Endpoint:
    """What the server was asked, and what it shall answer. All of it may be changed while it runs.

    Attributes:
        url: its base_url.
        bodies: every chat request, in the order of arrival.
        keys: the Authorization header of every request, listing of models included.
        delay_s: seconds before each answer.
        reply: body -> text of the answer.
        fault: (number of the request from 0, body) -> what is sent instead; None to answer.
        models_fault: the same for `GET models`.
        logprobs: (body, text of the answer) -> its tokens with their log-probabilities, in OpenAI's form, where they are asked for;
            None to give none.
        most_in_flight: most requests that were open at the same time.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[Body] = []
        self.times: list[float] = []
        self.keys: list[str | None] = []
        self.delay_s = 0.0
        self.reply: Callable[[Body], str] = donation_reply
        self.fault: Callable[[int, Body], Fault | None] = lambda n, body: None
        self.models_fault: Fault | None = None
        self.logprobs: Callable[[Body, str], list[dict[str, Any]] | None] = lambda body, text: None
        self.most_in_flight = 0
        self._in_flight = 0
        self._lock = threading.Lock()

    def enter(self, body: Body) -> int:
        with self._lock:
            self.bodies.append(body)
            self.times.append(time.monotonic())
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
            return len(self.bodies) - 1

    def leave(self) -> None:
        with self._lock:
            self._in_flight -= 1

    def completion(self, n: int, body: Body) -> Fault:
        """A sound answer; its model name carries the number of the request, so that a journal can be held against the server."""
        text = self.reply(body)
        tokens = self.logprobs(body, text) if body.get("logprobs") else None
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        n_in, n_out = sum(len(m["content"]) for m in body["messages"]) // 4, len(text) // 4
        return Fault(
            200,
            json.dumps(
                {
                    "id": f"chatcmpl-{n}",
                    "object": "chat.completion",
                    "created": 1,
                    "model": f"served-{n}",
                    "choices": [choice if tokens is None else {**choice, "logprobs": {"content": tokens, "refusal": None}}],
                    "usage": {
                        "prompt_tokens": n_in,
                        "completion_tokens": n_out,
                        "total_tokens": n_in + n_out,
                        "prompt_tokens_details": {"cached_tokens": 7},
                    },
                }
            ),
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    endpoint: Endpoint

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed leaves broken connections: nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        endpoint = self.server.endpoint
        endpoint.keys.append(self.headers["Authorization"])
        self._send(endpoint.models_fault or Fault(200, json.dumps({"object": "list", "data": []})))

    def do_POST(self) -> None:
        endpoint = self.server.endpoint
        endpoint.keys.append(self.headers["Authorization"])
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        n = endpoint.enter(body)
        try:
            time.sleep(endpoint.delay_s)
            answer = endpoint.fault(n, body) or endpoint.completion(n, body)
        finally:
            endpoint.leave()
        self._send(answer)

    def _send(self, answer: Fault) -> None:
        if answer.reset:
            self.connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        data = answer.body.encode()
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.content_type, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def serving() -> Iterator[Endpoint]:
    """A server on a free port of loopback, stopped at the end."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
