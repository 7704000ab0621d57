"""Refuse what a web page elsewhere sends to a local Airflow: DNS rebinding and cross-site requests.

A name of the attacker's that resolves to 127.0.0.1 reaches a server on loopback, with a Host header that
gives it away; a form on another site carries an Origin header that does. With no list of hosts all
pass: behind a proxy in production, Host and Origin are the proxy's business.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from typing import Any

    Scope = Mapping[str, Any]
    Receive = Callable[[], Awaitable[Mapping[str, Any]]]
    Send = Callable[[Mapping[str, Any]], Awaitable[None]]
    Application = Callable[[Any, Any, Any], Awaitable[None]]

VARIABLE = "SAGEWIND_ALLOWED_HOSTS"


def hosts(environ: Mapping[str, str]) -> list[str]:
    """Read the allowed hosts, parted by commas; none when the variable is not set."""
    return [host.strip().lower() for host in environ.get(VARIABLE, "").split(",") if host.strip()]


class HostGuard:
    """ASGI middleware: 403 for a Host or an Origin that is not among the allowed names."""

    def __init__(self, app: Application, allowed: Sequence[str]) -> None:
        self._app = app
        self._allowed = frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        refused = self.refused(scope.get("headers", ())) if scope["type"] in {"http", "websocket"} else ""
        if not refused:
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refused})
        else:
            await _forbid(send, refused)

    def refused(self, headers: Sequence[tuple[bytes, bytes]]) -> str:
        """Say why these headers are refused; empty when they are not."""
        if not self._allowed:
            return ""
        found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers}
        host = _name(f"//{found.get('host', '')}")
        if host not in self._allowed:
            return f"Host {host!r} is not allowed here; allowed are {', '.join(sorted(self._allowed))}"
        origin = found.get("origin")
        if origin is not None and _name(origin) not in self._allowed:
            return f"requests from {origin!r} are not allowed here"
        return ""


def _name(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


async def _forbid(send: Send, why: str) -> None:
    body = why.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": body})
