"""Which model servers answer for which endpoint, and the passing on of invocations.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_runtime_InvokeEndpoint.html
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal.serving import client, lanes, multimodel, waking
from sagelocal.serving.failures import Failures
from sagelocal.serving.meters import Meters
from sagelocal.serving.traffic import DIRECT, MULTI, Traffic

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
    from pathlib import Path

    from sagelocal.serving.capture import Capture, Captures
    from sagelocal.serving.lanes import Lane, Peer

INVOCATION_SECONDS = 60.0
"""SageMaker gives a container 60 seconds for an answer."""
_OK = range(200, 300)
_TIMED_OUT = 504
"""What a model that did not answer counts as."""
_PASSED_ON = (
    ("CustomAttributes", "X-Amzn-SageMaker-Custom-Attributes"),
    ("InferenceId", "X-Amzn-SageMaker-Inference-Id"),
    ("TargetModel", "X-Amzn-SageMaker-Target-Model"),
)


class _Route:
    def __init__(self, traffic: Traffic, lanes_: tuple[Lane, ...], capture: Capture | None) -> None:
        self.traffic = traffic
        self.lanes = lanes_
        self.capture = capture
        self.weights = [lane.variant.weight for lane in lanes_]
        self.is_weighted = sum(self.weights) > 0

    def choose(self, endpoint: str, target: str | None) -> Lane:
        """Return the variant that a request goes to."""
        if target is None:
            if len(self.lanes) == 1:
                return self.lanes[0]
            return random.choices(self.lanes, self.weights if self.is_weighted else None)[0]  # noqa: S311
        # Two fleets may have the variant while one replaces the other.
        found = [lane for lane in self.lanes if lane.variant.name == target]
        if found:
            weights = [lane.variant.weight for lane in found]
            return random.choices(found, weights if sum(weights) > 0 else None)[0]  # noqa: S311
        names = ", ".join(sorted({lane.variant.name for lane in self.lanes}))
        raise errors.RuntimeValidationError(
            f"Variant {target} not found for endpoint {endpoint}; its variants: {names}"
        )


class Router:
    """The routes of all endpoints. `invoke` is for one event loop, the rest for any thread."""

    def __init__(
        self,
        *,
        account: str,
        region: str,
        meters: Meters | None = None,
        captures: Captures | None = None,
        idle_seconds: float = 300.0,
        connect: Callable[[Path], client.Client] = client.Client,
    ) -> None:
        self._connect = connect
        self._failures = Failures(account=account, region=region)
        self._meters = meters or Meters()
        self._captures = captures
        self._idle_seconds = idle_seconds
        self._routes: dict[str, _Route] = {}
        self._loads: dict[tuple[str, str], lanes.Load] = {}
        self.wanted: Callable[[], None] = _nothing
        """Called when a serverless variant has a request and no model server."""
        self.changed: Callable[[str, Traffic | None], None] = _ignored
        """Called when an endpoint's traffic goes elsewhere; with None when it goes nowhere."""

    def set(self, endpoint: str, traffic: Traffic) -> None:
        """Send an endpoint's traffic there from now on; what runs on the old instances ends there."""
        old = self._routes.get(endpoint)
        known = (
            {path: one for lane in old.lanes for peer in lane.peers for path, one in peer.paths()}
            if old
            else {}
        )
        capture = None
        if self._captures is not None:
            if traffic.capture is not None:
                capture = self._captures.of(endpoint, traffic.capture)
            else:
                self._captures.drop(endpoint)
        made = tuple(
            lanes.Lane(
                variant,
                lanes.peers(variant, known, self._connect),
                self._loads.setdefault((endpoint, variant.name), lanes.Load(used=time.monotonic())),
                self._meters.of(endpoint, variant.name),
            )
            for variant in traffic.variants
        )
        self._routes[endpoint] = _Route(traffic, made, capture)
        self.changed(endpoint, traffic)

    def remove(self, endpoint: str) -> None:
        """Forget an endpoint."""
        if self._routes.pop(endpoint, None) is None:
            return
        self.changed(endpoint, None)
        for key in [key for key in list(self._loads) if key[0] == endpoint]:
            del self._loads[key]
        if self._captures is not None:
            self._captures.drop(endpoint)

    def is_idle(self, endpoint: str, variant: str) -> bool:
        """Tell whether a variant had no request for so long that a serverless one may sleep."""
        load = self._loads.get((endpoint, variant))
        return load is None or (not load.running and time.monotonic() - load.used > self._idle_seconds)

    def traffic(self, endpoint: str) -> Traffic | None:
        """Return what an endpoint's requests go to; None when it is not in service."""
        route = self._routes.get(endpoint)
        return route.traffic if route is not None else None

    async def invoke(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members of an InvokeEndpoint answer.

        Raises:
            LookupError: no such endpoint is in service.
            errors.RuntimeValidationError: the variant, container or model asked for does not exist.
            errors.ModelError: the model's container answered with an error, or not in time.
            errors.ServiceUnavailable: no instance of the variant answers at all, or all are busy.
            errors.ThrottlingException: a serverless variant has all the requests that it takes.

        """
        route = self._routes.get(endpoint)
        if route is None:
            raise LookupError(endpoint)
        if route.traffic.asynchronous is not None:
            raise errors.RuntimeValidationError(
                f"Endpoint {endpoint} is asynchronous: it takes InvokeEndpointAsync only"
            )
        return await self._answer(endpoint, route, request)

    async def queued(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Do as `invoke` for a request to an asynchronous endpoint; its `Seconds` are what it may take."""
        route = self._routes.get(endpoint)
        if route is None:
            raise LookupError(endpoint)
        return await self._answer(endpoint, route, request)

    async def stream(
        self, endpoint: str, request: Mapping[str, Any]
    ) -> tuple[dict[str, Any], AsyncGenerator[bytes, None]]:
        """Return the members of an InvokeEndpointWithResponseStream answer but for its body, and that.

        Raises what `invoke` raises; the parts raise `client.UnreachableError` when the model breaks off.
        """
        route = self._routes.get(endpoint)
        if route is None:
            raise LookupError(endpoint)
        lane = route.choose(endpoint, request.get("TargetVariant"))
        if (
            route.traffic.asynchronous is not None
            or lane.variant.max_concurrency
            or (lane.variant.mode != DIRECT and len(lane.variant.containers) > 1)
        ):
            raise errors.RuntimeValidationError(
                f"Endpoint {endpoint} does not stream responses: it is asynchronous, serverless or a pipeline"
            )
        head, stack = await self._begin(endpoint, lane, request)
        members = {
            "ContentType": head.headers.get("content-type", ""),
            "InvokedProductionVariant": lane.variant.name,
        }
        custom = head.headers.get("x-amzn-sagemaker-custom-attributes")
        return members | ({"CustomAttributes": custom} if custom else {}), _until_end(head, stack)

    async def _begin(
        self, endpoint: str, lane: Lane, request: Mapping[str, Any]
    ) -> tuple[client.Head, AsyncExitStack]:
        """Begin an answer; its connection is open until the stack is closed."""
        begin, status = time.perf_counter(), [200]

        def note() -> None:
            lane.meter.note((time.perf_counter() - begin, 0.0, status[0], len(lane.peers)))

        async with AsyncExitStack() as stack:
            stack.callback(note)
            status[0] = errors.ServiceUnavailable.status
            lane.enter()
            stack.callback(lane.leave)
            head = await self._open(endpoint, lane, request, stack)
            status[0] = head.status
            if head.status not in _OK:
                words = b"".join([part async for part in head.parts]).decode(errors="replace")
                raise self._failures.model(endpoint, head.status, words, lane.variant.containers[0])
            return head, stack.pop_all()

    async def _open(
        self, endpoint: str, lane: Lane, request: Mapping[str, Any], stack: AsyncExitStack
    ) -> client.Head:
        gone = "it has none"
        headers = _headers(request) | ({"Accept": request["Accept"]} if request.get("Accept") else {})
        for peer in lane.order():
            ((name, one),) = await self._chosen(endpoint, lane, peer, request)
            try:
                async with asyncio.timeout(INVOCATION_SECONDS):
                    return await stack.enter_async_context(
                        one.stream("/invocations", headers, request.get("Body", b""))
                    )
            except client.UnreachableError as error:
                gone = str(error)
            except TimeoutError as error:
                raise self._failures.late(endpoint, name) from error
        raise errors.ServiceUnavailable(
            f"No instance of variant {lane.variant.name} of endpoint {endpoint} answers: {gone}"
        )

    async def _answer(self, endpoint: str, route: _Route, request: Mapping[str, Any]) -> dict[str, Any]:
        lane = route.choose(endpoint, request.get("TargetVariant"))
        reply = await self._measured(endpoint, lane, request)
        kind = reply.headers.get("content-type", "")
        answer = {"Body": reply.body, "ContentType": kind, "InvokedProductionVariant": lane.variant.name}
        if route.capture is not None:
            route.capture.note(lane.variant.name, request, kind, reply.body)
        custom = reply.headers.get("x-amzn-sagemaker-custom-attributes")
        return answer | ({"CustomAttributes": custom} if custom else {})

    async def _measured(self, endpoint: str, lane: Lane, request: Mapping[str, Any]) -> client.Reply:
        begin, spent, status = time.perf_counter(), [0.0], 200
        try:
            lane.enter()
            try:
                return await self._ask(endpoint, lane, request, spent)
            finally:
                lane.leave()
        except errors.ServiceError as error:
            status = int(error.details.get("OriginalStatusCode", error.status)) or _TIMED_OUT
            raise
        finally:
            whole = time.perf_counter() - begin
            lane.meter.note((spent[0], whole - spent[0], status, len(lane.peers)))

    async def _ask(
        self, endpoint: str, lane: Lane, request: Mapping[str, Any], spent: list[float]
    ) -> client.Reply:
        gone = "it has none"
        # A model may be unloaded just when it was found to be loaded.
        for peer in lane.order() if lane.is_plain else (*lane.order(), *lane.order()):
            try:
                return await self._through(endpoint, lane, peer, request, spent)
            except client.UnreachableError as error:
                gone = str(error)
        if lane.variant.max_concurrency:
            peer = lane.peers[0]
            await waking.wake(peer, self.wanted, lambda words: self._failures.model(endpoint, 0, words))
            return await self._through(endpoint, lane, peer, request, spent)
        raise errors.ServiceUnavailable(
            f"No instance of variant {lane.variant.name} of endpoint {endpoint} answers: {gone}"
        )

    async def _through(
        self, endpoint: str, lane: Lane, peer: Peer, request: Mapping[str, Any], spent: list[float]
    ) -> client.Reply:
        """Ask the containers of one instance that are to answer; each gets what the one before said."""
        is_plain = lane.is_plain and "TargetModel" not in request and "TargetContainerHostname" not in request
        chosen = peer.named if is_plain else await self._chosen(endpoint, lane, peer, request)
        headers = _headers(request)
        body, left = request.get("Body", b""), len(chosen)
        seconds = request.get("Seconds", INVOCATION_SECONDS)
        for name, one in chosen:
            left -= 1
            if not left and "Accept" in request:
                headers["Accept"] = request["Accept"]
            begin = time.perf_counter()
            try:
                reply = await one.post("/invocations", headers, body, seconds)
            except TimeoutError as error:
                raise self._failures.late(endpoint, name) from error
            finally:
                spent[0] += time.perf_counter() - begin
            if not 200 <= reply.status < 300:  # noqa: PLR2004
                raise self._failures.model(endpoint, reply.status, reply.body.decode(errors="replace"), name)
            if left:
                body = reply.body
                headers["Content-Type"] = reply.headers.get("content-type", headers["Content-Type"])
        return reply

    async def _chosen(
        self, endpoint: str, lane: Lane, peer: Peer, request: Mapping[str, Any]
    ) -> Sequence[tuple[str, client.Client]]:
        """Return the containers that are to answer, with their names."""
        names, mode = lane.variant.containers, lane.variant.mode
        host, model = request.get("TargetContainerHostname"), request.get("TargetModel")
        if (host is not None) != (mode == DIRECT):
            words = "needs" if mode == DIRECT else "takes no"
            raise errors.RuntimeValidationError(
                f"Endpoint {endpoint} {words} TargetContainerHostname: the mode of its containers is {mode}"
            )
        if (model is not None) != (mode == MULTI):
            words = (
                "is a multi-model endpoint and needs"
                if mode == MULTI
                else "is no multi-model endpoint: it takes no"
            )
            raise errors.RuntimeValidationError(f"Endpoint {endpoint} {words} TargetModel")
        if mode == MULTI:
            return [(names[0], await multimodel.load(peer, str(model), self._failures, endpoint))]
        if mode != DIRECT:
            return peer.named
        if host not in names:
            raise errors.RuntimeValidationError(
                f"Container {host} not found for endpoint {endpoint}; its containers: {', '.join(names)}"
            )
        return [(str(host), peer.clients[names.index(str(host))])]


def _headers(request: Mapping[str, Any]) -> dict[str, str]:
    headers = {"Content-Type": request.get("ContentType") or "application/json"}
    for member, name in _PASSED_ON:
        if member in request:
            headers[name] = request[member]
    return headers


async def _until_end(head: client.Head, stack: AsyncExitStack) -> AsyncGenerator[bytes, None]:
    async with stack:
        async for part in head.parts:
            yield part


def _nothing() -> None:
    """Do nothing."""


def _ignored(_endpoint: str, _traffic: Traffic | None) -> None:
    """Do nothing."""
