"""The lines that a script can print, as templates: literal text with holes where a value goes.

Read from `print`, `logging` and `sys.stdout.write` calls; `parts` says which texts are understood.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewind.lint import parts as texts
from sagewind.lint.parts import Hole, Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.finding import Place
    from sagewind.lint.script import Module, Script

_LOG_METHODS = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})


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

    def after_names(self) -> Iterator[Line]:
        """Yield what follows each hole in which there may be a word."""
        for index, part in enumerate(self.parts):
            if isinstance(part, Hole) and part.may_be_text:
                yield Line(parts=self.parts[index + 1 :], place=self.place)

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
        return texts.template(call.args[0], module)
    if method in _LOG_METHODS and re.search(r"log", owner, re.IGNORECASE) and call.args:
        message = call.args[1] if method == "log" and len(call.args) > 1 else call.args[0]
        literal = isinstance(message, ast.Constant) and isinstance(message.value, str)
        return texts.percent(str(message.value)) if literal else texts.template(message, module)  # type: ignore[attr-defined]
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
        parts += texts.template(argument, module)
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
