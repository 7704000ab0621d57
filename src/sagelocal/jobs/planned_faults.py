"""What a supervisor does about the faults that its job was given at the start (`sagelocal.faults`)."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from typing import TYPE_CHECKING, Any

from sagelocal.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.jobs.folder import JobFolder
    from sagelocal.jobs.kinds import JobKind
    from sagelocal.jobs.supervisor import Job
    from sagelocal.logs import LogSink

    MakeSink = Callable[..., LogSink]

_LOOK_SECONDS = 0.02


def failed(job: Job, kind: JobKind | None) -> bool:
    """Write the end of a job that was given a failure; tell whether it was."""
    reason = job.faults.get("failure")
    if reason is None or kind is None:
        return False
    job.finish(lambda body: kind.end(body, JobStatus.FAILED, reason))
    return True


def arm(faults: Mapping[str, Any], folder: JobFolder) -> None:
    """Have this process interrupted, as long after the user's code began as the job was given."""
    if "interrupt" in faults:
        after = float(faults["interrupt"])
        threading.Thread(target=_interrupt, args=(folder, after), name="interruption", daemon=True).start()


def _interrupt(folder: JobFolder, after: float) -> None:
    while not folder.was_started():
        time.sleep(_LOOK_SECONDS)
    time.sleep(after)
    os.kill(os.getpid(), signal.SIGUSR1)


def sink(job: Job, make: MakeSink, group: str, stream: str) -> LogSink:
    """Make a job's sink of a log stream: late by as much as the job was given."""
    seconds = float(job.faults.get("delay_logs", 0.0))
    if not seconds:
        return make(group, stream)
    return DelayedLogs(lambda clock: make(group, stream, clock=clock), seconds)


class DelayedLogs:
    """A sink whose lines arrive late, with the times at which they were written.

    `close` does not wait for them, as AWS ends a job whose lines are still under way; the process ends
    when the last has arrived.
    """

    def __init__(self, make: Callable[[Callable[[], float]], LogSink], seconds: float) -> None:
        self._seconds = seconds
        self._written = time.time()
        self._inner = make(lambda: self._written)
        self._waiting: queue.SimpleQueue[tuple[float, str] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._deliver, name="late logs")
        self._thread.start()

    def write(self, line: str) -> None:
        """Take a line."""
        self._waiting.put((time.time(), line))

    def close(self, within: float = 0.0) -> None:  # noqa: ARG002  (the lines take their time)
        """Take no more."""
        self._waiting.put(None)

    def _deliver(self) -> None:
        while (late := self._waiting.get()) is not None:
            self._written, line = late
            time.sleep(max(0.0, self._written + self._seconds - time.time()))
            self._inner.write(line)
        self._inner.close()
