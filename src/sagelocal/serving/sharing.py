"""Whether a worker process that has loaded a model can be forked into several, which then share its memory.

Loaded libraries and models are most of a worker's memory, and a fork has them for nothing. But threads do not
survive a fork, and a connection or a file that a `model_fn` opened would be used by several at once. OpenBLAS
ends its threads before any fork, and starts them again when they are needed; so what is left after a fork
made as a trial is somebody else's.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_TASKS, _FILES = Path("/proc/self/task"), Path("/proc/self/fd")


def files() -> frozenset[str]:
    """Return what this process has open, a name for each; nothing where the system does not tell."""
    found = set()
    if _FILES.is_dir():
        for each in _FILES.iterdir():
            with contextlib.suppress(OSError):  # the folder itself, open while it is listed
                found.add(f"{each.name} {each.readlink()}")
    return frozenset(found)


def obstacle(before: frozenset[str]) -> str:
    """Return why this process cannot be forked; empty when it can. `before`: `files()` before the load."""
    if not _TASKS.is_dir():
        return "this system does not tell a process's threads"
    opened = {each for each in files() - before if not each.endswith("/fd")}
    if opened:
        return f"model_fn left open: {', '.join(sorted(each.partition(' ')[2] for each in opened))}"
    trial = os.fork()
    if trial == 0:
        os._exit(0)
    os.waitpid(trial, 0)
    threads = len(list(_TASKS.iterdir())) - 1
    return f"loading left {threads} threads running" if threads else ""
