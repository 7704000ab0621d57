"""Where a path of a script starts, followed backwards through the expressions that make it.

Understood are `os.path.join`, `pathlib.Path`, `/`, `+`, f-strings, names assigned once, `os.environ`, and
`args.<name>` with the default of its argument. Everything else is unknown.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from sagewind.lint.arguments import Parser
    from sagewind.lint.script import Module

_DEPTH = 12
_GETTERS = frozenset({"os.environ.get", "os.getenv", "environ.get", "getenv"})
_JOINERS = frozenset({"join", "Path", "str", "abspath", "fspath"})
_NAMESPACE = re.compile("arg|opt", re.IGNORECASE)
"""Names of what a parser returned."""


@dataclass(frozen=True, kw_only=True)
class Trail:
    """The names that a path may go through."""

    module: Module
    parser: Parser | None

    def start(self, node: ast.expr | None, depth: int = 0) -> str | None:
        """Return the literal that a path starts with, or the `SM_*` variable; `None` when it is not known."""
        if node is None or depth > _DEPTH:
            return None
        text = _text(node) or _variable(node)
        return text or self.start(self._before(node), depth + 1)

    def _before(self, node: ast.expr) -> ast.expr | None:
        """Return the expression whose text `node`'s begins with."""
        match node:
            case ast.Name():
                return self.module.assigned(node.id)
            case ast.Attribute() if _NAMESPACE.search(dotted(node.value)):
                return self._default(node.attr)
            case ast.Call():
                return _joined(node)
            case ast.BinOp() | ast.FormattedValue() | ast.JoinedStr():
                return next(ast.iter_child_nodes(node), None)  # type: ignore[return-value]
        return None

    def _default(self, name: str) -> ast.expr | None:
        arguments = self.parser.arguments if self.parser else ()
        defaults = [argument.default for argument in arguments if argument.destination == name]
        return defaults[0] if len(defaults) == 1 else None  # declared twice: one of them on SageMaker


def _joined(node: ast.Call) -> ast.expr | None:
    last = dotted(node.func).rsplit(".", maxsplit=1)[-1]
    if last == "joinpath" and isinstance(node.func, ast.Attribute):
        return node.func.value
    return node.args[0] if last in _JOINERS and node.args else None


def _text(node: ast.expr | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _variable(node: ast.expr) -> str | None:
    name = None
    if isinstance(node, ast.Subscript) and dotted(node.value) in {"os.environ", "environ"}:
        name = _text(node.slice)
    elif isinstance(node, ast.Call) and dotted(node.func) in _GETTERS and node.args:
        name = _text(node.args[0])
    return name if name and name.startswith("SM_") else None
