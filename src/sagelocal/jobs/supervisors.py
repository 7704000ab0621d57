"""How a detached process is started, a job's supervisor or an endpoint's instance: forked, or plainly.

Importing boto3 and making its clients takes either longer than the rest of a small job, or of a small model's
start. So a template process does it once, and forks for each. A forked process is as detached as one that was
started: it has a session of its own, and neither the template's end nor the service's reaches it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sagelocal.jobs.folder import JobFolder

TEMPLATE = (sys.executable, "-m", "sagelocal.jobs.template")
ANSWER_SECONDS = 30.0
"""For the first answer the template must have ended its imports."""
_PID_BYTES = 32

_log = logging.getLogger(__name__)


class Supervisor:
    """A detached process that this life of the service started; `watch` is a descriptor of it."""

    def __init__(self, pid: int, watch: int | None, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.pid = pid
        self.watch = watch
        self._popen = popen

    def lives(self) -> bool:
        """Tell whether its process has not ended."""
        if self._popen is not None:
            return self._popen.poll() is None
        return self.watch is not None and not _readable(self.watch)

    def terminate(self) -> None:
        """Send it SIGTERM, if it lives."""
        if self._popen is not None:
            self._popen.terminate()
        elif self.watch is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.watch, signal.SIGTERM)

    def wait(self) -> None:
        """Wait for its end."""
        if self._popen is not None:
            self._popen.wait()
        elif self.watch is not None:
            select.select([self.watch], [], [])

    def close(self) -> None:
        """Let go of the descriptor; it has ended."""
        if self.watch is not None:
            os.close(self.watch)
            self.watch = None


class Supervisors:
    """Starts detached processes. Safe between threads."""

    def __init__(self, environ: Mapping[str, str], *, preload: bool) -> None:
        self._lock = threading.Lock()
        self._environ = dict(environ)
        self._template = _Template(environ) if preload and hasattr(os, "pidfd_open") else None

    def begin(self) -> None:
        """Have the template get ready, in its own time."""
        with self._lock:
            if self._template is not None:
                self._template.begin()

    def start(self, command: Sequence[str], folder: JobFolder) -> Supervisor:
        """Start the process of a folder that is written; `command` and the folder are the plain way.

        A command that ends in a module of `template.PROGRAMS` is forked where that can be.

        Raises:
            OSError: it cannot be started.

        """
        with self._lock:
            if self._template is not None:
                try:
                    return self._template.fork(command[-1], folder)
                except OSError as error:
                    # It may be forked all the same: the folder's lock lets only one of them do the work.
                    _log.warning("the template of supervisors failed (%s); they are started plainly", error)
                    self._template.close()
                    self._template = None
        # A session of its own: neither a signal to the service's group nor its end reaches it.
        with folder.supervisor_log.open("ab") as log:
            popen = subprocess.Popen(
                [*command, str(folder.root)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
                start_new_session=True,
            )
        return Supervisor(popen.pid, watch(popen.pid), popen)

    def close(self) -> None:
        """End the template; what it forked lives on. From here on all are started plainly."""
        with self._lock:
            if self._template is not None:
                self._template.close()
                self._template = None


class _Template:
    """The template process, and the socket on which it is asked."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None

    def begin(self) -> socket.socket:
        if self._channel is not None:
            return self._channel
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [*TEMPLATE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=self._environ,
                start_new_session=True,
                pass_fds=(theirs.fileno(),),
            )
        ours.settimeout(ANSWER_SECONDS)
        self._channel = ours
        return ours

    def fork(self, module: str, folder: JobFolder) -> Supervisor:
        channel = self.begin()
        channel.send(b"\0".join((module.encode(), os.fsencode(folder.root))))
        words, descriptors, _, _ = socket.recv_fds(channel, _PID_BYTES, 1)
        if not descriptors:
            raise ConnectionError("it has ended")
        return Supervisor(int(words), descriptors[0])

    def close(self) -> None:
        if self._channel is not None:
            self._channel.close()
            self._channel = None
        if self._process is not None:
            self._process.terminate()  # it may be in the middle of its imports
            self._process.wait()


def watch(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends; None where there is no such thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _readable(descriptor: int) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(0))
