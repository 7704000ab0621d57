"""What a training job, or the training jobs of a tuning job, must be like to be carried out here.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from sagelocal.errors import NotSupported, ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RUNTIME_SECONDS = 86400
_DATA_TYPES = ("S3Prefix", "ManifestFile", "AugmentedManifestFile")


def check(request: Mapping[str, Any]) -> None:
    """Check a CreateTrainingJob request, or a HyperParameterTrainingJobDefinition.

    Raises:
        NotSupported: it asks for what sagelocal cannot do.
        ValidationException: something does not go together.

    """
    algorithm = request["AlgorithmSpecification"]
    if "ContainerArguments" in algorithm and not algorithm.get("ContainerEntrypoint"):
        raise NotSupported(
            "sagelocal cannot run ContainerArguments without a ContainerEntrypoint: it runs no container "
            "image, and so does not know the image's own entry point"
        )
    _check_spot(request)
    _check_channels(request)


def stopping_condition(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the StoppingCondition with its default."""
    given: dict[str, Any] = request.get("StoppingCondition", {})
    return {"MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS} | given


def _check_spot(request: Mapping[str, Any]) -> None:
    """Check what API_StoppingCondition says of managed spot training."""
    condition = stopping_condition(request)
    wait, runtime = condition.get("MaxWaitTimeInSeconds"), condition["MaxRuntimeInSeconds"]
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < runtime):
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            f"MaxRuntimeInSeconds ({runtime}) with EnableManagedSpotTraining; it is {wait}"
        )


def _check_channels(request: Mapping[str, Any]) -> None:
    channels = request.get("InputDataConfig", [])
    groups = [
        each["InstanceGroupName"] for each in request.get("ResourceConfig", {}).get("InstanceGroups", [])
    ]
    for channel in channels:
        name, source = channel["ChannelName"], channel["DataSource"].get("S3DataSource")
        if source is None:
            others = ", ".join(channel["DataSource"]) or "nothing"
            raise NotSupported(
                f"sagelocal cannot fetch channel {name!r}: its DataSource is {others}; an S3DataSource works"
            )
        if source["S3DataType"] not in _DATA_TYPES:
            raise NotSupported(
                f"sagelocal cannot fetch channel {name!r}: its S3DataType is {source['S3DataType']}; "
                f"{', '.join(_DATA_TYPES)} work"
            )
        for group in source.get("InstanceGroupNames", []):
            if group not in groups:
                raise ValidationException(
                    f"Channel {name!r} names the instance group {group!r}; ResourceConfig has "
                    f"{', '.join(groups) or 'none'}"
                )
    counts = Counter(channel["ChannelName"] for channel in channels)
    if dots := {".", ".."} & set(counts):
        raise ValidationException(f"ChannelName {min(dots)!r} is no name of a folder")
    twice = [name for name, count in counts.items() if count > 1]
    if twice:
        raise ValidationException(f"Channel {twice[0]!r} is in InputDataConfig twice; names must be unique")
