"""The `aialgs.data.Record` message of SageMaker's built-in algorithms, encoded and decoded by hand.

The schema has six messages and is frozen, so a codec of proto2's wire format is less than a dependency on
protobuf in every image environment. Schema: `sagemaker/amazon/record.proto` in the SageMaker Python SDK, see
https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-training.html

    Record       { map<string, Value> features = 1; map<string, Value> label = 2;
                   string uid = 3; string metadata = 4; string configuration = 5; }
    Value        { oneof { Float32Tensor = 2; Float64Tensor = 3; Int32Tensor = 7; Bytes = 9 } }
    *Tensor      { repeated values = 1; repeated uint64 keys = 2; repeated uint64 shape = 3; } (all packed)
    Bytes        { repeated bytes value = 1; string content_type = 2; }
"""

from __future__ import annotations

import array
import struct
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FLOAT32, FLOAT64, INT32 = "float32", "float64", "int32"

_FIELD_OF = {FLOAT32: 2, FLOAT64: 3, INT32: 7}
_TYPE_OF = {number: name for name, number in _FIELD_OF.items()}
_ARRAY_CODE = {FLOAT32: "f", FLOAT64: "d"}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_SIGN_BIT = 1 << 31
_WORD = 1 << 64


class ProtobufError(ValueError):
    """The bytes are no `aialgs.data.Record`."""


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """One tensor: dense when `keys` is empty, else `values[i]` is at `keys[i]` of a vector of `shape`."""

    values: Sequence[float]
    keys: Sequence[int] = ()
    shape: Sequence[int] = ()
    dtype: str = FLOAT32


@dataclass(frozen=True, kw_only=True)
class Record:
    """One example: named feature and label tensors."""

    features: dict[str, Tensor] = field(default_factory=dict)
    label: dict[str, Tensor] = field(default_factory=dict)
    uid: str = ""
    metadata: str = ""
    configuration: str = ""


def encode(record: Record) -> bytes:
    """Return the record in proto2's wire format, fields in order of their numbers."""
    parts = [_message(1, _entry(name, tensor)) for name, tensor in record.features.items()]
    parts += [_message(2, _entry(name, tensor)) for name, tensor in record.label.items()]
    texts = (record.uid, record.metadata, record.configuration)
    parts += [_message(number, text.encode()) for number, text in enumerate(texts, 3) if text]
    return b"".join(parts)


def decode(data: bytes) -> Record:
    """Return the record that `data` holds; unknown fields are skipped, `Bytes` values are left out.

    Raises:
        ProtobufError: the bytes break the wire format.

    """
    tensors: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    texts = ["", "", ""]
    for number, value in _fields(data):
        if not isinstance(value, bytes):
            continue
        if number in (1, 2):
            name, tensor = _decode_entry(value)
            if tensor is not None:
                tensors[number - 1][name] = tensor
        elif number in (3, 4, 5):
            texts[number - 3] = value.decode()
    return Record(
        features=tensors[0], label=tensors[1], uid=texts[0], metadata=texts[1], configuration=texts[2]
    )


def _entry(name: str, tensor: Tensor) -> bytes:
    return _message(1, name.encode()) + _message(2, _message(_FIELD_OF[tensor.dtype], _tensor(tensor)))


def _tensor(tensor: Tensor) -> bytes:
    parts = []
    if len(tensor.values):
        parts.append(_message(1, _pack(tensor.values, tensor.dtype)))
    for number, numbers in ((2, tensor.keys), (3, tensor.shape)):
        if len(numbers):
            parts.append(_message(number, b"".join(_varint(int(n)) for n in numbers)))
    return b"".join(parts)


def _pack(values: Sequence[float], dtype: str) -> bytes:
    if dtype == INT32:
        # proto2 writes a negative int32 as the ten bytes of its 64-bit two's complement.
        return b"".join(_varint(int(value) % _WORD) for value in values)
    packed = array.array(_ARRAY_CODE[dtype], values)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def _message(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | _LENGTH) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004  (seven bits a byte, the eighth says that more follow)
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _decode_entry(data: bytes) -> tuple[str, Tensor | None]:
    name, tensor = "", None
    for number, value in _fields(data):
        if number == 1 and isinstance(value, bytes):
            name = value.decode()
        elif number == 2 and isinstance(value, bytes):  # noqa: PLR2004  (field numbers of the schema above)
            for kind, body in _fields(value):
                if kind in _TYPE_OF and isinstance(body, bytes):
                    tensor = _decode_tensor(body, _TYPE_OF[kind])
    return name, tensor


def _decode_tensor(data: bytes, dtype: str) -> Tensor:
    values: list[float] = []
    integers: tuple[list[int], list[int]] = ([], [])
    for number, value in _fields(data):
        if number == 1:
            values.extend(_unpack(value, dtype))
        elif number in (2, 3):
            integers[number - 2].extend(_varints(value))
    return Tensor(values=values, keys=integers[0], shape=integers[1], dtype=dtype)


def _unpack(value: bytes | int, dtype: str) -> Sequence[float]:
    if dtype == INT32:
        return [_signed(number) for number in _varints(value)]
    raw = value if isinstance(value, bytes) else struct.pack("<I" if dtype == FLOAT32 else "<Q", value)
    unpacked: array.array[float] = array.array(_ARRAY_CODE[dtype])
    if len(raw) % unpacked.itemsize:
        raise ProtobufError(f"a packed {dtype} field of {len(raw)} bytes is no whole number of values")
    unpacked.frombytes(raw)
    if sys.byteorder == "big":
        unpacked.byteswap()
    return unpacked


def _signed(number: int) -> int:
    low = number & 0xFFFFFFFF
    return low - (_SIGN_BIT << 1) if low & _SIGN_BIT else low


def _varints(value: bytes | int) -> Iterator[int]:
    if isinstance(value, int):  # not packed: proto2 readers accept both
        yield value
        return
    offset = 0
    while offset < len(value):
        number, offset = _read_varint(value, offset)
        yield number


def _fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    offset = 0
    while offset < len(data):
        key, offset = _read_varint(data, offset)
        kind = key & 7
        if kind == _VARINT:
            value, offset = _read_varint(data, offset)
            yield key >> 3, value
            continue
        length = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if kind == _LENGTH:
            length, offset = _read_varint(data, offset)
        if length is None:
            raise ProtobufError(f"wire type {kind} at offset {offset}; 0, 1, 2 and 5 are allowed")
        if offset + length > len(data):
            raise ProtobufError(
                f"a field of {length} bytes at offset {offset}, {len(data) - offset} bytes are left"
            )
        body = data[offset : offset + length]
        offset += length
        yield key >> 3, body if kind == _LENGTH else int.from_bytes(body, "little")


def _read_varint(data: bytes, offset: int) -> tuple[int, int]:
    result = 0
    for position in range(10):
        if offset + position >= len(data):
            raise ProtobufError(f"the data ends inside a number at offset {offset}")
        byte = data[offset + position]
        result |= (byte & 0x7F) << 7 * position
        if byte < 0x80:  # noqa: PLR2004  (the last byte of the number)
            return result, offset + position + 1
    raise ProtobufError(f"a number of more than ten bytes at offset {offset}")
