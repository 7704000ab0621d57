"""The door of the service: an ASGI application, the path of a request as one list, and the one error funnel.

Whatever happens on the path, the answer is one that an AWS client can read: an error of AWS's own shape,
never a bare page. The checks on `Host`, `Origin` and `Sec-Fetch-Site` keep web pages out: a browser on the
same machine may reach loopback, and must not be able to run code here (DNS rebinding, cross-site requests).
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal import fault_api
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
    receive: Receive
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
    ) -> None:
        self._services = services
        self._dispatch = dispatch
        self._hosts = hosts
        self._version = version
        self._faults = faults or Faults()
        self._verifier = verifier
        self._protocols = protocol.Protocols()
        self._courtesy = Courtesy()
        # The path of every request.
        self._steps = (
            self._check_host,
            self._check_origin,
            self._check_headers,
            self._tell_health,
            self._check_signature,
            self._plan_faults,
            self._find_operation,
            self._read_body,
            self._verify_signature,
            self._decode,
            self._meet_fault,
            self._handle,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection scope."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            exchange = _exchange(scope, receive)
            answer = await self._run(exchange)
            await (_lose(send) if exchange.is_lost else _answer(answer, send))

    async def _run(self, exchange: Exchange) -> Answer:
        try:
            for step in self._steps:
                await step(exchange)
                if exchange.answer is not None:
                    return exchange.answer
        except ServiceError as error:
            return self._refuse(exchange, error)
        except Exception:  # noqa: BLE001  (the funnel's last resort is for what nobody foresaw)
            _log.exception("request %s: %s failed", exchange.request_id, _name(exchange))
            return self._refuse(exchange, ServiceError(f"internal failure in request {exchange.request_id}"))
        raise AssertionError("the last step answers")

    def _refuse(self, exchange: Exchange, error: ServiceError) -> Answer:
        is_rest = exchange.match is not None and exchange.match.operation.protocol == "rest-json"
        return protocol.encode_error(error, exchange.request_id, "rest-json" if is_rest else "json")

    async def _check_host(self, exchange: Exchange) -> None:
        host = exchange.request.headers.get("host", "")
        name = _host_name(host)
        if not _is_loopback(name) and name not in self._hosts:
            known = ", ".join(["localhost", "loopback addresses", *sorted(self._hosts)])
            raise AccessDeniedException(
                f"Host {host!r} is not one of this service's names ({known}); SAGELOCAL_HOSTS adds names"
            )

    async def _check_origin(self, exchange: Exchange) -> None:
        headers = exchange.request.headers
        if "origin" in headers:
            raise AccessDeniedException(f"requests from web pages are refused (Origin {headers['origin']!r})")
        site = headers.get("sec-fetch-site", "none")
        if site not in _OWN_FETCHES:
            raise AccessDeniedException(f"requests from web pages are refused (Sec-Fetch-Site {site!r})")

    async def _check_headers(self, exchange: Exchange) -> None:
        size = sum(len(name) + len(value) for name, value in exchange.request.headers.items())
        if size > LONGEST_HEADERS:
            raise HeadersTooLarge(f"the headers have {size} bytes; at most {LONGEST_HEADERS} are taken")

    async def _tell_health(self, exchange: Exchange) -> None:
        if exchange.request.path == HEALTH_PATH:
            body = json.dumps({"status": "ok", "version": self._version}).encode()
            exchange.answer = Answer(status=200, headers={"Content-Type": "application/json"}, body=body)

    async def _check_signature(self, exchange: Exchange) -> None:
        if exchange.request.path == fault_api.PATH and self._verifier is None:
            return  # for people with curl, and for tests
        header = exchange.request.headers.get("authorization", "")
        if (
            not header.startswith(_SIGNATURE)
            and f"X-Amz-Algorithm={_SIGNATURE}" not in exchange.request.query
        ):
            raise MissingAuthenticationToken("Missing Authentication Token")

    async def _plan_faults(self, exchange: Exchange) -> None:
        if exchange.request.path == fault_api.PATH:
            await self._read_body(exchange)
            await self._verify_signature(exchange)
            exchange.answer = fault_api.answer(
                self._faults,
                self._services.operations,
                exchange.request.method,
                exchange.body,
            )

    async def _find_operation(self, exchange: Exchange) -> None:
        request = exchange.request
        target = request.headers.get("x-amz-target")
        if target is not None:
            exchange.match = self._services.by_target(target)
        else:
            exchange.match = self._services.by_path(request.method, request.path)
        if exchange.match is None:
            what = f"target {target!r}" if target is not None else f"{request.method} {request.path}"
            raise UnknownOperationException(f"no operation of SageMaker's installed model has {what}")

    async def _read_body(self, exchange: Exchange) -> None:
        length = exchange.request.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LONGEST_BODY:
            raise RequestTooLarge(f"the body has {length} bytes; at most {LONGEST_BODY} are taken")
        exchange.body = await _read(exchange.receive)

    async def _verify_signature(self, exchange: Exchange) -> None:
        if self._verifier is not None:
            self._verifier.verify(exchange.request, exchange.body)

    async def _decode(self, exchange: Exchange) -> None:
        assert exchange.match is not None
        exchange.parameters = self._protocols.decode(exchange.match, exchange.request, exchange.body)

    async def _meet_fault(self, exchange: Exchange) -> None:
        assert exchange.match is not None
        error = self._faults.refusal(exchange.match.operation.name)
        if error is not None:
            raise error

    async def _handle(self, exchange: Exchange) -> None:
        assert exchange.match is not None
        assert exchange.parameters is not None
        operation = exchange.match.operation
        entry = self._dispatch.find(operation.name)
        call = Call(
            operation=operation.name,
            request_id=exchange.request_id,
            parameters=exchange.parameters,
            headers=exchange.request.headers,
        )
        if operation.service == _PREDICTIONS:
            async with self._courtesy.prediction():
                result = await _run(entry, call)
        else:
            self._courtesy.call()
            result = await _run(entry, call)
        exchange.answer = self._protocols.encode(operation, result, exchange.request_id)
        exchange.is_lost = self._faults.loses_reply(operation.name)


async def _run(entry: Entry, call: Call) -> Any:
    """Run a handler: what takes time, in a thread."""
    if entry.is_async:
        return await entry.run(call)  # type: ignore[misc]
    if entry.quick:
        return entry.run(call)
    return await asyncio.to_thread(entry.run, call)


def _exchange(scope: Scope, receive: Receive) -> Exchange:
    request = Request(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
    )
    return Exchange(request=request, receive=receive, request_id=str(uuid.uuid4()))


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


async def _answer(answer: Answer, send: Send) -> None:
    headers = [(_bytes(name).lower(), _bytes(value)) for name, value in answer.headers.items()]
    body = answer.body
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await _stream(body, send)


async def _lose(send: Send) -> None:
    """Begin an answer in chunks that never come: the server then closes the connection.

    A body shorter than its length would not do: some clients take it for whole.
    """
    await send({"type": "http.response.start", "status": 200, "headers": []})


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")


async def _stream(body: AsyncIterator[bytes], send: Send) -> None:
    async for chunk in body:
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _live(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
