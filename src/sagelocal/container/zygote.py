"""A runner: an image environment's own interpreter with its framework imported, which forks into jobs.

It runs inside the environment, by path, and uses the standard library only. Each connection to its socket
asks for one container: the runner forks a monitor, the monitor joins the process namespace that bubblewrap
made for the job, and forks the job, which joins the other namespaces and becomes the script. The monitor
tells the supervisor the job's process id and, in the end, its wait status; without it, it ends the job.

The runner must never have started a thread, since a fork would lose it: with more than one it does not serve.
It ends when the other end of its control socket is closed, and when nobody has asked for long; jobs run on.
"""

# What this file imports, every job has imported: no pathlib.
# ruff: noqa: PTH116, PTH120, PTH123, PTH208

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import importlib
import importlib.machinery
import json
import os
import resource
import select
import signal
import socket
import struct
import sys
from typing import Any

HEADER = struct.Struct(">I")
MOST_DESCRIPTORS = 8
REQUEST_SECONDS = 10.0
_CLONE = {"mnt": 1 << 17, "uts": 1 << 26, "ipc": 1 << 27, "user": 1 << 28, "pid": 1 << 29, "net": 1 << 30}
"""CLONE_NEW*, <linux/sched.h>."""
_NS_GET_USERNS = 0xB701  # <linux/nsfs.h>
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME, _PR_CAPBSET_DROP = 1, 4, 15, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522
_LAST_CAPABILITY = 63
_BLAS_SETTERS = tuple(
    (f"{prefix}openblas_set_num_threads{suffix}", f"{prefix}openblas_get_num_procs{suffix}")
    for prefix in ("scipy_", "")
    for suffix in ("64_", "")
)
_BLAS: list[tuple[Any, Any]] = []
"""What `_blas` has found before the forks: to look for it takes a job as long as half of a fork."""
SERVER = ("sagelocal.serving.server", "uvloop", "httptools")
"""What a model server imports before it knows its model."""
_OURS = "sagelocal"
_HIDDEN: dict[str, Any] = {}
"""The server's modules in a job that runs another script: to let go of them would write to their pages."""
HELD = "OPENBLAS_NUM_THREADS"
"""OpenBLAS starts its threads when it is loaded, unless this says one; jobs get their threads back."""


class RefusedError(Exception):
    """The job cannot be started here; the message says why."""


class Become(Exception):  # noqa: N818  (no error: it leads a new job out of the runner's frames)
    """This process is the job now, and is to run the script of the request that this carries."""


def serve(listener: socket.socket, control: socket.socket, idle: float, packages: frozenset[str]) -> None:
    """Fork a monitor for each connection, until `control` is closed or nobody came for `idle` seconds.

    `packages` are those that are loaded: a script's own modules may not have their names.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control.setblocking(False)
    while True:
        ready, _, _ = select.select([listener, control], [], [], idle)
        if not ready or control in ready:
            return
        connection, _ = listener.accept()
        with contextlib.suppress(OSError):
            control.send(b"used\n")
        if os.fork() == 0:
            listener.close()
            control.close()
            _monitor(connection, packages)  # ends this process, or is the job
        connection.close()


# -- the monitor of one job


def _monitor(connection: socket.socket, packages: frozenset[str]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    _libc().prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # what leaves the job's session comes here
    connection.settimeout(REQUEST_SECONDS)
    try:
        child, gate = _bear(connection, packages)
        _say(connection, {"pid": child})
        # A supervisor that has lost patience starts its job in another way: it must not run twice.
        if connection.recv(1):
            os.write(gate, b"\0")
        os.close(gate)
        _say(connection, {"status": _await(child, connection)})
    except (RefusedError, OSError, ValueError) as error:
        with contextlib.suppress(OSError):
            _say(connection, {"refused": str(error)})
    os._exit(0)


def _bear(connection: socket.socket, packages: frozenset[str]) -> tuple[int, int]:
    """Fork the job; return its process id, and the pipe on which it waits for a byte to begin."""
    request, descriptors = _receive(connection)
    output, spaces = descriptors[0], dict(zip(request["spaces"], descriptors[1:], strict=True))
    _check(request, packages)
    foreign = _join_processes(spaces)
    reading, writing = os.pipe()
    waiting, gate = os.pipe()
    child = os.fork()
    if child == 0:
        connection.close()
        os.close(reading)
        os.close(gate)
        _become(request, (output, spaces, foreign), writing, waiting)
    for each in (writing, waiting, *descriptors):
        os.close(each)
    with os.fdopen(reading, "rb") as told:
        words = told.read().decode()
    if words:
        os.waitpid(child, 0)
        raise RefusedError(words)
    return child, gate


def _receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, descriptors, _, _ = socket.recv_fds(connection, HEADER.size, MOST_DESCRIPTORS)
    if len(head) < HEADER.size or not descriptors:
        raise RefusedError("the request was cut off")
    (left,) = HEADER.unpack(head)
    parts = []
    while left:
        part = connection.recv(left)
        if not part:
            raise RefusedError("the request was cut off")
        parts.append(part)
        left -= len(part)
    return json.loads(b"".join(parts)), descriptors


def _say(connection: socket.socket, words: dict[str, Any]) -> None:
    connection.sendall(json.dumps(words).encode() + b"\n")


def _check(request: dict[str, Any], packages: frozenset[str]) -> None:
    """Refuse a script whose own modules have names of modules that are loaded already."""
    clash = sorted(packages.intersection(request["modules"]) - {"__main__"})
    if clash:
        raise RefusedError(f"its folder has a module named {clash[0]!r}, which is loaded already")


def _join_processes(spaces: dict[str, int]) -> int | None:
    """Have the next child be born in the job's process namespace; return the user namespace still to join."""
    foreign = None
    if "user" in spaces and os.fstat(spaces["user"]).st_ino != os.stat("/proc/self/ns/user").st_ino:
        # Without root bubblewrap nests two user namespaces: the outer one owns the others.
        owner = fcntl.ioctl(spaces["mnt"], _NS_GET_USERNS)
        foreign = None if os.fstat(owner).st_ino == os.fstat(spaces["user"]).st_ino else spaces["user"]
        _setns(owner, "user")
        os.close(owner)
    if "pid" in spaces:
        _setns(spaces["pid"], "pid")
    return foreign


def _await(child: int, connection: socket.socket) -> int:
    """Return the job's wait status; end it when the supervisor is gone."""
    watched = os.pidfd_open(child)
    poller = select.poll()
    poller.register(watched, select.POLLIN)
    poller.register(connection, select.POLLIN)
    if all(number != watched for number, _ in poller.poll()):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child, signal.SIGKILL)
        os.kill(child, signal.SIGKILL)
    os.close(watched)
    status = os.waitpid(child, 0)[1]
    _end_adopted()
    return status


def _end_adopted() -> None:
    """End what the job left behind: without namespaces a session of its own would outlive it."""
    with contextlib.suppress(ChildProcessError):
        while True:
            with open("/proc/thread-self/children") as listed:
                for pid in listed.read().split():
                    os.kill(int(pid), signal.SIGKILL)
            os.waitpid(-1, 0)


# -- the job


def _become(
    request: dict[str, Any], place: tuple[int, dict[str, int], int | None], failing: int, waiting: int
) -> None:
    """Turn this process into the job; words on `failing` say that it did not work.

    `place` is where its output goes, its namespaces, and the user namespace to join in the end.
    """
    output, spaces, foreign = place
    try:
        os.setsid()
        _join(spaces, foreign)
        _die_with_monitor()
        _connect(output)
        os.chdir(request["cwd"])
        os.nice(max(0, request["nice"] - os.nice(0)))
        with open(request["argv"][1], "rb"):
            pass  # what cannot be read is for the interpreter itself to complain of
        for name, value in request["limits"].items():
            resource.setrlimit(getattr(resource, name), (value, value))
        _renew(request["env"])
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
    except Exception as error:  # noqa: BLE001  (told to the supervisor, which starts the job plainly)
        os.write(failing, f"{type(error).__name__}: {error}".encode())
        os._exit(1)
    os.close(failing)
    begin = os.read(waiting, 1)
    os.close(waiting)
    if not begin:
        os._exit(1)
    raise Become(request)


def _join(spaces: dict[str, int], foreign: int | None) -> None:
    """Join the job's namespaces, the mounts last since they hide /proc, and keep no privilege in them."""
    for name in ("ipc", "uts", "net", "mnt"):
        if name in spaces:
            _setns(spaces[name], name)
    if foreign is not None:
        _setns(foreign, "user")
    if spaces:
        _drop_privileges()
    for each in spaces.values():
        os.close(each)


def _connect(output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def _drop_privileges() -> None:
    """Keep no capability, and get none back: as `bwrap --cap-drop ALL`."""
    libc = _libc()
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(_LAST_CAPABILITY + 1):
        libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)  # EINVAL: the kernel knows no such capability
    libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    _must(libc.capset(header, (ctypes.c_uint32 * 6)()))


def _die_with_monitor() -> None:
    libc = _libc()
    libc.prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)  # the change of user namespace took it away, an exec would not
    libc.prctl(_PR_SET_NAME, b"python", 0, 0, 0)
    _must(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0))


def _renew(variables: dict[str, str]) -> None:
    """Give this process what a new one would have: its variables, random numbers and BLAS threads."""
    os.environ.clear()
    os.environ.update(variables)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()
    if "tempfile" in sys.modules:
        setattr(sys.modules["tempfile"], "tempdir", None)  # noqa: B010  (of this process)
    importlib.invalidate_caches()
    for setter, processors in _BLAS:
        setter(processors())


def _blas() -> list[tuple[Any, Any]]:
    """Return how each OpenBLAS in this process is told its number of threads, and asked the usual one."""
    with open("/proc/self/maps") as maps:
        paths = {line.split(maxsplit=5)[5].strip() for line in maps if "openblas" in line}
    found = []
    for path in sorted(paths):
        library = ctypes.CDLL(path)
        for setter, processors in _BLAS_SETTERS:
            if hasattr(library, setter) and hasattr(library, processors):
                found.append((getattr(library, setter), getattr(library, processors)))
                break
    return found


# -- the runner's own start


def _preload(modules: list[str], server: str) -> str:
    """Import what is there of `modules`, and the model server from its folder, unless that is empty.

    Returns why the runner cannot serve, empty when it can.
    """
    for name in modules:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        except Exception as error:  # noqa: BLE001  (the job that imports it shall see it, not the runner)
            return f"importing {name} failed: {type(error).__name__}: {error}"
    if server:
        _preload_server(server)
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        return f"importing {', '.join(modules)} started {threads - 1} threads"
    return ""


def _preload_server(folder: str) -> None:
    sys.path.insert(0, folder)
    for name in SERVER:
        with contextlib.suppress(Exception):  # a server shall see it itself
            importlib.import_module(name)
    sys.path.remove(folder)


def _hide_server() -> None:
    """Leave a script that is no model server without its modules, as a new interpreter is."""
    for name in [each for each in sys.modules if each.partition(".")[0] == _OURS]:
        _HIDDEN[name] = sys.modules.pop(name)


def _give_back() -> None:
    """Return to the system what lies free in the heap after the imports; only with glibc."""
    trim = getattr(_libc(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _setns(descriptor: int, name: str) -> None:
    _must(_libc().setns(descriptor, _CLONE[name]))


def _must(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def main(argv: list[str]) -> tuple[dict[str, Any], frozenset[str]] | None:
    """Preload and serve; return the request that a forked job is to carry out, None in the runner itself.

    With it, the names of the modules that the job shares with the runner.
    """
    listener, control = socket.socket(fileno=int(argv[1])), socket.socket(fileno=int(argv[2]))
    for each in (listener, control):
        each.set_inheritable(False)
    sys.dont_write_bytecode = False
    server = argv[4]
    refused = _preload(argv[5:], server)
    control.send(f"refused {refused}\n".encode() if refused else b"ready\n")
    if refused:
        return None
    _BLAS[:] = _blas()
    # Here, and not in each job: to look at an object is to count a reference, which copies its page.
    shared = frozenset(sys.modules)
    packages = frozenset(name.partition(".")[0] for name in shared) - {_OURS}
    gc.collect()
    _give_back()
    gc.freeze()  # a collection would write to pages that are shared with the jobs
    try:
        serve(listener, control, float(argv[3]), packages)
    except Become as job:
        request = dict(job.args[0])
        if os.path.dirname(request["argv"][1]) != server:
            _hide_server()
        return request, shared.difference(_HIDDEN)
    return None


if __name__ == "__main__":
    as_script, leaving = map(importlib.import_module, ("as_script", "leaving"))  # beside this file
    if job := main(sys.argv):
        request, shared = job
        leaving.leave(as_script.run(request["argv"], request["env"].get("PYTHONPATH", "")), shared)
