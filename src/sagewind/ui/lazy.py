"""The application, made when it is first asked for.

Airflow loads plugins in every process, the one of each task included; only the API server needs FastAPI.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from fastapi import FastAPI


@functools.cache
def _application() -> FastAPI:
    from sagewind.ui import app  # noqa: PLC0415 - the point of this module

    return app.create()


async def application(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[Any]],
    send: Callable[[Any], Awaitable[None]],
) -> None:
    """Answer one ASGI request."""
    await _application()(scope, receive, send)
