"""The messages of an AWS event stream: bytes with headers, framed by lengths and checksums.

Source: https://smithy.io/2.0/aws/amazon-eventstream.html
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_FRAME_BYTES = 16
"""Of a message that are neither headers nor payload: two lengths and two checksums."""


def event(kind: str, payload: bytes) -> bytes:
    """Return the message of an event whose payload is a blob."""
    headers = {
        ":message-type": "event",
        ":event-type": kind,
        ":content-type": "application/octet-stream",
    }
    return encode(headers, payload)


def failure(kind: str, members: Mapping[str, str]) -> bytes:
    """Return the message of a modelled exception, which ends the stream."""
    headers = {
        ":message-type": "exception",
        ":exception-type": kind,
        ":content-type": "application/json",
    }
    return encode(headers, json.dumps(members).encode())


def encode(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return a message with string headers."""
    packed = b"".join(_header(name.encode(), value.encode()) for name, value in headers.items())
    prelude = struct.pack("!II", len(packed) + len(payload) + _FRAME_BYTES, len(packed))
    message = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return message + struct.pack("!I", zlib.crc32(message))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack("!B", len(name)) + name + struct.pack("!BH", _STRING, len(value)) + value
