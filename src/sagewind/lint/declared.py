"""Subjects from a model's spec in YAML, each value with the line where it stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from sagewind import load
from sagewind.lint.finding import Place
from sagewind.lint.subject import Declared, Metric, Subject

if TYPE_CHECKING:
    from pathlib import Path

    from sagewind import spec

FRAMEWORKS = {"scikit-learn": "sklearn"}
CHANNELS = ("train",)
"""The channels that the requests made of a spec have."""


def read(path: Path) -> Subject:
    """Return the subject that a spec file declares.

    Raises:
        load.LoadError: the file is no spec.

    """
    return subject(load.load(path), path)


def subject(model: spec.Model, path: Path) -> Subject:
    """Return the subject of a loaded spec; `path` is where it was loaded from."""
    lines = _lines(path)

    def at(*keys: str) -> Place:
        nearest = next((keys[:n] for n in range(len(keys), 0, -1) if keys[:n] in lines), ())
        return Place(file=path, line=lines.get(nearest, 1))

    def declared(value: object, *keys: str) -> Declared:
        return Declared(value=value, place=at(*keys))

    tuned = model.tuning.ranges if model.tuning else {}
    folder = load.source_directory(model)
    measures = folder is not None and model.gate.has_rules and model.evaluates_by_script
    return Subject(
        place=at("source", "entry_point"),
        source_dir=folder,
        entry_point=model.source.entry_point,
        hyperparameters={
            each.name: declared(each.default, "hyperparameters", key)
            for key, each in model.hyperparameters.items()
        }
        | {key: declared(each.minimum, "tuning", "ranges", key) for key, each in tuned.items()},
        channels={name: declared(model.data.file, "data", "file") for name in CHANNELS},
        metrics=tuple(
            Metric(name=each.name, regex=each.regex, place=at("metrics", key, "regex"))
            for key, each in model.metrics.items()
        ),
        framework=FRAMEWORKS.get(model.image.framework, model.image.framework),
        framework_version=model.image.version,
        evaluation=folder / model.evaluation.entry_point if folder and measures else None,
        judged={
            key: declared(each, "gate", "thresholds", key) for key, each in model.gate.thresholds.items()
        },
        own_name=declared(model.name, "name"),
        names={"EndpointName": declared(model.endpoint_name, "endpoint", "name")},
        # A spec's role may be a bare name: it becomes an ARN of the caller's account without any IAM call.
        role=declared(model.account.role, "account", "role") if ":" in model.account.role else None,
    )


def _lines(path: Path) -> dict[tuple[str, ...], int]:
    root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    found: dict[tuple[str, ...], int] = {}
    waiting: list[tuple[tuple[str, ...], yaml.Node | None]] = [((), root)]
    while waiting:
        keys, node = waiting.pop()
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                found[(*keys, str(key.value))] = key.start_mark.line + 1
                waiting.append(((*keys, str(key.value)), value))
    return found
