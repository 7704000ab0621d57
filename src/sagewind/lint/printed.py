"""The lines that a script can print, as templates: literal text with holes where a value goes.

Read from `print`, `logging` and `sys.stdout.write` calls; f-strings, `%`, `.format`, `+`, `str()` and
`json.dumps` of a literal dictionary are understood, anything else is one hole.
"""

from __future__ import annotations

import ast
import re
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.finding import Place
    from sagewind.lint.script import Module, Script

_LOG_METHODS = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
_PERCENT = re.compile(r"%(?:\(\w+\))?[-+ #0]*(?:\d+|\*)?(?:\.\d+)?[a-zA-Z]")
_VALUE = 0.9012345678901234
_DEPTH = 3


@dataclass(frozen=True, kw_only=True)
class Hole:
    """Where a computed value is printed; `spec` is its format specification (`.4f`)."""

    spec: str = ""

    def render(self, number: int, *, whole: bool) -> str:
        """Return what the `number`-th hole of a line prints for a number; `whole` for an integer."""
        value = number + 3 if whole else _VALUE - number / 10
        try:
            return format(value, self.spec)
        except ValueError:
            return str(value)


Part = str | Hole


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of output."""

    parts: tuple[Part, ...]
    place: Place

    @property
    def opaque(self) -> bool:
        """Whether nothing is known of the text."""
        return not any(isinstance(part, str) and re.search(r"\w", part) for part in self.parts)

    def sample(self, *, whole: bool = False) -> tuple[str, tuple[str, ...]]:
        """Return a line as it could be printed, and the values in its holes."""
        values: list[str] = []
        text = ""
        for part in self.parts:
            if isinstance(part, Hole):
                values.append(part.render(len(values), whole=whole).strip())
                text += part.render(len(values) - 1, whole=whole)
            else:
                text += part
        return text, tuple(values)

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else "<value>" for part in self.parts)


def read(script: Script) -> tuple[Line, ...]:
    """Return every line that the script's own calls print."""
    lines: list[Line] = []
    for module in script.modules:
        for name, call in module.calls():
            parts = _output(name, call, module)
            if parts is not None:
                lines += [Line(parts=row, place=module.place(call)) for row in _rows(parts)]
    return tuple(lines)


def _output(name: str, call: ast.Call, module: Module) -> list[Part] | None:
    owner, _, method = name.rpartition(".")
    if name == "print" and not any(keyword.arg == "file" for keyword in call.keywords):
        return _print(call, module)
    if name in {"sys.stdout.write", "sys.stderr.write"} and call.args:
        return _template(call.args[0], module)
    if method in _LOG_METHODS and re.search(r"log", owner, re.IGNORECASE) and call.args:
        message = call.args[1] if method == "log" and len(call.args) > 1 else call.args[0]
        literal = isinstance(message, ast.Constant) and isinstance(message.value, str)
        return _percent(str(message.value)) if literal else _template(message, module)  # type: ignore[attr-defined]
    return None


def _print(call: ast.Call, module: Module) -> list[Part]:
    separator = next((k.value for k in call.keywords if k.arg == "sep"), None)
    between = (
        separator.value if isinstance(separator, ast.Constant) and isinstance(separator.value, str) else " "
    )
    parts: list[Part] = []
    for index, argument in enumerate(call.args):
        if index:
            parts.append(between)
        parts += _template(argument, module)
    return parts


def _rows(parts: list[Part]) -> Iterator[tuple[Part, ...]]:
    row: list[Part] = []
    for part in parts:
        if isinstance(part, Hole):
            row.append(part)
            continue
        first, *more = part.split("\n")
        row.append(first)
        for text in more:
            yield tuple(row)
            row = [text]
    yield tuple(row)


def _template(node: ast.expr, module: Module, depth: int = 0) -> list[Part]:
    match node:
        case ast.Constant():
            return [str(node.value)]
        case ast.JoinedStr():
            return [part for value in node.values for part in _piece(value)]
        case ast.BinOp():
            return _operation(node, module, depth)
        case ast.Call() | ast.Dict():
            return _made(node)
        case ast.Name() if depth < _DEPTH:
            return _assigned(node.id, module, depth)
    return [Hole()]


def _piece(node: ast.expr) -> list[Part]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    spec = node.format_spec if isinstance(node, ast.FormattedValue) else None
    literal = isinstance(spec, ast.JoinedStr) and all(isinstance(part, ast.Constant) for part in spec.values)
    if literal and isinstance(spec, ast.JoinedStr):
        return [Hole(spec="".join(str(part.value) for part in spec.values if isinstance(part, ast.Constant)))]
    return [Hole()]


def _operation(node: ast.BinOp, module: Module, depth: int) -> list[Part]:
    left = node.left
    if isinstance(node.op, ast.Mod) and isinstance(left, ast.Constant) and isinstance(left.value, str):
        return _percent(left.value)
    if isinstance(node.op, ast.Add):
        return _template(left, module, depth) + _template(node.right, module, depth)
    return [Hole()]


def _percent(text: str) -> list[Part]:
    parts: list[Part] = []
    end = 0
    for match in _PERCENT.finditer(text):
        parts += [text[end : match.start()], Hole(spec=_spec(match[0]))]
        end = match.end()
    return [part.replace("%%", "%") if isinstance(part, str) else part for part in [*parts, text[end:]]]


def _spec(conversion: str) -> str:
    precision = re.search(r"\.\d+", conversion)
    kind = conversion[-1]
    return (precision[0] if precision else "") + kind if kind in "feEgG" else ""


def _made(node: ast.Call | ast.Dict) -> list[Part]:
    if isinstance(node, ast.Dict):
        return _mapping(node, "'")
    name = dotted(node.func)
    if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        text = node.func.value
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            return _format(text.value)
    if name.endswith("dumps") and node.args and isinstance(node.args[0], ast.Dict):
        return _mapping(node.args[0], '"')
    return [Hole()]


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


def _assigned(name: str, module: Module, depth: int) -> list[Part]:
    values = [
        node.value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]
    return _template(values[0], module, depth + 1) if len(values) == 1 else [Hole()]
