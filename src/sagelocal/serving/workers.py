"""Worker processes for the user's own handlers: the first loads the model, and is forked into the others.

Where a fork would not do (see `sharing`), each loads the model for itself. The event loop stays with the
parent, which runs no user code after the fork: a slow or a crashing `predict_fn` keeps nobody from being
pinged. Parent and worker talk over a socket pair in frames of three lengths and their bytes.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import os
import signal
import socket
import struct
import sys
from collections import deque
from typing import TYPE_CHECKING, Any

from sagelocal.serving import handlers, parts, sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sagelocal.serving.batching import Request

_FRAME = struct.Struct("!III")
_STATE = struct.Struct("!BI")
"""What a worker says first: one of the following, and its process id."""
READY = 1
FAILED = 2
ALONE = 3
"""It is ready, but the others must load the model for themselves."""
MORE, ENDED, CUT = 1 << 16, 1 << 17, 1 << 18
"""Flags in a frame's status: a part of an answer, its end, or its end before it was whole."""
_STATUS = MORE - 1
_LEFT = 0xFFFFFFFF
LEAVE = _FRAME.pack(_LEFT, 0, 0)
"""What a worker is sent during an answer that nobody takes any more; no content type has that length."""
_LARGE = 65536
"""Bytes of a body that is not copied to be sent in one piece with what is before it."""


SENT = handlers.Answer(0, "", b"")
"""Stands for an answer that went out part by part."""


class WorkerDiedError(RuntimeError):
    """A worker process ended by itself; the message names it."""


def serve(
    sock: socket.socket, load: Callable[[], handlers.Handlers], others: Sequence[socket.socket]
) -> None:
    """Run a worker: load the model, fork into the `others` if that can be, and answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The parent drains and then closes the pair; a TERM to the whole group must not cut a prediction short.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    before = sharing.files()
    try:
        loaded = load()
    except BaseException as error:  # noqa: BLE001  (the user's model_fn may raise anything, SystemExit too)
        handlers.failure(error)
        _say(sock, FAILED)
        return
    gc.freeze()
    state = _share(sock, loaded, others, sharing.obstacle(before)) if others else READY
    _say(sock, state)
    _answer(sock, loaded)


def _say(sock: socket.socket, state: int) -> None:
    sock.sendall(_STATE.pack(state, os.getpid()))


def _share(
    sock: socket.socket, loaded: handlers.Handlers, others: Sequence[socket.socket], obstacle: str
) -> int:
    """Fork this worker into the others, unless there is an obstacle; return the state to tell."""
    way = (
        f"each worker loads the model for itself: {obstacle}"
        if obstacle
        else "workers share the loaded model"
    )
    print(f"model server: {way}", flush=True)  # noqa: T201
    if obstacle:
        for other in others:
            other.close()
        return ALONE
    for other in others:
        _fork(functools.partial(_follow, other, loaded, [sock, *others]))
    for other in others:
        other.close()  # else the parent would not see that its worker is gone
    return READY


def _follow(sock: socket.socket, loaded: handlers.Handlers, everybodys: Sequence[socket.socket]) -> None:
    for each in everybodys:
        if each is not sock:
            each.close()
    _say(sock, READY)
    _answer(sock, loaded)


def _fork(run: Callable[[], None]) -> int:
    """Run something in a process of its own and return its id."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        run()
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _answer(sock: socket.socket, loaded: handlers.Handlers) -> None:
    """Answer frames one at a time until the parent closes."""
    stream = sock.makefile("rb")
    while head := stream.read(_FRAME.size):
        kind, accept, size = _FRAME.unpack(head)
        if kind == _LEFT:
            continue  # that answer has ended
        content_type, wanted, body = (stream.read(length) for length in (kind, accept, size))
        answer = loaded.answer(body, content_type.decode(), wanted.decode())
        if isinstance(answer, handlers.Streamed):
            _send_parts(sock, answer)
            continue
        sys.stdout.flush()
        encoded = answer.content_type.encode()
        sock.sendall(_FRAME.pack(answer.status, len(encoded), len(answer.body)) + encoded + answer.body)


def _send_parts(sock: socket.socket, answer: handlers.Streamed) -> None:
    """Send what a generator gives, as it comes: a frame for each part, and one that says how it ended.

    It is closed when the parent leaves.
    """
    encoded, end = answer.content_type.encode(), ENDED
    sock.sendall(_FRAME.pack(answer.status | MORE, len(encoded), 0) + encoded)
    try:
        for part in answer.parts:
            if _is_left(sock):
                end = CUT
                getattr(answer.parts, "close", _nothing)()
                break
            body = part.encode() if isinstance(part, str) else bytes(part)
            if body:
                sock.sendall(_FRAME.pack(answer.status | MORE, 0, len(body)) + body)
    except Exception as error:  # noqa: BLE001  (the user's generator may raise anything)
        handlers.failure(error)
        end = CUT
    sys.stdout.flush()
    sock.sendall(_FRAME.pack(end, 0, 0))


def _is_left(sock: socket.socket) -> bool:
    """Tell whether the parent has said something, or is gone: during an answer it can only be `LEAVE`."""
    try:
        sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True


def _nothing() -> None:
    """Do nothing."""


class Worker(asyncio.Protocol):
    """The parent's end of one worker: one request at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self.pid = 0
        self.sock = sock
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[int] | None = None
        self._answered: Callable[[handlers.Answer | None], None] | None = None
        self._deliver: Callable[[Any], None] | None = None
        self._parts: parts.Parts | None = None
        self._buffer = bytearray()
        self._closing = False
        self.died: Callable[[], None] = _nothing
        """Called when the worker ends by itself, busy or idle."""

    async def ready(self) -> int:
        """Wait until the model is loaded; return `READY`, `ALONE`, or `FAILED` when it could not be."""
        loop = asyncio.get_running_loop()
        self._ready = loop.create_future()
        await loop.create_connection(lambda: self, sock=self.sock)
        return await self._ready

    def ask(self, request: Request, answered: Callable[[handlers.Answer | None], None]) -> None:
        """Send a request; `answered` gets the answer, or None when the worker died."""
        # Not the request: its body would stay here as long as the worker is at it.
        self._answered, self._deliver = answered, request.deliver
        kind, accept = request.content_type.encode(), request.accept.encode()
        head = b"".join((_FRAME.pack(len(kind), len(accept), len(request.body)), kind, accept))
        if self._transport is None:
            self._finish(None)
        elif len(request.body) < _LARGE:
            self._transport.write(head + request.body)
        else:
            self._transport.writelines((head, request.body))

    def hold(self) -> None:
        """Read nothing for now: the worker waits when it has sent what fits into the socket."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read again."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def leave(self) -> None:
        """Have the worker end its answer; it may have, by now."""
        self.go_on()
        if self._transport is not None:
            self._transport.write(LEAVE)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport (asyncio)."""
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        """Gather an answer (asyncio)."""
        if self._ready is not None and not self._ready.done():
            state, self.pid = _STATE.unpack(data)
            self._ready.set_result(state)
            return
        self._buffer += data
        if len(self._buffer) < _FRAME.size:
            return
        status, kind, size = _FRAME.unpack_from(self._buffer)
        if len(self._buffer) < _FRAME.size + kind + size:
            return
        if status > _STATUS:
            self._take_parts()
            return
        body = bytes(self._buffer[_FRAME.size + kind :])
        content_type = self._buffer[_FRAME.size : _FRAME.size + kind].decode()
        self._buffer.clear()
        self._finish(handlers.Answer(status, content_type, body))

    def _take_parts(self) -> None:
        """Hand on the parts of an answer that are whole."""
        while len(self._buffer) >= _FRAME.size:
            status, kind, size = _FRAME.unpack_from(self._buffer)
            end = _FRAME.size + kind + size
            if len(self._buffer) < end:
                return
            content_type = self._buffer[_FRAME.size : _FRAME.size + kind].decode()
            body = bytes(self._buffer[_FRAME.size + kind : end])
            del self._buffer[:end]
            if not status & MORE:
                self._end_parts(parts.WHOLE if status == ENDED else parts.BROKEN)
            elif self._parts is None:
                self._parts = parts.Parts(self)
                if self._deliver is not None:
                    self._deliver((status & _STATUS, content_type, self._parts))
            else:
                self._parts.feed(body)

    def _end_parts(self, how: parts.Part) -> None:
        ended, self._parts = self._parts, None
        if ended is not None:
            self.go_on()  # the next answer is another connection's
            ended.feed(how)
            self._finish(SENT)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Tell who waits (asyncio)."""
        self._transport = None
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(FAILED)
        self._end_parts(parts.BROKEN)
        self._finish(None)
        if not self._closing:
            self.died()

    def close(self) -> None:
        """Let the worker end after what it does now."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def _finish(self, answer: handlers.Answer | None) -> None:
        answered, self._answered = self._answered, None
        if answered is not None:
            answered(answer)


async def start(load: Callable[[], handlers.Handlers], count: int) -> list[Worker]:
    """Start worker processes and wait until they are ready; none when the model cannot be loaded."""
    pairs = [socket.socketpair() for _ in range(count)]
    ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]

    def run(number: int, others: Sequence[socket.socket]) -> None:
        # Else a worker would not see that the parent is gone, nor the parent that a worker is.
        for sock in (*ours, *(each for each in theirs if each not in (theirs[number], *others))):
            if sock.fileno() >= 0:
                os.close(sock.fileno())
        serve(theirs[number], load, others)

    workers = [Worker(sock) for sock in ours]
    _fork(functools.partial(run, 0, theirs[1:]))
    theirs[0].close()
    state = await workers[0].ready()
    if state == ALONE:
        for number in range(1, count):
            _fork(functools.partial(run, number, ()))
    for sock in theirs[1:]:
        sock.close()
    states = [state, *await asyncio.gather(*(worker.ready() for worker in workers[1:]))]
    return [] if FAILED in states else workers


class Pool:
    """Gives each waiting request to the next idle worker, in order of arrival."""

    def __init__(self, workers: list[Worker], died: Callable[[], None]) -> None:
        self._workers = workers
        for worker in workers:
            worker.died = died
        self._idle = deque(workers)
        self._waiting: deque[Request] = deque()

    @property
    def depth(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def submit(self, request: Request) -> None:
        """Take a request."""
        if self._idle:
            self._give(self._idle.popleft(), request)
        else:
            self._waiting.append(request)

    def close(self) -> None:
        """Let every worker end."""
        for worker in self._workers:
            worker.close()

    def _give(self, worker: Worker, request: Request) -> None:
        worker.ask(request, functools.partial(self._answered, worker, request.deliver))

    def _answered(
        self, worker: Worker, deliver: Callable[[Any], None], answer: handlers.Answer | None
    ) -> None:
        if answer is None:
            words = f"worker process {worker.pid} died while it answered a request"
            deliver(handlers.failure(WorkerDiedError(words)))
            return
        # The next request goes out before this answer, so that the worker does not wait for the network.
        if self._waiting:
            self._give(worker, self._waiting.popleft())
        else:
            self._idle.append(worker)
        if answer is not SENT:
            deliver(answer)
