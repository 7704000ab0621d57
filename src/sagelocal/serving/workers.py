"""Worker processes for the user's own handlers: forked after the imports, each loads the model for itself.

The event loop stays with the parent, which runs no user code after the fork: a slow or a crashing
`predict_fn` keeps nobody from being pinged. Parent and worker talk over a socket pair in frames of three
lengths and their bytes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import sys
from collections import deque
from typing import TYPE_CHECKING

from sagelocal.serving import handlers

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.serving.batching import Request

_FRAME = struct.Struct("!III")
READY = 1
FAILED = 2


class WorkerDiedError(RuntimeError):
    """A worker process ended by itself; its exit status is in the message."""


def serve(sock: socket.socket, load: Callable[[], handlers.Handlers]) -> None:
    """Run a worker: load the model, say so, and answer frames one at a time until the parent closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent drains and then closes the pair; a TERM to the whole group must not cut a prediction short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stream = sock.makefile("rb")
    try:
        loaded = load()
    except BaseException as error:  # noqa: BLE001  (the user's model_fn may raise anything, SystemExit too)
        handlers.failure(error)
        sock.sendall(bytes([FAILED]))
        return
    sock.sendall(bytes([READY]))
    while head := stream.read(_FRAME.size):
        kind, accept, size = _FRAME.unpack(head)
        content_type, wanted, body = (stream.read(length) for length in (kind, accept, size))
        answer = loaded.answer(body, content_type.decode(), wanted.decode())
        sys.stdout.flush()
        encoded = answer.content_type.encode()
        sock.sendall(_FRAME.pack(answer.status, len(encoded), len(answer.body)) + encoded + answer.body)


class Worker:
    """The parent's end of one worker."""

    def __init__(self, load: Callable[[], handlers.Handlers]) -> None:
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                ours.close()
                serve(theirs, load)
                status = 0
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        theirs.close()
        self.sock = ours
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ready(self) -> bool:
        """Wait until the model is loaded; False when it could not be."""
        self.sock.setblocking(False)
        self._streams = await asyncio.open_connection(sock=self.sock, limit=2**20)
        return await self._streams[0].read(1) == bytes([READY])

    async def ask(self, request: Request) -> handlers.Answer:
        """Send one request and wait for its answer."""
        assert self._streams is not None
        reader, writer = self._streams
        kind, accept = request.content_type.encode(), request.accept.encode()
        writer.write(_FRAME.pack(len(kind), len(accept), len(request.body)))
        writer.writelines((kind, accept, request.body))
        try:
            status, size, length = _FRAME.unpack(await reader.readexactly(_FRAME.size))
            content_type = (await reader.readexactly(size)).decode()
            return handlers.Answer(status, content_type, await reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise WorkerDiedError(
                f"the worker process {self.pid} died while it answered a request"
            ) from error

    def close(self) -> None:
        """Let the worker end after what it does now."""
        if self._streams is not None:
            self._streams[1].close()


class Pool:
    """Gives each waiting request to the next idle worker, in order of arrival."""

    def __init__(self, workers: list[Worker], died: Callable[[], None]) -> None:
        self._workers = workers
        self._died = died
        self._idle = deque(workers)
        self._waiting: deque[Request] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def submit(self, request: Request) -> None:
        """Take a request."""
        self._waiting.append(request)
        self._next()

    def close(self) -> None:
        """Let every worker end."""
        for worker in self._workers:
            worker.close()

    def _next(self) -> None:
        while self._waiting and self._idle:
            task = asyncio.ensure_future(self._run(self._idle.popleft(), self._waiting.popleft()))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, worker: Worker, request: Request) -> None:
        try:
            answer = await worker.ask(request)
        except WorkerDiedError as error:
            request.deliver(handlers.failure(error))
            self._died()
            return
        request.deliver(answer)
        self._idle.append(worker)
        self._next()
