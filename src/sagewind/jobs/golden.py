"""Golden predictions: what the offline model said, held against what an endpoint answers, and how fast."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_TYPE = "text/csv"
_SINGLE = 1e-5
"""How much of an answer may come of reading a request's numbers as float32, as the containers do."""


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A request to an endpoint, and what the offline model answered to it."""

    body: str
    expected: Any
    content_type: str = DEFAULT_TYPE
    accept: str = "application/json"

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Golden:
        """Make one of plain JSON: `Body`, `Expected`, and optionally `ContentType` and `Accept`.

        Raises:
            ValueError: a key is missing.

        """
        for key in ("Body", "Expected"):
            if key not in value:
                raise ValueError(f"a golden prediction has no {key}; it needs Body and Expected")
        return cls(
            body=str(value["Body"]),
            expected=value["Expected"],
            content_type=str(value.get("ContentType", DEFAULT_TYPE)),
            accept=str(value.get("Accept", "application/json")),
        )


def parse(body: bytes, content_type: str) -> Any:
    """Return an endpoint's answer as values: JSON, or rows of CSV with numbers where they are numbers."""
    text = body.decode()
    if "json" in content_type:
        return json.loads(text)
    rows = [[_number(cell) for cell in row] for row in csv.reader(io.StringIO(text)) if row]
    return [row[0] for row in rows] if all(len(row) == 1 for row in rows) else rows


def difference(got: Any, expected: Any, tolerance: float, where: str = "answer") -> str | None:
    """Return where two answers first differ by more than `tolerance`; `None` when they agree.

    What came through CSV has lost its type: the text `1` is the number, `True` the truth value.
    """
    if isinstance(expected, list) and isinstance(got, list):
        if len(got) != len(expected):
            return f"{where} has {len(got)} items; expected are {len(expected)}"
        found = (
            difference(g, e, tolerance, f"{where}[{i}]")
            for i, (g, e) in enumerate(zip(got, expected, strict=True))
        )
        return next((text for text in found if text), None)
    if isinstance(expected, dict) and isinstance(got, dict):
        found = (
            difference(got.get(key), value, tolerance, f"{where}[{key!r}]") for key, value in expected.items()
        )
        return next((text for text in found if text), None)
    if _is_number(got) and _is_number(expected):
        same = _is_close(got, expected, tolerance)
        return None if same else f"{where} is {got}; expected is {expected} within {tolerance}"
    return None if _is_same(got, expected, tolerance) else f"{where} is {got!r}; expected is {expected!r}"


def percentile(seconds: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of the values do not exceed (nearest rank)."""
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell


def _is_same(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(got, str) == isinstance(expected, str):
        return bool(got == expected)
    one, other = _typed(got), _typed(expected)
    return _is_close(one, other, tolerance) if _is_number(one) and _is_number(other) else one == other


def _is_close(got: float, expected: float, tolerance: float) -> bool:
    return math.isclose(got, expected, rel_tol=_SINGLE, abs_tol=tolerance)


def _typed(value: Any) -> Any:
    """Return text as the number that it is, and a truth value, or its name, as the name that JSON has."""
    typed = _number(value) if isinstance(value, str) else value
    name = str(typed).lower()
    return name if name in ("true", "false") else typed


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
