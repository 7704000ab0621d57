"""Which of the instance types that a job would take is taken: the first, since one machine has room for each.

`InstancePreferences` lists types in the order of priority; each may say how many, else the job's
`InstanceCount` does. What was chosen is told as `SelectedInstanceType` and `SelectedInstanceCount`. Pure.

https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def selected(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ResourceConfig or ClusterConfig with what was chosen of its preferences, if it has any."""
    preferences = resources.get("InstancePreferences")
    if not preferences:
        return dict(resources)
    first = preferences[0]
    count = first.get("InstanceCount", resources.get("InstanceCount", 1))
    return {**resources, "SelectedInstanceType": first["InstanceType"], "SelectedInstanceCount": count}


def instance_type(resources: Mapping[str, Any]) -> str:
    """Return the type that the job runs on; empty when none is named."""
    return str(resources.get("SelectedInstanceType") or resources.get("InstanceType", ""))


def instance_count(resources: Mapping[str, Any]) -> int:
    """Return on how many instances the job runs; 1 where nothing says so, as the API has it."""
    return int(resources.get("SelectedInstanceCount") or resources.get("InstanceCount", 1))
