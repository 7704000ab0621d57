"""The detached process that carries out one job: `python -m sagelocal.jobs.supervisor <job folder>`.

It holds the folder's lock for as long as it lives, runs the job's kind, and leaves the end as `exit.json`
before it writes it to the store: whatever is killed, and whenever, the service finds a true end or none.
`main` keeps nothing in globals, so that a warm process may also fork and call it.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import json
import os
import queue
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sagelocal.jobs import mailbox, planned_faults
from sagelocal.jobs.folder import JobFolder, write_json
from sagelocal.jobs.kinds import JOB_KINDS
from sagelocal.jobs.status import JobStatus
from sagelocal.jobs.store import MissingError, Store
from sagelocal.storage import WAIT_SECONDS, S3Storage

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagelocal.storage import Storage

KINDS = {
    "training-job": "sagelocal.jobs.training",
    "transform-job": "sagelocal.jobs.transform",
    "processing-job": "sagelocal.jobs.processing",
    "hyper-parameter-tuning-job": "sagelocal.jobs.tuning",
    "endpoint": "sagelocal.jobs.hosting",
}
"""The module of each kind; its `run(job)` does the work. Imported only when needed: start-up time matters."""
LOCK_SECONDS = 5.0
"""A lock is asked for this long: who only asks whether the supervisor lives holds it for an instant."""
LOCK_POLL_SECONDS = 0.01


class Wake:
    """A bell for the main thread. Signal handlers may ring it: unlike an Event it is reentrant."""

    def __init__(self) -> None:
        self._rings: queue.SimpleQueue[None] = queue.SimpleQueue()

    def ring(self) -> None:
        """End the wait, now or the next."""
        self._rings.put(None)

    def wait(self, timeout: float) -> None:
        """Wait for a ring, `timeout` seconds at most."""
        with contextlib.suppress(queue.Empty):
            self._rings.get(timeout=max(0.0, timeout))


@dataclass(kw_only=True)
class Job:
    """What a kind's `run` gets: the job as it was at the start, and the ways to tell how it goes."""

    folder: JobFolder
    kind: str
    name: str
    settings: dict[str, Any]
    body: dict[str, Any]
    store: Store
    environ: dict[str, str]
    """The supervisor's own variables: addresses and credentials of the service's AWS."""
    faults: dict[str, Any] = field(default_factory=dict)
    """What is to befall it, by the service's fault plan."""
    interrupted: bool = False
    """Whether the instance is to be taken back: set by SIGUSR1, for managed spot training."""
    wake: Wake = field(default_factory=Wake)
    """Rings whenever something may have changed: a stop, or what the run itself waits for."""

    @property
    def data_dir(self) -> Path:
        """The service's data directory."""
        return Path(self.settings["data_dir"])

    @property
    def cache_dir(self) -> Path:
        """Where the environments that stand for images are kept."""
        return Path(self.settings["cache_dir"])

    def storage(self) -> Storage:
        """Return S3, asked for as long as the settings say while it does not answer."""
        return S3Storage(wait=float(self.settings.get("storage_wait_seconds", WAIT_SECONDS)))

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self.folder.stop.exists()

    def update(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the job's body in the store, in one transaction; a job deleted meanwhile is left alone."""
        try:
            self.store.update(self.kind, self.name, change)
        except MissingError:
            return

    def mark_started(self) -> None:
        """Leave the mark, on disk for good, that the user's code is about to run: it never runs twice."""
        with self.folder.started.open("w") as handle:
            handle.write(f"{time.time()}\n")
            handle.flush()
            os.fsync(handle.fileno())

    def finish(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Write the end: first the exit record, whole, then the store."""
        try:
            body = self.store.get(self.kind, self.name).body
        except MissingError:
            body = self.body
        change(body)
        write_json(self.folder.exit, {"body": body})
        self.update(lambda stored: _replace(stored, body))
        mailbox.put(self.data_dir, self.kind, self.name)  # the end of this process takes a while yet


def _replace(stored: dict[str, Any], body: dict[str, Any]) -> None:
    stored.clear()
    stored.update(body)


def main(folder: Path, environ: dict[str, str]) -> int:
    """Carry out the job in `folder` and return the exit code: 0 when its end, good or bad, is written."""
    files = JobFolder(folder)
    lock = _lock(files)
    if lock is None:
        return 0  # another supervisor is at work
    with lock:
        files.pid.write_text(str(os.getpid()))
        if files.read_exit() is not None:
            return 0  # over; the service applies the record
        description = json.loads(files.job.read_text())
        job = Job(
            folder=files,
            kind=description["kind"],
            name=description["name"],
            settings=description["settings"],
            body=description["body"],
            store=Store(Path(description["settings"]["data_dir"]) / "state.db"),
            environ=environ,
            faults=description.get("faults", {}),
        )
        _listen(job)
        planned_faults.arm(job.faults, files)
        return _run(job)


def _run(job: Job) -> int:
    try:
        _refuse_second_start(job)
        if not planned_faults.failed(job, JOB_KINDS.get(job.kind)):
            importlib.import_module(KINDS[job.kind]).run(job)
    except Exception as error:  # noqa: BLE001  (a job always gets an end; the log gets the rest)
        traceback.print_exc()
        kind = JOB_KINDS.get(job.kind)
        if kind is None:
            return 1
        reason = f"InternalServerError: {type(error).__name__}: {error}"
        if job.folder.read_exit() is None:  # otherwise that is the true end, and the service applies it
            job.finish(lambda body: kind.end(body, JobStatus.FAILED, reason))
    finally:
        job.store.close()
    _clean(job.folder.root)
    return 0


class _StartedTwiceError(Exception):
    """The supervisor of the job died; its code had been started, and is not started again."""

    def __str__(self) -> str:
        return str(self.__doc__)


def _refuse_second_start(job: Job) -> None:
    if job.kind in JOB_KINDS and job.folder.was_started():
        raise _StartedTwiceError


def _lock(files: JobFolder) -> IO[bytes] | None:
    handle = files.lock.open("ab")
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                handle.close()
                return None
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return handle


def _listen(job: Job) -> None:
    def stop(_number: int, _frame: object) -> None:
        job.folder.ask_to_stop()
        job.wake.ring()

    def interrupt(_number: int, _frame: object) -> None:
        job.interrupted = True
        job.wake.ring()

    signal.signal(signal.SIGUSR1, interrupt)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _clean(root: Path) -> None:
    """Remove what only the running job needed; what it made is on S3, what it said is in its logs."""
    for entry in root.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), dict(os.environ)))
