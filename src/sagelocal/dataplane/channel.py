"""What the two processes of the service tell each other: values and open files in their order, and a page.

Both ends belong to the service and nobody else can reach them, which is why values go as pickles.
"""

from __future__ import annotations

import mmap
import pickle
import select
import socket
import struct
import threading
from typing import Any

_HEAD = struct.Struct("!I?")
_VERSION, _HELD = 0, 1
_MEMORY = 1 << 20
"""Bytes asked for what the other process has not read yet; the kernel may give less."""


class Channel:
    """One end of a socket pair. `send` is for any thread, `receive` for one that reads all the time."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MEMORY)
        self._sock = sock
        self._sending = threading.Lock()

    def send(self, value: object, file: int | None = None) -> None:
        """Send a value, and a descriptor of which the other process gets one of its own.

        Raises:
            OSError: the other process is gone.

        """
        with self._sending:
            self._send(value, file)

    def offer(self, value: object, file: int) -> bool:
        """Send both if that needs no waiting; tell whether they were sent."""
        if not self._sending.acquire(blocking=False):
            return False
        try:
            if not self._is_writable():
                return False
            self._send(value, file)
        except OSError:
            return False
        finally:
            self._sending.release()
        return True

    def _is_writable(self) -> bool:
        asked = select.poll()
        asked.register(self._sock, select.POLLOUT)
        return any(event == select.POLLOUT for _, event in asked.poll(0))

    def _send(self, value: object, file: int | None) -> None:
        body = pickle.dumps(value)
        self._sock.sendall(_HEAD.pack(len(body), file is not None) + body)
        if file is not None:
            socket.send_fds(self._sock, [b"\0"], [file])

    def receive(self) -> tuple[Any, int]:
        """Wait for a value and return it, with the file that came with it, or -1.

        Raises:
            EOFError: the other process is gone.

        """
        size, has_file = _HEAD.unpack(self._exactly(_HEAD.size))
        value = pickle.loads(self._exactly(size))  # noqa: S301  (from the other process of this service)
        return value, self._file() if has_file else -1

    def close(self) -> None:
        """Let the other process see the end."""
        self._sock.close()

    def _exactly(self, size: int) -> bytes:
        # Not a byte more: a file comes with the byte after the value, and is lost when read otherwise.
        parts = bytearray()
        while len(parts) < size:
            try:
                part = self._sock.recv(size - len(parts))
            except OSError as error:
                raise EOFError from error
            if not part:
                raise EOFError
            parts += part
        return bytes(parts)

    def _file(self) -> int:
        try:
            _, files, _, _ = socket.recv_fds(self._sock, 1, 1)
        except OSError as error:
            raise EOFError from error
        if not files:
            raise EOFError
        return files[0]


class Page:
    """A page of memory that the control plane writes and the data plane reads before each request."""

    def __init__(self, file: int) -> None:
        """Take the page of an open file of at least that size."""
        self._words = memoryview(mmap.mmap(file, mmap.PAGESIZE)).cast("Q")

    @property
    def version(self) -> int:
        """How often routes changed: the data plane may answer only by routes of this version."""
        return self._words[_VERSION]

    @version.setter
    def version(self, value: int) -> None:
        self._words[_VERSION] = value

    @property
    def held(self) -> bool:
        """Whether the control plane wants to see every request itself."""
        return bool(self._words[_HELD])

    @held.setter
    def held(self, value: bool) -> None:
        self._words[_HELD] = value
