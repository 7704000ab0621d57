"""The SageMaker things that a task can make: which operator makes it, how it is described, where its log is.

A table, so that a further kind is a further row. Airflow matches a plugin's link to a task by the operator's
class name and module, as text; so the operators themselves need not be imported, which would cost every
Airflow process seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

PROVIDER = "airflow.providers.amazon.aws.operators.sagemaker"
OURS = tuple(
    f"sagewind.operators.{name}"
    for name in ("training", "processing", "transform", "tuning", "model", "endpoint", "pipeline", "automl")
)
"""Where our own operators' classes are defined, which is what Airflow looks at."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of thing; the `slug` is the word in its ARN."""

    slug: str
    operator: str
    result: tuple[str, str]
    """Where the operator's result has the name: `("Training", "TrainingJobName")`."""
    describe: str
    """The boto3 method; its one argument is the last of `result`."""
    status: str = ""
    log_group: str = ""
    """May hold `{name}`."""
    log_prefix: str = ""
    console: str = ""
    """The path in the AWS console after `#/`."""

    @property
    def arn(self) -> str:
        """The key of the ARN in a description."""
        return f"{self.result[1].removesuffix('Name')}Arn"


KINDS = {
    kind.slug: kind
    for kind in (
        Kind(
            slug="training-job",
            operator="SageMakerTrainingOperator",
            result=("Training", "TrainingJobName"),
            describe="describe_training_job",
            status="TrainingJobStatus",
            log_group="/aws/sagemaker/TrainingJobs",
            log_prefix="{name}/",
            console="jobs",
        ),
        Kind(
            slug="processing-job",
            operator="SageMakerProcessingOperator",
            result=("Processing", "ProcessingJobName"),
            describe="describe_processing_job",
            status="ProcessingJobStatus",
            log_group="/aws/sagemaker/ProcessingJobs",
            log_prefix="{name}/",
            console="processing-jobs",
        ),
        Kind(
            slug="transform-job",
            operator="SageMakerTransformOperator",
            result=("Transform", "TransformJobName"),
            describe="describe_transform_job",
            status="TransformJobStatus",
            log_group="/aws/sagemaker/TransformJobs",
            log_prefix="{name}/",
            console="transform-jobs",
        ),
        Kind(
            slug="hyper-parameter-tuning-job",
            operator="SageMakerTuningOperator",
            result=("Tuning", "HyperParameterTuningJobName"),
            describe="describe_hyper_parameter_tuning_job",
            status="HyperParameterTuningJobStatus",
            console="hyper-tuning-jobs",
        ),
        Kind(
            slug="model",
            operator="SageMakerModelOperator",
            result=("Model", "ModelName"),
            describe="describe_model",
            console="models",
        ),
        Kind(
            slug="endpoint-config",
            operator="SageMakerEndpointConfigOperator",
            result=("EndpointConfig", "EndpointConfigName"),
            describe="describe_endpoint_config",
            console="endpointConfig",
        ),
        Kind(
            slug="endpoint",
            operator="SageMakerEndpointOperator",
            result=("Endpoint", "EndpointName"),
            describe="describe_endpoint",
            status="EndpointStatus",
            log_group="/aws/sagemaker/Endpoints/{name}",
            console="endpoints",
        ),
    )
}
"""Every kind by its slug."""


def of_operator(name: str) -> Kind:
    """Return the kind that an operator class of this name makes.

    Raises:
        KeyError: no such operator.

    """
    return next(kind for kind in KINDS.values() if kind.operator == name)
