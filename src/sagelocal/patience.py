"""Outlasting a store that does not answer for a while: calls made again, broken streams gone on with."""

from __future__ import annotations

import io
import time
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

T = TypeVar("T")
FIRST_PAUSE_SECONDS = 0.1
LONGEST_PAUSE_SECONDS = 2.0


def outlast(call: Callable[[], T], trouble: type[Exception], seconds: float) -> T:
    """Return what `call` returns; while it raises `trouble`, call it again for so many seconds.

    Raises:
        Exception: the last `trouble`, or whatever else the call raises.

    """
    deadline = time.monotonic() + seconds
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return call()
        except trouble:
            if time.monotonic() + pause > deadline:
                raise
        time.sleep(pause)
        pause = min(LONGEST_PAUSE_SECONDS, pause * 2)


class Readable(Protocol):
    """Bytes that come from somewhere."""

    def read(self, size: int = -1, /) -> bytes:
        """Read `size` bytes, fewer at the end."""

    def close(self) -> None:
        """Let go of where they come from."""


class Resuming(io.RawIOBase):
    """A stream of `size` bytes that is opened again, at the place it had come to, when it breaks.

    `opened` returns the bytes from an offset on; it and the streams raise `trouble` for what may pass.
    """

    def __init__(
        self,
        opened: Callable[[int], Readable],
        first: Readable,
        size: int,
        *,
        trouble: type[Exception],
        seconds: float,
    ) -> None:
        super().__init__()
        self._opened = opened
        self._stream: Readable | None = first
        self._size = size
        self._offset = 0
        self._trouble = trouble
        self._seconds = seconds

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read some bytes; 0 at the end."""
        view = memoryview(buffer).cast("B")
        if not view or self._offset >= self._size:
            return 0
        chunk = outlast(lambda: self._some(len(view)), self._trouble, self._seconds)
        view[: len(chunk)] = chunk
        self._offset += len(chunk)
        return len(chunk)

    def _some(self, most: int) -> bytes:
        if self._stream is None:
            self._stream = self._opened(self._offset)
        try:
            chunk = self._stream.read(min(most, self._size - self._offset))
        except self._trouble:
            self._drop()
            raise
        if not chunk:
            self._drop()
            raise self._trouble(f"it ended after {self._offset} of {self._size} bytes")
        return chunk

    def _drop(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream = None

    def close(self) -> None:
        """Let go of the connection."""
        self._drop()
        super().close()
