"""An endpoint's instance: a detached process that keeps one model server alive.

It outlives the service. Its folder tells how it stands: `lock` is held as long as it lives, `ready.json`
says that the model server answered its ping, `exit.json` holds the reason when it never did. A model server
that dies later is started again, at growing intervals, as SageMaker does with a container that ends.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import errors, logs
from sagelocal import settings as configuration
from sagelocal.jobs import access, modelserver
from sagelocal.jobs import folder as folders
from sagelocal.jobs.kinds import LONGEST_REASON
from sagelocal.storage import S3Storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.settings import Settings

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
"""A model server that lived this long is started again at once."""
READY = "ready.json"


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What an instance serves: `container` is a ContainerDefinition."""

    endpoint: str
    variant: str
    log_stream: str
    container: Mapping[str, Any]
    startup_seconds: float = modelserver.STARTUP_SECONDS
    role: str = ""
    fails_ping: bool = False
    """Whether it is not to come up, by the service's fault plan."""


def main(argv: list[str], environ: Mapping[str, str]) -> int:
    """Run the instance in the folder until SIGTERM."""
    folder = folders.JobFolder(Path(argv[0]))
    with folder.lock.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 0  # another one has it
        folder.pid.write_text(str(os.getpid()))
        job = json.loads(folder.job.read_text())
        settings = configuration.from_json(job["settings"])
        return Instance(folder, settings, Spec(**job["body"]), environ).run()


class Instance:
    """Keeps a model server alive."""

    def __init__(
        self, folder: folders.JobFolder, settings: Settings, spec: Spec, environ: Mapping[str, str]
    ) -> None:
        self._folder = folder
        self._spec = spec
        self._settings = settings
        self._environ = environ
        self._stopping = False
        # Signals and the end of the process wake the main thread through a pipe, which is safe in a handler.
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._sink = logs.CloudWatchLogs(logs.ENDPOINT_GROUP_PREFIX + spec.endpoint, spec.log_stream)
        self._file = folder.container_log.open("a", buffering=1, errors="replace")

    def run(self) -> int:
        """Serve until SIGTERM; the exit status is 1 when the model server never came up."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        if self._folder.stop.exists():
            return 0
        failure = self._serve()
        if failure:
            folders.write_json(self._folder.exit, {"failure": failure})
        (self._folder.root / READY).unlink(missing_ok=True)
        try:
            self._sink.close()
        except logs.LogsLostError as error:
            print(error, file=sys.stderr)  # noqa: T201  (supervisor.log)
        self._file.close()
        return 1 if failure else 0

    def _serve(self) -> str:
        """Return why the model server never came up; empty when it was stopped."""
        headline = (
            f"The primary container for production variant {self._spec.variant} did not pass the ping health "
            "check. Please check CloudWatch logs for this endpoint."
        )
        server = None
        try:
            server = modelserver.ModelServer(
                folder=self._folder.root,
                container=self._spec.container,
                settings=self._settings,
                storage=S3Storage(),
                environ=access.variables(
                    self._environ, role_arn=self._spec.role, job_arn=self._spec.endpoint
                ),
                say=self._say,
            )
            self._say(
                f"endpoint {self._spec.endpoint}, variant {self._spec.variant}: "
                f"starting {self._spec.container['Image']}"
            )
            server.prepare()
            self._start(server)
        except (modelserver.ModelServerError, errors.ServiceError, OSError) as error:
            self._say(f"ERROR: {error}")
            if server is not None:
                server.stop()
            return modelserver.reason(headline, str(error), server.tail if server else "", LONGEST_REASON)
        self._keep(server)
        server.stop()
        return ""

    def _start(self, server: modelserver.ModelServer) -> None:
        server.start()
        assert server.process is not None
        server.process.when_ended(self._notify)
        if server.ready(stopping=lambda: self._stopping, timeout=self._spec.startup_seconds):
            if self._spec.fails_ping:
                raise modelserver.ModelServerError("the container did not answer /ping (a planned fault)")
            folders.write_json(self._folder.root / READY, {"time": time.time(), "pid": server.process.pid})

    def _keep(self, server: modelserver.ModelServer) -> None:
        """Start the model server again whenever it dies, until a stop."""
        pause, begin = FIRST_PAUSE_SECONDS, time.monotonic()
        while not self._stopping:
            self._sleep(None)
            if self._stopping or server.process is None or (over := server.process.wait(0)) is None:
                continue
            pause = FIRST_PAUSE_SECONDS if time.monotonic() - begin > STEADY_SECONDS else pause
            self._say(f"the model server ended with {over}; it is started again in {pause:.1f} s")
            self._sleep(pause)
            pause, begin = min(LONGEST_PAUSE_SECONDS, pause * 2), time.monotonic()
            if self._stopping:
                return
            try:
                self._start(server)
            except (modelserver.ModelServerError, OSError) as error:
                self._say(f"ERROR: {error}")
                server.stop()

    def _sleep(self, seconds: float | None) -> None:
        select.select([self._woken], [], [], seconds)
        os.set_blocking(self._woken, False)
        try:
            os.read(self._woken, 4096)
        except BlockingIOError:
            return

    def _notify(self) -> None:
        try:
            os.write(self._wake, b"\0")
        except BlockingIOError:
            return  # it is woken already

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._stopping = True
        self._notify()

    def _say(self, line: str) -> None:
        self._file.write(line + "\n")
        self._sink.write(line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
