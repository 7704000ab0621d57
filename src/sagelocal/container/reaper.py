"""The first process of a container without namespaces: it runs a command, and ends all that came of it.

`python reaper.py <parent> <command …>`, by path and with the standard library only. Whatever the command
leaves behind, in a session of its own too, is adopted by this process and is ended when the command has
ended, when SIGUSR1 comes, or when the parent is gone. It tells a signal as a shell does: 128 + signal.
"""

# ruff: noqa: PTH123  (it is started for each container: no pathlib)

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_NOT_FOUND, _SIGNAL_BASE = 127, 128


def main(argv: list[str]) -> int:
    """Run the command; return its exit code."""
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # they are for the command, which gets them itself
    ending: list[bool] = []

    def end(*_: object) -> None:
        ending.append(True)
        _kill_children()

    signal.signal(signal.SIGUSR1, end)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    if os.getppid() != int(argv[1]):
        return 1
    child = os.fork()
    if child == 0:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _become(argv[2:])
    if ending:  # before there was anything to end
        _kill_children()
    code = _await(child)
    with contextlib.suppress(ChildProcessError):
        while True:
            _kill_children()
            os.waitpid(-1, 0)
    return code


def _become(command: list[str]) -> None:
    try:
        os.execvp(command[0], command)  # noqa: S606  (that is what this is for)
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(_NOT_FOUND)


def _await(child: int) -> int:
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else _SIGNAL_BASE - code


def _kill_children() -> None:
    """Kill this process's children, the adopted ones as well; none is gone before it is waited for."""
    with open("/proc/thread-self/children") as listed:
        for pid in listed.read().split():
            os.kill(int(pid), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv))
