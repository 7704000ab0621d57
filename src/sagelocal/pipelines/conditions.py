"""The conditions of a Condition step: comparisons, `In`, `Not`, `Or`; a list of them holds when all do. Pure.

Source: the SDK's `workflow/conditions.py`, which writes them.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
TYPES = (*_COMPARISONS, "In", "Not", "Or")


class ConditionError(ValueError):
    """A condition that is none, or that cannot be decided; the message says which and why."""


def check(condition: Any) -> None:
    """Check that a condition is one.

    Raises:
        ConditionError: it is not.

    """
    if not isinstance(condition, dict) or condition.get("Type") not in TYPES:
        kind = condition.get("Type") if isinstance(condition, dict) else condition
        raise ConditionError(f"{kind!r} is no type of condition; allowed are {', '.join(TYPES)}")
    kind = condition["Type"]
    for member in _members(condition):
        if member not in condition:
            raise ConditionError(f"a condition {kind} needs {member}")
    if kind == "Not":
        check(_negated(condition))
    elif kind == "In":
        _check_list(condition, "Values")
    elif kind == "Or":
        for each in _check_list(condition, "Conditions"):
            check(each)


def holds(condition: Mapping[str, Any]) -> bool:
    """Tell whether a condition holds; its expressions are evaluated already.

    Raises:
        ConditionError: it compares what cannot be compared.

    """
    kind = condition["Type"]
    if kind == "Not":
        return not holds(_negated(condition))
    if kind == "Or":
        return any(holds(each) for each in condition["Conditions"])
    if kind == "In":
        return any(_is_equal(condition["QueryValue"], each) for each in condition["Values"])
    return _compare(kind, condition["LeftValue"], condition["RightValue"])


def _members(condition: Mapping[str, Any]) -> tuple[str, ...]:
    match condition["Type"]:
        case "In":
            return ("QueryValue", "Values")
        case "Or":
            return ("Conditions",)
        case "Not":
            return () if "Expression" in condition else ("Condition",)
        case _:
            return ("LeftValue", "RightValue")


def _negated(condition: Mapping[str, Any]) -> Any:
    return condition["Condition"] if "Condition" in condition else condition["Expression"]


def _check_list(condition: Mapping[str, Any], member: str) -> list[Any]:
    given = condition[member]
    if not isinstance(given, list):
        raise ConditionError(f"{member} of a condition {condition['Type']} is {given!r}; a list is needed")
    return given


def _compare(kind: str, left: Any, right: Any) -> bool:
    if kind == "Equals":
        return _is_equal(left, right)
    both_numbers = _is_number(left) and _is_number(right)
    if not both_numbers and not (isinstance(left, str) and isinstance(right, str)):
        raise ConditionError(f"{left!r} and {right!r} cannot be compared by {kind}: two numbers are needed")
    return _COMPARISONS[kind](left, right)


def _is_equal(left: Any, right: Any) -> bool:
    # To Python True is 1; to JSON it is not.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
