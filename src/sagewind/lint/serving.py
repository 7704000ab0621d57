"""What a model server needs of the script: `model_fn`, and a module that can be imported without training.

https://sagemaker.readthedocs.io/en/v2.23.4.post0/frameworks/sklearn/using_sklearn.html#load-a-model
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sagewind.lint.finding import Finding, Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.script import Script
    from sagewind.lint.subject import Subject

NEEDS_MODEL_FN = frozenset({"sklearn"})
"""Frameworks whose server has no default `model_fn`; PyTorch, XGBoost, MXNet and TensorFlow have one."""


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield findings about the four functions of the model server."""
    if not subject.serves:
        return
    functions = script.functions()
    if subject.framework in NEEDS_MODEL_FN and "model_fn" not in functions and not _stars(script):
        yield Finding(
            rule="model-fn-missing",
            place=Place(file=script.entry.path),
            what=f"{script.entry.path.name} defines no model_fn, and the {subject.framework} server has no"
            " default: no endpoint and no batch transform of this model can start",
            mend="define model_fn(model_dir) that loads what the training saved",
        )
    if "transform_fn" in functions:
        for name in ("input_fn", "predict_fn", "output_fn"):
            if name in functions:
                yield Finding(
                    rule="transform-fn-excludes",
                    place=functions[name],
                    what=f"{name} and transform_fn are both defined, and the server accepts only one",
                    mend=f"drop transform_fn, or move {name} into it",
                )
    if "model_fn" in functions:
        yield from _trains_when_imported(script)


def _stars(script: Script) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        for node in script.entry.tree.body
    )


def _trains_when_imported(script: Script) -> Iterator[Finding]:
    for statement in script.entry.tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.If):
            continue
        for node in ast.walk(statement):
            called = (
                node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
            )
            if called in {"parse_args", "parse_known_args"}:
                yield Finding(
                    rule="main-guard",
                    place=script.entry.place(node),
                    what="the script parses its command line when it is imported, and the model server"
                    " imports it to find model_fn",
                    mend='put the training under: if __name__ == "__main__":',
                )
                return
