"""What lineage is recorded of a job: its trial component, and where its data is. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

Body = dict[str, Any]
_LONGEST_MESSAGE = 1024
_LONGEST_VALUE = 2500
"""Characters of a parameter's StringValue, by the service model."""
_IMAGE = "SageMaker.ImageUri"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Something that a job reads or writes."""

    label: str
    uri: str
    type: str
    """The ArtifactType: `DataSet`, `Model`, `Image`, `Checkpoint`."""
    media: str | None = None


@dataclass(frozen=True, kw_only=True)
class JobTrail:
    """The lineage of a job."""

    noun: str
    component: Body
    """Members of its trial component."""
    inputs: Sequence[Place]
    outputs: Sequence[Place]

    def source(self, arn: str) -> dict[str, str]:
        """Return the component's Source."""
        return {"SourceArn": arn, "SourceType": f"SageMaker{self.noun}"}


def training(body: Mapping[str, Any]) -> JobTrail:
    """Return a training job's trail."""
    image = body["AlgorithmSpecification"].get("TrainingImage")
    inputs = [_image(image)] if image else []
    for channel in body.get("InputDataConfig", []):
        source = channel["DataSource"].get("S3DataSource")
        if source:
            uri, media = source["S3Uri"], channel.get("ContentType")
            inputs.append(Place(label=channel["ChannelName"], uri=uri, type="DataSet", media=media))
    outputs = []
    if model := body.get("ModelArtifacts", {}).get("S3ModelArtifacts"):
        outputs.append(Place(label="SageMaker.ModelArtifact", uri=model, type="Model"))
    if checkpoints := body.get("CheckpointConfig", {}).get("S3Uri"):
        outputs.append(Place(label="SageMaker.Checkpoint", uri=checkpoints, type="Checkpoint"))
    cluster = body["ResourceConfig"]
    parameters = dict(body.get("HyperParameters", {})) | _instances(cluster)
    return _trail("TrainingJob", body, parameters=parameters, inputs=inputs, outputs=outputs)


def processing(body: Mapping[str, Any]) -> JobTrail:
    """Return a processing job's trail."""
    inputs = [_image(body["AppSpecification"]["ImageUri"])]
    for each in body.get("ProcessingInputs", []):
        uri = each.get("S3Input", {}).get("S3Uri")
        if uri:
            inputs.append(Place(label=each["InputName"], uri=uri, type="DataSet"))
    outputs = [
        Place(label=each["OutputName"], uri=each["S3Output"]["S3Uri"], type="DataSet")
        for each in body.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if each.get("S3Output", {}).get("S3Uri")
    ]
    parameters = _instances(body["ProcessingResources"]["ClusterConfig"])
    return _trail("ProcessingJob", body, parameters=parameters, inputs=inputs, outputs=outputs)


def transform(body: Mapping[str, Any]) -> JobTrail:
    """Return a transform job's trail."""
    source, target = body["TransformInput"], body["TransformOutput"]["S3OutputPath"]
    uri = source["DataSource"]["S3DataSource"]["S3Uri"]
    inputs = [
        Place(label="SageMaker.TransformInput", uri=uri, type="DataSet", media=source.get("ContentType"))
    ]
    outputs = [Place(label="SageMaker.TransformOutput", uri=target, type="DataSet")]
    parameters = _instances(body["TransformResources"]) | {"SageMaker.ModelName": body["ModelName"]}
    return _trail("TransformJob", body, parameters=parameters, inputs=inputs, outputs=outputs)


OF_A_RUN = ("StartTime", "EndTime", "Parameters", "InputArtifacts", "OutputArtifacts", "Metrics")
"""Members of a trial component that are of one job alone, and that not every job has."""
TRAILS: dict[str, Callable[[Mapping[str, Any]], JobTrail]] = {
    "training-job": training,
    "processing-job": processing,
    "transform-job": transform,
}
"""Trails by the word in a job's ARN."""


def _trail(
    noun: str,
    body: Mapping[str, Any],
    *,
    parameters: Mapping[str, Any],
    inputs: Sequence[Place],
    outputs: Sequence[Place],
) -> JobTrail:
    stem = noun.removesuffix("Job")
    status = {"PrimaryStatus": body[f"{noun}Status"]}
    if reason := body.get("FailureReason"):
        status["Message"] = reason[:_LONGEST_MESSAGE]
    component = {
        "DisplayName": body.get("ExperimentConfig", {}).get("TrialComponentDisplayName"),
        "Status": status,
        "StartTime": body.get(f"{stem}StartTime"),
        "EndTime": body.get(f"{stem}EndTime"),
        "Parameters": {key: _parameter(value) for key, value in parameters.items()},
        "InputArtifacts": _artifacts(inputs),
        "OutputArtifacts": _artifacts(outputs),
        "Metrics": [_metric(body, each) for each in body.get("FinalMetricDataList", [])],
    }
    kept = {key: value for key, value in component.items() if value not in (None, {}, [])}
    return JobTrail(noun=noun, component=kept, inputs=inputs, outputs=outputs)


def _image(uri: str) -> Place:
    return Place(label=_IMAGE, uri=uri, type="Image")


def _instances(cluster: Mapping[str, Any]) -> dict[str, Any]:
    members = ("InstanceType", "InstanceCount", "VolumeSizeInGB")
    return {f"SageMaker.{member}": cluster[member] for member in members if member in cluster}


def _parameter(value: Any) -> dict[str, Any]:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    is_number = math.isfinite(number)
    return {"NumberValue": number} if is_number else {"StringValue": str(value)[:_LONGEST_VALUE]}


def _artifacts(places: Sequence[Place]) -> dict[str, dict[str, str]]:
    return {
        each.label: {"Value": each.uri, **({"MediaType": each.media} if each.media else {})}
        for each in places
    }


def _metric(body: Mapping[str, Any], final: Mapping[str, Any]) -> dict[str, Any]:
    """Return a metric's summary: of a job its last value is known."""
    value, moment = final["Value"], final["Timestamp"]
    return {
        "MetricName": final["MetricName"],
        "SourceArn": body["TrainingJobArn"],
        "TimeStamp": moment,
        "Last": value,
        "Count": 1,
    }
