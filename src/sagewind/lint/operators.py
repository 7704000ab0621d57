"""Requests that DAGs by hand give to the operators for SageMaker, `config={...}`, against botocore's shapes.

The file is read, never run. What is not written as a literal, or holds a template, is not known, and not
checked; where members may come from elsewhere (`**common`, `config["Tags"] = ...`), none is missed.
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagewind.lint import shapes
from sagewind.lint.finding import Finding
from sagewind.lint.script import Module, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

OPERATIONS = {
    "SageMakerTrainingOperator": "CreateTrainingJob",
    "SageMakerTuningOperator": "CreateHyperParameterTuningJob",
    "SageMakerProcessingOperator": "CreateProcessingJob",
    "SageMakerTransformOperator": "CreateTransformJob",
    "SageMakerModelOperator": "CreateModel",
    "SageMakerEndpointConfigOperator": "CreateEndpointConfig",
    "SageMakerEndpointOperator": "CreateEndpoint",
}
"""What each operator passes its `config` to."""

PARTS = {
    "SageMakerTransformOperator": {"Model": "CreateModel", "Transform": "CreateTransformJob"},
    "SageMakerEndpointOperator": {
        "Model": "CreateModel",
        "EndpointConfig": "CreateEndpointConfig",
        "Endpoint": "CreateEndpoint",
    },
}
"""Those that take several requests in one `config`, each under a key."""

_OF_THE_HOOK = frozenset({"S3Operations"})
"""Keys that the provider's hook takes out before it calls."""

_ANYTHING: tuple[type, ...] = (bool, dict, float, int, list, str)
_KINDS: dict[str, tuple[str, tuple[type, ...]]] = {
    "string": ("a string", (str,)),
    "integer": ("an integer", (int,)),
    "long": ("an integer", (int,)),
    "float": ("a number", (int, float)),
    "double": ("a number", (int, float)),
    "boolean": ("True or False", (bool,)),
    "structure": ("a dictionary", (dict,)),
    "map": ("a dictionary", (dict,)),
    "list": ("a list", (list, tuple)),
}


def check(path: Path) -> Iterator[Finding]:
    """Yield a finding for each member of a request in a Python file that SageMaker would refuse.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: it is no Python of this interpreter.

    """
    module = parse(path)
    for name, call in module.calls():
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        operator = name.rpartition(".")[2]
        if operator in OPERATIONS and "config" in given:
            written = _Written(module=module)
            for node, operation in _requests(operator, given, written):
                for at, problem in written.check(node, shapes.input_of(operation), "", whole=True):
                    yield Finding(
                        rule="request-shape",
                        place=module.place(at),
                        what=f"{operator}: {problem}",
                        mend=f"see the request syntax of {operation} in the SageMaker API reference",
                    )


def _requests(
    operator: str, given: Mapping[str | None, ast.expr], written: _Written
) -> Iterator[tuple[ast.expr, str]]:
    """Yield each request in the `config` of an operator, with its operation."""
    operations = PARTS.get(operator, {}) | {"": OPERATIONS[operator]}
    if "operation" in given:  # of endpoints; what is computed may be either
        is_update = isinstance(given["operation"], ast.Constant) and given["operation"].value == "update"
        update = {"Endpoint": "UpdateEndpoint", "": "UpdateEndpoint"}
        operations = {key: value for key, value in operations.items() if key not in update}
        operations |= update if is_update else {}
    parts = {name: value for name, (_, value) in written.members(given["config"]).items()}
    if not parts.keys() & PARTS.get(operator, {}).keys():
        parts = {"": given["config"]}
    yield from ((value, operations[name]) for name, value in parts.items() if name in operations)


@dataclass(frozen=True, kw_only=True)
class _Written:
    """The literals of a file, names followed to where they are assigned once."""

    module: Module

    def members(self, node: ast.expr) -> dict[str, tuple[ast.expr, ast.expr]]:
        """Return the members of a dictionary whose keys are literals: each key's node, and the value's."""
        written = self._follow(node)
        pairs = zip(written.keys, written.values, strict=True) if isinstance(written, ast.Dict) else ()
        return {
            key.value: (key, value)
            for key, value in pairs
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }

    def check(self, node: ast.expr, shape: Any, path: str, *, whole: bool) -> Iterator[tuple[ast.expr, str]]:
        """Yield what is wrong with a value at `path` of a request, and where.

        `whole` tells that nothing is put into what holds it, once it is made.
        """
        value = self._follow(node)
        whole = whole and self._is_whole(node)
        match shape.type_name, value:
            case "structure", ast.Dict():
                yield from self._structure(value, shape, path, whole=whole)
            case "map", ast.Dict():
                for name, (_, member) in self.members(value).items():
                    yield from self.check(member, shape.value, f"{path}[{name!r}]", whole=whole)
            case "list", ast.List() | ast.Tuple():
                for index, member in enumerate(value.elts):
                    yield from self.check(member, shape.member, f"{path}[{index}]", whole=whole)
            case _, ast.Constant() | ast.UnaryOp() | ast.Dict() | ast.List():
                yield from ((value, problem) for problem in _judge(value, shape, path))

    def _follow(self, node: ast.expr) -> ast.expr:
        value = self.module.assigned(node.id) if isinstance(node, ast.Name) else None
        return node if value is None else value

    def _is_whole(self, node: ast.expr) -> bool:
        """Tell whether a name is only assigned and given: members may be put in where it is used again."""
        if not isinstance(node, ast.Name):
            return True
        uses = [each for each in self.module.nodes if isinstance(each, ast.Name) and each.id == node.id]
        return len(uses) == 2  # noqa: PLR2004

    def _structure(
        self, node: ast.Dict, shape: Any, path: str, *, whole: bool
    ) -> Iterator[tuple[ast.expr, str]]:
        members = self.members(node)
        at = f"{path}." if path else ""
        for name, (key, value) in members.items():
            if name in shape.members:
                yield from self.check(value, shape.members[name], f"{at}{name}", whole=whole)
            elif path or name not in _OF_THE_HOOK:
                near = difflib.get_close_matches(name, shape.members, n=1)
                allowed = f"did you mean {near[0]!r}?" if near else f"allowed are {', '.join(shape.members)}"
                yield key, f"{at}{name} is no member of {shape.name}; {allowed}"
        if whole and members and len(members) == len(node.keys):
            for name in shape.required_members:
                if name not in members:
                    yield node, f"{at}{name} is missing; {shape.name} requires it"


def _judge(node: ast.expr, shape: Any, path: str) -> Iterator[str]:
    """Yield what is wrong with a literal."""
    allowed, types = _KINDS.get(shape.type_name, ("", _ANYTHING))
    if isinstance(node, ast.Dict | ast.List):
        kind = dict if isinstance(node, ast.Dict) else list
        if kind not in types:
            yield f"{path} is {ast.unparse(node)[:60]}; expected {allowed}"
        return
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return
    if value is None or _is_made(value, types):
        return
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        yield f"{path} is {value!r}; expected {allowed}"
    elif not path.endswith("RoleArn") or ":" in str(value):  # else a role's name, which the hook looks up
        yield from shapes.limits(value, shape, path)


def _is_made(value: Any, types: tuple[type, ...]) -> bool:
    """Tell whether a value is a template, or a number as text, of which the operators make one."""
    return isinstance(value, str) and ("{{" in value or "{%" in value or (int in types and value.isdecimal()))
