"""What waits to be sent to a service that may not answer for long: in order, and no more than fits."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class Backlog(Generic[T]):
    """A queue of at most `most` things, and `most_bytes` as `size` counts them. Not safe between threads.

    Of more the oldest are dropped: what is wanted first when the service is back is how it stands now, and a
    job tells why it failed in its last lines.
    """

    def __init__(
        self, *, most: int, most_bytes: float = math.inf, size: Callable[[T], int] = lambda _: 0
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._size = size
        self._things: deque[T] = deque()
        self._bytes = 0
        self.dropped = 0
        """How many were, in all."""

    def __len__(self) -> int:
        return len(self._things)

    def __getitem__(self, place: int) -> T:
        return self._things[place]

    def extend(self, things: Iterable[T]) -> None:
        """Add things, and drop what is too much."""
        for thing in things:
            self._things.append(thing)
            self._bytes += self._size(thing)
        while len(self._things) > self._most or self._bytes > self._most_bytes:
            self.popleft()
            self.dropped += 1

    def popleft(self) -> T:
        """Take the oldest."""
        thing = self._things.popleft()
        self._bytes -= self._size(thing)
        return thing
