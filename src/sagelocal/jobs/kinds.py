"""The kinds of jobs, as far as their ends go: which members of a body tell how and when a job ended."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.jobs import status, transitions

if TYPE_CHECKING:
    from sagelocal.jobs.status import JobStatus

LONGEST_REASON = 1024
"""Characters of a FailureReason, by the service model."""


@dataclass(frozen=True, kw_only=True)
class JobKind:
    """A kind of job."""

    kind: str
    status_key: str
    end_time_key: str
    has_secondary_status: bool = False
    coordinates: bool = False
    """Whether its work is to have other jobs run: it takes no room itself, and when its supervisor dies it is
    taken up again, since all that it knows is in the store."""

    def is_over(self, body: dict[str, Any]) -> bool:
        """Tell whether the job has ended."""
        return body[self.status_key] in status.TERMINAL

    def end(self, body: dict[str, Any], outcome: JobStatus, message: str, secondary: str = "") -> None:
        """Write the end of a job that had no supervisor to write it; a job that is over stays as it is.

        `secondary` is the secondary status, where that says more than `outcome`.

        Raises:
            IllegalTransitionError: the transition table does not allow it.

        """
        if self.is_over(body):
            return
        status.check(body[self.status_key], outcome)
        moment = time.time()
        body[self.status_key] = outcome
        body[self.end_time_key] = moment
        if outcome == status.JobStatus.FAILED:
            body["FailureReason"] = message[:LONGEST_REASON]
        if self.has_secondary_status:
            transitions.advance(body, secondary or outcome, moment, message[:LONGEST_REASON])


JOB_KINDS = {
    each.kind: each
    for each in (
        JobKind(
            kind="training-job",
            status_key="TrainingJobStatus",
            end_time_key="TrainingEndTime",
            has_secondary_status=True,
        ),
        JobKind(kind="transform-job", status_key="TransformJobStatus", end_time_key="TransformEndTime"),
        JobKind(kind="processing-job", status_key="ProcessingJobStatus", end_time_key="ProcessingEndTime"),
        JobKind(
            kind="hyper-parameter-tuning-job",
            status_key="HyperParameterTuningJobStatus",
            end_time_key="HyperParameterTuningEndTime",
            coordinates=True,
        ),
    )
}
"""The kinds that the launcher runs, by the word in their ARN."""
