"""Hyperparameters as tables: each name with its kind, its range, its default and whether it must be given.

Hyperparameters arrive as strings. The messages are those of AWS's own containers, which come in two dialects:
those of the Amazon toolkit ("No value(s) were specified for …") and of the open-source XGBoost container
(https://github.com/aws/sagemaker-xgboost-container, its `hyperparameter_validation.py`).
Where AWS's words are not public, the message names the parameter, the value got and what is allowed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sagelocal.algorithms.errors import CustomerError

if TYPE_CHECKING:
    from collections.abc import Mapping

AUTO = "auto"
TUNED = "_tuning_objective_metric"
"""The name under which a tuning job tells its training jobs the objective, `validation:auc` for instance."""


class Kind(Protocol):
    """Parses and checks one value."""

    def parse(self, text: str) -> Any:
        """Return the value, or raise ValueError when `text` is none of this kind or out of its range."""

    def __str__(self) -> str:
        """Say what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """An integer or a real number in an interval; bounds are inclusive unless `above` or `below` is set."""

    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    below: bool = False
    integer: bool = False

    def parse(self, text: str) -> float:
        """Return the number; an integer may be written `5.0`, as tuning jobs and the SDK do."""
        value = float(text)
        if math.isnan(value) or (self.integer and not value.is_integer()):
            raise ValueError(text)
        if value < self.low or value > self.high:
            raise OutOfRangeError(value, self)
        if (self.above and value == self.low) or (self.below and value == self.high):
            raise OutOfRangeError(value, self)
        return int(value) if self.integer else value

    def __str__(self) -> str:
        left = "(" if self.above or math.isinf(self.low) else "["
        right = ")" if self.below or math.isinf(self.high) else "]"
        return f"{left}{_bound(self.low)}, {_bound(self.high)}{right}"


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    values: tuple[str, ...]

    def parse(self, text: str) -> str:
        """Return the word."""
        if text not in self.values:
            raise OutOfRangeError(text, self)
        return text

    def __str__(self) -> str:
        return str(list(self.values))


@dataclass(frozen=True)
class Flag:
    """`true` or `false`, in any case (the SDK sends Python's `True`)."""

    def parse(self, text: str) -> bool:
        """Return the truth value."""
        if text.lower() not in ("true", "false"):
            raise OutOfRangeError(text, self)
        return text.lower() == "true"

    def __str__(self) -> str:
        return "['true', 'false']"


@dataclass(frozen=True)
class Words:
    """Some of a set of words, separated by commas or as a JSON list."""

    values: tuple[str, ...]
    prefixes: tuple[str, ...] = ()
    """A word may also be one of these and a number, as `error@0.4` is `error@` and one."""

    def parse(self, text: str) -> tuple[str, ...]:
        """Return the words."""
        words = tuple(part.strip(' "') for part in text.strip("[] ").split(","))
        for word in words:
            if word not in self.values and not any(_continues(word, prefix) for prefix in self.prefixes):
                raise OutOfRangeError(word, self)
        return words

    def __str__(self) -> str:
        return str(list(self.values))


@dataclass(frozen=True)
class Text:
    """Any text, handed on as it is."""

    def parse(self, text: str) -> str:
        """Return the text."""
        return text

    def __str__(self) -> str:
        return "any text"


class OutOfRangeError(ValueError):
    """A value of the right kind that is not allowed."""

    def __init__(self, value: object, allowed: Kind) -> None:
        super().__init__(f"{value} is not in {allowed}")


POSITIVE = Number(low=1, integer=True)
NON_NEGATIVE_INTEGER = Number(low=0, integer=True)
REAL = Number()
NON_NEGATIVE = Number(low=0)
POSITIVE_REAL = Number(low=0, above=True)
FRACTION = Number(low=0, high=1)
FLAG = Flag()


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One hyperparameter. `default` is what the table of the AWS documentation says; None: there is none."""

    name: str
    kind: Kind
    default: Any = None
    required: bool = False
    auto: bool = False
    """Whether `auto` is allowed too; it is then the default unless the table says otherwise."""
    tunable: bool = False


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a family of containers words its complaints."""

    missing: str
    unknown: str
    unparsable: str
    out_of_range: str

    def missing_message(self, names: list[str]) -> str:
        """Return the complaint about required names that were not given."""
        return self.missing.format(", ".join(f"'{name}'" for name in names), first=names[0])

    def unknown_message(self, names: list[str]) -> str:
        """Return the complaint about names that do not exist."""
        verb = "was" if len(names) == 1 else "were"
        return self.unknown.format(", ".join(f"'{name}'" for name in names), first=names[0], verb=verb)


_CAUSE = " (caused by ValidationError)"
_NOT_VALID = "Hyperparameter {name}: '{text}' is not valid; allowed: {allowed}" + _CAUSE

AMAZON = Dialect(
    missing="No value(s) were specified for {} which are required hyperparameter(s)" + _CAUSE,
    unknown="Additional hyperparameters are not allowed ({} {verb} unexpected)" + _CAUSE,
    unparsable=_NOT_VALID,
    out_of_range=_NOT_VALID,
)
XGBOOST = Dialect(
    missing="Missing required hyperparameter: {first}",
    unknown="Extraneous hyperparameter found: {first}",
    unparsable="Hyperparameter {name}: could not parse value",
    out_of_range="Hyperparameter {name}: {reason}",
)


@dataclass(frozen=True, kw_only=True)
class Schema:
    """The hyperparameters of an algorithm."""

    parameters: tuple[Parameter, ...]
    dialect: Dialect = AMAZON
    names: dict[str, Parameter] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", {parameter.name: parameter for parameter in self.parameters})

    def validate(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Return every parameter's value by name: as given, else its default (`auto` stays the word).

        Names that start with an underscore are the platform's own, and left out where the schema lacks them.

        Raises:
            CustomerError: a name is unknown or missing, or a value is not allowed.

        """
        own = {name: text for name, text in given.items() if name in self.names or not name.startswith("_")}
        missing = [p.name for p in self.parameters if p.required and p.name not in own]
        if missing:
            raise CustomerError(self.dialect.missing_message(missing))
        unknown = [name for name in own if name not in self.names]
        if unknown:
            raise CustomerError(self.dialect.unknown_message(unknown))
        return {p.name: self._value(p, own.get(p.name)) for p in self.parameters}

    def _value(self, parameter: Parameter, text: str | None) -> Any:
        if text is None:
            return AUTO if parameter.auto and parameter.default is None else parameter.default
        text = text.strip()
        if parameter.auto and text == AUTO:
            return AUTO
        allowed = f"{AUTO} or {parameter.kind}" if parameter.auto else str(parameter.kind)
        try:
            return parameter.kind.parse(text)
        except OutOfRangeError as error:
            template, reason = self.dialect.out_of_range, str(error)
        except ValueError as error:
            template, reason = self.dialect.unparsable, str(error)
        raise CustomerError(template.format(name=parameter.name, text=text, allowed=allowed, reason=reason))


def _bound(value: float) -> str:
    return f"{'+' if value > 0 else '-'}inf" if math.isinf(value) else f"{value:g}"


def _continues(word: str, prefix: str) -> bool:
    """Tell whether the word is the prefix and a number."""
    try:
        return word.startswith(prefix) and math.isfinite(float(word.removeprefix(prefix)))
    except ValueError:
        return False
