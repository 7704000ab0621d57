"""The types of steps: which operation of SageMaker each is, and which cannot run here, and why. A table.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html
"""

from __future__ import annotations

from dataclasses import dataclass

CONDITION, FAIL = "Condition", "Fail"
PROCESSING, TUNING, REGISTER_MODEL = "Processing", "Tuning", "RegisterModel"


@dataclass(frozen=True, kw_only=True)
class StepKind:
    """A type of step that asks SageMaker for something."""

    type: str
    noun: str
    """As in the names of its operations: `TrainingJob` → `CreateTrainingJob`."""
    metadata: str
    """Its member of a step's Metadata."""
    is_job: bool = True
    """Whether it runs for a while and can be stopped; a model is there at once."""
    longest_name: int = 63
    """Characters."""
    has_experiment: bool = False
    """Whether its request takes an ExperimentConfig."""
    retries_itself: bool = False
    """Whether its jobs are retried after an internal error by SageMaker already."""
    cache_key: tuple[str, ...] = ()
    """The members of its request that make two runs the same; empty when its runs are never taken again."""

    @property
    def name_key(self) -> str:
        """The member that holds the resource's name."""
        return f"{self.noun}Name"

    @property
    def arn_key(self) -> str:
        """The member that holds the resource's ARN."""
        return f"{self.noun}Arn"

    @property
    def status_key(self) -> str:
        """The member of the description that holds the job's status."""
        return f"{self.noun}Status"


_TUNED = (
    *("AlgorithmSpecification", "HyperParameterRanges", "InputDataConfig", "StaticHyperParameters"),
    "TuningObjective",
)

KINDS = {
    each.type: each
    for each in (
        StepKind(
            type=PROCESSING,
            noun="ProcessingJob",
            metadata="ProcessingJob",
            has_experiment=True,
            cache_key=("AppSpecification", "Environment", "ProcessingInputs"),
        ),
        StepKind(
            type="Training",
            noun="TrainingJob",
            metadata="TrainingJob",
            has_experiment=True,
            cache_key=(
                *("AlgorithmSpecification", "CheckpointConfig", "DebugHookConfig", "DebugRuleConfigurations"),
                *("Environment", "HyperParameters", "InputDataConfig"),
            ),
        ),
        StepKind(
            type=TUNING,
            noun="HyperParameterTuningJob",
            metadata="TuningJob",
            longest_name=32,
            retries_itself=True,
            cache_key=(
                "HyperParameterTuningJobConfig",
                *(f"TrainingJobDefinition.{name}" for name in _TUNED),
                "TrainingJobDefinitions",
            ),
        ),
        StepKind(
            type="Transform",
            noun="TransformJob",
            metadata="TransformJob",
            has_experiment=True,
            cache_key=("DataProcessing", "Environment", "ModelName", "TransformInput"),
        ),
        StepKind(type="Model", noun="Model", metadata="Model", is_job=False),
        StepKind(type=REGISTER_MODEL, noun="ModelPackage", metadata="RegisterModel", is_job=False),
    )
}
"""The types of steps that run here, besides Condition and Fail."""

_A_PROCESSING_STEP = "a Processing step runs here"
REFUSED = {
    "Lambda": "there is no AWS Lambda here; a Processing step runs a script",
    "Callback": "there is no queue that would take the callback's token; a Processing step runs a script",
    "EMR": "there is no Amazon EMR here; a Processing step runs a script",
    "EMRServerless": "there is no Amazon EMR here; a Processing step runs a script",
    "Athena": "there is no Amazon Athena here; a Processing step runs a script",
    "QualityCheck": f"the image of SageMaker Model Monitor cannot be run; {_A_PROCESSING_STEP}",
    "ClarifyCheck": f"the image of SageMaker Clarify cannot be run; {_A_PROCESSING_STEP}",
    "MonitorBatchTransform": f"the image of SageMaker Model Monitor cannot be run; {_A_PROCESSING_STEP}",
    "AutoML": "AutoML jobs are not run; a Tuning step runs here",
    "NotebookJob": f"notebook jobs need an image of SageMaker Studio; {_A_PROCESSING_STEP}",
    "EndpointConfig": "pipelines deploy nothing; CreateEndpointConfig runs here",
    "Endpoint": "pipelines deploy nothing; CreateEndpoint runs here",
    "InferenceComponent": "inference components are not placed",
    "Lineage": "pipelines write no lineage; AddAssociation runs here",
    "BedrockCustomModel": "there is no Amazon Bedrock here",
    "BedrockCustomModelDeployment": "there is no Amazon Bedrock here",
    "BedrockProvisionedModelThroughput": "there is no Amazon Bedrock here",
    "BedrockModelImport": "there is no Amazon Bedrock here",
    "Job": "agentic jobs (CreateJob) are not run",
    "Cleanup": "steps that clean up after others are not run",
    "ForEach": "steps that repeat others are not run",
}
"""The types that are refused when a pipeline is made, and why."""
