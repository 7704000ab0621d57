"""Holds rows out for the evaluation, by their content: a row that was held out once is held out always.

A model is compared with the one before on rows that neither has seen. With a random split a table that
grows would be dealt anew, and yesterday's training rows would become today's test rows. Here a hash of
the row (or of its id) says where it belongs, so the parts only grow, and equal rows never lie on both
sides.
"""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass

from sagewind import csv_text
from sagewind.errors import SagewindError

_PARTS = 1 << 32


class HoldoutError(SagewindError):
    """A table cannot be split as asked."""


@dataclass(frozen=True, kw_only=True)
class Holdout:
    """A table in two, each a CSV with the header: what is trained on, and what is held out."""

    train: bytes
    test: bytes
    train_rows: int
    test_rows: int


def split(content: bytes, *, share: float, name: str, id_column: str = "", seed: str = "") -> Holdout:
    """Split a CSV with a header; about `share` of the rows are held out, by `id_column` or the whole row.

    `name` is what errors call the table; another `seed` deals the rows anew.

    Raises:
        HoldoutError: no such share or column, an open quote, a row of another length, an empty part.

    """
    if not 0 < share < 1:
        raise HoldoutError(f"{name}: the share to hold out is {share}; expected more than 0 and less than 1")
    lines = csv_text.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    try:
        rows = [row for row in lines if row]
    except csv.Error as error:
        raise HoldoutError(f"{name} line {lines.line_num}: {error}") from error
    header = rows[0] if rows else []
    if id_column and id_column not in header:
        raise HoldoutError(f"{name}: has no column {id_column!r}; it has {', '.join(header)}")
    place = header.index(id_column) if id_column else -1
    parts: tuple[list[list[str]], list[list[str]]] = ([header], [header])
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise HoldoutError(f"{name}: row {number} has {len(row)} values; the header has {len(header)}")
        key = row[place] if id_column else "\x1f".join(row)
        parts[_draw(seed, key) < share].append(row)
    train, test = (len(part) - 1 for part in parts)
    if not train or not test:
        raise HoldoutError(f"{name}: {train} rows to train on and {test} held out; expected some of each")
    return Holdout(train=_csv(parts[0]), test=_csv(parts[1]), train_rows=train, test_rows=test)


def _draw(seed: str, key: str) -> float:
    """Return a number from 0 to 1 that depends on the key alone."""
    digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
    return int.from_bytes(digest[:4]) / _PARTS


def _csv(rows: list[list[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
