"""Describe calls that are held: who asks for it is answered when a job is over or an endpoint has settled.

Of AWS one has to ask again and again. Here a client may say in a header how many seconds it is ready to wait,
`x-sagelocal-wait: 3`, and hears of the end when it comes. Whoever stores a status rings with the name, and
the calls that are held for that name look again.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from sagelocal.errors import ValidationException
from sagelocal.jobs.kinds import JOB_KINDS
from sagelocal.jobs.status import EndpointStatus, JobStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping

    from sagelocal.wire.message import Call

HEADER = "x-sagelocal-wait"
MOST_SECONDS = 20.0
"""Of one call; far below the minute after which a client of boto3 takes the connection for dead."""
_JOBS = frozenset({JobStatus.IN_PROGRESS, JobStatus.STOPPING})
_ENDPOINTS = frozenset(EndpointStatus) - {EndpointStatus.IN_SERVICE, EndpointStatus.FAILED}
_UNDER_WAY = {**{each.status_key: _JOBS for each in JOB_KINDS.values()}, "EndpointStatus": _ENDPOINTS}
"""By the member of an answer that is a status: what it says of something under way."""
_THINGS = {f"Describe{thing}": thing for thing in (key.removesuffix("Status") for key in _UNDER_WAY)}
"""What an operation describes: the word before `Name` and `Status`."""


def seconds(headers: Mapping[str, str]) -> float:
    """Return how long a request is ready to be held.

    Raises:
        ValidationException: it says something else than seconds from 0 to `MOST_SECONDS`.

    """
    said = headers.get(HEADER)
    if said is None:
        return 0.0
    with contextlib.suppress(ValueError):
        if 0 <= (found := float(said)) <= MOST_SECONDS:
            return found
    raise ValidationException(f"the header {HEADER} is {said!r}; it takes seconds from 0 to {MOST_SECONDS:g}")


class Holding:
    """The calls that are held, all on one event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bells: dict[str, set[asyncio.Event]] = {}
        """Those of the calls that are held, by the name of what they describe."""
        self._released = False

    def ring(self, name: str) -> None:
        """Have the calls about `name` look again; from any thread, after a status was stored."""
        if name in self._bells and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._ring, name)

    def release(self) -> None:
        """Answer all that are held, and hold none from here on; on the event loop."""
        self._released = True
        for name in self._bells:
            self._ring(name)

    async def answer(
        self, call: Call, patience: float, look: Callable[[], Awaitable[dict[str, Any] | None]]
    ) -> dict[str, Any] | None:
        """Return what `look` does: at once, or within `patience` seconds, when nothing is under way there."""
        thing = _THINGS.get(call.operation)
        if not patience or thing is None:
            return await look()
        with contextlib.suppress(TimeoutError), self._listening(call.parameters[f"{thing}Name"]) as bell:
            async with asyncio.timeout(patience):
                while True:
                    bell.clear()  # before the look: what changes after it rings
                    found = await look()
                    if self._released or not _is_under_way(f"{thing}Status", found):
                        return found
                    await bell.wait()
        return await look()

    @contextlib.contextmanager
    def _listening(self, name: str) -> Iterator[asyncio.Event]:
        self._loop, bell = asyncio.get_running_loop(), asyncio.Event()
        self._bells.setdefault(name, set()).add(bell)
        try:
            yield bell
        finally:
            self._bells[name].discard(bell)
            if not self._bells[name]:
                del self._bells[name]

    def _ring(self, name: str) -> None:
        for bell in self._bells.get(name, ()):
            bell.set()


def _is_under_way(key: str, found: Mapping[str, Any] | None) -> bool:
    return found is not None and found[key] in _UNDER_WAY[key]
