"""Values to and from JSON, driven by botocore's shapes: one small function per shape, made once and kept.

Inside sagelocal a value is what JSON can hold, so that a request can be stored as it came: a timestamp is
seconds since the epoch (float). Only a blob is `bytes`. Decoding checks every constraint of the model on its
way; encoding keeps the members that the shape has and leaves out the rest, which is how a Describe answer is
cut from a body.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import math
import threading
from typing import TYPE_CHECKING, Any

from botocore.model import ListShape, MapShape, StructureShape

from sagelocal.errors import SerializationException
from sagelocal.wire import constraints

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import Shape

    from sagelocal.wire.constraints import Problem

    Decode = Callable[[Any, str, list[Problem]], Any]
    Encode = Callable[[Any], Any]

_INT_BITS = {"integer": 31, "long": 63}
_LATEST = 253402300799.0  # the end of the year 9999: what a client can still read
_MILLISECONDS = 3
_SPECIAL_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Codec:
    """The decoders and encoders of one service's shapes."""

    def __init__(self) -> None:
        self._decoders: dict[str, Decode] = {}
        self._encoders: dict[str, Encode] = {}
        # A function that another thread is still making must not be used: it would look itself up for ever.
        self._making = threading.RLock()

    def decoder(self, shape: Shape) -> Decode:
        """Return the function that turns a JSON value of this shape into ours, adding to a list of problems.

        It raises `SerializationException` for a value of another type.
        """
        with self._making:
            if shape.name not in self._decoders:
                # Shapes may hold themselves: until it is made, a shape's decoder is looked up late.
                self._decoders[shape.name] = self._late(self._decoders, shape.name)
                self._decoders[shape.name] = _checked(shape, self._decode(shape))
            return self._decoders[shape.name]

    def encoder(self, shape: Shape) -> Encode:
        """Return the function that turns our value of this shape into one that `json.dumps` takes."""
        # A member may ask for its own way to write a time.
        key = f"{shape.name} {shape.serialization.get('timestampFormat', '')}"
        with self._making:
            if key not in self._encoders:
                self._encoders[key] = self._late(self._encoders, key)
                self._encoders[key] = self._encode(shape)
            return self._encoders[key]

    @staticmethod
    def _late(table: dict[str, Callable[..., Any]], key: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            return table[key](*args)

        return call

    def _decode(self, shape: Shape) -> Decode:
        match shape:
            case StructureShape():
                return self._decode_structure(shape)
            case ListShape():
                return self._decode_list(shape)
            case MapShape():
                return self._decode_map(shape)
            case _:
                return _SCALARS[shape.type_name]

    def _decode_structure(self, shape: StructureShape) -> Decode:
        members = [
            (name, member.serialization.get("name", name), _camel(name), self.decoder(member))
            for name, member in shape.members.items()
        ]
        required = frozenset(shape.required_members)

        def decode(value: Any, path: str, problems: list[Problem]) -> dict[str, Any]:
            _expect(value, dict, path, "a structure")
            result = {}
            for name, wire_name, label, convert in members:
                inner = value.get(wire_name)
                if inner is not None:
                    result[name] = convert(inner, f"{path}.{label}" if path else label, problems)
                elif name in required:
                    problems.append(constraints.missing(f"{path}.{label}" if path else label))
            return result

        return decode

    def _decode_list(self, shape: ListShape) -> Decode:
        convert = self.decoder(shape.member)

        def decode(value: Any, path: str, problems: list[Problem]) -> list[Any]:
            _expect(value, list, path, "a list")
            return [
                _present(item, f"{path}.{number}.member", convert, problems)
                for number, item in enumerate(value, 1)
            ]

        return decode

    def _decode_map(self, shape: MapShape) -> Decode:
        key_of, value_of = self.decoder(shape.key), self.decoder(shape.value)

        def decode(value: Any, path: str, problems: list[Problem]) -> dict[str, Any]:
            _expect(value, dict, path, "a map")
            return {
                key_of(key, f"{path}.key", problems): _present(
                    item, f"{path}.{key}.value", value_of, problems
                )
                for key, item in value.items()
            }

        return decode

    def _encode(self, shape: Shape) -> Encode:
        match shape:
            case StructureShape():
                return self._encode_structure(shape)
            case ListShape():
                each = self.encoder(shape.member)
                return lambda value: [each(item) for item in value]
            case MapShape():
                each = self.encoder(shape.value)
                return lambda value: {key: each(item) for key, item in value.items()}
            case _ if shape.type_name == "timestamp":
                return TIMES[shape.serialization.get("timestampFormat", "unixTimestamp")]
            case _:
                return _ENCODED.get(shape.type_name, _same)

    def _encode_structure(self, shape: StructureShape) -> Encode:
        members = [
            (
                name,
                member.serialization.get("name", name),
                self.encoder(member),
                member.type_name == "structure" and name not in shape.required_members,
            )
            for name, member in shape.members.items()
        ]

        def encode(value: dict[str, Any]) -> dict[str, Any]:
            result = {}
            for name, wire_name, convert, may_lack in members:
                inner = value.get(name)
                if inner is None:
                    continue
                written = convert(inner)
                # The SDK's response classes refuse an empty structure where AWS leaves the member out.
                if written != {} or not may_lack:
                    result[wire_name] = written
            return result

        return encode


def _checked(shape: Shape, decode: Decode) -> Decode:
    rules = constraints.checks(shape)
    if not rules:
        return decode
    sensitive = bool(shape.metadata.get("sensitive"))

    def check(value: Any, path: str, problems: list[Problem]) -> Any:
        result = decode(value, path, problems)
        for rule in rules:
            broken = rule(result)
            if broken is not None:
                problems.append(constraints.broken(path, result, broken, sensitive=sensitive))
        return result

    return check


def _present(value: Any, path: str, convert: Decode, problems: list[Problem]) -> Any:
    if value is None:
        problems.append(constraints.missing(path))
        return None
    return convert(value, path, problems)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _expect(value: Any, kind: type, path: str, what: str) -> None:
    if not isinstance(value, kind):
        raise _unreadable(value, path, what)


def _unreadable(value: Any, path: str, what: str) -> SerializationException:
    return SerializationException(f"{_token(value)} can not be converted to {what} at '{path or 'the body'}'")


def _token(value: Any) -> str:
    names = {bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", str: "STRING_VALUE"}
    return names.get(type(value)) or ("START_ARRAY" if isinstance(value, list) else "START_OBJECT")


def _decode_string(value: Any, path: str, _problems: list[Problem]) -> str:
    if type(value) is not str:
        raise _unreadable(value, path, "a String")
    return value


def _decode_boolean(value: Any, path: str, _problems: list[Problem]) -> bool:
    if type(value) is not bool:
        raise _unreadable(value, path, "a Boolean")
    return value


def _decode_integer(kind: str) -> Decode:
    bound = 1 << _INT_BITS[kind]
    what = "an Integer" if kind == "integer" else "a Long"

    def decode(value: Any, path: str, _problems: list[Problem]) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if type(value) is not int or not -bound <= value < bound:
            raise _unreadable(value, path, what)
        return value

    return decode


def _decode_float(value: Any, path: str, _problems: list[Problem]) -> float:
    if type(value) is str and value in _SPECIAL_FLOATS:
        return _SPECIAL_FLOATS[value]
    if type(value) not in (int, float):
        raise _unreadable(value, path, "a Double")
    try:
        return float(value)
    except OverflowError:
        raise _unreadable(value, path, "a Double") from None


def _decode_timestamp(value: Any, path: str, _problems: list[Problem]) -> float:
    if type(value) is str:
        value = _parse_time(value)
    if type(value) not in (int, float) or not abs(value) <= _LATEST:
        raise _unreadable(value, path, "a Timestamp")
    return float(value)


def _parse_time(text: str) -> float | str:
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError:
        return text
    return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).timestamp()


def _decode_blob(value: Any, path: str, _problems: list[Problem]) -> bytes:
    if type(value) is bytes:
        return value  # a body that is one member comes as it is
    if type(value) is not str:
        raise _unreadable(value, path, "a Blob")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _unreadable(value, path, "a Blob (base64)") from None


_SCALARS: dict[str, Decode] = {
    "string": _decode_string,
    "character": _decode_string,
    "boolean": _decode_boolean,
    "integer": _decode_integer("integer"),
    "long": _decode_integer("long"),
    "float": _decode_float,
    "double": _decode_float,
    "timestamp": _decode_timestamp,
    "blob": _decode_blob,
}


def _same(value: Any) -> Any:
    return value


def _encode_float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")


def _at(value: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(value, dt.UTC)


TIMES: dict[str, Encode] = {
    "unixTimestamp": lambda value: round(value, _MILLISECONDS),
    "iso8601": lambda value: _at(value).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "rfc822": lambda value: _at(value).strftime("%a, %d %b %Y %H:%M:%S GMT"),
}
"""How a time is written, by the name that the model gives to it."""

_ENCODED: dict[str, Encode] = {
    "blob": lambda value: base64.b64encode(value).decode("ascii"),
    "float": _encode_float,
    "double": _encode_float,
}
