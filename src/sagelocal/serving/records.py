"""Batch transform's records: an object cut into records, records gathered into payloads; streamed.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformInput.html (SplitType) and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html (BatchStrategy,
MaxPayloadInMB). A record keeps its own framing (line end, RecordIO or TFRecord header), so that payloads
joined are the object again.
"""

from __future__ import annotations

import struct
import zlib
from typing import IO, TYPE_CHECKING, NamedTuple

from sagelocal.serving import recordio

if TYPE_CHECKING:
    from collections.abc import Iterator

UNREADABLE = (OSError, EOFError, zlib.error)
"""What reading a broken gzip stream raises: a wrong head or checksum, an early end, a block that is none."""
SPLIT_TYPES = ("None", "Line", "RecordIO", "TFRecord")
_READ_BYTES = 1 << 20
_BLOCK_BYTES = 6 << 20
_TF_HEADER = struct.Struct("<QI")
_TF_FOOTER_BYTES = 4
_RECORD_HEADER = struct.Struct("<II")


class RecordError(ValueError):
    """A record cannot be had, or is too large; the message counts records from 1."""


class Payload(NamedTuple):
    """What goes into one request: `size` whole records, the first being the `first`th of its object.

    `records` is None when nobody needs them one by one.
    """

    first: int
    size: int
    body: bytes
    records: list[bytes] | None


def split(stream: IO[bytes], split_type: str, limit: int | None = None) -> Iterator[bytes]:
    """Yield the records of an object; an empty object has none.

    `limit` is the most bytes that a record may have: what is longer is refused before it is read whole.

    Raises:
        RecordError: a record is longer than `limit`, or the framing is broken.

    """
    if split_type == "Line":
        return _lines(stream, limit)
    if split_type == "RecordIO":
        return _recordio(stream, limit)
    if split_type == "TFRecord":
        return _tfrecords(stream, limit)
    if split_type == "None":
        return _whole(stream, limit)
    raise ValueError(f"SplitType is {split_type!r}; allowed are {', '.join(SPLIT_TYPES)}")


def payloads(records: Iterator[bytes], *, several: bool, limit: int | None) -> Iterator[Payload]:
    """Gather records: as many as fit into `limit` bytes (`MultiRecord`), or one by one (`SingleRecord`)."""
    gathered: list[bytes] = []
    size, first = 0, 1
    for record in records:
        if gathered and (not several or (limit is not None and size + len(record) > limit)):
            yield Payload(first, len(gathered), b"".join(gathered), gathered)
            first += len(gathered)
            gathered, size = [], 0
        gathered.append(record)
        size += len(record)
    if gathered:
        yield Payload(first, len(gathered), b"".join(gathered), gathered)


def blocks(stream: IO[bytes], limit: int | None) -> Iterator[Payload]:
    """Gather lines as `payloads(split(stream, "Line", limit), several=True)` does, without taking them apart.

    A block ends at the last line end within `limit` bytes, so that the payloads are the same but for their
    records.
    """
    size, first = limit or _BLOCK_BYTES, 1
    parts: list[bytes] = []
    while True:
        parts += _up_to(stream, size + 1 - sum(map(len, parts)))
        held = sum(map(len, parts))
        if held <= size:  # all that is left
            if held:
                yield Payload(
                    first, _lines_of(parts) + (not parts[-1].endswith(b"\n")), b"".join(parts), None
                )
            return
        whole, rest = _cut(parts)
        if whole:
            count, parts = _lines_of(whole), rest
            yield Payload(first, count, _joined(whole), None)
            first += count
        elif limit is not None:
            raise _too_large(first, held, limit)
        else:
            size *= 2


def _up_to(stream: IO[bytes], size: int) -> list[bytes]:
    """Read `size` bytes, fewer at the end of the stream; in several parts."""
    parts: list[bytes] = []
    while size > 0 and (chunk := stream.read(min(size, _READ_BYTES))):
        parts.append(chunk)
        size -= len(chunk)
    return parts


def _cut(parts: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Cut after the last line end that is not the last byte of all; nothing before it: there is none."""
    for place in reversed(range(len(parts))):
        part = parts[place]
        end = part.rfind(b"\n", 0, len(part) - (place == len(parts) - 1)) + 1
        if end:
            rest = [part[end:], *parts[place + 1 :]]
            return [*parts[:place], part[:end]], [each for each in rest if each]
    return [], parts


def _joined(parts: list[bytes]) -> bytes:
    """Join parts and let go of them: payloads are most of the memory that a job takes."""
    data = b"".join(parts)
    parts.clear()
    return data


def _lines_of(parts: list[bytes]) -> int:
    return sum(part.count(b"\n") for part in parts)


def _too_large(number: int, size: int, limit: int) -> RecordError:
    return RecordError(
        f"record {number}: Too much data for max payload size ({size} bytes or more; {limit} are allowed)"
    )


def _whole(stream: IO[bytes], limit: int | None) -> Iterator[bytes]:
    data = stream.read() if limit is None else stream.read(limit + 1)
    if limit is not None and len(data) > limit:
        raise _too_large(1, len(data), limit)
    if data:
        yield data


def _lines(stream: IO[bytes], limit: int | None) -> Iterator[bytes]:
    rest, number = b"", 0
    while chunk := stream.read(_READ_BYTES):
        data = rest + chunk
        # splitlines, the fast way, would also cut at a carriage return alone.
        lines = _split_lines(data) if b"\r" in data else data.splitlines(keepends=True)
        rest = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        for line in lines:
            number += 1
            if limit is not None and len(line) > limit:
                raise _too_large(number, len(line), limit)
            yield line
        if limit is not None and len(rest) > limit:
            raise _too_large(number + 1, len(rest), limit)
    if rest:
        yield rest


def _split_lines(data: bytes) -> list[bytes]:
    """Cut at line feeds only: a carriage return alone is part of a line."""
    *lines, rest = data.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


def _recordio(stream: IO[bytes], limit: int | None) -> Iterator[bytes]:
    parts: list[bytes] = []
    number, size = 1, 0
    while head := _exactly(stream, _RECORD_HEADER.size, number, optional=True):
        magic, word = _RECORD_HEADER.unpack(head)
        if magic != recordio.MAGIC:
            raise RecordError(
                f"record {number}: RecordIO: magic number {magic:#010x}; {recordio.MAGIC:#010x} is needed"
            )
        length = word & recordio.MAX_LENGTH
        size += len(head) + (length + 3) // 4 * 4
        if limit is not None and size > limit:
            raise _too_large(number, size, limit)
        parts += [head, _exactly(stream, (length + 3) // 4 * 4, number)]
        flag = word >> 29
        if flag in (recordio.WHOLE, recordio.LAST):
            yield b"".join(parts)
            parts, size = [], 0
            number += 1
    if parts:
        raise RecordError(f"record {number}: RecordIO: the data ends inside a divided record")


def _tfrecords(stream: IO[bytes], limit: int | None) -> Iterator[bytes]:
    number = 1
    while head := _exactly(stream, _TF_HEADER.size, number, optional=True):
        length, _ = _TF_HEADER.unpack(head)
        size = len(head) + length + _TF_FOOTER_BYTES
        if limit is not None and size > limit:
            raise _too_large(number, size, limit)
        yield head + _exactly(stream, length + _TF_FOOTER_BYTES, number)
        number += 1


def _exactly(stream: IO[bytes], size: int, number: int, *, optional: bool = False) -> bytes:
    parts: list[bytes] = []
    left = size
    while left and (chunk := stream.read(left)):
        parts.append(chunk)
        left -= len(chunk)
    if left and not (optional and left == size):
        raise RecordError(f"record {number}: the data ends inside the record")
    return b"".join(parts)
