"""The schema of a table as declared in a spec: what each column holds, and the check of one cell.

A column's rules are values; `schema` reads them from the plain mapping of a YAML file and says which key
is wrong.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NULLS = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"})
"""Cells that count as missing; all of them are what pandas reads as missing by default."""


class SchemaError(SagewindError):
    """A schema is wrong in itself; the message names the column and the key."""


class Type(Enum):
    """What a column's cells are."""

    INTEGER = "integer"
    NUMBER = "number"
    STRING = "string"
    BOOLEAN = "boolean"
    TIMESTAMP = "timestamp"


def _integer(text: str) -> float:
    if not re.fullmatch(r"[+-]?\d+(\.0+)?", text):
        raise ValueError(text)
    return float(text)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or "_" in text:
        raise ValueError(text)
    return value


def _boolean(text: str) -> float:
    return float(("false", "true").index(text.lower()) if text not in {"0", "1"} else int(text))


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


_PARSERS: dict[Type, tuple[Callable[[str], float] | None, str]] = {
    Type.INTEGER: (_integer, "a whole number"),
    Type.NUMBER: (_number, "a finite number"),
    Type.STRING: (None, "text"),
    Type.BOOLEAN: (_boolean, "true, false, 0 or 1"),
    Type.TIMESTAMP: (_timestamp, "an ISO 8601 time"),
}


@dataclass(frozen=True, kw_only=True)
class Column:
    """What one column may hold; bounds are inclusive, and compared as numbers."""

    name: str
    type: Type = Type.STRING
    max_null_fraction: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    pattern: str = ""
    unique: bool = False

    def __post_init__(self) -> None:
        """Refuse rules that contradict each other."""
        numeric = self.type in {Type.INTEGER, Type.NUMBER}
        if not numeric and (self.minimum, self.maximum) != (None, None):
            raise SchemaError(f"column {self.name}: minimum and maximum need a number, not {self.type.value}")
        if None not in (self.minimum, self.maximum) and self.minimum > self.maximum:  # type: ignore[operator]
            raise SchemaError(f"column {self.name}: minimum {self.minimum} is above maximum {self.maximum}")
        if not 0 <= self.max_null_fraction <= 1:
            raise SchemaError(
                f"column {self.name}: max_null_fraction {self.max_null_fraction} is not in 0..1"
            )
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SchemaError(f"column {self.name}: pattern {self.pattern!r}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Schema:
    """A table: its columns in any order, what to learn (`target`), and how much there must be."""

    columns: tuple[Column, ...]
    target: str = ""
    min_rows: int = 1
    min_classes: int = 2
    """Least number of different values of the target: one class teaches nothing."""
    allow_extra: bool = True

    def __post_init__(self) -> None:
        """Refuse a schema without columns, or with a target that is none of them."""
        names = [column.name for column in self.columns]
        if not names or len(set(names)) != len(names):
            raise SchemaError(f"schema: expected columns, each once; got {names}")
        if self.target and self.target not in names:
            raise SchemaError(f"schema: target {self.target!r} is none of the columns {', '.join(names)}")


class ColumnCheck:
    """Checks the cells of one column, remembering what a rule over the whole column needs."""

    def __init__(self, column: Column, *, most_distinct: int = 1000) -> None:
        self.column = column
        self.nulls = 0
        self.distinct: set[str] = set()
        self._most_distinct = most_distinct
        self._seen: set[str] = set()
        self._parse, self._expected = _PARSERS[column.type]
        self._pattern = re.compile(column.pattern) if column.pattern else None

    def broken_by(self, cell: str) -> str:
        """Return the rule that a cell breaks, in words; empty when it breaks none."""
        text = cell.strip()
        if text in NULLS:
            self.nulls += 1
            return "" if self.column.max_null_fraction > 0 else "a value"
        if len(self.distinct) < self._most_distinct:
            self.distinct.add(text)
        return self._kind_broken_by(text) or self._rule_broken_by(text)

    def _kind_broken_by(self, text: str) -> str:
        """Check the type and the range."""
        if self._parse is None:
            return ""
        try:
            number = self._parse(text)
        except ValueError:
            return self._expected
        low, high = self.column.minimum, self.column.maximum
        if low is not None and number < low:
            return f"at least {low:g}"
        return f"at most {high:g}" if high is not None and number > high else ""

    def _rule_broken_by(self, text: str) -> str:
        """Check the rules on the text itself."""
        if self.column.one_of and text not in self.column.one_of:
            return f"one of {', '.join(self.column.one_of)}"
        if self._pattern is not None and not self._pattern.fullmatch(text):
            return f"text that matches {self.column.pattern}"
        if not self.column.unique:
            return ""
        if text in self._seen:
            return "a value that occurs once"
        self._seen.add(text)
        return ""


def schema(mapping: Mapping[str, Any]) -> Schema:
    """Read a schema from plain values: `{columns: {name: {type: number, …}}, target: …}`.

    Raises:
        SchemaError: an unknown key, type or value; the message names the column and what is allowed.

    """
    top = {each.name for each in dataclasses.fields(Schema)}
    _refuse_unknown("schema", mapping, top)
    columns = mapping.get("columns")
    if not isinstance(columns, dict):
        raise SchemaError(f"schema: columns is {columns!r}; expected a mapping of name to rules")
    rest = {key: value for key, value in mapping.items() if key != "columns"}
    return Schema(columns=tuple(_column(str(name), rules or {}) for name, rules in columns.items()), **rest)


def _column(name: str, rules: Any) -> Column:
    if not isinstance(rules, dict):
        raise SchemaError(f"column {name}: got {rules!r}; expected a mapping such as {{type: number}}")
    _refuse_unknown(f"column {name}", rules, {each.name for each in dataclasses.fields(Column)} - {"name"})
    given = dict(rules)
    kind = given.pop("type", Type.STRING.value)
    allowed = [each.value for each in Type]
    if kind not in allowed:
        raise SchemaError(f"column {name}: type is {kind!r}; expected one of {', '.join(allowed)}")
    for key in ("minimum", "maximum", "max_null_fraction"):
        value = given.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SchemaError(f"column {name}: {key} is {value!r}; expected a number")
    if "one_of" in given:
        given["one_of"] = tuple(str(each) for each in given["one_of"])
    return Column(name=name, type=Type(kind), **given)


def _refuse_unknown(where: str, mapping: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(str(key) for key in mapping if key not in allowed)
    if unknown:
        raise SchemaError(
            f"{where}: unknown key {', '.join(unknown)}; allowed are {', '.join(sorted(allowed))}"
        )
