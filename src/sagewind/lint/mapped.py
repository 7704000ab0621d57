"""Hyperparameters that a script takes from a mapping or the environment, and not from its command line.

The mapping is `Environment().hyperparameters` of the training toolkit, `SM_HPS`, `hyperparameters.json`, or
that part of `SM_TRAINING_ENV`. It is followed through names and `return`; which keys are looked up is told
where they are literals. One that is passed on, or is not found where its source is mentioned, counts as read
in whole. A key alone is in `SM_HP_<KEY>`, in capitals and otherwise as it was written.

https://github.com/aws/sagemaker-training-toolkit, `environment.Environment` and `mapping.to_env_vars`.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewind.lint.loggers import METHODS
from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from sagewind.lint.finding import Place
    from sagewind.lint.script import Module, Script

TEXTS = ("SM_HPS", "hyperparameters.json")
"""Where the mapping is as JSON."""
WHOLE = "SM_TRAINING_ENV"
"""Where everything is as JSON, the mapping under `hyperparameters`."""
ARGUMENTS = "SM_USER_ARGS"
_VARIABLE = re.compile(r"SM_HP_([^{}%]*)")
_LOOKUPS = frozenset({"get", "pop", "setdefault"})
_SHOWS = METHODS | {"print", "pprint", "len"}
_DEPTH = 4


@dataclass(kw_only=True)
class Read:
    """What is read: some keys, each with a place where that is done, or `whole`: any of them may be."""

    keys: dict[str, Place] = field(default_factory=dict)
    variables: dict[str, Place] = field(default_factory=dict)
    """`SM_HP_<KEY>` without the prefix."""
    whole: bool = False

    def has(self, key: str) -> bool:
        """Tell whether a hyperparameter is read, or may be."""
        return self.whole or key in self.keys or key.upper() in self.variables

    @property
    def names(self) -> dict[str, Place]:
        """The keys by which something is read."""
        return {name.lower(): place for name, place in self.variables.items()} | self.keys


def read(script: Script) -> Read:
    """Return which hyperparameters the script reads other than as arguments."""
    found = Read()
    for module in script.modules:
        _variables(module, found)
    mentioned = script.mentions(*TEXTS, WHOLE)
    if not mentioned and not script.has_toolkit:
        return found
    following = _Following(toolkit=script.has_toolkit, found=found)
    known = -1
    while known != len(following.holders):  # a name found in one module may be imported by an earlier one
        known = len(following.holders)
        for module in script.modules:
            following.follow(module)
    found.whole |= mentioned and not following.sources
    return found


def _variables(module: Module, found: Read) -> None:
    for text, node in module.texts:
        variable = _VARIABLE.fullmatch(text)
        if variable and variable[1]:
            found.variables.setdefault(variable[1], module.place(node))
        elif "SM_HP_" in text or ARGUMENTS in text:
            found.whole = True


@dataclass(kw_only=True)
class _Following:
    """The mapping on its way through a script."""

    toolkit: bool
    found: Read
    holders: set[str] = field(default_factory=set)
    """Names that stand for the mapping, and functions (`read()`) that return it."""
    sources: int = 0

    def follow(self, module: Module) -> None:
        """Look at each use of the mapping in a module."""
        above = {child: node for node in module.nodes for child in ast.iter_child_nodes(node)}
        for node in module.nodes:
            if self._is_source(node, module):
                self.sources += 1
            elif not self._is_held(node):
                continue
            self._use(node, above, module)

    def _is_source(self, node: ast.AST, module: Module) -> bool:
        match node:
            case ast.Attribute(attr="hyperparameters", ctx=ast.Load()):
                return self.toolkit
            case ast.Attribute(attr="to_cmd_args"):
                return self.toolkit
            case ast.Subscript(slice=ast.Constant(value="hyperparameters"), ctx=ast.Load()):
                return self.toolkit or _mentions(node.value, module, (WHOLE,))
            case ast.Call():
                last = dotted(node.func).rpartition(".")[2]
                if last == "read_hyperparameters":
                    return self.toolkit
                return last in {"load", "loads"} and any(_mentions(a, module, TEXTS) for a in node.args)
        return False

    def _is_held(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Call):
            return f"{dotted(node.func)}()" in self.holders
        loaded = isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load)
        return loaded and dotted(node) in self.holders

    def _use(self, node: ast.AST, above: dict[ast.AST, ast.AST], module: Module) -> None:
        user = above[node]
        match user:
            case ast.Subscript(slice=ast.Constant(value=str() as key)) if user.value is node:
                self.found.keys.setdefault(key, module.place(user))
            case ast.Attribute(attr=name) if name in _LOOKUPS:
                self._look_up(above[user], module)
            case ast.Assign() | ast.AnnAssign():
                self._hold(user)
            case ast.IfExp() | ast.BoolOp():
                self._use(user, above, module)
            case ast.Return():
                self.holders.add(f"{_function(user, above)}()")
            case _ if not _shows(user):
                self.found.whole = True

    def _hold(self, node: ast.Assign | ast.AnnAssign) -> None:
        names = {
            dotted(target) for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        }
        self.found.whole |= "" in names
        self.holders |= names - {""}

    def _look_up(self, call: ast.AST, module: Module) -> None:
        match call:
            case ast.Call(args=[ast.Constant(value=str() as key), *_]):
                self.found.keys.setdefault(key, module.place(call))
            case _:
                self.found.whole = True


def _shows(node: ast.AST) -> bool:
    """Tell whether a mapping is only asked for a key, or shown."""
    call = isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in _SHOWS
    return call or isinstance(node, ast.Compare | ast.FormattedValue)


def _function(node: ast.AST, above: dict[ast.AST, ast.AST]) -> str:
    while not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node = above[node]
    return node.name


def _mentions(node: ast.AST, module: Module, fragments: tuple[str, ...], depth: int = 0) -> bool:
    """Tell whether a literal in `node`, or in what its names stand for, contains one of `fragments`."""
    texts = [str(each.value) for each in ast.walk(node) if isinstance(each, ast.Constant)]
    if any(fragment in text for text in texts for fragment in fragments):
        return True
    names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)} if depth < _DEPTH else set()
    stands = [value for name in names for value in (module.assigned(name), module.opened(name)) if value]
    return any(_mentions(value, module, fragments, depth + 1) for value in stands)
