"""Processing jobs.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateProcessingJob.html
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sagelocal.api import deleting, stopping
from sagelocal.api.kinds import PROCESSING_JOB
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs import preferences, processing_plan
from sagelocal.jobs.status import JobStatus
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.experiments import Given
    from sagelocal.api.ports import Images, Jobs
    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call


class ProcessingJobs:
    """CreateProcessingJob, DescribeProcessingJob, ListProcessingJobs, StopProcessingJob."""

    def __init__(self, *, records: Records, jobs: Jobs, images: Images, experiments: Given) -> None:
        self._records = records
        self._experiments = experiments
        self._jobs = jobs
        self._images = images

    @operation("CreateProcessingJob")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the job and hand it on to be run."""
        request = call.parameters
        self._images(request["AppSpecification"]["ImageUri"])  # first: no entry point makes it known
        _check(request)
        self._experiments.check(request)
        runtime = {"MaxRuntimeInSeconds": processing_plan.DEFAULT_RUNTIME_SECONDS}
        answer = self._records.create(
            request,
            ProcessingJobStatus=JobStatus.IN_PROGRESS,
            ProcessingResources=_resources(request),
            StoppingCondition=runtime | request.get("StoppingCondition", {}),
        )
        self._jobs.submit(PROCESSING_JOB.kind, request["ProcessingJobName"])
        return answer

    @operation("DescribeProcessingJob", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one job."""
        return self._records.describe(call.parameters)

    @operation("ListProcessingJobs")
    def list(self, call: Call) -> dict[str, Any]:
        """List jobs."""
        return self._records.list(call.parameters)

    @operation("StopProcessingJob")
    def stop(self, call: Call) -> None:
        """Ask the job to stop: its container gets a signal and 120 seconds."""
        stopping.stop(PROCESSING_JOB, self._records, self._jobs, call.parameters)

    @operation("DeleteProcessingJob")
    def delete(self, call: Call) -> None:
        """Delete a job that has ended."""
        deleting.delete(PROCESSING_JOB, self._records, self._jobs, call.parameters)


def _resources(request: Mapping[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = request["ProcessingResources"]
    return given | {"ClusterConfig": preferences.selected(given["ClusterConfig"])}


def _check(request: Mapping[str, Any]) -> None:
    try:
        processing_plan.parse(request, region="")
    except processing_plan.RequestError as error:
        wrong = str(error)
        raise (NotSupported if wrong.startswith("sagelocal ") else ValidationException)(wrong) from error
    _check_unique("InputName", request.get("ProcessingInputs", []))
    _check_unique("OutputName", request.get("ProcessingOutputConfig", {}).get("Outputs", []))


def _check_unique(key: str, entries: list[dict[str, Any]]) -> None:
    twice = [name for name, count in Counter(entry[key] for entry in entries).items() if count > 1]
    if twice:
        raise ValidationException(f"{key} {twice[0]!r} is there twice; names must be unique")
