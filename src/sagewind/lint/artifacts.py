"""Where the script saves its model: only `SM_MODEL_DIR` becomes `model.tar.gz`.

A path that cannot be followed to where it starts (`origins`) is not judged, and neither is a file that is
moved into the model's folder later.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sagewind.lint import arguments, moves, origins
from sagewind.lint.finding import Finding, Severity
from sagewind.lint.script import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sagewind.lint.arguments import Parser
    from sagewind.lint.finding import Place
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
    "onnx.save": 1,
    "tf.saved_model.save": 1,
    "save_model": 0,
    "save_pretrained": 0,
    "export_saved_model": 0,
}

_PATHS = frozenset({"f", "file", "filename", "fname", "path", "save_directory"})
"""Keywords that these calls have for it."""

_PICKLES = frozenset({"pickle.dump", "cloudpickle.dump", "dump"})
"""Calls that as often save what is no model."""

_OPENERS = frozenset({"bz2", "codecs", "gzip", "io", "lzma", "os", "smart_open", "fsspec"})


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One saving call; `start` is where its path starts, `None` when that is not known."""

    name: str
    start: str | None
    place: Place


@dataclass(frozen=True, kw_only=True)
class Later:
    """What becomes of files once they are saved: moved from one start to another, or read again."""

    moved: tuple[tuple[str | None, str | None], ...]
    read: frozenset[str]
    leaves: bool
    """The working directory is changed, and relative paths are not known."""


def check(subject: Subject, script: Script) -> Iterator[Finding]:
    """Yield a finding for each model file that SageMaker will not keep, or for a script that saves none."""
    if not subject.trains:
        return
    parser = arguments.read(script, given=subject.hyperparameters or ())
    saved = [each for module in script.modules for each in _saved(module, parser)]
    later = _later(script, parser)
    keeps = any(_is_kept(each.start) for each in saved)
    for each in saved:
        severity = _severity(each, later, keeps=keeps)
        if severity is not None:
            yield Finding(
                rule="artifact-outside",
                place=each.place,
                what=f"{each.name} writes to {each.start!r}, which is gone when the job ends",
                mend="save under os.environ['SM_MODEL_DIR'] (/opt/ml/model)",
                severity=severity,
            )
    uses = script.mentions("SM_MODEL_DIR", "/opt/ml/model") or script.asks_toolkit("model_dir")
    if subject.serves and not saved and not uses:
        yield Finding(
            rule="artifact-missing",
            place=subject.place if subject.script is None else script.entry.place(script.entry.tree),
            what=f"{script.entry.path.name} never uses SM_MODEL_DIR: model.tar.gz will be empty",
            mend="save the model under os.environ['SM_MODEL_DIR']",
        )


def _severity(saved: Saved, later: Later, *, keeps: bool) -> Severity | None:
    """Return how wrong it is to save there; `None` where it is right, or the path cannot be followed."""
    start = saved.start
    if start is None or _may_keep(start) or (later.leaves and not start.startswith("/")):
        return None
    if any(source and _within(source, start) and _may_keep(target) for source, target in later.moved):
        return None
    if keeps and any(_within(source, start) for source in later.read):
        return None  # a checkpoint: the best epoch, which the model that is kept was made of
    unclear = (keeps and saved.name in _PICKLES) or any(
        source is None and _is_kept(target) for source, target in later.moved
    )
    return Severity.WARNING if unclear else Severity.ERROR


def _later(script: Script, parser: Parser | None) -> Later:
    moved: list[tuple[str | None, str | None]] = []
    read: set[str | None] = set()
    for module in script.modules:
        trail = origins.Trail(module=module, parser=parser)
        moved += [(trail.start(source), trail.start(target)) for source, target in moves.moves(module)]
        moved += [(trail.start(path), None) for path in moves.passed_on(module)]
        read |= {trail.start(_file(path, module)) for path in moves.reads(module)}
    leaves = any(name in {"os.chdir", "chdir"} for module in script.modules for name, _ in module.calls())
    return Later(moved=tuple(moved), read=frozenset(each for each in read if each), leaves=leaves)


def _is_kept(start: str | None) -> bool:
    return start is not None and any(mark in start for mark in KEPT)


def _may_keep(target: str | None) -> bool:
    """Tell whether a start may lead to what is kept, as `/opt/ml` may."""
    return target is None or _is_kept(target) or any(f"{mark}/".startswith(target) for mark in KEPT)


def _within(one: str, other: str) -> bool:
    """Tell whether one of two paths is the other, or a folder above it: only their starts are known."""
    a, b = PurePosixPath(one), PurePosixPath(other)
    return a.is_relative_to(b) or b.is_relative_to(a)


def _saved(module: Module, parser: Parser | None) -> Iterator[Saved]:
    trail = origins.Trail(module=module, parser=parser)
    for name, call in module.calls():
        path = _path_of(name, call, module)
        if path is not None:
            yield Saved(name=name, start=trail.start(path), place=module.place(call))


def _path_of(name: str, call: ast.Call, module: Module) -> ast.expr | None:
    last = name.rsplit(".", maxsplit=1)[-1]
    position = SAVERS.get(name, SAVERS.get(last) if last.startswith(("save_", "export_")) else None)
    if position is None or (name == "dump" and not _from_joblib(module)):
        return None
    named = [keyword.value for keyword in call.keywords if keyword.arg in _PATHS]
    path = next(iter([*call.args[position : position + 1], *named]), None)
    return None if path is None else _file(path, module)


def _file(path: ast.expr, module: Module) -> ast.expr:
    """Return the path of a file that is given as a path, or opened."""
    opened = (module.opened(path.id) or module.assigned(path.id)) if isinstance(path, ast.Name) else path
    if not isinstance(opened, ast.Call) or not dotted(opened.func).endswith("open"):
        return path
    if isinstance(opened.func, ast.Attribute) and dotted(opened.func.value) not in _OPENERS:
        return opened.func.value  # path.open("wb")
    return opened.args[0] if opened.args else path


def _from_joblib(module: Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom) and node.module in {"joblib", "pickle"} for node in module.nodes
    )
