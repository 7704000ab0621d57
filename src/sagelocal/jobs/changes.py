"""Which changes of a resource the rest of AWS is told of: those of its status. Pure.

The store writes such a change down in the transaction that makes it, whichever process that is, so that none
is lost and none is told of that did not happen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

State = dict[str, Any]
"""What makes up a resource's status, by member."""

_MEMBERS: dict[str, tuple[str, ...]] = {
    "training-job": ("TrainingJobStatus",),
    "processing-job": ("ProcessingJobStatus",),
    "transform-job": ("TransformJobStatus",),
    "hyper-parameter-tuning-job": ("HyperParameterTuningJobStatus",),
    "model-package": ("ModelPackageStatus", "ModelApprovalStatus"),
    "endpoint": ("EndpointStatus", "EndpointConfigName"),
    "pipeline-execution": ("PipelineExecutionStatus",),
}
STEPS = "Steps"
DEPLOYMENT = "Deployment"


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of a resource's status."""

    number: int
    """Rises with every change."""
    kind: str
    name: str
    arn: str
    before: State
    """The status before; empty when the resource is new."""
    after: State
    body: dict[str, Any]
    """The resource as it was after the change."""
    moment: float
    """Seconds since the epoch."""


def is_told(kind: str) -> bool:
    """Tell whether changes of a kind of resource are told of."""
    return kind in _MEMBERS


def state(kind: str, body: Mapping[str, Any]) -> State:
    """Return the status of a resource: that of its steps or of its deployment is part of it."""
    found: State = {member: body[member] for member in _MEMBERS[kind] if member in body}
    if kind == "pipeline-execution":
        found[STEPS] = {name: step["StepStatus"] for name, step in body.get("Steps", {}).items()}
    if kind == "endpoint":
        found[DEPLOYMENT] = [
            status.get("Status")
            for variant in body.get("PendingDeploymentSummary", {}).get("ProductionVariants", [])
            for status in variant.get("VariantStatus", [])
        ]
    return found
