"""Changes of status, carried from the store to those who are told of them: lineage, and EventBridge.

Supervisors write ends of jobs in processes of their own, so the changes are taken from the store. A change
is forgotten once it is carried: after a crash it is carried again, which lineage does not mind, and AWS, too,
"may send multiple events to EventBridge for each state change".
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import TYPE_CHECKING

from sagelocal import events

if TYPE_CHECKING:
    from sagelocal.api.trail import Trail
    from sagelocal.eventbridge import Events
    from sagelocal.jobs.changes import Change
    from sagelocal.jobs.store import Store

LOOK_SECONDS = 0.5
_AT_ONCE = 100

_log = logging.getLogger(__name__)


class Feed:
    """Carries changes, on a thread of its own."""

    def __init__(self, *, store: Store, trail: Trail, bus: Events) -> None:
        self._store = store
        self._trail = trail
        self._bus = bus
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)

    def start(self) -> None:
        """Begin, with what an earlier life of the service left."""
        self._thread.start()

    def close(self) -> None:
        """Carry what is there, and end."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def carry(self) -> int:
        """Carry a batch of changes; return how many they were."""
        found = self._store.untold(_AT_ONCE)
        carried = 0
        try:
            for change in found:
                self._tell(change)
                carried = change.number
        finally:
            if carried:
                self._store.told(carried)
        return len(found)

    def _work(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._closing.wait(LOOK_SECONDS)
            try:
                while self.carry() == _AT_ONCE:
                    pass
            except Exception:  # noqa: BLE001  (a locked disk, say: the next round tries again)
                _log.exception("changes were not carried; the next round tries again")
        self._store.close()

    def _tell(self, change: Change) -> None:
        try:
            self._trail.record(change)
            for event in events.of(change, self._store.tags(change.arn)):
                self._bus.tell(event)
        except sqlite3.OperationalError:
            raise  # a locked or full disk may be better soon, and no change is lost by it
        except Exception:  # noqa: BLE001  (one change must not keep the others from being carried)
            _log.exception("the change of %s was not carried", change.arn)
