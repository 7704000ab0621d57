"""Endpoint configurations: which models an endpoint serves, on how many instances.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import NotSupported, ValidationException
from sagelocal.jobs import fleet_plan, modelserver
from sagelocal.serving import traffic
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call


_NOT_FOR_VARIANTS = {
    "ManagedInstanceScaling": "there are no inference components to scale; set InitialInstanceCount",
    "InstancePools": "every instance is a process of this machine; set InstanceType and InitialInstanceCount",
    "AcceleratorType": "this machine has no Elastic Inference accelerators",
    "CoreDumpConfig": "core dumps are not collected",
    "CapacityReservationConfig": "there is no capacity to reserve",
}
"""What asks for something that one machine does not have; the rest is carried out, or harmless."""
_NOT_AT_ALL = {
    "ShadowProductionVariants": "requests are not mirrored; deploy the shadow as an endpoint of its own",
    "ExplainerConfig": "predictions are not explained online; a processing job can explain them",
}


class EndpointConfigs:
    """CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig."""

    def __init__(self, *, records: Records, models: Records) -> None:
        self._records = records
        self._models = models

    @operation("CreateEndpointConfig")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the configuration, when its models exist."""
        request = call.parameters
        _refuse(request)
        variants = [*request["ProductionVariants"], *request.get("ShadowProductionVariants", [])]
        for variant in variants:
            self._check(variant)
        names = [variant["VariantName"] for variant in variants]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValidationException(f"Variant {twice[0]!r} is there twice; variant names must be unique")
        weighted = {
            member: [{"InitialVariantWeight": 1.0} | variant for variant in request[member]]
            for member in ("ProductionVariants", "ShadowProductionVariants")
            if request.get(member)
        }
        return self._records.create(
            request, EnableNetworkIsolation=request.get("EnableNetworkIsolation", False), **weighted
        )

    @operation("DescribeEndpointConfig", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one configuration."""
        return self._records.describe(call.parameters)

    @operation("ListEndpointConfigs")
    def list(self, call: Call) -> dict[str, Any]:
        """List configurations."""
        return self._records.list(call.parameters)

    @operation("DeleteEndpointConfig")
    def delete(self, call: Call) -> None:
        """Delete the configuration; endpoints made from it go on."""
        self._records.delete(call.parameters)

    def _check(self, variant: Mapping[str, Any]) -> None:
        name = variant["VariantName"]
        if "ModelName" not in variant:
            raise ValidationException(
                f"Variant {name!r} needs a ModelName; sagelocal cannot host inference components"
            )
        model = self._models.get(variant["ModelName"]).body
        if refused := [member for member in _NOT_FOR_VARIANTS if member in variant]:
            raise NotSupported(
                f"sagelocal cannot serve variant {name!r}: {refused[0]}: {_NOT_FOR_VARIANTS[refused[0]]}"
            )
        if "ServerlessConfig" in variant:
            _check_serverless(variant, model)
            return
        for member in ("InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise ValidationException(f"Variant {name!r} needs {member}, or a ServerlessConfig")


def _refuse(request: Mapping[str, Any]) -> None:
    """Refuse what cannot be done here, rather than ignore it."""
    if refused := [member for member in _NOT_AT_ALL if member in request]:
        raise NotSupported(f"sagelocal cannot carry out {refused[0]}: {_NOT_AT_ALL[refused[0]]}")
    variants = request["ProductionVariants"]
    if "AsyncInferenceConfig" in request and any("ServerlessConfig" in each for each in variants):
        raise ValidationException("An endpoint with an AsyncInferenceConfig has no ServerlessConfig")
    output = request.get("AsyncInferenceConfig", {}).get("OutputConfig", {})
    if output.get("NotificationConfig", {}).get("IncludeInferenceResponseIn"):
        raise NotSupported(
            "sagelocal cannot carry out IncludeInferenceResponseIn: notifications tell where the answer is"
        )
    if len(variants) > 1 and any("ServerlessConfig" in each for each in variants):
        raise ValidationException("An endpoint with a ServerlessConfig has exactly one production variant")


def _check_serverless(variant: Mapping[str, Any], model: Mapping[str, Any]) -> None:
    name, config = variant["VariantName"], variant["ServerlessConfig"]
    if given := [member for member in ("InstanceType", "InitialInstanceCount") if member in variant]:
        raise ValidationException(f"Variant {name!r} has a ServerlessConfig: it takes no {given[0]}")
    fleet_plan.check_concurrency(name, config)
    if modelserver.mode_of(model) != traffic.SERIAL or len(modelserver.containers_of(model)) > 1:
        raise ValidationException(
            f"Variant {name!r} has a ServerlessConfig: its model needs exactly one single-model container"
        )
