"""Managed warm pools: what a training job's `WarmPoolStatus` says, and which job takes which pool over. Pure.

What is kept warm here is the environment and its preloaded interpreter, which every job of the same image and
requirements finds again; the pool is the account of it, as SageMaker keeps it.
Rules: https://docs.aws.amazon.com/sagemaker/latest/dg/train-warm-pools.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.jobs import preferences
from sagelocal.jobs.status import TERMINAL, JobStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

MEMBER = "WarmPoolStatus"
IN_USE, AVAILABLE, REUSED, TERMINATED = "InUse", "Available", "Reused", "Terminated"
_PERIOD = "KeepAlivePeriodInSeconds"
_RETAINED = "ResourceRetainedBillableTimeInSeconds"
_SAME = ("RoleArn", "VpcConfig", "EnableInterContainerTrafficEncryption", "EnableNetworkIsolation")
"""What two jobs must have in common for one to take over the other's pool, beside their ResourceConfig."""


def period(body: Mapping[str, Any]) -> int:
    """Return how long the job's pool is kept, in seconds; 0: it has none."""
    return int(body.get("ResourceConfig", {}).get(_PERIOD, 0))


def at_start(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members of a new job's body that tell of its pool."""
    return {MEMBER: {"Status": IN_USE}} if period(request) else {}


def now_is(body: Mapping[str, Any], moment: float) -> dict[str, Any] | None:
    """Return the WarmPoolStatus of a job at `moment` (seconds since the epoch); None: it has no pool.

    A pool is there from the job's Completed on, until another job takes it over or its period is over.
    """
    stored: dict[str, Any] | None = body.get(MEMBER)
    if (
        stored is None
        or stored["Status"] in (REUSED, TERMINATED)
        or body["TrainingJobStatus"] not in TERMINAL
    ):
        return stored
    if body["TrainingJobStatus"] != JobStatus.COMPLETED:
        return {"Status": TERMINATED, _RETAINED: 0}
    kept = moment - body["TrainingEndTime"]
    if kept >= period(body):
        return {"Status": TERMINATED, _RETAINED: period(body)}
    return {"Status": AVAILABLE, _RETAINED: max(0, int(kept))}


def settle(body: dict[str, Any], moment: float) -> None:
    """Write the status as it is now into the body."""
    found = now_is(body, moment)
    if found is not None:
        body[MEMBER] = found


def matches(body: Mapping[str, Any], request: Mapping[str, Any], moment: float) -> bool:
    """Tell whether a job's pool is there for the job of a request."""
    found = now_is(body, moment)
    if found is None or found["Status"] != AVAILABLE:
        return False
    ours, theirs = _resources(body), _resources(request)
    return ours == theirs and all((body.get(key) or None) == (request.get(key) or None) for key in _SAME)


def take_over(body: dict[str, Any], request: Mapping[str, Any], name: str, moment: float) -> bool:
    """Write that the job `name` took over the pool; tell whether it could."""
    if not matches(body, request, moment):
        return False
    settle(body, moment)
    body[MEMBER] |= {"Status": REUSED, "ReusedByJob": name}
    return True


def change(body: dict[str, Any], seconds: int, moment: float) -> bool:
    """Keep the pool for `seconds` from the job's end, 0: no longer; tell whether there is a pool to keep."""
    found = now_is(body, moment)
    if found is None or found["Status"] not in (IN_USE, AVAILABLE):
        return False
    if seconds == 0 and found["Status"] == AVAILABLE:
        body[MEMBER] = found | {"Status": TERMINATED}
    body["ResourceConfig"] = body["ResourceConfig"] | {_PERIOD: seconds}
    return True


def _resources(body: Mapping[str, Any]) -> dict[str, Any]:
    resources = preferences.selected(body.get("ResourceConfig", {}))
    return {key: value for key, value in resources.items() if key != _PERIOD}
