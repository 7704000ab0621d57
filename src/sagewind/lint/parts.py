"""The text of an expression as far as it is written: literals, with holes where a value goes.

Understood are f-strings, `%`, `.format`, `+` and `json.dumps` of a literal dictionary, and names that are
assigned once; anything else is one hole.
"""

from __future__ import annotations

import ast
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from sagewind.lint.script import Module

_PERCENT = re.compile(r"%(?:\(\w+\))?[-+ #0]*(?:\d+|\*)?(?:\.\d+)?[a-zA-Z]")
_VALUE = 0.9012345678901234
_DEPTH = 3
_OF_NUMBERS = re.compile(r"[bcdoxXeEfFgGn%]$")
"""Format specifications that text does not have."""
_NUMBERS = frozenset({"int", "float", "len", "round", "sum"})
"""Calls that return a number."""


@dataclass(frozen=True, kw_only=True)
class Hole:
    """Where a computed value is printed; `spec` is its format specification (`.4f`)."""

    spec: str = ""
    counts: bool = False
    """What is printed is a number whatever the specification: `len(rows)`, the `i` of a range, `%d`."""

    @property
    def may_be_text(self) -> bool:
        """Whether a word could be printed here, such as the name of a metric."""
        return not self.counts and not _OF_NUMBERS.search(self.spec)

    def render(self, number: int, *, whole: bool) -> str:
        """Return what the `number`-th hole of a line prints for a number; `whole` for an integer."""
        value = number + 3 if whole else _VALUE - number / 10
        try:
            return format(value, self.spec)
        except ValueError:
            return str(value)


Part = str | Hole


def template(node: ast.expr, module: Module, depth: int = 0) -> list[Part]:
    """Return the text of an expression, names followed to where they are assigned."""
    match node:
        case ast.Constant():
            return [str(node.value)]
        case ast.JoinedStr():
            return [part for value in node.values for part in _piece(value, module, depth)]
        case ast.BinOp():
            return _operation(node, module, depth)
        case ast.Call() | ast.Dict():
            return _made(node, module)
        case ast.Name() if depth < _DEPTH:
            return _assigned(node, module, depth)
    return [_hole(node, module)]


def _piece(node: ast.expr, module: Module, depth: int) -> list[Part]:
    if not isinstance(node, ast.FormattedValue):
        return template(node, module, depth)
    spec = node.format_spec
    if spec is None and isinstance(node.value, ast.Name):
        return template(node.value, module, depth)
    pieces = spec.values if isinstance(spec, ast.JoinedStr) else []
    literal = [str(piece.value) for piece in pieces if isinstance(piece, ast.Constant)]
    return [_hole(node.value, module, "".join(literal) if len(literal) == len(pieces) else "")]


def _hole(node: ast.expr, module: Module, spec: str = "") -> Hole:
    return Hole(spec=spec, counts=_is_number(node, module))


def _is_number(node: ast.expr, module: Module) -> bool:
    match node:
        case ast.Call():
            return dotted(node.func) in _NUMBERS
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            return any(
                isinstance(side, ast.Constant) and isinstance(side.value, int | float)
                for side in (node.left, node.right)
            )
        case ast.Name():
            return module.bindings(node.id) == module.counters[node.id] > 0
    return False


def _operation(node: ast.BinOp, module: Module, depth: int) -> list[Part]:
    text = _written(node.left, module) if isinstance(node.op, ast.Mod) else None
    if text is not None:
        return percent(text)
    # Hundreds of texts may be added up, each sum the left side of the next.
    sums: ast.expr = node
    added: list[ast.expr] = []
    while isinstance(sums, ast.BinOp) and isinstance(sums.op, ast.Add) and not _is_number(sums, module):
        added.insert(0, sums.right)
        sums = sums.left
    if not added:
        return [_hole(node, module)]
    return [part for each in (sums, *added) for part in template(each, module, depth)]


def _written(node: ast.expr, module: Module) -> str | None:
    """Return a text that is a literal, or a name for one."""
    value = module.assigned(node.id) if isinstance(node, ast.Name) else node
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


def filled(text: str) -> list[Part]:
    """Return the text of a format, %-style where a conversion is in it, else that of `str.format`."""
    try:
        return percent(text) if _PERCENT.search(text) else _format(text)
    except ValueError:  # a brace alone
        return [text]


def percent(text: str) -> list[Part]:
    """Return the text of a %-style format."""
    parts: list[Part] = []
    end = 0
    for match in _PERCENT.finditer(text):
        parts += [text[end : match.start()], Hole(spec=_spec(match[0]), counts=match[0][-1] not in "sra")]
        end = match.end()
    return [part.replace("%%", "%") if isinstance(part, str) else part for part in [*parts, text[end:]]]


def _spec(conversion: str) -> str:
    precision = re.search(r"\.\d+", conversion)
    kind = conversion[-1]
    return (precision[0] if precision else "") + kind if kind in "feEgG" else ""


def _made(node: ast.Call | ast.Dict, module: Module) -> list[Part]:
    if isinstance(node, ast.Dict):
        return _mapping(node, "'")
    name = dotted(node.func)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = _written(node.func.value, module)
        if text is not None:
            return _format(text)
    if name.endswith("dumps") and node.args and all(each.arg != "separators" for each in node.keywords):
        given = node.args[0]
        value = module.assigned(given.id) if isinstance(given, ast.Name) else given
        if isinstance(value, ast.Dict):
            return _mapping(value, '"')
    return [_hole(node, module)]


def _format(text: str) -> list[Part]:
    parts: list[Part] = []
    for literal, field, spec, _ in string.Formatter().parse(text):
        parts.append(literal)
        if field is not None:
            parts.append(Hole(spec=spec or ""))
    return parts


def _mapping(node: ast.Dict, quote: str) -> list[Part]:
    parts: list[Part] = ["{"]
    for index, key in enumerate(node.keys):
        name: Part = f"{quote}{key.value!s}{quote}" if isinstance(key, ast.Constant) else Hole()
        parts += [", " if index else "", name, ": ", Hole()]
    return [*parts, "}"]


def _assigned(node: ast.Name, module: Module, depth: int) -> list[Part]:
    value = module.assigned(node.id)
    return [_hole(node, module)] if value is None else template(value, module, depth + 1)
