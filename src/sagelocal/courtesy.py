"""Predictions make way for control-plane calls, so that a busy endpoint leaves the rest of the API its rate.

Most predictions are the data plane's. The others come through the API's event loop, where a call waits for
all that is ready before it. While somebody makes control-plane calls, only a few predictions at a time are
let into the loop, and the others wait; when nobody does, predictions know no bound. A prediction whose model
takes long keeps nobody waiting: it needs the loop at its beginning and at its end only.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

QUIET_SECONDS = 0.05
"""Nobody makes control-plane calls when there was none for so long; a client's next follows within ms."""
AT_A_TIME = 2
"""Predictions on their way while somebody does: one is passed on while the model server has another."""
LONGEST_SECONDS = 0.005
"""A prediction that takes longer than this waits for its model, not for the loop, and others may go on."""


class Courtesy:
    """Knows of the control-plane calls, and lets predictions pass. For one event loop."""

    def __init__(self) -> None:
        self._last = float("-inf")
        self._room = asyncio.Semaphore(AT_A_TIME)

    def call(self) -> None:
        """Note a control-plane call."""
        self._last = time.monotonic()

    @contextlib.asynccontextmanager
    async def prediction(self) -> AsyncIterator[None]:
        """Hold a prediction back as long as there are enough others and somebody else to make way for."""
        if time.monotonic() - self._last > QUIET_SECONDS:
            yield
            return
        await self._room.acquire()
        released = False

        def release() -> None:
            nonlocal released
            released = True
            self._room.release()

        late = asyncio.get_running_loop().call_later(LONGEST_SECONDS, release)
        try:
            yield
        finally:
            if not released:
                late.cancel()
                self._room.release()
