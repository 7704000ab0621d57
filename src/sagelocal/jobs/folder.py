"""A job's folder: what the service and the job's detached supervisor tell each other, as files.

| file | written by | meaning |
|---|---|---|
| `job.json` | service | kind, name, settings and the body of the resource as it was at the start |
| `lock` | supervisor | held (flock) as long as it lives; the kernel lets go of it, however it dies |
| `pid` | supervisor's starter | valid only while the lock is held |
| `started` | supervisor | the user's code was started: it must not be started again |
| `stop` | service | a stop was asked for |
| `exit.json` | supervisor | the end: `{"body": the resource's final body}`, written whole or not at all |
| `supervisor.log` | supervisor | its own words: empty unless something went wrong |
| `container.log` | supervisor | the container's output |
"""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class JobFolder:
    """The paths in a job's folder, and the questions that they answer."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.job = root / "job.json"
        self.lock = root / "lock"
        self.pid = root / "pid"
        self.started = root / "started"
        self.stop = root / "stop"
        self.exit = root / "exit.json"
        self.supervisor_log = root / "supervisor.log"
        self.container_log = root / "container.log"

    def is_alive(self) -> bool:
        """Tell whether a supervisor holds the folder's lock."""
        try:
            handle = self.lock.open("rb")
        except FileNotFoundError:
            return False
        with handle:
            try:
                # Shared: two who ask at the same time must not take each other for a supervisor.
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def was_started(self) -> bool:
        """Tell whether the user's code was started, in this life of the service or in another."""
        return self.started.exists()

    def ask_to_stop(self) -> None:
        """Leave the word that the job is to stop, even before the job has a folder."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.stop.touch()

    def process(self) -> int | None:
        """Return the supervisor's process id, or None when it does not live."""
        if not self.is_alive():
            return None
        try:
            return int(self.pid.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def signal(self, number: int) -> bool:
        """Send the supervisor a signal; tell whether there was one to take it."""
        process = self.process()
        if process is None:
            return False
        try:
            os.kill(process, number)
        except ProcessLookupError:
            return False  # it has ended since
        return True

    def write_job(self, job: dict[str, Any]) -> None:
        """Make the folder and write `job.json`."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(self.job, job)

    def read_exit(self) -> dict[str, Any] | None:
        """Return the exit record, or None as long as there is none."""
        try:
            record: dict[str, Any] = json.loads(self.exit.read_text())
        except FileNotFoundError:
            return None
        return record


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Write a file that is there whole or not at all, even after a power cut."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("w") as handle:
        json.dump(value, handle)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)
