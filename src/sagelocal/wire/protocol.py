"""The AWS protocols that SageMaker speaks, `json` 1.1 and `rest-json`: request → parameters, result → answer.

Sources: https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html and
https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from botocore.model import ListShape

from sagelocal.errors import (
    RuntimeValidationError,
    SerializationException,
    ServiceError,
    ValidationException,
)
from sagelocal.wire import constraints, eventstream
from sagelocal.wire.codec import Codec
from sagelocal.wire.message import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from botocore.model import Shape

    from sagelocal.wire.message import Request
    from sagelocal.wire.model import Match, Operation

JSON_1_1 = "application/x-amz-json-1.1"
JSON = "application/json"
DEEPEST = 200
"""How many levels of JSON a request may have: only shapes that hold themselves, as Search's expressions, can
have so many, and each level takes some frames of Python's stack."""
_NUMBERS = ("integer", "long", "float", "double")


class Protocols:
    """Decoding and encoding of every operation. It keeps what it learns of a shape."""

    def __init__(self) -> None:
        self._codecs: dict[str, Codec] = {}

    def decode(self, match: Match, request: Request, body: bytes) -> dict[str, Any]:
        """Return the operation's parameters.

        Raises:
            SerializationException: the body is not JSON, or a value has another type than the model's.
            ValidationException: a value breaks a constraint of the model.

        """
        parameters, problems = self.read(match, request, body)
        if problems:
            raise _invalid(match.operation)(constraints.message(problems))
        return parameters

    def read(
        self, match: Match, request: Request, body: bytes
    ) -> tuple[dict[str, Any], list[constraints.Problem]]:
        """Return the operation's parameters, and every constraint that they break.

        Raises:
            SerializationException: the body is not JSON, or a value has another type than the model's.
            ValidationException: the body is nested too deep.

        """
        shape = match.operation.input
        if shape is None:
            return {}, []
        is_json = match.operation.protocol == "json"
        value = _parse(body) if is_json else _gather(match, request, body)
        problems: list[constraints.Problem] = []
        decoder = self._codec(match.operation).decoder(shape)
        return decoder(value, "", problems), problems

    def encode(self, operation: Operation, result: dict[str, Any] | None, request_id: str) -> Answer:
        """Return the answer that carries `result`: the members of the output shape, and no other."""
        headers = {"x-amzn-RequestId": request_id}
        if operation.protocol == "json":
            headers["Content-Type"] = JSON_1_1
            body = b""
            if operation.output is not None:
                body = _dump(self._codec(operation).encoder(operation.output)(result or {}))
            return Answer(status=operation.status, headers=headers, body=body)
        return self._encode_rest(operation, result or {}, headers)

    def _encode_rest(self, operation: Operation, result: dict[str, Any], headers: dict[str, str]) -> Answer:
        headers["Content-Type"] = eventstream.CONTENT_TYPE if operation.streams else JSON
        shape = operation.output
        if shape is None:
            return Answer(status=operation.status, headers=headers, body=b"")
        codec = self._codec(operation)
        payload = shape.serialization.get("payload")
        status, body_members = operation.status, {}
        for name, member in shape.members.items():
            value = result.get(name)
            if value is None or name == payload:
                continue
            match member.serialization.get("location"):
                case "header":
                    headers[member.serialization["name"]] = _header(member, value)
                case "headers":
                    prefix = member.serialization["name"]
                    headers.update({f"{prefix}{key}": text for key, text in value.items()})
                case "statusCode":
                    status = value
                case _:
                    wire_name = member.serialization.get("name", name)
                    body_members[wire_name] = codec.encoder(member)(value)
        if payload is None:
            return Answer(status=status, headers=headers, body=_dump(body_members))
        body = _payload(codec, shape.members[payload], result.get(payload))
        return Answer(status=status, headers=headers, body=body)

    def _codec(self, operation: Operation) -> Codec:
        codec = self._codecs.get(operation.service)
        return self._codecs.setdefault(operation.service, Codec()) if codec is None else codec


def encode_error(error: ServiceError, request_id: str, protocol: str) -> Answer:
    """Return the answer that carries an error, readable in either protocol."""
    headers = {
        "Content-Type": JSON_1_1 if protocol == "json" else JSON,
        "x-amzn-RequestId": request_id,
        "x-amzn-errortype": error.code,
    }
    # Clients look for either spelling; modelled errors have `Message`, the others `message`.
    body = {"__type": error.code, "message": error.message, "Message": error.message, **error.details}
    return Answer(status=error.status, headers=headers, body=_dump(body))


def _invalid(operation: Operation) -> type[ServiceError]:
    """Return the class of a request that breaks a rule: sagemaker-runtime has a name of its own for it."""
    return RuntimeValidationError if RuntimeValidationError.code in operation.errors else ValidationException


def _gather(match: Match, request: Request, body: bytes) -> dict[str, Any]:
    """Collect a rest-json request's members from path, query, headers and body into one JSON-like value."""
    shape = match.operation.input
    if shape is None:
        return {}
    payload = shape.serialization.get("payload")
    value = {} if payload else _parse(body)
    query = parse_qs(request.query, keep_blank_values=True)
    for name, member in shape.members.items():
        wire_name = member.serialization.get("name", name)
        if name == payload:
            found = _payload_value(member, body)
        else:
            found = _located(member, wire_name, request.headers, query, match.labels)
        if found is not None:
            value[wire_name] = found
        elif "location" in member.serialization:
            value.pop(wire_name, None)
    return value


def _located(
    member: Shape,
    name: str,
    headers: Mapping[str, str],
    query: Mapping[str, list[str]],
    labels: Mapping[str, str],
) -> Any:
    match member.serialization.get("location"):
        case "uri":
            return _typed(member, labels.get(name))
        case "header":
            return _typed(member, headers.get(name.lower()))
        case "headers":
            prefix = name.lower()
            return {key[len(prefix) :]: text for key, text in headers.items() if key.startswith(prefix)}
        case "querystring" if isinstance(member, ListShape):
            return [_typed(member.member, text) for text in query[name]] if name in query else None
        case "querystring":
            return _typed(member, query.get(name, [None])[0])
        case _:
            return None


def _typed(shape: Shape, text: str | None) -> Any:
    """Read a value from a header, query or path as JSON would hold it."""
    if text is None:
        return None
    if shape.type_name == "boolean" and text in ("true", "false"):
        return text == "true"
    if shape.type_name in _NUMBERS or shape.type_name == "timestamp":
        try:
            return _DECODER.decode(text)
        except ValueError:
            return text
    return text


def _payload_value(member: Shape, body: bytes) -> Any:
    if member.type_name == "blob":
        return body
    if member.type_name == "string":
        return body.decode("utf-8", "replace")
    return _parse(body)


def _payload(codec: Codec, member: Shape, value: Any) -> Any:
    """Write a body that is one member: bytes and streams as they are, a text as UTF-8, else JSON."""
    if value is None:
        return b""
    if member.type_name == "blob" or member.serialization.get("eventstream"):
        return value
    if member.type_name == "string":
        return value.encode()
    return _dump(codec.encoder(member)(value))


def _header(member: Shape, value: Any) -> str:
    if member.type_name == "boolean":
        return "true" if value else "false"
    return str(value)


def _parse(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = _DECODER.decode(body.decode())
        if b"\\u" in body:
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except (ValueError, RecursionError) as error:
        raise SerializationException(f"the body is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise SerializationException(f"the body is a JSON {type(value).__name__}; an object is needed")
    if body.count(b"{") + body.count(b"[") > DEEPEST and (levels := _levels(value)) > DEEPEST:
        raise ValidationException(f"the request is nested in {levels} levels; at most {DEEPEST} are allowed")
    return value


def _levels(value: Any) -> int:
    """Return in how many levels a JSON value is nested; one that holds nothing has one."""
    count, level = 0, [value]
    while level:
        count += 1
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
    return count


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def _dump(value: Any) -> bytes:
    return _ENCODER.encode(value).encode()
