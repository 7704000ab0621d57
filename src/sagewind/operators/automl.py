"""AutoML jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.operators import sagemaker as provider

from sagewind.jobs import kinds
from sagewind.operators import base
from sagewind.operators.job import JobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping


class SageMakerAutoMLOperator(JobOperator, provider.SageMakerAutoMLOperator):
    """Runs an AutoML job: the provider's operator, with `JobOperator`'s arguments beside its own.

    Returns the best candidate, as the provider's does; nothing when it does not wait.
    """

    kind: ClassVar[kinds.Kind] = kinds.AUTO_ML

    def _request(self) -> dict[str, Any]:
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": self.s3_input}}
        channel = {"DataSource": source, "TargetAttributeName": self.target_attribute}
        request: dict[str, Any] = {
            "AutoMLJobName": self.job_name,
            "InputDataConfig": [channel | ({"CompressionType": "Gzip"} if self.compressed_input else {})],
            "OutputDataConfig": {"S3OutputPath": self.s3_output},
            "RoleArn": self.role_arn,
        }
        if self.time_limit:
            criteria = {"MaxAutoMLJobRuntimeInSeconds": int(self.time_limit)}
            request["AutoMLJobConfig"] = {"CompletionCriteria": criteria}
        if self.autodeploy_endpoint_name:
            request["ModelDeployConfig"] = {"EndpointName": self.autodeploy_endpoint_name}
        return request | (self.extras or {})

    def _result(self, description: Mapping[str, Any], summary: Mapping[str, Any]) -> Any:
        del summary
        return base.plain(description["BestCandidate"]) if "BestCandidate" in description else None
