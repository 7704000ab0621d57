"""What is done every few seconds by a thread of its own, and once more at the end."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

_log = logging.getLogger(__name__)


class Ticking(ABC):
    """To be subclassed: `tick` is called every `every` seconds, and an error in it is told to the log."""

    def __init__(self, name: str, *, every: float, within: float) -> None:
        self._every = every
        self._within = within
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    @abstractmethod
    def tick(self) -> None:
        """Do it."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Do it once more, and end; wait for that `within` seconds at most."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(self._within)

    def _work(self) -> None:
        is_last = False
        while not is_last:
            is_last = self._closing.wait(self._every)
            try:
                self.tick()
            except Exception:  # noqa: BLE001  (the next tick may do better)
                _log.exception("%s: this time it failed", self._thread.name)
