"""Batch transform jobs.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTransformJob.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.api import addresses, stopping
from sagelocal.api.kinds import TRANSFORM_JOB
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs.status import JobStatus
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.experiments import Given
    from sagelocal.api.ports import Jobs
    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call

_MOST_MEGABYTES = 100
_DATA_TYPES = ("S3Prefix", "ManifestFile")
"""https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_TransformS3DataSource.html"""


class TransformJobs:
    """CreateTransformJob, DescribeTransformJob, ListTransformJobs, StopTransformJob."""

    def __init__(self, *, records: Records, models: Records, jobs: Jobs, experiments: Given) -> None:
        self._records = records
        self._experiments = experiments
        self._models = models
        self._jobs = jobs

    @operation("CreateTransformJob")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the job and hand it on to be run."""
        request = call.parameters
        _check(request)
        self._experiments.check(request)
        self._models.get(request["ModelName"])
        answer = self._records.create(request, TransformJobStatus=JobStatus.IN_PROGRESS)
        self._jobs.submit(TRANSFORM_JOB.kind, request["TransformJobName"])
        return answer

    @operation("DescribeTransformJob", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one job."""
        return self._records.describe(call.parameters)

    @operation("ListTransformJobs")
    def list(self, call: Call) -> dict[str, Any]:
        """List jobs."""
        return self._records.list(call.parameters)

    @operation("StopTransformJob")
    def stop(self, call: Call) -> None:
        """Ask the job to stop; results that are whole stay."""
        stopping.stop(TRANSFORM_JOB, self._records, self._jobs, call.parameters)


def _check(request: Mapping[str, Any]) -> None:
    source = request["TransformInput"]["DataSource"]["S3DataSource"]
    if source["S3DataType"] not in _DATA_TYPES:
        raise ValidationException(
            f"S3DataType {source['S3DataType']} is not one of a transform job: {', '.join(_DATA_TYPES)}"
        )
    if "DataCaptureConfig" in request:
        raise NotSupported("sagelocal cannot capture the data of a transform job; give no DataCaptureConfig")
    addresses.check(
        {
            "TransformInput.DataSource.S3DataSource.S3Uri": source["S3Uri"],
            "TransformOutput.S3OutputPath": request["TransformOutput"]["S3OutputPath"],
        }
    )
    payload, concurrent = request.get("MaxPayloadInMB", 6), request.get("MaxConcurrentTransforms", 1)
    if payload * concurrent > _MOST_MEGABYTES:
        raise ValidationException(
            f"MaxConcurrentTransforms {concurrent} * MaxPayloadInMB {payload} is {payload * concurrent} MB; "
            f"at most {_MOST_MEGABYTES} MB are allowed"
        )
