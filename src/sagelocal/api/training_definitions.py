"""What a training job, or the training jobs of a tuning job, must be like to be carried out here.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateTrainingJob.html
"""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from sagelocal.api import addresses
from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs import plan

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
    _check_addresses(request)
    _check_checkpoints(request.get("CheckpointConfig", {}))
    _check_groups(request.get("ResourceConfig", {}))
    _check_channels(request)


def _check_spot(request: Mapping[str, Any]) -> None:
    """Check what API_StoppingCondition says of managed spot training."""
    condition = plan.defaults(request)["StoppingCondition"]
    wait, runtime = condition.get("MaxWaitTimeInSeconds"), condition["MaxRuntimeInSeconds"]
    if request.get("EnableManagedSpotTraining") and (wait is None or wait < runtime):
        raise ValidationException(
            "Invalid MaxWaitTimeInSeconds. It must be present and be greater than or equal to "
            f"MaxRuntimeInSeconds ({runtime}) with EnableManagedSpotTraining; it is {wait}"
        )


def _check_addresses(request: Mapping[str, Any]) -> None:
    given = {"OutputDataConfig.S3OutputPath": request["OutputDataConfig"]["S3OutputPath"]}
    if "CheckpointConfig" in request:
        given["CheckpointConfig.S3Uri"] = request["CheckpointConfig"]["S3Uri"]
    for channel in request.get("InputDataConfig", []):
        if source := channel["DataSource"].get("S3DataSource"):
            given[f"Channel {channel['ChannelName']!r}"] = source["S3Uri"]
    addresses.check(given)


def _check_checkpoints(config: Mapping[str, Any]) -> None:
    path = PurePosixPath(config.get("LocalPath", plan.DEFAULT_CHECKPOINTS))
    if not path.is_relative_to("/opt/ml") or ".." in path.parts:
        raise NotSupported(f"sagelocal keeps checkpoints below /opt/ml only, not in {config['LocalPath']!r}")


def _check_groups(resources: Mapping[str, Any]) -> None:
    """Check a cluster of several groups, each with a type and a count of its own."""
    groups = resources.get("InstanceGroups", [])
    others = [key for key in ("InstanceType", "InstanceCount") if key in resources]
    if groups and others:
        raise ValidationException(
            f"ResourceConfig has InstanceGroups and {', '.join(others)}; give the one or the others"
        )
    if twice := _twice(each["InstanceGroupName"] for each in groups):
        raise ValidationException(f"The instance group {twice!r} is in ResourceConfig twice")


def _twice(names: Iterable[str]) -> str:
    """Return the first name that is there more than once; empty when none is."""
    return next((name for name, count in Counter(names).items() if count > 1), "")


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
    names = [channel["ChannelName"] for channel in channels]
    if dots := {".", ".."} & set(names):
        raise ValidationException(f"ChannelName {min(dots)!r} is no name of a folder")
    if twice := _twice(names):
        raise ValidationException(f"Channel {twice!r} is in InputDataConfig twice; names must be unique")
