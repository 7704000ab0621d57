"""The HTTP protocol of a client's connection: uvicorn's, with a short way for short calls.

Most calls of the control plane touch a row or two. uvicorn would make a task, events and a scope for each,
which costs more than the call; here the gateway answers one in the moment in which it is whole. All else
takes uvicorn's way. A request that the other process is to answer takes its connection there (see
`dataplane.handing`). uvicorn's parser also takes a head of any length into memory before the application sees
it; this ends the connection at `LONGEST_HEAD` bytes.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from sagelocal.handing import Adopter
from sagelocal.holding import HEADER as HELD
from sagelocal.wire.message import Answer, Request

if TYPE_CHECKING:
    import asyncio

    from uvicorn.server import ServerState

    from sagelocal.gateway import Gateway
    from sagelocal.handing import Other

LONGEST_HEAD = 64 * 1024
"""Bytes of request line and headers; the longest header that SageMaker itself takes has 1024."""
LONGEST_SHORT = 64 * 1024
"""Bytes of a call's body that goes the short way."""
KEEP_ALIVE_SECONDS = 75
"""Longer than clients pause between two polls of a job."""
DRAIN_SECONDS = 10
_HELD = HELD.encode()
_REFUSAL = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Connection(HttpToolsProtocol):
    """uvicorn's protocol, counting the bytes of a head that has not ended, and answering short calls."""

    _head = 0
    _in_head = True
    _short: list[bytes] | None = None
    """The body so far of a call that goes the short way."""
    _is_between = True
    """Whether the next byte begins a request."""

    def __init__(self, *args: Any, gateway: Gateway, other: Other, first: bytes = b"", **named: Any) -> None:
        """`first` are bytes that were read of the connection already."""
        super().__init__(*args, **named)
        self._gateway = gateway
        self._other = other
        self._first = first

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self._head, self._in_head = 0, True
        super().connection_made(transport)
        if self._first:
            self.data_received(self._first)

    def on_message_begin(self) -> None:
        """Begin a head; what uvicorn makes of it is made when the head is whole."""
        self._in_head, self._is_between = True, False
        self._short = None
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """End the head, and choose the way."""
        self._head, self._in_head = 0, False
        if self._is_short():
            self._short = []
            return
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        for name, value in headers:
            super().on_header(name, value)
        super().on_headers_complete()

    def _is_short(self) -> bool:
        """Tell whether the gateway can answer at once when the body is there, and no answer is under way."""
        if self._is_answering():
            return False
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        return (
            self._gateway.is_quick(headers.get(b"x-amz-target", b""))
            and length.isdigit()
            and int(length) <= LONGEST_SHORT
            and b"expect" not in headers
            and _HELD not in headers
            and self.parser.get_method() == b"POST"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
        )

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _is_idle(self) -> bool:
        """Tell whether nothing is still to be sent."""
        return not self._is_answering() and not self.transport.get_write_buffer_size()

    def _leave(self, data: bytes) -> bool:
        """Hand the connection over with what was just read; tell whether it is gone."""
        file = os.dup(self.transport.get_extra_info("socket").fileno())
        try:
            is_gone = self._other.give(file, data)
        finally:
            os.close(file)
        if is_gone:
            self._unset_keepalive_if_required()
            self.transport.abort()
        return is_gone

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        if self._short is None:
            super().on_body(body)
        else:
            self._short.append(body)

    def on_message_complete(self) -> None:
        """Take the end of the body."""
        self._is_between = True
        if self._short is None:
            super().on_message_complete()
            return
        body = b"".join(self._short)
        self._short = None
        answer = self._gateway.at_once(self._request(), body)
        self.server_state.total_requests += 1
        if not self.transport.is_closing():
            self.transport.write(self._written(answer))
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _request(self) -> Request:
        path, _, query = self.url.partition(b"?")
        return Request(
            method="POST",
            path=path.decode("latin-1"),
            query=query.decode("latin-1"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in self.headers},
        )

    def _written(self, answer: Answer) -> bytes:
        assert isinstance(answer.body, bytes)  # only operations of sagemaker-runtime answer part by part
        lines = [STATUS_LINE[answer.status]]
        lines += [b"%b: %b\r\n" % each for each in self.server_state.default_headers]
        head = "".join(f"{name.lower()}: {value}\r\n" for name, value in answer.headers.items())
        lines.append(head.encode("latin-1", "replace"))
        lines.append(b"content-length: %d\r\n\r\n%b" % (len(answer.body), answer.body))
        return b"".join(lines)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those after which the head is still not over count."""
        if self._is_between and self._is_idle() and self._other.takes(data) and self._leave(data):
            return
        super().data_received(data)
        if self._in_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > LONGEST_HEAD:
                self.transport.write(_REFUSAL)
                self.transport.close()


def configuration(gateway: Gateway, other: Other) -> uvicorn.Config:
    """Return how uvicorn is to serve the gateway, beside the other process."""
    return uvicorn.Config(
        gateway,
        loop="uvloop",
        http=functools.partial(Connection, gateway=gateway, other=other),  # type: ignore[arg-type]
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def adopter(config: uvicorn.Config, state: ServerState, loop: asyncio.AbstractEventLoop) -> Adopter:
    """Return what goes on, as a server of that configuration, with connections of the other process."""
    if not config.loaded:
        config.load()
    return Adopter(loop, functools.partial(config.http_protocol_class, config, state, {}, loop))  # type: ignore[call-arg]
