"""The lines that a script can print, as templates: literal text with holes where a value goes.

Read from `print`, the calls of loggers, `sys.stdout.write`, and what click, rich and tqdm have in place of
them; `parts` says which texts are understood.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewind.lint import loggers
from sagewind.lint import parts as texts
from sagewind.lint.parts import Hole, Part
from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.finding import Place
    from sagewind.lint.script import Module, Script

_ECHOES = frozenset({"click.echo", "typer.echo", "console.log", "pprint", "pprint.pprint"})
_WRITERS = frozenset(
    {
        "sys.stdout.write",
        "sys.stderr.write",
        "stdout.write",
        "stderr.write",
        "tqdm.write",
        "tqdm.tqdm.write",
        "warnings.warn",
    }
)
_PROGRESS = frozenset({"set_description", "set_description_str", "set_postfix", "set_postfix_str"})
"""Methods of tqdm's bars."""


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
    known = loggers.names(script)
    for module in script.modules:
        for name, call in module.calls():
            parts = _output(name, call, module, known)
            if parts is not None:
                lines += [Line(parts=row, place=module.place(call)) for row in _rows(parts)]
                if _is_more(call):
                    lines.append(Line(parts=(Hole(),), place=module.place(call)))
    return tuple(lines)


def _is_more(call: ast.Call) -> bool:
    """Tell whether a line goes on with what is printed next, or has a separator that is not written."""
    return any(
        each.arg == "end" or (each.arg == "sep" and not isinstance(each.value, ast.Constant))
        for each in call.keywords
    )


def _output(name: str, call: ast.Call, module: Module, known: frozenset[str]) -> list[Part] | None:
    method = name.rpartition(".")[2]
    if method == "print" or name in _ECHOES:
        return _print(call, module) if _to_log(call) else None
    if name in _WRITERS or method in _PROGRESS:
        return [part for each in call.args[:1] for part in texts.template(each, module)] + _pairs(call)
    if (
        method in loggers.METHODS
        and isinstance(call.func, ast.Attribute)
        and loggers.is_logger(call.func.value, known)
    ):
        return _logged(method, call, module)
    return None


def _to_log(call: ast.Call) -> bool:
    """Tell whether `print` is not led into a file; both standard streams are a job's log."""
    file = next((keyword.value for keyword in call.keywords if keyword.arg == "file"), None)
    return file is None or dotted(file) in {"sys.stdout", "sys.stderr"}


def _logged(method: str, call: ast.Call, module: Module) -> list[Part]:
    message, *values = (call.args[1:] if method == "log" else call.args) or [ast.Constant("")]
    parts = texts.template(message, module)
    if values:
        # Only with values is the text a format: printf's, or (loguru) that of str.format.
        parts = [part for each in parts for part in (texts.filled(each) if isinstance(each, str) else [each])]
    return parts + _pairs(call)


def _pairs(call: ast.Call) -> list[Part]:
    """Return keyword arguments as tqdm and structlog print them."""
    return [part for keyword in call.keywords if keyword.arg for part in (f" {keyword.arg}=", Hole())]


def _print(call: ast.Call, module: Module) -> list[Part]:
    separator = next((k.value for k in call.keywords if k.arg == "sep"), ast.Constant(" "))
    parts: list[Part] = []
    for index, argument in enumerate(call.args):
        if index:
            parts += texts.template(separator, module)
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
