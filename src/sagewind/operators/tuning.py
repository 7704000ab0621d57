"""Hyperparameter tuning jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from airflow.providers.amazon.aws.operators import sagemaker as provider

from sagewind.jobs import kinds
from sagewind.operators.job import JobOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class SageMakerTuningOperator(JobOperator, provider.SageMakerTuningOperator):
    """Tunes hyperparameters: the provider's operator, with `JobOperator`'s arguments beside its own.

    Shows the logs of the training jobs that it starts. Returns
    `{"Tuning": <DescribeHyperParameterTuningJob>, "Summary": {…}}`.
    """

    kind: ClassVar[kinds.Kind] = kinds.TUNING

    def _before_create(self, context: Context) -> None:
        del context
        definition = self.config.get("TrainingJobDefinition", {})
        self.hook.check_training_config(definition)
