"""The end of a job that a runner has forked, without taking apart what the two share.

Runs inside the image's environment beside `zygote.py`, and uses the standard library only.
"""

from __future__ import annotations

import _weakref
import atexit
import contextlib
import ctypes
import gc
import os
import sys
import types
from typing import Any

_NOT_FLUSHED = 120
"""The interpreter's exit status when it cannot flush its standard output (documentation of `sys.exit`)."""


def leave(ended: Any, shared: frozenset[str]) -> None:
    """End as the interpreter does, but for what was imported before the fork: that is not taken apart.

    To do so writes to every page that the job shares with its runner, which takes as long as a small job. All
    that the job made is taken apart as ever: its modules, what they hold, files that were left open. With
    `ended` as for `sys.exit`, and the names of the `shared` modules. It raises SystemExit where there are
    threads of Python's: only the interpreter can stop these.
    """
    status = _status(ended)
    if "threading" in sys.modules:
        sys.modules["threading"]._shutdown()  # noqa: SLF001  (what the interpreter calls)
    with contextlib.suppress(Exception):  # told on stderr
        atexit._run_exitfuncs()  # noqa: SLF001
    if len(sys._current_frames()) > 1:  # noqa: SLF001
        raise SystemExit(status)
    status = _flushed(status, tells=True)
    _take_apart([name for name in sys.modules if name not in shared or name == "__main__"])
    status = _flushed(status, tells=False)
    ctypes.PyDLL(None).fflush(None)
    os._exit(status & 0xFF)


def _status(ended: Any) -> int:
    """Return the exit status, and write what is none to stderr, as the interpreter does."""
    if ended is None or isinstance(ended, int):
        return int(ended or 0)
    with contextlib.suppress(Exception):
        sys.stdout.flush()
    with contextlib.suppress(Exception):
        sys.stderr.write(f"{ended}\n")
    return 1


def _flushed(status: int, *, tells: bool) -> int:
    """Flush the standard streams; a lost output is an error of its own."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except Exception as error:  # noqa: BLE001  (whatever the script has put in its place)
            status = _NOT_FLUSHED
            with contextlib.suppress(Exception):
                if tells:
                    sys.stderr.write(f"Exception ignored {_where(stream)}\n{type(error).__name__}: {error}\n")
    return status


def _where(stream: Any) -> str:
    """Return what the interpreter calls the place at which it could not flush."""
    if sys.version_info >= (3, 14):
        return "while flushing sys.stdout:"
    return "on flushing sys.stdout:" if sys.version_info >= (3, 13) else f"in: {stream!r}"


def _take_apart(names: list[str]) -> None:
    """Drop modules, then what those hold that something else keeps; as `finalize_modules` of CPython."""
    gone = [
        _weakref.ref(sys.modules[name]) for name in names if isinstance(sys.modules[name], types.ModuleType)
    ]
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]
    gc.collect()
    for each in reversed(gone):
        if (module := each()) is not None:
            _empty(module.__dict__)
            del module
    gc.collect()


def _empty(names: dict[str, Any]) -> None:
    """Drop a module's values: first those of names with one underscore, last its builtins."""
    for private in (True, False):
        for name in list(names):
            is_private = name.startswith("_") and not name.startswith("__")
            if names[name] is not None and is_private == private and name != "__builtins__":
                names[name] = None
