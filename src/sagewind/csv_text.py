"""CSV as people make it: with values of any length; and what is no CSV at all."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

HEAD = 4
"""So many bytes of a file tell `other_than_csv`."""
_LONGEST = 2**31 - 1
_OTHERS = {b"PAR1": "Parquet", b"PK\x03\x04": "an Excel workbook, or another ZIP", b"\x1f\x8b": "gzip"}


def reader(lines: Iterable[str], *, strict: bool = True) -> Any:
    """Read CSV; unless it is not `strict`, a quote that is closed within a value, or never, is a `csv.Error`.

    The module's own bound of a value, 131072 characters, is less than a document may have.
    """
    csv.field_size_limit(_LONGEST)
    return csv.reader(lines, strict=strict)


def other_than_csv(head: bytes) -> str:
    """Return what a file is that begins so, when that is a table of another kind; else an empty text."""
    return next((kind for mark, kind in _OTHERS.items() if head.startswith(mark)), "")
