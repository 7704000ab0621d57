"""A model's spec as frozen, checked values.

A spec says what is trained, with what, and where it goes; it says nothing of Airflow or of a run. Values
check themselves when made, so a spec that exists is a spec that holds. `load` makes one from YAML and adds
the file and line to what is raised here.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping  # noqa: TC003 - `load` reads the annotations when it runs
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003
from typing import Any

from sagewind.errors import SagewindError

NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
"""What SageMaker allows in a name (API reference, CreateTrainingJob: TrainingJobName), but for the length."""

INSTANCE = r"ml\.[a-z0-9-]+\.[a-z0-9]+"
S3_URI = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?"


class SpecError(SagewindError, ValueError):
    """A value of the spec is not allowed; `key` says where in the spec it stands (`training.volume_gb`)."""

    def __init__(self, key: str, value: object, allowed: str) -> None:
        super().__init__(f"{key} is {value!r}; allowed is {allowed}")
        self.key = key
        self.value = value
        self.allowed = allowed


@dataclass(frozen=True)
class Rule:
    """What a field allows beyond its type."""

    pattern: str | None = None
    one_of: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    longest: int | None = None
    says: str = ""
    """The rule in words, for the error."""

    def broken_by(self, value: object) -> str | None:
        """Return what would be allowed when `value` breaks the rule, else None."""
        if isinstance(value, str):
            return self._text_broken_by(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            below = self.minimum is not None and value < self.minimum
            above = self.maximum is not None and value > self.maximum
            return f"a number {self._range()}" if below or above else None
        return None

    def _text_broken_by(self, value: str) -> str | None:
        if self.one_of and value not in self.one_of:
            return "one of " + ", ".join(self.one_of)
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            return self.says or f"text of the form {self.pattern}"
        if self.longest is not None and len(value) > self.longest:
            return f"at most {self.longest} characters"
        return None

    def _range(self) -> str:
        if self.maximum is None:
            return f"from {self.minimum:g}"
        if self.minimum is None:
            return f"up to {self.maximum:g}"
        return f"from {self.minimum:g} to {self.maximum:g}"


def rule(default: Any = dataclasses.MISSING, **limits: Any) -> Any:
    """Declare a dataclass field with a `Rule`; without a default the key is required."""
    return field(default=default, metadata={"rule": Rule(**limits)})


def check(value: Any) -> None:
    """Hold every field of a spec value to its rule.

    Raises:
        SpecError: a field breaks its rule.

    """
    for each in dataclasses.fields(value):
        limits = each.metadata.get("rule")
        allowed = limits.broken_by(getattr(value, each.name)) if limits else None
        if allowed:
            raise SpecError(each.name, getattr(value, each.name), allowed)


class Checked:
    """Base of the spec's values: checks the fields when made."""

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True, kw_only=True)
class Image(Checked):
    """Which of Amazon's prebuilt images the model uses; `images.uri` turns it into an address."""

    framework: str = rule("scikit-learn", one_of=("scikit-learn",))
    version: str = rule(pattern=r"[0-9][0-9A-Za-z.-]*", says="a version such as 1.9-0")
    python: str = rule("py3", pattern=r"py3[0-9]*", says="py3, or a version such as py312")


@dataclass(frozen=True, kw_only=True)
class Source(Checked):
    """The code that runs inside the container."""

    directory: str = rule(longest=1024)
    """A folder, relative to the spec's own; or the S3 address of a `sourcedir.tar.gz` there."""
    entry_point: str = rule("train.py", pattern=r"[\w./-]+\.py", says="the path of a .py file in the folder")


@dataclass(frozen=True, kw_only=True)
class Data(Checked):
    """The training table: a CSV file with a header."""

    file: str = rule(longest=1024)
    """Relative to the spec's own folder; it travels with the DAGs. A run may name another on S3."""
    target: str = rule(longest=256)
    """The column that is predicted."""


@dataclass(frozen=True, kw_only=True)
class Hyperparameter(Checked):
    """One hyperparameter: what the script takes, and what the trigger form offers."""

    name: str = rule(pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*", longest=256, says="letters, digits, _ . -")
    default: str | int | float
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    fixed: bool = False
    """Sent to the script, but not offered in the form."""
    title: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = Rule(minimum=self.minimum, maximum=self.maximum, one_of=self.choices)
        allowed = limits.broken_by(self.default)
        if allowed:
            raise SpecError("default", self.default, allowed)


@dataclass(frozen=True, kw_only=True)
class Metric(Checked):
    """A metric that SageMaker reads from the script's output: the first group of the pattern is its value."""

    name: str = rule(pattern=r".+", longest=255)
    regex: str = rule(longest=500)

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            groups = re.compile(self.regex).groups
        except re.error as error:
            raise SpecError("regex", self.regex, f"a regular expression ({error})") from None
        if groups != 1:
            raise SpecError("regex", self.regex, f"a regular expression with one group; it has {groups}")


@dataclass(frozen=True, kw_only=True)
class Training(Checked):
    """The machine of the training job."""

    instance_type: str = rule("ml.m5.large", pattern=INSTANCE, says="an instance type such as ml.m5.large")
    instance_count: int = rule(1, minimum=1, maximum=100)
    volume_gb: int = rule(10, minimum=1, maximum=16384)
    max_runtime_seconds: int = rule(3600, minimum=60, maximum=2419200)
    instance_types: tuple[str, ...] = ()
    """What the trigger form offers beside `instance_type`."""


@dataclass(frozen=True, kw_only=True)
class Endpoint(Checked):
    """Where the model answers."""

    name: str = rule("", pattern=f"({NAME})?", longest=63, says="letters, digits and inner hyphens")
    """Empty: the model's name."""
    instance_type: str = rule("ml.m5.large", pattern=INSTANCE, says="an instance type such as ml.m5.large")
    instance_count: int = rule(1, minimum=1, maximum=100)


@dataclass(frozen=True, kw_only=True)
class Transform(Checked):
    """The machine and the manner of batch scoring."""

    instance_type: str = rule("ml.m5.large", pattern=INSTANCE, says="an instance type such as ml.m5.large")
    instance_count: int = rule(1, minimum=1, maximum=100)
    max_payload_mb: int = rule(6, minimum=1, maximum=100)
    strategy: str = rule("MultiRecord", one_of=("MultiRecord", "SingleRecord"))
    max_runtime_seconds: int = rule(3600, minimum=60, maximum=2419200)


@dataclass(frozen=True, kw_only=True)
class Account(Checked):
    """Whose AWS account it runs in. Empty values are found out at run time."""

    role: str = rule("SageMakerRole", pattern=r"[\w+=,.@/:-]+", says="a role's name or ARN", longest=2048)
    """What the jobs may do. A name becomes an ARN of the caller's account."""
    bucket: str = rule("", pattern=r"([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?", says="a bucket's name")
    """Empty: `sagemaker-<region>-<account>`, as the SageMaker SDK names it."""


@dataclass(frozen=True, kw_only=True)
class Model(Checked):
    """The whole spec of one model."""

    name: str = rule(pattern=NAME, longest=32, says="letters, digits and inner hyphens")
    description: str = ""
    schedule: str = rule("", longest=256)
    """Cron, UTC: when to train. Empty: only on demand."""
    score_schedule: str = rule("0 0 * * *", longest=256)
    """Cron, UTC: when to score; one partition for each interval."""
    image: Image
    source: Source
    data: Data
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    metrics: Mapping[str, Metric]
    training: Training = field(default_factory=Training)
    endpoint: Endpoint = field(default_factory=Endpoint)
    transform: Transform = field(default_factory=Transform)
    account: Account = field(default_factory=Account)
    tags: Mapping[str, str] = field(default_factory=dict)
    poll_seconds: int = rule(30, minimum=1, maximum=3600)
    """How often a waiting task asks AWS; one second when SageMaker is local."""
    path: Path | None = None
    """The file that it was loaded from; `load` sets it, a spec may not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.metrics:
            raise SpecError("metrics", {}, "at least one metric: a run without one cannot be judged")

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name: the spec's, or the model's."""
        return self.endpoint.name or self.name

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Every training instance type that the form offers, the default first."""
        return tuple(dict.fromkeys((self.training.instance_type, *self.training.instance_types)))
