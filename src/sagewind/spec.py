"""A model's spec as frozen, checked values.

A spec says what is trained, with what, and where it goes; it says nothing of Airflow or of a run. Values
check themselves when made, so a spec that exists is a spec that holds. `load` makes one from YAML and adds
the file and line to what is raised here. The sections about the life of a model are in `sections`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping  # noqa: TC003 - `load` reads the annotations when it runs
from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003

from sagewind import sections, sources
from sagewind.rules import Checked, Rule, SpecError, once, plain, rule
from sagewind.sections import INSTANCE, NAME

__all__ = ["INSTANCE", "NAME", "SpecError"]

SCRIPTED = ("scikit-learn",)
"""Frameworks whose images run a script of the user's."""
ALGORITHMS = ("xgboost",)
"""Images that are an algorithm of Amazon's own when they are given no script."""

CRON = r"@(hourly|daily|weekly|monthly|yearly)|([\d*/,a-zA-Z#?-]+ ){4}[\d*/,a-zA-Z#?-]+"
# The API reference's Tag: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_Tag.html
_TAG_VALUE = r"[\w\s_.:/=+\-@]{0,256}"
_TAG_KEY = r"(?!aws:)[\w\s_.:/=+\-@]{1,128}"
_A_TAG = (
    "letters, digits, blanks and _ . : / = + - @, at most 128 in the key and 256 in the value; "
    "keys that begin with aws: are Amazon's"
)
_A_CRON = "five fields of cron such as 0 3 * * 1, or @hourly, @daily, @weekly, @monthly, @yearly"
_RESOURCES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")
"""Hyperparameters by one of which SageMaker knows how far Hyperband goes.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperbandStrategyConfig.html
"""


@dataclass(frozen=True, kw_only=True)
class Image(Checked):
    """Which of Amazon's prebuilt images the model uses; `images.uri` turns it into an address."""

    framework: str = rule("scikit-learn", one_of=(*SCRIPTED, *ALGORITHMS))
    version: str = rule(pattern=r"[0-9][0-9A-Za-z.-]*", says="a version such as 1.9-0")
    python: str = rule("py3", pattern=r"py3[0-9]*", says="py3, or a version such as py312")


@dataclass(frozen=True, kw_only=True)
class Source(Checked):
    """The code that runs inside the container."""

    directory: str = rule("", longest=1024)
    """A folder, relative to the spec's own; or the S3 address of a `sourcedir.tar.gz` there. Empty: the
    image's own algorithm."""
    entry_point: str = rule("train.py", pattern=r"[\w./-]+\.py", says="the path of a .py file in the folder")


@dataclass(frozen=True, kw_only=True)
class Data(Checked):
    """The training table: a CSV file with a header."""

    file: str = rule(longest=1024)
    """Relative to the spec's own folder; it travels with the DAGs. A run may name another on S3."""
    target: str = rule(longest=256)
    """The column that is predicted."""
    id_column: str = rule("", longest=256)
    """The column that names a row; it is no feature. Empty: rows are named by their number."""
    history: str = rule("", pattern=r"([\w./=-]+/)?", says="a prefix such as history/")
    """Below `s3://<bucket>/<model>/`: partitions `ds=YYYY-MM-DD/` of rows. A run is trained on those that
    ended by its data interval's end. Empty: on `file`."""
    window_days: int = rule(0, minimum=0, maximum=36500)
    """Of the history, or of what landed, only so many days before the interval's end. 0: all."""
    dynamodb: sources.DynamoDB | None = None
    """The rows are this table's items; `file` names the columns."""
    landing: sources.Landing | None = None
    """The rows are what Firehose landed, by the end of the run's data interval; `file` names the columns."""
    starts_training: bool = False
    """Whether an event of the asset `<model>_data`, raised by whoever lands data, starts a training."""

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {"history": self.history, "dynamodb": self.dynamodb, "landing": self.landing}
        named = [key for key, value in given.items() if value]
        if len(named) > 1:
            raise SpecError(
                named[1], "given", f"only one of history, dynamodb and landing; {named[0]} is there"
            )


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
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise SpecError("minimum", self.minimum, f"at most the maximum, {plain(self.maximum)}")
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
    ttl_hours: float = rule(0.0, minimum=0, maximum=8760)
    """After so many hours the janitor may delete it. 0: it stays."""
    temporary: bool = False
    """Whether the run that made it deletes it when it ends, also when it fails."""
    capture_percent: int = rule(0, minimum=0, maximum=100)
    """The share of requests that SageMaker writes to `capture/`."""


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
    kms_key: str = rule("", longest=2048)
    """Encrypts artifacts, outputs and volumes. Empty: as the bucket does."""
    subnets: tuple[str, ...] = ()
    """Of the VPC that the jobs and the models run in."""
    security_groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if bool(self.subnets) != bool(self.security_groups):
            missing = "security_groups" if self.subnets else "subnets"
            raise SpecError(missing, (), "at least one: a VPC needs both subnets and security_groups")


@dataclass(frozen=True, kw_only=True)
class Model(Checked):
    """The whole spec of one model."""

    name: str = rule(pattern=NAME, longest=32, says="letters, digits and inner hyphens")
    description: str = ""
    schedule: str = rule("", pattern=f"({CRON})?", longest=256, says=_A_CRON)
    """Cron, UTC: when to train. Empty: only on demand."""
    score_schedule: str = rule("0 0 * * *", pattern=CRON, longest=256, says=_A_CRON)
    """Cron, UTC: when to score; one partition for each interval."""
    image: Image
    source: Source = field(default_factory=once(Source))
    data: Data
    hyperparameters: Mapping[str, Hyperparameter] = field(default_factory=dict)
    metrics: Mapping[str, Metric]
    training: Training = field(default_factory=once(Training))
    endpoint: Endpoint = field(default_factory=once(Endpoint))
    transform: Transform = field(default_factory=once(Transform))
    account: Account = field(default_factory=once(Account))
    schema: sections.Schema | None = None
    evaluation: sections.Evaluation = field(default_factory=once(sections.Evaluation))
    gate: sections.Gate = field(default_factory=once(sections.Gate))
    approval: sections.Approval = field(default_factory=once(sections.Approval))
    score: sections.Score = field(default_factory=once(sections.Score))
    monitor: sections.Monitor = field(default_factory=once(sections.Monitor))
    tuning: sections.Tuning | None = None
    budget: sections.Budget = field(default_factory=once(sections.Budget))
    card: sections.Card = field(default_factory=once(sections.Card))
    notifications: sections.Notifications = field(default_factory=once(sections.Notifications))
    deadline: sections.Deadline = field(default_factory=once(sections.Deadline))
    tags: Mapping[str, str] = field(default_factory=dict)
    poll_seconds: int = rule(30, minimum=1, maximum=3600)
    """How often a waiting task asks AWS; one second when SageMaker is local."""
    path: Path | None = None
    """The file that it was loaded from; `load` sets it, a spec may not."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.metrics:
            raise SpecError("metrics", {}, "at least one metric: a run without one cannot be judged")
        if not self.source.directory and self.image.framework in SCRIPTED:
            raise SpecError("source", "", f"a directory: {self.image.framework} is no algorithm by itself")
        if self.tuning is not None:
            self._check_tuning(self.tuning)
        for key, value in self.tags.items():
            if not re.fullmatch(_TAG_KEY, key) or not re.fullmatch(_TAG_VALUE, value):
                raise SpecError(f"tags.{key}", value, _A_TAG)

    def _check_tuning(self, tuning: sections.Tuning) -> None:
        """Hold the tuning's names against those of the spec."""
        if tuning.objective not in self.metrics:
            raise SpecError("tuning.objective", tuning.objective, f"one of {', '.join(self.metrics)}")
        twice = [name for name in tuning.ranges if name in self.hyperparameters]
        if twice:
            raise SpecError(
                "tuning.ranges", twice[0], "what is no hyperparameter besides: the job chooses it"
            )
        if tuning.strategy == "Hyperband" and not any(key in self.hyperparameters for key in _RESOURCES):
            raise SpecError(
                "tuning.strategy",
                tuning.strategy,
                f"another one, or one of the hyperparameters {', '.join(_RESOURCES)}, by which it goes",
            )

    @property
    def evaluates_by_script(self) -> bool:
        """Whether a script measures the model; otherwise a batch of scores is measured."""
        return bool(self.evaluation.entry_point) and not self.is_algorithm

    @property
    def is_algorithm(self) -> bool:
        """Whether the image's own algorithm is trained, without a script."""
        return not self.source.directory

    @property
    def endpoint_name(self) -> str:
        """The endpoint's name: the spec's, or the model's."""
        return self.endpoint.name or self.name

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Every training instance type that the form offers, the default first."""
        return tuple(dict.fromkeys((self.training.instance_type, *self.training.instance_types)))
