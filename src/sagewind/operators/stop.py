"""Stopping a job by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import AirflowException

from sagewind.jobs import kinds, limits
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import CallError, Jobs
from sagewind.operators import base

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow.sdk import Context

TYPES = {kind.result.lower(): kind for kind in kinds.JOBS}


class SageMakerStopJobOperator(base.SagewindOperator):
    """Stops a job and waits until it is over; one that is over, or not there, is no failure.

    :param job_name: the job's name.
    :param job_type: `training`, `processing`, `transform`, `tuning` or `automl`.
    :param max_wait: seconds to wait for the stop; a container has 120 to end by itself.
    """

    template_fields: Sequence[str] = aws_template_fields("job_name", "job_type")

    def __init__(
        self, *, job_name: str, job_type: str = "training", max_wait: float = 300.0, **kwargs: Any
    ) -> None:
        super().__init__(config={}, **kwargs)
        self.job_name = job_name
        self.job_type = job_type
        self.max_wait = max_wait

    def execute(self, context: Context) -> str:
        """Stop the job; return where it then is (`stopped`, `done`, `failed`, `absent`)."""
        del context
        kind = TYPES.get(self.job_type.lower())
        if kind is None:
            raise ValueError(f"job_type is {self.job_type!r}; allowed are {', '.join(sorted(TYPES))}")
        interval = min(5.0, limits.interval(None, self._endpoint))
        try:
            jobs = Jobs(self.hook.conn, kind)
            phase = jobs.stop_and_wait(self.job_name, seconds=self.max_wait, interval=interval)
        except CallError as error:
            raise base.airflow_error(error, f"stopping {kind.noun} {self.job_name}") from error
        if phase in (Phase.ACTIVE, Phase.STOPPING):
            raise AirflowException(
                f"{kind.noun} {self.job_name} is still {phase} after {self.max_wait:.0f} s"
            )
        return str(phase or "absent")
