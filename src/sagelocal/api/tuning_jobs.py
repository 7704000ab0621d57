"""Hyperparameter tuning jobs.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateHyperParameterTuningJob.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.algorithms import catalog
from sagelocal.api import deleting, listing, stopping, training_definitions
from sagelocal.api.kinds import TRAINING_JOB, TUNING_JOB
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs import children, status
from sagelocal.jobs.children import Children
from sagelocal.jobs.status import JobStatus
from sagelocal.tuning import definition as defining
from sagelocal.tuning import summaries, trials
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sagelocal.api.ports import Images, Jobs
    from sagelocal.api.records import Records
    from sagelocal.jobs.store import Resource, Store
    from sagelocal.wire.message import Call

_BY_OBJECTIVE = "FinalObjectiveMetricValue"
_METRIC = "FinalHyperParameterTuningJobObjectiveMetric"


class TuningJobs:
    """Create, Describe, List and StopHyperParameterTuningJob, and the list of one's training jobs."""

    def __init__(self, *, records: Records, jobs: Jobs, images: Images, store: Store, data_dir: Path) -> None:
        self._records = records
        self._jobs = jobs
        self._images = images
        self._store = store
        self._data_dir = data_dir

    @operation("CreateHyperParameterTuningJob")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the job and hand it on to be run."""
        request = call.parameters
        if request.get("Autotune") and "TrainingJobDefinition" not in request:
            raise NotSupported("sagelocal cannot autotune without a TrainingJobDefinition")
        try:
            tuning = defining.parse(request)
        except defining.DefinitionError as error:
            raise ValidationException(str(error)) from error
        for definition in tuning.definitions:
            training_definitions.check(definition.job)
            _check_metric(definition)
            self._images(definition.job["AlgorithmSpecification"]["TrainingImage"])
        self._check_parents(request, tuning)
        answer = self._records.create(
            request,
            HyperParameterTuningJobStatus=JobStatus.IN_PROGRESS,
            TrainingJobStatusCounters=trials.status_counters([]),
            ObjectiveStatusCounters=trials.objective_counters([]),
        )
        self._jobs.submit(TUNING_JOB.kind, request["HyperParameterTuningJobName"])
        return answer

    @operation("DescribeHyperParameterTuningJob", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one job."""
        body = self._records.describe(call.parameters)
        config = body["HyperParameterTuningJobConfig"]
        if "TrainingJobDefinition" in body:
            return body | {"TrainingJobDefinition": _told(body["TrainingJobDefinition"], config)}
        return body | {
            "TrainingJobDefinitions": [_told(each, config) for each in body["TrainingJobDefinitions"]]
        }

    @operation("ListHyperParameterTuningJobs")
    def list(self, call: Call) -> dict[str, Any]:
        """List jobs."""
        answer = self._records.list(call.parameters)
        for each in answer[TUNING_JOB.listed]:
            config = each["HyperParameterTuningJobConfig"]
            each.update(Strategy=config["Strategy"], ResourceLimits=config["ResourceLimits"])
        return answer

    @operation("StopHyperParameterTuningJob")
    def stop(self, call: Call) -> None:
        """Ask the job to stop: its training jobs are stopped too."""
        stopping.stop(TUNING_JOB, self._records, self._jobs, call.parameters)

    @operation("DeleteHyperParameterTuningJob")
    def delete(self, call: Call) -> None:
        """Delete a job that has ended; its training jobs stay."""
        deleting.delete(
            TUNING_JOB,
            self._records,
            self._jobs,
            call.parameters,
            in_use=ValidationException,
            missing=ValidationException,
        )

    @operation("ListTrainingJobsForHyperParameterTuningJob")
    def list_training_jobs(self, call: Call) -> dict[str, Any]:
        """List the training jobs that a tuning job has made."""
        request = call.parameters
        tuning_job = self._records.get(request["HyperParameterTuningJobName"])
        tuning = defining.parse(tuning_job.body)
        found = {}
        rows = []
        bodies = Children(self._store, self._data_dir, tuning_job.body).bodies()
        for body, chosen in zip(bodies, tuning.turns(), strict=False):
            document = summaries.summary(
                body, tuning_job=tuning_job.name, definition=chosen.name, objective=chosen.objective
            )
            if (
                request.get("SortBy") == _BY_OBJECTIVE
                and "FinalHyperParameterTuningJobObjectiveMetric" not in document
            ):
                continue  # "Training jobs that have failed or are in progress have no value and are left out"
            found[body["TrainingJobName"]] = document
            rows.append(_row(self._store.get(TRAINING_JOB.kind, body["TrainingJobName"]), document))
        page = listing.page(TRAINING_JOB, rows, _order(request))
        return {
            "TrainingJobSummaries": [found[each.name] for each in page.resources],
            "NextToken": page.next_token,
        }

    def _check_parents(self, request: Mapping[str, Any], tuning: defining.Tuning) -> None:
        """Check the parents of a warm start: there, over, and tuned for the same objective in like ranges."""
        for parent in request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
            name = parent["HyperParameterTuningJobName"]
            body = self._records.get(name).body
            if body["HyperParameterTuningJobStatus"] not in status.TERMINAL:
                raise ValidationException(
                    f"The parent tuning job {name!r} is {body['HyperParameterTuningJobStatus']}; "
                    "it must have ended"
                )
            before, now = defining.parse(body).definitions[0], tuning.definitions[0]
            theirs, ours = before.objective, now.objective
            if theirs != ours:
                raise ValidationException(
                    f"The parent tuning job {name!r} has the objective {theirs.type} {theirs.metric}; "
                    f"this one's is {ours.type} {ours.metric}, and they must be the same"
                )
            _check_kinds(name, before, now)


def _check_kinds(parent: str, before: defining.Definition, now: defining.Definition) -> None:
    """Check that what a parent tuned is tuned as the same kind of hyperparameter.

    https://docs.aws.amazon.com/sagemaker/latest/dg/automatic-model-tuning-warm-start.html
    """
    kinds = {each.name: each.kind for each in before.ranges}
    for each in now.ranges:
        if kinds.get(each.name, each.kind) != each.kind:
            raise ValidationException(
                f"The hyperparameter {each.name!r} is {each.kind.lower()}, and in the parent tuning job "
                f"{parent!r} {kinds[each.name].lower()}; they must be the same"
            )


def _told(definition: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a definition of training jobs as Describe tells it: with what each of these jobs gets.

    SDK v2's `HyperparameterTuner.attach` relies on both, although the SDK gives only the other resources.
    """
    objective = definition.get("TuningObjective") or config["HyperParameterTuningJobObjective"]
    static = definition.get("StaticHyperParameters", {})
    return {
        "ResourceConfig": children.resources(definition),
        **definition,
        "StaticHyperParameters": {**static, trials.METRIC_PARAMETER: objective["MetricName"]},
    }


def _check_metric(definition: defining.Definition) -> None:
    """Check that the objective is a metric of the training jobs."""
    job, wanted = definition.job, definition.objective.metric
    spec = catalog.of_training({**job, "HyperParameters": job.get("StaticHyperParameters", {})})
    given = job["AlgorithmSpecification"].get("MetricDefinitions", [])
    names = [each["Name"] for each in (catalog.metric_definitions(spec) if spec else given)]
    if wanted not in names:
        raise ValidationException(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the "
            f"metric definitions: the objective is {wanted!r}, and they have {', '.join(names) or 'none'}"
        )


def _row(resource: Resource, document: Mapping[str, Any]) -> Resource:
    """Return the training job with its objective's value in the place where the list sorts by it."""
    metric = document.get(_METRIC)
    if metric is not None:
        resource.body[_BY_OBJECTIVE] = metric["Value"]
    return resource


def _order(request: Mapping[str, Any]) -> dict[str, Any]:
    known = ("StatusEquals", "SortBy", "SortOrder", "MaxResults", "NextToken")
    # Those of a tuning job come by name, where all training jobs come by time.
    return {"SortBy": "Name"} | {key: request[key] for key in known if key in request}
