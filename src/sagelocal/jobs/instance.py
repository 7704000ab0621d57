"""An endpoint's instance: a detached process that keeps the model servers of its containers alive.

It outlives the service. Its folder tells how it stands: `lock` is held as long as it lives, `ready.json`
says that every container answered its ping, `exit.json` holds the reason when one never did. A model server
that dies later is started again, at growing intervals, as SageMaker does with a container that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import queue
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sagelocal import errors, logs
from sagelocal import settings as configuration
from sagelocal.jobs import access, fleet_routes, model_shelf, modelserver, preloading
from sagelocal.jobs import folder as folders
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.serving import traffic
from sagelocal.storage import S3Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.settings import Settings

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A model server that lived this long is started again at once."""
READY = "ready.json"
LOCK_SECONDS = 2.0
LOCK_POLL_SECONDS = 0.01
MAKING_WAY = 5
"""Niceness: where cores are scarce, the service and its clients go before the models that they ask, whose
load would else leave describe calls less than half of their rate."""


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an instance serves: `containers` are ContainerDefinitions, `mode` one of `traffic`'s."""

    endpoint: str
    variant: str
    log_stream: str
    containers: list[Mapping[str, Any]]
    mode: str = traffic.SERIAL
    startup_seconds: float = modelserver.STARTUP_SECONDS
    role: str = ""
    fails_ping: bool = False
    """Whether it is not to come up, by the service's fault plan."""


def main(root: Path, environ: Mapping[str, str]) -> int:
    """Run the instance in the folder until SIGTERM."""
    os.nice(MAKING_WAY)
    folder = folders.JobFolder(root)
    with folder.lock.open("a") as lock:
        if not _lock(lock):
            return 0  # another one has it
        os.dup(lock.fileno())  # who finds the lock free shall find the process gone
        folder.pid.write_text(str(os.getpid()))
        job = json.loads(folder.job.read_text())
        settings = configuration.from_json(job["settings"])
        return Instance(folder, settings, Spec(**job["body"]), environ).run()


def _lock(handle: IO[str]) -> bool:
    """Take the folder's lock; who only asks whether the instance lives holds it for an instant."""
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > end:
                return False
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return True


class Container:
    """One container of an instance: its model server, its log, and when it is started again."""

    def __init__(self, name: str, server: modelserver.ModelServer) -> None:
        self.name = name
        self.server = server
        self.pause = FIRST_PAUSE_SECONDS
        self.begin = 0.0
        self.due: float | None = None
        """When it is started again (monotonic seconds); None while it runs."""

    def ended(self) -> str:
        """Return how the model server ended; empty while it runs."""
        process = self.server.process
        over = process.wait(0) if process is not None else None
        return "" if over is None else str(over)


class Instance:
    """Keeps model servers alive."""

    def __init__(
        self, folder: folders.JobFolder, settings: Settings, spec: Spec, environ: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._spec = spec
        self._settings = settings
        self._environ = access.variables(environ, role_arn=spec.role, job_arn=spec.endpoint)
        self._stopping = False
        # Signals and the end of a process wake the main thread through a pipe, which is safe in a handler.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._sinks: list[logs.CloudWatchLogs] = []
        self._file = folder.container_log.open("a", buffering=1, errors="replace")
        self._containers: list[Container] = []
        self._shelf: model_shelf.Shelf | None = None

    def run(self) -> int:
        """Serve until SIGTERM; the exit status is 1 when a container never came up."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if self._folder.stop.exists():
            return 0
        failure = self._serve()
        if failure:
            folders.write_json(self._folder.exit, {"failure": failure})
        (self._folder.root / READY).unlink(missing_ok=True)
        for sink in self._sinks:
            try:
                sink.close()
            except logs.LogsLostError as error:
                print(error, file=sys.stderr)  # noqa: T201  (supervisor.log)
        self._file.close()
        return 1 if failure else 0

    def _serve(self) -> str:
        """Return why a container never came up; empty when all were stopped."""
        names = fleet_routes.names([dict(each) for each in self._spec.containers])
        name = names[0]
        try:
            if self._spec.mode == traffic.MULTI:
                self._open_shelf()
                self._check_fault()
            else:
                for place, name in enumerate(names):
                    self._containers.append(Container(name, self._make(place, name)))
                for each in self._containers:
                    name = each.name
                    each.server.prepare()
                for each in self._containers:
                    self._launch(each)
                for each in self._containers:
                    name = each.name
                    self._await(each)
            self._tell_ready()
        except (modelserver.ModelServerError, errors.ServiceError, OSError) as error:
            failed = next((each for each in self._containers if each.name == name), None)
            self._say(f"ERROR: {error}")
            self._stop()
            tail = failed.server.tail if failed else ""
            return modelserver.reason(self._headline(name), str(error), tail, LONGEST_REASON)
        self._keep()
        self._stop()
        return ""

    def _headline(self, container: str) -> str:
        return (
            f"The {container} container for production variant {self._spec.variant} did not pass the ping "
            "health check. Please check CloudWatch logs for this endpoint."
        )

    def _make(self, place: int, name: str) -> modelserver.ModelServer:
        definition = self._spec.containers[place]
        several = len(self._spec.containers) > 1
        say = self._sink(f"{self._spec.log_stream}/{name}" if several else self._spec.log_stream)
        say(
            f"endpoint {self._spec.endpoint}, variant {self._spec.variant}: "
            f"starting {definition['Image']}" + (f" ({name})" if several else "")
        )
        return self._server(modelserver.place(self._folder.root, place), definition, say)

    def _server(
        self, folder: Path, definition: Mapping[str, Any], say: Callable[[str], None]
    ) -> modelserver.ModelServer:
        folder.mkdir(parents=True, exist_ok=True)
        return modelserver.ModelServer(
            folder=folder,
            container=definition,
            settings=self._settings,
            storage=S3Storage(wait=self._settings.storage_wait_seconds),
            environ=self._environ,
            say=say,
            # A runner for its own sake would hold as much memory as the endpoint.
            preloading=lambda made, image: preloading.Preloading(
                self._settings, self._environ, made, image, say, wishes=False
            ),
        )

    def _open_shelf(self) -> None:
        """Begin to serve many models, each loaded when it is asked for."""
        say = self._sink(self._spec.log_stream)
        self._shelf = model_shelf.Shelf(
            folder=self._folder.root,
            definition=self._spec.containers[0],
            make=lambda folder, definition: self._server(folder, definition, say),
            on_main=self._call,
            startup_seconds=self._spec.startup_seconds,
            say=say,
        )
        self._shelf.open()

    def _launch(self, container: Container) -> None:
        container.server.start()
        assert container.server.process is not None
        container.server.process.when_ended(self._notify)
        container.begin, container.due = time.monotonic(), None

    def _await(self, container: Container) -> None:
        if container.server.ready(stopping=lambda: self._stopping, timeout=self._spec.startup_seconds):
            self._check_fault()

    def _check_fault(self) -> None:
        if self._spec.fails_ping:
            raise modelserver.ModelServerError("the container did not answer /ping (a planned fault)")

    def _tell_ready(self) -> None:
        if not self._stopping:
            folders.write_json(self._folder.root / READY, {"time": time.time(), "pid": os.getpid()})

    def _keep(self) -> None:
        """Start model servers again whenever they die, until a stop."""
        while not self._stopping:
            self._sleep(self._next())
            while not self._calls.empty():
                self._calls.get()()
            for each in self._containers:
                if not self._stopping:
                    self._look_after(each)

    def _next(self) -> float | None:
        """Return in how many seconds a model server is to be started again; None when none is."""
        due = [each.due for each in self._containers if each.due is not None]
        return max(0.0, min(due) - time.monotonic()) if due else None

    def _look_after(self, each: Container) -> None:
        if each.due is None:
            if over := each.ended():
                is_steady = time.monotonic() - each.begin > STEADY_SECONDS
                each.pause = FIRST_PAUSE_SECONDS if is_steady else each.pause
                self._say(f"the model server ended with {over}; it is started again in {each.pause:.1f} s")
                each.due = time.monotonic() + each.pause
                each.pause = min(LONGEST_PAUSE_SECONDS, each.pause * 2)
        elif time.monotonic() >= each.due:
            try:
                self._launch(each)
                self._await(each)
                self._tell_ready()
            except (modelserver.ModelServerError, OSError) as error:
                self._say(f"ERROR: {error}")
                each.server.stop()
                each.due = time.monotonic() + each.pause

    def _stop(self) -> None:
        if self._shelf is not None:
            self._shelf.close()
        for each in self._containers:
            if each.server.process is not None:
                each.server.process.terminate()  # all drain at the same time
        for each in self._containers:
            each.server.stop()

    def _call(self, call: Callable[[], None]) -> None:
        """Have something done by the main thread, soon."""
        self._calls.put(call)
        self._notify()

    def _sleep(self, seconds: float | None) -> None:
        select.select([self._woken], [], [], seconds)
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)

    def _notify(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it is woken already
            os.write(self._wake, b"\0")

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True
        self._notify()

    def _sink(self, stream: str) -> Callable[[str], None]:
        sink = logs.CloudWatchLogs(logs.ENDPOINT_GROUP_PREFIX + self._spec.endpoint, stream)
        self._sinks.append(sink)

        def say(line: str) -> None:
            self._file.write(line + "\n")
            sink.write(line)

        return say

    def _say(self, line: str) -> None:
        self._file.write(line + "\n")
        for sink in self._sinks[:1] or [self._fallback()]:
            sink.write(line)

    def _fallback(self) -> logs.CloudWatchLogs:
        """Return a log for an instance that failed before it had one."""
        self._sink(self._spec.log_stream)
        return self._sinks[0]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), os.environ))
