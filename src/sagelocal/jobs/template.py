"""The process that detached processes are forked from: `python -m sagelocal.jobs.template <descriptor>`.

It imports what each of them imports, makes the clients that each of them makes, and then forks one for each
module and folder that come on its socket. It has one thread, and ends when the other end is closed.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import signal
import socket
import sys
from pathlib import Path

from sagelocal import aws
from sagelocal.container import isolation
from sagelocal.jobs import instance, supervisor
from sagelocal.jobs.folder import JobFolder
from sagelocal.jobs.kinds import JOB_KINDS
from sagelocal.serving import memory, runtime

PROGRAMS = {"sagelocal.jobs.supervisor": supervisor.main, "sagelocal.jobs.instance": instance.main}
"""What is forked, by the module that the plain command runs."""
SERVICES = ("s3", "logs", "cloudwatch")
LATE = ("encodings.idna", "importlib.resources.readers")
"""What Python imports only when a name is looked up, or a file of a package is read."""
LONGEST_MESSAGE = 4096 + 256
"""A path, and the name of a module."""
_CREDENTIALS = "AWS_ACCESS_KEY_ID"


def main(descriptor: int) -> int:
    """Serve; a forked process returns from here as well, with its exit code."""
    channel = socket.socket(fileno=descriptor)
    channel.set_inheritable(False)
    _preload()
    if len(list(Path("/proc/self/task").iterdir())) > 1:
        return 1  # a fork would lose a thread: the service starts supervisors plainly
    gc.collect()
    memory.give_back()
    gc.freeze()
    signal.signal(signal.SIGCHLD, lambda *_: _reap())
    while message := channel.recv(LONGEST_MESSAGE):
        # Not reaped before the descriptor of its process is made: until then its number is its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        pid = os.fork()
        if pid == 0:
            module, _, folder = message.partition(b"\0")
            return _become(channel, module.decode(), JobFolder(Path(os.fsdecode(folder))))
        watched = os.pidfd_open(pid)
        socket.send_fds(channel, [str(pid).encode()], [watched])
        os.close(watched)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    return 0


def _preload() -> None:
    for name in (*(supervisor.KINDS[kind] for kind in JOB_KINDS), *LATE):
        importlib.import_module(name)
    isolation.probe("auto")
    runtime.digest()
    if _CREDENTIALS in os.environ:  # otherwise botocore would go and look for some on the network
        aws.keep(SERVICES)


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _become(channel: socket.socket, module: str, folder: JobFolder) -> int:
    channel.close()
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    log = os.open(folder.supervisor_log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    return PROGRAMS[module](folder.root, dict(os.environ))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
