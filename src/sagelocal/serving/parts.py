"""An answer that comes part by part: fed by the one who computes it, taken by the one who sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

WHOLE, BROKEN = None, False
"""What is fed after the last part: the answer is whole, or it never will be."""
Part = bytes | bool | None


class Source(Protocol):
    """Who computes the parts."""

    def hold(self) -> None:
        """Give no more for now: those that were given are not sent yet."""

    def go_on(self) -> None:
        """Give more."""

    def leave(self) -> None:
        """Compute no more: nobody takes it. How the answer ends is told all the same."""


class Parts:
    """Keeps parts until somebody takes them; then hands each on at once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._early: list[Part] = []
        self._take: Callable[[Part], None] | None = None

    def feed(self, part: Part) -> None:
        """Hand on a part, or how the answer ends."""
        if self._take is None:
            self._early.append(part)
        else:
            self._take(part)

    def attach(self, take: Callable[[Part], None]) -> None:
        """Take what came and what comes."""
        self._take = take
        while self._early:
            take(self._early.pop(0))
