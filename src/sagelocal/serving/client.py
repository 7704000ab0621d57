"""The service's way to a model server: HTTP/1.1 over its unix socket, with connections kept and reused."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

import httptools

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

LONGEST_ADDRESS = 100
"""Bytes of a unix socket's path; Linux allows 107, others less."""


_PIECE_BYTES = 1 << 16
MOST_WAITING_BYTES = 1 << 20
"""Of a streamed answer: when more was not taken yet, no more is read."""


class UnreachableError(ConnectionError):
    """Nothing answers on the socket, or the server went away in the middle of an answer."""


class Reply(NamedTuple):
    """A response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Head(NamedTuple):
    """A response of which the body still comes."""

    status: int
    headers: Mapping[str, str]
    parts: AsyncIterator[bytes]


class _Parts:
    """What came of a streamed answer and was not taken yet; where that is much, no more is read."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._queue: asyncio.Queue[bytes | UnreachableError | None] = asyncio.Queue()
        self._size = 0

    def put(self, part: bytes | UnreachableError | None) -> None:
        """Take a part, why there are no more, or None when the answer is whole."""
        self._queue.put_nowait(part)
        if isinstance(part, bytes):
            self._size += len(part)
            if self._size > MOST_WAITING_BYTES and not self._transport.is_closing():
                self._transport.pause_reading()

    async def each(self) -> AsyncIterator[bytes]:
        """Give the parts."""
        while (part := await self._queue.get()) is not None:
            if isinstance(part, UnreachableError):
                raise part
            self._size -= len(part)
            if self._size <= MOST_WAITING_BYTES // 2 and not self._transport.is_closing():
                self._transport.resume_reading()
            yield part


class _Connection(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[Reply] | None = None
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._parts: _Parts | None = None
        self._head: asyncio.Future[tuple[int, dict[str, str]]] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.served = 0

    @property
    def open(self) -> bool:
        """Whether another request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._writable.set()
        error = UnreachableError(f"the model server closed the connection: {exc or 'no reason'}")
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)
        if self._head is not None and not self._head.done():
            self._head.set_exception(error)
        if self._parts is not None:
            self._parts.put(error)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._reply is not None and not self._reply.done():
                self._reply.set_exception(UnreachableError(f"the model server's answer is no HTTP: {error}"))
            self.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 200 and self._head is not None and not self._head.done():  # noqa: PLR2004
            self._head.set_result((status, self._headers))

    def on_body(self, body: bytes) -> None:
        if self._parts is not None:
            self._parts.put(body)
        else:
            self._chunks.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if self._parts is not None and status >= 200:  # noqa: PLR2004
            self._parts.put(None)
            self._parts = None
        if status < 200:  # noqa: PLR2004  (100 Continue: the answer is still to come)
            self._headers = {}
            return
        reply = Reply(status, self._headers, b"".join(self._chunks))
        self._headers, self._chunks = {}, []
        self.served += 1
        if not self._parser.should_keep_alive():
            self.close()
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(reply)

    async def ask(self, head: bytes, body: bytes) -> Reply:
        """Send a request and return the answer."""
        if self._transport is None:
            raise UnreachableError("the connection is closed")
        self._reply = asyncio.get_running_loop().create_future()
        if len(body) < _PIECE_BYTES:
            self._transport.write(head + body)  # one packet
        else:
            self._transport.write(head)
            await self._write(body)
        return await self._reply

    async def _write(self, body: bytes) -> None:
        """Write a large body piece by piece, as it is taken: the transport would copy what has to wait."""
        whole = memoryview(body)
        for start in range(0, len(whole), _PIECE_BYTES):
            if self._transport is None:
                return  # the reply tells why
            self._transport.write(whole[start : start + _PIECE_BYTES])
            await self._writable.wait()

    async def begin(self, head: bytes, body: bytes) -> Head:
        """Send a request and return the answer's head; its parts come as the server sends them."""
        if self._transport is None:
            raise UnreachableError("the connection is closed")
        parts = self._parts = _Parts(self._transport)
        self._head = asyncio.get_running_loop().create_future()
        self._transport.writelines((head, body))
        status, headers = await self._head
        return Head(status, headers, parts.each())

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class Client:
    """Asks the model server behind one socket. To be used from one event loop only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[_Connection] = []
        self.in_flight = 0

    async def get(self, target: str, seconds: float) -> Reply:
        """GET `target`; see `post`."""
        return await self._exchange(
            f"GET {target} HTTP/1.1\r\nHost: model\r\n\r\n".encode("latin-1"), b"", seconds
        )

    async def post(self, target: str, headers: Mapping[str, str], body: bytes, seconds: float) -> Reply:
        """POST `body` to `target`.

        Raises:
            UnreachableError: nothing listens, or the server went away before its answer was whole.
            TimeoutError: there was no answer within that time.

        """
        lines = [f"POST {target} HTTP/1.1", "Host: model", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {_clean(value)}" for name, value in headers.items()]
        return await self._exchange(
            ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"), body, seconds
        )

    @contextlib.asynccontextmanager
    async def stream(self, target: str, headers: Mapping[str, str], body: bytes) -> AsyncIterator[Head]:
        """POST `body` to `target` on a connection of its own, and give the answer as it comes.

        Raises:
            UnreachableError: nothing listens, or the server went away before its answer began.

        """
        lines = [f"POST {target} HTTP/1.1", "Host: model", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {_clean(value)}" for name, value in headers.items()]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        self.in_flight += 1
        try:
            with contextlib.closing(await self._connect()) as connection:
                yield await connection.begin(head, body)
        finally:
            self.in_flight -= 1

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.pop().close()

    async def _exchange(self, head: bytes, body: bytes, seconds: float) -> Reply:
        self.in_flight += 1
        try:
            async with asyncio.timeout(seconds):
                return await self._send(head, body)
        finally:
            self.in_flight -= 1

    async def _send(self, head: bytes, body: bytes) -> Reply:
        while True:
            connection = self._take() or await self._connect()
            reused = connection.served > 0
            try:
                reply = await connection.ask(head, body)
            except UnreachableError:
                if reused:
                    continue  # the server closed an idle connection just then; a fresh one tells the truth
                raise
            except BaseException:
                connection.close()
                raise
            if connection.open:
                self._idle.append(connection)
            return reply

    def _take(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.open:
                return connection
        return None

    async def _connect(self) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            with address(self._path) as path:
                _, connection = await loop.create_unix_connection(_Connection, path)
        except OSError as error:
            raise UnreachableError(f"no model server listens on {self._path}: {error.strerror}") from error
        return connection


@contextlib.contextmanager
def address(path: Path) -> Iterator[str]:
    """Give a socket's address, shortened by way of an open folder when the path is too long for one."""
    if len(os.fsencode(path)) <= LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _clean(value: str) -> str:
    return value.replace("\r", " ").replace("\n", " ")
