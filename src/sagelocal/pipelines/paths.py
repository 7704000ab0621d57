"""Paths into documents, as pipeline definitions write them: `A.B[0].C['x']`. Pure.

A list whose elements have names may also be asked by name: `Outputs['train']` is the output whose
`OutputName` is `train`, as the SDK's properties write it.
"""

from __future__ import annotations

import re
from typing import Any

Path = tuple[str | int, ...]

_PART = re.compile(
    r"""(?:^\$?\.?|\.)(?P<name>[^.\[\]'"$]+)|\[(?P<index>\d+)\]|\[(?P<quote>['"])(?P<key>[^'"]*)(?P=quote)\]"""
)
_NAMES = ("OutputName", "InputName", "ChannelName", "ContainerHostname", "MetricName", "Name", "Key")
"""Members that name an element of a list in SageMaker's answers."""


class PathError(LookupError):
    """A path that cannot be read, or leads nowhere; the message says where it ends."""


def parse(text: str) -> Path:
    """Read a path; a leading `$` is JSONPath's root.

    Raises:
        PathError: it is no path.

    """
    found: list[str | int] = []
    place = 1 if text.startswith("$[") else 0
    while place < len(text):
        part = _PART.match(text, place) if place == 0 or text[place] in ".[" else None
        if part is None:
            raise PathError(f"{text!r} is no path: {text[place:]!r} cannot be read; write a.b[0]['c']")
        place = part.end()
        index = part["index"]
        found.append(int(index) if index is not None else part["name"] or part["key"] or "")
    return tuple(found)


def follow(document: Any, path: Path) -> Any:
    """Return what the path leads to.

    Raises:
        PathError: there is nothing.

    """
    value = document
    for place, part in enumerate(path):
        try:
            value = _enter(value, part)
        except LookupError as error:
            raise PathError(f"{written(path[: place + 1])} is not there") from error
    return value


def written(path: Path) -> str:
    """Write a path."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def _enter(value: Any, part: str | int) -> Any:
    if isinstance(value, dict) and isinstance(part, str):
        return value[part]
    if isinstance(value, dict):
        return value[str(part)]
    if isinstance(value, list) and isinstance(part, int):
        return value[part]
    if isinstance(value, list):
        for each in value:
            if isinstance(each, dict) and part in [each.get(name) for name in _NAMES]:
                return each
    raise KeyError(part)
