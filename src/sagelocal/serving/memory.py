"""Large blocks of memory go back to the system when they are freed, small ones stay for the next.

glibc keeps a freed block for the next one of its size, and then as much again: of payloads of some megabytes
that is more than is in use at any time, in each process that they pass through. Once it is told of large
blocks, it no longer learns by itself how much to keep of the others, and gives back each array of some
thousand numbers to take it again, page by page: a third of the time of scoring a large table.
https://man7.org/linux/man-pages/man3/mallopt.3.html
"""

from __future__ import annotations

import ctypes

LARGE = 4 << 20
"""Bytes. Below it are the arrays of some thousand rows, made and dropped all the time."""
KEPT = 8 << 20
"""Bytes that may lie free at the heap's end: what the arrays of one part of a table need together."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def give_back_large(kept: int = 0) -> None:
    """Have every block from `LARGE` on mapped by itself, and `kept` bytes of others stay; only with glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGE)
        if kept:
            mallopt(_M_TRIM_THRESHOLD, kept)


def give_back() -> None:
    """Return to the system what lies free in the heap now, as after imports and large files."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
