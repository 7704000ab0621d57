"""Values of hyperparameters against the type, the choices and the action of the argument that they reach."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sagewind.lint import arguments
from sagewind.lint.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sagewind.lint.arguments import Argument, Parser
    from sagewind.lint.subject import Declared

_SETTING = frozenset({"store_true", "store_false", "store_const", "BooleanOptionalAction"})
"""Actions of flags that are set by being there, whatever follows them."""


_OF_BOOLEANS = "declare it with a value: type=lambda text: text.lower() == 'true'"


def check(key: str, declared: Declared, argument: Argument, parser: Parser) -> Iterator[Finding]:
    """Yield a finding where the value of hyperparameter `key` is not understood as it is meant."""
    text = _as_text(declared.value)
    if text is None or argument.nargs not in (None, "?"):
        return
    judge = _type_problem if argument.takes_value else _flag_problem
    problem = judge(text, argument, parser)
    if problem:
        what, mend = problem
        yield Finding(
            rule="hyperparameter-value",
            place=declared.place,
            what=f"hyperparameter {key!r} is {text!r}, but {argument.options[0]} ({argument.place}) {what}",
            mend=mend,
        )


def _as_text(value: Any) -> str | None:
    """Return what follows the option on the command line; `None` when the value is not known here."""
    if not isinstance(value, str | int | float | bool):
        return None
    if isinstance(value, str) and "{{" in value:
        return None
    return arguments.word_of(value) if isinstance(value, str) else str(value)


def _is_option(text: str) -> bool:
    """Tell whether argparse, before Python 3.14, holds a value to be an option: not `-5` and `-0.5`."""
    return re.fullmatch(r"-(?!\d+$|\d*\.\d+$)[^ ]+", text) is not None


def _among(text: str, argument: Argument, converter: Callable[[str], Any]) -> bool:
    """Tell whether a value is one of the choices, as argparse compares them: once it is converted."""
    return argument.kind == "custom" or converter(text) in (argument.choices or ())


def _falsy(text: str) -> bool:
    return text.lower() in {"false", "0", "no", "off", ""}


def _flag_problem(text: str, argument: Argument, parser: Parser) -> tuple[str, str] | None:
    flag = f"is a flag without a value ({argument.action})"
    if parser.refuses_values:
        return f"{flag}: {'click' if parser.is_click else 'parse_args'} exits with status 2", _OF_BOOLEANS
    if argument.action in _SETTING and _falsy(text):
        return f"{flag}: being there sets it", f"leave the hyperparameter out, or {_OF_BOOLEANS}"
    return None


def _type_problem(text: str, argument: Argument, parser: Parser) -> tuple[str, str] | None:
    if argument.nargs is None and not parser.is_click and _is_option(text):
        return "takes that for an option: argparse exits with status 2", "give a value that begins otherwise"
    if argument.kind == "bool" and _falsy(text) and text and not parser.is_click:
        return f"has type=bool, and bool({text!r}) is True", _OF_BOOLEANS
    converter = {"int": int, "float": float}.get(argument.kind)
    if converter is not None:
        try:
            converter(text)
        except ValueError:
            return (
                f"has type={argument.kind}: the script exits with status 2",
                f"give a value that {argument.kind}() takes",
            )
    if argument.choices and not _among(text, argument, converter or str):
        allowed = ", ".join(str(choice) for choice in argument.choices)
        return f"has choices {allowed}: the script exits with status 2", f"give one of {allowed}"
    return None
