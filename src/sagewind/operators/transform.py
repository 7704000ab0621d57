"""Batch transform jobs."""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.links.sagemaker import SageMakerTransformJobLink
from airflow.providers.amazon.aws.operators import sagemaker as provider

from sagewind.jobs import kinds, resources
from sagewind.operators import base
from sagewind.operators.job import JobOperator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context


class SageMakerTransformOperator(JobOperator, provider.SageMakerTransformOperator):
    """Scores a batch: the provider's operator, with `JobOperator`'s arguments beside its own.

    Returns `{"Model": <DescribeModel>, "Transform": <DescribeTransformJob>, "Summary": {…}}`.
    """

    kind: ClassVar[kinds.Kind] = kinds.TRANSFORM

    def _request(self) -> dict[str, Any]:
        return dict(self.config.get("Transform", self.config))

    def _before_create(self, context: Context) -> None:
        transform = self.config.get("Transform", self.config)
        source = transform.get("TransformInput", {}).get("DataSource", {}).get("S3DataSource", {})
        if "S3Uri" in source:
            self.hook.check_s3_url(source["S3Uri"])
        model = self.config.get("Model")
        if model:
            base.demand("Model", model, "ModelName")
            rename = self.action_if_model_exists != "fail"
            owner = self._identity(context)
            transform["ModelName"] = resources.model(
                self._caller(), model, owner, self.log.info, rename=rename
            )

    def _claim(self, context: Context) -> Any:
        claim = super()._claim(context)
        SageMakerTransformJobLink.persist(
            context=context,
            operator=self,
            region_name=self.hook.conn_region_name,
            aws_partition=self.hook.conn_partition,
            job_name=urllib.parse.quote(claim.name, safe=""),
        )
        return claim

    def _result(self, description: Mapping[str, Any], summary: Mapping[str, Any]) -> Any:
        self.serialized_transform = base.plain(description)
        model = self._caller().call("describe_model", ModelName=description["ModelName"])
        self.serialized_model = base.plain(model)
        return {
            "Model": self.serialized_model,
            "Transform": self.serialized_transform,
            "Summary": dict(summary),
        }
