"""The ranges that a tuning job searches, on the scale that each asks for. Pure.

https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-define-ranges.html
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

INTEGER, CONTINUOUS, CATEGORICAL = "Integer", "Continuous", "Categorical"
AUTO, LINEAR, LOGARITHMIC, REVERSE = "Auto", "Linear", "Logarithmic", "ReverseLogarithmic"

_AUTO_DECADES = 2
"""Auto takes the logarithmic scale from this many powers of ten on, as AWS advises users to."""
_KINDS = (INTEGER, CONTINUOUS, CATEGORICAL)


class RangeError(ValueError):
    """A range cannot be searched; the message says which and why, in SageMaker's manner."""


@dataclass(frozen=True, kw_only=True)
class Range:
    """One hyperparameter's range: bounds for numbers, values for a category."""

    name: str
    kind: str
    low: float = 0.0
    high: float = 0.0
    scaling: str = LINEAR
    """Never `Auto`: that is resolved when the range is read."""
    values: tuple[str, ...] = ()

    def at(self, position: float) -> str:
        """Return the value at a position from 0 to 1 on the range's own scale, as a hyperparameter's text."""
        if self.kind == CATEGORICAL:
            return self.values[min(int(position * len(self.values)), len(self.values) - 1)]
        if self.kind == INTEGER and self.scaling == LINEAR:
            span = int(self.high) - int(self.low) + 1
            return str(int(self.low) + min(int(position * span), span - 1))
        value = min(max(_between(self, position), self.low), self.high)
        return self.text(value)

    def text(self, value: float) -> str:
        """Return a number of this range as a hyperparameter's text."""
        return str(round(value)) if self.kind == INTEGER else repr(float(value))

    def holds(self, text: str | None) -> bool:
        """Tell whether a hyperparameter's text is in the range."""
        if text is None:
            return False
        if self.kind == CATEGORICAL:
            return text in self.values
        try:
            return self.low <= float(text) <= self.high
        except ValueError:
            return False


def _between(range_: Range, position: float) -> float:
    low, high = range_.low, range_.high
    if range_.scaling == LOGARITHMIC:
        return math.exp(math.log(low) + position * (math.log(high) - math.log(low)))
    if range_.scaling == REVERSE:
        near, far = math.log1p(-high), math.log1p(-low)
        return -math.expm1(far + position * (near - far))
    return low + position * (high - low)


def parse(ranges: Mapping[str, Any]) -> tuple[Range, ...]:
    """Return the ranges of a `ParameterRanges` structure, by kind and in their order.

    Raises:
        RangeError: bounds are no numbers, or crossed, or do not fit the scaling; a name is there twice.

    """
    found = [_parse(kind, entry) for kind in _KINDS for entry in ranges.get(f"{kind}ParameterRanges", [])]
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RangeError(f"The hyperparameter {twice[0]!r} has several ranges; one is allowed")
    return tuple(found)


def _parse(kind: str, entry: Mapping[str, Any]) -> Range:
    if kind == CATEGORICAL:
        return Range(name=entry["Name"], kind=kind, values=tuple(entry["Values"]))
    name = entry["Name"]
    number = int if kind == INTEGER else float
    try:
        low, high = number(entry["MinValue"]), number(entry["MaxValue"])
    except ValueError as error:
        raise _no_numbers(kind, entry) from error
    if not (math.isfinite(low) and math.isfinite(high)):
        raise _no_numbers(kind, entry)
    if low >= high:
        raise RangeError(f"The range of {name!r} is {low} to {high}; MinValue must be less than MaxValue")
    scaling = _scaling(entry.get("ScalingType", AUTO), low, high)
    _check_scaling(name, kind, scaling, low, high)
    return Range(name=name, kind=kind, low=low, high=high, scaling=scaling)


def _no_numbers(kind: str, entry: Mapping[str, Any]) -> RangeError:
    return RangeError(
        f"The {kind.lower()} range of {entry['Name']!r} is {entry['MinValue']!r} to {entry['MaxValue']!r}; "
        f"{'whole numbers' if kind == INTEGER else 'finite numbers'} are needed"
    )


def _scaling(given: str, low: float, high: float) -> str:
    if given != AUTO:
        return given
    return LOGARITHMIC if low > 0 and high / low >= 10**_AUTO_DECADES else LINEAR


def _check_scaling(name: str, kind: str, scaling: str, low: float, high: float) -> None:
    if scaling == LOGARITHMIC and low <= 0:
        raise RangeError(f"The range of {name!r} begins at {low}; Logarithmic scaling needs values above 0")
    if scaling == REVERSE and (kind == INTEGER or low < 0 or high >= 1):
        raise RangeError(
            f"The {kind.lower()} range of {name!r} is {low} to {high}; "
            "ReverseLogarithmic scaling needs a continuous range within 0 <= x < 1"
        )
