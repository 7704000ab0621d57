"""The container's process: started in its view of the machine, its lines handed on as they come, ended whole.

The kernel ends the process when the *thread* that started it ends (PR_SET_PDEATHSIG is per thread), so
`start` must be called on a thread that lives as long as the job: the supervisor's main thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal.container import isolation as isolating

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

READ_BYTES = 1 << 16
LINE_BYTES = 256 * 1024
"""A line longer than this is handed on in pieces; no event of CloudWatch Logs is longer either."""
SIGNAL_BASE = 128
_SHELLS = frozenset({"sh", "bash", "dash"})
_DIE_WITH_PARENT = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"  # PR_SET_PDEATHSIG, SIGKILL
    "os.getppid() == int(sys.argv[1]) or os._exit(1)\n"
    "os.execvpe(sys.argv[2], sys.argv[2:], os.environ)\n"
)


@dataclass(frozen=True)
class Exit:
    """How a process ended: its code (128 + signal when a signal killed it), and the signal or 0."""

    code: int
    signal: int = 0

    @property
    def ok(self) -> bool:
        """Whether it ended well."""
        return self.code == 0

    def __str__(self) -> str:
        if self.signal:
            return f"killed by {signal.Signals(self.signal).name}"
        return f"exit code {self.code}"


class Process:
    """A running container; made by `start`."""

    def __init__(self, popen: subprocess.Popen[bytes], init: int, on_line: Callable[[str], None]) -> None:
        self._popen = popen
        self._init = init
        self._on_line = on_line
        self._ended = threading.Event()
        self._exit = Exit(-1)
        self._reader = threading.Thread(target=self._read, name="container output", daemon=True)
        self._reader.start()
        self._watchers: list[Callable[[], None]] = []
        self._guard = threading.Lock()
        threading.Thread(target=self._await, name="container end", daemon=True).start()

    @property
    def pid(self) -> int:
        """The process group that holds all of it."""
        return self._popen.pid

    def when_ended(self, call: Callable[[], None]) -> None:
        """Have `call` called, from another thread, once the process has ended and its last line is out."""
        with self._guard:
            if not self._ended.is_set():
                self._watchers.append(call)
                return
        call()

    def wait(self, timeout: float | None = None) -> Exit | None:
        """Wait up to `timeout` seconds for the end and the last line; None when it still runs."""
        return self._exit if self._ended.wait(timeout) else None

    def terminate(self) -> None:
        """Ask it to end: SIGTERM to the container's command, as `docker stop` does.

        A shell does not pass the signal on, so its children get it too: `bash -c train.sh` would otherwise
        keep its script from ever hearing of the stop.
        """
        for pid in self._commands():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End all its processes at once."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def stop(self, grace: float) -> Exit:
        """Ask it to end, wait up to `grace` seconds, then kill what is left; return how it ended."""
        self.terminate()
        if self.wait(grace) is None:
            self.kill()
        self._ended.wait()
        return self._exit

    def _commands(self) -> list[int]:
        children = _children()
        found = children.get(self._init, []) if self._init else [self._popen.pid]
        for pid in found:  # grows while a shell's children are added
            if _program(pid) in _SHELLS:
                found.extend(children.get(pid, []))
        return found

    def _await(self) -> None:
        code = self._popen.wait()
        self.kill()  # what the command left behind in its process group ends with it
        self._reader.join()
        self._exit = _exit(code, wrapped=bool(self._init))
        with self._guard:
            self._ended.set()
        for call in self._watchers:
            call()

    def _read(self) -> None:
        stream = self._popen.stdout
        if stream is None:
            return
        rest = b""
        with stream:
            while chunk := os.read(stream.fileno(), READ_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._hand_on(line)
                if len(rest) >= LINE_BYTES:
                    self._hand_on(rest)
                    rest = b""
        if rest:
            self._hand_on(rest)

    def _hand_on(self, line: bytes) -> None:
        self._on_line(line.decode("utf-8", "replace").rstrip("\r"))


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    isolation: isolating.Isolation,
    view: isolating.View,
    on_line: Callable[[str], None],
) -> Process:
    """Start `argv` with exactly the variables `env`, in `cwd` as the job sees it.

    `on_line` gets each line of standard output and error, without its line end, on a thread of its own.

    Raises:
        OSError: the program cannot be started at all.

    """
    view.scratch.mkdir(parents=True, exist_ok=True)
    if not isolation.bwrap:
        return _start_bare(argv, env, cwd, on_line)
    reading, writing = os.pipe()
    try:
        popen = _popen(
            [*isolating.command(isolation, view, cwd=cwd, info=writing), *argv],
            env,
            cwd=None,
            pass_fds=(writing,),
        )
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as told:
        words = told.read()
    # Without a word bubblewrap has failed, and its end will say so.
    init = int(json.loads(words)["child-pid"]) if words else popen.pid
    return Process(popen, init, on_line)


def _start_bare(
    argv: Sequence[str], env: Mapping[str, str], cwd: str, on_line: Callable[[str], None]
) -> Process:
    command = list(argv)
    if sys.platform == "linux":
        command = [sys.executable, "-I", "-S", "-c", _DIE_WITH_PARENT, str(os.getpid()), *argv]
    return Process(_popen(command, env, cwd=cwd), 0, on_line)


def _popen(
    command: list[str], env: Mapping[str, str], *, cwd: str | None, pass_fds: tuple[int, ...] = ()
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=dict(env),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=pass_fds,
        bufsize=0,
    )


def _exit(code: int, *, wrapped: bool) -> Exit:
    """Read a return code. bubblewrap tells a signal as a shell does: 128 + signal."""
    if code < 0:
        return Exit(SIGNAL_BASE - code, -code)
    deadly = {signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGINT}
    if wrapped and code - SIGNAL_BASE in deadly:
        return Exit(code, code - SIGNAL_BASE)
    return Exit(code)


def _children() -> dict[int, list[int]]:
    """Return the machine's processes by parent, as far as /proc shows them."""
    found: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError, ValueError):
            # The second field is the name in parentheses, and may hold anything.
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            found.setdefault(parent, []).append(int(entry.name))
    return found


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
