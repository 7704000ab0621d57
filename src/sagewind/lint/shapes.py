"""Requests against botocore's shapes, with the limits that botocore itself leaves to the service.

botocore's validator checks members and types; it lets through what is too long, breaks a pattern or is not in
an enumeration.
"""

from __future__ import annotations

import difflib
import functools
import re
from typing import TYPE_CHECKING, Any

from sagewind.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.subject import Request, Subject


_INSTANCE_TYPE = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9]+")
"""AWS has newer ones than the installed model knows."""


def check(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each member of a request that SageMaker would refuse."""
    for request in subject.requests:
        for problem in problems(request):
            yield Finding(
                rule="request-shape",
                place=request.place,
                what=f"{request.operation}: {problem}",
                mend="see the operation's request syntax in the SageMaker API reference",
            )


def problems(request: Request) -> list[str]:
    """Return what is wrong with a request, one sentence each."""
    from botocore.validate import ParamValidator  # noqa: PLC0415  (0.2 s, only where a request is checked)

    model = _model()
    if request.operation not in model.operation_names:
        return [f"no such operation in the installed model ({model.service_name})"]
    shape = input_of(request.operation)
    report = ParamValidator().validate(dict(request.parameters), shape)
    found = report.generate_report().splitlines() if report.has_errors() else []
    return [*found, *limits(request.parameters, shape, "")]


def input_of(operation: str) -> Any:
    """Return botocore's shape of what an operation takes."""
    return _model().operation_model(operation).input_shape


@functools.cache
def _model() -> Any:
    from botocore.loaders import Loader  # noqa: PLC0415
    from botocore.model import ServiceModel  # noqa: PLC0415

    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def limits(value: Any, shape: Any, path: str) -> Iterator[str]:
    """Yield what is too long, breaks a pattern or is not in an enumeration; `path` is where `value` is."""
    match shape.type_name, value:
        case "structure", dict():
            for name in value.keys() & shape.members.keys():
                yield from limits(value[name], shape.members[name], f"{path}.{name}")
        case "list", list() | tuple():
            yield from _size(len(value), shape, path, "items")
            for index, member in enumerate(value):
                yield from limits(member, shape.member, f"{path}[{index}]")
        case "map", dict():
            for key, member in value.items():
                yield from limits(member, shape.value, f"{path}[{key!r}]")
        case "string", str() if "{{" not in value:
            yield from _text(value, shape, path)


def _size(size: int, shape: Any, path: str, unit: str) -> Iterator[str]:
    most = shape.metadata.get("max")
    if most is not None and size > most:
        yield f"{path.lstrip('.')} has {size} {unit}; at most {most} are allowed"


def _text(value: str, shape: Any, path: str) -> Iterator[str]:
    yield from _size(len(value), shape, path, "characters")
    allowed = shape.metadata.get("enum")
    if allowed and value not in allowed and not _INSTANCE_TYPE.fullmatch(value):
        yield f"{path.lstrip('.')} is {value!r}; allowed are {_few(allowed)}{_near(value, allowed)}"
    pattern = shape.metadata.get("pattern")
    if pattern and not allowed and not _matches(pattern, value):
        yield f"{path.lstrip('.')} is {value!r}; it must match {pattern}"


def _near(value: str, allowed: list[str]) -> str:
    within = [each for each in allowed if value and value.lower() in each.lower()]
    near = within or difflib.get_close_matches(value, allowed, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _few(allowed: list[str]) -> str:
    shown = ", ".join(allowed[:8])
    return shown if len(allowed) <= 8 else f"{shown} and {len(allowed) - 8} more"  # noqa: PLR2004


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.fullmatch(pattern, value) is not None
    except re.error:  # Java's dialect, such as \p{L}
        return True
