"""Waits in the triggerer until somebody, anywhere, approves or rejects a model version in the registry.

Studio, the console, a colleague's script: all set `ModelApprovalStatus`, and none of them knows of Airflow.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.triggers.base import TriggerEvent

from sagewind.jobs import limits
from sagewind.jobs.service import CallError
from sagewind.operators import base
from sagewind.operators.waiting import TROUBLES, SagewindTrigger, passes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from airflow.sdk import Context

ANSWERS = {"Approved": "Approve", "Rejected": "Reject"}
"""Final values of ModelApprovalStatus, in the words that a person is asked with."""


class ModelApprovalTrigger(SagewindTrigger):
    """Fires one event, the status of a version once it is final, or `timeout`.

    `arn` is the version's, `poll` seconds between looks, `deadline` epoch seconds.
    """

    def __init__(self, *, arn: str, poll: float, deadline: float, **shared: Any) -> None:
        super().__init__(**shared)
        self.arn = arn
        self.poll = poll
        self.deadline = deadline

    def arguments(self) -> dict[str, Any]:
        """Return the arguments to make it again."""
        own = {"arn": self.arn, "poll": self.poll, "deadline": self.deadline}
        return super().arguments() | own

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look and sleep until there is an answer, or the time is over."""
        async with await self._hook().get_async_conn() as client:
            status = await self._answer(client)
        await self.until_seen()
        yield TriggerEvent({"status": status})

    async def _answer(self, client: Any) -> str:
        while True:
            try:
                found = await client.describe_model_package(ModelPackageName=self.arn)
                if found["ModelApprovalStatus"] in ANSWERS:
                    return str(found["ModelApprovalStatus"])
            except TROUBLES as error:
                if not passes(error):
                    raise
                self.log.warning("%s: %s; trying again", self.arn, error)
            if time.time() >= self.deadline:
                return "timeout"
            await asyncio.sleep(min(limits.jittered(self.poll), max(0.0, self.deadline - time.time())))


class SageMakerModelApprovalSensor(base.SagewindOperator):
    """Waits for the answer in the registry, and returns it as `Approve` or `Reject`.

    :param model_package_arn: the version.
    :param poke_interval: seconds between two looks.
    :param timeout: seconds; no answer after so long is a `Reject`.
    """

    template_fields: Sequence[str] = aws_template_fields("model_package_arn")

    def __init__(
        self, *, model_package_arn: str, poke_interval: float = 30, timeout: float = 604800, **kwargs: Any
    ) -> None:
        super().__init__(config={}, **kwargs)
        self.model_package_arn = model_package_arn
        self.poke_interval = poke_interval
        self.timeout = timeout

    def execute(self, context: Context) -> str:
        """Look once; wait in the triggerer when there is no answer yet.

        Raises:
            AirflowException: AWS refused.

        """
        del context
        try:
            found = self._caller().call("describe_model_package", ModelPackageName=self.model_package_arn)
        except CallError as error:
            raise base.airflow_error(error, self.model_package_arn) from error
        if found["ModelApprovalStatus"] in ANSWERS:
            return ANSWERS[found["ModelApprovalStatus"]]
        self.log.info("%s waits for its approval", self.model_package_arn)
        self.defer(
            trigger=ModelApprovalTrigger(
                arn=self.model_package_arn,
                poll=self.poke_interval,
                deadline=time.time() + self.timeout,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                verify=self.verify,
                botocore_config=self.botocore_config,
            ),
            method_name="answered",
        )
        raise AssertionError("a deferral does not return")

    def answered(self, context: Context, event: dict[str, Any]) -> str:
        """Return the answer that the trigger has seen."""
        del context
        if event["status"] == "timeout":
            self.log.warning("no answer after %s seconds: rejected", self.timeout)
        return ANSWERS.get(event["status"], "Reject")
