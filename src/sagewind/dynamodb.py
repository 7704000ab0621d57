"""Items of a DynamoDB table as lines of DynamoDB JSON, and those lines as rows.

A point-in-time export writes `{"Item": {"age": {"N": "61"}}}`, one line for each item; what is scanned here
is written so, too, since plain JSON would make a float of every number. Source: DynamoDB developer guide,
"DynamoDB table export output format".
"""

from __future__ import annotations

import base64
import gzip
import json
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError
from sagewind.steps.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_PLAIN = ("S", "N", "BOOL", "NULL")
_SUMMARY = "manifest-summary.json"


class ExportError(SagewindError):
    """An export cannot be read as rows."""


def line(item: Mapping[str, Any]) -> bytes:
    """Return an item, as boto3 gives it, as a line of DynamoDB JSON."""
    from boto3.dynamodb.types import TypeSerializer  # noqa: PLC0415 - not when a DAG file is read

    written = {name: TypeSerializer().serialize(value) for name, value in item.items()}
    return json.dumps({"Item": written}, default=_base64).encode() + b"\n"


def is_data(key: str) -> bool:
    """Whether an object of an export holds items; the others are its manifests."""
    return "/AWSDynamoDB/" not in key or (key.endswith(".json.gz") and "/data/" in key)


def is_summary(key: str) -> bool:
    """Whether an object of an export says how many items it has."""
    return "/AWSDynamoDB/" in key and key.endswith(f"/{_SUMMARY}")


def count_of(summary: bytes, name: str) -> int:
    """Return how many items an export has, by its summary.

    Raises:
        ExportError: it does not say.

    """
    try:
        return int(json.loads(summary)["itemCount"])
    except (ValueError, KeyError, TypeError) as error:
        raise ExportError(f"{name}: says no itemCount") from error


def rows(
    files: Iterable[tuple[str, bytes]], columns: Sequence[str], *, attributes: Mapping[str, str], name: str
) -> Rows:
    """Return the items of all files as rows of these columns, sorted, so that equal tables are equal bytes.

    `files` are names and contents, compressed with gzip or not; `attributes` says which attribute a column
    is, where it has another name. What an item lacks is empty.

    Raises:
        ExportError: a line is no item, or an attribute is no text, number, truth value or null.

    """
    paths = [attributes.get(column, column).split(".") for column in columns]
    cells = [
        tuple(_cell(item, path, where) for path in paths)
        for each, content in files
        for where, item in _items(each, content)
    ]
    return Rows(name=name, header=tuple(columns), cells=tuple(sorted(cells)))


def _items(name: str, content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        text = gzip.decompress(content) if name.endswith(".gz") else content
    except (EOFError, gzip.BadGzipFile) as error:
        raise ExportError(f"{name}: cannot be unpacked: {error}") from error
    for number, each in enumerate(text.splitlines(), start=1):
        where = f"{name}: line {number}"
        try:
            yield where, json.loads(each)["Item"]
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(f'{where}: is no item; allowed is {{"Item": {{…}}}}') from error


def _cell(item: Mapping[str, Any], path: Sequence[str], where: str) -> str:
    """Return the text of the attribute at the end of a path through maps."""
    value: dict[str, Any] = {"M": item}
    for step in path:
        inner = value.get("M")
        if inner is None or step not in inner:
            return ""
        value = inner[step]
    [(kind, written)] = value.items()
    if kind not in _PLAIN:
        allowed = f"allowed are {', '.join(_PLAIN)}"
        raise ExportError(f"{where}: attribute {'.'.join(path)} is of type {kind}; {allowed}")
    if kind == "NULL":
        return ""
    return str(written).lower() if kind == "BOOL" else str(written)


def _base64(value: Any) -> str:
    """Write binary values as DynamoDB JSON has them."""
    return base64.b64encode(bytes(value)).decode()
