"""The container's process: started in its view of the machine, its lines handed on as they come, ended whole.

The kernel ends the process when the *thread* that started it ends (PR_SET_PDEATHSIG is per thread), so
`start` must be called on a thread that lives as long as the job: the supervisor's main thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from sagelocal.container import forked
from sagelocal.container import isolation as isolating
from sagelocal.container.exits import SIGNAL_BASE, Exit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

READ_BYTES = 1 << 16
LINE_BYTES = 256 * 1024 - 26
"""A line longer than this is handed on in pieces; no event of CloudWatch Logs is longer either."""
_CHARACTER_BYTES = 4
"""Of the longest in UTF-8."""
_SHELLS = frozenset({"sh", "bash", "dash"})
_REAPER = Path(__file__).with_name("reaper.py")


class Handle(Protocol):
    """A container's processes, as they were started."""

    pid: int
    """The process group that holds all of it, or its first process."""
    output: int
    """The descriptor that its output is read from."""

    def wait(self) -> Exit:
        """Wait for the end; what is left of it then is ended too."""

    def commands(self) -> list[int]:
        """Return the processes that a stop is told to."""

    def kill(self) -> None:
        """End all of it."""


@dataclass(frozen=True, kw_only=True)
class Preloaded:
    """Leave to fork a container from its environment's runner."""

    runner: forked.Runner
    code: Path
    """The script's folder on this machine."""


class Process:
    """A running container; made by `start`."""

    def __init__(
        self, handle: Handle, on_line: Callable[[str], None], *, plain: str = "", missing: bool = False
    ) -> None:
        self._handle = handle
        self._on_line = on_line
        self.plain = plain
        """Why it was started plainly although it had leave to be forked; empty: it was forked."""
        self.missing = missing
        """Whether that was for want of a runner."""
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
        return self._handle.pid

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
        for pid in self._handle.commands():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)

    def kill(self) -> None:
        """End all its processes at once."""
        self._handle.kill()

    def stop(self, grace: float) -> Exit:
        """Ask it to end, wait up to `grace` seconds, then kill what is left; return how it ended."""
        self.terminate()
        if self.wait(grace) is None:
            self.kill()
        self._ended.wait()
        return self._exit

    def _await(self) -> None:
        end = self._handle.wait()
        self._reader.join()
        self._exit = end
        with self._guard:
            self._ended.set()
        for call in self._watchers:
            call()

    def _read(self) -> None:
        rest = b""
        with open(self._handle.output, "rb", buffering=0) as stream:  # noqa: PTH123  (a descriptor)
            while chunk := stream.read(READ_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                *begun, rest = _pieces(rest)
                self._hand_on(piece for line in lines for piece in _pieces(line))
                self._hand_on(begun)
        if rest:
            self._hand_on([rest])

    def _hand_on(self, pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            self._on_line(piece.decode("utf-8", "replace").rstrip("\r"))


def _pieces(line: bytes) -> Iterator[bytes]:
    """Cut a line, between two characters, into pieces of at most `LINE_BYTES`; a short one is one piece."""
    start = 0
    while len(line) - start > LINE_BYTES:
        most = start + LINE_BYTES
        ends = range(most, most - _CHARACTER_BYTES, -1)
        end = next((each for each in ends if line[each] & 0xC0 != 0x80), most)  # noqa: PLR2004  (one begins there)
        yield line[start:end]
        start = end
    yield line[start:]


@dataclass
class _Spawned:
    """A container that was started plainly.

    `init` is its first process: inside bubblewrap, or the reaper; 0 where there is neither.
    """

    popen: subprocess.Popen[bytes]
    init: int
    reaper: bool = False
    output: int = field(init=False)
    pid: int = field(init=False)

    def __post_init__(self) -> None:
        assert self.popen.stdout is not None
        # Its own descriptor: the reader closes it when all is read.
        self.output = os.dup(self.popen.stdout.fileno())
        self.popen.stdout.close()
        self.pid = self.popen.pid

    def wait(self) -> Exit:
        code = self.popen.wait()
        if not self.reaper:
            self.kill()  # what the command left behind in its process group ends with it
        return _exit(code, wrapped=bool(self.init))

    def commands(self) -> list[int]:
        children = _children()
        found = children.get(self.init, []) if self.init else [self.pid]
        for pid in found:  # grows while a shell's children are added
            if _program(pid) in _SHELLS:
                found.extend(children.get(pid, []))
        return found

    def kill(self) -> None:
        if self.reaper:
            self.popen.send_signal(signal.SIGUSR1)  # it knows those as well that left the process group
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)


def start(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    isolation: isolating.Isolation,
    view: isolating.View,
    on_line: Callable[[str], None],
    preloaded: Preloaded | None = None,
    limits: Mapping[str, int] | None = None,
) -> Process:
    """Start `argv` with exactly the variables `env`, in `cwd` as the job sees it.

    `on_line` gets each line of standard output and error, without its line end, on a thread of its own.
    With `preloaded` a Python script is forked from a runner when it can be. `limits` are rlimits by name
    (`RLIMIT_AS`), soft and hard.

    Raises:
        OSError: the program cannot be started at all.

    """
    view.scratch.mkdir(parents=True, exist_ok=True)
    limits, plain, missing = limits or {}, "", False
    if preloaded is not None:
        try:
            handle = forked.start(
                preloaded.runner,
                argv,
                env=env,
                cwd=cwd,
                isolation=isolation,
                view=view,
                code=preloaded.code,
                limits=limits,
            )
            return Process(handle, on_line)
        except forked.RefusedError as refused:
            plain, missing = str(refused), isinstance(refused, forked.MissingError)
    limited = [*_limiter(limits), *argv]
    if isolation.bwrap:
        spawned = _start_isolated(limited, env, cwd, isolation, view)
    else:
        spawned = _start_bare(limited, env, cwd)
    return Process(spawned, on_line, plain=plain, missing=missing)


def _start_bare(argv: list[str], env: Mapping[str, str], cwd: str) -> _Spawned:
    if sys.platform != "linux":
        return _Spawned(_popen(argv, env, cwd=cwd), 0)
    reaped = [sys.executable, "-I", "-S", str(_REAPER), str(os.getpid()), *argv]
    popen = _popen(reaped, env, cwd=cwd)
    return _Spawned(popen, popen.pid, reaper=True)


def _start_isolated(
    argv: Sequence[str],
    env: Mapping[str, str],
    cwd: str,
    isolation: isolating.Isolation,
    view: isolating.View,
) -> _Spawned:
    reading, writing = os.pipe()
    try:
        command = [*isolating.command(isolation, view, cwd=cwd, info=writing), *argv]
        popen = _popen(command, env, cwd=None, pass_fds=(writing,))
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as told:
        words = told.read()
    # Without a word bubblewrap has failed, and its end will say so.
    return _Spawned(popen, int(json.loads(words)["child-pid"]) if words else popen.pid)


def _limiter(limits: Mapping[str, int]) -> list[str]:
    """Return the words before a command that run it under these limits."""
    if not limits:
        return []
    options = {"RLIMIT_AS": "--as", "RLIMIT_NOFILE": "--nofile", "RLIMIT_NPROC": "--nproc"}
    program = shutil.which("prlimit")
    if program is None:
        raise OSError("limits were asked for, and there is no program prlimit (util-linux)")
    return [program, *(f"{options[name]}={value}" for name, value in limits.items())]


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
    deadly = {signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGINT}
    if wrapped and code - SIGNAL_BASE in deadly:
        return Exit(code, code - SIGNAL_BASE)
    return Exit.of(code)


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
