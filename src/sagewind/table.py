"""A CSV table with a header and a target column: read strictly, with the row in each error.

Standard library only; the tables of a DAG's own tasks are small, the large ones are read inside SageMaker.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from sagewind.errors import SagewindError


class TableError(SagewindError, ValueError):
    """The table cannot be used; the message names the file, the row and the column."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """The features as text, row by row, and the truth of each row."""

    columns: tuple[str, ...]
    features: tuple[tuple[str, ...], ...]
    truth: tuple[str, ...]

    def sample(self, count: int) -> tuple[int, ...]:
        """Return `count` row numbers spread evenly over the table, or all rows when there are fewer."""
        total = len(self.truth)
        if count >= total:
            return tuple(range(total))
        return tuple((2 * index + 1) * total // (2 * count) for index in range(count))


def parse(content: bytes, target: str, name: str) -> Table:
    """Read CSV bytes; `name` is what errors call the table.

    Raises:
        TableError: no UTF-8, no header, no target column, no rows, a row of another width, or an empty value.

    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{name}: is no UTF-8 text: {error.reason} at byte {error.start}") from error
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    if not rows:
        raise TableError(f"{name}: is empty; a header and rows are needed")
    header = rows[0]
    if target not in header:
        raise TableError(f"{name}: has no column {target!r}; it has {', '.join(header)}")
    if len(rows) == 1:
        raise TableError(f"{name}: has a header but no rows")
    for number, row in enumerate(rows[1:], start=2):
        _check(row, header, f"{name}: row {number}")
    at = header.index(target)
    return Table(
        columns=tuple(header[:at] + header[at + 1 :]),
        features=tuple(tuple(row[:at] + row[at + 1 :]) for row in rows[1:]),
        truth=tuple(row[at] for row in rows[1:]),
    )


def _check(row: list[str], header: list[str], where: str) -> None:
    if len(row) != len(header):
        raise TableError(f"{where} has {len(row)} values; the header has {len(header)}")
    for column, value in zip(header, row, strict=True):
        if not value.strip():
            raise TableError(f"{where}: {column} is empty")


def to_csv(rows: tuple[tuple[str, ...], ...]) -> bytes:
    """Write rows without a header, as the containers take them."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


def widths(content: bytes) -> list[int]:
    """Return how many values each row of CSV bytes has; empty lines are no rows."""
    return [len(row) for row in csv.reader(io.StringIO(content.decode("utf-8"))) if row]


def count_rows(content: bytes) -> int:
    """Count the rows of CSV bytes that have no header."""
    return len(widths(content))
