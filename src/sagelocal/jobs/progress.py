"""How far a transform job is: the bytes of its objects that were read, and what time the rest will take."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Counted:
    """A stream that tells how many bytes were read of it."""

    def __init__(self, stream: IO[bytes], tell: Callable[[int], None]) -> None:
        self._stream = stream
        self._tell = tell

    def read(self, size: int = -1) -> bytes:
        """Read `size` bytes at most; all of them by default."""
        data = self._stream.read() if size < 0 else self._stream.read(size)
        self._tell(len(data))
        return data


def left(seconds: float, *, done: int, whole: int) -> str:
    """Return the words about the time left after `seconds` for `done` of `whole` bytes (0: not known).

    What was read is a little ahead of what was answered, by no more than the payloads on their way.
    """
    if not 0 < done < whole:
        return ""
    return f", {100 * done // whole} % read, about {seconds * (whole - done) / done:.0f} s left"
