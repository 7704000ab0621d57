"""Server processes of a benchmark: started, waited for, weighed and ended, whole trees by their own ids."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

START_SECONDS = 120.0
_MEGABYTE = 1e6


class StartError(RuntimeError):
    """A server did not come up; the message has the end of its output."""


def free_port() -> int:
    """Return a port of the loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Return this process's environment without what would slow or mislead a child."""
    hidden = ("AIRFLOW", "AWS_", "SAGELOCAL_", "SAGEWIND_", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
    return {name: value for name, value in os.environ.items() if not name.startswith(hidden)} | more


@contextlib.contextmanager
def running(
    argv: Sequence[str], ready: Callable[[], bool], *, environ: Mapping[str, str], folder: Path, name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server while the block runs; its output goes to `<folder>/<name>.log`.

    Raises:
        StartError: it ended, or `ready` did not come true in time.

    """
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            list(argv),
            env=dict(environ),
            cwd=folder,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait(process, ready, log, name)
        yield process
    finally:
        _end(process)


def _wait(process: subprocess.Popen[bytes], ready: Callable[[], bool], log: Path, name: str) -> None:
    end = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            words = log.read_text(errors="replace")[-1500:]
            raise StartError(f"{name} did not come up (exit code {process.poll()}): {words}")
        time.sleep(0.02)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it started."""
    tree = _tree(process.pid)
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for each in tree:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _tree(pid: int) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).children(recursive=True)
    return []


def memory(pid: int, without: Sequence[int] = ()) -> float:
    """Return the proportional set size of a process and its children, `without` some of these, in MB."""
    total = 0
    for each in {pid, *(child.pid for child in _tree(pid))}.difference(without):
        with contextlib.suppress(OSError, StopIteration):
            lines = Path(f"/proc/{each}/smaps_rollup").read_text().splitlines()
            total += int(next(line for line in lines if line.startswith("Pss:")).split()[1]) * 1024
    return total / _MEGABYTE


def answers(url: str, body: bytes | None = None, content_type: str = "application/json") -> bool:
    """Tell whether a URL answers 200."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": content_type})
    try:
        with urllib.request.urlopen(request, timeout=10) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False
