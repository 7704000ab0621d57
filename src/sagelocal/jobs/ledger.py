"""How a job stands, as who starts it and looks after it reads it from the store and writes it there."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.jobs.status import JobStatus
from sagelocal.jobs.store import MissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.jobs.kinds import JobKind
    from sagelocal.jobs.store import Store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of a job that has no supervisor to write it."""

    kind: JobKind
    name: str
    outcome: JobStatus
    message: str
    secondary: str = ""

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.name}"


class Ledger:
    """The jobs of a store; `tell` is called with the name of a job whose status may have changed."""

    def __init__(self, store: Store, tell: Callable[[str], None]) -> None:
        self._store = store
        self.tell = tell

    def status(self, kind: JobKind, name: str) -> str | None:
        """Return a job's status; None when it was deleted."""
        try:
            status: str = self._store.get(kind.kind, name).body[kind.status_key]
        except MissingError:
            return None
        return status

    def update(self, kind: JobKind, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
        """Change a job's body; one that was deleted meanwhile is left alone."""
        try:
            self._store.update(kind.kind, name, change)
            self.tell(name)
        except MissingError:
            _log.warning("%s %s ended after it was deleted", kind.kind, name)

    def mark_stopping(self, kind: JobKind, name: str) -> None:
        """Say that a job is to end, unless it has."""

        def mark(body: dict[str, Any]) -> None:
            if not kind.is_over(body):
                body[kind.status_key] = JobStatus.STOPPING

        self.update(kind, name, mark)

    def settle(self, kind: JobKind, name: str, final: dict[str, Any]) -> None:
        """Have the body that a supervisor has left as a job's last, unless that was written."""
        self.update(kind, name, lambda body: None if kind.is_over(body) else final)

    def end(self, end: End) -> None:
        """Write the end of a job."""

        def change(body: dict[str, Any]) -> None:
            end.kind.end(body, end.outcome, end.message, end.secondary)

        self.update(end.kind, end.name, change)
