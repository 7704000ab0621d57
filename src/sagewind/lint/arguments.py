"""The command-line options of a script, as its calls of `argparse` or click declare them.

The SageMaker training toolkit passes each hyperparameter as `--<key> <value>` (`-k` for a key of one letter),
the key as it was written: https://github.com/aws/sagemaker-training-toolkit, `mapping.to_cmd_args`.
"""

from __future__ import annotations

import ast
import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind.lint import parsing
from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from collections.abc import Collection

    from sagewind.lint.finding import Place
    from sagewind.lint.script import Module, Script

VALUELESS = frozenset(
    {
        "store_true",
        "store_false",
        "store_const",
        "append_const",
        "count",
        "help",
        "version",
        "BooleanOptionalAction",
    }
)
UNKNOWN = object()
"""A value that is not written in the call: computed, or taken from the environment."""


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One `add_argument` (click: `option`) with at least one option string."""

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
    """What is not declared is swallowed without a word: only `parse_known_args` is used."""
    abbreviates: bool
    """A unique prefix of a long option is taken for it (argparse's default)."""
    complete: bool
    """Every option string is written as a literal, so that an option not seen is an option not there."""
    is_click: bool = False
    several: bool = False
    """There are more parsers than one, and not all of them read the command line of the job."""
    positional: bool = False
    """Some argument takes what belongs to no option."""

    @property
    def refuses_values(self) -> bool:
        """Whether the value behind a flag ends the script."""
        return self.complete and not (self.tolerant or self.several or self.positional)

    @property
    def outcome(self) -> str:
        """What becomes of an option that is not declared."""
        if self.tolerant:
            by = "click's ignore_unknown_options" if self.is_click else "parse_known_args"
            return f"{by} drops it without a word"
        return f"{'click' if self.is_click else 'parse_args'} exits with status 2"

    @property
    def declaring(self) -> str:
        """The call that declares an option."""
        return "@click.option" if self.is_click else "parser.add_argument"

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


def decode(text: str) -> Any:
    """Return a hyperparameter as the toolkit reads it: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def word_of(text: str) -> str:
    """Return what the toolkit puts behind the option for a hyperparameter's text."""
    value = decode(text)
    return "" if value is None else str(value)


def read(script: Script, *, given: Collection[str] = ()) -> Parser | None:
    """Return the options of `script`, or `None` when it declares none.

    The defaults of those that are `given`, or that the script sets anew, are not known.
    """
    calls = [
        (name.rpartition(".")[2], module, call) for module in script.modules for name, call in module.calls()
    ]
    declaring = {"add_argument"} | ({"option"} if script.imports & {"click", "rich_click"} else set())
    made = [(last, _argument(module, call)) for last, module, call in calls if last in declaring]
    if not made and not parsing.is_aliased(script):
        return None
    is_click = bool(made) and all(last == "option" for last, _ in made)
    abbreviated = [_keyword(call, "allow_abbrev") for last, _, call in calls if last == "ArgumentParser"]
    reset = parsing.reset(script) | {key.replace("-", "_") for key in given}
    strict = any(last == "parse_args" for last, _, _ in calls)
    return Parser(
        arguments=tuple(_without_default(each, reset) for _, each in made if isinstance(each, Argument)),
        tolerant=script.mentions("ignore_unknown_options") if is_click else not strict,
        abbreviates=not is_click and all(_literal(each, default=True) is not False for each in abbreviated),
        complete=all(each is not UNKNOWN for _, each in made) and parsing.is_plain(script),
        is_click=is_click,
        several=sum(last in {"ArgumentParser", "add_parser", "command"} for last, _, _ in calls) > 1,
        positional=any(each is None for _, each in made)
        or any(last == "argument" for last, _, _ in calls)
        or any(each.nargs is not None for _, each in made if isinstance(each, Argument)),
    )


def _last(node: ast.expr) -> str:
    """Return the last name of what is called (`parse_args`)."""
    return dotted(node.func).rpartition(".")[2] if isinstance(node, ast.Call) else ""


def _without_default(argument: Argument, reset: set[str]) -> Argument:
    return dataclasses.replace(argument, default=None) if argument.destination in reset else argument


def _argument(module: Module, call: ast.Call) -> Argument | object | None:
    names = [_literal(node) for node in call.args]
    if not names or any(not isinstance(name, str) for name in names):
        return UNKNOWN
    # Beside its options, a call of click may name the parameter; of argparse, a name without dashes is one.
    options = [part for name in names if name.startswith("-") for part in name.split("/")]
    if not options:
        return None
    kind = _keyword(call, "type")
    chosen = _of_click(kind)
    choices = _literal(chosen or _keyword(call, "choices"))
    return Argument(
        options=tuple(options),
        kind="str" if chosen else _kind(kind),
        required=_literal(_keyword(call, "required"), default=False) is True
        and _keyword(call, "envvar") is None,
        action=_action(call),
        nargs=_literal(_keyword(call, "nargs"), default=None),
        choices=tuple(choices) if isinstance(choices, list | tuple | set) else None,
        default=_keyword(call, "default"),
        place=module.place(call),
    )


def _action(call: ast.Call) -> str:
    if _literal(_keyword(call, "is_flag"), default=False) is True:
        return "store_true"
    action = _keyword(call, "action")
    if action is not None and dotted(action).endswith("BooleanOptionalAction"):
        return "BooleanOptionalAction"
    literal = _literal(action, default="store")
    return literal if isinstance(literal, str) else "custom"


def _of_click(kind: ast.expr | None) -> ast.expr | None:
    """Return the choices of `click.Choice([...])`; `None` where case may not matter."""
    match kind:
        case ast.Call(args=[choices], keywords=[]) if _last(kind) == "Choice":
            return choices
    return None


def _kind(node: ast.expr | None) -> str:
    if node is None:
        return "str"
    return node.id if isinstance(node, ast.Name) else "custom"


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _literal(node: ast.expr | None, *, default: Any = UNKNOWN) -> Any:
    if node is None:
        return default
    try:
        return ast.literal_eval(node)
    except ValueError:
        return UNKNOWN
