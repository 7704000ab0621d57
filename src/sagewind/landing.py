"""Records as Firehose lands them on S3: which objects belong to an interval, and what rows are in them.

Firehose puts an object below `<prefix>YYYY/MM/DD/HH/`, the hour (UTC) in which its oldest record arrived, and
writes it when its buffer is full or its time is up. Source: Amazon Data Firehose developer guide, "Understand
custom prefixes for Amazon S3 objects".
"""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError
from sagewind.steps.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sagewind.objects import Entry

_HOUR = re.compile(r"(\d{4})/(\d{2})/(\d{2})/(\d{2})/")
_GZIP = b"\x1f\x8b"
_SPACE = " \t\r\n"


class LandingError(SagewindError):
    """What has landed cannot be read as rows, or nothing has."""


@dataclass(frozen=True, kw_only=True)
class Landed:
    """An object's address, for messages, and its bytes; compressed with gzip, or not."""

    name: str
    body: bytes


def due(until: str, late_seconds: int) -> str:
    """Return when (ISO 8601, UTC) all that arrived by the full hour before `until` must have landed."""
    return (_full_hour(until) + dt.timedelta(seconds=late_seconds)).isoformat()


def watched(until: str, unit: str) -> str:
    """Return the part `YYYY/MM/DD/HH/` of a key of the last full hour before `until`; of its last full day.

    `unit` is `hour` or `day`.
    """
    hour = _full_hour(until)
    if unit == "hour":
        return (hour - dt.timedelta(hours=1)).strftime("%Y/%m/%d/%H/")
    return (hour.replace(hour=0) - dt.timedelta(days=1)).strftime("%Y/%m/%d/")


def select(entries: Iterable[Entry], prefix: str, until: str, *, days: int = 0) -> list[Entry]:
    """Return the objects of the hours that ended by `until`, and of so many days before it; 0: of all.

    `prefix` is the key that all of them begin with. Objects elsewhere below it are none of Firehose's rows.
    """
    end = dt.datetime.fromisoformat(until)
    begin = end - dt.timedelta(days=days) if days else dt.datetime.min.replace(tzinfo=dt.UTC)
    chosen = []
    for each in entries:
        start = _hour_of(each.address.key.removeprefix(prefix))
        if start is not None and begin <= start and start + dt.timedelta(hours=1) <= end:
            chosen.append(each)
    return chosen


def rows(landed: Iterable[Landed], columns: Sequence[str], *, form: str, name: str, id_column: str) -> Rows:
    """Return the records of all objects as rows of these columns, in the order of the objects.

    `form` is `json` or `csv`. What a record has beyond the columns is left out; what it lacks is empty.
    Firehose delivers at least once: of equal rows with one id, the first is kept.

    Raises:
        LandingError: it names the object and the record that is none.

    """
    read = {"json": _json, "csv": _csv}[form]
    cells = [row for each in landed for row in read(each, columns)]
    if id_column:
        cells = list(dict.fromkeys(cells))
    return Rows(name=name, header=tuple(columns), cells=tuple(cells))


def _full_hour(moment: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(moment).astimezone(dt.UTC)
    return at.replace(minute=0, second=0, microsecond=0)


def _hour_of(key: str) -> dt.datetime | None:
    found = _HOUR.match(key)
    if found is None:
        return None
    try:
        return dt.datetime(*map(int, found.groups()), tzinfo=dt.UTC)  # type: ignore[misc, arg-type]
    except ValueError:
        return None


def _json(landed: Landed, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Read JSON objects, with a newline between them or without: Firehose adds none."""
    text, at, number = _text(landed), 0, 0
    decoder = json.JSONDecoder(parse_float=str, parse_int=str)  # as it is written, to the last digit
    while (at := _skip(text, at)) < len(text):
        number += 1
        where = f"{landed.name}: record {number}"
        try:
            record, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise LandingError(f"{where}: is no JSON: {error.msg}") from error
        if not isinstance(record, dict):
            raise LandingError(f"{where}: is {json.dumps(record)[:40]}; allowed is a JSON object")
        yield tuple(_cell(record.get(column), f"{where}: {column}") for column in columns)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _cell(value: Any, where: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    raise LandingError(f"{where} is {json.dumps(value)[:40]}; allowed is text, a number, true, false or null")


def _csv(landed: Landed, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    reader = csv.reader(io.StringIO(_text(landed), newline=""))
    for number, row in enumerate(filter(None, reader), start=1):
        if len(row) != len(columns):
            wanted = f"{len(columns)}: {', '.join(columns)}"
            raise LandingError(f"{landed.name}: record {number} has {len(row)} values; allowed are {wanted}")
        yield tuple(row)


def _text(landed: Landed) -> str:
    body = landed.body
    try:
        return (gzip.decompress(body) if body.startswith(_GZIP) else body).decode()
    except (EOFError, gzip.BadGzipFile) as error:
        raise LandingError(f"{landed.name}: cannot be unpacked: {error}") from error
    except UnicodeDecodeError as error:
        raise LandingError(f"{landed.name}: byte {error.start} is not UTF-8") from error
