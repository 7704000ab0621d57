"""Stop, the same for every kind of job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.api.records import now
from sagelocal.errors import ValidationException
from sagelocal.jobs import status, transitions
from sagelocal.jobs.status import JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.kinds import ResourceKind
    from sagelocal.api.ports import Jobs
    from sagelocal.api.records import Records


def stop(kind: ResourceKind, records: Records, jobs: Jobs, request: Mapping[str, Any]) -> None:
    """Mark the job as `Stopping` and have it stopped; a second stop changes nothing.

    Raises:
        ValidationException: there is no such job, or it has ended.

    """

    def mark(body: dict[str, Any]) -> None:
        current = body[kind.status]
        if current in status.TERMINAL:
            words = kind.kind.replace("-", " ")
            raise ValidationException(f"The request was rejected because the {words} is in status {current}.")
        if current == JobStatus.STOPPING:
            return
        body[kind.status] = JobStatus.STOPPING
        if "SecondaryStatus" in body:
            transitions.advance(body, "Stopping", now())

    name = records.name(request)
    records.update(name, mark)
    jobs.stop(kind.kind, name)
