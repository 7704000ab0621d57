"""Asking an endpoint for predictions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from sagewind.jobs.service import Caller, CallError
from sagewind.operators import base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context


class SageMakerInvokeEndpointOperator(base.SagewindOperator):
    """Sends one request to an endpoint, and returns its answer: JSON as values, anything else as text.

    :param endpoint_name: the endpoint.
    :param body: text to send as it is; anything else is sent as JSON.
    :param content_type: what the body is; by default JSON for values, CSV for text.
    :param accept: what the answer shall be.
    :param extras: further arguments of InvokeEndpoint (`TargetVariant`, `CustomAttributes` …).
    """

    template_fields: Sequence[str] = aws_template_fields(
        "endpoint_name", "body", "content_type", "accept", "extras"
    )

    def __init__(
        self,
        *,
        endpoint_name: str,
        body: Any,
        content_type: str | None = None,
        accept: str = "application/json",
        extras: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(config={}, **kwargs)
        self.endpoint_name = endpoint_name
        self.body = body
        self.content_type = content_type
        self.accept = accept
        self.extras = extras

    def execute(self, context: Context) -> Any:
        """Ask.

        Raises:
            AirflowException: the endpoint refused, or its container failed.

        """
        del context
        text = self.body if isinstance(self.body, str) else json.dumps(self.body)
        default = "text/csv" if isinstance(self.body, str) else "application/json"
        try:
            answer = Caller(self.hook.client("sagemaker-runtime"), patience=60.0).call(
                "invoke_endpoint",
                EndpointName=self.endpoint_name,
                Body=text.encode(),
                ContentType=self.content_type or default,
                Accept=self.accept,
                **(self.extras or {}),
            )
        except CallError as error:
            raise base.airflow_error(error, f"endpoint {self.endpoint_name}") from error
        body = answer["Body"].read().decode()
        return json.loads(body) if "json" in answer.get("ContentType", "") else body
