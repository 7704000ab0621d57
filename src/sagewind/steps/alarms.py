"""What CloudWatch is told about a model after each interval, and the alarms that look at it.

The namespace is `Sagewind`, the dimension `Model`: `DriftedColumns` and `QualityViolations` are counts, and
each quality metric is under its own name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewind import spec

NAMESPACE = "Sagewind"
DRIFT = "DriftedColumns"
QUALITY = "QualityViolations"
_HOUR = 3600


def measure(cloudwatch: Any, model: spec.Model, values: Mapping[str, float]) -> None:
    """Put the values as metrics of the model."""
    data = [
        {
            "MetricName": name,
            "Dimensions": _dimensions(model),
            "Value": float(value),
            "Unit": "Count" if name in (DRIFT, QUALITY) else "None",
        }
        for name, value in values.items()
    ]
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def ensure(cloudwatch: Any, model: spec.Model) -> tuple[str, ...]:
    """Make the alarms of a model that asks for them, and return their names; the same when repeated."""
    if not model.monitor.alarm:
        return ()
    names = []
    for metric, what in ((DRIFT, "drift"), (QUALITY, "quality")):
        names.append(f"sagewind-{model.name}-{what}")
        cloudwatch.put_metric_alarm(
            AlarmName=names[-1],
            AlarmDescription=f"{metric} of the model {model.name}: any is too many.",
            Namespace=NAMESPACE,
            MetricName=metric,
            Dimensions=_dimensions(model),
            Statistic="Maximum",
            Period=_HOUR,
            EvaluationPeriods=1,
            Threshold=0.0,
            ComparisonOperator="GreaterThanThreshold",
            TreatMissingData="ignore",
            AlarmActions=list(model.monitor.alarm_actions),
        )
    return tuple(names)


def _dimensions(model: spec.Model) -> list[dict[str, str]]:
    return [{"Name": "Model", "Value": model.name}]
