"""What a finished job gives: metrics, billable seconds and cost, as plain JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewind.jobs import masking

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

_SPANS = (
    ("TrainingStartTime", "TrainingEndTime"),
    ("ProcessingStartTime", "ProcessingEndTime"),
    ("TransformStartTime", "TransformEndTime"),
)
_HOUR = 3600
_INTERNAL = ("sagemaker_", "_")


def summary(
    description: Mapping[str, Any], prices: Mapping[str, float], currency: str = "USD"
) -> dict[str, Any]:
    """Return metrics, billable seconds and the cost; `prices` are for an hour, by instance type."""
    seconds = billable_seconds(description)
    found: dict[str, Any] = {"Metrics": metrics(description), "BillableSeconds": seconds}
    price = prices.get(machine(description).get("InstanceType", ""))
    if price is not None and seconds is not None:
        found[f"Cost{currency}"] = round(seconds * price / _HOUR, 6)
    return found


def metrics(description: Mapping[str, Any]) -> dict[str, float]:
    """Return the final metrics by name."""
    return {str(m["MetricName"]): float(m["Value"]) for m in description.get("FinalMetricDataList", [])}


def hyperparameters(description: Mapping[str, Any]) -> dict[str, str]:
    """Return the script's own hyperparameters, as anybody may read them: `***` for those that are secret."""
    given = masking.masked({"HyperParameters": description.get("HyperParameters", {})})["HyperParameters"]
    return {name: value for name, value in given.items() if not name.startswith(_INTERNAL)}


def machine(description: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the part of a description that says which machines the job has; empty when it has none."""
    cluster = description.get("ProcessingResources", {}).get("ClusterConfig")
    return description.get("ResourceConfig") or description.get("TransformResources") or cluster or {}


def billable_seconds(description: Mapping[str, Any]) -> int | None:
    """Return the machine seconds that AWS bills; `None` for a job that has not started or has no machines.

    Training says it itself (less for spot); else it is the time between start and end, for each machine.
    """
    said = description.get("BillableTimeInSeconds")
    if said is not None:
        return int(said) * int(machine(description).get("InstanceCount", 1))
    for start_key, end_key in _SPANS:
        start: dt.datetime | None = description.get(start_key)
        end: dt.datetime | None = description.get(end_key)
        if start is not None and end is not None:
            return round((end - start).total_seconds() * int(machine(description).get("InstanceCount", 1)))
    return None
