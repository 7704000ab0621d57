"""The door of the service: an ASGI application, the path of a request as one list, and the one error funnel.

Whatever happens on the path, the answer is one that an AWS client can read: an error of AWS's own shape,
never a bare page. The checks on `Host`, `Origin` and `Sec-Fetch-Site` keep web pages out: a browser on the
same machine may reach loopback, and must not be able to run code here (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import json
import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal import fault_api, holding
from sagelocal.courtesy import Courtesy
from sagelocal.errors import (
    AccessDeniedException,
    HeadersTooLarge,
    MissingAuthenticationToken,
    RequestTooLarge,
    ServiceError,
    UnknownOperationException,
)
from sagelocal.faults import Faults
from sagelocal.wire import protocol
from sagelocal.wire.message import Answer, Call, Request

if TYPE_CHECKING:
    from sagelocal.signatures import Verifier
    from sagelocal.wire.dispatch import Dispatch, Entry
    from sagelocal.wire.model import Match, Services

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HEALTH_PATH = "/_sagelocal/health"
LONGEST_BODY = 32 * 1024 * 1024
"""Bytes. The model's own limits are far below: 6 MiB for an invocation, 1 MiB for a pipeline definition."""
LONGEST_HEADERS = 32 * 1024
"""Bytes of all headers' names and values together; the transport bounds a head that does not end."""
_PREDICTIONS = "sagemaker-runtime"
_SIGNATURE = "AWS4-HMAC-SHA256"
_OWN_FETCHES = ("none", "same-origin")

_log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Exchange:
    """One request on its way through the list of steps; the step that fills in `answer` is the last."""

    request: Request
    request_id: str
    match: Match | None = None
    body: bytes = b""
    parameters: dict[str, Any] | None = None
    answer: Answer | None = None
    is_lost: bool = False
    """Whether a planned fault keeps the answer from the client."""


class Gateway:
    """The ASGI application."""

    def __init__(
        self,
        *,
        services: Services,
        dispatch: Dispatch,
        hosts: frozenset[str] = frozenset(),
        version: str = "",
        faults: Faults | None = None,
        verifier: Verifier | None = None,
        planned: Callable[[], None] = lambda: None,
        held: holding.Holding | None = None,
    ) -> None:
        """`planned` is called when the plan of faults has changed, before that is answered."""
        self._services = services
        self._dispatch = dispatch
        self._hosts = hosts
        self._version = version
        self._faults = faults or Faults()
        self._verifier = verifier
        self._planned = planned
        self._held = held or holding.Holding()
        self._protocols = protocol.Protocols()
        self._courtesy = Courtesy()
        # The path of every request: before its body is read, and then; the operation's handler is the last.
        self._head_steps = (
            self._check_host,
            self._check_origin,
            self._check_headers,
            self._tell_health,
            self._check_signature,
            self._find_operation,
            self._check_length,
        )
        self._body_steps = (
            self._verify_signature,
            self._plan_faults,
            self._decode,
            self._meet_fault,
        )
        self._quick = {target.encode() for target, name in services.targets() if dispatch.find(name).quick}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            exchange = _exchange(scope)
            answer = await self._run(exchange, receive)
            await (_lose(send) if exchange.is_lost else _answer(answer, receive, send))

    def release(self) -> None:
        """Answer the calls that are held: the service is about to end."""
        self._held.release()

    def is_quick(self, target: bytes) -> bool:
        """Tell whether requests for an `X-Amz-Target` can be answered at once: they touch a row or two."""
        return target in self._quick and self._faults.is_empty

    def at_once(self, request: Request, body: bytes) -> Answer:
        """Return the answer to a whole request that is quick: the same path without a wait anywhere."""
        exchange = Exchange(request=request, request_id=_request_id())
        try:
            if self._take(exchange, self._head_steps):
                exchange.body = body
                if self._take(exchange, self._body_steps):
                    call, entry = self._call(exchange)
                    self._courtesy.call()
                    self._finish(exchange, entry.run(call))
        except Exception as error:  # noqa: BLE001  (the funnel)
            return self._refuse(exchange, error)
        assert exchange.answer is not None
        return exchange.answer

    async def _run(self, exchange: Exchange, receive: Receive) -> Answer:
        try:
            if self._take(exchange, self._head_steps):
                exchange.body = await _read(receive)
                if self._take(exchange, self._body_steps):
                    await self._handle(exchange)
        except Exception as error:  # noqa: BLE001  (the funnel)
            return self._refuse(exchange, error)
        assert exchange.answer is not None
        return exchange.answer

    @staticmethod
    def _take(exchange: Exchange, steps: Iterable[Callable[[Exchange], None]]) -> bool:
        """Take steps until one answers; tell whether none did."""
        for step in steps:
            step(exchange)
            if exchange.answer is not None:
                return False
        return True

    def _refuse(self, exchange: Exchange, error: Exception) -> Answer:
        """Return the answer that tells of an error; what nobody foresaw is told to the log only."""
        if not isinstance(error, ServiceError):
            _log.error("request %s: %s failed", exchange.request_id, _name(exchange), exc_info=error)
            error = ServiceError(f"internal failure in request {exchange.request_id}")
        is_rest = exchange.match is not None and exchange.match.operation.protocol == "rest-json"
        return protocol.encode_error(error, exchange.request_id, "rest-json" if is_rest else "json")

    def _check_host(self, exchange: Exchange) -> None:
        host = exchange.request.headers.get("host", "")
        name = _host_name(host)
        if not _is_loopback(name) and name not in self._hosts:
            known = ", ".join(["localhost", "loopback addresses", *sorted(self._hosts)])
            raise AccessDeniedException(
                f"Host {host!r} is not one of this service's names ({known}); SAGELOCAL_HOSTS adds names"
            )

    def _check_origin(self, exchange: Exchange) -> None:
        headers = exchange.request.headers
        if "origin" in headers:
            raise AccessDeniedException(f"requests from web pages are refused (Origin {headers['origin']!r})")
        site = headers.get("sec-fetch-site", "none")
        if site not in _OWN_FETCHES:
            raise AccessDeniedException(f"requests from web pages are refused (Sec-Fetch-Site {site!r})")

    def _check_headers(self, exchange: Exchange) -> None:
        headers = exchange.request.headers
        size = sum(map(len, headers)) + sum(map(len, headers.values()))
        if size > LONGEST_HEADERS:
            raise HeadersTooLarge(f"the headers have {size} bytes; at most {LONGEST_HEADERS} are taken")

    def _tell_health(self, exchange: Exchange) -> None:
        if exchange.request.path == HEALTH_PATH:
            body = json.dumps({"status": "ok", "version": self._version}).encode()
            exchange.answer = Answer(status=200, headers={"Content-Type": "application/json"}, body=body)

    def _check_signature(self, exchange: Exchange) -> None:
        if exchange.request.path == fault_api.PATH and self._verifier is None:
            return  # for people with curl, and for tests
        header = exchange.request.headers.get("authorization", "")
        if (
            not header.startswith(_SIGNATURE)
            and f"X-Amz-Algorithm={_SIGNATURE}" not in exchange.request.query
        ):
            raise MissingAuthenticationToken("Missing Authentication Token")

    def _find_operation(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.path == fault_api.PATH:
            return
        target = request.headers.get("x-amz-target")
        if target is not None:
            exchange.match = self._services.by_target(target)
        else:
            exchange.match = self._services.by_path(request.method, request.path)
        if exchange.match is None:
            what = f"target {target!r}" if target is not None else f"{request.method} {request.path}"
            raise UnknownOperationException(f"no operation of SageMaker's installed model has {what}")

    def _check_length(self, exchange: Exchange) -> None:
        length = exchange.request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            raise RequestTooLarge(f"the body has {length} bytes; at most {LONGEST_BODY} are taken")

    def _verify_signature(self, exchange: Exchange) -> None:
        if self._verifier is not None:
            self._verifier.verify(exchange.request, exchange.body)

    def _plan_faults(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.path == fault_api.PATH:
            exchange.answer = fault_api.answer(
                self._faults, self._services.operations, request.method, exchange.body
            )
            self._planned()

    def _decode(self, exchange: Exchange) -> None:
        assert exchange.match is not None
        exchange.parameters = self._protocols.decode(exchange.match, exchange.request, exchange.body)

    def _meet_fault(self, exchange: Exchange) -> None:
        assert exchange.match is not None
        error = self._faults.refusal(exchange.match.operation.name)
        if error is not None:
            raise error

    async def _handle(self, exchange: Exchange) -> None:
        call, entry = self._call(exchange)
        assert exchange.match is not None
        if exchange.match.operation.service == _PREDICTIONS:
            async with self._courtesy.prediction():
                result = await _run(entry, call)
        else:
            self._courtesy.call()
            patience = holding.seconds(call.headers)
            result = await self._held.answer(call, patience, lambda: _run(entry, call))
        self._finish(exchange, result)

    def _call(self, exchange: Exchange) -> tuple[Call, Entry]:
        assert exchange.match is not None
        assert exchange.parameters is not None
        name = exchange.match.operation.name
        call = Call(
            operation=name,
            request_id=exchange.request_id,
            parameters=exchange.parameters,
            headers=exchange.request.headers,
        )
        return call, self._dispatch.find(name)

    def _finish(self, exchange: Exchange, result: Any) -> None:
        assert exchange.match is not None
        operation = exchange.match.operation
        exchange.answer = self._protocols.encode(operation, result, exchange.request_id)
        exchange.is_lost = self._faults.loses_reply(operation.name)


async def _run(entry: Entry, call: Call) -> Any:
    """Run a handler: what takes time, in a thread."""
    if entry.is_async:
        return await entry.run(call)  # type: ignore[misc]
    if entry.quick:
        return entry.run(call)
    return await asyncio.to_thread(entry.run, call)


def _exchange(scope: Scope) -> Exchange:
    request = Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
    )
    return Exchange(request=request, request_id=_request_id())


def _request_id() -> str:
    """Return a random UUID, as `uuid.uuid4` would in several times the time."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def _name(exchange: Exchange) -> str:
    if exchange.match is not None:
        return exchange.match.operation.name
    return f"{exchange.request.method} {exchange.request.path}"


def _host_name(host: str) -> str:
    """`localhost:8088` → `localhost`, `[::1]:8088` → `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()


@functools.lru_cache(maxsize=256)
def _is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True  # RFC 6761: these names never leave the machine
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _read(receive: Receive) -> bytes:
    """Read the whole body; one that is sent in chunks has no length to look at beforehand."""
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise RequestTooLarge("the client went away before its request was whole")
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if size > LONGEST_BODY:
            raise RequestTooLarge(f"the body has more than {LONGEST_BODY} bytes")
        more = event.get("more_body", False)
    return b"".join(parts)


async def _answer(answer: Answer, receive: Receive, send: Send) -> None:
    headers = [(_bytes(name).lower(), _bytes(value)) for name, value in answer.headers.items()]
    body = answer.body
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await _stream(body, receive, send)


async def _lose(send: Send) -> None:
    """Begin an answer in chunks that never come: the server then closes the connection.

    A body shorter than its length would not do: some clients take it for whole.
    """
    await send({"type": "http.response.start", "status": 200, "headers": []})


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


async def _stream(body: AsyncGenerator[bytes, None], receive: Receive, send: Send) -> None:
    """Send a body as it comes; end it when the client has gone, which `send` does not tell."""
    async with asyncio.TaskGroup() as group:
        tasks = (group.create_task(_send_parts(body, send)), group.create_task(_until_gone(receive)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()


async def _send_parts(body: AsyncGenerator[bytes, None], send: Send) -> None:
    async with contextlib.aclosing(body):
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
