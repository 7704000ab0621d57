"""Data capture: requests and predictions of an endpoint on S3, as JSON Lines.

The data plane notes a record and goes on; a thread of its own encodes what gathered and writes it, every few
seconds and at the end. What cannot be written is tried again; when more gathers than fits, the newest records
are dropped and the log says how many, so that capture never slows or fails a request.
https://docs.aws.amazon.com/sagemaker/latest/dg/model-monitor-data-capture-endpoint.html
"""

from __future__ import annotations

import base64
import json
import logging
import random
import time
import uuid
from collections import defaultdict, deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from sagelocal.serving.ticking import Ticking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

EVERY_SECONDS = 5.0
CLOSE_SECONDS = 20.0
"""The service's end does not wait longer for what is still to be told."""
MOST_BYTES = 64 * 2**20
"""Of records that wait to be written."""
_ALL_PERCENT = 100

_log = logging.getLogger(__name__)


class Record(NamedTuple):
    """One invocation as it came and went; `at` in seconds since the epoch."""

    variant: str
    at: float
    request_type: str
    request: bytes
    reply_type: str
    reply: bytes
    inference_id: str
    custom_attributes: str


class Capture:
    """The records of one endpoint under one DataCaptureConfig. `note` is for the event loop."""

    def __init__(self, endpoint: str, config: Mapping[str, Any], *, most_bytes: int = MOST_BYTES) -> None:
        self.endpoint = endpoint
        self._most_bytes = most_bytes
        self.config = config
        self._part = config["InitialSamplingPercentage"] / _ALL_PERCENT
        self._records: deque[Record] = deque()
        self._size = 0
        self._dropped = 0

    def note(self, variant: str, request: Mapping[str, Any], reply_type: str, reply: bytes) -> None:
        """Keep an invocation, when it is sampled."""
        if self._part < 1.0 and random.random() >= self._part:  # noqa: S311  (a sample, no secret)
            return
        body = request.get("Body", b"")
        if self._size > self._most_bytes:
            self._dropped += 1
            return
        self._size += len(body) + len(reply)
        self._records.append(
            Record(
                variant=variant,
                at=time.time(),
                request_type=request.get("ContentType", ""),
                request=body,
                reply_type=reply_type,
                reply=reply,
                inference_id=request.get("InferenceId", ""),
                custom_attributes=request.get("CustomAttributes", ""),
            )
        )

    def files(self) -> dict[str, bytes]:
        """Return what gathered as objects to write, by URI, and begin anew."""
        if self._dropped:
            _log.warning(
                "endpoint %s: %d captured records were dropped, since S3 is too slow for them",
                self.endpoint,
                self._dropped,
            )
            self._dropped = 0
        records = [self._records.popleft() for _ in range(len(self._records))]
        self._size = 0
        lines: dict[str, list[str]] = defaultdict(list)
        for record in records:
            lines[folder(self.config["DestinationS3Uri"], self.endpoint, record)].append(
                json.dumps(event(record, self.config), separators=(",", ":"), ensure_ascii=False)
            )
        return {_file(place): "".join(f"{line}\n" for line in each).encode() for place, each in lines.items()}


def folder(destination: str, endpoint: str, record: Record) -> str:
    """Return the URI of the folder of a record: one for each variant and hour (UTC)."""
    hour = datetime.fromtimestamp(record.at, UTC).strftime("%Y/%m/%d/%H")
    return f"{destination.rstrip('/')}/{endpoint}/{record.variant}/{hour}"


def event(record: Record, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return one line of the file."""
    modes = {each["CaptureMode"] for each in config["CaptureOptions"]}
    both = "InputAndOutput" in modes
    data = {}
    if both or "Input" in modes:
        data["endpointInput"] = _data("INPUT", record.request_type, record.request, config)
    if both or "Output" in modes:
        data["endpointOutput"] = _data("OUTPUT", record.reply_type, record.reply, config)
    moment = datetime.fromtimestamp(record.at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata: dict[str, Any] = {"eventId": str(uuid.uuid4()), "inferenceTime": moment}
    if record.custom_attributes:
        metadata["customAttributes"] = [record.custom_attributes]
    if record.inference_id:
        metadata["inferenceId"] = record.inference_id
    return {"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}


def _data(mode: str, observed: str, body: bytes, config: Mapping[str, Any]) -> dict[str, Any]:
    encoding = encoding_of(observed, config.get("CaptureContentTypeHeader", {}))
    text = base64.b64encode(body).decode()
    if encoding != "BASE64":
        try:
            text = body.decode()
        except UnicodeDecodeError:
            encoding = "BASE64"
    return {"observedContentType": observed, "mode": mode, "data": text, "encoding": encoding}


def encoding_of(observed: str, headers: Mapping[str, Any]) -> str:
    """Return how a body of that Content-Type is written: base64, unless the configuration names the type."""
    kind = observed.partition(";")[0].strip().lower()
    for member, encoding in (("CsvContentTypes", "CSV"), ("JsonContentTypes", "JSON")):
        if kind in {each.partition(";")[0].strip().lower() for each in headers.get(member, [])}:
            return encoding
    return "BASE64"


def _file(place: str) -> str:
    now = datetime.now(UTC)
    return f"{place}/{now.strftime('%M-%S')}-{now.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"


class Captures(Ticking):
    """The captures of all endpoints, and the thread that writes them."""

    def __init__(self, write: Callable[[str, bytes], None]) -> None:
        super().__init__("data capture", every=EVERY_SECONDS, within=CLOSE_SECONDS)
        self._write = write
        self._captures: dict[str, Capture] = {}
        self._left: deque[tuple[str, bytes]] = deque()

    def of(self, endpoint: str, config: Mapping[str, Any]) -> Capture:
        """Return the capture of an endpoint under a configuration; what another one gathered is written."""
        found = self._captures.get(endpoint)
        if found is not None and found.config == config:
            return found
        self.drop(endpoint)
        made = self._captures[endpoint] = Capture(endpoint, config)
        return made

    def drop(self, endpoint: str) -> None:
        """Forget an endpoint; what it gathered is still written."""
        found = self._captures.pop(endpoint, None)
        if found is not None:
            self._left.extend(found.files().items())

    def tick(self) -> None:
        """Write what gathered; what could not be written is kept for the next time."""
        self._empty()  # while S3 does not take this, more gathers in the captures, up to their bound
        for each in list(self._captures.values()):
            self._left.extend(each.files().items())
        self._empty()

    def _empty(self) -> None:
        for _ in range(len(self._left)):
            uri, data = self._left.popleft()
            try:
                self._write(uri, data)
            except Exception as error:  # noqa: BLE001  (whatever storage raises: one bucket is not the others)
                _log.warning("captured data cannot be written: %s", error)
                if sum(len(each) for _, each in self._left) < MOST_BYTES:
                    self._left.append((uri, data))
