"""How long a training job may wait for room, and as what it ends then.

Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_StoppingCondition.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True, order=True)
class Patience:
    """When a waiting job is given up, and what is told of it."""

    until: float
    """In seconds since the epoch."""
    secondary: str
    message: str = ""


def of(body: Mapping[str, Any]) -> Patience | None:
    """Return which of a job's limits on waiting is over first; None when it has none."""
    condition = body.get("StoppingCondition", {})
    found = []
    pending = condition.get("MaxPendingTimeInSeconds")
    if pending is not None:
        words = f"The job was stopped: it was pending for longer than MaxPendingTimeInSeconds ({pending})"
        found.append(Patience(until=body["CreationTime"] + pending, secondary="Stopped", message=words))
    until = spot(body)
    if until is not None:
        found.append(Patience(until=until, secondary="MaxWaitTimeExceeded"))
    return min(found, default=None)


def spot(body: Mapping[str, Any]) -> float | None:
    """Return when a spot job is stopped whether or not it ran, in seconds since the epoch; else None."""
    wait = body.get("StoppingCondition", {}).get("MaxWaitTimeInSeconds")
    return float(body["CreationTime"] + wait) if wait and body.get("EnableManagedSpotTraining") else None
