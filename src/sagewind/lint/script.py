"""What a training script declares and does, read from its syntax tree; the script is never run or imported.

Local modules that the script imports from its own `source_dir` are read too: many scripts keep their
arguments or their `model_fn` in one.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sagewind.lint.finding import Place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_TOOLKITS = frozenset({"sagemaker_training", "sagemaker_containers"})


@dataclass(frozen=True, kw_only=True)
class Module:
    """One parsed file."""

    path: Path
    tree: ast.Module

    @functools.cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Everything in the tree, walked once for all that look at it."""
        return tuple(ast.walk(self.tree))

    def place(self, node: ast.AST) -> Place:
        """Return the line of `node`."""
        return Place(file=self.path, line=getattr(node, "lineno", 1))

    def calls(self) -> Iterator[tuple[str, ast.Call]]:
        """Yield every call with its dotted name (`os.environ.get`; `` where the callee is no plain name)."""
        for node in self.nodes:
            if isinstance(node, ast.Call):
                yield dotted(node.func), node

    def attributes(self) -> Iterator[str]:
        """Yield every dotted name that is looked up (`sys.argv`)."""
        for node in self.nodes:
            if isinstance(node, ast.Attribute):
                yield dotted(node)

    @functools.cached_property
    def _bound(self) -> Counter[str]:
        stored = (n.id for n in self.nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
        return Counter([*stored, *(node.arg for node in self.nodes if isinstance(node, ast.arg))])

    @functools.cached_property
    def _values(self) -> dict[str, ast.expr | None]:
        assignments = [node for node in self.nodes if isinstance(node, ast.Assign | ast.AnnAssign)]
        return {
            target.id: node.value
            for node in assignments
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }

    def bindings(self, name: str) -> int:
        """Return how often a name is bound: assigned, counted with, or taken as a parameter."""
        return self._bound[name]

    def assigned(self, name: str) -> ast.expr | None:
        """Return what a name stands for; `None` unless it is bound once, by an assignment."""
        return self._values.get(name) if self.bindings(name) == 1 else None

    def opened(self, name: str) -> ast.expr | None:
        """Return what `with … as name` opens."""
        for node in self.nodes:
            if (
                isinstance(node, ast.withitem)
                and isinstance(node.optional_vars, ast.Name)
                and node.optional_vars.id == name
            ):
                return node.context_expr
        return None


@dataclass(frozen=True, kw_only=True)
class Script:
    """The entry script and the local modules it imports, entry script first."""

    modules: tuple[Module, ...]
    imports: frozenset[str] = field(default_factory=frozenset)
    """Top-level names of everything imported that is not local."""

    @property
    def entry(self) -> Module:
        """The file that the container runs."""
        return self.modules[0]

    def functions(self) -> dict[str, Place]:
        """Return the names that the entry script's module has as functions, imported ones included."""
        found: dict[str, Place] = {}
        for node in self.entry.tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found[node.name] = self.entry.place(node)
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: self.entry.place(node) for alias in node.names}
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                found |= dict.fromkeys(names, self.entry.place(node))
        return found

    def texts(self) -> Iterator[tuple[str, Place]]:
        """Yield every string literal of every module."""
        for module in self.modules:
            for node in module.nodes:
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value, module.place(node)

    def mentions(self, *fragments: str) -> bool:
        """Tell whether some string literal contains one of `fragments`."""
        return any(fragment in text for text, _ in self.texts() for fragment in fragments)

    @functools.cached_property
    def names(self) -> frozenset[str]:
        """Every name and text that is written in some module."""
        nodes = [node for module in self.modules for node in module.nodes]
        told = (getattr(node, key, None) for node in nodes for key in ("id", "arg", "attr", "name", "value"))
        return frozenset(each for each in told if isinstance(each, str))

    @property
    def has_toolkit(self) -> bool:
        """Whether the training toolkit is imported, whose `Environment` has what `SM_*` variables have."""
        return bool(self.imports & _TOOLKITS)

    def asks_toolkit(self, attribute: str) -> bool:
        """Tell whether an attribute of the toolkit's `Environment` is looked up."""
        looked_up = (name for module in self.modules for name in module.attributes())
        return self.has_toolkit and any(name.endswith(f".{attribute}") for name in looked_up)


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a chain of names, the part after a call or index for others (`.dump`)."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def read(path: Path) -> Script:
    """Parse `path` and the modules beside it that it imports.

    Raises:
        OSError: the entry script cannot be read.
        SyntaxError: it, or a local module, is no Python of this interpreter.

    """
    modules: dict[Path, Module] = {}
    foreign: set[str] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop(0)
        if current in modules:
            continue
        tree = ast.parse(current.read_text(encoding="utf-8"), filename=str(current))
        modules[current] = Module(path=current, tree=tree)
        for name in _imported(tree):
            local = _local(path.parent, name)
            if local is None:
                foreign.add(name.split(".", maxsplit=1)[0])
            else:
                waiting.append(local)
    return Script(modules=tuple(modules.values()), imports=frozenset(foreign))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)


def _local(folder: Path, module: str) -> Path | None:
    base = folder.joinpath(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
