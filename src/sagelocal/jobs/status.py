"""Statuses and the transitions between them, as tables. What a table does not allow is never written.

Sources: the `*Status` enumerations of botocore's SageMaker model; for training's secondary statuses,
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_SecondaryStatusTransition.html
"""

from __future__ import annotations

from enum import StrEnum


class JobStatus(StrEnum):
    """The status of a training, processing, transform or tuning job."""

    IN_PROGRESS = "InProgress"  # accepted: waits, or runs
    STOPPING = "Stopping"  # a stop was asked for; the container has its grace period
    COMPLETED = "Completed"  # the container ended with 0 and every artifact is on S3
    FAILED = "Failed"  # FailureReason says why
    STOPPED = "Stopped"  # ended by a stop or by a time limit; artifacts are kept


class EndpointStatus(StrEnum):
    """The status of an endpoint."""

    CREATING = "Creating"  # the first fleet starts
    UPDATING = "Updating"  # a new fleet starts; the old one serves
    IN_SERVICE = "InService"  # every model server answered its ping
    ROLLING_BACK = "RollingBack"  # the new fleet failed; traffic goes back to the old one
    FAILED = "Failed"  # the first fleet did not come up
    DELETING = "Deleting"  # model servers are being stopped


JOB_TRANSITIONS: dict[JobStatus, frozenset[JobStatus]] = {
    JobStatus.IN_PROGRESS: frozenset(
        {JobStatus.STOPPING, JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED}
    ),
    # A job may end by itself while it is being stopped.
    JobStatus.STOPPING: frozenset({JobStatus.STOPPED, JobStatus.FAILED, JobStatus.COMPLETED}),
    JobStatus.COMPLETED: frozenset(),
    JobStatus.FAILED: frozenset(),
    JobStatus.STOPPED: frozenset(),
}

ENDPOINT_TRANSITIONS: dict[EndpointStatus, frozenset[EndpointStatus]] = {
    EndpointStatus.CREATING: frozenset(
        {EndpointStatus.IN_SERVICE, EndpointStatus.FAILED, EndpointStatus.DELETING}
    ),
    EndpointStatus.IN_SERVICE: frozenset(
        {EndpointStatus.UPDATING, EndpointStatus.FAILED, EndpointStatus.DELETING}
    ),
    EndpointStatus.UPDATING: frozenset(
        {
            EndpointStatus.IN_SERVICE,
            EndpointStatus.ROLLING_BACK,
            EndpointStatus.FAILED,
            EndpointStatus.DELETING,
        }
    ),
    EndpointStatus.ROLLING_BACK: frozenset(
        {EndpointStatus.IN_SERVICE, EndpointStatus.FAILED, EndpointStatus.DELETING}
    ),
    EndpointStatus.FAILED: frozenset({EndpointStatus.UPDATING, EndpointStatus.DELETING}),
    EndpointStatus.DELETING: frozenset(),
}

TERMINAL = frozenset({JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.STOPPED})


class IllegalTransitionError(RuntimeError):
    """A status change that the table does not allow."""


def check(old: str, new: str, table: dict[JobStatus, frozenset[JobStatus]] = JOB_TRANSITIONS) -> None:
    """Raise `IllegalTransitionError` unless `table` allows `old` → `new` (staying the same is allowed)."""
    if old != new and JobStatus(new) not in table[JobStatus(old)]:
        raise IllegalTransitionError(
            f"{old} → {new} is not allowed; from {old}: {sorted(table[JobStatus(old)])}"
        )
