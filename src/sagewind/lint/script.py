"""What a training script declares and does, read from its syntax tree; the script is never run or imported.

Local modules that the script imports from its own `source_dir` are read too: many scripts keep their
arguments or their `model_fn` in one.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from dataclasses import dataclass, field
from importlib.util import decode_source
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

    @functools.cached_property
    def texts(self) -> tuple[tuple[str, ast.Constant], ...]:
        """Every text that is written in code; one that stands alone, such as a docstring, is none."""
        alone = {id(node.value) for node in self.nodes if isinstance(node, ast.Expr)}
        return tuple(
            (node.value, node)
            for node in self.nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
        )

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
    def counters(self) -> Counter[str]:
        """How many loops count with a name: over a `range`, or first in an `enumerate`."""
        loops = (node for node in self.nodes if isinstance(node, ast.For | ast.comprehension))
        return Counter(name for name in map(_counter, loops) if name)

    @functools.cached_property
    def _opened(self) -> dict[str, ast.expr]:
        items = [node for node in self.nodes if isinstance(node, ast.withitem)]
        named = [(each.optional_vars, each.context_expr) for each in reversed(items)]
        return {name.id: opened for name, opened in named if isinstance(name, ast.Name)}

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
        """Return what `with … as name` opens, the first of several."""
        return self._opened.get(name)


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
        for node in _done(self.entry.tree.body):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[node.name] = self.entry.place(node)
            elif isinstance(node, ast.ImportFrom):
                found |= {alias.asname or alias.name: self.entry.place(node) for alias in node.names}
            elif isinstance(node, ast.Assign):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                found |= dict.fromkeys(names, self.entry.place(node))
        return found

    def texts(self) -> Iterator[tuple[str, Place]]:
        """Yield every text of every module."""
        for module in self.modules:
            for text, node in module.texts:
                yield text, module.place(node)

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


def _counter(loop: ast.For | ast.comprehension) -> str | None:
    by = dotted(loop.iter.func) if isinstance(loop.iter, ast.Call) else ""
    target = loop.target
    if by == "enumerate" and isinstance(target, ast.Tuple):
        target = target.elts[0]
    elif by not in {"range", "trange", "tqdm.trange"}:
        return None
    return target.id if isinstance(target, ast.Name) else None


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for a chain of names, the part after a call or index for others (`.dump`)."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def parse(path: Path, text: str | None = None) -> Module:
    """Parse a file as Python does, in the encoding that it declares; `text` replaces its content.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: it is no Python of this interpreter; the error names the file.

    """
    try:
        source = decode_source(path.read_bytes()) if text is None else text
        return Module(path=path, tree=ast.parse(source))
    except SyntaxError as error:
        raise SyntaxError(error.msg, (str(path), error.lineno or 1, error.offset, error.text)) from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise SyntaxError(str(error), (str(path), line, None, None)) from error
    except ValueError as error:  # null bytes, on Python before 3.12
        raise SyntaxError(str(error), (str(path), 1, None, None)) from error
    except (RecursionError, MemoryError) as error:
        raise SyntaxError("an expression is nested too deeply", (str(path), 1, None, None)) from error


def read(path: Path) -> Script:
    """Parse `path` and the modules beside it that it imports, without what those do as a program.

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
        module = parse(current)
        modules[current] = module if current == path else _without_main(module)
        for folder, name in _imported(modules[current], path.parent):
            local = _local(folder, name)
            waiting += local
            if not local and folder == path.parent:
                foreign.add(name.split(".", maxsplit=1)[0])
    return Script(modules=tuple(modules.values()), imports=frozenset(foreign))


def _without_main(module: Module) -> Module:
    """Return a module as an import runs it: without `if __name__ == "__main__":`."""
    body = [statement for statement in module.tree.body if not _is_main(statement)]
    return Module(path=module.path, tree=ast.Module(body=body, type_ignores=[]))


def _done(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those below `if`, `try` and `with` too, but none of a function."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            below = [node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)]
            handlers = statement.handlers if isinstance(statement, ast.Try) else []
            yield from _done([*below, *(each for handler in handlers for each in handler.body)])


def _is_main(statement: ast.stmt) -> bool:
    match statement:
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()])):
            return True
    return False


def _imported(module: Module, root: Path) -> Iterator[tuple[Path, str]]:
    """Yield what a module imports, each name with the folder in which it is looked for."""
    for node in module.nodes:
        if isinstance(node, ast.Import):
            yield from ((root, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.path.parents
            folder = above[min(node.level, len(above)) - 1] if node.level else root
            start = f"{node.module}." if node.module else ""
            yield from ((folder, f"{start}{alias.name}") for alias in node.names)


def _local(folder: Path, name: str) -> list[Path]:
    """Return the files below `folder` that `import name` runs: packages, outermost first, and the module."""
    words = name.split(".")
    bases = [folder.joinpath(*words[: n + 1]) for n in range(len(words))]
    candidates = [file for base in bases for file in (base / "__init__.py", base.with_suffix(".py"))]
    return [file for file in candidates if file.is_file()]
