"""Files that a script moves, copies or reads again: saved elsewhere, they may yet come where they belong."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.script import Module

_OF_SHUTIL = frozenset({"move", "copy", "copy2", "copyfile", "copytree"})
_OF_OS = frozenset({"replace", "rename", "renames", "link"})
_OF_PATHS = frozenset({"replace", "rename", "move", "copy"})

_TAKERS = frozenset(
    {
        "add",
        "log_artifact",
        "log_artifacts",
        "make_archive",
        "put",
        "put_file",
        "upload",
        "upload_file",
        "write",
    }
)
"""Methods that take a file by its path: of boto3, MLflow, fsspec, tarfile and zipfile."""
_PROGRAMS = ("subprocess.", "os.system", "os.popen")


def moves(module: Module) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield source and target of each move or copy."""
    functions = _functions(module)
    for name, call in module.calls():
        given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg in {"src", "dst"})]
        if name in functions and len(given) >= 2:  # noqa: PLR2004
            yield given[0], given[1]
        elif isinstance(call.func, ast.Attribute) and call.func.attr in _OF_PATHS and len(given) == 1:
            yield call.func.value, given[0]


def passed_on(module: Module) -> Iterator[ast.expr]:
    """Yield what is uploaded, packed into an archive, or given to another program by its path."""
    for name, call in module.calls():
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        if name.startswith(_PROGRAMS):
            within = [node for each in given for node in ast.walk(each) if isinstance(node, ast.expr)]
            texts = [str(node.value) for node in within if isinstance(node, ast.Constant)]
            yield from within
            yield from (ast.Constant(word) for text in texts for word in text.split())
        elif name.rpartition(".")[2] in _TAKERS:
            yield from given


def reads(module: Module) -> Iterator[ast.expr]:
    """Yield what is loaded, but for what `model_fn` loads: that is the model server's doing."""
    server = {
        id(node)
        for function in module.nodes
        if isinstance(function, ast.FunctionDef) and function.name == "model_fn"
        for node in ast.walk(function)
    }
    for name, call in module.calls():
        last = name.rsplit(".", maxsplit=1)[-1]
        if id(call) not in server and call.args and (last.startswith("load") or last == "from_pretrained"):
            yield call.args[0]


def _functions(module: Module) -> frozenset[str]:
    """Return the names by which the module calls what moves and copies."""
    names = {f"shutil.{name}" for name in _OF_SHUTIL} | {f"os.{name}" for name in _OF_OS}
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom):
            moving = {"shutil": _OF_SHUTIL, "os": _OF_OS}.get(node.module or "", frozenset())
            names |= {alias.asname or alias.name for alias in node.names if alias.name in moving}
    return frozenset(names)
