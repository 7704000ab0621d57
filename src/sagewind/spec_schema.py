"""The spec's JSON schema (draft 2020-12), made from the same dataclasses that check it: for editors.

`docs/reference/model-spec.schema.json` is its output; `python -m sagewind.spec_schema` prints it.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from sagewind import spec

_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
_NOT_IN_YAML = {"path"}


def schema() -> dict[str, Any]:
    """Return the schema of a whole spec."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A model's spec"}
    return {**head, **_object(spec.Model, named=False)}


def text() -> str:
    """Return the schema as the file has it."""
    return json.dumps(schema(), indent=2) + "\n"


def _object(kind: Any, *, named: bool) -> dict[str, Any]:
    """Return the schema of a dataclass; a `named` one takes its name from the key that it stands under."""
    hints = get_type_hints(kind)
    left_out = _NOT_IN_YAML | ({"name"} if named else set())
    fields = [each for each in dataclasses.fields(kind) if each.name not in left_out]
    made: dict[str, Any] = {
        "type": "object",
        "description": " ".join((kind.__doc__ or "").split()),
        "properties": {each.name: _property(each, hints[each.name]) for each in fields},
        "additionalProperties": False,
    }
    required = [
        each.name
        for each in fields
        if each.default is dataclasses.MISSING and each.default_factory is dataclasses.MISSING
    ]
    return made | ({"required": required} if required else {})


def _property(field: dataclasses.Field[Any], hint: Any) -> dict[str, Any]:
    made = _of(hint)
    limits = field.metadata.get("rule")
    if limits is not None:
        made |= _limits(limits)
    if isinstance(field.default, str | int | float):
        made["default"] = field.default
    return made


def _limits(limits: Any) -> dict[str, Any]:
    found = {
        "pattern": None if limits.pattern is None else f"^({limits.pattern})$",
        "enum": list(limits.one_of) or None,
        "minimum": limits.minimum,
        "maximum": limits.maximum,
        "maxLength": limits.longest,
        "description": limits.says or None,
    }
    return {key: value for key, value in found.items() if value is not None}


def _of(hint: Any) -> dict[str, Any]:
    """Return the schema of a type."""
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return _object(hint, named=False)
    if origin is Mapping:
        inner = get_args(hint)[1]
        values = _object(inner, named=True) if dataclasses.is_dataclass(inner) else _of(inner)
        return {"type": "object", "additionalProperties": values}
    if origin is tuple:
        return {"type": "array", "items": _of(get_args(hint)[0])}
    if origin in (Union, types.UnionType):
        return _union(get_args(hint))
    return {"type": _TYPES[hint]}


def _union(kinds: tuple[Any, ...]) -> dict[str, Any]:
    """Return one type's schema, or a list of plain types; an absent section is an absent key, never null."""
    values = [each for each in kinds if dataclasses.is_dataclass(each)]
    if values:
        return _of(values[0])
    names = [_TYPES[each] for each in kinds if each is not type(None)]
    return {"type": names[0] if len(names) == 1 else names}


if __name__ == "__main__":
    sys.stdout.write(text())
