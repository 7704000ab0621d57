"""Models: a container image, an artifact and an environment, under a name.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateModel.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs import modelserver
from sagelocal.serving import traffic
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sagelocal.api.ports import Images, Packages
    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call


class Models:
    """CreateModel, DescribeModel, ListModels, DeleteModel."""

    def __init__(self, *, records: Records, images: Images, packages: Packages) -> None:
        self._records = records
        self._images = images
        self._packages = packages

    @operation("CreateModel", quick=True)
    def create(self, call: Call) -> dict[str, Any]:
        """Store the model, when its containers can be run here."""
        request = call.parameters
        containers = [real for given in _containers(request) for real in self._real(given)]
        for container in containers:
            self._images(container["Image"])
        return self._records.create(
            request,
            EnableNetworkIsolation=request.get("EnableNetworkIsolation", False),
            **{modelserver.RESOLVED: containers},
        )

    @operation("DescribeModel", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one model."""
        return self._records.describe(call.parameters)

    @operation("ListModels")
    def list(self, call: Call) -> dict[str, Any]:
        """List models."""
        return self._records.list(call.parameters)

    @operation("DeleteModel")
    def delete(self, call: Call) -> None:
        """Delete the model; endpoints that serve it go on."""
        self._records.delete(call.parameters)

    def _real(self, container: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
        """Return the containers that will run: the given one, or those of the model package it names."""
        if "ModelPackageName" in container:
            return self._packages.containers(container)
        if "Image" not in container:
            raise ValidationException("A container of a model needs an Image or a ModelPackageName")
        return [container]


def _containers(request: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if (primary is None) == (not several):
        raise ValidationException("CreateModel needs either PrimaryContainer or Containers, and not both")
    containers = [primary] if primary is not None else list(several or [])
    _check(containers, request.get("InferenceExecutionConfig", {}).get("Mode", traffic.SERIAL))
    return containers


def _check(containers: list[Mapping[str, Any]], mode: str) -> None:
    """Hold several containers, and one with several models, to SageMaker's rules."""
    names = [each["ContainerHostname"] for each in containers if "ContainerHostname" in each]
    if len(containers) > 1 and names and len(names) < len(containers):
        raise ValidationException(
            "When one container has a ContainerHostname, every container of the model needs one"
        )
    if len(set(names)) < len(names):
        raise ValidationException("The ContainerHostnames of a model must differ from each other")
    if mode == traffic.DIRECT and len(names) < len(containers):
        raise ValidationException(
            "InferenceExecutionConfig Direct needs a ContainerHostname for every container"
        )
    many = [each for each in containers if each.get("Mode") == "MultiModel"]
    if many and len(containers) > 1:
        raise NotSupported(
            "sagelocal cannot serve several containers of which one is MultiModel; one container is needed"
        )
    if many and not many[0].get("ModelDataUrl"):
        raise ValidationException(
            "A container with Mode MultiModel needs a ModelDataUrl: the prefix of its models"
        )
