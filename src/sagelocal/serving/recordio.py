"""RecordIO framing: how SageMaker's built-in algorithms and `SplitType: RecordIO` store records in a file.

A frame is the magic number, a word of flag and length, the payload, and zero padding to a multiple of 4.
The upper three bits of the word say whether the payload is a whole record (0) or its first, middle or last
part (1, 2, 3); where a writer split a record, the four bytes of the magic number stood between the parts.

Source: MXNet's `dmlc/recordio.h`, which SageMaker uses
(https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = 0xCED7230A
MAGIC_BYTES = struct.pack("<I", MAGIC)

WHOLE, FIRST, MIDDLE, LAST = range(4)
MAX_LENGTH = (1 << 29) - 1

_HEADER = struct.Struct("<II")
_FLAG_SHIFT = 29


class RecordIOError(ValueError):
    """The bytes are no RecordIO; the message says at which offset and why."""


def frames(data: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield `(flag, payload, frame)` for each frame; `frame` has header and padding too.

    Raises:
        RecordIOError: the magic number is missing, the flag is unknown, or the data ends inside a frame.

    """
    offset = 0
    while offset < len(data):
        if len(data) - offset < _HEADER.size:
            raise RecordIOError(f"RecordIO: the data ends inside the header at offset {offset}")
        magic, word = _HEADER.unpack_from(data, offset)
        if magic != MAGIC:
            raise RecordIOError(
                f"RecordIO: magic number {magic:#010x} at offset {offset}; {MAGIC:#010x} is expected"
            )
        flag, length = word >> _FLAG_SHIFT, word & MAX_LENGTH
        if flag > LAST:
            raise RecordIOError(f"RecordIO: flag {flag} at offset {offset}; 0, 1, 2 and 3 are allowed")
        start = offset + _HEADER.size
        if start + length > len(data):
            raise RecordIOError(
                f"RecordIO: the record at offset {offset} has {length} bytes; {len(data) - start} are left"
            )
        end = start + _padded(length)
        yield flag, data[start : start + length], data[offset:end]
        offset = end


def split(data: bytes) -> Iterator[bytes]:
    """Yield each record with its framing; the pieces joined are `data` again."""
    parts: list[bytes] = []
    for flag, _payload, frame in frames(data):
        _check_order(flag, within=bool(parts))
        parts.append(frame)
        if flag in (WHOLE, LAST):
            yield b"".join(parts)
            parts = []
    _check_end(within=bool(parts))


def read(data: bytes) -> Iterator[bytes]:
    """Yield each record's payload, its parts joined."""
    parts: list[bytes] = []
    for flag, payload, _frame in frames(data):
        _check_order(flag, within=bool(parts))
        parts.append(payload)
        if flag in (WHOLE, LAST):
            yield MAGIC_BYTES.join(parts)
            parts = []
    _check_end(within=bool(parts))


def write(payload: bytes, *, max_part: int = MAX_LENGTH) -> bytes:
    """Return the record as one frame, or as several when it is longer than `max_part` bytes.

    A record can be split only where it holds the magic number: a reader puts it back between the parts.

    Raises:
        RecordIOError: the record is too long, and holds no magic number at which to split it.

    """
    if len(payload) <= max_part:
        return _frame(WHOLE, payload)
    parts = payload.split(MAGIC_BYTES)
    if len(parts) == 1 or max(map(len, parts)) > max_part:
        raise RecordIOError(f"RecordIO: a record of {len(payload)} bytes; at most {max_part} fit in a frame")
    flags = [FIRST, *[MIDDLE] * (len(parts) - 2), LAST]
    return b"".join(_frame(flag, part) for flag, part in zip(flags, parts, strict=True))


def _frame(flag: int, payload: bytes) -> bytes:
    header = _HEADER.pack(MAGIC, flag << _FLAG_SHIFT | len(payload))
    return header + payload + bytes(_padded(len(payload)) - len(payload))


def _padded(length: int) -> int:
    return (length + 3) // 4 * 4


def _check_order(flag: int, *, within: bool) -> None:
    if within != (flag in (MIDDLE, LAST)):
        state = "inside" if within else "outside"
        raise RecordIOError(f"RecordIO: a part with flag {flag} {state} a divided record")


def _check_end(*, within: bool) -> None:
    if within:
        raise RecordIOError("RecordIO: the data ends inside a divided record")
