"""The constraints of the service model, and AWS's words for a value that breaks one.

AWS checks a request whole and tells of every broken constraint at once, each with the value and its path in
lower camel case: `2 validation errors detected: Value 'x y' at 'trainingJobName' failed to satisfy
constraint: Member must …; Value …`
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.model import StringShape

from sagelocal.wire import patterns

if TYPE_CHECKING:
    from botocore.model import Shape

Check = Callable[[Any], str | None]
"""Given a value, the rule that it breaks, or None."""

_LONGEST_SHOWN = 256
_HIDDEN = "***Sensitive***"


@dataclass(frozen=True, slots=True)
class Problem:
    """A value that breaks a rule."""

    path: str
    value: str
    rule: str

    def __str__(self) -> str:
        return f"Value {self.value} at '{self.path}' failed to satisfy constraint: {self.rule}"


def message(problems: list[Problem]) -> str:
    """Say all problems as AWS does."""
    noun = "error" if len(problems) == 1 else "errors"
    return f"{len(problems)} validation {noun} detected: " + "; ".join(map(str, problems))


def missing(path: str) -> Problem:
    """Return the problem of a required member that is absent."""
    return Problem(path, "null", "Member must not be null")


def broken(path: str, value: Any, rule: str, *, sensitive: bool) -> Problem:
    """Return the problem of a value that breaks `rule`; a sensitive one is not repeated."""
    text = value if isinstance(value, str) else json.dumps(value, default=repr, ensure_ascii=False)
    shown = _HIDDEN if sensitive else text
    if len(shown) > _LONGEST_SHOWN:
        shown = f"{shown[:_LONGEST_SHOWN]}…"
    return Problem(path, f"'{shown}'", rule)


def checks(shape: Shape) -> list[Check]:
    """Return the checks that a shape's traits ask for; most shapes have none or one."""
    found: list[Check] = []
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if shape.type_name in ("string", "blob", "list", "map"):
        found += _bounds(low, high, "length", len)
    elif shape.type_name in ("integer", "long", "float", "double"):
        found += _bounds(low, high, "value", lambda value: value)
    if isinstance(shape, StringShape):
        found += _text(shape, high)
    return found


def _bounds(low: float | None, high: float | None, what: str, measure: Callable[[Any], float]) -> list[Check]:
    found: list[Check] = []
    if low is not None:
        at_least = f"Member must have {what} greater than or equal to {low}"
        found.append(lambda value: at_least if measure(value) < low else None)
    if high is not None:
        at_most = f"Member must have {what} less than or equal to {high}"
        found.append(lambda value: at_most if measure(value) > high else None)
    return found


def _text(shape: StringShape, longest: int | None) -> list[Check]:
    if shape.enum:
        allowed = frozenset(shape.enum)
        rule = f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"
        return [lambda value: None if value in allowed else rule]
    pattern = shape.metadata.get("pattern")
    if pattern is None:
        return []
    wanted = f"Member must satisfy regular expression pattern: {pattern}"

    def check(value: str) -> str | None:
        if longest is not None and len(value) > longest:
            return None  # told already, and a pattern must not be run over a text without bound
        # Compiled at the first use: most patterns of a service model are never asked for.
        compiled = patterns.compiled(pattern)
        return wanted if compiled is not None and compiled.fullmatch(value) is None else None

    return [check]
