"""Endpoint configurations: which models an endpoint serves, on how many instances.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import ValidationException
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call


class EndpointConfigs:
    """CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig."""

    def __init__(self, *, records: Records, models: Records) -> None:
        self._records = records
        self._models = models

    @operation("CreateEndpointConfig")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the configuration, when its models exist."""
        request = call.parameters
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
            raise ValidationException(f"Variant {name!r} needs a ModelName")
        self._models.get(variant["ModelName"])
        if "ServerlessConfig" in variant:
            return
        for member in ("InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise ValidationException(f"Variant {name!r} needs {member}, or a ServerlessConfig")
