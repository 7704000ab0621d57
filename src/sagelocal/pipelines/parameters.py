"""A pipeline's parameters: what a definition declares, and what an execution is given. Pure.

Source: the SDK's `workflow/parameters.py`, which writes them. StartPipelineExecution gives values as text.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MOST = 200
_MISSING = object()


class ParameterError(ValueError):
    """A parameter that is none, or a value that it cannot have; the message names both."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A declared parameter."""

    name: str
    type: str
    default: Any = _MISSING
    allowed: tuple[Any, ...] = ()

    @property
    def has_default(self) -> bool:
        """Whether an execution may leave it out."""
        return self.default is not _MISSING


def parse(declared: Any) -> dict[str, Parameter]:
    """Read the parameters of a definition, by name.

    Raises:
        ParameterError: one is none.

    """
    if not isinstance(declared, list):
        raise ParameterError(f"Parameters is {declared!r}; a list is needed")
    if len(declared) > MOST:
        raise ParameterError(f"{len(declared)} Parameters are declared; at most {MOST} are allowed")
    found: dict[str, Parameter] = {}
    for each in declared:
        parameter = _parse(each)
        if parameter.name in found:
            raise ParameterError(f"the parameter {parameter.name!r} is declared twice")
        found[parameter.name] = parameter
    return found


def values(declared: Mapping[str, Parameter], given: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """Return the value of every parameter in an execution, in its own type.

    Raises:
        ParameterError: one is given that is not declared, or a value does not fit, or one is missing.

    """
    found: dict[str, Any] = {}
    for each in given:
        name = each["Name"]
        if name not in declared:
            known = ", ".join(sorted(declared)) or "none"
            raise ParameterError(f"the pipeline has no parameter {name!r}; it has {known}")
        if name in found:
            raise ParameterError(f"the parameter {name!r} is given twice")
        found[name] = _allowed(declared[name], _typed(declared[name], each["Value"]))
    missing = [each.name for each in declared.values() if each.name not in found and not each.has_default]
    if missing:
        raise ParameterError(f"the parameter {missing[0]!r} has no default and needs a value")
    return {each.name: found.get(each.name, each.default) for each in declared.values()}


def _parse(declared: Any) -> Parameter:
    name = declared.get("Name") if isinstance(declared, dict) else None
    if not isinstance(name, str) or not name:
        raise ParameterError(f"{declared!r} is no parameter: it needs a Name and a Type")
    kind = declared.get("Type")
    if kind not in list(_FITS):
        raise ParameterError(f"the parameter {name!r} has the Type {kind!r}; allowed are {', '.join(_FITS)}")
    allowed = declared.get("EnumValues") or []
    if not isinstance(allowed, list):
        raise ParameterError(f"the parameter {name!r} has the EnumValues {allowed!r}; a list is needed")
    parameter = Parameter(
        name=name, type=kind, default=declared.get("DefaultValue", _MISSING), allowed=tuple(allowed)
    )
    if parameter.has_default:
        _allowed(parameter, parameter.default)
    return parameter


def _typed(parameter: Parameter, text: str) -> Any:
    if parameter.type == "String":
        return text
    try:
        return json.loads(text.strip().lower() if parameter.type == "Boolean" else text)
    except ValueError:
        return text


def _allowed(parameter: Parameter, value: Any) -> Any:
    if not _FITS[parameter.type](value):
        raise ParameterError(f"the parameter {parameter.name!r} is {value!r}; it is a {parameter.type}")
    if parameter.allowed and value not in parameter.allowed:
        allowed = ", ".join(map(str, parameter.allowed))
        raise ParameterError(f"the parameter {parameter.name!r} is {value!r}; allowed are {allowed}")
    return value


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_FITS: dict[str, Callable[[Any], bool]] = {
    "String": lambda value: isinstance(value, str),
    "Integer": _is_whole,
    "Float": lambda value: _is_whole(value) or (isinstance(value, float) and math.isfinite(value)),
    "Boolean": lambda value: isinstance(value, bool),
}
