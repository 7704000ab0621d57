"""Subjects from Python files that call the SageMaker SDK, version 2: `SKLearn(...)`, `.fit(...)`.

The file is read, never run. What is not written as a literal is not known, and not checked.
"""

from __future__ import annotations

import ast
import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any

from sagewind.lint.script import dotted, parse
from sagewind.lint.subject import Declared, Metric, Subject

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from sagewind.lint.script import Module

ESTIMATORS = {
    "SKLearn": "sklearn",
    "XGBoost": "xgboost",
    "PyTorch": "pytorch",
    "TensorFlow": "tensorflow",
    "MXNet": "mxnet",
    "HuggingFace": "pytorch",
    "Estimator": None,
}
MODELS = {f"{name}Model": framework for name, framework in ESTIMATORS.items() if framework}


def read(path: Path, text: str | None = None) -> tuple[Subject, ...]:
    """Return one subject for each estimator or model that the file constructs.

    `text` replaces the file's content; line numbers and relative paths stay those of `path`.

    Raises:
        OSError: the file cannot be read.
        SyntaxError: it is no Python of this interpreter.

    """
    return tuple(_subjects(parse(path, text)))


def _subjects(module: Module) -> Iterator[Subject]:
    fits = _fits(module)
    owners = {id(node.value): _target(node) for node in module.nodes if isinstance(node, ast.Assign)}
    for name, call in module.calls():
        kind = name.rsplit(".", maxsplit=1)[-1]
        if kind not in ESTIMATORS and kind not in MODELS:
            continue
        given = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if "entry_point" not in given:
            continue
        subject = _subject(module, call, given)
        if kind in MODELS:
            yield dataclasses.replace(subject, framework=MODELS[kind], trains=False)
            continue
        channels = _channels(module, fits.get(owners.get(id(call)) or ""))
        yield dataclasses.replace(subject, framework=ESTIMATORS[kind], channels=channels)


def _target(node: ast.Assign) -> str | None:
    return node.targets[0].id if isinstance(node.targets[0], ast.Name) else None


def _fits(module: Module) -> dict[str, ast.Call]:
    """Return what is fitted by a name that stands for one estimator, and once."""
    calls = [(name.removesuffix(".fit"), call) for name, call in module.calls() if name.endswith(".fit")]
    times = Counter(name for name, _ in calls)
    return {name: call for name, call in calls if times[name] == 1 and module.bindings(name) <= 1}


def _subject(module: Module, call: ast.Call, given: Mapping[str, ast.expr]) -> Subject:
    folder = _text(given.get("source_dir")) if "source_dir" in given else "."
    entry = _text(given.get("entry_point"))
    local = folder is not None and not folder.startswith("s3://")
    names = {
        kind: declared
        for kind, key in (("base_job_name", "base_job_name"), ("ModelName", "name"))
        if (declared := _declared(module, given.get(key))) is not None
    }
    return Subject(
        place=module.place(call),
        source_dir=_find(module.path, folder) if local and folder is not None else None,
        entry_point=entry,
        hyperparameters=_mapping(module, given.get("hyperparameters")),
        metrics=tuple(_metrics(module, given.get("metric_definitions"))),
        framework_version=_text(given.get("framework_version")),
        names=names,
        role=_declared(module, given.get("role")),
    )


def _find(file: Path, folder: str) -> Path:
    """Resolve `source_dir` as a notebook would see it: beside the file, or above it."""
    candidates = [parent / folder for parent in file.absolute().parents[:3]]
    found = next((candidate for candidate in candidates if candidate.is_dir()), candidates[0])
    return file.parent / folder if found == candidates[0] else found.resolve()


def _channels(module: Module, fit: ast.Call | None) -> dict[str, Declared] | None:
    if fit is None:
        return None
    inputs = next((k.value for k in fit.keywords if k.arg == "inputs"), fit.args[0] if fit.args else None)
    if isinstance(inputs, ast.Constant) and isinstance(inputs.value, str):
        # A plain URI becomes the channel "training".
        return {"training": Declared(value=inputs.value, place=module.place(inputs))}
    return _mapping(module, inputs)


def _mapping(module: Module, node: ast.expr | None) -> dict[str, Declared] | None:
    """Return a literal dictionary's entries; `None` when it, or a key of it, is computed."""
    if isinstance(node, ast.Name):
        node = _assigned(module, node.id)
    if isinstance(node, ast.Call) and dotted(node.func) == "dict" and not node.args:
        node = ast.Dict(keys=[_key(each) for each in node.keywords], values=[k.value for k in node.keywords])
    if not isinstance(node, ast.Dict):
        return None
    found: dict[str, Declared] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if not isinstance(key, ast.Constant) or not isinstance(key.value, str):
            return None
        found[key.value] = Declared(value=_value(value), place=module.place(key))
    return found


def _key(keyword: ast.keyword) -> ast.expr | None:
    return ast.copy_location(ast.Constant(keyword.arg), keyword) if keyword.arg else None


def _assigned(module: Module, name: str) -> ast.expr | None:
    values = [node.value for node in module.nodes if isinstance(node, ast.Assign) and _target(node) == name]
    return values[0] if len(values) == 1 else None


def _metrics(module: Module, node: ast.expr | None) -> Iterator[Metric]:
    for item in node.elts if isinstance(node, ast.List | ast.Tuple) else ():
        fields = _mapping(module, item) or {}
        name, regex = fields.get("Name"), fields.get("Regex")
        if name and regex and isinstance(name.value, str) and isinstance(regex.value, str):
            yield Metric(name=name.value, regex=regex.value, place=regex.place)


def _declared(module: Module, node: ast.expr | None) -> Declared | None:
    text = _text(node)
    return None if text is None or node is None else Declared(value=text, place=module.place(node))


def _text(node: ast.expr | None) -> str | None:
    value = _value(node)
    return value if isinstance(value, str) else None


def _value(node: ast.expr | None) -> Any:
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None
