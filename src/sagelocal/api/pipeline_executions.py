"""Executions of pipelines.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StartPipelineExecution.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.api import listing
from sagelocal.api.kinds import PIPELINE_EXECUTION, ResourceKind
from sagelocal.api.pipeline_records import execution_name
from sagelocal.api.pipeline_requests import letters
from sagelocal.api.pipeline_selection import seed
from sagelocal.api.records import now
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs.store import Resource
from sagelocal.pipelines import definition as defining
from sagelocal.pipelines import expressions, parameters, steps
from sagelocal.pipelines.progress import ENDED, ExecutionStatus, StepStatus
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.pipeline_records import PipelineRecords
    from sagelocal.api.ports import Executions
    from sagelocal.wire.message import Call

_KEPT = (
    *("PipelineExecutionDescription", "ParallelismConfiguration", "SelectiveExecutionConfig"),
    "PipelineParameters",
)
_CHANGED = ("PipelineExecutionDescription", "PipelineExecutionDisplayName", "ParallelismConfiguration")
_RETRIED = (ExecutionStatus.FAILED, ExecutionStatus.STOPPED)
_ID_LENGTH = 12

STEP = ResourceKind(kind="step", noun="Step", listed="PipelineExecutionSteps", exists="", missing="")
PARAMETER = ResourceKind(
    kind="parameter", noun="Parameter", listed="PipelineParameters", exists="", missing=""
)


class PipelineExecutions:
    """Start, Stop, Retry, Describe, Update and list executions, their steps and their parameters."""

    def __init__(self, *, records: PipelineRecords, runs: Executions, account: Account) -> None:
        self._records = records
        self._runs = runs
        self._account = account

    @operation("StartPipelineExecution")
    def start(self, call: Call) -> dict[str, Any]:
        """Store an execution and have it run; a request that is repeated with its token makes no second."""
        request = call.parameters
        if "MlflowExperimentName" in request:
            raise NotSupported("sagelocal cannot log an execution to MLflow; give no MlflowExperimentName")
        with self._records.changing:
            name, is_new = self._store(request)
        if is_new:
            self._runs.begin(name)
        return {"PipelineExecutionArn": self._records.arn(name)}

    def _store(self, request: Mapping[str, Any]) -> tuple[str, bool]:
        """Store an execution; return its name here, and whether it is new."""
        pipeline = self._records.get(request["PipelineName"])
        version = self._records.version(
            pipeline.name, request.get("PipelineVersionId", pipeline.body["LastVersion"])
        )
        identifier = _identifier(pipeline, request["ClientRequestToken"])
        name = execution_name(pipeline.name, identifier)
        body = self._body(request, pipeline, name)
        definition = defining.parse(version.body["PipelineDefinition"])
        try:
            body["Values"] = parameters.values(definition.parameters, request.get("PipelineParameters", []))
        except parameters.ParameterError as error:
            raise ValidationException(str(error)) from error
        body["PipelineVersionId"] = version.body["PipelineVersionId"]
        body["Steps"] = seed(definition, request, pipeline.name, self._records)
        is_new = self._records.create_execution(name, body)
        if is_new:
            moment = body["CreationTime"]
            self._records.update(pipeline.name, lambda pipeline: pipeline.update(LastRunTime=moment))
        return name, is_new

    @operation("StopPipelineExecution")
    def stop(self, call: Call) -> dict[str, Any]:
        """Ask an execution to stop: its jobs are stopped too; a repeated request changes nothing."""
        token = call.parameters["ClientRequestToken"]

        def change(body: dict[str, Any]) -> None:
            if body.get("StopToken") == token:
                return
            current = body["PipelineExecutionStatus"]
            if current != ExecutionStatus.EXECUTING:
                raise ValidationException(
                    "Only pipelines with 'Executing' status can be stopped. "
                    f"Current status of the pipeline execution is '{current}'."
                )
            body |= {"PipelineExecutionStatus": ExecutionStatus.STOPPING, "LastModifiedTime": now()}
            body["StopToken"] = token

        return self._changed(call, change)

    @operation("RetryPipelineExecution")
    def retry(self, call: Call) -> dict[str, Any]:
        """Run an execution that failed or was stopped again, from the steps that did not succeed.

        One that ended by a Fail step stays as it is:
        https://docs.aws.amazon.com/sagemaker/latest/dg/build-and-manage-steps-types.html (Fail step)
        """
        request = call.parameters

        def change(body: dict[str, Any]) -> None:
            if body.get("RetryToken") == request["ClientRequestToken"]:
                return
            current = body["PipelineExecutionStatus"]
            if current not in _RETRIED:
                raise ValidationException(
                    "Only pipelines with 'Failed' or 'Stopped' status can be retried. "
                    f"Current status of the pipeline execution is '{current}'."
                )
            if any(record["StepType"] == steps.FAIL for record in body["Steps"].values()):
                raise ValidationException(
                    "A pipeline execution that a Fail step has ended cannot be retried."
                )
            body["Steps"] = {
                name: record
                for name, record in body["Steps"].items()
                if record["StepStatus"] == StepStatus.SUCCEEDED
            }
            body |= {"PipelineExecutionStatus": ExecutionStatus.EXECUTING, "LastModifiedTime": now()}
            body["RetryToken"] = request["ClientRequestToken"]
            body |= {key: request[key] for key in ("ParallelismConfiguration",) if key in request}
            body.pop("FailureReason", None)
            body.pop("StopToken", None)

        execution = self._records.execution(request["PipelineExecutionArn"])
        with self._records.changing:
            retried = self._records.update_execution(execution.name, change)
        if retried.body["PipelineExecutionStatus"] not in ENDED:
            self._runs.begin(execution.name)
        return {"PipelineExecutionArn": execution.arn}

    @operation("UpdatePipelineExecution")
    def update(self, call: Call) -> dict[str, Any]:
        """Change an execution's name, description or parallelism."""

        def change(body: dict[str, Any]) -> None:
            body |= {key: call.parameters[key] for key in _CHANGED if key in call.parameters}
            body["LastModifiedTime"] = now()

        return self._changed(call, change)

    @operation("DescribePipelineExecution", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one execution."""
        return self._records.execution(call.parameters["PipelineExecutionArn"]).body

    @operation("DescribePipelineDefinitionForExecution", quick=True)
    def describe_definition(self, call: Call) -> dict[str, Any]:
        """Return the definition that an execution goes by."""
        body = self._records.execution(call.parameters["PipelineExecutionArn"]).body
        return self._records.version(body["PipelineName"], body["PipelineVersionId"]).body

    @operation("ListPipelineExecutions")
    def list(self, call: Call) -> dict[str, Any]:
        """List the executions of a pipeline."""
        request = dict(call.parameters)
        if request.get("SortBy") == "PipelineExecutionArn":
            request["SortBy"] = "Name"  # which is the ARN's end
        pipeline = self._records.get(request["PipelineName"])
        page = listing.page(PIPELINE_EXECUTION, self._records.executions(pipeline.name), request)
        summaries = [
            each.body
            | {
                "StartTime": each.body["CreationTime"],
                "PipelineExecutionFailureReason": each.body.get("FailureReason"),
            }
            for each in page.resources
        ]
        return {PIPELINE_EXECUTION.listed: summaries, "NextToken": page.next_token}

    @operation("ListPipelineExecutionSteps")
    def list_steps(self, call: Call) -> dict[str, Any]:
        """List the steps of an execution that have begun, the last first unless asked otherwise."""
        if "PipelineExecutionArn" not in call.parameters:
            raise ValidationException("PipelineExecutionArn is needed in ListPipelineExecutionSteps")
        execution = self._records.execution(call.parameters["PipelineExecutionArn"])
        rows = [
            Resource(kind=STEP.kind, name=name, arn=name, body=record, created=record["StartTime"])
            for name, record in execution.body["Steps"].items()
        ]
        page = listing.page(STEP, rows, call.parameters)
        return {STEP.listed: [each.body for each in page.resources], "NextToken": page.next_token}

    @operation("ListPipelineParametersForExecution")
    def list_parameters(self, call: Call) -> dict[str, Any]:
        """List the parameters' values in an execution, defaults too."""
        execution = self._records.execution(call.parameters["PipelineExecutionArn"])
        rows = [
            Resource(
                kind=PARAMETER.kind,
                name=name,
                arn=name,
                body={"Name": name, "Value": expressions.text_of(value)},
            )
            for name, value in execution.body["Values"].items()
        ]
        page = listing.page(PARAMETER, rows, call.parameters)
        return {PARAMETER.listed: [each.body for each in page.resources], "NextToken": page.next_token}

    def _changed(self, call: Call, change: Any) -> dict[str, Any]:
        execution = self._records.execution(call.parameters["PipelineExecutionArn"])
        self._records.update_execution(execution.name, change)
        self._runs.ring(execution.name)
        return {"PipelineExecutionArn": execution.arn}

    def _body(self, request: Mapping[str, Any], pipeline: Resource, name: str) -> dict[str, Any]:
        moment = now()
        kept = {key: request[key] for key in _KEPT if request.get(key)}
        parallel = pipeline.body.get("ParallelismConfiguration")
        return (
            ({"ParallelismConfiguration": parallel} if parallel else {})
            | kept
            | {
                "PipelineName": pipeline.name,
                "PipelineArn": pipeline.arn,
                "PipelineExecutionArn": self._records.arn(name),
                "PipelineExecutionDisplayName": request.get(
                    "PipelineExecutionDisplayName", f"execution-{int(moment * 1000)}"
                ),
                "PipelineExecutionStatus": ExecutionStatus.EXECUTING,
                "CreationTime": moment,
                "LastModifiedTime": moment,
                "CreatedBy": self._account.owner,
                "LastModifiedBy": self._account.owner,
                "Attempts": {},
            }
        )


def _identifier(pipeline: Resource, token: str) -> str:
    """Return an execution's id: the same for the same token."""
    return letters(f"{pipeline.arn} {pipeline.body['CreationTime']} {token}", _ID_LENGTH)
