"""The HTTP protocol with a bound on a request's head.

uvicorn's parser takes a head of any length into memory before the application sees it; this ends the
connection at `LONGEST_HEAD` bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

LONGEST_HEAD = 64 * 1024
"""Bytes of request line and headers; the longest header that SageMaker itself takes has 1024."""
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, counting the bytes of a head that has not ended."""

    _head = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self._head, self._in_head = 0, True
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """Begin a head."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """End the head."""
        self._head, self._in_head = 0, False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Take bytes; those after which the head is still not over count."""
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > LONGEST_HEAD:
                self.transport.write(_REFUSAL)
                self.transport.close()
