"""What our triggers share: the operator's clients, errors that pass, patience with Airflow's late ends."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from airflow.configuration import conf
from airflow.triggers.base import BaseTrigger
from botocore.exceptions import BotoCoreError, ClientError

from sagewind.jobs import failures
from sagewind.jobs.service import fault_of
from sagewind.operators.hook import SageMakerHook

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TROUBLES = (ClientError, BotoCoreError)
"""What a call of AWS raises."""

_LATE = 5.0
"""Airflow's default of `[workers] min_heartbeat_interval`."""

_PASSING = frozenset({failures.Cause.THROTTLED, failures.Cause.TRANSIENT})


class SagewindTrigger(BaseTrigger):
    """A trigger of ours; `since` is when its task deferred, in epoch seconds: now, when it is not given."""

    def __init__(
        self,
        *,
        since: float | None = None,
        aws_conn_id: str | None = "aws_default",
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.since = time.time() if since is None else since
        self.aws_conn_id = aws_conn_id
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments to make it again."""
        return f"{type(self).__module__}.{type(self).__qualname__}", self.arguments()

    def arguments(self) -> dict[str, Any]:
        """Return the arguments to make it again."""
        return {
            "since": self.since,
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "botocore_config": self.botocore_config,
        }

    async def until_seen(
        self,
        *,
        now: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Wait, before an event, until Airflow has surely seen the end of the process that deferred.

        Who watches over that process may see its end as late as `[workers] min_heartbeat_interval`. When the
        task runs again by then, the scheduler takes the late news for a crash, and fails it. Half of the
        interval more is for the process to end and for the news to reach the scheduler. In `dag.test()`
        nobody watches, and nothing is waited for.
        """
        if getattr(self, "triggerer_job_id", None) is None:
            return
        late = conf.getfloat("workers", "min_heartbeat_interval", fallback=_LATE)
        left = self.since + 1.5 * late - now()
        if left > 0:
            await sleep(left)

    def _hook(self) -> SageMakerHook:
        return SageMakerHook(
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            config=self.botocore_config,
        )


def passes(error: ClientError | BotoCoreError) -> bool:
    """Tell whether the same call may succeed later: throttling, server errors, no connection."""
    return not isinstance(error, ClientError) or fault_of(error).cause in _PASSING


def is_absent(error: ClientError | BotoCoreError) -> bool:
    """Tell whether a Describe was answered that there is no such resource."""
    return isinstance(error, ClientError) and fault_of(error).absent
