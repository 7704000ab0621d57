"""Models and endpoint configurations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators import sagemaker as provider

from sagewind.jobs import resources
from sagewind.jobs.service import CallError
from sagewind.operators import base

if TYPE_CHECKING:
    from airflow.sdk import Context


class SageMakerModelOperator(base.SagewindOperator, provider.SageMakerModelOperator):
    """Makes a model, or uses the one that exists with the same content; another content gets another name.

    Returns `{"Model": <DescribeModel>}`: take the name from there.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Make or find the model.

        Raises:
            AirflowException: AWS refused.

        """
        self.preprocess_config()
        base.demand("config", self.config, "ModelName")
        caller = self._caller()
        try:
            name = resources.model(caller, self.config, self._identity(context), self.log.info)
            return {"Model": base.plain(caller.call("describe_model", ModelName=name))}
        except CallError as error:
            raise base.airflow_error(error, f"model {self.config['ModelName']}") from error


class SageMakerEndpointConfigOperator(base.SagewindOperator, provider.SageMakerEndpointConfigOperator):
    """Makes an endpoint configuration, or uses the one that exists with the same content.

    Returns `{"EndpointConfig": <DescribeEndpointConfig>}`: take the name from there.
    """

    def execute(self, context: Context) -> dict[str, Any]:
        """Make or find the endpoint configuration.

        Raises:
            AirflowException: AWS refused.

        """
        self.preprocess_config()
        base.demand("config", self.config, "EndpointConfigName")
        caller = self._caller()
        try:
            name = resources.endpoint_config(caller, self.config, self._identity(context), self.log.info)
            found = caller.call("describe_endpoint_config", EndpointConfigName=name)
        except CallError as error:
            doing = f"endpoint config {self.config['EndpointConfigName']}"
            raise base.airflow_error(error, doing) from error
        return {"EndpointConfig": base.plain(found)}
