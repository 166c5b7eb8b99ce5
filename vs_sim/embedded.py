"""The language model that needs no key: a llama.cpp server in a child process, on this machine's loopback only.

`EmbeddedServer` starts the child, waits until it answers as the model that was asked for, and stops it. The child also ends by
itself when its parent is gone, however that came about, because its standard input then reaches its end.

Run as a program (``python -m vs_sim.embedded``) this module is that child; its first line of standard input is the API key.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import importlib.util
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import deque
from types import TracebackType
from typing import IO, Any, Self

from vs_sim.errors import ModelUnavailable, WeightsError
from vs_sim.fetch import Weights

N_CTX = 8192
"""Context of one slot in tokens: a P4G dialogue of 10 rounds with five candidates a turn needs less than half of it."""
N_PARALLEL = 2
"""Slots: persuader and persuadee each keep their prompt cached; more slots do not raise the throughput of a processor."""
HOST = "127.0.0.1"


class EmbeddedServer:
    """An OpenAI-compatible endpoint that serves one .gguf file, for as long as the context lasts.

        with EmbeddedServer(resolve("smollm2-135m")) as server:
            ask(server.base_url, server.api_key, server.model)

    Args:
        weights: what to serve, see `vs_sim.fetch.resolve`.
        n_parallel: number of slots, at least 1: prompts that are kept cached and answered side by side.
        n_ctx: context of one slot in tokens; lowered to the model's training context if that is shorter.
        n_threads: threads that compute; as many as this process may use if None.
        start_timeout: seconds that loading the model may take.

    Attributes:
        model: the name under which the endpoint serves the model.
        base_url: address that ends in ``/v1``; empty before the start.
        api_key: random key of this server; every request must carry it.
        n_ctx_per_slot: tokens that prompt and reply of one request may have together, as the running server states it.
        pid: process id of the server; None when it is not running.
    """

    def __init__(
        self,
        weights: Weights,
        *,
        n_parallel: int = N_PARALLEL,
        n_ctx: int = N_CTX,
        n_threads: int | None = None,
        start_timeout: float = 120.0,
    ) -> None:
        for name, value in (("n_parallel", n_parallel), ("n_ctx", n_ctx), ("n_threads", n_threads)):
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
        self.weights = weights
        self.model = weights.name
        self.base_url = ""
        self.api_key = secrets.token_urlsafe(24)
        self.n_ctx_per_slot = n_ctx
        self._n_parallel = n_parallel
        self._n_threads = n_threads or usable_cores()
        self._start_timeout = start_timeout
        self._child: subprocess.Popen[str] | None = None
        self._log: deque[str] = deque(maxlen=40)
        self._readers: list[threading.Thread] = []

    @property
    def pid(self) -> int | None:
        """Process id of the server; None when it is not running."""
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    @property
    def log_tail(self) -> str:
        """The last lines that the server wrote to its standard error."""
        return "\n".join(self._log)

    def start(self) -> Self:
        """Start the server and wait until it answers as the model that was asked for.

        Raises:
            ModelUnavailable: if the package that serves the model is missing, or another model answers.
            WeightsError: if the server ends or does not answer within the start time-out.
        """
        if self._child is not None:
            raise RuntimeError(f"the server of {self.model!r} was started already: leave its context before starting it again")
        if importlib.util.find_spec("xllamacpp") is None:
            raise ModelUnavailable(
                f"the embedded model {self.model!r} needs the package xllamacpp, which is not installed: run pip install 'vs-sim[embedded]'"
            )
        sizes = [self._n_parallel, self.n_ctx_per_slot, self._n_threads]
        child = subprocess.Popen(  # noqa: S603  our own module, and the file that the caller chose
            [sys.executable, "-m", "vs_sim.embedded", str(self.weights.path), self.model, *map(str, sizes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="replace",
            # Threads that wait must sleep: spinning ones slow a busy machine many times. It has to be set before the library loads.
            env={**os.environ, "OMP_WAIT_POLICY": "passive"},
            # Ctrl-C in the terminal reaches us, who then stop the server after what is in flight, and not the server first.
            start_new_session=True,
        )
        self._child = child
        atexit.register(self.stop)
        try:
            self._wait_until_ready(child)
        except BaseException:
            self.stop()
            raise
        return self

    def _wait_until_ready(self, child: subprocess.Popen[str]) -> None:
        assert child.stdin and child.stdout and child.stderr  # noqa: S101  all three are pipes
        said: queue.Queue[str] = queue.Queue()
        self._readers = [
            threading.Thread(target=_drain, args=(child.stdout, said.put), daemon=True),
            threading.Thread(target=_drain, args=(child.stderr, self._log.append), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        with contextlib.suppress(BrokenPipeError):  # the child is dead, which is reported below
            child.stdin.write(self.api_key + "\n")
            child.stdin.flush()
        give_up = time.monotonic() + self._start_timeout
        while time.monotonic() < give_up:
            with contextlib.suppress(queue.Empty):
                self.base_url = said.get(timeout=0.1) + "/v1"
                break
            if child.poll() is not None:
                self._readers[1].join(timeout=5)  # its last words
                raise WeightsError(why_it_ended(self.model, child.returncode, self.log_tail))
        else:
            raise WeightsError(
                f"the embedded model {self.model!r} was not loaded within {self._start_timeout:g} s: "
                "free memory and processor, or allow more time"
            )
        self.n_ctx_per_slot = check_model(self.base_url, self.api_key, self.model)

    def stop(self) -> None:
        """Stop the server and wait until it is gone; does nothing if it is not running."""
        child, self._child = self._child, None
        if child is None:
            return
        atexit.unregister(self.stop)
        assert child.stdin and child.stdout and child.stderr  # noqa: S101  all three are pipes
        with contextlib.suppress(BrokenPipeError):
            child.stdin.close()  # the polite way: the child ends at the end of its input
        for harder in (child.terminate, child.kill):
            try:
                child.wait(timeout=5)
            except subprocess.TimeoutExpired:
                harder()
        child.wait()
        for reader in self._readers:
            reader.join(timeout=5)
        child.stdout.close()
        child.stderr.close()
        self.base_url = ""

    def __enter__(self) -> Self:
        """Start the server."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the server, whatever happened."""
        self.stop()


def usable_cores() -> int:
    """Number of processor cores that this process may use, at least 1."""
    affinity = getattr(os, "sched_getaffinity", None)  # absent on macOS and Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def check_model(base_url: str, api_key: str, model: str) -> int:
    """Make sure that an endpoint serves the model that we think it does: a server left over on a port may serve another.

    Args:
        base_url: address that ends in ``/v1``.
        api_key: key of the endpoint.
        model: the name that it must give.

    Returns:
        Context of one slot in tokens, as the endpoint states it.

    Raises:
        ModelUnavailable: if it cannot be asked, or names other models.
    """
    request = urllib.request.Request(f"{base_url}/models", headers={"Authorization": f"Bearer {api_key}"})  # noqa: S310  loopback
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy has no business on loopback
    try:
        with opener.open(request, timeout=10) as reply:
            models: list[dict[str, Any]] = json.load(reply)["data"]
        named = [str(m["id"]) for m in models]
        n_ctx = [int(m["meta"]["n_ctx"]) for m in models]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable(f"the embedded server was started but cannot say which model it serves: {error!r}") from error
    if named != [model]:
        raise ModelUnavailable(
            f"the embedded server answers as {', '.join(map(repr, named)) or 'no model'}, expected {model!r}: "
            "another server holds its port; stop that one and start again"
        )
    return n_ctx[0]


def why_it_ended(model: str, returncode: int, log_tail: str) -> str:
    """One sentence on why the server ended before it answered.

    Args:
        model: name of the model.
        returncode: of the process; negative if a signal ended it.
        log_tail: last lines of its standard error.
    """
    start = f"the server of the embedded model {model!r} ended while starting"
    if "libgomp" in log_tail:
        return f"{start}: the system library libgomp is missing; install it (on Debian and Ubuntu: the package libgomp1)"
    if returncode == -signal.SIGILL:
        return f"{start}: this processor lacks instructions that the library needs (AVX2 on x86-64); use a model with an address"
    if returncode == -signal.SIGKILL:
        return f"{start}: the system killed it, most likely for lack of memory; free some, or serve fewer slots or a smaller model"
    lines = [line.strip() for line in log_tail.splitlines() if line.strip()]
    return f"{start} (exit status {returncode}); it last said: {' / '.join(lines[-6:]) or 'nothing'}"


def _drain(pipe: IO[str], put: Any) -> None:
    """Hand over every line of a pipe until it ends; a pipe that nobody reads would stop the server."""
    for line in pipe:
        put(line.rstrip("\n"))


def _end_with_parent(parent: int) -> None:
    """End this process when standard input ends, or when the parent is gone while a fork of it still holds the pipe open."""

    def read_to_the_end() -> None:
        while os.read(0, 4096):
            pass

    reader = threading.Thread(target=read_to_the_end, daemon=True)
    reader.start()
    while reader.is_alive() and os.getppid() == parent:
        reader.join(timeout=1.0)
    os._exit(0)


def _serve(argv: list[str]) -> None:
    """Be the child: load the model, say the address on standard output, and serve until the parent is gone."""
    parser = argparse.ArgumentParser(prog="python -m vs_sim.embedded", description="Serves one .gguf file for its parent process.")
    parser.add_argument("path")
    parser.add_argument("model")
    for size in ("n_parallel", "n_ctx", "n_threads"):
        parser.add_argument(size, type=int)
    args = parser.parse_args(argv)
    key = b""
    while not key.endswith(b"\n"):  # byte by byte: nothing behind the line may be swallowed by a buffer
        byte = os.read(0, 1)
        if not byte:
            return
        key += byte
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    address = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints is log; standard output carries the address alone

    import xllamacpp  # heavy and optional

    params = xllamacpp.CommonParams()
    params.model.path = args.path
    params.model_alias = {args.model}
    params.hostnames = [HOST]
    params.port = 0  # a free one
    params.api_keys = [key.decode().strip()]
    params.n_parallel = args.n_parallel
    params.n_ctx = args.n_ctx * args.n_parallel  # the library divides it among the slots
    params.cpuparams.n_threads = args.n_threads
    params.cpuparams_batch.n_threads = args.n_threads
    params.cache_ram_mib = 512  # prompts of further speakers, beyond those in the slots
    params.warmup = False
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1  # errors
    # What a request leaves out must mean "not used", as at other endpoints; the library's own defaults would cut the tail that
    # Verbalized Sampling is about.
    params.sampling.top_k = 0
    params.sampling.top_p = 1.0
    params.sampling.min_p = 0.0
    try:
        server = xllamacpp.Server(params)
    except RuntimeError:
        sys.exit(1)  # its log, which is all the parent tells, says more than the exception
    print(server.listening_address, file=address, flush=True)
    threading.Event().wait()


if __name__ == "__main__":
    _serve(sys.argv[1:])
