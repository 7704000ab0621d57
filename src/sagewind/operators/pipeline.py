"""Executions of SageMaker Pipelines."""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.common.compat.sdk import AirflowException

from sagewind import naming
from sagewind.jobs import failures, kinds, limits
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import CallError, Jobs
from sagewind.operators import base, memory
from sagewind.operators.triggers import SageMakerJobTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

_KIND = kinds.PIPELINE
_STOP_SECONDS = 150.0
_KILL_SECONDS = 4.0
_OVER_ALREADY = "Only pipelines with 'Executing' status can be stopped"


class ExecutionOperator(base.SagewindOperator):
    """What starting and stopping an execution share: waiting for it.

    :param deferrable: wait in the triggerer; by default when it is to wait at all.
    """

    check_interval: float | None
    waiter_max_attempts: int
    wait_for_completion: bool

    def __init__(
        self, *, deferrable: bool | None = None, check_interval: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.check_interval = check_interval
        self.deferrable = self.wait_for_completion if deferrable is None else deferrable
        self.wait_for_completion = self.wait_for_completion or self.deferrable

    def _await(self, arn: str) -> dict[str, Any]:
        interval = limits.interval(self.check_interval, self._endpoint)
        patience = self.waiter_max_attempts * interval
        if self.execution_timeout:
            patience = min(patience, self.execution_timeout.total_seconds())
        if self.deferrable:
            self.defer(
                trigger=SageMakerJobTrigger(
                    kind=_KIND.key,
                    name=arn,
                    poll=interval,
                    deadline=time.time() + patience,
                    aws_conn_id=self.aws_conn_id,
                    region_name=self.region_name,
                    verify=self.verify,
                    botocore_config=self.botocore_config,
                ),
                method_name="execute_complete",
                timeout=dt.timedelta(seconds=patience + 600),
            )
        end = time.monotonic() + patience
        while True:
            description = self._described(arn)
            if _KIND.phase(description) not in (Phase.ACTIVE, Phase.STOPPING):
                return description
            if time.monotonic() >= end:
                self._time_out(arn)
            time.sleep(limits.jittered(interval))

    def _time_out(self, arn: str) -> NoReturn:
        """Raise for an execution that was waited for in vain."""
        raise AirflowException(f"pipeline execution {arn} did not stop in time")

    def _described(self, arn: str) -> dict[str, Any]:
        description = Jobs(self.hook.conn, _KIND).describe(arn)
        if description is None:
            raise AirflowException(f"pipeline execution {arn} is gone")
        return description


class SageMakerStartPipelineOperator(ExecutionOperator, provider.SageMakerStartPipelineOperator):
    """Starts an execution, once: a retry finds the one that its predecessor started.

    Returns its ARN. A stopped execution is a failure.
    """

    def execute(self, context: Context) -> str:
        """Start or find the execution, and wait for it when asked to.

        Raises:
            AirflowException: it failed or was stopped, or AWS refused.

        """
        try:
            arn = self._active = self._start(context)
            self._stop_others(context, arn)
            self.log.info("pipeline %s runs as %s", self.pipeline_name, arn)
            return self._judged(arn, self._await(arn)) if self.wait_for_completion else arn
        except CallError as error:
            raise base.airflow_error(error, f"pipeline {self.pipeline_name}") from error

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Judge the execution that the trigger waited for."""
        del context
        told = event or {}
        if told.get("status") == "timeout":
            self._time_out(told["name"])
        return self._judged(str(told["name"]), self._described(str(told["name"])))

    def on_kill(self) -> None:
        """Stop the execution."""
        arn = getattr(self, "_active", "")
        if arn:
            self._stop(arn, _KILL_SECONDS)

    def _start(self, context: Context) -> str:
        """Start with a token that only this attempt has; the API answers a known token with its execution.

        An attempt goes on with its predecessor's execution unless that one failed.
        """
        owner, ti = self._identity(context), context["ti"]
        attempts = max(1, int(ti.try_number) - owner.generation)
        parameters = [{"Name": k, "Value": str(v)} for k, v in (self.pipeline_params or {}).items()]
        arn = ""
        for attempt in range(attempts):
            answer = self._caller().call(
                "start_pipeline_execution",
                PipelineName=self.pipeline_name,
                PipelineExecutionDisplayName=self.display_name,
                ClientRequestToken=naming.digest((owner.key, "pipeline", str(attempt)))[:64],
                **({"PipelineParameters": parameters} if parameters else {}),
            )
            arn = str(answer["PipelineExecutionArn"])
            if _KIND.phase(self._described(arn)) in (Phase.ACTIVE, Phase.DONE):
                break
        return arn

    def _stop_others(self, context: Context, arn: str) -> None:
        """Stop what this task started before a person cleared it: nobody waits for that any more."""
        kept = memory.jobs(context)
        for other in kept:
            if other != arn and _KIND.phase(self._described(other)) is Phase.ACTIVE:
                self.log.info("stopping %s of an earlier wish", other)
                self._stop(other, _STOP_SECONDS)
        memory.remember(context, arn, kept)

    def _judged(self, arn: str, description: dict[str, Any]) -> str:
        self._active = ""
        phase = _KIND.phase(description)
        if phase is Phase.DONE:
            return arn
        reason = _KIND.reason(description) or "; ".join(self._failed_steps(arn))
        if phase is Phase.STOPPED:
            raise AirflowException(f"pipeline execution {arn} was stopped")
        raise base.job_error(_KIND.noun, arn, failures.of_reason(reason), reason)

    def _time_out(self, arn: str) -> NoReturn:
        self._active = ""
        self._stop(arn, _STOP_SECONDS)
        raise AirflowException(f"pipeline execution {arn} took too long and was stopped")

    def _failed_steps(self, arn: str) -> list[str]:
        answer = self._caller().call("list_pipeline_execution_steps", PipelineExecutionArn=arn)
        steps = [step for step in answer["PipelineExecutionSteps"] if step["StepStatus"] == "Failed"]
        return [f"{step['StepName']}: {step.get('FailureReason', 'no reason given')}" for step in steps]

    def _stop(self, arn: str, seconds: float) -> None:
        try:
            jobs = Jobs(self.hook.client("sagemaker"), _KIND, patience=seconds)
            jobs.stop_and_wait(arn, seconds=seconds, interval=1.0)
        except CallError as error:
            self.log.warning("pipeline execution %s could not be stopped: %s", arn, error)


class SageMakerStopPipelineOperator(ExecutionOperator, provider.SageMakerStopPipelineOperator):
    """Stops an execution; returns where it then is (`Stopped`, `Succeeded`, …)."""

    def execute(self, context: Context) -> str:
        """Stop the execution, and wait for that when asked to.

        Raises:
            AirflowException: it was over already and `fail_if_not_running` is set, or AWS refused.

        """
        del context
        arn = self.pipeline_exec_arn
        try:
            self._caller().call("stop_pipeline_execution", PipelineExecutionArn=arn)
        except CallError as error:
            if _OVER_ALREADY not in error.message or self.fail_if_not_running:
                raise base.airflow_error(error, f"stopping {arn}") from error
        description = self._described(arn)
        over = _KIND.phase(description) not in (Phase.ACTIVE, Phase.STOPPING)
        return _KIND.status(description if over or not self.wait_for_completion else self._await(arn))

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> str:
        """Return where the execution is after the wait."""
        del context
        told = event or {}
        if told.get("status") == "timeout":
            self._time_out(told["name"])
        return str(told["status"])
