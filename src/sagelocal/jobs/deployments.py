"""How the traffic moves from an endpoint's old fleet to its new one: a DeploymentConfig as steps. Pure.

Each step says which part of the new fleet must be whole, which part of the traffic goes to it, which part of
the old fleet stays, and how long the alarms are then watched before the next step.
https://docs.aws.amazon.com/sagemaker/latest/dg/deployment-guardrails.html
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypedDict

from sagelocal.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BLUE_GREEN, ROLLING, ROLLBACK = "BlueGreenUpdatePolicy", "RollingUpdatePolicy", "AutoRollbackConfiguration"
_HALF = 0.5
_LEAST_LINEAR = 0.1
_LEAST_BATCH = 0.05
_PERCENT = 100


class Step(TypedDict):
    """One step; `share`, `new` and `old` are fractions, `wait` is in seconds."""

    share: float
    new: float
    old: float
    wait: float
    watched: bool
    """Whether an alarm takes the deployment back while this step waits."""


def steps(config: Mapping[str, Any], count: int) -> list[Step]:
    """Return the steps of a deployment onto variants of at least `count` instances; the last sends all.

    Raises:
        ValidationException: the configuration contradicts itself, or a size is out of SageMaker's bounds.

    """
    if BLUE_GREEN in config and ROLLING in config:
        raise ValidationException(
            f"DeploymentConfig has {BLUE_GREEN} and {ROLLING}; only one of them can be carried out"
        )
    if ROLLING in config:
        return _rolling(config[ROLLING], count)
    if BLUE_GREEN in config:
        return _blue_green(config[BLUE_GREEN], count)
    return [Step(share=1.0, new=1.0, old=1.0, wait=0.0, watched=True)]


def alarms(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the CloudWatch alarms that take the deployment back."""
    return [each["AlarmName"] for each in config.get(ROLLBACK, {}).get("Alarms", []) if "AlarmName" in each]


def timeout(config: Mapping[str, Any]) -> float | None:
    """Return how many seconds the whole deployment may take; None when nothing is said."""
    policy = config.get(BLUE_GREEN) or config.get(ROLLING) or {}
    seconds: float | None = policy.get("MaximumExecutionTimeoutInSeconds")
    return seconds


def _blue_green(policy: Mapping[str, Any], count: int) -> list[Step]:
    routing = policy["TrafficRoutingConfiguration"]
    wait = routing["WaitIntervalInSeconds"]
    made = [Step(share=share, new=1.0, old=1.0, wait=wait, watched=True) for share in _shares(routing, count)]
    made.append(
        Step(share=1.0, new=1.0, old=1.0, wait=policy.get("TerminationWaitInSeconds", 0), watched=False)
    )
    return made


def _shares(routing: Mapping[str, Any], count: int) -> list[float]:
    kind = routing["Type"]
    for member, owner in (("CanarySize", "CANARY"), ("LinearStepSize", "LINEAR")):
        if member in routing and kind != owner:
            raise ValidationException(f"{member} is only for traffic routing of type {owner}, not {kind}")
        if member not in routing and kind == owner:
            raise ValidationException(f"Traffic routing of type {kind} needs {member}")
    if kind == "CANARY":
        return [_fraction("CanarySize", routing["CanarySize"], count, 0.0), 1.0]
    if kind == "LINEAR":
        size = _fraction("LinearStepSize", routing["LinearStepSize"], count, _LEAST_LINEAR)
        return list(_up(size))
    return [1.0]


def _rolling(policy: Mapping[str, Any], count: int) -> list[Step]:
    size = _fraction("MaximumBatchSize", policy["MaximumBatchSize"], count, _LEAST_BATCH)
    if "RollbackMaximumBatchSize" in policy:
        _fraction("RollbackMaximumBatchSize", policy["RollbackMaximumBatchSize"], count, 0.0, most=1.0)
    wait = policy["WaitIntervalInSeconds"]
    return [
        Step(share=share, new=share, old=1.0 - share, wait=wait, watched=True)
        for share in _up(math.ceil(size * count) / count)
    ]


def _up(size: float) -> Iterator[float]:
    """Yield multiples of `size`, up to 1."""
    for place in range(1, math.ceil(round(1.0 / size, 6)) + 1):
        yield min(1.0, place * size)


def _fraction(
    member: str, size: Mapping[str, Any], count: int, least: float, *, most: float = _HALF
) -> float:
    """Return a CapacitySize as a fraction of the fleet, when SageMaker allows it.

    One machine cannot be halved, but its traffic can: a CAPACITY_PERCENT is taken as it is.
    """
    value, is_percent = size["Value"], size["Type"] == "CAPACITY_PERCENT"
    fraction: float = value / _PERCENT if is_percent else value / count
    if not least <= fraction <= most:
        raise ValidationException(
            f"{member} is {value} ({size['Type']}), {fraction:.0%} of {count} instances; "
            f"from {least:.0%} to {most:.0%} are allowed"
        )
    return fraction
