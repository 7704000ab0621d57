"""What the expressions of an execution are evaluated in: parameters, the steps' resources, files on S3."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

from sagelocal import storage as objects
from sagelocal.api import pipeline_requests as requests
from sagelocal.errors import ServiceError
from sagelocal.pipelines import paths, retries, steps
from sagelocal.pipelines.progress import StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagelocal.api.calling import Caller
    from sagelocal.pipelines.definition import Definition
    from sagelocal.storage import Storage

OUTCOMES = {True: "True", False: "False"}
TRAINED = "TrainingJobSummaries"
"""A property of Tuning steps beside those of the tuning job's description: its training jobs, best first."""
_LARGEST_DOCUMENT = 16 * 1024 * 1024


class ExecutionScope:
    """The scope of one step of an execution, as the execution stands."""

    def __init__(
        self,
        *,
        definition: Definition,
        body: Mapping[str, Any],
        caller: Caller,
        storage: Storage,
        resource: str = "",
    ) -> None:
        self._definition = definition
        self._body = body
        self._caller = caller
        self._storage = storage
        self._resource = resource

    def parameter(self, name: str) -> Any:
        """Return a parameter's value."""
        return self._body["Values"][name]

    def variable(self, name: str) -> Any:
        """Return an execution variable's value."""
        return _VARIABLES[name](self._body, self._resource)

    def properties(self, step: str, path: paths.Path) -> Any:
        """Return a step's property: of its resource as it is described."""
        record = self._record(step)
        kind = steps.KINDS.get(record["StepType"])
        if kind is None:
            return paths.follow(record["Metadata"][record["StepType"]], path)
        try:
            if kind.type == steps.TUNING and path[:1] == (TRAINED,):
                return paths.follow(self._trained(record["Resource"]), path)
            description = self._caller(f"Describe{kind.noun}", requests.description(kind, record["Resource"]))
        except ServiceError as error:
            if retries.of_error(error.code, error.status):
                raise  # it may be there at the next attempt
            raise LookupError(f"{record['Resource']} of step {step!r}: {error.message}") from error
        return paths.follow(description, path)

    def property_file(self, step: str, name: str) -> Any:
        """Return the content of a step's property file."""
        file = self._definition.steps[step].property_files[name]
        output = ("ProcessingOutputConfig", "Outputs", file.output, "S3Output", "S3Uri")
        return self.document(f"{self.properties(step, output).rstrip('/')}/{file.path.lstrip('/')}")

    def document(self, uri: str) -> Any:
        """Return a JSON document on S3."""
        try:
            with self._storage.open(uri) as stream:
                content = stream.read(_LARGEST_DOCUMENT + 1)
        except objects.MissingObjectError as error:
            raise LookupError(str(error)) from error
        if len(content) > _LARGEST_DOCUMENT:
            raise LookupError(f"{uri} has more than {_LARGEST_DOCUMENT} bytes")
        try:
            return json.loads(content)
        except ValueError as error:
            raise LookupError(f"{uri} is not JSON: {error}") from error

    def _record(self, step: str) -> dict[str, Any]:
        record: dict[str, Any] = self._body["Steps"].get(step, {})
        if record.get("StepStatus") != StepStatus.SUCCEEDED:
            raise LookupError(f"step {step!r} has not succeeded")
        return record

    def _trained(self, tuning_job: str) -> dict[str, Any]:
        return self._caller(
            "ListTrainingJobsForHyperParameterTuningJob",
            {
                "HyperParameterTuningJobName": tuning_job,
                "SortBy": "FinalObjectiveMetricValue",
                "SortOrder": self._best_first(tuning_job),
                "MaxResults": 100,
            },
        )

    def _best_first(self, tuning_job: str) -> str:
        described = self._caller(
            "DescribeHyperParameterTuningJob", {"HyperParameterTuningJobName": tuning_job}
        )
        config = described["HyperParameterTuningJobConfig"]
        objective = config.get("HyperParameterTuningJobObjective") or described["TrainingJobDefinition"].get(
            "TuningObjective", {}
        )
        return "Ascending" if objective.get("Type") == "Minimize" else "Descending"


def _moment(seconds: float) -> str:
    moment = dt.datetime.fromtimestamp(seconds, dt.UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


_VARIABLES: dict[str, Callable[[Mapping[str, Any], str], str]] = {
    "StartDateTime": lambda body, _: _moment(body["CreationTime"]),
    "CurrentDateTime": lambda _, __: _moment(dt.datetime.now(dt.UTC).timestamp()),
    "PipelineName": lambda body, _: str(body["PipelineName"]),
    "PipelineArn": lambda body, _: str(body["PipelineArn"]),
    "PipelineExecutionId": lambda body, _: body["PipelineExecutionArn"].rpartition("/")[2],
    "PipelineExecutionArn": lambda body, _: str(body["PipelineExecutionArn"]),
    "TrainingJobName": lambda _, resource: resource,
    "ProcessingJobName": lambda _, resource: resource,
}
