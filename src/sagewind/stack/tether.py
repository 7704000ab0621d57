"""A process that ends when its parent does: `python -m sagewind.stack.tether <program> <argument>...`.

supervisord stops its programs when it is stopped; when it is killed nobody would. The kernel does it for
processes that asked (Linux, prctl(2) PR_SET_PDEATHSIG, kept across execve); elsewhere this only executes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(number: signal.Signals = signal.SIGTERM) -> None:
    """Ask the kernel to send this signal when the parent ends; forgotten at a change of user or namespace."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends, so that none escapes unseen."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def main() -> None:
    """Execute the program in argv, tethered to the parent."""
    die_with_parent()
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  (no shell is wanted)


if __name__ == "__main__":
    main()
