"""HTTP/1.1 for the model server: an asyncio protocol per connection, parsed by httptools where importable.

The application behind it is one callable, so that the server has no framework between socket and `predict`.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from sagelocal.serving import parts
from sagelocal.serving.plainparser import BadRequestError, PlainParser

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_PIPELINED = 64
"""Requests of one connection that may wait for their turn before reading from it is paused."""


class Message(NamedTuple):
    """A request: header names are lower-case bytes."""

    method: bytes
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Application(Protocol):
    """What answers: `handle` calls `respond(status, content_type, body)` once, now or later, in the loop."""

    max_body: int

    def handle(self, message: Message, respond: Callable[[int, str, bytes], None]) -> None:
        """Answer a request."""


def _parser_class() -> tuple[Any, type[Exception]]:
    try:
        httptools = importlib.import_module("httptools")
    except ImportError:
        return PlainParser, BadRequestError
    return httptools.HttpRequestParser, httptools.HttpParserError


Parser, ParserError = _parser_class()
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_HEADS: dict[tuple[int, str, bool], bytes] = {}


def render(status: int, content_type: str, body: bytes, *, keep_alive: bool) -> bytes:
    """Return the bytes of a response."""
    key = (status, content_type, keep_alive)
    head = _HEADS.get(key)
    if head is None:
        connection = "" if keep_alive else "Connection: close\r\n"
        safe = content_type.replace("\r", " ").replace("\n", " ")
        head = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"
            f"Content-Type: {safe}\r\n{connection}Content-Length: "
        ).encode("latin-1", "replace")
        if len(_HEADS) < 256:  # noqa: PLR2004  (a handler may invent content types; do not keep them all)
            _HEADS[key] = head
    return b"%b%d\r\n\r\n%b" % (head, len(body), body)


def _chunked_head(status: int, content_type: str, *, keep_alive: bool) -> bytes:
    """Return the head of a response whose length nobody knows yet."""
    whole = render(status, content_type, b"", keep_alive=keep_alive)
    return whole.replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")


class Connection(asyncio.Protocol):
    """One client: requests are answered in their order."""

    def __init__(self, application: Application, connections: set[Connection]) -> None:
        self._application = application
        self._connections = connections
        self._parser = Parser(self)
        self._transport: asyncio.Transport | None = None
        self._queue: deque[tuple[Message, bool]] = deque()
        self._answering = False
        self._closing = False
        self._paused = False
        self._is_full = False
        self._source: parts.Source | None = None
        self._reset()

    def _reset(self) -> None:
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def idle(self) -> bool:
        """Whether no request of this connection is being answered."""
        return not self._answering and not self._queue

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport (asyncio)."""
        self._transport = transport  # type: ignore[assignment]
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Forget the client, and end what is computed for it part by part (asyncio)."""
        self._transport = None
        if self._source is not None:
            self._source.leave()
            self._source = None
        self._queue.clear()
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """Let who computes an answer part by part wait: the client takes it more slowly (asyncio)."""
        self._is_full = True
        if self._source is not None:
            self._source.hold()

    def resume_writing(self) -> None:
        """Have parts again (asyncio)."""
        self._is_full = False
        if self._source is not None:
            self._source.go_on()

    def data_received(self, data: bytes) -> None:
        """Parse what came (asyncio)."""
        try:
            self._parser.feed_data(data)
        except ParserError as error:
            if self._transport is not None and not self._closing:
                self._refuse(400, f"malformed HTTP request: {error}")

    def on_url(self, url: bytes) -> None:
        """Collect the request's target (parser)."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect a header (parser)."""
        self._headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        """Answer `Expect: 100-continue`, and refuse a body that is too large before it is read (parser)."""
        length = self._headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._application.max_body:
            self._too_large(int(length))
        elif self._headers.get(b"expect", b"").lower() == b"100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Collect the body (parser)."""
        self._size += len(body)
        if self._size > self._application.max_body:
            self._too_large(self._size)
            return
        self._chunks.append(body)

    def on_message_complete(self) -> None:
        """Queue the request (parser)."""
        if self._closing:
            return
        body = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
        message = Message(self._parser.get_method(), self._target, self._headers, body)
        self._reset()
        if self._answering:
            self._queue.append((message, self._parser.should_keep_alive()))
            if len(self._queue) >= MAX_PIPELINED and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
            return
        self._start(message, keep_alive=self._parser.should_keep_alive())

    def _start(self, message: Message, *, keep_alive: bool) -> None:
        self._answering = True
        self._application.handle(message, lambda *answer: self._respond(*answer, keep_alive=keep_alive))

    def _respond(
        self, status: int, content_type: str, body: bytes | parts.Parts, *, keep_alive: bool
    ) -> None:
        if isinstance(body, parts.Parts):
            self._begin(body.source, _chunked_head(status, content_type, keep_alive=keep_alive))
            body.attach(functools.partial(self._send_part, keep_alive=keep_alive))
            return
        self._answering = False
        if self._transport is None:
            return
        self._transport.write(render(status, content_type, body, keep_alive=keep_alive))
        self._go_on(keep_alive=keep_alive)

    def _begin(self, source: parts.Source, head: bytes) -> None:
        """Begin an answer that comes part by part."""
        if self._transport is None:
            source.leave()
            return
        self._source = source
        self._transport.write(head)
        if self._is_full:
            source.hold()

    def _send_part(self, part: parts.Part, *, keep_alive: bool) -> None:
        if self._transport is None:
            return
        if isinstance(part, bytes):
            self._transport.write(b"%x\r\n%b\r\n" % (len(part), part))
            return
        self._answering, self._source = False, None
        if part is parts.BROKEN:
            self._closing = True
            self._transport.close()  # without the last chunk, which tells the client
            return
        self._transport.write(b"0\r\n\r\n")
        self._go_on(keep_alive=keep_alive)

    def _go_on(self, *, keep_alive: bool) -> None:
        assert self._transport is not None
        if not keep_alive:
            self._closing = True
            self._transport.close()
        elif self._queue:
            message, keep = self._queue.popleft()
            if self._paused and len(self._queue) < MAX_PIPELINED // 2:
                self._paused = False
                self._transport.resume_reading()
            self._start(message, keep_alive=keep)

    def _too_large(self, size: int) -> None:
        self._refuse(
            413,
            f"the request body has {size} bytes or more; at most {self._application.max_body} are allowed",
        )

    def _refuse(self, status: int, message: str) -> None:
        if self._transport is None or self._closing:
            return
        self._closing = True
        self._transport.write(render(status, "text/plain", message.encode(), keep_alive=False))
        self._transport.close()

    def drain(self) -> None:
        """Close the connection if nobody waits for an answer on it."""
        if self.idle and self._transport is not None:
            self._transport.close()
