"""The data plane's process: `python -m sagelocal.dataplane.process CHANNEL PAGE`, started by the service.

It answers InvokeEndpoint and InvokeEndpointWithResponseStream on connections that it is given, by the routes
that it is told, and hands back whatever else comes on them. It ends with the service: when that is killed, at
once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import sys
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, NoReturn

import uvloop
from uvicorn.server import ServerState

from sagelocal import connection, handing, signatures
from sagelocal.api.account import Account
from sagelocal.api.invocations import Invocations
from sagelocal.dataplane.channel import Channel, Page
from sagelocal.errors import ServiceUnavailable
from sagelocal.gateway import Gateway
from sagelocal.serving.capture import Captures
from sagelocal.serving.endpoints import Router
from sagelocal.serving.meters import Meters
from sagelocal.serving.ticking import Ticking
from sagelocal.storage import S3Storage
from sagelocal.wire import model
from sagelocal.wire.dispatch import Dispatch

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.dataplane.control import Identity
    from sagelocal.serving.traffic import Traffic
    from sagelocal.wire.message import Call

COUNT_SECONDS = 1.0
MAKING_WAY = 5
"""Added to the niceness, as of model servers: where cores are scarce, the API goes first."""
_DRAIN_SECONDS = 10.0
_DRAIN_LOOK_SECONDS = 0.02


class Routes:
    """The routes as they were told; a request that does not fit them is for the control plane."""

    def __init__(self, channel: Channel, page: Page, router: Router) -> None:
        self._channel = channel
        self._page = page
        self._router = router
        self._version = -1
        self._endpoints: set[str] = set()

    def apply(self, version: int, routes: Mapping[str, Traffic | None]) -> None:
        """Have endpoints' traffic go there from now on; None: they are no longer served here."""
        for endpoint, traffic in routes.items():
            if traffic is None:
                self._router.remove(endpoint)
                self._endpoints.discard(endpoint)
            else:
                self._router.set(endpoint, traffic)
                self._endpoints.add(endpoint)
        self._version = version

    def takes(self, data: bytes) -> bool:
        """Tell whether a request that begins so is for the control plane."""
        is_known = handing.endpoint(data) in self._endpoints
        return not is_known or self._page.held or self._page.version != self._version

    def give(self, file: int, data: bytes) -> bool:
        """Hand a connection back; see `handing.Other`."""
        self._channel.send(("connection", data), file)
        return True


class _Counts(Ticking):
    """Tells the control plane how many invocations there were: it scales by them."""

    def __init__(self, channel: Channel, meters: Meters) -> None:
        super().__init__("counts", every=COUNT_SECONDS, within=COUNT_SECONDS)
        self._channel = channel
        self._meters = meters
        self._told: Counter[tuple[str, str]] = Counter()

    def tick(self) -> None:
        """Tell what came since the last time."""
        totals = Counter(self._meters.totals())
        if new := totals - self._told:
            self._channel.send(("counted", new))
        self._told = totals


class _NoQueue:
    """Asynchronous endpoints are the control plane's."""

    def submit(self, endpoint: str, request: Mapping[str, Any]) -> NoReturn:  # noqa: ARG002
        _refuse()


def _refuse(call: Call | None = None) -> NoReturn:  # noqa: ARG001
    raise ServiceUnavailable("send this when the answers that this connection waits for have come")


def _gateway(identity: Identity, router: Router) -> Gateway:
    key, _, secret = identity.credentials.partition(":")
    account = Account(number=identity.account, region=identity.region)
    invocations = Invocations(invoker=router, queue=_NoQueue(), account=account)
    return Gateway(
        services=model.load(("sagemaker-runtime",)),
        dispatch=Dispatch((invocations,), fallback=_refuse),
        hosts=identity.hosts,
        version=identity.version,
        verifier=signatures.Verifier(key, secret) if key else None,
    )


async def serve(channel: Channel, page: Page) -> None:
    """Answer until the control plane says that it is enough, and then what is under way."""
    (_, identity), _ = await asyncio.to_thread(channel.receive)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    meters, captures = Meters(), Captures(S3Storage().write)
    router = Router(account=identity.account, region=identity.region, meters=meters, captures=captures)
    routes = Routes(channel, page, router)
    config, state = connection.configuration(_gateway(identity, router), routes), ServerState()
    adopter = connection.adopter(config, state, loop)
    threading.Thread(
        target=_listen, args=(channel, loop, routes, adopter, stop), name="channel", daemon=True
    ).start()
    ticking = (meters, captures, _Counts(channel, meters))
    for each in ticking:
        each.start()
    gc.freeze()
    channel.send(("ready",))
    await stop.wait()
    await _drain(state)
    for each in ticking:
        await asyncio.to_thread(each.close)


def _listen(
    channel: Channel,
    loop: asyncio.AbstractEventLoop,
    routes: Routes,
    adopter: handing.Adopter,
    stop: asyncio.Event,
) -> None:
    try:
        while True:
            words, file = channel.receive()
            match words:
                case ("route", version, changed):
                    loop.call_soon_threadsafe(routes.apply, version, changed)
                case ("connection", data):
                    adopter.take(file, data)
                case ("end",):
                    loop.call_soon_threadsafe(stop.set)
    except EOFError:
        os._exit(1)  # the service was killed, and whoever waits here is to see it


async def _drain(state: ServerState) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + _DRAIN_SECONDS
    while state.connections and loop.time() < end:
        for each in list(state.connections):
            each.shutdown()
        await asyncio.sleep(_DRAIN_LOOK_SECONDS)


def main(argv: list[str]) -> None:
    """Serve on a channel, by a page: the numbers of open files."""
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    os.nice(MAKING_WAY)
    channel, page = Channel(socket.socket(fileno=int(argv[0]))), Page(int(argv[1]))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(channel, page))


if __name__ == "__main__":
    main(sys.argv[1:])
