"""What is known of a tuning job's training jobs: parameters, objective values, which is best. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

METRIC_PARAMETER = "_tuning_objective_metric"
"""The static hyperparameter that SageMaker adds: it holds the name of the objective's metric."""
OBJECTIVE = "ObjectiveMetric"
"""The name under which SageMaker adds the objective to a training job's metric definitions."""
MAXIMIZE = "Maximize"
_NAME_LENGTH = 63
_HASH_LENGTH = 8
_FAILED = "Failed"
_COUNTED = {"Completed": "Completed", "Stopped": "Stopped", _FAILED: "NonRetryableError"}


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One training job: `parameters` are the tuned ones; `value` is its objective, if it has one."""

    name: str
    parameters: dict[str, str]
    status: str
    value: float | None = None
    definition: str = ""
    own: bool = True
    """Whether it is this tuning job's; false for one of a parent's, in a warm start."""
    curve: tuple[float, ...] = ()
    """The objective's values so far, one for each time it was printed."""

    @property
    def is_over(self) -> bool:
        """Whether the training job has ended."""
        return self.status in _COUNTED


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is to be made large or small."""

    metric: str
    type: str

    def score(self, value: float) -> float:
        """Return a number that is larger the better the value is."""
        return value if self.type == MAXIMIZE else -value

    def document(self, value: float) -> dict[str, Any]:
        """Return a FinalHyperParameterTuningJobObjectiveMetric."""
        return {"Type": self.type, "MetricName": self.metric, "Value": value}


def best(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """Return the trial with the best objective of those that are over; of equals the first."""
    judged = [trial for trial in trials if trial.is_over and trial.value is not None]
    return max(judged, key=lambda trial: objective.score(trial.value or 0.0), default=None)


def status_counters(trials: Sequence[Trial]) -> dict[str, int]:
    """Return TrainingJobStatusCounters."""
    counts = Counter(_COUNTED.get(trial.status, "InProgress") for trial in trials)
    names = ("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped")
    return {name: counts[name] for name in names}


def objective_status(trial: Trial) -> str:
    """Return an ObjectiveStatus."""
    if not trial.is_over:
        return "Pending"
    return "Failed" if trial.value is None else "Succeeded"


def objective_counters(trials: Sequence[Trial]) -> dict[str, int]:
    """Return ObjectiveStatusCounters."""
    counts = Counter(objective_status(trial) for trial in trials)
    return {name: counts[name] for name in ("Succeeded", "Pending", "Failed")}


def child_name(tuning_job: str, number: int, seed: str) -> str:
    """Return the name of a training job as SageMaker makes it: `<tuning job>-<number>-<hash>`.

    It follows from the arguments alone, so that a supervisor that is taken up again finds its jobs.
    """
    digest = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:_HASH_LENGTH]
    tail = f"-{number:03d}-{digest}"
    return f"{tuning_job[: _NAME_LENGTH - len(tail)]}{tail}"


def objective_of(body: Mapping[str, Any], metric: str) -> float | None:
    """Return the objective's final value in a DescribeTrainingJob body; a job that failed has none.

    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_HyperParameterTrainingJobSummary.html
    """
    if body["TrainingJobStatus"] == _FAILED:
        return None
    for datum in body.get("FinalMetricDataList", []):
        if datum["MetricName"] == metric:
            return float(datum["Value"])
    return None
