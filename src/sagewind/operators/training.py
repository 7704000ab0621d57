"""Training jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators import sagemaker as provider

from sagewind.jobs import kinds
from sagewind.operators.job import JobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context


class SageMakerTrainingOperator(JobOperator, provider.SageMakerTrainingOperator):
    """Trains a model: the provider's operator, with `JobOperator`'s arguments beside its own.

    Returns `{"Training": <DescribeTrainingJob>, "Summary": {"Job", "Metrics", "BillableSeconds", …}}`.
    """

    kind: ClassVar[kinds.Kind] = kinds.TRAINING

    def _before_create(self, context: Context) -> None:
        del context
        self.hook.check_training_config(self.config)

    def _result(self, description: Mapping[str, Any], summary: Mapping[str, Any]) -> Any:
        result = super()._result(description, summary)
        self.serialized_training_data = result["Training"]
        return result
