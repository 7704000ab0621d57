"""The jobs that wait for room: in what order they are admitted, and which have waited for too long."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.jobs.kinds import JOB_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sagelocal.jobs.waiting import Patience


@dataclass(eq=False, kw_only=True)
class Queued:
    """A job that waits for room. It is not the next job of its name: that one is another object."""

    kind: str
    name: str
    is_told: bool = False
    """Whether the job says that it waits; from then on it is known how long it will."""
    limit: Patience | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def coordinates(self) -> bool:
        """Whether it only coordinates other jobs: such a job needs no room."""
        return JOB_KINDS[self.kind].coordinates


class Queue:
    """Jobs in the order in which they came. It has no lock: who shares it guards it."""

    def __init__(self, room: int) -> None:
        """Take how many jobs may run at the same time."""
        self._room = room
        self._jobs: deque[Queued] = deque()

    def __iter__(self) -> Iterator[Queued]:
        return iter(self._jobs)

    def add(self, kind: str, name: str) -> None:
        """Take a job."""
        self._jobs.append(Queued(kind=kind, name=name))

    def put_back(self, admitted: Iterable[Queued]) -> None:
        """Take jobs that were admitted and could not be started, before all others."""
        self._jobs.extendleft(reversed(list(admitted)))

    def remove(self, kind: str, name: str) -> bool:
        """Let go of a job; tell whether it waited."""
        found = next((each for each in self._jobs if (each.kind, each.name) == (kind, name)), None)
        if found is not None:
            self._jobs.remove(found)
        return found is not None

    def next(self, running: int) -> list[Queued]:
        """Return the jobs that there is room for beside so many, in order."""
        room = self._room - running
        found = []
        for queued in self._jobs:
            room -= not queued.coordinates
            if room >= 0 or queued.coordinates:
                found.append(queued)
        return found

    def admit(self, running: int) -> list[Queued]:
        """Let go of the `next` jobs, and return them."""
        return self._let_go(self.next(running))

    def give_up(self, now: float) -> list[tuple[Queued, Patience]]:
        """Let go of the jobs that have waited for as long as they may; return them with what is to be told.

        `now` is in seconds since the epoch.
        """
        over = [(each, each.limit) for each in self._jobs if each.limit and each.limit.until <= now]
        self._let_go([queued for queued, _ in over])
        return over

    def first_limit(self) -> float | None:
        """Return when the next job is given up, in seconds since the epoch; None: all may wait on."""
        return min((each.limit.until for each in self._jobs if each.limit is not None), default=None)

    def _let_go(self, jobs: list[Queued]) -> list[Queued]:
        for queued in jobs:
            self._jobs.remove(queued)
        return jobs
