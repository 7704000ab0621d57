"""Where the script saves its model: only `SM_MODEL_DIR` becomes `model.tar.gz`.

A path that cannot be followed to where it starts (`origins`) is not judged.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from sagewind.lint import arguments, origins
from sagewind.lint.finding import Finding
from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.script import Module, Script
    from sagewind.lint.subject import Subject

KEPT = (
    "SM_MODEL_DIR",
    "SM_OUTPUT_DATA_DIR",
    "SM_OUTPUT_DIR",
    "SM_CHECKPOINT",
    "/opt/ml/model",
    "/opt/ml/output",
    "/opt/ml/checkpoints",
)
"""What SageMaker uploads when the job ends; model files belong in the first."""

# A saving call and the position of its path: joblib.dump(model, path), model.save_model(path).
SAVERS = {
    "joblib.dump": 1,
    "torch.save": 1,
    "dump": 1,
    "pickle.dump": 1,
    "cloudpickle.dump": 1,
    "skops.io.dump": 1,
    "save_model": 0,
    "save_pretrained": 0,
    "export_saved_model": 0,
}


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield a finding for each model file that SageMaker will not keep, or for a script that saves none."""
    if not subject.trains:
        return
    parser = arguments.read(script)
    saves = 0
    for module in script.modules:
        for name, call in module.calls():
            path = _path_of(name, call, module)
            if path is None:
                continue
            saves += 1
            origin = origins.Trail(module=module, parser=parser).start(path)
            if origin is not None and not any(mark in origin for mark in KEPT):
                yield Finding(
                    rule="artifact-outside",
                    place=module.place(call),
                    what=f"{name} writes to {origin!r}, which is gone when the job ends",
                    mend="save under os.environ['SM_MODEL_DIR'] (/opt/ml/model)",
                )
    if subject.serves and not saves and not script.mentions("SM_MODEL_DIR", "/opt/ml/model"):
        yield Finding(
            rule="artifact-missing",
            place=subject.place if subject.script is None else script.entry.place(script.entry.tree),
            what=f"{script.entry.path.name} never uses SM_MODEL_DIR: model.tar.gz will be empty",
            mend="save the model under os.environ['SM_MODEL_DIR']",
        )


def _path_of(name: str, call: ast.Call, module: Module) -> ast.expr | None:
    last = name.rsplit(".", maxsplit=1)[-1]
    position = SAVERS.get(name, SAVERS.get(last) if last.startswith(("save_", "export_")) else None)
    if position is None or (name == "dump" and not _from_joblib(module)) or len(call.args) <= position:
        return None
    path = call.args[position]
    if isinstance(path, ast.Call) and dotted(path.func) == "open" and path.args:
        return path.args[0]
    if isinstance(path, ast.Name):
        return _opened(path.id, module) or path
    return path


def _from_joblib(module: Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module in {"joblib", "pickle"}
        for node in ast.walk(module.tree)
    )


def _opened(name: str, module: Module) -> ast.expr | None:
    """Return the path of `with open(path) as name`."""
    for node in ast.walk(module.tree):
        if (
            isinstance(node, ast.withitem)
            and isinstance(node.optional_vars, ast.Name)
            and node.optional_vars.id == name
        ):
            call = node.context_expr
            if isinstance(call, ast.Call) and dotted(call.func).endswith("open"):
                return call.args[0] if call.args else getattr(call.func, "value", None)
    return None
