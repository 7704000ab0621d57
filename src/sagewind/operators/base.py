"""What all operators share: clients, identity, masking, and Airflow's exceptions for SageMaker's errors."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret

from sagewind.jobs import failures, identity, masking
from sagewind.jobs.service import Caller, CallError
from sagewind.operators import pulling
from sagewind.operators.hook import SageMakerHook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from sagewind.jobs.failures import Cause


class SagewindOperator(provider.SageMakerBaseOperator):
    """The provider's base, with one hook that reaches everything and a log without secrets."""

    aws_hook_class = SageMakerHook
    hook: SageMakerHook
    _resumed = False

    def _do_render_template_fields(
        self, parent: Any, template_fields: Any, context: Context, *rest: Any, **more: Any
    ) -> None:
        """Render; tell Airflow what is secret before a template is logged, and before the fields are kept.

        This, and not `render_template_fields`, is what Airflow calls for a mapped task too.
        """
        self._mask()
        super()._do_render_template_fields(parent, template_fields, pulling.once(context), *rest, **more)
        self._mask()

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger; when the trigger itself broke, wait in the worker instead."""
        if next_method != "__fail__" or not getattr(self, "deferrable", False):
            return super().resume_execution(next_method, next_kwargs, context)
        why = (next_kwargs or {}).get("error")
        self.log.warning("the trigger ended with an error (%s); waiting in the worker", why)
        self.deferrable, self._resumed = False, True
        return self.execute(context)

    def preprocess_config(self) -> None:
        """Do what the provider does, without its log of the whole configuration.

        Raises:
            AirflowFailException: the configuration is none.

        """
        demand("config", self.config)
        self._create_integer_fields()
        self.hook.configure_s3_resources(self.config)
        self.parse_config_integers()
        self.expand_role()
        shown = json.dumps(masking.masked(self.config), sort_keys=True, indent=2, default=str)
        self.log.info("Request:\n%s", shown)

    def expand_role(self) -> None:
        """Turn a role's name into its ARN; a full ARN, which is better, costs no call."""
        for holder in (self.config, self.config.get("Model"), self.config.get("TrainingJobDefinition")):
            for key in ("RoleArn", "ExecutionRoleArn"):
                role = holder.get(key) if isinstance(holder, dict) else None
                if isinstance(role, str) and "/" not in role:
                    holder[key] = self.hook.client("iam").get_role(RoleName=role)["Role"]["Arn"]

    def _mask(self) -> None:
        for secret in masking.secrets({name: getattr(self, name, None) for name in self.template_fields}):
            mask_secret(secret)

    def _caller(self) -> Caller:
        return Caller(self.hook.conn)

    @property
    def _endpoint(self) -> str:
        return str(self.hook.conn_client_meta.endpoint_url)

    def _identity(self, context: Context) -> identity.Identity:
        ti: Any = context["ti"]
        return identity.Identity(
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            generation=identity.generation(max_tries=ti.max_tries or 0, retries=self.retries or 0),
        )


def demand(what: str, request: Any, *names: str) -> None:
    """Refuse a request that is no mapping, or in which something has no name.

    Raises:
        AirflowFailException: it is, or one of the names is not there.

    """
    if not isinstance(request, dict):
        hint = "; a template is one only in a DAG with render_template_as_native_obj=True"
        told = f"{what} is of type {type(request).__name__}; expected a mapping"
        raise AirflowFailException(told + hint if isinstance(request, str) else told)
    for name in names:
        if not request.get(name):
            raise AirflowFailException(f"{what} has no {name}; it has {', '.join(request) or 'nothing'}")


def airflow_error(error: CallError, doing: str) -> AirflowException:
    """Return the exception for a call that AWS refused: one that is not retried when that cannot help."""
    message = f"{doing}: {error}"
    quota = failures.quota_of(error.message)
    if quota is not None:
        message = f"{doing}: {quota}; ask for more at Service Quotas, or choose another instance type"
    hopeless = error.cause in failures.HOPELESS or (quota is not None and quota.hopeless)
    return AirflowFailException(message) if hopeless else AirflowException(message)


def job_error(noun: str, name: str, cause: Cause, reason: str) -> AirflowException:
    """Return the exception for a job that failed: one that is not retried when the same would come again."""
    message = f"{noun} {name} failed ({cause}): {reason or 'no reason given'}"
    return AirflowFailException(message) if cause in failures.HOPELESS else AirflowException(message)


def plain(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as it goes to XCom: plain JSON without secrets."""
    return masking.plain(description)
