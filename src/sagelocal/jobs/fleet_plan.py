"""What an endpoint's fleet is to be: a configuration and its models as a plan, and a plan as Describe. Pure.

A plan holds all that its instances need, so that an endpoint lives on when its configuration or a model is
deleted. `Fleet`, beside the Describe response in an endpoint's body, holds:

| member | |
|---|---|
| `Generation` | the number of the last plan |
| `Plans` | generation → plan |
| `Serving`, `Coming` | the generation that serves, and the one that is to replace it |
| `Deployment` | how the change goes: `Steps`, its `Step`, `Since`, `Begun`, `Alarms`, `Timeout`; \
`Back`, why it is taken back, and `Restored` |
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal.jobs import modelserver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sagelocal.jobs.deployments import Step

Plan = dict[str, Any]
Instance = tuple[str, str, int]
"""Generation, variant, number."""
_WISHED = {"desired_count": "count", "desired_weight": "weight", "desired_serverless": "serverless"}
"""What a variant may be wished to have: where the wish is, and where what it has."""


def make(name: str, config: Mapping[str, Any], model: Callable[[str], Mapping[str, Any]]) -> Plan:
    """Return the plan of an endpoint from a DescribeEndpointConfig body; `model` gives DescribeModel bodies.

    Raises:
        errors.NotSupported: a model cannot be served here.

    """
    plan: Plan = {
        "endpoint": name,
        "config": config["EndpointConfigName"],
        "variants": [_variant(each, model(each["ModelName"])) for each in config["ProductionVariants"]],
    }
    for member, key in (("DataCaptureConfig", "capture"), ("AsyncInferenceConfig", "async")):
        if member in config:
            plan[key] = config[member]
    return plan


def _variant(given: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    variant = {
        "name": given["VariantName"],
        "weight": given.get("InitialVariantWeight", 1.0),
        "count": given.get("InitialInstanceCount", 1),
        "startup_seconds": given.get(
            "ContainerStartupHealthCheckTimeoutInSeconds", modelserver.STARTUP_SECONDS
        ),
        "containers": modelserver.containers_of(model),
        "mode": modelserver.mode_of(model),
        "role": model.get("ExecutionRoleArn", ""),
    }
    if "ServerlessConfig" in given:
        variant["serverless"] = dict(given["ServerlessConfig"])
    return variant


def retain(plan: Plan, old: Plan, excluded: frozenset[str]) -> None:
    """Keep the old fleet's counts, weights and data capture, but for those excluded (UpdateEndpoint)."""
    before = {variant["name"]: variant for variant in old["variants"]}
    for variant in plan["variants"]:
        found = before.get(variant["name"])
        if found is None:
            continue
        if "DesiredInstanceCount" not in excluded and "serverless" not in variant:
            variant["count"] = found["count"]
        if "DesiredWeight" not in excluded:
            variant["weight"] = found["weight"]
    if "DataCaptureConfig" not in excluded:
        plan.pop("capture", None)
        if "capture" in old:
            plan["capture"] = old["capture"]


def containers(variant: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a variant's ContainerDefinitions (a plan of an earlier version has one, under another name)."""
    found: list[dict[str, Any]] = variant.get("containers") or [variant["container"]]
    return found


def smallest(plan: Plan) -> int:
    """Return the instance count of the plan's smallest variant: what a step is a fraction of."""
    return min(max(1, int(variant["count"])) for variant in plan["variants"])


def change(plan: Plan, wishes: list[Mapping[str, Any]]) -> None:
    """Write down weights and capacities that are wished for (UpdateEndpointWeightsAndCapacities).

    Raises:
        errors.ValidationException: a variant is not there, or cannot have what is wished for.

    """
    variants = {variant["name"]: variant for variant in plan["variants"]}
    for wish in wishes:
        name = wish["VariantName"]
        if name not in variants:
            known = ", ".join(variants)
            raise errors.ValidationException(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration '
                f'"{plan["config"]}"; its variants: {known}'
            )
        _change(plan, variants[name], wish)


def _change(plan: Plan, variant: dict[str, Any], wish: Mapping[str, Any]) -> None:
    serverless = variant.get("serverless")
    if "DesiredInstanceCount" in wish:
        if serverless:
            raise errors.ValidationException(
                f"Variant {variant['name']} is serverless: DesiredInstanceCount is not for it"
            )
        if wish["DesiredInstanceCount"] == 0 and "async" not in plan:
            raise errors.ValidationException(
                f"DesiredInstanceCount of variant {variant['name']} is 0; "
                "a real-time endpoint needs at least 1 instance"
            )
        variant["desired_count"] = wish["DesiredInstanceCount"]
    # Only VariantName is required: a wish for nothing is a change as well, over at once.
    variant.setdefault("desired_weight", variant["weight"])
    if "DesiredWeight" in wish:
        variant["desired_weight"] = wish["DesiredWeight"]
    if "ServerlessUpdateConfig" in wish:
        if not serverless:
            raise errors.ValidationException(
                f"Variant {variant['name']} is not serverless: ServerlessUpdateConfig is not for it"
            )
        wished = {**variant.get("desired_serverless", serverless), **wish["ServerlessUpdateConfig"]}
        check_concurrency(variant["name"], wished)
        variant["desired_serverless"] = wished


def check_concurrency(name: str, config: Mapping[str, Any]) -> None:
    """Hold a variant's ServerlessConfig to SageMaker's rule: no more is provisioned than runs at a time.

    Raises:
        errors.ValidationException: ProvisionedConcurrency is above MaxConcurrency.

    """
    if config.get("ProvisionedConcurrency", 0) > config["MaxConcurrency"]:
        raise errors.ValidationException(
            f"Variant {name!r}: ProvisionedConcurrency is {config['ProvisionedConcurrency']}; "
            f"at most MaxConcurrency ({config['MaxConcurrency']}) is allowed"
        )


def may_sleep(variant: Mapping[str, Any]) -> bool:
    """Tell whether a variant is serverless, and none of its concurrency is provisioned or is to be."""
    config = variant.get("desired_serverless", variant.get("serverless"))
    return config is not None and not config.get("ProvisionedConcurrency")


def is_changing(plan: Plan) -> bool:
    """Tell whether weights or capacities are wished for that the plan does not have yet."""
    return any(wished in variant for variant in plan["variants"] for wished in _WISHED)


def settle(plan: Plan, *, keep: bool) -> None:
    """End a change of weights and capacities: have what was wished for, or forget it."""
    for variant in plan["variants"]:
        for wished, member in _WISHED.items():
            if wished in variant:
                value = variant.pop(wished)
                variant[member] = value if keep else variant[member]


def at_step(fleet: Mapping[str, Any], offset: int = 0) -> Step | None:
    """Return the step that the deployment is at, or one after it; None before the first."""
    deployment = fleet.get("Deployment")
    if deployment is None:
        return None
    place = deployment["Step"] + offset
    found: list[Step] = deployment["Steps"]
    return None if place < 0 else found[min(place, len(found) - 1)]


def wanted(fleet: Mapping[str, Any]) -> Iterator[tuple[Instance, dict[str, Any]]]:
    """Yield the instances that are to live now, with their variants."""
    deployment = fleet.get("Deployment", {})
    is_back = "Back" in deployment
    now, coming = at_step(fleet), at_step(fleet, 0 if is_back else 1)
    if "Serving" in fleet:
        part = 1.0 if is_back or now is None else now["old"]
        yield from _instances(fleet, fleet["Serving"], part)
    if "Coming" in fleet and "Restored" not in deployment:
        new = (0.0 if is_back else 1.0) if coming is None else coming["new"]
        yield from _instances(fleet, fleet["Coming"], new)


def _instances(
    fleet: Mapping[str, Any], generation: str, part: float
) -> Iterator[tuple[Instance, dict[str, Any]]]:
    for variant in fleet["Plans"][generation]["variants"]:
        for number in range(_part(max(variant["count"], variant.get("desired_count", 0)), part)):
            yield (generation, variant["name"], number), variant


def routed(fleet: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], int, float]]:
    """Yield what the traffic goes to: generation, variant, number of instances, share of all traffic."""
    step = None if "Restored" in fleet.get("Deployment", {}) else at_step(fleet)
    parts = [("Serving", 1.0, 1.0)]
    if "Coming" in fleet and step is not None:
        parts = [("Serving", step["old"], 1.0 - step["share"]), ("Coming", step["new"], step["share"])]
    for member, part, share in parts:
        if member not in fleet or share <= 0.0:
            continue
        variants = fleet["Plans"][fleet[member]]["variants"]
        total = sum(variant["weight"] for variant in variants)
        for variant in variants:
            weight = variant["weight"] / total if total else 1.0 / len(variants)
            yield fleet[member], variant, _part(variant["count"], part), weight * share


def _part(count: int, part: float) -> int:
    return math.ceil(round(count * part, 6))


def described(plan: Plan) -> list[dict[str, Any]]:
    """Return ProductionVariants as DescribeEndpoint shows them."""
    return [_summary(variant) for variant in plan["variants"]]


def pending(plan: Plan, status: str, message: str) -> list[dict[str, Any]]:
    """Return the ProductionVariants of a PendingDeploymentSummary, with their VariantStatus."""
    now = time.time()
    stand = {"Status": status, "StatusMessage": message, "StartTime": now}
    return [_summary(variant) | {"VariantStatus": [stand]} for variant in plan["variants"]]


def _summary(variant: Mapping[str, Any]) -> dict[str, Any]:
    images = [container["Image"] for container in containers(variant)]
    now = time.time()
    summary = {
        "VariantName": variant["name"],
        "DeployedImages": [
            {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now} for image in images
        ],
        "CurrentWeight": variant["weight"],
        "DesiredWeight": variant.get("desired_weight", variant["weight"]),
    }
    if "serverless" in variant:
        return summary | {
            "CurrentServerlessConfig": variant["serverless"],
            "DesiredServerlessConfig": variant.get("desired_serverless", variant["serverless"]),
        }
    return summary | {
        "CurrentInstanceCount": variant["count"],
        "DesiredInstanceCount": variant.get("desired_count", variant["count"]),
    }


def captured(plan: Plan) -> dict[str, Any] | None:
    """Return the DataCaptureConfig of a DescribeEndpoint answer; None when there is none."""
    given = plan.get("capture")
    if given is None:
        return None
    is_on = given.get("EnableCapture", False)
    return {
        "EnableCapture": is_on,
        "CaptureStatus": "Started" if is_on else "Stopped",
        "CurrentSamplingPercentage": given["InitialSamplingPercentage"],
        "DestinationS3Uri": given["DestinationS3Uri"],
        "KmsKeyId": given.get("KmsKeyId", ""),
    }
