"""The expressions in a pipeline definition: `Get`, `Std:Join` and `Std:JsonGet`. Pure.

An expression stands wherever a value may: an object with that one member. What it refers to is known before
anything runs, and makes the graph; its value is known when the step that holds it is to begin.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps.html and the SDK's
`workflow/functions.py`, which writes them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sagelocal.pipelines import paths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

GET, JOIN, JSON_GET = "Get", "Std:Join", "Std:JsonGet"
PARAMETERS, EXECUTION, STEPS = "Parameters", "Execution", "Steps"
PROPERTY_FILES = "PropertyFiles"
EXECUTION_VARIABLES = (
    *("StartDateTime", "CurrentDateTime", "PipelineName", "PipelineArn", "PipelineExecutionId"),
    *("PipelineExecutionArn", "TrainingJobName", "ProcessingJobName"),
)
"""Source: the SDK's `workflow/execution_variables.py`."""
_STEP_PARTS = 3


class ExpressionError(ValueError):
    """An expression that is none, or has no value; the message has the expression and the reason."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a `Get` names."""

    kind: str
    """`Parameters`, `Execution` or `Steps`."""
    name: str
    path: str = ""
    """Of a step: the path into its properties; `PropertyFiles.<name>` for a property file."""

    @property
    def property_file(self) -> str:
        """The name of the property file, when it is one."""
        head, _, rest = self.path.partition(".")
        return rest if self.kind == STEPS and head == PROPERTY_FILES else ""


class Scope(Protocol):
    """What expressions are evaluated in. A `LookupError` says that something has no value."""

    def parameter(self, name: str) -> Any:
        """Return a parameter's value."""

    def variable(self, name: str) -> Any:
        """Return an execution variable's value."""

    def properties(self, step: str, path: paths.Path) -> Any:
        """Return a step's property."""

    def property_file(self, step: str, name: str) -> Any:
        """Return the content of a step's property file, a JSON document."""

    def document(self, uri: str) -> Any:
        """Return a JSON document on S3."""


def is_expression(value: Any) -> bool:
    """Tell whether a value is an expression."""
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in (GET, JOIN, JSON_GET)


def reference(text: Any) -> Reference:
    """Read what a `Get` names.

    Raises:
        ExpressionError: it names nothing that a pipeline has.

    """
    parts = text.split(".", 2) if isinstance(text, str) else []
    kind = parts[0] if parts else ""
    if kind == STEPS and len(parts) == _STEP_PARTS:
        _readable(parts[2], text)
        return Reference(kind=kind, name=parts[1], path=parts[2])
    rest = ".".join(parts[1:])
    if kind == PARAMETERS and rest:
        return Reference(kind=kind, name=rest)
    if kind == EXECUTION and rest in EXECUTION_VARIABLES:
        return Reference(kind=kind, name=rest)
    allowed = f"Parameters.<name>, Steps.<name>.<property> and Execution.<{'|'.join(EXECUTION_VARIABLES)}>"
    raise ExpressionError(f"Get {text!r} names nothing; allowed are {allowed}")


def references(value: Any) -> Iterator[Reference]:
    """Yield everything that the expressions in a value refer to.

    Raises:
        ExpressionError: an expression is none.

    """
    if is_expression(value):
        yield from _REFERENCES[next(iter(value))](next(iter(value.values())))
    elif isinstance(value, dict):
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def evaluate(value: Any, scope: Scope) -> Any:
    """Return the value with every expression in it replaced by its own.

    Raises:
        ExpressionError: an expression has no value.

    """
    if is_expression(value):
        ((name, argument),) = value.items()
        try:
            return _VALUES[name](argument, scope)
        except LookupError as error:
            reason = str(error.args[0]) if error.args else type(error).__name__
            raise ExpressionError(f"{json.dumps(value)} has no value: {reason}") from error
    if isinstance(value, dict):
        return {key: evaluate(each, scope) for key, each in value.items()}
    if isinstance(value, list):
        return [evaluate(each, scope) for each in value]
    return value


def text_of(value: Any) -> str:
    """Return a value as `Std:Join` writes it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _readable(path: str, text: Any) -> None:
    try:
        paths.parse(path)
    except paths.PathError as error:
        raise ExpressionError(f"Get {text!r}: {error}") from error


def _references_of_get(argument: Any) -> Iterator[Reference]:
    yield reference(argument)


def _references_of_join(argument: Any) -> Iterator[Reference]:
    if not isinstance(argument, dict) or not isinstance(argument.get("Values"), list):
        raise ExpressionError(f"{JOIN} {argument!r} needs a list Values")
    if not isinstance(argument.get("On", ""), str):
        raise ExpressionError(f"{JOIN}: On is {argument['On']!r}; a text is needed")
    yield from references(argument["Values"])


def _references_of_json_get(argument: Any) -> Iterator[Reference]:
    if not isinstance(argument, dict) or not isinstance(argument.get("Path"), str):
        raise ExpressionError(f"{JSON_GET} {argument!r} needs a text Path")
    _readable(argument["Path"], argument["Path"])
    if ("PropertyFile" in argument) == ("S3Uri" in argument):
        raise ExpressionError(f"{JSON_GET} {argument!r} needs either PropertyFile or S3Uri")
    if "S3Uri" in argument:
        yield from references(argument["S3Uri"])
        return
    given = argument["PropertyFile"]
    named = reference(given[GET]) if is_expression(given) and GET in given else None
    if named is None or not named.property_file:
        raise ExpressionError(f"{JSON_GET}: PropertyFile is {given!r}; Get Steps.<name>.PropertyFiles.<name>")
    yield named


def _value_of_get(argument: str, scope: Scope) -> Any:
    named = reference(argument)
    if named.kind == PARAMETERS:
        return scope.parameter(named.name)
    if named.kind == EXECUTION:
        return scope.variable(named.name)
    return scope.properties(named.name, paths.parse(named.path))


def _value_of_join(argument: Mapping[str, Any], scope: Scope) -> str:
    values = [evaluate(each, scope) for each in argument["Values"]]
    return str(argument.get("On", "")).join(text_of(each) for each in values)


def _value_of_json_get(argument: Mapping[str, Any], scope: Scope) -> Any:
    if "S3Uri" in argument:
        document = scope.document(text_of(evaluate(argument["S3Uri"], scope)))
    else:
        named = reference(argument["PropertyFile"][GET])
        document = scope.property_file(named.name, named.property_file)
    return paths.follow(document, paths.parse(argument["Path"]))


_REFERENCES: dict[str, Callable[[Any], Iterator[Reference]]] = {
    GET: _references_of_get,
    JOIN: _references_of_join,
    JSON_GET: _references_of_json_get,
}
_VALUES: dict[str, Callable[[Any, Scope], Any]] = {
    GET: _value_of_get,
    JOIN: _value_of_join,
    JSON_GET: _value_of_json_get,
}
