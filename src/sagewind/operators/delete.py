"""Deleting what was made, and only that: safe as a teardown, and to be run twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import AirflowException

from sagewind.jobs import limits, resources
from sagewind.jobs.hosting import Hosting
from sagewind.jobs.service import CallError
from sagewind.operators import base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

    from sagewind.jobs.service import Caller

_WAIT_SECONDS = 4500.0
"""AWS takes up to an hour to give up on an endpoint that does not come up, and deletes none before."""


class DeleteOperator(base.SagewindOperator):
    """What the deleting operators share: `only_owned` leaves alone what no task of this DAG has made."""

    def __init__(self, *, only_owned: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.only_owned = only_owned

    def _delete(self, context: Context, method: str, key: str, name: str) -> dict[str, Any] | None:
        """Delete one resource; return what it was, `None` when it was not there or is not ours."""
        caller = self._caller()
        try:
            found = self._ours(caller, context, method, key, name)
            if found is not None:
                caller.call(f"delete_{method}", **{key: name})
                self.log.info("%s %s is deleted", method, name)
        except CallError as error:
            if error.absent:
                return None
            raise base.airflow_error(error, f"deleting {method} {name}") from error
        return found

    def _ours(
        self, caller: Caller, context: Context, method: str, key: str, name: str
    ) -> dict[str, Any] | None:
        """Return a resource's description; `None` when it is not there or is not ours."""
        found = resources.describe(caller, method, **{key: name})
        if found is None:
            self.log.info("%s %s is not there", method, name)
            return None
        arn = str(found[key.removesuffix("Name") + "Arn"])
        if self.only_owned and not resources.owned(caller, arn, context["ti"].dag_id):
            self.log.warning("%s %s was not made by this DAG: it is left alone", method, name)
            return None
        return found


class SageMakerDeleteModelOperator(DeleteOperator, provider.SageMakerDeleteModelOperator):
    """Deletes a model that this DAG has made; one that is not there is no failure.

    :param only_owned: false to delete a model that somebody else has made.
    """

    def execute(self, context: Context) -> None:
        """Delete the model."""
        base.demand("config", self.config, "ModelName")
        self._delete(context, "model", "ModelName", self.config["ModelName"])


class SageMakerDeleteEndpointConfigOperator(DeleteOperator):
    """Deletes an endpoint configuration that this DAG has made.

    :param endpoint_config_name: its name.
    :param only_owned: false to delete one that somebody else has made.
    """

    template_fields: Sequence[str] = aws_template_fields("endpoint_config_name")

    def __init__(self, *, endpoint_config_name: str, **kwargs: Any) -> None:
        super().__init__(config={}, **kwargs)
        self.endpoint_config_name = endpoint_config_name

    def execute(self, context: Context) -> None:
        """Delete the configuration."""
        self._delete(context, "endpoint_config", "EndpointConfigName", self.endpoint_config_name)


class SageMakerDeleteEndpointOperator(DeleteOperator):
    """Deletes an endpoint that this DAG has made, with its configuration and models.

    :param endpoint_name: its name.
    :param delete_config: delete the configuration too.
    :param delete_models: delete the models of the configuration too.
    :param wait_for_completion: wait until the endpoint is gone.
    :param only_owned: false to delete what somebody else has made.
    """

    template_fields: Sequence[str] = aws_template_fields("endpoint_name")

    def __init__(
        self,
        *,
        endpoint_name: str,
        delete_config: bool = True,
        delete_models: bool = True,
        wait_for_completion: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(config={}, **kwargs)
        self.endpoint_name = endpoint_name
        self.delete_config = delete_config
        self.delete_models = delete_models
        self.wait_for_completion = wait_for_completion

    def execute(self, context: Context) -> None:
        """Delete endpoint, configuration and models, in that order."""
        caller = self._caller()
        try:
            found = self._ours(caller, context, "endpoint", "EndpointName", self.endpoint_name)
            if found is None:
                return
            self._delete_endpoint(Hosting(caller))
        except CallError as error:
            raise base.airflow_error(error, f"deleting endpoint {self.endpoint_name}") from error
        name = found.get("EndpointConfigName")
        if not name or not self.delete_config:
            return
        config = resources.describe(self._caller(), "endpoint_config", EndpointConfigName=name)
        self._delete(context, "endpoint_config", "EndpointConfigName", name)
        for variant in (config or {}).get("ProductionVariants", []) if self.delete_models else ():
            if variant.get("ModelName"):
                self._delete(context, "model", "ModelName", variant["ModelName"])

    def _delete_endpoint(self, hosting: Hosting) -> None:
        name = self.endpoint_name
        if not self.wait_for_completion:
            if not hosting.ask_to_delete(name):
                raise AirflowException(f"endpoint {name} is being made or changed: AWS deletes it later only")
            return
        interval = min(5.0, limits.interval(None, self._endpoint))
        if not hosting.delete(name, seconds=_WAIT_SECONDS, interval=interval):
            raise AirflowException(f"endpoint {name} is still there after {_WAIT_SECONDS:.0f} s")
        self.log.info("endpoint %s is deleted", name)
