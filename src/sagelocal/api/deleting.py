"""Delete a job that has ended, the same for every kind of job: its entry and its folder; its outputs stay.

"After deleting the job, you can reuse its name":
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_DeleteTrainingJob.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import ResourceInUse, ResourceNotFound, ServiceError
from sagelocal.jobs import status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.api.kinds import ResourceKind
    from sagelocal.api.ports import Jobs
    from sagelocal.api.records import Records


def delete(
    kind: ResourceKind,
    records: Records,
    jobs: Jobs,
    request: Mapping[str, Any],
    *,
    holder: Callable[[dict[str, Any]], str] = lambda _: "",
    in_use: type[ServiceError] = ResourceInUse,
    missing: type[ServiceError] = ResourceNotFound,
) -> None:
    """Delete a job; `holder` tells of its body what still needs it.

    Raises:
        ServiceError: `missing`: there is no such job; `in_use`: it has not ended, or something needs it.

    """
    name = records.name(request)
    try:
        body = records.get(name).body
    except ServiceError as error:
        raise missing(f"{kind.noun} {records.arn(name)} does not exist") from error
    if body[kind.status] not in status.TERMINAL:
        raise in_use(f"{records.arn(name)} is {body[kind.status]}; only a job that has ended can be deleted")
    if why := holder(body):
        raise in_use(f"{records.arn(name)} cannot be deleted: {why}")
    # The folder first: without its entry it would be taken for that of the next job of this name.
    jobs.forget(kind.kind, name)
    records.remove(name)
