"""Ends the bubblewrap processes that outlived who started them.

With `--die-with-parent` bubblewrap ends with its parent, but both of its processes ask the kernel for that
only some milliseconds after they began (PR_SET_PDEATHSIG, prctl(2)): of a parent that is killed in between
they never hear, and run the user's code on with nobody to look after it. So who finds a supervisor or an
instance dead ends what still has its folder on a command line.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from pathlib import Path

PROGRAM = b"bwrap"
PAUSE_SECONDS = 0.01
"""Between two looks: a process that was forked, but has not executed bubblewrap yet, has by then."""
CALM = 2
"""Looks in a row that find nothing, until it is over."""
LOOKS = 200

_log = logging.getLogger(__name__)


def end(folder: Path) -> None:
    """Kill each sandbox that is bound to a path below `folder`, whose owner is dead.

    Where there is no `/proc` there is no bubblewrap.
    """
    calm = 0
    for _ in range(LOOKS):
        found = _find(folder)
        calm = 0 if found else calm + 1
        if calm == CALM:
            return
        for pid in found:
            _log.warning("ending process %d, a sandbox in %s whose owner died", pid, folder)
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)
    _log.error("processes %s, sandboxes in %s, do not end", found, folder)


def _find(folder: Path) -> list[int]:
    below = os.fsencode(folder) + b"/"
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile, or is another user's
            program, *arguments = path.read_bytes().split(b"\0")
            if program.rpartition(b"/")[2] == PROGRAM and any(each.startswith(below) for each in arguments):
                found.append(int(path.parent.name))
    return found
