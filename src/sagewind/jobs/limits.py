"""How long to wait for a job, and how often to look."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

GRACE = 1800
"""Seconds beyond a job's own limit: to get its machine, to download, to upload."""

DAY = 86_400
_DEFAULTS = {"TrainingJob": DAY, "ProcessingJob": DAY, "TransformJob": 5 * DAY, "AutoMLJob": 10 * DAY}
_LONGEST = 30 * DAY
_LOCAL_SECONDS = 1.0
_REMOTE_SECONDS = 30.0
_FIRST_LOOK_SECONDS = 0.1
"""No local job or endpoint is there sooner: to look before would only slow it down."""
_LOOK_SECONDS = 0.02
_LOOKS = 10
_MOMENT_SECONDS = 3.0
"""What a deferral takes by itself: a trigger's start, its look, and a second process for the task."""
_JITTER = 0.2


def longest(key: str, request: Mapping[str, Any]) -> int:
    """Return the seconds after which a job of a request is over by its own limits, with some grace.

    Defaults are those of the API reference: 1 day for training and processing, 30 days for tuning.
    """
    stopping = request.get("StoppingCondition") or {}
    tuning = (request.get("HyperParameterTuningJobConfig") or {}).get("ResourceLimits") or {}
    auto_ml = (request.get("AutoMLJobConfig") or {}).get("CompletionCriteria") or {}
    said = (
        stopping.get("MaxWaitTimeInSeconds")
        or stopping.get("MaxRuntimeInSeconds")
        or tuning.get("MaxRuntimeInSeconds")
        or auto_ml.get("MaxAutoMLJobRuntimeInSeconds")
    )
    pending = int(stopping.get("MaxPendingTimeInSeconds") or 0)
    return int(said or _DEFAULTS.get(key, _LONGEST)) + pending + GRACE


def is_local(endpoint: str) -> bool:
    """Tell whether an endpoint's address is not AWS's: a local service, that may be asked often."""
    host = urlsplit(endpoint).hostname or ""
    return not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def interval(wanted: float | None, endpoint: str) -> float:
    """Return the seconds between two looks: as wanted, else one for a local service and thirty for AWS."""
    if wanted:
        return float(wanted)
    return _LOCAL_SECONDS if is_local(endpoint) else _REMOTE_SECONDS


def moment(wanted: float | None, endpoint: str) -> float:
    """Return the seconds that a task looks for itself before it defers: as wanted, else few, on AWS none.

    A local job is often over before a deferral is; and whoever waits as long as that takes never waits more
    than twice as long as need be.
    """
    if wanted is not None:
        return float(wanted)
    return _MOMENT_SECONDS if is_local(endpoint) else 0.0


def pause(waited: float) -> float:
    """Return the seconds until a task that looks for itself looks again, having waited so long: a tenth."""
    return max(_FIRST_LOOK_SECONDS - waited, _LOOK_SECONDS, waited / _LOOKS)


def jittered(seconds: float) -> float:
    """Return `seconds`, a fifth more or less, so that many tasks do not ask at the same moment."""
    return seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret depends on it


def backoff(failures: int, base: float = 1.0, most: float = 60.0) -> float:
    """Return the seconds to wait after so many failed calls in a row: doubling, with jitter, up to `most`."""
    return jittered(min(most, base * 2.0 ** min(failures, 10)))
