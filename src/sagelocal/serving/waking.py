"""The cold start of a serverless variant: its model server is asked for, and waited for."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING

from sagelocal import errors
from sagelocal.serving import client

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.serving.lanes import Peer

COLD_START_SECONDS = 60.0
"""A request waits this long for a model server; then it is told to come again."""
_LOOK_SECONDS = 0.02
_EXIT = "exit.json"


async def wake(peer: Peer, wanted: Callable[[], None], failed: Callable[[str], errors.ServiceError]) -> None:
    """Return when the instance answers `/ping`; `wanted` has it started.

    Raises:
        errors.ModelNotReadyException: it takes too long.
        errors.ServiceError: the model server cannot be had; what `failed` makes of the reason.

    """
    begin, end = time.time(), time.monotonic() + COLD_START_SECONDS
    wanted()
    while time.monotonic() < end:
        if await _answers(peer):
            return
        if why := _failure(peer, begin):
            raise failed(why)
        await asyncio.sleep(_LOOK_SECONDS)
    raise errors.ModelNotReadyException(
        f"The model server did not come up within {COLD_START_SECONDS:.0f} seconds; try again"
    )


async def _answers(peer: Peer) -> bool:
    try:
        for each in peer.clients:
            await each.get("/ping", 1.0)
    except (client.UnreachableError, TimeoutError):
        return False
    return True


def _failure(peer: Peer, since: float) -> str:
    """Return why the instance that was started for this request gave up."""
    record = peer.root / _EXIT
    try:
        if record.stat().st_mtime < since:
            return ""
        return str(json.loads(record.read_text())["failure"])
    except OSError:
        return ""
