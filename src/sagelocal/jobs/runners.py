"""The preloaded interpreters of image environments: asked for by supervisors, kept by the service.

A supervisor that finds no runner for its environment starts its container plainly and leaves a wish. The
service starts a runner for each wish, keeps a few, and lets go of what was not used for longest. They hold
nothing that matters: when the service ends they end, and jobs that they forked go on.

| file in `runners/` | written by | meaning |
|---|---|---|
| `<key>.wish` | supervisor | a runner was missed; folder, modules, and where the model server is |
| `.<key>.sock` | service | the runner's socket while it imports; who connects waits for that |
| `<key>.sock` | service | the runner's socket, there when it is ready |
| `<key>.refused` | service | why this environment has no runner |
| `<key>.log` | runner | its own words |
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import resource
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal.container import forked, zygote
from sagelocal.jobs import access, bell
from sagelocal.jobs.folder import write_json
from sagelocal.serving import runtime

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.container.environments import Environment
    from sagelocal.container.images import Image
    from sagelocal.settings import Settings

MOST = 3
"""Runners at the same time."""
MOST_BYTES = 1 << 30
"""Memory that all runners together may hold; the one last used is kept in any case."""
IDLE_SECONDS = 900
SPIN = {"GOMP_SPINCOUNT": "1000", "OPENBLAS_THREAD_TIMEOUT": "14"}
"""How long threads of OpenMP and of OpenBLAS wait in a loop before they sleep: rounds, and 2^n cycles.

By default OpenMP's wait three hundred times as long (libgomp's manual): two jobs whose teams share the cores
take twenty times as long as one after the other. OpenBLAS's wait for 2^26 cycles after each product, and when
they are started (`blas_server.c`): a small job spends more on that than on all else, and two jobs of many
small products take three times as long."""
_FOLDER = "runners"
_MESSAGE_BYTES = 4096

_log = logging.getLogger(__name__)


def find(data_dir: Path, made: Environment, environ: Mapping[str, str]) -> forked.Runner:
    """Return the runner of an environment, whether it is there or not."""
    folder = data_dir / _FOLDER
    return forked.Runner(
        address=folder / f"{made.key}.sock",
        draft=_draft(folder, made.key),
        wish=folder / f"{made.key}.wish",
        python=made.python,
        variables=forked.variables(environ, f"{made.bin}:{access.SYSTEM_PATH}"),
    )


def wish(settings: Settings, made: Environment, image: Image) -> None:
    """Ask the service for a runner of an environment, unless it has said that there can be none."""
    data_dir = settings.data_dir
    folder = data_dir / _FOLDER
    if not folder.is_dir() or (folder / f"{made.key}.refused").exists():
        return
    modules = [name for name in image.warm if name not in zygote.SERVER]
    serves = len(modules) < len(image.warm)
    server = str(runtime.ensure(settings.cache_dir / "runtime")) if serves else ""
    wished = {"root": str(made.root), "modules": modules, "server": server}
    write_json(folder / f"{made.key}.wish", wished)
    bell.ring(data_dir)


def refused(data_dir: Path, made: Environment) -> str:
    """Return why an environment has no runner; empty when nothing is known against it."""
    with contextlib.suppress(FileNotFoundError):
        return (data_dir / _FOLDER / f"{made.key}.refused").read_text()
    return ""


@dataclass
class _Runner:
    process: subprocess.Popen[bytes]
    control: socket.socket


class Runners:
    """The runners of this life of the service. Not for several threads."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str], *, enabled: bool) -> None:
        self._folder = data_dir / _FOLDER
        self._environ = dict(environ)
        self._running: dict[str, _Runner] = {}
        """By environment, the one unused for longest first."""
        shutil.rmtree(self._folder, ignore_errors=True)
        if enabled and hasattr(os, "pidfd_open"):
            # Who may connect may run a program outside of the sandbox.
            self._folder.mkdir(parents=True, mode=0o700)

    def watched(self) -> list[int]:
        """Return the descriptors that become readable when `look` has something to see."""
        return [runner.control.fileno() for runner in self._running.values()]

    def look(self) -> None:
        """Hear what the runners say, and start those that were wished for."""
        for key in list(self._running):
            self._hear(key)
        for path in self._folder.glob("*.wish") if self._folder.is_dir() else ():
            wished = json.loads(path.read_text())
            if path.stem not in self._running:
                self._start(path.stem, Path(wished["root"]), wished["modules"], wished["server"])
            path.unlink()  # not before: who wished for it may wait for its socket
        self._keep_few()

    def close(self) -> None:
        """End the runners; the jobs that they forked go on."""
        for key in list(self._running):
            self._end(key)

    def _start(self, key: str, root: Path, modules: list[str], server: str) -> None:
        address = _draft(self._folder, key)
        address.unlink(missing_ok=True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        variables = forked.variables(self._environ, f"{root / 'bin'}:{access.SYSTEM_PATH}")
        with theirs, _listen(address) as listener, (self._folder / f"{key}.log").open("ab") as log:
            passed = (listener.fileno(), theirs.fileno())
            words = [str(root / "bin" / "python"), zygote.__file__, *map(str, passed), str(IDLE_SECONDS)]
            words += [server, *modules]
            try:
                process = subprocess.Popen(
                    words,
                    cwd="/",
                    env={**variables, "VIRTUAL_ENV": str(root), zygote.HELD: "1", **SPIN},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=passed,
                )
            except OSError as error:
                _log.warning("no runner for the environment %s: %s", key, error)
                ours.close()
                return
        ours.setblocking(False)
        self._running[key] = _Runner(process, ours)

    def _hear(self, key: str) -> None:
        """Take a runner's words: `ready`, `used`, `refused <why>`, or its end."""
        runner = self._running[key]
        try:
            while words := runner.control.recv(_MESSAGE_BYTES).decode().strip():
                if words == "ready":
                    # Not before: who connects waits for an answer, and imports take their time.
                    _draft(self._folder, key).rename(self._folder / f"{key}.sock")
                if words.startswith("refused "):
                    (self._folder / f"{key}.refused").write_text(words.removeprefix("refused "))
                self._running[key] = self._running.pop(key)  # used last
        except BlockingIOError:
            return
        except OSError:
            pass
        self._end(key)

    def _keep_few(self) -> None:
        while len(self._running) > 1 and (len(self._running) > MOST or self._memory() > MOST_BYTES):
            self._end(next(iter(self._running)))

    def _memory(self) -> int:
        """Return the bytes that the runners hold."""
        total = 0
        for runner in self._running.values():
            with contextlib.suppress(OSError):
                statm = Path(f"/proc/{runner.process.pid}/statm").read_text().split()
                total += int(statm[1]) * resource.getpagesize()
        return total

    def _end(self, key: str) -> None:
        runner = self._running.pop(key)
        for address in (_draft(self._folder, key), self._folder / f"{key}.sock"):
            address.unlink(missing_ok=True)
        runner.control.close()
        runner.process.terminate()  # it may be in the middle of its imports
        runner.process.wait()


def _draft(folder: Path, key: str) -> Path:
    return folder / f".{key}.sock"


def _listen(address: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    # A path of any length: the address of a socket may have 107 bytes only.
    folder = os.open(address.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{address.name}")
    finally:
        os.close(folder)
    listener.listen()
    return listener


def words(plain: str) -> str:
    """Return the line of a job's log that tells how its script was started, and why."""
    if not plain:
        return "The script runs in a process forked from a preloaded interpreter"
    return f"The script runs in a new interpreter: {plain}"
