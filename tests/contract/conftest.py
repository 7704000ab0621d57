"""Values for the shapes of a service model: small, valid by construction where the model tells how, and full.

Every optional member is filled once (recursion is cut), so that a round trip covers every shape there is.
"""

from __future__ import annotations

import datetime as dt
import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

    from botocore.model import Shape

MOMENT = dt.datetime(2026, 11, 22, 12, 30, 45, tzinfo=dt.UTC)
_counter = itertools.count(1)


def value(shape: Shape, parents: tuple[str, ...] = ()) -> Any:
    """Return a value as a boto3 user would give it (times are datetimes, blobs are bytes)."""
    match shape.type_name:
        case "structure":
            return structure(shape, (*parents, shape.name))
        case "list":
            return [value(shape.member, parents)] if shape.member.name not in parents else []
        case "map":
            return {text(shape.key): value(shape.value, parents)}
        case kind:
            return SCALARS[kind](shape)


def structure(shape: Shape, parents: tuple[str, ...]) -> dict[str, Any]:
    """Return a structure with all its members, or with one when it is a union."""
    members = [
        (name, member)
        for name, member in shape.members.items()
        if member.name not in parents and not member.serialization.get("eventstream")
    ]
    return {name: value(member, parents) for name, member in members[: 1 if is_union(shape) else None]}


def is_union(shape: Shape) -> bool:
    """Tell whether a structure is a union."""
    return bool(getattr(shape, "is_tagged_union", False))


def text(shape: Shape) -> str:
    """Return a text; one of the allowed ones when they are enumerated."""
    if getattr(shape, "enum", None):
        return str(shape.enum[0])
    return f"t{next(_counter)}".ljust(int(shape.metadata.get("min", 0)), "x")


SCALARS = {
    "string": text,
    "timestamp": lambda _: MOMENT,
    "blob": lambda _: b"\x00\xff bytes",
    "boolean": lambda _: True,
    "integer": lambda shape: max(1, int(shape.metadata.get("min", 1))),
    "long": lambda shape: max(1, int(shape.metadata.get("min", 1))),
    "float": lambda shape: 0.25 + float(shape.metadata.get("min", 0)),
    "double": lambda shape: 0.25 + float(shape.metadata.get("min", 0)),
}


def ours(value: Any) -> Any:
    """Turn a boto3 user's value into sagelocal's: times are seconds since the epoch."""
    match value:
        case dt.datetime():
            return value.timestamp()
        case dict():
            return {key: ours(each) for key, each in value.items()}
        case list():
            return [ours(each) for each in value]
        case _:
            return value


def without_empty(value: Any) -> Any:
    """Drop empty structures, which an answer leaves out."""
    if not isinstance(value, dict):
        return [without_empty(each) for each in value] if isinstance(value, list) else value
    pruned = {key: without_empty(each) for key, each in value.items()}
    return {key: each for key, each in pruned.items() if each != {}}


@pytest.fixture(scope="session")
def generated() -> ModuleType:
    """Give the tests this module's functions."""
    return sys.modules[__name__]
