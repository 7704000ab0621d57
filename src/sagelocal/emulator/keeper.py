"""Keeps the emulator of a service alive: one that dies is started again, on the port that it had."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.emulator.process import Emulator

LOOK_SECONDS = 0.25
FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Keeper:
    """Starts an emulator and looks after it on one thread, since it dies with the thread that made it."""

    def __init__(self, start: Callable[[], Emulator]) -> None:
        self._start = start
        self._over = threading.Event()
        self._up = threading.Event()
        self._first: Emulator | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._keep, name="emulator", daemon=True)

    def begin(self) -> Emulator:
        """Start the emulator; return it as soon as it answers.

        Raises:
            Exception: what `start` raises.

        """
        self._thread.start()
        self._up.wait()
        if self._error is not None:
            raise self._error
        assert self._first is not None
        return self._first

    def end(self) -> None:
        """Stop the emulator, and wait until it has ended."""
        self._over.set()
        self._thread.join()

    def _keep(self) -> None:
        try:
            emulator = self._first = self._start()
        except Exception as error:  # noqa: BLE001  (it is raised where the emulator is waited for)
            self._error = error
            return
        finally:
            self._up.set()
        while not self._over.wait(LOOK_SECONDS):
            code = emulator.process.poll()
            if code is not None:
                _log.warning(
                    "the AWS emulator ended with %s, and is started again; see %s", code, emulator.log
                )
                emulator = self._again(emulator)
        emulator.stop()

    def _again(self, dead: Emulator) -> Emulator:
        """Start it until it comes up, or the end is asked for; return it, or the dead one."""
        pause = FIRST_PAUSE_SECONDS
        while not self._over.is_set():
            try:
                return self._start()
            except Exception as error:  # noqa: BLE001  (a service without S3 waits for it)
                _log.warning("the AWS emulator does not come up, trying again in %g s: %s", pause, error)
            self._over.wait(pause)
            pause = min(LONGEST_PAUSE_SECONDS, pause * 2)
        return dead
