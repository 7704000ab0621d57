"""What an endpoint was asked and answered: the JSON Lines that SageMaker's data capture writes, as columns.

Source: SageMaker developer guide, "Capture data from real-time endpoint".
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sagewind import csv_text
from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sagewind.objects import Address


class CaptureError(SagewindError):
    """A captured line cannot be read; the message names file and line."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One captured invocation: its rows of features and the predictions for them, as text."""

    where: str
    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]


def prefixes(root: Address, endpoint: str, variant: str, start: datetime, end: datetime) -> Iterator[Address]:
    """Yield the hourly prefixes that hold captures of `start`..`end` (aware, end exclusive)."""
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end.astimezone(UTC):
        yield root / f"{endpoint}/{variant}/{hour:%Y/%m/%d/%H}/"
        hour += timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class Captured:
    """Invocations as columns by name, and why others are none."""

    columns: Mapping[str, Sequence[str]]
    unread: tuple[str, ...] = ()


def read(files: Iterable[tuple[str, str]], features: Sequence[str], prediction: str) -> Captured:
    """Return the events of capture files, given as name and text, with the predictions under `prediction`.

    What is no event, or no rows of these features, is left out and named: an endpoint takes whatever its
    model's `input_fn` understands.
    """
    table: dict[str, list[str]] = {name: [] for name in (*features, prediction)}
    unread: list[str] = []
    for source, text in files:
        for number, line in enumerate(text.split("\n"), start=1):
            if not line.strip():
                continue
            try:
                rows = _whole_rows(_event(line, f"{source} line {number}"), features)
            except CaptureError as error:
                unread.append(str(error))
                continue
            for row in rows:
                for name, cell in zip((*features, prediction), row, strict=True):
                    table[name].append(cell)
    return Captured(columns=table, unread=tuple(unread))


def _whole_rows(event: Event, features: Sequence[str]) -> list[tuple[str, ...]]:
    """Return each row of features with its prediction behind."""
    for row in event.inputs:
        if len(row) != len(features):
            wanted = ", ".join(features)
            raise CaptureError(f"{event.where}: a row has {len(row)} values; expected {wanted}")
    return [(*row, output) for row, output in zip(event.inputs, event.outputs, strict=True)]


def _event(line: str, where: str) -> Event:
    try:
        document = json.loads(line)
        captured = document["captureData"]
        inputs = _rows(captured["endpointInput"], where)
        outputs = _rows(captured["endpointOutput"], where)
    except (ValueError, KeyError, TypeError) as error:
        raise CaptureError(f"{where}: no captured invocation: {error!r}") from error
    # A CSV answer of one line may hold one prediction for each row that was sent.
    flat = outputs[0] if len(outputs) == 1 != len(inputs) else ["".join(row[:1]) for row in outputs]
    if len(flat) != len(inputs):
        raise CaptureError(f"{where}: {len(inputs)} rows were sent, {len(flat)} predictions came back")
    return Event(
        where=where,
        inputs=tuple(tuple(row) for row in inputs),
        outputs=tuple(flat),
    )


def _rows(part: Mapping[str, Any], where: str) -> list[list[str]]:
    """Return the rows of one side, by its encoding."""
    encoding, data = part["encoding"], part["data"]
    if encoding == "BASE64":
        try:
            data = base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise CaptureError(f"{where}: the captured bytes are no text in base64") from error
        encoding = "JSON" if "json" in part.get("observedContentType", "") else "CSV"
    if encoding == "CSV":
        return [row for row in csv_text.reader(io.StringIO(data, newline=""), strict=False) if row]
    if encoding == "JSON":
        return _json_rows(json.loads(data))
    raise CaptureError(f"{where}: encoding is {encoding!r}; expected CSV, JSON or BASE64")


def _json_rows(value: Any) -> list[list[str]]:
    """Return rows of a JSON body: a list, or an object with `instances`, `predictions` or `inputs`.

    Raises:
        ValueError: an object with none of these.

    """
    if isinstance(value, dict):
        known = [key for key in ("instances", "predictions", "inputs") if key in value]
        if not known:
            raise ValueError(f"an object with {', '.join(value)}; known are instances, predictions, inputs")
        value = value[known[0]]
    if not isinstance(value, list):
        value = [value]
    return [[str(cell) for cell in (row if isinstance(row, list) else [row])] for row in value]
