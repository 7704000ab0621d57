"""The operators of `airflow.providers.amazon.aws.operators.sagemaker`, mended: only the import changes.

Those that need no mending are the provider's own.
"""

from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerBaseOperator,
    SageMakerConditionOperator,
    SageMakerCreateExperimentOperator,
    SageMakerCreateNotebookOperator,
    SageMakerDeleteNotebookOperator,
    SageMakerStartNoteBookOperator,
    SageMakerStopNotebookOperator,
)

from sagewind.operators.approval import SageMakerModelApprovalSensor
from sagewind.operators.automl import SageMakerAutoMLOperator
from sagewind.operators.delete import (
    SageMakerDeleteEndpointConfigOperator,
    SageMakerDeleteEndpointOperator,
    SageMakerDeleteModelOperator,
)
from sagewind.operators.endpoint import SageMakerEndpointOperator
from sagewind.operators.invoke import SageMakerInvokeEndpointOperator
from sagewind.operators.model import SageMakerEndpointConfigOperator, SageMakerModelOperator
from sagewind.operators.pipeline import SageMakerStartPipelineOperator, SageMakerStopPipelineOperator
from sagewind.operators.processing import SageMakerProcessingOperator
from sagewind.operators.registry import (
    SageMakerRegisterModelVersionOperator,
    SageMakerUpdateModelPackageOperator,
)
from sagewind.operators.stop import SageMakerStopJobOperator
from sagewind.operators.training import SageMakerTrainingOperator
from sagewind.operators.transform import SageMakerTransformOperator
from sagewind.operators.tuning import SageMakerTuningOperator

__all__ = [
    "SageMakerAutoMLOperator",
    "SageMakerBaseOperator",
    "SageMakerConditionOperator",
    "SageMakerCreateExperimentOperator",
    "SageMakerCreateNotebookOperator",
    "SageMakerDeleteEndpointConfigOperator",
    "SageMakerDeleteEndpointOperator",
    "SageMakerDeleteModelOperator",
    "SageMakerDeleteNotebookOperator",
    "SageMakerEndpointConfigOperator",
    "SageMakerEndpointOperator",
    "SageMakerInvokeEndpointOperator",
    "SageMakerModelApprovalSensor",
    "SageMakerModelOperator",
    "SageMakerProcessingOperator",
    "SageMakerRegisterModelVersionOperator",
    "SageMakerStartNoteBookOperator",
    "SageMakerStartPipelineOperator",
    "SageMakerStopJobOperator",
    "SageMakerStopNotebookOperator",
    "SageMakerStopPipelineOperator",
    "SageMakerTrainingOperator",
    "SageMakerTransformOperator",
    "SageMakerTuningOperator",
    "SageMakerUpdateModelPackageOperator",
]
