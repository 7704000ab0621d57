"""The model server of an endpoint instance or a transform job: `python -m sagelocal.serving.server …`.

It answers what a SageMaker container answers: `GET /ping`, `POST /invocations`, and 404 for `GET
/execution-parameters`, on a unix socket and, when asked, on a TCP port of the loopback. The socket appears
only after the model is loaded, so the first ping that is answered means that predictions are.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import importlib
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from sagelocal.serving import batching, handlers, http, memory, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

MAX_BODY_BYTES = 100 * 2**20
MAX_WAITING = 2048
"""Requests that may wait before new ones are turned away with 503."""
DRAIN_SECONDS = 30.0


class Backend(Protocol):
    """What computes answers: a `Batcher` or a `Pool`."""

    @property
    def depth(self) -> int:
        """Requests that wait."""

    def submit(self, request: batching.Request) -> None:
        """Take a request; its `deliver` is called in the event loop."""

    def close(self) -> None:
        """Let what runs end."""


class Application:
    """Routes of the container contract."""

    def __init__(self, backend: Backend, max_body: int) -> None:
        self._backend = backend
        self.max_body = max_body

    def handle(self, message: http.Message, respond: Callable[[int, str, bytes], None]) -> None:
        """Answer one request of a client."""
        path = message.target.partition(b"?")[0]
        if path == b"/invocations":
            if message.method != b"POST":
                respond(405, "text/plain", b"only POST is allowed on /invocations")
                return
            self._invoke(message, respond)
        elif path == b"/ping":
            respond(200, "application/json", b"\n")
        else:
            respond(404, "text/plain", b"not found: " + path[:200])

    def _invoke(self, message: http.Message, respond: Callable[[int, str, bytes], None]) -> None:
        if self._backend.depth >= MAX_WAITING:
            respond(503, "text/plain", b"%d requests wait already; try again later" % MAX_WAITING)
            return
        headers = message.headers
        self._backend.submit(
            batching.Request(
                message.body,
                headers.get(b"content-type", b"application/json").decode("latin-1"),
                headers.get(b"accept", b"").decode("latin-1"),
                lambda answer: respond(*answer),
            )
        )


async def serve(start: Callable[[], Coroutine[Any, Any, Backend]], arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM, then drain; return the exit status."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    backend = await start()
    connections: set[http.Connection] = set()
    factory = functools.partial(http.Connection, Application(backend, arguments.max_body), connections)
    servers = [await _listen(loop, factory, arguments.socket)]
    if arguments.port is not None:
        servers.append(await loop.create_server(factory, "127.0.0.1", arguments.port, backlog=1024))
        print("listening on port", servers[-1].sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await stop.wait()
    for server in servers:
        server.close()
    deadline = loop.time() + DRAIN_SECONDS
    while connections and loop.time() < deadline:
        for connection in list(connections):
            connection.drain()
        await asyncio.sleep(0.01)
    backend.close()
    return 0


async def _listen(loop: asyncio.AbstractEventLoop, factory: Callable[[], http.Connection], path: Path) -> Any:
    """Listen on a unix socket that appears under its name only when it listens."""
    return await loop.create_unix_server(factory, sock=_bind(path), backlog=1024)


def _bind(path: Path) -> socket.socket:
    """Bind by the bare name from within the folder: a socket's address has 108 bytes at most on Linux."""
    listener = socket.socket(socket.AF_UNIX)
    here, new = Path.cwd(), Path(f"{path.name}.new")
    os.chdir(path.parent)
    try:
        new.unlink(missing_ok=True)
        listener.bind(str(new))
        listener.listen(1024)
        new.rename(path.name)
    finally:
        os.chdir(here)
    return listener


async def _batched(loaded: handlers.Handlers) -> Backend:
    return batching.Batcher(loaded, asyncio.get_running_loop())


async def _forked(load: Callable[[], handlers.Handlers], count: int) -> Backend:
    pool = await workers.start(load, count)
    if not pool:
        sys.exit(1)
    # The parent cannot fork again safely from its loop; whoever started the server starts it anew.
    return workers.Pool(pool, lambda: os.kill(os.getpid(), signal.SIGTERM))


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Load the model and serve it; the exit status is 1 when it cannot be loaded."""
    parser = argparse.ArgumentParser(prog="sagelocal.serving.server")
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--port", type=int, help="also listen on this port of 127.0.0.1 (0: any)")
    parser.add_argument("--model-dir", type=Path, default=Path("/opt/ml/model"))
    parser.add_argument("--workers", type=int, help="worker processes at most")
    parser.add_argument("--max-body", type=int, default=MAX_BODY_BYTES, help="bytes of a request at most")
    arguments = parser.parse_args(argv)
    begin = time.perf_counter()
    memory.give_back_large(memory.KEPT)
    start: Callable[[], Coroutine[Any, Any, Backend]]
    try:
        module = handlers.import_program(arguments.model_dir, environ)
        load = functools.partial(handlers.load, module, arguments.model_dir, environ)
        count = min(handlers.worker_count(environ), arguments.workers or sys.maxsize)
        if handlers.customised(module):
            start = functools.partial(_forked, load, count)
            way = f"handlers of {module.__name__} in {count} worker processes"
        elif handlers.is_batch(environ) and count > 1:
            # Loaded after the fork only: a library's threads do not survive one.
            start = functools.partial(_forked, load, count)
            way = f"default handlers in {count} worker processes"
        else:
            loaded = load()
            start = functools.partial(_batched, loaded)
            way = loaded.fast.description if loaded.fast else "default handlers"
    except BaseException as error:  # noqa: BLE001  (the user's code may raise anything; the log says what)
        handlers.failure(error)
        return 1
    gc.freeze()
    print(f"model server: {way}; imported and loaded in {time.perf_counter() - begin:.2f} s", flush=True)  # noqa: T201
    return _run(serve(start, arguments))


def _run(main_coroutine: Coroutine[Any, Any, int]) -> int:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:
        return asyncio.run(main_coroutine)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main_coroutine)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
