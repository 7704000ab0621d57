"""A bell that any process may ring to wake the service's launcher: a named pipe in the data directory."""

from __future__ import annotations

import contextlib
import os
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_READ_BYTES = 4096


class Bell:
    """The launcher's end. `ring` may be called from any thread."""

    def __init__(self, data_dir: Path) -> None:
        path = _path(data_dir)
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Open for writing as well: a pipe without a writer is always at its end.
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def fileno(self) -> int:
        """Return what becomes readable when it is rung."""
        return self._pipe

    def ring(self) -> None:
        """Wake who waits, now or the next time."""
        _write(self._pipe)

    def wait(self, seconds: float) -> None:
        """Wait until it is rung, `seconds` at most."""
        poller = select.poll()
        poller.register(self._pipe, select.POLLIN)
        poller.poll(seconds * 1000)

    def clear(self) -> None:
        """Forget the rings so far."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._pipe, _READ_BYTES):
                pass

    def close(self) -> None:
        """Let go of the pipe."""
        os.close(self._pipe)


def ring(data_dir: Path) -> None:
    """Ring the bell of the service of a data directory, if one listens."""
    try:
        pipe = os.open(_path(data_dir), os.O_WRONLY | os.O_NONBLOCK)
    except OSError:
        return  # nobody is there to hear it; who comes looks first
    try:
        _write(pipe)
    finally:
        os.close(pipe)


def _write(pipe: int) -> None:
    with contextlib.suppress(BlockingIOError):  # it is full of rings
        os.write(pipe, b"\0")


def _path(data_dir: Path) -> Path:
    return data_dir / "jobs" / ".bell"
