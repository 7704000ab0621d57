"""Large blocks of memory go back to the system when they are freed.

glibc keeps a freed block for the next one of its size, and then as much again: of payloads of some megabytes
that is more than is in use at any time, in each process that they pass through.
https://man7.org/linux/man-pages/man3/mallopt.3.html
"""

from __future__ import annotations

import ctypes

LARGE = 4 << 20
"""Bytes. Below it are the arrays of some thousand rows, made and dropped all the time."""
_M_MMAP_THRESHOLD = -3


def give_back_large() -> None:
    """Have every block from `LARGE` on mapped by itself; without glibc nothing happens."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
