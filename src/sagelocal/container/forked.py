"""Containers forked from a preloaded interpreter, instead of started anew: the supervisor's side.

bubblewrap makes the job's namespaces exactly as for a plain start, with a `cat` in the script's place that
holds them open; the environment's runner (`zygote.py`) then forks a process into them. So the isolation is
the same by construction, and so is the end: with bubblewrap the kernel ends all in its process namespace.

What an interpreter or a library reads only when it starts cannot be given to one that has started. A job that
sets such a variable is started plainly, and so is all that is no Python script.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.container import isolation as isolating
from sagelocal.container import zygote
from sagelocal.container.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ANSWER_SECONDS = 10.0
IMPORT_SECONDS = 60.0
"""For a runner that has not ended its imports: it began them before a plain start could."""
WISH_SECONDS = 2.0
"""For the service to start the runner that somebody wished for."""
_LOOK_SECONDS = 0.005
_SPACES = ("mnt", "pid", "ipc", "uts", "user")
_READ_AT_START = (
    *("PYTHON", "LD_", "LC_", "MALLOC_", "GLIBC_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_"),
    *("BLIS_", "NUMEXPR_", "VECLIB_", "NPY_", "NUMPY_", "SCIPY_", "SKLEARN_", "PANDAS_", "JOBLIB_", "LOKY_"),
    *("XGBOOST_", "ARROW_", "TBB_", "NUMBA_", "CUDA_"),
)
_READ_AT_START_NAMES = frozenset({"LANG", "LANGUAGE", "TZ"})
_READ_FROM_PATH = frozenset({"sitecustomize", "usercustomize"})
_INTERPRETERS = frozenset({"python", "python3"})


class RefusedError(Exception):
    """The container cannot be forked; the message says why, in a few words."""


class MissingError(RefusedError):
    """There is no runner to fork it."""


@dataclass(frozen=True, kw_only=True)
class Runner:
    """The preloaded interpreter of one environment, as far as a supervisor must know it."""

    address: Path
    """Its socket; nobody may be listening there."""
    draft: Path
    """The socket while it imports: who connects is answered after that."""
    wish: Path
    """There when somebody has wished for it and the service has not started it yet."""
    python: Path
    """The environment's interpreter."""
    variables: Mapping[str, str]
    """The variables that it was started with."""

    def obstacle(self, argv: Sequence[str], env: Mapping[str, str], cwd: str, modules: Sequence[str]) -> str:
        """Return why this command must be started plainly; empty: it need not.

        `modules` are the names that can be imported from the script's folder.
        """
        if not self.is_script(argv):
            return "the command is no Python script"
        for name in _READ_FROM_PATH.intersection(modules):
            return f"{name}.py is read when the interpreter starts"
        for name in sorted({*env, *self.variables}):
            if name == "PYTHONPATH" and env[name] == cwd:
                continue  # as the training toolkit sets it: the job puts it on its path
            if _read_at_start(name) and env.get(name) != self.variables.get(name):
                return f"{name} is read when the interpreter starts"
        return ""

    def is_script(self, argv: Sequence[str]) -> bool:
        """Say whether a command is the environment's interpreter with a script."""
        program, script = [*argv, "", ""][:2]
        return (program == str(self.python) or program in _INTERPRETERS) and script.endswith(".py")


def variables(environ: Mapping[str, str], path: str) -> dict[str, str]:
    """Return the variables of a runner: those of every job that an interpreter reads when it starts."""
    passed = {name: environ[name] for name in ("LC_ALL", "TZ", "LANG") if name in environ}
    return {"PATH": path, "HOME": "/tmp", "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", **passed}  # noqa: S108


class Forked:
    """A container that a runner forked."""

    def __init__(
        self, connection: socket.socket, output: int, pid: int, holder: subprocess.Popen[bytes] | None
    ) -> None:
        self._connection = connection
        self._holder = holder
        self.output = output
        self.pid = pid

    def wait(self) -> Exit:
        """Wait for the end, and return it."""
        answer = _read_answer(self._connection)
        self._connection.close()
        code = os.waitstatus_to_exitcode(answer["status"]) if "status" in answer else -signal.SIGKILL
        self.kill()
        if self._holder is not None:
            self._holder.wait()
            _close(self._holder)
        return Exit.of(code)

    def commands(self) -> list[int]:
        """Return the processes that a stop is told to."""
        return [self.pid]

    def kill(self) -> None:
        """End all of it."""
        for group in (self.pid, *([self._holder.pid] if self._holder else [])):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)


def start(
    runner: Runner,
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: str,
    isolation: isolating.Isolation,
    view: isolating.View,
    code: Path,
    limits: Mapping[str, int],
) -> Forked:
    """Start a script in a process that the runner forks; `code` is the script's folder on this machine.

    Raises:
        RefusedError: it must be started plainly; nothing of it runs.

    """
    modules = _modules(code)
    obstacle = runner.obstacle(argv, env, cwd, modules)
    if obstacle:
        raise RefusedError(obstacle)
    connection = _connect(runner)
    reading, writing = os.pipe()
    holder = None
    try:
        spaces: dict[str, int] = {}
        if isolation.bwrap:
            holder, init = _hold(isolation, view, env)
            spaces = _open_spaces(init, view)
            env = {**env, "PWD": cwd}  # as bubblewrap sets it
        request = {
            "argv": [str(runner.python), *argv[1:]],
            "env": dict(env),
            "cwd": cwd,
            "nice": os.nice(0),  # as a child of this process would be
            "spaces": list(spaces),
            "modules": modules,
            "limits": dict(limits),
        }
        pid = _ask_and_close(connection, request, writing, list(spaces.values()))
        return Forked(connection, reading, pid, holder)
    except (OSError, ValueError, RefusedError) as error:
        os.close(reading)
        connection.close()
        _give_up(holder)
        raise error if isinstance(error, RefusedError) else RefusedError(str(error)) from error
    finally:
        os.close(writing)


def _open_spaces(init: int, view: isolating.View) -> dict[str, int]:
    """Open the namespaces of a process, by name."""
    names = _SPACES if view.network else (*_SPACES, "net")
    return {name: os.open(f"/proc/{init}/ns/{name}", os.O_RDONLY) for name in names}


def _ask_and_close(
    connection: socket.socket, request: dict[str, Any], output: int, spaces: Sequence[int]
) -> int:
    """Have the runner fork with these files, close the namespaces here, and return the process's number."""
    try:
        return _ask(connection, request, [output, *spaces])
    finally:
        for each in spaces:
            os.close(each)


def _connect(runner: Runner) -> socket.socket:
    """Return a connection to the runner, which may still import what it is to have imported."""
    end = time.monotonic() + WISH_SECONDS
    while True:
        is_wished = runner.wish.exists()
        # The draft gets the other name when it is ready, perhaps in between.
        for address, seconds in (
            (runner.address, ANSWER_SECONDS),
            (runner.draft, IMPORT_SECONDS),
            (runner.address, ANSWER_SECONDS),
        ):
            with contextlib.suppress(MissingError):
                return _reach(address, seconds)
        if not is_wished or time.monotonic() > end:
            raise MissingError("no preloaded interpreter is ready yet")
        time.sleep(_LOOK_SECONDS)


def _reach(address: Path, seconds: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(seconds)
    try:
        # A path of any length: the address of a socket may have 107 bytes only.
        folder = os.open(address.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            connection.connect(f"/proc/self/fd/{folder}/{address.name}")
        finally:
            os.close(folder)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        connection.close()
        raise MissingError from error
    except OSError as error:
        connection.close()
        raise RefusedError(f"the preloaded interpreter cannot be reached: {error}") from error
    return connection


def _hold(
    isolation: isolating.Isolation, view: isolating.View, env: Mapping[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Have bubblewrap make the namespaces; return it, and its first process inside, when all is mounted."""
    cat = shutil.which("cat")
    if cat is None:
        raise RefusedError("there is no program cat")
    reading, writing = os.pipe()
    try:
        holder = subprocess.Popen(
            [*isolating.command(isolation, view, cwd="/", info=writing), cat],
            env=dict(env),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(writing,),
            bufsize=0,
        )
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as told:
        words = told.read()
    assert holder.stdin is not None
    assert holder.stdout is not None
    try:
        # The process id is told before the mounts are made; an echo comes only after them.
        holder.stdin.write(b"\n")
        echo = holder.stdout.read(1)
    except BrokenPipeError:
        echo = b""
    if not words or not echo:
        _give_up(holder)
        raise RefusedError("bubblewrap failed")
    return holder, int(json.loads(words)["child-pid"])


def _ask(connection: socket.socket, request: dict[str, Any], descriptors: list[int]) -> int:
    content = json.dumps(request).encode()
    socket.send_fds(connection, [zygote.HEADER.pack(len(content))], descriptors)
    connection.sendall(content)
    answer = _read_answer(connection)
    if not answer:
        raise MissingError("the preloaded interpreter ended before it answered")
    if "pid" not in answer:
        raise RefusedError(answer.get("refused", "the preloaded interpreter gave no answer"))
    connection.sendall(b"\0")  # only now may the script begin
    connection.settimeout(None)
    return int(answer["pid"])


def _read_answer(connection: socket.socket) -> dict[str, Any]:
    """Return the next line, byte by byte since another may follow; empty: the other end is closed."""
    line = b""
    try:
        while not line.endswith(b"\n"):
            part = connection.recv(1)
            if not part:
                return {}
            line += part
    except ConnectionResetError:
        return {}
    answer: dict[str, Any] = json.loads(line)
    return answer


def _modules(code: Path) -> list[str]:
    """Return the names under which a script's own folder can be imported from."""
    names = os.listdir(code) if code.is_dir() else ()  # noqa: PTH208  (names only, of possibly many)
    return sorted({name.partition(".")[0] for name in names})


def _read_at_start(name: str) -> bool:
    return name in _READ_AT_START_NAMES or name.startswith(_READ_AT_START)


def _give_up(holder: subprocess.Popen[bytes] | None) -> None:
    if holder is None:
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(holder.pid, signal.SIGKILL)
    holder.wait()
    _close(holder)


def _close(holder: subprocess.Popen[bytes]) -> None:
    for stream in (holder.stdin, holder.stdout):
        if stream is not None:
            stream.close()
