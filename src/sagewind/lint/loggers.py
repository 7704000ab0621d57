"""Which expressions of a script are loggers: what `getLogger` returned, wherever it was put, and `logging`.

A name with `log` in it is taken for one. Whether a logger lets a level through is not looked at.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.script import Module, Script

METHODS = frozenset({"debug", "info", "warning", "error", "critical", "exception", "log"})
_MAKERS = frozenset({"getLogger", "get_logger", "getChild"})


def names(script: Script) -> frozenset[str]:
    """Return the dotted names that are given a logger in some module of the script (`out`, `self.out`)."""
    return frozenset(name for module in script.modules for name in _named(module))


def is_logger(node: ast.expr, known: frozenset[str]) -> bool:
    """Tell whether `node` is a logger; `known` is what `names` returned."""
    if isinstance(node, ast.Call):
        return _last(node.func) in _MAKERS
    name = dotted(node)
    return name in known or re.search("log", name, re.IGNORECASE) is not None


def _named(module: Module) -> Iterator[str]:
    for node in module.nodes:
        match node:
            case ast.Import():
                yield from (a.asname for a in node.names if a.name == "logging" and a.asname)
            case ast.Assign(value=ast.Call() as made) if _last(made.func) in _MAKERS:
                yield from filter(None, map(dotted, node.targets))
            case ast.AnnAssign(value=ast.Call() as made) if _last(made.func) in _MAKERS:
                yield dotted(node.target)
            case ast.arg(annotation=ast.expr() as kind) if _last(kind) == "Logger":
                yield node.arg


def _last(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
