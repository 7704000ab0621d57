"""Application Auto Scaling, as far as it scales endpoints: targets and target-tracking policies.

Rules: https://docs.aws.amazon.com/autoscaling/application/APIReference/API_RegisterScalableTarget.html
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from sagelocal.api import listing
from sagelocal.api.records import now
from sagelocal.errors import NotSupported, ObjectNotFoundException, ValidationException
from sagelocal.jobs import scaling
from sagelocal.jobs.store import AlreadyExistsError, MissingError
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.records import Records
    from sagelocal.jobs.store import Resource, Store
    from sagelocal.wire.message import Call

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
_SERVICE_ROLE = (
    "aws-service-role/sagemaker.application-autoscaling.amazonaws.com/"
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
)
METRIC = "SageMakerVariantInvocationsPerInstance"


class Scaling:
    """RegisterScalableTarget, PutScalingPolicy, and what describes and removes them."""

    def __init__(self, *, store: Store, endpoints: Records, account: Account) -> None:
        self._store = store
        self._endpoints = endpoints
        self._account = account

    @operation("RegisterScalableTarget")
    def register(self, call: Call) -> dict[str, Any]:
        """Keep the bounds of a variant's instance count; what is not said stays as it was."""
        request = call.parameters
        name = self._name(request)
        self._check(request)
        given = {key: value for key, value in request.items() if key != "Tags"}
        try:
            arn = self._store.update(scaling.TARGET, name, lambda body: _bounded(body | given)).arn
        except MissingError:
            arn = self._arn(f"scalable-target/{uuid.uuid4().hex}")
            role = f"arn:aws:iam::{self._account.number}:role/{_SERVICE_ROLE}"
            body = {"RoleARN": role, **given, "ScalableTargetARN": arn, "CreationTime": now()}
            self._store.create(scaling.TARGET, name, arn, _bounded(body))
        return {"ScalableTargetARN": arn}

    @operation("DeregisterScalableTarget")
    def deregister(self, call: Call) -> dict[str, Any]:
        """Forget the bounds and the policies of a variant."""
        try:
            scaling.forget(self._store, self._name(call.parameters))
        except MissingError as error:
            raise _no_target(call.parameters) from error
        return {}

    @operation("PutScalingPolicy")
    def put_policy(self, call: Call) -> dict[str, Any]:
        """Keep a target-tracking policy, or replace the one of that name."""
        request = call.parameters
        target = self._target(request)
        config = request.get("TargetTrackingScalingPolicyConfiguration")
        kind = request.get("PolicyType", "TargetTrackingScaling" if config else "StepScaling")
        metric = _metric(config or {})
        if kind != "TargetTrackingScaling" or metric != METRIC:
            raise NotSupported(
                f"sagelocal cannot scale by a policy of type {kind} and the metric {metric}; "
                f"a TargetTrackingScaling policy with the predefined metric {METRIC} is needed"
            )
        others = [
            each.body["PolicyName"]
            for each in self._found(scaling.POLICY, request)
            if each.body["PolicyName"] != request["PolicyName"]
        ]
        if others:
            raise ValidationException(
                "Only one TargetTrackingScaling policy for a given metric specification is allowed: "
                f"{target.body['ResourceId']} has {others[0]}"
            )
        name = f"{self._name(request)}|{request['PolicyName']}"
        arn = self._arn(
            f"scalingPolicy:{uuid.uuid4()}:resource/{NAMESPACE}/{request['ResourceId']}"
            f":policyName/{request['PolicyName']}",
            service="autoscaling",
        )
        body = {**request, "PolicyType": kind, "PolicyARN": arn, "CreationTime": now()}
        try:
            self._store.create(scaling.POLICY, name, arn, body)
        except AlreadyExistsError:
            arn = self._store.update(scaling.POLICY, name, lambda old: _replaced(old, body)).arn
        return {"PolicyARN": arn, "Alarms": []}

    @operation("DeleteScalingPolicy")
    def delete_policy(self, call: Call) -> dict[str, Any]:
        """Forget a policy; the instances stay as many as they are."""
        request = call.parameters
        try:
            self._store.delete(scaling.POLICY, f"{self._name(request)}|{request['PolicyName']}")
        except MissingError as error:
            raise ObjectNotFoundException(
                f"No scaling policy found for service namespace: {NAMESPACE}, resource ID: "
                f"{request['ResourceId']}, scalable dimension: {DIMENSION}, "
                f"policy name: {request['PolicyName']}"
            ) from error
        return {}

    @operation("DescribeScalableTargets")
    def targets(self, call: Call) -> dict[str, Any]:
        """Return the targets."""
        return _page("ScalableTargets", self._bodies(scaling.TARGET, call), call, most=50)

    @operation("DescribeScalingPolicies")
    def policies(self, call: Call) -> dict[str, Any]:
        """Return the policies."""
        return _page("ScalingPolicies", self._bodies(scaling.POLICY, call), call, most=10)

    @operation("DescribeScalingActivities")
    def activities(self, call: Call) -> dict[str, Any]:
        """Return what was scaled, and why, the last first."""
        targets = self._bodies(scaling.TARGET, call)
        found = [each for target in targets for each in target.get("Activities", [])]
        found.sort(key=lambda each: float(each["StartTime"]), reverse=True)
        return _page("ScalingActivities", found, call, most=50)

    def _bodies(self, kind: str, call: Call) -> list[dict[str, Any]]:
        return [each.body for each in self._found(kind, call.parameters)]

    def _found(self, kind: str, request: Mapping[str, Any]) -> Iterator[Resource]:
        ids = request.get("ResourceIds", [request["ResourceId"]] if "ResourceId" in request else None)
        names = request.get("PolicyNames")
        for each in self._store.list(kind):
            if (
                each.body["ServiceNamespace"] == request["ServiceNamespace"]
                and request.get("ScalableDimension", DIMENSION) == each.body["ScalableDimension"]
                and (ids is None or each.body["ResourceId"] in ids)
                and (names is None or each.body.get("PolicyName") in names)
            ):
                yield each

    def _name(self, request: Mapping[str, Any]) -> str:
        if request["ServiceNamespace"] != NAMESPACE or request["ScalableDimension"] != DIMENSION:
            raise NotSupported(
                f"sagelocal cannot scale {request['ServiceNamespace']}, {request['ScalableDimension']}; "
                f"it scales {NAMESPACE}, {DIMENSION}"
            )
        name: str = request["ResourceId"]
        return name

    def _target(self, request: Mapping[str, Any]) -> Resource:
        try:
            return self._store.get(scaling.TARGET, self._name(request))
        except MissingError as error:
            raise _no_target(request) from error

    def _check(self, request: Mapping[str, Any]) -> None:
        """Refuse a variant that is not there or has no instances to count."""
        endpoint, variant = scaling.parse(request["ResourceId"])
        variants = self._endpoints.get(endpoint).body.get("ProductionVariants", [])
        counted = [each["VariantName"] for each in variants if "CurrentInstanceCount" in each]
        if variant not in counted:
            raise ValidationException(
                f"Endpoint {endpoint} has no variant {variant} with instances; it has: {', '.join(counted)}"
            )

    def _arn(self, rest: str, *, service: str = "application-autoscaling") -> str:
        return f"arn:aws:{service}:{self._account.region}:{self._account.number}:{rest}"


def _metric(config: Mapping[str, Any]) -> str:
    """Return what a target-tracking policy calls its metric: that of AWS's, or the customer's own."""
    own: str = config.get("CustomizedMetricSpecification", {}).get("MetricName", "without a name")
    given: str = config.get("PredefinedMetricSpecification", {}).get("PredefinedMetricType", own)
    return given


def _no_target(request: Mapping[str, Any]) -> ObjectNotFoundException:
    return ObjectNotFoundException(
        f"No scalable target found for service namespace: {NAMESPACE}, resource ID: "
        f"{request['ResourceId']}, scalable dimension: {DIMENSION}"
    )


def _page(member: str, found: list[dict[str, Any]], call: Call, *, most: int) -> dict[str, Any]:
    size = call.parameters.get("MaxResults", most)
    if not 1 <= size <= most:
        raise ValidationException(f"MaxResults is {size}; allowed are 1 to {most}")
    page, token = listing.numbered(found, call.parameters, most)
    return {member: page, "NextToken": token}


def _bounded(body: dict[str, Any]) -> dict[str, Any]:
    if "MinCapacity" not in body or "MaxCapacity" not in body:
        raise ValidationException("A new scalable target needs MinCapacity and MaxCapacity")
    if not 0 <= body["MinCapacity"] <= body["MaxCapacity"]:
        raise ValidationException(
            f"MinCapacity is {body['MinCapacity']} and MaxCapacity {body['MaxCapacity']}; "
            "0 <= MinCapacity <= MaxCapacity is needed"
        )
    return body


def _replaced(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Return the new body under the old policy's ARN and time."""
    return new | {"PolicyARN": old["PolicyARN"], "CreationTime": old["CreationTime"]}
