"""The sections of a spec that tell a model's life after training: evaluation, gate, scoring, watch, cost.

Each has defaults, so that a spec says only what is particular to its model.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping  # noqa: TC003 - `load` reads the annotations when it runs
from dataclasses import dataclass, field

from sagewind import sources  # noqa: TC001
from sagewind.rules import Checked, SpecError, rule

NAME = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
"""What SageMaker allows in a name (API reference, CreateTrainingJob: TrainingJobName), but for the length."""

INSTANCE = r"ml\.[a-z0-9-]+\.[a-z0-9]+"
_AN_INSTANCE = "an instance type such as ml.m5.large"
_A_CLASS = "the dotted path of a notifier's class"
MEASURED = {
    "classification": ("accuracy", "balanced_accuracy", "macro_f1"),
    "regression": ("mae", "mse", "r2", "rmse"),
}
"""The metrics that `scores` computes from predictions, by the kind of problem."""
METRICS = tuple(name for names in MEASURED.values() for name in names)
"""What two models can be compared by."""


@dataclass(frozen=True, kw_only=True)
class Column(Checked):
    """What one column of the training table may hold."""

    name: str = rule(longest=256)
    type: str = rule("string", one_of=("integer", "number", "string", "boolean", "timestamp"))
    max_null_fraction: float = rule(0.0, minimum=0, maximum=1)
    """The share of rows in which it may be missing."""
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    pattern: str = ""
    unique: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds = (self.minimum, self.maximum)
        if self.type not in ("integer", "number") and bounds != (None, None):
            raise SpecError("type", self.type, "integer or number: minimum and maximum bound numbers")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise SpecError("minimum", self.minimum, f"at most the maximum, {self.maximum:g}")
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise SpecError("pattern", self.pattern, f"a regular expression ({error})") from None


@dataclass(frozen=True, kw_only=True)
class Schema(Checked):
    """What the training table must hold before a job is started."""

    columns: Mapping[str, Column]
    min_rows: int = rule(1, minimum=1)
    min_classes: int = rule(2, minimum=1)
    """The least number of different values of the target."""
    allow_extra: bool = True
    """Whether the table may have columns that are not listed."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.columns:
            raise SpecError("columns", {}, "at least one column")


@dataclass(frozen=True, kw_only=True)
class Evaluation(Checked):
    """How a model is measured on rows that it was not trained on."""

    share: float = rule(0.25, minimum=0.01, maximum=0.9)
    """The share of rows that is held out, chosen by the row's id (or content): once held out, always."""
    entry_point: str = rule(
        "evaluate.py", pattern=r"([\w./-]+\.py)?", says="the path of a .py file in the folder"
    )
    """Runs as a processing job. Empty: the held-out rows are scored in a batch, and `problem` is measured."""
    problem: str = rule("classification", one_of=("classification", "regression"))
    """What is measured when no script does."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Arrive at the script as `--<name> <value>`, beside `--target` and `--id`."""
    instance_type: str = rule("ml.m5.large", pattern=INSTANCE, says=_AN_INSTANCE)
    volume_gb: int = rule(10, minimum=1, maximum=16384)
    max_runtime_seconds: int = rule(3600, minimum=60, maximum=432000)


@dataclass(frozen=True, kw_only=True)
class Threshold(Checked):
    """A bound on one metric of the evaluation."""

    name: str = rule(longest=256)
    at_least: float | None = None
    at_most: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        bounds = [bound for bound in (self.at_least, self.at_most) if bound is not None]
        if not bounds or not all(map(math.isfinite, bounds)):
            raise SpecError("at_least", self.at_least, "a finite number as at_least, as at_most, or as both")
        if len(bounds) > 1 and bounds[0] > bounds[1]:
            raise SpecError("at_least", self.at_least, f"at most at_most, {bounds[1]:g}")


@dataclass(frozen=True, kw_only=True)
class Challenge(Checked):
    """What a new model must show against the champion, on the same held-out rows."""

    metric: str = rule(one_of=METRICS)
    require: str = rule("not_worse", one_of=("not_worse", "better"))
    margin: float = rule(0.0, minimum=0)
    """In the metric's unit: how much worse it may be, or how much better it must be."""
    confidence: float = rule(0.95, minimum=0.5, maximum=0.9999)


@dataclass(frozen=True, kw_only=True)
class Gate(Checked):
    """What a model must show to be registered."""

    thresholds: Mapping[str, Threshold] = field(default_factory=dict)
    challenge: Challenge | None = None

    @property
    def has_rules(self) -> bool:
        """Whether it can decide at all."""
        return bool(self.thresholds) or self.challenge is not None


@dataclass(frozen=True, kw_only=True)
class Approval(Checked):
    """Who lets a model that passed the gate become the champion."""

    by: str = rule("gate", one_of=("gate", "person", "registry"))
    """The gate alone; a person in Airflow; or whoever sets ModelApprovalStatus in the registry."""
    timeout_hours: float = rule(168.0, minimum=0.01, maximum=8760)
    """No answer after so long is a rejection."""


@dataclass(frozen=True, kw_only=True)
class Score(Checked):
    """How the rows of a data interval are scored."""

    features: tuple[str, ...] = ()
    """In the model's order. Empty: every column of the training table but id and target."""
    champion: str = rule("today", one_of=("day", "today"))
    """Which model scores a past day: that day's champion, or today's."""
    sample_rows: int = rule(0, minimum=0, maximum=10000)
    """When nothing has arrived for a day, so many rows of the training table do. 0: that is an error."""
    landing: sources.Landing | None = None
    """A day's rows are what Firehose landed on it, for `incoming/ds=<day>/rows.csv`."""
    on_promotion: bool = False
    """Whether a new champion scores the newest day at once, beside the schedule."""
    shard_rows: int = rule(10_000, minimum=1)
    pool: str = rule("default_pool", longest=256)
    max_active_runs: int = rule(4, minimum=1, maximum=100)


@dataclass(frozen=True, kw_only=True)
class Monitor(Checked):
    """When a day's rows or predictions have moved away from the training data."""

    enabled: bool = True
    psi: float = rule(0.2, minimum=0)
    js: float = rule(0.1, minimum=0, maximum=1)
    alpha: float = rule(0.001, minimum=0, maximum=1)
    min_rows: int = rule(20, minimum=1)
    retrain: bool = True
    """Whether drift, or scores whose truth breaks the gate's thresholds, start a training run."""
    truth_days: int = rule(30, minimum=0, maximum=3650)
    """How many days back the truth of scored rows is looked for."""
    alarm: bool = False
    """Whether CloudWatch shall have alarms `sagewind-<model>-drift` and `sagewind-<model>-quality`."""
    alarm_actions: tuple[str, ...] = ()
    """What an alarm calls: ARNs, such as an SNS topic's."""


@dataclass(frozen=True, kw_only=True)
class Range(Checked):
    """A hyperparameter that a tuning job chooses."""

    name: str = rule(pattern=r"[A-Za-z0-9][A-Za-z0-9_.-]*", longest=256, says="letters, digits, _ . -")
    minimum: int | float
    maximum: int | float
    scale: str = rule("Auto", one_of=("Auto", "Linear", "Logarithmic", "ReverseLogarithmic"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.minimum >= self.maximum:
            raise SpecError("minimum", self.minimum, f"a number below the maximum, {self.maximum:g}")
        for key, bound in (("minimum", self.minimum), ("maximum", self.maximum)):
            if not math.isfinite(bound):
                raise SpecError(key, bound, "a finite number")
        if self.scale == "Logarithmic" and self.minimum <= 0:
            raise SpecError("minimum", self.minimum, "a number above 0 with the scale Logarithmic")
        if self.scale == "ReverseLogarithmic" and (self.is_integer or self.minimum < 0 or self.maximum >= 1):
            raise SpecError(
                "scale", self.scale, "another one, or a range of numbers with a point, from 0 to below 1"
            )

    @property
    def is_integer(self) -> bool:
        """Whether only whole numbers are tried."""
        return isinstance(self.minimum, int) and isinstance(self.maximum, int)


@dataclass(frozen=True, kw_only=True)
class Tuning(Checked):
    """Training by a tuning job: the best of several training jobs becomes the model."""

    objective: str = rule(longest=255)
    """A metric of the spec; for an algorithm of Amazon's, one that it has itself (`validation:mlogloss`)."""
    goal: str = rule("Maximize", one_of=("Maximize", "Minimize"))
    ranges: Mapping[str, Range]
    max_jobs: int = rule(10, minimum=1, maximum=750)
    parallel: int = rule(2, minimum=1, maximum=100)
    strategy: str = rule("Bayesian", one_of=("Bayesian", "Random", "Hyperband"))
    """Not Grid, which takes words alone: ranges have numbers."""
    seed: int = rule(0, minimum=0, maximum=2147483647)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.ranges:
            raise SpecError("ranges", {}, "at least one hyperparameter")


@dataclass(frozen=True, kw_only=True)
class Budget(Checked):
    """What a model's jobs may cost; checked before a job is started."""

    month: float | None = None
    """In the price table's currency, for each calendar month (UTC)."""
    run: float | None = None
    """The most that one run may cost, by the jobs' own time limits."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("month", "run"):
            limit = getattr(self, key)
            if limit is not None and not (math.isfinite(limit) and limit > 0):
                raise SpecError(key, limit, "an amount above 0")


@dataclass(frozen=True, kw_only=True)
class Card(Checked):
    """What the model card says that no job can know."""

    intended_use: str = ""
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Notifications(Checked):
    """Airflow notifiers: the class by its dotted path, and its arguments."""

    on_failure: str = rule("", pattern=r"([\w]+(\.\w+)+)?", says=_A_CLASS)
    on_success: str = rule("", pattern=r"([\w]+(\.\w+)+)?", says=_A_CLASS)
    arguments: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Deadline(Checked):
    """By when a run must have ended, counted from when it was queued."""

    minutes: float = rule(0.0, minimum=0)
    """0: there is none."""
    notifier: str = rule("", pattern=r"([\w]+(\.\w+)+)?", says=_A_CLASS)
    arguments: Mapping[str, str] = field(default_factory=dict)
    """The notifier's; empty: `message`, in words of ours. Templates know `dag_run` and `deadline` only."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if "context" in self.arguments:
            # Airflow's callbacks raise for it when the DAG file is read, which takes every spec with it.
            raise SpecError("arguments", "context", "any name but this: Airflow gives it itself")
