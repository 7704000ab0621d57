"""Where a script comes by its arguments in other ways than to declare options and to parse `sys.argv`.

There an option that is not declared may be there all the same, and a default may not hold.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sagewind.lint.loggers import METHODS
from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from sagewind.lint.script import Module, Script


def is_plain(script: Script) -> bool:
    """Tell whether the options that are declared are all, and what is not declared is not put to use."""
    if is_aliased(script):
        return False
    return not any(_is_rewritten(module) or _is_used_otherwise(module) for module in script.modules)


def is_aliased(script: Script) -> bool:
    """Tell whether `add_argument` is put elsewhere, to be called by another name."""
    named = sum(
        isinstance(node, ast.Attribute) and node.attr == "add_argument"
        for module in script.modules
        for node in module.nodes
    )
    called = sum(name.endswith("add_argument") for module in script.modules for name, _ in module.calls())
    return named > called


def _is_rewritten(module: Module) -> bool:
    """Tell whether the command line is changed before it is parsed, so that other options may arrive."""
    for node in module.nodes:
        match node:
            case ast.Assign(
                targets=[ast.Attribute(attr="argv") | ast.Subscript(value=ast.Attribute(attr="argv"))]
            ):
                return True
            case ast.Call(func=ast.Attribute(attr="parse_args" | "parse_known_args"), args=[given, *_]):
                named = module.assigned(given.id) if isinstance(given, ast.Name) else given
                plain = isinstance(named, ast.Subscript) and dotted(named.value).endswith("argv")
                if named is not None and not plain and not isinstance(named, ast.Constant):
                    return True
    return False


def _is_used_otherwise(module: Module) -> bool:
    """Tell whether what `parse_known_args` left over is put to use, and not only shown or refused."""
    left = {
        target.id
        for node in module.nodes
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and dotted(node.value.func).endswith("parse_known_args")
        for target in (node.targets[0].elts[1:] if isinstance(node.targets[0], ast.Tuple) else [])
        if isinstance(target, ast.Name)
    }
    showing = [call for name, call in module.calls() if name.rpartition(".")[2] in METHODS | {"print", "len"}]
    asking = [node.test for node in module.nodes if isinstance(node, ast.If)]
    raising = [node for node in module.nodes if isinstance(node, ast.Raise)]
    shown = {id(node) for each in (*showing, *asking, *raising) for node in ast.walk(each)}
    return any(
        isinstance(node, ast.Name)
        and node.id in left
        and isinstance(node.ctx, ast.Load)
        and id(node) not in shown
        for node in module.nodes
    )


def reset(script: Script) -> set[str]:
    """Return the attributes that are assigned, or given a default once more by `set_defaults`."""
    nodes = [node for module in script.modules for node in module.nodes]
    stored = {
        node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    calls = [
        call for module in script.modules for name, call in module.calls() if name.endswith(".set_defaults")
    ]
    return stored | {keyword.arg for call in calls for keyword in call.keywords if keyword.arg}
