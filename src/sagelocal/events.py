"""What SageMaker tells EventBridge of a change of status. Pure.

Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/automating-sagemaker-with-eventbridge.html, whose
examples give the times of jobs and endpoints in milliseconds, those of packages and pipelines in ISO 8601.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.jobs import changes

if TYPE_CHECKING:
    from sagelocal.jobs.changes import Change


@dataclass(frozen=True, kw_only=True)
class Event:
    """One state change."""

    detail_type: str
    """As in SageMaker's documentation: `SageMaker Model Package State Change`."""
    resources: tuple[str, ...]
    """The ARNs of what changed."""
    detail: dict[str, Any]
    moment: float
    """Seconds since the epoch."""


def of(change: Change, tags: Mapping[str, str]) -> list[Event]:
    """Return the events that a change of status means."""
    return [
        Event(detail_type=kind, resources=resources, detail=detail, moment=change.moment)
        for kind, resources, detail in _MAKERS[change.kind](change, tags)
    ]


_Made = Iterable[tuple[str, tuple[str, ...], dict[str, Any]]]

_JOBS: dict[str, tuple[str, tuple[str, ...]]] = {
    "training-job": (
        "SageMaker Training Job State Change",
        (
            *("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus", "FailureReason"),
            *("HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig", "OutputDataConfig"),
            *("ModelArtifacts", "ResourceConfig", "VpcConfig", "StoppingCondition", "CreationTime"),
            *("TrainingStartTime", "TrainingEndTime", "LastModifiedTime", "SecondaryStatusTransitions"),
            "TuningJobArn",
        ),
    ),
    "processing-job": (
        "SageMaker Processing Job State Change",
        (
            *("ProcessingJobName", "ProcessingJobArn", "ProcessingJobStatus", "FailureReason", "ExitMessage"),
            *("ProcessingInputs", "ProcessingOutputConfig", "ProcessingResources", "StoppingCondition"),
            *("AppSpecification", "NetworkConfig", "RoleArn", "CreationTime", "LastModifiedTime"),
            *("ProcessingStartTime", "ProcessingEndTime"),
        ),
    ),
    "transform-job": (
        "SageMaker Transform Job State Change",
        (
            *("TransformJobName", "TransformJobArn", "TransformJobStatus", "FailureReason", "ModelName"),
            *("MaxConcurrentTransforms", "MaxPayloadInMB", "BatchStrategy", "Environment", "TransformInput"),
            *("TransformOutput", "TransformResources", "CreationTime", "TransformStartTime"),
            "TransformEndTime",
        ),
    ),
    "hyper-parameter-tuning-job": (
        "SageMaker HyperParameter Tuning Job State Change",
        (
            *("HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus"),
            *("HyperParameterTuningJobConfig", "TrainingJobDefinition", "TrainingJobDefinitions"),
            *("FailureReason", "CreationTime", "LastModifiedTime", "HyperParameterTuningEndTime"),
            *("TrainingJobStatusCounters", "ObjectiveStatusCounters", "BestTrainingJob"),
        ),
    ),
}
_ENDPOINT = (
    *("EndpointName", "EndpointArn", "EndpointConfigName", "ProductionVariants", "FailureReason"),
    *("CreationTime", "LastModifiedTime"),
)
_PACKAGE = (
    *("ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn"),
    *("ModelPackageDescription", "CreationTime", "LastModifiedTime", "InferenceSpecification"),
    *("SourceAlgorithmSpecification", "ModelPackageStatus", "ModelPackageStatusDetails"),
    *("CertifyForMarketplace", "ModelApprovalStatus", "ApprovalDescription", "MetadataProperties"),
    *("ModelMetrics", "CustomerMetadataProperties"),
)


def _job(change: Change, tags: Mapping[str, str]) -> _Made:
    detail_type, members = _JOBS[change.kind]
    yield detail_type, (change.arn,), _picked(change.body, members, _milliseconds) | {"Tags": dict(tags)}


def _package(change: Change, _: Mapping[str, str]) -> _Made:
    detail = _picked(change.body, _PACKAGE, _iso)
    yield "SageMaker Model Package State Change", (change.arn,), detail


def _endpoint(change: Change, tags: Mapping[str, str]) -> _Made:
    status = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", change.body["EndpointStatus"]).upper()
    detail = _picked(change.body, _ENDPOINT, _milliseconds)
    detail |= {"EndpointStatus": status, "Tags": dict(tags)}
    if _differs(change, "EndpointStatus"):
        yield "SageMaker Endpoint State Change", (change.arn,), detail
    if _differs(change, changes.DEPLOYMENT) and change.after[changes.DEPLOYMENT]:
        pending = {"PendingDeploymentSummary": change.body["PendingDeploymentSummary"]}
        pending = _picked(pending, tuple(pending), _milliseconds)
        yield "SageMaker Endpoint Deployment State Change", (change.arn,), detail | pending


def _execution(change: Change, _: Mapping[str, str]) -> _Made:
    body = change.body
    arns = (change.arn.partition("/execution/")[0], change.arn)
    own = {"pipelineArn": arns[0], "pipelineExecutionArn": arns[1]}
    if _differs(change, "PipelineExecutionStatus"):
        status = body["PipelineExecutionStatus"]
        is_over = status in ("Succeeded", "Failed", "Stopped")
        told = {
            "pipelineExecutionDisplayName": body.get("PipelineExecutionDisplayName"),
            "pipelineExecutionDescription": body.get("PipelineExecutionDescription"),
            "currentPipelineExecutionStatus": status,
            "previousPipelineExecutionStatus": change.before.get("PipelineExecutionStatus"),
            "executionStartTime": _iso(body["CreationTime"]),
            "executionEndTime": _iso(change.moment) if is_over else None,
        }
        yield "SageMaker Model Building Pipeline Execution Status Change", arns, own | _given(told)
    earlier = change.before.get(changes.STEPS, {})
    for name, status in change.after[changes.STEPS].items():
        if status != earlier.get(name):
            detail = own | _step(body["Steps"][name], earlier.get(name))
            yield "SageMaker Model Building Pipeline Execution Step Status Change", arns, detail


def _step(record: Mapping[str, Any], before: str | None) -> dict[str, Any]:
    hit = record.get("CacheHitResult", {}).get("SourcePipelineExecutionArn")
    told = {
        "metadata": _lowered(record.get("Metadata", {})),
        "stepName": record["StepName"],
        "stepType": record["StepType"],
        "stepStartTime": _iso(record.get("StartTime")),
        "stepEndTime": _iso(record.get("EndTime")),
        "currentStepStatus": record["StepStatus"],
        "previousStepStatus": before,
        "failureReason": record.get("FailureReason"),
        "cacheHitResult": {"sourcePipelineExecutionArn": hit} if hit else None,
    }
    return _given(told)


_MAKERS: dict[str, Callable[[Change, Mapping[str, str]], _Made]] = {
    **dict.fromkeys(_JOBS, _job),
    "model-package": _package,
    "endpoint": _endpoint,
    "pipeline-execution": _execution,
}


def _differs(change: Change, member: str) -> bool:
    return bool(change.before.get(member) != change.after.get(member))


def _given(told: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in told.items() if value is not None}


def _picked(body: Mapping[str, Any], members: Sequence[str], time_of: Callable[[Any], Any]) -> dict[str, Any]:
    return {member: _timed(member, body[member], time_of) for member in members if member in body}


def _timed(member: str, value: Any, time_of: Callable[[Any], Any]) -> Any:
    if isinstance(value, dict):
        return {key: _timed(key, each, time_of) for key, each in value.items()}
    if isinstance(value, list):
        return [_timed(member, each, time_of) for each in value]
    return time_of(value) if member.endswith("Time") and isinstance(value, float) else value


def _milliseconds(moment: float) -> int:
    return round(moment * 1000)


def _iso(moment: float | None) -> str | None:
    return None if moment is None else f"{dt.datetime.fromtimestamp(moment, dt.UTC):%Y-%m-%dT%H:%M:%SZ}"


def _lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key[0].lower() + key[1:]: _lowered(each) for key, each in value.items()}
    return value
