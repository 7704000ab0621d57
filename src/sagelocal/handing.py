"""Connections handed from one process to the other: both are at one address, and neither is in between.

A client's connection belongs to the process whose requests it carries. The first bytes of a request tell
which that is; when it is the other, that one gets the socket itself and the bytes, and goes on.
"""

from __future__ import annotations

import os
import re
import socket
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

_INVOCATION = re.compile(rb"POST /endpoints/([A-Za-z0-9-]+)/invocations(?:-response-stream)?[ ?]")


class Other(Protocol):
    """The other process."""

    def takes(self, data: bytes) -> bool:
        """Tell whether a request that begins so is for it."""

    def give(self, file: int, data: bytes) -> bool:
        """Hand a connection over, with what was read of its next request; tell whether that was done."""


def endpoint(data: bytes) -> str | None:
    """Return the endpoint whose prediction a request wants that begins so; None: it wants something else."""
    found = _INVOCATION.match(data)
    return found[1].decode() if found else None


class Adopter:
    """Goes on with connections that the other process gave, in an event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, make: Callable[..., asyncio.Protocol]) -> None:
        """`make` makes the protocol of a connection; its argument `first` are the bytes that were read."""
        self._loop = loop
        self._make = make
        self._tasks: set[asyncio.Task[object]] = set()

    def take(self, file: int, data: bytes) -> None:
        """Go on with a connection. For any thread."""
        try:
            self._loop.call_soon_threadsafe(self._take, file, data)
        except RuntimeError:  # the loop has ended
            os.close(file)

    def _take(self, file: int, data: bytes) -> None:
        sock = socket.socket(fileno=file)
        sock.setblocking(False)
        task = self._loop.create_task(
            self._loop.connect_accepted_socket(lambda: self._make(first=data), sock)
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
