"""The JSONPath of SageMaker's DataProcessing: `$`, `.name`, `['a','b']`, `[0,5:]`, `[-1]`, `*`; no more.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform-data-processing.html Unlike JSONPath
proper, the result is one value: several names give an object with these names, several places an array. A
name or a place that is not there is an error, since a filter that silently drops a column would corrupt
every row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"\.(?P<name>\w[\w-]*|\*)|\[(?P<inner>(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\]'\"])*)\]"
)
_QUOTED = re.compile(r"\s*(?:'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\")\s*(?:,|$)")
_PLACE = re.compile(r"(-?\d+)")
_SLICE = re.compile(r"(-?\d+)?:(-?\d+)?")


class PathError(ValueError):
    """The path is not in SageMaker's subset, or leads nowhere in a record."""


@dataclass(frozen=True)
class Step:
    """One step: names of an object, or places and slices of an array, or everything (`*`)."""

    names: tuple[str, ...] = ()
    places: tuple[int | slice, ...] = ()
    everything: bool = False


@dataclass(frozen=True)
class Path:
    """A parsed path; `text` is as it was given."""

    text: str
    steps: tuple[Step, ...]

    @property
    def is_identity(self) -> bool:
        """Whether it selects the whole record."""
        return not self.steps

    def apply(self, value: Any) -> Any:
        """Return what the path selects of a decoded JSON value, or of a list of CSV fields."""
        for step in self.steps:
            value = _take(step, value, self.text)
        return value

    def columns(self, fields: list[bytes]) -> list[bytes]:
        """Return the selected fields of a CSV row."""
        selected = self.apply(fields)
        return selected if isinstance(selected, list) else [selected]


MOST = 1_000_000
"""How many values a step may select of fewer: each `[0:,0:]` doubles them, and memory ends."""


def parse(text: str) -> Path:
    """Parse a path.

    Raises:
        PathError: it does not start with `$`, or has an operator that SageMaker does not know.

    """
    if not text.startswith("$"):
        raise PathError(f"the path {text!r} does not start with $")
    place, steps = 1, []
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise PathError(
                f"the path {text!r} has at {text[place:]!r} an operator that SageMaker does not know; "
                "known are .name, ['name','name'], [0], [0,2], [1:3], [-1] and *"
            )
        steps.append(_step(match, text))
        place = match.end()
    return Path(text, tuple(steps))


def _step(match: re.Match[str], text: str) -> Step:
    name, inner = match["name"], match["inner"]
    if name is not None:
        return Step(everything=True) if name == "*" else Step(names=(name,))
    inner = inner.strip()
    if inner == "*":
        return Step(everything=True)
    if inner.startswith(("'", '"')):
        found = _QUOTED.findall(inner)
        if "".join(m.group() for m in _QUOTED.finditer(inner)) != inner:
            raise PathError(f"the path {text!r} has a bad list of names: [{inner}]")
        return Step(names=tuple(_unescape(single or double) for single, double in found))
    return Step(places=tuple(_place(part.strip(), text) for part in inner.split(",")))


def _unescape(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name)


def _place(part: str, text: str) -> int | slice:
    if _PLACE.fullmatch(part):
        return int(part)
    match = _SLICE.fullmatch(part)
    if match is None:
        raise PathError(f"the path {text!r} has a bad place: {part!r}; a number or start:end is needed")
    start, end = match.groups()
    return slice(int(start) if start else None, int(end) if end else None)


def _take(step: Step, value: Any, text: str) -> Any:
    if step.everything:
        if isinstance(value, dict):
            return list(value.values())
        if isinstance(value, list):
            return value
        raise PathError(f"the path {text!r} finds no object or array for *")
    if step.names:
        return _members(step.names, value, text)
    if not isinstance(value, list):
        raise PathError(f"the path {text!r} needs an array; the record has {type(value).__name__} there")
    return _places(step.places, value, text)


def _places(places: tuple[int | slice, ...], value: list[Any], text: str) -> Any:
    if len(places) == 1 and isinstance(places[0], int):
        return _item(value, places[0], text)
    selected: list[Any] = []
    for place in places:
        selected += _slice(value, place, text) if isinstance(place, slice) else [_item(value, place, text)]
        if len(selected) > max(MOST, len(value)):
            raise PathError(f"the path {text!r} selects more than {MOST:,} values of a record")
    return selected


def _members(names: tuple[str, ...], value: Any, text: str) -> Any:
    if not isinstance(value, dict):
        raise PathError(f"the path {text!r} needs an object; the record has {type(value).__name__} there")
    for name in names:
        if name not in value:
            raise PathError(
                f"the path {text!r} finds no {name!r}; "
                f"the record has {', '.join(map(str, value)) or 'nothing'}"
            )
    return value[names[0]] if len(names) == 1 else {name: value[name] for name in names}


def _item(value: list[Any], place: int, text: str) -> Any:
    if not -len(value) <= place < len(value):
        raise PathError(f"the path {text!r} finds no place {place}; the record has {len(value)}")
    return value[place]


def _slice(value: list[Any], place: slice, text: str) -> list[Any]:
    for end in (place.start, place.stop):
        if end is not None and not -len(value) <= end <= len(value):
            raise PathError(f"the path {text!r} reaches {end}; the record has {len(value)} places")
    return value[place]
