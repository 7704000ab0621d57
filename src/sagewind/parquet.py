"""A table as Parquet: what Athena, Spark and data frames read, beside the CSV that people read."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Sequence


def to_parquet(
    header: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: Sequence[str] = ()
) -> bytes:
    """Return the rows as a Parquet file; equal rows are equal bytes.

    A column whose every value is a whole number becomes int64, a finite number float64, and text otherwise;
    `text_columns` stay text, so that an id keeps its leading zeros.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(header)
    arrays = [
        pa.array(column, pa.string()) if name in text_columns else _typed(column)
        for name, column in zip(header, columns, strict=True)
    ]
    buffer = io.BytesIO()
    parquet.write_table(pa.table(arrays, names=list(header)), buffer, compression="zstd")
    return buffer.getvalue()


def _typed(column: Sequence[str]) -> Any:
    """Return the column with the narrowest type that holds every value."""
    for kind, parse in ((pa.int64(), int), (pa.float64(), float)):
        try:
            return pa.array([parse(each) for each in column], kind)
        except (ValueError, OverflowError):
            continue
    return pa.array(column, pa.string())
