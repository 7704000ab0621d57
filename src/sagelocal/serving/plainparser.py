"""A small HTTP/1.1 request parser with httptools' interface, for environments that lack httptools."""

from __future__ import annotations

import re
from typing import Any

MAX_HEAD_BYTES = 64 * 1024
_REQUEST_LINE = re.compile(rb"([A-Z]+) (\S+) HTTP/1\.([01])")


class BadRequestError(Exception):
    """The bytes are no HTTP/1.1 request."""


class PlainParser:
    """Calls a protocol's `on_url`, `on_header`, `on_headers_complete`, `on_body`, `on_message_complete`."""

    def __init__(self, protocol: Any) -> None:
        self._protocol = protocol
        self._buffer = b""
        self._body_left: int | None = None
        self._chunked = False
        self._method = b""
        self._keep_alive = True

    def get_method(self) -> bytes:
        """Return the method of the current request."""
        return self._method

    def should_keep_alive(self) -> bool:
        """Tell whether the connection stays open after the current request."""
        return self._keep_alive

    def feed_data(self, data: bytes) -> None:
        """Parse more bytes; `BadRequestError` when they are no HTTP."""
        self._buffer += data
        while self._step():
            pass

    def _step(self) -> bool:
        if self._body_left is None:
            return self._head()
        return self._chunk() if self._chunked else self._plain_body()

    def _head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > MAX_HEAD_BYTES:
                raise BadRequestError(f"headers of more than {MAX_HEAD_BYTES} bytes")
            return False
        first, *lines = self._buffer[:end].split(b"\r\n")
        self._buffer = self._buffer[end + 4 :]
        match = _REQUEST_LINE.fullmatch(first)
        if match is None:
            raise BadRequestError(f"bad request line {first[:80]!r}")
        self._method = match[1]
        self._protocol.on_url(match[2])
        headers = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon:
                raise BadRequestError(f"bad header {line[:80]!r}")
            headers[name.lower()] = value.strip()
            self._protocol.on_header(name, value.strip())
        connection = headers.get(b"connection", b"").lower()
        self._keep_alive = connection != b"close" if match[3] == b"1" else connection == b"keep-alive"
        self._frame(headers)
        self._protocol.on_headers_complete()
        return True

    def _frame(self, headers: dict[bytes, bytes]) -> None:
        self._chunked = headers.get(b"transfer-encoding", b"").lower() == b"chunked"
        length = headers.get(b"content-length", b"0")
        if not length.isdigit():
            raise BadRequestError(f"bad Content-Length {length[:20]!r}")
        self._body_left = 0 if self._chunked else int(length)

    def _plain_body(self) -> bool:
        assert self._body_left is not None
        part, self._buffer = self._buffer[: self._body_left], self._buffer[self._body_left :]
        if part:
            self._protocol.on_body(part)
            self._body_left -= len(part)
        if self._body_left:
            return False
        self._body_left = None
        self._protocol.on_message_complete()
        return bool(self._buffer)

    def _chunk(self) -> bool:
        line, found, rest = self._buffer.partition(b"\r\n")
        if not found:
            return False
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError as error:
            raise BadRequestError(f"bad chunk size {line[:20]!r}") from error
        if len(rest) < size + 2:
            return False
        self._buffer = rest[size + 2 :]
        if size:
            self._protocol.on_body(rest[:size])
            return True
        self._body_left, self._chunked = None, False
        self._protocol.on_message_complete()
        return bool(self._buffer)
