"""What differs between the kinds of SageMaker jobs, as a table: operations, keys of the description, logs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Phase(StrEnum):
    """Where a job or an endpoint is, whatever its kind calls it."""

    ACTIVE = "active"  # it runs, or waits to
    STOPPING = "stopping"  # a stop was asked for
    DONE = "done"  # it did what was asked
    FAILED = "failed"  # it did not, and says why
    STOPPED = "stopped"  # somebody, or a time limit, ended it: for us a failure


PHASES = {
    "InProgress": Phase.ACTIVE,
    "Pending": Phase.ACTIVE,
    "Executing": Phase.ACTIVE,
    "Stopping": Phase.STOPPING,
    "Creating": Phase.ACTIVE,
    "Updating": Phase.ACTIVE,
    "SystemUpdating": Phase.ACTIVE,
    "RollingBack": Phase.ACTIVE,
    "InService": Phase.DONE,
    "OutOfService": Phase.FAILED,
    "UpdateRollbackFailed": Phase.FAILED,
    "Deleting": Phase.STOPPING,
    "Completed": Phase.DONE,
    "Succeeded": Phase.DONE,
    "CompletedWithFailures": Phase.FAILED,
    "Failed": Phase.FAILED,
    "DeleteFailed": Phase.FAILED,
    "Stopped": Phase.STOPPED,
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of job: boto3's method names, and the keys of requests and descriptions."""

    noun: str
    key: str
    """The word before `Name`, `Arn` and `Status` in requests and answers (`TrainingJob`)."""
    method: str
    """The end of boto3's method names (`training_job`)."""
    result: str
    """The key of what the operator returns, as the provider's operator names it."""
    log_group: str
    longest: int = 63
    """Most characters of a name (botocore's service model)."""
    children: bool = False
    """Whether the logs are those of training jobs whose names start with this job's."""

    by: str = "Name"
    """How a job is named in requests: `Name` (`TrainingJobName`) or `Arn` (`PipelineExecutionArn`)."""
    stoppable: bool = True

    @property
    def name_key(self) -> str:
        """The key by which a job is asked for (`TrainingJobName`)."""
        return f"{self.key}{self.by}"

    def status(self, description: Mapping[str, Any]) -> str:
        """Return the status as the API spells it."""
        return str(description[f"{self.key}Status"])

    def phase(self, description: Mapping[str, Any]) -> Phase:
        """Return where the job of a description is; a status that nobody knew counts as still under way."""
        return PHASES.get(self.status(description), Phase.ACTIVE)

    def arn(self, description: Mapping[str, Any]) -> str:
        """Return the job's ARN."""
        return str(description[f"{self.key}Arn"])

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return why the job failed; empty when it gives no reason."""
        return str(description.get("FailureReason") or description.get("ExitMessage") or "")

    def logs(self, name: str) -> tuple[str, str] | None:
        """Return the log group and how the names of the job's streams begin; `None` without logs."""
        if not self.log_group:
            return None
        if self.log_group.endswith("/"):
            return f"{self.log_group}{name}", ""
        return self.log_group, f"{name}-" if self.children else f"{name}/"


TRAINING = Kind(
    noun="training job",
    key="TrainingJob",
    method="training_job",
    result="Training",
    log_group="/aws/sagemaker/TrainingJobs",
)
PROCESSING = Kind(
    noun="processing job",
    key="ProcessingJob",
    method="processing_job",
    result="Processing",
    log_group="/aws/sagemaker/ProcessingJobs",
)
TRANSFORM = Kind(
    noun="transform job",
    key="TransformJob",
    method="transform_job",
    result="Transform",
    log_group="/aws/sagemaker/TransformJobs",
)
TUNING = Kind(
    noun="tuning job",
    key="HyperParameterTuningJob",
    method="hyper_parameter_tuning_job",
    result="Tuning",
    log_group="/aws/sagemaker/TrainingJobs",
    longest=32,
    children=True,
)
AUTO_ML = Kind(
    noun="AutoML job",
    key="AutoMLJob",
    method="auto_ml_job",
    result="AutoML",
    log_group="/aws/sagemaker/TrainingJobs",
    longest=32,
    children=True,
)

PIPELINE = Kind(
    noun="pipeline execution",
    key="PipelineExecution",
    method="pipeline_execution",
    result="Pipeline",
    log_group="",
    by="Arn",
)
ENDPOINT = Kind(
    noun="endpoint",
    key="Endpoint",
    method="endpoint",
    result="Endpoint",
    log_group="/aws/sagemaker/Endpoints/",
    stoppable=False,
)

JOBS = (TRAINING, PROCESSING, TRANSFORM, TUNING, AUTO_ML)
KINDS = {kind.key: kind for kind in (*JOBS, PIPELINE, ENDPOINT)}
