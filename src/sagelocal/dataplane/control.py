"""The control plane's side: the data plane's process started, told the routes, started again when it dies.

Whatever the data plane cannot answer by the routes and plans of this moment it hands back, and the control
plane answers itself: also while there is no data plane. So nothing has to be waited for: a change of routes
is in force when the number on the shared page is written. Serverless and asynchronous endpoints stay with the
control plane, which has to know at every moment what they do.
"""

from __future__ import annotations

import logging
import mmap
import os
import socket
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal import handing
from sagelocal.dataplane.channel import Channel, Page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.faults import Faults
    from sagelocal.serving.traffic import Traffic

COMMAND = (sys.executable, "-m", "sagelocal.dataplane.process")
AGAIN_SECONDS = 1.0
"""A data plane that died is started again so much later; one that never was ready, later each time."""
LATEST_SECONDS = 60.0
END_SECONDS = 40.0
"""It is given that long to answer what it has and to write what it gathered."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom the data plane pretends to be, and whom it lets in."""

    account: str
    region: str
    hosts: frozenset[str]
    version: str
    credentials: str
    """`key:secret`; it is told over the channel, and is in no file or environment."""


class DataPlane:
    """The other process. Safe between threads."""

    def __init__(self, *, identity: Identity, environ: Mapping[str, str], faults: Faults) -> None:
        self._identity = identity
        self._environ = dict(environ)
        self._faults = faults
        with tempfile.TemporaryFile() as file:
            file.truncate(mmap.PAGESIZE)
            self._file = os.dup(file.fileno())
        self._page = Page(self._file)
        self._routes: dict[str, Traffic] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._changing = threading.RLock()
        self._channel: Channel | None = None
        self._is_ready = False
        self._adopter: handing.Adopter | None = None
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def accept(self, adopter: handing.Adopter) -> None:
        """Have connections that come back go on there."""
        self._adopter = adopter

    def route(self, endpoint: str, traffic: Traffic | None) -> None:
        """Have an endpoint's traffic go there from now on; None: nowhere. The first starts the process."""
        is_plain = traffic is not None and _is_plain(traffic)
        with self._changing:
            if not is_plain and endpoint not in self._routes:
                return
            self._page.version += 1
            if traffic is not None and is_plain:
                self._routes[endpoint] = traffic
            else:
                del self._routes[endpoint]
            if self._is_ready:
                self._tell("route", self._page.version, {endpoint: self._routes.get(endpoint)})
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._look_after, name="data plane", daemon=True)
                self._thread.start()

    def plan(self) -> None:
        """Take note whether faults are planned: while they are, the control plane sees all requests."""
        self._page.held = not self._faults.is_empty

    def takes(self, data: bytes) -> bool:
        """Tell whether a request that begins so is for the data plane."""
        endpoint = handing.endpoint(data)
        if endpoint is None or not self._is_ready or endpoint not in self._routes:
            return False
        self.plan()
        return not self._page.held

    def give(self, file: int, data: bytes) -> bool:
        """Hand a connection over, unless the data plane is busy or gone; see `handing.Other`."""
        channel = self._channel
        return channel is not None and channel.offer(("connection", data), file)

    def total(self, endpoint: str, variant: str) -> int:
        """Return the invocations of a variant that the data plane has told of."""
        return self._counts[endpoint, variant]

    def close(self) -> None:
        """End the process, once it has answered what it has."""
        self._closing.set()
        with self._changing:
            self._tell("end")
        if self._thread is not None:
            self._thread.join(END_SECONDS)

    def _tell(self, *words: Any) -> None:
        if self._channel is not None:
            try:
                self._channel.send(words)
            except OSError as error:
                _log.info("the data plane does not listen: %s", error)

    def _look_after(self) -> None:
        """Start the process, listen to it until it ends, and so on."""
        pause = AGAIN_SECONDS
        while not self._closing.is_set():
            process, channel = self._start()
            try:
                while True:
                    self._hear(*channel.receive())
            except EOFError:
                with self._changing:
                    pause = AGAIN_SECONDS if self._is_ready else min(2 * pause, LATEST_SECONDS)
                    self._is_ready, self._channel = False, None
                channel.close()
            status = self._end(process)
            if not self._closing.wait(pause):
                _log.warning("the data plane ended with status %s; it is started again", status)

    @staticmethod
    def _end(process: subprocess.Popen[bytes]) -> int:
        try:
            return process.wait(AGAIN_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _start(self) -> tuple[subprocess.Popen[bytes], Channel]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [*COMMAND, str(theirs.fileno()), str(self._file)],
                stdin=subprocess.DEVNULL,
                env=self._environ,
                pass_fds=(theirs.fileno(), self._file),
                start_new_session=True,  # Ctrl-C is for the service, which tells it
            )
        channel = Channel(ours)
        with self._changing:
            self._channel = channel
            self._tell("begin", self._identity)
            if self._closing.is_set():
                self._tell("end")
        return process, channel

    def _hear(self, words: tuple[Any, ...], file: int) -> None:
        match words:
            case ("ready",):
                with self._changing:
                    self._tell("route", self._page.version, dict(self._routes))
                    self._is_ready = True
            case ("counted", counts):
                self._counts.update(counts)
            case ("connection", data) if self._adopter is not None:
                self._adopter.take(file, data)


def _is_plain(traffic: Traffic) -> bool:
    return traffic.asynchronous is None and not any(each.max_concurrency for each in traffic.variants)
