"""What the linter looks at, whoever declared it: a spec in YAML, a call of the SageMaker SDK, a request.

Every declared value carries the place where it stands, so that a finding points at the line to change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagewind.lint.finding import Place


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A value and where it was declared."""

    value: Any
    place: Place


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric definition: SageMaker searches `regex` in each line of the log and takes its first group."""

    name: str
    regex: str
    place: Place


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as boto3 takes it, checked against the shape that botocore has for `operation`."""

    operation: str
    parameters: Mapping[str, Any]
    place: Place


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One training script with what is declared about it. What is `None` is not known, and not checked.

    `hyperparameters` and `channels` map a name to its value; `framework` and `framework_version` say what the
    image brings (`sklearn`, `1.9-0`); `serves` is true when a model server is to load the script's artifact.
    """

    place: Place
    source_dir: Path | None = None
    entry_point: str | None = None
    hyperparameters: Mapping[str, Declared] | None = None
    channels: Mapping[str, Declared] | None = None
    metrics: tuple[Metric, ...] = ()
    framework: str | None = None
    framework_version: str | None = None
    names: Mapping[str, Declared] = field(default_factory=dict)
    own_name: Declared | None = None
    """The name that a spec gives its model."""
    role: Declared | None = None
    requests: tuple[Request, ...] = ()
    evaluation: Path | None = None
    """The script that measures the model, and `judged` the metrics that it is to write."""
    judged: Mapping[str, Declared] = field(default_factory=dict)
    trains: bool = True
    serves: bool = True

    @property
    def script(self) -> Path | None:
        """The file that the container runs."""
        if self.source_dir is None or self.entry_point is None:
            return None
        return self.source_dir / self.entry_point
