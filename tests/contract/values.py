"""Valid values for the shapes of a service model: constraints and patterns are kept.

A text is taken from a list of likely ones when its pattern allows it, else made by hypothesis.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import TYPE_CHECKING, Any

from hypothesis import find, settings
from hypothesis import strategies as st

from sagelocal.wire import patterns

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.model import Shape

ARN = "arn:aws:sagemaker:us-east-1:123456789012"
LIKELY = (
    "thing",
    "s3://bucket/key",
    "arn:aws:iam::123456789012:role/SageMakerRole",
    f"{ARN}:thing/thing",
    "subnet-0123456789abcdef0",
    "sg-0123456789abcdef0",
    "123456789012.dkr.ecr.us-east-1.amazonaws.com/image:1",
    "https://example.com/thing",
    "1",
    "1.0",
    "1.0.0",
    "{}",
    "us-east-1a",
    "d-0123456789ab",
    "2026-11-22T12:30:45Z",
    "P1D",
    "image:1",
    "a@example.com",
    "/thing",
    "$[0]",
    "t" * 40,
)


def value(shape: Shape, *, full: bool, parents: tuple[str, ...] = ()) -> Any:
    """Return a value as a boto3 user gives it; `full` fills optional members, too (recursion is cut)."""
    metadata = shape.metadata
    match shape.type_name:
        case "structure":
            return structure(shape, full=full, parents=(*parents, shape.name))
        case "list":
            # Lists are cut as well: they may hold themselves (`CfnStackDefinition`, `SearchExpressionList`).
            is_cut = shape.name in parents or shape.member.name in parents
            size = max(int(metadata.get("min", 0)), int(full)) if not is_cut else 0
            inner = (*parents, shape.name)
            return [value(shape.member, full=full, parents=inner) for _ in range(size)]
        case "map":
            size = max(int(metadata.get("min", 0)), int(full))
            return {text(shape.key): value(shape.value, full=full, parents=parents) for _ in range(size)}
        case "string":
            return text(shape)
        case "timestamp":
            return 1_800_000_000
        case "blob":
            return b"{}".ljust(int(metadata.get("min", 0)))
        case "boolean":
            return True
        case _:
            return min(max(1, metadata.get("min", 1)), metadata.get("max", 1))


def structure(shape: Shape, *, full: bool, parents: tuple[str, ...]) -> dict[str, Any]:
    """Return a structure: required members, with `full` all; one member when it is a union."""
    is_union = bool(getattr(shape, "is_tagged_union", False))
    names = [
        name
        for name, member in shape.members.items()
        if name in shape.required_members
        or (full and member.name not in parents and not member.serialization.get("eventstream"))
        or is_union
    ]
    return {
        name: value(shape.members[name], full=full, parents=parents)
        for name in (names[:1] if is_union else names)
    }


def text(shape: Shape) -> str:
    """Return a text that the shape allows."""
    allowed = getattr(shape, "enum", None)
    if allowed:
        return str(allowed[0])
    low, high = int(shape.metadata.get("min", 0)), int(shape.metadata.get("max", 10**6))
    return _text(shape.metadata.get("pattern", ""), low, high)


@cache
def _text(pattern: str, low: int, high: int) -> str:
    compiled = patterns.compiled(pattern) if pattern else None
    fits: Callable[[str], bool] = lambda each: low <= len(each) <= high and (  # noqa: E731
        compiled is None or compiled.fullmatch(each) is not None
    )
    for each in LIKELY:
        if fits(each):
            return each
        if fits(each.ljust(low, "x")[:high]):
            return each.ljust(low, "x")[:high]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = st.from_regex(compiled, fullmatch=True)
        return find(made, fits, settings=settings(database=None, derandomize=True, max_examples=2000))


def broken(shape: Shape, good: dict[str, Any]) -> list[dict[str, Any]]:
    """Return requests that break a rule: a required member left out, other types, bounds passed."""
    found = [{key: each for key, each in good.items() if key != name} for name in shape.required_members]
    for name, member in shape.members.items():
        if member.serialization.get("location") or shape.serialization.get("payload"):
            continue
        match member.type_name:
            case "string":
                found += [good | {name: 7}, good | {name: "\x00 " * 50_000}]
            case "structure" | "map":
                found.append(good | {name: "text"})
            case "list":
                found.append(good | {name: {"a": 1}})
            case "integer" | "long":
                found.append(good | {name: 10**30})
            case _:
                found.append(good | {name: ["x"]})
    return found
