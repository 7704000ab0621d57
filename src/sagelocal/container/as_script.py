"""How a forked process runs a script: as the interpreter would, had it been started for it.

Runs inside the image's environment beside `zygote.py`, and uses the standard library only.
"""

# Every job has imported what this file does: no pathlib.
# ruff: noqa: PTH100, PTH120

from __future__ import annotations

import atexit
import contextlib
import importlib.machinery
import io
import os
import signal
import sys
import types
from typing import Any


def run(argv: list[str], folders: str) -> Any:
    """Run the script as `PYTHONPATH=folders python SCRIPT ARGUMENTS…` does, of which `argv` are the words.

    Returns what it ends with, as for `sys.exit`.
    """
    path = os.path.abspath(argv[1])
    sys.argv[:] = argv[1:]
    sys.orig_argv[:] = argv
    sys.path[0:1] = [os.path.dirname(os.path.realpath(path)), *filter(None, folders.split(os.pathsep))]
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=path,
        __cached__=None,
        __builtins__=__builtins__,
        __loader__=importlib.machinery.SourceFileLoader("__main__", path),
    )
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    sys.modules["__main__"] = main
    interrupted: list[bool] = []
    atexit.register(_end_by_interrupt, interrupted)
    try:
        with io.open_code(path) as stream:
            code = compile(stream.read(), path, "exec", dont_inherit=True)
        exec(code, main.__dict__)  # noqa: S102  (the user's script)
    except SystemExit as ended:
        return ended.code
    except BaseException as error:  # noqa: BLE001  (shown as the interpreter shows it)
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        sys.excepthook(type(error), error.with_traceback(trace), trace)
        if isinstance(error, KeyboardInterrupt):
            interrupted.append(True)
        return 1
    return None


def _end_by_interrupt(interrupted: list[bool]) -> None:
    """End by SIGINT after an unhandled KeyboardInterrupt, as the interpreter does."""
    if interrupted:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
