"""The kinds of resources: how each is called in requests, answers and errors.

The words of the errors are SageMaker's own where clients look at them: the Amazon provider of Airflow tells
an existing endpoint by `Cannot create already existing endpoint`, and an absent job by `ValidationException`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sagelocal.errors import ResourceInUse, ResourceNotFound, ServiceError, ValidationException

if TYPE_CHECKING:
    from sagelocal.api.account import Account


@dataclass(frozen=True, kw_only=True)
class ResourceKind:
    """A kind of resource. In the messages, `{name}` and `{arn}` stand for the resource's own."""

    kind: str
    """The word in its ARN."""
    noun: str
    """The stem of its members: `Model` → `ModelName`, `ModelArn`."""
    listed: str
    """The member of the List answer that holds the summaries."""
    status: str = ""
    """The member that holds its status; empty when it has none."""
    sorted_by: str = "CreationTime"
    descending: bool = True
    """The order of List when the request asks for none: what the documentation of its SortBy and SortOrder
    says, or the newest first where that says nothing."""
    exists: str
    exists_error: type[ServiceError] = ValidationException
    missing: str
    missing_error: type[ServiceError] = ValidationException

    @property
    def name_key(self) -> str:
        """The member that holds its name."""
        return f"{self.noun}Name"

    @property
    def arn_key(self) -> str:
        """The member that holds its ARN."""
        return f"{self.noun}Arn"

    def already_exists(self, account: Account, name: str) -> ServiceError:
        """Return the error for a second resource of the same name."""
        return self.exists_error(self.exists.format(name=name, arn=account.arn(self.kind, name)))

    def not_found(self, account: Account, name: str) -> ServiceError:
        """Return the error for a resource that is not there."""
        return self.missing_error(self.missing.format(name=name, arn=account.arn(self.kind, name)))


TRAINING_JOB = ResourceKind(
    kind="training-job",
    noun="TrainingJob",
    listed="TrainingJobSummaries",
    status="TrainingJobStatus",
    descending=False,
    exists=(
        "Training job names must be unique within an AWS account and region, "
        "and a training job with this name already exists ({arn})"
    ),
    exists_error=ResourceInUse,
    missing="Requested resource not found.",
)

TRANSFORM_JOB = ResourceKind(
    kind="transform-job",
    noun="TransformJob",
    listed="TransformJobSummaries",
    status="TransformJobStatus",
    exists=(
        "Transform job names must be unique within an AWS account and region, "
        "and a transform job with this name already exists ({arn})"
    ),
    exists_error=ResourceInUse,
    missing="Could not find requested job with name: {name}",
)

TUNING_JOB = ResourceKind(
    kind="hyper-parameter-tuning-job",
    noun="HyperParameterTuningJob",
    listed="HyperParameterTuningJobSummaries",
    status="HyperParameterTuningJobStatus",
    sorted_by="Name",
    descending=False,
    exists=(
        "Hyper parameter tuning job names must be unique within an AWS account and region, "
        "and a hyper parameter tuning job with this name already exists ({arn})"
    ),
    exists_error=ResourceInUse,
    missing="Amazon SageMaker can't find a tuning job with the name {name}.",
)

PROCESSING_JOB = ResourceKind(
    kind="processing-job",
    noun="ProcessingJob",
    listed="ProcessingJobSummaries",
    status="ProcessingJobStatus",
    descending=False,
    exists=(
        "Processing job names must be unique within an AWS account and region, "
        "and a processing job with this name already exists ({arn})"
    ),
    exists_error=ResourceInUse,
    missing="Could not find requested job with name: {name}",
)

MODEL = ResourceKind(
    kind="model",
    noun="Model",
    listed="Models",
    exists='Cannot create already existing model "{arn}".',
    missing='Could not find model "{arn}".',
)

ENDPOINT_CONFIG = ResourceKind(
    kind="endpoint-config",
    noun="EndpointConfig",
    listed="EndpointConfigs",
    exists='Cannot create already existing endpoint configuration "{arn}".',
    missing='Could not find endpoint configuration "{arn}".',
)

ENDPOINT = ResourceKind(
    kind="endpoint",
    noun="Endpoint",
    listed="Endpoints",
    status="EndpointStatus",
    exists='Cannot create already existing endpoint "{arn}".',
    missing='Could not find endpoint "{arn}".',
)

MODEL_PACKAGE_GROUP = ResourceKind(
    kind="model-package-group",
    noun="ModelPackageGroup",
    listed="ModelPackageGroupSummaryList",
    status="ModelPackageGroupStatus",
    descending=False,
    exists="Model Package Group already exists: {arn}",
    missing="ModelPackageGroup {arn} does not exist.",
)

MODEL_PACKAGE = ResourceKind(
    kind="model-package",
    noun="ModelPackage",
    listed="ModelPackageSummaryList",
    status="ModelPackageStatus",
    descending=False,
    exists="Model Package already exists: {arn}",
    missing="ModelPackage {arn} does not exist.",
)

PIPELINE = ResourceKind(
    kind="pipeline",
    noun="Pipeline",
    listed="PipelineSummaries",
    status="PipelineStatus",
    # SDK v2 knows an existing one by "already exists", newer releases of v3 by "names must be unique".
    exists=(
        "Pipeline names must be unique within an AWS account and region, "
        "and a pipeline with this name already exists ({arn})"
    ),
    missing="Pipeline '{arn}' does not exist.",
    missing_error=ResourceNotFound,
)

PIPELINE_EXECUTION = ResourceKind(
    kind="pipeline-execution",
    noun="PipelineExecution",
    listed="PipelineExecutionSummaries",
    status="PipelineExecutionStatus",
    exists="Pipeline execution {name} already exists",
    missing="Pipeline execution {name} does not exist.",
    missing_error=ResourceNotFound,
)
