"""The operations of the installed service models, and how a request finds its own.

botocore ships a model for every AWS service: operations, shapes, errors. It is read once, at the start;
nothing is generated and nothing written by hand, so that a newer botocore brings newer operations by itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

import botocore.model

from sagelocal import awsdata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from botocore.model import Shape, StructureShape

BAD_REQUEST = 400


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One operation of one service: its protocol, its address and its shapes."""

    service: str
    name: str
    protocol: str
    """`json` (the operation's name is in a header) or `rest-json` (it is in the method and the path)."""
    method: str
    path: str
    status: int
    """The HTTP status of a good answer."""
    input: StructureShape | None
    output: StructureShape | None
    streams: bool = False
    """Whether the answer is an event stream."""
    errors: Mapping[str, int]
    """The errors that the model declares for it: code → HTTP status."""


@dataclass(frozen=True, kw_only=True)
class Match:
    """The operation that a request asks for, and the values in its path."""

    operation: Operation
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Route:
    method: str
    pattern: re.Pattern[str]
    operation: Operation


class Services:
    """All operations of some services."""

    def __init__(self, operations: Iterable[Operation], prefixes: Mapping[str, str]) -> None:
        self.operations: dict[str, Operation] = {}
        self._targets: dict[str, Match] = {}
        self._routes: list[_Route] = []
        for operation in operations:
            self.operations[operation.name] = operation
            if operation.protocol == "json":
                target = f"{prefixes[operation.service]}.{operation.name}"
                self._targets[target] = Match(operation=operation, labels={})
            else:
                pattern = _path_pattern(operation.path)
                self._routes.append(_Route(method=operation.method, pattern=pattern, operation=operation))

    def by_target(self, target: str) -> Match | None:
        """Return the `json` operation that an `X-Amz-Target` header names."""
        return self._targets.get(target)

    def targets(self) -> Iterable[tuple[str, str]]:
        """Return every `X-Amz-Target`, with the name of its operation."""
        return ((target, match.operation.name) for target, match in self._targets.items())

    def by_path(self, method: str, raw_path: str) -> Match | None:
        """Return the `rest-json` operation at a path (as sent, percent-encoded)."""
        for route in self._routes:
            found = route.pattern.fullmatch(raw_path) if route.method == method else None
            if found is not None:
                labels = {key: unquote(value) for key, value in found.groupdict().items()}
                return Match(operation=route.operation, labels=labels)
        return None


def load(names: Iterable[str]) -> Services:
    """Read the models of services by their botocore names, from the installed botocore."""
    loader = awsdata.loader()
    operations: list[Operation] = []
    prefixes: dict[str, str] = {}
    for name in names:
        model = botocore.model.ServiceModel(loader.load_service_model(name, "service-2"), name)
        prefixes[name] = model.metadata.get("targetPrefix", "")
        operations += [_operation(model, each) for each in model.operation_names]
    return Services(operations, prefixes)


def _operation(model: botocore.model.ServiceModel, name: str) -> Operation:
    found = model.operation_model(name)
    return Operation(
        service=model.service_name,
        name=name,
        protocol=model.metadata["protocol"],
        method=found.http.get("method", "POST"),
        path=found.http.get("requestUri", "/"),
        status=found.http.get("responseCode", 200),
        input=found.input_shape,
        output=found.output_shape,
        streams=found.has_event_stream_output,
        errors={_code(shape): _status(shape) for shape in found.error_shapes},
    )


def _code(shape: Shape) -> str:
    return str(shape.metadata.get("error", {}).get("code", shape.name))


def _status(shape: Shape) -> int:
    return int(shape.metadata.get("error", {}).get("httpStatusCode", BAD_REQUEST))


def _path_pattern(path: str) -> re.Pattern[str]:
    """`/endpoints/{EndpointName}/invocations` → a pattern with a group per label (`{Key+}` spans slashes)."""
    parts = re.split(r"\{(\w+)(\+?)\}", path.partition("?")[0])
    pattern = ""
    for literal, label, greedy in zip(parts[::3], [*parts[1::3], ""], [*parts[2::3], ""], strict=True):
        pattern += re.escape(literal)
        if label:
            pattern += f"(?P<{label}>.+)" if greedy else f"(?P<{label}>[^/]+)"
    return re.compile(pattern)
