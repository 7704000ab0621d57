"""Endpoints: what serves predictions. The statuses after the first are written by whoever runs the servers.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpoint.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import ValidationException
from sagelocal.jobs import deployments
from sagelocal.jobs.status import EndpointStatus
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api import ports
    from sagelocal.api.records import Records
    from sagelocal.wire.message import Call

_CHANGEABLE = (EndpointStatus.IN_SERVICE, EndpointStatus.FAILED)


class Endpoints:
    """CreateEndpoint, DescribeEndpoint, ListEndpoints, UpdateEndpoint and its weights, DeleteEndpoint."""

    def __init__(self, *, records: Records, configs: Records, endpoints: ports.Endpoints) -> None:
        self._records = records
        self._configs = configs
        self._endpoints = endpoints

    @operation("CreateEndpoint")
    def create(self, call: Call) -> dict[str, Any]:
        """Store the endpoint and have its model servers started."""
        request = call.parameters
        self._check(request)
        kept = {"LastDeploymentConfig": request["DeploymentConfig"]} if "DeploymentConfig" in request else {}
        answer = self._records.create(request, EndpointStatus=EndpointStatus.CREATING, **kept)
        self._endpoints.create(request["EndpointName"])
        return answer

    @operation("DescribeEndpoint", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe one endpoint."""
        return self._records.describe(call.parameters)

    @operation("ListEndpoints")
    def list(self, call: Call) -> dict[str, Any]:
        """List endpoints."""
        return self._records.list(call.parameters)

    @operation("UpdateEndpoint")
    def update(self, call: Call) -> dict[str, Any]:
        """Have the servers replaced by those of another configuration; the old ones serve meanwhile."""
        request = call.parameters
        name = request["EndpointName"]
        arn = self._records.arn(name)

        def mark(body: dict[str, Any]) -> None:
            self._check(request)
            if body["EndpointStatus"] not in _CHANGEABLE:
                raise ValidationException(
                    f'Cannot update in-progress endpoint "{arn}" (its status is {body["EndpointStatus"]}).'
                )
            body["EndpointStatus"] = EndpointStatus.UPDATING

        self._records.update(name, mark)
        self._endpoints.update(name, request)
        return {"EndpointArn": arn}

    @operation("UpdateEndpointWeightsAndCapacities")
    def scale(self, call: Call) -> dict[str, Any]:
        """Have weights and instance counts of a serving endpoint changed; it serves throughout."""
        name = call.parameters["EndpointName"]
        self._records.get(name)
        self._endpoints.scale(name, call.parameters["DesiredWeightsAndCapacities"])
        return {"EndpointArn": self._records.arn(name)}

    @operation("DeleteEndpoint")
    def delete(self, call: Call) -> None:
        """Have the endpoint's servers stopped; it is gone when they are."""
        name = call.parameters["EndpointName"]

        def mark(body: dict[str, Any]) -> None:
            body["EndpointStatus"] = EndpointStatus.DELETING

        self._records.update(name, mark)
        self._endpoints.delete(name)

    def _check(self, request: Mapping[str, Any]) -> None:
        """Refuse a configuration that is not there, or a DeploymentConfig that its fleet cannot follow."""
        config = self._configs.get(request["EndpointConfigName"]).body
        counts = [variant.get("InitialInstanceCount", 1) for variant in config["ProductionVariants"]]
        deployments.steps(request.get("DeploymentConfig", {}), min(counts))
