"""The admission queue: starts a detached supervisor per job, watches over it, and takes jobs up again.

The service may die at any moment; jobs must not. So the launcher keeps no state of its own that matters: what
is to run is in the store, what runs holds the lock of its folder, and what has ended has left an exit record.
One thread does everything, in rounds: it starts what there is room for and looks after what runs. It
is woken by the bell, which anyone rings who has something for it, and by the end of a supervisor. A step of
a round that fails, as when the disk is full, is told and taken again in the next one: a job is let go of only
when what was to become of it is done.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import shutil
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sagelocal import settings as configuration
from sagelocal.container import orphans
from sagelocal.faults import Faults
from sagelocal.jobs import mailbox, transitions, waiting
from sagelocal.jobs.admission import Queue, Queued
from sagelocal.jobs.bell import Bell
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.kinds import JOB_KINDS
from sagelocal.jobs.ledger import End, Ledger
from sagelocal.jobs.runners import Runners
from sagelocal.jobs.status import JobStatus
from sagelocal.jobs.store import MissingError
from sagelocal.jobs.supervisors import Supervisor, Supervisors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sagelocal.jobs.kinds import JobKind
    from sagelocal.jobs.store import Resource, Store
    from sagelocal.settings import Settings

SUPERVISOR = (sys.executable, "-m", "sagelocal.jobs.supervisor")
_ROUND_SECONDS = 0.2
"""Between two looks at supervisors whose end wakes nobody."""
_LONG_ROUND_SECONDS = 5.0
_AGAIN_SECONDS = 1.0
"""Before what failed is tried again."""
_LAST_WORDS = 600
_LEAST_ROOM = 2
_NEVER_STARTED = "The job was stopped before it started"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Running:
    """A job under a supervisor; `child` is None for one that another life of the service started."""

    kind: JobKind
    name: str
    folder: JobFolder
    child: Supervisor | None

    def __str__(self) -> str:
        return f"{self.kind.kind} {self.name}"


class Launcher:
    """Runs the jobs in the store."""

    def __init__(
        self,
        *,
        store: Store,
        settings: Settings,
        environ: Mapping[str, str],
        supervisor: Sequence[str] = SUPERVISOR,
        faults: Faults | None = None,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take, as `changed`, what to call with a job's name when its status may have changed."""
        self._faults = faults or Faults()
        self._store = store
        self._ledger = Ledger(store, changed)
        self._settings = settings
        preload = bool(settings.preload) and tuple(supervisor) == SUPERVISOR
        self._supervisor = tuple(supervisor)
        self.detached = Supervisors(environ, preload=preload)
        """Starts the supervisors; ends with the launcher."""
        self._runners = Runners(Path(settings.data_dir), environ, enabled=preload)
        self._bell = Bell(Path(settings.data_dir))
        self._changed = threading.Condition()
        self._queue = Queue(settings.max_running_jobs or max(_LEAST_ROOM, os.cpu_count() or 1))
        self._starting: list[Queued] = []
        self._running: list[_Running] = []
        self._ends: list[End] = []
        """Those that could not be written yet."""
        self._mail: list[tuple[str, str]] = []
        self._failed = False
        """Whether a step of this round did."""
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="launcher", daemon=True)

    def start(self) -> None:
        """Take up every job that is not over, and begin."""
        for kind in JOB_KINDS.values():
            for resource in self._store.list(kind.kind):
                if not kind.is_over(resource.body):
                    self._recover(kind, resource)
        self.detached.begin()
        self._thread.start()

    def submit(self, kind: str, name: str) -> None:
        """Take a job that was just stored as `InProgress`; it starts when there is room, in order."""
        with self._changed:
            self._queue.add(kind, name)
        self._bell.ring()

    def stop(self, kind: str, name: str) -> None:
        """Stop a job that was just marked `Stopping`: at once when it waits, else through its supervisor."""
        folder = self.folder(kind, name)
        if folder.root.is_dir():
            # An earlier life of the service may have started a supervisor that does not hold its lock yet.
            folder.ask_to_stop()
        with self._changed:
            waited = not JOB_KINDS[kind].coordinates and self._queue.remove(kind, name)
        if waited:
            self._end(JOB_KINDS[kind], name, JobStatus.STOPPED, _NEVER_STARTED)
            return
        folder.ask_to_stop()
        folder.signal(signal.SIGTERM)

    def forget(self, kind: str, name: str) -> None:
        """Remove the folder of a job whose end is written, once its supervisor has gone."""
        with self._changed:
            running = self._running
            self._changed.wait_for(
                lambda: self._closing or all((each.kind.kind, each.name) != (kind, name) for each in running)
            )
        shutil.rmtree(self.folder(kind, name).root, ignore_errors=True)

    def stop_all(self) -> None:
        """Stop every job, and wait until the last has ended."""
        with self._changed:
            jobs = self._known()
        for kind, name in jobs:
            self._ledger.mark_stopping(JOB_KINDS[kind], name)
            self.stop(kind, name)
        with self._changed:
            self._changed.wait_for(lambda: not self._known())

    def close(self) -> None:
        """End the rounds; jobs run on."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._bell.ring()
        if self._thread.is_alive():
            self._thread.join()

    def folder(self, kind: str, name: str) -> JobFolder:
        """Return a job's folder."""
        return JobFolder(Path(self._settings.data_dir) / "jobs" / kind / name)

    def _recover(self, kind: JobKind, resource: Resource) -> None:
        folder = self.folder(kind.kind, resource.name)
        stopping = resource.body[kind.status_key] == JobStatus.STOPPING
        if folder.is_alive() or folder.was_started() or folder.read_exit() is not None:
            # The next round sees how it stands with it.
            self._running.append(_Running(kind=kind, name=resource.name, folder=folder, child=None))
            if stopping:
                self.stop(kind.kind, resource.name)  # who marked it may not have lived to pass it on
        elif stopping and not kind.coordinates:
            self._end(kind, resource.name, JobStatus.STOPPED, _NEVER_STARTED)
        else:
            self._queue.add(kind.kind, resource.name)

    def _work(self) -> None:
        while True:
            self._bell.clear()  # before all else: what is rung for from here on wakes the next round
            if self._closing:
                break
            self._failed = False
            self._try("the round", self._round)
            if self._failed:
                self._bell.wait(_AGAIN_SECONDS)
        self._runners.close()
        self.detached.close()
        self._store.close()

    def _round(self) -> None:
        self._write_ends()
        self._read_mail()
        self._try("the preloaded interpreters", self._runners.look)
        self._start_admitted()
        with self._changed:
            waiting = [each for each in self._queue if not each.is_told]
        for queued in waiting:
            self._try(queued, self._tell_waiting, queued)
        self._give_up()
        for running in list(self._running):
            self._try(running, self._look_after, running)
        with self._changed:
            idle = not self._queue.next(self._busy())
        if idle and not self._failed:
            self._wait()

    def _try(self, what: object, step: Callable[..., None], *arguments: Any) -> bool:
        """Take a step; tell whether that went well."""
        try:
            step(*arguments)
        except Exception:  # noqa: BLE001  (one job must not keep the others from being looked after)
            _log.exception("%s: this round failed; the next one tries again", what)
            self._failed = True
            return False
        return True

    def _write_ends(self) -> None:
        for end in list(self._ends):
            if self._try(end, self._ledger.end, end):
                with self._changed:
                    self._ends.remove(end)
                    self._changed.notify_all()

    def _wait(self) -> None:
        """Sleep until something may call for a round."""
        poller = select.poll()
        unwatched = False
        for running in self._running:
            child = running.child
            if child is not None and child.watch is not None and child.lives():
                poller.register(child.watch, select.POLLIN)
            else:
                unwatched = True
        for descriptor in (self._bell.fileno(), *self._runners.watched()):
            poller.register(descriptor, select.POLLIN)
        with self._changed:
            limit = self._queue.first_limit()
        seconds = [] if limit is None else [limit - time.time()]
        seconds += [_ROUND_SECONDS if unwatched else _LONG_ROUND_SECONDS] if self._running else []
        poller.poll(max(0.0, min(seconds)) * 1000 if seconds else None)

    def _busy(self) -> int:
        """Return how many jobs run that need room."""
        return sum(not each.kind.coordinates for each in self._running)

    def _known(self) -> list[tuple[str, str]]:
        """Return kind and name of each job that waits, starts or runs, or whose end is not written."""
        found = [(each.kind, each.name) for each in (*self._queue, *self._starting)]
        found += [(each.kind.kind, each.name) for each in self._running]
        return found + [(each.kind.kind, each.name) for each in self._ends]

    def _read_mail(self) -> None:
        """See to the jobs that supervisors made, want stopped, or have ended."""
        self._try("the mailbox", lambda: self._mail.extend(mailbox.take(Path(self._settings.data_dir))))
        self._mail = [each for each in self._mail if not self._try(" ".join(each), self._see_to, *each)]

    def _see_to(self, kind: str, name: str) -> None:
        status = self._ledger.status(JOB_KINDS[kind], name)
        is_known = self._knows(kind, name)
        if status == JobStatus.STOPPING and is_known:
            self.stop(kind, name)
        elif status == JobStatus.STOPPING and not JOB_KINDS[kind].coordinates:
            # Made and stopped by a supervisor since the last look.
            self._end(JOB_KINDS[kind], name, JobStatus.STOPPED, _NEVER_STARTED)
        elif status in (JobStatus.IN_PROGRESS, JobStatus.STOPPING) and not is_known:
            self.submit(kind, name)
        else:
            self._ledger.tell(name)

    def _knows(self, kind: str, name: str) -> bool:
        with self._changed:
            return (kind, name) in self._known()

    def _start_admitted(self) -> None:
        with self._changed:
            self._starting = self._queue.admit(self._busy())
        left = [each for each in self._starting if not self._try(each, self._start, each)]
        with self._changed:
            self._queue.put_back(left)
            self._starting = []
            self._changed.notify_all()

    def _start(self, queued: Queued) -> None:
        """Start a job; an error that is raised says that it was not, and that it may be tried again."""
        kind, name = JOB_KINDS[queued.kind], queued.name
        folder = self.folder(kind.kind, name)
        try:
            body = self._store.get(kind.kind, name).body
        except MissingError:
            return  # deleted while it waited
        try:
            child = self._launch(kind, name, folder, body)
        except Exception as error:  # noqa: BLE001  (a supervisor may have come of it: it is not tried again)
            _log.exception("%s did not start", queued)
            self._end(kind, name, JobStatus.FAILED, f"InternalServerError: the job did not start: {error}")
            return
        with self._changed:
            self._running.append(_Running(kind=kind, name=name, folder=folder, child=child))
        with contextlib.suppress(OSError):  # it looks for the word by itself, too
            if folder.stop.exists():
                child.terminate()  # the stop came between the queue and the start

    def _tell_waiting(self, queued: Queued) -> None:
        kind = JOB_KINDS[queued.kind]

        def tell(body: dict[str, Any]) -> None:
            if kind.has_secondary_status and body.get("SecondaryStatus") == "Starting":
                transitions.advance(body, "Pending", time.time())

        self._ledger.update(kind, queued.name, tell)
        with contextlib.suppress(MissingError):  # deleted while it waited
            queued.limit = waiting.of(self._store.get(queued.kind, queued.name).body)
        queued.is_told = True

    def _give_up(self) -> None:
        """End the jobs that have waited for as long as they may."""
        with self._changed:
            over = self._queue.give_up(time.time())
        for queued, limit in over:
            kind = JOB_KINDS[queued.kind]
            self._end(kind, queued.name, JobStatus.STOPPED, limit.message, limit.secondary)

    def _launch(self, kind: JobKind, name: str, folder: JobFolder, body: dict[str, Any]) -> Supervisor:
        settings = configuration.to_json(self._settings)
        description = {"kind": kind.kind, "name": name, "settings": settings, "body": body}
        if befalls := self._faults.of_job(kind.kind, name, body):
            description["faults"] = befalls
        folder.write_job(description)
        return self.detached.start(self._supervisor, folder)

    def _look_after(self, running: _Running) -> None:
        # A child may have found another supervisor at work and left it the job: the lock decides.
        child_lives = running.child is not None and running.child.lives()
        if child_lives or running.folder.is_alive():
            return
        self._settle(running)
        with self._changed:
            self._running.remove(running)
            self._changed.notify_all()
        if running.child is not None:
            running.child.close()

    def _settle(self, running: _Running) -> None:
        """Write the end of a job whose supervisor is gone, unless the supervisor has done so."""
        kind, name, folder = running.kind, running.name, running.folder
        record = folder.read_exit()
        if record is None:
            orphans.end(folder.root)
        stopping = self._ledger.status(kind, name) == JobStatus.STOPPING
        if record is None and kind.coordinates:
            _log.warning("%s %s lost its supervisor, and is taken up again", kind.kind, name)
            self.submit(kind.kind, name)
        elif record is None and stopping and not folder.was_started():
            self._end(kind, name, JobStatus.STOPPED, "The job was stopped before its container started")
        elif record is None:
            words = _tail(folder.supervisor_log)
            reason = "InternalServerError: the supervisor of the job died"
            self._end(kind, name, JobStatus.FAILED, f"{reason}: {words}" if words else reason)
        else:
            self._ledger.settle(kind, name, record["body"])

    def _end(self, kind: JobKind, name: str, outcome: JobStatus, message: str, secondary: str = "") -> None:
        """Write the end of a job, or have the rounds write it that begin when this cannot be done now."""
        end = End(kind=kind, name=name, outcome=outcome, message=message, secondary=secondary)
        try:
            self._ledger.end(end)
        except Exception:  # noqa: BLE001  (the job is in no queue any more: it must not be forgotten)
            _log.exception("%s: its end is not written; the next round tries again", end)
            with self._changed:
                self._ends.append(end)
            self._bell.ring()


def _tail(path: Path) -> str:
    try:
        return path.read_text(errors="replace")[-_LAST_WORDS:].strip()
    except FileNotFoundError:
        return ""
