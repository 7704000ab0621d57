"""What a spec's value allows beyond its type, and the error that names key, value and what is allowed."""

from __future__ import annotations

import dataclasses
import functools
import re
from dataclasses import dataclass, field
from typing import Any

from sagewind.errors import SagewindError


class SpecError(SagewindError, ValueError):
    """A value of the spec is not allowed; `key` says where in the spec it stands (`training.volume_gb`)."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{key} is {value!r}; allowed is {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed


@dataclass(frozen=True)
class Rule:
    """What a field allows beyond its type."""

    pattern: str | None = None
    one_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    longest: int | None = None
    says: str = ""
    """The rule in words, for the error."""

    def __post_init__(self) -> None:
        # Once, and for all forks of this process: to compile costs many times what a match does.
        if self.pattern is not None:
            re.compile(self.pattern)

    def broken_by(self, value: object) -> str | None:
        """Return what would be allowed when `value` breaks the rule, else None."""
        if isinstance(value, str):
            return self._text_broken_by(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            return f"a number {self._range()}" if below or above else None
        return None

    def _text_broken_by(self, value: str) -> str | None:
        if self.one_of and value not in self.one_of:
            return "one of " + ", ".join(self.one_of)
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return self.says or f"text of the form {self.pattern}"
        if self.longest is not None and len(value) > self.longest:
            return f"at most {self.longest} characters"
        return None

    def _range(self) -> str:
        low = "" if self.minimum is None else f"from {plain(self.minimum)}"
        high = "" if self.maximum is None else f"{'to' if low else 'up to'} {plain(self.maximum)}"
        return " ".join(filter(None, (low, high)))


def plain(number: float) -> str:
    """Return a number as a person writes it: 2419200, not 2.4192e+06."""
    return str(int(number)) if float(number).is_integer() else f"{number:g}"


def rule(default: Any = dataclasses.MISSING, **limits: Any) -> Any:
    """Declare a dataclass field with a `Rule`; without a default the key is required."""
    return field(default=default, metadata={"rule": Rule(**limits)})


def once(kind: Any) -> Any:
    """Return what makes a section with its defaults, made and checked once for all specs."""
    return functools.cache(kind)


def check(value: Any) -> None:
    """Hold every field of a spec value to its rule.

    Raises:
        SpecError: a field breaks its rule.

    """
    for name, limits in _limits(value.__class__):
        allowed = limits.broken_by(getattr(value, name))
        if allowed:
            raise SpecError(name, getattr(value, name), allowed)


@functools.cache
def _limits(kind: Any) -> list[tuple[str, Rule]]:
    return [
        (each.name, each.metadata["rule"]) for each in dataclasses.fields(kind) if "rule" in each.metadata
    ]


class Checked:
    """Base of the spec's values: checks the fields when made."""

    def __post_init__(self) -> None:
        check(self)
