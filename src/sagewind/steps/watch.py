"""After a day was scored: whether its rows have moved away from what the model was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagewind import aws, drift, load, profile
from sagewind.objects import Address, Objects
from sagewind.steps.rows import Rows

if TYPE_CHECKING:
    from pathlib import Path

NAMESPACE = "Sagewind"


def watch(
    spec_file: Path | str, *, prepared: dict[str, Any], clients: aws.Clients = aws.client
) -> dict[str, Any]:
    """Compare the day's features with the champion's baseline, write the report, and put the metric.

    `prepared` is what `interval.prepare` returned. Returns whether drift was `found`, the `drifted` columns
    and where the `report` is: beside it is Model Monitor's `constraint_violations.json`. The metric
    `Sagewind/DriftedColumns` (dimension `Model`) is what an alarm looks at.
    """
    model = load.load(spec_file)
    objects = Objects(clients("s3"), kms_key=model.account.kms_key)
    facts = prepared["partition"]
    home = Address(Address.parse(facts["root"]).bucket, f"{model.name}/monitor/ds={facts['ds']}")
    rows = Rows.parse(objects.read(Address.parse(prepared["source"])), prepared["source"])
    where = Address.parse(prepared["statistics"])
    baseline = profile.from_statistics(objects.read_json(where), source=str(where))
    text = [n for n, each in baseline.features.items() if isinstance(each, profile.Categorical)]
    batch = profile.profile(rows.columns(tuple(facts["features"])), text=text)
    limits = drift.Limits(
        psi=model.monitor.psi, js=model.monitor.js, alpha=model.monitor.alpha, min_rows=model.monitor.min_rows
    )
    found = drift.compare(batch, baseline, limits)
    objects.write_json(home / "drift.json", found.to_json())
    objects.write_json(home / "constraint_violations.json", found.to_violations())
    _measure(clients("cloudwatch"), model.name, len(found.drifted))
    return {"found": found.found, "drifted": list(found.drifted), "report": str(home / "drift.json")}


def _measure(cloudwatch: Any, name: str, columns: int) -> None:
    cloudwatch.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": "DriftedColumns",
                "Dimensions": [{"Name": "Model", "Value": name}],
                "Value": float(columns),
                "Unit": "Count",
            }
        ],
    )
