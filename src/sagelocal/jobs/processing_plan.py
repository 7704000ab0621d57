"""From a processing job's request to what is to be done for it. Pure.

https://docs.aws.amazon.com/sagemaker/latest/dg/build-your-own-processing-container.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal import storage as objects
from sagelocal.jobs import preferences

if TYPE_CHECKING:
    from collections.abc import Mapping

PROCESSING = "/opt/ml/processing"
DEFAULT_RUNTIME_SECONDS = 86_400
STOP_GRACE_SECONDS = 120.0
CONTINUOUS = "Continuous"


class RequestError(ValueError):
    """The request cannot be carried out; the message is for its sender."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """Objects on S3, and the folder of the container that they go to."""

    name: str
    uri: str
    local_path: str
    data_type: str
    distribution: str


@dataclass(frozen=True, kw_only=True)
class Output:
    """A folder of the container, and where its files go on S3; `continuous`: while the job runs, too."""

    name: str
    uri: str
    local_path: str
    continuous: bool


@dataclass(frozen=True, kw_only=True)
class ProcessingPlan:
    """What a processing job does."""

    name: str
    arn: str
    image: str
    hosts: tuple[str, ...]
    command: tuple[str, ...]
    """ContainerEntrypoint and ContainerArguments."""
    variables: dict[str, str]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    max_runtime: float
    config: dict[str, Any]
    """The content of processingjobconfig.json."""

    def resource_config(self, host: str) -> dict[str, Any]:
        """Return the content of resourceconfig.json on one host."""
        return {"current_host": host, "hosts": list(self.hosts)}


def parse(body: Mapping[str, Any], *, region: str) -> ProcessingPlan:
    """Return the plan of a request, or of a Describe body.

    Raises:
        RequestError: something is missing, or cannot be done on one machine.

    """
    application = body["AppSpecification"]
    if not application.get("ContainerEntrypoint"):
        raise RequestError(
            "sagelocal cannot run a processing job without AppSpecification.ContainerEntrypoint: it runs no "
            "container image, and so does not know the image's own entry point"
        )
    name, arn = body["ProcessingJobName"], body.get("ProcessingJobArn", "")
    cluster = preferences.selected(body["ProcessingResources"]["ClusterConfig"])
    variables = {"PROCESSING_JOB_ARN": arn, "AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    return ProcessingPlan(
        name=name,
        arn=arn,
        image=application["ImageUri"],
        hosts=tuple(f"algo-{number}" for number in range(1, preferences.instance_count(cluster) + 1)),
        command=(*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])),
        variables=variables | body.get("Environment", {}),
        inputs=tuple(
            _input(entry) for entry in body.get("ProcessingInputs", []) if not entry.get("AppManaged")
        ),
        outputs=tuple(
            _output(entry)
            for entry in body.get("ProcessingOutputConfig", {}).get("Outputs", [])
            if not entry.get("AppManaged")
        ),
        max_runtime=float(
            body.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
        ),
        config=_config(body),
    )


def _input(entry: Mapping[str, Any]) -> Input:
    name = entry["InputName"]
    source = entry.get("S3Input")
    if source is None:
        raise RequestError(
            f"sagelocal cannot fetch the input {name!r}: a DatasetDefinition needs Athena or Redshift; "
            "an S3Input works"
        )
    if source.get("S3InputMode", "File") != "File":
        raise RequestError(
            f"sagelocal cannot give the input {name!r} in the mode {source['S3InputMode']}; File works"
        )
    if source.get("S3CompressionType", "None") != "None":
        raise RequestError(
            f"The input {name!r} has S3CompressionType {source['S3CompressionType']}, which needs the "
            "S3InputMode Pipe"
        )
    return Input(
        name=name,
        uri=_address(f"The input {name!r}", source["S3Uri"]),
        local_path=_local_path(name, source.get("LocalPath", "")),
        data_type=source["S3DataType"],
        distribution=source.get("S3DataDistributionType", "FullyReplicated"),
    )


def _output(entry: Mapping[str, Any]) -> Output:
    name = entry["OutputName"]
    target = entry.get("S3Output")
    if target is None:
        raise RequestError(
            f"sagelocal cannot write the output {name!r}: a FeatureStoreOutput needs a feature store; "
            "an S3Output works"
        )
    return Output(
        name=name,
        uri=_address(f"The output {name!r}", target["S3Uri"]),
        local_path=_local_path(name, target.get("LocalPath", "")),
        continuous=target["S3UploadMode"] == CONTINUOUS,
    )


def _address(whose: str, uri: str) -> str:
    try:
        objects.parse(uri)
    except objects.AddressError as error:
        raise RequestError(f"{whose}: {error}") from error
    return uri


def _local_path(name: str, path: str) -> str:
    parts = path.split("/")
    if not (path == PROCESSING or path.startswith(f"{PROCESSING}/")) or ".." in parts:
        raise RequestError(f"LocalPath of {name!r} is {path!r}; it must be a folder below {PROCESSING}/")
    return path


def _config(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return processingjobconfig.json: the request as the documentation shows it, absent values as null."""
    application = body["AppSpecification"]
    outputs = body.get("ProcessingOutputConfig", {})
    cluster = body["ProcessingResources"]["ClusterConfig"]
    return {
        "ProcessingJobArn": body.get("ProcessingJobArn"),
        "ProcessingJobName": body["ProcessingJobName"],
        "AppSpecification": {
            "ImageUri": application["ImageUri"],
            "ContainerEntrypoint": application.get("ContainerEntrypoint"),
            "ContainerArguments": application.get("ContainerArguments"),
        },
        "Environment": body.get("Environment", {}),
        "ProcessingInputs": body.get("ProcessingInputs", []),
        "ProcessingOutputConfig": {
            "Outputs": outputs.get("Outputs", []),
            "KmsKeyId": outputs.get("KmsKeyId"),
        },
        "ProcessingResources": {"ClusterConfig": {"VolumeKmsKeyId": None, **cluster}},
        "RoleArn": body.get("RoleArn"),
        "StoppingCondition": {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS}
        | body.get("StoppingCondition", {}),
    }
