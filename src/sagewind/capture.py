"""What an endpoint was asked and answered: data capture files, and the truth that arrives later.

Reads the JSON Lines that SageMaker data capture writes and the ground truth in the shape that Model
Monitor's merge job takes, and joins them by event.

Source: SageMaker developer guide, "Capture data from real-time endpoint" and "Ingest ground truth labels
and merge them with predictions".
"""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError
from sagewind.evaluation import Predictions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sagewind.objects import Address


class CaptureError(SagewindError):
    """A captured line cannot be read; the message names file and line."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One captured invocation: its rows of features and the predictions for them, as text."""

    event_id: str
    inference_id: str
    """What the caller named the invocation; empty when it did not."""
    at: datetime
    inputs: tuple[tuple[str, ...], ...]
    outputs: tuple[str, ...]


def prefixes(root: Address, endpoint: str, variant: str, start: datetime, end: datetime) -> Iterator[Address]:
    """Yield the hourly prefixes that hold captures of `start`..`end` (aware, end exclusive)."""
    hour = start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    while hour < end.astimezone(UTC):
        yield root / f"{endpoint}/{variant}/{hour:%Y/%m/%d/%H}/"
        hour += timedelta(hours=1)


def parse(text: str, *, source: str) -> Iterator[Event]:
    """Yield the events of one capture file.

    Raises:
        CaptureError: a line is no capture event, has an encoding that cannot be read, or has not as many
        predictions
            as rows.

    """
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            yield _event(line, f"{source} line {number}")


def _event(line: str, where: str) -> Event:
    try:
        document = json.loads(line)
        meta, captured = document["eventMetadata"], document["captureData"]
        at = datetime.fromisoformat(meta["inferenceTime"])
        inputs = _rows(captured["endpointInput"], where)
        outputs = _rows(captured["endpointOutput"], where)
        event_id = str(meta["eventId"])
    except (ValueError, KeyError, TypeError) as error:
        raise CaptureError(f"{where}: no captured invocation: {error!r}") from error
    # A CSV answer of one line may hold one prediction for each row that was sent.
    flat = outputs[0] if len(outputs) == 1 != len(inputs) else [row[0] for row in outputs]
    if len(flat) != len(inputs):
        raise CaptureError(f"{where}: {len(inputs)} rows were sent, {len(flat)} predictions came back")
    return Event(
        event_id=event_id,
        inference_id=str(meta.get("inferenceId", "")),
        at=at if at.tzinfo else at.replace(tzinfo=UTC),
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
        return [row for row in csv.reader(io.StringIO(data, newline="")) if row]
    if encoding == "JSON":
        return _json_rows(json.loads(data))
    raise CaptureError(f"{where}: encoding is {encoding!r}; expected CSV, JSON or BASE64")


def _json_rows(value: Any) -> list[list[str]]:
    """Return rows of a JSON body: a list, or an object with `instances`, `predictions` or `inputs`."""
    if isinstance(value, dict):
        value = next(value[key] for key in ("instances", "predictions", "inputs") if key in value)
    if not isinstance(value, list):
        value = [value]
    return [[str(cell) for cell in (row if isinstance(row, list) else [row])] for row in value]


def columns(events: Iterable[Event], features: Sequence[str], prediction: str) -> dict[str, list[str]]:
    """Return the events as columns by name, with the predictions under `prediction`.

    Raises:
        CaptureError: a row has not as many values as there are features.

    """
    table: dict[str, list[str]] = {name: [] for name in (*features, prediction)}
    for event in events:
        for row, output in zip(event.inputs, event.outputs, strict=True):
            if len(row) != len(features):
                raise CaptureError(
                    f"event {event.event_id}: a row has {len(row)} values; expected {', '.join(features)}"
                )
            for name, cell in zip((*features, prediction), (*row, output), strict=True):
                table[name].append(cell)
    return table


def parse_truth(text: str, *, source: str) -> dict[str, str]:
    """Return event id → truth of a ground-truth file (JSON Lines of `groundTruthData` and `eventMetadata`).

    Raises:
        CaptureError: a line has not that shape.

    """
    truth: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            event_id, data = document["eventMetadata"]["eventId"], document["groundTruthData"]["data"]
        except (ValueError, KeyError, TypeError) as error:
            raise CaptureError(f"{source} line {number}: no ground truth: {error!r}") from error
        truth[str(event_id)] = str(data).strip()
    return truth


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Predictions whose truth has arrived, and how many still wait for it."""

    predictions: Predictions | None
    """None while no truth has arrived."""
    waiting: int
    unknown: int
    """Truths of events that were not captured."""


def merge(events: Iterable[Event], truth: Mapping[str, str], *, source: str) -> Merged:
    """Join predictions and truth by inference or event id; an event of several rows has `<id>_<row>`."""
    rows: list[tuple[str, str, str]] = []
    used: set[str] = set()
    waiting = 0
    for event in events:
        for place, output in enumerate(event.outputs):
            key = _truth_key(event, place, truth)
            if key:
                used.add(key)
                rows.append((key, truth[key], output.strip()))
            else:
                waiting += 1
    made = None
    if rows:
        ids, labels, outputs = zip(*rows, strict=True)
        made = Predictions(source=source, ids=ids, labels=labels, predictions=outputs)
    return Merged(predictions=made, waiting=waiting, unknown=len(truth.keys() - used))


def _truth_key(event: Event, place: int, truth: Mapping[str, str]) -> str:
    """Return the key under which a row's truth is; empty when it has not arrived."""
    names = [name for name in (event.inference_id, event.event_id) if name]
    keys = names if len(event.outputs) == 1 else [f"{name}_{place}" for name in names]
    return next((key for key in keys if key in truth), "")
