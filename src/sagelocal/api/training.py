"""Training jobs.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.algorithms import catalog
from sagelocal.api import deleting, stopping, training_definitions
from sagelocal.api.kinds import TRAINING_JOB
from sagelocal.api.records import now
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs import plan, preferences, transitions, warm_pools
from sagelocal.jobs.status import JobStatus
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.experiments import Given
    from sagelocal.api.ports import Images, Jobs
    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call


class TrainingJobs:
    """CreateTrainingJob, DescribeTrainingJob, ListTrainingJobs, StopTrainingJob."""

    def __init__(
        self, *, records: Records, tuning: Records, jobs: Jobs, images: Images, experiments: Given
    ) -> None:
        self._records = records
        self._tuning = tuning
        self._experiments = experiments
        self._jobs = jobs
        self._images = images

    @operation("CreateTrainingJob")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the job and hand it on to be run."""
        request = call.parameters
        _check(request)
        self._experiments.check(request)
        self._images(request["AlgorithmSpecification"]["TrainingImage"])
        first: dict[str, Any] = {}
        transitions.advance(first, "Starting", now())
        answer = self._records.create(
            request,
            AlgorithmSpecification=_specification(request),
            ResourceConfig=preferences.selected(request["ResourceConfig"]),
            TrainingJobStatus=JobStatus.IN_PROGRESS,
            **first,
            **plan.defaults(request),
            **warm_pools.at_start(request),
        )
        self._take_over_a_pool(request)
        self._jobs.submit(TRAINING_JOB.kind, request["TrainingJobName"])
        return answer

    @operation("DescribeTrainingJob", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one job."""
        answer = self._records.describe(call.parameters)
        warm_pools.settle(answer, now())
        return answer

    @operation("ListTrainingJobs")
    def list(self, call: Call) -> dict[str, Any]:
        """List jobs."""
        found = list(self._records.all())
        for each in found:
            warm_pools.settle(each.body, now())
        wanted = call.parameters.get("WarmPoolStatusEquals")
        if wanted is not None:
            found = [each for each in found if each.body.get(warm_pools.MEMBER, {}).get("Status") == wanted]
        rest = {key: value for key, value in call.parameters.items() if key != "WarmPoolStatusEquals"}
        return self._records.list(rest, found)

    @operation("UpdateTrainingJob")
    def update(self, call: Call) -> dict[str, Any]:
        """Keep the job's warm pool for longer or shorter, or let go of it."""
        request = call.parameters
        others = [
            key
            for key in ("ProfilerConfig", "ProfilerRuleConfigurations", "RemoteDebugConfig")
            if key in request
        ]
        if others:
            raise NotSupported(
                f"sagelocal has no profiler and no remote debugging; {others[0]} cannot be changed"
            )
        name = self._records.name(request)
        seconds = warm_pools.period(request)

        def change(body: dict[str, Any]) -> None:
            if not warm_pools.change(body, seconds, now()):
                raise ValidationException(
                    f"The training job {name!r} has no warm pool whose period could be changed"
                )

        self._records.update(name, change)
        return {"TrainingJobArn": self._records.arn(name)}

    @operation("StopTrainingJob")
    def stop(self, call: Call) -> None:
        """Ask the job to stop: its container gets a signal and 120 seconds, and its artifacts are kept."""
        stopping.stop(TRAINING_JOB, self._records, self._jobs, call.parameters)

    @operation("DeleteTrainingJob")
    def delete(self, call: Call) -> None:
        """Delete a job that has ended and holds no warm pool."""
        deleting.delete(TRAINING_JOB, self._records, self._jobs, call.parameters, holder=self._holder)

    def _holder(self, body: Mapping[str, Any]) -> str:
        """Return what still needs a job that has ended."""
        pool = warm_pools.now_is(body, now())
        if pool is not None and pool["Status"] == warm_pools.AVAILABLE:
            return "it retains an available warm pool"
        tuning = body.get("TuningJobArn")
        is_listed = tuning is not None and any(each.arn == tuning for each in self._tuning.all())
        return f"{tuning} lists it; delete that first" if is_listed else ""

    def _take_over_a_pool(self, request: Mapping[str, Any]) -> None:
        """Have the job take over the pool that was kept for longest, if one fits."""
        name = self._records.name(request)
        taken: list[bool] = []

        def take(body: dict[str, Any]) -> None:
            taken.append(warm_pools.take_over(body, request, name, now()))

        for each in self._records.all():
            if warm_pools.matches(each.body, request, now()):
                self._records.update(each.name, take)
                if taken[-1]:
                    return


def _specification(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the AlgorithmSpecification; a built-in algorithm brings metric definitions of its own."""
    given: dict[str, Any] = request["AlgorithmSpecification"]
    algorithm = catalog.of_training(request)
    if algorithm is None:
        return given
    if given.get("MetricDefinitions"):
        raise ValidationException(
            "You can't override the metric definitions for Amazon SageMaker algorithms. "
            "Please retry the request without specifying metric definitions."
        )
    return given | {"MetricDefinitions": catalog.metric_definitions(algorithm)}


def _check(request: Mapping[str, Any]) -> None:
    if "ServerlessJobConfig" in request:
        raise NotSupported("sagelocal cannot run serverless training jobs; give an AlgorithmSpecification")
    for member in ("AlgorithmSpecification", "ResourceConfig"):
        if member not in request:
            raise ValidationException(f"{member} is needed in CreateTrainingJob")
    if "TrainingImage" not in request["AlgorithmSpecification"]:
        raise NotSupported(
            "sagelocal cannot train with algorithms of the AWS Marketplace; "
            "AlgorithmSpecification needs a TrainingImage"
        )
    training_definitions.check(request)
