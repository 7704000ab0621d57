"""The command-line options of a script, as its `argparse` calls declare them.

The SageMaker training toolkit passes each hyperparameter as `--<key> <value>` (`-k` for a key of one letter),
the key as it was written: https://github.com/aws/sagemaker-training-toolkit, `mapping.to_cmd_args`.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sagewind.lint.finding import Place
    from sagewind.lint.script import Module, Script

VALUELESS = frozenset(
    {"store_true", "store_false", "store_const", "append_const", "count", "help", "version"}
)
UNKNOWN = object()
"""A value that is not written in the call: computed, or taken from the environment."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One `add_argument` with at least one option string."""

    options: tuple[str, ...]
    kind: str
    """The dotted name given as `type` (`int`), `str` by default."""
    required: bool
    action: str
    nargs: Any
    choices: tuple[Any, ...] | None
    default: ast.expr | None
    place: Place

    @property
    def destination(self) -> str:
        """The attribute of the parsed namespace, as argparse names it."""
        long = [option for option in self.options if option.startswith("--")] or list(self.options)
        return long[0].lstrip("-").replace("-", "_")

    @property
    def takes_value(self) -> bool:
        """Whether a value may follow the option on the command line."""
        return self.action not in VALUELESS and self.nargs != 0


@dataclass(frozen=True, kw_only=True)
class Parser:
    """All options of a script; several parsers in one script are read as one."""

    arguments: tuple[Argument, ...]
    tolerant: bool
    """`parse_known_args` is used: what is not declared is swallowed without a word."""
    abbreviates: bool
    """A unique prefix of a long option is taken for it (argparse's default)."""
    complete: bool
    """Every option string is written as a literal, so that an option not seen is an option not there."""

    def find(self, key: str) -> Argument | None:
        """Return the argument that `--key` reaches on the command line."""
        flag = flag_of(key)
        for argument in self.arguments:
            if flag in argument.options:
                return argument
        if not self.abbreviates or not flag.startswith("--"):
            return None
        hits = [a for a in self.arguments if any(option.startswith(flag) for option in a.options)]
        return hits[0] if len(hits) == 1 else None


def flag_of(key: str) -> str:
    """Return the option string that the training toolkit makes of a hyperparameter's key."""
    return f"--{key}" if len(key) > 1 else f"-{key}"


def read(script: Script) -> Parser | None:
    """Return the options of `script`, or `None` when it declares none."""
    arguments: list[Argument] = []
    complete, abbreviates, strict, found = True, True, False, False
    for module in script.modules:
        for name, call in module.calls():
            last = name.rsplit(".", maxsplit=1)[-1]
            if last == "add_argument":
                found = True
                argument = _argument(module, call)
                complete = complete and argument is not UNKNOWN
                if isinstance(argument, Argument):
                    arguments.append(argument)
            elif last == "ArgumentParser":
                abbreviates = (
                    abbreviates and _literal(_keyword(call, "allow_abbrev"), default=True) is not False
                )
            elif last == "parse_args":
                strict = True
    if not found:
        return None
    return Parser(arguments=tuple(arguments), tolerant=not strict, abbreviates=abbreviates, complete=complete)


def _argument(module: Module, call: ast.Call) -> Argument | object | None:
    names = [_literal(node) for node in call.args]
    if not names or any(not isinstance(name, str) for name in names):
        return UNKNOWN
    if not names[0].startswith("-"):
        return None
    action = _keyword(call, "action")
    choices = _literal(_keyword(call, "choices"))
    kind = _keyword(call, "type")
    return Argument(
        options=tuple(names),
        kind=_kind(kind),
        required=_literal(_keyword(call, "required"), default=False) is True,
        action=str(_literal(action, default="store")) if action is None or _is_text(action) else "custom",
        nargs=_literal(_keyword(call, "nargs"), default=None),
        choices=tuple(choices) if isinstance(choices, list | tuple) else None,
        default=_keyword(call, "default"),
        place=module.place(call),
    )


def _kind(node: ast.expr | None) -> str:
    if node is None:
        return "str"
    return node.id if isinstance(node, ast.Name) else "custom"


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _literal(node: ast.expr | None, *, default: Any = UNKNOWN) -> Any:
    if node is None:
        return default
    try:
        return ast.literal_eval(node)
    except ValueError:
        return UNKNOWN
